//! The settings of a program in its thread's `_res` (resolver(3)).
//!
//! glibc initialises `_res` from resolv.conf in a thread's first lookup or in res_init(3), and again when the file has
//! changed, but not once the program has written to it (resolv/resolv_context.c, `maybe_init`). Therefore, what is read
//! here may be a copy of an older file: [`refresh`] makes glibc update it if it is.

use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::symbols::{From, LazySymbol};
use super::{errno, fault, loaded, set_errno};

const MAX_SERVERS: usize = 3;
const MAX_DOMAINS: usize = 6;
const MAX_SORT: usize = 10;

/// `struct __res_state` (resolv/bits/types/res_state.h), up to the last field that is read here. Its layout has not
/// changed since glibc 2.0.
#[repr(C)]
struct Raw {
    retrans: c_int,
    retry: c_int,
    options: c_ulong,
    nscount: c_int,
    nsaddr_list: [libc::sockaddr_in; MAX_SERVERS],
    id: u16,
    dnsrch: [*const c_char; MAX_DOMAINS + 1],
    defdname: [c_char; 256],
    pfcode: c_ulong,
    /// `ndots` in the lowest four bits, `nsort` in the next four.
    bits: u32,
    sort_list: [[u32; 2]; MAX_SORT],
    hooks: [*const c_void; 2],
    res_h_errno: c_int,
    vcsock: c_int,
    flags: u32,
    extension: Extension,
}

#[repr(C)]
struct Extension {
    nscount: u16,
    nsmap: [u16; MAX_SERVERS],
    nssocks: [c_int; MAX_SERVERS],
    nscount6: u16,
    nsinit: u16,
    /// IPv6 servers are stored here, and have the address family 0 in `nsaddr_list`.
    nsaddrs: [*const libc::sockaddr_in6; MAX_SERVERS],
    index: [u32; 2],
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Raw>() == 568);

unsafe extern "C-unwind" {
    fn __res_state() -> *const Raw;
}

/// gethostbyname_r(3)
type GetHostByNameR = unsafe extern "C-unwind" fn(
    *const c_char,
    *mut libc::hostent,
    *mut c_char,
    usize,
    *mut *mut libc::hostent,
    *mut c_int,
) -> c_int;

/// Returns libc's own function, even if another library overrides it: that library must not see these calls.
fn gethostbyname_r() -> Option<GetHostByNameR> {
    static FUNCTION: LazySymbol =
        LazySymbol::new(From::Libc, c"gethostbyname_r", |name, _| loaded::symbol(c"libc.so.6", name));
    let function = FUNCTION.get();
    // SAFETY: it is the function of this name and type, and not null.
    (!function.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, GetHostByNameR>(function) })
}

/// The bits of `options` (resolv.h).
pub mod flag {
    #![allow(missing_docs)]
    use crate::sys::glibc;

    pub const INIT: u64 = 0x1;
    pub const USEVC: u64 = 0x8;
    pub const IGNTC: u64 = 0x20;
    pub const RECURSE: u64 = 0x40;
    pub const DEFNAMES: u64 = 0x80;
    pub const DNSRCH: u64 = 0x200;
    pub const NOALIASES: u64 = 0x1000;
    pub const ROTATE: u64 = 0x4000;
    pub const USE_EDNS0: u64 = 0x10_0000;
    pub const SNGLKUP: u64 = 0x20_0000;
    pub const SNGLKUPREOP: u64 = 0x40_0000;
    pub const USE_DNSSEC: u64 = 0x80_0000;
    pub const NOTLDQUERY: u64 = 0x100_0000;
    pub const NORELOAD: u64 = 0x200_0000;
    pub const TRUSTAD: u64 = 0x400_0000;
    /// Since glibc 2.36.
    pub const NOAAAA: u64 = 0x800_0000;
    /// Since glibc 2.41.
    pub const STRICTERR: u64 = 0x1000_0000;

    /// Returns the flags that affect lookups with the running glibc.
    pub fn heeded() -> u64 {
        const ALWAYS: u64 = INIT
            | USEVC
            | IGNTC
            | RECURSE
            | DEFNAMES
            | DNSRCH
            | NOALIASES
            | ROTATE
            | USE_EDNS0
            | SNGLKUP
            | SNGLKUPREOP
            | USE_DNSSEC
            | NOTLDQUERY
            | NORELOAD
            | TRUSTAD;
        let since = |minor, bit| if glibc::minor() >= minor { bit } else { 0 };
        ALWAYS | since(glibc::NO_AAAA, NOAAAA) | since(glibc::STRICT_ERROR, STRICTERR)
    }
}

/// The fields that a program may set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The [`flag`]s.
    pub options: u64,
    /// The timeout for the first server in seconds.
    pub retrans: i32,
    /// How often all servers are queried.
    pub retry: i32,
    /// The number of dots from which on a name is queried as it is before the search list is applied.
    pub ndots: u32,
    /// The name servers.
    pub servers: Vec<SocketAddr>,
    /// The search list.
    pub search: Vec<Box<[u8]>>,
    /// The networks of `sortlist`, with their masks.
    pub sortlist: Vec<(Ipv4Addr, Ipv4Addr)>,
}

/// Returns the calling thread's `_res`; `None` if it has not been initialised.
pub fn read() -> Option<State> {
    super::fault::point();
    let raw = raw()?;
    Some(State {
        options: raw.flags(),
        retrans: raw.retrans,
        retry: raw.retry,
        ndots: raw.ndots(),
        servers: raw.servers().collect(),
        search: raw.search().map(Into::into).collect(),
        sortlist: raw.sortlist().collect(),
    })
}

/// Returns whether the calling thread's `_res` agrees with `state`.
pub fn agrees_with(state: &State) -> bool {
    super::fault::point();
    raw().is_some_and(|raw| {
        raw.flags() == state.options
            && (raw.retrans, raw.retry, raw.ndots()) == (state.retrans, state.retry, state.ndots)
            && raw.servers().eq(state.servers.iter().copied())
            && raw.search().eq(state.search.iter().map(|domain| &**domain))
            && raw.sortlist().eq(state.sortlist.iter().copied())
    })
}

fn raw() -> Option<&'static Raw> {
    // SAFETY: the function has no preconditions.
    let raw = unsafe { __res_state() };
    // SAFETY: it returns this thread's state, which no other thread writes and which is valid during every call; it may
    // be null.
    unsafe { raw.as_ref() }.filter(|raw| raw.flags() & flag::INIT != 0)
}

impl Raw {
    /// Flags that have no effect on lookups are left out.
    #[allow(clippy::unnecessary_cast)] // It is narrower on 32-bit machines.
    fn flags(&self) -> u64 {
        self.options as u64 & flag::heeded()
    }

    fn ndots(&self) -> u32 {
        self.bits & 15
    }

    fn servers(&self) -> impl Iterator<Item = SocketAddr> {
        let count = usize::try_from(self.nscount).unwrap_or(0);
        let all = self.nsaddr_list.iter().zip(self.extension.nsaddrs);
        all.take(count).filter_map(|(inet, inet6)| server(inet, inet6))
    }

    fn search(&self) -> impl Iterator<Item = &[u8]> {
        self.dnsrch.iter().take(MAX_DOMAINS).map_while(|&domain| text(domain))
    }

    fn sortlist(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        let count = (self.bits >> 4 & 15) as usize;
        let network = |word: u32| Ipv4Addr::from(word.to_ne_bytes());
        self.sort_list.iter().take(count).map(move |&[address, mask]| (network(address), network(mask)))
    }
}

/// Returns `None` if the address has another family.
fn server(inet: &libc::sockaddr_in, inet6: *const libc::sockaddr_in6) -> Option<SocketAddr> {
    if i32::from(inet.sin_family) == libc::AF_INET {
        let ip = Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes());
        return Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(inet.sin_port))));
    }
    if inet.sin_family != 0 {
        return None;
    }
    // SAFETY: with the family 0, the pointer is null or an address that is valid as long as the state is.
    let inet6 = unsafe { inet6.as_ref() }?;
    (i32::from(inet6.sin6_family) == libc::AF_INET6).then(|| {
        let (ip, port) = (Ipv6Addr::from(inet6.sin6_addr.s6_addr), u16::from_be(inet6.sin6_port));
        SocketAddr::V6(SocketAddrV6::new(ip, port, inet6.sin6_flowinfo, inet6.sin6_scope_id))
    })
}

fn text<'a>(domain: *const c_char) -> Option<&'a [u8]> {
    if domain.is_null() {
        return None;
    }
    // SAFETY: a pointer in the list that is not null is a C string, on which glibc relies too; nothing else writes to
    // it now.
    Some(unsafe { CStr::from_ptr(domain) }.to_bytes())
}

/// Makes glibc update this thread's `_res` from resolv.conf if the file has changed and the program has not written to
/// `_res`. This takes a lock of glibc that fork(2) can leave held: see [`super::fork::is_safe_for_locks`]. Returns
/// `false` if glibc cannot read the file.
///
/// It looks up an address by name, which has no other effect: it asks neither nscd nor any module. If glibc has no
/// memory, it never releases that lock (resolv/resolv_conf.c, `get_locked_global`), so it is not called again.
pub fn refresh() -> bool {
    static FAILED: AtomicBool = AtomicBool::new(false);
    if FAILED.load(Ordering::Relaxed) {
        return true;
    }
    fault::point();
    let Some(gethostbyname_r) = gethostbyname_r() else { return false };
    let before = errno();
    let mut host = std::mem::MaybeUninit::<libc::hostent>::uninit();
    let mut buffer = [0 as c_char; 128];
    let (mut result, mut h_errno) = (ptr::null_mut(), 0);
    let (start, length) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the arguments are a C string and places for all results.
    let code = unsafe { gethostbyname_r(c"0".as_ptr(), host.as_mut_ptr(), start, length, &mut result, &mut h_errno) };
    set_errno(before);
    if code == libc::ENOMEM {
        FAILED.store(true, Ordering::Relaxed);
    }
    code == 0 || code == libc::ENOMEM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_nobody_initialised_says_nothing_and_one_that_glibc_filled_has_a_server() {
        std::thread::spawn(|| {
            assert_eq!(read(), None);
            assert!(refresh());
            let mut state = read().unwrap();
            assert!(!state.servers.is_empty() && state.retry > 0);
            assert!(agrees_with(&state));
            state.sortlist.push((Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST));
            assert!(!agrees_with(&state));
        })
        .join()
        .unwrap();
    }
}
