//! What one lookup goes by.

use crate::cache::View;
use crate::model::Name;
use crate::rules::rule::Answering;
use crate::sys::Errno;
use crate::tables::{HostModules, Looks, Tables};

/// The system's files, the rule, and the cache.
pub(super) struct Context<'a> {
    pub(super) tables: &'a Tables,
    pub(super) answering: &'a Answering,
    /// The only name that the rule is about, if it is just one.
    pub(super) exact_name: Option<&'a [u8]>,
    /// None: nothing is cached.
    pub(super) cache: Option<View<'a>>,
    /// How often the system's files are looked at.
    pub(super) looks: Looks,
}

impl Context<'_> {
    /// Whether the rule itself says the addresses.
    pub(super) fn has_addresses(&self) -> bool {
        !self.answering.addresses.is_empty()
    }

    /// The rule's addresses as hosts(5) has them, for a name that it is about. None: it has none.
    pub(super) fn lines(&self, asked: Option<Name<'_>>) -> Option<Vec<u8>> {
        let name = self.exact_name.or(asked.map(Name::without_root_dot)).filter(|_| self.has_addresses())?;
        let mut lines = Vec::new();
        for address in &self.answering.addresses {
            lines.extend_from_slice(address.to_string().as_bytes());
            lines.push(b' ');
            lines.extend_from_slice(name);
            lines.push(b'\n');
        }
        Some(lines)
    }

    /// The modules to ask, in order. A rule that names servers has them asked, whether nsswitch.conf wants DNS or not.
    pub(super) fn host_modules(&self) -> Result<HostModules, Errno> {
        if self.has_addresses() {
            return Ok(HostModules::files());
        }
        let modules = self.tables.host_modules(self.looks)?;
        Ok(if self.answering.via.is_empty() { modules } else { modules.with_dns() })
    }
}
