//! Text -> rules: /etc/nss-bypass.conf, in the manner of resolv.conf, and the variables.
//!
//! A line that is wrong is left out and reported; the other lines stay in force. A rule with half of its options
//! would be answered in a way that nobody wrote down, so one bad word takes its whole line with it.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::str::FromStr;
use std::sync::Arc;

use crate::model::Diagnostic;
use crate::rules::pattern::Pattern;

/// Seconds that a server may be waited for, as resolv.conf limits them.
const TIMEOUTS: std::ops::RangeInclusive<u32> = 1..=30;
/// How often the servers may be asked, as resolv.conf limits it.
const ATTEMPTS: std::ops::RangeInclusive<u32> = 1..=5;
/// Servers of one rule.
const MAX_SERVERS: usize = 16;
/// Seconds that an answer may be kept: a day, as BIND's `max-cache-ttl` and its like are used.
const MAX_TTLS: std::ops::RangeInclusive<u32> = 1..=86_400;
/// Port of a name server (RFC 1035, section 4.2).
const PORT: u16 = 53;

/// The words that a line begins with.
pub const KEYWORDS: [&str; 3] = ["bypass", "pass", "cache"];
/// The options of `bypass`.
pub const OPTIONS: [&str; 8] = ["via", "timeout", "attempts", "search", "hosts", "fallback", "cache", "max-ttl"];

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file's path or the variable's name.
    pub source: Arc<str>,
    /// The line, from 1; 0 in a variable.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
            line => write!(f, "{}:{line}", self.source),
        }
    }
}

/// What a rule does with its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer them here.
    Bypass,
    /// Leave them to libc.
    Pass,
}

/// Whether libc is asked after all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Never.
    #[default]
    Never,
    /// When the servers could not answer.
    Error,
    /// Also when the name does not exist.
    Always,
}

/// How the names of a rule are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// Servers to ask instead of resolv.conf's; empty: those.
    pub via: Box<[SocketAddr]>,
    /// Seconds to wait for a server, instead of resolv.conf's.
    pub timeout: Option<u32>,
    /// How often the servers are asked, instead of resolv.conf's.
    pub attempts: Option<u32>,
    /// Whether the search list is used.
    pub search: bool,
    /// Whether /etc/hosts is looked at.
    pub hosts: bool,
    /// Whether libc is asked after all.
    pub fallback: Fallback,
    /// Whether answers are kept, instead of what the `cache` line says.
    pub cache: Option<bool>,
    /// Seconds that they are kept at most, instead of what the `cache` line says.
    pub max_ttl: Option<u32>,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            via: Box::default(),
            timeout: None,
            attempts: None,
            search: true,
            hosts: true,
            fallback: Fallback::Never,
            cache: None,
            max_ttl: None,
        }
    }
}

/// What a `cache` line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSize {
    /// How many answers are kept at most; 0: none.
    pub entries: usize,
    /// For how many seconds at most.
    pub max_ttl: u32,
}

impl Default for CacheSize {
    fn default() -> Self {
        Self { entries: 1024, max_ttl: 60 }
    }
}

/// A pattern, and what is done with the names that match it.
#[derive(Clone, Debug)]
pub struct Rule {
    origin: Origin,
    pattern: Pattern,
    action: Action,
    answering: Arc<Answering>,
}

impl Rule {
    /// Where it stands.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Which names it is about.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What it does with them.
    pub fn action(&self) -> Action {
        self.action
    }

    /// How they are answered.
    pub fn answering(&self) -> &Answering {
        &self.answering
    }
}

/// The rules of one source, in order.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The `cache` line, if there is one.
    pub cache: Option<CacheSize>,
}

/// The variables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment<'a> {
    /// NSS_BYPASS: patterns between commas or blanks; those after a `!` are passed.
    pub rules: Option<&'a [u8]>,
    /// NSS_BYPASS_VIA: the servers for the patterns of NSS_BYPASS.
    pub via: Option<&'a [u8]>,
}

/// What is wrong with a word: its bytes from 0 in the line, and why.
struct Wrong {
    at: usize,
    message: String,
}

fn wrong<T>(at: usize, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { at, message: message.into() })
}

/// A word with its place in the line.
#[derive(Clone, Copy)]
struct Word<'a> {
    at: usize,
    text: &'a [u8],
}

impl Word<'_> {
    fn is(&self, text: &str) -> bool {
        self.text == text.as_bytes()
    }
}

/// The words of a line, up to one that begins with `#`.
fn words<'a>(line: &'a [u8], separates: fn(u8) -> bool) -> impl Iterator<Item = Word<'a>> {
    let mut at = 0;
    line.split(move |&byte| separates(byte))
        .map(move |text| {
            let word = Word { at, text };
            at += text.len() + 1;
            word
        })
        .filter(|word| !word.text.is_empty())
        .take_while(|word| !word.text.starts_with(b"#"))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", text.escape_ascii())
}

/// Reads a configuration file. `source` is its path, for messages.
pub fn parse(text: &[u8], source: &str) -> (Config, Vec<Diagnostic>) {
    crate::sys::fault::point();
    let shared_source: Arc<str> = source.into();
    let plain = Arc::new(Answering::default());
    let (mut config, mut faults) = (Config::default(), Vec::new());
    let mut room = Vec::new();
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line_number = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let origin = Origin { source: shared_source.clone(), line: line_number };
        let before = config.rules.len();
        if let Err(Wrong { at, message }) = parse_line(line, &origin, &plain, &mut config, &mut room) {
            config.rules.truncate(before);
            let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
            faults.push(Diagnostic { source: source.to_owned(), line: line_number, column, message });
        }
    }
    (config, faults)
}

/// Adds what a line says; some of it also where the line is wrong. `room` is for its words.
fn parse_line<'a>(
    line: &'a [u8],
    origin: &Origin,
    plain: &Arc<Answering>,
    config: &mut Config,
    room: &mut Vec<Word<'a>>,
) -> Result<(), Wrong> {
    if line.starts_with(b";") {
        return Ok(()); // resolv.conf's other comment.
    }
    let mut words = words(line, is_blank);
    let Some(keyword) = words.next() else { return Ok(()) };
    match keyword.text {
        b"bypass" => {
            room.clear();
            room.extend(words);
            let options = room.iter().skip(1).position(|word| OPTIONS.iter().any(|option| word.is(option)));
            let (names, options) = room.split_at_checked(options.map_or(room.len(), |at| at + 1)).unwrap_or_default();
            let first = config.rules.len();
            add(names, line, origin, Action::Bypass, plain, config)?;
            if !options.is_empty() {
                let answering = Arc::new(answering(options)?);
                config.rules.iter_mut().skip(first).for_each(|rule| rule.answering = answering.clone());
            }
        }
        b"pass" => {
            room.clear();
            room.extend(words);
            add(room, line, origin, Action::Pass, plain, config)?;
        }
        b"cache" => {
            let Some(value) = words.next() else { return wrong(line.len(), "\"cache\" needs a number of entries") };
            let entries = number(value, 0..=1_000_000, "entries")? as usize;
            let mut size = CacheSize { entries, ..CacheSize::default() };
            if let Some(option) = words.next() {
                match words.next() {
                    Some(seconds) if option.is("max-ttl") => size.max_ttl = number(seconds, MAX_TTLS, "seconds")?,
                    None if option.is("max-ttl") => return wrong(option.at, "\"max-ttl\" needs a value"),
                    _ => return wrong(option.at, "after the number of entries there may be \"max-ttl\" and seconds"),
                }
            }
            if let Some(more) = words.next() {
                return wrong(more.at, format!("{} is one word too many", quoted(more.text)));
            }
            config.cache = Some(size);
        }
        other => {
            let hint = nearest(other, &KEYWORDS).map_or_else(
                || "the keywords are bypass, pass and cache".to_owned(),
                |near| format!("did you mean \"{near}\"?"),
            );
            return wrong(keyword.at, format!("unknown keyword {}: {hint}", quoted(other)));
        }
    }
    Ok(())
}

fn add(
    names: &[Word<'_>],
    line: &[u8],
    origin: &Origin,
    action: Action,
    answering: &Arc<Answering>,
    config: &mut Config,
) -> Result<(), Wrong> {
    if names.is_empty() {
        return wrong(line.len(), "a pattern is missing");
    }
    for name in names {
        let pattern = pattern(name)?;
        config.rules.push(Rule { origin: origin.clone(), pattern, action, answering: answering.clone() });
    }
    Ok(())
}

fn pattern(word: &Word<'_>) -> Result<Pattern, Wrong> {
    Pattern::parse(word.text)
        .map_err(|error| Wrong { at: word.at + error.at, message: format!("{}: {}", quoted(word.text), error.message) })
}

/// The options of a rule: words, each followed by its value or, after `via`, by several.
fn answering(words: &[Word<'_>]) -> Result<Answering, Wrong> {
    let mut answering = Answering::default();
    let mut seen: Vec<&[u8]> = Vec::new();
    let mut words = words.iter().peekable();
    let is_option = |word: &&Word<'_>| OPTIONS.iter().any(|option| word.is(option));
    while let Some(option) = words.next() {
        if seen.contains(&option.text) {
            return wrong(option.at, format!("{} stands twice in this line", quoted(option.text)));
        }
        seen.push(option.text);
        let mut value = || match words.next_if(|word| !is_option(word)) {
            Some(word) => Ok(*word),
            None => wrong(option.at, format!("{} needs a value", quoted(option.text))),
        };
        match option.text {
            b"timeout" => answering.timeout = Some(number(value()?, TIMEOUTS, "seconds")?),
            b"attempts" => answering.attempts = Some(number(value()?, ATTEMPTS, "attempts")?),
            b"search" => answering.search = on_or_off(value()?)?,
            b"hosts" => answering.hosts = on_or_off(value()?)?,
            b"fallback" => answering.fallback = fallback(value()?)?,
            b"cache" => answering.cache = Some(on_or_off(value()?)?),
            b"max-ttl" => answering.max_ttl = Some(number(value()?, MAX_TTLS, "seconds")?),
            b"via" => {
                let mut servers = vec![server(&value()?)?];
                while let Some(word) = words.next_if(|word| !is_option(word)) {
                    servers.push(server(word).map_err(|wrong| or_option(word, wrong))?);
                }
                if servers.len() > MAX_SERVERS {
                    return wrong(option.at, format!("a rule has at most {MAX_SERVERS} servers"));
                }
                answering.via = servers.into();
            }
            other => return wrong(option.at, unknown_option(other)),
        }
    }
    Ok(answering)
}

/// A word after the first server may be meant for an option.
fn or_option(word: &Word<'_>, wrong: Wrong) -> Wrong {
    match nearest(word.text, &OPTIONS) {
        Some(_) => Wrong { at: word.at, message: unknown_option(word.text) },
        None => wrong,
    }
}

fn unknown_option(text: &[u8]) -> String {
    let hint = nearest(text, &OPTIONS).map_or_else(
        || "the options are via, timeout, attempts, search, hosts, fallback, cache and max-ttl".to_owned(),
        |near| format!("did you mean \"{near}\"?"),
    );
    format!("unknown option {}: {hint}", quoted(text))
}

fn number(word: Word<'_>, range: std::ops::RangeInclusive<u32>, what: &str) -> Result<u32, Wrong> {
    let digits = std::str::from_utf8(word.text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()).filter(|value| range.contains(value)) {
        Some(value) => Ok(value),
        None => {
            let (least, most) = (range.start(), range.end());
            wrong(word.at, format!("{} is no number of {what} from {least} to {most}", quoted(word.text)))
        }
    }
}

fn on_or_off(word: Word<'_>) -> Result<bool, Wrong> {
    match word.text {
        b"on" => Ok(true),
        b"off" => Ok(false),
        other => wrong(word.at, format!("{} is neither \"on\" nor \"off\"", quoted(other))),
    }
}

fn fallback(word: Word<'_>) -> Result<Fallback, Wrong> {
    match word.text {
        b"never" => Ok(Fallback::Never),
        b"error" => Ok(Fallback::Error),
        b"always" => Ok(Fallback::Always),
        other => wrong(word.at, format!("{} is none of \"never\", \"error\" and \"always\"", quoted(other))),
    }
}

/// An address, perhaps with `%` and a scope, perhaps with `#` and a port.
fn server(word: &Word<'_>) -> Result<SocketAddr, Wrong> {
    let complain = |message: &str| wrong(word.at, format!("{}: {message}", quoted(word.text)));
    let Ok(text) = std::str::from_utf8(word.text) else { return complain("a server is an address") };
    let (host, port) = text.split_once('#').map_or((text, None), |(host, port)| (host, Some(port)));
    let port = match port.map(u16::from_str) {
        None => PORT,
        Some(Ok(port @ 1..)) => port,
        Some(_) => return complain("a port is a number from 1 to 65535"),
    };
    let (address, scope) = host.split_once('%').map_or((host, None), |(address, scope)| (address, Some(scope)));
    match (IpAddr::from_str(address), scope.map(u32::from_str)) {
        (Ok(ip), None) => Ok(SocketAddr::new(ip, port)),
        (Ok(IpAddr::V6(ip)), Some(Ok(scope))) => Ok(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope))),
        (Ok(IpAddr::V6(_)), Some(Err(_))) => complain("the scope is the number of an interface, not its name"),
        _ => complain("a server is an address such as 10.43.0.10, 10.43.0.10#5353 or fd00::53"),
    }
}

/// Reads the variables. Here a bad item is left out and the others stay.
pub fn parse_environment(environment: &Environment<'_>) -> (Config, Vec<Diagnostic>) {
    crate::sys::fault::point();
    let separates = |byte| is_blank(byte) || byte == b',' || byte == b'\n';
    let (mut config, mut faults) = (Config::default(), Vec::new());
    let mut fault = |variable: &str, Wrong { at, message }| {
        let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
        faults.push(Diagnostic { source: variable.to_owned(), line: 1, column, message });
    };
    let mut via = Vec::new();
    for word in words(environment.via.unwrap_or_default(), separates) {
        match server(&word) {
            Ok(server) => via.push(server),
            Err(wrong) => fault("NSS_BYPASS_VIA", wrong),
        }
    }
    via.truncate(MAX_SERVERS);
    let answering = Arc::new(Answering { via: via.into(), ..Answering::default() });
    let origin = Origin { source: "NSS_BYPASS".into(), line: 0 };
    for word in words(environment.rules.unwrap_or_default(), separates) {
        let (action, word) = match word.text.strip_prefix(b"!") {
            Some(text) => (Action::Pass, Word { at: word.at + 1, text }),
            None => (Action::Bypass, word),
        };
        if let Err(wrong) = add(&[word], &[], &origin, action, &answering, &mut config) {
            fault("NSS_BYPASS", wrong);
        }
    }
    (config, faults)
}

/// The word that was probably meant: at most two letters away.
pub fn nearest<'a>(text: &[u8], words: &[&'a str]) -> Option<&'a str> {
    const FAR: usize = 3;
    let nearest = words.iter().map(|word| (distance(text, word.as_bytes()), *word)).min()?;
    (nearest.0 < FAR && nearest.0 < text.len()).then_some(nearest.1)
}

/// How many letters must be changed, added or left out (Levenshtein).
fn distance(one: &[u8], other: &[u8]) -> usize {
    if one.len() > 16 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i + 1);
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other) {
            let best = (diagonal + usize::from(!a.eq_ignore_ascii_case(b))).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let servers: Vec<String> = answering.via.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.43.0.10:53", "10.43.0.11:5353", "[fe80::1%2]:53"]);
        assert_eq!((answering.timeout, answering.attempts), (Some(2), Some(1)));
        assert_eq!((answering.search, answering.hosts, answering.fallback), (false, false, Fallback::Error));
        assert_eq!((answering.cache, answering.max_ttl), (Some(true), Some(5)));
        assert_eq!(d.answering(), &Answering::default());
        assert_eq!(d.origin().to_string(), "/etc/nss-bypass.conf:7");
        assert_eq!(config.cache, Some(CacheSize { entries: 99, max_ttl: 7 }));
    }

    #[test]
    fn a_bad_line_is_named_and_the_others_hold() {
        let table = [
            ("bypas x", "f:2:1: unknown keyword \"bypas\": did you mean \"bypass\"?"),
            ("nonsense", "f:2:1: unknown keyword \"nonsense\": the keywords are bypass, pass and cache"),
            ("bypass", "f:2:7: a pattern is missing"),
            (
                "bypass a..b",
                "f:2:10: \"a..b\": a label is empty: two dots follow each other, or one too many stands at an end",
            ),
            ("bypass a timeout", "f:2:10: \"timeout\" needs a value"),
            ("bypass a timeout 31", "f:2:18: \"31\" is no number of seconds from 1 to 30"),
            ("bypass a timeout 1 timeout 2", "f:2:20: \"timeout\" stands twice in this line"),
            ("bypass a timeout 1 atempts 2", "f:2:20: unknown option \"atempts\": did you mean \"attempts\"?"),
            ("bypass a search maybe", "f:2:17: \"maybe\" is neither \"on\" nor \"off\""),
            ("bypass a fallback no", "f:2:19: \"no\" is none of \"never\", \"error\" and \"always\""),
            (
                "bypass a via dns",
                "f:2:14: \"dns\": a server is an address such as 10.43.0.10, 10.43.0.10#5353 or fd00::53",
            ),
            ("bypass a via 10.0.0.1 tmeout 3", "f:2:23: unknown option \"tmeout\": did you mean \"timeout\"?"),
            ("bypass a via 10.0.0.1#0", "f:2:14: \"10.0.0.1#0\": a port is a number from 1 to 65535"),
            (
                "bypass a via fe80::1%eth0",
                "f:2:14: \"fe80::1%eth0\": the scope is the number of an interface, not its name",
            ),
            ("pass a\0b", "f:2:7: \"a\\x00b\": a name has no control bytes"),
            ("cache 10 max-ttl", "f:2:10: \"max-ttl\" needs a value"),
            ("cache 10 max-ttl 0", "f:2:18: \"0\" is no number of seconds from 1 to 86400"),
            ("cache 10 20", "f:2:10: after the number of entries there may be \"max-ttl\" and seconds"),
            ("cache 10 max-ttl 20 x", "f:2:21: \"x\" is one word too many"),
            ("bypass a cache 10", "f:2:16: \"10\" is neither \"on\" nor \"off\""),
            ("cache many", "f:2:7: \"many\" is no number of entries from 0 to 1000000"),
        ];
        for (line, expected) in table {
            assert_eq!(only_fault(line), expected);
        }
    }

    #[test]
    fn the_environment_has_patterns_exceptions_and_servers() {
        let environment = Environment {
            rules: Some(b"rancher-metadata, .rancher.internal,!legacy.rancher.internal a..b x"),
            via: Some(b"10.0.0.1,bad 10.0.0.2#5353"),
        };
        let (config, faults) = parse_environment(&environment);
        assert_eq!(config.rules.len(), 4);
        assert_eq!(config.rules[2].action(), Action::Pass);
        assert_eq!(config.rules[0].answering().via.len(), 2);
        assert_eq!(config.rules[0].origin().to_string(), "NSS_BYPASS");
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults[0].starts_with("NSS_BYPASS_VIA:1:10: \"bad\""), "{faults:?}");
        assert!(faults[1].starts_with("NSS_BYPASS:1:64: \"a..b\""), "{faults:?}");
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
