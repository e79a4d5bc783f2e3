//! The texts of getnameinfo(3).

use std::ffi::CStr;
use std::ptr;

use libc::{c_char, c_int, socklen_t};

/// Memory of the caller's for a text.
#[derive(Clone, Copy)]
pub(crate) struct TextBuffer {
    pub(crate) start: *mut c_char,
    pub(crate) length: socklen_t,
}

impl TextBuffer {
    /// No text is wanted.
    pub(crate) const NONE: Self = Self { start: ptr::null_mut(), length: 0 };

    /// Whether a text is wanted.
    pub(crate) fn is_wanted(self) -> bool {
        !self.start.is_null() && self.length > 0
    }

    /// The text that is there.
    ///
    /// # Safety
    /// No text is wanted, or libc has written one.
    pub(crate) unsafe fn read(self) -> Vec<u8> {
        if !self.is_wanted() {
            return Vec::new();
        }
        // SAFETY: the caller's promise: it ends in a NUL.
        unsafe { CStr::from_ptr(self.start) }.to_bytes().to_vec()
    }

    /// Writes a text with a NUL behind it, or says EAI_OVERFLOW (`checked_copy`).
    ///
    /// # Safety
    /// The buffer is writable for its length.
    pub(crate) unsafe fn write(self, text: &[u8]) -> c_int {
        if text.len() >= self.length as usize {
            return libc::EAI_OVERFLOW;
        }
        // SAFETY: the text fits with its NUL; it is not in the caller's memory.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), self.start, text.len()) };
        // SAFETY: within the length, as was just seen.
        let end = unsafe { self.start.add(text.len()) };
        // SAFETY: as above.
        unsafe { end.write(0) };
        0
    }
}
