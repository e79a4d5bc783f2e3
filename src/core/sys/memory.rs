//! Memory that may not be there: what is large is asked for in a way that can be refused.

use super::Errno;

/// Whether the process can have this much more memory just now. For work that cannot be refused halfway: a program
/// that has no memory to spare keeps what it has instead.
pub fn can_have(bytes: usize) -> bool {
    // SAFETY: malloc may be called with any size.
    let trial = unsafe { libc::malloc(bytes) };
    // SAFETY: null, or malloc's from just now.
    unsafe { libc::free(trial) };
    !trial.is_null()
}

/// The same, and really tried: what is given back at once the compiler need not ask for at all, so that in a release build
/// [`can_have`] may take the answer for yes. For what may as well not be done, such as keeping something for later: what is
/// kept from the reserve of who has no memory would be missing there for good.
pub fn has_to_spare(bytes: usize) -> bool {
    // SAFETY: malloc may be called with any size.
    let trial = std::hint::black_box(unsafe { libc::malloc(bytes) });
    // SAFETY: null, or malloc's from just now.
    unsafe { libc::free(trial) };
    !trial.is_null()
}

/// Room for so many bytes more in a vector, or `ENOMEM`.
pub fn reserve(vector: &mut Vec<u8>, more: usize) -> Result<(), Errno> {
    vector.try_reserve(more).map_err(|_| Errno(libc::ENOMEM))
}

/// So many zero bytes, or `ENOMEM`.
pub fn zeroed(length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    reserve(&mut bytes, length)?;
    bytes.resize(length, 0);
    Ok(bytes)
}
