//! getnameinfo for an address that is ours (glibc, inet/getnameinfo.c), without libc's own reverse lookup and its
//! reader of services, which both ask nscd.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

use libc::{c_char, c_int, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};
use nss_bypass_core::files::services;
use nss_bypass_core::model::Name;
use nss_bypass_core::model::{Failure, Family};
use nss_bypass_core::resolve::Engine;
use nss_bypass_core::rules::policy::Subject;
use nss_bypass_core::sys::environment::hostname;
use nss_bypass_core::sys::{Errno, set_errno};
use once_cell::race::OnceBox;

use crate::hostent::set_h_errno;
use crate::lookup::{Ended, bypass};
use crate::state::TABLES;
use crate::{codes, idn, real};

/// The flags that the libc crate lacks (netdb.h).
mod flag {
    use libc::c_int;
    pub(super) const NI_IDN: c_int = 0x20;
    /// NI_IDN_ALLOW_UNASSIGNED and NI_IDN_USE_STD3_ASCII_RULES: without effect, but not wrong.
    pub(super) const DEPRECATED: c_int = 0xc0;
}

const KNOWN_FLAGS: c_int = libc::NI_NUMERICHOST
    | libc::NI_NUMERICSERV
    | libc::NI_NOFQDN
    | libc::NI_NAMEREQD
    | libc::NI_DGRAM
    | flag::NI_IDN
    | flag::DEPRECATED;

/// Memory of the caller's for a text.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: *mut c_char,
    pub(crate) length: socklen_t,
}

impl Place {
    fn is_wanted(self) -> bool {
        !self.start.is_null() && self.length > 0
    }

    /// Writes a text with a NUL behind it, or says EAI_OVERFLOW (`checked_copy`).
    ///
    /// # Safety
    /// The place is writable for its length.
    unsafe fn write(self, text: &[u8]) -> c_int {
        if text.len() >= self.length as usize {
            return libc::EAI_OVERFLOW;
        }
        // SAFETY: the text fits with its NUL; it is not in the caller's memory.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), self.start, text.len()) };
        // SAFETY: within the length, as was just seen.
        let end = unsafe { self.start.add(text.len()) };
        // SAFETY: as above.
        unsafe { end.write(0) };
        0
    }
}

/// A socket address and the hints that go with it.
#[derive(Clone, Copy)]
struct Socket {
    address: *const sockaddr,
    length: socklen_t,
    ip: IpAddr,
    port: u16,
    flags: c_int,
}

impl Socket {
    /// None: an address that has no name, which libc refuses or tells without asking anybody.
    ///
    /// # Safety
    /// `address` is NULL or readable for `length` bytes.
    unsafe fn read(address: *const sockaddr, length: socklen_t, flags: c_int) -> Option<Self> {
        nss_bypass_core::sys::fault::point();
        if address.is_null() || (length as usize) < size_of::<libc::sa_family_t>() {
            return None;
        }
        // SAFETY: the family stands first and is readable; no alignment is asked for.
        let family = unsafe { address.cast::<libc::sa_family_t>().read_unaligned() };
        let (ip, port) = match c_int::from(family) {
            libc::AF_INET if length as usize >= size_of::<sockaddr_in>() => {
                // SAFETY: readable for its length, which was just compared.
                let inet = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
                (IpAddr::V4(Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes())), inet.sin_port)
            }
            libc::AF_INET6 if length as usize >= size_of::<sockaddr_in6>() => {
                // SAFETY: as above.
                let inet6 = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
                (IpAddr::V6(Ipv6Addr::from(inet6.sin6_addr.s6_addr)), inet6.sin6_port)
            }
            _ => return None,
        };
        Some(Self { address, length, ip, port: u16::from_be(port), flags })
    }

    fn has(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }

    /// Numbers as text are libc's: with these flags it asks nobody.
    ///
    /// # Safety
    /// The socket address is as it was when it was read; the places are writable or NULL.
    unsafe fn in_numbers(&self, host: Place, service: Place) -> c_int {
        nss_bypass_core::sys::fault::point();
        let Some(real) = real::GETNAMEINFO.get() else { return libc::EAI_SYSTEM };
        let flags = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
        // SAFETY: the caller's promise.
        unsafe { real(self.address, self.length, host.start, host.length, service.start, service.length, flags) }
    }
}

const NOWHERE: Place = Place { start: ptr::null_mut(), length: 0 };

/// getnameinfo(3) for an address that is ours. None: the call is libc's.
///
/// # Safety
/// The arguments are as its contract asks: a socket address, and two places that are writable or NULL.
pub(crate) unsafe fn lookup(
    address: *const sockaddr,
    length: socklen_t,
    host: Place,
    service: Place,
    flags: c_int,
    before: Errno,
) -> Option<c_int> {
    nss_bypass_core::sys::fault::point();
    let refused = flags & libc::NI_NAMEREQD != 0 && host.start.is_null() && service.start.is_null();
    if flags & !KNOWN_FLAGS != 0 || refused {
        return None; // libc says why.
    }
    let asks_host = host.is_wanted() && flags & libc::NI_NUMERICHOST == 0;
    let asks_service = service.is_wanted() && flags & libc::NI_NUMERICSERV == 0;
    if !asks_host && !asks_service {
        return None; // Numbers as text: libc asks nobody, and is no cancellation point.
    }
    // SAFETY: the caller's promise.
    let socket = unsafe { Socket::read(address, length, flags) }?;
    bypass("getnameinfo", Subject::Address(socket.ip), |engine| {
        set_errno(before);
        let mut ended = Ended::Unasked;
        if host.is_wanted() {
            // SAFETY: the caller's promise.
            let code = unsafe { write_host(engine, &socket, host, &mut ended) };
            if code != 0 {
                return (code, ended);
            }
        }
        // SAFETY: the caller's promise.
        let code = if service.is_wanted() { unsafe { write_service(&socket, service) } } else { 0 };
        (code, ended)
    })
}

/// # Safety
/// As for [`lookup`].
unsafe fn write_host(engine: &Engine<'_>, socket: &Socket, host: Place, ended: &mut Ended) -> c_int {
    nss_bypass_core::sys::fault::point();
    if !socket.has(libc::NI_NUMERICHOST) && socket.ip != IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        match engine.name_of(socket.ip, None) {
            Ok(answer) => {
                let mut name = answer.canonical;
                if socket.has(libc::NI_NOFQDN) {
                    cut_own_domain(engine, &mut name);
                }
                *ended = Ended::Named(name.clone());
                let name = if socket.has(flag::NI_IDN) { idn::to_u_labels(&name) } else { name };
                // SAFETY: the caller's promise.
                return unsafe { host.write(&name) };
            }
            Err(miss) => {
                *ended = Ended::Failed(miss.failure);
                if let Failure::System(_) | Failure::TryAgain = miss.failure {
                    if let Some(value) = codes::h_errno(miss.failure) {
                        set_h_errno(value);
                    }
                    if let Some(errno) = codes::errno(miss.failure) {
                        set_errno(errno);
                    }
                    return codes::eai(miss.failure);
                }
            }
        }
    }
    if socket.has(libc::NI_NAMEREQD) {
        return libc::EAI_NONAME;
    }
    // SAFETY: the caller's promise.
    unsafe { socket.in_numbers(host, NOWHERE) }
}

/// # Safety
/// As for [`lookup`].
unsafe fn write_service(socket: &Socket, service: Place) -> c_int {
    nss_bypass_core::sys::fault::point();
    if !socket.has(libc::NI_NUMERICSERV) {
        let protocol: &[u8] = if socket.has(libc::NI_DGRAM) { b"udp" } else { b"tcp" };
        if let Some(name) = services::by_port(&TABLES.services().unwrap_or_default(), socket.port, protocol) {
            // SAFETY: the caller's promise.
            return unsafe { service.write(&name) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe { socket.in_numbers(NOWHERE, service) }
}

/// `NI_NOFQDN`: of a name in this host's own domain, what stands before the domain.
fn cut_own_domain(engine: &Engine<'_>, name: &mut Vec<u8>) {
    nss_bypass_core::sys::fault::point();
    static DOMAIN: OnceBox<Option<Vec<u8>>> = OnceBox::new();
    let Some(domain) = DOMAIN.get_or_init(|| Box::new(own_domain(engine))) else { return };
    let found = (0..name.len()).find(|&at| name.get(at..).is_some_and(|rest| rest.starts_with(domain)));
    // The first place where it stands, or none.
    if let Some(dot) = found.and_then(|at| at.checked_sub(1)).filter(|&dot| name.get(dot) == Some(&b'.')) {
        name.truncate(dot);
    }
}

/// The domain of this host, found out once (`nrl_domainname`): of "localhost", of the host's name, of that name's
/// canonical form, or of the name of 127.0.0.1; the first that has one.
fn own_domain(engine: &Engine<'_>) -> Option<Vec<u8>> {
    nss_bypass_core::sys::fault::point();
    let domain = |name: &[u8]| {
        let dot = name.iter().position(|&byte| byte == b'.')?;
        name.get(dot + 1..).map(<[u8]>::to_vec)
    };
    let canonical = |name: &[u8]| engine.host(Name::new(name), Family::Inet, None).ok().map(|answer| answer.canonical);
    let host = hostname();
    canonical(b"localhost")
        .and_then(|name| domain(&name))
        .or_else(|| domain(&host))
        .or_else(|| domain(&canonical(&host)?))
        .or_else(|| domain(&engine.name_of(IpAddr::V4(Ipv4Addr::LOCALHOST), None).ok()?.canonical))
}
