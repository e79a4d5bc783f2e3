//! getaddrinfo_a and related functions, following glibc's resolv/getaddrinfo_a.c, gai_suspend.c and gai_cancel.c.
//!
//! glibc's threads call its internal getaddrinfo, which a preloaded library cannot intercept. Therefore, a list in
//! which a rule matches a name is processed as a whole by threads of nss-bypass, which call getaddrinfo as a program
//! would; all other lists are forwarded to libc. Each request thus belongs to the side that has it in its table.
//!
//! In glibc, these functions are not cancellation points, whatever netdb.h says, since they disable cancellation while
//! they wait; the same is true here. They wait outside of `hook::run`, so that a signal handler can look up names in
//! the meantime, or jump out, which leaves as much behind as in glibc.

mod notice;
mod queue;
mod request;
mod worker;

use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libc::{c_int, timespec};
use nss_bypass_core::sys::futex::{self, Moment};
use nss_bypass_core::sys::{Errno, errno, set_errno};

use crate::netdb::{EAI_ALLDONE, EAI_CANCELED, EAI_INTR, EAI_NOTCANCELED, GAI_NOWAIT, GAI_WAIT, Gaicb, Sigevent};
use crate::{hook, real};
use notice::Notice;
use queue::Queue;

/// How long to wait at a time for libc's requests, in a list that also has requests of nss-bypass.
const SLICE: Duration = Duration::from_millis(10);

/// The return value of gai_suspend after a timeout. glibc's manual says EAI_AGAIN, but the function that waits returns
/// EAGAIN (sysdeps/nptl/gai_misc.h), while gai_suspend.c expects ETIMEDOUT.
const TIME_IS_UP: c_int = libc::EAI_SYSTEM;

/// A call of getaddrinfo_a that has been accepted.
#[derive(Clone, Copy)]
struct Started {
    code: c_int,
    errno: Errno,
    /// The queue to wait for.
    wait: Option<&'static Queue>,
    /// The notification to send at once, since there is nothing to do.
    tell: Notice,
}

/// getaddrinfo_a(3) for a list in which a rule matches a name. Returns `None` if the call is to be forwarded to libc.
///
/// # Safety
/// As for getaddrinfo_a(3).
pub(crate) unsafe fn getaddrinfo_a(
    mode: c_int,
    list: *const *mut Gaicb,
    count: c_int,
    event: *const Sigevent,
) -> Option<c_int> {
    let started = hook::uncancelled(|| {
        let left = AtomicU32::new(0);
        let started = hook::run(hook::owns_something, |before| {
            // SAFETY: guaranteed by the caller.
            let list = unsafe { entries(list, count) };
            let known_mode = mode == GAI_WAIT || mode == GAI_NOWAIT;
            // SAFETY: guaranteed by the caller.
            let ours = known_mode && list.iter().any(|&request| unsafe { request::matches_rule(request) });
            if !ours && real::getaddrinfo_a.get().is_some() {
                // SAFETY: guaranteed by the caller.
                list.iter().filter(|_| known_mode).for_each(|&request| unsafe { request::log_forwarded(request) });
                return None;
            }
            // Looked up now, since a signal handler may call them.
            real::gai_suspend.get();
            real::gai_cancel.get();
            if !known_mode {
                let errno = Errno(libc::EINVAL);
                return Some(Started { code: libc::EAI_SYSTEM, errno, wait: None, tell: Notice::None });
            }
            // SAFETY: guaranteed by the caller.
            let notice = if mode == GAI_NOWAIT { unsafe { Notice::read(event) } } else { Notice::None };
            let queue = Queue::current(worker::start);
            let (accepted, failure) = queue.submit(list, (mode == GAI_WAIT).then_some(&left), notice);
            Some(Started {
                code: if failure.is_some() { libc::EAI_SYSTEM } else { 0 },
                errno: failure.unwrap_or(before),
                wait: (mode == GAI_WAIT && accepted > 0).then_some(queue),
                tell: if accepted == 0 { notice } else { Notice::None },
            })
        })?;
        if let Some(queue) = started.wait {
            wait_for_all(queue, &left);
            leave(queue, &left);
        }
        Some(started)
    })?;
    started.tell.send();
    set_errno(started.errno);
    Some(started.code)
}

/// gai_suspend(3) for a list with a request of nss-bypass. Returns `None` if the call is to be forwarded to libc.
///
/// # Safety
/// As for gai_suspend(3).
pub(crate) unsafe fn gai_suspend(list: *const *const Gaicb, count: c_int, timeout: *const timespec) -> Option<c_int> {
    let queue = Queue::existing()?;
    // SAFETY: guaranteed by the caller.
    let entries = unsafe { entries(list, count) };
    // SAFETY: guaranteed by the caller.
    let timeout = unsafe { timeout.as_ref() };
    let before = errno();
    let code = hook::uncancelled(|| {
        let left = AtomicU32::new(0);
        let in_progress = hook::caught(|_| queue.watch(entries, &left))?;
        let until = timeout.map(|&timeout| Moment::after(timeout));
        let code = if in_progress.others == 0 {
            wait_for_one(&left, until)
        } else {
            // SAFETY: guaranteed by the caller.
            unsafe { wait_on_both_sides(list, count, in_progress.ours + in_progress.others, &left, until) }
        };
        leave(queue, &left);
        Some(code)
    });
    set_errno(before);
    code
}

/// gai_cancel(3) for a request of nss-bypass. Returns `None` if the call is to be forwarded to libc.
pub(crate) unsafe fn gai_cancel(request: *mut Gaicb) -> Option<c_int> {
    let queue = Queue::existing()?;
    let before = errno();
    let cancelled = hook::uncancelled(|| hook::caught(|_| queue.cancel(request)));
    set_errno(before);
    Some(if cancelled? { EAI_CANCELED } else { EAI_NOTCANCELED })
}

/// Returns the caller's list as a slice.
///
/// # Safety
/// `list` must be null, or point to `count` entries that are valid for `'a`.
unsafe fn entries<'a, T>(list: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: guaranteed by the caller.
        Ok(count) if count > 0 && !list.is_null() => unsafe { slice::from_raw_parts(list, count) },
        _ => &[],
    }
}

/// Waits until `left` is 0, regardless of signals.
fn wait_for_all(queue: &Queue, left: &AtomicU32) {
    loop {
        let now = left.load(Ordering::Acquire);
        // In a child that a signal handler has forked, no thread processes the requests.
        if now == 0 || !queue.is_this_process() {
            return;
        }
        let _ = futex::wait(left, now, None);
    }
}

/// Waits for the first request, and returns the code of gai_suspend.
fn wait_for_one(left: &AtomicU32, until: Option<Moment>) -> c_int {
    while left.load(Ordering::Acquire) != 0 {
        match futex::wait(left, 1, until) {
            Ok(()) => {}
            Err(Errno(libc::EINTR)) => return EAI_INTR,
            Err(Errno(libc::ETIMEDOUT)) => return TIME_IS_UP,
            Err(_) => return libc::EAI_SYSTEM, // The timeout is invalid: glibc aborts.
        }
    }
    0
}

/// The same if some requests may be libc's: waits for these in slices, and checks those of nss-bypass in between. The
/// latter are therefore noticed up to one slice late, and a signal that arrives between two slices does not interrupt
/// the wait.
///
/// # Safety
/// As for gai_suspend(3).
unsafe fn wait_on_both_sides(
    list: *const *const Gaicb,
    count: c_int,
    in_progress: usize,
    left: &AtomicU32,
    until: Option<Moment>,
) -> c_int {
    let Some(real) = real::gai_suspend.get() else { return wait_for_one(left, until) };
    while left.load(Ordering::Acquire) != 0 {
        let remaining = match until.map(Moment::remaining) {
            Some(None) => return libc::EAI_SYSTEM,
            Some(Some(remaining)) => remaining,
            None => SLICE,
        };
        if remaining.is_zero() {
            return TIME_IS_UP;
        }
        let slice = timespec { tv_sec: 0, tv_nsec: remaining.min(SLICE).as_nanos() as _ };
        // SAFETY: guaranteed by the caller. libc waits for the requests in its own table, and ignores others.
        match unsafe { real(list, count, &slice) } {
            0 => return 0,
            EAI_INTR => return EAI_INTR,
            EAI_ALLDONE => {
                // libc has none of them: one has just been completed, or neither side has them.
                // SAFETY: guaranteed by the caller.
                let now = unsafe { entries(list, count) };
                // SAFETY: as above.
                let now = now.iter().filter(|&&request| unsafe { request::is_in_progress(request) }).count();
                return if now < in_progress { 0 } else { wait_for_one(left, until) };
            }
            _ => {}
        }
    }
    0
}

fn leave(queue: &'static Queue, left: &AtomicU32) {
    if queue.is_this_process() {
        hook::caught(|_| {
            queue.leave(left);
            Some(())
        });
    }
}
