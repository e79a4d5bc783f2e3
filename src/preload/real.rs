//! The functions behind the hooks: libc's, or those of the next library that was preloaded.

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

/// Makes a static for each real function, under the hook's name.
macro_rules! real_functions {
    ($($(#[$_doc:meta])* $name:ident($($_argument:ident: $type:ty),*) -> $result:ty { $($_how:tt)* })*) => {$(
        /// It may be left by a thread that is cancelled, or by a longjmp, hence "C-unwind".
        #[allow(non_upper_case_globals, reason = "named as the function is")]
        pub(crate) static $name: Real<unsafe extern "C-unwind" fn($($type),*) -> $result> =
            Real::new(concat!(stringify!($name), "\0"));
    )*};
}

hooks!(real_functions);

/// A real function, looked up once.
pub(crate) struct Real<F> {
    /// With a final NUL, as redhook wants it.
    symbol: &'static str,
    address: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

/// Whether libc has nsswitch.conf's modules, and nscd. Another one has lists of addresses that are made otherwise.
pub(crate) fn is_glibc() -> bool {
    __nss_configure_lookup.get().is_some()
}

impl<F: Copy> Real<F> {
    const fn new(symbol: &'static str) -> Self {
        Self { symbol, address: AtomicPtr::new(ptr::null_mut()), kind: PhantomData }
    }

    /// The function; none only in a process whose libc lacks it.
    pub(crate) fn get(&self) -> Option<F> {
        let mut address = self.address.load(Ordering::Acquire);
        if address.is_null() {
            address = self.look_up();
            if address.is_null() {
                return None;
            }
        }
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: `F` is the function pointer type of the symbol, as the statics above pair them, and not null.
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

/// The first function of this name behind this library. dlsym(3) is asked where that cannot be told without it (see
/// [`symbols`]), or where it is in none of the libraries up to libc: before glibc 2.34 some are in libanl.
fn find(symbol: &'static str) -> *mut c_void {
    let Ok(name) = CStr::from_bytes_with_nul(symbol.as_bytes()) else { return ptr::null_mut() };
    if let Found::At(address) = symbols::find(name, From::Next) {
        return address;
    }
    // redhook panics over a missing symbol.
    let behind_us = catch_unwind(|| {
        // SAFETY: the symbol ends in NUL. The search starts behind this library, into which redhook is linked.
        unsafe { redhook::ld_preload::dlsym_next(symbol) }
    });
    let found = behind_us.map_or_else(|_| by_library(name), |found| found.cast_mut().cast());
    if found.is_null() {
        loaded::forget_error(); // The program is to read of no error that is not its own.
    }
    found
}

/// Where libc comes before this library, as it does if only another library is linked against it, nothing is behind it. And
/// libanl may have been loaded for a plug-in's own use only.
fn by_library(symbol: &CStr) -> *mut c_void {
    let mut found = [c"libc.so.6", c"libanl.so.1"].into_iter().map(|library| loaded::symbol(library, symbol));
    found.find(|address| !address.is_null()).unwrap_or(ptr::null_mut())
}
