//! errno, and results of system calls.

use std::ffi::{CStr, c_char, c_int};
use std::fmt;

super::loaded::late! {
    /// strerror_r(3), the one of POSIX
    fn __xpg_strerror_r(number: c_int, text: *mut c_char, size: usize) -> c_int, absent: -1;
}

/// An errno value, as the kernel or libc gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl fmt::Display for Errno {
    /// As strerror(3) describes it, without the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text: [c_char; 128] = [0; 128];
        // SAFETY: the text is writable for its length.
        unsafe { __xpg_strerror_r(self.0, text.as_mut_ptr(), text.len() - 1) };
        // SAFETY: its last byte is NUL.
        f.write_str(&unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy())
    }
}

/// The calling thread's errno.
pub fn errno() -> Errno {
    // SAFETY: the function has no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: it always returns a valid pointer to this thread's errno.
    Errno(unsafe { location.read() })
}

/// Sets the calling thread's errno.
pub fn set_errno(value: Errno) {
    // SAFETY: the function has no preconditions.
    let location = unsafe { libc::__errno_location() };
    // SAFETY: as above; nobody else writes this thread's errno.
    unsafe { location.write(value.0) }
}

/// A system call's result as a `Result`, with errno taken at once.
pub(super) fn checked(result: isize) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| errno())
}

/// The same for what returns an `int`: a descriptor, or 0.
pub(super) fn checked_int(result: impl TryInto<i32>) -> Result<i32, Errno> {
    result.try_into().ok().filter(|&result| result >= 0).ok_or_else(errno)
}
