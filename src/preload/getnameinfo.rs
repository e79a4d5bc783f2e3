//! getnameinfo(3) for an address that a rule matches (glibc, inet/getnameinfo.c), without libc's own reverse lookup and
//! lookup of services, both of which ask nscd.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{c_char, c_int, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};
use nss_bypass_core::model::{Answer, Failure, Family, Name, Subject};
use nss_bypass_core::resolve::{HostKey, Query, Resolved, Resolver};
use nss_bypass_core::rules::rule::Answering;
use nss_bypass_core::settings::record::printable;
use nss_bypass_core::sys::environment::hostname;
use nss_bypass_core::sys::{errno, set_errno};
use once_cell::race::OnceBox;

use crate::codes::{self, set_h_errno};
use crate::hook::Call;
use crate::layout::nameinfo::TextBuffer;
use crate::netdb::{NI_DEPRECATED, NI_IDN};
use crate::state::{self, TABLES};
use crate::verdict::{Ending, FromLibc, Lookup};
use crate::{idn, real};

const KNOWN_FLAGS: c_int = libc::NI_NUMERICHOST
    | libc::NI_NUMERICSERV
    | libc::NI_NOFQDN
    | libc::NI_NAMEREQD
    | libc::NI_DGRAM
    | NI_IDN
    | NI_DEPRECATED;

/// A socket address and the flags.
#[derive(Clone, Copy)]
struct Socket {
    address: *const sockaddr,
    length: socklen_t,
    ip: IpAddr,
    port: u16,
    flags: c_int,
}

impl Socket {
    /// Returns `None` for an address that has no name, which libc rejects or formats without a lookup.
    ///
    /// # Safety
    /// `address` must be NULL, or readable for `length` bytes.
    unsafe fn read(address: *const sockaddr, length: socklen_t, flags: c_int) -> Option<Self> {
        if address.is_null() || (length as usize) < size_of::<libc::sa_family_t>() {
            return None;
        }
        // SAFETY: the family comes first and is readable; no alignment is required.
        let family = unsafe { address.cast::<libc::sa_family_t>().read_unaligned() };
        let (ip, port) = match c_int::from(family) {
            libc::AF_INET if length as usize >= size_of::<sockaddr_in>() => {
                // SAFETY: readable for its length, which has been compared.
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

    /// Returns the name of an answer, in the form that the flags request.
    fn name(&self, answer: &Answer) -> Vec<u8> {
        let mut name = answer.canonical.clone();
        if self.has(libc::NI_NOFQDN) {
            cut_own_domain(&mut name);
        }
        name
    }

    /// Has libc format the numbers: with these flags, it makes no lookup.
    ///
    /// # Safety
    /// The socket address must be unchanged since it was read; the buffers must be writable or NULL.
    unsafe fn in_numbers(&self, host: TextBuffer, service: TextBuffer) -> c_int {
        let Some(real) = real::getnameinfo.get() else { return libc::EAI_SYSTEM };
        let flags = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
        // SAFETY: guaranteed by the caller.
        unsafe { real(self.address, self.length, host.start, host.length, service.start, service.length, flags) }
    }
}

/// getnameinfo(3). Returns `None` if the call is to be forwarded, or libc's result is to be returned.
///
/// # Safety
/// The arguments must be as for getnameinfo(3): a socket address, and two buffers that are writable or NULL.
pub(crate) unsafe fn getnameinfo(
    address: *const sockaddr,
    size: socklen_t,
    host: *mut c_char,
    host_length: socklen_t,
    service: *mut c_char,
    service_length: socklen_t,
    flags: c_int,
    call: Call<c_int>,
) -> Option<c_int> {
    let refused = flags & libc::NI_NAMEREQD != 0 && host.is_null() && service.is_null();
    if flags & !KNOWN_FLAGS != 0 || refused {
        return None; // libc returns the error.
    }
    let host = TextBuffer { start: host, length: host_length };
    let service = TextBuffer { start: service, length: service_length };
    let asks_host = host.is_wanted() && flags & libc::NI_NUMERICHOST == 0;
    let asks_service = service.is_wanted() && flags & libc::NI_NUMERICSERV == 0;
    if !asks_host && !asks_service {
        return None; // Only numbers are requested: libc makes no lookup, and this is not a cancellation point.
    }
    // SAFETY: guaranteed by the caller.
    let socket = unsafe { Socket::read(address, size, flags) }?;
    let rules = state::rules()?;
    let errno_of_libc = errno();
    set_errno(call.at_entry());
    // SAFETY: libc has written the name there if its result says so.
    let name_by_libc = || unsafe { host.read() };
    let in_log = || printable(&name_by_libc());
    let mut has_numbers = false;
    let call = call.map(|code| match code {
        0 if asks_host && is_text_of(socket.ip, &name_by_libc()) => {
            has_numbers = true;
            FromLibc::Failed(Failure::NotFound)
        }
        0 => FromLibc::Found(&in_log),
        code => FromLibc::unfound(codes::failure_of_eai(code, errno_of_libc), code),
    });
    let lookup = Lookup::of("getnameinfo", Subject::Address(socket.ip), &rules, &call)?;
    let resolved = (asks_host && socket.ip != IpAddr::V6(Ipv6Addr::UNSPECIFIED))
        .then(|| lookup.resolver().resolve(Query::Host { key: HostKey::Address(socket.ip), buffer: None }));
    let name = resolved.as_ref().and_then(found).map(|answer| socket.name(answer));
    let ending = match (&resolved, &name) {
        (_, Some(name)) => Ending::Name(name),
        (Some(Resolved { result: Err(miss), .. }), None) => Ending::Failed(miss.failure),
        _ => Ending::NumbersOnly,
    };
    let code = if lookup.falls_back(ending) {
        None
    } else {
        // SAFETY: guaranteed by the caller.
        let code = unsafe { write(&socket, ending, host, if has_numbers { TextBuffer::NONE } else { service }) };
        // libc's numeric result is better than a name for which there is no room.
        Some(code).filter(|&code| code == 0 || !has_numbers)
    };
    lookup.log(ending, resolved.and_then(|resolved| resolved.source));
    code
}

/// Writes the requested texts.
///
/// # Safety
/// As for [`getnameinfo`].
unsafe fn write(socket: &Socket, ending: Ending<'_>, host: TextBuffer, service: TextBuffer) -> c_int {
    // SAFETY: guaranteed by the caller.
    let code = if host.is_wanted() { unsafe { write_host(socket, ending, host) } } else { 0 };
    if code != 0 || !service.is_wanted() {
        return code;
    }
    // SAFETY: guaranteed by the caller.
    unsafe { write_service(socket, service) }
}

/// Returns whether libc has written the address in numeric form, with or without a scope.
fn is_text_of(ip: IpAddr, text: &[u8]) -> bool {
    let address = text.split(|&byte| byte == b'%').next().unwrap_or_default();
    std::str::from_utf8(address).is_ok_and(|text| text.parse() == Ok(ip))
}

/// Returns the answer, if there is one.
fn found(resolved: &Resolved) -> Option<&Answer> {
    resolved.result.as_ref().ok()
}

/// # Safety
/// As for [`getnameinfo`].
unsafe fn write_host(socket: &Socket, ending: Ending<'_>, host: TextBuffer) -> c_int {
    match ending {
        Ending::Name(name) => {
            let name = if socket.has(NI_IDN) { idn::to_u_labels(name) } else { name.to_vec() };
            // SAFETY: guaranteed by the caller.
            unsafe { host.write(&name) }
        }
        Ending::Failed(failure @ (Failure::System(_) | Failure::TryAgain)) => {
            if let Some(value) = codes::h_errno(failure) {
                set_h_errno(value);
            }
            if let Some(errno) = codes::errno(failure) {
                set_errno(errno);
            }
            codes::eai(failure)
        }
        _ if socket.has(libc::NI_NAMEREQD) => libc::EAI_NONAME,
        // SAFETY: guaranteed by the caller.
        _ => unsafe { socket.in_numbers(host, TextBuffer::NONE) },
    }
}

/// # Safety
/// As for [`getnameinfo`].
unsafe fn write_service(socket: &Socket, service: TextBuffer) -> c_int {
    if !socket.has(libc::NI_NUMERICSERV) {
        let protocol: &[u8] = if socket.has(libc::NI_DGRAM) { b"udp" } else { b"tcp" };
        if let Some(name) = TABLES.services().ok().and_then(|services| services.by_port(socket.port, protocol)) {
            // SAFETY: guaranteed by the caller.
            return unsafe { service.write(&name) };
        }
    }
    // SAFETY: guaranteed by the caller.
    unsafe { socket.in_numbers(TextBuffer::NONE, service) }
}

/// `NI_NOFQDN`: removes the domain from a name in this host's own domain.
fn cut_own_domain(name: &mut Vec<u8>) {
    static DOMAIN: OnceBox<Option<Vec<u8>>> = OnceBox::new();
    let Some(domain) = DOMAIN.get_or_init(|| Box::new(own_domain())) else { return };
    let found = (0..name.len()).find(|&at| name.get(at..).is_some_and(|rest| rest.starts_with(domain)));
    // Only the first occurrence is considered.
    if let Some(dot) = found.and_then(|at| at.checked_sub(1)).filter(|&dot| name.get(dot) == Some(&b'.')) {
        name.truncate(dot);
    }
}

/// Returns the domain of this host, which is determined once (glibc's `nrl_domainname`): that of "localhost", of the
/// host name, of the canonical form of the host name, or of the name of 127.0.0.1, whichever is the first to have one.
fn own_domain() -> Option<Vec<u8>> {
    let domain = |name: &[u8]| {
        let dot = name.iter().position(|&byte| byte == b'.')?;
        name.get(dot + 1..).map(<[u8]>::to_vec)
    };
    // Determined from the system's files and name servers, and not by the rule for some address, since it is determined
    // only once.
    let answering = Answering::default();
    let resolver = Resolver::new(&TABLES, &answering, None);
    let canonical =
        |key| found(&resolver.resolve(Query::Host { key, buffer: None })).map(|answer| answer.canonical.clone());
    let of_name = |name| canonical(HostKey::Name(Name::new(name), Family::Inet));
    let host = hostname();
    of_name(b"localhost")
        .and_then(|name| domain(&name))
        .or_else(|| domain(&host))
        .or_else(|| domain(&of_name(&host)?))
        .or_else(|| domain(&canonical(HostKey::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)))?))
}
