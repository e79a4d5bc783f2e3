//! How a program wants to hear that its requests are done: `struct sigevent`, as glibc heeds it (resolv/gai_notify.c).

use std::ptr;

use libc::{c_int, c_void, pid_t, pthread_attr_t, sigval};
use nss_bypass_core::sys::{environment, signal, thread};

use crate::netdb::{NotifyFunction, Sigevent};

/// What to do.
#[derive(Clone, Copy)]
pub(super) enum Notice {
    /// NULL, SIGEV_NONE, and what glibc does not heed: SIGEV_THREAD_ID, and values that are none.
    None,
    Signal {
        process: pid_t,
        signal: c_int,
        value: sigval,
    },
    Thread {
        call: Call,
        attributes: *const pthread_attr_t,
    },
}

/// What a thread is started for.
#[derive(Clone, Copy)]
pub(super) struct Call {
    function: NotifyFunction,
    value: sigval,
}

impl Notice {
    /// Field by field, since a program may leave those alone that do not count.
    ///
    /// # Safety
    /// The pointer is NULL or points to a sigevent.
    pub(super) unsafe fn read(event: *const Sigevent) -> Self {
        if event.is_null() {
            return Self::None;
        }
        // SAFETY: the caller's promise.
        let notify = unsafe { (*event).notify };
        // SAFETY: as above.
        let value = unsafe { (*event).value };
        match notify {
            libc::SIGEV_SIGNAL => {
                // SAFETY: as above.
                let signal = unsafe { (*event).signal };
                Self::Signal { process: environment::process_id(), signal, value }
            }
            libc::SIGEV_THREAD => {
                // SAFETY: as above.
                let Some(function) = (unsafe { (*event).function }) else { return Self::None };
                // SAFETY: as above.
                Self::Thread { call: Call { function, value }, attributes: unsafe { (*event).attributes } }
            }
            _ => Self::None,
        }
    }

    /// Tells the program. What cannot be done is not done, as in glibc.
    pub(super) fn send(self) {
        match self {
            Self::None => {}
            Self::Signal { process, signal, value } => signal::queue(process, signal, value),
            Self::Thread { call: what, attributes } => {
                let argument = Box::into_raw(Box::new(what));
                let started = if attributes.is_null() {
                    // SAFETY: `call` may have the box.
                    unsafe { thread::start(call, argument.cast(), None) }
                } else {
                    // SAFETY: as above. The attributes are the program's, which must keep them until now.
                    unsafe { thread::start_with(attributes, call, argument.cast()) }
                };
                if started.is_err() {
                    // SAFETY: the box was leaked above, and no thread has it.
                    drop(unsafe { Box::from_raw(argument) });
                }
            }
        }
    }
}

/// The thread of a SIGEV_THREAD. Its frame has nothing to drop when the program's function runs.
unsafe extern "C-unwind" fn call(argument: *mut c_void) -> *mut c_void {
    // The thread that started this one has its signals blocked.
    signal::unblock();
    // SAFETY: the box that `send` leaked for this thread.
    let Call { function, value } = *unsafe { Box::from_raw(argument.cast::<Call>()) };
    // SAFETY: the program's own function and value.
    unsafe { function(value) };
    ptr::null_mut()
}
