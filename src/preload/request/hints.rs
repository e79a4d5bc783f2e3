//! The hints of getaddrinfo.

use libc::{addrinfo, c_int};

use crate::netdb::AI_IDN;

/// The fields of `struct addrinfo` that getaddrinfo reads from the hints.
#[derive(Clone, Copy)]
pub(crate) struct Hints {
    pub(crate) flags: c_int,
    pub(crate) family: c_int,
    pub(crate) socket_type: c_int,
    pub(crate) protocol: c_int,
}

impl Hints {
    /// # Safety
    /// The pointer must be null or point to an addrinfo, as for getaddrinfo(3).
    pub(super) unsafe fn read(hints: *const addrinfo) -> Self {
        // SAFETY: guaranteed by the caller.
        match unsafe { hints.as_ref() } {
            Some(hints) => Self {
                flags: hints.ai_flags,
                family: hints.ai_family,
                socket_type: hints.ai_socktype,
                protocol: hints.ai_protocol,
            },
            // POSIX specifies 0, glibc AI_V4MAPPED | AI_ADDRCONFIG.
            None => Self { flags: libc::AI_V4MAPPED | libc::AI_ADDRCONFIG, family: 0, socket_type: 0, protocol: 0 },
        }
    }

    /// Returns whether a flag is set.
    pub(crate) fn has(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }

    /// Returns whether the node is to be converted to its A-label form.
    pub(super) fn wants_idn(&self) -> bool {
        self.has(AI_IDN)
    }
}
