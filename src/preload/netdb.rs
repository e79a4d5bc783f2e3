//! netdb.h and signal.h, as far as the libc crate lacks them (glibc, resolv/netdb.h, bits/types/sigevent_t.h).

use libc::{c_char, c_int, pthread_attr_t, sigval};

// Flags of getaddrinfo(3).
pub(crate) const AI_IDN: c_int = 0x40;
pub(crate) const AI_CANONIDN: c_int = 0x80;
/// AI_IDN_ALLOW_UNASSIGNED and AI_IDN_USE_STD3_ASCII_RULES: without effect, but not wrong.
pub(crate) const AI_DEPRECATED: c_int = 0x300;

// Flags of getnameinfo(3).
pub(crate) const NI_IDN: c_int = 0x20;
/// NI_IDN_ALLOW_UNASSIGNED and NI_IDN_USE_STD3_ASCII_RULES: without effect, but not wrong.
pub(crate) const NI_DEPRECATED: c_int = 0xc0;

// Codes of getaddrinfo(3) and its companions.
pub(crate) const EAI_NODATA: c_int = -5;
/// The address is of another family.
pub(crate) const EAI_ADDRFAMILY: c_int = -9;
/// The name cannot be internationalised.
pub(crate) const EAI_IDN_ENCODE: c_int = -105;
/// A request of getaddrinfo_a is waited for.
pub(crate) const EAI_INPROGRESS: c_int = -100;
/// It was taken back.
pub(crate) const EAI_CANCELED: c_int = -101;
/// It is being worked on, and cannot be taken back.
pub(crate) const EAI_NOTCANCELED: c_int = -102;
/// It, or each of them, was done already.
pub(crate) const EAI_ALLDONE: c_int = -103;
/// A signal came.
pub(crate) const EAI_INTR: c_int = -104;

// Modes of getaddrinfo_a(3).
pub(crate) const GAI_WAIT: c_int = 0;
pub(crate) const GAI_NOWAIT: c_int = 1;

// Values of h_errno.
pub(crate) const NETDB_INTERNAL: c_int = -1;
pub(crate) const NETDB_SUCCESS: c_int = 0;

/// A request of getaddrinfo_a(3): `struct gaicb`.
#[repr(C)]
pub struct Gaicb {
    pub(crate) name: *const c_char,
    pub(crate) service: *const c_char,
    pub(crate) hints: *const libc::addrinfo,
    pub(crate) result: *mut libc::addrinfo,
    /// What gai_error(3) gives: glibc's `__return`.
    pub(crate) code: c_int,
    reserved: [c_int; 5],
}

/// `struct sigevent`, up to its padding.
#[repr(C)]
pub struct Sigevent {
    pub(crate) value: sigval,
    pub(crate) signal: c_int,
    pub(crate) notify: c_int,
    pub(crate) function: Option<NotifyFunction>,
    pub(crate) attributes: *const pthread_attr_t,
}

/// The program's function for SIGEV_THREAD, which may also end its thread or throw.
pub(crate) type NotifyFunction = unsafe extern "C-unwind" fn(sigval);
