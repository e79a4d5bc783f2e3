//! The parameters of a lookup.

use std::net::SocketAddr;
use std::time::Duration;

use crate::files::resolv_conf::{Options, SortEntry};

/// The settings of resolv.conf, with the changes of a rule.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    /// The name servers, in order.
    pub servers: &'a [SocketAddr],
    /// The search list.
    pub search: &'a [Box<[u8]>],
    /// A name with at least this many dots is queried as it is before the search list is applied.
    pub ndots: u32,
    /// The timeout for a response in seconds; as in glibc, 0 is treated as 1.
    pub timeout: u32,
    /// How often all name servers are queried; 0 means that they are not.
    pub attempts: u32,
    /// The options without a value.
    pub options: Options,
    /// The IPv4 networks whose addresses are sorted to the front.
    pub sortlist: &'a [SortEntry],
    /// Whether the lifetime of the result is needed.
    pub wants_lifetime: bool,
    /// Work to do while waiting for a response. It must leave errno unchanged.
    pub meanwhile: &'a dyn Fn(),
}

impl Parameters<'_> {
    /// Returns how long to wait for the server with this index: longer for a later one, divided by the number of
    /// servers (glibc, resolv/res_send.c).
    pub(super) fn wait(&self, index: usize) -> Duration {
        // glibc has at most three servers. A rule may have more, for which the time is not doubled any further.
        let doubled = u64::from(self.timeout) << index.min(2);
        let seconds = if index > 0 { doubled / self.servers.len().max(1) as u64 } else { doubled };
        Duration::from_secs(seconds.max(1))
    }
}
