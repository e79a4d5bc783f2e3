//! Sorting of addresses: RFC 3484, section 6, as in glibc (sysdeps/posix/getaddrinfo.c, `rfc3484_sort`), not RFC 6724.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::cache::View;
use crate::files::gai_conf::GaiConf;
use crate::model::Address;
use crate::network::Interfaces;
use crate::sys::Errno;
use crate::sys::interfaces::{self, InterfaceAddress};
use crate::sys::socket::{Socket, endpoint};

/// A destination address, with what the kernel reports about the route to it.
#[derive(Debug)]
struct Destination {
    ip: IpAddr,
    /// The source address that the kernel selects; `None` if there is no route.
    source: Option<IpAddr>,
    /// The interface address that is equal to the source address, if there is one. It is determined when a rule needs
    /// it.
    interface: OnceCell<Option<InterfaceAddress>>,
}

/// Returns the order of `addresses`, of each of which there are `copies` in a row: the indexes in the unsorted list.
/// `port` is that of the destinations. `interfaces` and `cache` provide what is already known.
///
/// The copies take part in the sort: the rules are not transitive, so glibc's result depends on the number of nodes,
/// and on its merge sort, which is reproduced here.
pub(super) fn sort(
    addresses: &[Address],
    copies: usize,
    port: u16,
    interfaces: Option<&Interfaces>,
    cache: Option<&View<'_>>,
    conf: &GaiConf,
) -> Vec<usize> {
    let destinations = destinations(addresses, port, cache);
    let order = Order { conf, interfaces, cache, asked: OnceCell::new(), kinds: OnceCell::new() };
    let mut places: Vec<usize> = (0..addresses.len() * copies).collect();
    let destination = |place: usize| destinations.get(place.checked_div(copies).unwrap_or(0));
    merge_sort(&mut places, &mut |&one, &other| match (destination(one), destination(other)) {
        (Some(a), Some(b)) => order.compare(a, b).then(one.cmp(&other)),
        _ => one.cmp(&other),
    });
    places
}

/// Returns the current interfaces or, with a cache, those of the last second.
pub(super) fn known_interfaces(cache: Option<&View<'_>>) -> Interfaces {
    cache.map_or_else(Interfaces::now, |cache| cache.interfaces(Interfaces::now))
}

/// Asks the kernel for the route to each address.
fn destinations(addresses: &[Address], port: u16, cache: Option<&View<'_>>) -> Vec<Destination> {
    let unknown = |to: &Address| Destination { ip: to.ip, source: None, interface: OnceCell::new() };
    let mut found: Vec<Destination> = addresses.iter().map(unknown).collect();
    let mut finder = SourceFinder::default();
    // IPv6 first, since an IPv6 socket can be used for IPv4 too.
    for is_inet6 in [true, false] {
        let mut previous: Option<(Address, Option<IpAddr>)> = None;
        for (address, destination) in addresses.iter().zip(&mut found).filter(|(to, _)| to.ip.is_ipv6() == is_inet6) {
            let source = match previous {
                Some((same, source)) if same == *address => source,
                _ => source_towards(*address, port, &mut finder, cache),
            };
            previous = Some((*address, source));
            destination.source = source;
        }
    }
    found
}

/// Returns the source address for a destination, from the cache or from the kernel.
fn source_towards(address: Address, port: u16, finder: &mut SourceFinder, cache: Option<&View<'_>>) -> Option<IpAddr> {
    let mut ask = || {
        let source = finder.source_towards(&endpoint(address.ip, port, address.scope));
        (source, finder.socket.is_some())
    };
    match cache {
        Some(cache) => cache.source(address, ask),
        None => ask().0,
    }
}

/// Determines source addresses with one socket at a time, since there may be only one file descriptor available.
#[derive(Default)]
struct SourceFinder {
    socket: Option<Socket>,
    is_inet6: bool,
    /// A connected socket keeps its source address until it is disconnected.
    is_connected: bool,
}

impl SourceFinder {
    fn source_towards(&mut self, peer: &SocketAddr) -> Option<IpAddr> {
        if self.socket.is_none() || (peer.is_ipv6() && !self.is_inet6) {
            self.open(peer);
        }
        let source = match self.connect(peer) {
            // The system has `net.ipv6.bindv6only`: IPv6 sockets accept IPv6 addresses only.
            Err(Errno(libc::EAFNOSUPPORT)) if self.is_inet6 && peer.is_ipv4() => {
                self.open(peer);
                self.connect(peer)
            }
            source => source,
        };
        let source = source.ok()?;
        if peer.is_ipv4() { source.map(|source| source.to_canonical()) } else { source }
    }

    fn open(&mut self, peer: &SocketAddr) {
        drop(self.socket.take());
        self.socket = Socket::datagram(peer).ok();
        self.is_inet6 = peer.is_ipv6();
        self.is_connected = false;
    }

    fn connect(&mut self, peer: &SocketAddr) -> Result<Option<IpAddr>, Errno> {
        let Some(socket) = &self.socket else { return Ok(None) };
        if self.is_connected {
            socket.disconnect();
            self.is_connected = false;
        }
        socket.connect(peer)?;
        self.is_connected = true;
        Ok(socket.local_address())
    }
}

/// glibc's merge sort (stdlib/msort.c): it makes the same comparisons in the same order, whatever their results.
fn merge_sort(items: &mut [usize], compare: &mut dyn FnMut(&usize, &usize) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    merge_sort(left, compare);
    merge_sort(right, compare);
    let (mut ones, mut others) = (left.iter().peekable(), right.iter().peekable());
    let mut merged = Vec::with_capacity(ones.len() + others.len());
    while let (Some(one), Some(other)) = (ones.peek(), others.peek()) {
        let next = if compare(one, other).is_le() { ones.next() } else { others.next() };
        merged.extend(next.copied());
    }
    merged.extend(ones.copied());
    merged.extend(others.copied());
    items.copy_from_slice(&merged);
}

/// The sorting rules, with the tables that they use.
struct Order<'a> {
    conf: &'a GaiConf,
    interfaces: Option<&'a Interfaces>,
    cache: Option<&'a View<'a>>,
    /// The interfaces, if they were not passed. They are requested when a rule needs them, which is rare.
    asked: OnceCell<Interfaces>,
    /// The types of the interfaces, which are requested when rule 7 needs them.
    kinds: OnceCell<Vec<(u32, u16)>>,
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

impl Order<'_> {
    fn interface(&self, destination: &Destination) -> Option<InterfaceAddress> {
        *destination.interface.get_or_init(|| {
            let interfaces = self.interfaces.unwrap_or_else(|| self.asked.get_or_init(|| known_interfaces(self.cache)));
            interfaces.of_source(destination.source?)
        })
    }

    /// glibc's `get_scope`: RFC 3484, sections 3.1 and 3.2.
    fn scope(&self, ip: IpAddr) -> i32 {
        match ip {
            IpAddr::V4(v4) => self.conf.scope_v4(v4),
            IpAddr::V6(v6) => match v6.segments() {
                [first, ..] if first & 0xff00 == 0xff00 => i32::from(first & 0xf),
                [first, ..] if first & 0xffc0 == 0xfe80 || v6.is_loopback() => 2,
                [first, ..] if first & 0xffc0 == 0xfec0 => 5,
                _ => 14,
            },
        }
    }

    fn scopes_match(&self, destination: &Destination) -> bool {
        // In glibc, a missing source address has a meaningless family, and scope 15.
        self.scope(destination.ip) == destination.source.map_or(15, |source| self.scope(source))
    }

    fn labels_match(&self, destination: &Destination) -> bool {
        let label = self.conf.label(mapped(destination.ip));
        destination.source.is_some_and(|source| self.conf.label(mapped(source)) == label)
    }

    /// Rule 7: whether the interface is not a tunnel. An unknown interface counts as a tunnel.
    fn is_native(&self, destination: &Destination) -> bool {
        const TUNNELS: [u16; 3] = [libc::ARPHRD_TUNNEL, libc::ARPHRD_TUNNEL6, libc::ARPHRD_SIT];
        let kinds = self.kinds.get_or_init(|| interfaces::kinds().unwrap_or_default());
        self.interface(destination)
            .and_then(|interface| kinds.iter().find(|(index, _)| *index == interface.index))
            .is_some_and(|(_, kind)| !TUNNELS.contains(kind))
    }

    /// Rules 1 to 9; the first one that distinguishes the destinations decides.
    fn compare(&self, a: &Destination, b: &Destination) -> Ordering {
        // Prefers the one for which the condition is true.
        let prefer = |a: bool, b: bool| b.cmp(&a);
        let reachable = a.source.is_some();
        let rule_1 = prefer(reachable, b.source.is_some());
        if rule_1.is_ne() {
            return rule_1;
        }
        let is = |destination: &Destination, what: fn(&InterfaceAddress) -> bool| {
            self.interface(destination).as_ref().is_some_and(what)
        };
        let rules_2_to_5 = || {
            prefer(self.scopes_match(a), self.scopes_match(b))
                .then_with(|| prefer(!is(a, |i| i.deprecated), !is(b, |i| i.deprecated)))
                .then_with(|| prefer(is(a, |i| i.home), is(b, |i| i.home)))
                .then_with(|| prefer(self.labels_match(a), self.labels_match(b)))
        };
        let index = |destination: &Destination| self.interface(destination).map(|interface| interface.index);
        let rule_7 = || {
            if index(a) == index(b) { Ordering::Equal } else { prefer(self.is_native(a), self.is_native(b)) }
        };
        let precedence = |ip| self.conf.precedence_of(mapped(ip));
        let ordered = if reachable { rules_2_to_5() } else { Ordering::Equal };
        ordered
            .then_with(|| precedence(b.ip).cmp(&precedence(a.ip)))
            .then_with(|| if reachable { rule_7() } else { Ordering::Equal })
            .then_with(|| self.scope(a.ip).cmp(&self.scope(b.ip)))
            .then_with(|| self.common_prefix(b, a).cmp(&self.common_prefix(a, b)))
    }

    /// Rule 9: the number of bits that the destination shares with its source, if the two destinations can be compared.
    fn common_prefix(&self, destination: &Destination, other: &Destination) -> u32 {
        match (destination.ip, destination.source, other.ip, other.source) {
            (IpAddr::V4(to), Some(IpAddr::V4(from)), IpAddr::V4(_), Some(_)) => {
                // IPv4 prefixes are compared within the subnet only. If the subnet is unknown, glibc shifts by 32,
                // which leaves all bits.
                let bits = self.interface(destination).map_or(0, |interface| u32::from(interface.prefix));
                let mask = u32::MAX.wrapping_shl(32_u32.wrapping_sub(bits));
                let difference = to.to_bits() ^ from.to_bits();
                if difference & mask == 0 { difference.leading_zeros() } else { 0 }
            }
            (IpAddr::V6(to), Some(IpAddr::V6(from)), IpAddr::V6(other_to), Some(IpAddr::V6(other_from))) => {
                // glibc compares only the first 32-bit word in which either pair differs.
                let mine = to.to_bits() ^ from.to_bits();
                let others = other_to.to_bits() ^ other_from.to_bits();
                let word = (mine | others).leading_zeros() / 32;
                if word < 4 { ((mine >> (96 - 32 * word)) as u32).leading_zeros() } else { 0 }
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn destination(ip: &str, source: Option<&str>) -> Destination {
        Destination { ip: ip.parse().unwrap(), source: source.map(|s| s.parse().unwrap()), interface: OnceCell::new() }
    }

    fn first(one: &Destination, other: &Destination) -> IpAddr {
        first_of(&Interfaces::default(), one, other)
    }

    fn first_of(interfaces: &Interfaces, one: &Destination, other: &Destination) -> IpAddr {
        let conf = GaiConf::default();
        let order = Order {
            conf: &conf,
            interfaces: Some(interfaces),
            cache: None,
            asked: OnceCell::new(),
            kinds: OnceCell::new(),
        };
        if order.compare(one, other).is_le() { one.ip } else { other.ip }
    }

    /// In both orders, so that the rule decides, and not the position.
    fn wins(winner: (&str, Option<&str>), loser: (&str, Option<&str>)) {
        let (winner, loser) = (destination(winner.0, winner.1), destination(loser.0, loser.1));
        assert_eq!(first(&winner, &loser), winner.ip);
        assert_eq!(first(&loser, &winner), winner.ip);
    }

    #[test]
    fn rule_1_prefers_what_can_be_reached() {
        wins(("192.0.2.1", Some("192.0.2.9")), ("2001:db8::1", None));
    }

    #[test]
    fn rule_2_prefers_a_source_of_the_same_scope() {
        wins(("2001:db8::1", Some("2001:db8::9")), ("2001:db8::2", Some("fe80::9")));
    }

    #[test]
    fn rule_5_prefers_a_source_of_the_same_label() {
        wins(("2002:102::1", Some("2002:102::9")), ("2001:db8::1", Some("2002:102::9")));
    }

    #[test]
    fn rule_6_prefers_ipv6_over_ipv4() {
        wins(("2001:db8::1", Some("2001:db8::9")), ("192.0.2.1", Some("192.0.2.9")));
        wins(("2001:db8::1", None), ("192.0.2.1", None));
    }

    #[test]
    fn rule_8_prefers_the_smaller_scope() {
        wins(("fe80::1", Some("fe80::9")), ("2001:db8::1", Some("2001:db8::9")));
    }

    #[test]
    fn rule_9_prefers_the_longer_common_prefix_in_ipv6() {
        wins(("2001:db8:1::1", Some("2001:db8:1::9")), ("2001:db8:2::1", Some("2001:db8:1::9")));
    }

    #[test]
    fn rule_9_counts_in_ipv4_only_within_the_subnet() {
        let interfaces = |prefix| Interfaces {
            addresses: vec![InterfaceAddress {
                ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)),
                prefix,
                index: 1,
                deprecated: false,
                home: false,
            }],
            ..Interfaces::default()
        };
        let first = |prefix| {
            let near = destination("192.0.2.8", Some("192.0.2.9"));
            let far = destination("192.0.3.1", Some("192.0.2.9"));
            first_of(&interfaces(prefix), &far, &near).to_string()
        };
        assert_eq!(first(24), "192.0.2.8");
        assert_eq!(first(32), "192.0.3.1");
    }

    #[test]
    fn equals_keep_their_order_and_copies_stay_together() {
        let address = |last| Address { ip: IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), scope: 0 };
        let places =
            sort(&[address(3), address(1), address(2)], 2, 0, Some(&Interfaces::default()), None, &GaiConf::default());
        assert_eq!(places.len(), 6);
        assert!(places.chunks(2).all(|pair| pair[0] / 2 == pair[1] / 2));
    }
}
