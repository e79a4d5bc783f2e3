//! The process: its environment, its privileges, its name, its host's name.

use std::ffi::CStr;

use super::file;

/// A variable's value, copied at once: the program may change its environment at any time, and libc's own resolver
/// takes the same risk at the same moments.
pub fn variable(name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: `name` is a C string.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    copied(value)
}

/// The same, but nothing in a program that runs with more privileges than its caller (secure_getenv(3)).
///
/// ld.so takes glibc's own variables out of such a program's environment, but not ours.
pub fn trusted_variable(name: &CStr) -> Option<Vec<u8>> {
    if is_privileged() { None } else { variable(name) }
}

fn copied(value: *const libc::c_char) -> Option<Vec<u8>> {
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv's result is null or a C string that lives at least until the environment is changed.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes().to_vec())
}

/// Whether a variable's name begins like this. One pass, without a call, where getenv(3) makes one for each name.
///
/// # Safety
/// The environment is null, or strings with a null pointer behind the last.
pub unsafe fn has_name_like(environment: *const *const libc::c_char, prefix: &[u8]) -> bool {
    let mut place = environment;
    while !place.is_null() {
        // SAFETY: the caller's promise; the null pointer has not come yet.
        let variable = unsafe { *place };
        if variable.is_null() {
            return false;
        }
        // SAFETY: the caller's promise.
        if unsafe { begins_with(variable, prefix) } {
            return true;
        }
        // SAFETY: this was not the last.
        place = unsafe { place.add(1) };
    }
    false
}

/// # Safety
/// A C string.
unsafe fn begins_with(text: *const libc::c_char, prefix: &[u8]) -> bool {
    let mut place = text.cast::<u8>();
    prefix.iter().all(|&byte| {
        // SAFETY: all bytes before were those of the prefix, which has no NUL, so the string goes on to here.
        let same = unsafe { *place } == byte;
        place = place.wrapping_add(1);
        same
    })
}

/// Whether the program runs with more privileges than its caller: set-user-ID, file capabilities (getauxval(3)).
pub fn is_privileged() -> bool {
    // SAFETY: getauxval only reads the vector that the kernel left on the stack.
    (unsafe { libc::getauxval(libc::AT_SECURE) }) != 0
}

/// The host's name (gethostname(2)); empty where it cannot be read.
pub fn hostname() -> Vec<u8> {
    let mut buffer = [0_u8; 256];
    // SAFETY: the buffer is writable for the length given; the last byte is kept as a terminator.
    let result = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    if result != 0 {
        return Vec::new();
    }
    CStr::from_bytes_until_nul(&buffer).map(|name| name.to_bytes().to_vec()).unwrap_or_default()
}

/// The program's short name, for the log.
pub fn program() -> Vec<u8> {
    unsafe extern "C" {
        // glibc's own copy of argv[0] after the last slash (program_invocation_short_name(3)).
        static program_invocation_short_name: *const libc::c_char;
    }
    // SAFETY: libc defines the variable; it is set before any library runs code.
    let name = unsafe { program_invocation_short_name };
    copied(name).unwrap_or_default()
}

/// The executable's path, absolute. Read in /proc/self/maps, where the entry point (AT_ENTRY, getauxval(3)) lies, since
/// readlink(2) is nothing that glibc's resolver calls. That file is the main thread's, and empty once it has ended: hence
/// /proc/thread-self/maps before it, which Linux has since 3.17. None where it cannot be seen.
pub fn executable() -> Option<Vec<u8>> {
    // SAFETY: getauxval only reads the vector that the kernel left on the stack.
    let entry = unsafe { libc::getauxval(libc::AT_ENTRY) };
    let maps = [c"/proc/thread-self/maps", c"/proc/self/maps"];
    maps.into_iter().find_map(|path| executable_in(&file::read(path).ok()?.bytes, entry))
}

/// The file that is mapped at an address (proc_pid_maps(5)).
fn executable_in(maps: &[u8], address: u64) -> Option<Vec<u8>> {
    let number = |text: &[u8]| u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok();
    let is_there = |line: &&[u8]| {
        let mut range = line.split(|&byte| byte == b' ').next().unwrap_or_default().split(|&byte| byte == b'-');
        let (start, end) = (range.next().and_then(number), range.next().and_then(number));
        start.is_some_and(|start| start <= address) && end.is_some_and(|end| address < end)
    };
    let line = maps.split(|&byte| byte == b'\n').find(is_there)?;
    let path = line.get(line.iter().position(|&byte| byte == b'/')?..)?;
    // Replaced since the program was started, as by an upgrade.
    Some(path.strip_suffix(b" (deleted)").unwrap_or(path).to_vec())
}

/// This process's id.
pub fn process_id() -> i32 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_what_is_mapped_at_its_entry_point() {
        let own = std::env::current_exe().unwrap();
        assert_eq!(executable().as_deref(), own.to_str().map(str::as_bytes));
        let maps = b"1000-2000 r-xp 00000000 fe:00 1  /a b/c (deleted)\n2000-3000 rw-p 00000000 00:00 0 \n";
        assert_eq!(executable_in(maps, 0x1fff).as_deref(), Some(&b"/a b/c"[..]));
        assert_eq!((executable_in(maps, 0x2000), executable_in(maps, 0xfff)), (None, None));
    }

    #[test]
    fn names_are_known_by_how_they_begin() {
        let has = |variables: &[&CStr]| {
            let mut list: Vec<_> = variables.iter().map(|variable| variable.as_ptr()).collect();
            list.push(std::ptr::null());
            // SAFETY: C strings and a null pointer.
            unsafe { has_name_like(list.as_ptr(), b"NSS") }
        };
        assert!(has(&[c"A=1", c"NSS=1"]) && has(&[c"NSS_BYPASS_LOG=stderr", c"B"]));
        assert!(!has(&[]) && !has(&[c"", c"NS", c"N=NSS", c"nss=1", c"ANSS=1"]));
        // SAFETY: null is allowed.
        assert!(!unsafe { has_name_like(std::ptr::null(), b"NSS") });
    }
}
