//! A table of values that expire: of bounded size, without locks, and usable after a fork at any moment.
//!
//! The hash of a key selects four slots for its entry. If all of them are used, the entry that expires first is
//! replaced. Each slot is a [`Snapshot`], so no thread waits for another; if the slot is being written by another
//! thread, the new value is discarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use once_cell::race::OnceBox;

use crate::sys::memory;
use crate::sys::snapshot::Snapshot;

/// The number of slots for a key.
const WAYS: usize = 4;

/// The table.
pub(crate) struct Store<K, V> {
    /// Each set is allocated when it is first used, so that a large table that is hardly used takes little memory.
    sets: Vec<OnceBox<Set<K, V>>>,
    ways: usize,
}

type Set<K, V> = [Slot<K, V>; WAYS];

struct Slot<K, V> {
    /// The hash of the key and the time of expiry in milliseconds. These are hints with which other entries can be
    /// skipped; the entry itself is authoritative.
    tag: AtomicU64,
    until: AtomicU64,
    entry: Snapshot<Entry<K, V>>,
}

impl<K, V> Slot<K, V> {
    fn is_tagged(&self, hash: u64) -> bool {
        self.tag.load(Relaxed) == hash && self.until.load(Relaxed) != 0
    }
}

/// A value with its key and the time during which it is valid. The beginning is checked too: if the clock goes back,
/// because the process was migrated to another machine or is in another time namespace, old values would be valid for
/// an unknown time.
pub(crate) struct Entry<K, V> {
    key: K,
    since: Duration,
    until: Duration,
    pub(crate) value: V,
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl<K, V> Store<K, V> {
    /// Creates a table for this number of entries. Returns `None` if there is not enough memory.
    pub(crate) fn new(entries: usize) -> Option<Self> {
        let ways = entries.clamp(1, WAYS);
        let count = (entries / ways).max(1);
        // The emergency reserve is not used for this either, since the memory would not be returned to it.
        if !memory::can_have(count.saturating_mul(size_of::<OnceBox<Set<K, V>>>())) {
            return None;
        }
        let mut sets = Vec::new();
        sets.try_reserve_exact(count).ok()?;
        sets.resize_with(count, OnceBox::new);
        Some(Self { sets, ways })
    }

    fn set(&self, hash: u64) -> Option<&OnceBox<Set<K, V>>> {
        self.sets.get(usize::try_from(hash % self.sets.len().max(1) as u64).ok()?)
    }

    /// Returns the entry whose key satisfies `is_it`, if there is one that has not expired.
    pub(crate) fn get(&self, hash: u64, is_it: impl Fn(&K) -> bool, now: Duration) -> Option<Arc<Entry<K, V>>> {
        let set = self.set(hash)?.get()?;
        let entries = set.iter().filter(|slot| slot.is_tagged(hash)).filter_map(|slot| slot.entry.read());
        entries.into_iter().find(|entry| entry.since <= now && now < entry.until && is_it(&entry.key))
    }

    /// Stores a value that is valid from now on.
    pub(crate) fn put(&self, hash: u64, key: K, value: V, until: Duration, now: Duration) {
        let Some(set) = self.set(hash) else { return };
        let set = set.get_or_init(|| {
            Box::new(std::array::from_fn(|_| Slot {
                tag: AtomicU64::new(0),
                until: AtomicU64::new(0),
                entry: Snapshot::new(),
            }))
        });
        let rank = |slot: &&Slot<K, V>| {
            // The slot of the same key is preferred, so that no older value of the key remains in another slot.
            (!slot.is_tagged(hash), slot.until.load(Relaxed).saturating_sub(milliseconds(now)))
        };
        let Some(slot) = set.iter().take(self.ways).min_by_key(rank) else { return };
        if slot.entry.replace(Entry { key, since: now, until, value }).is_ok() {
            slot.tag.store(hash, Relaxed);
            slot.until.store(milliseconds(until), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::time::Duration;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7
    }

    fn get(store: &Store<u64, u64>, key: u64, now: Duration) -> Option<u64> {
        store.get(hash(key), |&other| other == key, now).map(|entry| entry.value)
    }

    /// The table never returns a value that has expired, was replaced or belongs to another key: compared with an
    /// unbounded map.
    #[test]
    fn it_says_what_a_map_with_a_clock_says_or_nothing() {
        for entries in [1, 2, 3, 7, 64, 1000] {
            let store = Store::new(entries).unwrap();
            let mut naive: HashMap<u64, (u64, Duration)> = HashMap::new();
            let (mut now, mut state, mut hits) = (seconds(1), entries as u64 | 1, 0);
            for step in 0..20_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (key, choice) = (state >> 33 & 127, state >> 60);
                if choice < 4 {
                    let until = now + Duration::from_millis(state >> 40 & 4095);
                    store.put(hash(key), key, step, until, now);
                    naive.insert(key, (step, until));
                } else if choice < 5 {
                    now += Duration::from_millis(state >> 45 & 255);
                } else if let Some(found) = get(&store, key, now) {
                    assert_eq!(naive.get(&key).filter(|(_, until)| now < *until).map(|(value, _)| *value), Some(found));
                    hits += 1;
                }
            }
            assert!(hits > 0, "{entries}");
        }
    }

    #[test]
    fn what_has_room_stays_until_its_time() {
        let store = Store::new(4096).unwrap();
        for key in 0..64 {
            store.put(hash(key), key, key, seconds(100 + key), seconds(1));
        }
        for key in 0..64 {
            assert_eq!(get(&store, key, seconds(99)), Some(key));
            assert_eq!(get(&store, key, seconds(100 + key)), None);
        }
    }

    #[test]
    fn what_is_good_for_the_shortest_time_makes_room() {
        let store = Store::new(4).unwrap();
        for key in 0..4 {
            store.put(hash(key), key, key, seconds(10 + key), seconds(1));
        }
        store.put(hash(9), 9, 9, seconds(20), seconds(1));
        assert_eq!(
            (0..4).map(|key| get(&store, key, seconds(2))).collect::<Vec<_>>(),
            [None, Some(1), Some(2), Some(3)]
        );
        assert_eq!(get(&store, 9, seconds(2)), Some(9));
    }

    #[test]
    fn a_clock_that_goes_back_makes_nothing_good_for_longer() {
        let store = Store::new(4).unwrap();
        store.put(hash(1), 1, 1, seconds(1010), seconds(1000));
        assert_eq!(get(&store, 1, seconds(1000)), Some(1));
        assert_eq!(get(&store, 1, seconds(999)), None);
        assert_eq!(get(&store, 1, seconds(3)), None);
        store.put(hash(1), 1, 2, seconds(13), seconds(3));
        assert_eq!(get(&store, 1, seconds(4)), Some(2));
    }

    #[test]
    fn threads_that_write_and_read_see_whole_entries() {
        let store = Store::new(8).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let store = &store;
                scope.spawn(move || {
                    for step in 0..20_000_u64 {
                        let key = (step ^ thread) & 15;
                        store.put(hash(key), key, key * 1000, seconds(10), seconds(1));
                        assert!(get(store, key, seconds(2)).is_none_or(|value| value == key * 1000));
                    }
                });
            }
        });
    }
}
