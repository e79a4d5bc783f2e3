//! Parts of netdb.h and signal.h that the libc crate does not have (glibc, resolv/netdb.h, bits/types/sigevent_t.h).

use libc::{c_char, c_int, pthread_attr_t, sigval};

// Flags of getaddrinfo(3).
pub(crate) const AI_IDN: c_int = 0x40;
pub(crate) const AI_CANONIDN: c_int = 0x80;
/// AI_IDN_ALLOW_UNASSIGNED and AI_IDN_USE_STD3_ASCII_RULES: permitted, but without effect.
pub(crate) const AI_DEPRECATED: c_int = 0x300;

// Flags of getnameinfo(3).
pub(crate) const NI_IDN: c_int = 0x20;
/// NI_IDN_ALLOW_UNASSIGNED and NI_IDN_USE_STD3_ASCII_RULES: permitted, but without effect.
pub(crate) const NI_DEPRECATED: c_int = 0xc0;

// Return codes of getaddrinfo(3) and related functions.
pub(crate) const EAI_NODATA: c_int = -5;
/// The address has another family.
pub(crate) const EAI_ADDRFAMILY: c_int = -9;
/// The name cannot be converted (IDN).
pub(crate) const EAI_IDN_ENCODE: c_int = -105;
/// A request of getaddrinfo_a is not complete.
pub(crate) const EAI_INPROGRESS: c_int = -100;
/// The request has been cancelled.
pub(crate) const EAI_CANCELED: c_int = -101;
/// The request is being processed, and cannot be cancelled.
pub(crate) const EAI_NOTCANCELED: c_int = -102;
/// The request has, or all requests have, already been completed.
pub(crate) const EAI_ALLDONE: c_int = -103;
/// Interrupted by a signal.
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
    /// The return code for gai_error(3): glibc's `__return`.
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

/// The program's function for SIGEV_THREAD, which may also end its thread or throw an exception.
pub(crate) type NotifyFunction = unsafe extern "C-unwind" fn(sigval);
