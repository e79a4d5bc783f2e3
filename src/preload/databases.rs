//! `databases` and `NSS_BYPASS_DATABASES`: what nscd is not asked about in this process.
//!
//! glibc asks nscd about no database whose modules the program itself chose (`__nss_database_custom`). So the modules that
//! nsswitch.conf has are chosen once more. With it the process no longer reads nsswitch.conf again when that changes.

use std::ffi::CString;

use nss_bypass_core::rules::databases::Database;
use nss_bypass_core::rules::trust::CONFIGURATION;
use nss_bypass_core::{settings, tables};

use crate::state::{self, STARTED_WITH};
use crate::{hook, real};

/// Sees to it that nscd is not asked about the databases that are named. Called when the library is loaded: before the
/// program could ask. Next to nothing is done where there is no such line and no variable.
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

/// The same by all that the settings say, which are read for it.
#[cold]
#[inline(never)]
pub(crate) fn configure_all() {
    // A panic must not reach the dynamic linker. No lookup and no cancellation can come about in here.
    hook::caught(|_| {
        state::settings().databases().into_iter().for_each(configure_one);
        Some(())
    });
}

fn configure_one(database: Database) {
    let Some(real) = real::__nss_configure_lookup.get() else { return };
    // A choice also ends the reading of nsswitch.conf. Where glibc could use nothing of it, it would then have no modules for
    // any other database, and stops the program over that (`__nss_group_lookup2`, glibc 2.36).
    let Some(modules) = tables::modules_of(database.name()) else { return };
    let Ok(modules) = CString::new(modules) else { return };
    // SAFETY: two C strings, which libc copies or reads at once.
    unsafe { real(database.name().as_ptr(), modules.as_ptr()) };
}
