//! A value that many threads read while one replaces it: without locks, waiting or growth, and usable after a fork at
//! any moment.
//!
//! A reader takes a reference to the value (an `Arc`), and counts itself, in one of two epochs, only while it does so.
//! A writer swaps the value, changes the epoch, and drops the cell's reference to the old value when the old epoch has
//! drained. Until then, which takes a few instructions, another replacement fails, and its caller uses the new value
//! once without storing it. So no thread ever blocks, and a lookup that is left by a longjmp leaks its reference, which
//! is only memory and does not prevent replacements.
//!
//! After a fork: counts and the writer's mark carry the generation of the process (see [`super::fork`]); those of
//! another generation are void, since their threads do not exist. The child never drops a reference that the cell had
//! before the fork, since a reader that was interrupted by the signal handler that forked may be about to take one.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};

use super::fork;

/// The cell.
pub struct Snapshot<T> {
    current: AtomicPtr<Entry<T>>,
    retired: AtomicPtr<Entry<T>>,
    epoch: AtomicUsize,
    readers: [Count; 2],
    /// The generation of the writer at work plus 1; 0 if there is none.
    writer: AtomicU32,
}

struct Entry<T> {
    value: Arc<T>,
    born: u32,
}

/// The readers of one epoch: the generation in the upper half, their number in the lower half.
struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn enter(&self, generation: u32) {
        let fresh = u64::from(generation) << 32;
        let _ = self
            .0
            .fetch_update(SeqCst, SeqCst, |word| Some(if word >> 32 == fresh >> 32 { word + 1 } else { fresh + 1 }));
    }

    fn leave(&self, generation: u32) {
        let _ = self.0.fetch_update(SeqCst, SeqCst, |word| {
            (word >> 32 == u64::from(generation) && word & 0xffff_ffff != 0).then(|| word - 1)
        });
    }

    fn is_drained(&self, generation: u32) -> bool {
        let word = self.0.load(SeqCst);
        word >> 32 != u64::from(generation) || word & 0xffff_ffff == 0
    }
}

/// The mark of the writer, which is removed even if it panics.
struct Writing<'a>(&'a AtomicU32);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.store(0, SeqCst);
    }
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Snapshot<T> {
    /// Creates a cell without a value.
    pub const fn new() -> Self {
        Self {
            current: AtomicPtr::new(ptr::null_mut()),
            retired: AtomicPtr::new(ptr::null_mut()),
            epoch: AtomicUsize::new(0),
            readers: [Count::new(), Count::new()],
            writer: AtomicU32::new(0),
        }
    }

    fn count(&self, epoch: usize) -> &Count {
        let [even, odd] = &self.readers;
        if epoch.is_multiple_of(2) { even } else { odd }
    }

    /// Returns the current value, if there is one.
    pub fn read(&self) -> Option<Arc<T>> {
        let generation = fork::generation();
        loop {
            let epoch = self.epoch.load(SeqCst);
            let count = self.count(epoch);
            count.enter(generation);
            // A writer that has changed the epoch in between may already have found it drained: try again in the new
            // epoch.
            if self.epoch.load(SeqCst) != epoch {
                count.leave(generation);
                continue;
            }
            let entry = self.current.load(SeqCst);
            // SAFETY: `current` is null or a leaked box. It is freed only after the epoch has changed from the one in
            // which this reader is counted, and that one has drained; and this reader leaves it only after it has taken
            // its reference.
            let value = unsafe { entry.as_ref() }.map(|entry| entry.value.clone());
            count.leave(generation);
            return value;
        }
    }

    /// Replaces the value, and returns a reference to it. Returns `value` back if a reader is just taking a reference
    /// to the value before the previous one, or if another thread is replacing the value.
    pub fn replace(&self, value: T) -> Result<Arc<T>, T> {
        super::fault::point();
        let generation = fork::generation();
        let mark = generation.wrapping_add(1).max(1);
        let busy = |held: u32| (held != mark).then_some(mark);
        if self.writer.fetch_update(SeqCst, SeqCst, busy).is_err() {
            return Err(value);
        }
        let _writing = Writing(&self.writer);
        self.replace_alone(value, generation)
    }

    fn replace_alone(&self, value: T, generation: u32) -> Result<Arc<T>, T> {
        if !self.reclaim(generation) {
            return Err(value);
        }
        let value = Arc::new(value);
        super::fault::point();
        let entry = Box::into_raw(Box::new(Entry { value: value.clone(), born: generation }));
        let old = self.current.swap(entry, SeqCst);
        self.retired.store(old, SeqCst);
        self.epoch.fetch_add(1, SeqCst);
        self.reclaim(generation);
        Ok(value)
    }

    /// Drops the retired value if no reader can be taking a reference to it. Only the writer calls this.
    fn reclaim(&self, generation: u32) -> bool {
        let previous = self.epoch.load(SeqCst).wrapping_sub(1);
        // Checked even if there is nothing to free: a reader that is counted in the old epoch may have loaded the value
        // that was swapped in just before the epoch changed.
        if !self.count(previous).is_drained(generation) {
            return false;
        }
        let retired = self.retired.swap(ptr::null_mut(), SeqCst);
        if retired.is_null() {
            return true;
        }
        // SAFETY: `retired` comes from `Box::into_raw` in `replace_alone` and has been removed from both cells, so it
        // is freed once. The epoch in which it was current has drained, and new readers use the other one.
        let entry = unsafe { Box::from_raw(retired) };
        if entry.born != generation {
            // From another generation: see the documentation of the module.
            std::mem::forget(entry);
        }
        true
    }
}

impl<T> Drop for Snapshot<T> {
    fn drop(&mut self) {
        let generation = fork::generation();
        for cell in [&mut self.current, &mut self.retired] {
            let entry = std::mem::replace(cell.get_mut(), ptr::null_mut());
            if entry.is_null() {
                continue;
            }
            // SAFETY: it comes from `Box::into_raw` in `replace_alone`, was in one of the two cells only, and has been
            // removed. There are no readers, since nothing else has a reference to the cell.
            let entry = unsafe { Box::from_raw(entry) };
            if entry.born != generation {
                std::mem::forget(entry); // As in `reclaim`.
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_cell_that_goes_gives_its_values_up() {
        let (first, second) = (Arc::new(1), Arc::new(2));
        let cell = Snapshot::new();
        let shared = cell.replace(first.clone()).unwrap();
        // A reader takes a reference to the first value and never finishes, so the value stays retired.
        cell.count(cell.epoch.load(SeqCst)).enter(fork::generation());
        assert!(cell.replace(second.clone()).is_ok());
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 2));
        drop(shared);
        drop(cell);
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    }

    #[test]
    fn a_value_is_replaced_and_the_old_one_dropped() {
        let cell = Snapshot::new();
        let first = Arc::new(1);
        assert!(cell.replace(first.clone()).is_ok());
        assert!(cell.replace(Arc::new(2)).is_ok());
        assert_eq!(Arc::strong_count(&first), 1);
        assert_eq!(cell.read().map(|value| **value), Some(2));
    }

    #[test]
    fn a_value_that_is_being_read_stays_and_hinders_nobody() {
        let cell = Snapshot::new();
        drop(cell.replace(1).unwrap());
        let first = cell.read().unwrap();
        for number in 2..100 {
            assert!(cell.replace(number).is_ok());
        }
        assert_eq!((*first, *cell.read().unwrap(), Arc::strong_count(&first)), (1, 99, 1));
    }

    #[test]
    fn readers_see_whole_values_while_a_writer_replaces_them() {
        let cell = Snapshot::new();
        drop(cell.replace(vec![0_u64; 64]));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        let guard = cell.read().unwrap();
                        let first = guard[0];
                        assert!(guard.iter().all(|&x| x == first));
                    }
                });
            }
            let mut stored = 0;
            for i in 1..20_000_u64 {
                stored += u32::from(cell.replace(vec![i; 64]).is_ok());
            }
            done.store(true, SeqCst);
            assert!(stored > 0);
        });
    }
}
