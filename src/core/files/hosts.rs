//! hosts(5), as glibc's `files` module reads it (nss/nss_files/files-hosts.c).

use std::net::{IpAddr, Ipv4Addr};

use super::text::{
    inet_pton4, inet_pton6, is_space, lines, lines_around, split_word, trim_start, without_comment, words,
};
use crate::model::{Address, Answer, Family};

/// A line: an address and its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The address.
    pub address: IpAddr,
    /// The canonical name; empty if the line has only an address.
    pub name: &'a [u8],
    /// The unparsed list of aliases.
    aliases: &'a [u8],
}

impl<'a> Line<'a> {
    /// Returns the aliases.
    pub fn aliases(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.aliases)
    }

    /// Returns whether the line has this name, without regard to case.
    pub fn has_name(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.aliases().any(|alias| alias.eq_ignore_ascii_case(name))
    }
}

/// Parses a line. Returns `None` if it does not begin with an address.
pub fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    let (address, rest) = split_word(without_comment(line));
    let address = inet_pton4(address).map(IpAddr::V4).or_else(|| inet_pton6(address).map(IpAddr::V6))?;
    let (name, aliases) = split_word(rest);
    Some(Line { address, name, aliases })
}

/// Returns the address as a lookup of this family returns it; `None` if it has another family. The IPv6 loopback
/// address and IPv4-mapped addresses are also returned as IPv4 addresses, but no IPv4 address as an IPv6 one.
fn as_family(address: IpAddr, family: Family) -> Option<IpAddr> {
    match (family, address) {
        (Family::Inet, IpAddr::V4(_)) | (Family::Inet6, IpAddr::V6(_)) => Some(address),
        (Family::Inet, IpAddr::V6(v6)) if v6.is_loopback() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        (Family::Inet, IpAddr::V6(v6)) => v6.to_ipv4_mapped().map(IpAddr::V4),
        (Family::Inet6, IpAddr::V4(_)) => None,
    }
}

/// The key of a lookup.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    /// The lines with this name, for this family.
    Name(&'a [u8], Family),
    /// The line with this address; and whether IPv4 lines match an IPv4-mapped IPv6 address.
    Address(IpAddr, bool),
}

impl Key<'_> {
    /// Returns the address of a line as a lookup with this key sees it; `None` if the line is to be skipped. An IPv4
    /// address is also seen as an IPv4-mapped one if IPv4 lines match such addresses; an IPv6 address is not seen as an
    /// IPv4 one (in lookups by address, since glibc 2.38).
    pub fn sees(self, address: IpAddr) -> Option<IpAddr> {
        match (self, address) {
            (Self::Name(_, family), _) => as_family(address, family),
            (Self::Address(IpAddr::V6(_), true), IpAddr::V4(v4)) => Some(IpAddr::V6(v4.to_ipv6_mapped())),
            (Self::Address(wanted, _), _) => as_family(address, Family::of(wanted)),
        }
    }
}

/// Returns the lines that have this name.
pub fn lines_with<'a>(text: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
    lines_around(text, name).filter_map(parse_line).filter(|line| line.has_name(name))
}

/// Looks up the addresses of one family: those of the first line with the name or, with host.conf's `multi`, those of
/// all lines (`_nss_files_gethostbyname3_r`).
pub fn lookup(text: &[u8], name: &[u8], family: Family, multi: bool) -> Option<Answer> {
    let mut lines = lines_with(text, name)
        .filter_map(|line| as_family(line.address, family).map(|ip| (line, Address { ip, scope: 0 })));
    let (first, address) = lines.next()?;
    let mut answer = Answer {
        canonical: first.name.to_vec(),
        aliases: first.aliases().map(<[u8]>::to_vec).collect(),
        addresses: vec![address],
    };
    for (line, address) in lines.take(if multi { usize::MAX } else { 0 }) {
        answer.addresses.push(address);
        answer.aliases.extend(line.aliases().map(<[u8]>::to_vec));
        if line.name != first.name {
            answer.aliases.push(line.name.to_vec());
        }
    }
    Some(answer)
}

/// Looks up the addresses of both families, in the order of the file, without aliases (`_nss_files_gethostbyname4_r`).
pub fn lookup_both(text: &[u8], name: &[u8], multi: bool) -> Option<Answer> {
    let mut lines = lines_with(text, name);
    let first = lines.next()?;
    let address = |line: &Line<'_>| Address { ip: line.address, scope: 0 };
    let mut answer = Answer { canonical: first.name.to_vec(), aliases: Vec::new(), addresses: vec![address(&first)] };
    if multi {
        answer.addresses.extend(lines.map(|line| address(&line)));
    }
    Some(answer)
}

/// Looks up the first line with a name, whatever its address: a lookup of the family AF_UNSPEC.
pub fn lookup_any(text: &[u8], name: &[u8]) -> Option<Answer> {
    let line = lines_with(text, name).next()?;
    Some(answer_of(&line, line.address))
}

/// Looks up the first line with an address (`_nss_files_gethostbyaddr_r`). With `mapped`, an IPv4 line matches an
/// IPv4-mapped IPv6 address too.
pub fn lookup_address(text: &[u8], address: IpAddr, mapped: bool) -> Option<Answer> {
    let wanted = Wanted::new(address, mapped);
    let line = lines(text).find(|line| wanted.is_in(line)).and_then(parse_line)?;
    Some(answer_of(&line, address))
}

/// An address to look for, and its text if it is an IPv4 address: inet_pton(3) accepts only one text form of those.
struct Wanted {
    address: IpAddr,
    text: Option<String>,
}

impl Wanted {
    fn new(address: IpAddr, mapped: bool) -> Self {
        let text = match address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(v6) => v6.to_ipv4_mapped().filter(|_| mapped),
        };
        Self { address, text: text.map(|v4| v4.to_string()) }
    }

    /// Returns whether the line has this address, as a lookup of its family sees it.
    fn is_in(&self, line: &[u8]) -> bool {
        let line = trim_start(line);
        match &self.text {
            Some(text) if line.starts_with(text.as_bytes()) => {
                line.get(text.len()).is_none_or(|&byte| is_space(byte) || byte == b'#')
            }
            _ => {
                // All other lines that can match have a colon within their first five bytes.
                line.iter().take(5).any(|&byte| byte == b':')
                    && parse_line(line)
                        .and_then(|line| as_family(line.address, Family::of(self.address)))
                        .is_some_and(|seen| seen == self.address)
            }
        }
    }
}

fn answer_of(line: &Line<'_>, address: IpAddr) -> Answer {
    Answer {
        canonical: line.name.to_vec(),
        aliases: line.aliases().map(<[u8]>::to_vec).collect(),
        addresses: vec![Address { ip: address, scope: 0 }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"# comment\n127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # loopback\n\
        192.0.2.77 v4only.example v4only v4alias\n192.0.2.78 dual.example dual\n\
        2001:db8::78 Dual.example dual dual6\n192.0.2.80 two.example two-b\nnonsense dual\n192.0.2.9\n\
        ::ffff:192.0.2.81 mapped\r\n";

    fn found(name: &str, family: Family, multi: bool) -> String {
        let Some(answer) = lookup(TEXT, name.as_bytes(), family, multi) else { return "none".to_owned() };
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        let addresses: Vec<String> = answer.addresses.iter().map(|address| address.ip.to_string()).collect();
        let aliases: Vec<String> = answer.aliases.iter().map(text).collect();
        format!("{} [{}] {}", text(&answer.canonical), aliases.join(","), addresses.join(","))
    }

    #[test]
    fn the_first_line_of_the_family_counts() {
        assert_eq!(found("V4ALIAS", Family::Inet, false), "v4only.example [v4only,v4alias] 192.0.2.77");
        assert_eq!(found("v4only", Family::Inet6, false), "none");
        assert_eq!(found("dual", Family::Inet6, false), "Dual.example [dual,dual6] 2001:db8::78");
        assert_eq!(found("v4onl", Family::Inet, false), "none");
        assert_eq!(found("loopback", Family::Inet6, false), "none");
    }

    #[test]
    fn ipv6_loopback_and_mapped_addresses_are_ipv4_too() {
        assert_eq!(found("localhost", Family::Inet, false), "localhost [] 127.0.0.1");
        assert_eq!(found("localhost", Family::Inet, true), "localhost [ip6-localhost] 127.0.0.1,127.0.0.1");
        assert_eq!(found("mapped", Family::Inet, false), "mapped [] 192.0.2.81");
    }

    #[test]
    fn all_lines_count_with_multi() {
        let answer = lookup_both(TEXT, b"dual", true).unwrap();
        assert_eq!(answer.canonical, b"dual.example");
        assert_eq!(answer.addresses.len(), 2);
        assert_eq!(lookup_both(TEXT, b"dual", false).unwrap().addresses.len(), 1);
    }

    #[test]
    fn addresses_have_names() {
        let found = |address: &str, mapped| lookup_address(TEXT, address.parse().unwrap(), mapped);
        for mapped in [false, true] {
            assert_eq!(found("192.0.2.80", mapped).unwrap().canonical, b"two.example");
            assert_eq!(found("192.0.2.81", mapped).unwrap().canonical, b"mapped");
            assert_eq!(found("::ffff:192.0.2.81", mapped).unwrap().canonical, b"mapped");
            assert!(found("192.0.2.99", mapped).is_none() && found("::192.0.2.80", mapped).is_none());
        }
        assert!(found("::ffff:192.0.2.80", false).is_none());
        let answer = found("::ffff:192.0.2.80", true).unwrap();
        assert_eq!(answer.canonical, b"two.example");
        assert_eq!(answer.addresses.first().unwrap().ip, "::ffff:192.0.2.80".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_name_is_found_wherever_it_stands() {
        for before in 0..200 {
            let text =
                format!("{}\n192.0.2.1 nAMe-1\n192.0.2.2 x#name-1\n192.0.2.3 name-12 name-1", "#".repeat(before));
            let answer = lookup_both(text.as_bytes(), b"Name-1", true).unwrap();
            assert_eq!((answer.canonical.as_slice(), answer.addresses.len()), (&b"nAMe-1"[..], 2), "{before}");
        }
        assert_eq!(lookup_both(b"192.0.2.1 nam", b"name", true), None);
        assert_eq!(lookup_both(b"192.0.2.1 x\0 name\n", b"name", true), None);
        assert_eq!(lookup_both(b"", b"", true), None);
    }

    #[test]
    fn garbage_is_no_address() {
        let garbage: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(lookup_both(&garbage, b"dual", true), None);
    }
}
