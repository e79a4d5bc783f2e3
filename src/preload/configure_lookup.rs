//! `__nss_configure_lookup` (nss.h), with which a program selects modules itself, as `getent -s` does.

use libc::{c_char, c_int};
use nss_bypass_core::files::nsswitch;
use nss_bypass_core::sys::glibc;
use nss_bypass_core::tables::Tables;

use crate::request::text::text;
use crate::state::TABLES;
use crate::{hook, real};

/// Forwards the call to libc, and records the selection if libc accepts it.
///
/// # Safety
/// Both arguments must be C strings or null, as for libc's function.
pub(crate) unsafe fn configure_lookup(database: *const c_char, modules: *const c_char) -> Option<c_int> {
    // SAFETY: the same arguments.
    let result = unsafe { real::__nss_configure_lookup.get()?(database, modules) };
    if result == 0 {
        hook::run(hook::owns_nothing, |_| -> Option<()> {
            // SAFETY: the arguments are the caller's, according to libc's contract, and libc has just accepted them.
            unsafe { note(database, modules) };
            None // errno is left as libc has set it.
        });
    }
    Some(result)
}

/// # Safety
/// As for [`configure_lookup`].
unsafe fn note(database: *const c_char, modules: *const c_char) {
    // SAFETY: guaranteed by the caller.
    let database = unsafe { text(database) };
    // SAFETY: guaranteed by the caller.
    let modules = unsafe { text(modules) };
    let choose = match database {
        Some(b"hosts") => Tables::choose_host_modules,
        Some(b"services") => Tables::choose_service_modules,
        _ => return,
    };
    if let Some(modules) = modules.and_then(|modules| nsswitch::parse_services(modules, glibc::minor())) {
        choose(&TABLES, modules);
    }
}
