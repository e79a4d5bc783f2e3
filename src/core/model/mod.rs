//! The words of a lookup: plain data that every layer above and below shares.

pub mod name;

use std::fmt;
use std::net::IpAddr;

pub use name::Name;

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

/// Why a lookup found nothing: `h_errno`'s values (netdb.h), which glibc's other codes are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name does not exist: `HOST_NOT_FOUND`.
    NotFound,
    /// The servers could not say just now: `TRY_AGAIN`.
    TryAgain,
    /// The answer was of no use: `NO_RECOVERY`.
    NoRecovery,
    /// The source was not there, and said so to nobody: `h_errno` stays as it was.
    Absent,
    /// Two sources had an answer, and answers cannot be merged: `h_errno` shows what the second one said.
    Unmerged,
    /// The name exists, but not with such addresses: `NO_DATA`.
    NoData,
    /// The system refused: `NETDB_INTERNAL`, with the errno that says why; 0 where errno stays as it was.
    System(i32),
}

/// How a source of names ended without an answer, in the terms of nsswitch.conf(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `NOTFOUND`
    NotFound,
    /// `TRYAGAIN`
    TryAgain,
    /// `UNAVAIL`
    Unavail,
}

/// A lookup that found nothing: nsswitch.conf's view of it and `h_errno`'s, which differ.
///
/// glibc derives a return code from both (nss/getXXbyYY_r.c), so neither can be left out: a chain of
/// CNAMEs without an address is `TryAgain` with `NoRecovery`, FORMERR is `NotFound` with `NoRecovery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miss {
    /// What the actions of nsswitch.conf look at.
    pub status: Status,
    /// What `h_errno` shows.
    pub failure: Failure,
    /// What errno is left with where nsswitch.conf's view is `Unavail`; none: as it was.
    pub errno: Option<i32>,
}

impl Miss {
    /// A miss that leaves errno alone.
    pub const fn new(status: Status, failure: Failure) -> Self {
        Self { status, failure, errno: None }
    }

    /// With this errno.
    pub const fn with_errno(self, errno: i32) -> Self {
        Self { errno: Some(errno), ..self }
    }
}

/// Where something was wrong in a text that somebody wrote, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's path or the variable's name.
    pub source: String,
    /// The line, from 1.
    pub line: u32,
    /// The byte in the line, from 1.
    pub column: u32,
    /// What is wrong and what would be right, in one sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.source, self.line, self.column, self.message)
    }
}
