//! What happens once, when the library is loaded.
//!
//! Every program pays for this at its start, so it touches few pages: it is all in one place, calls little, and asks for no
//! memory if it can do without. Real functions, settings and rules wait for the first call of a hook.

use std::ptr;

use libc::c_char;
use nss_bypass_core::sys::environment::is_privileged;
use nss_bypass_core::sys::{errno, fork, set_errno};

use crate::{databases, state};

#[used]
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn() = on_load;

/// In a section with what else runs then (linked/glibc.c), so that it touches one page.
#[unsafe(link_section = "nss_bypass_load")]
extern "C" fn on_load() {
    unsafe extern "C" {
        /// environ(7). A program may have a variable of the other name.
        static __environ: *const *const c_char;
    }
    let before = errno(); // A program begins with 0 there.
    fork::watch();
    // SAFETY: libc's variable, which libc has set by now.
    let environment = if is_privileged() { ptr::null() } else { unsafe { __environ } };
    // Where there are more variables than are kept as text, they are read as what they say.
    // SAFETY: it is the environment, and the program has not begun.
    if unsafe { state::keep_variables(environment) } {
        databases::configure();
    } else {
        databases::configure_all();
    }
    set_errno(before);
}
