//! Allocation that can fail: large amounts of memory are requested so that a failure is reported.

use super::Errno;

/// Returns whether this much more memory can be allocated now. It is used before work that cannot be abandoned halfway:
/// in a process without spare memory, the previous state is retained instead.
pub fn can_have(bytes: usize) -> bool {
    // SAFETY: malloc may be called with any size.
    let trial = unsafe { libc::malloc(bytes) };
    // Without this, the compiler would remove the unused allocation, and assume that it succeeds.
    let trial = std::hint::black_box(trial);
    // SAFETY: null, or allocated just now by malloc.
    unsafe { libc::free(trial) };
    !trial.is_null()
}

/// Reserves space for this number of additional bytes in a vector, or fails with `ENOMEM`.
pub fn reserve(vector: &mut Vec<u8>, more: usize) -> Result<(), Errno> {
    vector.try_reserve(more).map_err(|_| Errno(libc::ENOMEM))
}

/// Returns this number of zero bytes, or fails with `ENOMEM`.
pub fn zeroed(length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    reserve(&mut bytes, length)?;
    bytes.resize(length, 0);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_little_memory_and_not_all_of_it() {
        assert!(can_have(1) && !can_have(isize::MAX as usize));
    }
}
