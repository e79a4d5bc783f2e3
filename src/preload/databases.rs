//! `databases` and `NSS_BYPASS_DATABASES`: the databases about which nscd is not asked in this process.
//!
//! glibc does not ask nscd about a database whose modules the program itself has selected (`__nss_database_custom`).
//! Therefore, the modules of nsswitch.conf are selected explicitly. As a side effect, the process does not read
//! nsswitch.conf again when it changes.

use std::ffi::CString;

use nss_bypass_core::rules::databases::Database;
use nss_bypass_core::rules::trust::CONFIGURATION;
use nss_bypass_core::{settings, tables};

use crate::state::{self, STARTED_WITH};
use crate::{hook, real};

/// Ensures that nscd is not asked about the configured databases. It is called when the library is loaded, before the
/// program can make a lookup, and does next to nothing if there is neither such a line nor such a variable.
#[inline(always)]
pub(crate) fn configure() {
    let given = |name| STARTED_WITH.get(name);
    if given(c"NSS_BYPASS_DISABLE").is_some_and(|value| settings::is_switched_on(value.to_bytes())) {
        return;
    }
    let path = given(c"NSS_BYPASS_CONF").unwrap_or(CONFIGURATION);
    if settings::may_name_databases(path) || given(c"NSS_BYPASS_DATABASES").is_some() {
        configure_all();
    }
}

/// The same after reading all settings.
#[cold]
#[inline(never)]
pub(crate) fn configure_all() {
    // A panic must not reach the dynamic linker. No lookup is made and no cancellation point is reached here.
    hook::caught(|_| {
        state::settings().databases().into_iter().for_each(configure_one);
        Some(())
    });
}

fn configure_one(database: Database) {
    let Some(real) = real::__nss_configure_lookup.get() else { return };
    // A selection also makes glibc stop reading nsswitch.conf. If glibc could not use that file, it would then have no
    // modules for any other database, and abort the program because of that (`__nss_group_lookup2`, glibc 2.36).
    let Some(modules) = tables::modules_of(database.name()) else { return };
    let Ok(modules) = CString::new(modules) else { return };
    // SAFETY: two C strings, which libc copies or reads during the call.
    unsafe { real(database.name().as_ptr(), modules.as_ptr()) };
}
