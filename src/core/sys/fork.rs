//! Which side of a fork we are on.
//!
//! A child has only the thread that forked. What the other threads held stays held for ever, so everything that
//! counts or locks across threads is marked with the generation it belongs to and void in the next.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::loaded;
use super::symbols::{From, Late};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Whether the process has one thread only (sys/single_threaded.h, since 2.32); null where it is not known.
static SINGLE_THREADED: Late = Late::new(From::Program, c"__libc_single_threaded", loaded::by_dlsym);
static FORKED_BESIDE_THREADS: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    /// What pthread_atfork(3) calls, which is linked into each library with a handle of the library's from gcc's start
    /// files. Those are left out here (src/preload/build.rs).
    fn __register_atfork(
        before: Option<unsafe extern "C" fn()>,
        in_parent: Option<unsafe extern "C" fn()>,
        in_child: Option<unsafe extern "C" fn()>,
        library: *mut libc::c_void,
    ) -> libc::c_int;
}

extern "C" fn in_parent_before() {
    let single = SINGLE_THREADED.get().cast::<u8>();
    // SAFETY: null or libc's variable, which never goes away; it is one byte, written while there is one thread only.
    let alone = !single.is_null() && unsafe { single.read_volatile() } != 0;
    if !alone {
        FORKED_BESIDE_THREADS.store(true, Ordering::Relaxed);
    }
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::SeqCst);
}

/// How many forks lie between this process and the one in which the library was loaded.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::SeqCst)
}

/// Whether libc's own locks can be taken: not in a child of a process that had other threads, which may have held them.
pub fn is_safe_for_locks() -> bool {
    generation() == 0 || !FORKED_BESIDE_THREADS.load(Ordering::Relaxed)
}

/// Asks libc to count forks from now on. Called once, when the library is loaded.
///
/// A process made by a bare clone(2) or vfork(2) is not counted: there, what other threads held stays held, which
/// costs a private copy of a table or two and nothing else (see [`super::snapshot`]).
#[inline(always)]
pub fn watch() {
    // SAFETY: the handlers only touch atomics, which is safe in a child of a threaded process. The library is never
    // unloaded, so it needs no handle by which libc would take them off its list.
    unsafe { __register_atfork(Some(in_parent_before), None, Some(in_child), std::ptr::null_mut()) };
}
