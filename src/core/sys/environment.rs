//! The process: its environment, privileges, executable and host name.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::file;
use super::loaded::{self, lazy};
use super::symbols::{From, LazySymbol};

/// Returns a copy of a variable's value. It is copied at once, since the program may change its environment at any
/// time; libc's own resolver takes the same risk.
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

/// Variables with the values that they had when the library was loaded: a program may overwrite its environment, and
/// unset variables with which it was started. They are stored as text, without allocating memory, since this is done
/// whenever a program starts.
pub struct KeptVariables {
    /// NAME=VALUE, each terminated by a NUL.
    text: UnsafeCell<[u8; ROOM]>,
    /// The number of bytes used.
    used: AtomicUsize,
}

/// The size of the storage: more than the variables of nss-bypass usually take.
const ROOM: usize = 1024;

// SAFETY: only `keep` writes the text, before it sets `used` to more than 0.
unsafe impl Sync for KeptVariables {}

impl KeptVariables {
    /// Creates an empty set.
    pub const fn new() -> Self {
        Self { text: UnsafeCell::new([0; ROOM]), used: AtomicUsize::new(0) }
    }

    /// Stores the variables whose names have this prefix. Returns `false`, and stores none, if there is not enough
    /// space.
    ///
    /// # Safety
    /// `environment` must be null or an array of C strings that ends with a null pointer, and must not be changed
    /// during the call. The function must be called only once.
    #[inline(always)]
    pub unsafe fn keep(&self, environment: *const *const libc::c_char, prefix: &[u8]) -> bool {
        let (mut place, mut used) = (environment, 0);
        while !place.is_null() {
            // SAFETY: guaranteed by the caller; the null pointer has not been reached.
            let variable = unsafe { *place };
            if variable.is_null() {
                break;
            }
            // SAFETY: guaranteed by the caller.
            if unsafe { begins_with(variable, prefix) } {
                // SAFETY: as above; nothing reads the text yet.
                match unsafe { self.copy(variable, used) } {
                    Some(end) => used = end,
                    None => return false,
                }
            }
            // SAFETY: this was not the last element.
            place = unsafe { place.add(1) };
        }
        if used > 0 {
            self.used.store(used, Ordering::Release);
        }
        true
    }

    /// Copies a string to this offset of the text, and returns the offset after it; `None` if there is not enough
    /// space.
    ///
    /// # Safety
    /// `string` must be a C string, and nothing else may use the text during the call.
    #[inline(always)]
    unsafe fn copy(&self, string: *const libc::c_char, mut at: usize) -> Option<usize> {
        let mut from = string.cast::<u8>();
        while at < ROOM {
            // SAFETY: the end of the string has not been reached.
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

    /// Returns whether no variables are stored.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.used.load(Ordering::Acquire) == 0
    }

    /// Returns the value of a variable.
    #[inline(always)]
    pub fn get(&self, name: &CStr) -> Option<&CStr> {
        if self.is_empty() { None } else { self.find(name) }
    }

    fn find(&self, name: &CStr) -> Option<&CStr> {
        let used = self.used.load(Ordering::Acquire);
        // SAFETY: the text is not written any more once `used` is more than 0.
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
/// `text` must be a C string.
#[inline(always)]
unsafe fn begins_with(text: *const libc::c_char, prefix: &[u8]) -> bool {
    let mut place = text.cast::<u8>();
    prefix.iter().all(|&byte| {
        // SAFETY: all bytes before were equal to those of the prefix, which has no NUL, so the end of the string has
        // not been reached.
        let same = unsafe { *place } == byte;
        place = place.wrapping_add(1);
        same
    })
}

/// Returns whether the program runs with more privileges than its caller (set-user-ID, file capabilities;
/// getauxval(3)). The dynamic linker removes glibc's own variables from the environment of such a program, but not
/// those of nss-bypass.
pub fn is_privileged() -> bool {
    // SAFETY: getauxval only reads the vector that the kernel left on the stack.
    (unsafe { libc::getauxval(libc::AT_SECURE) }) != 0
}

lazy! {
    /// getenv(3)
    fn getenv(name: *const libc::c_char) -> *mut libc::c_char, absent: std::ptr::null_mut();
    /// gethostname(2)
    fn gethostname(name: *mut libc::c_char, length: usize) -> libc::c_int, absent: -1;
    /// getpid(2)
    fn getpid() -> libc::pid_t, absent: 0;
}

/// Returns the host name (gethostname(2)); empty if it cannot be read.
pub fn hostname() -> Vec<u8> {
    let mut buffer = [0_u8; 256];
    // SAFETY: the buffer is writable for this length; its last byte remains NUL.
    let result = unsafe { gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    if result != 0 {
        return Vec::new();
    }
    CStr::from_bytes_until_nul(&buffer).map(|name| name.to_bytes().to_vec()).unwrap_or_default()
}

/// Returns the short name of the program, for the log: glibc's copy of `argv[0]` after the last slash
/// (program_invocation_short_name(3)).
pub fn program() -> Vec<u8> {
    static NAME: LazySymbol = LazySymbol::new(From::Program, c"program_invocation_short_name", loaded::by_dlsym);
    // SAFETY: null or libc's variable, which is set before the code of any library runs.
    let name = unsafe { NAME.get().cast::<*const libc::c_char>().as_ref() };
    name.and_then(|name| copied(*name)).unwrap_or_default()
}

/// Returns the absolute path of the executable; `None` if it cannot be determined. It is the file in /proc/self/maps
/// that contains the entry point (AT_ENTRY, getauxval(3)), since glibc's resolver does not call readlink(2). That file
/// is that of the main thread, and empty after this thread has ended, so /proc/thread-self/maps (Linux 3.17) is read
/// first.
pub fn executable() -> Option<Vec<u8>> {
    // SAFETY: getauxval only reads the vector that the kernel left on the stack.
    let entry = unsafe { libc::getauxval(libc::AT_ENTRY) };
    let maps = [c"/proc/thread-self/maps", c"/proc/self/maps"];
    maps.into_iter().find_map(|path| executable_in(&file::read(path).ok()?.bytes, entry))
}

/// Returns the path of the file that is mapped at an address (proc_pid_maps(5)).
fn executable_in(maps: &[u8], address: u64) -> Option<Vec<u8>> {
    let number = |text: &[u8]| u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok();
    let is_there = |line: &&[u8]| {
        let mut range = line.split(|&byte| byte == b' ').next().unwrap_or_default().split(|&byte| byte == b'-');
        let (start, end) = (range.next().and_then(number), range.next().and_then(number));
        start.is_some_and(|start| start <= address) && end.is_some_and(|end| address < end)
    };
    let line = maps.split(|&byte| byte == b'\n').find(is_there)?;
    let path = line.get(line.iter().position(|&byte| byte == b'/')?..)?;
    // The file has been replaced since the program started, as in an upgrade.
    Some(path.strip_suffix(b" (deleted)").unwrap_or(path).to_vec())
}

/// Returns the ID of this process.
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
        // SAFETY: an array of C strings that ends with a null pointer.
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
        // SAFETY: null is permitted.
        assert!(unsafe { empty.keep(std::ptr::null(), b"NSS") } && empty.is_empty());
    }
}
