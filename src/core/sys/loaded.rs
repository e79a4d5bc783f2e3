//! What a library that is in the process already has, also one that the program has opened for its own use only
//! (RTLD_LOCAL), where no search by a symbol's name alone comes to.

use std::ffi::CStr;
use std::ptr;

use libc::c_void;

/// A symbol of it; null where the library is not loaded, or has no such symbol. A library that is found stays loaded.
pub fn symbol(library: &CStr, symbol: &CStr) -> *mut c_void {
    // SAFETY: a C string; a library that is not there already is not loaded, so none of its code runs.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
    if handle.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the handle is from just now, and the symbol a C string.
    unsafe { libc::dlsym(handle, symbol.as_ptr()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_of_libc_is_found_and_nothing_is_loaded() {
        assert!(!symbol(c"libc.so.6", c"getaddrinfo").is_null());
        assert!(symbol(c"libc.so.6", c"no_such_symbol").is_null());
        assert!(symbol(c"libno_such_library.so.1", c"getaddrinfo").is_null());
    }
}
