//! Failures as libc's codes: one exhaustive match each.

use libc::c_int;
use nss_bypass_core::model::Failure;
use nss_bypass_core::sys::Errno;

use crate::netdb::{EAI_NODATA, NETDB_INTERNAL};

unsafe extern "C" {
    /// This thread's h_errno (netdb.h).
    fn __h_errno_location() -> *mut c_int;
}

/// Sets this thread's h_errno.
pub(crate) fn set_h_errno(value: c_int) {
    // SAFETY: libc gives a valid pointer to this thread's variable.
    let location = unsafe { __h_errno_location() };
    // SAFETY: as above.
    unsafe { location.write(value) }
}

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
