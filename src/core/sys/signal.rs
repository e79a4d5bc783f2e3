//! Signals: kept away from a thread, and sent with a value.

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, pid_t, sigset_t, sigval, uid_t};

use super::calls;
use super::loaded::late;

late! {
    /// sigfillset(3)
    fn sigfillset(set: *mut sigset_t) -> c_int, absent: -1;
    /// sigemptyset(3)
    fn sigemptyset(set: *mut sigset_t) -> c_int, absent: -1;
    /// sigprocmask(2)
    fn sigprocmask(how: c_int, set: *const sigset_t, before: *mut sigset_t) -> c_int, absent: -1;
    /// getuid(2)
    fn getuid() -> uid_t, absent: uid_t::MAX;
}

/// All signals wait for this thread until this is dropped. Threads that it starts meanwhile begin like that.
pub struct Blocked(sigset_t);

impl Blocked {
    /// Blocks them.
    pub fn all() -> Self {
        Self(change(sigfillset))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is one that libc gave.
        unsafe { sigprocmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

/// Lets all signals come to this thread.
pub fn unblock() {
    change(sigemptyset);
}

/// Makes what `fill` gives this thread's set of blocked signals; the set before.
///
/// By sigprocmask(2): in glibc it is about the calling thread, as pthread_sigmask(3) is, and has always been in libc
/// itself.
fn change(fill: unsafe fn(*mut sigset_t) -> c_int) -> sigset_t {
    let mut wanted = MaybeUninit::<sigset_t>::zeroed();
    let mut before = MaybeUninit::<sigset_t>::zeroed();
    // SAFETY: the set is writable.
    unsafe { fill(wanted.as_mut_ptr()) };
    // SAFETY: both sets are there. The call cannot fail with a `how` that exists.
    unsafe { sigprocmask(libc::SIG_SETMASK, wanted.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: it was zero, which is a set, and then written.
    unsafe { before.assume_init() }
}

/// A siginfo_t that carries a value (sigaction(2)), on machines of 64 bits.
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

/// Tells a process that an asynchronous lookup is done (`SI_ASYNCNL`; glibc, sysdeps/unix/sysv/linux/gai_sigqueue.c).
/// A signal that cannot be sent is not sent.
pub fn queue(process: pid_t, signal: c_int, value: sigval) {
    // SAFETY: no preconditions.
    let user = unsafe { getuid() };
    let info =
        Info { signal, errno: 0, code: libc::SI_ASYNCNL, padding: 0, process, user, value, rest: Default::default() };
    // SAFETY: the kernel reads a siginfo_t, which this has the size and the shape of.
    unsafe { calls::rt_sigqueueinfo(process, signal, (&raw const info).cast()) };
}
