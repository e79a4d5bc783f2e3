//! Modules of nsswitch.conf that only libc can load. They are asked about services in the way libc asks them
//! (nss/getXXbyYY_r.c), but without nscd, which libc's own getservbyname_r would ask first.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_void, servent};

use super::{errno, fork, loaded, set_errno};

/// Status values of nss.h.
const SUCCESS: c_int = 1;
const TRY_AGAIN: c_int = -2;

/// `_nss_MODULE_getservbyname_r`
type ByName = unsafe extern "C" fn(*const c_char, *const c_char, *mut servent, *mut c_char, usize, *mut c_int) -> c_int;
/// `_nss_MODULE_getservbyport_r`
type ByPort = unsafe extern "C" fn(c_int, *const c_char, *mut servent, *mut c_char, usize, *mut c_int) -> c_int;

/// The initial size of the buffer, as in glibc's own callers, and a size that is larger than any service needs.
const BUFFER: usize = 1024;
const LARGEST_BUFFER: usize = 64 << 10;

/// Returns the port of a service with this protocol, in host byte order, as a module finds it.
pub fn port_of(module: &[u8], name: &[u8], protocol: &[u8]) -> Option<u16> {
    let (name, protocol) = (CString::new(name).ok()?, CString::new(protocol).ok()?);
    let function = function(module, "getservbyname_r")?;
    // SAFETY: a function of this name has this type in every module (glibc's nss/nss.h).
    let function = unsafe { std::mem::transmute::<*mut c_void, ByName>(function) };
    ask(
        // SAFETY: the arguments are C strings and places for all results.
        |found, buffer, length, error| unsafe {
            function(name.as_ptr(), protocol.as_ptr(), found, buffer, length, error)
        },
        |found| Some(u16::from_be(found.s_port as u16)),
    )
}

/// Returns the name of the service with this port, in host byte order, and protocol, as a module finds it.
pub fn name_of(module: &[u8], port: u16, protocol: &[u8]) -> Option<Vec<u8>> {
    let protocol = CString::new(protocol).ok()?;
    let function = function(module, "getservbyport_r")?;
    // SAFETY: as above.
    let function = unsafe { std::mem::transmute::<*mut c_void, ByPort>(function) };
    ask(
        // SAFETY: the arguments are a C string and places for all results.
        |found, buffer, length, error| unsafe {
            function(c_int::from(port.to_be()), protocol.as_ptr(), found, buffer, length, error)
        },
        // SAFETY: the name in the result is a C string in the buffer.
        |found| Some(unsafe { CStr::from_ptr(found.s_name) }.to_bytes().to_vec()),
    )
}

/// Returns a function of a module, which is loaded as libc loads it, and is never unloaded. Returns `None` if a fork
/// may have left a lock held that this takes.
fn function(module: &[u8], name: &str) -> Option<*mut c_void> {
    if !fork::is_safe_for_locks() || module.contains(&b'/') {
        return None;
    }
    let file = CString::new([b"libnss_", module, b".so.2"].concat()).ok()?;
    let symbol = CString::new([b"_nss_", module, b"_", name.as_bytes()].concat()).ok()?;
    // SAFETY: a C string. The administrator has configured the module, and libc would run its constructors too.
    let library = unsafe { loaded::dlopen(file.as_ptr(), libc::RTLD_NOW) };
    let found = if library.is_null() {
        ptr::null_mut()
    } else {
        // SAFETY: the handle is valid, and `symbol` is a C string.
        unsafe { loaded::dlsym(library, symbol.as_ptr()) }
    };
    if found.is_null() {
        loaded::forget_error(); // The program must not see an error that is not its own.
    }
    Some(found).filter(|found| !found.is_null())
}

/// Calls a function with a buffer that is large enough. errno is left unchanged.
fn ask<T>(
    call: impl Fn(*mut servent, *mut c_char, usize, *mut c_int) -> c_int,
    read: impl Fn(&servent) -> Option<T>,
) -> Option<T> {
    let before = errno();
    let mut length = BUFFER;
    let found = loop {
        let mut found = MaybeUninit::<servent>::uninit();
        let mut buffer: Vec<c_char> = vec![0; length];
        let mut error = 0;
        match call(found.as_mut_ptr(), buffer.as_mut_ptr(), length, &mut error) {
            TRY_AGAIN if error == libc::ERANGE && length < LARGEST_BUFFER => length *= 2,
            // SAFETY: on success, the structure has been filled in; it points into the buffer.
            SUCCESS => break read(unsafe { found.assume_init_ref() }),
            _ => break None,
        }
    };
    set_errno(before);
    found
}
