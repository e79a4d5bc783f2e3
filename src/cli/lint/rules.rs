//! What in a configuration does nothing: rules that never decide, patterns that match nothing, options without effect.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use nss_bypass_core::files::text::inet_aton;
use nss_bypass_core::rules::config::Config;
use nss_bypass_core::rules::options;
use nss_bypass_core::rules::pattern::{Kind, Pattern, network_of};
use nss_bypass_core::rules::rule::{Action, Rule};
use nss_bypass_core::rules::syntax::{Word, is_blank, separates_items, words};

use crate::lint::cover::Names;
use crate::lint::finding::{Finding, Severity};
use crate::lint::words;

/// Pairs of patterns that are compared at most: ten thousand rules of the same letters are nobody's.
const MOST_PAIRS: usize = 10_000;

/// The longest name in text (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// A file or a variable, and what it says.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Its path or its name.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: Vec<u8>,
    /// What the text says.
    pub(crate) config: Config,
    /// Lines that are not in force.
    pub(crate) wrong_lines: HashSet<u32>,
}

impl Source {
    fn finding(&self, place: Place, severity: Severity, code: &'static str, message: String) -> Finding {
        let (line, column) = (Some(place.line), Some(place.column));
        Finding { source: self.name.clone(), line, column, severity, code, message, fix: None }
    }

    /// Where each rule's pattern stands.
    fn places(&self) -> Vec<Place> {
        let is_variable = self.config.rules.first().is_some_and(|rule| rule.origin().line == 0);
        if is_variable { self.places_of_items() } else { self.places_in_lines() }
    }

    fn places_in_lines(&self) -> Vec<Place> {
        let mut lines = self.text.split(|&byte| byte == b'\n').zip(1_u32..);
        let mut current: (u32, Vec<Word<'_>>) = (0, Vec::new());
        let mut nth = 0;
        let mut places = Vec::new();
        for rule in &self.config.rules {
            let line = rule.origin().line;
            if current.0 != line {
                let text = lines.find(|(_, number)| *number == line).map(|(text, _)| text).unwrap_or_default();
                (current, nth) = ((line, words(text, is_blank).collect()), 0);
            }
            nth += 1; // The keyword is the first word.
            places.push(Place { line, column: current.1.get(nth).map_or(1, |word| word.column()) });
        }
        places
    }

    fn places_of_items(&self) -> Vec<Place> {
        let items = words(&self.text, separates_items).map(|word| match word.text {
            [b'!' | b'+', text @ ..] => Word { at: word.at + 1, text },
            _ => word,
        });
        let good = items.filter(|word| Pattern::parse(word.text).is_ok());
        good.map(|word| Place { line: 1, column: word.column() }).collect()
    }
}

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: u32,
    column: u32,
}

/// A rule with its place.
struct Placed<'a> {
    rule: &'a Rule,
    source: &'a Source,
    place: Place,
}

impl Placed<'_> {
    fn finding(&self, severity: Severity, code: &'static str, message: String) -> Finding {
        self.source.finding(self.place, severity, code, message)
    }

    /// How others name it.
    fn named(&self) -> String {
        let Place { line, column } = self.place;
        format!("\"{}\" in {}:{line}:{column}", self.rule.pattern(), self.source.name)
    }
}

/// Everything that does nothing, in sources that count in this order.
pub(crate) fn findings(sources: &[Source]) -> Vec<Finding> {
    let rules: Vec<Placed<'_>> = sources
        .iter()
        .flat_map(|source| {
            let places = source.places();
            source.config.rules.iter().zip(places).map(move |(rule, place)| Placed { rule, source, place })
        })
        .collect();
    let names: Vec<Option<Names>> = rules.iter().map(|placed| Names::of(placed.rule.pattern())).collect();
    let mut findings = Vec::new();
    let mut idle: HashSet<usize> = HashSet::new();
    for (at, placed) in rules.iter().enumerate() {
        if let Some(message) = unmatchable(placed.rule.pattern()) {
            findings.push(placed.finding(Severity::Warning, "unmatchable", message));
            idle.insert(at);
        }
    }
    let misspelt: Vec<Finding> = rules.windows(2).filter_map(misspelt).collect();
    findings.extend(no_names(&rules, &misspelt, &mut idle));
    for (at, message) in repeated(&rules).into_iter().chain(covered(&rules, &names)) {
        if let Some(placed) = rules.get(at).filter(|_| idle.insert(at)) {
            findings.push(placed.finding(Severity::Warning, "shadowed", message));
        }
    }
    findings.extend(misspelt);
    findings.extend(needless_passes(&rules, &names, &idle));
    let caches = sources.iter().rev().find_map(|source| source.config.cache);
    sources.iter().for_each(|source| findings.extend(idle_options(source, caches.map(|size| size.entries))));
    findings
}

/// Why a pattern matches nothing that a program looks up.
fn unmatchable(pattern: &Pattern) -> Option<String> {
    let text = pattern.as_str();
    match pattern.kind() {
        Kind::Exact if text.starts_with(|first: char| first.is_ascii_digit()) => {
            let address = inet_aton(text.as_bytes())?;
            Some(format!("\"{text}\" is no name: libc reads it as the address {address}; write that"))
        }
        Kind::Network(IpAddr::V6(address), prefix) if prefix >= 96 => {
            let mapped = address.to_ipv4_mapped()?;
            let network = network_of(IpAddr::V4(mapped), prefix - 96);
            Some(format!(
                "\"{text}\" never matches: such addresses are looked up as IPv4; write {network}/{}",
                prefix - 96
            ))
        }
        Kind::Below | Kind::Within | Kind::Glob => {
            let most = text.bytes().filter(|byte| *byte != b'*').count() + usize::from(pattern.kind() == Kind::Below);
            let least = most - usize::from(pattern.kind() == Kind::Within);
            (least > MAX_NAME).then(|| format!("\"{text}\" never matches: a name has at most {MAX_NAME} bytes"))
        }
        _ => None,
    }
}

/// Words that are names here and that nobody looks up, each of which is reported once.
fn no_names(rules: &[Placed<'_>], misspelt: &[Finding], idle: &mut HashSet<usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, placed) in rules.iter().enumerate() {
        let pattern = placed.rule.pattern();
        if matches!(pattern.kind(), Kind::Network(..)) {
            continue;
        }
        let Some(why) = words::no_name(pattern.as_str()) else { continue };
        let is_value_of_misspelt = at.checked_sub(1).and_then(|before| rules.get(before)).is_some_and(|before| {
            let place = (Some(before.place.line), Some(before.place.column));
            misspelt
                .iter()
                .any(|finding| finding.source == before.source.name && (finding.line, finding.column) == place)
        });
        if idle.insert(at) && !is_value_of_misspelt {
            let message = format!("\"{pattern}\" is taken for a name: {why}");
            findings.push(placed.finding(Severity::Warning, "no-name", message));
        }
    }
    findings
}

/// An option that is spelt wrongly, with its value, where patterns may stand: both are read as names. `pair` is two rules
/// that follow each other.
fn misspelt(pair: &[Placed<'_>]) -> Option<Finding> {
    let [word, value] = pair else { return None };
    if word.place.line != value.place.line || word.source.name != value.source.name || word.rule.origin().line == 0 {
        return None;
    }
    let text = word.rule.pattern().as_str();
    let option = options::nearest_option(text.as_bytes())?;
    let value = value.rule.pattern();
    // A number is what many options take, be it too large, and also the keyword "cache".
    let is_number = !value.as_str().is_empty() && value.as_str().bytes().all(|byte| byte.is_ascii_digit());
    let takes_numbers = options::takes(option, b"1") || option == "cache";
    let fits = options::takes(option, value.as_str().as_bytes()) || (is_number && takes_numbers);
    let message = format!("\"{text}\" and \"{value}\" are names here; did you mean the option \"{option}\"?");
    fits.then(|| word.finding(Severity::Warning, "misspelt", message))
}

/// Patterns that a later rule says again.
fn repeated(rules: &[Placed<'_>]) -> Vec<(usize, String)> {
    let key = |pattern: &Pattern| match pattern.kind() {
        Kind::Network(address, prefix) => format!("{address}/{prefix}"),
        _ => pattern.as_str().to_owned(),
    };
    let mut last: HashMap<String, usize> = HashMap::new();
    let mut found = Vec::new();
    for (at, placed) in rules.iter().enumerate().rev() {
        let pattern = placed.rule.pattern();
        match last.get(&key(pattern)).and_then(|later| rules.get(*later)) {
            Some(later) => {
                let message =
                    format!("\"{pattern}\" never decides: {} is the same, and the later one wins", later.named());
                found.push((at, message));
            }
            None => {
                last.insert(key(pattern), at);
            }
        }
    }
    found
}

/// Whether a rule decides where another matches too.
fn outranks(one: (usize, &Pattern), other: (usize, &Pattern)) -> bool {
    let rank = |(at, pattern): (usize, &Pattern)| (pattern.kind() == Kind::Exact, pattern.literals(), at);
    rank(one) > rank(other)
}

/// Patterns with wildcards all of whose names go to one other rule.
///
/// A pattern that has all names of another has no literal byte that the other lacks, and to win it has as many, but for
/// the dot of `.x`. So only those of the same letters need to be compared.
fn covered(rules: &[Placed<'_>], names: &[Option<Names>]) -> Vec<(usize, String)> {
    let mut groups: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    for (at, placed) in rules.iter().enumerate() {
        let pattern = placed.rule.pattern();
        if !matches!(pattern.kind(), Kind::Exact | Kind::Network(..)) {
            let letters = pattern.as_str().bytes().filter(|byte| !matches!(byte, b'*' | b'?' | b'.'));
            groups.entry(letters.collect()).or_default().push(at);
        }
    }
    let (mut found, mut pairs) = (Vec::new(), 0);
    for group in groups.values() {
        for &at in group {
            let Some((placed, Some(own))) = rules.get(at).zip(names.get(at).map(Option::as_ref)) else { continue };
            let mut others = group.iter().filter_map(|other| {
                let names = names.get(*other)?.as_ref()?;
                rules.get(*other).map(|rule| (*other, rule, names))
            });
            let cover = others.find(|(other, rule, names)| {
                let (one, two) = (rule.rule.pattern(), placed.rule.pattern());
                pairs += 1;
                pairs < MOST_PAIRS && outranks((*other, one), (at, two)) && own.are_all_in(names)
            });
            if let Some((_, cover, _)) = cover {
                let (own, other) = (placed.rule.pattern(), cover.rule.pattern());
                let why = if other.literals() > own.literals() {
                    "counts as more specific"
                } else {
                    "is as specific, and later"
                };
                found.push((at, format!("\"{own}\" never decides: {} has all its names and {why}", cover.named())));
            }
        }
    }
    found
}

/// What is passed although no rule bypasses it, or resolves what libc does not find of it.
fn needless_passes(rules: &[Placed<'_>], names: &[Option<Names>], idle: &HashSet<usize>) -> Vec<Finding> {
    let mut pairs = 0;
    let mut meet = |at: usize, other: usize| {
        pairs += 1;
        let (Some(one), Some(two)) = (rules.get(at), rules.get(other)) else { return false };
        match (one.rule.pattern().kind(), two.rule.pattern().kind()) {
            (Kind::Network(one, bits), Kind::Network(two, others)) => {
                let shorter = bits.min(others);
                one.is_ipv4() == two.is_ipv4() && network_of(one, shorter) == network_of(two, shorter)
            }
            (Kind::Network(..), Kind::Any) => two.rule.is_libc_first(),
            (Kind::Exact, _) => two.rule.pattern().matches(one.rule.pattern().domain()),
            _ if pairs > MOST_PAIRS => true,
            _ => match (names.get(at), names.get(other)) {
                (Some(Some(one)), Some(Some(two))) => one.meet(two),
                _ => false,
            },
        }
    };
    let is_libcs = |rule: &Rule| rule.action() == Action::Pass && !rule.is_libc_first();
    let (passes, others): (Vec<usize>, Vec<usize>) =
        (0..rules.len()).partition(|at| rules.get(*at).is_some_and(|placed| is_libcs(placed.rule)));
    let needless = passes
        .into_iter()
        .filter(|at| !idle.contains(at) && !others.iter().any(|other| meet(*at, *other)))
        .filter_map(|at| rules.get(at));
    needless
        .map(|placed| {
            let message = format!("\"{}\" is libc's anyway: no rule bypasses such names", placed.rule.pattern());
            placed.finding(Severity::Note, "needless-pass", message)
        })
        .collect()
}

/// Options of a source that have no effect.
fn idle_options(source: &Source, cache_entries: Option<usize>) -> Vec<Finding> {
    let mut findings = idle_cache_lines(source);
    let wants_cache = source.config.rules.iter().any(|rule| rule.answering().cache == Some(true));
    let mut lines = source.text.split(|&byte| byte == b'\n').zip(1_u32..);
    for of_line in source.config.rules.chunk_by(|one, other| one.origin().line == other.origin().line) {
        let Some(rule) = of_line.first().filter(|rule| rule.origin().line > 0) else { continue };
        let Some((text, line)) = lines.find(|(_, number)| *number == rule.origin().line) else { break };
        let words: Vec<Word<'_>> = words(text, is_blank).collect();
        let mut complain = |word: Option<&Word<'_>>, code, message: String| {
            let place = Place { line, column: word.map_or(1, |word| word.column()) };
            findings.push(source.finding(place, Severity::Warning, code, message));
        };
        let option = |name: &str| words.iter().skip(2).find(|word| word.text == name.as_bytes());
        let answering = rule.answering();
        let first_server = words.iter().position(|word| word.text == b"via").map_or(words.len(), |via| via + 1);
        for (at, server) in repeated_servers(&answering.via.now()) {
            complain(
                words.get(first_server + at),
                "repeated",
                format!("the server {server} stands twice in this rule"),
            );
        }
        if !answering.search && of_line.iter().all(|rule| matches!(rule.pattern().kind(), Kind::Network(..))) {
            complain(option("search"), "ineffective", "\"search off\" has no effect on addresses".to_owned());
        }
        let is_never_resolved = rule.action() == Action::Pass && !rule.is_libc_first();
        if let Some(first) = words.iter().skip(2).find(|word| word.text != b"fallback" && is_option(word.text))
            && is_never_resolved
        {
            let message =
                format!("\"{}\" has no effect: libc alone answers, with \"fallback never\"", first.text.escape_ascii());
            complain(Some(first), "ineffective", message);
            continue;
        }
        let kept = answering.cache.unwrap_or(cache_entries.is_some());
        match cache_entries {
            Some(0) if answering.cache == Some(true) => {
                complain(option("cache"), "ineffective", "\"cache on\" has no effect beside \"cache 0\"".to_owned());
            }
            None if answering.max_ttl.is_some() && !kept && !wants_cache => {
                complain(
                    option("max-ttl"),
                    "ineffective",
                    "\"max-ttl\" has no effect: nothing is kept without a \"cache\" line or \"cache on\"".to_owned(),
                );
            }
            _ if answering.max_ttl.is_some() && !kept => {
                complain(
                    option("max-ttl"),
                    "ineffective",
                    "\"max-ttl\" has no effect: answers of this rule are not kept".to_owned(),
                );
            }
            _ => {}
        }
    }
    findings
}

fn is_option(word: &[u8]) -> bool {
    options::OPTIONS.iter().any(|option| option.name.as_bytes() == word)
}

/// Servers that a list has before, with their number in it.
fn repeated_servers(servers: &[SocketAddr]) -> Vec<(usize, SocketAddr)> {
    let mut seen = HashSet::new();
    servers.iter().copied().enumerate().filter(|(_, server)| !seen.insert(*server)).collect()
}

/// `cache` lines before the last one.
fn idle_cache_lines(source: &Source) -> Vec<Finding> {
    if source.config.cache.is_none() {
        return Vec::new();
    }
    let lines = source.text.split(|&byte| byte == b'\n').zip(1_u32..);
    let good = lines.filter(|(text, line)| !text.starts_with(b";") && !source.wrong_lines.contains(line));
    let caches = good.filter_map(|(text, line)| {
        let keyword = words(text, is_blank).next()?;
        (keyword.text == b"cache").then_some(Place { line, column: keyword.column() })
    });
    let caches: Vec<Place> = caches.collect();
    let Some((last, before)) = caches.split_last() else { return Vec::new() };
    let message = format!("this line has no effect: line {} says \"cache\" again, and the later one wins", last.line);
    before.iter().map(|place| source.finding(*place, Severity::Warning, "repeated", message.clone())).collect()
}

#[cfg(test)]
mod tests {
    use nss_bypass_core::rules::config;

    use super::*;

    fn source(name: &str, text: &str) -> Source {
        let (config, faults) = config::parse(text.as_bytes(), name);
        let wrong_lines = faults.iter().map(|fault| fault.line).collect();
        Source { name: name.to_owned(), text: text.as_bytes().to_vec(), config, wrong_lines }
    }

    fn found(text: &str) -> Vec<String> {
        let mut findings = findings(&[source("f", text)]);
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_never_decides_names_who_does() {
        let table = [
            (
                "bypass a b\npass  A.",
                "f:1:8: warning: \"a\" never decides: \"a\" in f:2:7 is the same, and the later one wins",
            ),
            (
                "bypass 10.1.2.3\npass 10.1.2.3/32",
                "f:1:8: warning: \"10.1.2.3\" never decides: \"10.1.2.3/32\" in f:2:6 is the same, and the later one wins",
            ),
            (
                "bypass *.x\nbypass y .x",
                "f:1:8: warning: \"*.x\" never decides: \".x\" in f:2:10 has all its names and is as specific, and later",
            ),
            (
                "bypass .a?\nbypass a?",
                "f:2:8: warning: \"a?\" never decides: \".a?\" in f:1:8 has all its names and counts as more specific",
            ),
            (
                "pass *.x fallback always\nbypass .x",
                "f:1:6: warning: \"*.x\" never decides: \".x\" in f:2:8 has all its names and is as specific, and later",
            ),
            (
                "bypass b?\t?*-x\nbypass *-x",
                "f:1:11: warning: \"?*-x\" never decides: \"*-x\" in f:2:8 has all its names and is as specific, and later",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), [expected], "{text}");
        }
        for text in
            ["bypass .x\nbypass *.x", "bypass *\nbypass a", "bypass a\nbypass *", "bypass 10.0.0.0/8 10.0.0.0/9"]
        {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_never_matches_says_why() {
        let long = "x.".repeat(125) + "yz";
        assert_eq!(
            found("bypass 10.1"),
            ["f:1:8: warning: \"10.1\" is no name: libc reads it as the address 10.0.0.1; write that"]
        );
        assert_eq!(
            found("bypass ::ffff:10.0.0.0/104"),
            [
                "f:1:8: warning: \"::ffff:10.0.0.0/104\" never matches: such addresses are looked up as IPv4; write 10.0.0.0/8"
            ]
        );
        assert!(found(&format!("bypass *.{long}")).first().is_some_and(|said| said.contains("at most 253")));
        assert_eq!(found(&format!("bypass .{long} 10.1.x ::/0 1-2")), [""; 0]);
    }

    #[test]
    fn a_pass_of_what_nobody_takes_is_a_note() {
        assert_eq!(found("pass a\nbypass b"), ["f:1:6: note: \"a\" is libc's anyway: no rule bypasses such names"]);
        assert_eq!(found("pass 10.0.0.0/9 fd00::/8\nbypass 10.0.0.0/8 *.x").len(), 1);
        assert_eq!(found("pass *.b.x b-*\nbypass *.x *-c"), [""; 0]);
        // Where libc answers first, a pass says that nobody else is asked then.
        assert_eq!(found("pass a 10.0.0.0/8\npass * fallback always"), [""; 0]);
        assert_eq!(found("pass a\npass b fallback error").len(), 1);
    }

    #[test]
    fn options_without_effect_are_named() {
        let table = [
            (
                "bypass a via 10.0.0.1 10.0.0.2 10.0.0.1#53",
                "f:1:32: warning: the server 10.0.0.1:53 stands twice in this rule",
            ),
            ("bypass 10.0.0.0/8 search off", "f:1:19: warning: \"search off\" has no effect on addresses"),
            (
                "pass a via 10.0.0.1 fallback never\nbypass a*",
                "f:1:8: warning: \"via\" has no effect: libc alone answers, with \"fallback never\"",
            ),
            (
                "bypass a max-ttl 5",
                "f:1:10: warning: \"max-ttl\" has no effect: nothing is kept without a \"cache\" line or \"cache on\"",
            ),
            (
                "cache 5\nbypass a cache off max-ttl 5",
                "f:2:20: warning: \"max-ttl\" has no effect: answers of this rule are not kept",
            ),
            ("cache 0\nbypass a cache on", "f:2:10: warning: \"cache on\" has no effect beside \"cache 0\""),
            (
                "cache x\n cache 5\ncache 6\n",
                "f:2:2: warning: this line has no effect: line 3 says \"cache\" again, and the later one wins",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), [expected], "{text}");
        }
        assert_eq!(found("cache 5\nbypass a b max-ttl 5\nbypass c cache on max-ttl 3"), [""; 0]);
    }

    #[test]
    fn an_option_among_the_names_is_named() {
        for (text, option) in [("a vai 10.0.0.1", "via"), ("a serch off", "search"), ("a falback always", "fallback")] {
            let said = found(&format!("bypass {text}"));
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with("f:1:10: ") && said[0].contains(&format!("option \"{option}\"?")), "{said:?}");
        }
        assert!(found("bypass a timeot 3").iter().any(|said| said.contains("option \"timeout\"?")));
        for text in ["bypass a vai b", "bypass vai\nbypass 10.0.0.1", "bypass host off"] {
            assert!(!found(text).iter().any(|said| said.contains("did you mean")) || text.contains("host"), "{text}");
        }
    }

    #[test]
    fn variables_come_after_the_file() {
        let text = "x..y, a !b";
        let environment = config::Environment { rules: Some(text.as_bytes()), via: None, databases: None };
        let (config, _) = config::parse_environment(&environment);
        let variable = Source { name: "NSS_BYPASS".to_owned(), text: text.into(), config, ..Source::default() };
        let said: Vec<String> =
            findings(&[source("f", "bypass a"), variable]).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "f:1:8: warning: \"a\" never decides: \"a\" in NSS_BYPASS:1:7 is the same, and the later one wins",
                "NSS_BYPASS:1:10: note: \"b\" is libc's anyway: no rule bypasses such names"
            ]
        );
    }

    #[test]
    fn a_place_in_a_variable_is_behind_the_sign() {
        let text = "+a !b +c !c";
        let environment = config::Environment { rules: Some(text.as_bytes()), ..config::Environment::default() };
        let (config, _) = config::parse_environment(&environment);
        let variable = Source { name: "V".to_owned(), text: text.into(), config, ..Source::default() };
        let said: Vec<String> = findings(&[variable]).iter().map(ToString::to_string).collect();
        let expected = [
            "V:1:8: warning: \"c\" never decides: \"c\" in V:1:11 is the same, and the later one wins",
            "V:1:5: note: \"b\" is libc's anyway: no rule bypasses such names",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn ten_thousand_rules_are_checked_in_a_moment() {
        let text: String =
            (0..10_000).map(|at| format!("bypass a{}*{}\npass b*{at}\n", "?".repeat(at % 7), at % 3)).collect();
        assert!(found(&text).len() > 1000);
    }
}
