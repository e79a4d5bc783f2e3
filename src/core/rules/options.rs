//! The options of a rule, in a table with one row each. The parser, the messages, the spelling hints and the tables in
//! the documentation are derived from it.

use std::ffi::CString;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::programs::Program;
use super::rule::{Answering, Fallback, Hosts};
use super::servers::NameServers;
use super::syntax::{SyntaxError, Word, listed, nearest, number, on_or_off, quoted, wrong};
use crate::files::resolv_conf::{OptionChange, Switch};

/// The permitted timeouts of a name server in seconds: the range of resolv.conf(5).
const TIMEOUTS: RangeInclusive<u32> = 1..=30;
/// The permitted numbers of attempts: the range of resolv.conf(5).
const ATTEMPTS: RangeInclusive<u32> = 1..=5;
/// The permitted values of `ndots`: the range of resolv.conf(5). A name with fewer dots is tried with the search list
/// first.
const NDOTS: RangeInclusive<u32> = 0..=15;
/// The maximum number of name servers of a rule.
pub(super) const MAX_SERVERS: usize = 16;
/// The permitted maximum lifetimes of cached answers in seconds: up to one day, in the manner of BIND's
/// `max-cache-ttl`.
pub(super) const MAX_TTLS: RangeInclusive<u32> = 1..=86_400;

/// The values of the options of a rule.
#[derive(Debug, Default)]
pub(super) struct RuleOptions {
    pub(super) answering: Answering,
    pub(super) programs: Box<[Program]>,
}

/// An option of `bypass` rules, and of `pass` rules with `fallback`.
pub struct OptionRow {
    /// The name of the option.
    pub name: &'static str,
    /// Its synopsis, for messages and the documentation.
    pub usage: &'static str,
    parse: Parse,
}

/// How the words after the name of an option are parsed.
#[derive(Clone, Copy)]
enum Parse {
    /// The option has one value.
    Value(fn(&mut RuleOptions, Word<'_>) -> Result<(), SyntaxError>),
    /// The option has one value or more: all words up to the next option.
    Values(fn(&mut RuleOptions, &[Word<'_>]) -> Result<(), SyntaxError>),
}

/// All options.
pub const OPTIONS: [OptionRow; 11] = [
    values("address", "address ADDRESS...", |options, words| {
        options.answering.addresses = words.iter().map(address).collect::<Result<_, _>>()?;
        Ok(())
    }),
    values("via", "via SERVER...", |options, words| {
        options.answering.via = NameServers::parse(words)?;
        Ok(())
    }),
    value("timeout", "timeout N", |options, word| {
        options.answering.timeout = Some(number(word, TIMEOUTS, "timeout", " seconds")?);
        Ok(())
    }),
    value("attempts", "attempts N", |options, word| {
        options.answering.attempts = Some(number(word, ATTEMPTS, "number of attempts", "")?);
        Ok(())
    }),
    values("options", "options WORD...", |options, words| {
        options.answering.options = words.iter().map(change).collect::<Result<_, _>>()?;
        Ok(())
    }),
    value("search", "search on|off", |options, word| {
        options.answering.search = on_or_off(word)?;
        Ok(())
    }),
    value("hosts", "hosts on|off|FILE", |options, word| {
        options.answering.hosts = hosts(word)?;
        Ok(())
    }),
    value("fallback", "fallback never|error|always", |options, word| {
        options.answering.fallback = fallback(word)?;
        Ok(())
    }),
    value("cache", "cache on|off", |options, word| {
        options.answering.cache = Some(on_or_off(word)?);
        Ok(())
    }),
    value("max-ttl", "max-ttl N", |options, word| {
        options.answering.max_ttl = Some(number(word, MAX_TTLS, "max-ttl", " seconds")?);
        Ok(())
    }),
    values("for", "for PROGRAM...", |options, words| {
        options.programs = words.iter().map(Program::parse).collect::<Result<_, _>>()?;
        Ok(())
    }),
];

/// The options that can be combined with `address`. The others say how name servers and files are queried.
const BESIDE_ADDRESS: [&str; 3] = ["address", "fallback", "for"];

const fn value(
    name: &'static str,
    usage: &'static str,
    parse: fn(&mut RuleOptions, Word<'_>) -> Result<(), SyntaxError>,
) -> OptionRow {
    OptionRow { name, usage, parse: Parse::Value(parse) }
}

const fn values(
    name: &'static str,
    usage: &'static str,
    parse: fn(&mut RuleOptions, &[Word<'_>]) -> Result<(), SyntaxError>,
) -> OptionRow {
    OptionRow { name, usage, parse: Parse::Values(parse) }
}

/// Returns the option of this name.
pub(super) fn find(word: Word<'_>) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|option| word.is(option.name))
}

/// Returns the option that was probably meant.
pub fn nearest_option(text: &[u8]) -> Option<&'static str> {
    nearest(text, OPTIONS.iter().map(|option| option.name))
}

/// Returns whether an option accepts this value.
pub fn takes(option: &str, value: &[u8]) -> bool {
    let (word, mut options) = (Word { at: 0, text: value }, RuleOptions::default());
    OPTIONS.iter().find(|row| row.name == option).is_some_and(|row| match row.parse {
        Parse::Value(parse) => parse(&mut options, word).is_ok(),
        Parse::Values(parse) => parse(&mut options, &[word]).is_ok(),
    })
}

/// Parses the options of a rule: names, each followed by one value or, for some options, by several.
pub(super) fn parse(mut words: &[Word<'_>]) -> Result<RuleOptions, SyntaxError> {
    let mut options = RuleOptions::default();
    let mut seen: Vec<Word<'_>> = Vec::new();
    while let Some((&word, rest)) = words.split_first() {
        let Some(option) = find(word) else { return wrong(word.at, unknown(word.text)) };
        if seen.iter().any(|other| other.text == word.text) {
            return wrong(word.at, format!("duplicate option {}", quoted(word.text)));
        }
        seen.push(word);
        let values = rest.iter().position(|word| find(*word).is_some()).unwrap_or(rest.len());
        let taken = if let Parse::Values(_) = option.parse { values } else { values.min(1) };
        let (taken, rest) = rest.split_at_checked(taken).unwrap_or_default();
        let Some(first) = taken.first() else {
            return wrong(word.at, format!("missing value after {}", quoted(word.text)));
        };
        match option.parse {
            Parse::Value(parse) => parse(&mut options, *first)?,
            Parse::Values(parse) => parse(&mut options, taken).map_err(|wrong| or_option(taken, wrong))?,
        }
        if options.answering.via.len() > MAX_SERVERS {
            return wrong(word.at, format!("too many name servers: expected at most {MAX_SERVERS}"));
        }
        words = rest;
    }
    let is_idle = |word: &&Word<'_>| !BESIDE_ADDRESS.iter().any(|name| word.is(name));
    match seen.iter().find(is_idle) {
        Some(word) if !options.answering.addresses.is_empty() => {
            wrong(word.at, format!("{} cannot be combined with \"address\"", quoted(word.text)))
        }
        _ => Ok(options),
    }
}

/// A word after the first of several values may be a misspelt option.
fn or_option(values: &[Word<'_>], wrong: SyntaxError) -> SyntaxError {
    let meant =
        values.iter().skip(1).find(|word| word.at == wrong.at).filter(|word| nearest_option(word.text).is_some());
    match meant {
        Some(word) => SyntaxError { at: word.at, message: unknown(word.text) },
        None => wrong,
    }
}

fn unknown(text: &[u8]) -> String {
    let hint = nearest_option(text).map_or_else(
        || format!("expected {}", listed(OPTIONS.iter().map(|option| option.name))),
        |near| format!("did you mean \"{near}\"?"),
    );
    format!("unknown option {}: {hint}", quoted(text))
}

fn fallback(word: Word<'_>) -> Result<Fallback, SyntaxError> {
    match word.text {
        b"never" => Ok(Fallback::Never),
        b"error" => Ok(Fallback::Error),
        b"always" => Ok(Fallback::Always),
        other => {
            wrong(word.at, format!("invalid value {}: expected \"never\", \"error\" or \"always\"", quoted(other)))
        }
    }
}

fn address(word: &Word<'_>) -> Result<IpAddr, SyntaxError> {
    match std::str::from_utf8(word.text).ok().and_then(|text| text.parse().ok()) {
        Some(address) => Ok(address),
        None => wrong(
            word.at,
            format!("invalid address {}: expected an address such as 10.1.2.3 or fd00::1", quoted(word.text)),
        ),
    }
}

fn hosts(word: Word<'_>) -> Result<Hosts, SyntaxError> {
    match (word.text, CString::new(word.text)) {
        (b"on", _) => Ok(Hosts::System),
        (b"off", _) => Ok(Hosts::Off),
        ([b'/', ..], Ok(path)) => Ok(Hosts::File(path)),
        (other, _) => {
            wrong(word.at, format!("invalid value {}: expected \"on\", \"off\" or an absolute path", quoted(other)))
        }
    }
}

/// Parses a word of resolv.conf's `options`. Unlike in resolv.conf, an unknown option is an error.
fn change(word: &Word<'_>) -> Result<OptionChange, SyntaxError> {
    if let Some(value) = word.text.strip_prefix(b"ndots:") {
        return number(Word { at: word.at + 6, text: value }, NDOTS, "ndots", "").map(OptionChange::Ndots);
    }
    for option in ["timeout", "attempts"] {
        let value = word.text.strip_prefix(option.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
        if let Some(value) = value {
            let value = value.escape_ascii();
            let word_text = quoted(word.text);
            return wrong(
                word.at,
                format!("invalid resolver option {word_text}: use \"{option} {value}\", an option of the rule"),
            );
        }
    }
    let (text, on) = word.text.strip_prefix(b"-").map_or((word.text, true), |text| (text, false));
    match Switch::named(text).filter(|_| text != NO_RELOAD.as_bytes()) {
        Some(switch) => Ok(OptionChange::Switch(switch, on)),
        None => {
            let words = || Switch::WORDS.into_iter().filter(|word| *word != NO_RELOAD).chain(["ndots:N"]);
            let hint = nearest(text, words())
                .map_or_else(|| format!("expected {}", listed(words())), |near| format!("did you mean \"{near}\"?"));
            wrong(word.at, format!("unknown resolver option {}: {hint}", quoted(word.text)))
        }
    }
}

/// This option is about resolv.conf itself, so a rule cannot change it.
const NO_RELOAD: &str = "no-reload";
