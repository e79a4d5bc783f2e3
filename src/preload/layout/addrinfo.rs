//! `struct addrinfo`: an answer as a list that freeaddrinfo(3) frees.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ptr;

use libc::{addrinfo, c_char, c_int, c_void, sockaddr, sockaddr_in, sockaddr_in6};
use nss_bypass_core::lazy;
use nss_bypass_core::model::{Address, Answer};
use nss_bypass_core::sys::fault;

use crate::request::service::Service;

lazy! {
    /// freeaddrinfo(3)
    fn freeaddrinfo(list: *mut addrinfo) -> (), absent: ();
}

/// A list that freeaddrinfo(3) can free.
pub(crate) struct List(pub(crate) *mut addrinfo);

/// Creates one node for each address and service, in the given order of indexes (index of the address × number of
/// services + index of the service). The name, if there is one, is stored in the first node. Returns `None` if there is
/// no memory.
pub(crate) fn list(
    answer: &Answer,
    services: &[Service],
    order: &[usize],
    flags: c_int,
    name: Option<Cow<'_, [u8]>>,
) -> Option<List> {
    fault::point();
    let mut list = Builder { first: ptr::null_mut(), last: ptr::null_mut() };
    for &place in order {
        let (address, service) = (place.checked_div(services.len())?, place.checked_rem(services.len())?);
        list.push(*answer.addresses.get(address)?, *services.get(service)?, flags)?;
    }
    if let Some(name) = name {
        list.name(&name)?;
    }
    Some(list.finish())
}

/// Returns the addresses of a list without duplicates.
///
/// # Safety
/// `list` must be NULL, or a list of getaddrinfo.
pub(crate) unsafe fn addresses(mut list: *const addrinfo) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    // SAFETY: guaranteed by the caller, also for the nodes that follow.
    while let Some(node) = unsafe { list.as_ref() } {
        let address = match node.ai_family {
            libc::AF_INET => {
                // SAFETY: the pointer is to an address of this family.
                let inet = unsafe { node.ai_addr.cast::<sockaddr_in>().read_unaligned() };
                Some(IpAddr::from(inet.sin_addr.s_addr.to_ne_bytes()))
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let inet6 = unsafe { node.ai_addr.cast::<sockaddr_in6>().read_unaligned() };
                Some(IpAddr::from(inet6.sin6_addr.s6_addr))
            }
            _ => None,
        };
        addresses.extend(address.filter(|address| !addresses.contains(address)));
        list = node.ai_next;
    }
    addresses
}

/// Creates a list as `list` does, but in the given order: for the fuzz targets. Unless `finished`, it is abandoned
/// before the end.
#[cfg(fuzzing)]
pub(crate) fn build(
    addresses: &[Address],
    services: &[Service],
    flags: c_int,
    name: Option<&[u8]>,
    finished: bool,
) -> Option<*mut addrinfo> {
    let mut list = Builder { first: ptr::null_mut(), last: ptr::null_mut() };
    for address in addresses {
        for service in services {
            list.push(*address, *service, flags)?;
        }
    }
    if let Some(name) = name {
        list.name(name)?;
    }
    finished.then(|| list.finish().0)
}

/// A list under construction, which is freed if it is not finished.
struct Builder {
    first: *mut addrinfo,
    last: *mut addrinfo,
}

/// glibc allocates each node together with its address, which follows it (sysdeps/posix/getaddrinfo.c,
/// `generate_addrinfo`), and freeaddrinfo frees only the node and its name. The memory is allocated by the malloc of
/// the process.
#[repr(C)]
struct Linked<A> {
    info: addrinfo,
    address: A,
}

impl Builder {
    fn push(&mut self, address: Address, service: Service, flags: c_int) -> Option<()> {
        match address.ip {
            IpAddr::V4(ip) => {
                let inet = sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: service.port.to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                    sin_zero: [0; 8],
                };
                self.link(libc::AF_INET, inet, service, flags)
            }
            IpAddr::V6(ip) => {
                let inet6 = sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: service.port.to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    sin6_scope_id: address.scope,
                };
                self.link(libc::AF_INET6, inet6, service, flags)
            }
        }
    }

    fn link<A>(&mut self, family: c_int, address: A, service: Service, flags: c_int) -> Option<()> {
        fault::point();
        // SAFETY: malloc may be called with any size.
        let node = unsafe { libc::malloc(size_of::<Linked<A>>()) }.cast::<Linked<A>>();
        if node.is_null() {
            return None;
        }
        // SAFETY: the field is within the allocation; no reference is created.
        let behind = unsafe { &raw mut (*node).address };
        let info = addrinfo {
            ai_flags: flags,
            ai_family: family,
            ai_socktype: service.socket_type,
            ai_protocol: service.protocol,
            ai_addrlen: size_of::<A>() as libc::socklen_t,
            ai_addr: behind.cast::<sockaddr>(),
            ai_canonname: ptr::null_mut(),
            ai_next: ptr::null_mut(),
        };
        // SAFETY: the allocation has room for a node, and is aligned for any type.
        unsafe { node.write(Linked { info, address }) };
        let node = node.cast::<addrinfo>();
        if self.last.is_null() {
            self.first = node;
        } else {
            // SAFETY: `last` is a node of this list, to which nothing else refers yet.
            unsafe { (*self.last).ai_next = node };
        }
        self.last = node;
        Some(())
    }

    fn name(&mut self, name: &[u8]) -> Option<()> {
        let copy = allocate_string(name)?;
        // SAFETY: the list has a first node, since every answer has an address.
        unsafe { (*self.first).ai_canonname = copy };
        Some(())
    }

    fn finish(mut self) -> List {
        List(std::mem::replace(&mut self.first, ptr::null_mut()))
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        if !self.first.is_null() {
            // SAFETY: the nodes were allocated by malloc, in the form that freeaddrinfo expects, and nothing else
            // refers to them.
            unsafe { freeaddrinfo(self.first) };
        }
    }
}

/// Copies a text to a C string that malloc allocates. Returns `None` if there is no memory.
fn allocate_string(text: &[u8]) -> Option<*mut c_char> {
    fault::point();
    // SAFETY: malloc may be called with any size.
    let copy = unsafe { libc::malloc(text.len() + 1) }.cast::<u8>();
    if copy.is_null() {
        return None;
    }
    // SAFETY: the allocation is new, and has room for the text and a NUL.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len()) };
    // SAFETY: the last byte of the allocation.
    let end = unsafe { copy.add(text.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    Some(copy.cast::<c_void>().cast())
}
