//! Panics on purpose, to prove that one anywhere ends in libc's answer. Only a build for that test
//! (`--cfg nss_bypass_fault`) has them; in every other a point is nothing at all.

#[cfg(nss_bypass_fault)]
super::loaded::late! {
    /// getenv(3)
    fn getenv(name: *const std::ffi::c_char) -> *mut std::ffi::c_char, absent: std::ptr::null_mut();
}

/// A place where such a build may panic: where the countdown in the variable `NSS_BYPASS_FAULT`, eight decimal digits,
/// comes to its end. It is counted down where it stands, so that the program sees whether it came that far; eight zeros
/// mean that nothing is to happen.
#[cfg(nss_bypass_fault)]
#[allow(clippy::panic)]
pub fn point() {
    // SAFETY: a C string.
    let digits = unsafe { getenv(c"NSS_BYPASS_FAULT".as_ptr()) };
    // SAFETY: null, or a C string that the test does not change meanwhile.
    if digits.is_null() || unsafe { libc::strlen(digits) } != 8 {
        return;
    }
    // SAFETY: as above, and a char is a byte.
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

/// Nothing.
#[cfg(not(nss_bypass_fault))]
#[inline(always)]
pub fn point() {}
