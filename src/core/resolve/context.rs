//! The context of one lookup.

use crate::cache::View;
use crate::model::Name;
use crate::rules::rule::Answering;
use crate::sys::Errno;
use crate::tables::{HostModules, Recheck, Tables};

/// The system's files, the rule, and the cache.
pub(super) struct Context<'a> {
    pub(super) tables: &'a Tables,
    pub(super) answering: &'a Answering,
    /// The name of the rule, if its pattern is an exact name.
    pub(super) exact_name: Option<&'a [u8]>,
    /// `None` if nothing is cached.
    pub(super) cache: Option<View<'a>>,
    /// How often the status of the system's files is checked.
    pub(super) recheck: Recheck,
}

impl Context<'_> {
    /// Returns whether the rule gives the addresses.
    pub(super) fn has_addresses(&self) -> bool {
        !self.answering.addresses.is_empty()
    }

    /// Returns the addresses of the rule as lines of hosts(5), for its own name or, with wildcards, for this name.
    /// Returns `None` if the rule gives no addresses.
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

    /// Returns the modules to ask, in order. If the rule has name servers, `dns` is one of them, even if nsswitch.conf
    /// does not list it.
    pub(super) fn host_modules(&self) -> Result<HostModules, Errno> {
        if self.has_addresses() {
            return Ok(HostModules::files());
        }
        let modules = self.tables.host_modules(self.recheck)?;
        Ok(if self.answering.via.is_empty() { modules } else { modules.with_dns() })
    }
}
