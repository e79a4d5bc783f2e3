//! One lookup of the `dns` module (glibc, resolv/nss_dns/dns-host.c).

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::answer;
use super::message;
use super::parameters::Parameters;
use super::search::{self, NoAnswer, QueryType, Search};
use crate::files::resolv_conf::SortEntry;
use crate::model::{Answer, Failure, Family, Miss, Name, Status};
use crate::sys::{Errno, environment};

/// What is looked up in DNS.
#[derive(Clone, Copy, Debug)]
pub enum DnsLookup<'a> {
    /// Addresses of one family, and aliases: `gethostbyname3_r`. With `checked`, which is `gethostbyname2_r`, there is
    /// no query if the name is not a valid host name.
    One {
        /// The name.
        name: Name<'a>,
        /// The family.
        family: Family,
        /// Whether only valid host names are queried.
        checked: bool,
    },
    /// Addresses of both families: `gethostbyname4_r`.
    Both(Name<'a>),
    /// The name of an address: `gethostbyaddr2_r`. An IPv4-mapped or IPv4-compatible IPv6 address is looked up, and
    /// returned, as an IPv4 address.
    NameOf(IpAddr),
}

impl DnsLookup<'_> {
    /// Returns whether the name may be an alias: it has no dots, and HOSTALIASES is set.
    pub fn may_be_alias(&self) -> bool {
        match self {
            Self::One { name, .. } | Self::Both(name) => {
                !name.as_bytes().contains(&b'.') && environment::variable(c"HOSTALIASES").is_some()
            }
            Self::NameOf(_) => false,
        }
    }
}

/// The outcome of a `dns` lookup.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The answer, or why there is none.
    pub result: Result<Answer, Miss>,
    /// The name server that sent the last response.
    pub server: Option<SocketAddr>,
    /// The value that glibc's resolver would leave in the thread's `h_errno`, even if there is an answer; `None` if it
    /// would not be called.
    pub h_errno: Option<Failure>,
    /// The lifetime of the result in seconds, if it was requested; `None` if the result must not be cached.
    pub lifetime: Option<u32>,
}

impl Outcome {
    /// The outcome of a lookup that sends no query.
    fn without_query(miss: Miss) -> Self {
        Self { result: Err(miss), server: None, h_errno: None, lifetime: None }
    }

    fn new(result: Result<Answer, Miss>, search: &Search<'_>, h_errno: Option<Failure>) -> Self {
        // A result that is due to the failure of a server, or to an unusable response, may be different the next time.
        let is_known =
            result.as_ref().map_or_else(|miss| matches!(miss.failure, Failure::NotFound | Failure::NoData), |_| true);
        let lifetime = search.lifetime.filter(|_| is_known);
        Self { result, server: search.exchange.server, h_errno, lifetime }
    }
}

/// Performs a lookup.
pub fn lookup(parameters: &Parameters<'_>, ask: DnsLookup<'_>) -> Outcome {
    match ask {
        DnsLookup::One { name, family, checked } => one(parameters, name, family, checked),
        DnsLookup::Both(name) => both(parameters, name),
        DnsLookup::NameOf(address) => name_of(parameters, address),
    }
}

fn one(parameters: &Parameters<'_>, name: Name<'_>, family: Family, checked: bool) -> Outcome {
    if checked && !message::is_host_name(name) {
        return Outcome::without_query(NO_SUCH_NAME);
    }
    let query_type = match family {
        Family::Inet => QueryType::A,
        Family::Inet6 => QueryType::Aaaa,
    };
    let mut search = Search::new(parameters);
    let replies = search.run(&search::with_alias(name.as_bytes(), parameters.options), query_type);
    let result = match replies {
        Ok(replies) => answer::one(&replies, family),
        Err(no_answer) => Err(no_answer.into()),
    };
    let result = result.map(|answer| if family == Family::Inet { sorted(parameters, answer) } else { answer });
    Outcome::new(result, &search, Some(search.h_errno))
}

fn both(parameters: &Parameters<'_>, name: Name<'_>) -> Outcome {
    if !message::is_host_name(name) {
        return Outcome::without_query(NO_SUCH_NAME);
    }
    let query_type = if parameters.options.no_aaaa { QueryType::A } else { QueryType::Both };
    let mut search = Search::new(parameters);
    let replies = search.run(&search::with_alias(name.as_bytes(), parameters.options), query_type);
    let result = match replies {
        Ok(replies) => answer::both(&replies),
        Err(no_answer) => Err(no_answer.into()),
    };
    Outcome::new(result, &search, Some(search.h_errno))
}

fn name_of(parameters: &Parameters<'_>, address: IpAddr) -> Outcome {
    let address = unwrapped(address);
    let mut search = Search::new(parameters);
    let (result, h_errno) = match search.query(reverse_name(address).as_bytes(), QueryType::Ptr) {
        // Only a search initialises `h_errno` with HOST_NOT_FOUND, and a reverse lookup is not a search.
        Ok(replies) => (answer::pointer(&replies, address), None),
        // glibc restores errno before it evaluates it, so the status is always NOTFOUND.
        Err(NoAnswer { failure, .. }) => (Err(Miss::new(Status::NotFound, failure)), Some(failure)),
    };
    Outcome::new(result, &search, h_errno)
}

/// Sorts the addresses by `sortlist`: in the order of the networks that they are in; the others follow in their own
/// order.
fn sorted(parameters: &Parameters<'_>, mut answer: Answer) -> Answer {
    if !parameters.sortlist.is_empty() {
        let sorted = answer.addresses.len().min(MAX_SORTED);
        answer.addresses.get_mut(..sorted).unwrap_or_default().sort_by_key(|address| {
            let IpAddr::V4(ip) = address.ip else { return parameters.sortlist.len() };
            let matches = |entry: &SortEntry| ip.to_bits() & entry.mask.to_bits() == entry.address.to_bits();
            parameters.sortlist.iter().position(matches).unwrap_or(parameters.sortlist.len())
        });
    }
    answer
}

/// Converts IPv4-mapped and IPv4-compatible addresses to IPv4 addresses; `::1` is neither.
fn unwrapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if !v6.is_loopback() => v6.to_ipv4().map_or(address, IpAddr::V4),
        _ => address,
    }
}

/// Returns the name of an address for PTR queries (RFC 1035, section 3.5; RFC 3596, section 2.5).
fn reverse_name(address: IpAddr) -> String {
    let mut name = String::new();
    let _ = match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            write!(name, "{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => v6
            .octets()
            .iter()
            .rev()
            .try_for_each(|byte| write!(name, "{:x}.{:x}.", byte & 0xf, byte >> 4))
            .and_then(|()| name.write_str("ip6.arpa")),
    };
    name
}

/// The number of addresses that glibc sorts (`MAX_NR_ADDRS`). Any others keep their place.
const MAX_SORTED: usize = 48;

const NO_SUCH_NAME: Miss = Miss::new(Status::NotFound, Failure::NotFound);

impl From<NoAnswer> for Miss {
    /// glibc determines the status from errno, independently of `h_errno`.
    fn from(no_answer: NoAnswer) -> Self {
        let NoAnswer { failure, errno: Errno(errno) } = no_answer;
        let miss = match errno {
            libc::EMFILE | libc::ENFILE => Miss::new(Status::Unavail, Failure::System(errno)).with_errno(errno),
            libc::ESRCH => Miss::new(Status::TryAgain, Failure::TryAgain), // The program has removed all name servers.
            libc::ECONNREFUSED | libc::ETIMEDOUT => Miss::new(Status::Unavail, failure),
            _ => Miss::new(Status::NotFound, failure),
        };
        if miss.failure == Failure::TryAgain { miss.with_errno(libc::EAGAIN) } else { miss }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_names_in_dns() {
        let name = |address: &str| reverse_name(unwrapped(address.parse().unwrap()));
        assert_eq!(name("10.1.2.3"), "3.2.1.10.in-addr.arpa");
        assert_eq!(name("::ffff:10.1.2.3"), "3.2.1.10.in-addr.arpa");
        assert_eq!(name("::10.1.2.3"), "3.2.1.10.in-addr.arpa");
        assert_eq!(name("::1"), format!("1.{}ip6.arpa", "0.".repeat(31)));
        assert_eq!(name("2001:db8::ab"), format!("b.a.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(22)));
    }
}
