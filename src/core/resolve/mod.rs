//! A query resolved: `files` and `dns` in nsswitch.conf's order, other modules left out.
//!
//! glibc goes through the modules in two ways, with different codes at the end, and each has a file: [`hostent`] is
//! `gethostbyname2_r` and `gethostbyaddr_r` (nss/getXXbyYY_r.c), [`addrinfo`] the middle of `getaddrinfo`
//! (sysdeps/posix/getaddrinfo.c). Both ask one module after the other ([`modules`]); [`order`] sorts destinations.

mod addrinfo;
mod hostent;
mod modules;
mod order;

use std::net::IpAddr;

use crate::cache::{Cache, View};
use crate::files::hosts;
use crate::model::{Address, Answer, Failure, Family, Miss, Name, Source, Status, Subject};
use crate::network::Interfaces;
use crate::rules::rule::Answering;
use crate::sys::Errno;
use crate::tables::Tables;

/// What a caller asks.
#[derive(Clone, Copy)]
pub enum Query<'a> {
    /// `gethostbyname2_r` or `gethostbyaddr_r`.
    Host {
        /// What is looked up.
        key: HostKey<'a>,
        /// The caller's buffer, which glibc reads /etc/hosts into; none for the functions with a static result.
        room: Option<&'a dyn Room>,
    },
    /// `getaddrinfo` of a name.
    Addresses {
        /// The name.
        name: Name<'a>,
        /// What the hints choose.
        selection: Selection,
        /// What is made of the addresses.
        nodes: &'a Nodes,
    },
    /// `getaddrinfo` of an address in text, or of no name: no source is asked, and the addresses are only put in order.
    Known {
        /// The addresses.
        addresses: &'a [Address],
        /// The name that stands for them.
        canonical: &'a [u8],
        /// What is made of them.
        nodes: &'a Nodes,
    },
}

/// What the gethostby functions look up.
#[derive(Clone, Copy, Debug)]
pub enum HostKey<'a> {
    /// Addresses of a name, of one family.
    Name(Name<'a>, Family),
    /// The same of `AF_UNSPEC`: DNS knows no such family, but every line of /etc/hosts will do.
    NameOfAnyFamily(Name<'a>),
    /// The same of a family that neither of them knows.
    NameOfUnknownFamily(Name<'a>),
    /// The name of an address.
    Address(IpAddr),
}

impl<'a> HostKey<'a> {
    /// What rules are asked about.
    pub fn subject(self) -> Subject<'a> {
        match self {
            Self::Name(name, _) | Self::NameOfAnyFamily(name) | Self::NameOfUnknownFamily(name) => Subject::Name(name),
            Self::Address(address) => Subject::Address(address),
        }
    }
}

/// What getaddrinfo's hints choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// None: both (`AF_UNSPEC`).
    pub family: Option<Family>,
    /// `AI_CANONNAME`: glibc then takes another way to the same servers.
    pub canonical: bool,
    /// `AI_V4MAPPED`
    pub v4_mapped: bool,
    /// `AI_ALL`
    pub all: bool,
}

/// The nodes of getaddrinfo's list, as far as they count for its order: one for each address and service.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    /// Services, and so nodes of each address.
    pub services: usize,
    /// The first service's port, in host byte order.
    pub port: u16,
    /// The interfaces, where they are known already.
    pub interfaces: Option<Interfaces>,
}

/// The memory that glibc has for a lookup of the `_r` functions. What does not fit ends it, whatever nsswitch.conf says.
pub trait Room {
    /// Whether it fits what is wanted before anything is looked up (glibc's nss/digits_dots.c).
    fn fits_key(&self, key: HostKey<'_>) -> bool;
    /// Whether glibc's `files` module can look for `key` in this text of /etc/hosts. `multi` is host.conf's.
    fn fits_hosts(&self, text: &[u8], key: hosts::Key<'_>, multi: bool) -> bool;
    /// Whether it fits the list of addresses that glibc's `dns` module begins a reverse lookup with.
    fn fits_address_list(&self) -> bool;
}

/// What became of a query.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What was found, or why nothing was.
    pub result: Result<Answer, Miss>,
    /// The source that was asked last.
    pub source: Option<Source>,
    /// What is left in `h_errno`, beside what the result means for it.
    pub h_errno: HErrno,
    /// Why no module could be asked: resolv.conf or nsswitch.conf cannot be read.
    pub unreadable: Option<Errno>,
    /// For getaddrinfo: the nodes in their order (RFC 3484), each as address number × services + service number.
    pub order: Vec<usize>,
}

/// What glibc's modules leave in `h_errno` on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HErrno {
    /// The thread's own `h_errno`, which the resolver writes; none where it was not asked.
    pub thread: Option<Failure>,
    /// Where the caller wants it, written by the module that was asked last: success or a failure; none where it wrote
    /// nothing.
    pub caller: Option<Result<(), Failure>>,
}

/// The process has no memory for a lookup.
const NO_MEMORY: Miss = Miss::new(Status::Unavail, Failure::System(libc::ENOMEM)).with_errno(libc::ENOMEM);

impl Resolved {
    fn new(result: Result<Answer, Miss>) -> Self {
        Self { result, source: None, h_errno: HErrno::default(), unreadable: None, order: Vec::new() }
    }
}

/// The resolver of one lookup under one rule.
pub struct Resolver<'a> {
    tables: &'a Tables,
    answering: &'a Answering,
    cache: Option<View<'a>>,
    has_memory: bool,
}

impl<'a> Resolver<'a> {
    /// The resolver for what a rule with this `answering` matched, with a cache where its answers are cached.
    pub fn new(tables: &'a Tables, answering: &'a Answering, cache: Option<&'a Cache>) -> Self {
        Self { tables, answering, cache: cache.and_then(Cache::view), has_memory: true }
    }

    /// The same where the process has no memory for it: every lookup ends with ENOMEM before it begins.
    pub fn without_memory(self) -> Self {
        Self { has_memory: false, ..self }
    }

    /// The addresses of this network namespace, for `AI_ADDRCONFIG`.
    pub fn interfaces(&self) -> Interfaces {
        order::known_interfaces(self.cache.as_ref())
    }

    /// Resolves a query. Everything that there is to know of it afterwards is in the result.
    pub fn resolve(&self, query: Query<'_>) -> Resolved {
        match query {
            Query::Known { addresses, canonical, nodes } => {
                let (addresses, canonical) = (addresses.to_vec(), canonical.to_vec());
                self.sorted(Resolved::new(Ok(Answer { canonical, aliases: Vec::new(), addresses })), nodes)
            }
            _ if !self.has_memory => Resolved::new(Err(NO_MEMORY)),
            Query::Host { key, room } => hostent::resolve(self, key, room),
            Query::Addresses { name, selection, nodes } => self.sorted(addrinfo::resolve(self, name, selection), nodes),
        }
    }

    /// With the order of the nodes.
    fn sorted(&self, mut resolved: Resolved, nodes: &Nodes) -> Resolved {
        let Ok(Answer { addresses, .. }) = &resolved.result else { return resolved };
        resolved.order = if addresses.len() > 1 {
            let (interfaces, cache) = (nodes.interfaces.as_ref(), self.cache.as_ref());
            order::sort(addresses, nodes.services, nodes.port, interfaces, cache, &self.tables.gai_conf())
        } else {
            (0..addresses.len() * nodes.services).collect()
        };
        resolved
    }
}
