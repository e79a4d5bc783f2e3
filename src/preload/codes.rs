//! Conversion between failures and libc's codes, with one exhaustive match each.

use std::ptr;

use libc::c_int;
use nss_bypass_core::lazy;
use nss_bypass_core::model::Failure;
use nss_bypass_core::sys::Errno;

use crate::netdb::{EAI_NODATA, NETDB_INTERNAL};

lazy! {
    /// The h_errno of the calling thread (netdb.h).
    fn __h_errno_location() -> *mut c_int, absent: ptr::null_mut();
}

fn h_errno_of_thread() -> Option<&'static mut c_int> {
    // SAFETY: no preconditions.
    let place = unsafe { __h_errno_location() };
    // SAFETY: null, or a valid pointer to this thread's variable, to which there is no other reference now.
    unsafe { place.as_mut() }
}

/// Sets the h_errno of this thread.
pub(crate) fn set_h_errno(value: c_int) {
    if let Some(h_errno) = h_errno_of_thread() {
        *h_errno = value;
    }
}

/// Returns the h_errno of this thread.
pub(crate) fn thread_h_errno() -> c_int {
    h_errno_of_thread().map_or(0, |h_errno| *h_errno)
}

/// Returns the failure that a code of getaddrinfo or getnameinfo means, given errno; `None` if the code is about the
/// arguments or the caller's memory.
pub(crate) fn failure_of_eai(code: c_int, Errno(errno): Errno) -> Option<Failure> {
    match code {
        libc::EAI_NONAME => Some(Failure::NotFound),
        EAI_NODATA => Some(Failure::NoData),
        libc::EAI_AGAIN => Some(Failure::TryAgain),
        libc::EAI_FAIL => Some(Failure::NoRecovery),
        libc::EAI_SYSTEM => Some(Failure::System(errno)),
        _ => None,
    }
}

/// Returns the failure that a value of `h_errno` means, given errno.
pub(crate) fn failure_of_h_errno(value: c_int, Errno(errno): Errno) -> Failure {
    match value {
        2 => Failure::TryAgain,
        3 => Failure::NoRecovery,
        4 => Failure::NoData,
        NETDB_INTERNAL => Failure::System(errno),
        _ => Failure::NotFound,
    }
}

/// Returns the code of getaddrinfo for a failure.
pub(crate) fn eai(failure: Failure) -> c_int {
    match failure {
        Failure::NotFound | Failure::NoRecovery | Failure::Absent | Failure::Unmerged => libc::EAI_NONAME,
        Failure::NoData => EAI_NODATA,
        Failure::TryAgain => libc::EAI_AGAIN,
        Failure::System(_) => libc::EAI_SYSTEM,
    }
}

/// Returns the value of `h_errno` for a failure; `None` if it is left unchanged.
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

/// Returns the errno for a failure; `None` if it is left unchanged.
pub(crate) fn errno(failure: Failure) -> Option<Errno> {
    match failure {
        Failure::TryAgain => Some(Errno(libc::EAGAIN)),
        Failure::System(0) => None,
        Failure::System(errno) => Some(Errno(errno)),
        Failure::NotFound | Failure::NoData | Failure::NoRecovery | Failure::Absent | Failure::Unmerged => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_are_written() {
        for failure in [Failure::NotFound, Failure::NoData, Failure::TryAgain, Failure::System(7)] {
            assert_eq!(failure_of_eai(eai(failure), Errno(7)), Some(failure));
            assert_eq!(h_errno(failure).map(|value| failure_of_h_errno(value, Errno(7))), Some(failure));
        }
        assert_eq!(
            h_errno(Failure::NoRecovery).map(|value| failure_of_h_errno(value, Errno(0))),
            Some(Failure::NoRecovery)
        );
        assert_eq!(failure_of_eai(libc::EAI_BADFLAGS, Errno(0)), None);
    }
}
