//! gai.conf(5): the tables for sorting addresses (glibc, sysdeps/posix/getaddrinfo.c, `gaiconf_init`).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::text::{digits, inet_pton4, inet_pton6, lines, strtoul, without_comment, words};

/// An address prefix and its label or precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix; an IPv4 prefix as an IPv4-mapped one.
    pub prefix: Ipv6Addr,
    /// The prefix length in bits.
    pub bits: u32,
    /// The label or the precedence.
    pub value: i32,
}

/// An IPv4 network and its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The network.
    pub address: u32,
    /// Its mask.
    pub netmask: u32,
    /// The scope, with the values of RFC 4291, section 2.7.
    pub scope: i32,
}

/// The three tables. The first entry that matches applies, so entries with longer prefixes come first, and the last
/// entry matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaiConf {
    /// The label table (RFC 3484, section 2.1).
    pub labels: Vec<Prefix>,
    /// The precedence table (RFC 3484, section 2.1).
    pub precedence: Vec<Prefix>,
    /// The scopes of IPv4 addresses (RFC 3484, section 3.2).
    pub scopes: Vec<Scope>,
    /// Whether the file is read again when it changes.
    pub reload: bool,
}

const DEFAULT_LABEL: i32 = 1;
const DEFAULT_PRECEDENCE: i32 = 40;
const DEFAULT_SCOPE: i32 = 14;
const LINK_LOCAL_SCOPE: i32 = 2;

const fn prefix(segments: [u16; 8], bits: u32, value: i32) -> Prefix {
    let [a, b, c, d, e, f, g, h] = segments;
    Prefix { prefix: Ipv6Addr::new(a, b, c, d, e, f, g, h), bits, value }
}

impl Default for GaiConf {
    fn default() -> Self {
        let mapped = [0, 0, 0, 0, 0, 0xffff, 0, 0];
        Self {
            labels: vec![
                prefix([0, 0, 0, 0, 0, 0, 0, 1], 128, 0),
                prefix([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, 2),
                prefix([0; 8], 96, 3),
                prefix(mapped, 96, 4),
                // These entries are not in RFC 3484. glibc gives site-local addresses a label of their own because,
                // unlike private IPv4 addresses, they are never translated (NAT), and Teredo addresses because they are
                // tunnelled.
                prefix([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, 5),
                prefix([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, 6),
                prefix([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, 7),
                prefix([0; 8], 0, DEFAULT_LABEL),
            ],
            precedence: vec![
                prefix([0, 0, 0, 0, 0, 0, 0, 1], 128, 50),
                prefix([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, 30),
                prefix([0; 8], 96, 20),
                prefix(mapped, 96, 10),
                prefix([0; 8], 0, DEFAULT_PRECEDENCE),
            ],
            scopes: vec![
                scope(Ipv4Addr::new(169, 254, 0, 0), 16, LINK_LOCAL_SCOPE),
                scope(Ipv4Addr::new(127, 0, 0, 0), 8, LINK_LOCAL_SCOPE),
                scope(Ipv4Addr::UNSPECIFIED, 0, DEFAULT_SCOPE),
            ],
            reload: false,
        }
    }
}

fn mask(bits: u32, width: u32) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (width - bits.min(width)) }
}

fn scope(address: Ipv4Addr, bits: u32, value: i32) -> Scope {
    let netmask = mask(bits, 32) as u32;
    Scope { address: address.to_bits() & netmask, netmask, scope: value }
}

fn matching(table: &[Prefix], address: Ipv6Addr) -> Option<i32> {
    let fits = |entry: &&Prefix| (entry.prefix.to_bits() ^ address.to_bits()) & mask(entry.bits, 128) == 0;
    table.iter().find(fits).map(|entry| entry.value)
}

impl GaiConf {
    /// Returns the label of an address; an IPv4 address must be given as an IPv4-mapped one.
    pub fn label(&self, address: Ipv6Addr) -> i32 {
        matching(&self.labels, address).unwrap_or(DEFAULT_LABEL)
    }

    /// Returns the precedence of an address; an IPv4 address must be given as an IPv4-mapped one.
    pub fn precedence_of(&self, address: Ipv6Addr) -> i32 {
        matching(&self.precedence, address).unwrap_or(DEFAULT_PRECEDENCE)
    }

    /// Returns the scope of an IPv4 address.
    pub fn scope_v4(&self, address: Ipv4Addr) -> i32 {
        let fits = |entry: &&Scope| address.to_bits() & entry.netmask == entry.address;
        self.scopes.iter().find(fits).map_or(DEFAULT_SCOPE, |entry| entry.scope)
    }
}

/// Parses the file; `None` if there is no file. A table for which the file has an entry replaces the default table.
pub fn parse(text: Option<&[u8]>) -> GaiConf {
    let (mut labels, mut precedence, mut scopes, mut reload) = (Vec::new(), Vec::new(), Vec::new(), false);
    for line in text.into_iter().flat_map(lines) {
        let mut words = words(without_comment(line));
        let mut word = || words.next().unwrap_or_default();
        match (word(), word(), word()) {
            (b"label", network, value) => labels.extend(prefix_entry(network, value)),
            (b"precedence", network, value) => precedence.extend(prefix_entry(network, value)),
            (b"scopev4", network, value) => scopes.extend(scope_entry(network, value)),
            (b"reload", answer, _) => reload = answer == b"yes",
            _ => {}
        }
    }
    let default = GaiConf::default();
    if !scopes.iter().any(|entry| entry.netmask == 0) && !scopes.is_empty() {
        scopes.push(scope(Ipv4Addr::UNSPECIFIED, 0, DEFAULT_SCOPE));
    }
    scopes.sort_by_key(|entry| std::cmp::Reverse(entry.netmask));
    GaiConf {
        labels: table(labels, DEFAULT_LABEL, default.labels),
        precedence: table(precedence, DEFAULT_PRECEDENCE, default.precedence),
        scopes: if scopes.is_empty() { default.scopes } else { scopes },
        reload,
    }
}

/// Sorts the entries by prefix length, longest first, otherwise keeping the order of the file, and ensures that there
/// is an entry that matches everything.
fn table(mut entries: Vec<Prefix>, rest: i32, default: Vec<Prefix>) -> Vec<Prefix> {
    if entries.is_empty() {
        return default;
    }
    if !entries.iter().any(|entry| entry.bits == 0) {
        entries.push(prefix([0; 8], 0, rest));
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.bits));
    entries
}

/// Parses a network with its prefix length. If the length is missing, glibc uses an uninitialised variable; here, and
/// with the glibc of Debian 12, the line is ignored.
fn network(text: &[u8], all: u64) -> Option<(&[u8], u32)> {
    let slash = text.iter().position(|&byte| byte == b'/')?;
    let bits = unsigned(text.get(slash + 1..)?)?;
    Some((text.get(..slash)?, u32::try_from(bits).ok().filter(|_| bits <= all)?))
}

/// Parses a number; an empty word is 0.
fn unsigned(word: &[u8]) -> Option<u64> {
    if word.is_empty() { Some(0) } else { strtoul(word, |text| digits(text, 10)) }
}

fn small(value: &[u8]) -> Option<i32> {
    unsigned(value).and_then(|value| i32::try_from(value).ok())
}

fn prefix_entry(text: &[u8], value: &[u8]) -> Option<Prefix> {
    let (address, bits) = network(text, 128)?;
    Some(Prefix { prefix: inet_pton6(address)?, bits, value: small(value)? })
}

fn scope_entry(text: &[u8], value: &[u8]) -> Option<Scope> {
    let value = small(value)?;
    if let Some((address, bits)) = network(text, 128)
        && let Some(mapped) = inet_pton6(address)
    {
        return Some(scope(mapped.to_ipv4_mapped()?, bits.checked_sub(96)?, value));
    }
    let (address, bits) = network(text, 32)?;
    Some(scope(inet_pton4(address)?, bits, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_tables_are_glibcs() {
        let conf = parse(None);
        let label = |ip: &str| conf.label(ip.parse().unwrap());
        let labels =
            ["::1", "2001:db8::1", "2002::1", "::1.2.3.4", "::ffff:1.2.3.4", "fec0::1", "fd00::1", "2001:0:1::"];
        assert_eq!(labels.map(label), [0, 1, 2, 3, 4, 5, 6, 7]);
        let precedence = |ip: &str| conf.precedence_of(ip.parse().unwrap());
        assert_eq!(
            ["::1", "2001:db8::1", "2002::1", "::1.2.3.4", "::ffff:1.2.3.4"].map(precedence),
            [50, 40, 30, 20, 10]
        );
        let scope = |ip: &str| conf.scope_v4(ip.parse().unwrap());
        assert_eq!(["169.254.1.1", "127.0.0.2", "10.0.0.1"].map(scope), [2, 2, 14]);
    }

    #[test]
    fn a_table_that_is_given_replaces_the_default() {
        let conf =
            parse(Some(b"precedence ::ffff:0:0/96 100 # IPv4 first\nlabel bad 1\nscopev4 ::ffff:10.0.0.0/104 5\n"));
        assert_eq!(conf.precedence_of("::ffff:1.2.3.4".parse().unwrap()), 100);
        assert_eq!(conf.precedence_of("::1".parse().unwrap()), 40);
        assert_eq!(conf.labels, GaiConf::default().labels);
        assert_eq!(conf.scope_v4("10.1.2.3".parse().unwrap()), 5);
        assert_eq!(conf.scope_v4("127.0.0.1".parse().unwrap()), 14);
        assert_eq!(parse(Some(b"label ::1/128 7\nlabel ::1/128\nlabel ::/ 3\n")).labels.len(), 3);
        assert!(!conf.reload && parse(Some(b"reload yes\n")).reload);
    }
}
