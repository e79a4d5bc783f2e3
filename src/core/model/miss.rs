//! Lookups that found nothing, as `h_errno` and nsswitch.conf(5) tell them apart.

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
