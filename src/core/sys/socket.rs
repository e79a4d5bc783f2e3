//! Sockets for one lookup: non-blocking, close-on-exec, and never kept between calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::clock::Deadline;
use super::file::Descriptor;
use super::loaded::lazy;
use super::{Errno, abandoned, calls, checked, checked_int, reentrancy};

/// The time in milliseconds after which the program may jump out of a lookup that waits.
const FIRST_WAIT: i32 = 20;

/// A socket address in the format of the kernel.
#[derive(Clone, Copy)]
pub(super) struct Raw {
    storage: libc::sockaddr_in6, // the larger of the two
    length: libc::socklen_t,
}

impl Raw {
    pub(super) fn from(address: &SocketAddr) -> Self {
        // SAFETY: all-zero bytes are a valid sockaddr_in6.
        let mut storage: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
        let length = match address {
            SocketAddr::V6(v6) => {
                storage.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                storage.sin6_port = v6.port().to_be();
                storage.sin6_flowinfo = v6.flowinfo();
                storage.sin6_addr.s6_addr = v6.ip().octets();
                storage.sin6_scope_id = v6.scope_id();
                size_of::<libc::sockaddr_in6>()
            }
            SocketAddr::V4(v4) => {
                let inet = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                // SAFETY: sockaddr_in6 is larger than sockaddr_in and at least as aligned; both are plain data.
                unsafe { std::ptr::from_mut(&mut storage).cast::<libc::sockaddr_in>().write(inet) };
                size_of::<libc::sockaddr_in>()
            }
        };
        Self { storage, length: length as libc::socklen_t }
    }

    fn as_ptr(&self) -> *const libc::sockaddr {
        std::ptr::from_ref(&self.storage).cast()
    }
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until data can be read.
    Readable,
    /// Until data can be written.
    Writable,
    /// Until either is possible.
    Either,
}

/// The result of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Data can be written (checked first, as in glibc).
    Write,
    /// Data can be read.
    Read,
    /// The socket has an error, such as one reported by ICMP.
    Error,
    /// The deadline has passed.
    TimedOut,
}

/// A socket of one lookup.
pub struct Socket(Descriptor);

impl Drop for Socket {
    fn drop(&mut self) {
        abandoned::forget(self.0.0);
    }
}

impl Socket {
    #[cfg(test)]
    pub(super) fn descriptor(&self) -> i32 {
        self.0.0
    }

    fn open(family: i32, kind: i32) -> Result<Self, Errno> {
        super::fault::point();
        // SAFETY: socket has no memory preconditions.
        let descriptor = unsafe { calls::socket(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
        let descriptor = checked_int(descriptor)?;
        if let Some(frame) = reentrancy::innermost() {
            abandoned::note(descriptor, frame);
        }
        Ok(Self(Descriptor(descriptor)))
    }

    fn family(address: &SocketAddr) -> i32 {
        if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }
    }

    /// Creates a UDP socket of the address's family, which is not connected.
    pub fn datagram(address: &SocketAddr) -> Result<Self, Errno> {
        Self::open(Self::family(address), libc::SOCK_DGRAM)
    }

    /// Creates a TCP socket of the address's family, which is not connected.
    pub fn stream(address: &SocketAddr) -> Result<Self, Errno> {
        Self::open(Self::family(address), libc::SOCK_STREAM)
    }

    /// Enables the reporting of all ICMP errors, not only of permanent ones, so that an unreachable server is detected
    /// at once (glibc, resolv/res_enable_icmp.c).
    pub fn report_icmp(&self, address: &SocketAddr) -> Result<(), Errno> {
        let (level, option) = match address {
            SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
            SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
        };
        let on: i32 = 1;
        let length = size_of::<i32>() as libc::socklen_t;
        // SAFETY: `on` is readable for `length` bytes.
        let result = unsafe { calls::setsockopt(self.0.0, level, option, std::ptr::from_ref(&on).cast(), length) };
        checked_int(result).map(|_| ())
    }

    /// Connects the socket, or begins to.
    pub fn connect(&self, address: &SocketAddr) -> Result<(), Errno> {
        super::fault::point();
        let raw = Raw::from(address);
        // SAFETY: `raw` holds a socket address of the length given.
        checked_int(unsafe { calls::connect(self.0.0, raw.as_ptr(), raw.length) }).map(|_| ())
    }

    /// Dissolves the association of a UDP socket with its peer.
    pub fn disconnect(&self) {
        // SAFETY: all-zero bytes are a valid sockaddr; AF_UNSPEC is 0.
        let nobody: libc::sockaddr = unsafe { std::mem::zeroed() };
        let length = size_of::<libc::sockaddr>() as libc::socklen_t;
        // SAFETY: `nobody` is a socket address of the length given.
        unsafe { calls::connect(self.0.0, &nobody, length) };
    }

    /// Returns the result of a connection attempt, once the socket is writable. It is determined by connecting again,
    /// since glibc's resolver never calls getsockopt(2), so that a filter made for it may not permit that.
    pub fn finish_connecting(&self, address: &SocketAddr) -> Result<(), Errno> {
        match self.connect(address) {
            Err(Errno(libc::EISCONN)) => Ok(()),
            result => result,
        }
    }

    /// Sends one datagram, or the next bytes of a stream. Never raises SIGPIPE.
    pub fn send(&self, bytes: &[u8]) -> Result<usize, Errno> {
        super::fault::point();
        let start = bytes.as_ptr().cast();
        // SAFETY: `bytes` is readable for its length; no address is given.
        checked(unsafe { calls::sendto(self.0.0, start, bytes.len(), libc::MSG_NOSIGNAL, std::ptr::null(), 0) })
    }

    /// Sends two datagrams with one system call, and returns how many were sent.
    pub fn send_two(&self, first: &[u8], second: &[u8]) -> Result<usize, Errno> {
        super::fault::point();
        let part = |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut parts = [part(first), part(second)];
        let message = |part: *mut libc::iovec| {
            // SAFETY: all-zero bytes are a valid mmsghdr: no name, no control data.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        };
        let [one, two] = &mut parts;
        let mut messages = [message(one), message(two)];
        // SAFETY: both headers point to one iovec each, and these to readable bytes (sendmmsg does not write to them).
        let sent = unsafe { calls::sendmmsg(self.0.0, messages.as_mut_ptr(), 2, libc::MSG_NOSIGNAL) };
        checked_int(sent).map(|sent| sent as usize)
    }

    /// Receives one datagram, of which the buffer may have room for a part only, and returns the length of the whole
    /// datagram.
    pub fn receive(&self, buffer: &mut Vec<u8>) -> Result<usize, Errno> {
        super::fault::point();
        buffer.clear();
        let room = buffer.spare_capacity_mut();
        let (start, size) = (room.as_mut_ptr().cast(), room.len());
        let nobody = std::ptr::null_mut();
        // SAFETY: the spare capacity is writable for its length; no address is requested.
        let received = unsafe { calls::recvfrom(self.0.0, start, size, libc::MSG_TRUNC, nobody, std::ptr::null_mut()) };
        let length = checked(received)?;
        // SAFETY: recvfrom has filled this number of bytes of the spare capacity.
        unsafe { buffer.set_len(length.min(size)) };
        Ok(length)
    }

    /// Receives bytes of a stream; returns 0 at its end.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        super::fault::point();
        let (start, nobody) = (buffer.as_mut_ptr().cast(), std::ptr::null_mut());
        // SAFETY: the buffer is writable for its length; no address is requested.
        checked(unsafe { calls::recvfrom(self.0.0, start, buffer.len(), 0, nobody, std::ptr::null_mut()) })
    }

    /// Waits until the socket is ready, or until the deadline. Neither signals nor a sender that always has more data
    /// prolong it.
    pub fn wait(&self, wait: Wait, deadline: Deadline) -> Result<Ready, Errno> {
        super::fault::point();
        let events = match wait {
            Wait::Readable => libc::POLLIN,
            Wait::Writable => libc::POLLOUT,
            Wait::Either => libc::POLLIN | libc::POLLOUT,
        };
        let mut longest = FIRST_WAIT;
        loop {
            let mut poll = libc::pollfd { fd: self.0.0, events, revents: 0 };
            if deadline.is_past() {
                return Ok(Ready::TimedOut);
            }
            let left = deadline.remaining_ms().min(longest);
            // SAFETY: one valid pollfd is passed.
            match reentrancy::unmarked(|| checked_int(calls::poll(&mut poll, left))) {
                Err(Errno(libc::EINTR)) => {}
                Ok(0) => {
                    abandoned::identify();
                    longest = i32::MAX;
                }
                Ok(_) if poll.revents & libc::POLLOUT != 0 => return Ok(Ready::Write),
                Ok(_) if poll.revents & libc::POLLIN != 0 => return Ok(Ready::Read),
                Ok(_) => return Ok(Ready::Error),
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns whether data can be read at once.
    pub fn has_data(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.0.0, events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd is passed.
        let count = calls::poll(&mut poll, 0);
        count > 0 && poll.revents & libc::POLLIN != 0
    }

    /// Returns the local address of this socket (getsockname(2)).
    pub fn local_address(&self) -> Option<IpAddr> {
        super::fault::point();
        // SAFETY: all-zero bytes are a valid sockaddr_in6.
        let mut storage: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        let out = std::ptr::from_mut(&mut storage).cast();
        // SAFETY: `storage` is writable for `length` bytes.
        checked_int(unsafe { calls::getsockname(self.0.0, out, &mut length) }).ok()?;
        match i32::from(storage.sin6_family) {
            libc::AF_INET6 => Some(IpAddr::V6(Ipv6Addr::from(storage.sin6_addr.s6_addr))),
            libc::AF_INET => {
                // SAFETY: according to the family, the storage has a sockaddr_in, which is smaller.
                let inet = unsafe { std::ptr::from_ref(&storage).cast::<libc::sockaddr_in>().read() };
                Some(IpAddr::V4(Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes())))
            }
            _ => None,
        }
    }
}

/// Returns the socket address of an address, a port and a scope ID.
pub fn endpoint(ip: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match ip {
        IpAddr::V4(v4) => SocketAddr::V4(SocketAddrV4::new(v4, port)),
        IpAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scope)),
    }
}

/// Sends one message to a Unix datagram socket, such as that of syslog.
pub fn send_to_path(path: &[u8], message: &[u8]) -> Result<(), Errno> {
    // SAFETY: all-zero bytes are a valid sockaddr_un.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    if path.len() >= address.sun_path.len() {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    for (to, from) in address.sun_path.iter_mut().zip(path) {
        *to = *from as libc::c_char;
    }
    let socket = Socket::open(libc::AF_UNIX, libc::SOCK_DGRAM)?;
    let (to, length) = (std::ptr::from_ref(&address).cast(), size_of::<libc::sockaddr_un>() as libc::socklen_t);
    let (bytes, size) = (message.as_ptr().cast(), message.len());
    // SAFETY: the message is readable for its size and the address for its length.
    checked(unsafe { calls::sendto(socket.0.0, bytes, size, libc::MSG_NOSIGNAL, to, length) }).map(|_| ())
}

lazy! {
    /// if_nametoindex(3)
    fn if_nametoindex(name: *const libc::c_char) -> libc::c_uint, absent: 0;
}

/// Returns the index of the interface with this name (if_nametoindex(3)).
pub fn interface_index(name: &[u8]) -> Option<u32> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: `name` is a C string.
    let index = unsafe { if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}
