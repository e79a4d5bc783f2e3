//! The threads that work requests through, after glibc's resolv/gai_misc.c: at most so many, each of which ends when there
//! was nothing to do for a while. All signals are blocked in them.

use std::ptr;

use libc::c_void;
use nss_bypass_core::sys::{Errno, thread};

use super::queue::Queue;
use super::request;
use crate::hook;

/// Bytes of stack, most of which are never touched. A lookup takes some 20 000; modules of nsswitch.conf may want more.
const STACK: usize = 256 * 1024;

/// Starts one. Signals must be blocked.
pub(super) fn start(queue: &'static Queue) -> Result<(), Errno> {
    // SAFETY: a queue stays for ever.
    unsafe { thread::start(work, ptr::from_ref(queue).cast_mut().cast(), Some(STACK)) }
}

unsafe extern "C-unwind" fn work(queue: *mut c_void) -> *mut c_void {
    // SAFETY: it is the queue of `start`.
    let queue = unsafe { &*queue.cast::<Queue>() };
    while let Some(job) = hook::caught(|_| queue.next_job()) {
        // SAFETY: programs keep a request until it is done.
        let code = unsafe { request::perform(job.request) };
        hook::caught(|_| {
            queue.finish(&job, code);
            Some(())
        });
    }
    ptr::null_mut()
}
