//! Where this library's own memory comes from: malloc and, when that has none, a reserve.
//!
//! Rust stops the process, with a message, where an allocation fails that cannot be refused. No host process may end so:
//! what is large is asked for in a way that can be refused (`core::sys::memory`), and what is small comes from here. So
//! a lookup goes on to where it hands memory out, which is malloc's and not the reserve's, and ends in EAI_MEMORY.
//!
//! Each part goes back on its own, since some stay out for long: what is read from files, and what threads hold that a
//! child of fork does not have. Once less than half of the reserve is left, lookups are refused before they begin.
//!
//! What is left: very many lookups that began while malloc still had something may use the reserve up.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libc::{c_int, c_void, size_t};
use nss_bypass_core::late;
use nss_bypass_core::sys::memory::can_have;

#[global_allocator]
static MEMORY: Memory = Memory;

struct Memory;

/// Enough for some lookups with answers of 64 KiB. Untouched, it costs no memory.
const SIZE: usize = 1 << 20;

/// A part is a number of whole blocks.
const BLOCK: usize = 128;
const BLOCKS: usize = SIZE / BLOCK;
const BITS: usize = u64::BITS as usize;

/// Where parts can be aligned to.
const ALIGNMENT: usize = 4096;

#[repr(align(4096))]
struct Pool(UnsafeCell<[u8; SIZE]>);

// SAFETY: a part of the pool belongs to whoever `take` gave it to, and `TAKEN` says of each block whether it is out.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([0; SIZE]));

/// A bit for each block that somebody has. Nobody waits: a run of blocks is claimed word by word, and given up again if
/// one of them was taken; so a fork or a signal in the midst of it loses a few blocks at most.
static TAKEN: [AtomicU64; BLOCKS / BITS] = [const { AtomicU64::new(0) }; BLOCKS / BITS];

/// Whether anything ever came from the reserve. In most processes nothing does, and nothing is counted then.
static IN_USE: AtomicBool = AtomicBool::new(false);

fn start() -> *mut u8 {
    POOL.0.get().cast()
}

fn is_ours(part: *mut u8) -> bool {
    (start().addr()..start().addr() + SIZE).contains(&part.addr())
}

/// The words that have the bits of these blocks, each with where it begins and with those bits.
fn words(first: usize, count: usize) -> impl Iterator<Item = (usize, &'static AtomicU64, u64)> {
    let end = first + count;
    TAKEN.iter().enumerate().skip(first / BITS).map_while(move |(index, word)| {
        let begin = index * BITS;
        let (from, to) = (first.max(begin) - begin, end.saturating_sub(begin).min(BITS));
        (from < to).then(|| (begin, word, u64::MAX >> (BITS - (to - from)) << from))
    })
}

/// Makes these blocks the caller's. Or none of them: then one is somebody's.
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

/// A part of the reserve; null where it has none left.
fn take(layout: Layout) -> *mut u8 {
    IN_USE.store(true, Ordering::Relaxed);
    let (count, step) = (layout.size().div_ceil(BLOCK), layout.align().div_ceil(BLOCK));
    let mut first = 0;
    while layout.align() <= ALIGNMENT && first + count <= BLOCKS {
        match claim(first, count) {
            // SAFETY: the part lies within the pool, as the condition of the loop says.
            Ok(()) => return unsafe { start().add(first * BLOCK) },
            Err(taken) => first = (taken + 1).next_multiple_of(step),
        }
    }
    ptr::null_mut()
}

fn give_back(part: *mut u8, layout: Layout) {
    release((part.addr() - start().addr()) / BLOCK, layout.size().div_ceil(BLOCK));
}

/// What a lookup takes at the most, as a rule.
const LOOKUP: usize = 160 << 10;

/// Whether so many bytes more are to be had, from malloc or else from the first half of the reserve. What is begun then
/// can be ended with the other half.
pub(crate) fn has_room(bytes: usize) -> bool {
    let count = || TAKEN.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
    let taken: u32 = if IN_USE.load(Ordering::Relaxed) { count() } else { 0 };
    (taken as usize * BLOCK).saturating_add(bytes) <= SIZE / 2 || can_have(bytes)
}

/// Whether a lookup is better not begun: malloc has nothing to give, and the reserve little.
pub(crate) fn is_short() -> bool {
    !has_room(LOOKUP)
}

/// What malloc aligns to without being asked.
const OF_MALLOC: usize = 16;

late! {
    /// posix_memalign(3)
    fn posix_memalign(memory: *mut *mut c_void, alignment: size_t, size: size_t) -> c_int, absent: libc::ENOMEM;
}

/// As [`System`] does it.
///
/// # Safety
/// [`GlobalAlloc::alloc`]'s.
unsafe fn from_malloc(layout: Layout) -> *mut u8 {
    if layout.align() <= OF_MALLOC && layout.align() <= layout.size() {
        // SAFETY: the caller's promise.
        return unsafe { System.alloc(layout) };
    }
    let mut memory = ptr::null_mut();
    let alignment = layout.align().max(size_of::<usize>());
    // SAFETY: the alignment is a power of two, and not too small.
    match unsafe { posix_memalign(&mut memory, alignment, layout.size()) } {
        0 => memory.cast(),
        _ => ptr::null_mut(),
    }
}

// SAFETY: memory is the system's, or a part of the pool of the size and alignment asked for, which nobody else has until
// it is given back. Nothing here unwinds.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let memory = unsafe { from_malloc(layout) };
        if memory.is_null() { take(layout) } else { memory }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if is_ours(memory) {
            return give_back(memory, layout);
        }
        // SAFETY: the caller's promise, and it is not the reserve's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_ours(memory) && layout.align() <= OF_MALLOC {
            // SAFETY: the caller's promise, and it is not the reserve's.
            let moved = unsafe { System.realloc(memory, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        // SAFETY: the new size is not 0, as the caller promises.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both are valid for the smaller of the sizes, and different memory.
            unsafe { ptr::copy_nonoverlapping(memory, moved, layout.size().min(size)) };
            // SAFETY: the caller's promise; it is not used any more.
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

    /// Nobody else takes anything from it in this test program: malloc has enough.
    #[test]
    fn the_reserve_gives_each_part_once_and_again_when_it_is_back() {
        let parts = [(100, 1), (8, 64), (BLOCK * 100, 1), (1, 4096), (BLOCK + 1, 8), (SIZE / 2, 16)];
        let taken = parts.map(|(size, align)| take(layout(size, align)));
        for (index, (part, (size, align))) in taken.into_iter().zip(parts).enumerate() {
            assert!(is_ours(part) && part.addr() % align == 0);
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
