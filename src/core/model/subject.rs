//! What rules are asked about.

use std::net::IpAddr;

use super::name::Name;

/// What a lookup is about, as far as rules go.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A name.
    Name(Name<'a>),
    /// An address, or a name that is one.
    Address(IpAddr),
    /// No name at all: getaddrinfo's NULL.
    Nobody,
}
