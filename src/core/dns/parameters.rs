//! How to resolve.

use std::net::SocketAddr;
use std::time::Duration;

use crate::files::resolv_conf::{Options, SortEntry};

/// resolv.conf, with what a rule changes about it.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    /// The servers, in order.
    pub servers: &'a [SocketAddr],
    /// The search list.
    pub search: &'a [Box<[u8]>],
    /// A name with this many dots is asked for as it is first.
    pub ndots: u32,
    /// Seconds to wait for a server; glibc takes 0 for 1.
    pub timeout: u32,
    /// How often all servers are asked; 0 is never.
    pub attempts: u32,
    /// The switches.
    pub options: Options,
    /// Which IPv4 networks come first.
    pub sortlist: &'a [SortEntry],
    /// Whether it is to be found out for how long an outcome counts.
    pub wants_lifetime: bool,
    /// What is to be done while an answer is waited for. It leaves errno as it is.
    pub meanwhile: &'a dyn Fn(),
}

impl Parameters<'_> {
    /// How long the server of this index is waited for: longer for a later one, shared among all (res_send.c).
    pub(super) fn wait(&self, index: usize) -> Duration {
        // glibc has three servers; a rule may name more, whose turn must not double for ever.
        let doubled = u64::from(self.timeout) << index.min(2);
        let seconds = if index > 0 { doubled / self.servers.len().max(1) as u64 } else { doubled };
        Duration::from_secs(seconds.max(1))
    }
}
