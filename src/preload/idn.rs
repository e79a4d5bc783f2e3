//! Internationalised names (`AI_IDN`, `AI_CANONIDN`), as in glibc: with libidn2, if it is installed (inet/idna.c).

use std::ffi::CStr;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_char, c_int, c_void, wchar_t};
use nss_bypass_core::lazy;
use nss_bypass_core::sys::{fault, loaded};

use crate::netdb::EAI_IDN_ENCODE;

/// libidn2 could not allocate memory (idn2.h).
const IDN2_MALLOC: c_int = -100;

lazy! {
    /// mbrtowc(3); an `mbstate_t` consists of two words, which are initially zero.
    fn mbrtowc(wide: *mut wchar_t, text: *const c_char, length: usize, state: *mut [c_int; 2]) -> usize, absent: 0;
}

/// A function of libidn2: it takes text in the locale's encoding or in UTF-8, and returns memory of malloc.
type Convert = unsafe extern "C" fn(*const c_char, *mut *mut c_char, c_int) -> c_int;

/// A function of libidn2, which is looked up when it is first needed. As with glibc, the library is then never
/// unloaded.
struct Function {
    symbol: &'static CStr,
    address: AtomicPtr<c_void>,
}

static LOOKUP: Function = Function { symbol: c"idn2_lookup_ul", address: AtomicPtr::new(ptr::null_mut()) };
static TO_UNICODE: Function = Function { symbol: c"idn2_to_unicode_lzlz", address: AtomicPtr::new(ptr::null_mut()) };

impl Function {
    fn get(&self) -> Option<Convert> {
        let mut address = self.address.load(Ordering::Acquire);
        if address.is_null() {
            // SAFETY: the name is a C string; libidn2's constructors can run at any time.
            let library = unsafe { loaded::dlopen(c"libidn2.so.0".as_ptr(), libc::RTLD_NOW) };
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
        // SAFETY: both symbols have this type in libidn2's version 0 (idn2.h).
        Some(unsafe { mem::transmute::<*mut c_void, Convert>(address) })
    }

    /// Calls the function. Returns EAI_IDN_ENCODE if there is no libidn2, or if it rejects the text.
    fn call(&self, text: &CStr) -> Result<Vec<u8>, c_int> {
        fault::point();
        let convert = self.get().ok_or(EAI_IDN_ENCODE)?;
        let mut converted: *mut c_char = ptr::null_mut();
        // SAFETY: the text is a C string and `converted` writable.
        match unsafe { convert(text.as_ptr(), &mut converted, 0) } {
            0 if !converted.is_null() => {}
            IDN2_MALLOC => return Err(libc::EAI_MEMORY),
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
/// errno is left as the conversion leaves it.
pub(crate) fn to_a_labels(name: &CStr) -> Result<Vec<u8>, c_int> {
    // A backslash has different meanings for libidn2 and for DNS.
    if is_text_without_backslash(name) { LOOKUP.call(name) } else { Err(EAI_IDN_ENCODE) }
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
    text.and_then(|text| TO_UNICODE.call(&text).ok()).unwrap_or_else(|| name.to_vec())
}
