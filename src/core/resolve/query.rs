//! What is asked of the resolver.

use std::net::IpAddr;

use crate::files::hosts;
use crate::model::{Address, Answer, Family, Name, Subject};
use crate::network::Interfaces;

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
    /// Whether it fits this answer, with names as they were found; `from_dns` decides in which order it is filled.
    fn fits_answer(&self, answer: &Answer, from_dns: bool) -> bool;
    /// Whether it fits the list of addresses that glibc's `dns` module begins a reverse lookup with.
    fn fits_address_list(&self) -> bool;
}
