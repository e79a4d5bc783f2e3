//! The addresses that this network namespace has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sys::interfaces::{self, InterfaceAddress};

/// What this network namespace has, as `AI_ADDRCONFIG` and the order need it.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    pub(crate) addresses: Vec<InterfaceAddress>,
    /// An IPv4 address other than 127.0.0.1.
    pub has_inet: bool,
    /// An IPv6 address other than ::1.
    pub has_inet6: bool,
    /// Whether the kernel said so.
    pub(crate) is_known: bool,
}

impl Interfaces {
    /// Asks the kernel. Where it does not answer, both families are taken to be there, as in glibc.
    pub fn now() -> Self {
        let Ok(addresses) = interfaces::list() else {
            return Self { addresses: Vec::new(), has_inet: true, has_inet6: true, is_known: false };
        };
        let has_inet = addresses.iter().any(|address| address.ip.is_ipv4() && address.ip != Ipv4Addr::LOCALHOST);
        let has_inet6 = addresses.iter().any(|address| address.ip.is_ipv6() && address.ip != Ipv6Addr::LOCALHOST);
        // glibc throws the list away where it holds no IPv6; then the rules that need it do not apply.
        let addresses = if has_inet6 { addresses } else { Vec::new() };
        Self { addresses, has_inet, has_inet6, is_known: true }
    }

    /// The one that a source address is of.
    pub(crate) fn of_source(&self, source: IpAddr) -> Option<InterfaceAddress> {
        let wanted = match source {
            IpAddr::V4(v4) if v4.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip.to_canonical(), // The source of a mapped destination is a mapped address.
        };
        self.addresses.iter().find(|address| address.ip == wanted).copied()
    }
}
