//! Whether this thread is in a lookup of ours, so that calls from within it are libc's.
//!
//! Such calls come from functions that other libraries put before libc's: a connect(2) that looks its own proxy up.
//!
//! A program may leave a lookup by siglongjmp, as curl did at its timeout, and no destructor runs then. So the mark is
//! taken away while the thread waits in poll(2), where it spends its time and where no lookup comes back from; and it
//! is the address of the lookup's frame, so that one that is left behind elsewhere counts no more once the stack has
//! been unwound past it.

use std::cell::Cell;

thread_local! {
    /// The frame of the lookup; 0 for none. Without a destructor, so that it also works while the thread's other
    /// variables are being destroyed.
    static FRAME: Cell<usize> = const { Cell::new(0) };
}

/// This thread is in a lookup until this is dropped.
pub struct Inside(());

impl Inside {
    /// None: it already was.
    #[inline(never)]
    pub fn enter() -> Option<Self> {
        let here = 0_u8;
        let here = std::ptr::from_ref(&here).addr();
        FRAME.with(|frame| {
            // Stacks grow downwards: what a lookup calls stands below it.
            let is_within = here < frame.get();
            (!is_within).then(|| {
                frame.set(here);
                Self(())
            })
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        FRAME.with(|frame| frame.set(0));
    }
}

/// Runs something in which no lookup can come about, and which a signal handler may leave for good.
pub(super) fn unmarked<R>(wait: impl FnOnce() -> R) -> R {
    let before = FRAME.with(|frame| frame.replace(0));
    let result = wait();
    FRAME.with(|frame| frame.set(before));
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
    fn a_call_from_within_is_noticed_and_the_next_one_is_not() {
        let inside = Inside::enter();
        assert!(inside.is_some());
        assert!(deeper(|| Inside::enter().is_none()));
        assert!(deeper(|| unmarked(|| Inside::enter().is_some())));
        assert!(deeper(|| Inside::enter().is_none()));
        drop(inside);
        assert!(Inside::enter().is_some());
    }

    #[test]
    fn a_mark_that_was_left_behind_deeper_in_the_stack_counts_no_more() {
        deeper(|| std::mem::forget(Inside::enter()));
        assert!(Inside::enter().is_some());
    }
}
