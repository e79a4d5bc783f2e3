//! DNS, as glibc's `dns` module of nsswitch.conf does it (resolv/nss_dns/dns-host.c).
//!
//! `message` writes questions and reads answers, `exchange` carries them to servers and back, `search` decides
//! which names are asked for, `answer` makes addresses of it.

mod answer;
mod exchange;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(test)]
mod lifetimes;
mod message;
mod search;

use std::ffi::CString;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use self::search::{NoAnswer, Search, Want};
use crate::files::resolv_conf::{Options, SortEntry};
use crate::model::Name;
use crate::model::{Answer, Failure, Family, Miss, Status};
use crate::sys::{Errno, environment, file};

/// How to resolve: resolv.conf, with what a rule changes about it.
#[derive(Clone, Copy)]
pub struct Resolver<'a> {
    /// The servers, in order.
    pub servers: &'a [SocketAddr],
    /// The search list.
    pub search: &'a [Box<[u8]>],
    /// A name with this many dots is asked for as it is first.
    pub ndots: u32,
    /// Seconds to wait for a server; glibc takes 0 for 1.
    pub timeout: u32,
    /// How often all servers are asked; 0 is never.
    pub attempts: u32,
    /// The switches.
    pub options: Options,
    /// Which IPv4 networks come first.
    pub sortlist: &'a [SortEntry],
    /// Whether it is to be found out for how long an outcome counts.
    pub wants_lifetime: bool,
}

/// What is asked of DNS.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// Addresses of one family, and aliases: `gethostbyname3_r`. With `checked`, a name that is no host name is not asked
    /// for: `gethostbyname2_r`.
    One {
        /// The name.
        name: Name<'a>,
        /// The family.
        family: Family,
        /// Whether only host names are asked for.
        checked: bool,
    },
    /// Addresses of both families: `gethostbyname4_r`.
    Both(Name<'a>),
    /// The name of an address: `gethostbyaddr2_r`. An IPv6 address that only wraps an IPv4 one is asked for as that, and
    /// comes back as that.
    NameOf(IpAddr),
}

impl Ask<'_> {
    /// Whether the name may stand for another: it has no dots, and HOSTALIASES names a file.
    pub fn may_be_alias(&self) -> bool {
        match self {
            Self::One { name, .. } | Self::Both(name) => {
                !name.as_bytes().contains(&b'.') && environment::variable(c"HOSTALIASES").is_some()
            }
            Self::NameOf(_) => false,
        }
    }
}

/// A `dns` lookup: what came of it, and which server said so.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The answer, or why there is none.
    pub result: Result<Answer, Miss>,
    /// The server that spoke last.
    pub server: Option<SocketAddr>,
    /// What glibc's resolver would leave in the thread's h_errno, also after an answer; none where it is not asked.
    pub h_errno: Option<Failure>,
    /// Seconds for which it counts, where that was wanted; none where it counts for this time only.
    pub lifetime: Option<u32>,
}

impl Outcome {
    /// Without a question to anybody.
    fn unasked(miss: Miss) -> Self {
        Self { result: Err(miss), server: None, h_errno: None, lifetime: None }
    }

    fn new(result: Result<Answer, Miss>, search: &Search<'_>, h_errno: Option<Failure>) -> Self {
        // What the servers could not say, or said in a way that is of no use, they may say better the next time.
        let is_known =
            result.as_ref().map_or_else(|miss| matches!(miss.failure, Failure::NotFound | Failure::NoData), |_| true);
        let lifetime = search.lifetime.filter(|_| is_known);
        Self { result, server: search.exchange.server, h_errno, lifetime }
    }
}

impl Resolver<'_> {
    /// How long the server of this index is waited for: longer for a later one, shared among all (res_send.c).
    fn wait(&self, index: usize) -> Duration {
        // glibc has three servers; a rule may name more, whose turn must not double for ever.
        let doubled = u64::from(self.timeout) << index.min(2);
        let seconds = if index > 0 { doubled / self.servers.len().max(1) as u64 } else { doubled };
        Duration::from_secs(seconds.max(1))
    }

    /// Asks the servers.
    pub fn ask(&self, ask: Ask<'_>) -> Outcome {
        crate::sys::fault::point();
        match ask {
            Ask::One { name, family, checked } => self.one(name, family, checked),
            Ask::Both(name) => self.both(name),
            Ask::NameOf(address) => self.name_of(address),
        }
    }

    fn one(&self, name: Name<'_>, family: Family, checked: bool) -> Outcome {
        crate::sys::fault::point();
        if checked && !message::is_host_name(name) {
            return Outcome::unasked(NO_SUCH_NAME);
        }
        let want = match family {
            Family::Inet => Want::A,
            Family::Inet6 => Want::Aaaa,
        };
        let mut search = Search::new(self);
        let replies = search.run(&search::with_alias(name.as_bytes(), self.options), want);
        let result = match replies {
            Ok(replies) => answer::one(&replies, family),
            Err(no_answer) => Err(no_answer.into()),
        };
        let result = result.map(|answer| if family == Family::Inet { self.sorted(answer) } else { answer });
        Outcome::new(result, &search, Some(search.h_errno))
    }

    fn both(&self, name: Name<'_>) -> Outcome {
        crate::sys::fault::point();
        if !message::is_host_name(name) {
            return Outcome::unasked(NO_SUCH_NAME);
        }
        let want = if self.options.no_aaaa { Want::A } else { Want::Both };
        let mut search = Search::new(self);
        let replies = search.run(&search::with_alias(name.as_bytes(), self.options), want);
        let result = match replies {
            Ok(replies) => answer::both(&replies),
            Err(no_answer) => Err(no_answer.into()),
        };
        Outcome::new(result, &search, Some(search.h_errno))
    }

    fn name_of(&self, address: IpAddr) -> Outcome {
        crate::sys::fault::point();
        let address = unwrapped(address);
        let mut search = Search::new(self);
        let (result, h_errno) = match search.query(reverse_name(address).as_bytes(), Want::Ptr) {
            // Only a search begins with "not found" in h_errno, and this is none.
            Ok(replies) => (answer::pointer(&replies, address), None),
            // glibc restores errno before it looks at it, so that here every failure is "not found" to nsswitch.conf.
            Err(NoAnswer { failure, .. }) => (Err(Miss::new(Status::NotFound, failure)), Some(failure)),
        };
        Outcome::new(result, &search, h_errno)
    }

    /// `sortlist`: addresses of the networks named first come first, others keep their order.
    fn sorted(&self, mut answer: Answer) -> Answer {
        crate::sys::fault::point();
        if !self.sortlist.is_empty() {
            let sorted = answer.addresses.len().min(MOST_SORTED);
            answer.addresses.get_mut(..sorted).unwrap_or_default().sort_by_key(|address| {
                let IpAddr::V4(ip) = address.ip else { return self.sortlist.len() };
                let matches = |entry: &SortEntry| ip.to_bits() & entry.mask.to_bits() == entry.address.to_bits();
                self.sortlist.iter().position(matches).unwrap_or(self.sortlist.len())
            });
        }
        answer
    }
}

/// IPv4-mapped and IPv4-compatible addresses as IPv4 ones; `::1` is neither.
fn unwrapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if !v6.is_loopback() => v6.to_ipv4().map_or(address, IpAddr::V4),
        _ => address,
    }
}

/// The name under which DNS knows an address (RFC 1035, section 3.5; RFC 3596, section 2.5).
fn reverse_name(address: IpAddr) -> String {
    crate::sys::fault::point();
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

/// Of more addresses, glibc sorts the first (`MAX_NR_ADDRS`).
const MOST_SORTED: usize = 48;

const NO_SUCH_NAME: Miss = Miss::new(Status::NotFound, Failure::NotFound);

impl From<NoAnswer> for Miss {
    /// glibc goes by errno here, and by h_errno there.
    fn from(no_answer: NoAnswer) -> Self {
        let NoAnswer { failure, errno: Errno(errno) } = no_answer;
        let miss = match errno {
            libc::EMFILE | libc::ENFILE => Miss::new(Status::Unavail, Failure::System(errno)).with_errno(errno),
            libc::ESRCH => Miss::new(Status::TryAgain, Failure::TryAgain), // No server is named at all.
            libc::ECONNREFUSED | libc::ETIMEDOUT => Miss::new(Status::Unavail, failure),
            _ => Miss::new(Status::NotFound, failure),
        };
        if miss.failure == Failure::TryAgain { miss.with_errno(libc::EAGAIN) } else { miss }
    }
}

/// The alias of a name in the file that HOSTALIASES names: lines of a name and what it stands for, until the first
/// line that is no such pair (glibc, resolv/res_context_hostalias.c).
fn host_alias(name: &[u8], options: Options) -> Option<Vec<u8>> {
    if options.no_aliases {
        return None;
    }
    let path = CString::new(environment::variable(c"HOSTALIASES")?).ok()?;
    let content = file::read(&path).ok()?;
    for line in content.bytes.split_inclusive(|&byte| byte == b'\n') {
        let blank = line.iter().position(u8::is_ascii_whitespace)?;
        let (alias, rest) = line.split_at_checked(blank)?;
        if alias.eq_ignore_ascii_case(name) {
            let target = rest.trim_ascii_start();
            let end = target.iter().position(u8::is_ascii_whitespace).unwrap_or(target.len());
            return target.get(..end).filter(|target| !target.is_empty()).map(<[u8]>::to_vec);
        }
    }
    None
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
