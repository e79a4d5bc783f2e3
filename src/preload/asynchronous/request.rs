//! One request: `struct gaicb`.

use std::sync::atomic::{AtomicI32, Ordering};

use libc::{c_char, c_int};
use nss_bypass_core::rules::policy::Subject;

use crate::codes::EAI_INPROGRESS;
use crate::input::Hints;
use crate::{addrinfo, guard, lookup, real};

/// glibc's `struct gaicb` (netdb.h).
#[repr(C)]
pub struct Request {
    name: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    result: *mut libc::addrinfo,
    /// What gai_error(3) gives: glibc's `__return`.
    code: c_int,
    reserved: [c_int; 5],
}

/// The place of the request's code.
///
/// # Safety
/// It is a request, which stays.
unsafe fn code<'a>(request: *const Request) -> &'a AtomicI32 {
    // SAFETY: the field lies within the request; no reference is made.
    let place = unsafe { &raw const (*request).code };
    // SAFETY: the caller's promise. Programs only read it, through gai_error.
    unsafe { AtomicI32::from_ptr(place.cast_mut()) }
}

/// Gives gai_error(3) something to say, and shows the result to whoever asks it.
///
/// # Safety
/// It is a request, which stays meanwhile.
pub(super) unsafe fn set_code(request: *const Request, value: c_int) {
    // SAFETY: the caller's promise.
    unsafe { code(request) }.store(value, Ordering::Release);
}

/// # Safety
/// It is NULL or a request, which stays meanwhile.
pub(super) unsafe fn is_in_progress(request: *const Request) -> bool {
    // SAFETY: the caller's promise.
    !request.is_null() && unsafe { code(request) }.load(Ordering::Acquire) == EAI_INPROGRESS
}

/// Whether the rules take its name away from libc, as getaddrinfo will find.
///
/// # Safety
/// It is NULL or a request as getaddrinfo_a's contract asks.
pub(super) unsafe fn is_ours(request: *const Request) -> bool {
    nss_bypass_core::sys::fault::point();
    // SAFETY: the caller's promise.
    let ours = unsafe { with_subject(request, lookup::is_ours) };
    ours == Some(true)
}

/// Logs that it is libc's.
///
/// # Safety
/// As for [`is_ours`].
pub(super) unsafe fn log_passed(request: *const Request) {
    // SAFETY: the caller's promise.
    unsafe { with_subject(request, |subject| lookup::log_passed("getaddrinfo_a", subject)) };
}

/// Gives `what` that which getaddrinfo will ask the rules about.
///
/// # Safety
/// As for [`is_ours`].
unsafe fn with_subject<T>(request: *const Request, what: impl FnOnce(Subject<'_>) -> T) -> Option<T> {
    nss_bypass_core::sys::fault::point();
    if request.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let node = unsafe { (*request).name };
    // SAFETY: the caller's promise.
    let hints = unsafe { (*request).hints };
    // SAFETY: the caller's promise.
    let hints = unsafe { Hints::read(hints) };
    // SAFETY: the caller's promise.
    Some(unsafe { addrinfo::with_node(node, hints, |node, _| what(node.subject())) })
}

/// Does what it asks, as if the program had called getaddrinfo; the code.
///
/// # Safety
/// It is a request as getaddrinfo_a's contract asks, and stays meanwhile.
pub(super) unsafe fn perform(request: *mut Request) -> c_int {
    // SAFETY: the caller's promise.
    let name = unsafe { (*request).name };
    // SAFETY: the caller's promise.
    let service = unsafe { (*request).service };
    // SAFETY: the caller's promise.
    let hints = unsafe { (*request).hints };
    // SAFETY: the field lies within the request.
    let result = unsafe { &raw mut (*request).result };
    // SAFETY: the caller's promise.
    let ours =
        guard::run(guard::owns_something, |before| unsafe { addrinfo::lookup(name, service, hints, result, before) });
    match (ours, real::GETADDRINFO.get()) {
        (Some(done), _) => done.code,
        // SAFETY: the caller's promise.
        (None, Some(real)) => unsafe { real(name, service, hints, result) },
        (None, None) => libc::EAI_SYSTEM,
    }
}
