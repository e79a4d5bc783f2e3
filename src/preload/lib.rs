//! libnss_bypass.so: the functions that it puts before libc's, and nothing else.
//!
//! Each export asks our side first, inside `guard`; what is not ours goes to the real function, called from here
//! with nothing on the frame to drop, so that a thread that is cancelled, or jumps, or throws out of it behaves as
//! if this library were not there.

mod addrinfo;
mod asynchronous;
mod chosen;
mod codes;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod hostent;
mod idn;
mod input;
mod log;
mod lookup;
mod memory;
mod nameinfo;
mod real;
mod state;

use std::ptr;

use libc::{c_char, c_int, c_void, size_t, socklen_t, timespec};

use asynchronous::{Event, Request};
use hostent::Out;
use nameinfo::Place;

/// Runs when the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = {
    // The arguments are glibc's extension, which std relies on too.
    extern "C" fn on_load(_: c_int, _: *const *const c_char, environment: *const *const c_char) {
        // A panic must not reach the dynamic linker. No lookup and no cancellation can come about in here.
        guard::caught(|_| {
            // SAFETY: the environment that libc has.
            unsafe { state::load(environment) };
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
    // SAFETY: the caller's promise, under libc's contract.
    let ours = guard::run_unless(unsafe { state::passes(node) }, addrinfo::owns, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { addrinfo::lookup(node, service, hints, result, before) }
    });
    if let Some(done) = ours {
        return done.code;
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
    // SAFETY: the caller's promise, under libc's contract.
    let ours = guard::run_unless(unsafe { state::passes(name) }, guard::owns_nothing, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::shared_by_name("gethostbyname", name, libc::AF_INET, place, before) }
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
    // SAFETY: the caller's promise, under libc's contract.
    let ours = guard::run_unless(unsafe { state::passes(name) }, guard::owns_nothing, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::shared_by_name("gethostbyname2", name, family, place, before) }
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
    // SAFETY: the caller's promise, under libc's contract.
    let ours = guard::run_unless(unsafe { state::passes(name) }, guard::owns_nothing, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::by_name("gethostbyname_r", name, libc::AF_INET, out, before) }
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
    // SAFETY: the caller's promise, under libc's contract.
    let ours = guard::run_unless(unsafe { state::passes(name) }, guard::owns_nothing, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::by_name("gethostbyname2_r", name, family, out, before) }
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

/// gethostbyaddr(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gethostbyaddr(
    address: *const c_void,
    size: socklen_t,
    family: c_int,
) -> *mut libc::hostent {
    let ours = guard::run_unless(state::passes_addresses(), guard::owns_nothing, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::shared_by_address(address, size, family, before) }
    });
    if let Some(host) = ours {
        return host;
    }
    match real::GETHOSTBYADDR.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(address, size, family) },
        None => ptr::null_mut(),
    }
}

/// gethostbyaddr_r(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gethostbyaddr_r(
    address: *const c_void,
    size: socklen_t,
    family: c_int,
    host: *mut libc::hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut libc::hostent,
    h_errno: *mut c_int,
) -> c_int {
    let out = Out { host, buffer, length, result, h_errno };
    let ours = guard::run_unless(state::passes_addresses(), guard::owns_nothing, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { hostent::by_address(address, size, family, out, before) }
    });
    if let Some(code) = ours {
        return code;
    }
    match real::GETHOSTBYADDR_R.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(address, size, family, host, buffer, length, result, h_errno) },
        None => libc::ENOSYS,
    }
}

/// getnameinfo(3)
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn getnameinfo(
    address: *const libc::sockaddr,
    size: socklen_t,
    host: *mut c_char,
    host_length: socklen_t,
    service: *mut c_char,
    service_length: socklen_t,
    flags: c_int,
) -> c_int {
    let (host_place, service_place) =
        (Place { start: host, length: host_length }, Place { start: service, length: service_length });
    let ours = guard::run_unless(state::passes_addresses(), guard::owns_nothing, |before| {
        // SAFETY: the arguments are the caller's, under libc's contract.
        unsafe { nameinfo::lookup(address, size, host_place, service_place, flags, before) }
    });
    if let Some(code) = ours {
        return code;
    }
    match real::GETNAMEINFO.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(address, size, host, host_length, service, service_length, flags) },
        None => libc::EAI_SYSTEM,
    }
}

/// `__nss_configure_lookup` (nss.h): the call is always libc's, but what it chooses counts here too.
///
/// # Safety
/// libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn __nss_configure_lookup(database: *const c_char, modules: *const c_char) -> c_int {
    let result = match real::CONFIGURE_LOOKUP.get() {
        // SAFETY: the same arguments.
        Some(real) => unsafe { real(database, modules) },
        None => -1,
    };
    if result == 0 {
        guard::run(guard::owns_nothing, |_| -> Option<()> {
            // SAFETY: the arguments are the caller's, under libc's contract, and libc has just accepted them.
            unsafe { chosen::note(database, modules) };
            None // errno as libc left it.
        });
    }
    result
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
