//! What is done once, when the library is loaded.
//!
//! This is part of the start of every program, so it touches few pages: it is all in one place, calls few functions,
//! and allocates no memory if possible. Real functions, settings and rules are initialised at the first call of a hook.

use std::ptr;

use libc::c_char;
use nss_bypass_core::sys::environment::is_privileged;
use nss_bypass_core::sys::{errno, fork, set_errno};

use crate::{databases, state};

#[used]
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn() = on_load;

/// In one section with the other code that runs then (linked/glibc.c), so that only one page is touched.
#[unsafe(link_section = "nss_bypass_load")]
extern "C" fn on_load() {
    unsafe extern "C" {
        /// environ(7). A program may define a variable of the name without underscores.
        static __environ: *const *const c_char;
    }
    let before = errno(); // errno is 0 when a program starts.
    fork::watch();
    // SAFETY: libc's variable, which libc has already set.
    let environment = if is_privileged() { ptr::null() } else { unsafe { __environ } };
    // If there are more variables than fit into the storage, they are parsed now.
    // SAFETY: it is the environment, and the program has not started.
    if unsafe { state::keep_variables(environment) } {
        databases::configure();
    } else {
        databases::configure_all();
    }
    set_errno(before);
}
