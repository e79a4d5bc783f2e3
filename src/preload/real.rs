//! The functions behind ours: libc's, or those of the next library that was preloaded.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{addrinfo, c_char, c_int, c_void, hostent, size_t, sockaddr, socklen_t, timespec};
use nss_bypass_core::sys::loaded;
use nss_bypass_core::sys::resolver_state::{self, GetHostByNameR};

use crate::asynchronous::{Event, Request};

/// getaddrinfo(3). All of these may be left by a cancelled thread or a longjmp, hence "C-unwind".
pub(crate) type GetAddrInfo =
    unsafe extern "C-unwind" fn(*const c_char, *const c_char, *const addrinfo, *mut *mut addrinfo) -> c_int;
/// gethostbyname(3)
pub(crate) type GetHostByName = unsafe extern "C-unwind" fn(*const c_char) -> *mut hostent;
/// gethostbyname2(3)
pub(crate) type GetHostByName2 = unsafe extern "C-unwind" fn(*const c_char, c_int) -> *mut hostent;
/// gethostbyname2_r(3)
pub(crate) type GetHostByName2R = unsafe extern "C-unwind" fn(
    *const c_char,
    c_int,
    *mut hostent,
    *mut c_char,
    size_t,
    *mut *mut hostent,
    *mut c_int,
) -> c_int;
/// gethostbyaddr(3)
pub(crate) type GetHostByAddr = unsafe extern "C-unwind" fn(*const c_void, socklen_t, c_int) -> *mut hostent;
/// gethostbyaddr_r(3)
pub(crate) type GetHostByAddrR = unsafe extern "C-unwind" fn(
    *const c_void,
    socklen_t,
    c_int,
    *mut hostent,
    *mut c_char,
    size_t,
    *mut *mut hostent,
    *mut c_int,
) -> c_int;
/// getnameinfo(3)
pub(crate) type GetNameInfo = unsafe extern "C-unwind" fn(
    *const sockaddr,
    socklen_t,
    *mut c_char,
    socklen_t,
    *mut c_char,
    socklen_t,
    c_int,
) -> c_int;
/// `__nss_configure_lookup` (nss.h)
pub(crate) type ConfigureLookup = unsafe extern "C-unwind" fn(*const c_char, *const c_char) -> c_int;
/// getaddrinfo_a(3)
pub(crate) type GetAddrInfoA = unsafe extern "C-unwind" fn(c_int, *const *mut Request, c_int, *const Event) -> c_int;
/// gai_suspend(3)
pub(crate) type GaiSuspend = unsafe extern "C-unwind" fn(*const *const Request, c_int, *const timespec) -> c_int;
/// gai_cancel(3)
pub(crate) type GaiCancel = unsafe extern "C-unwind" fn(*mut Request) -> c_int;

/// A real function, looked up once.
pub(crate) struct Real<F> {
    /// With a final NUL, as redhook wants it.
    symbol: &'static str,
    address: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

pub(crate) static GETADDRINFO: Real<GetAddrInfo> = Real::new("getaddrinfo\0");
pub(crate) static GETHOSTBYNAME: Real<GetHostByName> = Real::new("gethostbyname\0");
pub(crate) static GETHOSTBYNAME2: Real<GetHostByName2> = Real::new("gethostbyname2\0");
pub(crate) static GETHOSTBYNAME_R: Real<GetHostByNameR> = Real::new("gethostbyname_r\0");
pub(crate) static GETHOSTBYNAME2_R: Real<GetHostByName2R> = Real::new("gethostbyname2_r\0");
pub(crate) static GETHOSTBYADDR: Real<GetHostByAddr> = Real::new("gethostbyaddr\0");
pub(crate) static GETHOSTBYADDR_R: Real<GetHostByAddrR> = Real::new("gethostbyaddr_r\0");
pub(crate) static GETNAMEINFO: Real<GetNameInfo> = Real::new("getnameinfo\0");
pub(crate) static CONFIGURE_LOOKUP: Real<ConfigureLookup> = Real::new("__nss_configure_lookup\0");
// These are looked up when they are first needed: before glibc 2.34 they are in libanl, which few programs load.
pub(crate) static GETADDRINFO_A: Real<GetAddrInfoA> = Real::new("getaddrinfo_a\0");
pub(crate) static GAI_SUSPEND: Real<GaiSuspend> = Real::new("gai_suspend\0");
pub(crate) static GAI_CANCEL: Real<GaiCancel> = Real::new("gai_cancel\0");

/// Looks the others up, while the dynamic linker has nothing else to do.
pub(crate) fn find_all() {
    GETADDRINFO.look_up();
    GETHOSTBYNAME.look_up();
    GETHOSTBYNAME2.look_up();
    GETHOSTBYNAME_R.look_up();
    GETHOSTBYNAME2_R.look_up();
    GETHOSTBYADDR.look_up();
    GETHOSTBYADDR_R.look_up();
    GETNAMEINFO.look_up();
    CONFIGURE_LOOKUP.look_up();
    if let Some(real) = GETHOSTBYNAME_R.get() {
        resolver_state::refresh_with(real);
    }
}

/// What was not found is nothing that the program should read of.
pub(crate) fn leave_no_error() {
    // SAFETY: no preconditions.
    unsafe { libc::dlerror() };
}

/// Whether libc has nsswitch.conf's modules, and nscd. Another one has lists of addresses that are made otherwise.
pub(crate) fn is_glibc() -> bool {
    CONFIGURE_LOOKUP.get().is_some()
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
