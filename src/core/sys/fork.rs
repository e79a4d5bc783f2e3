//! Which side of a fork we are on.
//!
//! A child has only the thread that forked. What the other threads held stays held for ever, so everything that
//! counts or locks across threads is marked with the generation it belongs to and void in the next.

use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::SeqCst);
}

/// How many forks lie between this process and the one in which the library was loaded.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::SeqCst)
}

/// Asks libc to count forks from now on. Called once, when the library is loaded.
///
/// A process made by a bare clone(2) or vfork(2) is not counted: there, what other threads held stays held, which
/// costs a private copy of a table or two and nothing else (see [`super::snapshot`]).
pub fn watch() {
    // SAFETY: the handler only adds to an atomic, which is safe in a child of a threaded process.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}
