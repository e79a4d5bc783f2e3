//! What callers pass: C strings and hints, as a request.

use std::ffi::CStr;

use libc::{addrinfo, c_char, c_int};
use nss_bypass_core::engine::Selection;
use nss_bypass_core::files::{inet_aton, inet_pton6, services};
use nss_bypass_core::lookup::Family;
use nss_bypass_core::name::Name;
use nss_bypass_core::order::Interfaces;
use nss_bypass_core::tables;

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

/// A name that getaddrinfo looks up: not NULL, not `*` (which stands for NULL), not numeric.
pub(crate) fn looked_up(node: Option<&[u8]>) -> Option<Name<'_>> {
    let node = node.filter(|&node| node != b"*")?;
    (!is_numeric(node)).then(|| Name::new(node))
}

/// Whether getaddrinfo takes this for an address: glibc's `text_to_binary_address`. Whether a scope is a good one is
/// for libc to say; it looks no name up either way.
fn is_numeric(node: &[u8]) -> bool {
    let inet6 = || node.split(|&byte| byte == b'%').next().and_then(inet_pton6).is_some();
    match node.first() {
        Some(byte) if byte.is_ascii_digit() && inet_aton(node).is_some() => true,
        Some(byte) if byte.is_ascii_hexdigit() || *byte == b':' => node.contains(&b':') && inet6(),
        _ => false,
    }
}

/// Whether the gethostbyname family takes this for an address, good or bad, and looks nothing up: glibc's
/// `__nss_hostname_digits_dots` (nss/digits_dots.c).
pub(crate) fn is_digits_and_dots(name: &[u8], family: Family) -> bool {
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

/// Checks everything that getaddrinfo checks before it looks a name up, in its order and with its codes.
pub(crate) fn request(hints: Hints, service: Option<&[u8]>) -> Result<Request, c_int> {
    let Hints { flags, family, .. } = hints;
    if flags & !KNOWN_FLAGS != 0 {
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
        let now = interfaces.insert(Interfaces::now());
        family = match (family, now.has_inet, now.has_inet6) {
            (None, true, false) => Some(Family::Inet),
            (None, false, true) => Some(Family::Inet6),
            (Some(Family::Inet), false, _) | (Some(Family::Inet6), _, false) => return Err(libc::EAI_NONAME),
            (family, _, _) => family,
        };
    }
    let service = match service {
        None | Some(b"" | b"*") => Port::None,
        Some(text) => match number(text) {
            Some(number) => Port::Number(number),
            None if flags & libc::AI_NUMERICSERV != 0 && !is_all_number(text) => return Err(libc::EAI_NONAME),
            None => Port::Name(text),
        },
    };
    let services = find_services(hints, &service)?;
    if flags & libc::AI_NUMERICHOST != 0 {
        return Err(libc::EAI_NONAME);
    }
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

/// strtoul(3)'s digits: after blanks and a sign, to the end.
fn is_all_number(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// The port that glibc takes this for: strtoul into an int, cut to 16 bits. None where the int is negative, which
/// glibc takes for a name.
fn number(text: &[u8]) -> Option<u16> {
    if !is_all_number(text) {
        return None;
    }
    let text = text.trim_ascii_start();
    let negative = text.starts_with(b"-");
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).map(|&byte| u64::from(byte - b'0'));
    let mut value: u64 = 0;
    for digit in digits {
        match value.checked_mul(10).and_then(|tens| tens.checked_add(digit)) {
            Some(next) => value = next,
            None => return None, // ULONG_MAX, which is -1 as an int.
        }
    }
    let value = if negative { value.wrapping_neg() } else { value };
    (value as i32 >= 0).then_some(value as u16)
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
const ROWS: [Row; 7] = [
    row(libc::SOCK_STREAM, libc::IPPROTO_TCP, true, b"tcp"),
    row(libc::SOCK_DGRAM, libc::IPPROTO_UDP, true, b"udp"),
    row(SOCK_DCCP, IPPROTO_DCCP, false, b"dccp"),
    row(libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE, false, b"udplite"),
    row(libc::SOCK_STREAM, libc::IPPROTO_SCTP, false, b"sctp"),
    row(libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP, false, b"sctp"),
    row(libc::SOCK_RAW, 0, true, b"raw"),
];

/// glibc's `get_servtuples`.
fn find_services(hints: Hints, port: &Port<'_>) -> Result<Vec<Service>, c_int> {
    let Hints { socket_type, protocol, .. } = hints;
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
        let row = ROWS.iter().find(fits).ok_or(nothing)?;
        let port = match port {
            Port::None => 0,
            _ if raw(row) => return Err(libc::EAI_SERVICE),
            Port::Number(number) => *number,
            Port::Name(name) => services::by_name(&tables::services(), name, row.name).ok_or(libc::EAI_SERVICE)?,
        };
        return Ok(vec![as_service(row, port)]);
    }
    let number = match port {
        Port::None => 0,
        Port::Number(number) => *number,
        Port::Name(name) => {
            let text = tables::services();
            let named = |row: &Row| services::by_name(&text, name, row.name).map(|port| as_service(row, port));
            let found: Vec<Service> = ROWS.iter().filter(|row| !raw(row)).filter_map(named).collect();
            return if found.is_empty() { Err(libc::EAI_SERVICE) } else { Ok(found) };
        }
    };
    Ok(ROWS.iter().filter(|row| row.default).map(|row| as_service(row, number)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(flags: c_int, family: c_int, socket_type: c_int, protocol: c_int) -> Hints {
        Hints { flags, family, socket_type, protocol }
    }

    #[test]
    fn numeric_names_are_left_to_libc() {
        for numeric in ["127.1", "0x7f.1", "0177.0.0.01", "2130706433", "::1", "fe80::1%lo", "::ffff:1.2.3.4", "*"] {
            assert!(looked_up(Some(numeric.as_bytes())).is_none(), "{numeric}");
        }
        for name in ["1.2.3.4.", "1.2.3.256", "1.2.3.4 ", "dead.beef", "abc", "", "a:b", "1.2.3.4x"] {
            assert!(looked_up(Some(name.as_bytes())).is_some(), "{name}");
        }
        assert!(looked_up(None).is_none());
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
        assert_eq!(number(b"80"), Some(80));
        assert_eq!(number(b" +80"), Some(80));
        assert_eq!(number(b"65536"), Some(0));
        assert_eq!(number(b"70000"), Some(4464));
        for name in ["-1", "99999999999999999999", "80x", "", " ", "0x50"] {
            assert_eq!(number(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn checks_come_in_glibcs_order() {
        let code = |hints, service: Option<&[u8]>| request(hints, service).err();
        assert_eq!(code(hints(0x800, 99, 99, 0), None), Some(libc::EAI_BADFLAGS));
        assert_eq!(code(hints(0, 99, 99, 0), None), Some(libc::EAI_FAMILY));
        assert_eq!(code(hints(0, 0, 99, 0), None), Some(libc::EAI_SOCKTYPE));
        assert_eq!(code(hints(libc::AI_NUMERICSERV, 0, 1, 0), Some(b"80x")), Some(libc::EAI_NONAME));
        assert_eq!(code(hints(0, 0, libc::SOCK_RAW, 0), Some(b"80")), Some(libc::EAI_SERVICE));
        assert_eq!(code(hints(libc::AI_NUMERICHOST, 0, 99, 0), None), Some(libc::EAI_SOCKTYPE));
        assert_eq!(code(hints(libc::AI_NUMERICHOST, 0, 1, 0), None), Some(libc::EAI_NONAME));
    }

    #[test]
    fn without_a_socket_type_there_are_three_nodes_an_address() {
        let request = request(hints(0, 0, 0, 0), Some(b"53")).ok().unwrap();
        let rows: Vec<_> = request.services.iter().map(|s| (s.socket_type, s.protocol, s.port)).collect();
        assert_eq!(rows, [(1, 6, 53), (2, 17, 53), (3, 0, 53)]);
    }
}
