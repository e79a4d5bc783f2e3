//! Lines of the log about lookups: the library writes them, and the command parses them.
//!
//! ```text
//! getaddrinfo db.internal: bypass (NSS_BYPASS *.internal): 10.1.2.3 from 10.0.0.53:53 in 812 us
//! getaddrinfo www.example: pass (NSS_BYPASS *): 192.0.2.7 from libc in 95 us
//! getaddrinfo metadata: fallback (NSS_BYPASS *): 10.1.2.4 from 10.0.0.53:53 in 930 us; libc: not found
//! getaddrinfo www.example: pass (no rule)
//! ```

use std::fmt::{self, Write};
use std::net::IpAddr;

/// How a lookup was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It was answered by nss-bypass.
    Bypass,
    /// It was forwarded to libc.
    Pass,
    /// It was forwarded to libc, which did not find the name, and was then resolved by nss-bypass.
    Fallback,
}

/// A line of the log about a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The function that the program called.
    pub function: String,
    /// The name or the address, as [`printable`] formats it.
    pub subject: String,
    /// How it was handled.
    pub handling: Handling,
    /// The rule, as place and pattern, or a remark that there is none.
    pub rule: String,
    /// The result, if it is known.
    pub ending: Option<Ending>,
    /// A remark.
    pub note: Option<String>,
}

/// The result of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Addresses or a name, or the reason why there are none, in words.
    pub result: String,
    /// The source of the answer, with a preposition: "from /etc/hosts"; empty if there is none.
    pub source: String,
    /// The duration in microseconds.
    pub took: u128,
}

/// The prepositions between a result and its source.
const SOURCES: [&str; 2] = [" from ", " as "];

impl Ending {
    /// Returns whether something was found. Failures consist of several words.
    pub fn is_found(&self) -> bool {
        !self.result.contains(' ') || self.result.split(' ').all(|word| word.parse::<IpAddr>().is_ok())
    }
}

impl Record {
    /// Parses a line. Returns `None` if it is not about a lookup.
    pub fn parse(line: &str) -> Option<Self> {
        let (function, rest) = line.split_once(' ')?;
        let (subject, rest) = rest.split_once(": ")?;
        let (handling, rest) = rest.split_once(" (")?;
        let handling = match handling {
            "bypass" => Handling::Bypass,
            "pass" => Handling::Pass,
            "fallback" => Handling::Fallback,
            _ => return None,
        };
        let (rule, rest) = rest.split_once("): ").or_else(|| Some((rest.strip_suffix(')')?, "")))?;
        let (rest, note) = match rest.rsplit_once("; ") {
            Some((rest, note)) => (rest, Some(note.to_owned())),
            None => (rest, None),
        };
        let ending = if rest.is_empty() { None } else { Some(ending(rest)?) };
        Some(Self {
            function: function.to_owned(),
            subject: subject.to_owned(),
            handling,
            rule: rule.to_owned(),
            ending,
            note,
        })
    }
}

fn ending(text: &str) -> Option<Ending> {
    let (text, took) = text.strip_suffix(" us")?.rsplit_once(" in ")?;
    let source = SOURCES.into_iter().filter_map(|preposition| text.find(preposition)).min();
    let (result, source) = source.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
    Some(Ending { result: result.to_owned(), source: source.trim_start().to_owned(), took: took.parse().ok()? })
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, subject, handling, rule, ending, note } = self;
        let handling = match handling {
            Handling::Bypass => "bypass",
            Handling::Pass => "pass",
            Handling::Fallback => "fallback",
        };
        write!(f, "{function} {subject}: {handling} ({rule})")?;
        if let Some(Ending { result, source, took }) = ending {
            let blank = if source.is_empty() { "" } else { " " };
            write!(f, ": {result}{blank}{source} in {took} us")?;
        }
        note.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

/// Formats a name for the log: blanks, control bytes and anything that is not ASCII become `\xNN`, so that no name can
/// forge a line.
pub fn printable(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'!'..=b'~' if byte != b'\\' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let found = "10.1.2.3 fd00::1";
        let table = [
            ("f x: pass (no rule)", Handling::Pass, None),
            (
                "f x: bypass (/etc/a b.conf:7 *.x): 10.1.2.3 fd00::1 from [::1]:53 in 7 us",
                Handling::Bypass,
                Some(found),
            ),
            (
                "f x: bypass (NSS_BYPASS x): 10.1.2.3 fd00::1 as 10.0.0.1:53 said before in 7 us",
                Handling::Bypass,
                Some(found),
            ),
            (
                "f x: fallback (NSS_BYPASS *): 10.1.2.3 fd00::1 from /etc/hosts in 7 us; libc: not found",
                Handling::Fallback,
                Some(found),
            ),
            (
                "f 10.1.2.3: bypass (NSS_BYPASS 10.0.0.0/8): host.x from 10.0.0.1:53 in 7 us",
                Handling::Bypass,
                Some("host.x"),
            ),
            (
                "f x: bypass (NSS_BYPASS x): no answer, try again from 10.0.0.1:53 in 7 us; asking libc",
                Handling::Bypass,
                None,
            ),
            ("f NULL: bypass (NSS_BYPASS *): in numbers in 7 us", Handling::Bypass, None),
        ];
        for (line, handling, found) in table {
            let record = Record::parse(line).unwrap();
            assert_eq!(record.to_string(), line);
            assert_eq!(record.handling, handling, "{line}");
            let result = record.ending.filter(Ending::is_found).map(|ending| ending.result);
            assert_eq!(result.as_deref(), found, "{line}");
        }
        for other in ["", "f", "/etc/nss-bypass.conf:1:1: unknown keyword \"x\"", "f x: other (y)"] {
            assert_eq!(Record::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        assert_eq!(printable(b"a\nb\\\xff: c"), "a\\x0ab\\x5c\\xff:\\x20c");
    }
}
