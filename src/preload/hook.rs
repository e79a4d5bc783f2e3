//! The exported functions, and the guard around what answers them.
//!
//! Invariants of the frame of an exported function:
//!
//! - Nothing in it has a destructor: arguments and results are plain data. A thread that is cancelled, jumps or throws
//!   an exception out of the real function leaves nothing behind. (libgcc_s unwinds such a frame, and the unwinder that
//!   is linked into this library cannot use its state: a destructor there would end the process.)
//! - The real function is called outside the guard: with the thread's own cancellation state, outside of
//!   `catch_unwind`, not marked as being in a lookup, and with errno as it was at the call.
//! - The guard restores errno if the call is forwarded.
//! - libc's result is examined afterwards, in a guard of its own, and only if there is a rule that has libc answer
//!   first. All that is retained in between is plain data: a time stamp, and the errno at the call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libc::c_int;
use nss_bypass_core::sys::reentrancy::ReentrancyGuard;
use nss_bypass_core::sys::{Errno, clock, errno, set_errno};

use crate::state;

/// Defines the exported functions of a table of hooks: see [`hooks`].
macro_rules! export {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty { $($how:tt)* })*) => {
        $(export!(@one [$(#[$doc])*] $name($($argument: $type),*) -> $result { $($how)* });)*
    };
    (@one [$($doc:tt)*] $name:ident($($argument:ident: $type:ty),*) -> $result:ty {
        forwards: $forwards:expr, answer: $answer:path, owns: $owns:path, absent: $absent:expr
    }) => {
        export!(@function [$($doc)*] $name($($argument: $type),*) -> $result, $absent, {
            // SAFETY: guaranteed by the caller, according to libc's contract.
            let forwards = unsafe { $forwards };
            // SAFETY: as above.
            hook::run_unless(forwards, $owns, |at_entry| unsafe { $answer($($argument,)* Call::First { at_entry }) })
        }, |call| {
            // SAFETY: as above.
            hook::run($owns, |_| unsafe { $answer($($argument,)* call) })
        });
    };
    (@one [$($doc:tt)*] $name:ident($($argument:ident: $type:ty),*) -> $result:ty {
        answer_unguarded: $answer:path, absent: $absent:expr
    }) => {
        export!(@function [$($doc)*] $name($($argument: $type),*) -> $result, $absent, {
            // SAFETY: guaranteed by the caller, according to libc's contract.
            unsafe { $answer($($argument),*) }
        }, |_| None::<$result>);
    };
    (@function [$($doc:tt)*] $name:ident($($argument:ident: $type:ty),*) -> $result:ty, $absent:expr, $answer:block,
        $after_libc:expr) => {
        $($doc)*
        ///
        /// # Safety
        /// As for libc's function of this name.
        #[allow(unused_unsafe, reason = "what is known without the arguments takes none")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name($($argument: $type),*) -> $result {
            const { assert!($(!std::mem::needs_drop::<$type>() &&)* !std::mem::needs_drop::<$result>()) };
            if let Some(answered) = $answer {
                return answered.into();
            }
            let Some(real) = real::$name.get() else { return $absent };
            let forwarded = hook::Forwarded::begin();
            // SAFETY: the same arguments.
            let returned = unsafe { real($($argument),*) };
            forwarded.map(|call| call.answered(returned)).and_then($after_libc).map_or(returned, Into::into)
        }
    };
}

/// The state of a call, for the function that answers it.
#[derive(Clone, Copy)]
pub(crate) enum Call<R> {
    /// It has just been made, with this errno.
    First { at_entry: Errno },
    /// libc has answered it, and there is a rule that has libc answer first.
    AfterLibc { returned: R, forwarded: Forwarded },
}

impl<R> Call<R> {
    /// Returns errno as it was at the call.
    pub(crate) fn at_entry(&self) -> Errno {
        match self {
            Self::First { at_entry } | Self::AfterLibc { forwarded: Forwarded { at_entry, .. }, .. } => *at_entry,
        }
    }

    /// Converts libc's result.
    pub(crate) fn map<S>(self, known: impl FnOnce(R) -> S) -> Call<S> {
        match self {
            Self::First { at_entry } => Call::First { at_entry },
            Self::AfterLibc { returned, forwarded } => Call::AfterLibc { returned: known(returned), forwarded },
        }
    }
}

/// A call that is being forwarded to libc.
#[derive(Clone, Copy)]
pub(crate) struct Forwarded {
    at_entry: Errno,
    /// When it was forwarded (CLOCK_MONOTONIC).
    pub(crate) begun: Duration,
}

impl Forwarded {
    /// Returns `None` if no rule has libc answer first.
    #[inline]
    pub(crate) fn begin() -> Option<Self> {
        state::has_libc_first().then(|| Self { at_entry: errno(), begun: clock::monotonic() })
    }

    /// Records libc's result.
    #[inline]
    pub(crate) fn answered<R>(self, returned: R) -> Call<R> {
        Call::AfterLibc { returned, forwarded: self }
    }
}

const PTHREAD_CANCEL_DISABLE: c_int = 1;
const PTHREAD_CANCEL_DEFERRED: c_int = 0;

unsafe extern "C-unwind" {
    // Enabling cancellation may act on a pending request, and thus unwind.
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
    fn pthread_testcancel();
}

/// Runs the function that answers a hook, which is passed the errno at the call. If it returns `None`, the call is to
/// be forwarded, and errno is restored.
///
/// A call from within the library's own code, such as from a log to a program's own transport, is forwarded, and so is
/// one in which anything panics. Cancellation is disabled in the meantime, since it would unwind frames with
/// destructors; it is enabled again at the end, when there is nothing to drop: `T` and the closure are plain data. (A
/// frame with a destructor would end the process: libgcc_s unwinds it, and the unwinder that is linked into this
/// library cannot use its state.) A request that is pending then is acted upon, as in libc's own lookups, unless `owns`
/// says that the result has to be freed.
pub(crate) fn run<T: Copy>(owns: fn(T) -> bool, handler: impl FnOnce(Errno) -> Option<T> + Copy) -> Option<T> {
    // The type is restored after the state: pthread_setcancelstate acts on a request without setting the thread's
    // result to PTHREAD_CANCELED, while pthread_setcanceltype sets it, as libc's lookups do (glibc 2.36, nptl).
    let mut kind: c_int = 0;
    // SAFETY: `kind` is writable.
    unsafe { pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &mut kind) };
    let result = uncancelled(|| contained(handler));
    // SAFETY: the type was returned by libc; a null pointer for the old one is permitted on Linux.
    unsafe { pthread_setcanceltype(kind, ptr::null_mut()) };
    if result.is_some_and(|result| !owns(result)) {
        // SAFETY: no preconditions; it unwinds through frames without destructors, or does nothing.
        unsafe { pthread_testcancel() };
    }
    result
}

/// The same, unless it is already known that the call is to be forwarded.
#[inline]
pub(crate) fn run_unless<T: Copy>(
    forwards: bool,
    owns: fn(T) -> bool,
    handler: impl FnOnce(Errno) -> Option<T> + Copy,
) -> Option<T> {
    if forwards { None } else { run(owns, handler) }
}

/// Runs a function with cancellation disabled in this thread, and then acts on a pending request if the thread's
/// cancellation type is asynchronous (pthread_setcanceltype(3)).
pub(crate) fn uncancelled<T: Copy>(handler: impl FnOnce() -> T + Copy) -> T {
    let mut state: c_int = 0;
    // SAFETY: `state` is writable.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut state) };
    let result = handler();
    // SAFETY: the state was returned by libc; a null pointer for the old one is permitted on Linux.
    unsafe { pthread_setcancelstate(state, ptr::null_mut()) };
    result
}

/// For `owns`: the thread must not be cancelled now.
pub(crate) fn owns_something<T>(_: T) -> bool {
    true
}

/// For `owns`: the result is in the caller's memory, or is never freed.
pub(crate) fn owns_nothing<T>(_: T) -> bool {
    false
}

fn contained<T: Copy>(handler: impl FnOnce(Errno) -> Option<T>) -> Option<T> {
    let _guard = ReentrancyGuard::enter()?;
    caught(handler)
}

/// Contains panics only; cancellation must be disabled already. This is for functions that make no lookup, and may
/// therefore be called by a signal handler during a lookup.
pub(crate) fn caught<T: Copy>(handler: impl FnOnce(Errno) -> Option<T>) -> Option<T> {
    let before = errno();
    silence_panics();
    let result = catch_unwind(AssertUnwindSafe(|| handler(before))).unwrap_or(None);
    if result.is_none() {
        set_errno(before);
    }
    result
}

#[cfg(panic = "abort")]
compile_error!("a panic must end in libc's answer, not in the end of the host process: build with panic = \"unwind\"");

/// Makes panics of this library silent. std is linked into the library, so panics of other code are not affected.
pub(crate) fn silence_panics() {
    static SILENT: AtomicBool = AtomicBool::new(cfg!(any(fuzzing, test))); // Fuzzing and tests report panics.
    if !SILENT.load(Ordering::Relaxed) && !SILENT.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "a hook is exported")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_means_that_the_call_is_forwarded() {
        set_errno(Errno(4242));
        assert_eq!(run::<i32>(owns_nothing, |_| panic!("deliberate")), None);
        assert_eq!(errno(), Errno(4242));
        assert_eq!(run(owns_nothing, |_| Some(1)), Some(1));
    }

    /// The functions of this table's "libc".
    mod real {
        use super::*;
        use std::sync::atomic::AtomicI32;

        pub(super) struct Fake;

        /// What the real function has found: errno, the cancellation state, and whether a lookup was in progress.
        pub(super) static FOUND: [AtomicI32; 3] = [const { AtomicI32::new(-1) }; 3];

        unsafe extern "C-unwind" fn found(number: c_int) -> c_int {
            let mut state = -1;
            // SAFETY: `state` is writable.
            unsafe { pthread_setcancelstate(0, &mut state) };
            let values = [errno().0, state, c_int::from(nss_bypass_core::sys::reentrancy::innermost().is_some())];
            FOUND.iter().zip(values).for_each(|(place, value)| place.store(value, Ordering::Relaxed));
            number + 1
        }

        impl Fake {
            pub(super) fn get(&self) -> Option<unsafe extern "C-unwind" fn(c_int) -> c_int> {
                Some(found)
            }
        }

        #[allow(non_upper_case_globals, reason = "named as the hook is")]
        pub(super) static nss_bypass_test_hook: Fake = Fake;
    }

    mod hook {
        pub(super) use super::super::{Forwarded, run, run_unless};
    }

    /// Answers even numbers.
    unsafe fn answer(number: c_int, call: Call<c_int>) -> Option<c_int> {
        assert!(matches!(call, Call::First { at_entry: Errno(4242) }));
        set_errno(Errno(1)); // As a lookup may do.
        (number % 2 == 0).then_some(number)
    }

    export! {
        /// A hook of a table with a single row.
        nss_bypass_test_hook(number: c_int) -> c_int {
            forwards: number > 100, answer: answer, owns: owns_nothing, absent: 0
        }
    }

    #[test]
    fn the_real_function_is_called_outside_of_the_guard() {
        // SAFETY: a number.
        let call = |number| unsafe { nss_bypass_test_hook(number) };
        set_errno(Errno(4242));
        assert_eq!(call(2), 2);
        assert_eq!(real::FOUND[0].load(Ordering::Relaxed), -1, "an answered call was forwarded too");
        for (number, expected) in [(1, 2), (101, 102)] {
            set_errno(Errno(4242));
            assert_eq!(call(number), expected);
            let found = real::FOUND.each_ref().map(|value| value.load(Ordering::Relaxed));
            assert_eq!(found, [4242, 0, 0], "errno, cancellation disabled, in a lookup");
        }
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
