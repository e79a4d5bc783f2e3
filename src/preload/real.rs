//! The real functions: libc's, or those of the next preloaded library.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{addrinfo, c_char, c_int, c_void, hostent, size_t, sockaddr, socklen_t, timespec};
use nss_bypass_core::sys::loaded;
use nss_bypass_core::sys::symbols::{self, Found, From};

use crate::netdb::{Gaicb, Sigevent};

/// Defines a static for each real function, with the name of the hook.
macro_rules! real_functions {
    ($($(#[$_doc:meta])* $name:ident($($_argument:ident: $type:ty),*) -> $result:ty { $($_how:tt)* })*) => {$(
        /// A thread may leave it by cancellation or a longjmp, hence "C-unwind".
        #[allow(non_upper_case_globals, reason = "named as the function is")]
        pub(crate) static $name: Real<unsafe extern "C-unwind" fn($($type),*) -> $result> =
            Real::new(concat!(stringify!($name), "\0"));
    )*};
}

hooks!(real_functions);

/// A real function, which is looked up once.
pub(crate) struct Real<F> {
    /// The name with a terminating NUL, as redhook requires.
    symbol: &'static str,
    address: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

/// Returns whether libc has the modules of nsswitch.conf, and asks nscd. Another libc allocates lists of addresses
/// differently.
pub(crate) fn is_glibc() -> bool {
    __nss_configure_lookup.get().is_some()
}

impl<F: Copy> Real<F> {
    const fn new(symbol: &'static str) -> Self {
        Self { symbol, address: AtomicPtr::new(ptr::null_mut()), kind: PhantomData }
    }

    /// Returns the function; `None` only if the libc of this process does not have it.
    pub(crate) fn get(&self) -> Option<F> {
        let mut address = self.address.load(Ordering::Acquire);
        if address.is_null() {
            address = self.look_up();
            if address.is_null() {
                return None;
            }
        }
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: not null, and `F` is the type of the function, as in the statics above.
        Some(unsafe { mem::transmute_copy::<*mut c_void, F>(&address) })
    }

    #[cold]
    #[inline(never)]
    fn look_up(&self) -> *mut c_void {
        let address = symbols::keeping_errno(|| find(self.symbol));
        self.address.store(address, Ordering::Release);
        address
    }
}

/// Returns the first function of this name after this library. dlsym(3) is called if the function cannot be determined
/// without it (see [`symbols`]), or if none of the libraries up to libc has it: before glibc 2.34, some functions are
/// in libanl.
fn find(symbol: &'static str) -> *mut c_void {
    let Ok(name) = CStr::from_bytes_with_nul(symbol.as_bytes()) else { return ptr::null_mut() };
    if let Found::At(address) = symbols::find(name, From::Next) {
        return address;
    }
    // redhook panics if the symbol is missing.
    let behind_us = catch_unwind(|| {
        // SAFETY: the symbol ends with a NUL. The search starts after this library, into which redhook is linked.
        unsafe { redhook::ld_preload::dlsym_next(symbol) }
    });
    let found = behind_us.map_or_else(|_| by_library(name), |found| found.cast_mut().cast());
    if found.is_null() {
        loaded::forget_error(); // The program must not see an error that is not its own.
    }
    found
}

/// If libc comes before this library, as when only another library is linked against this one, no function comes after
/// it. And libanl may have been loaded with RTLD_LOCAL for a plug-in.
fn by_library(symbol: &CStr) -> *mut c_void {
    let mut found = [c"libc.so.6", c"libanl.so.1"].into_iter().map(|library| loaded::symbol(library, symbol));
    found.find(|address| !address.is_null()).unwrap_or(ptr::null_mut())
}
