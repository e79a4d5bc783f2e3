//! Relations between patterns: whether one matches all names of another, or some of them.
//!
//! A pattern is treated as an automaton, whose states are the positions between its tokens. Whether one contains
//! another is determined by walking through both at the same time, with every byte that either of them distinguishes.

use std::collections::HashSet;

use nss_bypass_core::rules::pattern::{Kind, Pattern};

/// The maximum number of steps of a walk. Patterns that occur in practice need far fewer.
const MOST_STEPS: usize = 20_000;

/// A token of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// This byte.
    Byte(u8),
    /// Any byte except a dot: `?`.
    InLabel,
    /// Any bytes except dots: `*`.
    ManyInLabel,
    /// Any byte.
    One,
    /// Any bytes.
    Many,
}

impl Token {
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => own == byte,
            Self::InLabel | Self::ManyInLabel => byte != b'.',
            Self::One | Self::Many => true,
        }
    }

    fn repeats(self) -> bool {
        matches!(self, Self::ManyInLabel | Self::Many)
    }
}

/// The set of names that a pattern matches.
#[derive(Clone, Debug)]
pub(crate) struct NameSet {
    tokens: Vec<Token>,
    /// The initial positions.
    starts: Vec<usize>,
}

impl NameSet {
    /// Returns the set for a pattern for names; `None` for a pattern for addresses.
    pub(crate) fn of(pattern: Pattern<'_>) -> Option<Self> {
        let labels = pattern.domain().iter().map(|byte| match byte {
            b'*' => Token::ManyInLabel,
            b'?' => Token::InLabel,
            byte => Token::Byte(*byte),
        });
        // At least one byte before the dot.
        let below = [Token::One, Token::Many, Token::Byte(b'.')];
        let (tokens, starts): (Vec<Token>, _) = match pattern.kind() {
            Kind::Network => return None,
            Kind::Any => (vec![Token::Many], vec![0]),
            Kind::Exact | Kind::Glob => (labels.collect(), vec![0]),
            Kind::Below => (below.into_iter().chain(labels).collect(), vec![0]),
            Kind::Within => (below.into_iter().chain(labels).collect(), vec![0, below.len()]),
        };
        Some(Self { tokens, starts })
    }

    /// Adds a position, and those that can be reached from it without a byte.
    fn enter(&self, mut at: usize, places: &mut Vec<usize>) {
        while !places.contains(&at) {
            places.push(at);
            if !self.tokens.get(at).is_some_and(|token| token.repeats()) {
                return;
            }
            at += 1;
        }
    }

    fn begin(&self) -> Vec<usize> {
        let mut places = Vec::new();
        self.starts.iter().for_each(|&start| self.enter(start, &mut places));
        places.sort_unstable();
        places
    }

    /// Returns the positions that can be reached from these with a byte, in order.
    fn step(&self, from: &[usize], byte: u8) -> Vec<usize> {
        let mut places = Vec::new();
        for &at in from {
            match self.tokens.get(at) {
                Some(token) if token.takes(byte) => self.enter(at + usize::from(!token.repeats()), &mut places),
                _ => {}
            }
        }
        places.sort_unstable();
        places
    }

    fn is_end(&self, places: &[usize]) -> bool {
        places.contains(&self.tokens.len())
    }

    /// Returns the bytes that the patterns distinguish: their own, the dot, and one that represents all others.
    fn alphabet(&self, other: &Self) -> Vec<u8> {
        let mut bytes = vec![b'.'];
        for token in self.tokens.iter().chain(&other.tokens) {
            match token {
                Token::Byte(byte) if !bytes.contains(byte) => bytes.push(*byte),
                _ => {}
            }
        }
        bytes.extend((0..=u8::MAX).find(|byte| !bytes.contains(byte)));
        bytes
    }

    /// Walks through both automata, and returns whether `found` holds for the positions after any name; `None` if the
    /// walk is too long.
    fn walk(&self, other: &Self, found: impl Fn(&[usize], &[usize]) -> bool) -> Option<bool> {
        let alphabet = self.alphabet(other);
        let mut seen = HashSet::new();
        let mut open = vec![(self.begin(), other.begin())];
        let mut steps = 0;
        while let Some((own, others)) = open.pop() {
            if found(&own, &others) {
                return Some(true);
            }
            for &byte in &alphabet {
                steps += 1;
                let own = self.step(&own, byte);
                if !own.is_empty() {
                    let next = (own, other.step(&others, byte));
                    if seen.insert(next.clone()) {
                        open.push(next);
                    }
                }
            }
            if steps > MOST_STEPS {
                return None;
            }
        }
        Some(false)
    }

    /// Returns whether every name of this set is in the other.
    pub(crate) fn are_all_in(&self, other: &Self) -> bool {
        self.walk(other, |own, others| self.is_end(own) && !other.is_end(others)) == Some(false)
    }

    /// Returns whether both sets have a name in common, or whether that takes too long to determine.
    pub(crate) fn meet(&self, other: &Self) -> bool {
        self.walk(other, |own, others| self.is_end(own) && other.is_end(others)) != Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> NameSet {
        NameSet::of(Pattern::parse(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn one_pattern_has_all_names_of_another_or_not() {
        let table = [
            ("*.x", ".x", true),
            (".x", "*.x", false),
            ("a", "*", true),
            ("*", "?*", false),
            ("?*", "*", true),
            ("a*b", "a*", true),
            ("a*", "a*b", false),
            ("*-a-*", "*-*-*", true),
            ("?*.x", "*.x", true),
            ("*.x", "?*.x", false),
            ("a?", ".a?", true),
            ("*.a.x", "*.x", true),
            ("*.db?.x", "*.*.x", true),
            ("a*a*a*", "*a*a*", true),
            ("*a*a*", "a*a*a*", false),
            ("a.b", "a*b", false),
        ];
        for (one, other, expected) in table {
            assert_eq!(names(one).are_all_in(&names(other)), expected, "{one} in {other}");
        }
    }

    #[test]
    fn patterns_meet_in_a_name_or_not() {
        let table = [
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("*.x", ".x", true),
            ("x", "*.x", false),
            ("x", ".x", true),
            ("a-*", "*", true),
            ("a?c", "*b*", true),
            ("a.*", "*b*", false),
            ("*.a.*", "*.b.x", false),
        ];
        for (one, other, expected) in table {
            assert_eq!(names(one).meet(&names(other)), expected, "{one} {other}");
            assert_eq!(names(other).meet(&names(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_walk_that_is_too_long_claims_nothing() {
        let long = names(&format!("*a{}", "?".repeat(20)));
        assert!(!long.are_all_in(&long));
        assert!(long.meet(&long));
    }

    /// The automaton and the matching function agree for all short names of three letters.
    #[test]
    fn as_matching_says() {
        let patterns =
            ["*", "a", "a*", "*a", "?", "??", "a?b", ".a", "*.a", "*.?", ".?b", "a.*", "*.a*", "?*.a", "*b*.a"];
        let mut short = vec![String::new()];
        let mut last = short.clone();
        for _ in 0..5 {
            last = last.iter().flat_map(|name| ['a', 'b', '.'].map(|letter| format!("{name}{letter}"))).collect();
            short.extend(last.clone());
        }
        for one in patterns {
            for other in patterns {
                let (first, second) =
                    (Pattern::parse(one.as_bytes()).unwrap(), Pattern::parse(other.as_bytes()).unwrap());
                let has = |pattern: Pattern<'_>, name: &String| pattern.matches(name.as_bytes());
                let all = short.iter().all(|name| !has(first, name) || has(second, name));
                let some = short.iter().any(|name| has(first, name) && has(second, name));
                assert_eq!(names(one).are_all_in(&names(other)), all, "{one} in {other}");
                assert_eq!(names(one).meet(&names(other)), some, "{one} {other}");
            }
        }
    }
}
