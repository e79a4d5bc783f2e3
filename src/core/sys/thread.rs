//! Threads, for lookups that the program has requested to be done in the background. nss-bypass starts no others.

use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_int, c_void, pthread_attr_t, pthread_t};

use super::Errno;
use super::loaded::{self, lazy};
use super::symbols::{Found, From, find};

/// The function that a thread runs. It may end by an exception or by pthread_exit in the program's own code, hence
/// "C-unwind".
pub type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// pthread_create(3), with this type of routine, which the libc crate does not have.
type Create = unsafe extern "C" fn(*mut pthread_t, *const pthread_attr_t, Routine, *mut c_void) -> c_int;

static CREATE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

lazy! {
    /// pthread_attr_init(3)
    fn pthread_attr_init(attributes: *mut pthread_attr_t) -> c_int, absent: libc::ENOSYS;
    /// pthread_attr_destroy(3)
    fn pthread_attr_destroy(attributes: *mut pthread_attr_t) -> c_int, absent: libc::ENOSYS;
    /// pthread_attr_setdetachstate(3)
    fn pthread_attr_setdetachstate(attributes: *mut pthread_attr_t, state: c_int) -> c_int, absent: libc::ENOSYS;
    /// pthread_attr_setstacksize(3), which before glibc 2.34 is in libpthread
    fn pthread_attr_setstacksize(attributes: *mut pthread_attr_t, size: usize) -> c_int,
        absent: libc::ENOSYS, otherwise: loaded::by_dlsym_in_any_case;
}

/// Looks up pthread_create. Before glibc 2.34 it is in libpthread, which the program may have opened with RTLD_LOCAL
/// (dlopen(3)).
#[cold]
fn look_up() -> *mut c_void {
    let found = match find(c"pthread_create", From::Program) {
        Found::At(address) => address,
        not_found => loaded::by_dlsym_in_any_case(c"pthread_create", not_found),
    };
    let found = if found.is_null() { loaded::symbol(c"libpthread.so.0", c"pthread_create") } else { found };
    CREATE.store(found, Ordering::Release);
    found
}

/// Returns `None` in a program without that library, which cannot start threads.
fn create() -> Option<Create> {
    let known = CREATE.load(Ordering::Acquire);
    let found = if known.is_null() { look_up() } else { known };
    // SAFETY: it is the function of this name and type, and not null.
    (!found.is_null()).then(|| unsafe { mem::transmute::<*mut c_void, Create>(found) })
}

/// Starts a detached thread with a stack of this size in bytes, or of the default size if that is too small or `None`.
///
/// # Safety
/// It must be permitted to call the routine with the argument at any later time.
pub unsafe fn start(routine: Routine, argument: *mut c_void, stack: Option<usize>) -> Result<(), Errno> {
    let mut space = MaybeUninit::<pthread_attr_t>::zeroed();
    let attributes = space.as_mut_ptr();
    // SAFETY: there is room for the attributes.
    unsafe { pthread_attr_init(attributes) };
    // SAFETY: the attributes are initialised.
    unsafe { pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED) };
    if let Some(stack) = stack {
        // SAFETY: as above.
        unsafe { pthread_attr_setstacksize(attributes, stack) };
    }
    // SAFETY: as above; guaranteed by the caller.
    let started = unsafe { start_with(attributes, routine, argument) };
    // SAFETY: as above; they are not used any more.
    unsafe { pthread_attr_destroy(attributes) };
    if started == Err(Errno(libc::EINVAL)) && stack.is_some() {
        // The thread-local variables of the program's libraries do not fit.
        // SAFETY: guaranteed by the caller.
        return unsafe { start(routine, argument, None) };
    }
    started
}

/// Starts a thread with attributes of the program.
///
/// # Safety
/// The attributes must be initialised, and it must be permitted to call the routine with the argument at any later
/// time.
pub unsafe fn start_with(
    attributes: *const pthread_attr_t,
    routine: Routine,
    argument: *mut c_void,
) -> Result<(), Errno> {
    let create = create().ok_or(Errno(libc::EAGAIN))?;
    let mut thread = MaybeUninit::<pthread_t>::uninit();
    // SAFETY: guaranteed by the caller; there is room for the ID of the thread.
    match unsafe { create(thread.as_mut_ptr(), attributes, routine, argument) } {
        0 => Ok(()),
        error => Err(Errno(error)),
    }
}
