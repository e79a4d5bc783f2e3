//! Internationalised names (`AI_IDN`, `AI_CANONIDN`), converted as in glibc: with libidn2, if it is installed
//! (inet/idna.c); before glibc 2.28, with glibc's own libcidn, which implements IDNA 2003 (libidn/idn-stub.c).

use std::ffi::CStr;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_char, c_int, c_void, wchar_t};
use nss_bypass_core::lazy;
use nss_bypass_core::sys::{fault, glibc, loaded};

use crate::netdb::EAI_IDN_ENCODE;

lazy! {
    /// mbrtowc(3); an `mbstate_t` consists of two words, which are initially zero.
    fn mbrtowc(wide: *mut wchar_t, text: *const c_char, length: usize, state: *mut [c_int; 2]) -> usize, absent: 0;
}

/// A library that converts names.
struct Library {
    file: &'static CStr,
    /// getaddrinfo's code if the library is not installed.
    absent: c_int,
    /// The library's own code if it could not allocate memory.
    no_memory: c_int,
}

/// idn2.h
static LIBIDN2: Library = Library { file: c"libidn2.so.0", absent: EAI_IDN_ENCODE, no_memory: -100 };
/// libidn/idna.h
static LIBCIDN: Library = Library { file: c"libcidn.so.1", absent: libc::EAI_SYSTEM, no_memory: 201 };

/// A conversion: it takes text in the locale's encoding or in UTF-8, and flags, and returns memory of malloc.
type Convert = unsafe extern "C" fn(*const c_char, *mut *mut c_char, c_int) -> c_int;

/// A function of such a library, which is looked up when it is first needed. As with glibc, the library is then never
/// unloaded.
struct Function {
    library: &'static Library,
    symbol: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Function {
    const fn new(library: &'static Library, symbol: &'static CStr) -> Self {
        Self { library, symbol, address: AtomicPtr::new(ptr::null_mut()) }
    }
}

/// The two conversions of the library that the running glibc uses.
struct Conversions {
    to_a_labels: Function,
    to_u_labels: Function,
}

static IDNA_2008: Conversions = Conversions {
    to_a_labels: Function::new(&LIBIDN2, c"idn2_lookup_ul"),
    to_u_labels: Function::new(&LIBIDN2, c"idn2_to_unicode_lzlz"),
};
static IDNA_2003: Conversions = Conversions {
    to_a_labels: Function::new(&LIBCIDN, c"idna_to_ascii_lz"),
    to_u_labels: Function::new(&LIBCIDN, c"idna_to_unicode_lzlz"),
};

fn uses_libidn2() -> bool {
    glibc::minor() >= glibc::LIBIDN2
}

fn conversions() -> &'static Conversions {
    if uses_libidn2() { &IDNA_2008 } else { &IDNA_2003 }
}

impl Function {
    fn get(&self) -> Option<Convert> {
        let mut address = self.address.load(Ordering::Acquire);
        if address.is_null() {
            // SAFETY: the name is a C string; the constructors of these libraries can run at any time.
            let library = unsafe { loaded::dlopen(self.library.file.as_ptr(), libc::RTLD_NOW) };
            if library.is_null() {
                return None; // It may be installed the next time.
            }
            // SAFETY: the handle is valid, and the symbol is a C string.
            address = unsafe { loaded::dlsym(library, self.symbol.as_ptr()) };
            self.address.store(address, Ordering::Release);
        }
        if address.is_null() {
            return None;
        }
        // SAFETY: all four symbols have this type in these versions of the libraries (idn2.h, libidn/idna.h).
        Some(unsafe { mem::transmute::<*mut c_void, Convert>(address) })
    }

    /// Calls the function. Returns EAI_IDN_ENCODE if the library rejects the text, and `absent` if it is not installed.
    fn call(&self, text: &CStr, flags: c_int) -> Result<Vec<u8>, c_int> {
        fault::point();
        let convert = self.get().ok_or(self.library.absent)?;
        let mut converted: *mut c_char = ptr::null_mut();
        // SAFETY: the text is a C string and `converted` writable.
        match unsafe { convert(text.as_ptr(), &mut converted, flags) } {
            0 if !converted.is_null() => {}
            code if code == self.library.no_memory => return Err(libc::EAI_MEMORY),
            _ => return Err(EAI_IDN_ENCODE),
        }
        // SAFETY: on success, it is a C string allocated by malloc.
        let bytes = unsafe { CStr::from_ptr(converted) }.to_bytes().to_vec();
        // SAFETY: as above, and nothing else refers to it.
        unsafe { libc::free(converted.cast()) };
        Ok(bytes)
    }
}

/// Returns the A-label form of a name with non-ASCII bytes in the current locale's encoding, or getaddrinfo's code.
/// errno is left as the conversion leaves it. Of the caller's `ai_flags`, libcidn honours `AI_IDN_ALLOW_UNASSIGNED` and
/// `AI_IDN_USE_STD3_ASCII_RULES`, which have no effect since glibc 2.28.
pub(crate) fn to_a_labels(name: &CStr, ai_flags: c_int) -> Result<Vec<u8>, c_int> {
    if !uses_libidn2() {
        // These two bits, shifted by eight, are IDNA_ALLOW_UNASSIGNED and IDNA_USE_STD3_ASCII_RULES.
        return IDNA_2003.to_a_labels.call(name, ai_flags >> 8 & 3);
    }
    // A backslash has different meanings for libidn2 and for DNS.
    if is_text_without_backslash(name) { IDNA_2008.to_a_labels.call(name, 0) } else { Err(EAI_IDN_ENCODE) }
}

/// Decodes a name in the current locale's encoding (inet/idna_name_classify.c).
fn is_text_without_backslash(name: &CStr) -> bool {
    let mut rest = name.to_bytes_with_nul();
    let mut state = [0; 2];
    let mut has_backslash = false;
    loop {
        let mut wide = 0;
        // SAFETY: the rest is readable for its length; `wide` and `state` are writable.
        match unsafe { mbrtowc(&mut wide, rest.as_ptr().cast(), rest.len(), &mut state) } {
            0 => return !has_backslash,
            length => match rest.get(length..) {
                Some(after) => rest = after,
                None => return false, // (size_t) -1 or -2: an invalid or an incomplete character.
            },
        }
        has_backslash |= wide == wchar_t::from(b'\\');
    }
}

/// Returns the U-label form of a canonical name in the current locale's encoding, or the name itself if there is none.
pub(crate) fn to_u_labels(name: &[u8]) -> Vec<u8> {
    let is_a_label = |label: &[u8]| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
    if !name.split(|&byte| byte == b'.').any(is_a_label) {
        return name.to_vec(); // There is nothing to convert, so no library has to be loaded.
    }
    let text = std::ffi::CString::new(name).ok();
    text.and_then(|text| conversions().to_u_labels.call(&text, 0).ok()).unwrap_or_else(|| name.to_vec())
}
