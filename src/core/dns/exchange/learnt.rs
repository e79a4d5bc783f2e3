//! What servers have been found to need: one query at a time, or another source port for the second one.
//!
//! Some servers and firewalls drop one of two queries that are sent at once. A lookup finds that out by waiting for a
//! timeout, after which glibc's thread sends one query at a time for the rest of its life. Here, the mode is remembered
//! for some minutes, for this server in this network namespace. It determines only how queries are sent, and does not
//! change results.
//!
//! A slot is a single word, so no thread or forked child can see one that is half written.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::datagrams::Mode;
use crate::hash::FoldedHasher;
use crate::sys::{clock, namespace};

/// How long a mode is remembered, in seconds.
const SECONDS: u64 = 300;

/// The number of slots. A server that is added replaces the one in its slot.
const SLOTS: usize = 16;

/// The layout of a slot: a part of the server's hash, the end of its validity in seconds, and the mode.
const MODE_BITS: u32 = 1;
const UNTIL_BITS: u32 = 32;

static LEARNT: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];

/// Whether a slot has ever been written. In most processes none has, and nothing else has to be checked.
static ANY: AtomicBool = AtomicBool::new(false);

/// Returns the mode for a server; `None` if none is remembered.
pub(super) fn mode(server: &SocketAddr) -> Option<Mode> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    let (slot, key) = place(server);
    let word = slot.load(Ordering::Relaxed);
    let until = word >> MODE_BITS & ((1 << UNTIL_BITS) - 1);
    let counts = word >> (MODE_BITS + UNTIL_BITS) == key && now() < until;
    counts.then_some(Mode { one_by_one: true, reopen: word & 1 != 0, learnt: true })
}

/// Remembers the mode that a server needs.
pub(super) fn remember(server: &SocketAddr, mode: Mode) {
    let (slot, key) = place(server);
    let until = (now() + SECONDS) & ((1 << UNTIL_BITS) - 1);
    slot.swap(key << (MODE_BITS + UNTIL_BITS) | until << MODE_BITS | u64::from(mode.reopen), Ordering::Relaxed);
    ANY.swap(true, Ordering::Relaxed);
}

fn now() -> u64 {
    clock::since_boot().as_secs()
}

/// Returns the slot of a server, and the part of its hash that is stored there.
fn place(server: &SocketAddr) -> (&'static AtomicU64, u64) {
    let mut hasher = FoldedHasher::default();
    match server.ip() {
        IpAddr::V4(v4) => hasher.write(&v4.octets()),
        IpAddr::V6(v6) => hasher.write(&v6.octets()),
    }
    let scope = if let SocketAddr::V6(v6) = server { v6.scope_id() } else { 0 };
    hasher.write_u64(u64::from(scope) << 16 | u64::from(server.port()));
    // Without proc(5), all network namespaces are treated as one.
    hasher.write_u64(namespace::network().unwrap_or(0));
    let hash = hasher.finish();
    let [first, ..] = &LEARNT;
    (LEARNT.get(hash as usize % SLOTS).unwrap_or(first), hash >> (MODE_BITS + UNTIL_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learnt_of_a_server_is_that_servers() {
        let server = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(mode(&server("192.0.2.1:53")), None);
        let reopen = Mode { one_by_one: true, reopen: true, learnt: false };
        remember(&server("192.0.2.1:53"), reopen);
        assert_eq!(mode(&server("192.0.2.1:53")), Some(Mode { learnt: true, ..reopen }));
        remember(&server("192.0.2.1:53"), Mode { reopen: false, ..reopen });
        assert_eq!(mode(&server("192.0.2.1:53")).map(|mode| mode.reopen), Some(false));
        for other in ["192.0.2.1:54", "192.0.2.2:53", "[fe80::1%1]:53", "[fe80::1%2]:53"] {
            assert_eq!(mode(&server(other)), None, "{other}");
        }
    }
}
