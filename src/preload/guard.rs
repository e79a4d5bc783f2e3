//! What surrounds every hook: re-entrancy, panics, cancellation, errno.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::c_int;
use nss_bypass_core::sys::inside::Inside;
use nss_bypass_core::sys::{Errno, errno, set_errno};

const PTHREAD_CANCEL_DISABLE: c_int = 1;
const PTHREAD_CANCEL_DEFERRED: c_int = 0;

unsafe extern "C-unwind" {
    // Turning cancellation back on may act on a request that came meanwhile, and so unwind.
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
    fn pthread_testcancel();
}

/// Runs our side of a hook, which is told errno as it was at the call. None: the call is libc's, and errno is as it was.
///
/// A call from within our own code, such as a log to a program's own transport, is libc's. So is one in which
/// anything panics. Cancellation is off meanwhile, since it would unwind through frames with destructors; it is
/// turned on again last, where nothing is left to drop: `T` and the closure are plain. (A frame with something to drop
/// would end the process: libgcc_s unwinds it, and the unwinder linked into this library cannot work on its state.) A
/// request that came meanwhile is then heeded, as in libc's own lookups, if `owns` says that the result is nothing that
/// somebody must free.
pub(crate) fn run<T: Copy>(owns: fn(T) -> bool, ours: impl FnOnce(Errno) -> Option<T> + Copy) -> Option<T> {
    // The type is restored after the state: pthread_setcancelstate acts on a request without noting PTHREAD_CANCELED as
    // the thread's result, pthread_setcanceltype notes it, as libc's lookups do (glibc 2.36, nptl).
    let mut kind: c_int = 0;
    // SAFETY: `kind` is writable.
    unsafe { pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &mut kind) };
    let result = uncancelled(|| contained(ours));
    // SAFETY: the type is one that libc gave; a null pointer for the old one is allowed on Linux.
    unsafe { pthread_setcanceltype(kind, ptr::null_mut()) };
    if result.is_some_and(|result| !owns(result)) {
        // SAFETY: no preconditions; it unwinds through frames without destructors, or does nothing.
        unsafe { pthread_testcancel() };
    }
    result
}

/// The same, unless it is known already that the call is libc's.
#[inline]
pub(crate) fn run_unless<T: Copy>(
    is_libcs: bool,
    owns: fn(T) -> bool,
    ours: impl FnOnce(Errno) -> Option<T> + Copy,
) -> Option<T> {
    if is_libcs { None } else { run(owns, ours) }
}

/// Runs something with this thread's cancellation off, and then acts on a request that came meanwhile if the thread
/// wants that at any time (pthread_setcanceltype(3)).
pub(crate) fn uncancelled<T: Copy>(ours: impl FnOnce() -> T + Copy) -> T {
    let mut state: c_int = 0;
    // SAFETY: `state` is writable.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut state) };
    let result = ours();
    // SAFETY: the state is one that libc gave; a null pointer for the old one is allowed on Linux.
    unsafe { pthread_setcancelstate(state, ptr::null_mut()) };
    result
}

/// The thread is not to be cancelled now.
pub(crate) fn owns_something<T>(_: T) -> bool {
    true
}

/// The result lives in the caller's memory, or for ever.
pub(crate) fn owns_nothing<T>(_: T) -> bool {
    false
}

fn contained<T: Copy>(ours: impl FnOnce(Errno) -> Option<T>) -> Option<T> {
    let _inside = Inside::enter()?;
    caught(ours)
}

/// Contains panics only, with cancellation off already. For what looks nothing up, and so may also be called by a
/// signal's handler in the midst of a lookup.
pub(crate) fn caught<T: Copy>(ours: impl FnOnce(Errno) -> Option<T>) -> Option<T> {
    let before = errno();
    silence_panics(); // The constructor may not have run yet.
    let result = catch_unwind(AssertUnwindSafe(|| ours(before))).unwrap_or(None);
    if result.is_none() {
        set_errno(before);
    }
    result
}

#[cfg(panic = "abort")]
compile_error!("a panic must end in libc's answer, not in the end of the host process: build with panic = \"unwind\"");

/// Makes panics of this library silent, once. std is linked into it, so no other code's panics are touched.
pub(crate) fn silence_panics() {
    static SILENT: AtomicBool = AtomicBool::new(cfg!(any(fuzzing, test))); // There somebody wants to hear of them.
    if !SILENT.load(Ordering::Relaxed) && !SILENT.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_means_that_the_call_is_libcs() {
        set_errno(Errno(4242));
        assert_eq!(run::<i32>(owns_nothing, |_| panic!("deliberate")), None);
        assert_eq!(errno(), Errno(4242));
        assert_eq!(run(owns_nothing, |_| Some(1)), Some(1));
    }

    /// A call has a frame of its own, below that of the lookup.
    #[inline(never)]
    fn within(call: impl FnOnce() -> Option<i32> + Copy) -> Option<i32> {
        let room = std::hint::black_box([0_u8; 256]);
        let result = run(owns_nothing, |_| call());
        std::hint::black_box(&room);
        result
    }

    #[test]
    fn calls_from_within_come_to_an_end() {
        assert_eq!(run(owns_nothing, |_| within(|| Some(2))), Some(2));
        assert_eq!(run(owns_nothing, |_| within(|| within(|| Some(3)).or(Some(4)))), Some(4));
        assert_eq!(run(owns_nothing, |_| Some(5)), Some(5));
    }
}
