//! Parsers of the system's configuration files: one for each file, from bytes to values. The caller reads the files.
//!
//! Each parser accepts what glibc accepts, and silently ignores what glibc ignores: it is not the purpose of nss-bypass
//! to report errors in the system's files.

pub mod gai_conf;
pub mod host_conf;
pub mod hosts;
pub mod nsswitch;
pub mod resolv_conf;
pub mod services;
pub mod text;
