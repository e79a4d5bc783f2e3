//! Symbols of libraries that are already in the process, including those that the program has opened with RTLD_LOCAL,
//! which dlsym(3) does not find by name alone.
//!
//! dlopen and related functions are in libc since glibc 2.34. Before, they are in libdl, which few programs are linked
//! against: it is loaded when it is first needed, as libc itself loads modules, and is not unloaded.

use std::ffi::CStr;
use std::mem;
use std::ptr;

use libc::{c_char, c_int, c_void};

use super::symbols::{Found, From, find};

/// Defines functions of libc that are looked up when they are first called (see [`super::symbols::LazySymbol`]). It is used
/// for functions that few processes call, since each symbol that the library imports adds about 800 instructions to the
/// start of every program. `absent` is the result if there is no such function, and `otherwise` finds a function that
/// the search does not find ([`by_dlsym`] by default).
#[macro_export]
macro_rules! lazy {
    (@otherwise) => { $crate::sys::loaded::by_dlsym };
    (@otherwise $otherwise:path) => { $otherwise };
    ($($(#[$doc:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty, absent: $absent:expr
        $(, otherwise: $otherwise:path)?;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// As for libc's function of this name.
        #[allow(clippy::unused_unit, reason = "a function may have no result")]
        $visibility unsafe fn $name($($argument: $type),*) -> $result {
            const NAME: &std::ffi::CStr =
                match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => c"",
                };
            static FUNCTION: $crate::sys::symbols::LazySymbol =
                $crate::sys::symbols::LazySymbol::new(
                    $crate::sys::symbols::From::Program,
                    NAME,
                    $crate::lazy!(@otherwise $($otherwise)?),
                );
            let function = FUNCTION.get();
            if function.is_null() {
                return $absent;
            }
            // SAFETY: the function of this name in libc has this type.
            let function = unsafe {
                std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C" fn($($type),*) -> $result>(function)
            };
            // SAFETY: guaranteed by the caller.
            unsafe { function($($argument),*) }
        }
    )*};
}
pub use lazy;

/// Finds a function of libdl.
fn of_libdl(name: &CStr, found: Found) -> *mut c_void {
    match found {
        Found::At(address) => address,
        Found::Absent => in_library(c"libdl.so.2", name),
        // SAFETY: `name` is a C string.
        Found::Unknown => unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) },
    }
}

/// Finds a symbol of a library that is loaded with libc's internal functions, which exist from 2.17 to 2.33.
fn in_library(library: &CStr, symbol: &CStr) -> *mut c_void {
    /// The bit that dlopen adds to its mode (`__RTLD_DLOPEN`).
    const RTLD_DLOPEN: c_int = c_int::MIN;
    type Open = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
    type Symbol = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
    let (Found::At(open), Found::At(find)) =
        (find(c"__libc_dlopen_mode", From::Program), find(c"__libc_dlsym", From::Program))
    else {
        return ptr::null_mut();
    };
    // SAFETY: libc's function of this name, which has this type.
    let open = unsafe { mem::transmute::<*mut c_void, Open>(open) };
    // SAFETY: as above.
    let find = unsafe { mem::transmute::<*mut c_void, Symbol>(find) };
    // SAFETY: `library` is a C string.
    let library = unsafe { open(library.as_ptr(), libc::RTLD_LAZY | RTLD_DLOPEN) };
    if library.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the handle is valid, and `symbol` is a C string.
    unsafe { find(library, symbol.as_ptr()) }
}

lazy! {
    /// dlopen(3); null if there is none.
    pub fn dlopen(file: *const c_char, mode: c_int) -> *mut c_void, absent: ptr::null_mut(), otherwise: of_libdl;
    /// dlsym(3). On a minimal system that has only the files that its programs need, libdl may be missing. The symbol
    /// is then looked up in libc.
    pub fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void,
        // SAFETY: guaranteed by the caller.
        absent: in_library(c"libc.so.6", unsafe { CStr::from_ptr(symbol) }), otherwise: of_libdl;
    /// dlerror(3)
    fn dlerror() -> *mut c_char, absent: ptr::null_mut(), otherwise: of_libdl;
}

/// The default of [`lazy`]: calls dlsym(3) if the list of libraries cannot be read.
pub fn by_dlsym(symbol: &CStr, found: Found) -> *mut c_void {
    match found {
        Found::At(address) => address,
        Found::Absent => ptr::null_mut(),
        Found::Unknown => by_dlsym_in_any_case(symbol, found),
    }
}

/// Calls dlsym(3) even if no library up to libc has the symbol, since a later one may have it, like libpthread before
/// glibc 2.34.
pub fn by_dlsym_in_any_case(symbol: &CStr, _: Found) -> *mut c_void {
    // SAFETY: `symbol` is a C string.
    let found = unsafe { dlsym(libc::RTLD_DEFAULT, symbol.as_ptr()) };
    if found.is_null() {
        forget_error();
    }
    found
}

/// Clears the last error (dlerror(3)), so that the program does not see an error that is not its own.
pub fn forget_error() {
    // SAFETY: no preconditions.
    unsafe { dlerror() };
}

/// Returns the address of a symbol of a library; null if the library is not loaded, or does not have the symbol. A
/// library that is found is never unloaded.
pub fn symbol(library: &CStr, symbol: &CStr) -> *mut c_void {
    // SAFETY: a C string; a library that is not present is not loaded, so none of its code runs.
    let handle = unsafe { dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
    if handle.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the handle is valid, and `symbol` is a C string.
    unsafe { dlsym(handle, symbol.as_ptr()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_of_libc_is_found_and_nothing_is_loaded() {
        assert!(!symbol(c"libc.so.6", c"getaddrinfo").is_null());
        assert!(symbol(c"libc.so.6", c"no_such_symbol").is_null());
        assert!(symbol(c"libno_such_library.so.1", c"getaddrinfo").is_null());
        forget_error();
        // SAFETY: no preconditions.
        assert!(unsafe { libc::dlerror() }.is_null());
    }

    lazy! {
        /// strtoul(3)
        fn strtoul(text: *const c_char, end: *mut *mut c_char, base: c_int) -> std::ffi::c_ulong, absent: 1;
        /// libc has no such function.
        fn no_such_function() -> c_int, absent: -1;
    }

    #[test]
    fn late_functions_are_called() {
        for _ in 0..2 {
            // SAFETY: a C string; the end pointer may be null.
            assert_eq!(unsafe { strtoul(c"2a".as_ptr(), ptr::null_mut(), 16) }, 42);
            // SAFETY: no function is called.
            assert_eq!(unsafe { no_such_function() }, -1);
        }
    }
}
