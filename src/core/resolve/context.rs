//! What one lookup goes by.

use crate::cache::View;
use crate::rules::rule::Answering;
use crate::sys::Errno;
use crate::tables::{HostModules, Tables};

/// The system's files, the rule, and the cache.
pub(super) struct Context<'a> {
    pub(super) tables: &'a Tables,
    pub(super) answering: &'a Answering,
    /// None: nothing is cached.
    pub(super) cache: Option<View<'a>>,
}

impl Context<'_> {
    /// The modules to ask, in order. A rule that names servers has them asked, whether nsswitch.conf wants DNS or not.
    pub(super) fn host_modules(&self) -> Result<HostModules, Errno> {
        let modules = self.tables.host_modules()?;
        Ok(if self.answering.via.is_empty() { modules } else { modules.with_dns() })
    }
}
