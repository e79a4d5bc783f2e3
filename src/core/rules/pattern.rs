//! Patterns: the names or addresses that a rule applies to.
//!
//! Names are compared without regard to case and to one trailing dot, in the form in which the program passed them,
//! before any search list is applied.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The maximum length of a name in text form (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
/// The maximum length of a label (RFC 1035, section 2.3.4).
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
    /// `rancher-metadata`: this name.
    Exact,
    /// `*.rancher.internal`: every name below this domain, at any depth. Its labels may contain `*` and `?`.
    Below,
    /// `.rancher.internal`: this domain and every name below it. Its labels may contain `*` and `?`.
    Within,
    /// `rancher-*`, `db?.prod`: names with the same number of labels. `*` matches any bytes within a label, `?` one
    /// byte.
    Glob,
    /// `*`: every name.
    Any,
    /// `169.254.169.0/24`, `10.1.2.3`: addresses with this prefix.
    Network,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The offset of the invalid byte, from 0.
    pub at: usize,
    /// What is wrong with it.
    pub message: String,
}

impl Error {
    /// A pattern after the first 4 GiB of a text. A rules file cannot be that long.
    pub(super) fn too_far() -> Self {
        Self { at: 0, message: "the text before it is longer than 4 GiB".to_owned() }
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

/// Classes of bytes in a pattern, as bits.
mod class {
    /// Anything but printable ASCII.
    pub(super) const STRANGE: u8 = 1;
    /// A byte that occurs in addresses, lists and URLs, but not in names.
    pub(super) const SEPARATOR: u8 = 2;
    /// `*` or `?`.
    pub(super) const WILDCARD: u8 = 4;
    /// A dot.
    pub(super) const DOT: u8 = 8;
    /// `*`.
    pub(super) const STAR: u8 = 16;

    /// Returns the classes of a byte.
    #[inline(always)]
    pub(super) fn of(byte: u8) -> u8 {
        // Parsing a long file takes a tenth less time with a table than with comparisons.
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

/// Returns the classes of the bytes of a text: those of all bytes, and those that two consecutive bytes share. In long
/// files, most patterns are scanned only here.
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
    /// Parses a pattern, which must be in lower case.
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

    /// Creates a pattern from a text that [`Pattern::parse`] has found to be of this kind.
    pub(super) fn known(text: &'t [u8], kind: Kind) -> Self {
        Self { text, kind }
    }

    /// Returns the bytes of the pattern, without a trailing dot.
    pub(super) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// Returns what the pattern matches.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the pattern as text.
    pub fn as_str(&self) -> &'t str {
        std::str::from_utf8(self.text).unwrap_or_default() // ASCII is UTF-8.
    }

    /// Returns the address and the prefix length of a network.
    pub fn network(&self) -> Option<(IpAddr, u8)> {
        if self.kind != Kind::Network {
            return None;
        }
        parse_network(self.text)?.ok()
    }

    /// Returns the labels of the pattern: its text without a leading `*.` or `.`.
    pub fn domain(&self) -> &'t [u8] {
        let start = match self.kind {
            Kind::Below => 2,
            Kind::Within => 1,
            _ => 0,
        };
        self.text.get(start..).unwrap_or_default()
    }

    /// Returns how specific the pattern is: the number of its bytes that are not wildcards. `.x` and `*.x` are equally
    /// specific; the dot counts.
    pub fn literals(&self) -> usize {
        let wildcards = self.text.iter().filter(|byte| is_wildcard(byte)).count();
        self.text.len() - wildcards
    }

    /// Returns whether the pattern matches a name, which must be in lower case and without a trailing dot.
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

    /// Returns whether the domain matches the last labels of a name that has more labels.
    fn matches_below(&self, name: &[u8]) -> bool {
        let labels = 1 + self.domain().iter().filter(|&&byte| byte == b'.').count();
        let dots = name.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
        dots.skip(labels - 1)
            .take(1)
            .any(|dot| dot > 0 && name.get(dot + 1..).is_some_and(|last_labels| glob(self.domain(), last_labels, b'.')))
    }
}

/// Returns whether a text contains a wildcard.
pub fn has_wildcard(text: &[u8]) -> bool {
    text.iter().any(is_wildcard)
}

pub(super) fn is_wildcard(byte: &u8) -> bool {
    matches!(byte, b'*' | b'?')
}

/// Returns whether a name matches a text with wildcards, which never match `separator`, the byte between labels.
///
/// Backtracking to the last `*` is sufficient: a different match of an earlier `*` in the same label makes no
/// difference, and those in other labels end at their separators.
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

/// Finds the byte that makes a text invalid as a pattern.
fn strange_byte(text: &[u8]) -> Error {
    let first = |is: fn(&u8) -> bool| text.iter().position(is);
    let (at, message) = match first(|byte| !byte.is_ascii()) {
        Some(at) => (at, "non-ASCII character in a name; use its A-label form (xn--...)"),
        None => (first(|byte| !byte.is_ascii_graphic()).unwrap_or(0), "control character in a name"),
    };
    Error { at, message: message.to_owned() }
}

/// Validates labels. `at` is their offset in the pattern, for error positions.
fn check_labels(domain: &[u8], mut at: usize) -> Result<(), Error> {
    if domain.is_empty() {
        return error(at, "empty name");
    }
    if domain.len() > MAX_NAME {
        return error(at, format!("name of {} bytes, expected at most {MAX_NAME}", domain.len()));
    }
    for label in domain.split(|&byte| byte == b'.') {
        if label.is_empty() {
            return error(at, "empty label (consecutive dots, or an extra dot at an end)");
        }
        if label.len() > MAX_LABEL {
            return error(at, format!("label of {} bytes, expected at most {MAX_LABEL}", label.len()));
        }
        if let Some(stars) = label.windows(2).position(|two| two == b"**") {
            return error(at + stars, "\"**\" is not allowed; use \"*\"");
        }
        if let Some(slash) = label.iter().position(|&byte| class::of(byte) & class::SEPARATOR != 0) {
            return error(at + slash, "expected a name, an address or a network");
        }
        at += label.len() + 1;
    }
    Ok(())
}

/// Parses an address or a network. Returns `None` if the text is a name.
fn parse_network(text: &[u8]) -> Option<Result<(IpAddr, u8), Error>> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let ip: IpAddr = address.parse().ok()?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    let Some(bits) = bits else { return Some(Ok((ip, width))) };
    let at = address.len() + 1;
    let prefix = bits.parse().ok().filter(|&prefix| prefix <= width && bits.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(prefix) = prefix else {
        return Some(error(at, format!("expected a prefix length from 0 to {width}")));
    };
    let network = network_of(ip, prefix);
    if network != ip {
        return Some(error(0, format!("bits are set after the prefix; the network is {network}/{prefix}")));
    }
    Some(Ok((ip, prefix)))
}

/// Returns the address with all bits after the prefix cleared.
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
            ("a..b", 2, "empty label"),
            ("..a", 1, "empty label"),
            (".", 1, "empty name"),
            ("", 0, "empty name"),
            ("a**", 1, "use \"*\""),
            ("b\u{fc}cher", 1, "A-label"),
            ("a\u{7}", 1, "control"),
            ("10.0.0.1/8", 0, "the network is 10.0.0.0/8"),
            ("10.0.0.0/33", 9, "from 0 to 32"),
            ("fd00::/129", 7, "from 0 to 128"),
            ("http://x", 4, "expected a name, an address or a network"),
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
