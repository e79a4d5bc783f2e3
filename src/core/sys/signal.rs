//! Signals: blocking them in a thread, and sending them with a value.

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, pid_t, sigset_t, sigval, uid_t};

use super::calls;
use super::loaded::lazy;

lazy! {
    /// sigfillset(3)
    fn sigfillset(set: *mut sigset_t) -> c_int, absent: -1;
    /// sigemptyset(3)
    fn sigemptyset(set: *mut sigset_t) -> c_int, absent: -1;
    /// sigprocmask(2)
    fn sigprocmask(how: c_int, set: *const sigset_t, before: *mut sigset_t) -> c_int, absent: -1;
    /// getuid(2)
    fn getuid() -> uid_t, absent: uid_t::MAX;
}

/// All signals are blocked in this thread until this is dropped. Threads that it starts in the meantime inherit that.
pub struct Blocked(sigset_t);

impl Blocked {
    /// Blocks all signals.
    pub fn all() -> Self {
        Self(change(sigfillset))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set was returned by libc.
        unsafe { sigprocmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

/// Unblocks all signals in this thread.
pub fn unblock() {
    change(sigemptyset);
}

/// Replaces this thread's set of blocked signals by the set that `fill` creates, and returns the previous set.
///
/// It uses sigprocmask(2), which in glibc affects the calling thread, as pthread_sigmask(3) does, but has always been
/// in libc.
fn change(fill: unsafe fn(*mut sigset_t) -> c_int) -> sigset_t {
    let mut wanted = MaybeUninit::<sigset_t>::zeroed();
    let mut before = MaybeUninit::<sigset_t>::zeroed();
    // SAFETY: the set is writable.
    unsafe { fill(wanted.as_mut_ptr()) };
    // SAFETY: both sets are valid. The call cannot fail with a valid `how`.
    unsafe { sigprocmask(libc::SIG_SETMASK, wanted.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: all-zero bytes are a valid set, which may have been overwritten by another.
    unsafe { before.assume_init() }
}

/// A siginfo_t with a value (sigaction(2)), on 64-bit machines.
#[repr(C)]
struct Info {
    signal: c_int,
    errno: c_int,
    code: c_int,
    padding: c_int,
    process: pid_t,
    user: uid_t,
    value: sigval,
    rest: [u64; 12],
}

const _: () = assert!(size_of::<Info>() == size_of::<libc::siginfo_t>());

/// Notifies a process that an asynchronous lookup is complete (`SI_ASYNCNL`; glibc,
/// sysdeps/unix/sysv/linux/gai_sigqueue.c). Errors are ignored.
pub fn queue(process: pid_t, signal: c_int, value: sigval) {
    // SAFETY: no preconditions.
    let user = unsafe { getuid() };
    let info =
        Info { signal, errno: 0, code: libc::SI_ASYNCNL, padding: 0, process, user, value, rest: Default::default() };
    // SAFETY: the kernel reads a siginfo_t, whose size and layout this has.
    unsafe { calls::rt_sigqueueinfo(process, signal, (&raw const info).cast()) };
}
