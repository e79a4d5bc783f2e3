//! What the program itself chose with `__nss_configure_lookup` (nss.h): as getent's `-s` does.

use libc::c_char;
use nss_bypass_core::files::nsswitch;
use nss_bypass_core::tables::Tables;

use crate::input;
use crate::state::TABLES;

/// Takes note of a choice that libc has accepted.
///
/// # Safety
/// Both are C strings, as libc's contract asks.
pub(crate) unsafe fn note(database: *const c_char, modules: *const c_char) {
    nss_bypass_core::sys::fault::point();
    // SAFETY: the caller's promise.
    let database = unsafe { input::text(database) };
    // SAFETY: the caller's promise.
    let modules = unsafe { input::text(modules) };
    let choose = match database {
        Some(b"hosts") => Tables::choose_host_modules,
        Some(b"services") => Tables::choose_service_modules,
        _ => return,
    };
    if let Some(modules) = modules.and_then(nsswitch::parse_services) {
        choose(&TABLES, modules);
    }
}
