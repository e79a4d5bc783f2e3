//! Entry points for the fuzz targets: packing results, and the buffer size that this requires.

use libc::{addrinfo, c_char, c_int, hostent};
use nss_bypass_core::files::hosts::Key;
use nss_bypass_core::model::{Address, Answer};

use crate::layout::addrinfo as list;
use crate::layout::hostent::{self as host, Order};
use crate::layout::room::{self, Buffer};
use crate::request::service::Service;

/// See `hostent::pack`. The lists come first in DNS answers to reverse lookups.
///
/// # Safety
/// `host` must be writable, and `buffer` writable for `length` bytes.
pub unsafe fn pack(
    answer: &Answer,
    host: *mut hostent,
    buffer: *mut c_char,
    length: usize,
    lists_first: bool,
) -> Option<()> {
    let order = if lists_first { Order::ListsFirst } else { Order::ListsLast };
    // SAFETY: guaranteed by the caller.
    unsafe { host::pack(answer, host, buffer, length, order) }
}

/// Creates a list for freeaddrinfo in the given order; services are socket type, protocol and port. Unless `finished`,
/// the list is freed again, and the result is `None`.
pub fn list(
    addresses: &[Address],
    services: &[(c_int, c_int, u16)],
    flags: c_int,
    name: Option<&[u8]>,
    finished: bool,
) -> Option<*mut addrinfo> {
    let service = |&(socket_type, protocol, port)| Service { socket_type, protocol, port };
    let services: Vec<Service> = services.iter().map(service).collect();
    list::build(addresses, &services, flags, name, finished)
}

/// Returns the number of bytes that glibc requires of a buffer at this address to search a text of /etc/hosts for
/// `key`.
pub fn room(text: &[u8], key: Key<'_>, multi: bool, address: usize) -> usize {
    room::room(text, key, multi, address)
}

/// Returns whether a buffer is large enough for that.
pub fn is_enough(address: usize, length: usize, text: &[u8], key: Key<'_>, multi: bool) -> bool {
    Buffer { address, length }.is_enough(text, key, multi)
}
