//! The functions behind the hooks: libc's, or those of the next library that was preloaded.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{addrinfo, c_char, c_int, c_void, hostent, size_t, sockaddr, socklen_t, timespec};
use nss_bypass_core::sys::{loaded, resolver_state};

use crate::netdb::{Gaicb, Sigevent};

/// Makes a static for each real function, under the hook's name, and `find_all`.
macro_rules! real_functions {
    ($($(#[$_doc:meta])* $when:ident $name:ident($($_argument:ident: $type:ty),*) -> $result:ty { $($_how:tt)* })*) => {
        $(
            /// It may be left by a thread that is cancelled, or by a longjmp, hence "C-unwind".
            #[allow(non_upper_case_globals, reason = "named as the function is")]
            pub(crate) static $name: Real<unsafe extern "C-unwind" fn($($type),*) -> $result> =
                Real::new(concat!(stringify!($name), "\0"));
        )*

        /// Looks up those of the rows `at_load`, while the dynamic linker has nothing else to do.
        pub(crate) fn find_all() {
            $(real_functions!(@$when $name);)*
            if let Some(real) = gethostbyname_r.get() {
                resolver_state::refresh_with(real);
            }
        }
    };
    (@at_load $name:ident) => { $name.look_up() };
    (@when_called $name:ident) => {};
}

hooks!(real_functions);

/// A real function, looked up once.
pub(crate) struct Real<F> {
    /// With a final NUL, as redhook wants it.
    symbol: &'static str,
    address: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

/// What was not found is nothing that the program should read of.
pub(crate) fn leave_no_error() {
    // SAFETY: no preconditions.
    unsafe { libc::dlerror() };
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
            // Before the library's constructor has run, or where libc lacks it.
            address = find_late(self.symbol);
            self.address.store(address, Ordering::Release);
        }
        if address.is_null() {
            return None;
        }
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: `F` is the function pointer type of the symbol, as the statics above pair them, and not null.
        Some(unsafe { mem::transmute_copy::<*mut c_void, F>(&address) })
    }

    #[inline(always)]
    fn look_up(&self) {
        self.address.store(find(self.symbol), Ordering::Release);
    }
}

#[cold]
#[inline(never)]
fn find_late(symbol: &'static str) -> *mut c_void {
    find(symbol)
}

/// Inlined, so that all that the constructor runs lies on few pages.
#[inline(always)]
fn find(symbol: &'static str) -> *mut c_void {
    // redhook panics over a missing symbol.
    let behind_us = catch_unwind(|| {
        // SAFETY: the symbol ends in NUL. The search starts behind this library, into which redhook is linked.
        unsafe { redhook::ld_preload::dlsym_next(symbol) }
    });
    behind_us.map_or_else(|_| by_library(symbol), |found| found.cast_mut().cast())
}

/// Where libc comes before this library, as it does if only another library is linked against it, nothing is behind it. And
/// libanl may have been loaded for a plug-in's own use only.
#[cold]
#[inline(never)]
fn by_library(symbol: &'static str) -> *mut c_void {
    let Ok(symbol) = CStr::from_bytes_with_nul(symbol.as_bytes()) else { return ptr::null_mut() };
    let mut found = [c"libc.so.6", c"libanl.so.1"].into_iter().map(|library| loaded::symbol(library, symbol));
    found.find(|address| !address.is_null()).unwrap_or(ptr::null_mut())
}
