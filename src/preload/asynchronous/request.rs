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

/// The place of the request's code.
///
/// # Safety
/// It is a request, which stays.
unsafe fn code<'a>(request: *const Gaicb) -> &'a AtomicI32 {
    // SAFETY: the field lies within the request; no reference is made.
    let place = unsafe { &raw const (*request).code };
    // SAFETY: the caller's promise. Programs only read it, through gai_error.
    unsafe { AtomicI32::from_ptr(place.cast_mut()) }
}

/// Gives gai_error(3) something to say, and shows the result to whoever asks it.
///
/// # Safety
/// It is a request, which stays meanwhile.
pub(super) unsafe fn set_code(request: *const Gaicb, value: c_int) {
    // SAFETY: the caller's promise.
    unsafe { code(request) }.store(value, Ordering::Release);
}

/// # Safety
/// It is NULL or a request, which stays meanwhile.
pub(super) unsafe fn is_in_progress(request: *const Gaicb) -> bool {
    // SAFETY: the caller's promise.
    !request.is_null() && unsafe { code(request) }.load(Ordering::Acquire) == EAI_INPROGRESS
}

/// Whether the rules have a say in it, as getaddrinfo will find.
///
/// # Safety
/// It is NULL or a request as getaddrinfo_a's contract asks.
pub(super) unsafe fn is_for_rules(request: *const Gaicb) -> bool {
    // SAFETY: the caller's promise.
    unsafe { read(request) }.is_some_and(|request| verdict::has_say(request.node().subject()))
}

/// Logs that it is forwarded.
///
/// # Safety
/// As for [`is_for_rules`].
pub(super) unsafe fn log_forwarded(request: *const Gaicb) {
    // SAFETY: the caller's promise.
    if let Some(request) = unsafe { read(request) } {
        verdict::log_forwarded("getaddrinfo_a", request.node().subject());
    }
}

/// What getaddrinfo will be asked, as far as rules go.
///
/// # Safety
/// As for [`is_for_rules`].
unsafe fn read<'a>(request: *const Gaicb) -> Option<Request<'a>> {
    if request.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let node = unsafe { (*request).name };
    // SAFETY: the caller's promise.
    let hints = unsafe { (*request).hints };
    // SAFETY: the caller's promise.
    Some(unsafe { Request::read(node, ptr::null(), hints) })
}

/// Does what it asks, as if the program had called getaddrinfo; the code.
///
/// # Safety
/// It is a request as getaddrinfo_a's contract asks, and stays meanwhile.
pub(super) unsafe fn perform(request: *mut Gaicb) -> c_int {
    // SAFETY: the caller's promise.
    let name = unsafe { (*request).name };
    // SAFETY: the caller's promise.
    let service = unsafe { (*request).service };
    // SAFETY: the caller's promise.
    let hints = unsafe { (*request).hints };
    // SAFETY: the field lies within the request.
    let result = unsafe { &raw mut (*request).result };
    // SAFETY: the caller's promise.
    let answer = |call| {
        // SAFETY: the caller's promise.
        hook::run(hook::owns_something, |_| unsafe { getaddrinfo(name, service, hints, result, call) })
    };
    if let Some(answered) = answer(Call::First { at_entry: errno() }) {
        return answered.into();
    }
    let Some(real) = real::getaddrinfo.get() else { return libc::EAI_SYSTEM };
    let forwarded = Forwarded::begin();
    // SAFETY: the caller's promise.
    let code = unsafe { real(name, service, hints, result) };
    forwarded.and_then(|forwarded| answer(forwarded.answered(code))).map_or(code, Into::into)
}
