//! What a command has looked up according to the library's log: one row for each distinct lookup, with its count.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use nss_bypass_core::settings::record::{Ending, Handling, Record};
use serde::{Serialize, Serializer};

/// The numbers of lookups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All lookups.
    pub(crate) lookups: usize,
    /// Those that the library resolved: a `bypass` rule matched, or libc did not find a name with `fallback`.
    pub(crate) matched: usize,
}

/// What became of a lookup, in the order in which lookups are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// libc did not find it, and the library did.
    Hidden,
    /// A `bypass` rule matched.
    Bypassed,
    /// libc found it, or was asked without its answer being logged.
    Libc,
    /// It was not found.
    Unfound,
}

/// A distinct lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Lookup {
    /// The name or the address, as in the log.
    pub(crate) name: String,
    /// The function that was called.
    pub(crate) function: String,
    /// The program that called it.
    pub(crate) program: String,
    /// How often it was made.
    pub(crate) count: usize,
    #[serde(serialize_with = "in_a_word")]
    pub(crate) handling: Handling,
    /// The rule that applied, as place and pattern, or a remark that there is none.
    pub(crate) rule: String,
    /// libc, a server, or a file; `None` if there was no answer.
    pub(crate) answered_by: Option<String>,
    /// Whether something was found; `None` if libc's answer was not logged.
    pub(crate) found: Option<bool>,
    /// Addresses or a name, or the reason why there are none, in words; those of the last lookup.
    pub(crate) result: Option<String>,
    /// The average duration in microseconds, if it is known.
    pub(crate) microseconds: Option<u128>,
}

fn in_a_word<S: Serializer>(handling: &Handling, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match handling {
        Handling::Bypass => "bypass",
        Handling::Pass => "pass",
        Handling::Fallback => "fallback",
    })
}

impl Lookup {
    /// Creates a row from a line of the log.
    fn new(program: &str, record: Record) -> Self {
        let Record { function, subject: name, handling, rule, ending, note } = record;
        // libc's answer after a `bypass` rule with `fallback` is not logged.
        let ends_with_libc = handling == Handling::Bypass && note.is_some();
        let found = ending.as_ref().filter(|_| !ends_with_libc).map(Ending::is_found);
        let answered_by = match (handling, &ending) {
            (Handling::Pass, _) => Some("libc".to_owned()),
            _ if ends_with_libc => Some("libc".to_owned()),
            (_, Some(ending)) => source(ending),
            (_, None) => None,
        };
        let microseconds = ending.as_ref().map(|ending| ending.took);
        let result = ending.map(|ending| ending.result);
        let program = program.to_owned();
        Self { name, function, program, count: 1, handling, rule, answered_by, found, result, microseconds }
    }

    /// Adds another lookup of the same row.
    fn add(&mut self, other: Self) {
        let total = |lookup: &Self| lookup.microseconds.map(|average| average * lookup.count as u128);
        let all = total(self).zip(total(&other)).map(|(one, more)| one + more);
        self.count += other.count;
        self.microseconds = all.map(|all| all / self.count as u128);
        self.result = other.result;
    }

    /// Returns what became of the lookup.
    pub(crate) fn outcome(&self) -> Outcome {
        match (self.handling, self.found) {
            (Handling::Bypass, _) => Outcome::Bypassed,
            (_, Some(false)) => Outcome::Unfound,
            (Handling::Fallback, _) => Outcome::Hidden,
            (Handling::Pass, _) => Outcome::Libc,
        }
    }

    fn key(&self) -> Key {
        Key {
            outcome: self.outcome(),
            lower: self.name.to_ascii_lowercase(),
            name: self.name.clone(),
            function: self.function.clone(),
            program: self.program.clone(),
            answered_by: self.answered_by.clone(),
            rule: self.rule.clone(),
            found: self.found,
            failure: self.result.clone().filter(|_| self.found == Some(false)),
        }
    }
}

/// What distinguishes lookups, and the order in which they are shown: alphabetically within each outcome. The addresses
/// that were found are not part of it, since servers change their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    outcome: Outcome,
    lower: String,
    name: String,
    function: String,
    program: String,
    answered_by: Option<String>,
    rule: String,
    found: Option<bool>,
    failure: Option<String>,
}

/// Returns the source of an answer, without preposition.
fn source(ending: &Ending) -> Option<String> {
    let source = ending.source.as_str();
    let cached = source.strip_prefix("as ").and_then(|rest| rest.strip_suffix(" said before"));
    match cached {
        Some(server) => Some(format!("{server}, cached")),
        None => Some(source.strip_prefix("from ").unwrap_or(source).to_owned()).filter(|source| !source.is_empty()),
    }
}

/// Everything that a command has looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookups {
    rows: BTreeMap<Key, Lookup>,
    counts: Counts,
}

impl Lookups {
    /// Adds a lookup of this program.
    pub(crate) fn add(&mut self, program: &str, record: Record) {
        self.counts.lookups += 1;
        self.counts.matched += usize::from(record.handling != Handling::Pass);
        let lookup = Lookup::new(program, record);
        match self.rows.entry(lookup.key()) {
            Entry::Occupied(row) => row.into_mut().add(lookup),
            Entry::Vacant(row) => {
                row.insert(lookup);
            }
        }
    }

    /// Returns the numbers of lookups.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns all rows in the order in which they are shown.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Lookup> {
        self.rows.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookups(lines: &[&str]) -> Lookups {
        let mut lookups = Lookups::default();
        lines.iter().for_each(|line| lookups.add("curl", Record::parse(line).unwrap()));
        lookups
    }

    #[test]
    fn a_lookup_that_is_made_again_is_a_count_and_not_a_row() {
        let lookups = lookups(&[
            "getaddrinfo x: fallback (NSS_BYPASS *): not found from 10.0.0.1:53 in 7 us; libc: not found",
            "getaddrinfo x: fallback (NSS_BYPASS *): 10.1.2.3 10.1.2.4 from 10.0.0.1:53 in 10 us; libc: not found",
            "getaddrinfo x: fallback (NSS_BYPASS *): 10.1.2.4 10.1.2.3 from 10.0.0.1:53 in 20 us; libc: not found",
            "getaddrinfo x: fallback (NSS_BYPASS *): 10.1.2.4 10.1.2.3 from 10.0.0.1:53 in 90 us; libc: not found",
            "gethostbyname x: fallback (NSS_BYPASS *): 10.1.2.4 as 10.0.0.1:53 said before in 1 us; libc: not found",
        ]);
        let rows: Vec<_> =
            lookups.rows().map(|row| (row.count, row.answered_by.as_deref(), row.found, row.microseconds)).collect();
        let server = Some("10.0.0.1:53");
        assert_eq!(
            rows,
            [
                (3, server, Some(true), Some(40)),
                (1, Some("10.0.0.1:53, cached"), Some(true), Some(1)),
                (1, server, Some(false), Some(7))
            ]
        );
        assert_eq!(lookups.counts(), Counts { lookups: 5, matched: 5 });
    }

    #[test]
    fn what_became_of_a_lookup_is_told_by_who_answered() {
        let table = [
            (
                "f x: fallback (NSS_BYPASS *): 10.1.2.3 from /etc/hosts in 7 us; libc: not found",
                Outcome::Hidden,
                "/etc/hosts",
            ),
            ("f x: bypass (f:1 x): 10.1.2.3 from 10.0.0.1:53 in 7 us", Outcome::Bypassed, "10.0.0.1:53"),
            ("f x: bypass (f:1 x): not found from 10.0.0.1:53 in 7 us", Outcome::Bypassed, "10.0.0.1:53"),
            ("f x: bypass (f:1 x): not found from 10.0.0.1:53 in 7 us; asking libc", Outcome::Bypassed, "libc"),
            ("f x: pass (NSS_BYPASS *): 10.1.2.3 from libc in 7 us", Outcome::Libc, "libc"),
            ("f x: pass (no rule)", Outcome::Libc, "libc"),
            ("f x: pass (f:1 *): not found from libc in 7 us", Outcome::Unfound, "libc"),
        ];
        for (line, outcome, answered_by) in table {
            let lookups = lookups(&[line]);
            let row = lookups.rows().next().unwrap();
            assert_eq!((row.outcome(), row.answered_by.as_deref()), (outcome, Some(answered_by)), "{line}");
        }
    }

    #[test]
    fn names_stand_in_the_order_of_the_alphabet_below_what_became_of_them() {
        let lookups = lookups(&[
            "f a: pass (no rule)",
            "f d: bypass (f:1 d): 10.1.2.3 from 10.0.0.1:53 in 7 us",
            "f c: fallback (NSS_BYPASS *): 10.1.2.3 from 10.0.0.1:53 in 7 us; libc: not found",
            "f B: fallback (NSS_BYPASS *): 10.1.2.3 from 10.0.0.1:53 in 7 us; libc: not found",
        ]);
        assert_eq!(lookups.rows().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["B", "c", "d", "a"]);
    }
}
