//! The texts that getnameinfo(3) returns.

use std::ffi::CStr;
use std::ptr;

use libc::{c_char, c_int, socklen_t};

/// The caller's buffer for a text.
#[derive(Clone, Copy)]
pub(crate) struct TextBuffer {
    pub(crate) start: *mut c_char,
    pub(crate) length: socklen_t,
}

impl TextBuffer {
    /// No text is requested.
    pub(crate) const NONE: Self = Self { start: ptr::null_mut(), length: 0 };

    /// Returns whether a text is requested.
    pub(crate) fn is_wanted(self) -> bool {
        !self.start.is_null() && self.length > 0
    }

    /// Returns the text in the buffer.
    ///
    /// # Safety
    /// Either no text is requested, or libc has written one.
    pub(crate) unsafe fn read(self) -> Vec<u8> {
        if !self.is_wanted() {
            return Vec::new();
        }
        // SAFETY: guaranteed by the caller; the text is terminated by a NUL.
        unsafe { CStr::from_ptr(self.start) }.to_bytes().to_vec()
    }

    /// Writes a text with a terminating NUL, or returns EAI_OVERFLOW (`checked_copy`).
    ///
    /// # Safety
    /// The buffer must be writable for its length.
    pub(crate) unsafe fn write(self, text: &[u8]) -> c_int {
        if text.len() >= self.length as usize {
            return libc::EAI_OVERFLOW;
        }
        // SAFETY: the text and its NUL fit; it is not in the caller's memory.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), self.start, text.len()) };
        // SAFETY: within the length, which has been compared.
        let end = unsafe { self.start.add(text.len()) };
        // SAFETY: as above.
        unsafe { end.write(0) };
        0
    }
}
