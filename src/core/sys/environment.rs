//! The process: its environment, its privileges, its name, its host's name.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::file;
use super::loaded::{self, late};
use super::symbols::{From, Late};

/// A variable's value, copied at once: the program may change its environment at any time, and libc's own resolver
/// takes the same risk at the same moments.
pub fn variable(name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: `name` is a C string.
    let value = unsafe { getenv(name.as_ptr()) };
    copied(value)
}

fn copied(value: *const libc::c_char) -> Option<Vec<u8>> {
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv's result is null or a C string that lives at least until the environment is changed.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes().to_vec())
}

/// Variables as they were when the library was loaded, copied then: a program may write over its environment, and unset what
/// it was started with. Kept as text, without asking for memory, since every program pays for it at its start.
pub struct KeptVariables {
    /// NAME=VALUE, each with a NUL behind it.
    text: UnsafeCell<[u8; ROOM]>,
    /// How many bytes of it are used.
    used: AtomicUsize,
}

/// More than most programs have of our variables.
const ROOM: usize = 1024;

// SAFETY: the text is written by `keep` alone, before `used` says that there is any.
unsafe impl Sync for KeptVariables {}

impl KeptVariables {
    /// None.
    pub const fn new() -> Self {
        Self { text: UnsafeCell::new([0; ROOM]), used: AtomicUsize::new(0) }
    }

    /// Keeps those whose names begin like this. False: there is no room for them, and none is kept.
    ///
    /// # Safety
    /// The environment is null, or strings with a null pointer behind the last, and nobody changes it meanwhile. It is called
    /// once.
    #[inline(always)]
    pub unsafe fn keep(&self, environment: *const *const libc::c_char, prefix: &[u8]) -> bool {
        let (mut place, mut used) = (environment, 0);
        while !place.is_null() {
            // SAFETY: the caller's promise; the null pointer has not come yet.
            let variable = unsafe { *place };
            if variable.is_null() {
                break;
            }
            // SAFETY: the caller's promise.
            if unsafe { begins_with(variable, prefix) } {
                // SAFETY: as above; nobody reads the text yet.
                match unsafe { self.copy(variable, used) } {
                    Some(end) => used = end,
                    None => return false,
                }
            }
            // SAFETY: this was not the last.
            place = unsafe { place.add(1) };
        }
        if used > 0 {
            self.used.store(used, Ordering::Release);
        }
        true
    }

    /// Copies a string to this place in the text. Where the next one goes; none where there is no room.
    ///
    /// # Safety
    /// A C string, and nobody else uses the text.
    #[inline(always)]
    unsafe fn copy(&self, string: *const libc::c_char, mut at: usize) -> Option<usize> {
        let mut from = string.cast::<u8>();
        while at < ROOM {
            // SAFETY: the string goes on to here.
            let byte = unsafe { from.read() };
            // SAFETY: within the text.
            unsafe { self.text.get().cast::<u8>().wrapping_add(at).write(byte) };
            at += 1;
            if byte == 0 {
                return Some(at);
            }
            from = from.wrapping_add(1);
        }
        None
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.used.load(Ordering::Acquire) == 0
    }

    /// A variable's value.
    #[inline(always)]
    pub fn get(&self, name: &CStr) -> Option<&CStr> {
        if self.is_empty() { None } else { self.find(name) }
    }

    fn find(&self, name: &CStr) -> Option<&CStr> {
        let used = self.used.load(Ordering::Acquire);
        // SAFETY: the text is not written to any more, since some of it is used.
        let text = unsafe { &*self.text.get() };
        let mut variables = text.get(..used)?.split_inclusive(|&byte| byte == 0);
        let value = variables.find_map(|variable| variable.strip_prefix(name.to_bytes())?.strip_prefix(b"="))?;
        CStr::from_bytes_with_nul(value).ok()
    }
}

impl Default for KeptVariables {
    fn default() -> Self {
        Self::new()
    }
}

/// # Safety
/// A C string.
#[inline(always)]
unsafe fn begins_with(text: *const libc::c_char, prefix: &[u8]) -> bool {
    let mut place = text.cast::<u8>();
    prefix.iter().all(|&byte| {
        // SAFETY: all bytes before were those of the prefix, which has no NUL, so the string goes on to here.
        let same = unsafe { *place } == byte;
        place = place.wrapping_add(1);
        same
    })
}

/// Whether the program runs with more privileges than its caller: set-user-ID, file capabilities (getauxval(3)). ld.so takes
/// glibc's own variables out of such a program's environment, but not ours.
pub fn is_privileged() -> bool {
    // SAFETY: getauxval only reads the vector that the kernel left on the stack.
    (unsafe { libc::getauxval(libc::AT_SECURE) }) != 0
}

late! {
    /// getenv(3)
    fn getenv(name: *const libc::c_char) -> *mut libc::c_char, absent: std::ptr::null_mut();
    /// gethostname(2)
    fn gethostname(name: *mut libc::c_char, length: usize) -> libc::c_int, absent: -1;
    /// getpid(2)
    fn getpid() -> libc::pid_t, absent: 0;
}

/// The host's name (gethostname(2)); empty where it cannot be read.
pub fn hostname() -> Vec<u8> {
    let mut buffer = [0_u8; 256];
    // SAFETY: the buffer is writable for the length given; the last byte is kept as a terminator.
    let result = unsafe { gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    if result != 0 {
        return Vec::new();
    }
    CStr::from_bytes_until_nul(&buffer).map(|name| name.to_bytes().to_vec()).unwrap_or_default()
}

/// The program's short name, for the log: glibc's own copy of `argv[0]` after the last slash
/// (program_invocation_short_name(3)).
pub fn program() -> Vec<u8> {
    static NAME: Late = Late::new(From::Program, c"program_invocation_short_name", loaded::by_dlsym);
    // SAFETY: null, or libc's variable, which is set before any library runs code.
    let name = unsafe { NAME.get().cast::<*const libc::c_char>().as_ref() };
    name.and_then(|name| copied(*name)).unwrap_or_default()
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
    unsafe { getpid() }
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

    fn kept(variables: &[&CStr]) -> (KeptVariables, bool) {
        let mut list: Vec<_> = variables.iter().map(|variable| variable.as_ptr()).collect();
        list.push(std::ptr::null());
        let kept = KeptVariables::new();
        // SAFETY: C strings and a null pointer.
        let had_room = unsafe { kept.keep(list.as_ptr(), b"NSS") };
        (kept, had_room)
    }

    #[test]
    fn variables_are_kept_whose_names_begin_like_this() {
        let (kept, had_room) =
            kept(&[c"A=1", c"NSS_X=1", c"", c"NSS=a=b", c"NS", c"nss=2", c"ANSS=3", c"NSS_EMPTY=", c"NSS=c"]);
        assert!(had_room && !kept.is_empty());
        let names = [c"NSS", c"NSS_X", c"NSS_EMPTY", c"A", c"nss", c"ANSS", c"NS", c"NSS_"];
        let found = names.map(|name| kept.get(name));
        assert_eq!(found, [Some(c"a=b"), Some(c"1"), Some(c""), None, None, None, None, None]);
    }

    #[test]
    fn none_are_kept_where_there_are_none_or_too_many() {
        let long = std::ffi::CString::new(format!("NSS={}", "x".repeat(ROOM))).unwrap();
        for (variables, room) in [(&[][..], true), (&[c"", c"NS", c"N=NSS"], true), (&[c"NSS=1", &long], false)] {
            let (kept, had_room) = kept(variables);
            assert_eq!((kept.is_empty(), had_room, kept.get(c"NSS")), (true, room, None));
        }
        let fits = std::ffi::CString::new(format!("NSS={}", "x".repeat(ROOM - 5))).unwrap();
        assert!(kept(&[&fits]).1);
        let empty = KeptVariables::new();
        // SAFETY: null is allowed.
        assert!(unsafe { empty.keep(std::ptr::null(), b"NSS") } && empty.is_empty());
    }
}
