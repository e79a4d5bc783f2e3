//! Parser of rules: /etc/nss-bypass.conf, whose syntax resembles that of resolv.conf(5), and the environment variables.
//!
//! A line with an error is ignored and reported; the other lines remain in force. A rule with only half of its options
//! would behave in a way that the administrator did not specify, so one invalid word invalidates its whole line.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::databases::Database;
use super::options::{self, MAX_SERVERS, MAX_TTLS, RuleOptions};
use super::pattern::Kind;
use super::rule::{Action, Answering, CacheSize, Fallback, Rule, Terms};
use super::servers::NameServers;
use super::syntax::{Statement, SyntaxError, Word, listed, nearest, number, quoted, separates_items, words, wrong};
use crate::model::Diagnostic;
use crate::settings::log::{LogSpecification, Place};

/// The permitted maximum numbers of cached answers.
const ENTRIES: RangeInclusive<u32> = 0..=1_000_000;

/// The keywords: the first word of a line.
pub const KEYWORDS: [&str; 5] = ["bypass", "pass", "cache", "databases", "log"];

/// The rules and settings of one source, in order.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The `cache` line, if there is one.
    pub cache: Option<CacheSize>,
    /// The databases about which nscd is not asked.
    pub databases: Vec<Database>,
    /// The `log` line, if there is one.
    pub log: Option<LogSpecification>,
}

impl Config {
    /// Removes the rules that are restricted to other programs than this executable. The path of the executable is
    /// requested only if a rule is restricted to some programs.
    pub fn retain_for(&mut self, executable: impl FnOnce() -> Option<Vec<u8>>) {
        if self.rules.iter().any(|rule| !rule.programs().is_empty()) {
            let executable = executable();
            self.rules.retain(|rule| rule.is_for(executable.as_deref()));
        }
    }
}

/// The values of the environment variables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment<'a> {
    /// NSS_BYPASS: patterns separated by commas or blanks. A pattern after `!` is passed, and one after `+` is passed
    /// with `fallback always`.
    pub rules: Option<&'a [u8]>,
    /// NSS_BYPASS_VIA: the name servers for the patterns of NSS_BYPASS.
    pub via: Option<&'a [u8]>,
    /// NSS_BYPASS_DATABASES: the databases about which nscd is not asked.
    pub databases: Option<&'a [u8]>,
}

/// What the beginning of a file says about databases. Such a line must precede the first rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It has a `databases` line.
    HasDatabases,
    /// A rule comes first.
    HasRule,
    /// It has neither.
    Undecided,
}

/// Looks for `databases` at the beginning of a file, without allocating memory, since this is done whenever a program
/// starts.
#[inline(always)]
pub fn look_for_databases(text: &[u8]) -> Beginning {
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii_start();
        if line.starts_with(DATABASES.as_bytes()) {
            return Beginning::HasDatabases;
        }
        if line.starts_with(b"bypass") || line.starts_with(b"pass") {
            return Beginning::HasRule;
        }
    }
    Beginning::Undecided
}

const DATABASES: &str = "databases";

/// Returns the lines of a file before its first rule.
pub fn before_rules(text: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if look_for_databases(line) == Beginning::HasRule {
            break;
        }
        end += line.len();
    }
    text.get(..end).unwrap_or_default()
}

/// Parses a configuration file. `source` is its path, for error messages.
pub fn parse(text: &[u8], source: &str) -> (Config, Vec<Diagnostic>) {
    parse_shared(&Arc::new(text.to_vec()), source)
}

/// Like [`parse`], but the rules share `text` instead of copying it: writing to new memory pages takes longer than
/// parsing.
pub fn parse_shared(text: &Arc<Vec<u8>>, source: &str) -> (Config, Vec<Diagnostic>) {
    let mut reader = Reader::new(text, source);
    let mut faults = Vec::new();
    let (mut room, mut is_before_rules) = (Vec::new(), true);
    while let Some(rest) = text.get(reader.start..).filter(|rest| !rest.is_empty()) {
        reader.line = reader.line.saturating_add(1);
        let before = reader.config.rules.len();
        let (length, statement) = Statement::read(rest, &mut room);
        // A rule with an error ends the beginning of the file too.
        is_before_rules =
            is_before_rules && look_for_databases(rest.get(..length).unwrap_or_default()) != Beginning::HasRule;
        if let Some(statement) = statement
            && let Err(SyntaxError { at, message }) = reader.add_statement(&statement, is_before_rules)
        {
            reader.config.rules.truncate(before);
            let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
            faults.push(Diagnostic { source: source.to_owned(), line: reader.line, column, message });
        }
        reader.start += length + 1;
    }
    (reader.config, faults)
}

/// The state of the parser: the result so far, and the position.
struct Reader {
    config: Config,
    /// What `bypass` rules without options share, and what such `pass` rules share.
    bypass: Arc<Terms>,
    pass: Arc<Terms>,
    /// The number of the current line, from 1.
    line: u32,
    /// The offset of the current line in the text.
    start: usize,
}

impl Reader {
    fn new(text: &Arc<Vec<u8>>, source: &str) -> Self {
        let has_uppercase = text.iter().fold(false, |has, byte| has | byte.is_ascii_uppercase());
        let bypass = Terms {
            source: source.into(),
            text: if has_uppercase { Arc::new(text.to_ascii_lowercase()) } else { text.clone() },
            action: Action::Bypass,
            answering: Answering::default(),
            programs: Box::default(),
        };
        let pass = Terms { action: Action::Pass, ..bypass.clone() };
        Self { config: Config::default(), bypass: Arc::new(bypass), pass: Arc::new(pass), line: 0, start: 0 }
    }

    /// Adds a line. Rules that an erroneous line has added before the error are removed by the caller.
    fn add_statement(&mut self, statement: &Statement<'_, '_>, is_before_rules: bool) -> Result<(), SyntaxError> {
        match statement.keyword.text {
            b"bypass" => self.add_rules(statement, &self.bypass.clone()),
            b"pass" => self.add_rules(statement, &self.pass.clone()),
            b"cache" => {
                self.config.cache = Some(parse_cache(statement)?);
                Ok(())
            }
            b"databases" => {
                self.config.databases.extend(parse_databases(statement, is_before_rules)?);
                Ok(())
            }
            b"log" => {
                self.config.log = Some(parse_log(statement)?);
                Ok(())
            }
            other => {
                let hint = nearest(other, KEYWORDS).map_or_else(
                    || format!("expected {}", listed(KEYWORDS.into_iter())),
                    |near| format!("did you mean \"{near}\"?"),
                );
                wrong(statement.keyword.at, format!("unknown keyword {}: {hint}", quoted(other)))
            }
        }
    }

    /// Parses a `bypass` or `pass` line: patterns and, from the first option on, options.
    fn add_rules(&mut self, statement: &Statement<'_, '_>, plain: &Arc<Terms>) -> Result<(), SyntaxError> {
        let words = statement.words;
        // The first word after the keyword is a pattern, even if it is also the name of an option.
        let option = words.iter().skip(1).position(|word| options::find(*word).is_some());
        let (patterns, options) =
            option.and_then(|at| words.split_at_checked(at + 1)).unwrap_or((words, Default::default()));
        if patterns.is_empty() {
            return wrong(statement.end, format!("missing pattern after {}", quoted(statement.keyword.text)));
        }
        let first = self.config.rules.len();
        for word in patterns {
            self.add_rule(word, plain)?;
        }
        if options.is_empty() { Ok(()) } else { self.add_options(options, patterns, first) }
    }

    /// Adds the rule of one pattern.
    fn add_rule(&mut self, word: &Word<'_>, terms: &Arc<Terms>) -> Result<(), SyntaxError> {
        let start = self.start + word.at;
        let rule = Rule::parse(terms, self.line, start..start + word.text.len()).map_err(|error| SyntaxError {
            at: word.at + error.at,
            message: format!("invalid pattern {}: {}", quoted(word.text), error.message),
        })?;
        self.config.rules.push(rule);
        Ok(())
    }

    /// Applies the options of a line to its rules, which are those from the index `first` on.
    fn add_options(&mut self, options: &[Word<'_>], patterns: &[Word<'_>], first: usize) -> Result<(), SyntaxError> {
        let rules = self.config.rules.get_mut(first..).unwrap_or_default();
        let Some((option, rule)) = options.first().zip(rules.first()) else { return Ok(()) };
        let is_alone = !option.is("for") && !options.iter().any(|option| option.is("fallback"));
        let RuleOptions { answering, programs } = options::parse(options)?;
        if rule.action() == Action::Pass && is_alone {
            return wrong(option.at, format!("{} after \"pass\" requires \"fallback\"", quoted(option.text)));
        }
        if !answering.addresses.is_empty()
            && let Some(at) = rules.iter().position(|rule| rule.pattern().kind() == Kind::Network)
        {
            return wrong(
                patterns.get(at).map_or(0, |word| word.at),
                "\"address\" applies to names only, and this is an address",
            );
        }
        let terms = Arc::new(Terms { answering, programs, ..rule.terms().clone() });
        rules.iter_mut().for_each(|rule| rule.set_terms(&terms));
        Ok(())
    }
}

/// Parses a `cache` line: a number of entries and, optionally, `max-ttl` and a number of seconds.
fn parse_cache(statement: &Statement<'_, '_>) -> Result<CacheSize, SyntaxError> {
    let Some((&entries, rest)) = statement.words.split_first() else {
        return wrong(statement.end, "missing number of entries after \"cache\"");
    };
    let mut size =
        CacheSize { entries: number(entries, ENTRIES, "number of entries", "")? as usize, ..CacheSize::default() };
    match *rest {
        [] => {}
        [option] if option.is("max-ttl") => return wrong(option.at, "missing value after \"max-ttl\""),
        [option, seconds, ..] if option.is("max-ttl") => {
            size.max_ttl = number(seconds, MAX_TTLS, "max-ttl", " seconds")?
        }
        [option, ..] => {
            return wrong(option.at, format!("unexpected word {}: expected \"max-ttl\"", quoted(option.text)));
        }
    }
    match rest.get(2) {
        Some(more) => wrong(more.at, format!("unexpected word {}", quoted(more.text))),
        None => Ok(size),
    }
}

/// Parses a `databases` line: names of databases. The line is looked for whenever a program starts, and nothing after
/// the first rule is read then.
fn parse_databases(statement: &Statement<'_, '_>, is_before_rules: bool) -> Result<Vec<Database>, SyntaxError> {
    if statement.words.is_empty() {
        return wrong(statement.end, format!("missing database after \"{DATABASES}\""));
    }
    if !is_before_rules {
        return wrong(statement.keyword.at, format!("\"{DATABASES}\" must come before the first rule"));
    }
    statement.words.iter().map(Database::parse).collect()
}

/// Parses a `log` line: a place and, optionally, a level.
fn parse_log(statement: &Statement<'_, '_>) -> Result<LogSpecification, SyntaxError> {
    let Some((&value, rest)) = statement.words.split_first() else {
        return wrong(statement.end, "missing destination after \"log\"");
    };
    if let Some(more) = rest.first() {
        return wrong(more.at, format!("unexpected word {}", quoted(more.text)));
    }
    let log = LogSpecification::parse(value.text);
    if log.place == Place::Nowhere && value.text != b"off" {
        return wrong(
            value.at,
            format!(
                "invalid log destination {}: expected \"stderr\", \"syslog\", \"off\" or an absolute path",
                quoted(value.text)
            ),
        );
    }
    Ok(log)
}

/// Parses the variables. Unlike in a file, only the invalid item is ignored, not the whole line.
pub fn parse_environment(environment: &Environment<'_>) -> (Config, Vec<Diagnostic>) {
    let mut faults = Vec::new();
    let mut fault = |variable: &str, SyntaxError { at, message }| {
        let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
        faults.push(Diagnostic { source: variable.to_owned(), line: 1, column, message });
    };
    let mut via = Vec::new();
    for word in words(environment.via.unwrap_or_default(), separates_items) {
        match NameServers::parse(&[word]) {
            Ok(_) => via.push(word),
            Err(wrong) => fault("NSS_BYPASS_VIA", wrong),
        }
    }
    via.truncate(MAX_SERVERS);
    let via = NameServers::parse(&via).unwrap_or_default();
    let rules = environment.rules.unwrap_or_default();
    let mut reader = Reader::new(&Arc::new(rules.to_vec()), "NSS_BYPASS");
    let with = |terms: &Terms, fallback| {
        Arc::new(Terms { answering: Answering { via: via.clone(), fallback, ..Answering::default() }, ..terms.clone() })
    };
    let (bypass, pass) = (with(&reader.bypass, Fallback::Never), with(&reader.pass, Fallback::Never));
    let libc_first = with(&reader.pass, Fallback::Always);
    for word in words(rules, separates_items) {
        let after = |text| Word { at: word.at + 1, text };
        let (terms, word) = match word.text {
            [b'!', text @ ..] => (&pass, after(text)),
            [b'+', text @ ..] => (&libc_first, after(text)),
            _ => (&bypass, word),
        };
        if let Err(wrong) = reader.add_rule(&word, terms) {
            fault("NSS_BYPASS", wrong);
        }
    }
    let mut config = reader.config;
    for word in words(environment.databases.unwrap_or_default(), separates_items) {
        match Database::parse(&word) {
            Ok(database) => config.databases.push(database),
            Err(wrong) => fault("NSS_BYPASS_DATABASES", wrong),
        }
    }
    (config, faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::resolv_conf::Options;
    use crate::rules::rule::Hosts;

    #[test]
    fn databases_stand_before_a_rule_that_is_at_fault_too() {
        let (config, faults) = parse(b"databases group\nbypass a..b\ndatabases passwd\n", "f");
        assert_eq!(config.databases.iter().map(|database| database.name()).collect::<Vec<_>>(), [c"group"]);
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 3]);
    }

    fn only_fault(line: &str) -> String {
        let (config, faults) = parse(format!("bypass before\n{line}\nbypass after\n").as_bytes(), "f");
        assert_eq!(config.rules.len(), 2, "{line}");
        assert_eq!(faults.len(), 1, "{line}");
        faults[0].to_string()
    }

    #[test]
    fn a_rule_has_patterns_and_options() {
        let text = "# comment\n; comment\n\nbypass a *.b via 10.43.0.10 10.43.0.11#5353 fe80::1%2 timeout 2 attempts 1 \
                    search off hosts off fallback error cache on max-ttl 5 # end\r\npass c\ncache 99 max-ttl 7\nbypass d";
        let (config, faults) = parse(text.as_bytes(), "/etc/nss-bypass.conf");
        assert_eq!(faults, []);
        let [a, b, c, d] = config.rules.as_slice() else { panic!("{:?}", config.rules) };
        assert_eq!((a.pattern().as_str(), b.pattern().as_str(), c.action()), ("a", "*.b", Action::Pass));
        let answering = a.answering();
        let servers: Vec<String> = answering.via.now().iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.43.0.10:53", "10.43.0.11:5353", "[fe80::1%2]:53"]);
        assert_eq!((answering.timeout, answering.attempts), (Some(2), Some(1)));
        assert_eq!((answering.search, &answering.hosts, answering.fallback), (false, &Hosts::Off, Fallback::Error));
        assert_eq!((answering.cache, answering.max_ttl), (Some(true), Some(5)));
        assert_eq!(d.answering(), &Answering::default());
        assert!(!c.is_libc_first());
        assert_eq!(d.origin().to_string(), "/etc/nss-bypass.conf:7");
        assert_eq!(config.cache, Some(CacheSize { entries: 99, max_ttl: 7 }));
    }

    #[test]
    fn a_bad_line_is_named_and_the_others_hold() {
        let table = [
            ("bypas x", "f:2:1: unknown keyword \"bypas\": did you mean \"bypass\"?"),
            ("nonsense", "f:2:1: unknown keyword \"nonsense\": expected bypass, pass, cache, databases or log"),
            ("bypass", "f:2:7: missing pattern after \"bypass\""),
            (
                "bypass a..b",
                "f:2:10: invalid pattern \"a..b\": empty label (consecutive dots, or an extra dot at an end)",
            ),
            ("bypass a timeout", "f:2:10: missing value after \"timeout\""),
            ("bypass a timeout 31", "f:2:18: invalid timeout \"31\": expected 1 to 30 seconds"),
            ("bypass a timeout 1 timeout 2", "f:2:20: duplicate option \"timeout\""),
            ("bypass a timeout 1 atempts 2", "f:2:20: unknown option \"atempts\": did you mean \"attempts\"?"),
            ("bypass a search maybe", "f:2:17: invalid value \"maybe\": expected \"on\" or \"off\""),
            ("bypass a fallback no", "f:2:19: invalid value \"no\": expected \"never\", \"error\" or \"always\""),
            (
                "bypass a via dns",
                "f:2:14: invalid name server \"dns\": expected an address such as 10.43.0.10, 10.43.0.10#5353 or \
                 fd00::53",
            ),
            ("bypass a via 10.0.0.1 tmeout 3", "f:2:23: unknown option \"tmeout\": did you mean \"timeout\"?"),
            ("bypass a via 10.0.0.1#0", "f:2:14: invalid name server \"10.0.0.1#0\": expected a port from 1 to 65535"),
            (
                "bypass a via fd00::1%eth0",
                "f:2:14: invalid name server \"fd00::1%eth0\": only link-local addresses can have an interface name",
            ),
            (
                "bypass a via fe80::1%sixteen-letters-",
                "f:2:14: invalid name server \"fe80::1%sixteen-letters-\": expected an interface number, or an \
                 interface name of 1 to 15 bytes, after \"%\"",
            ),
            (
                "bypass a address 10.1",
                "f:2:18: invalid address \"10.1\": expected an address such as 10.1.2.3 or fd00::1",
            ),
            ("bypass a address 10.0.0.1 via 10.0.0.2", "f:2:27: \"via\" cannot be combined with \"address\""),
            (
                "bypass a 10.0.0.0/8 address 10.0.0.1",
                "f:2:10: \"address\" applies to names only, and this is an address",
            ),
            ("bypass a hosts here", "f:2:16: invalid value \"here\": expected \"on\", \"off\" or an absolute path"),
            ("bypass a options ndots:16", "f:2:24: invalid ndots \"16\": expected 0 to 15"),
            (
                "bypass a options timeout:3",
                "f:2:18: invalid resolver option \"timeout:3\": use \"timeout 3\", an option of the rule",
            ),
            ("bypass a options edns", "f:2:18: unknown resolver option \"edns\": did you mean \"edns0\"?"),
            (
                "bypass a options no-reload",
                "f:2:18: unknown resolver option \"no-reload\": expected rotate, edns0, single-request-reopen, \
                 single-request, no-tld-query, use-vc, trust-ad, no-aaaa, strict-error or ndots:N",
            ),
            ("pass a for bin/x", "f:2:12: invalid program \"bin/x\": expected a file name or an absolute path"),
            ("databases passwd", "f:2:1: \"databases\" must come before the first rule"),
            ("databases", "f:2:10: missing database after \"databases\""),
            (
                "log stdout",
                "f:2:5: invalid log destination \"stdout\": expected \"stderr\", \"syslog\", \"off\" or an absolute \
                 path",
            ),
            ("log syslog all", "f:2:12: unexpected word \"all\""),
            ("pass a timeout 3", "f:2:8: \"timeout\" after \"pass\" requires \"fallback\""),
            ("pass a fallback", "f:2:8: missing value after \"fallback\""),
            ("pass a\0b", "f:2:7: invalid pattern \"a\\x00b\": control character in a name"),
            ("cache 10 max-ttl", "f:2:10: missing value after \"max-ttl\""),
            ("cache 10 max-ttl 0", "f:2:18: invalid max-ttl \"0\": expected 1 to 86400 seconds"),
            ("cache 10 20", "f:2:10: unexpected word \"20\": expected \"max-ttl\""),
            ("cache 10 max-ttl 20 x", "f:2:21: unexpected word \"x\""),
            ("bypass a cache 10", "f:2:16: invalid value \"10\": expected \"on\" or \"off\""),
            ("cache many", "f:2:7: invalid number of entries \"many\": expected 0 to 1000000"),
        ];
        for (line, expected) in table {
            assert_eq!(only_fault(line), expected);
        }
    }

    #[test]
    fn after_pass_and_a_plus_libc_is_the_first() {
        let (config, faults) = parse(b"pass a *.b via 10.0.0.1 fallback error\npass c fallback never\n", "f");
        assert_eq!(faults, []);
        let is_libc_first: Vec<bool> = config.rules.iter().map(Rule::is_libc_first).collect();
        assert_eq!(is_libc_first, [true, true, false]);
        assert_eq!((config.rules[0].answering().fallback, config.rules[0].answering().via.len()), (Fallback::Error, 1));
        let environment = Environment { rules: Some(b"+* a +.b !c +"), via: Some(b"10.0.0.1"), databases: None };
        let (config, faults) = parse_environment(&environment);
        let is_libc_first: Vec<bool> = config.rules.iter().map(Rule::is_libc_first).collect();
        assert_eq!(is_libc_first, [true, false, true, false]);
        assert_eq!(config.rules[0].answering().fallback, Fallback::Always);
        assert!(config.rules.iter().all(|rule| rule.answering().via.len() == 1));
        assert!(faults[0].to_string().starts_with("NSS_BYPASS:1:14: invalid pattern \"\": "), "{faults:?}");
    }

    #[test]
    fn the_environment_has_patterns_exceptions_and_servers() {
        let environment = Environment {
            rules: Some(b"rancher-metadata, .rancher.internal,!legacy.rancher.internal a..b x"),
            via: Some(b"10.0.0.1,bad 10.0.0.2#5353"),
            databases: Some(b"passwd,shadow group"),
        };
        let (config, faults) = parse_environment(&environment);
        assert_eq!(config.rules.len(), 4);
        assert_eq!(config.rules[2].action(), Action::Pass);
        assert_eq!(config.rules[0].answering().via.len(), 2);
        assert_eq!(config.rules[0].origin().to_string(), "NSS_BYPASS");
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults[0].starts_with("NSS_BYPASS_VIA:1:10: invalid name server \"bad\": "), "{faults:?}");
        assert!(faults[1].starts_with("NSS_BYPASS:1:64: invalid pattern \"a..b\": "), "{faults:?}");
        assert!(faults[2].starts_with("NSS_BYPASS_DATABASES:1:8: unknown database \"shadow\""), "{faults:?}");
        let databases: Vec<&str> = config.databases.iter().map(|database| database.name().to_str().unwrap()).collect();
        assert_eq!(databases, ["passwd", "group"]);
    }

    #[test]
    fn a_rule_has_addresses_files_options_and_programs() {
        let text = "databases passwd group\nlog /var/log/x,bypass\ndatabases services\n\
                    bypass a address 10.0.0.1 fd00::1 fallback always for curl /opt/*/x\n\
                    bypass b via fe80::1%lo#54 options ndots:2 -rotate no-aaaa hosts /etc/other hosts2\n\
                    bypass c hosts /etc/other options use-vc\npass d for ping\n";
        let (mut config, faults) = parse(text.as_bytes(), "f");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].to_string().contains("unknown option \"hosts2\""), "{faults:?}");
        assert_eq!(config.databases.len(), 3);
        assert_eq!(config.log, Some(LogSpecification::parse(b"/var/log/x,bypass")));
        let [a, c, d] = config.rules.as_slice() else { panic!("{:?}", config.rules) };
        assert_eq!((a.answering().addresses.len(), a.programs().len(), a.names_addresses()), (2, 2, true));
        assert_eq!(c.answering().hosts, Hosts::File(c"/etc/other".to_owned()));
        assert_eq!((d.action(), d.programs().len(), d.is_libc_first()), (Action::Pass, 1, false));
        assert!(d.is_for(Some(b"/bin/ping")) && !d.is_for(Some(b"/bin/curl")) && !d.is_for(None) && c.is_for(None));
        config.retain_for(|| Some(b"/opt/a/x".to_vec()));
        assert_eq!(config.rules.len(), 2);
        config.retain_for(|| None);
        assert_eq!(config.rules.len(), 1);
        config.retain_for(|| panic!("no rule wants to know"));
    }

    #[test]
    fn options_of_a_rule_change_those_of_resolv_conf() {
        let (config, faults) = parse(b"bypass a options ndots:3 -rotate no-aaaa edns0 -edns0\n", "f");
        assert_eq!(faults, []);
        let before = Options { rotate: true, trust_ad: true, ..Options::default() };
        let (ndots, options) = config.rules[0].answering().changed(1, before);
        assert_eq!((ndots, options), (3, Options { trust_ad: true, no_aaaa: true, ..Options::default() }));
        assert_eq!(Answering::default().changed(1, before), (1, before));
    }

    #[test]
    fn databases_are_found_before_the_first_rule_only() {
        let table = [
            ("", Beginning::Undecided),
            ("# databases\ncache 5\n", Beginning::Undecided),
            ("# bypass\n\t databases passwd\nbypass a", Beginning::HasDatabases),
            ("\npass a\ndatabases passwd\n", Beginning::HasRule),
        ];
        for (text, expected) in table {
            assert_eq!(look_for_databases(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn garbage_of_ten_megabytes_is_read_and_good_lines_in_it_hold() {
        let mut text: Vec<u8> = (0..10_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 17) as u8).collect();
        text.extend_from_slice(b"\nbypass good\n");
        let (config, faults) = parse(&text, "f");
        assert_eq!(config.rules.last().map(|rule| rule.pattern().as_str()), Some("good"));
        assert!(faults.len() > 1000);
    }
}
