//! Internationalised names (`AI_IDN`, `AI_CANONIDN`), as glibc does them: with libidn2, where that is installed
//! (inet/idna.c).

use std::ffi::CStr;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_char, c_int, c_void, wchar_t};
use nss_bypass_core::late;
use nss_bypass_core::sys::{fault, loaded};

use crate::netdb::EAI_IDN_ENCODE;

/// It had no memory (idn2.h).
const IDN2_MALLOC: c_int = -100;

late! {
    /// wchar.h; an `mbstate_t` is two words, zero at the beginning.
    fn mbrtowc(wide: *mut wchar_t, text: *const c_char, length: usize, state: *mut [c_int; 2]) -> usize, absent: 0;
}

/// A function of libidn2: text in the locale's encoding or in UTF-8 in, malloc's memory out.
type Convert = unsafe extern "C" fn(*const c_char, *mut *mut c_char, c_int) -> c_int;

/// A function of libidn2, looked up when it is first needed. The library then stays loaded, as it does for glibc.
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
            // SAFETY: the name is a C string; libidn2's constructors are safe to run at any time.
            let library = unsafe { loaded::dlopen(c"libidn2.so.0".as_ptr(), libc::RTLD_NOW) };
            if library.is_null() {
                return None; // It may be there the next time.
            }
            // SAFETY: the handle is valid and the symbol a C string.
            address = unsafe { loaded::dlsym(library, self.symbol.as_ptr()) };
            self.address.store(address, Ordering::Release);
        }
        if address.is_null() {
            return None;
        }
        // SAFETY: both symbols have this type in libidn2's version 0 (idn2.h).
        Some(unsafe { mem::transmute::<*mut c_void, Convert>(address) })
    }

    /// EAI_IDN_ENCODE where there is no libidn2, or it does not know what to make of the text.
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
        // SAFETY: on success it is a C string from malloc.
        let bytes = unsafe { CStr::from_ptr(converted) }.to_bytes().to_vec();
        // SAFETY: as above, and nobody else has it.
        unsafe { libc::free(converted.cast()) };
        Ok(bytes)
    }
}

/// The A-label form of a name with bytes beyond ASCII, in the current locale's encoding; or getaddrinfo's code. errno is
/// left as the conversion leaves it.
pub(crate) fn to_a_labels(name: &CStr) -> Result<Vec<u8>, c_int> {
    // A backslash would mean one thing to libidn2 and another to DNS.
    if is_text_without_backslash(name) { LOOKUP.call(name) } else { Err(EAI_IDN_ENCODE) }
}

/// Reads a name as the current locale's encoding has it (inet/idna_name_classify.c).
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
                None => return false, // (size_t) -1 or -2: no character, or a part of one.
            },
        }
        has_backslash |= wide == wchar_t::from(b'\\');
    }
}

/// The U-label form of a canonical name, in the current locale's encoding; the name itself where there is none.
pub(crate) fn to_u_labels(name: &[u8]) -> Vec<u8> {
    let is_a_label = |label: &[u8]| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
    if !name.split(|&byte| byte == b'.').any(is_a_label) {
        return name.to_vec(); // Nothing to convert, and no library to load for it.
    }
    let text = std::ffi::CString::new(name).ok();
    text.and_then(|text| TO_UNICODE.call(&text).ok()).unwrap_or_else(|| name.to_vec())
}
