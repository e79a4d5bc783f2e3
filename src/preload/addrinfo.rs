//! getaddrinfo: a request answered, and the answer in glibc's memory shape.

use std::cell::Cell;
use std::ffi::CStr;
use std::net::IpAddr;
use std::ptr;

use libc::{addrinfo, c_char, c_int, c_void, sockaddr, sockaddr_in, sockaddr_in6};
use nss_bypass_core::model::Name;
use nss_bypass_core::model::{Address, Answer, Failure, Family};
use nss_bypass_core::resolve::order;
use nss_bypass_core::resolve::{Engine, Source};
use nss_bypass_core::sys::{Errno, errno, set_errno};

use crate::codes;
use crate::idn;
use crate::input::{self, Hints, Node, Request, Service};
use crate::lookup::{Ended, bypass};
use crate::state::TABLES;

/// What getaddrinfo returns.
#[derive(Clone, Copy)]
pub(crate) struct Done {
    pub(crate) code: c_int,
    /// Whether anybody was asked about the name.
    has_asked: bool,
}

/// Whether a thread must not be cancelled now: there is a list, or nobody was asked, so that glibc would not have been
/// cancelled either.
pub(crate) fn owns(done: Done) -> bool {
    done.code == 0 || !done.has_asked
}

/// getaddrinfo(3) for a node that is ours, with errno as it was at the call. None: the call is libc's.
///
/// # Safety
/// The arguments are as getaddrinfo's contract asks: strings or NULL, an addrinfo or NULL, a place for the result.
pub(crate) unsafe fn lookup(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
    before: Errno,
) -> Option<Done> {
    nss_bypass_core::sys::fault::point();
    // SAFETY: the caller's promise.
    let hints = unsafe { Hints::read(hints) };
    // SAFETY: the caller's promise.
    let service = unsafe { input::text(service) };
    let has_asked = Cell::new(false);
    let look_up = |node: Node<'_>, conversion: Conversion| {
        bypass("getaddrinfo", node.subject(), |engine| {
            let mut before = before;
            let request = input::request(node, hints, service, engine.cache(), &mut before);
            let found = request.and_then(|request| {
                before = conversion.errno.unwrap_or(before);
                conversion.result?;
                match node {
                    Node::Name(_) if request.wants_no_name() => Err(libc::EAI_NONAME),
                    Node::Name(name) => {
                        has_asked.set(true);
                        Ok(answer(engine, name, &request, before))
                    }
                    Node::Address(numeric) => {
                        let addresses = vec![numeric.address(request.selection, &mut before)?];
                        let answer = Answer { canonical: numeric.text.to_vec(), aliases: Vec::new(), addresses };
                        Ok(given(engine, answer, &request, before))
                    }
                    Node::Nobody => {
                        let addresses = input::own_addresses(&request);
                        Ok(given(engine, Answer { addresses, ..Answer::default() }, &request, before))
                    }
                }
            });
            found.unwrap_or_else(|code| {
                set_errno(before);
                (Err(code), Ended::Refused(code))
            })
        })
    };
    // SAFETY: the caller's promise.
    let ours = unsafe { with_node(node, hints, look_up) }?;
    let code = match ours {
        Ok(List(first)) => {
            // SAFETY: the caller's promise. It is written on success only, as in glibc.
            unsafe { result.write(first) };
            0
        }
        Err(code) => code,
    };
    Some(Done { code, has_asked: has_asked.get() })
}

/// What became of the conversion of a name to its A-label form.
#[derive(Clone, Copy)]
pub(crate) struct Conversion {
    result: Result<(), c_int>,
    /// What it left in errno, if anything.
    errno: Option<Errno>,
}

/// Gives `what` the node that getaddrinfo will look up, in its A-label form where the hints ask for that and it has one.
///
/// # Safety
/// `node` is NULL or a C string.
pub(crate) unsafe fn with_node<T>(
    node: *const c_char,
    hints: Hints,
    what: impl FnOnce(Node<'_>, Conversion) -> T,
) -> T {
    // SAFETY: the caller's promise.
    let text = unsafe { input::text(node) };
    match text {
        Some(text) if hints.wants_idn() && !text.is_ascii() => {
            set_errno(Errno(0));
            // SAFETY: a node that is not NULL is a C string.
            let a_labels = idn::to_a_labels(unsafe { CStr::from_ptr(node) });
            let errno = Some(errno()).filter(|&errno| errno != Errno(0));
            // Wide digits become an address.
            let result = a_labels.as_ref().map_or_else(|&code| Err(code), |_| Ok(()));
            what(Node::new(a_labels.as_deref().ok().or(Some(text))), Conversion { result, errno })
        }
        text => what(Node::new(text), Conversion { result: Ok(()), errno: None }),
    }
}

/// Addresses that nobody had to be asked for.
fn given(engine: &Engine<'_>, answer: Answer, request: &Request, before: Errno) -> (Result<List, c_int>, Ended) {
    nss_bypass_core::sys::fault::point();
    let list = list(engine, &answer, request).ok_or(libc::EAI_MEMORY);
    set_errno(before);
    (list, Ended::Answered(answer))
}

/// A list that freeaddrinfo can free.
struct List(*mut addrinfo);

fn answer(engine: &Engine<'_>, name: Name<'_>, request: &Request, before: Errno) -> (Result<List, c_int>, Ended) {
    nss_bypass_core::sys::fault::point();
    // glibc's AF_INET path goes through gethostbyname2_r, which leaves 0 where there is nothing to say.
    let simple = request.selection.family == Some(Family::Inet) && !request.selection.canonical;
    let quiet = if simple { Errno(0) } else { before };
    match engine.addresses(name, request.selection) {
        Ok(answer) if answer.addresses.is_empty() => (Err(libc::EAI_NONAME), Ended::Failed(Failure::NotFound)),
        Ok(answer) => {
            let list = list(engine, &answer, request).ok_or(libc::EAI_MEMORY);
            // glibc's resolver clears it on its way.
            set_errno(if engine.source().is_some_and(Source::is_dns) { Errno(0) } else { quiet });
            (list, Ended::Answered(answer))
        }
        Err(failure) => {
            let untouched = if failure == Failure::System(0) { before } else { quiet };
            // What kept it from asking anybody glibc often tells by nothing but errno.
            let reason = engine.obstacle().map_or(failure, |Errno(errno)| Failure::System(errno));
            set_errno(codes::errno(reason).unwrap_or(untouched));
            (Err(codes::eai(failure)), Ended::Failed(reason))
        }
    }
}

/// One node for each address and service, in RFC 3484's order; the canonical name at the first. None: no memory.
fn list(engine: &Engine<'_>, answer: &Answer, request: &Request) -> Option<List> {
    nss_bypass_core::sys::fault::point();
    let services = &request.services;
    let nodes: Vec<(Address, Service)> =
        answer.addresses.iter().flat_map(|address| services.iter().map(|service| (*address, *service))).collect();
    let order = if answer.addresses.len() > 1 {
        let port = services.first().map_or(0, |service| service.port);
        let interfaces = request.interfaces.as_ref();
        order::sort(&answer.addresses, services.len(), port, interfaces, engine.cache(), &TABLES.gai_conf())
    } else {
        (0..nodes.len()).collect()
    };
    let mut list = Builder { first: ptr::null_mut(), last: ptr::null_mut() };
    for (address, service) in order.iter().filter_map(|&place| nodes.get(place)) {
        list.push(*address, *service, request.flags)?;
    }
    if request.selection.canonical {
        match request.wants_u_labels() {
            true => list.name(&idn::to_u_labels(&answer.canonical))?,
            false => list.name(&answer.canonical)?,
        }
    }
    Some(list.finish())
}

/// A list as `list` makes it, but in the order given: for the fuzz targets. Not `finished`, it is left in the middle.
#[cfg(fuzzing)]
pub(crate) fn build(
    addresses: &[Address],
    services: &[Service],
    flags: c_int,
    name: Option<&[u8]>,
    finished: bool,
) -> Option<*mut addrinfo> {
    let mut list = Builder { first: ptr::null_mut(), last: ptr::null_mut() };
    for address in addresses {
        for service in services {
            list.push(*address, *service, flags)?;
        }
    }
    if let Some(name) = name {
        list.name(name)?;
    }
    finished.then(|| list.finish().0)
}

/// A list in the making; freed if it is not finished.
struct Builder {
    first: *mut addrinfo,
    last: *mut addrinfo,
}

/// glibc allocates each node with its address behind it (sysdeps/posix/getaddrinfo.c, `generate_addrinfo`), and
/// freeaddrinfo frees just the node and its name. The memory is the process's malloc's.
#[repr(C)]
struct Linked<A> {
    info: addrinfo,
    address: A,
}

impl Builder {
    fn push(&mut self, address: Address, service: Service, flags: c_int) -> Option<()> {
        nss_bypass_core::sys::fault::point();
        match address.ip {
            IpAddr::V4(ip) => {
                let inet = sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: service.port.to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                    sin_zero: [0; 8],
                };
                self.link(libc::AF_INET, inet, service, flags)
            }
            IpAddr::V6(ip) => {
                let inet6 = sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: service.port.to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    sin6_scope_id: address.scope,
                };
                self.link(libc::AF_INET6, inet6, service, flags)
            }
        }
    }

    fn link<A>(&mut self, family: c_int, address: A, service: Service, flags: c_int) -> Option<()> {
        // SAFETY: malloc may be called with any size.
        let node = unsafe { libc::malloc(size_of::<Linked<A>>()) }.cast::<Linked<A>>();
        if node.is_null() {
            return None;
        }
        // SAFETY: the field lies within the allocation; no reference is made.
        let behind = unsafe { &raw mut (*node).address };
        let info = addrinfo {
            ai_flags: flags,
            ai_family: family,
            ai_socktype: service.socket_type,
            ai_protocol: service.protocol,
            ai_addrlen: size_of::<A>() as libc::socklen_t,
            ai_addr: behind.cast::<sockaddr>(),
            ai_canonname: ptr::null_mut(),
            ai_next: ptr::null_mut(),
        };
        // SAFETY: malloc gave room for a node, aligned for any type.
        unsafe { node.write(Linked { info, address }) };
        let node = node.cast::<addrinfo>();
        if self.last.is_null() {
            self.first = node;
        } else {
            // SAFETY: `last` is a node of this list, which nobody else has seen yet.
            unsafe { (*self.last).ai_next = node };
        }
        self.last = node;
        Some(())
    }

    fn name(&mut self, name: &[u8]) -> Option<()> {
        nss_bypass_core::sys::fault::point();
        let copy = allocate_string(name)?;
        // SAFETY: the list has a first node, since every answer has an address.
        unsafe { (*self.first).ai_canonname = copy };
        Some(())
    }

    fn finish(mut self) -> List {
        List(std::mem::replace(&mut self.first, ptr::null_mut()))
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        if !self.first.is_null() {
            // SAFETY: the nodes are malloc's, in the shape that freeaddrinfo expects, and nobody else has them.
            unsafe { libc::freeaddrinfo(self.first) };
        }
    }
}

/// A C string from malloc. None: no memory.
fn allocate_string(text: &[u8]) -> Option<*mut c_char> {
    nss_bypass_core::sys::fault::point();
    // SAFETY: malloc may be called with any size.
    let copy = unsafe { libc::malloc(text.len() + 1) }.cast::<u8>();
    if copy.is_null() {
        return None;
    }
    // SAFETY: the allocation has room for the text and a NUL, and is new.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len()) };
    // SAFETY: the last byte of the allocation.
    let end = unsafe { copy.add(text.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    Some(copy.cast::<c_void>().cast())
}
