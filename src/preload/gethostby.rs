//! The gethostbyname and gethostbyaddr functions: arguments → key → verdict → query → result → a hostent, in the
//! caller's buffer or in static memory.

use std::net::{IpAddr, Ipv6Addr};
use std::ptr;

use libc::{c_char, c_int, c_void, hostent, size_t, socklen_t};
use nss_bypass_core::model::{Answer, Failure, Family, Miss, Name, Source, Status};
use nss_bypass_core::resolve::{HostKey, Query, Resolved};
use nss_bypass_core::settings::record::printable;
use nss_bypass_core::sys::{Errno, errno, set_errno};

use crate::codes::{self, set_h_errno};
use crate::hook::Call;
use crate::layout::hostent::{Order, addresses, name, pack};
use crate::layout::room::Buffer;
use crate::layout::static_result::Static;
use crate::netdb::{NETDB_INTERNAL, NETDB_SUCCESS};
use crate::request::text::{is_digits_and_dots, text};
use crate::state;
use crate::verdict::{Ending, FromLibc, Lookup, addresses_in_log};

/// gethostbyname(3). Like all functions here, it returns `None` if the call is to be forwarded, or libc's result is to
/// be returned.
///
/// # Safety
/// `name` must be NULL or a C string, and libc's result, as for all functions here, NULL or its hostent.
pub(crate) unsafe fn gethostbyname(name: *const c_char, call: Call<*mut hostent>) -> Option<*mut hostent> {
    static RESULT: Static = Static::new();
    // SAFETY: guaranteed by the caller.
    let key = unsafe { key_of_name(name, libc::AF_INET) }?;
    // SAFETY: guaranteed by the caller.
    unsafe { to_static("gethostbyname", key, &RESULT, call) }
}

/// gethostbyname2(3)
///
/// # Safety
/// `name` must be NULL or a C string.
pub(crate) unsafe fn gethostbyname2(
    name: *const c_char,
    family: c_int,
    call: Call<*mut hostent>,
) -> Option<*mut hostent> {
    static RESULT: Static = Static::new();
    // SAFETY: guaranteed by the caller.
    let key = unsafe { key_of_name(name, family) }?;
    // SAFETY: guaranteed by the caller.
    unsafe { to_static("gethostbyname2", key, &RESULT, call) }
}

/// gethostbyaddr(3)
///
/// # Safety
/// `address` must be NULL, or readable for `size` bytes.
pub(crate) unsafe fn gethostbyaddr(
    address: *const c_void,
    size: socklen_t,
    family: c_int,
    call: Call<*mut hostent>,
) -> Option<*mut hostent> {
    static RESULT: Static = Static::new();
    // SAFETY: guaranteed by the caller.
    let key = unsafe { key_of_address(address, size, family) }?;
    // SAFETY: guaranteed by the caller.
    unsafe { to_static("gethostbyaddr", key, &RESULT, call) }
}

/// gethostbyname_r(3)
///
/// # Safety
/// `name` must be NULL or a C string, the pointers to results must be writable, and `buffer` writable for `length`
/// bytes.
pub(crate) unsafe fn gethostbyname_r(
    name: *const c_char,
    host: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
    call: Call<c_int>,
) -> Option<c_int> {
    // SAFETY: guaranteed by the caller.
    let key = unsafe { key_of_name(name, libc::AF_INET) }?;
    // SAFETY: guaranteed by the caller.
    unsafe { to_buffer("gethostbyname_r", key, Out { host, buffer, length, result, h_errno }, call) }
}

/// gethostbyname2_r(3)
///
/// # Safety
/// As for [`gethostbyname_r`].
pub(crate) unsafe fn gethostbyname2_r(
    name: *const c_char,
    family: c_int,
    host: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
    call: Call<c_int>,
) -> Option<c_int> {
    // SAFETY: guaranteed by the caller.
    let key = unsafe { key_of_name(name, family) }?;
    // SAFETY: guaranteed by the caller.
    unsafe { to_buffer("gethostbyname2_r", key, Out { host, buffer, length, result, h_errno }, call) }
}

/// gethostbyaddr_r(3)
///
/// # Safety
/// `address` must be NULL, or readable for `size` bytes; otherwise as for [`gethostbyname_r`].
pub(crate) unsafe fn gethostbyaddr_r(
    address: *const c_void,
    size: socklen_t,
    family: c_int,
    host: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
    call: Call<c_int>,
) -> Option<c_int> {
    // SAFETY: guaranteed by the caller.
    let key = unsafe { key_of_address(address, size, family) }?;
    // SAFETY: guaranteed by the caller.
    unsafe { to_buffer("gethostbyaddr_r", key, Out { host, buffer, length, result, h_errno }, call) }
}

/// Returns `None` if the call is to be forwarded to libc, since the name is numeric.
///
/// # Safety
/// `name` must be NULL, or a C string that is valid for `'a`.
unsafe fn key_of_name<'a>(name: *const c_char, family: c_int) -> Option<HostKey<'a>> {
    // SAFETY: guaranteed by the caller.
    let name = unsafe { text(name) }?;
    let known = match family {
        libc::AF_INET => Some(Family::Inet),
        libc::AF_INET6 => Some(Family::Inet6),
        _ => None,
    };
    // Only here does glibc treat any other family as AF_INET.
    if is_digits_and_dots(name, known.unwrap_or(Family::Inet)) {
        return None;
    }
    let name = Name::new(name);
    Some(match known {
        Some(family) => HostKey::Name(name, family),
        None if family == libc::AF_UNSPEC => HostKey::NameOfAnyFamily(name),
        None => HostKey::NameOfUnknownFamily(name),
    })
}

/// Returns `None` if the call is to be forwarded to libc, since no source is queried for the address or it is invalid.
///
/// # Safety
/// `address` must be NULL, or readable for `size` bytes.
unsafe fn key_of_address(address: *const c_void, size: socklen_t, family: c_int) -> Option<HostKey<'static>> {
    if address.is_null() {
        return None;
    }
    let ip = match (family, size) {
        // SAFETY: guaranteed by the caller; no alignment is required.
        (libc::AF_INET, 4) => IpAddr::from(unsafe { address.cast::<[u8; 4]>().read_unaligned() }),
        // SAFETY: as above.
        (libc::AF_INET6, 16) => IpAddr::from(unsafe { address.cast::<[u8; 16]>().read_unaligned() }),
        _ => return None,
    };
    (ip != IpAddr::V6(Ipv6Addr::UNSPECIFIED)).then_some(HostKey::Address(ip))
}

/// The result parameters of a `_r` function.
#[derive(Clone, Copy)]
struct Out {
    host: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
}

/// The common part of the `_r` functions.
///
/// # Safety
/// The pointers in `out` must be writable, and `out.buffer` writable for `out.length` bytes.
unsafe fn to_buffer(function: &'static str, key: HostKey<'_>, out: Out, call: Call<c_int>) -> Option<c_int> {
    let rules = state::rules()?;
    let at_entry = call.at_entry();
    // SAFETY: libc has written both, according to the caller.
    let (host, h_errno) = (|| unsafe { *out.result }, || unsafe { *out.h_errno });
    // SAFETY: called only for a hostent of libc.
    let found = || unsafe { in_log(key, host()) };
    let call = call.map(|code| match code {
        _ if !host().is_null() => FromLibc::Found(&found),
        libc::ERANGE if h_errno() == NETDB_INTERNAL => FromLibc::Refused(code),
        _ => FromLibc::Failed(codes::failure_of_h_errno(h_errno(), Errno(code))),
    });
    let lookup = Lookup::of(function, key.subject(), &rules, &call)?;
    let buffer = Buffer { address: out.buffer.addr(), length: out.length };
    let resolved = resolve(&lookup, key, &buffer);
    let ending = ending(key, &resolved);
    let code = if lookup.falls_back(ending) {
        None
    } else {
        leave_h_errno(&resolved);
        Some(match &resolved.result {
            // SAFETY: guaranteed by the caller.
            Ok(answer) => unsafe { write_answer(answer, order(key, &resolved), &resolved, out) },
            // SAFETY: guaranteed by the caller.
            Err(miss) => unsafe { write_miss(*miss, &resolved, out, at_entry) },
        })
    };
    lookup.log(ending, resolved.source);
    code
}

/// Resolves the key for this buffer. After libc, an answer that does not fit must not replace libc's if a lookup
/// without the limit of the buffer finds nothing either.
fn resolve(lookup: &Lookup<'_>, key: HostKey<'_>, buffer: &Buffer) -> Resolved {
    let resolver = lookup.resolver();
    let resolved = resolver.resolve(Query::Host { key, buffer: Some(buffer) });
    if lookup.is_after_libc() && matches!(ending(key, &resolved), Ending::Refused(_)) {
        let unlimited = resolver.resolve(Query::Host { key, buffer: None });
        if unlimited.result.is_err() {
            return unlimited;
        }
    }
    resolved
}

/// Returns what was found, for the log.
///
/// # Safety
/// `host` must be libc's hostent.
unsafe fn in_log(key: HostKey<'_>, host: *const hostent) -> String {
    if let HostKey::Address(_) = key {
        // SAFETY: guaranteed by the caller.
        return printable(&unsafe { name(host) });
    }
    // SAFETY: guaranteed by the caller.
    addresses_in_log(unsafe { addresses(host) }.into_iter())
}

/// # Safety
/// As for [`to_buffer`].
unsafe fn write_answer(answer: &Answer, order: Order, resolved: &Resolved, out: Out) -> c_int {
    // SAFETY: guaranteed by the caller.
    let Some(()) = (unsafe { pack(answer, out.host, out.buffer, out.length, order) }) else {
        // SAFETY: guaranteed by the caller.
        return unsafe { write_too_small(out) };
    };
    // SAFETY: guaranteed by the caller.
    unsafe { out.result.write(out.host) };
    if let Some(value) = module_h_errno(resolved) {
        // SAFETY: guaranteed by the caller.
        unsafe { out.h_errno.write(value) };
    }
    set_errno(Errno(0));
    0
}

/// # Safety
/// As for [`to_buffer`].
unsafe fn write_miss(miss: Miss, resolved: &Resolved, out: Out, at_entry: Errno) -> c_int {
    // SAFETY: guaranteed by the caller.
    unsafe { out.result.write(ptr::null_mut()) };
    if let Some(value) = codes::h_errno(miss.failure).or_else(|| module_h_errno(resolved)) {
        // SAFETY: guaranteed by the caller.
        unsafe { out.h_errno.write(value) };
    }
    let code = code_of(miss, at_entry);
    set_errno(Errno(code));
    code
}

/// # Safety
/// As for [`to_buffer`].
unsafe fn write_too_small(out: Out) -> c_int {
    // SAFETY: guaranteed by the caller.
    unsafe { out.result.write(ptr::null_mut()) };
    // SAFETY: guaranteed by the caller.
    unsafe { out.h_errno.write(NETDB_INTERNAL) };
    set_errno(Errno(libc::ERANGE));
    libc::ERANGE
}

/// The common part of the functions with a static result.
///
/// # Safety
/// libc's result must be NULL or its hostent.
unsafe fn to_static(
    function: &'static str,
    key: HostKey<'_>,
    place: &Static,
    call: Call<*mut hostent>,
) -> Option<*mut hostent> {
    let rules = state::rules()?;
    let at_entry = call.at_entry();
    let returned = match call {
        Call::AfterLibc { returned, .. } => returned,
        Call::First { .. } => ptr::null_mut(),
    };
    // SAFETY: called only for a hostent of libc.
    let found = || unsafe { in_log(key, returned) };
    let call = call.map(|host| match host.is_null() {
        false => FromLibc::Found(&found),
        true => FromLibc::Failed(codes::failure_of_h_errno(codes::thread_h_errno(), errno())),
    });
    let lookup = Lookup::of(function, key.subject(), &rules, &call)?;
    let resolved = lookup.resolver().resolve(Query::Host { key, buffer: None });
    let ending = ending(key, &resolved);
    let host = if lookup.falls_back(ending) {
        None
    } else {
        leave_h_errno(&resolved);
        Some(match &resolved.result {
            Ok(answer) => store_answer(answer, &resolved, place),
            Err(miss) => store_miss(*miss, &resolved, at_entry),
        })
    };
    lookup.log(ending, resolved.source);
    host
}

fn store_answer(answer: &Answer, resolved: &Resolved, place: &Static) -> *mut hostent {
    if let Some(Err(failure)) = resolved.h_errno.caller
        && let Some(value) = codes::h_errno(failure)
    {
        set_h_errno(value);
    }
    set_errno(Errno(0));
    place.store(answer).unwrap_or_else(|| {
        set_errno(Errno(libc::ENOMEM));
        set_h_errno(NETDB_INTERNAL);
        ptr::null_mut()
    })
}

fn store_miss(miss: Miss, resolved: &Resolved, at_entry: Errno) -> *mut hostent {
    set_errno(Errno(code_of(miss, at_entry)));
    let said = || module_h_errno(resolved).filter(|&value| value != NETDB_SUCCESS);
    if let Some(value) = codes::h_errno(miss.failure).or_else(said) {
        set_h_errno(value);
    }
    ptr::null_mut()
}

/// Sets this thread's h_errno to the value that glibc's resolver leaves.
fn leave_h_errno(resolved: &Resolved) {
    if let Some(value) = resolved.h_errno.thread.and_then(codes::h_errno) {
        set_h_errno(value);
    }
}

/// Returns the value that the last module has written to the caller's `h_errno`.
fn module_h_errno(resolved: &Resolved) -> Option<c_int> {
    resolved.h_errno.caller?.map_or_else(codes::h_errno, |()| Some(NETDB_SUCCESS))
}

/// Returns the order in which glibc fills the buffer.
fn order(key: HostKey<'_>, resolved: &Resolved) -> Order {
    match key {
        HostKey::Address(_) if resolved.source.is_some_and(Source::is_dns) => Order::ListsFirst,
        _ => Order::ListsLast,
    }
}

fn ending<'r>(key: HostKey<'_>, resolved: &'r Resolved) -> Ending<'r> {
    match &resolved.result {
        Ok(answer) if matches!(key, HostKey::Address(_)) => Ending::Name(&answer.canonical),
        Ok(answer) => Ending::Addresses(answer),
        Err(Miss { failure: Failure::System(code @ libc::ERANGE), .. }) => Ending::Refused(*code),
        Err(miss) => Ending::Failed(miss.failure),
    }
}

/// Returns what a `_r` function returns for a miss (glibc, nss/getXXbyYY_r.c), which is also left in errno. `at_entry`
/// is the errno at the call, which glibc returns if nothing has set it since.
fn code_of(miss: Miss, at_entry: Errno) -> c_int {
    match (miss.status, miss.failure) {
        (Status::NotFound, _) => 0,
        (Status::TryAgain, Failure::System(errno)) => errno,
        (Status::TryAgain, _) => libc::EAGAIN,
        (Status::Unavail, _) => miss.errno.unwrap_or(at_entry.0),
    }
}
