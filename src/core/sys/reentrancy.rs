//! Detects calls from within a lookup of this library on the same thread, so that they do not recur endlessly.
//!
//! Such calls come from functions with which other libraries override libc's, such as a connect(2) that looks up its
//! own proxy, and from signal handlers. The first nested call is answered like any other; calls from within that one
//! are forwarded to libc.
//!
//! A program may leave a lookup with siglongjmp(3), as curl did at its timeout, so that no destructor runs. Therefore,
//! the mark of a lookup is removed while the thread waits in poll(2), where it spends most of its time and from which
//! no lookup is called. The mark is the address of the lookup's stack frame, so that one that was left behind elsewhere
//! becomes void when the stack has been unwound beyond it. Until then, it counts as a lookup from which the next one is
//! called.

use std::cell::Cell;

/// The number of nested lookups that are answered by nss-bypass.
const DEPTH: usize = 2;

thread_local! {
    /// The frames of the lookups; 0 for none. It has no destructor, so that it can be used while the other thread-local
    /// variables are being destroyed.
    static FRAMES: Cell<[usize; DEPTH]> = const { Cell::new([0; DEPTH]) };
}

/// Marks this thread as being in a lookup until it is dropped.
pub struct ReentrancyGuard {
    frame: usize,
}

/// Stacks grow downwards: the frames of all callers of the lookup at `frame` have higher addresses.
fn callers_of(frame: usize) -> [usize; DEPTH] {
    FRAMES.get().map(|other| if other > frame { other } else { 0 })
}

impl ReentrancyGuard {
    /// Returns `None` if the maximum number of nested lookups has been reached.
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

/// Returns the frame of the innermost lookup of this thread.
pub fn innermost() -> Option<usize> {
    FRAMES.get().into_iter().filter(|&frame| frame != 0).min()
}

/// Runs a function from which no lookup can be called, and which a signal handler may leave with a jump.
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
