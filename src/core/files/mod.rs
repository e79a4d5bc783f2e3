//! The system's files as tables: one parser a file, from bytes to values. Reading the files is the caller's.
//!
//! Each parser takes what glibc takes and leaves out what glibc leaves out, without a word: these files are the
//! system's, not ours, and complaining about them is not this library's business.

pub mod gai_conf;
pub mod host_conf;
pub mod hosts;
pub mod nsswitch;
pub mod resolv_conf;
pub mod services;

use std::net::{Ipv4Addr, Ipv6Addr};

/// The lines of a text, without their ends. A NUL ends a line, as it does for the string functions in glibc.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// isspace(3) in the C locale.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The words of a line.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| is_space(byte)).filter(|word| !word.is_empty())
}

/// A line without its comment.
fn without_comment(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b'#').next().unwrap_or_default()
}

/// All digits, in this base, as a number. None where there are none, another byte, or too many.
fn digits(text: &[u8], base: u32) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, &byte| {
        let digit = char::from(byte).to_digit(base)?;
        value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}

/// A number as C writes it: decimal, octal after `0`, hexadecimal after `0x`.
fn c_number(text: &[u8]) -> Option<u64> {
    match text {
        [b'0', b'x' | b'X', rest @ ..] => digits(rest, 16),
        [b'0', rest @ ..] if !rest.is_empty() => digits(rest, 8),
        decimal => digits(decimal, 10),
    }
}

/// An address of one to four numbers, decimal, octal or hexadecimal, of which the last fills what is left
/// (inet_aton(3), but nothing may follow it: glibc's `__inet_aton_exact`).
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

/// An IPv4 address of four decimal numbers (inet_pton(3)).
pub fn inet_pton4(text: &[u8]) -> Option<Ipv4Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An IPv6 address without a scope (inet_pton(3)).
pub fn inet_pton6(text: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
