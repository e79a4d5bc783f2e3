//! The allocator of this library: malloc and, if that fails, a reserve.
//!
//! Rust aborts the process with a message if an allocation fails that cannot report failure. This must not happen in a
//! host process: large amounts are allocated in a way that can fail (`core::sys::memory`), and small amounts come from
//! here. A lookup can therefore continue until it allocates its result, for which it uses malloc and not the reserve,
//! and fail with EAI_MEMORY.
//!
//! Parts of the reserve are returned individually, since some are used for long: what is read from files, and what
//! threads hold that do not exist in a forked child. When less than half of the reserve is left, lookups fail before
//! they begin.
//!
//! Limit: very many lookups that began while malloc still had memory may exhaust the reserve.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libc::{c_int, c_void, size_t};
use nss_bypass_core::lazy;
use nss_bypass_core::sys::memory::can_have;

#[global_allocator]
static MEMORY: Memory = Memory;

struct Memory;

/// The size of the reserve in bytes: enough for some lookups with answers of 64 KiB. Its pages take no memory until
/// they are used.
const SIZE: usize = 1 << 20;

/// The size of a block in bytes. A part consists of whole blocks.
const BLOCK: usize = 128;
const BLOCKS: usize = SIZE / BLOCK;
const BITS: usize = u64::BITS as usize;

/// The maximum alignment of a part.
const ALIGNMENT: usize = 4096;

#[repr(align(4096))]
struct Pool(UnsafeCell<[u8; SIZE]>);

// SAFETY: a part of the pool belongs to the caller of `take` that received it, and `TAKEN` records each block that is
// in use.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([0; SIZE]));

/// A bit for each block that is in use. No thread waits: a run of blocks is claimed word by word, and released again if
/// one of the blocks was in use; so a fork or a signal in between leaks a few blocks at most.
static TAKEN: [AtomicU64; BLOCKS / BITS] = [const { AtomicU64::new(0) }; BLOCKS / BITS];

/// Whether the reserve has ever been used. In most processes it has not, and nothing is counted then.
static IN_USE: AtomicBool = AtomicBool::new(false);

fn start() -> *mut u8 {
    POOL.0.get().cast()
}

fn is_in_reserve(part: *mut u8) -> bool {
    (start().addr()..start().addr() + SIZE).contains(&part.addr())
}

/// Returns the words with the bits of these blocks, each with the index of its first block and a mask of those bits.
fn words(first: usize, count: usize) -> impl Iterator<Item = (usize, &'static AtomicU64, u64)> {
    let end = first + count;
    TAKEN.iter().enumerate().skip(first / BITS).map_while(move |(index, word)| {
        let begin = index * BITS;
        let (from, to) = (first.max(begin) - begin, end.saturating_sub(begin).min(BITS));
        (from < to).then(|| (begin, word, u64::MAX >> (BITS - (to - from)) << from))
    })
}

/// Claims these blocks. If one of them is in use, claims none, and returns its index.
fn claim(first: usize, count: usize) -> Result<(), usize> {
    for (begin, word, bits) in words(first, count) {
        let mut others = word.load(Ordering::Relaxed) & bits;
        if others == 0 {
            others = word.fetch_or(bits, Ordering::Acquire) & bits;
            if others != 0 {
                word.fetch_and(!(bits & !others), Ordering::Release);
            }
        }
        if others != 0 {
            release(first, begin.saturating_sub(first));
            return Err(begin + others.trailing_zeros() as usize);
        }
    }
    Ok(())
}

fn release(first: usize, count: usize) {
    for (_, word, bits) in words(first, count) {
        word.fetch_and(!bits, Ordering::Release);
    }
}

/// Allocates a part of the reserve; null if there is not enough left.
fn take(layout: Layout) -> *mut u8 {
    IN_USE.store(true, Ordering::Relaxed);
    let (count, step) = (layout.size().div_ceil(BLOCK), layout.align().div_ceil(BLOCK));
    let mut first = 0;
    while layout.align() <= ALIGNMENT && first + count <= BLOCKS {
        match claim(first, count) {
            // SAFETY: the part is within the pool, according to the condition of the loop.
            Ok(()) => return unsafe { start().add(first * BLOCK) },
            Err(taken) => first = (taken + 1).next_multiple_of(step),
        }
    }
    ptr::null_mut()
}

fn give_back(part: *mut u8, layout: Layout) {
    release((part.addr() - start().addr()) / BLOCK, layout.size().div_ceil(BLOCK));
}

/// The number of bytes that a lookup usually takes at most.
const LOOKUP: usize = 160 << 10;

/// Returns whether this number of bytes is available, from malloc or from the first half of the reserve. Work that is
/// begun then can be completed with the other half.
pub(crate) fn has_room(bytes: usize) -> bool {
    let count = || TAKEN.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
    let taken: u32 = if IN_USE.load(Ordering::Relaxed) { count() } else { 0 };
    (taken as usize * BLOCK).saturating_add(bytes) <= SIZE / 2 || can_have(bytes)
}

/// Returns whether a lookup should not be begun: malloc has no memory, and the reserve has little.
pub(crate) fn is_short() -> bool {
    !has_room(LOOKUP)
}

/// The default alignment of malloc.
const OF_MALLOC: usize = 16;

lazy! {
    /// posix_memalign(3)
    fn posix_memalign(memory: *mut *mut c_void, alignment: size_t, size: size_t) -> c_int, absent: libc::ENOMEM;
}

/// Like [`System`].
///
/// # Safety
/// As for [`GlobalAlloc::alloc`].
unsafe fn from_malloc(layout: Layout) -> *mut u8 {
    if layout.align() <= OF_MALLOC && layout.align() <= layout.size() {
        // SAFETY: guaranteed by the caller.
        return unsafe { System.alloc(layout) };
    }
    let mut memory = ptr::null_mut();
    let alignment = layout.align().max(size_of::<usize>());
    // SAFETY: the alignment is a power of two, and large enough.
    match unsafe { posix_memalign(&mut memory, alignment, layout.size()) } {
        0 => memory.cast(),
        _ => ptr::null_mut(),
    }
}

// SAFETY: memory is that of the system, or a part of the pool of the requested size and alignment, which is not handed
// out again until it has been returned. Nothing here unwinds.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        let memory = unsafe { from_malloc(layout) };
        if memory.is_null() { take(layout) } else { memory }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if is_in_reserve(memory) {
            return give_back(memory, layout);
        }
        // SAFETY: guaranteed by the caller, and it is not part of the reserve.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_in_reserve(memory) && layout.align() <= OF_MALLOC {
            // SAFETY: guaranteed by the caller, and it is not part of the reserve.
            let moved = unsafe { System.realloc(memory, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        // SAFETY: the new size is not 0, as the caller guarantees.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both are valid for the smaller of the sizes, and do not overlap.
            unsafe { ptr::copy_nonoverlapping(memory, moved, layout.size().min(size)) };
            // SAFETY: guaranteed by the caller; it is not used any more.
            unsafe { self.dealloc(memory, layout) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Nothing else uses the reserve in this test program, since malloc has enough memory.
    #[test]
    fn the_reserve_gives_each_part_once_and_again_when_it_is_back() {
        let parts = [(100, 1), (8, 64), (BLOCK * 100, 1), (1, 4096), (BLOCK + 1, 8), (SIZE / 2, 16)];
        let taken = parts.map(|(size, align)| take(layout(size, align)));
        for (index, (part, (size, align))) in taken.into_iter().zip(parts).enumerate() {
            assert!(is_in_reserve(part) && part.addr() % align == 0);
            let others = taken.iter().enumerate().filter(|(other, _)| *other != index);
            assert!(others.into_iter().all(|(_, other)| !(part.addr()..part.addr() + size).contains(&other.addr())));
        }
        assert!(!is_short(), "malloc has enough");
        assert!(take(layout(SIZE / 2, 1)).is_null() && take(layout(1, 2 * ALIGNMENT)).is_null());
        let [_, _, third, ..] = taken;
        give_back(third, layout(BLOCK * 100, 1));
        assert_eq!(take(layout(BLOCK * 100, 1)), third);
        taken.into_iter().zip(parts).for_each(|(part, (size, align))| give_back(part, layout(size, align)));
        let all = take(layout(SIZE, 1));
        assert_eq!(all, start());
        assert!(take(layout(1, 1)).is_null());
        give_back(all, layout(SIZE, 1));
        assert!(TAKEN.iter().all(|word| word.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn every_run_of_blocks_has_its_bits() {
        for (first, count) in [(0, 1), (63, 2), (60, 4), (64, 64), (1, 200), (BLOCKS - 1, 1)] {
            let bits: u32 = words(first, count).map(|(_, _, bits)| bits.count_ones()).sum();
            assert_eq!(bits as usize, count);
        }
        assert_eq!(words(5, 0).count(), 0);
    }
}
