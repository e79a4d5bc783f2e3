//! libc's own look at services, for modules of nsswitch.conf that only libc can ask. It may ask nscd about them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

use libc::servent;

use super::{errno, fork, set_errno};

unsafe extern "C" {
    fn getservbyname_r(
        name: *const c_char,
        protocol: *const c_char,
        found: *mut servent,
        buffer: *mut c_char,
        length: usize,
        result: *mut *mut servent,
    ) -> c_int;
    fn getservbyport_r(
        port: c_int,
        protocol: *const c_char,
        found: *mut servent,
        buffer: *mut c_char,
        length: usize,
        result: *mut *mut servent,
    ) -> c_int;
}

/// Bytes that glibc's own callers begin with, and that are the most for one service.
const BUFFER: usize = 1024;
const LARGEST_BUFFER: usize = 64 << 10;

/// The port of a service for this protocol, in host byte order.
pub fn by_name(name: &[u8], protocol: &[u8]) -> Option<u16> {
    let (name, protocol) = (CString::new(name).ok()?, CString::new(protocol).ok()?);
    ask(
        // SAFETY: C strings, and places for all results.
        |found, buffer, length, result| unsafe {
            getservbyname_r(name.as_ptr(), protocol.as_ptr(), found, buffer, length, result)
        },
        |found| Some(u16::from_be(found.s_port as u16)),
    )
}

/// The name of a service by its port, in host byte order, for this protocol.
pub fn by_port(port: u16, protocol: &[u8]) -> Option<Vec<u8>> {
    let protocol = CString::new(protocol).ok()?;
    ask(
        // SAFETY: a C string, and places for all results.
        |found, buffer, length, result| unsafe {
            getservbyport_r(c_int::from(port.to_be()), protocol.as_ptr(), found, buffer, length, result)
        },
        // SAFETY: the name of what was found is a C string in the buffer.
        |found| Some(unsafe { CStr::from_ptr(found.s_name) }.to_bytes().to_vec()),
    )
}

/// Calls one of them with a buffer that is long enough. errno stays as it was. Not where a fork may have left a lock of
/// glibc's held.
fn ask<T>(
    call: impl Fn(*mut servent, *mut c_char, usize, *mut *mut servent) -> c_int,
    read: impl Fn(&servent) -> Option<T>,
) -> Option<T> {
    if !fork::is_safe_for_locks() {
        return None;
    }
    let before = errno();
    let mut length = BUFFER;
    let found = loop {
        let mut found = MaybeUninit::<servent>::uninit();
        let mut buffer: Vec<c_char> = vec![0; length];
        let mut result = ptr::null_mut();
        let code = call(found.as_mut_ptr(), buffer.as_mut_ptr(), length, &mut result);
        if code == libc::ERANGE && length < LARGEST_BUFFER {
            length *= 2;
            continue;
        }
        // SAFETY: null, or `found`, which was filled in then and points into the buffer.
        break unsafe { result.as_ref() }.and_then(&read);
    };
    set_errno(before);
    found
}
