//! Symbols of the libraries with which the process was started, looked up without dlsym(3). That function takes a lock
//! of the dynamic linker, which a fork can leave held, or which another thread can hold while it waits for this one; it
//! changes what dlerror(3) returns; and before glibc 2.34 it is in libdl, which few programs have loaded.
//!
//! Instead, this reads the dynamic linker's list of libraries (link.h, `r_debug`), from the program to libc.so.6. These
//! are not unloaded before the process ends; libraries that dlopen(3) adds, and dlclose(3) removes, come after them.
//! The symbol that is selected is the one that dlsym would select (glibc's elf/dl-lookup.c, `do_lookup_x` and
//! `check_match`).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Where a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the program, as with `RTLD_DEFAULT`. This library itself is skipped.
    Program,
    /// After this library, as with `RTLD_NEXT`.
    Next,
    /// At libc.
    Libc,
}

/// The result of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The symbol's address.
    At(*mut c_void),
    /// No library up to libc has the symbol.
    Absent,
    /// The result cannot be determined: this library is in a link-map namespace of its own (dlmopen(3)), or comes after
    /// libc and the search is to begin there; libc is not glibc; or the symbol is an indirect function or thread-local.
    Unknown,
}

/// An entry of a dynamic section (elf.h, `ElfW(Dyn)`).
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    tag: usize,
    value: usize,
}

const DT_NULL: usize = 0;
const DT_HASH: usize = 4;
const DT_STRTAB: usize = 5;
const DT_SYMTAB: usize = 6;
const DT_DEBUG: usize = 21;
const DT_GNU_HASH: usize = 0x6fff_fef5;
const DT_VERSYM: usize = 0x6fff_fff0;

/// A library (link.h, `struct link_map`).
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const Entry,
    next: *const LinkMap,
}

/// link.h, `struct r_debug`, up to the last field that is read here.
#[repr(C)]
struct Debug {
    version: c_int,
    first: *const LinkMap,
}

unsafe extern "C" {
    /// The dynamic section of this library, which the linker defines.
    static _DYNAMIC: [Entry; 0];
}

/// Looks up a symbol.
pub fn find(name: &CStr, from: From) -> Found {
    let own = &raw const _DYNAMIC;
    let first = first();
    // Another libc has a different format of these tables, so nothing of them is read.
    if !has_libc(first) {
        return Found::Unknown;
    }
    let (mut object, mut is_behind, mut found) = (first, false, Found::Absent);
    let hash = gnu_hash(name.to_bytes());
    // SAFETY: null, or an entry of the list that is never removed: nothing after libc's entry is read.
    while let Some(library) = unsafe { object.as_ref() } {
        let (is_own, is_libc) = (library.dynamic == own.cast(), library.is_libc());
        let is_searched = match from {
            From::Program => !is_own,
            From::Next => is_behind,
            From::Libc => is_libc,
        };
        if is_searched && found == Found::Absent {
            found = library.symbol(name, hash);
        }
        is_behind |= is_own;
        if is_libc {
            let is_known = is_behind || from != From::Next && library.is_our_libc();
            return if is_known { found } else { Found::Unknown };
        }
        object = library.next;
    }
    Found::Unknown
}

/// Returns whether the list that begins here includes glibc's libc.
fn has_libc(mut object: *const LinkMap) -> bool {
    // SAFETY: null, or an entry of the list. Entries after libc's are read only if there is no libc.
    while let Some(library) = unsafe { object.as_ref() } {
        if library.is_libc() {
            return true;
        }
        object = library.next;
    }
    false
}

/// Returns the first entry of the list, the program; null if it is unknown.
fn first() -> *const LinkMap {
    let dynamic = program_dynamic();
    // SAFETY: null, or the dynamic section of the program.
    let debug: *const Debug = unsafe { value_of(dynamic, DT_DEBUG) }.map_or(ptr::null(), ptr::with_exposed_provenance);
    // SAFETY: null, or the structure that the dynamic linker provides for debuggers, which is never freed.
    unsafe { debug.as_ref() }.map_or(ptr::null(), |debug| debug.first)
}

/// Returns the dynamic section of the program, which its program headers point to (getauxval(3), `AT_PHDR`); null if it
/// has none.
fn program_dynamic() -> *const Entry {
    // SAFETY: getauxval only reads the vector that the kernel left on the stack.
    let address = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
    // SAFETY: as above.
    let count = unsafe { libc::getauxval(libc::AT_PHNUM) } as usize;
    if address == 0 {
        return ptr::null();
    }
    // SAFETY: there are this number of headers, according to the kernel or, if that was executed as a program, the
    // dynamic linker.
    let headers = unsafe { std::slice::from_raw_parts(ptr::with_exposed_provenance::<Header>(address), count) };
    let place_of = |kind| headers.iter().find(|header| header.p_type == kind).map(|header| header.p_vaddr as usize);
    match (place_of(libc::PT_PHDR), place_of(libc::PT_DYNAMIC)) {
        (Some(own), Some(dynamic)) => ptr::with_exposed_provenance(address.wrapping_sub(own).wrapping_add(dynamic)),
        _ => ptr::null(),
    }
}

#[cfg(target_pointer_width = "64")]
type Header = libc::Elf64_Phdr;
#[cfg(target_pointer_width = "64")]
type Symbol = libc::Elf64_Sym;

/// Returns the value of the first entry with this tag in a dynamic section; `None` if there is none or the value is 0.
///
/// # Safety
/// `section` must be null, or end with a `DT_NULL` entry.
unsafe fn value_of(mut section: *const Entry, tag: usize) -> Option<usize> {
    // SAFETY: null, or an entry, since the last one has not been reached.
    while let Some(entry) = unsafe { section.as_ref() } {
        match entry.tag {
            DT_NULL => return None,
            found if found == tag => return Some(entry.value).filter(|&value| value != 0),
            // SAFETY: this was not the last entry.
            _ => section = unsafe { section.add(1) },
        }
    }
    None
}

impl LinkMap {
    /// Returns the address of the table to which an entry of the dynamic section points.
    fn table<T>(&self, tag: usize) -> Option<*const T> {
        // SAFETY: the dynamic linker has read this section itself, and converted its values to addresses.
        unsafe { value_of(self.dynamic, tag) }.map(ptr::with_exposed_provenance)
    }

    fn is_libc(&self) -> bool {
        // SAFETY: the name is not null, so it is the path of the library.
        let name = if self.name.is_null() { c"" } else { unsafe { CStr::from_ptr(self.name) } };
        name.to_bytes().rsplit(|&byte| byte == b'/').next() == Some(b"libc.so.6")
    }

    /// Returns whether this is the libc that this library is bound to, rather than that of another namespace: whether
    /// it contains one of its functions, which no other library defines, between its base address and its dynamic
    /// section.
    fn is_our_libc(&self) -> bool {
        let function: unsafe extern "C" fn(_) -> _ = libc::getauxval;
        (self.base..self.dynamic.addr()).contains(&(function as usize))
    }

    /// Returns whether this is the vDSO, which has functions for the time only, and in older kernels no `DT_GNU_HASH`
    /// table.
    fn is_vdso(&self) -> bool {
        const LARGEST: usize = 64 << 10;
        // SAFETY: getauxval only reads the vector that the kernel left on the stack.
        let start = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
        start != 0 && (start..start + LARGEST).contains(&self.dynamic.addr())
    }

    fn symbol(&self, name: &CStr, hash: u32) -> Found {
        if self.is_vdso() {
            return Found::Absent;
        }
        let (Some(symbols), Some(strings)) = (self.table::<Symbol>(DT_SYMTAB), self.table::<c_char>(DT_STRTAB)) else {
            return Found::Absent;
        };
        let candidates = match (self.table::<u32>(DT_GNU_HASH), self.table::<u32>(DT_HASH)) {
            // SAFETY: the hash table of the library.
            (Some(table), _) => unsafe { Candidates::new(table, hash) },
            // SAFETY: as above.
            (None, Some(table)) => unsafe { Candidates::of_all(table) },
            (None, None) => return Found::Absent,
        };
        let versions = self.table::<u16>(DT_VERSYM);
        for index in candidates {
            // SAFETY: all tables extend as far as the hash table.
            let symbol = unsafe { at(symbols, index) };
            // SAFETY: as above.
            let version = versions.map_or(0, |versions| unsafe { at(versions, index) });
            // SAFETY: the name of the symbol is in the string table.
            let is_named_so = unsafe { CStr::from_ptr(strings.wrapping_add(symbol.st_name as usize)) } == name;
            if is_named_so && is_for_dlsym(&symbol, version) {
                return match symbol.st_info & 0xf {
                    // Data or a function.
                    0..=2 => {
                        Found::At(ptr::with_exposed_provenance_mut(self.base.wrapping_add(symbol.st_value as usize)))
                    }
                    // An indirect function (STT_GNU_IFUNC) or a thread-local variable (STT_TLS).
                    _ => Found::Unknown,
                };
            }
        }
        Found::Absent
    }
}

/// Returns whether dlsym(3) would select this symbol: it is defined, not hidden, and has the version with which
/// programs are linked today.
fn is_for_dlsym(symbol: &Symbol, version: u16) -> bool {
    const SHN_UNDEF: u16 = 0;
    const STV_DEFAULT: u8 = 0;
    const STV_PROTECTED: u8 = 3;
    const HIDDEN: u16 = 0x8000;
    const FIRST_VERSION: u16 = 2;
    symbol.st_shndx != SHN_UNDEF
        && symbol.st_value != 0
        && symbol.st_info >> 4 != 0
        && matches!(symbol.st_other & 3, STV_DEFAULT | STV_PROTECTED)
        && (version & HIDDEN == 0 || version & !HIDDEN < FIRST_VERSION)
}

/// The indexes of the symbols that may have a name.
enum Candidates {
    /// From the newer table (`DT_GNU_HASH`): the hash, the next symbol, the first symbol in the table, and its hash
    /// values.
    Chain { hash: u32, index: u32, first: u32, hashes: *const u32 },
    /// All symbols, with the older table (`DT_HASH`), which is rarely the only one.
    All(std::ops::Range<u32>),
}

impl Candidates {
    /// # Safety
    /// `table` must be the `DT_GNU_HASH` table of a library that is not unloaded.
    unsafe fn new(table: *const u32, hash: u32) -> Self {
        // SAFETY: the table begins with four numbers.
        let [buckets, first, words, shift] = unsafe { table.cast::<[u32; 4]>().read() };
        let none = Self::All(0..0);
        if buckets == 0 || words == 0 {
            return none;
        }
        let filter = table.wrapping_add(4).cast::<usize>();
        let heads = filter.wrapping_add(words as usize).cast::<u32>();
        // SAFETY: there are this number of words, a power of two.
        let word = unsafe { at(filter, (hash / usize::BITS) & (words - 1)) };
        if word >> (hash % usize::BITS) & word >> (hash.wrapping_shr(shift) % usize::BITS) & 1 == 0 {
            return none;
        }
        // SAFETY: there are this number of buckets.
        let index = unsafe { at(heads, hash % buckets) };
        Self::Chain { hash, index, first, hashes: heads.wrapping_add(buckets as usize) }
    }

    /// # Safety
    /// `table` must be the `DT_HASH` table of a library that is not unloaded.
    unsafe fn of_all(table: *const u32) -> Self {
        // SAFETY: the table begins with two numbers; the second one is the number of symbols.
        Self::All(1..unsafe { at(table, 1) })
    }
}

impl Iterator for Candidates {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (hash, index, first, hashes) = match self {
            Self::Chain { hash, index, first, hashes } => (*hash, index, *first, *hashes),
            Self::All(rest) => return rest.next(),
        };
        while *index >= first && *index != 0 {
            let this = *index;
            // SAFETY: a chain of hashes ends with one whose lowest bit is set.
            let found = unsafe { at(hashes, this - first) };
            *index = if found & 1 == 0 { this + 1 } else { 0 };
            if found | 1 == hash | 1 {
                return Some(this);
            }
        }
        None
    }
}

/// # Safety
/// The table must have more than `index` elements.
unsafe fn at<T: Copy>(table: *const T, index: u32) -> T {
    // SAFETY: guaranteed by the caller.
    unsafe { table.wrapping_add(index as usize).read() }
}

fn gnu_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(byte.into()))
}

/// Runs a search without changing errno: the function that is found may be called next, with the errno of the program.
pub fn keeping_errno<T>(search: impl FnOnce() -> T) -> T {
    // SAFETY: no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: always a valid pointer to this thread's errno.
    let before = unsafe { errno.read() };
    let found = search();
    // SAFETY: as above; no other thread writes this thread's errno.
    unsafe { errno.write(before) };
    found
}

/// A symbol that is looked up when it is first needed.
pub struct LazySymbol {
    from: From,
    name: &'static CStr,
    otherwise: fn(&CStr, Found) -> *mut c_void,
    address: AtomicPtr<c_void>,
}

impl LazySymbol {
    /// Creates one for this name. `otherwise` is called if the search does not find the symbol.
    pub const fn new(from: From, name: &'static CStr, otherwise: fn(&CStr, Found) -> *mut c_void) -> Self {
        Self { from, name, otherwise, address: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The symbol has been looked up, and does not exist.
    const NONE: *mut c_void = ptr::without_provenance_mut(1);

    /// Returns the address of the symbol; null if there is none.
    pub fn get(&self) -> *mut c_void {
        let known = self.address.load(Ordering::Acquire);
        let found = if known.is_null() { self.look_up() } else { known };
        if found == Self::NONE { ptr::null_mut() } else { found }
    }

    #[cold]
    fn look_up(&self) -> *mut c_void {
        let found = keeping_errno(|| match find(self.name, self.from) {
            Found::At(address) => address,
            not_found => (self.otherwise)(self.name, not_found),
        });
        let found = if found.is_null() { Self::NONE } else { found };
        self.address.store(found, Ordering::Release);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_dlsym(name: &CStr) -> *mut c_void {
        // SAFETY: `name` is a C string.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    }

    #[test]
    fn what_is_found_is_what_dlsym_finds() {
        // With several versions, with one, an alias, and data.
        let names = [c"getaddrinfo", c"gethostbyname_r", c"pthread_create", c"stat", c"program_invocation_short_name"];
        for name in
            names.into_iter().chain([c"__libc_single_threaded", c"__nss_configure_lookup", c"environ", c"dlopen"])
        {
            assert_eq!(find(name, From::Program), Found::At(by_dlsym(name)), "{name:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_absent() {
        for name in [c"no_such_symbol", c"", c"GLIBC_2.17", c"__vdso_time"] {
            assert!(by_dlsym(name).is_null());
            assert_eq!(find(name, From::Program), Found::Absent);
        }
    }

    #[test]
    fn what_must_be_called_for_its_address_is_left_to_dlsym() {
        assert_eq!(find(c"strlen", From::Program), Found::Unknown);
        assert_eq!(LazySymbol::new(From::Program, c"strlen", |name, _| by_dlsym(name)).get(), by_dlsym(c"strlen"));
    }

    /// The program is this test.
    #[test]
    fn behind_the_program_there_is_libc() {
        for from in [From::Next, From::Libc] {
            assert_eq!(find(c"getaddrinfo", from), Found::At(by_dlsym(c"getaddrinfo")));
        }
    }
}
