//! What happens once, when the library is loaded.
//!
//! Every program pays for this at its start, so it touches few pages: it is all in one place, calls little, and asks for no
//! memory if it can do without. Real functions, settings and rules wait for the first call of a hook.

use std::ptr;

use libc::c_char;
use nss_bypass_core::sys::environment::is_privileged;
use nss_bypass_core::sys::{errno, fork, set_errno};

use crate::{databases, hook, state};

#[used]
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn() = on_load;

/// In a section with what else runs then (linked/glibc.c), so that it touches one page.
#[unsafe(link_section = "nss_bypass_load")]
extern "C" fn on_load() {
    unsafe extern "C" {
        /// environ(7)
        static environ: *const *const c_char;
    }
    let before = errno(); // A program begins with 0 there.
    fork::watch();
    // SAFETY: libc's variable, which libc has set by now.
    let environment = if is_privileged() { ptr::null() } else { unsafe { environ } };
    // SAFETY: it is the environment, and the program has not begun.
    if !unsafe { state::keep_variables(environment) } {
        read_settings();
    }
    databases::configure();
    set_errno(before);
}

/// There are more variables than are kept as text.
#[cold]
#[inline(never)]
fn read_settings() {
    // A panic must not reach the dynamic linker. No lookup and no cancellation can come about in here.
    hook::caught(|_| Some(state::settings().disabled));
}
