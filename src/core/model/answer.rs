//! What is looked up, and what is found.

use std::net::{IpAddr, SocketAddr};

/// Which addresses a lookup wants: `AF_INET` or `AF_INET6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4, asked of DNS as type A.
    Inet,
    /// IPv6, asked of DNS as type AAAA.
    Inet6,
}

impl Family {
    /// The family that an address is of.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Inet } else { Self::Inet6 }
    }
}

/// An address with the scope that a link-local one needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The address itself.
    pub ip: IpAddr,
    /// `sin6_scope_id`; 0 where none is meant.
    pub scope: u32,
}

/// What a lookup found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The canonical name.
    pub canonical: Vec<u8>,
    /// The other names, in the order in which they were found.
    pub aliases: Vec<Vec<u8>>,
    /// The addresses, duplicates kept, in the order of the source.
    pub addresses: Vec<Address>,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// /etc/hosts.
    Files,
    /// A name server, where one spoke.
    Dns(Option<SocketAddr>),
    /// The same, in a lookup before this one.
    Cache(Option<SocketAddr>),
}

impl Source {
    /// Whether it was a name server's answer, at whatever time.
    pub fn is_dns(self) -> bool {
        matches!(self, Self::Dns(_) | Self::Cache(_))
    }
}
