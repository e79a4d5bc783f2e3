//! The arguments of getaddrinfo as a request, which is checked as in glibc.

pub(crate) mod hints;
pub(crate) mod node;
pub(crate) mod service;
pub(crate) mod text;

use std::borrow::Cow;
use std::ffi::CStr;

use libc::{addrinfo, c_char, c_int};
use nss_bypass_core::model::{Address, Family, Name};
use nss_bypass_core::network::Interfaces;
use nss_bypass_core::resolve::{Nodes, Query, Resolver, Selection};
use nss_bypass_core::sys::{Errno, errno, set_errno};

use crate::idn;
use crate::netdb::{AI_CANONIDN, AI_DEPRECATED, AI_IDN};
use hints::Hints;
use node::{Node, own_addresses};
use service::{Port, Service, find_services, is_all_number, number};
use text::{is_digits_and_dots, text};

const KNOWN_FLAGS: c_int = libc::AI_PASSIVE
    | libc::AI_CANONNAME
    | libc::AI_NUMERICHOST
    | libc::AI_V4MAPPED
    | libc::AI_ALL
    | libc::AI_ADDRCONFIG
    | libc::AI_NUMERICSERV
    | AI_IDN
    | AI_CANONIDN
    | AI_DEPRECATED;

/// The arguments.
pub(crate) struct Request<'a> {
    /// The text of the node, in its A-label form if the hints request that and it has one.
    node: Option<Cow<'a, [u8]>>,
    conversion: Conversion,
    hints: Hints,
    service: Option<&'a [u8]>,
}

/// The result of the conversion to A-labels.
#[derive(Clone, Copy)]
struct Conversion {
    result: Result<(), c_int>,
    /// The errno that it has left, if any.
    errno: Option<Errno>,
}

/// Valid arguments.
pub(crate) struct Checked<'a> {
    target: Target<'a>,
    selection: Selection,
    flags: c_int,
    /// The services; there is one node for each address and service.
    pub(crate) services: Vec<Service>,
    nodes: Nodes,
    /// The errno to leave unless the lookup sets another.
    pub(crate) errno: Errno,
}

enum Target<'a> {
    Name(Name<'a>),
    /// These addresses, with this canonical name.
    Addresses(Vec<Address>, &'a [u8]),
}

/// Invalid arguments: getaddrinfo's code, and the errno to leave.
pub(crate) struct Refusal {
    pub(crate) code: c_int,
    pub(crate) errno: Errno,
}

impl<'a> Request<'a> {
    /// Reads the arguments, and converts the node.
    ///
    /// # Safety
    /// The arguments must be as for getaddrinfo(3): strings or NULL, an addrinfo or NULL.
    pub(crate) unsafe fn read(node: *const c_char, service: *const c_char, hints: *const addrinfo) -> Self {
        // SAFETY: guaranteed by the caller.
        let hints = unsafe { Hints::read(hints) };
        // SAFETY: guaranteed by the caller.
        let service = unsafe { text(service) };
        // SAFETY: guaranteed by the caller.
        let written = unsafe { text(node) };
        let mut request = Self {
            node: written.map(Cow::Borrowed),
            conversion: Conversion { result: Ok(()), errno: None },
            hints,
            service,
        };
        if hints.wants_idn() && written.is_some_and(|text| !text.is_ascii()) {
            // SAFETY: a node that is not NULL is a C string.
            request.convert(unsafe { CStr::from_ptr(node) });
        }
        request
    }

    fn convert(&mut self, node: &CStr) {
        set_errno(Errno(0));
        let converted = idn::to_a_labels(node, self.hints.flags);
        let errno = Some(errno()).filter(|&errno| errno != Errno(0));
        self.conversion = Conversion { result: converted.as_ref().map(|_| ()).map_err(|&code| code), errno };
        if let Ok(a_labels) = converted {
            self.node = Some(Cow::Owned(a_labels));
        }
    }

    /// Returns the node. (A conversion of full-width digits may result in an address.)
    pub(crate) fn node(&self) -> Node<'_> {
        Node::new(self.node.as_deref())
    }

    /// Checks everything that getaddrinfo checks before it looks up a name, in the same order and with the same codes.
    pub(crate) fn check<'n>(
        &self,
        node: Node<'n>,
        resolver: &Resolver<'_>,
        at_entry: Errno,
    ) -> Result<Checked<'n>, Refusal> {
        let mut leaves = at_entry;
        let checked = self.checked(node, resolver, &mut leaves);
        checked.map_err(|code| Refusal { code, errno: leaves })
    }

    /// `leaves` is the errno to leave: the one at the call, until something changes it.
    fn checked<'n>(&self, node: Node<'n>, resolver: &Resolver<'_>, leaves: &mut Errno) -> Result<Checked<'n>, c_int> {
        let hints = self.hints;
        check_flags(node, hints, self.service)?;
        let (family, interfaces) = family(hints, resolver)?;
        let port = port(self.service, hints, leaves)?;
        let services = find_services(hints, &port, leaves)?;
        let selection = Selection {
            family,
            canonical: hints.has(libc::AI_CANONNAME),
            v4_mapped: hints.has(libc::AI_V4MAPPED) && family == Some(Family::Inet6),
            all: hints.has(libc::AI_ALL),
        };
        *leaves = self.conversion.errno.unwrap_or(*leaves);
        self.conversion.result?;
        let target = match node {
            Node::Name(_) if hints.has(libc::AI_NUMERICHOST) => return Err(libc::EAI_NONAME),
            // `gethostbyname2_r` treats it as an address, valid or not, and makes no lookup.
            Node::Name(name)
                if family == Some(Family::Inet)
                    && !selection.canonical
                    && is_digits_and_dots(name.as_bytes(), Family::Inet) =>
            {
                return Err(libc::EAI_NONAME);
            }
            Node::Name(name) => Target::Name(name),
            Node::Address(numeric) => Target::Addresses(vec![numeric.address(selection, leaves)?], numeric.text()),
            Node::NoName => Target::Addresses(own_addresses(family, hints.has(libc::AI_PASSIVE)), b""),
        };
        let port = services.first().map_or(0, |service| service.port);
        let nodes = Nodes { services: services.len(), port, interfaces };
        Ok(Checked { target, selection, flags: hints.flags, services, nodes, errno: *leaves })
    }
}

impl Checked<'_> {
    /// Returns the query for the resolver.
    pub(crate) fn query(&self) -> Query<'_> {
        let nodes = &self.nodes;
        match &self.target {
            Target::Name(name) => Query::Addresses { name: *name, selection: self.selection, nodes },
            Target::Addresses(addresses, canonical) => Query::Known { addresses, canonical, nodes },
        }
    }

    /// Returns whether a source is queried.
    pub(crate) fn queries_source(&self) -> bool {
        matches!(self.target, Target::Name(_))
    }

    /// Returns whether glibc looks up the name with `gethostbyname2_r`: for IPv4 without the canonical name.
    pub(crate) fn is_by_gethostbyname(&self) -> bool {
        self.queries_source() && self.selection.family == Some(Family::Inet) && !self.selection.canonical
    }

    /// Returns the `ai_flags` of each node.
    pub(crate) fn flags(&self) -> c_int {
        self.flags
    }

    /// Returns the canonical name of an answer in the form that the hints request; `None` if they do not request it.
    pub(crate) fn canonical<'n>(&self, name: &'n [u8]) -> Option<Cow<'n, [u8]>> {
        match (self.selection.canonical, self.flags & AI_CANONIDN != 0) {
            (false, _) => None,
            (true, false) => Some(Cow::Borrowed(name)),
            (true, true) => Some(Cow::Owned(idn::to_u_labels(name))),
        }
    }
}

fn check_flags(node: Node<'_>, hints: Hints, service: Option<&[u8]>) -> Result<(), c_int> {
    let no_name = node == Node::NoName;
    if no_name && matches!(service, None | Some(b"*")) {
        return Err(libc::EAI_NONAME);
    }
    if hints.has(!KNOWN_FLAGS) || (no_name && hints.has(libc::AI_CANONNAME)) {
        return Err(libc::EAI_BADFLAGS);
    }
    Ok(())
}

/// Returns the requested families, of which only the available ones with `AI_ADDRCONFIG`; and the interfaces, if they
/// had to be requested.
fn family(hints: Hints, resolver: &Resolver<'_>) -> Result<(Option<Family>, Option<Interfaces>), c_int> {
    let family = match hints.family {
        libc::AF_UNSPEC => None,
        libc::AF_INET => Some(Family::Inet),
        libc::AF_INET6 => Some(Family::Inet6),
        _ => return Err(libc::EAI_FAMILY),
    };
    if !hints.has(libc::AI_ADDRCONFIG) {
        return Ok((family, None));
    }
    let interfaces = resolver.interfaces();
    let family = match (family, interfaces.has_inet, interfaces.has_inet6) {
        (None, true, false) => Some(Family::Inet),
        (None, false, true) => Some(Family::Inet6),
        (Some(Family::Inet), false, _) | (Some(Family::Inet6), _, false) => return Err(libc::EAI_NONAME),
        (family, _, _) => family,
    };
    Ok((family, Some(interfaces)))
}

fn port<'a>(service: Option<&'a [u8]>, hints: Hints, leaves: &mut Errno) -> Result<Port<'a>, c_int> {
    match service {
        None | Some(b"" | b"*") => Ok(Port::None),
        Some(text) => match number(text, leaves) {
            Some(number) => Ok(Port::Number(number)),
            None if hints.has(libc::AI_NUMERICSERV) && !is_all_number(text) => Err(libc::EAI_NONAME),
            None => Ok(Port::Name(text)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::TABLES;
    use nss_bypass_core::rules::rule::Answering;

    fn name() -> Node<'static> {
        Node::Name(Name::new(b"name"))
    }

    fn hints(flags: c_int, family: c_int, socket_type: c_int, protocol: c_int) -> Hints {
        Hints { flags, family, socket_type, protocol }
    }

    fn checked<'a>(node: Node<'a>, hints: Hints, service: Option<&'a [u8]>) -> Result<Checked<'a>, c_int> {
        let answering = Answering::default();
        let resolver = Resolver::new(&TABLES, &answering, None);
        let conversion = Conversion { result: Ok(()), errno: None };
        Request { node: None, conversion, hints, service }.checked(node, &resolver, &mut Errno(0))
    }

    #[test]
    fn checks_come_in_glibcs_order() {
        let code = |hints, service: Option<&'static [u8]>| checked(name(), hints, service).err();
        assert_eq!(checked(Node::NoName, hints(0x800, 99, 99, 0), None).err(), Some(libc::EAI_NONAME));
        let canonical = checked(Node::NoName, hints(libc::AI_CANONNAME, 99, 0, 0), Some(b"80"));
        assert_eq!(canonical.err(), Some(libc::EAI_BADFLAGS));
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
        let checked = checked(name(), hints(0, 0, 0, 0), Some(b"53")).ok().unwrap();
        let rows: Vec<_> = checked.services.iter().map(|s| (s.socket_type, s.protocol, s.port)).collect();
        assert_eq!(rows, [(1, 6, 53), (2, 17, 53), (3, 0, 53)]);
    }
}
