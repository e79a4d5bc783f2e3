//! What surrounds every hook: the exported function, and the guard around what answers it.
//!
//! What holds in the frame of an exported function:
//!
//! - Nothing in it has a destructor: arguments and results are plain. A thread that is cancelled, jumps or throws out of
//!   the real function leaves nothing behind. (libgcc_s unwinds such a frame, and the unwinder that is linked into this
//!   library cannot work on its state: a destructor there would end the process.)
//! - The real function is called outside of the guard: with the thread's own cancellation state, outside of
//!   `catch_unwind`, not marked as being in a lookup, and with errno as it was at the call.
//! - The guard restores errno where the call is forwarded.
//! - What libc answered is looked at afterwards, in a guard of its own, and only where a rule has libc answer first. All
//!   that is kept meanwhile is plain: a time, and errno at the call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libc::c_int;
use nss_bypass_core::sys::reentrancy::ReentrancyGuard;
use nss_bypass_core::sys::{Errno, clock, errno, set_errno};

use crate::state;

/// Exports the functions of a table of hooks: see [`hooks`].
macro_rules! export {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty { $($how:tt)* })*) => {
        $(export!(@one [$(#[$doc])*] $name($($argument: $type),*) -> $result { $($how)* });)*
    };
    (@one [$($doc:tt)*] $name:ident($($argument:ident: $type:ty),*) -> $result:ty {
        forwards: $forwards:expr, answer: $answer:path, owns: $owns:path, absent: $absent:expr
    }) => {
        export!(@function [$($doc)*] $name($($argument: $type),*) -> $result, $absent, {
            // SAFETY: the caller's promise, under libc's contract.
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
            // SAFETY: the caller's promise, under libc's contract.
            unsafe { $answer($($argument),*) }
        }, |_| None::<$result>);
    };
    (@function [$($doc:tt)*] $name:ident($($argument:ident: $type:ty),*) -> $result:ty, $absent:expr, $answer:block,
        $after_libc:expr) => {
        $($doc)*
        ///
        /// # Safety
        /// libc's.
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

/// How far a call has come, for what answers it.
#[derive(Clone, Copy)]
pub(crate) enum Call<R> {
    /// It came in, with this errno.
    First { at_entry: Errno },
    /// libc has answered it, and a rule has libc answer first.
    AfterLibc { returned: R, forwarded: Forwarded },
}

impl<R> Call<R> {
    /// errno as the program had it.
    pub(crate) fn at_entry(&self) -> Errno {
        match self {
            Self::First { at_entry } | Self::AfterLibc { forwarded: Forwarded { at_entry, .. }, .. } => *at_entry,
        }
    }

    /// The same, with what is to be known of libc's answer.
    pub(crate) fn map<S>(self, known: impl FnOnce(R) -> S) -> Call<S> {
        match self {
            Self::First { at_entry } => Call::First { at_entry },
            Self::AfterLibc { returned, forwarded } => Call::AfterLibc { returned: known(returned), forwarded },
        }
    }
}

/// A call on its way to libc.
#[derive(Clone, Copy)]
pub(crate) struct Forwarded {
    at_entry: Errno,
    /// When it went there (CLOCK_MONOTONIC).
    pub(crate) begun: Duration,
}

impl Forwarded {
    /// None: no rule has libc answer first.
    #[inline]
    pub(crate) fn begin() -> Option<Self> {
        state::has_libc_first().then(|| Self { at_entry: errno(), begun: clock::monotonic() })
    }

    /// When libc has answered.
    #[inline]
    pub(crate) fn answered<R>(self, returned: R) -> Call<R> {
        Call::AfterLibc { returned, forwarded: self }
    }
}

const PTHREAD_CANCEL_DISABLE: c_int = 1;
const PTHREAD_CANCEL_DEFERRED: c_int = 0;

unsafe extern "C-unwind" {
    // Turning cancellation back on may act on a request that came meanwhile, and so unwind.
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
    fn pthread_testcancel();
}

/// Runs what answers a hook, which is told errno as it was at the call. None: the call is forwarded, and errno is as it
/// was.
///
/// A call from within the library's own code, such as a log to a program's own transport, is forwarded. So is one in which
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

/// The same, unless it is known already that the call is forwarded.
#[inline]
pub(crate) fn run_unless<T: Copy>(
    forwards: bool,
    owns: fn(T) -> bool,
    ours: impl FnOnce(Errno) -> Option<T> + Copy,
) -> Option<T> {
    if forwards { None } else { run(owns, ours) }
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
    let _guard = ReentrancyGuard::enter()?;
    caught(ours)
}

/// Contains panics only, with cancellation off already. For what looks nothing up, and so may also be called by a
/// signal's handler in the midst of a lookup.
pub(crate) fn caught<T: Copy>(ours: impl FnOnce(Errno) -> Option<T>) -> Option<T> {
    let before = errno();
    silence_panics();
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

        /// What the real function found: errno, the cancellation state, and whether a lookup was under way.
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
        set_errno(Errno(1)); // As any lookup does on its way.
        (number % 2 == 0).then_some(number)
    }

    export! {
        /// A hook of a table of one.
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
