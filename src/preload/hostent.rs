//! The gethostbyname family and gethostbyaddr: one packer, and thin shells around it.

use std::cell::UnsafeCell;
use std::net::{IpAddr, Ipv6Addr};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{c_char, c_int, c_void, hostent, size_t};
use nss_bypass_core::files::hosts::Buffer;
use nss_bypass_core::model::Name;
use nss_bypass_core::model::{Answer, Failure, Family, Miss, Status};
use nss_bypass_core::resolve::Engine;
use nss_bypass_core::rules::policy::Subject;
use nss_bypass_core::sys::{Errno, fork, set_errno};

use crate::codes::{self, NETDB_INTERNAL, NETDB_SUCCESS};
use crate::input;
use crate::lookup::{Ended, bypass};

unsafe extern "C" {
    /// This thread's h_errno (netdb.h).
    fn __h_errno_location() -> *mut c_int;
}

pub(crate) fn set_h_errno(value: c_int) {
    // SAFETY: libc gives a valid pointer to this thread's variable.
    let location = unsafe { __h_errno_location() };
    // SAFETY: as above.
    unsafe { location.write(value) };
}

/// What a function of the family is asked.
#[derive(Clone, Copy)]
enum Question<'a> {
    /// Addresses of a name.
    Name(Name<'a>, Family),
    /// The same for a family that has none in DNS; AF_UNSPEC has some in /etc/hosts.
    Other(Name<'a>, c_int),
    /// The name of an address.
    Address(IpAddr),
}

impl<'a> Question<'a> {
    /// None: libc's, since it is numeric.
    ///
    /// # Safety
    /// `name` is NULL or a C string.
    pub(crate) unsafe fn by_name(name: *const c_char, family: c_int) -> Option<Self> {
        nss_bypass_core::sys::fault::point();
        // SAFETY: the caller's promise.
        let name = unsafe { input::text(name) }?;
        let known = match family {
            libc::AF_INET => Some(Family::Inet),
            libc::AF_INET6 => Some(Family::Inet6),
            _ => None,
        };
        // glibc takes any other family for AF_INET here, and only here.
        if input::is_digits_and_dots(name, known.unwrap_or(Family::Inet)) {
            return None;
        }
        let name = Name::new(name);
        Some(known.map_or(Self::Other(name, family), |family| Self::Name(name, family)))
    }

    /// None: libc's, since nobody is asked about it, or it is no address.
    ///
    /// # Safety
    /// `address` is NULL or readable for `length` bytes.
    pub(crate) unsafe fn by_address(address: *const c_void, length: libc::socklen_t, family: c_int) -> Option<Self> {
        nss_bypass_core::sys::fault::point();
        if address.is_null() {
            return None;
        }
        let ip = match (family, length) {
            // SAFETY: the caller's promise; no alignment is asked for.
            (libc::AF_INET, 4) => IpAddr::from(unsafe { address.cast::<[u8; 4]>().read_unaligned() }),
            // SAFETY: as above.
            (libc::AF_INET6, 16) => IpAddr::from(unsafe { address.cast::<[u8; 16]>().read_unaligned() }),
            _ => return None,
        };
        (ip != IpAddr::V6(Ipv6Addr::UNSPECIFIED)).then_some(Self::Address(ip))
    }

    fn subject(self) -> Subject<'a> {
        match self {
            Self::Name(name, _) | Self::Other(name, _) => Subject::Name(name),
            Self::Address(address) => Subject::Address(address),
        }
    }

    /// Bytes that glibc wants before it even looks whether a name is an address, where its first byte could begin one
    /// (nss/digits_dots.c).
    fn room_for_digits(self) -> usize {
        const ADDRESS: usize = 16;
        let pointers = 3 * size_of::<*mut c_char>();
        match self.subject() {
            Subject::Name(name) => match name.as_bytes() {
                [first, ..] if first.is_ascii_hexdigit() || *first == b':' => {
                    ADDRESS + pointers + name.as_bytes().len() + 1
                }
                _ => 0,
            },
            Subject::Address(_) | Subject::Nobody => 0,
        }
    }
}

/// Looks up, and leaves this thread's h_errno as glibc's resolver leaves it on its way. glibc reads /etc/hosts into the
/// caller's `buffer`, and asks for more before it knows whether the name exists.
fn find(engine: &Engine<'_>, question: Question<'_>, buffer: Option<Buffer>) -> Result<Answer, Miss> {
    nss_bypass_core::sys::fault::point();
    let result = match question {
        Question::Name(name, family) => engine.host(name, family, buffer),
        Question::Other(name, family) => engine.host_of_other_family(name, family == libc::AF_UNSPEC, buffer),
        Question::Address(address) => engine.name_of(address, buffer),
    };
    if let Some(value) = engine.resolver_h_errno().and_then(codes::h_errno) {
        set_h_errno(value);
    }
    result
}

/// What the module that was asked last wrote where `h_errno` is wanted.
fn told(engine: &Engine<'_>) -> Option<c_int> {
    engine.module_h_errno()?.map_or_else(codes::h_errno, |()| Some(NETDB_SUCCESS))
}

fn ended(question: Question<'_>, result: &Result<Answer, Miss>) -> Ended {
    match result {
        Ok(answer) if matches!(question, Question::Address(_)) => Ended::Named(answer.canonical.clone()),
        Ok(answer) => Ended::Answered(answer.clone()),
        Err(Miss { failure: Failure::System(code @ libc::ERANGE), .. }) => Ended::Refused(*code),
        Err(miss) => Ended::Failed(miss.failure),
    }
}

/// What a `_r` function returns for a miss (glibc, nss/getXXbyYY_r.c), with errno set alike. `before` is errno at the
/// call, which glibc returns where nothing on its way has set it.
fn code_of(miss: Miss, before: Errno) -> c_int {
    nss_bypass_core::sys::fault::point();
    let code = match (miss.status, miss.failure) {
        (Status::NotFound, _) => 0,
        (Status::TryAgain, Failure::System(errno)) => errno,
        (Status::TryAgain, _) => libc::EAGAIN,
        (Status::Unavail, _) => miss.errno.unwrap_or(before.0),
    };
    set_errno(Errno(code));
    code
}

/// Where a `_r` function puts its result.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) host: *mut hostent,
    pub(crate) buffer: *mut c_char,
    pub(crate) length: size_t,
    pub(crate) result: *mut *mut hostent,
    pub(crate) h_errno: *mut c_int,
}

/// gethostbyname2_r(3) for a name that is ours. None: the call is libc's.
///
/// # Safety
/// The arguments are as its contract asks: a C string, and `out` with a writable place for each result and
/// `out.length` writable bytes.
pub(crate) unsafe fn by_name(
    function: &str,
    name: *const c_char,
    family: c_int,
    out: Out,
    before: Errno,
) -> Option<c_int> {
    nss_bypass_core::sys::fault::point();
    // SAFETY: the caller's promise.
    let question = unsafe { Question::by_name(name, family) }?;
    // SAFETY: the caller's promise.
    unsafe { reentrant(function, question, out, before) }
}

/// gethostbyaddr_r(3) for an address that is ours. None: the call is libc's.
///
/// # Safety
/// The arguments are as its contract asks: `length` readable bytes, and `out` as for [`by_name`].
pub(crate) unsafe fn by_address(
    address: *const c_void,
    length: libc::socklen_t,
    family: c_int,
    out: Out,
    before: Errno,
) -> Option<c_int> {
    nss_bypass_core::sys::fault::point();
    // SAFETY: the caller's promise.
    let question = unsafe { Question::by_address(address, length, family) }?;
    // SAFETY: the caller's promise.
    unsafe { reentrant("gethostbyaddr_r", question, out, before) }
}

/// # Safety
/// `out` as for [`by_name`].
unsafe fn reentrant(function: &str, question: Question<'_>, out: Out, before: Errno) -> Option<c_int> {
    nss_bypass_core::sys::fault::point();
    bypass(function, question.subject(), |engine| {
        if engine.obstacle().is_none() && out.length < question.room_for_digits() {
            // SAFETY: the caller's promise.
            return (unsafe { too_small(out) }, Ended::Refused(libc::ERANGE));
        }
        let result = find(engine, question, Some(Buffer { address: out.buffer.addr(), length: out.length }));
        let ended = ended(question, &result);
        let order = match (question, engine.source()) {
            (Question::Address(_), Some(source)) if source.is_dns() => Order::ListsFirst,
            _ => Order::ListsLast,
        };
        let code = match result {
            // SAFETY: the caller's promise.
            Ok(answer) => match unsafe { pack(&answer, out.host, out.buffer, out.length, order) } {
                Some(()) => {
                    // SAFETY: the caller's promise.
                    unsafe { out.result.write(out.host) };
                    if let Some(value) = told(engine) {
                        // SAFETY: the caller's promise.
                        unsafe { out.h_errno.write(value) };
                    }
                    set_errno(Errno(0));
                    0
                }
                // SAFETY: the caller's promise.
                None => unsafe { too_small(out) },
            },
            Err(miss) => {
                // SAFETY: the caller's promise.
                unsafe { out.result.write(ptr::null_mut()) };
                if let Some(value) = codes::h_errno(miss.failure).or_else(|| told(engine)) {
                    // SAFETY: the caller's promise.
                    unsafe { out.h_errno.write(value) };
                }
                code_of(miss, before)
            }
        };
        (code, ended)
    })
}

/// # Safety
/// As for [`by_name`].
unsafe fn too_small(out: Out) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { out.result.write(ptr::null_mut()) };
    // SAFETY: the caller's promise.
    unsafe { out.h_errno.write(NETDB_INTERNAL) };
    set_errno(Errno(libc::ERANGE));
    libc::ERANGE
}

/// In which order glibc's modules fill a buffer, which decides how long it must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Names, addresses, and the lists of both.
    ListsLast,
    /// Answers of DNS about an address: the lists, the name, the address. The NULL of the list of addresses is the list of
    /// aliases, of which there are none.
    ListsFirst,
}

/// Where in a buffer everything of an answer goes: offsets.
struct Layout {
    address_list: usize,
    alias_list: usize,
    names: usize,
    addresses: usize,
    end: usize,
}

impl Layout {
    /// Lists are aligned as pointers are and addresses to four bytes, wherever the buffer begins.
    fn new(answer: &Answer, width: usize, start: usize, order: Order) -> Self {
        const ADDRESS_ALIGNMENT: usize = 4;
        const POINTER: usize = size_of::<*mut c_char>();
        let aligned = |offset: usize, to: usize| (start + offset).next_multiple_of(to) - start;
        let Answer { canonical, aliases, addresses } = answer;
        let names_length = canonical.len() + 1 + aliases.iter().map(|alias| alias.len() + 1).sum::<usize>();
        let addresses_length = addresses.len() * width;
        let address_list_length = (addresses.len() + 1) * POINTER;
        match order {
            Order::ListsFirst if aliases.is_empty() => {
                let address_list = aligned(0, POINTER);
                let names = address_list + address_list_length;
                let addresses = aligned(names + names_length, ADDRESS_ALIGNMENT);
                Self { address_list, alias_list: names - POINTER, names, addresses, end: addresses + addresses_length }
            }
            Order::ListsFirst | Order::ListsLast => {
                let addresses = aligned(names_length, ADDRESS_ALIGNMENT);
                let address_list = aligned(addresses + addresses_length, POINTER);
                let alias_list = address_list + address_list_length;
                let end = alias_list + (aliases.len() + 1) * POINTER;
                Self { address_list, alias_list, names: 0, addresses, end }
            }
        }
    }
}

/// Writes an answer and all that it points to into a buffer of any alignment. None: it is too short.
///
/// # Safety
/// `host` is writable, `buffer` for `length` bytes.
pub(crate) unsafe fn pack(
    answer: &Answer,
    host: *mut hostent,
    buffer: *mut c_char,
    length: usize,
    order: Order,
) -> Option<()> {
    nss_bypass_core::sys::fault::point();
    let is_inet = answer.addresses.first().is_some_and(|address| address.ip.is_ipv4());
    let (address_type, width) = if is_inet { (libc::AF_INET, 4) } else { (libc::AF_INET6, 16) };
    let layout = Layout::new(answer, width, buffer.addr(), order);
    if length < layout.end {
        return None;
    }
    // SAFETY: the layout lies within the buffer.
    let at = |offset: usize| unsafe { buffer.add(offset) };
    let copy = |bytes: &[u8], offset: &mut usize| {
        let start = at(*offset);
        // SAFETY: the layout counts every byte that is copied; the answer is not in the caller's buffer.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), start, bytes.len()) };
        *offset += bytes.len();
        start
    };
    let point = |list: usize, index: usize, to: *mut c_char| {
        let place = at(list + index * size_of::<*mut c_char>()).cast::<*mut c_char>();
        // SAFETY: the layout counts every pointer, and its lists are aligned.
        unsafe { place.write(to) };
    };
    let mut end = layout.addresses;
    for (index, address) in answer.addresses.iter().enumerate() {
        let copied = match address.ip {
            IpAddr::V4(ip) => copy(&ip.octets(), &mut end),
            IpAddr::V6(ip) => copy(&ip.octets(), &mut end),
        };
        point(layout.address_list, index, copied);
    }
    point(layout.address_list, answer.addresses.len(), ptr::null_mut());
    let mut end = layout.names;
    let mut string = |bytes: &[u8]| {
        let start = copy(bytes, &mut end);
        copy(b"\0", &mut end);
        start
    };
    let name = string(&answer.canonical);
    for (index, alias) in answer.aliases.iter().enumerate() {
        point(layout.alias_list, index, string(alias));
    }
    point(layout.alias_list, answer.aliases.len(), ptr::null_mut());
    let filled = hostent {
        h_name: name,
        h_aliases: at(layout.alias_list).cast(),
        h_addrtype: address_type,
        h_length: width as c_int,
        h_addr_list: at(layout.address_list).cast(),
    };
    // SAFETY: the caller's promise.
    unsafe { host.write(filled) };
    Some(())
}

/// The static result of one function. As in glibc, a later call overwrites it; the address stays.
pub(crate) struct Static {
    /// Generation + 1 of the process whose thread is writing; 0 for none. A mark that a fork left behind is void.
    writer: AtomicU32,
    content: UnsafeCell<Content>,
}

struct Content {
    host: hostent,
    /// malloc's; what `host` points into.
    buffer: *mut c_char,
}

// SAFETY: `content` is only written by whoever holds `writer`. Callers read the hostent afterwards without any
// protection, which is the contract of these functions (gethostbyname(3): MT-Unsafe race).
unsafe impl Sync for Static {}

/// The mark of the writer, taken away also where it panics.
struct Writing<'a>(&'a AtomicU32);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// gethostbyname's result.
pub(crate) static GETHOSTBYNAME: Static = Static::new();
/// gethostbyname2's result.
pub(crate) static GETHOSTBYNAME2: Static = Static::new();
/// gethostbyaddr's result.
pub(crate) static GETHOSTBYADDR: Static = Static::new();

impl Static {
    const fn new() -> Self {
        let host = hostent {
            h_name: ptr::null_mut(),
            h_aliases: ptr::null_mut(),
            h_addrtype: 0,
            h_length: 0,
            h_addr_list: ptr::null_mut(),
        };
        Self { writer: AtomicU32::new(0), content: UnsafeCell::new(Content { host, buffer: ptr::null_mut() }) }
    }

    /// Puts an answer there. None: no memory.
    fn store(&self, answer: &Answer) -> Option<*mut hostent> {
        nss_bypass_core::sys::fault::point();
        const WIDEST: usize = 16;
        let length = Layout::new(answer, WIDEST, 0, Order::ListsLast).end; // malloc aligns for everything.
        // SAFETY: malloc may be called with any size.
        let buffer = unsafe { libc::malloc(length) }.cast::<c_char>();
        if buffer.is_null() {
            return None;
        }
        let mark = fork::generation().wrapping_add(1).max(1);
        // Held for a few stores only, and never across a system call: spinning is shorter than any wait.
        while self
            .writer
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |held| (held != mark).then_some(mark))
            .is_err()
        {
            std::hint::spin_loop();
        }
        let writing = Writing(&self.writer);
        let content = self.content.get();
        // SAFETY: this thread holds `writer`; no reference to the content is made.
        let host = unsafe { &raw mut (*content).host };
        // SAFETY: the host is writable by us alone, the buffer is new and of this length.
        let packed = unsafe { pack(answer, host, buffer, length, Order::ListsLast) };
        // SAFETY: as for the host.
        let old = unsafe { std::mem::replace(&mut (*content).buffer, buffer) };
        drop(writing);
        // SAFETY: null or malloc's, from the call before this one, whose result this call may overwrite.
        unsafe { libc::free(old.cast()) };
        packed.map(|()| host)
    }
}

/// gethostbyname2(3) for a name that is ours, with the result in `place`. None: the call is libc's.
///
/// # Safety
/// `name` is NULL or a C string.
pub(crate) unsafe fn shared_by_name(
    function: &str,
    name: *const c_char,
    family: c_int,
    place: &Static,
    before: Errno,
) -> Option<*mut hostent> {
    // SAFETY: the caller's promise.
    shared(function, unsafe { Question::by_name(name, family) }?, place, before)
}

/// gethostbyaddr(3) for an address that is ours. None: the call is libc's.
///
/// # Safety
/// `address` is NULL or readable for `length` bytes.
pub(crate) unsafe fn shared_by_address(
    address: *const c_void,
    length: libc::socklen_t,
    family: c_int,
    before: Errno,
) -> Option<*mut hostent> {
    // SAFETY: the caller's promise.
    let question = unsafe { Question::by_address(address, length, family) }?;
    shared("gethostbyaddr", question, &GETHOSTBYADDR, before)
}

fn shared(function: &str, question: Question<'_>, place: &Static, before: Errno) -> Option<*mut hostent> {
    nss_bypass_core::sys::fault::point();
    bypass(function, question.subject(), |engine| {
        let result = find(engine, question, None);
        let ended = ended(question, &result);
        let host = match result {
            Ok(answer) => {
                if let Some(Err(failure)) = engine.module_h_errno()
                    && let Some(value) = codes::h_errno(failure)
                {
                    set_h_errno(value);
                }
                set_errno(Errno(0));
                place.store(&answer).unwrap_or_else(|| {
                    set_errno(Errno(libc::ENOMEM));
                    set_h_errno(NETDB_INTERNAL);
                    ptr::null_mut()
                })
            }
            Err(miss) => {
                code_of(miss, before);
                let said = || told(engine).filter(|&value| value != NETDB_SUCCESS);
                if let Some(value) = codes::h_errno(miss.failure).or_else(said) {
                    set_h_errno(value);
                }
                ptr::null_mut()
            }
        };
        (host, ended)
    })
}
