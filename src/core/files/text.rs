//! Functions that the parsers share: lines, words, numbers and addresses as glibc reads them.

use std::borrow::Cow;
use std::io::BufRead;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Returns the text that glibc's `files` module passes to its parsers (nss/nss_readline.c, `__nss_readline`). It
/// removes the blanks at the beginning of a line by moving the text, but not the terminating NUL, so the last bytes of
/// the line occur twice. This has an effect only if there is no newline between the two: in the last line of a file, or
/// in a line with a NUL.
pub fn as_glibc_reads(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&0) && text.last().is_none_or(|&byte| byte == b'\n') {
        return Cow::Borrowed(text);
    }
    let mut read = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let seen = until_nul(line);
        let moved = trim_start(seen);
        let blanks = seen.len() - moved.len();
        // Lines keep their length: it determines how large a buffer must be.
        if moved.is_empty() || moved.ends_with(b"\n") {
            read.extend_from_slice(line);
        } else {
            read.extend_from_slice(moved);
            read.extend_from_slice(line.get(seen.len() - blanks..).unwrap_or_default());
        }
    }
    Cow::Owned(read)
}

/// Returns the lines of a text, without newlines. A NUL ends a line, as it does for the string functions in glibc.
pub(super) fn lines(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let whole = text;
        // The fastest way to find a byte in safe code. Hosts files can be long.
        let length = text.skip_until(b'\n').ok().filter(|&length| length > 0)?;
        let line = whole.get(..length)?;
        Some(until_nul(line.strip_suffix(b"\n").unwrap_or(line)))
    })
}

/// Returns the lines that contain these bytes anywhere, without regard to ASCII case. Since most lines of a long file
/// do not contain them, the whole text is searched, and only the lines around the matches are extracted.
pub(super) fn lines_around<'a>(text: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (before, from) = rest.split_at_checked(find(rest, bytes)?)?;
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let length = from.iter().position(|&byte| byte == b'\n').unwrap_or(from.len());
        let line = until_nul(rest.get(start..before.len() + length)?);
        rest = from.get(length + 1..).unwrap_or_default();
        Some(line)
    })
}

/// The number of bytes that are compared at a time: enough for the widest vector registers.
const BLOCK: usize = 64;

/// Returns the position of the first occurrence of these bytes, without regard to ASCII case. Blocks are skipped in
/// which the first and the last byte do not occur at the right distance, with a loop without branches, which the
/// compiler vectorises.
fn find(text: &[u8], name: &[u8]) -> Option<usize> {
    // Converts letters to lower case, and makes some other bytes equal, so that candidates must be compared again.
    let fold = |byte: u8| byte | 0x20;
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else {
        return (!text.is_empty()).then_some(0);
    };
    let (first, last) = (fold(first), fold(last));
    let fits = |(&head, &tail): (&u8, &u8)| (fold(head) == first) & (fold(tail) == last);
    let heads = text.get(..=text.len().checked_sub(name.len())?)?;
    let tails = text.get(name.len() - 1..)?;
    for (block, (heads, tails)) in heads.chunks(BLOCK).zip(tails.chunks(BLOCK)).enumerate() {
        let pairs = || heads.iter().zip(tails);
        if pairs().fold(0, |hit, pair| hit | u8::from(fits(pair))) != 0 {
            let mut fitting = pairs().enumerate().filter(|&(_, pair)| fits(pair)).map(|(at, _)| block * BLOCK + at);
            let is_name = |at: &usize| text.get(*at..*at + name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
            if let Some(at) = fitting.find(is_name) {
                return Some(at);
            }
        }
    }
    None
}

/// Returns the bytes that a C string function sees: those before the first NUL.
pub fn until_nul(line: &[u8]) -> &[u8] {
    if line.contains(&0) { line.split(|&byte| byte == 0).next().unwrap_or_default() } else { line }
}

/// Like isspace(3) in the C locale.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Returns the text without leading blanks.
pub fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_space(byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// Returns the first word, and the text after it.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim_start(text);
    let end = text.iter().position(|&byte| is_space(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or_default()
}

/// Returns the words of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| is_space(byte)).filter(|word| !word.is_empty())
}

/// Returns a line without its comment.
pub(super) fn without_comment(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b'#').next().unwrap_or_default()
}

/// Parses digits in this base. Returns `None` if there are none, if there is any other byte, or if the number is too
/// large.
pub(super) fn digits(text: &[u8], base: u32) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, &byte| {
        let digit = char::from(byte).to_digit(base)?;
        value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}

/// Parses a number in C notation: decimal, octal with the prefix `0`, or hexadecimal with `0x`.
pub(super) fn c_number(text: &[u8]) -> Option<u64> {
    match text {
        [b'0', b'x' | b'X', rest @ ..] => digits(rest, 16),
        [b'0', rest @ ..] if !rest.is_empty() => digits(rest, 8),
        decimal => digits(decimal, 10),
    }
}

/// Parses a whole word like strtoul(3): with an optional sign, and negative numbers wrap.
pub(super) fn strtoul(word: &[u8], number: impl Fn(&[u8]) -> Option<u64>) -> Option<u64> {
    match word {
        [b'-', rest @ ..] => number(rest).map(u64::wrapping_neg),
        [b'+', rest @ ..] => number(rest),
        _ => number(word),
    }
}

/// Parses an IPv4 address of one to four numbers, decimal, octal or hexadecimal; the last one fills the remaining
/// bytes. Unlike with inet_aton(3), nothing may follow (glibc's `__inet_aton_exact`).
pub fn inet_aton(text: &[u8]) -> Option<Ipv4Addr> {
    let mut value: u64 = 0;
    let mut parts = text.split(|&byte| byte == b'.').peekable();
    let mut left = 4_u32;
    while let Some(part) = parts.next() {
        let number = c_number(part)?;
        if parts.peek().is_none() {
            let bits = left * 8;
            return (left > 0 && number < 1 << bits).then(|| Ipv4Addr::from_bits((value << bits | number) as u32));
        }
        left = left.checked_sub(1).filter(|_| number < 256)?;
        value = value << 8 | number;
    }
    None
}

/// Parses an IPv4 address of four decimal numbers, like inet_pton(3).
pub fn inet_pton4(text: &[u8]) -> Option<Ipv4Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Parses an IPv6 address without a scope, like inet_pton(3).
pub fn inet_pton6(text: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{gai_conf, host_conf, hosts, nsswitch, resolv_conf, services};

    /// Returns random bytes (xorshift) of those that occur in these files.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        const WORDS: &[&[u8]] = &[
            b"\n",
            b"\n",
            b" ",
            b" ",
            b"\t",
            b"\r",
            b"\0",
            b"#",
            b";",
            b":",
            b"/",
            b"!",
            b"[",
            b"]",
            b"=",
            b"%",
            b",",
            b"-",
            b"::1",
            b"::ffff:1.2.3.4",
            b"1.2.3.4",
            b"fe80::1%1",
            b"99999999999999999999",
            b"65536",
            b"hosts",
            b"files",
            b"dns",
            b"NOTFOUND",
            b"return",
            b"nameserver",
            b"search",
            b"domain",
            b"sortlist",
            b"options",
            b"ndots:",
            b"timeout:",
            b"attempts:",
            b"multi",
            b"on",
            b"label",
            b"precedence",
            b"scopev4",
            b"tcp",
            b"name",
            b"\xff",
        ];
        let mut state = seed * 2 + 1;
        let mut text = Vec::new();
        while text.len() < length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let word = WORDS.get((state >> 32) as usize % (WORDS.len() + 8)).copied();
            text.extend_from_slice(word.unwrap_or(&state.to_le_bytes()));
        }
        text
    }

    #[test]
    fn no_text_stops_a_parser() {
        for seed in 0..2_000 {
            let text = noise(seed, 400);
            let around = resolv_conf::ResolverEnvironment {
                localdomain: (seed % 2 == 0).then_some(&text),
                res_options: Some(&text),
                hostname: &text,
                scope_id: &|_, _| Some(1),
                minor: 41,
            };
            let conf = resolv_conf::parse(Some(&text), &around);
            assert!((1..=3).contains(&conf.servers.len()) && conf.ndots <= 15);
            assert!(conf.timeout <= 30 && conf.attempts <= 5);
            nsswitch::parse(Some(&text), 31);
            nsswitch::parse(Some(&text), 36);
            host_conf::parse(Some(&text), &host_conf::HostEnvironment { multi: Some(&text), ..Default::default() });
            let tables = gai_conf::parse(Some(&text));
            assert!(tables.labels.iter().chain(&tables.precedence).all(|entry| entry.bits <= 128));
            services::by_name(&text, b"name", b"tcp");
            hosts::lookup_both(&text, b"name", true);
            hosts::lookup(&text, b"name", crate::model::Family::Inet, true);
            hosts::lookup_address(&text, std::net::Ipv4Addr::LOCALHOST.into(), true);
        }
    }

    #[test]
    fn a_line_that_is_moved_leaves_its_end_behind() {
        let read = |text: &'static str| String::from_utf8(as_glibc_reads(text.as_bytes()).into_owned()).unwrap();
        assert_eq!(read("  1.2.3.4 name\n  x"), "  1.2.3.4 name\nx x");
        assert_eq!(read("  1.2.3.4 name"), "1.2.3.4 nameme");
        assert_eq!(read("a\0b\n \tcd\0e\n  "), "a\0b\ncdcd\0e\n  ");
        assert_eq!(read(""), "");
        for text in ["  a\0b\n", "\0\n", " \0 \n a", "\n \n\0"] {
            assert_eq!(read(text).len(), text.len(), "{text:?}");
        }
    }

    #[test]
    fn inet_aton_takes_what_glibc_takes() {
        let good = [
            ("127.1", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("0177.0.0.01", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.772", "1.2.3.4"),
            ("255.255.255.255", "255.255.255.255"),
            ("0", "0.0.0.0"),
        ];
        for (text, address) in good {
            assert_eq!(inet_aton(text.as_bytes()).map(|ip| ip.to_string()).as_deref(), Some(address), "{text}");
        }
        for bad in
            ["", ".", "1.2.3.4.", "1.2.3.256", "256.1", "1.2.3.4.5", "1..2", "08", "0x", "1 ", " 1", "4294967296"]
        {
            assert_eq!(inet_aton(bad.as_bytes()), None, "{bad}");
        }
    }
}
