//! getaddrinfo_a and its companions, after glibc's resolv/getaddrinfo_a.c, gai_suspend.c and gai_cancel.c.
//!
//! glibc's own threads call its internal getaddrinfo, which no preloaded library sees. So a list with a name of ours in
//! it is worked through here, all of it, by threads of ours that call getaddrinfo as a program would; every other list
//! is libc's. A request then belongs to whoever has it in his table.
//!
//! These functions are no cancellation points in glibc, whatever netdb.h says, since they wait with cancellation off;
//! nor are they here. They wait outside of `hook::run`, so that a signal's handler may look names up meanwhile, or jump
//! away, which leaves as much behind as in glibc.

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

/// How long libc's requests are waited for at a time, in a list where others are ours.
const SLICE: Duration = Duration::from_millis(10);

/// gai_suspend's code when the time is up. glibc means EAI_AGAIN, as its manual says; but its wait gives EAGAIN
/// (sysdeps/nptl/gai_misc.h), where gai_suspend.c looks for ETIMEDOUT.
const TIME_IS_UP: c_int = libc::EAI_SYSTEM;

/// What getaddrinfo_a has begun.
#[derive(Clone, Copy)]
struct Started {
    code: c_int,
    errno: Errno,
    /// Whose requests to wait for.
    wait: Option<&'static Queue>,
    /// What to tell the program at once, since there is nothing to do.
    tell: Notice,
}

/// getaddrinfo_a(3) for a list with a name of ours in it. None: the call is libc's.
///
/// # Safety
/// The arguments are as its contract asks.
pub(crate) unsafe fn getaddrinfo_a(
    mode: c_int,
    list: *const *mut Gaicb,
    count: c_int,
    event: *const Sigevent,
) -> Option<c_int> {
    let started = hook::uncancelled(|| {
        let left = AtomicU32::new(0);
        let started = hook::run(hook::owns_something, |before| {
            // SAFETY: the caller's promise.
            let list = unsafe { entries(list, count) };
            let known_mode = mode == GAI_WAIT || mode == GAI_NOWAIT;
            // SAFETY: the caller's promise.
            let ours = known_mode && list.iter().any(|&request| unsafe { request::is_for_rules(request) });
            if !ours && real::getaddrinfo_a.get().is_some() {
                // SAFETY: the caller's promise.
                list.iter().filter(|_| known_mode).for_each(|&request| unsafe { request::log_forwarded(request) });
                return None;
            }
            // Now, since a signal's handler may call them.
            real::gai_suspend.get();
            real::gai_cancel.get();
            if !known_mode {
                let errno = Errno(libc::EINVAL);
                return Some(Started { code: libc::EAI_SYSTEM, errno, wait: None, tell: Notice::None });
            }
            // SAFETY: the caller's promise.
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

/// gai_suspend(3) for a list of which a request is ours. None: the call is libc's.
///
/// # Safety
/// The arguments are as its contract asks.
pub(crate) unsafe fn gai_suspend(list: *const *const Gaicb, count: c_int, timeout: *const timespec) -> Option<c_int> {
    let queue = Queue::existing()?;
    // SAFETY: the caller's promise.
    let entries = unsafe { entries(list, count) };
    // SAFETY: the caller's promise.
    let timeout = unsafe { timeout.as_ref() };
    let before = errno();
    let code = hook::uncancelled(|| {
        let left = AtomicU32::new(0);
        let in_progress = hook::caught(|_| queue.watch(entries, &left))?;
        let until = timeout.map(|&timeout| Moment::after(timeout));
        let code = if in_progress.others == 0 {
            wait_for_one(&left, until)
        } else {
            // SAFETY: the caller's promise.
            unsafe { wait_on_both_sides(list, count, in_progress.ours + in_progress.others, &left, until) }
        };
        leave(queue, &left);
        Some(code)
    });
    set_errno(before);
    code
}

/// gai_cancel(3) for a request of ours. None: the call is libc's.
pub(crate) unsafe fn gai_cancel(request: *mut Gaicb) -> Option<c_int> {
    let queue = Queue::existing()?;
    let before = errno();
    let cancelled = hook::uncancelled(|| hook::caught(|_| queue.cancel(request)));
    set_errno(before);
    Some(if cancelled? { EAI_CANCELED } else { EAI_NOTCANCELED })
}

/// A caller's list.
///
/// # Safety
/// There are so many entries, and they stay.
unsafe fn entries<'a, T>(list: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: the caller's promise.
        Ok(count) if count > 0 && !list.is_null() => unsafe { slice::from_raw_parts(list, count) },
        _ => &[],
    }
}

/// Waits until nothing is left, whatever signals come.
fn wait_for_all(queue: &Queue, left: &AtomicU32) {
    loop {
        let now = left.load(Ordering::Acquire);
        // In a child that a signal's handler forked, nobody works on it.
        if now == 0 || !queue.is_this_process() {
            return;
        }
        let _ = futex::wait(left, now, None);
    }
}

/// Waits for the first request; the code of gai_suspend.
fn wait_for_one(left: &AtomicU32, until: Option<Moment>) -> c_int {
    while left.load(Ordering::Acquire) != 0 {
        match futex::wait(left, 1, until) {
            Ok(()) => {}
            Err(Errno(libc::EINTR)) => return EAI_INTR,
            Err(Errno(libc::ETIMEDOUT)) => return TIME_IS_UP,
            Err(_) => return libc::EAI_SYSTEM, // The time is none: glibc aborts.
        }
    }
    0
}

/// The same, where other requests may be libc's: it waits for these in slices, and looks at ours in between. So ours are
/// noticed up to a slice late, and a signal that comes just in between interrupts nothing.
///
/// # Safety
/// The list is as gai_suspend's contract asks.
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
        // SAFETY: the caller's promise. libc waits for the requests that it knows, and looks at no others.
        match unsafe { real(list, count, &slice) } {
            0 => return 0,
            EAI_INTR => return EAI_INTR,
            EAI_ALLDONE => {
                // It has none of them: one was done just now, or they are nobody's.
                // SAFETY: the caller's promise.
                let now = unsafe { entries(list, count) };
                // SAFETY: the same.
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
