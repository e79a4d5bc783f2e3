//! Everything that calls the system, and the only unsafe code of this crate.
//!
//! Only what glibc's own resolver calls is called here (ARCHITECTURE.md, section 5), so that a seccomp filter that was
//! made for glibc permits it. Therefore, `std::fs` (statx) and the sockets of `std::net` are not used, nor `std::time`
//! where a plain `clock_gettime` suffices.
#![allow(unsafe_code)]

mod abandoned;
mod calls;
mod errno;
pub mod clock;
pub mod environment;
pub mod fault;
pub mod file;
pub mod fork;
pub mod futex;
pub mod glibc;
pub mod reentrancy;
pub mod interfaces;
pub mod loaded;
pub mod memory;
pub mod namespace;
pub mod nss_module;
pub mod random;
pub mod resolver_state;
pub mod signal;
pub mod snapshot;
pub mod socket;
pub mod symbols;
pub mod thread;

pub use errno::{Errno, errno, set_errno};
use errno::{checked, checked_int};
