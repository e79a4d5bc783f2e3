//! The node of getaddrinfo: an address, a name, or none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::c_int;
use nss_bypass_core::files::text::{inet_aton, inet_pton6};
use nss_bypass_core::model::{Address, Family, Name, Subject};
use nss_bypass_core::resolve::Selection;
use nss_bypass_core::sys::{self, Errno, set_errno};
use nss_bypass_core::tables;

use crate::netdb::EAI_ADDRFAMILY;

/// The node of getaddrinfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node<'a> {
    /// NULL, or `*`, which has the same meaning: this host.
    NoName,
    /// An address.
    Address(Numeric<'a>),
    /// A name that has to be looked up.
    Name(Name<'a>),
}

/// An address in text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numeric<'a> {
    text: &'a [u8],
    ip: IpAddr,
    scope: Option<&'a [u8]>,
}

impl<'a> Node<'a> {
    /// Interprets the text as glibc's `gaih_inet` and `text_to_binary_address` do.
    pub(super) fn new(text: Option<&'a [u8]>) -> Self {
        match text {
            None | Some(b"*") => Self::NoName,
            Some(text) => numeric(text).map_or(Self::Name(Name::of_c_string(text)), Self::Address),
        }
    }

    /// Returns what rules are matched against.
    pub(crate) fn subject(self) -> Subject<'a> {
        match self {
            Self::NoName => Subject::NoName,
            Self::Address(numeric) => Subject::Address(numeric.ip),
            Self::Name(name) => Subject::Name(name),
        }
    }
}

fn numeric(text: &[u8]) -> Option<Numeric<'_>> {
    let first = text.first()?;
    if first.is_ascii_digit()
        && let Some(ip) = inet_aton(text)
    {
        return Some(Numeric { text, ip: IpAddr::V4(ip), scope: None });
    }
    // Most names can be distinguished from an IPv6 address by their first byte.
    if !(first.is_ascii_hexdigit() || *first == b':') || !text.contains(&b':') {
        return None;
    }
    let mut parts = text.splitn(2, |&byte| byte == b'%');
    let ip = IpAddr::V6(inet_pton6(parts.next()?)?);
    Some(Numeric { text, ip, scope: parts.next() })
}

impl<'a> Numeric<'a> {
    /// Returns the address as it was written, which is its canonical name.
    pub(super) fn text(self) -> &'a [u8] {
        self.text
    }

    /// Returns the address in the requested family, or getaddrinfo's code (`text_to_binary_address`). `leaves` is the
    /// errno to leave, which glibc may change.
    pub(super) fn address(self, selection: Selection, leaves: &mut Errno) -> Result<Address, c_int> {
        let ip = match (self.ip, selection.family) {
            (ip, None) | (ip @ IpAddr::V4(_), Some(Family::Inet)) | (ip @ IpAddr::V6(_), Some(Family::Inet6)) => ip,
            (IpAddr::V4(ip), Some(Family::Inet6)) if selection.v4_mapped => IpAddr::V6(ip.to_ipv6_mapped()),
            (IpAddr::V6(ip), Some(Family::Inet)) => ip.to_ipv4_mapped().map(IpAddr::V4).ok_or(EAI_ADDRFAMILY)?,
            (IpAddr::V4(_), Some(Family::Inet6)) => return Err(EAI_ADDRFAMILY),
        };
        let scope = match (self.ip, self.scope) {
            (IpAddr::V6(written), Some(scope)) => {
                // glibc has already overwritten the beginning of the IPv6 address with the IPv4 address when it
                // examines its type.
                let seen = match ip {
                    IpAddr::V4(ip) => {
                        Ipv6Addr::from_bits(written.to_bits() & !0 >> 32 | u128::from(ip.to_bits()) << 96)
                    }
                    IpAddr::V6(ip) => ip,
                };
                set_errno(*leaves);
                let found = tables::scope_id(&seen, scope);
                // A name that is not that of an interface leaves an errno, even if it is a number.
                *leaves = if found.is_some() { sys::errno() } else { Errno(libc::EINVAL) };
                found.ok_or(libc::EAI_NONAME)?
            }
            _ => 0,
        };
        Ok(Address { ip, scope })
    }
}

/// Returns the addresses of this host: the loopback addresses or, with AI_PASSIVE, those to listen on
/// (`get_local_addresses`).
pub(super) fn own_addresses(family: Option<Family>, passive: bool) -> Vec<Address> {
    let inet6 = if passive { Ipv6Addr::UNSPECIFIED } else { Ipv6Addr::LOCALHOST };
    let inet = if passive { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let both = [(Family::Inet6, IpAddr::V6(inet6)), (Family::Inet, IpAddr::V4(inet))];
    let wanted = both.into_iter().filter(|(of, _)| family.is_none_or(|family| family == *of));
    wanted.map(|(_, ip)| Address { ip, scope: 0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::text::is_plainly_an_address;

    #[test]
    fn numeric_names_are_addresses() {
        for numeric in ["127.1", "0x7f.1", "0177.0.0.01", "2130706433", "::1", "fe80::1%lo", "::ffff:1.2.3.4"] {
            assert!(matches!(Node::new(Some(numeric.as_bytes())), Node::Address(_)), "{numeric}");
        }
        for name in ["1.2.3.4.", "1.2.3.256", "1.2.3.4 ", "dead.beef", "abc", "", "a:b", "1.2.3.4x"] {
            assert!(matches!(Node::new(Some(name.as_bytes())), Node::Name(_)), "{name}");
        }
        assert!(Node::new(None) == Node::NoName && Node::new(Some(b"*")) == Node::NoName);
    }

    fn is_plain(text: &str) -> bool {
        let text = std::ffi::CString::new(text).unwrap();
        // SAFETY: the argument is a C string.
        unsafe { is_plainly_an_address(text.as_ptr()) }
    }

    #[test]
    fn what_is_plainly_an_address_is_one() {
        for text in ["0.0.0.0", "10.1.2.3", "255.255.255.255", "192.0.2.1"] {
            assert!(is_plain(text), "{text}");
            assert!(matches!(Node::new(Some(text.as_bytes())), Node::Address(_)), "{text}");
        }
        for text in ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4.", ".1.2.3.4", "1..2.3"] {
            assert!(!is_plain(text), "{text}");
        }
        for text in ["1.2.3.4x", "a.b.c.d", "1.2.3.00", "1.2.3.0004", "::1", "1.2.3.4 "] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
