//! How a program is notified that its requests are complete: `struct sigevent`, as glibc interprets it
//! (resolv/gai_notify.c).

use std::ptr;

use libc::{c_int, c_void, pid_t, pthread_attr_t, sigval};
use nss_bypass_core::sys::{environment, signal, thread};

use crate::netdb::{NotifyFunction, Sigevent};

/// The notification.
#[derive(Clone, Copy)]
pub(super) enum Notice {
    /// NULL, SIGEV_NONE, and values that glibc ignores: SIGEV_THREAD_ID and invalid ones.
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

/// The function to call in a new thread, and its argument.
#[derive(Clone, Copy)]
pub(super) struct Call {
    function: NotifyFunction,
    value: sigval,
}

impl Notice {
    /// Reads a sigevent field by field, since a program need not initialise fields that are not used.
    ///
    /// # Safety
    /// The pointer must be NULL or point to a sigevent.
    pub(super) unsafe fn read(event: *const Sigevent) -> Self {
        if event.is_null() {
            return Self::None;
        }
        // SAFETY: guaranteed by the caller.
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

    /// Notifies the program. As in glibc, errors are ignored.
    pub(super) fn send(self) {
        match self {
            Self::None => {}
            Self::Signal { process, signal, value } => signal::queue(process, signal, value),
            Self::Thread { call: what, attributes } => {
                let argument = Box::into_raw(Box::new(what));
                let started = if attributes.is_null() {
                    // SAFETY: `call` takes ownership of the box.
                    unsafe { thread::start(call, argument.cast(), None) }
                } else {
                    // SAFETY: as above. The attributes are those of the program, which must keep them valid until now.
                    unsafe { thread::start_with(attributes, call, argument.cast()) }
                };
                if started.is_err() {
                    // SAFETY: the box was leaked above, and no thread has been given it.
                    drop(unsafe { Box::from_raw(argument) });
                }
            }
        }
    }
}

/// The thread of SIGEV_THREAD. Its frame has nothing to drop while the program's function runs.
unsafe extern "C-unwind" fn call(argument: *mut c_void) -> *mut c_void {
    // The thread that started this one has its signals blocked, which is inherited.
    signal::unblock();
    // SAFETY: the box that `send` has leaked for this thread.
    let Call { function, value } = *unsafe { Box::from_raw(argument.cast::<Call>()) };
    // SAFETY: the program's own function and value.
    unsafe { function(value) };
    ptr::null_mut()
}
