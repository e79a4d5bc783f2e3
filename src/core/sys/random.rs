//! Query IDs (RFC 5452, section 9.2), without a system call.
//!
//! The key is the 16 random bytes that the kernel passes to every program at exec (getauxval(3), `AT_RANDOM`). The
//! input is a counter and the clocks in nanoseconds, so that neither two threads nor two children of one parent, which
//! share the key and the counter, generate the same IDs. With SipHash, the next ID cannot be predicted from previous
//! ones. The random source port that the kernel selects adds to this.

use std::hash::Hasher;
#[allow(deprecated)] // std's only hasher that takes keys.
use std::hash::SipHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{clock, fork};

static COUNTER: AtomicU64 = AtomicU64::new(0);

fn key() -> (u64, u64) {
    // SAFETY: getauxval only reads the vector that the kernel left on the stack.
    let bytes = (unsafe { libc::getauxval(libc::AT_RANDOM) }) as *const [u64; 2];
    if bytes.is_null() {
        return (0x6e73_7362_7970_6173, std::ptr::from_ref(&COUNTER) as u64);
    }
    // SAFETY: the kernel stores 16 bytes there for the lifetime of the process, without alignment.
    let [first, second] = unsafe { bytes.read_unaligned() };
    (first, second)
}

/// Returns 64 bits that cannot be predicted outside this process.
pub fn bits() -> u64 {
    super::fault::point();
    let (first, second) = key();
    #[allow(deprecated)]
    let mut hasher = SipHasher::new_with_keys(first, second);
    let here = 0_u8;
    hasher.write_u64(COUNTER.fetch_add(1, Ordering::Relaxed));
    hasher.write_u128(clock::monotonic().as_nanos());
    hasher.write_u128(clock::wall().as_nanos());
    hasher.write_u32(fork::generation());
    hasher.write_usize(std::ptr::from_ref(&here) as usize);
    hasher.finish()
}

/// Returns two different IDs, for two queries on one socket.
pub fn ids() -> (u16, u16) {
    let bits = bits();
    let first = bits as u16;
    let second = (bits >> 16) as u16;
    (first, if second == first { first ^ 1 } else { second })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_pair_differ_and_pairs_do_not_repeat() {
        let pairs: std::collections::BTreeSet<_> = (0..1000).map(|_| ids()).collect();
        assert!(pairs.len() > 990);
        assert!(pairs.iter().all(|(first, second)| first != second));
    }
}
