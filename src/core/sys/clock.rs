//! Clocks: deadlines that are not affected by changes of the system time, and wall-clock time for the log.

use std::time::Duration;

use super::fork;

#[inline(always)]
fn read(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, writable timespec; the clocks used here always exist, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &mut now) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Returns the time since an arbitrary point, with a resolution of nanoseconds. glibc's resolver uses `CLOCK_REALTIME`
/// for its deadlines, so it waits for hours if the clock is set back during a lookup; this one does not.
pub fn monotonic() -> Duration {
    read(libc::CLOCK_MONOTONIC)
}

/// Returns the same with a resolution of a few milliseconds, which takes a fraction of the time.
pub fn coarse() -> Duration {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// A tick of the kernel's clock, which occurs every 1 to 4 ms, for one thread: the ticks of different threads differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(u64);

impl Tick {
    /// Returns the current tick.
    pub fn now() -> Self {
        let now = coarse();
        let number = now.as_secs() << 30 | u64::from(now.subsec_nanos());
        // A child or another thread may see other files (chroot(2), setns(2)).
        // SAFETY: no preconditions; the address is unique to the thread.
        let thread = unsafe { libc::__errno_location() }.addr() as u64;
        let whose = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(fork::generation()).rotate_right(8);
        Self((number ^ whose).max(1))
    }

    /// Returns the tick as a number, which is never 0.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Returns the time since boot, including suspend: an answer with a lifetime of a minute has expired after a night.
pub fn since_boot() -> Duration {
    read(libc::CLOCK_BOOTTIME)
}

/// Returns the time since 1970-01-01 00:00 UTC.
pub fn wall() -> Duration {
    read(libc::CLOCK_REALTIME)
}

/// The time at which waiting ends.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

impl Deadline {
    /// Returns the deadline after this time from now.
    pub fn after(wait: Duration) -> Self {
        Self(monotonic().saturating_add(wait))
    }

    /// Returns the milliseconds until the deadline, rounded up so that poll(2) does not spin during the last one; 0 if
    /// it has passed.
    pub fn remaining_ms(self) -> i32 {
        let left = self.0.saturating_sub(monotonic());
        i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    }

    /// Returns whether the deadline has passed.
    pub fn is_past(self) -> bool {
        monotonic() >= self.0
    }
}
