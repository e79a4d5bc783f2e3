//! The rules: text -> rules -> what they say of a name.
//!
//! `pattern` matches names, `config` reads the file and the variables, `policy` decides, `trust` says whose file counts.

pub mod config;
pub mod pattern;
pub mod policy;
pub mod trust;
