//! Services: socket types, protocols and ports.

use libc::c_int;
use nss_bypass_core::files::text::trim_start;
use nss_bypass_core::sys::{Errno, glibc};
use nss_bypass_core::tables::Services;

use super::hints::Hints;
use crate::state::TABLES;

/// A socket type with its protocol and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) socket_type: c_int,
    pub(crate) protocol: c_int,
    /// In host byte order.
    pub(crate) port: u16,
}

pub(super) enum Port<'a> {
    None,
    Number(u16),
    Name(&'a [u8]),
}

/// Returns whether there is a minus sign, after blanks, as strtoul(3) accepts it, and the text after the sign.
fn signed(text: &[u8]) -> (bool, &[u8]) {
    match trim_start(text) {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    }
}

/// Returns whether strtoul(3) would read the whole text.
pub(super) fn is_all_number(text: &[u8]) -> bool {
    let (_, digits) = signed(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Returns the port that glibc derives from this text: with strtoul into an int, truncated to 16 bits. Returns `None`
/// if the int is negative, in which case glibc treats the text as a name: this includes numbers that do not fit into an
/// unsigned long, which result in ULONG_MAX, and leave ERANGE in errno.
pub(super) fn number(text: &[u8], leaves: &mut Errno) -> Option<u16> {
    let (negative, digits) = signed(text);
    let mut value: u64 = 0;
    for byte in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        let Some(next) = value.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(byte - b'0'))) else {
            *leaves = Errno(libc::ERANGE);
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
    /// Whether it is part of the result if the hints specify neither.
    default: bool,
    /// The name of the protocol in services(5).
    name: &'static [u8],
}

const fn row(socket_type: c_int, protocol: c_int, default: bool, name: &'static [u8]) -> Row {
    Row { socket_type, protocol, default, name }
}

const SOCK_DCCP: c_int = 6;
const IPPROTO_DCCP: c_int = 33;
/// The last row matches any protocol, and has no services.
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

/// Returns the rows that the running glibc has.
fn rows() -> impl Iterator<Item = &'static Row> {
    let has_mptcp = glibc::minor() >= glibc::MPTCP;
    ROWS.iter().filter(move |row| has_mptcp || row.protocol != libc::IPPROTO_MPTCP)
}

/// glibc's `get_servtuples`.
pub(super) fn find_services(hints: Hints, port: &Port<'_>, leaves: &mut Errno) -> Result<Vec<Service>, c_int> {
    let Hints { socket_type, protocol, .. } = hints;
    let known = match port {
        Port::Name(_) => TABLES.services(),
        Port::None | Port::Number(_) => Ok(Services::default()),
    };
    let mut find = |name: &[u8], row: &Row| {
        // getservbyname_r clears errno, whatever it finds, unless it cannot make the lookup.
        *leaves = known.as_ref().err().copied().unwrap_or(Errno(0));
        known.as_ref().ok()?.by_name(name, row.name)
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
}
