//! libnss_bypass.so: the functions that it puts before libc's, and nothing else.
//!
//! Each export asks our side first, inside `guard`; what is not ours goes to the real function, called from here
//! with nothing on the frame to drop, so that a thread that is cancelled, or jumps, or throws out of it behaves as
//! if this library were not there.

mod addrinfo;
mod asynchronous;
mod codes;
mod guard;
mod hostent;
mod idn;
mod input;
mod log;
mod lookup;
mod real;
mod state;

use std::ptr;

use libc::{c_char, c_int, size_t, timespec};

use asynchronous::{Event, Request};
use hostent::Out;

/// Runs when the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn() = {
    extern "C" fn on_load() {
        // Also stops a panic, which must not reach the dynamic linker.
        guard::run(|_| {
            state::load();
            Some(())
        });
    }
    on_load
};

/// getaddrinfo(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    result: *mut *mut libc::addrinfo,
) -> c_int {
    let ours = guard::run(|before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { addrinfo::lookup(node, service, hints, result, before) }
    });
    if let Some(code) = ours {
        return code;
    }
    match real::GETADDRINFO.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(node, service, hints, result) },
        None => libc::EAI_SYSTEM,
    }
}

/// gethostbyname(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gethostbyname(name: *const c_char) -> *mut libc::hostent {
    let place = &hostent::GETHOSTBYNAME;
    let ours = guard::run(|before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::shared("gethostbyname", name, libc::AF_INET, place, before) }
    });
    if let Some(host) = ours {
        return host;
    }
    match real::GETHOSTBYNAME.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(name) },
        None => ptr::null_mut(),
    }
}

/// gethostbyname2(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gethostbyname2(name: *const c_char, family: c_int) -> *mut libc::hostent {
    let place = &hostent::GETHOSTBYNAME2;
    let ours = guard::run(|before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::shared("gethostbyname2", name, family, place, before) }
    });
    if let Some(host) = ours {
        return host;
    }
    match real::GETHOSTBYNAME2.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(name, family) },
        None => ptr::null_mut(),
    }
}

/// gethostbyname_r(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gethostbyname_r(
    name: *const c_char,
    host: *mut libc::hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut libc::hostent,
    h_errno: *mut c_int,
) -> c_int {
    let out = Out { host, buffer, length, result, h_errno };
    let ours = guard::run(|before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::reentrant("gethostbyname_r", name, libc::AF_INET, out, before) }
    });
    if let Some(code) = ours {
        return code;
    }
    match real::GETHOSTBYNAME_R.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(name, host, buffer, length, result, h_errno) },
        None => libc::ENOSYS,
    }
}

/// gethostbyname2_r(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gethostbyname2_r(
    name: *const c_char,
    family: c_int,
    host: *mut libc::hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut libc::hostent,
    h_errno: *mut c_int,
) -> c_int {
    let out = Out { host, buffer, length, result, h_errno };
    let ours = guard::run(|before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::reentrant("gethostbyname2_r", name, family, out, before) }
    });
    if let Some(code) = ours {
        return code;
    }
    match real::GETHOSTBYNAME2_R.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(name, family, host, buffer, length, result, h_errno) },
        None => libc::ENOSYS,
    }
}

/// getaddrinfo_a(3). gai_error(3) is libc's: it reads what stands in the request, which is the same for ours.
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn getaddrinfo_a(
    mode: c_int,
    list: *const *mut Request,
    count: c_int,
    event: *const Event,
) -> c_int {
    // SAFETY: the arguments are the caller's, under libc's contract.
    if let Some(code) = unsafe { asynchronous::start(mode, list, count, event) } {
        return code;
    }
    match real::GETADDRINFO_A.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(mode, list, count, event) },
        None => libc::EAI_SYSTEM,
    }
}

/// gai_suspend(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gai_suspend(
    list: *const *const Request,
    count: c_int,
    timeout: *const timespec,
) -> c_int {
    // SAFETY: the arguments are the caller's, under libc's contract.
    if let Some(code) = unsafe { asynchronous::suspend(list, count, timeout) } {
        return code;
    }
    match real::GAI_SUSPEND.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(list, count, timeout) },
        None => codes::EAI_ALLDONE,
    }
}

/// gai_cancel(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gai_cancel(request: *mut Request) -> c_int {
    if let Some(code) = asynchronous::cancel(request) {
        return code;
    }
    match real::GAI_CANCEL.get() {
        // SAFETY: the same argument.
        Some(real) => unsafe { real(request) },
        None => codes::EAI_ALLDONE,
    }
}
