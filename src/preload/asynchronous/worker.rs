//! The threads that process requests, following glibc's resolv/gai_misc.c: there is a maximum number, and a thread ends
//! after it has been idle for a while. All signals are blocked in them.

use std::ptr;

use libc::c_void;
use nss_bypass_core::sys::{Errno, thread};

use super::queue::Queue;
use super::request;
use crate::hook;

/// The stack size in bytes. A lookup takes about 20 000; modules of nsswitch.conf may need more. Most pages are never
/// touched.
const STACK: usize = 256 * 1024;

/// Starts a thread. Signals must be blocked.
pub(super) fn start(queue: &'static Queue) -> Result<(), Errno> {
    // SAFETY: a queue is never freed.
    unsafe { thread::start(work, ptr::from_ref(queue).cast_mut().cast(), Some(STACK)) }
}

unsafe extern "C-unwind" fn work(queue: *mut c_void) -> *mut c_void {
    // SAFETY: the queue that was passed to `start`.
    let queue = unsafe { &*queue.cast::<Queue>() };
    while let Some(job) = hook::caught(|_| queue.next_job()) {
        // SAFETY: programs keep a request valid until it is complete.
        let code = unsafe { request::perform(job.request) };
        hook::caught(|_| {
            queue.finish(&job, code);
            Some(())
        });
    }
    ptr::null_mut()
}
