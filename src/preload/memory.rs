//! Where this library's own memory comes from: malloc and, when that has none, a reserve.
//!
//! Rust stops the process, with a message, where an allocation fails that cannot be refused. No host process may end so:
//! what is large is asked for in a way that can be refused (`core::sys::memory`), and what is small comes from here. So
//! a lookup goes on to where it hands memory out, which is malloc's and not the reserve's, and ends in EAI_MEMORY.
//!
//! What is left: many lookups at once, or one with very much to say, may use the reserve up while malloc has nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

#[global_allocator]
static MEMORY: Memory = Memory;

struct Memory;

/// Enough for a few lookups with answers of 64 KiB. Untouched, it costs no memory.
const SIZE: usize = 512 << 10;

#[repr(align(16))]
struct Pool(UnsafeCell<[u8; SIZE]>);

// SAFETY: a part of the pool belongs to whoever `take` gave it to, and `STATE` gives none out twice.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([0; SIZE]));

/// Parts that are out, in the upper half; where the next one begins, in the lower. When all are back, it begins anew.
static STATE: AtomicU64 = AtomicU64::new(0);

fn start() -> *mut u8 {
    POOL.0.get().cast()
}

fn is_ours(part: *mut u8) -> bool {
    (start().addr()..start().addr() + SIZE).contains(&part.addr())
}

/// A part of the reserve; null where it has none left.
fn take(layout: Layout) -> *mut u8 {
    let mut at = 0;
    let taken = STATE.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
        let (out, next) = (state >> 32, (state & 0xffff_ffff) as usize);
        at = (start().addr() + next).next_multiple_of(layout.align()) - start().addr();
        let end = at.checked_add(layout.size()).filter(|&end| end <= SIZE)?;
        Some((out + 1) << 32 | end as u64)
    });
    match taken {
        // SAFETY: the part lies within the pool, as was just computed.
        Ok(_) => unsafe { start().add(at) },
        Err(_) => ptr::null_mut(),
    }
}

fn give_back() {
    let _ = STATE.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
        let out = (state >> 32).saturating_sub(1);
        Some(if out == 0 { 0 } else { out << 32 | (state & 0xffff_ffff) })
    });
}

// SAFETY: memory is the system's, or a part of the pool of the size and alignment asked for, which nobody else has until
// it is given back. Nothing here unwinds.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() { take(layout) } else { memory }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if is_ours(memory) {
            return give_back();
        }
        // SAFETY: the caller's promise, and it is not the reserve's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_ours(memory) {
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

    #[test]
    fn the_reserve_gives_each_part_once_and_begins_anew_when_all_are_back() {
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        let [one, other] = [take(layout(100, 1)), take(layout(8, 64))];
        assert!(is_ours(one) && is_ours(other) && other.addr() >= one.addr() + 100 && other.addr() % 64 == 0);
        assert!(take(layout(SIZE, 1)).is_null());
        give_back();
        assert_ne!(take(layout(1, 1)), one);
        give_back();
        give_back();
        assert_eq!(take(layout(1, 1)), one);
        give_back();
    }
}
