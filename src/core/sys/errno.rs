//! errno, and the results of system calls.

use std::ffi::{CStr, c_char, c_int};
use std::fmt;

super::loaded::lazy! {
    /// strerror_r(3), as in POSIX
    fn __xpg_strerror_r(number: c_int, text: *mut c_char, size: usize) -> c_int, absent: -1;
}

/// A value of errno, from the kernel or libc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl fmt::Display for Errno {
    /// Writes the description that strerror(3) returns, without the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text: [c_char; 128] = [0; 128];
        // SAFETY: the text is writable for its length.
        unsafe { __xpg_strerror_r(self.0, text.as_mut_ptr(), text.len() - 1) };
        // SAFETY: its last byte is NUL.
        f.write_str(&unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy())
    }
}

/// Returns the errno of the calling thread.
pub fn errno() -> Errno {
    // SAFETY: the function has no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: it always returns a valid pointer to this thread's errno.
    Errno(unsafe { location.read() })
}

/// Sets the errno of the calling thread.
pub fn set_errno(value: Errno) {
    // SAFETY: the function has no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: as above; no other thread writes this thread's errno.
    unsafe { location.write(value.0) }
}

/// Converts the result of a system call, reading errno immediately.
pub(super) fn checked(result: isize) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| errno())
}

/// The same for a call that returns an `int`: a file descriptor, or 0.
pub(super) fn checked_int(result: impl TryInto<i32>) -> Result<i32, Errno> {
    result.try_into().ok().filter(|&result| result >= 0).ok_or_else(errno)
}
