//! The results of gethostbyname(3) and similar functions, which are in static memory.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{c_char, hostent};
use nss_bypass_core::model::Answer;
use nss_bypass_core::sys::{fault, fork};

use super::hostent::{Layout, Order, pack};

/// The static result of one function. As in glibc, it is overwritten by later calls, and its address does not change.
pub(crate) struct Static {
    /// The generation of the process whose thread is writing plus 1; 0 if there is none. A mark that was left by a fork
    /// is void.
    writer: AtomicU32,
    content: UnsafeCell<Content>,
}

struct Content {
    host: hostent,
    /// The buffer that `host` points into, allocated by malloc.
    buffer: *mut c_char,
}

// SAFETY: `content` is written only by the thread that holds `writer`. Callers then read the hostent without
// synchronisation, according to the contract of these functions (gethostbyname(3): MT-Unsafe race).
unsafe impl Sync for Static {}

/// The mark of the writer, which is removed even if it panics.
struct Writing<'a>(&'a AtomicU32);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

impl Static {
    /// Creates an empty result.
    pub(crate) const fn new() -> Self {
        let host = hostent {
            h_name: ptr::null_mut(),
            h_aliases: ptr::null_mut(),
            h_addrtype: 0,
            h_length: 0,
            h_addr_list: ptr::null_mut(),
        };
        Self { writer: AtomicU32::new(0), content: UnsafeCell::new(Content { host, buffer: ptr::null_mut() }) }
    }

    /// Stores an answer. Returns `None` if there is no memory.
    pub(crate) fn store(&self, answer: &Answer) -> Option<*mut hostent> {
        fault::point();
        const WIDEST: usize = 16;
        let length = Layout::new(answer, WIDEST, 0, Order::ListsLast).end; // malloc aligns for any type.
        // SAFETY: malloc may be called with any size.
        let buffer = unsafe { libc::malloc(length) }.cast::<c_char>();
        if buffer.is_null() {
            return None;
        }
        let mark = fork::generation().wrapping_add(1).max(1);
        // Held for a few stores only, and never during a system call: spinning takes less time than waiting.
        while self
            .writer
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |held| (held != mark).then_some(mark))
            .is_err()
        {
            std::hint::spin_loop();
        }
        let writing = Writing(&self.writer);
        let content = self.content.get();
        // SAFETY: this thread holds `writer`; no reference to the content is created.
        let host = unsafe { &raw mut (*content).host };
        // SAFETY: only this thread writes the host; the buffer is new and has this length.
        let packed = unsafe { pack(answer, host, buffer, length, Order::ListsLast) };
        // SAFETY: as for the host.
        let old = unsafe { std::mem::replace(&mut (*content).buffer, buffer) };
        drop(writing);
        // SAFETY: null, or allocated by malloc for the previous call, whose result this call may overwrite.
        unsafe { libc::free(old.cast()) };
        packed.map(|()| host)
    }
}
