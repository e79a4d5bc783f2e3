//! Deliberate panics, to test that a panic anywhere ends in libc's answer. They exist only in a build for that test
//! (`--cfg nss_bypass_fault`); in any other build, [`point`] does nothing.

#[cfg(nss_bypass_fault)]
super::loaded::lazy! {
    /// getenv(3)
    fn getenv(name: *const std::ffi::c_char) -> *mut std::ffi::c_char, absent: std::ptr::null_mut();
}

/// Panics when the countdown in the variable `NSS_BYPASS_FAULT`, of eight decimal digits, reaches zero. The variable is
/// decremented in place, so that the test program sees whether it was reached; eight zeros disable it.
#[cfg(nss_bypass_fault)]
#[allow(clippy::panic)]
pub fn point() {
    // SAFETY: the argument is a C string.
    let digits = unsafe { getenv(c"NSS_BYPASS_FAULT".as_ptr()) };
    // SAFETY: null, or a C string that the test does not change during the call.
    if digits.is_null() || unsafe { libc::strlen(digits) } != 8 {
        return;
    }
    // SAFETY: as above; a char is a byte.
    let digits = unsafe { std::slice::from_raw_parts_mut(digits.cast::<u8>(), 8) };
    let Some(left) = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u32>().ok()) else { return };
    if left == 0 {
        return;
    }
    digits.copy_from_slice(format!("{:08}", left - 1).as_bytes());
    if left == 1 {
        panic!("deliberate");
    }
}

/// Does nothing in this build.
#[cfg(not(nss_bypass_fault))]
#[inline(always)]
pub fn point() {}
