//! Parts of a configuration that have no effect: rules that never apply, patterns that match nothing, and options
//! without effect.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;

use nss_bypass_core::files::text::inet_aton;
use nss_bypass_core::rules::options;
use nss_bypass_core::rules::pattern::{Kind, Pattern, network_of};
use nss_bypass_core::rules::rule::{Action, Rule};

use crate::lint::cover::NameSet;
use crate::lint::finding::{Finding, Severity};
use crate::lint::source::{Placed, Source};
use crate::lint::{self, here, words};

/// The maximum number of pairs of patterns to compare.
const MOST_PAIRS: usize = 10_000;

/// The maximum length of a name in text form (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// Returns all findings about sources, in the order of precedence. `search` are the directories of PATH.
pub(crate) fn findings(sources: &[Source], search: &[PathBuf]) -> Vec<Finding> {
    let rules: Vec<Placed<'_>> = sources
        .iter()
        .flat_map(|source| {
            let places = source.places();
            source.config.rules.iter().zip(places).map(move |(rule, place)| Placed { rule, source, place })
        })
        .collect();
    let names: Vec<Option<NameSet>> = rules.iter().map(|placed| NameSet::of(placed.rule.pattern())).collect();
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
    findings.extend(contradicted(&rules));
    for source in sources {
        findings.extend(lint::options::findings(source, caches.map(|size| size.entries)));
        findings.extend(here::findings(source, search));
    }
    findings
}

/// Returns why a pattern matches nothing that programs look up.
fn unmatchable(pattern: Pattern<'_>) -> Option<String> {
    let text = pattern.as_str();
    match (pattern.kind(), pattern.network()) {
        (Kind::Exact, _) if text.starts_with(|first: char| first.is_ascii_digit()) => {
            let address = inet_aton(text.as_bytes())?;
            Some(format!("\"{text}\" is not a name: libc reads it as the address {address}; write that address"))
        }
        (_, Some((IpAddr::V6(address), prefix))) if prefix >= 96 => {
            let mapped = address.to_ipv4_mapped()?;
            let network = network_of(IpAddr::V4(mapped), prefix - 96);
            Some(format!(
                "\"{text}\" never matches: such addresses are looked up as IPv4 addresses; write {network}/{}",
                prefix - 96
            ))
        }
        (Kind::Below | Kind::Within | Kind::Glob, _) => {
            let most = text.bytes().filter(|byte| *byte != b'*').count() + usize::from(pattern.kind() == Kind::Below);
            let least = most - usize::from(pattern.kind() == Kind::Within);
            (least > MAX_NAME).then(|| format!("\"{text}\" never matches: names have at most {MAX_NAME} bytes"))
        }
        _ => None,
    }
}

/// Finds words that are parsed as names, but that no program looks up. Each word is reported once.
fn no_names(rules: &[Placed<'_>], misspelt: &[Finding], idle: &mut HashSet<usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, placed) in rules.iter().enumerate() {
        let pattern = placed.rule.pattern();
        if pattern.kind() == Kind::Network {
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
            let message = format!("\"{pattern}\" is read as a name: {why}");
            findings.push(placed.finding(Severity::Warning, "no-name", message));
        }
    }
    findings
}

/// Finds a misspelt option with its value in place of patterns: both are parsed as names. `pair` are two consecutive
/// rules.
fn misspelt(pair: &[Placed<'_>]) -> Option<Finding> {
    let [word, value] = pair else { return None };
    if word.place.line != value.place.line || word.source.name != value.source.name || word.rule.origin().line == 0 {
        return None;
    }
    let text = word.rule.pattern().as_str();
    // Any word can be a program.
    let option = options::nearest_option(text.as_bytes()).filter(|option| *option != "for")?;
    let value = value.rule.pattern();
    // A number, even one that is too large, is the value of many options, and of the keyword "cache".
    let is_number = !value.as_str().is_empty() && value.as_str().bytes().all(|byte| byte.is_ascii_digit());
    let takes_numbers = options::takes(option, b"1") || option == "cache";
    let fits = options::takes(option, value.as_str().as_bytes()) || (is_number && takes_numbers);
    let message = format!("\"{text}\" and \"{value}\" are read as names; did you mean the option \"{option}\"?");
    fits.then(|| word.finding(Severity::Warning, "misspelt", message))
}

/// Finds patterns that a later rule repeats.
fn repeated(rules: &[Placed<'_>]) -> Vec<(usize, String)> {
    let key = |pattern: Pattern<'_>| match pattern.network() {
        Some((address, prefix)) => format!("{address}/{prefix}"),
        None => pattern.as_str().to_owned(),
    };
    let mut last: HashMap<String, Vec<&Placed<'_>>> = HashMap::new();
    let mut found = Vec::new();
    for (at, placed) in rules.iter().enumerate().rev() {
        let pattern = placed.rule.pattern();
        let same = last.entry(key(pattern)).or_default();
        match same.iter().find(|later| counts_wherever(later.rule, placed.rule)) {
            Some(later) => {
                let give = |rule: &Rule| !rule.answering().addresses.is_empty();
                let hint = if give(placed.rule) && give(later.rule) { "; write all addresses on one line" } else { "" };
                let later = later.named();
                let message =
                    format!("\"{pattern}\" is never used: {later} is the same pattern and takes precedence{hint}");
                found.push((at, message));
            }
            None => same.push(placed),
        }
    }
    found
}

/// Returns whether a rule applies in every program in which another one does.
fn counts_wherever(one: &Rule, other: &Rule) -> bool {
    let (one, other) = (one.programs(), other.programs());
    one.is_empty() || (!other.is_empty() && other.iter().all(|program| one.contains(program)))
}

/// Finds exact names with an address that another line also has: a reverse lookup of the address returns the name of
/// the later line.
fn contradicted(rules: &[Placed<'_>]) -> Vec<Finding> {
    let mut last: HashMap<IpAddr, &Placed<'_>> = HashMap::new();
    let mut findings = Vec::new();
    for placed in rules.iter().rev().filter(|placed| placed.rule.names_addresses()) {
        let mut said = false;
        for address in &placed.rule.answering().addresses {
            let later = *last.entry(address.to_canonical()).or_insert(placed);
            let is_same_line = later.rule.origin() == placed.rule.origin();
            let is_same_name = later.rule.pattern() == placed.rule.pattern();
            if !said && !is_same_line && !is_same_name && counts_wherever(later.rule, placed.rule) {
                said = true;
                let message = format!(
                    "reverse lookups of {address} do not return \"{}\": {} has the same address and takes precedence",
                    placed.rule.pattern(),
                    later.named()
                );
                findings.push(placed.finding(Severity::Warning, "contradicted", message));
            }
        }
    }
    findings
}

/// Returns whether a rule takes precedence over another if both match.
fn outranks(one: (usize, Pattern<'_>), other: (usize, Pattern<'_>)) -> bool {
    let rank = |(at, pattern): (usize, Pattern<'_>)| (pattern.kind() == Kind::Exact, pattern.literals(), at);
    rank(one) > rank(other)
}

/// Finds patterns with wildcards all of whose names are also matched by one rule that takes precedence.
///
/// A pattern that matches all names of another has no literal byte that the other lacks, and to take precedence it has
/// as many, except for the dot of `.x`. So only patterns with the same letters need to be compared.
fn covered(rules: &[Placed<'_>], names: &[Option<NameSet>]) -> Vec<(usize, String)> {
    let mut groups: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    for (at, placed) in rules.iter().enumerate() {
        let pattern = placed.rule.pattern();
        if !matches!(pattern.kind(), Kind::Exact | Kind::Network) {
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
                pairs < MOST_PAIRS
                    && outranks((*other, one), (at, two))
                    && counts_wherever(rule.rule, placed.rule)
                    && own.are_all_in(names)
            });
            if let Some((_, cover, _)) = cover {
                let (own, other) = (placed.rule.pattern(), cover.rule.pattern());
                let why = if other.literals() > own.literals() { "is more specific" } else { "takes precedence" };
                let cover = cover.named();
                found.push((at, format!("\"{own}\" is never used: {cover} matches all its names and {why}")));
            }
        }
    }
    found
}

/// Finds `pass` rules for names that no rule bypasses, nor resolves after libc.
fn needless_passes(rules: &[Placed<'_>], names: &[Option<NameSet>], idle: &HashSet<usize>) -> Vec<Finding> {
    let mut pairs = 0;
    let mut meet = |at: usize, other: usize| {
        pairs += 1;
        let (Some(one), Some(two)) = (rules.get(at), rules.get(other)) else { return false };
        let (one_pattern, two_pattern) = (one.rule.pattern(), two.rule.pattern());
        if let (Some((one, bits)), Some((two, others))) = (one_pattern.network(), two_pattern.network()) {
            let shorter = bits.min(others);
            return one.is_ipv4() == two.is_ipv4() && network_of(one, shorter) == network_of(two, shorter);
        }
        match (one_pattern.kind(), two_pattern.kind()) {
            (Kind::Network, Kind::Any) => two.rule.is_libc_first(),
            (Kind::Exact, _) => two_pattern.matches(one_pattern.domain()),
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
            let message = format!(
                "\"{}\" is not needed: no other rule applies to such names, which are forwarded to libc",
                placed.rule.pattern()
            );
            placed.finding(Severity::Note, "needless-pass", message)
        })
        .collect()
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
        let mut findings = findings(&[source("f", text)], &[]);
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_never_decides_names_who_does() {
        let table = [
            (
                "bypass a b\npass  A.",
                "f:1:8: warning: \"a\" is never used: \"a\" at f:2:7 is the same pattern and takes precedence",
            ),
            (
                "bypass 10.1.2.3\npass 10.1.2.3/32",
                "f:1:8: warning: \"10.1.2.3\" is never used: \"10.1.2.3/32\" at f:2:6 is the same pattern and takes \
                 precedence",
            ),
            (
                "bypass *.x\nbypass y .x",
                "f:1:8: warning: \"*.x\" is never used: \".x\" at f:2:10 matches all its names and takes precedence",
            ),
            (
                "bypass .a?\nbypass a?",
                "f:2:8: warning: \"a?\" is never used: \".a?\" at f:1:8 matches all its names and is more specific",
            ),
            (
                "pass *.x fallback always\nbypass .x",
                "f:1:6: warning: \"*.x\" is never used: \".x\" at f:2:8 matches all its names and takes precedence",
            ),
            (
                "bypass b?\t?*-x\nbypass *-x",
                "f:1:11: warning: \"?*-x\" is never used: \"*-x\" at f:2:8 matches all its names and takes precedence",
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
            ["f:1:8: warning: \"10.1\" is not a name: libc reads it as the address 10.0.0.1; write that address"]
        );
        assert_eq!(
            found("bypass ::ffff:10.0.0.0/104"),
            ["f:1:8: warning: \"::ffff:10.0.0.0/104\" never matches: such addresses are looked up as IPv4 \
                 addresses; write 10.0.0.0/8"]
        );
        assert!(found(&format!("bypass *.{long}")).first().is_some_and(|said| said.contains("at most 253")));
        assert_eq!(found(&format!("bypass .{long} 10.1.x ::/0 1-2")), [""; 0]);
    }

    #[test]
    fn a_pass_of_what_nobody_takes_is_a_note() {
        assert_eq!(
            found("pass a\nbypass b"),
            ["f:1:6: note: \"a\" is not needed: no other rule applies to such names, which are forwarded to libc"]
        );
        assert_eq!(found("pass 10.0.0.0/9 fd00::/8\nbypass 10.0.0.0/8 *.x").len(), 1);
        assert_eq!(found("pass *.b.x b-*\nbypass *.x *-c"), [""; 0]);
        // If libc answers first, a `pass` rule means that nss-bypass is not asked afterwards.
        assert_eq!(found("pass a 10.0.0.0/8\npass * fallback always"), [""; 0]);
        assert_eq!(found("pass a\npass b fallback error").len(), 1);
    }

    #[test]
    fn options_without_effect_are_named() {
        let table = [
            ("bypass a via 10.0.0.1 10.0.0.2 10.0.0.1#53", "f:1:32: warning: duplicate name server 10.0.0.1:53"),
            ("bypass 10.0.0.0/8 search off", "f:1:19: warning: \"search off\" has no effect on addresses"),
            (
                "pass a via 10.0.0.1 fallback never\nbypass a*",
                "f:1:8: warning: \"via\" has no effect: with \"fallback never\", only libc is asked",
            ),
            (
                "bypass a max-ttl 5",
                "f:1:10: warning: \"max-ttl\" has no effect: nothing is cached without a \"cache\" line or \"cache \
                 on\"",
            ),
            (
                "cache 5\nbypass a cache off max-ttl 5",
                "f:2:20: warning: \"max-ttl\" has no effect: answers of this rule are not cached",
            ),
            ("cache 0\nbypass a cache on", "f:2:10: warning: \"cache on\" has no effect with \"cache 0\""),
            ("cache x\n cache 5\ncache 6\n", "f:2:2: warning: this \"cache\" line has no effect: line 3 overrides it"),
            ("bypass a address 10.0.0.1 10.0.0.2 10.0.0.1", "f:1:36: warning: duplicate address 10.0.0.1"),
            (
                "bypass a via fe80::1%none0 fe80::1%none0 options rotate",
                "f:1:28: warning: duplicate name server [fe80::1]:53",
            ),
            (
                "bypass a options edns0 rotate -edns0",
                "f:1:18: warning: \"edns0\" has no effect: \"-edns0\" overrides it",
            ),
            (
                "bypass a options ndots:1 ndots:2",
                "f:1:18: warning: \"ndots:1\" has no effect: \"ndots:2\" overrides it",
            ),
            ("bypass a options edns0 edns0", "f:1:24: warning: duplicate resolver option \"edns0\""),
            ("bypass 10.0.0.0/8 options edns0 ndots:3", "f:1:33: warning: \"ndots:3\" has no effect on addresses"),
            ("log stderr\nlog off", "f:1:1: warning: this \"log\" line has no effect: line 2 overrides it"),
            ("databases passwd hosts passwd", "f:1:24: warning: duplicate database \"passwd\""),
            ("databases group\ndatabases passwd group", "f:2:18: warning: duplicate database \"group\""),
        ];
        for (text, expected) in table {
            let warnings: Vec<String> = found(text).into_iter().filter(|said| !said.contains("note: ")).collect();
            assert_eq!(warnings, [expected], "{text}");
        }
        let delayed = "f: note: with a cache, changes of /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf take \
                       effect at the kernel's next tick, 1 to 4 ms later";
        for text in ["cache 5\nbypass a b max-ttl 5\nbypass c cache on max-ttl 3", "bypass c cache on"] {
            assert_eq!(found(text), [delayed]);
        }
        assert_eq!(found("cache 0\nbypass c"), [""; 0]);
        for text in [
            "bypass a via fe80::1%none0 fe80::1%none1 fe80::1%7 fe80::1%8",
            "bypass a options edns0 -rotate ndots:1",
            "bypass 10.0.0.0/8 options edns0 use-vc\nbypass a 11.0.0.0/8 options ndots:1 search off",
            "pass a for none\nbypass a*",
            "databases passwd group\ndatabases hosts",
        ] {
            assert!(!found(text).iter().any(|said| said.contains("warning: ")), "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn what_a_rule_for_some_programs_leaves_to_others_decides() {
        for text in [
            "bypass a\nbypass a via 10.0.0.1 for none",
            "bypass a for one two\nbypass a for two",
            "bypass *.x\nbypass .x for none",
            "bypass a address 10.0.0.1\nbypass b address 10.0.0.1 for none",
        ] {
            assert!(!found(text).iter().any(|said| said.contains("warning: ")), "{text}: {:?}", found(text));
        }
        for text in ["bypass a for none\nbypass a", "bypass a for one\nbypass a for two\nbypass a for two one"] {
            let shadowed = found(text).iter().filter(|said| said.contains("is never used")).count();
            assert_eq!(shadowed, text.lines().count() - 1, "{text}");
        }
    }

    #[test]
    fn addresses_that_another_line_contradicts() {
        let table = [
            (
                "bypass a b address 10.0.0.1 fd00::1\nbypass c address 10.0.0.2 fd00::1 10.0.0.1",
                &[
                    "f:1:8: warning: reverse lookups of 10.0.0.1 do not return \"a\": \"c\" at f:2:8 has the same \
                     address and takes precedence",
                    "f:1:10: warning: reverse lookups of 10.0.0.1 do not return \"b\": \"c\" at f:2:8 has the same \
                     address and takes precedence",
                ][..],
            ),
            (
                "bypass a address 10.0.0.1\nbypass a address 10.0.0.1 10.0.0.2",
                &["f:1:8: warning: \"a\" is never used: \"a\" at f:2:8 is the same pattern and takes precedence; \
                   write all addresses on one line"],
            ),
            ("bypass a b address 10.0.0.1\nbypass *.c address 10.0.0.1", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_on_this_machine_is_named() {
        let directory = std::env::temp_dir().join(format!("nss-bypass-lint-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(directory.join("directory")).unwrap();
        for (name, content) in [("tool-1", "\x7fELF"), ("script", "#!/bin/sh\n"), ("hosts", "")] {
            std::fs::write(directory.join(name), content).unwrap();
        }
        std::os::unix::fs::symlink("tool-1", directory.join("tool")).unwrap();
        let at = directory.to_str().unwrap();
        let here = |text: &str| {
            let text = text.replace('@', at);
            let mut findings = findings(&[source("f", &text)], std::slice::from_ref(&directory));
            findings.sort_by_key(|finding| (finding.line, finding.column));
            let said = findings.iter().map(|finding| finding.to_string().replace(at, "@"));
            said.collect::<Vec<_>>()
        };
        let table = [
            ("bypass a hosts @/none", "f:1:16: warning: @/none does not exist: it is treated as empty"),
            ("bypass a hosts @/directory", "f:1:16: warning: @/directory is treated as empty: Is a directory"),
            (
                "bypass a hosts @/hosts",
                "f:1:16: note: programs with set-user-ID or file capabilities treat @/hosts as empty: users other than \
                 root can write to it or to a directory of its path",
            ),
            (
                "bypass a hosts @/tool",
                "f:1:16: note: programs with set-user-ID or file capabilities treat @/tool as empty: it is a symbolic \
                 link",
            ),
            ("bypass a for @/none", "f:1:14: warning: program @/none does not exist"),
            ("bypass a for @/n* tool-1", "f:1:14: note: no program matches @/n*"),
            ("bypass a for tool-1 none", "f:1:21: note: no program \"none\" in PATH"),
            ("bypass a for none*", "f:1:14: note: no program \"none*\" in PATH"),
            (
                "bypass a for tool",
                "f:1:14: warning: the rule does not apply to programs that are started as @/tool: the executable is \
                 @/tool-1; write that path",
            ),
            (
                "bypass a for script",
                "f:1:14: warning: the rule does not apply to @/script: it is a script, and the executable is its \
                 interpreter",
            ),
            (
                "bypass a via 10.0.0.1 fe80::1%none0#5353",
                "f:1:23: note: interface \"none0\" does not exist: the name server cannot be queried",
            ),
            ("log @/none/log,error", "f:1:5: warning: nothing is logged: directory @/none does not exist"),
        ];
        for (text, expected) in table {
            assert_eq!(here(text), [expected], "{text}");
        }
        for text in ["bypass a for @/tool-1 tool* tool-? @/* @/t??l-1 * via fe80::1%lo", "log @/log", "log stderr"] {
            assert_eq!(here(text), [""; 0], "{text}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn an_option_among_the_names_is_named() {
        for (text, option) in [("a vai 10.0.0.1", "via"), ("a serch off", "search"), ("a falback always", "fallback")] {
            let said = found(&format!("bypass {text}"));
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with("f:1:10: ") && said[0].contains(&format!("option \"{option}\"?")), "{said:?}");
        }
        assert!(found("bypass a timeot 3").iter().any(|said| said.contains("option \"timeout\"?")));
        for text in ["bypass a vai b", "bypass vai\nbypass 10.0.0.1", "bypass host off", "bypass foo bar"] {
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
            findings(&[source("f", "bypass a"), variable], &[]).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "f:1:8: warning: \"a\" is never used: \"a\" at NSS_BYPASS:1:7 is the same pattern and takes precedence",
                "NSS_BYPASS:1:10: note: \"b\" is not needed: no other rule applies to such names, which are forwarded \
                 to libc"
            ]
        );
    }

    #[test]
    fn a_place_in_a_variable_is_behind_the_sign() {
        let text = "+a !b +c !c";
        let environment = config::Environment { rules: Some(text.as_bytes()), ..config::Environment::default() };
        let (config, _) = config::parse_environment(&environment);
        let variable = Source { name: "V".to_owned(), text: text.into(), config, ..Source::default() };
        let said: Vec<String> = findings(&[variable], &[]).iter().map(ToString::to_string).collect();
        let expected = [
            "V:1:8: warning: \"c\" is never used: \"c\" at V:1:11 is the same pattern and takes precedence",
            "V:1:5: note: \"b\" is not needed: no other rule applies to such names, which are forwarded to libc",
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
