//! One request of getaddrinfo_a: `struct gaicb`.

use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use libc::c_int;
use nss_bypass_core::sys::errno;

use crate::getaddrinfo::getaddrinfo;
use crate::hook::{Call, Forwarded};
use crate::netdb::{EAI_INPROGRESS, Gaicb};
use crate::request::Request;
use crate::{hook, real, verdict};

/// Returns the return code of a request.
///
/// # Safety
/// `request` must point to a request that is valid for `'a`.
unsafe fn code<'a>(request: *const Gaicb) -> &'a AtomicI32 {
    // SAFETY: the field is within the request; no reference is created.
    let place = unsafe { &raw const (*request).code };
    // SAFETY: guaranteed by the caller. Programs only read it, with gai_error(3).
    unsafe { AtomicI32::from_ptr(place.cast_mut()) }
}

/// Sets the code that gai_error(3) returns, and publishes the result.
///
/// # Safety
/// `request` must point to a request that is valid during the call.
pub(super) unsafe fn set_code(request: *const Gaicb, value: c_int) {
    // SAFETY: guaranteed by the caller.
    unsafe { code(request) }.store(value, Ordering::Release);
}

/// # Safety
/// `request` must be NULL, or point to a request that is valid during the call.
pub(super) unsafe fn is_in_progress(request: *const Gaicb) -> bool {
    // SAFETY: guaranteed by the caller.
    !request.is_null() && unsafe { code(request) }.load(Ordering::Acquire) == EAI_INPROGRESS
}

/// Returns whether a rule applies to the request, as getaddrinfo will find out.
///
/// # Safety
/// `request` must be NULL, or point to a request as for getaddrinfo_a(3).
pub(super) unsafe fn matches_rule(request: *const Gaicb) -> bool {
    // SAFETY: guaranteed by the caller.
    unsafe { read(request) }.is_some_and(|request| verdict::has_matching_rule(request.node().subject()))
}

/// Logs that the request is forwarded.
///
/// # Safety
/// As for [`matches_rule`].
pub(super) unsafe fn log_forwarded(request: *const Gaicb) {
    // SAFETY: guaranteed by the caller.
    if let Some(request) = unsafe { read(request) } {
        verdict::log_forwarded("getaddrinfo_a", request.node().subject());
    }
}

/// Reads the arguments that getaddrinfo will be called with, as far as rules are concerned.
///
/// # Safety
/// As for [`matches_rule`].
unsafe fn read<'a>(request: *const Gaicb) -> Option<Request<'a>> {
    if request.is_null() {
        return None;
    }
    // SAFETY: guaranteed by the caller.
    let node = unsafe { (*request).name };
    // SAFETY: guaranteed by the caller.
    let hints = unsafe { (*request).hints };
    // SAFETY: guaranteed by the caller.
    Some(unsafe { Request::read(node, ptr::null(), hints) })
}

/// Performs the lookup as if the program had called getaddrinfo, and returns the code.
///
/// # Safety
/// `request` must point to a request as for getaddrinfo_a(3) that is valid during the call.
pub(super) unsafe fn perform(request: *mut Gaicb) -> c_int {
    // SAFETY: guaranteed by the caller.
    let name = unsafe { (*request).name };
    // SAFETY: guaranteed by the caller.
    let service = unsafe { (*request).service };
    // SAFETY: guaranteed by the caller.
    let hints = unsafe { (*request).hints };
    // SAFETY: the field is within the request.
    let result = unsafe { &raw mut (*request).result };
    // SAFETY: guaranteed by the caller.
    let answer = |call| {
        // SAFETY: guaranteed by the caller.
        hook::run(hook::owns_something, |_| unsafe { getaddrinfo(name, service, hints, result, call) })
    };
    if let Some(answered) = answer(Call::First { at_entry: errno() }) {
        return answered.into();
    }
    let Some(real) = real::getaddrinfo.get() else { return libc::EAI_SYSTEM };
    let forwarded = Forwarded::begin();
    // SAFETY: guaranteed by the caller.
    let code = unsafe { real(name, service, hints, result) };
    forwarded.and_then(|forwarded| answer(forwarded.answered(code))).map_or(code, Into::into)
}
