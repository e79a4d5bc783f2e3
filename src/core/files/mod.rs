//! The system's files as tables: one parser a file, from bytes to values. Reading the files is the caller's.
//!
//! Each parser takes what glibc takes and leaves out what glibc leaves out, without a word: these files are the
//! system's, and reporting errors in them is not this library's business.

pub mod gai_conf;
pub mod host_conf;
pub mod hosts;
pub mod nsswitch;
pub mod resolv_conf;
pub mod services;
pub mod text;
