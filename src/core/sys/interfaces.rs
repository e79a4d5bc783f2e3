//! The addresses of this network namespace, requested from the kernel with rtnetlink(7).
//!
//! libc's own function (`__check_pf`) asks nscd for a time stamp first, and takes a lock that a fork can leave held.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::clock::Deadline;
use super::file::Descriptor;
use super::{Errno, calls, checked, checked_int, memory};

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// The prefix length of the network in bits.
    pub prefix: u8,
    /// The index of the interface.
    pub index: u32,
    /// For RFC 3484, rule 3: the address is deprecated, or has not yet been found to be unique.
    pub deprecated: bool,
    /// For RFC 3484, rule 4: the address is a home address of Mobile IPv6.
    pub home: bool,
}

const HEADER: usize = size_of::<libc::nlmsghdr>();
const IFADDRMSG: usize = 8;
const IFINFOMSG: usize = 16;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_HOMEADDRESS: u8 = 0x10;
const IFA_F_DEPRECATED: u8 = 0x20;
const IFA_F_OPTIMISTIC: u8 = 0x04;
/// The size of the receive buffer: the kernel's dump buffers have at most 32 KiB.
const BUFFER: usize = 32 * 1024;

/// Returns all addresses of all interfaces, in the order of the kernel.
pub fn list() -> Result<Vec<InterfaceAddress>, Errno> {
    super::fault::point();
    let mut found = Vec::new();
    dump(libc::RTM_GETADDR, IFADDRMSG, &mut |kind, body| {
        if kind == libc::RTM_NEWADDR {
            found.extend(parse_address(body));
        }
    })?;
    Ok(found)
}

/// Returns the types (`ARPHRD_*`) of all interfaces, with their indexes.
pub fn kinds() -> Result<Vec<(u32, u16)>, Errno> {
    super::fault::point();
    let mut found = Vec::new();
    dump(libc::RTM_GETLINK, IFINFOMSG, &mut |kind, body| {
        if kind == libc::RTM_NEWLINK {
            // struct ifinfomsg: family, padding, type (u16), index (i32), flags, change.
            let arp = body.get(2..4).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
            let index = body.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
            found.extend(index.zip(arp));
        }
    })?;
    Ok(found)
}

fn dump(request: u16, body: usize, each: &mut dyn FnMut(u16, &[u8])) -> Result<(), Errno> {
    super::fault::point();
    let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket has no memory preconditions.
    let socket = Descriptor(checked_int(unsafe { calls::socket(libc::AF_NETLINK, flags, libc::NETLINK_ROUTE) })?);
    send_request(&socket, request, body)?;
    // The kernel answers during the system calls themselves; the deadline is a safeguard.
    let deadline = Deadline::after(std::time::Duration::from_secs(5));
    let mut buffer = memory::zeroed(BUFFER)?;
    loop {
        let Some(length) = receive(&socket, &mut buffer, deadline)? else { continue };
        let message = buffer.get(..length).unwrap_or_default();
        if each_message(message, each)? {
            return Ok(());
        }
    }
}

fn send_request(socket: &Descriptor, request: u16, body: usize) -> Result<(), Errno> {
    let mut message = [0_u8; HEADER + IFINFOMSG];
    let length = HEADER + body.min(IFINFOMSG);
    let header = libc::nlmsghdr {
        nlmsg_len: length as u32,
        nlmsg_type: request,
        nlmsg_flags: (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16,
        nlmsg_seq: 1,
        nlmsg_pid: 0,
    };
    // SAFETY: the buffer has room for the header; write_unaligned requires no alignment.
    unsafe { message.as_mut_ptr().cast::<libc::nlmsghdr>().write_unaligned(header) };
    // SAFETY: all-zero bytes are a valid sockaddr_nl.
    let mut kernel: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    kernel.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    let (to, size) = (std::ptr::from_ref(&kernel).cast(), size_of::<libc::sockaddr_nl>() as libc::socklen_t);
    // SAFETY: the message is readable for `length` bytes and the address for `size`.
    checked(unsafe { calls::sendto(socket.0, message.as_ptr().cast(), length, 0, to, size) }).map(|_| ())
}

/// Returns the length of the next message; `None` if it was not sent by the kernel.
fn receive(socket: &Descriptor, buffer: &mut [u8], deadline: Deadline) -> Result<Option<usize>, Errno> {
    super::fault::point();
    loop {
        // SAFETY: all-zero bytes are a valid sockaddr_nl.
        let mut sender: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        let mut size = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        let from = std::ptr::from_mut(&mut sender).cast();
        let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: the buffer is writable for its length and the address for `size`.
        let received = checked(unsafe { calls::recvfrom(socket.0, start, length, libc::MSG_TRUNC, from, &mut size) });
        match received {
            Ok(received) if received > buffer.len() => return Err(Errno(libc::EMSGSIZE)),
            Ok(received) => return Ok((sender.nl_pid == 0).then_some(received)),
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) if !deadline.is_past() => {
                let mut poll = libc::pollfd { fd: socket.0, events: libc::POLLIN, revents: 0 };
                // SAFETY: one valid pollfd is passed.
                calls::poll(&mut poll, deadline.remaining_ms());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Passes on each message, and returns whether the last one has been received.
fn each_message(mut bytes: &[u8], each: &mut dyn FnMut(u16, &[u8])) -> Result<bool, Errno> {
    while let Some((length, kind)) = header(bytes) {
        let Some(body) = bytes.get(HEADER..length) else { break };
        match i32::from(kind) {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => return Err(Errno(libc::EIO)),
            _ => each(kind, body),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    (length >= HEADER).then_some((length, kind))
}

/// Parses a struct ifaddrmsg (family, prefix length, flags and scope of one byte each, and a u32 index) and its
/// attributes.
fn parse_address(body: &[u8]) -> Option<InterfaceAddress> {
    let &[family, prefix, flags, _scope, ..] = body else { return None };
    let index = u32::from_ne_bytes(body.get(4..8)?.try_into().ok()?);
    let mut local = None;
    let mut address = None;
    let mut attributes = body.get(IFADDRMSG..)?;
    while let Some((kind, value, rest)) = attribute(attributes) {
        match kind {
            IFA_LOCAL => local = ip(family, value),
            // The peer's address if there is one: glibc prefers it to IFA_LOCAL, and the order matters.
            IFA_ADDRESS => {
                address = ip(family, value);
                break;
            }
            _ => {}
        }
        attributes = rest;
    }
    Some(InterfaceAddress {
        ip: address.or(local)?,
        prefix,
        index,
        deprecated: flags & (IFA_F_DEPRECATED | IFA_F_OPTIMISTIC) != 0,
        home: flags & IFA_F_HOMEADDRESS != 0,
    })
}

fn attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
    let value = bytes.get(4..length)?;
    Some((kind, value, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => value.get(..4)?.try_into().ok().map(|octets: [u8; 4]| IpAddr::V4(Ipv4Addr::from(octets))),
        libc::AF_INET6 => value.get(..16)?.try_into().ok().map(|octets: [u8; 16]| IpAddr::V6(Ipv6Addr::from(octets))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_lists_addresses_or_none_at_all() {
        for address in list().unwrap() {
            assert!(address.index > 0);
        }
    }

    #[test]
    fn messages_cut_anywhere_are_harmless() {
        let mut bytes = [0_u8; 64];
        bytes[0] = 64;
        bytes[4] = 20;
        for end in 0..bytes.len() {
            let _ = each_message(&bytes[..end], &mut |_, body| {
                let _ = parse_address(body);
            });
        }
    }
}
