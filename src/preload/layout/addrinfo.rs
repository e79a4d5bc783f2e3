//! `struct addrinfo`: an answer as a list that freeaddrinfo(3) frees.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ptr;

use libc::{addrinfo, c_char, c_int, c_void, sockaddr, sockaddr_in, sockaddr_in6};
use nss_bypass_core::late;
use nss_bypass_core::model::{Address, Answer};
use nss_bypass_core::sys::fault;

use crate::request::service::Service;

late! {
    /// freeaddrinfo(3)
    fn freeaddrinfo(list: *mut addrinfo) -> (), absent: ();
}

/// A list that freeaddrinfo can free.
pub(crate) struct List(pub(crate) *mut addrinfo);

/// One node for each address and service, in this order of address number × services + service number; the name, if it is
/// wanted, at the first. None: no memory.
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

/// The addresses of a list, each once.
///
/// # Safety
/// NULL, or a list of getaddrinfo's.
pub(crate) unsafe fn addresses(mut list: *const addrinfo) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    // SAFETY: the caller's promise, also of all that comes next.
    while let Some(node) = unsafe { list.as_ref() } {
        let address = match node.ai_family {
            libc::AF_INET => {
                // SAFETY: an address of this family is behind the pointer.
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

/// A list as `list` makes it, but in the order given: for the fuzz targets. Not `finished`, it is left in the middle.
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

/// A list in the making; freed if it is not finished.
struct Builder {
    first: *mut addrinfo,
    last: *mut addrinfo,
}

/// glibc allocates each node with its address behind it (sysdeps/posix/getaddrinfo.c, `generate_addrinfo`), and
/// freeaddrinfo frees just the node and its name. The memory is the process's malloc's.
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
        // SAFETY: the field lies within the allocation; no reference is made.
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
        // SAFETY: malloc gave room for a node, aligned for any type.
        unsafe { node.write(Linked { info, address }) };
        let node = node.cast::<addrinfo>();
        if self.last.is_null() {
            self.first = node;
        } else {
            // SAFETY: `last` is a node of this list, which nobody else has seen yet.
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
            // SAFETY: the nodes are malloc's, in the shape that freeaddrinfo expects, and nobody else has them.
            unsafe { freeaddrinfo(self.first) };
        }
    }
}

/// A C string from malloc. None: no memory.
fn allocate_string(text: &[u8]) -> Option<*mut c_char> {
    fault::point();
    // SAFETY: malloc may be called with any size.
    let copy = unsafe { libc::malloc(text.len() + 1) }.cast::<u8>();
    if copy.is_null() {
        return None;
    }
    // SAFETY: the allocation has room for the text and a NUL, and is new.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len()) };
    // SAFETY: the last byte of the allocation.
    let end = unsafe { copy.add(text.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    Some(copy.cast::<c_void>().cast())
}
