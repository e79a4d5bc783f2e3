//! What rules are matched against.

use std::net::IpAddr;

use super::name::Name;

/// The subject of a lookup, as far as rules are concerned.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A name.
    Name(Name<'a>),
    /// An address, or a name that is an address in text form.
    Address(IpAddr),
    /// No name: the NULL node of getaddrinfo(3).
    NoName,
}
