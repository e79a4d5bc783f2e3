//! A hash of short byte strings, eight bytes at a time, by folded multiplication: the upper and the lower half of the
//! 128-bit product of two 64-bit words are combined with XOR. What is hashed here is not chosen by an attacker, and
//! std's own hasher would ask the kernel for random keys.

use std::hash::Hasher;

/// An odd number without a regular bit pattern: the fractional part of the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hasher. Its value is the hash of what has been written so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoldedHasher(u64);

impl Default for FoldedHasher {
    fn default() -> Self {
        Self(MULTIPLIER)
    }
}

impl FoldedHasher {
    fn add(&mut self, word: u64) {
        // The highest bit is set so that the factor is never 0: a product of 0 would erase the state.
        let factor = (self.0 ^ word) | 1 << 63;
        let product = u128::from(factor) * u128::from(MULTIPLIER ^ word.rotate_left(32));
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for FoldedHasher {
    fn write(&mut self, bytes: &[u8]) {
        // The last word may overlap the one before it. Bytes that are hashed twice do no harm, and nothing has to be
        // copied.
        let last = match (bytes.last_chunk(), bytes.first_chunk(), bytes.last_chunk()) {
            (Some(last), _, _) => u64::from_le_bytes(*last),
            (None, Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
            }
            _ => bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        let (words, _) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        // The length is included so that trailing zeros make a difference.
        self.add(last ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, value: u8) {
        self.add(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.add(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Returns the hash of a byte string.
pub(crate) fn of(bytes: &[u8]) -> u64 {
    let mut hasher = FoldedHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn bytes_that_differ_have_hashes_that_differ() {
        let mut texts: BTreeSet<Vec<u8>> = (0..20_000_u32).map(|n| format!("name-{n}.example").into_bytes()).collect();
        texts.extend((0..64).map(|length| vec![0; length]));
        texts.extend((0..64).map(|length| vec![b'a'; length]));
        texts.extend((0..=255).map(|byte| vec![byte; 8]));
        let hashes: BTreeSet<u64> = texts.iter().map(|text| of(text)).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn each_bit_of_the_input_turns_about_half_of_the_output() {
        for bit in 0..200 {
            let mut turned = 0;
            for seed in 0..64_u8 {
                let mut text: Vec<u8> = (0..25).map(|at: u8| at.wrapping_mul(37) ^ seed).collect();
                let before = of(&text);
                text[bit / 8] ^= 1 << (bit % 8);
                turned += (before ^ of(&text)).count_ones();
            }
            assert!((24 * 64..40 * 64).contains(&turned), "bit {bit}: {turned}");
        }
    }
}
