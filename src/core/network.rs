//! The addresses of the interfaces in this network namespace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sys::interfaces::{self, InterfaceAddress};

/// The addresses of this network namespace, as `AI_ADDRCONFIG` and the sorting of addresses need them.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    pub(crate) addresses: Vec<InterfaceAddress>,
    /// Whether there is an IPv4 address other than 127.0.0.1.
    pub has_inet: bool,
    /// Whether there is an IPv6 address other than ::1.
    pub has_inet6: bool,
    /// Whether the kernel returned the list. If not, the other fields are assumptions.
    pub(crate) is_known: bool,
}

impl Interfaces {
    /// Requests the list from the kernel. If that fails, addresses of both families are assumed to exist, as in glibc.
    pub fn now() -> Self {
        let Ok(addresses) = interfaces::list() else {
            return Self { addresses: Vec::new(), has_inet: true, has_inet6: true, is_known: false };
        };
        let has_inet = addresses.iter().any(|address| address.ip.is_ipv4() && address.ip != Ipv4Addr::LOCALHOST);
        let has_inet6 = addresses.iter().any(|address| address.ip.is_ipv6() && address.ip != Ipv6Addr::LOCALHOST);
        // glibc discards the list if it has no IPv6 address, so that the sorting rules that use the list do not apply.
        let addresses = if has_inet6 { addresses } else { Vec::new() };
        Self { addresses, has_inet, has_inet6, is_known: true }
    }

    /// The interface address that is equal to this source address.
    pub(crate) fn of_source(&self, source: IpAddr) -> Option<InterfaceAddress> {
        let wanted = match source {
            IpAddr::V4(v4) if v4.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip.to_canonical(), // A socket with an IPv4-mapped destination has a mapped source address.
        };
        self.addresses.iter().find(|address| address.ip == wanted).copied()
    }
}
