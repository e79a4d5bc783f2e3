//! What is retained from one lookup to the next if the configuration has `cache`: answers of DNS for their time to live
//! and, for a second, the kernel's routes to their addresses. /etc/hosts takes precedence, as it does without a cache.
//!
//! The cache is never flushed; an entry that is no longer valid is not found. The key of an entry contains everything
//! that the answer depends on: the rule, which belongs to one state of the configuration, like the cache itself; the
//! state of resolv.conf; the network namespace; and the name with the case of its letters, which is also part of the
//! answer.

mod store;

use std::hash::Hasher;
use std::net::IpAddr;
use std::time::Duration;

use self::store::Store;
use crate::dns::{DnsLookup, Outcome};
use crate::hash::FoldedHasher;
use crate::model::{Address, Answer, Family};
use crate::network::Interfaces;
use crate::rules::rule::{Answering, CacheSize};
use crate::sys::{clock, memory, namespace};

/// How long routes and interfaces are retained.
const ROUTE_LIFETIME: Duration = Duration::from_secs(1);

/// The maximum number of addresses whose routes are retained.
const SOURCES: usize = 256;

/// The maximum size of an answer in bytes of names and addresses. A server can send a response of 64 KiB, which aliases
/// can make even larger in memory, and must not be able to fill the memory of a process.
const MAX_ANSWER: usize = 4 << 10;

/// The available memory in bytes without which no entry is added.
const MIN_FREE_MEMORY: usize = 64 << 10;

/// The cache of one state of the configuration.
pub struct Cache {
    answers: Store<Key, Outcome>,
    sources: Store<(u64, Address), Option<IpAddr>>,
    interfaces: Store<u64, Interfaces>,
    max_ttl: u32,
}

/// The cache as one lookup sees it: at the time of the lookup, and in the network namespace of its thread.
pub struct View<'a> {
    cache: &'a Cache,
    network: u64,
    now: Duration,
}

struct Key {
    kind: u8,
    name: Box<[u8]>,
    answering: usize,
    resolution: u64,
    network: u64,
}

/// A query to DNS, with everything else that its answer depends on.
pub(crate) struct KeyRef<'a> {
    kind: u8,
    name: &'a [u8],
    /// The rule is identified by the address of this part, which does not change during the lifetime of the cache.
    answering: &'a Answering,
    resolution: u64,
    hash: u64,
}

impl<'a> KeyRef<'a> {
    fn new(
        ask: &DnsLookup<'a>,
        bytes: &'a mut [u8; 16],
        answering: &'a Answering,
        resolution: u64,
        network: u64,
    ) -> Self {
        let (kind, name) = match *ask {
            DnsLookup::One { name, family, checked } => {
                (u8::from(family == Family::Inet6) << 1 | u8::from(checked), name.as_bytes())
            }
            DnsLookup::Both(name) => (4, name.as_bytes()),
            DnsLookup::NameOf(address) => {
                let octets = match address {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                    IpAddr::V6(v6) => v6.octets(),
                };
                *bytes = octets;
                (if address.is_ipv4() { 5 } else { 6 }, &bytes[..])
            }
        };
        let mut hasher = FoldedHasher::default();
        hasher.write(name);
        hasher.write_u8(kind);
        // The hash covers the whole key: an entry with the same hash is replaced.
        for number in [resolution, network, std::ptr::from_ref(answering).addr() as u64] {
            hasher.write_u64(number);
        }
        Self { kind, name, answering, resolution, hash: hasher.finish() }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self.answering).addr()
    }

    fn is(&self, key: &Key, network: u64) -> bool {
        key.kind == self.kind
            && *key.name == *self.name
            && (key.answering, key.resolution, key.network) == (self.address(), self.resolution, network)
    }
}

/// Returns the size of an outcome in bytes of names and addresses.
fn size(outcome: &Outcome) -> usize {
    let of = |answer: &Answer| {
        let aliases: usize = answer.aliases.iter().map(|alias| size_of_val(alias) + alias.len()).sum();
        answer.canonical.len() + aliases + size_of_val(answer.addresses.as_slice())
    };
    outcome.result.as_ref().map_or(0, of)
}

impl Cache {
    /// Creates an empty cache. Returns `None` if there is not enough memory.
    pub fn new(size: CacheSize) -> Option<Self> {
        Some(Self {
            answers: Store::new(size.entries)?,
            sources: Store::new(SOURCES)?,
            interfaces: Store::new(1)?,
            max_ttl: size.max_ttl,
        })
    }

    /// Returns the cache for a lookup of the calling thread. Returns `None` if its network namespace cannot be
    /// determined.
    pub fn view(&self) -> Option<View<'_>> {
        Some(View { cache: self, network: namespace::network()?, now: clock::since_boot() })
    }
}

impl View<'_> {
    /// Creates the key of a query. `bytes` is storage for an address. `resolution` is the number of the state of
    /// resolv.conf.
    pub(crate) fn question<'q>(
        &self,
        ask: &DnsLookup<'q>,
        bytes: &'q mut [u8; 16],
        answering: &'q Answering,
        resolution: u64,
    ) -> KeyRef<'q> {
        KeyRef::new(ask, bytes, answering, resolution, self.network)
    }

    pub(crate) fn answer(&self, question: &KeyRef<'_>) -> Option<Outcome> {
        // Not the time of the view, since another query of the same lookup may have taken long.
        let now = clock::since_boot();
        let entry = self.cache.answers.get(question.hash, |key| question.is(key, self.network), now)?;
        Some(entry.value.clone())
    }

    /// Stores an answer for as long as its time to live and the configuration permit.
    pub(crate) fn keep_answer(&self, question: &KeyRef<'_>, outcome: &Outcome) {
        crate::sys::fault::point();
        let most = question.answering.max_ttl.unwrap_or(self.cache.max_ttl);
        let seconds = outcome.lifetime.unwrap_or(0).min(most);
        // Not the time of the view either: the lifetime begins approximately when the response arrived.
        let now = clock::since_boot();
        if seconds == 0 || size(outcome) > MAX_ANSWER || !memory::can_have(MIN_FREE_MEMORY) {
            return;
        }
        let key = Key {
            kind: question.kind,
            name: question.name.into(),
            answering: question.address(),
            resolution: question.resolution,
            network: self.network,
        };
        let until = now.saturating_add(Duration::from_secs(seconds.into()));
        self.cache.answers.put(question.hash, key, outcome.clone(), until, now);
    }

    fn hash_of(&self, address: Address) -> u64 {
        let mut hasher = FoldedHasher::default();
        match address.ip {
            IpAddr::V4(v4) => hasher.write(&v4.octets()),
            IpAddr::V6(v6) => hasher.write(&v6.octets()),
        }
        hasher.write_u64(self.network);
        hasher.finish()
    }

    /// Returns the source address for a destination, which `ask` determines if it is not cached; `None` if there is no
    /// route. `ask` also returns whether it could ask the kernel. If it could not, because no file descriptor was
    /// available, nothing is cached.
    pub(crate) fn source(&self, to: Address, ask: impl FnOnce() -> (Option<IpAddr>, bool)) -> Option<IpAddr> {
        let hash = self.hash_of(to);
        let key = (self.network, to);
        if let Some(known) = self.cache.sources.get(hash, |other| *other == key, self.now) {
            return known.value;
        }
        let (source, is_known) = ask();
        if is_known && memory::can_have(MIN_FREE_MEMORY) {
            self.cache.sources.put(hash, key, source, self.now.saturating_add(ROUTE_LIFETIME), self.now);
        }
        source
    }

    /// Returns the interfaces of the network namespace, which `ask` determines if they are not cached.
    pub(crate) fn interfaces(&self, ask: impl FnOnce() -> Interfaces) -> Interfaces {
        if let Some(known) = self.cache.interfaces.get(self.network, |network| *network == self.network, self.now) {
            return known.value.clone();
        }
        let interfaces = ask();
        if interfaces.is_known && memory::can_have(MIN_FREE_MEMORY) {
            let until = self.now.saturating_add(ROUTE_LIFETIME);
            self.cache.interfaces.put(self.network, self.network, interfaces.clone(), until, self.now);
        }
        interfaces
    }
}
