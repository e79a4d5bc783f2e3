//! The name servers of a rule.

use std::borrow::Cow;
use std::ffi::CString;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use super::syntax::{SyntaxError, Word, quoted, wrong};
use crate::sys::socket::interface_index;

/// The port of name servers (RFC 1035, section 4.2).
const PORT: u16 = 53;

/// The maximum length of an interface name (`IFNAMSIZ`, without the NUL).
const MAX_INTERFACE: usize = 15;

/// Name servers. Interfaces of link-local addresses that are given by name are looked up when the servers are queried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameServers {
    addresses: Box<[SocketAddr]>,
    /// Names of interfaces, each with the index of its server.
    interfaces: Box<[(usize, CString)]>,
}

impl NameServers {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Returns their number.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Returns the addresses to query. An interface that does not exist has the index 0, with which connect(2) fails,
    /// so that the next server is queried.
    pub fn now(&self) -> Cow<'_, [SocketAddr]> {
        let mut addresses = Cow::Borrowed(&*self.addresses);
        for (number, interface) in &self.interfaces {
            if let Some(SocketAddr::V6(server)) = addresses.to_mut().get_mut(*number) {
                server.set_scope_id(interface_index(interface.as_bytes()).unwrap_or(0));
            }
        }
        addresses
    }

    /// Returns the names of the interfaces, in the order of the servers.
    pub fn interfaces(&self) -> impl Iterator<Item = &CString> {
        self.interfaces.iter().map(|(_, name)| name)
    }

    /// Parses name servers.
    pub(super) fn parse(words: &[Word<'_>]) -> Result<Self, SyntaxError> {
        let (mut addresses, mut interfaces) = (Vec::new(), Vec::new());
        for (number, word) in words.iter().enumerate() {
            let (address, interface) = server(word)?;
            addresses.push(address);
            interfaces.extend(interface.map(|name| (number, name)));
        }
        Ok(Self { addresses: addresses.into(), interfaces: interfaces.into() })
    }
}

/// Parses a name server: an address, optionally followed by `%` and an interface, and by `#` and a port.
fn server(word: &Word<'_>) -> Result<(SocketAddr, Option<CString>), SyntaxError> {
    let error = |message: &str| wrong(word.at, format!("invalid name server {}: {message}", quoted(word.text)));
    let Ok(text) = std::str::from_utf8(word.text) else { return error("expected an address") };
    let (host, port) = text.split_once('#').map_or((text, None), |(host, port)| (host, Some(port)));
    let port = match port.map(u16::from_str) {
        None => PORT,
        Some(Ok(port @ 1..)) => port,
        Some(_) => return error("expected a port from 1 to 65535"),
    };
    let (address, scope) = host.split_once('%').map_or((host, None), |(address, scope)| (address, Some(scope)));
    let inet6 = |ip: Ipv6Addr, scope: u32| SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope));
    match (IpAddr::from_str(address), scope) {
        (Ok(ip), None) => Ok((SocketAddr::new(ip, port), None)),
        (Ok(IpAddr::V6(ip)), Some(scope)) => match (scope.parse(), CString::new(scope)) {
            (Ok(number), _) => Ok((inet6(ip, number), None)),
            _ if !ip.is_unicast_link_local() => error("only link-local addresses can have an interface name"),
            (_, Ok(name)) if (1..=MAX_INTERFACE).contains(&scope.len()) && !scope.contains('/') => {
                Ok((inet6(ip, 0), Some(name)))
            }
            _ => error("expected an interface number, or an interface name of 1 to 15 bytes, after \"%\""),
        },
        _ => error("expected an address such as 10.43.0.10, 10.43.0.10#5353 or fd00::53"),
    }
}
