//! FNV-1a (draft-eastlake-fnv): short names, no secrets. std's own hasher would ask the kernel for random keys.

use std::hash::Hasher;

/// The hasher.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    pub(crate) fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.add(byte));
    }

    fn finish(&self) -> u64 {
        // hashbrown takes the upper bits, which FNV mixes least.
        self.0 ^ self.0 << 32
    }
}
