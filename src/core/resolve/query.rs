//! Queries to the resolver.

use std::net::IpAddr;

use crate::files::hosts;
use crate::model::{Address, Answer, Family, Name, Subject};
use crate::network::Interfaces;

/// A query.
#[derive(Clone, Copy)]
pub enum Query<'a> {
    /// `gethostbyname2_r` or `gethostbyaddr_r`.
    Host {
        /// What is looked up.
        key: HostKey<'a>,
        /// The caller's buffer, into which glibc reads /etc/hosts; `None` for the functions with a static result.
        buffer: Option<&'a dyn CallerBuffer>,
    },
    /// `getaddrinfo` with a name.
    Addresses {
        /// The name.
        name: Name<'a>,
        /// The hints.
        selection: Selection,
        /// The properties of the list of nodes that affect sorting.
        nodes: &'a Nodes,
    },
    /// `getaddrinfo` with an address in text form, or without a name: nothing is looked up, and the addresses are only
    /// sorted.
    Known {
        /// The addresses.
        addresses: &'a [Address],
        /// The canonical name.
        canonical: &'a [u8],
        /// The properties of the list of nodes that affect sorting.
        nodes: &'a Nodes,
    },
}

/// The key of a lookup by the gethostbyname or gethostbyaddr functions.
#[derive(Clone, Copy, Debug)]
pub enum HostKey<'a> {
    /// The addresses of a name, of one family.
    Name(Name<'a>, Family),
    /// The same with `AF_UNSPEC`: `dns` does not support it, but every line of /etc/hosts matches.
    NameOfAnyFamily(Name<'a>),
    /// The same with a family that neither module supports.
    NameOfUnknownFamily(Name<'a>),
    /// The name of an address.
    Address(IpAddr),
}

impl<'a> HostKey<'a> {
    /// Returns what rules are matched against.
    pub fn subject(self) -> Subject<'a> {
        match self {
            Self::Name(name, _) | Self::NameOfAnyFamily(name) | Self::NameOfUnknownFamily(name) => Subject::Name(name),
            Self::Address(address) => Subject::Address(address),
        }
    }
}

/// The hints of getaddrinfo that affect the lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// `None` for both families (`AF_UNSPEC`).
    pub family: Option<Family>,
    /// `AI_CANONNAME`, with which glibc queries the same servers in a different way.
    pub canonical: bool,
    /// `AI_V4MAPPED`
    pub v4_mapped: bool,
    /// `AI_ALL`
    pub all: bool,
}

/// The nodes of getaddrinfo's list, as far as they affect sorting: there is one for each address and service.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    /// The number of services, which is the number of nodes for each address.
    pub services: usize,
    /// The port of the first service, in host byte order.
    pub port: u16,
    /// The interfaces, if they are already known.
    pub interfaces: Option<Interfaces>,
}

/// The buffer of the `_r` functions. If something does not fit, the lookup ends, regardless of the actions in
/// nsswitch.conf.
pub trait CallerBuffer {
    /// Returns whether what glibc stores before the lookup fits (glibc, nss/digits_dots.c).
    fn fits_key(&self, key: HostKey<'_>) -> bool;
    /// Returns whether glibc's `files` module can search this text of /etc/hosts for `key`. `multi` is that of
    /// host.conf.
    fn fits_hosts(&self, text: &[u8], key: hosts::Key<'_>, multi: bool) -> bool;
    /// Returns whether this answer fits, with names as they were found; `from_dns` determines the order in which glibc
    /// stores it.
    fn fits_answer(&self, answer: &Answer, from_dns: bool) -> bool;
    /// Returns whether the list of addresses fits with which glibc's `dns` module begins a reverse lookup.
    fn fits_address_list(&self) -> bool;
}
