//! resolv.conf(5), as glibc reads it (resolv/res_init.c).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::text::{inet_aton, inet_pton6, lines, trim_start};
use crate::sys::glibc;

/// The maximum number of name servers (`MAXNS`).
const MAX_SERVERS: usize = 3;
/// The port of a name server (RFC 1035, section 4.2).
const PORT: u16 = 53;
/// The maximum values of `ndots`, `timeout` and `attempts`: `RES_MAXNDOTS`, `RES_MAXRETRANS`, `RES_MAXRETRY`.
const MAX_NDOTS: i32 = 15;
const MAX_TIMEOUT: i32 = 30;
const MAX_ATTEMPTS: i32 = 5;

/// The settings of the file, with glibc's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The name servers: at least one and at most three.
    pub servers: Vec<SocketAddr>,
    /// The search list, in order.
    pub search: Vec<Box<[u8]>>,
    /// Networks whose addresses are sorted to the front.
    pub sortlist: Vec<SortEntry>,
    /// A name with at least this many dots is queried as it is before the search list is applied.
    pub ndots: u32,
    /// The timeout for a response from a name server in seconds; 0 is treated as 1.
    pub timeout: u32,
    /// How often all name servers are queried; 0 means that they are not.
    pub attempts: u32,
    /// The options without a value.
    pub options: Options,
}

/// An entry of `sortlist`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortEntry {
    /// The network address.
    pub address: Ipv4Addr,
    /// The network mask; without one in the file, that of the address's class.
    pub mask: Ipv4Addr,
}

/// The `options` without a value, and flags that only a program can set, in its `_res`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `rotate`
    pub rotate: bool,
    /// `edns0`
    pub edns0: bool,
    /// `single-request`
    pub single_request: bool,
    /// `single-request-reopen`
    pub single_request_reopen: bool,
    /// `no-tld-query`
    pub no_tld_query: bool,
    /// `no-reload`
    pub no_reload: bool,
    /// `use-vc`
    pub use_vc: bool,
    /// `trust-ad`
    pub trust_ad: bool,
    /// `no-aaaa`
    pub no_aaaa: bool,
    /// `strict-error`
    pub strict_error: bool,
    /// Not an option of the file, but, like those below, set by a program: RES_RECURSE is cleared in its `_res`
    /// (resolver(3)).
    pub no_recursion: bool,
    /// RES_DEFNAMES is cleared: names without dots are not searched for.
    pub no_default_names: bool,
    /// RES_DNSRCH is cleared: names with dots are not searched for, and others only in the first domain.
    pub no_search: bool,
    /// RES_NOALIASES is set: HOSTALIASES is ignored.
    pub no_aliases: bool,
    /// RES_IGNTC is set: a truncated response is used as it is, without a query by TCP.
    pub ignore_truncation: bool,
    /// RES_USE_DNSSEC is set: queries have the DO bit.
    pub dnssec: bool,
}

/// A change by one of the words after `options`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionChange {
    /// `ndots:N`
    Ndots(u32),
    /// An option without a value is set or cleared.
    Switch(Switch, bool),
}

/// One of the [`Options`] that the file can set, as an index into [`Switch::WORDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(usize);

impl Switch {
    /// The names of the options, in glibc's order, in which a name comes before any other that is its prefix.
    pub const WORDS: [&'static str; 10] = [
        "rotate",
        "edns0",
        "single-request-reopen",
        "single-request",
        "no-tld-query",
        "no-reload",
        "use-vc",
        "trust-ad",
        "no-aaaa",
        "strict-error",
    ];

    /// Returns the minor version of the first glibc release that has the option, if that is later than 2.31; otherwise
    /// 0.
    fn since(self) -> u32 {
        match Self::WORDS.get(self.0) {
            Some(&"no-aaaa") => glibc::NO_AAAA,
            Some(&"strict-error") => glibc::STRICT_ERROR,
            _ => 0,
        }
    }

    /// Returns the option of this name.
    pub fn named(word: &[u8]) -> Option<Self> {
        Self::WORDS.iter().position(|known| known.as_bytes() == word).map(Self)
    }

    /// Returns the option whose name the text begins with.
    fn at_start_of(text: &[u8]) -> Option<Self> {
        let text = if text.starts_with(b"no_tld_query") { b"no-tld-query" } else { text };
        Self::WORDS.iter().position(|known| text.starts_with(known.as_bytes())).map(Self)
    }
}

impl Options {
    /// Sets or clears an option.
    pub fn set(&mut self, switch: Switch, on: bool) {
        let switches = [
            &mut self.rotate,
            &mut self.edns0,
            &mut self.single_request_reopen,
            &mut self.single_request,
            &mut self.no_tld_query,
            &mut self.no_reload,
            &mut self.use_vc,
            &mut self.trust_ad,
            &mut self.no_aaaa,
            &mut self.strict_error,
        ];
        if let Some(place) = switches.into_iter().nth(switch.0) {
            *place = on;
        }
    }
}

/// What the result depends on besides the file.
#[derive(Clone, Copy)]
pub struct ResolverEnvironment<'a> {
    /// LOCALDOMAIN: the search list, which replaces that of the file even if it is empty.
    pub localdomain: Option<&'a [u8]>,
    /// RES_OPTIONS: options that are applied after those of the file.
    pub res_options: Option<&'a [u8]>,
    /// The host name. Its domain is the search list if there is no other.
    pub hostname: &'a [u8],
    /// Returns the scope ID of a link-local name server.
    pub scope_id: &'a dyn Fn(&Ipv6Addr, &[u8]) -> Option<u32>,
    /// The minor version of glibc, on which the set of options depends.
    pub minor: u32,
}

/// Returns whether a byte separates words in this file. isspace(3) accepts more bytes.
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn blank_words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| is_blank(byte)).filter(|word| !word.is_empty())
}

/// Returns the text after a keyword at the beginning of the line that is followed by a blank.
fn after<'a>(line: &'a [u8], keyword: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(keyword).filter(|rest| rest.first().is_some_and(|&byte| is_blank(byte)))
}

/// Parses the file; `None` if there is no readable file.
pub fn parse(text: Option<&[u8]>, environment: &ResolverEnvironment<'_>) -> ResolvConf {
    let mut conf = ResolvConf {
        servers: Vec::new(),
        search: Vec::new(),
        sortlist: Vec::new(),
        ndots: 1,
        timeout: 5,
        attempts: 2,
        options: Options::default(),
    };
    let mut search = None;
    for line in text.into_iter().flat_map(lines) {
        if let Some(rest) = after(line, b"domain") {
            search = blank_words(rest).next().map(|domain| vec![domain.into()]).or(search);
        } else if let Some(rest) = after(line, b"search") {
            let domains: Vec<Box<[u8]>> = blank_words(rest).map(Into::into).collect();
            search = if domains.is_empty() { search } else { Some(domains) };
        } else if let Some(rest) = after(line, b"nameserver") {
            conf.servers.extend(blank_words(rest).next().and_then(|word| server(word, environment)));
        } else if let Some(rest) = after(line, b"sortlist") {
            sortlist(rest, &mut conf.sortlist);
        } else if let Some(rest) = after(line, b"options") {
            options(rest, &mut conf, environment.minor);
        }
    }
    if conf.servers.is_empty() {
        conf.servers.push(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT)));
    }
    conf.servers.truncate(MAX_SERVERS);
    conf.search = match environment.localdomain {
        Some(list) => localdomain(list),
        None => search.unwrap_or_else(|| domain_of(environment.hostname).into_iter().collect()),
    };
    if let Some(text) = environment.res_options {
        options(text, &mut conf, environment.minor);
    }
    conf
}

/// Parses LOCALDOMAIN. To glibc, an empty value is a list of one empty domain, so it queries the name followed by a
/// dot.
fn localdomain(list: &[u8]) -> Vec<Box<[u8]>> {
    let list = list.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let first = list.split(|&byte| is_blank(byte)).next().unwrap_or_default();
    if first.is_empty() {
        let others = blank_words(list).map(Into::into);
        return std::iter::once(Box::from(&b""[..])).chain(others).collect();
    }
    blank_words(list).map(Into::into).collect()
}

fn domain_of(hostname: &[u8]) -> Option<Box<[u8]>> {
    let dot = hostname.iter().position(|&byte| byte == b'.')?;
    hostname.get(dot + 1..).map(Into::into)
}

fn server(word: &[u8], environment: &ResolverEnvironment<'_>) -> Option<SocketAddr> {
    if let Some(inet) = inet_aton(word) {
        return Some(SocketAddr::V4(SocketAddrV4::new(inet, PORT)));
    }
    let mut parts = word.splitn(2, |&byte| byte == b'%');
    let inet6 = inet_pton6(parts.next()?)?;
    let scope = parts.next().and_then(|scope| (environment.scope_id)(&inet6, scope)).unwrap_or(0);
    Some(SocketAddr::V6(SocketAddrV6::new(inet6, PORT, 0, scope)))
}

/// Parses `sortlist`. glibc loops forever on an invalid entry that is followed by a mask (`bad/8`) or by a carriage
/// return at the end of the line; here, such an entry is ignored.
fn sortlist(text: &[u8], list: &mut Vec<SortEntry>) {
    let text = text.split(|&byte| byte == b';').next().unwrap_or_default();
    for word in blank_words(text) {
        let mut parts = word.splitn(2, |&byte| byte == b'/' || byte == b'&');
        let Some(address) = parts.next().and_then(inet_aton) else { continue };
        let mask = parts.next().and_then(inet_aton).unwrap_or_else(|| class_mask(address));
        list.push(SortEntry { address, mask });
    }
}

/// Returns the mask of an address's class (RFC 791, section 3.2).
fn class_mask(address: Ipv4Addr) -> Ipv4Addr {
    let [first, ..] = address.octets();
    Ipv4Addr::from_bits(match first {
        0..=127 => 0xff00_0000,
        128..=191 => 0xffff_0000,
        192.. => 0xffff_ff00,
    })
}

/// Parses a number like atoi(3): blanks, a sign, and digits up to the first other byte. As in glibc, a number that is
/// too large is truncated to 32 bits, so that 4294967297 is 1.
fn atoi(text: &[u8]) -> i32 {
    let (sign, text) = match trim_start(text) {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        text => (1, text),
    };
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
    digits.fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(sign * digit)) as i32
}

fn options(text: &[u8], conf: &mut ResolvConf, minor: u32) {
    let mut rest = text;
    loop {
        let start = rest.iter().position(|&byte| !is_blank(byte)).unwrap_or(rest.len());
        rest = rest.get(start..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        option(rest, conf, minor);
        let end = rest.iter().position(|&byte| is_blank(byte)).unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default();
    }
}

/// Applies the option that the text begins with. As in glibc, a longer word with the name of an option as a prefix is
/// treated as that option.
fn option(text: &[u8], conf: &mut ResolvConf, minor: u32) {
    let number = |prefix: &[u8], most: i32| text.strip_prefix(prefix).map(|rest| atoi(rest).min(most));
    // In glibc, a negative `ndots` is truncated to four bits, a negative `timeout` is used in a shift, and a negative
    // `attempts` makes a loop end at once.
    if let Some(ndots) = number(b"ndots:", MAX_NDOTS) {
        conf.ndots = (ndots & 15) as u32;
    } else if let Some(timeout) = number(b"timeout:", MAX_TIMEOUT) {
        conf.timeout = timeout.max(0) as u32;
    } else if let Some(attempts) = number(b"attempts:", MAX_ATTEMPTS) {
        conf.attempts = attempts.max(0) as u32;
    } else {
        let negated = text.strip_prefix(b"-").filter(|_| minor >= glibc::STRICT_ERROR);
        let switch = Switch::at_start_of(negated.unwrap_or(text));
        if let Some(switch) = switch.filter(|switch| minor >= switch.since()) {
            conf.options.set(switch, negated.is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ResolvConf {
        with(text, None, None)
    }

    fn with(text: &str, localdomain: Option<&[u8]>, res_options: Option<&[u8]>) -> ResolvConf {
        let scope_id = |_: &Ipv6Addr, scope: &[u8]| (scope == b"eth0").then_some(7);
        let environment = ResolverEnvironment {
            localdomain,
            res_options,
            hostname: b"host.corp.example",
            scope_id: &scope_id,
            minor: glibc::STRICT_ERROR,
        };
        parse(Some(text.as_bytes()), &environment)
    }

    fn search(conf: &ResolvConf) -> Vec<&str> {
        conf.search.iter().map(|domain| std::str::from_utf8(domain).unwrap()).collect()
    }

    #[test]
    fn no_file_means_the_local_server() {
        let environment = ResolverEnvironment {
            localdomain: None,
            res_options: None,
            hostname: b"host",
            scope_id: &|_, _| None,
            minor: glibc::NO_AAAA,
        };
        let conf = parse(None, &environment);
        assert_eq!(conf.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts, conf.search.len()), (1, 5, 2, 0));
    }

    #[test]
    fn the_first_three_good_servers_count() {
        let conf = read(
            "nameserver bad\nnameserver 10.1 x\n nameserver 9.9.9.9\nnameserver fe80::1%eth0\n\
            nameserver fe80::1%bad\nnameserver 192.0.2.4\n",
        );
        let servers: Vec<String> = conf.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[fe80::1%7]:53", "[fe80::1]:53"]);
    }

    #[test]
    fn the_last_of_domain_and_search_counts() {
        assert_eq!(search(&read("domain a\nsearch b c # x\n")), ["b", "c", "#", "x"]);
        assert_eq!(search(&read("search b c\ndomain a z\nsearch \n")), ["a"]);
        assert_eq!(search(&read("")), ["corp.example"]);
        assert_eq!(search(&with("search b\n", Some(b"x y\nz"), None)), ["x", "y"]);
    }

    #[test]
    fn an_empty_localdomain_is_no_search_list() {
        assert_eq!(search(&with("search b\n", Some(b""), None)), [""]);
    }

    #[test]
    fn numbers_have_limits() {
        let conf = read("options ndots:99 timeout:99 attempts:99\n");
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (15, 30, 5));
        let conf = read("options ndots:-1 timeout:-1 attempts:-1\n");
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (15, 0, 0));
        assert_eq!(read("options ndots: 3\n").ndots, 3);
        // The values to which glibc truncates: 2^32 + 1, and LONG_MAX and LONG_MIN for numbers beyond those.
        let conf = read("options timeout:4294967297 attempts:99999999999999999999 ndots:-99999999999999999999\n");
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (0, 1, 0));
    }

    #[test]
    fn options_are_known_by_their_beginning() {
        let options = with("options rotates\tunknown edns0", None, Some(b"single-request-reopen no_tld_query")).options;
        assert!(options.rotate && options.edns0 && options.single_request_reopen && options.no_tld_query);
        assert!(!options.single_request && !options.use_vc);
    }

    #[test]
    fn sortlist_has_masks() {
        let conf = read("sortlist 10.1.0.0/255.255.0.0 192.0.2.0 bad 172.16.0.0&255.240.0.0 ; 1.1.1.1\n");
        let masks: Vec<String> =
            conf.sortlist.iter().map(|entry| format!("{}/{}", entry.address, entry.mask)).collect();
        assert_eq!(masks, ["10.1.0.0/255.255.0.0", "192.0.2.0/255.255.255.0", "172.16.0.0/255.240.0.0"]);
    }

    #[test]
    fn an_option_counts_from_its_release_on() {
        let read = |minor| {
            let environment = ResolverEnvironment {
                localdomain: None,
                res_options: None,
                hostname: b"host",
                scope_id: &|_, _| None,
                minor,
            };
            let options = parse(Some(b"options no-aaaa trust-ad strict-error rotate -rotate"), &environment).options;
            (options.trust_ad, options.no_aaaa, options.strict_error, options.rotate)
        };
        assert_eq!(read(glibc::NO_AAAA - 1), (true, false, false, true));
        assert_eq!(read(glibc::NO_AAAA), (true, true, false, true));
        assert_eq!(read(glibc::STRICT_ERROR), (true, true, true, false));
    }
}
