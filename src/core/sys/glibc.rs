//! The release of glibc that this process runs with, since some results changed between releases. The constants are the
//! minor versions from which a change applies.

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{ptr, slice};

use super::loaded::lazy;

/// Internationalised names are converted by libidn2; before, by glibc's own libcidn.
pub const LIBIDN2: u32 = 28;

/// The resolver enables the reporting of all ICMP errors on its UDP sockets (resolv/res_enable_icmp.c, bug 24047).
pub const ICMP_ERRORS: u32 = 30;

/// IPv4 lines of /etc/hosts do not match an IPv4-mapped IPv6 address from the first of these releases on, and match again
/// from the second on (bug 25457).
const MAPPED_ADDRESSES_IN_HOSTS: [u32; 2] = [30, 38];

/// Lines of files are read by `__nss_readline`, which leaves bytes after a last line without a newline.
pub const READLINE: u32 = 33;

/// Files are opened with openat(2).
pub const OPENAT: u32 = 26;

/// nsswitch.conf is read by nss/nss_database.c: it is read again when it has changed, has no comments, and is rejected
/// if a line is invalid.
pub const NSS_DATABASE: u32 = 33;

/// resolv.conf has `no-aaaa`.
pub const NO_AAAA: u32 = 36;

/// resolv.conf has `strict-error`, and `-` before an option clears it (bug 27929).
pub const STRICT_ERROR: u32 = 41;

/// The default for the hosts database is `files dns`.
pub const FILES_BEFORE_DNS: u32 = 35;

/// getaddrinfo supports Multipath TCP.
pub const MPTCP: u32 = 42;

lazy! {
    /// gnu_get_libc_version(3)
    fn gnu_get_libc_version() -> *const std::ffi::c_char, absent: c"".as_ptr();
    /// dl_iterate_phdr(3)
    fn dl_iterate_phdr(
        look: Option<unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int>,
        data: *mut c_void
    ) -> c_int, absent: 0;
}

/// Returns the minor version: 36 for glibc 2.36. A version that cannot be parsed is treated as newer than all others.
pub fn minor() -> u32 {
    const UNKNOWN: u32 = 0;
    static MINOR: AtomicU32 = AtomicU32::new(UNKNOWN);
    let known = MINOR.load(Relaxed);
    if known != UNKNOWN {
        return known;
    }
    // SAFETY: the function has no preconditions.
    let version = unsafe { gnu_get_libc_version() };
    // SAFETY: it returns a static C string.
    let version = unsafe { CStr::from_ptr(version) };
    let minor = parse(version.to_bytes());
    MINOR.swap(minor, Relaxed); // helgrind recognises no other atomic write.
    minor
}

/// Returns whether IPv4 lines of /etc/hosts match an IPv4-mapped IPv6 address.
pub fn finds_mapped_addresses_in_hosts() -> bool {
    let [lost, again] = MAPPED_ADDRESSES_IN_HOSTS;
    !(lost..again).contains(&minor())
}

/// Returns whether libc contains this string, as it does if it ever opens a file with that path. The result is stored,
/// for one string only. What distributions change in glibc cannot be derived from its version.
pub fn has_text(text: &'static CStr) -> bool {
    const UNKNOWN: u32 = 0;
    const ABSENT: u32 = 1;
    const PRESENT: u32 = 2;
    static FOUND: AtomicU32 = AtomicU32::new(UNKNOWN);
    if FOUND.load(Relaxed) == UNKNOWN {
        FOUND.swap(if is_in_libc(text) { PRESENT } else { ABSENT }, Relaxed);
    }
    FOUND.load(Relaxed) == PRESENT
}

fn is_in_libc(text: &CStr) -> bool {
    /// The string to search for, and whether it was found.
    struct Search<'a> {
        text: &'a [u8],
        found: bool,
    }

    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
        // SAFETY: the search of the caller, which is valid during the call.
        let search = unsafe { &mut *search.cast::<Search<'_>>() };
        // SAFETY: the dynamic linker passes a valid structure.
        let info = unsafe { &*info };
        // SAFETY: null, or the name of a loaded library.
        let name = if info.dlpi_name.is_null() { c"" } else { unsafe { CStr::from_ptr(info.dlpi_name) } };
        if !name.to_bytes().ends_with(b"/libc.so.6") || info.dlpi_phdr.is_null() {
            return 0;
        }
        // SAFETY: the dynamic linker's table with this number of entries.
        let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let is_constant = |header: &&libc::Elf64_Phdr| header.p_type == libc::PT_LOAD && header.p_flags == libc::PF_R;
        for header in headers.iter().filter(is_constant) {
            let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
            // SAFETY: a read-only segment of libc, which is never unmapped.
            let segment = unsafe { slice::from_raw_parts(start as *const u8, header.p_memsz as usize) };
            search.found |= segment.windows(search.text.len()).any(|window| window == search.text);
        }
        c_int::from(search.found)
    }

    let mut search = Search { text: text.to_bytes_with_nul(), found: false };
    // SAFETY: `look` is passed the search, which outlives the call.
    unsafe { dl_iterate_phdr(Some(look), ptr::from_mut(&mut search).cast()) };
    search.found
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
    fn libcs_texts_are_found() {
        assert!(is_in_libc(c"/etc/nsswitch.conf") && !is_in_libc(c"/no/such/nsswitch.conf"));
    }

    #[test]
    fn versions_are_understood() {
        let versions = [&b"2.36"[..], b"2.31", b"2.43.9000", b"2.4-x", b"3.0", b"2.", b"", b"2.99999999999"];
        assert_eq!(versions.map(parse), [36, 31, 43, 4, u32::MAX, u32::MAX, u32::MAX, u32::MAX]);
        assert!(minor() >= 17 && minor() == minor());
    }
}
