//! Which glibc this process runs with: a few of its answers changed from one release to the next.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// IPv4 lines of /etc/hosts are looked at for a mapped IPv6 address too (bug 25457).
pub const MAPPED_ADDRESSES_IN_HOSTS: u32 = 38;

/// Lines of files are read by `__nss_readline`, which leaves bytes behind a last line without an end.
pub const READLINE: u32 = 33;

/// getaddrinfo knows Multipath TCP.
pub const MPTCP: u32 = 42;

/// The second number of its version: 36 of 2.36. What cannot be understood is newer than all.
pub fn minor() -> u32 {
    const UNKNOWN: u32 = 0;
    static MINOR: AtomicU32 = AtomicU32::new(UNKNOWN);
    let known = MINOR.load(Relaxed);
    if known != UNKNOWN {
        return known;
    }
    // SAFETY: the function has no preconditions.
    let version = unsafe { libc::gnu_get_libc_version() };
    // SAFETY: it returns a C string that stays.
    let version = unsafe { CStr::from_ptr(version) };
    let minor = parse(version.to_bytes());
    MINOR.store(minor, Relaxed);
    minor
}

fn parse(version: &[u8]) -> u32 {
    let Some(rest) = version.strip_prefix(b"2.") else { return u32::MAX };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
    number.and_then(|number| number.parse().ok()).filter(|&minor| minor > 0).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_understood() {
        let versions = [&b"2.36"[..], b"2.31", b"2.43.9000", b"2.4-x", b"3.0", b"2.", b"", b"2.99999999999"];
        assert_eq!(versions.map(parse), [36, 31, 43, 4, u32::MAX, u32::MAX, u32::MAX, u32::MAX]);
        assert!(minor() >= 17 && minor() == minor());
    }
}
