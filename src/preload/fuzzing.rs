//! The packers, and the room that they want: an opening for the fuzz targets.

use libc::{addrinfo, c_char, c_int, hostent};
use nss_bypass_core::files::hosts::Key;
use nss_bypass_core::model::{Address, Answer};

use crate::layout::addrinfo as list;
use crate::layout::hostent::{self as host, Order};
use crate::layout::room::{self, Buffer};
use crate::request::service::Service;

/// See `hostent::pack`. The lists come first in answers of DNS about an address.
///
/// # Safety
/// `host` is writable, `buffer` for `length` bytes.
pub unsafe fn pack(
    answer: &Answer,
    host: *mut hostent,
    buffer: *mut c_char,
    length: usize,
    lists_first: bool,
) -> Option<()> {
    let order = if lists_first { Order::ListsFirst } else { Order::ListsLast };
    // SAFETY: the caller's promise.
    unsafe { host::pack(answer, host, buffer, length, order) }
}

/// A list for freeaddrinfo, in the order given; services are socket type, protocol and port. None where it is not to be
/// finished: then it has been freed.
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

/// Bytes that glibc wants of a buffer at this address to look for `key` in a text of /etc/hosts.
pub fn room(text: &[u8], key: Key<'_>, multi: bool, address: usize) -> usize {
    room::room(text, key, multi, address)
}

/// Whether a buffer is long enough for that.
pub fn is_enough(address: usize, length: usize, text: &[u8], key: Key<'_>, multi: bool) -> bool {
    Buffer { address, length }.is_enough(text, key, multi)
}
