//! The text of /etc/ld.so.preload, read as glibc's dynamic linker reads it (elf/rtld.c, `dl_main`), and minimal changes
//! to it.
//!
//! What the linker does is not quite what its comments say: after each comment, it looks for the next one in a shorter
//! initial part of the file, so that late comments are treated as libraries; and it stops at a NUL, except in a last
//! entry without a separator after it.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The path of the file.
pub(crate) const PRELOAD_FILE: &str = "/etc/ld.so.preload";

/// An entry that the dynamic linker treats as a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its position in the file.
    pub(crate) range: Range<usize>,
    /// Whether it is in what is intended as a comment.
    pub(crate) in_comment: bool,
}

impl Entry {
    /// Returns its line number, from 1.
    pub(crate) fn line(&self, bytes: &[u8]) -> usize {
        bytes.iter().take(self.range.start).filter(|byte| **byte == b'\n').count() + 1
    }

    /// Returns its text.
    pub(crate) fn word<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.range.clone()).unwrap_or_default()
    }
}

/// Converts bytes of the file to a path.
pub(crate) fn path_of(word: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(word))
}

/// Returns whether a byte separates entries.
pub(crate) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b':')
}

/// Returns all entries that the dynamic linker would load, in order.
pub(crate) fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut text = bytes.to_vec();
    blank_comments(&mut text);
    // A last entry without a separator after it is read differently.
    let last = text.iter().rposition(|byte| is_separator(*byte)).map_or(0, |at| at + 1);
    let mut words = words_before_nul(&text, 0..last);
    let unended = words_before_nul(&text, last..text.len()).into_iter().next();
    words.extend(unended);
    words.into_iter().map(|range| Entry { in_comment: is_in_comment(bytes, range.start), range }).collect()
}

/// Replaces comments with blanks, as far as the dynamic linker finds them.
fn blank_comments(text: &mut [u8]) {
    let mut rest = text.len();
    while let Some(start) = text.iter().take(rest).position(|byte| *byte == b'#') {
        let most = rest - start;
        let comment = text.iter_mut().skip(start).take(most).enumerate();
        let blanked =
            comment.take_while(|(at, byte)| *at == 0 || **byte != b'\n').map(|(_, byte)| *byte = b' ').count();
        rest = most - blanked;
    }
}

fn words_before_nul(text: &[u8], part: Range<usize>) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = part.start;
    let bytes = text.get(part.clone()).unwrap_or_default().iter().take_while(|byte| **byte != 0);
    let mut end = part.start;
    for byte in bytes {
        if is_separator(*byte) {
            words.push(start..end);
            start = end + 1;
        }
        end += 1;
    }
    words.push(start..end);
    words.retain(|word| !word.is_empty());
    words
}

fn is_in_comment(bytes: &[u8], at: usize) -> bool {
    let mut until_there = bytes.iter().take(at + 1).rev().take_while(|byte| **byte != b'\n');
    until_there.any(|byte| *byte == b'#')
}

/// Returns whether this path can be written to the file so that the dynamic linker understands it.
pub(crate) fn can_be_written(path: &[u8]) -> bool {
    path.first() == Some(&b'/') && !path.iter().any(|byte| is_separator(*byte) || matches!(byte, 0 | b'#' | b'$'))
}

/// Returns the file with `path` in an additional last line, which ends in a newline only if the file did. Returns
/// `None` if the dynamic linker would not read it there, or would not read the other entries as before.
pub(crate) fn with(bytes: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let mut new = bytes.to_vec();
    match bytes.last() {
        None | Some(b'\n') => {
            new.extend_from_slice(path);
            new.push(b'\n');
        }
        Some(_) => {
            new.push(b'\n');
            new.extend_from_slice(path);
        }
    }
    let (ours, others): (Vec<_>, Vec<_>) = outside_comments(&new).into_iter().partition(|word| *word == path);
    let before: Vec<_> = outside_comments(bytes).into_iter().filter(|word| *word != path).collect();
    (!ours.is_empty() && others == before).then_some(new)
}

/// Returns the entries as intended: a comment that begins within an entry is removed, whether the dynamic linker finds
/// it or not.
fn outside_comments(bytes: &[u8]) -> Vec<&[u8]> {
    let words = entries(bytes).into_iter().filter(|entry| !entry.in_comment);
    words.filter_map(|entry| entry.word(bytes).split(|byte| *byte == b'#').next()).collect()
}

/// Returns the file without the entries that satisfy `is_ours`. Lines that become empty are removed.
pub(crate) fn without(bytes: &[u8], is_ours: &dyn Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut rest = bytes.to_vec();
    // One after the other, since each removal may change what the dynamic linker treats as comments.
    while let Some(entry) = entries(&rest).into_iter().find(|entry| is_ours(entry.word(&rest))) {
        let removed = to_remove(&rest, entry.range);
        rest.drain(removed);
    }
    rest
}

/// Returns what to remove for an entry: its line if there is nothing else in it, otherwise the entry and the separator
/// after it or before it.
fn to_remove(bytes: &[u8], word: Range<usize>) -> Range<usize> {
    let line_start = bytes.iter().take(word.start).rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let newline = bytes.iter().skip(word.end).position(|byte| *byte == b'\n').map(|at| at + word.end);
    let line_end = newline.unwrap_or(bytes.len());
    let blank = |part: Range<usize>| bytes.get(part).is_some_and(|part| part.iter().all(|byte| b" \t".contains(byte)));
    if blank(line_start..word.start) && blank(word.end..line_end) {
        return match newline {
            Some(newline) => line_start..newline + 1,
            None => line_start.saturating_sub(1)..line_end,
        };
    }
    let separates =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|byte| is_separator(*byte) && *byte != b'\n');
    if separates(Some(word.end)) {
        word.start..word.end + 1
    } else if separates(word.start.checked_sub(1)) {
        word.start - 1..word.end
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = b"/usr/lib/libnss_bypass.so";

    fn is_ours(word: &[u8]) -> bool {
        word == OURS
    }

    fn words(text: &[u8]) -> Vec<&[u8]> {
        entries(text).iter().map(|entry| entry.word(text)).collect()
    }

    fn has_ours(text: &[u8]) -> bool {
        words(text).contains(&OURS)
    }

    #[test]
    fn words_stand_between_blanks_tabs_newlines_and_colons() {
        assert_eq!(words(b"/a /b\t/c\n/d:/e\n\n::/f"), [b"/a", b"/b", b"/c", b"/d", b"/e", b"/f"]);
        assert_eq!(words(b"/a\r\n"), [b"/a\r"], "a carriage return is part of the name");
        assert!(words(b"").is_empty() && words(b"\n").is_empty() && words(b"# /a\n").is_empty());
    }

    #[test]
    fn a_comment_begins_within_a_word_and_ends_with_its_line() {
        assert_eq!(words(b"/a#/b /c\n/d"), [b"/a", b"/d"]);
        assert_eq!(words(b"/a #"), [b"/a"]);
    }

    #[test]
    fn late_comments_are_taken_for_libraries() {
        // Observed with glibc 2.36: "object '#' from /etc/ld.so.preload cannot be preloaded".
        let text = b"/usr/lib/first.so\n# comment one\n# comment two\n";
        assert_eq!(words(text), [&b"/usr/lib/first.so"[..], b"#", b"comment", b"two"]);
        assert!(entries(text).iter().skip(1).all(|entry| entry.in_comment));
        assert_eq!(words(b"# x /none#foo\n/nowhere#foo bar"), [&b"/nowhere#foo"[..], b"bar"]);
    }

    #[test]
    fn a_nul_ends_all_but_a_last_word_without_an_end() {
        assert_eq!(words(b"/a\0 /b\n/c\n"), [b"/a"]);
        assert_eq!(words(b"/a\0 /b\n/c"), [b"/a", b"/c"]);
        assert!(with(b"/a\0\n", OURS).is_none());
    }

    #[test]
    fn enabling_adds_a_line_at_the_end_which_ends_as_the_file_ended() {
        for (old, new) in [
            ("", "OURS\n"),
            ("\n", "\nOURS\n"),
            ("/a\n", "/a\nOURS\n"),
            ("/a", "/a\nOURS"),
            ("# OURS", "# OURS\nOURS"),
            ("/a #x\n\n", "/a #x\n\nOURS\n"),
        ] {
            let [old, new] = [old, new].map(|text| text.replace("OURS", "/usr/lib/libnss_bypass.so").into_bytes());
            assert_eq!(with(&old, OURS).unwrap(), new);
            assert_eq!(without(&new, &is_ours), old);
        }
    }

    #[test]
    fn disabling_takes_our_words_and_nothing_else() {
        for (old, new) in [
            ("OURS", ""),
            ("OURS\n/a\n", "/a\n"),
            ("/a\n  OURS\t\n/b\n", "/a\n/b\n"),
            ("/a OURS /b\n", "/a /b\n"),
            ("/a:OURS:/b", "/a:/b"),
            ("/a OURS\n", "/a\n"),
            ("OURS # why\n", "# why\n"),
            ("OURS#why\n", "#why\n"),
            ("OURS\nOURS\n/a", "/a"),
            ("/a\nOURS", "/a"),
            ("#OURS\n", "#OURS\n"),
            ("/aOURS OURSb\n", "/aOURS OURSb\n"),
        ] {
            let [old, new] = [old, new].map(|text| text.replace("OURS", "/usr/lib/libnss_bypass.so").into_bytes());
            assert_eq!(without(&old, &is_ours), new, "{}", String::from_utf8_lossy(&old));
        }
    }

    /// The steps of the dynamic linker, byte by byte, as a second implementation.
    fn slowly(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut text = bytes.to_vec();
        let mut rest = text.len();
        while rest > 0 {
            let Some(mut at) = text[..rest].iter().position(|byte| *byte == b'#') else { break };
            rest -= at;
            loop {
                text[at] = b' ';
                rest -= 1;
                if rest == 0 {
                    break;
                }
                at += 1;
                if text[at] == b'\n' {
                    break;
                }
            }
        }
        let until_nul = |text: &[u8]| text.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        let (mut main, mut last) = (text.clone(), None);
        match text.last() {
            None => return Vec::new(),
            Some(byte) if is_separator(*byte) => *main.last_mut().unwrap() = 0,
            Some(_) => {
                let mut problem = text.len();
                while problem > 0 && !is_separator(text[problem - 1]) {
                    problem -= 1;
                }
                main.truncate(problem.saturating_sub(1));
                last = Some(until_nul(&text[problem..]));
            }
        }
        let main = until_nul(&main);
        let words = main.split(|byte| is_separator(*byte)).map(<[u8]>::to_vec).chain(last);
        words.filter(|word| !word.is_empty()).collect()
    }

    /// Returns random files of significant characters; the same in every run.
    fn random_files(count: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = move |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % limit
        };
        let parts: [&[u8]; 14] = [
            b"/a",
            b"/lib/other.so",
            b"#",
            b"# a comment",
            b"\n",
            b"\n",
            b" ",
            b"\t",
            b":",
            b"\0",
            b"\xff",
            b"\r",
            b"x",
            b"/usr/lib/libnss_bypass.so.1",
        ];
        (0..count).map(move |_| (0..below(24)).flat_map(|_| parts[below(parts.len())].to_vec()).collect())
    }

    #[test]
    fn it_is_read_as_the_loader_reads_it() {
        for file in random_files(50_000) {
            let read: Vec<Vec<u8>> = words(&file).into_iter().map(<[u8]>::to_vec).collect();
            assert_eq!(read, slowly(&file), "{file:?}");
        }
    }

    #[test]
    fn disabling_undoes_enabling_and_others_stay() {
        let mut enabled = 0;
        for file in random_files(50_000) {
            let Some(new) = with(&file, OURS) else {
                assert!(file.contains(&0), "only a NUL is in the way: {file:?}");
                continue;
            };
            enabled += 1;
            assert!(has_ours(&new), "{file:?}");
            assert_eq!(without(&new, &is_ours), file);
        }
        assert!(enabled > 25_000, "{enabled}");
    }

    #[test]
    fn after_disabling_the_loader_reads_ours_nowhere() {
        for mut file in random_files(20_000) {
            let text = String::from_utf8_lossy(&file).replace("other", "../usr/lib/libnss_bypass.so ");
            file = text.replace("/lib/../", "/").into_bytes();
            let rest = without(&file, &is_ours);
            assert!(!has_ours(&rest), "{file:?}");
            assert_eq!(without(&rest, &is_ours), rest);
        }
    }
}
