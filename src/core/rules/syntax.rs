//! The syntax of rules, which resembles that of resolv.conf(5): lines of words, with positions for error messages.

use std::ops::RangeInclusive;

/// An error: the offset of the byte in the line, from 0, and the message.
pub(super) struct SyntaxError {
    pub(super) at: usize,
    pub(super) message: String,
}

pub(super) fn wrong<T>(at: usize, message: impl Into<String>) -> Result<T, SyntaxError> {
    Err(SyntaxError { at, message: message.into() })
}

/// A word and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its offset in the line, from 0.
    pub at: usize,
    /// Its bytes.
    pub text: &'a [u8],
}

impl Word<'_> {
    /// Returns its position in the line, from 1, as in diagnostics.
    pub fn column(&self) -> u32 {
        u32::try_from(self.at + 1).unwrap_or(u32::MAX)
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text.as_bytes()
    }
}

/// A line that is neither empty nor a comment: its keyword, and the words after it.
pub(super) struct Statement<'a, 'w> {
    pub(super) keyword: Word<'a>,
    pub(super) words: &'w [Word<'a>],
    /// The offset of the end of the line, for errors about missing words.
    pub(super) end: usize,
}

impl<'a, 'w> Statement<'a, 'w> {
    /// Parses the first line of a text, and returns its length and its words, for which `room` is used as storage;
    /// `None` if it is empty or a comment. The words are those that [`words`] returns, but a long file is parsed faster
    /// here, since words and lines are found in one pass.
    pub(super) fn read(text: &'a [u8], room: &'w mut Vec<Word<'a>>) -> (usize, Option<Self>) {
        room.clear();
        let mut is_comment = text.starts_with(b";"); // The other comment character of resolv.conf.
        let (mut start, mut from) = (0, 0);
        let end = loop {
            let at = find_control_or_blank(text, from);
            let byte = text.get(at).copied().unwrap_or(b'\n');
            from = at + 1;
            if byte != b'\n' && !is_blank(byte) {
                continue; // A control byte that is part of the word.
            }
            let word = text.get(start..at).unwrap_or_default();
            is_comment |= word.starts_with(b"#");
            if !word.is_empty() && !is_comment {
                room.push(Word { at: start, text: word });
            }
            start = from;
            if byte == b'\n' {
                break at;
            }
        };
        (end, room.split_first().map(|(&keyword, words)| Self { keyword, words, end }))
    }
}

/// Returns the offset of the next byte that is a blank or a control byte, or the length of the text. It examines eight
/// bytes at a time: the subtraction borrows into the highest bit of each byte that is at most a blank.
fn find_control_or_blank(text: &[u8], from: usize) -> usize {
    const LIMITS: u64 = u64::from_ne_bytes([b' ' + 1; 8]);
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, rest) = text.get(from..).unwrap_or_default().as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = word.wrapping_sub(LIMITS) & !word & HIGHEST;
        if found != 0 {
            return from + number * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let before = rest.iter().position(|&byte| byte <= b' ').unwrap_or(rest.len());
    from + words.len() * 8 + before
}

/// Returns the words of a line, up to one that begins with `#`.
pub fn words<'a>(line: &'a [u8], separates: fn(u8) -> bool) -> impl Iterator<Item = Word<'a>> {
    let mut at = 0;
    line.split(move |&byte| separates(byte))
        .map(move |text| {
            let word = Word { at, text };
            at += text.len() + 1;
            word
        })
        .filter(|word| !word.text.is_empty())
        .take_while(|word| !word.text.starts_with(b"#"))
}

/// Returns whether a byte separates the words of a line.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Returns whether a byte separates the items of a variable.
pub fn separates_items(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b'\n')
}

pub(super) fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", text.escape_ascii())
}

/// Formats words as a list in a sentence: "a, b or c".
pub(super) fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    }
}

/// Parses a number. `what` and `unit` are for the error message; the unit begins with a blank or is empty.
pub(super) fn number(word: Word<'_>, range: RangeInclusive<u32>, what: &str, unit: &str) -> Result<u32, SyntaxError> {
    let digits = std::str::from_utf8(word.text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()).filter(|value| range.contains(value)) {
        Some(value) => Ok(value),
        None => {
            let (least, most) = (range.start(), range.end());
            wrong(word.at, format!("invalid {what} {}: expected {least} to {most}{unit}", quoted(word.text)))
        }
    }
}

pub(super) fn on_or_off(word: Word<'_>) -> Result<bool, SyntaxError> {
    match word.text {
        b"on" => Ok(true),
        b"off" => Ok(false),
        other => wrong(word.at, format!("invalid value {}: expected \"on\" or \"off\"", quoted(other))),
    }
}

/// Returns the word that was probably meant: at most two edits away.
pub(super) fn nearest<'a>(text: &[u8], words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const FAR: usize = 3;
    let nearest = words.into_iter().map(|word| (distance(text, word.as_bytes()), word)).min()?;
    (nearest.0 < FAR && nearest.0 < text.len()).then_some(nearest.1)
}

/// Returns the number of letters to change, insert or delete (Levenshtein distance).
fn distance(one: &[u8], other: &[u8]) -> usize {
    if one.len() > 16 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i + 1);
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other) {
            let best = (diagonal + usize::from(!a.eq_ignore_ascii_case(b))).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_line_are_the_same_by_either_reader() {
        let bytes = b"aZ#;\t\r \n\x00\x1f\x7f\x80\xa0\xff";
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut next = |limit: u64| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 33) % limit
            };
            let length = next(30);
            let text: Vec<u8> = (0..length).map(|_| bytes[next(bytes.len() as u64) as usize]).collect();
            let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let expected: Vec<Word<'_>> =
                if line.starts_with(b";") { Vec::new() } else { words(line, is_blank).collect() };
            let mut room = Vec::new();
            let (length, statement) = Statement::read(&text, &mut room);
            assert_eq!(length, line.len(), "{}", text.escape_ascii());
            let read = statement.map_or_else(Vec::new, |it| [&[it.keyword], it.words].concat());
            assert_eq!(read, expected, "{}", text.escape_ascii());
        }
    }
}
