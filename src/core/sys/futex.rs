//! Waiting for another thread of this process, with the system call that glibc uses (futex(2)).

use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::{Errno, calls, checked, clock};

/// All wakers match.
const MATCH_ANY: u32 = !0;

/// A time of the monotonic clock. It may be invalid if it was derived from an invalid timespec of the caller; waiting
/// reports that.
#[derive(Clone, Copy, Debug)]
pub struct Moment(libc::timespec);

impl Moment {
    /// Returns the time after `wait` from now, calculated as in glibc (resolv/gai_suspend.c).
    pub fn after(wait: libc::timespec) -> Self {
        let now = clock::monotonic();
        let seconds = libc::time_t::try_from(now.as_secs()).unwrap_or(libc::time_t::MAX);
        let mut moment = libc::timespec {
            tv_sec: seconds.wrapping_add(wait.tv_sec),
            tv_nsec: libc::c_long::from(now.subsec_nanos() as i32).wrapping_add(wait.tv_nsec),
        };
        if moment.tv_nsec >= 1_000_000_000 {
            moment.tv_nsec -= 1_000_000_000;
            moment.tv_sec = moment.tv_sec.wrapping_add(1);
        }
        Self(moment)
    }

    /// Returns how long it is until then, or zero if the time has passed. Returns `None` if it is invalid.
    pub fn remaining(self) -> Option<Duration> {
        let nanoseconds = u32::try_from(self.0.tv_nsec).ok().filter(|&value| value < 1_000_000_000)?;
        let seconds = u64::try_from(self.0.tv_sec).unwrap_or(0);
        Some(Duration::new(seconds, nanoseconds).saturating_sub(clock::monotonic()))
    }
}

/// Waits while `word` is `expected`, until the thread is woken; it may also return early.
///
/// # Errors
/// EINTR after a signal handler has run, ETIMEDOUT at `until`, EINVAL if that is invalid.
pub fn wait(word: &AtomicU32, expected: u32, until: Option<Moment>) -> Result<(), Errno> {
    if until.is_some_and(|until| until.0.tv_sec < 0) {
        return Err(Errno(libc::ETIMEDOUT));
    }
    let until: *const libc::timespec = until.as_ref().map_or(ptr::null(), |until| &raw const until.0);
    let operation = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
    let second = ptr::null::<u32>();
    // SAFETY: the word is valid during the call, and the timeout is null or valid.
    let result = unsafe { calls::futex(word.as_ptr(), operation, expected, until, second, MATCH_ANY) };
    match checked(result) {
        Err(Errno(libc::EAGAIN)) | Ok(_) => Ok(()), // The word has another value already.
        Err(error) => Err(error),
    }
}

/// Wakes one thread that waits for `word` to change, if there is one.
pub fn wake(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel uses the address only as a key.
    unsafe { calls::futex(word.as_ptr(), operation, 1, ptr::null(), ptr::null(), 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tv_sec: i64, tv_nsec: i64) -> Moment {
        Moment::after(libc::timespec { tv_sec, tv_nsec })
    }

    #[test]
    fn a_wait_ends_at_its_moment_or_with_another_value() {
        let word = AtomicU32::new(1);
        assert_eq!(wait(&word, 1, Some(after(0, 1_000_000))), Err(Errno(libc::ETIMEDOUT)));
        assert_eq!(wait(&word, 1, Some(after(-1_000_000_000, 0))), Err(Errno(libc::ETIMEDOUT)));
        assert_eq!(wait(&word, 2, None), Ok(()));
    }

    #[test]
    fn a_time_that_is_none_is_reported() {
        for nonsense in [after(0, 3_000_000_000), after(0, -2_000_000_000)] {
            assert_eq!(nonsense.remaining(), None);
            assert_eq!(wait(&AtomicU32::new(1), 1, Some(nonsense)), Err(Errno(libc::EINVAL)));
        }
        assert!(after(5, 999_999_999).remaining() > Some(Duration::from_secs(5)));
        assert_eq!(after(-1, 0).remaining(), Some(Duration::ZERO));
        // The sum wraps, as in glibc.
        assert_eq!(after(i64::MAX, 0).remaining(), Some(Duration::ZERO));
    }
}
