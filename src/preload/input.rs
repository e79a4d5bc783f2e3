//! What callers pass: C strings and hints, as a request.

use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{addrinfo, c_char, c_int};
use nss_bypass_core::cache::View;
use nss_bypass_core::files::services;
use nss_bypass_core::files::text::{inet_aton, inet_pton6, trim_start};
use nss_bypass_core::model::Name;
use nss_bypass_core::model::{Address, Family};
use nss_bypass_core::network::Interfaces;
use nss_bypass_core::resolve::Selection;
use nss_bypass_core::resolve::order;
use nss_bypass_core::rules::policy::Subject;
use nss_bypass_core::sys::{self, Errno, glibc, set_errno};
use nss_bypass_core::tables;

use crate::codes;
use crate::state::TABLES;

/// The flags that the libc crate lacks (netdb.h).
mod flag {
    use libc::c_int;
    pub(super) const AI_IDN: c_int = 0x40;
    pub(super) const AI_CANONIDN: c_int = 0x80;
    /// AI_IDN_ALLOW_UNASSIGNED and AI_IDN_USE_STD3_ASCII_RULES: without effect, but not wrong.
    pub(super) const DEPRECATED: c_int = 0x300;
}

const KNOWN_FLAGS: c_int = libc::AI_PASSIVE
    | libc::AI_CANONNAME
    | libc::AI_NUMERICHOST
    | libc::AI_V4MAPPED
    | libc::AI_ALL
    | libc::AI_ADDRCONFIG
    | libc::AI_NUMERICSERV
    | flag::AI_IDN
    | flag::AI_CANONIDN
    | flag::DEPRECATED;

/// The bytes of a C string.
///
/// # Safety
/// The pointer is null or a C string that lives for `'a`, as libc's own contract asks.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// Whether a text is an address of four plain decimal numbers: then [`Node::new`] takes it for one, without a doubt.
pub(crate) fn is_plainly_an_address(text: &[u8]) -> bool {
    let (mut numbers, mut digits, mut value) = (1, 0, 0_u32);
    for &byte in text {
        match byte {
            // Not with a 0 before it, which would make it octal.
            b'0'..=b'9' if digits == 0 || (digits < 3 && value > 0) => {
                (digits, value) = (digits + 1, value * 10 + u32::from(byte - b'0'));
            }
            b'.' if digits > 0 && value < 256 => (numbers, digits, value) = (numbers + 1, 0, 0),
            _ => return false,
        }
    }
    numbers == 4 && digits > 0 && value < 256
}

/// What getaddrinfo is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node<'a> {
    /// NULL, or `*`, which stands for it: this host itself.
    Nobody,
    /// An address.
    Address(Numeric<'a>),
    /// A name that must be looked up.
    Name(Name<'a>),
}

/// An address in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numeric<'a> {
    pub(crate) text: &'a [u8],
    ip: IpAddr,
    scope: Option<&'a [u8]>,
}

impl<'a> Node<'a> {
    /// What glibc's `gaih_inet` and `text_to_binary_address` take this C string for.
    pub(crate) fn new(text: Option<&'a [u8]>) -> Self {
        nss_bypass_core::sys::fault::point();
        match text {
            None | Some(b"*") => Self::Nobody,
            Some(text) => numeric(text).map_or(Self::Name(Name::of_c_string(text)), Self::Address),
        }
    }

    /// What rules are asked about.
    pub(crate) fn subject(self) -> Subject<'a> {
        match self {
            Self::Nobody => Subject::Nobody,
            Self::Address(numeric) => Subject::Address(numeric.ip),
            Self::Name(name) => Subject::Name(name),
        }
    }
}

fn numeric(text: &[u8]) -> Option<Numeric<'_>> {
    nss_bypass_core::sys::fault::point();
    let first = text.first()?;
    if first.is_ascii_digit()
        && let Some(ip) = inet_aton(text)
    {
        return Some(Numeric { text, ip: IpAddr::V4(ip), scope: None });
    }
    if !text.contains(&b':') {
        return None;
    }
    let mut parts = text.splitn(2, |&byte| byte == b'%');
    let ip = IpAddr::V6(inet_pton6(parts.next()?)?);
    Some(Numeric { text, ip, scope: parts.next() })
}

impl Numeric<'_> {
    /// The address in the family that was asked for, or why there is none (`text_to_binary_address`). `errno` is what
    /// errno was, and becomes what glibc leaves there.
    pub(crate) fn address(self, selection: Selection, errno: &mut Errno) -> Result<Address, c_int> {
        nss_bypass_core::sys::fault::point();
        let ip = match (self.ip, selection.family) {
            (ip, None) | (ip @ IpAddr::V4(_), Some(Family::Inet)) | (ip @ IpAddr::V6(_), Some(Family::Inet6)) => ip,
            (IpAddr::V4(ip), Some(Family::Inet6)) if selection.v4_mapped => IpAddr::V6(ip.to_ipv6_mapped()),
            (IpAddr::V6(ip), Some(Family::Inet)) => ip.to_ipv4_mapped().map(IpAddr::V4).ok_or(codes::EAI_ADDRFAMILY)?,
            (IpAddr::V4(_), Some(Family::Inet6)) => return Err(codes::EAI_ADDRFAMILY),
        };
        let scope = match (self.ip, self.scope) {
            (IpAddr::V6(written), Some(scope)) => {
                // glibc has put an IPv4 address over the beginning of the IPv6 one before it looks what kind it is.
                let seen = match ip {
                    IpAddr::V4(ip) => {
                        Ipv6Addr::from_bits(written.to_bits() & !0 >> 32 | u128::from(ip.to_bits()) << 96)
                    }
                    IpAddr::V6(ip) => ip,
                };
                set_errno(*errno);
                let found = tables::scope_id(&seen, scope);
                // A name that no interface has leaves its mark, even where it is a number.
                *errno = if found.is_some() { sys::errno() } else { Errno(libc::EINVAL) };
                found.ok_or(libc::EAI_NONAME)?
            }
            _ => 0,
        };
        Ok(Address { ip, scope })
    }
}

/// This host's own addresses: the loopback ones or, with AI_PASSIVE, those to listen on (`get_local_addresses`).
pub(crate) fn own_addresses(request: &Request) -> Vec<Address> {
    nss_bypass_core::sys::fault::point();
    let passive = request.flags & libc::AI_PASSIVE != 0;
    let inet6 = if passive { Ipv6Addr::UNSPECIFIED } else { Ipv6Addr::LOCALHOST };
    let inet = if passive { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let family = request.selection.family;
    let both = [(Family::Inet6, IpAddr::V6(inet6)), (Family::Inet, IpAddr::V4(inet))];
    let wanted = both.into_iter().filter(|(of, _)| family.is_none_or(|family| family == *of));
    wanted.map(|(_, ip)| Address { ip, scope: 0 }).collect()
}

/// Whether the gethostbyname family takes this for an address, good or bad, and looks nothing up: glibc's
/// `__nss_hostname_digits_dots` (nss/digits_dots.c).
pub(crate) fn is_digits_and_dots(name: &[u8], family: Family) -> bool {
    nss_bypass_core::sys::fault::point();
    let Some(first) = name.first() else { return false };
    let made_of = |allowed: fn(&u8) -> bool| name.iter().all(allowed) && !name.ends_with(b".");
    if first.is_ascii_digit() && made_of(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return true;
    }
    let colons = *first == b':' || (first.is_ascii_hexdigit() && name.contains(&b':'));
    match family {
        Family::Inet => colons, // Whatever it is, it is no IPv4 address: an error at once.
        Family::Inet6 => colons && made_of(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
    }
}

/// What `hints` and `service` ask for, checked.
pub(crate) struct Request {
    pub(crate) selection: Selection,
    pub(crate) flags: c_int,
    /// One node for each address and service.
    pub(crate) services: Vec<Service>,
    /// The interfaces, where the checks needed them.
    pub(crate) interfaces: Option<Interfaces>,
}

impl Request {
    /// Whether only an address will do (`AI_NUMERICHOST`).
    pub(crate) fn wants_no_name(&self) -> bool {
        self.flags & libc::AI_NUMERICHOST != 0
    }

    /// Whether the canonical name is wanted as people write it (`AI_CANONIDN`).
    pub(crate) fn wants_u_labels(&self) -> bool {
        self.flags & flag::AI_CANONIDN != 0
    }
}

/// A socket type with its protocol and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) socket_type: c_int,
    pub(crate) protocol: c_int,
    /// In host byte order.
    pub(crate) port: u16,
}

/// The hints that count.
#[derive(Clone, Copy)]
pub(crate) struct Hints {
    pub(crate) flags: c_int,
    pub(crate) family: c_int,
    pub(crate) socket_type: c_int,
    pub(crate) protocol: c_int,
}

impl Hints {
    /// # Safety
    /// The pointer is null or points to an addrinfo, as getaddrinfo's contract asks.
    pub(crate) unsafe fn read(hints: *const addrinfo) -> Self {
        // SAFETY: the caller's promise.
        match unsafe { hints.as_ref() } {
            Some(hints) => Self {
                flags: hints.ai_flags,
                family: hints.ai_family,
                socket_type: hints.ai_socktype,
                protocol: hints.ai_protocol,
            },
            // POSIX says 0; glibc says AI_V4MAPPED | AI_ADDRCONFIG.
            None => Self { flags: libc::AI_V4MAPPED | libc::AI_ADDRCONFIG, family: 0, socket_type: 0, protocol: 0 },
        }
    }

    pub(crate) fn wants_idn(&self) -> bool {
        self.flags & flag::AI_IDN != 0
    }
}

/// Checks everything that getaddrinfo checks before it looks at the node, in its order and with its codes.
///
/// `errno` is what errno was, and becomes what glibc leaves there on its way.
pub(crate) fn request(
    node: Node<'_>,
    hints: Hints,
    service: Option<&[u8]>,
    cache: Option<&View<'_>>,
    errno: &mut Errno,
) -> Result<Request, c_int> {
    nss_bypass_core::sys::fault::point();
    let Hints { flags, family, .. } = hints;
    let nobody = node == Node::Nobody;
    if nobody && matches!(service, None | Some(b"*")) {
        return Err(libc::EAI_NONAME);
    }
    if flags & !KNOWN_FLAGS != 0 {
        return Err(libc::EAI_BADFLAGS);
    }
    if nobody && flags & libc::AI_CANONNAME != 0 {
        return Err(libc::EAI_BADFLAGS);
    }
    let mut family = match family {
        libc::AF_UNSPEC => None,
        libc::AF_INET => Some(Family::Inet),
        libc::AF_INET6 => Some(Family::Inet6),
        _ => return Err(libc::EAI_FAMILY),
    };
    let mut interfaces = None;
    if flags & libc::AI_ADDRCONFIG != 0 {
        let now = interfaces.insert(order::known_interfaces(cache));
        family = match (family, now.has_inet, now.has_inet6) {
            (None, true, false) => Some(Family::Inet),
            (None, false, true) => Some(Family::Inet6),
            (Some(Family::Inet), false, _) | (Some(Family::Inet6), _, false) => return Err(libc::EAI_NONAME),
            (family, _, _) => family,
        };
    }
    let service = match service {
        None | Some(b"" | b"*") => Port::None,
        Some(text) => match number(text, errno) {
            Some(number) => Port::Number(number),
            None if flags & libc::AI_NUMERICSERV != 0 && !is_all_number(text) => return Err(libc::EAI_NONAME),
            None => Port::Name(text),
        },
    };
    let services = find_services(hints, &service, errno)?;
    let selection = Selection {
        family,
        canonical: flags & libc::AI_CANONNAME != 0,
        v4_mapped: flags & libc::AI_V4MAPPED != 0 && family == Some(Family::Inet6),
        all: flags & libc::AI_ALL != 0,
    };
    Ok(Request { selection, flags, services, interfaces })
}

enum Port<'a> {
    None,
    Number(u16),
    Name(&'a [u8]),
}

/// strtoul(3)'s sign, which follows blanks, and what comes after it.
fn signed(text: &[u8]) -> (bool, &[u8]) {
    match trim_start(text) {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    }
}

/// Whether strtoul(3) reads it to the end.
fn is_all_number(text: &[u8]) -> bool {
    let (_, digits) = signed(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// The port that glibc takes this for: strtoul into an int, cut to 16 bits. None where the int is negative, which
/// glibc takes for a name: also what does not fit into an unsigned long, and so is ULONG_MAX, with ERANGE in `errno`.
fn number(text: &[u8], errno: &mut Errno) -> Option<u16> {
    nss_bypass_core::sys::fault::point();
    let (negative, digits) = signed(text);
    let mut value: u64 = 0;
    for byte in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        let Some(next) = value.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(byte - b'0'))) else {
            *errno = Errno(libc::ERANGE);
            return None;
        };
        value = next;
    }
    let value = if negative { value.wrapping_neg() } else { value };
    (is_all_number(text) && value as i32 >= 0).then_some(value as u16)
}

/// A row of glibc's table of socket types (`gaih_inet_typeproto`).
struct Row {
    socket_type: c_int,
    protocol: c_int,
    /// Part of the answer when the hints name neither.
    default: bool,
    /// In services(5).
    name: &'static [u8],
}

const fn row(socket_type: c_int, protocol: c_int, default: bool, name: &'static [u8]) -> Row {
    Row { socket_type, protocol, default, name }
}

const SOCK_DCCP: c_int = 6;
const IPPROTO_DCCP: c_int = 33;
/// The last row takes any protocol, and no service.
const ROWS: [Row; 8] = [
    row(libc::SOCK_STREAM, libc::IPPROTO_TCP, true, b"tcp"),
    row(libc::SOCK_DGRAM, libc::IPPROTO_UDP, true, b"udp"),
    row(SOCK_DCCP, IPPROTO_DCCP, false, b"dccp"),
    row(libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE, false, b"udplite"),
    row(libc::SOCK_STREAM, libc::IPPROTO_SCTP, false, b"sctp"),
    row(libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP, false, b"sctp"),
    row(libc::SOCK_STREAM, libc::IPPROTO_MPTCP, false, b"mptcp"),
    row(libc::SOCK_RAW, 0, true, b"raw"),
];

/// Those of them that the glibc that runs here has.
fn rows() -> impl Iterator<Item = &'static Row> {
    let has_mptcp = glibc::minor() >= glibc::MPTCP;
    ROWS.iter().filter(move |row| has_mptcp || row.protocol != libc::IPPROTO_MPTCP)
}

/// glibc's `get_servtuples`.
fn find_services(hints: Hints, port: &Port<'_>, errno: &mut Errno) -> Result<Vec<Service>, c_int> {
    nss_bypass_core::sys::fault::point();
    let Hints { socket_type, protocol, .. } = hints;
    let text = match port {
        Port::Name(_) => TABLES.services(),
        Port::None | Port::Number(_) => Ok(Vec::new()),
    };
    let mut find = |name: &[u8], row: &Row| {
        // getservbyname_r clears it, whatever it finds, if it can look.
        *errno = text.as_ref().err().copied().unwrap_or(Errno(0));
        services::by_name(text.as_ref().ok()?, name, row.name)
    };
    let raw = |row: &Row| row.socket_type == libc::SOCK_RAW;
    let as_service = |row: &Row, port| Service {
        socket_type: row.socket_type,
        protocol: if raw(row) { protocol } else { row.protocol },
        port,
    };
    if socket_type != 0 || protocol != 0 {
        let fits = |row: &&Row| {
            (socket_type == 0 || socket_type == row.socket_type)
                && (protocol == 0 || raw(row) || protocol == row.protocol)
        };
        let nothing = if socket_type != 0 { libc::EAI_SOCKTYPE } else { libc::EAI_SERVICE };
        let row = rows().find(fits).ok_or(nothing)?;
        let port = match port {
            Port::None => 0,
            _ if raw(row) => return Err(libc::EAI_SERVICE),
            Port::Number(number) => *number,
            Port::Name(name) => find(name, row).ok_or(libc::EAI_SERVICE)?,
        };
        return Ok(vec![as_service(row, port)]);
    }
    let number = match port {
        Port::None => 0,
        Port::Number(number) => *number,
        Port::Name(name) => {
            let named = |row: &Row| find(name, row).map(|port| as_service(row, port));
            let found: Vec<Service> = rows().filter(|row| !raw(row)).filter_map(named).collect();
            return if found.is_empty() { Err(libc::EAI_SERVICE) } else { Ok(found) };
        }
    };
    Ok(rows().filter(|row| row.default).map(|row| as_service(row, number)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Node<'static> {
        Node::Name(Name::new(b"name"))
    }

    fn hints(flags: c_int, family: c_int, socket_type: c_int, protocol: c_int) -> Hints {
        Hints { flags, family, socket_type, protocol }
    }

    #[test]
    fn numeric_names_are_addresses() {
        for numeric in ["127.1", "0x7f.1", "0177.0.0.01", "2130706433", "::1", "fe80::1%lo", "::ffff:1.2.3.4"] {
            assert!(matches!(Node::new(Some(numeric.as_bytes())), Node::Address(_)), "{numeric}");
        }
        for name in ["1.2.3.4.", "1.2.3.256", "1.2.3.4 ", "dead.beef", "abc", "", "a:b", "1.2.3.4x"] {
            assert!(matches!(Node::new(Some(name.as_bytes())), Node::Name(_)), "{name}");
        }
        assert!(Node::new(None) == Node::Nobody && Node::new(Some(b"*")) == Node::Nobody);
    }

    #[test]
    fn what_is_plainly_an_address_is_one() {
        for text in ["0.0.0.0", "10.1.2.3", "255.255.255.255", "192.0.2.1"] {
            assert!(is_plainly_an_address(text.as_bytes()), "{text}");
            assert!(matches!(Node::new(Some(text.as_bytes())), Node::Address(_)), "{text}");
        }
        for text in ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4.", ".1.2.3.4", "1..2.3"] {
            assert!(!is_plainly_an_address(text.as_bytes()), "{text}");
        }
        for text in ["1.2.3.4x", "a.b.c.d", "1.2.3.00", "1.2.3.0004", "::1", "1.2.3.4 "] {
            assert!(!is_plainly_an_address(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn gethostbyname_has_its_own_idea_of_numeric() {
        for numeric in ["1.2.3.4", "127.1", "1.2.3.256", "::1", "a:b"] {
            assert!(is_digits_and_dots(numeric.as_bytes(), Family::Inet6), "{numeric}");
        }
        for name in ["1.2.3.4.", "0x7f.1", "1.2.3.4x", "abc", "deadbeef", "", "."] {
            assert!(!is_digits_and_dots(name.as_bytes(), Family::Inet), "{name}");
        }
        for name in ["fe80::1%lo", "dead::beef.", "a:x"] {
            assert!(is_digits_and_dots(name.as_bytes(), Family::Inet), "{name}");
            assert!(!is_digits_and_dots(name.as_bytes(), Family::Inet6), "{name}");
        }
    }

    #[test]
    fn services_are_numbers_as_strtoul_reads_them() {
        let errno = &mut Errno(0);
        let numbers: [(&[u8], u16); 5] = [(b"80", 80), (b" +80", 80), (b"65536", 0), (b"70000", 4464), (b"\x0b9", 9)];
        for (text, port) in numbers {
            assert_eq!(number(text, errno), Some(port));
        }
        for name in ["-1", "80x", "", " ", "0x50", "- 1"] {
            assert_eq!(number(name.as_bytes(), errno), None, "{name}");
        }
        assert_eq!((number(b"99999999999999999999x", errno), errno.0), (None, libc::ERANGE));
    }

    #[test]
    fn checks_come_in_glibcs_order() {
        let code = |hints, service: Option<&[u8]>| request(name(), hints, service, None, &mut Errno(0)).err();
        assert_eq!(
            request(Node::Nobody, hints(0x800, 99, 99, 0), None, None, &mut Errno(0)).err(),
            Some(libc::EAI_NONAME)
        );
        let canonical = request(Node::Nobody, hints(libc::AI_CANONNAME, 99, 0, 0), Some(b"80"), None, &mut Errno(0));
        assert_eq!(canonical.err(), Some(libc::EAI_BADFLAGS));
        assert_eq!(code(hints(0x800, 99, 99, 0), None), Some(libc::EAI_BADFLAGS));
        assert_eq!(code(hints(0, 99, 99, 0), None), Some(libc::EAI_FAMILY));
        assert_eq!(code(hints(0, 0, 99, 0), None), Some(libc::EAI_SOCKTYPE));
        assert_eq!(code(hints(libc::AI_NUMERICSERV, 0, 1, 0), Some(b"80x")), Some(libc::EAI_NONAME));
        assert_eq!(code(hints(0, 0, libc::SOCK_RAW, 0), Some(b"80")), Some(libc::EAI_SERVICE));
        assert_eq!(code(hints(libc::AI_NUMERICHOST, 0, 99, 0), None), Some(libc::EAI_SOCKTYPE));
        assert!(
            request(name(), hints(libc::AI_NUMERICHOST, 0, 1, 0), None, None, &mut Errno(0))
                .is_ok_and(|request| request.wants_no_name())
        );
    }

    #[test]
    fn without_a_socket_type_there_are_three_nodes_an_address() {
        let request = request(name(), hints(0, 0, 0, 0), Some(b"53"), None, &mut Errno(0)).ok().unwrap();
        let rows: Vec<_> = request.services.iter().map(|s| (s.socket_type, s.protocol, s.port)).collect();
        assert_eq!(rows, [(1, 6, 53), (2, 17, 53), (3, 0, 53)]);
    }
}
