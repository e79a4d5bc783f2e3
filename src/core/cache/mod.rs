//! What is kept from one lookup to the next where the configuration says `cache`: answers of DNS for their time to live
//! and, for a second, what the kernel said of the ways to their addresses. /etc/hosts comes before it as ever.
//!
//! Nothing is ever flushed; what no longer counts is not found. The key of an answer has all that it depends on: the rule,
//! which belongs to one state of the configuration as the cache itself does, the state of resolv.conf, the network
//! namespace, and the name with its letters' case, which is in the answer too.

mod store;

use std::hash::Hasher;
use std::net::IpAddr;
use std::time::Duration;

use self::store::Store;
use crate::dns::{Ask, Outcome};
use crate::hash::Folded;
use crate::model::{Address, Answer, Family};
use crate::network::Interfaces;
use crate::rules::rule::{Answering, CacheSize};
use crate::sys::{clock, memory, namespace};

/// For how long the ways to addresses are taken to stay the same.
const WAYS_STAY: Duration = Duration::from_secs(1);

/// Addresses of several answers, whose ways are known at once.
const SOURCES: usize = 256;

/// The largest answer that is kept, in bytes of names and addresses. Some servers say what they like, and their answers of
/// 64 KiB, of which aliases without end can be made, are not to fill the memory of a process.
const LARGEST_ANSWER: usize = 4 << 10;

/// A new entry is made where there is at least so much memory.
const SOME_MEMORY: usize = 64 << 10;

/// The cache of one state of the configuration.
pub struct Cache {
    answers: Store<Key, Outcome>,
    sources: Store<(u64, Address), Option<IpAddr>>,
    interfaces: Store<u64, Interfaces>,
    max_ttl: u32,
}

/// The cache as one lookup sees it: at its moment, from its thread's network namespace.
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

/// A question to DNS, with what else its answer depends on.
pub(crate) struct KeyRef<'a> {
    kind: u8,
    name: &'a [u8],
    /// Where the rule's part lies, which is the rule's for as long as the cache lives.
    answering: &'a Answering,
    resolution: u64,
    hash: u64,
}

impl<'a> KeyRef<'a> {
    fn new(ask: &Ask<'a>, bytes: &'a mut [u8; 16], answering: &'a Answering, resolution: u64, network: u64) -> Self {
        let (kind, name) = match *ask {
            Ask::One { name, family, checked } => {
                (u8::from(family == Family::Inet6) << 1 | u8::from(checked), name.as_bytes())
            }
            Ask::Both(name) => (4, name.as_bytes()),
            Ask::NameOf(address) => {
                let octets = match address {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                    IpAddr::V6(v6) => v6.octets(),
                };
                *bytes = octets;
                (if address.is_ipv4() { 5 } else { 6 }, &bytes[..])
            }
        };
        let mut hasher = Folded::default();
        hasher.write(name);
        hasher.write_u8(kind);
        // All of the key: what is like it in this takes the place of the older.
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

/// Bytes of the names and addresses of an outcome.
fn size(outcome: &Outcome) -> usize {
    let of = |answer: &Answer| {
        let aliases: usize = answer.aliases.iter().map(|alias| size_of_val(alias) + alias.len()).sum();
        answer.canonical.len() + aliases + size_of_val(answer.addresses.as_slice())
    };
    outcome.result.as_ref().map_or(0, of)
}

impl Cache {
    /// An empty cache; none where there is no memory for it.
    pub fn new(size: CacheSize) -> Option<Self> {
        Some(Self {
            answers: Store::new(size.entries)?,
            sources: Store::new(SOURCES)?,
            interfaces: Store::new(1)?,
            max_ttl: size.max_ttl,
        })
    }

    /// What the calling thread may find there now. None where nobody can tell which network namespace it is in.
    pub fn view(&self) -> Option<View<'_>> {
        Some(View { cache: self, network: namespace::network()?, now: clock::since_boot() })
    }
}

impl View<'_> {
    /// A question of this lookup. `bytes` is room for an address. `resolution` is the number of resolv.conf's state.
    pub(crate) fn question<'q>(
        &self,
        ask: &Ask<'q>,
        bytes: &'q mut [u8; 16],
        answering: &'q Answering,
        resolution: u64,
    ) -> KeyRef<'q> {
        KeyRef::new(ask, bytes, answering, resolution, self.network)
    }

    pub(crate) fn answer(&self, question: &KeyRef<'_>) -> Option<Outcome> {
        // Not since the lookup began: another question of it may have taken its time.
        let now = clock::since_boot();
        let entry = self.cache.answers.get(question.hash, |key| question.is(key, self.network), now)?;
        Some(entry.value.clone())
    }

    /// Keeps an answer for as long as its servers and the configuration allow.
    pub(crate) fn keep_answer(&self, question: &KeyRef<'_>, outcome: &Outcome) {
        crate::sys::fault::point();
        let most = question.answering.max_ttl.unwrap_or(self.cache.max_ttl);
        let seconds = outcome.lifetime.unwrap_or(0).min(most);
        // Not since the lookup began either: since the answer came, and somewhat less exactly.
        let now = clock::since_boot();
        if seconds == 0 || size(outcome) > LARGEST_ANSWER || !memory::can_have(SOME_MEMORY) {
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
        let mut hasher = Folded::default();
        match address.ip {
            IpAddr::V4(v4) => hasher.write(&v4.octets()),
            IpAddr::V6(v6) => hasher.write(&v6.octets()),
        }
        hasher.write_u64(self.network);
        hasher.finish()
    }

    /// The source address on the way to this one, asked of `ask` where it is not known; none: there is no way. `ask` also says
    /// whether it could ask, and where not, for want of a descriptor, nothing is kept.
    pub(crate) fn source(&self, to: Address, ask: impl FnOnce() -> (Option<IpAddr>, bool)) -> Option<IpAddr> {
        let hash = self.hash_of(to);
        let key = (self.network, to);
        if let Some(known) = self.cache.sources.get(hash, |other| *other == key, self.now) {
            return known.value;
        }
        let (source, is_known) = ask();
        if is_known && memory::can_have(SOME_MEMORY) {
            self.cache.sources.put(hash, key, source, self.now.saturating_add(WAYS_STAY), self.now);
        }
        source
    }

    /// The interfaces of the network namespace, asked of `ask` where they are not known.
    pub(crate) fn interfaces(&self, ask: impl FnOnce() -> Interfaces) -> Interfaces {
        if let Some(known) = self.cache.interfaces.get(self.network, |network| *network == self.network, self.now) {
            return known.value.clone();
        }
        let interfaces = ask();
        if interfaces.is_known && memory::can_have(SOME_MEMORY) {
            let until = self.now.saturating_add(WAYS_STAY);
            self.cache.interfaces.put(self.network, self.network, interfaces.clone(), until, self.now);
        }
        interfaces
    }
}
