//! Options and lines without effect: repeated ones, those that another option overrides, and those that do not apply.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use nss_bypass_core::rules::pattern::Kind;
use nss_bypass_core::rules::rule::Action;
use nss_bypass_core::rules::syntax::Word;

use crate::lint::finding::{Finding, Severity};
use crate::lint::source::{Line, Place, Source};

/// Words of `options` that affect lookups of names only.
const ABOUT_NAMES: [&str; 6] =
    ["ndots", "no-tld-query", "single-request", "single-request-reopen", "no-aaaa", "strict-error"];

/// Returns all findings about a source. `cache_entries` is the value of the `cache` line in force.
pub(crate) fn findings(source: &Source, cache_entries: Option<usize>) -> Vec<Finding> {
    let mut findings = repeated_lines(source, "cache");
    findings.extend(repeated_lines(source, "log"));
    findings.extend(repeated_databases(source));
    let wants_cache = source.config.rules.iter().any(|rule| rule.answering().cache == Some(true));
    if wants_cache || source.config.cache.is_some_and(|size| size.entries > 0) {
        let message = "with a cache, changes of /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf take effect at the \
                       kernel's next tick, 1 to 4 ms later";
        findings.push(Finding::whole(&source.name, Severity::Note, "delayed", message));
    }
    for line in source.lines() {
        let rule = line.rule;
        let is_never_resolved = rule.action() == Action::Pass && !rule.is_libc_first();
        let is_idle = |word: &&Word<'_>| !matches!(word.text, b"fallback" | b"for");
        findings.extend(repeated_values(&line));
        findings.extend(undone_words(&line));
        findings.extend(not_about_addresses(&line));
        if let Some(first) = line.options().find(is_idle).filter(|_| is_never_resolved) {
            let message =
                format!("\"{}\" has no effect: with \"fallback never\", only libc is asked", first.text.escape_ascii());
            findings.push(ineffective(&line, Some(first), message));
        } else {
            findings.extend(idle_cache_options(&line, cache_entries, wants_cache));
        }
    }
    findings
}

fn ineffective(line: &Line<'_>, word: Option<&Word<'_>>, message: String) -> Finding {
    line.finding(word, Severity::Warning, "ineffective", message)
}

/// Finds name servers and addresses that are repeated in a list.
fn repeated_values(line: &Line<'_>) -> Vec<Finding> {
    let answering = line.rule.answering();
    let (via, addresses) = (line.values("via"), line.values("address"));
    // Interfaces that do not exist all have the same index.
    let servers: Vec<(SocketAddr, &[u8])> = answering
        .via
        .now()
        .iter()
        .zip(via)
        .map(|(server, word)| (*server, interface(word).unwrap_or_default()))
        .collect();
    let of_servers =
        repeated(&servers).into_iter().map(|(at, (server, _))| (via.get(at), format!("name server {server}")));
    let own: Vec<IpAddr> = answering.addresses.to_vec();
    let of_addresses =
        repeated(&own).into_iter().map(|(at, address)| (addresses.get(at), format!("address {address}")));
    let all = of_servers.chain(of_addresses);
    all.map(|(word, what)| line.finding(word, Severity::Warning, "repeated", format!("duplicate {what}"))).collect()
}

/// Returns the repeated elements of a list, with their indexes.
fn repeated<T: Copy + Eq + std::hash::Hash>(values: &[T]) -> Vec<(usize, T)> {
    let mut seen = HashSet::new();
    values.iter().copied().enumerate().filter(|(_, value)| !seen.insert(*value)).collect()
}

/// Returns the interface in the word of a name server.
pub(crate) fn interface<'a>(server: &Word<'a>) -> Option<&'a [u8]> {
    let host = server.text.split(|&byte| byte == b'#').next()?;
    let percent = host.iter().position(|&byte| byte == b'%')?;
    host.get(percent + 1..)
}

/// Returns the option that a word of `options` sets or clears.
fn option_named(word: &[u8]) -> &[u8] {
    if word.starts_with(b"ndots:") { b"ndots" } else { word.strip_prefix(b"-").unwrap_or(word) }
}

/// Finds words of `options` that are repeated, or that a later word overrides.
fn undone_words(line: &Line<'_>) -> Vec<Finding> {
    let words = line.values("options");
    let mut findings = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let shown = word.text.escape_ascii();
        let later = words.get(at + 1..).unwrap_or_default();
        match later.iter().find(|later| option_named(later.text) == option_named(word.text)) {
            Some(later) if later.text == word.text => {
                let message = format!("duplicate resolver option \"{shown}\"");
                findings.push(line.finding(Some(later), Severity::Warning, "repeated", message));
            }
            Some(later) => {
                let later = later.text.escape_ascii();
                let message = format!("\"{shown}\" has no effect: \"{later}\" overrides it");
                findings.push(ineffective(line, Some(word), message));
            }
            None => {}
        }
    }
    findings
}

/// Finds options about names, in a line whose patterns are all addresses.
fn not_about_addresses(line: &Line<'_>) -> Vec<Finding> {
    if !line.rules.iter().all(|rule| rule.pattern().kind() == Kind::Network) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !line.rule.answering().search {
        findings.push(ineffective(line, line.option("search"), "\"search off\" has no effect on addresses".to_owned()));
    }
    let is_about_names = |word: &&Word<'_>| ABOUT_NAMES.iter().any(|name| option_named(word.text) == name.as_bytes());
    findings.extend(line.values("options").iter().filter(is_about_names).map(|word| {
        ineffective(line, Some(word), format!("\"{}\" has no effect on addresses", word.text.escape_ascii()))
    }));
    findings
}

/// Finds `cache` and `max-ttl` options of rules whose answers are not cached.
fn idle_cache_options(line: &Line<'_>, cache_entries: Option<usize>, wants_cache: bool) -> Option<Finding> {
    let answering = line.rule.answering();
    let kept = answering.cache.unwrap_or(cache_entries.is_some());
    let (option, message) = match cache_entries {
        Some(0) if answering.cache == Some(true) => ("cache", "\"cache on\" has no effect with \"cache 0\""),
        None if answering.max_ttl.is_some() && !kept && !wants_cache => {
            ("max-ttl", "\"max-ttl\" has no effect: nothing is cached without a \"cache\" line or \"cache on\"")
        }
        _ if answering.max_ttl.is_some() && !kept => {
            ("max-ttl", "\"max-ttl\" has no effect: answers of this rule are not cached")
        }
        _ => return None,
    };
    Some(ineffective(line, line.option(option), message.to_owned()))
}

/// Finds lines with a keyword of which only the last line applies.
fn repeated_lines(source: &Source, keyword: &str) -> Vec<Finding> {
    let lines = source.statements(keyword);
    let Some(((last, _), before)) = lines.split_last() else { return Vec::new() };
    let message = format!("this \"{keyword}\" line has no effect: line {last} overrides it");
    let finding = |(line, words): &(u32, Vec<Word<'_>>)| {
        let place = Place { line: *line, column: words.first().map_or(1, Word::column) };
        source.finding(place, Severity::Warning, "repeated", message.clone())
    };
    before.iter().map(finding).collect()
}

/// Finds databases that are repeated.
fn repeated_databases(source: &Source) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let lines = source.statements("databases");
    let named = lines.iter().flat_map(|(line, words)| words.iter().skip(1).map(|word| (*line, word)));
    let again = named.filter(|(_, word)| !seen.insert(word.text));
    let findings = again.map(|(line, word)| {
        let message = format!("duplicate database \"{}\"", word.text.escape_ascii());
        source.finding(Place { line, column: word.column() }, Severity::Warning, "repeated", message)
    });
    findings.collect()
}
