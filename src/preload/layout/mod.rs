//! Answers in the caller's memory, in the same form as glibc's.

pub(crate) mod addrinfo;
pub(crate) mod hostent;
pub(crate) mod nameinfo;
pub(crate) mod room;
pub(crate) mod static_result;
