//! C strings, and which of them are addresses.

use std::ffi::CStr;

use libc::c_char;
use nss_bypass_core::model::Family;

/// The bytes of a C string.
///
/// # Safety
/// The pointer is null or a C string that lives for `'a`, as libc's own contract asks.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// Whether a text is an address of four plain decimal numbers: then [`super::node::Node::new`] takes it for one, without a doubt.
/// It is not measured first, since a name is none at its first byte, as a rule.
///
/// # Safety
/// A C string.
pub(crate) unsafe fn is_plainly_an_address(text: *const c_char) -> bool {
    let (mut place, mut numbers, mut digits, mut value) = (text.cast::<u8>(), 1_u32, 0_u32, 0_u32);
    loop {
        // SAFETY: the NUL has not come yet.
        let byte = unsafe { *place };
        match byte {
            // Not with a 0 before it, which would make it octal.
            b'0'..=b'9' if digits == 0 || (digits < 3 && value > 0) => {
                (digits, value) = (digits + 1, value * 10 + u32::from(byte - b'0'));
            }
            b'.' if digits > 0 && value < 256 => (numbers, digits, value) = (numbers + 1, 0, 0),
            _ => return byte == 0 && numbers == 4 && digits > 0 && value < 256,
        }
        place = place.wrapping_add(1);
    }
}

/// Whether the gethostbyname family takes this for an address, good or bad, and looks nothing up: glibc's
/// `__nss_hostname_digits_dots` (nss/digits_dots.c).
pub(crate) fn is_digits_and_dots(name: &[u8], family: Family) -> bool {
    let Some(first) = name.first() else { return false };
    let made_of = |allowed: fn(&u8) -> bool| name.iter().all(allowed) && !name.ends_with(b".");
    if first.is_ascii_digit() && made_of(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return true;
    }
    let colons = *first == b':' || (first.is_ascii_hexdigit() && name.contains(&b':'));
    match family {
        Family::Inet => colons, // Whatever it is, it is no IPv4 address: an error at once.
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
