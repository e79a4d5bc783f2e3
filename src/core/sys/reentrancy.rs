//! Whether this thread is in a lookup of this library, so that calls from within it do not go on for ever.
//!
//! Such calls come from functions that other libraries put before libc's, a connect(2) that looks its own proxy up, and
//! from signal handlers. The first is answered as any; what it calls in turn is forwarded to libc.
//!
//! A program may leave a lookup by siglongjmp, as curl did at its timeout, and no destructor runs then. So the mark is
//! taken away while the thread waits in poll(2), where it spends its time and where no lookup comes back from; and it
//! is the address of the lookup's frame, so that one that is left behind elsewhere counts no more once the stack has
//! been unwound past it. Until then it counts as a lookup that the next one is called from.

use std::cell::Cell;

/// Lookups within each other that are answered here.
const DEPTH: usize = 2;

thread_local! {
    /// The frames of the lookups; 0 for none. Without a destructor, so that it also works while the thread's other
    /// variables are being destroyed.
    static FRAMES: Cell<[usize; DEPTH]> = const { Cell::new([0; DEPTH]) };
}

/// This thread is in a lookup until this is dropped.
pub struct ReentrancyGuard {
    frame: usize,
}

/// Stacks grow downwards: whatever may have called the lookup at `frame` stands above it.
fn callers_of(frame: usize) -> [usize; DEPTH] {
    FRAMES.get().map(|other| if other > frame { other } else { 0 })
}

impl ReentrancyGuard {
    /// None: it already was, as often as may be.
    #[inline(never)]
    pub fn enter() -> Option<Self> {
        let here = 0_u8;
        let frame = std::ptr::from_ref(&here).addr();
        let mut frames = callers_of(frame);
        *frames.iter_mut().find(|frame| **frame == 0)? = frame;
        FRAMES.set(frames);
        super::abandoned::close_left_by_frames_up_to(frame);
        Some(Self { frame })
    }
}

impl Drop for ReentrancyGuard {
    fn drop(&mut self) {
        FRAMES.set(callers_of(self.frame));
    }
}

/// The frame of the innermost lookup of this thread.
pub fn innermost() -> Option<usize> {
    FRAMES.get().into_iter().filter(|&frame| frame != 0).min()
}

/// Runs something in which no lookup can come about, and which a signal handler may leave for good.
pub(super) fn unmarked<R>(wait: impl FnOnce() -> R) -> R {
    let before = FRAMES.get();
    if let Some(innermost) = innermost() {
        FRAMES.set(callers_of(innermost));
    }
    let result = wait();
    FRAMES.set(before);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn deeper<R>(call: impl FnOnce() -> R) -> R {
        let room = std::hint::black_box([0_u8; 256]);
        let result = call();
        std::hint::black_box(&room);
        result
    }

    #[test]
    fn a_call_from_within_a_call_from_within_is_noticed_and_the_next_one_is_not() {
        let outer = ReentrancyGuard::enter();
        assert!(outer.is_some());
        deeper(|| {
            let inner = ReentrancyGuard::enter();
            assert!(inner.is_some());
            assert!(deeper(|| ReentrancyGuard::enter().is_none()));
            assert!(deeper(|| unmarked(|| ReentrancyGuard::enter().is_some())));
            assert!(deeper(|| ReentrancyGuard::enter().is_none()));
            drop(inner);
            assert!(deeper(|| ReentrancyGuard::enter().is_some()));
        });
        drop(outer);
        assert!(ReentrancyGuard::enter().is_some());
    }

    #[test]
    fn marks_that_were_left_behind_deeper_in_the_stack_count_no_more() {
        deeper(|| std::mem::forget(ReentrancyGuard::enter()));
        deeper(|| deeper(|| std::mem::forget(ReentrancyGuard::enter())));
        assert!(ReentrancyGuard::enter().is_some());
        assert_eq!(innermost(), None);
    }

    #[test]
    fn a_mark_that_was_left_behind_higher_up_leaves_the_next_lookup_alone() {
        std::mem::forget(ReentrancyGuard::enter());
        for _ in 0..10 {
            assert!(deeper(|| ReentrancyGuard::enter().is_some()));
        }
    }
}
