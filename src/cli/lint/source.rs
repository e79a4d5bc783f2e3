//! The text of a configuration, with the positions of the words of its rules.

use std::collections::HashSet;

use nss_bypass_core::rules::config::Config;
use nss_bypass_core::rules::options;
use nss_bypass_core::rules::pattern::Pattern;
use nss_bypass_core::rules::rule::Rule;
use nss_bypass_core::rules::syntax::{Word, is_blank, separates_items, words};

use crate::lint::finding::{Finding, Severity};

/// A file or a variable, and its contents.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The path or the name.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: Vec<u8>,
    /// The parsed text.
    pub(crate) config: Config,
    /// The lines that are not in force.
    pub(crate) wrong_lines: HashSet<u32>,
}

impl Source {
    pub(crate) fn finding(&self, place: Place, severity: Severity, code: &'static str, message: String) -> Finding {
        let (line, column) = (Some(place.line), Some(place.column));
        Finding { source: self.name.clone(), line, column, severity, code, message, fix: None }
    }

    fn is_variable(&self) -> bool {
        self.config.rules.first().is_some_and(|rule| rule.origin().line == 0)
    }

    /// Returns the position of the pattern of each rule.
    pub(crate) fn places(&self) -> Vec<Place> {
        if self.is_variable() { self.places_of_items() } else { self.places_in_lines() }
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

    /// Returns the lines with rules. A variable has none.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        let mut texts = self.text.split(|&byte| byte == b'\n').zip(1_u32..);
        let chunks = self.config.rules.chunk_by(|one, other| one.origin().line == other.origin().line);
        let lines = chunks.filter_map(|rules| {
            let rule = rules.first().filter(|rule| rule.origin().line > 0)?;
            let (text, number) = texts.find(|(_, number)| *number == rule.origin().line)?;
            Some(Line { source: self, number, words: words(text, is_blank).collect(), rules, rule })
        });
        lines.collect()
    }

    /// Returns the lines in force that begin with this keyword, with their words.
    pub(crate) fn statements(&self, keyword: &str) -> Vec<(u32, Vec<Word<'_>>)> {
        let lines = self.text.split(|&byte| byte == b'\n').zip(1_u32..);
        let lines = lines.filter(|_| !self.is_variable());
        let good = lines.filter(|(text, line)| !text.starts_with(b";") && !self.wrong_lines.contains(line));
        let all = good.map(|(text, line)| (line, words(text, is_blank).collect::<Vec<_>>()));
        all.filter(|(_, words)| words.first().is_some_and(|word| word.text == keyword.as_bytes())).collect()
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

/// The position of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A line with rules.
pub(crate) struct Line<'a> {
    source: &'a Source,
    number: u32,
    pub(crate) words: Vec<Word<'a>>,
    /// One rule for each pattern.
    pub(crate) rules: &'a [Rule],
    /// The first of these rules; they have the same options.
    pub(crate) rule: &'a Rule,
}

impl Line<'_> {
    /// Returns the word with the name of this option.
    pub(crate) fn option(&self, name: &str) -> Option<&Word<'_>> {
        self.options().find(|word| word.text == name.as_bytes())
    }

    /// Returns the words with names of options. The first pattern may have the same text as one.
    pub(crate) fn options(&self) -> impl Iterator<Item = &Word<'_>> {
        self.words.iter().skip(2).filter(|word| is_option(word))
    }

    /// Returns the values of an option.
    pub(crate) fn values(&self, option: &str) -> &[Word<'_>] {
        let Some(at) = self.option(option).map(|word| word.at) else { return &[] };
        let behind = self.words.iter().position(|word| word.at > at).unwrap_or(self.words.len());
        let values = self.words.get(behind..).unwrap_or_default();
        values.get(..values.iter().position(is_option).unwrap_or(values.len())).unwrap_or_default()
    }

    /// Creates a finding about one of the words.
    pub(crate) fn finding(
        &self,
        word: Option<&Word<'_>>,
        severity: Severity,
        code: &'static str,
        message: String,
    ) -> Finding {
        let place = Place { line: self.number, column: word.map_or(1, Word::column) };
        self.source.finding(place, severity, code, message)
    }
}

fn is_option(word: &Word<'_>) -> bool {
    options::OPTIONS.iter().any(|option| option.name.as_bytes() == word.text)
}

/// A rule with its position.
pub(crate) struct Placed<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) source: &'a Source,
    pub(crate) place: Place,
}

impl Placed<'_> {
    pub(crate) fn finding(&self, severity: Severity, code: &'static str, message: String) -> Finding {
        self.source.finding(self.place, severity, code, message)
    }

    /// Returns how other findings refer to it.
    pub(crate) fn named(&self) -> String {
        let Place { line, column } = self.place;
        format!("\"{}\" at {}:{line}:{column}", self.rule.pattern(), self.source.name)
    }
}
