//! `struct hostent`: an answer in a buffer.

use std::net::IpAddr;
use std::ptr;

use libc::{c_char, c_int, hostent};
use nss_bypass_core::model::Answer;

use crate::request::text::text;

/// The order in which glibc's modules fill a buffer, which determines how long it must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Names, addresses, and the lists of both.
    ListsLast,
    /// DNS answers to reverse lookups: the lists, the name, the address. The terminating NULL of the list of addresses
    /// also serves as the empty list of aliases.
    ListsFirst,
}

/// The offsets of the parts of an answer in a buffer.
pub(super) struct Layout {
    address_list: usize,
    alias_list: usize,
    names: usize,
    addresses: usize,
    pub(super) end: usize,
}

impl Layout {
    /// Computes the offsets. Lists are aligned to pointers and addresses to four bytes, wherever the buffer begins.
    pub(super) fn new(answer: &Answer, width: usize, start: usize, order: Order) -> Self {
        const ADDRESS_ALIGNMENT: usize = 4;
        const POINTER: usize = size_of::<*mut c_char>();
        let aligned = |offset: usize, to: usize| (start + offset).next_multiple_of(to) - start;
        let Answer { canonical, aliases, addresses } = answer;
        let names_length = canonical.len() + 1 + aliases.iter().map(|alias| alias.len() + 1).sum::<usize>();
        let addresses_length = addresses.len() * width;
        let address_list_length = (addresses.len() + 1) * POINTER;
        match order {
            Order::ListsFirst if aliases.is_empty() => {
                let address_list = aligned(0, POINTER);
                let names = address_list + address_list_length;
                let addresses = aligned(names + names_length, ADDRESS_ALIGNMENT);
                Self { address_list, alias_list: names - POINTER, names, addresses, end: addresses + addresses_length }
            }
            Order::ListsFirst | Order::ListsLast => {
                let addresses = aligned(names_length, ADDRESS_ALIGNMENT);
                let address_list = aligned(addresses + addresses_length, POINTER);
                let alias_list = address_list + address_list_length;
                let end = alias_list + (aliases.len() + 1) * POINTER;
                Self { address_list, alias_list, names: 0, addresses, end }
            }
        }
    }
}

/// Returns the length in bytes of the addresses of this answer.
pub(super) fn width(answer: &Answer) -> usize {
    if answer.addresses.first().is_some_and(|address| address.ip.is_ipv4()) { 4 } else { 16 }
}

/// Returns the name of a hostent.
///
/// # Safety
/// `host` must be libc's hostent.
pub(crate) unsafe fn name(host: *const hostent) -> Vec<u8> {
    // SAFETY: guaranteed by the caller.
    let name = unsafe { (*host).h_name };
    // SAFETY: as above.
    unsafe { text(name) }.unwrap_or_default().to_vec()
}

/// Returns the addresses of a hostent.
///
/// # Safety
/// `host` must be libc's hostent.
pub(crate) unsafe fn addresses(host: *const hostent) -> Vec<IpAddr> {
    // SAFETY: guaranteed by the caller.
    let hostent { h_addrtype: family, h_addr_list: mut list, .. } = unsafe { host.read() };
    let mut addresses = Vec::new();
    loop {
        // SAFETY: an array of pointers that ends with a null pointer.
        let address = unsafe { *list };
        if address.is_null() {
            return addresses;
        }
        addresses.push(if family == libc::AF_INET {
            // SAFETY: an address of this family.
            IpAddr::from(unsafe { address.cast::<[u8; 4]>().read_unaligned() })
        } else {
            // SAFETY: as above.
            IpAddr::from(unsafe { address.cast::<[u8; 16]>().read_unaligned() })
        });
        // SAFETY: this was not the last pointer.
        list = unsafe { list.add(1) };
    }
}

/// Writes an answer, and everything that it points to, into a buffer of any alignment. Returns `None` if the buffer is
/// too short.
///
/// # Safety
/// `host` must be writable, and `buffer` writable for `length` bytes.
pub(crate) unsafe fn pack(
    answer: &Answer,
    host: *mut hostent,
    buffer: *mut c_char,
    length: usize,
    order: Order,
) -> Option<()> {
    let width = width(answer);
    let address_type = if width == 4 { libc::AF_INET } else { libc::AF_INET6 };
    let layout = Layout::new(answer, width, buffer.addr(), order);
    if length < layout.end {
        return None;
    }
    // SAFETY: the offset is within the buffer.
    let at = |offset: usize| unsafe { buffer.add(offset) };
    let copy = |bytes: &[u8], offset: &mut usize| {
        let start = at(*offset);
        // SAFETY: the layout includes every byte that is copied; the answer is not in the caller's buffer.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), start, bytes.len()) };
        *offset += bytes.len();
        start
    };
    let point = |list: usize, index: usize, to: *mut c_char| {
        let place = at(list + index * size_of::<*mut c_char>()).cast::<*mut c_char>();
        // SAFETY: the layout includes every pointer, and its lists are aligned.
        unsafe { place.write(to) };
    };
    let mut end = layout.addresses;
    for (index, address) in answer.addresses.iter().enumerate() {
        let copied = match address.ip {
            IpAddr::V4(ip) => copy(&ip.octets(), &mut end),
            IpAddr::V6(ip) => copy(&ip.octets(), &mut end),
        };
        point(layout.address_list, index, copied);
    }
    point(layout.address_list, answer.addresses.len(), ptr::null_mut());
    let mut end = layout.names;
    let mut string = |bytes: &[u8]| {
        let start = copy(bytes, &mut end);
        copy(b"\0", &mut end);
        start
    };
    let name = string(&answer.canonical);
    for (index, alias) in answer.aliases.iter().enumerate() {
        point(layout.alias_list, index, string(alias));
    }
    point(layout.alias_list, answer.aliases.len(), ptr::null_mut());
    let filled = hostent {
        h_name: name,
        h_aliases: at(layout.alias_list).cast(),
        h_addrtype: address_type,
        h_length: width as c_int,
        h_addr_list: at(layout.address_list).cast(),
    };
    // SAFETY: guaranteed by the caller.
    unsafe { host.write(filled) };
    Some(())
}
