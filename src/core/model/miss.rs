//! Unsuccessful lookups, as distinguished by `h_errno` and by nsswitch.conf(5).

/// Why a lookup found nothing: the values of `h_errno` (netdb.h), from which glibc derives its other return codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `HOST_NOT_FOUND`: the name does not exist.
    NotFound,
    /// `TRY_AGAIN`: the name servers could not answer, which may be temporary.
    TryAgain,
    /// `NO_RECOVERY`: an answer was unusable.
    NoRecovery,
    /// The module was not available and did not set `h_errno`, which keeps its value.
    Absent,
    /// Two modules had an answer, and answers cannot be merged (`merge` in nsswitch.conf(5)): `h_errno` has the value
    /// that the second one set.
    Unmerged,
    /// `NO_DATA`: the name exists, but has no address of the requested family.
    NoData,
    /// `NETDB_INTERNAL`: a system error, with its errno; 0 if errno is left unchanged.
    System(i32),
}

/// The NSS status with which a module failed (nsswitch.conf(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `NOTFOUND`
    NotFound,
    /// `TRYAGAIN`
    TryAgain,
    /// `UNAVAIL`
    Unavail,
}

/// A lookup that found nothing, with its NSS status and its `h_errno`, which are independent.
///
/// glibc derives its return codes from both (nss/getXXbyYY_r.c), so neither can be left out: a chain of CNAME records
/// without an address is `TryAgain` with `NoRecovery`, FORMERR is `NotFound` with `NoRecovery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The status, to which the actions of nsswitch.conf refer.
    pub status: Status,
    /// The value of `h_errno`.
    pub failure: Failure,
    /// The value of errno if the status is `Unavail`; `None` leaves errno unchanged.
    pub errno: Option<i32>,
}

impl Miss {
    /// A miss that leaves errno unchanged.
    pub const fn new(status: Status, failure: Failure) -> Self {
        Self { status, failure, errno: None }
    }

    /// The same miss with this errno.
    pub const fn with_errno(self, errno: i32) -> Self {
        Self { errno: Some(errno), ..self }
    }
}
