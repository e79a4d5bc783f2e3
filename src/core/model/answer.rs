//! What a lookup asks for, and what it finds.

use std::net::{IpAddr, SocketAddr};

/// The address family that a lookup asks for: `AF_INET` or `AF_INET6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4: a query of type A.
    Inet,
    /// IPv6: a query of type AAAA.
    Inet6,
}

impl Family {
    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Inet } else { Self::Inet6 }
    }
}

/// An address, with the scope that a link-local address needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The address itself.
    pub ip: IpAddr,
    /// `sin6_scope_id`; 0 if there is none.
    pub scope: u32,
}

/// The result of a successful lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The canonical name.
    pub canonical: Vec<u8>,
    /// The other names, in the order in which they were found.
    pub aliases: Vec<Vec<u8>>,
    /// The addresses in the order of the source, including duplicates.
    pub addresses: Vec<Address>,
}

/// The source of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A hosts(5) file.
    Files,
    /// DNS, with the name server that answered, if one did.
    Dns(Option<SocketAddr>),
    /// The same, from an earlier lookup whose answer was cached.
    Cache(Option<SocketAddr>),
}

impl Source {
    /// Returns whether the answer came from a name server, cached or not.
    pub fn is_dns(self) -> bool {
        matches!(self, Self::Dns(_) | Self::Cache(_))
    }
}
