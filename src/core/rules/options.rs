//! The options of a rule: one row each, from which its parser, its messages, its spelling hints and the tables of the
//! documentation come.

use std::ops::RangeInclusive;

use super::rule::{Answering, Fallback};
use super::syntax::{Word, Wrong, listed, nearest, number, on_or_off, quoted, server, wrong};

/// Seconds that a server may be waited for, as resolv.conf limits them.
const TIMEOUTS: RangeInclusive<u32> = 1..=30;
/// How often the servers may be asked, as resolv.conf limits it.
const ATTEMPTS: RangeInclusive<u32> = 1..=5;
/// Servers of one rule.
pub(super) const MAX_SERVERS: usize = 16;
/// Seconds that an answer may be cached: a day, as BIND's `max-cache-ttl` and its like are used.
pub(super) const MAX_TTLS: RangeInclusive<u32> = 1..=86_400;

/// The option without which no other counts after `pass`.
pub(super) const FALLBACK: &str = "fallback";

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
    Value(fn(&mut Answering, Word<'_>) -> Result<(), Wrong>),
    /// All words up to the next option, one at least.
    Values(fn(&mut Answering, &[Word<'_>]) -> Result<(), Wrong>),
}

/// All options.
pub const OPTIONS: [OptionRow; 8] = [
    values("via", "via SERVER...", |answering, servers| {
        answering.via = servers.iter().map(server).collect::<Result<_, _>>()?;
        Ok(())
    }),
    value("timeout", "timeout N", |answering, word| {
        answering.timeout = Some(number(word, TIMEOUTS, "seconds")?);
        Ok(())
    }),
    value("attempts", "attempts N", |answering, word| {
        answering.attempts = Some(number(word, ATTEMPTS, "attempts")?);
        Ok(())
    }),
    value("search", "search on|off", |answering, word| {
        answering.search = on_or_off(word)?;
        Ok(())
    }),
    value("hosts", "hosts on|off", |answering, word| {
        answering.hosts = on_or_off(word)?;
        Ok(())
    }),
    value(FALLBACK, "fallback never|error|always", |answering, word| {
        answering.fallback = fallback(word)?;
        Ok(())
    }),
    value("cache", "cache on|off", |answering, word| {
        answering.cache = Some(on_or_off(word)?);
        Ok(())
    }),
    value("max-ttl", "max-ttl N", |answering, word| {
        answering.max_ttl = Some(number(word, MAX_TTLS, "seconds")?);
        Ok(())
    }),
];

const fn value(
    name: &'static str,
    usage: &'static str,
    parse: fn(&mut Answering, Word<'_>) -> Result<(), Wrong>,
) -> OptionRow {
    OptionRow { name, usage, parse: Parse::Value(parse) }
}

const fn values(
    name: &'static str,
    usage: &'static str,
    parse: fn(&mut Answering, &[Word<'_>]) -> Result<(), Wrong>,
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
    let (word, mut answering) = (Word { at: 0, text: value }, Answering::default());
    OPTIONS.iter().find(|row| row.name == option).is_some_and(|row| match row.parse {
        Parse::Value(parse) => parse(&mut answering, word).is_ok(),
        Parse::Values(parse) => parse(&mut answering, &[word]).is_ok(),
    })
}

/// Reads the options of a rule: words, each followed by its value or, after some, by several.
pub(super) fn parse(mut words: &[Word<'_>]) -> Result<Answering, Wrong> {
    let mut answering = Answering::default();
    let mut seen: Vec<&str> = Vec::new();
    while let Some((&word, rest)) = words.split_first() {
        let Some(option) = find(word) else { return wrong(word.at, unknown(word.text)) };
        if seen.contains(&option.name) {
            return wrong(word.at, format!("{} stands twice in this line", quoted(word.text)));
        }
        seen.push(option.name);
        let values = rest.iter().position(|word| find(*word).is_some()).unwrap_or(rest.len());
        let taken = if let Parse::Values(_) = option.parse { values } else { values.min(1) };
        let (taken, rest) = rest.split_at_checked(taken).unwrap_or_default();
        let Some(first) = taken.first() else {
            return wrong(word.at, format!("{} needs a value", quoted(word.text)));
        };
        match option.parse {
            Parse::Value(parse) => parse(&mut answering, *first)?,
            Parse::Values(parse) => parse(&mut answering, taken).map_err(|wrong| or_option(taken, wrong))?,
        }
        if answering.via.len() > MAX_SERVERS {
            return wrong(word.at, format!("a rule has at most {MAX_SERVERS} servers"));
        }
        words = rest;
    }
    Ok(answering)
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
