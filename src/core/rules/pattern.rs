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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern<'t> {
    /// Printable ASCII.
    text: &'t [u8],
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
    Network,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The byte that is wrong, from 0.
    pub at: usize,
    /// What is wrong with it.
    pub message: String,
}

impl Error {
    /// A pattern beyond the first 4 GiB of a text, which no file of rules may have.
    pub(super) fn too_far() -> Self {
        Self { at: 0, message: "the text before it is too long".to_owned() }
    }
}

fn error<T>(at: usize, message: impl Into<String>) -> Result<T, Error> {
    Err(Error { at, message: message.into() })
}

impl fmt::Display for Pattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kinds of bytes there are in a pattern, a bit each.
mod class {
    /// No printable ASCII.
    pub(super) const STRANGE: u8 = 1;
    /// It stands in other words than names.
    pub(super) const SEPARATOR: u8 = 2;
    /// `*` or `?`.
    pub(super) const WILDCARD: u8 = 4;
    /// A dot.
    pub(super) const DOT: u8 = 8;
    /// `*`.
    pub(super) const STAR: u8 = 16;

    /// The classes of a byte.
    #[inline(always)]
    pub(super) fn of(byte: u8) -> u8 {
        // A table is faster than comparisons by a tenth of what it takes to read a long file.
        ALL.get(usize::from(byte)).copied().unwrap_or(STRANGE)
    }

    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    const ALL: [u8; 256] = {
        let (mut classes, mut byte) = ([0; 256], 0);
        while byte < 256 {
            classes[byte] = match byte as u8 {
                b'/' | b':' | b',' | b'!' | b'\\' => SEPARATOR,
                b'*' => WILDCARD | STAR,
                b'?' => WILDCARD,
                b'.' => DOT,
                byte if byte.is_ascii_graphic() => 0,
                _ => STRANGE,
            };
            byte += 1;
        }
        classes
    };
}

/// The classes of the bytes of a text: all of them, and those of two bytes that follow each other. Most patterns of long
/// files are looked at just here.
fn classes(text: &[u8]) -> (u8, u8) {
    let (mut all, mut twice, mut before) = (0, 0, 0);
    for &byte in text {
        let class = class::of(byte);
        all |= class;
        twice |= class & before;
        before = class;
    }
    (all, twice)
}

impl<'t> Pattern<'t> {
    /// Reads a pattern, which is in lower case.
    pub fn parse(text: &'t [u8]) -> Result<Self, Error> {
        let (all, twice) = classes(text);
        if all & class::STRANGE != 0 {
            return Err(strange_byte(text));
        }
        let may_be_network = all & class::SEPARATOR != 0 || text.last().is_some_and(u8::is_ascii_digit);
        if let Some(network) = Some(text).filter(|_| may_be_network).and_then(parse_network) {
            network?;
            return Ok(Self { text, kind: Kind::Network });
        }
        let text = text.strip_suffix(b".").filter(|text| !text.is_empty()).unwrap_or(text);
        let (kind, domain) = match text {
            b"*" => return Ok(Self { text, kind: Kind::Any }),
            [b'*', b'.', domain @ ..] => (Kind::Below, domain),
            [b'.', domain @ ..] => (Kind::Within, domain),
            _ if all & class::WILDCARD != 0 => (Kind::Glob, text),
            _ => (Kind::Exact, text),
        };
        let is_good = all & class::SEPARATOR == 0
            && twice & (class::DOT | class::STAR) == 0
            && text.len() <= MAX_LABEL
            && !matches!(domain, [] | [b'.', ..] | [.., b'.']);
        if !is_good {
            check_labels(domain, text.len() - domain.len())?;
        }
        Ok(Self { text, kind })
    }

    /// The pattern that this text is, which [`Pattern::parse`] found to be of this kind.
    pub(super) fn known(text: &'t [u8], kind: Kind) -> Self {
        Self { text, kind }
    }

    /// Its bytes, without a trailing dot.
    pub(super) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// What it matches.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &'t str {
        std::str::from_utf8(self.text).unwrap_or_default() // ASCII is UTF-8.
    }

    /// The address and the length of its prefix, of a network.
    pub fn network(&self) -> Option<(IpAddr, u8)> {
        if self.kind != Kind::Network {
            return None;
        }
        parse_network(self.text)?.ok()
    }

    /// The labels that it names: the text without a leading `*.` or `.`.
    pub fn domain(&self) -> &'t [u8] {
        let start = match self.kind {
            Kind::Below => 2,
            Kind::Within => 1,
            _ => 0,
        };
        self.text.get(start..).unwrap_or_default()
    }

    /// How specific it is: its bytes that stand for themselves. `.x` and `*.x` count alike, with the dot.
    pub fn literals(&self) -> usize {
        let wildcards = self.text.iter().filter(|byte| is_wildcard(byte)).count();
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
            Kind::Network => false,
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
    text.iter().any(is_wildcard)
}

pub(super) fn is_wildcard(byte: &u8) -> bool {
    matches!(byte, b'*' | b'?')
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

/// `at` is where the labels begin in the text.
fn check_labels(domain: &[u8], mut at: usize) -> Result<(), Error> {
    if domain.is_empty() {
        return error(at, "a name is missing");
    }
    if domain.len() > MAX_NAME {
        return error(at, format!("a name has at most {MAX_NAME} bytes, not {}", domain.len()));
    }
    for label in domain.split(|&byte| byte == b'.') {
        if label.is_empty() {
            return error(at, "a label is empty: two dots follow each other, or one too many stands at an end");
        }
        if label.len() > MAX_LABEL {
            return error(at, format!("a label has at most {MAX_LABEL} bytes, not {}", label.len()));
        }
        if let Some(stars) = label.windows(2).position(|two| two == b"**") {
            return error(at + stars, "one \"*\" is as good as two");
        }
        if let Some(slash) = label.iter().position(|&byte| class::of(byte) & class::SEPARATOR != 0) {
            return error(at + slash, "this is neither a name nor an address");
        }
        at += label.len() + 1;
    }
    Ok(())
}

/// An address or a network; none where the text is a name.
fn parse_network(text: &[u8]) -> Option<Result<(IpAddr, u8), Error>> {
    let text = std::str::from_utf8(text).ok()?;
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
            ("rancher-metadata.", "rancher-metadata", true),
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
        let network = |text: &str| Pattern::parse(text.as_bytes()).unwrap().network();
        assert_eq!(network("169.254.169.0/24"), Some(("169.254.169.0".parse().unwrap(), 24)));
        assert_eq!(network("10.1.2.3"), Some(("10.1.2.3".parse().unwrap(), 32)));
        assert_eq!(network("::/0"), Some(("::".parse().unwrap(), 0)));
        assert_eq!(Pattern::parse(b"10.1.2.3.").unwrap().kind(), Kind::Exact);
        assert_eq!(network("10.1.2.3."), None);
    }
}
