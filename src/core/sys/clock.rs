//! Time: deadlines that an adjusted wall clock cannot move, and wall time for the log.

use std::time::Duration;

use super::fork;

#[inline(always)]
fn read(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, writable timespec; the clocks used here always exist, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &mut now) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Time since an arbitrary start, in nanoseconds' resolution. glibc's resolver takes `CLOCK_REALTIME` for its
/// deadlines, and so waits for hours when the clock is set back during a lookup; this one does not.
pub fn monotonic() -> Duration {
    read(libc::CLOCK_MONOTONIC)
}

/// The same to a few milliseconds, for a fraction of the price.
pub fn coarse() -> Duration {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// A tick of the kernel's clock, of which one comes every 1 to 4 ms, in one thread: no other thread's is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(u64);

impl Tick {
    /// The present one.
    pub fn now() -> Self {
        let now = coarse();
        let number = now.as_secs() << 30 | u64::from(now.subsec_nanos());
        // A child or another thread may have other files (chroot(2), setns(2)).
        // SAFETY: no preconditions; its address is the thread's alone.
        let thread = unsafe { libc::__errno_location() }.addr() as u64;
        let whose = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(fork::generation()).rotate_right(8);
        Self((number ^ whose).max(1))
    }

    /// As a number, which is never 0.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Time since the machine started, sleep included: what is good for a minute is old after a night.
pub fn since_boot() -> Duration {
    read(libc::CLOCK_BOOTTIME)
}

/// Time since 1970-01-01 00:00 UTC.
pub fn wall() -> Duration {
    read(libc::CLOCK_REALTIME)
}

/// A moment after which waiting ends.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// The moment this far from now.
    pub fn after(wait: Duration) -> Self {
        Self(monotonic().saturating_add(wait))
    }

    /// Milliseconds until then, rounded up so that a poll does not spin through the last one; 0 when it is past.
    pub fn remaining_ms(self) -> i32 {
        let left = self.0.saturating_sub(monotonic());
        i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    }

    /// Whether it is past.
    pub fn is_past(self) -> bool {
        monotonic() >= self.0
    }
}
