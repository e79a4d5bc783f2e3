//! C strings, and which of them are addresses.

use std::ffi::CStr;

use libc::c_char;
use nss_bypass_core::model::Family;

/// Returns the bytes of a C string; `None` if the pointer is null.
///
/// # Safety
/// The pointer must be null, or a C string that is valid for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: guaranteed by the caller.
    Some(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// Returns whether a text is an IPv4 address of four plain decimal numbers, which [`super::node::Node::new`] always
/// treats as an address. The length is not determined first, since the first byte of a name usually shows that it is
/// none.
///
/// # Safety
/// `text` must be a C string.
pub(crate) unsafe fn is_plainly_an_address(text: *const c_char) -> bool {
    let (mut place, mut numbers, mut digits, mut value) = (text.cast::<u8>(), 1_u32, 0_u32, 0_u32);
    loop {
        // SAFETY: the NUL has not been reached.
        let byte = unsafe { *place };
        match byte {
            // Not with a leading 0, which would make it octal.
            b'0'..=b'9' if digits == 0 || (digits < 3 && value > 0) => {
                (digits, value) = (digits + 1, value * 10 + u32::from(byte - b'0'));
            }
            b'.' if digits > 0 && value < 256 => (numbers, digits, value) = (numbers + 1, 0, 0),
            _ => return byte == 0 && numbers == 4 && digits > 0 && value < 256,
        }
        place = place.wrapping_add(1);
    }
}

/// Returns whether the gethostbyname functions treat this name as an address, valid or not, and make no lookup: glibc's
/// `__nss_hostname_digits_dots` (nss/digits_dots.c).
pub(crate) fn is_digits_and_dots(name: &[u8], family: Family) -> bool {
    let Some(first) = name.first() else { return false };
    let made_of = |allowed: fn(&u8) -> bool| name.iter().all(allowed) && !name.ends_with(b".");
    if first.is_ascii_digit() && made_of(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return true;
    }
    let colons = *first == b':' || (first.is_ascii_hexdigit() && name.contains(&b':'));
    match family {
        Family::Inet => colons, // It cannot be an IPv4 address, so this is an error at once.
        Family::Inet6 => colons && made_of(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gethostbyname_has_its_own_idea_of_numeric() {
        for numeric in ["1.2.3.4", "127.1", "1.2.3.256", "::1", "a:b"] {
            assert!(is_digits_and_dots(numeric.as_bytes(), Family::Inet6), "{numeric}");
        }
        for name in ["1.2.3.4.", "0x7f.1", "1.2.3.4x", "abc", "deadbeef", "", "."] {
            assert!(!is_digits_and_dots(name.as_bytes(), Family::Inet), "{name}");
        }
        for name in ["fe80::1%lo", "dead::beef.", "a:x"] {
            assert!(is_digits_and_dots(name.as_bytes(), Family::Inet), "{name}");
            assert!(!is_digits_and_dots(name.as_bytes(), Family::Inet6), "{name}");
        }
    }
}
