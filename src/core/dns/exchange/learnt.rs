//! What servers have shown to need: one question at a time, or another source port for the second.
//!
//! Some servers and firewalls lose one of two questions that are sent at once. A lookup that finds that out has waited for
//! it, and glibc's thread then asks one question at a time for ever. Here it is remembered for some minutes, for this server
//! as this network namespace reaches it, and for how questions are sent only: no answer changes by it.
//!
//! A slot is one word, so that no thread and no fork ever sees half of one.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::datagrams::Mode;
use crate::hash::Folded;
use crate::sys::{clock, namespace};

/// For how long it is remembered, in seconds.
const SECONDS: u64 = 300;

/// Servers that are remembered. One more takes the place of another.
const SLOTS: usize = 16;

/// A slot: the hash of a server, the second until which it counts, and how questions go out.
const MODE_BITS: u32 = 1;
const UNTIL_BITS: u32 = 32;

static LEARNT: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];

/// Whether anything was ever learnt: in most processes nothing is, and nothing more is looked at.
static ANY: AtomicBool = AtomicBool::new(false);

/// How a server is to be asked; none where nothing is known of it.
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

/// Remembers how a server had to be asked.
pub(super) fn remember(server: &SocketAddr, mode: Mode) {
    let (slot, key) = place(server);
    let until = (now() + SECONDS) & ((1 << UNTIL_BITS) - 1);
    slot.swap(key << (MODE_BITS + UNTIL_BITS) | until << MODE_BITS | u64::from(mode.reopen), Ordering::Relaxed);
    ANY.swap(true, Ordering::Relaxed);
}

fn now() -> u64 {
    clock::since_boot().as_secs()
}

/// The slot of a server, and what of its hash stands there.
fn place(server: &SocketAddr) -> (&'static AtomicU64, u64) {
    let mut hasher = Folded::default();
    match server.ip() {
        IpAddr::V4(v4) => hasher.write(&v4.octets()),
        IpAddr::V6(v6) => hasher.write(&v6.octets()),
    }
    let scope = if let SocketAddr::V6(v6) = server { v6.scope_id() } else { 0 };
    hasher.write_u64(u64::from(scope) << 16 | u64::from(server.port()));
    // Without proc(5), all namespaces are one.
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
