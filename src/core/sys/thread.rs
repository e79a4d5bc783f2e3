//! Threads, for what a program asked to be done in the background. Nothing else here starts one.

use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_int, c_void, pthread_attr_t, pthread_t};

use super::{Errno, loaded};

/// What a thread runs. It may end by an exception or pthread_exit in the program's own code, hence "C-unwind".
pub type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// pthread_create(3), with our type of routine, which the libc crate does not know.
type Create = unsafe extern "C" fn(*mut pthread_t, *const pthread_attr_t, Routine, *mut c_void) -> c_int;

static CREATE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Looks pthread_create up, which before glibc 2.34 is in a library of its own. Called once when the library is loaded, since
/// a later search takes a lock of the dynamic linker's, which a fork may leave held.
pub fn look_up() {
    // SAFETY: a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"pthread_create".as_ptr()) };
    CREATE.store(found, Ordering::Release);
}

/// Before glibc 2.34, where the program has a library with threads for its own use only.
#[cold]
fn look_up_late() {
    look_up();
    if CREATE.load(Ordering::Acquire).is_null() {
        CREATE.store(loaded::symbol(c"libpthread.so.0", c"pthread_create"), Ordering::Release);
    }
}

/// None: no thread can be started in a program without that library.
fn create() -> Option<Create> {
    if CREATE.load(Ordering::Acquire).is_null() {
        look_up_late();
    }
    let found = CREATE.load(Ordering::Acquire);
    // SAFETY: it is the function of this name and type, and not null.
    (!found.is_null()).then(|| unsafe { mem::transmute::<*mut c_void, Create>(found) })
}

/// Starts a detached thread, with a stack of so many bytes or, where that is too small or not given, of the usual size.
///
/// # Safety
/// The routine may be called with the argument, at any later time.
pub unsafe fn start(routine: Routine, argument: *mut c_void, stack: Option<usize>) -> Result<(), Errno> {
    let mut space = MaybeUninit::<pthread_attr_t>::zeroed();
    let attributes = space.as_mut_ptr();
    // SAFETY: there is room for the attributes.
    unsafe { libc::pthread_attr_init(attributes) };
    // SAFETY: they are initialised.
    unsafe { libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED) };
    if let Some(stack) = stack {
        // SAFETY: as above.
        unsafe { libc::pthread_attr_setstacksize(attributes, stack) };
    }
    // SAFETY: as above, and the caller's promise.
    let started = unsafe { start_with(attributes, routine, argument) };
    // SAFETY: as above, and they are not used any more.
    unsafe { libc::pthread_attr_destroy(attributes) };
    if started == Err(Errno(libc::EINVAL)) && stack.is_some() {
        // The thread-local variables of the program's libraries do not fit.
        // SAFETY: the caller's promise.
        return unsafe { start(routine, argument, None) };
    }
    started
}

/// Starts a thread with a program's own attributes.
///
/// # Safety
/// They are initialised; the routine may be called with the argument, at any later time.
pub unsafe fn start_with(
    attributes: *const pthread_attr_t,
    routine: Routine,
    argument: *mut c_void,
) -> Result<(), Errno> {
    let create = create().ok_or(Errno(libc::EAGAIN))?;
    let mut thread = MaybeUninit::<pthread_t>::uninit();
    // SAFETY: the caller's promise; there is room for the thread's id.
    match unsafe { create(thread.as_mut_ptr(), attributes, routine, argument) } {
        0 => Ok(()),
        error => Err(Errno(error)),
    }
}
