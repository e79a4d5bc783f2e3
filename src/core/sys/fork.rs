//! Fork generations.
//!
//! A child has only the thread that forked. Whatever the other threads held is never released, so all counts and locks
//! across threads are marked with the generation that they belong to, and are void in the next one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::loaded;
use super::symbols::{From, LazySymbol};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// libc's flag that the process has one thread only (sys/single_threaded.h, since 2.32); null if there is none.
static SINGLE_THREADED: LazySymbol = LazySymbol::new(From::Program, c"__libc_single_threaded", loaded::by_dlsym);
static FORKED_BESIDE_THREADS: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    /// The function that pthread_atfork(3) calls. gcc's start files link pthread_atfork into each library, with a
    /// handle of the library, but are not used here (src/preload/build.rs).
    fn __register_atfork(
        before: Option<unsafe extern "C" fn()>,
        in_parent: Option<unsafe extern "C" fn()>,
        in_child: Option<unsafe extern "C" fn()>,
        library: *mut libc::c_void,
    ) -> libc::c_int;
}

extern "C" fn in_parent_before() {
    let single = SINGLE_THREADED.get().cast::<u8>();
    // SAFETY: null or libc's variable, which is never unmapped; it is one byte, written only while there is one thread.
    let alone = !single.is_null() && unsafe { single.read_volatile() } != 0;
    if !alone {
        FORKED_BESIDE_THREADS.store(true, Ordering::Relaxed);
    }
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::SeqCst);
}

/// Returns the number of forks between the process in which the library was loaded and this one.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::SeqCst)
}

/// Returns whether libc's own locks may be taken: not in a child of a process that had other threads, which may have
/// held them.
pub fn is_safe_for_locks() -> bool {
    generation() == 0 || !FORKED_BESIDE_THREADS.load(Ordering::Relaxed)
}

/// Makes libc count forks from now on. It is called once, when the library is loaded.
///
/// A process that was created by a bare clone(2) or by vfork(2) is not counted. What other threads held is then never
/// released, but the only effect is that some tables are copied (see [`super::snapshot`]).
#[inline(always)]
pub fn watch() {
    // SAFETY: the handlers access only atomics, which is safe in a child of a process with threads. The library is
    // never unloaded, so it needs no handle by which libc would unregister them.
    unsafe { __register_atfork(Some(in_parent_before), None, Some(in_child), std::ptr::null_mut()) };
}
