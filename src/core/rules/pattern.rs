//! Patterns: which names, or which addresses, a rule is about.
//!
//! Names compare without case and without one trailing dot, as the program passed them, before any search list.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name in text (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
/// The longest label.
const MAX_LABEL: usize = 63;

/// A pattern, in lower case and without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    kind: Kind,
}

/// What a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `rancher-metadata`: that name.
    Exact,
    /// `*.rancher.internal`: every name below it, at any depth. It may hold `*` and `?` in its labels.
    Below,
    /// `.rancher.internal`: it and every name below it. It may hold `*` and `?` in its labels.
    Within,
    /// `rancher-*`, `db?.prod`: as many labels, with `*` for any bytes of one and `?` for one byte.
    Glob,
    /// `*`: every name.
    Any,
    /// `169.254.169.0/24`, `10.1.2.3`: addresses whose first bits are these.
    Network(IpAddr, u8),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The byte that is wrong, from 0.
    pub at: usize,
    /// What is wrong with it.
    pub message: String,
}

fn error<T>(at: usize, message: impl Into<String>) -> Result<T, Error> {
    Err(Error { at, message: message.into() })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(strange_byte(text));
        }
        let mut text = String::from_utf8(text.to_ascii_lowercase()).unwrap_or_default(); // ASCII is UTF-8.
        if let Some(network) = parse_network(&text) {
            let (ip, prefix) = network?;
            return Ok(Self { text: text.into(), kind: Kind::Network(ip, prefix) });
        }
        if text.len() > 1 && text.ends_with('.') {
            text.pop();
        }
        if text == "*" {
            return Ok(Self { text: text.into(), kind: Kind::Any });
        }
        let (kind, domain) = match (text.strip_prefix("*."), text.strip_prefix('.')) {
            (Some(domain), _) => (Kind::Below, domain),
            (None, Some(domain)) => (Kind::Within, domain),
            (None, None) if has_wildcard(text.as_bytes()) => (Kind::Glob, &*text),
            (None, None) => (Kind::Exact, &*text),
        };
        check_labels(domain, text.len() - domain.len())?;
        Ok(Self { text: text.into(), kind })
    }

    /// What it matches.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The labels that it names: the text without a leading `*.` or `.`.
    pub fn domain(&self) -> &[u8] {
        let text = self.text.as_bytes();
        let start = match self.kind {
            Kind::Below => 2,
            Kind::Within => 1,
            _ => 0,
        };
        text.get(start..).unwrap_or_default()
    }

    /// How specific it is: its bytes that stand for themselves. `.x` and `*.x` count alike, with the dot.
    pub fn literals(&self) -> usize {
        let wildcards = self.text.bytes().filter(|byte| matches!(byte, b'*' | b'?')).count();
        self.text.len() - wildcards
    }

    /// Whether a name matches, given in lower case and without a trailing dot.
    pub fn matches(&self, name: &[u8]) -> bool {
        let domain = self.domain();
        match self.kind {
            Kind::Exact => name == domain,
            Kind::Glob => glob(domain, name, b'.'),
            Kind::Any => true,
            Kind::Within => glob(domain, name, b'.') || self.matches_below(name),
            Kind::Below => self.matches_below(name),
            Kind::Network(..) => false,
        }
    }

    /// Whether the last labels of a longer name match.
    fn matches_below(&self, name: &[u8]) -> bool {
        let labels = 1 + self.domain().iter().filter(|&&byte| byte == b'.').count();
        let dots = name.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
        dots.skip(labels - 1)
            .take(1)
            .any(|dot| dot > 0 && name.get(dot + 1..).is_some_and(|last_labels| glob(self.domain(), last_labels, b'.')))
    }
}

/// Whether a text holds a wildcard.
pub fn has_wildcard(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?'))
}

/// Whether a name matches a text with wildcards, none of which matches the byte that separates its labels.
///
/// Going back to the last `*` is enough: what an earlier one takes in the same label changes nothing, and those of
/// other labels end at their dots.
pub fn glob(pattern: &[u8], name: &[u8], separator: u8) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() || p < pattern.len() {
        match (pattern.get(p), name.get(n)) {
            (Some(b'*'), _) => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            (Some(b'?'), Some(&byte)) if byte != separator => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            (Some(wanted), Some(byte)) if wanted == byte => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((after, taken)) if name.get(taken).is_some_and(|&byte| byte != separator) => {
                star = Some((after, taken + 1));
                (p, n) = (after, taken + 1);
            }
            _ => return false,
        }
    }
    true
}

/// Which byte of a text no pattern has.
fn strange_byte(text: &[u8]) -> Error {
    let first = |is: fn(&u8) -> bool| text.iter().position(is);
    let (at, message) = match first(|byte| !byte.is_ascii()) {
        Some(at) => (at, "a name has only ASCII bytes here: write its A-label form (xn--...)"),
        None => (first(|byte| !byte.is_ascii_graphic()).unwrap_or(0), "a name has no control bytes"),
    };
    Error { at, message: message.to_owned() }
}

/// Whether a byte stands in other words than names.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b':' | b',' | b'!' | b'\\')
}

/// Whether [`check_labels`] will find nothing: most patterns of long files are looked at just once.
fn has_good_labels(domain: &str) -> bool {
    let (mut length, mut before) = (0, 0);
    let good = domain.bytes().all(|byte| {
        length = if byte == b'.' { 0 } else { length + 1 };
        let is_empty_label = byte == b'.' && matches!(before, 0 | b'.');
        let is_double_star = byte == b'*' && before == b'*';
        before = byte;
        !is_empty_label && !is_double_star && length <= MAX_LABEL && !is_separator(byte)
    });
    good && length > 0 && domain.len() <= MAX_NAME
}

/// `at` is where the labels begin in the text.
fn check_labels(domain: &str, mut at: usize) -> Result<(), Error> {
    if has_good_labels(domain) {
        return Ok(());
    }
    if domain.is_empty() {
        return error(at, "a name is missing");
    }
    if domain.len() > MAX_NAME {
        return error(at, format!("a name has at most {MAX_NAME} bytes, not {}", domain.len()));
    }
    for label in domain.split('.') {
        if label.is_empty() {
            return error(at, "a label is empty: two dots follow each other, or one too many stands at an end");
        }
        if label.len() > MAX_LABEL {
            return error(at, format!("a label has at most {MAX_LABEL} bytes, not {}", label.len()));
        }
        if let Some(stars) = label.find("**") {
            return error(at + stars, "one \"*\" is as good as two");
        }
        if let Some(slash) = label.bytes().position(is_separator) {
            return error(at + slash, "this is neither a name nor an address");
        }
        at += label.len() + 1;
    }
    Ok(())
}

/// An address or a network; none where the text is a name.
fn parse_network(text: &str) -> Option<Result<(IpAddr, u8), Error>> {
    // Most names are told apart at a glance.
    if !text
        .bytes()
        .take_while(|&byte| byte != b'.')
        .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'/'))
    {
        return None;
    }
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let ip: IpAddr = address.parse().ok()?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    let Some(bits) = bits else { return Some(Ok((ip, width))) };
    let at = address.len() + 1;
    let prefix = bits.parse().ok().filter(|&prefix| prefix <= width && bits.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(prefix) = prefix else {
        return Some(error(at, format!("the length of a prefix is a number from 0 to {width}")));
    };
    let network = network_of(ip, prefix);
    if network != ip {
        return Some(error(0, format!("bits are set behind the prefix: {network}/{prefix} is the network")));
    }
    Some(Ok((ip, prefix)))
}

/// An address with all bits behind the prefix cleared.
pub fn network_of(ip: IpAddr, prefix: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_the_table_says() {
        let table = [
            ("rancher-metadata", "rancher-metadata", true),
            ("rancher-metadata", "rancher-metadata.rancher.internal", false),
            ("Rancher-Metadata.", "rancher-metadata", true),
            ("*.rancher.internal", "a.rancher.internal", true),
            ("*.rancher.internal", "a.b.c.rancher.internal", true),
            ("*.rancher.internal", "rancher.internal", false),
            ("*.rancher.internal", ".rancher.internal", false),
            ("*.rancher.internal", "xrancher.internal", false),
            (".rancher.internal", "rancher.internal", true),
            (".rancher.internal", "a.b.rancher.internal", true),
            (".rancher.internal", "xrancher.internal", false),
            ("rancher-*", "rancher-", true),
            ("rancher-*", "rancher-metadata", true),
            ("rancher-*", "rancher-metadata.x", false),
            ("db?.prod", "db1.prod", true),
            ("db?.prod", "db.prod", false),
            ("db?.prod", "db12.prod", false),
            ("a*b*c", "axxbxxbc", true),
            ("a*b*c", "axxc", false),
            ("*-db.*.x", "my-db.y.x", true),
            ("*-db.*.x", "my-db.y.z.x", false),
            ("*.db?.prod", "a.b.db1.prod", true),
            ("*.db?.prod", "db1.prod", false),
            (".db?.prod", "db1.prod", true),
            ("*", "anything.at.all", true),
            ("10.1.2.3", "10.1.2.3", false),
        ];
        for (pattern, name, expected) in table {
            let parsed = Pattern::parse(pattern.as_bytes()).unwrap();
            assert_eq!(parsed.matches(name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let table = [
            ("a..b", 2, "a label is empty"),
            ("..a", 1, "a label is empty"),
            (".", 1, "a name is missing"),
            ("", 0, "a name is missing"),
            ("a**", 1, "one \"*\""),
            ("b\u{fc}cher", 1, "A-label"),
            ("a\u{7}", 1, "control"),
            ("10.0.0.1/8", 0, "10.0.0.0/8 is the network"),
            ("10.0.0.0/33", 9, "from 0 to 32"),
            ("fd00::/129", 7, "from 0 to 128"),
            ("http://x", 4, "neither a name nor an address"),
        ];
        for (text, at, message) in table {
            let error = Pattern::parse(text.as_bytes()).unwrap_err();
            assert!(error.message.contains(message) && error.at == at, "{text}: {error:?}");
        }
        assert!(Pattern::parse(&[b'x'; 64]).unwrap_err().message.contains("63"));
        assert!(Pattern::parse("x.".repeat(127).as_bytes()).is_ok());
        assert!(Pattern::parse("x.".repeat(128).as_bytes()).unwrap_err().message.contains("253"));
    }

    #[test]
    fn addresses_are_networks() {
        let kind = |text: &str| Pattern::parse(text.as_bytes()).unwrap().kind();
        assert_eq!(kind("169.254.169.0/24"), Kind::Network("169.254.169.0".parse().unwrap(), 24));
        assert_eq!(kind("10.1.2.3"), Kind::Network("10.1.2.3".parse().unwrap(), 32));
        assert_eq!(kind("::/0"), Kind::Network("::".parse().unwrap(), 0));
        assert_eq!(kind("10.1.2.3."), Kind::Exact);
    }
}
