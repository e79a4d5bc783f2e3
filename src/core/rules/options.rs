//! The options of a rule: one row each, from which its parser, its messages, its spelling hints and the tables of the
//! documentation come.

use std::ffi::CString;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::programs::Program;
use super::rule::{Answering, Fallback, Hosts};
use super::servers::NameServers;
use super::syntax::{Word, Wrong, listed, nearest, number, on_or_off, quoted, wrong};
use crate::files::resolv_conf::{OptionChange, Switch};

/// Seconds that a server may be waited for, as resolv.conf limits them.
const TIMEOUTS: RangeInclusive<u32> = 1..=30;
/// How often the servers may be asked, as resolv.conf limits it.
const ATTEMPTS: RangeInclusive<u32> = 1..=5;
/// A name with fewer dots is searched for at first, as resolv.conf limits it.
const NDOTS: RangeInclusive<u32> = 0..=15;
/// Servers of one rule.
pub(super) const MAX_SERVERS: usize = 16;
/// Seconds that an answer may be cached: a day, as BIND's `max-cache-ttl` and its like are used.
pub(super) const MAX_TTLS: RangeInclusive<u32> = 1..=86_400;

/// What options say of a rule.
#[derive(Debug, Default)]
pub(super) struct RuleOptions {
    pub(super) answering: Answering,
    pub(super) programs: Box<[Program]>,
}

/// An option of `bypass`, and of `pass` with `fallback`.
pub struct OptionRow {
    /// The word that it begins with.
    pub name: &'static str,
    /// How it is written, for messages and the documentation.
    pub usage: &'static str,
    parse: Parse,
}

/// How the words after an option's name are read.
#[derive(Clone, Copy)]
enum Parse {
    /// One word.
    Value(fn(&mut RuleOptions, Word<'_>) -> Result<(), Wrong>),
    /// All words up to the next option, one at least.
    Values(fn(&mut RuleOptions, &[Word<'_>]) -> Result<(), Wrong>),
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
        options.answering.timeout = Some(number(word, TIMEOUTS, "seconds")?);
        Ok(())
    }),
    value("attempts", "attempts N", |options, word| {
        options.answering.attempts = Some(number(word, ATTEMPTS, "attempts")?);
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
        options.answering.max_ttl = Some(number(word, MAX_TTLS, "seconds")?);
        Ok(())
    }),
    values("for", "for PROGRAM...", |options, words| {
        options.programs = words.iter().map(Program::parse).collect::<Result<_, _>>()?;
        Ok(())
    }),
];

/// What may stand beside `address`: the others say how servers and files are asked.
const BESIDE_ADDRESS: [&str; 3] = ["address", "fallback", "for"];

const fn value(
    name: &'static str,
    usage: &'static str,
    parse: fn(&mut RuleOptions, Word<'_>) -> Result<(), Wrong>,
) -> OptionRow {
    OptionRow { name, usage, parse: Parse::Value(parse) }
}

const fn values(
    name: &'static str,
    usage: &'static str,
    parse: fn(&mut RuleOptions, &[Word<'_>]) -> Result<(), Wrong>,
) -> OptionRow {
    OptionRow { name, usage, parse: Parse::Values(parse) }
}

/// The option that a word begins.
pub(super) fn find(word: Word<'_>) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|option| word.is(option.name))
}

/// The option that was probably meant.
pub fn nearest_option(text: &[u8]) -> Option<&'static str> {
    nearest(text, OPTIONS.iter().map(|option| option.name))
}

/// Whether an option takes this value.
pub fn takes(option: &str, value: &[u8]) -> bool {
    let (word, mut options) = (Word { at: 0, text: value }, RuleOptions::default());
    OPTIONS.iter().find(|row| row.name == option).is_some_and(|row| match row.parse {
        Parse::Value(parse) => parse(&mut options, word).is_ok(),
        Parse::Values(parse) => parse(&mut options, &[word]).is_ok(),
    })
}

/// Reads the options of a rule: words, each followed by its value or, after some, by several.
pub(super) fn parse(mut words: &[Word<'_>]) -> Result<RuleOptions, Wrong> {
    let mut options = RuleOptions::default();
    let mut seen: Vec<Word<'_>> = Vec::new();
    while let Some((&word, rest)) = words.split_first() {
        let Some(option) = find(word) else { return wrong(word.at, unknown(word.text)) };
        if seen.iter().any(|other| other.text == word.text) {
            return wrong(word.at, format!("{} stands twice in this line", quoted(word.text)));
        }
        seen.push(word);
        let values = rest.iter().position(|word| find(*word).is_some()).unwrap_or(rest.len());
        let taken = if let Parse::Values(_) = option.parse { values } else { values.min(1) };
        let (taken, rest) = rest.split_at_checked(taken).unwrap_or_default();
        let Some(first) = taken.first() else {
            return wrong(word.at, format!("{} needs a value", quoted(word.text)));
        };
        match option.parse {
            Parse::Value(parse) => parse(&mut options, *first)?,
            Parse::Values(parse) => parse(&mut options, taken).map_err(|wrong| or_option(taken, wrong))?,
        }
        if options.answering.via.len() > MAX_SERVERS {
            return wrong(word.at, format!("a rule has at most {MAX_SERVERS} servers"));
        }
        words = rest;
    }
    let is_idle = |word: &&Word<'_>| !BESIDE_ADDRESS.iter().any(|name| word.is(name));
    match seen.iter().find(is_idle) {
        Some(word) if !options.answering.addresses.is_empty() => {
            wrong(word.at, format!("beside \"address\" nothing is asked, so that {} has no effect", quoted(word.text)))
        }
        _ => Ok(options),
    }
}

/// A word after the first of several values may be meant for an option.
fn or_option(values: &[Word<'_>], wrong: Wrong) -> Wrong {
    let meant =
        values.iter().skip(1).find(|word| word.at == wrong.at).filter(|word| nearest_option(word.text).is_some());
    match meant {
        Some(word) => Wrong { at: word.at, message: unknown(word.text) },
        None => wrong,
    }
}

fn unknown(text: &[u8]) -> String {
    let hint = nearest_option(text).map_or_else(
        || format!("the options are {}", listed(OPTIONS.iter().map(|option| option.name))),
        |near| format!("did you mean \"{near}\"?"),
    );
    format!("unknown option {}: {hint}", quoted(text))
}

fn fallback(word: Word<'_>) -> Result<Fallback, Wrong> {
    match word.text {
        b"never" => Ok(Fallback::Never),
        b"error" => Ok(Fallback::Error),
        b"always" => Ok(Fallback::Always),
        other => wrong(word.at, format!("{} is none of \"never\", \"error\" and \"always\"", quoted(other))),
    }
}

fn address(word: &Word<'_>) -> Result<IpAddr, Wrong> {
    match std::str::from_utf8(word.text).ok().and_then(|text| text.parse().ok()) {
        Some(address) => Ok(address),
        None => wrong(word.at, format!("{} is no address such as 10.1.2.3 or fd00::1", quoted(word.text))),
    }
}

fn hosts(word: Word<'_>) -> Result<Hosts, Wrong> {
    match (word.text, CString::new(word.text)) {
        (b"on", _) => Ok(Hosts::System),
        (b"off", _) => Ok(Hosts::Off),
        ([b'/', ..], Ok(path)) => Ok(Hosts::File(path)),
        (other, _) => {
            wrong(word.at, format!("{} is neither \"on\" nor \"off\" nor the absolute path of a file", quoted(other)))
        }
    }
}

/// A word as after resolv.conf's `options`, but written as it is there and known to this library.
fn change(word: &Word<'_>) -> Result<OptionChange, Wrong> {
    if let Some(value) = word.text.strip_prefix(b"ndots:") {
        return number(Word { at: word.at + 6, text: value }, NDOTS, "dots").map(OptionChange::Ndots);
    }
    for option in ["timeout", "attempts"] {
        let value = word.text.strip_prefix(option.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
        if let Some(value) = value {
            return wrong(
                word.at,
                format!("write \"{option} {}\", which is an option of its own", value.escape_ascii()),
            );
        }
    }
    let (text, on) = word.text.strip_prefix(b"-").map_or((word.text, true), |text| (text, false));
    match Switch::named(text).filter(|_| text != NO_RELOAD.as_bytes()) {
        Some(switch) => Ok(OptionChange::Switch(switch, on)),
        None => {
            let words = || Switch::WORDS.into_iter().filter(|word| *word != NO_RELOAD).chain(["ndots:N"]);
            let hint = nearest(text, words()).map_or_else(
                || format!("the options of resolv.conf are {}", listed(words())),
                |near| format!("did you mean \"{near}\"?"),
            );
            wrong(word.at, format!("unknown option {}: {hint}", quoted(word.text)))
        }
    }
}

/// It is about resolv.conf itself.
const NO_RELOAD: &str = "no-reload";
