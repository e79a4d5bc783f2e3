//! Internationalised names (`AI_IDN`, `AI_CANONIDN`), as glibc does them: with libidn2, where that is installed
//! (inet/idna.c).

use std::ffi::CStr;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{c_char, c_int, c_void};

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
            let library = unsafe { libc::dlopen(c"libidn2.so.0".as_ptr(), libc::RTLD_NOW) };
            if library.is_null() {
                return None; // It may be there the next time.
            }
            // SAFETY: the handle is valid and the symbol a C string.
            address = unsafe { libc::dlsym(library, self.symbol.as_ptr()) };
            self.address.store(address, Ordering::Release);
        }
        if address.is_null() {
            return None;
        }
        // SAFETY: both symbols have this type in libidn2's version 0 (idn2.h).
        Some(unsafe { mem::transmute::<*mut c_void, Convert>(address) })
    }

    /// None where there is no libidn2, or it does not know what to make of the text.
    fn call(&self, text: &CStr) -> Option<Vec<u8>> {
        nss_bypass_core::sys::fault::point();
        let convert = self.get()?;
        let mut converted: *mut c_char = ptr::null_mut();
        // SAFETY: the text is a C string and `converted` writable.
        if unsafe { convert(text.as_ptr(), &mut converted, 0) } != 0 || converted.is_null() {
            return None;
        }
        // SAFETY: on success it is a C string from malloc.
        let bytes = unsafe { CStr::from_ptr(converted) }.to_bytes().to_vec();
        // SAFETY: as above, and nobody else has it.
        unsafe { libc::free(converted.cast()) };
        Some(bytes)
    }
}

/// The A-label form of a name with bytes beyond ASCII, in the current locale's encoding. None: libc shall say why not.
pub(crate) fn to_a_labels(name: &CStr) -> Option<Vec<u8>> {
    nss_bypass_core::sys::fault::point();
    // A backslash would mean one thing to libidn2 and another to DNS.
    if name.to_bytes().contains(&b'\\') { None } else { LOOKUP.call(name) }
}

/// The U-label form of a canonical name, in the current locale's encoding; the name itself where there is none.
pub(crate) fn to_u_labels(name: &[u8]) -> Vec<u8> {
    nss_bypass_core::sys::fault::point();
    let is_a_label = |label: &[u8]| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
    if !name.split(|&byte| byte == b'.').any(is_a_label) {
        return name.to_vec(); // Nothing to convert, and no library to load for it.
    }
    let text = std::ffi::CString::new(name).ok();
    text.and_then(|text| TO_UNICODE.call(&text)).unwrap_or_else(|| name.to_vec())
}
