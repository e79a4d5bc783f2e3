//! From a query to a result: the modules `files` and `dns`, in the order of nsswitch.conf. Other modules are skipped.
//!
//! glibc has two ways to ask the modules, from which it derives different return codes, and each has a file here:
//! `hostent` follows `gethostbyname2_r` and `gethostbyaddr_r` (nss/getXXbyYY_r.c), `addrinfo` the lookup in
//! `getaddrinfo` (sysdeps/posix/getaddrinfo.c). Both use `modules`, which implements the modules themselves; `order`
//! sorts the addresses.

mod addrinfo;
mod context;
mod hostent;
mod modules;
mod order;
mod query;
mod resolved;

use self::context::Context;
use crate::cache::Cache;
use crate::model::{Answer, Failure, Miss, Status};
use crate::network::Interfaces;
use crate::rules::rule::Answering;
use crate::sys::clock::Tick;
use crate::tables::{Recheck, Tables};

pub use query::{CallerBuffer, HostKey, Nodes, Query, Selection};
pub use resolved::{HErrno, Resolved};

/// The process does not have enough memory for a lookup.
const NO_MEMORY: Miss = Miss::new(Status::Unavail, Failure::System(libc::ENOMEM)).with_errno(libc::ENOMEM);

/// The resolver for one lookup under one rule.
pub struct Resolver<'a> {
    context: Context<'a>,
    has_memory: bool,
}

impl<'a> Resolver<'a> {
    /// Creates the resolver for a rule with this `answering`, with a cache if its answers are cached.
    pub fn new(tables: &'a Tables, answering: &'a Answering, cache: Option<&'a Cache>) -> Self {
        let cache = cache.and_then(Cache::view);
        let recheck = if cache.is_some() { Recheck::OncePerTick(Tick::now()) } else { Recheck::Always };
        Self { context: Context { tables, answering, exact_name: None, cache, recheck }, has_memory: true }
    }

    /// The same for a rule whose pattern is exactly this name.
    pub fn of_name(self, name: &'a [u8]) -> Self {
        Self { context: Context { exact_name: Some(name), ..self.context }, ..self }
    }

    /// The same for a process without enough memory: every lookup fails with ENOMEM.
    pub fn without_memory(self) -> Self {
        Self { has_memory: false, ..self }
    }

    /// Returns the addresses of this network namespace, for `AI_ADDRCONFIG`.
    pub fn interfaces(&self) -> Interfaces {
        order::known_interfaces(self.context.cache.as_ref())
    }

    /// Resolves a query.
    pub fn resolve(&self, query: Query<'_>) -> Resolved {
        match query {
            Query::Known { addresses, canonical, nodes } => {
                let (addresses, canonical) = (addresses.to_vec(), canonical.to_vec());
                self.sorted(Resolved::new(Ok(Answer { canonical, aliases: Vec::new(), addresses })), nodes)
            }
            _ if !self.has_memory => Resolved::new(Err(NO_MEMORY)),
            Query::Host { key, buffer } => hostent::resolve(&self.context, key, buffer),
            Query::Addresses { name, selection, nodes } => {
                self.sorted(addrinfo::resolve(&self.context, name, selection), nodes)
            }
        }
    }

    /// Determines the order of the nodes.
    fn sorted(&self, mut resolved: Resolved, nodes: &Nodes) -> Resolved {
        let Ok(Answer { addresses, .. }) = &resolved.result else { return resolved };
        resolved.order = if addresses.len() > 1 {
            let (interfaces, cache) = (nodes.interfaces.as_ref(), self.context.cache.as_ref());
            order::sort(addresses, nodes.services, nodes.port, interfaces, cache, &self.context.tables.gai_conf())
        } else {
            (0..addresses.len() * nodes.services).collect()
        };
        resolved
    }
}
