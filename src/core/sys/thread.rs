//! Threads, for what a program asked to be done in the background. Nothing else here starts one.

use std::mem::MaybeUninit;

use libc::{c_int, c_void, pthread_attr_t, pthread_t};

use super::Errno;

/// What a thread runs. It may end by an exception or pthread_exit in the program's own code, hence "C-unwind".
pub type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

unsafe extern "C" {
    // With our type of routine, which the libc crate does not know.
    fn pthread_create(
        thread: *mut pthread_t,
        attributes: *const pthread_attr_t,
        routine: Routine,
        argument: *mut c_void,
    ) -> c_int;
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
    let mut thread = MaybeUninit::<pthread_t>::uninit();
    // SAFETY: the caller's promise; there is room for the thread's id.
    match unsafe { pthread_create(thread.as_mut_ptr(), attributes, routine, argument) } {
        0 => Ok(()),
        error => Err(Errno(error)),
    }
}
