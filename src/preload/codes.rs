//! Failures as libc's codes: one table each.

use libc::c_int;
use nss_bypass_core::model::Failure;
use nss_bypass_core::sys::Errno;

/// glibc's own codes, which the libc crate lacks (netdb.h).
pub(crate) const EAI_NODATA: c_int = -5;
/// The address is of another family.
pub(crate) const EAI_ADDRFAMILY: c_int = -9;
/// The name cannot be internationalised.
pub(crate) const EAI_IDN_ENCODE: c_int = -105;
/// What becomes of a request of getaddrinfo_a.
pub(crate) const EAI_INPROGRESS: c_int = -100;
/// It was taken back.
pub(crate) const EAI_CANCELED: c_int = -101;
/// It is being worked on, and cannot be taken back.
pub(crate) const EAI_NOTCANCELED: c_int = -102;
/// It, or each of them, was done already.
pub(crate) const EAI_ALLDONE: c_int = -103;
/// A signal came.
pub(crate) const EAI_INTR: c_int = -104;

/// `h_errno`'s values (netdb.h).
pub(crate) const NETDB_INTERNAL: c_int = -1;
/// No error.
pub(crate) const NETDB_SUCCESS: c_int = 0;

/// What getaddrinfo returns.
pub(crate) fn eai(failure: Failure) -> c_int {
    match failure {
        Failure::NotFound | Failure::NoRecovery | Failure::Absent | Failure::Unmerged => libc::EAI_NONAME,
        Failure::NoData => EAI_NODATA,
        Failure::TryAgain => libc::EAI_AGAIN,
        Failure::System(_) => libc::EAI_SYSTEM,
    }
}

/// What `h_errno` shows; none: what it showed before.
pub(crate) fn h_errno(failure: Failure) -> Option<c_int> {
    match failure {
        Failure::NotFound => Some(1),
        Failure::TryAgain => Some(2),
        Failure::NoRecovery => Some(3),
        Failure::NoData => Some(4),
        Failure::System(_) => Some(NETDB_INTERNAL),
        Failure::Absent | Failure::Unmerged => None,
    }
}

/// What errno is left with; none: as it was.
pub(crate) fn errno(failure: Failure) -> Option<Errno> {
    match failure {
        Failure::TryAgain => Some(Errno(libc::EAGAIN)),
        Failure::System(0) => None,
        Failure::System(errno) => Some(Errno(errno)),
        Failure::NotFound | Failure::NoData | Failure::NoRecovery | Failure::Absent | Failure::Unmerged => None,
    }
}
