//! The rules: parsing them, and matching names against them.
//!
//! `pattern` matches names, and a `rule` says what is done with the names that match. `config` parses the file and the
//! variables: lines of words (`syntax`), which include `options`, some of them with `servers` or `programs` as values.
//! `policy` decides which rule applies; `trust` decides which configuration files privileged programs may follow.

pub mod config;
pub mod databases;
pub mod options;
pub mod pattern;
pub mod policy;
pub mod programs;
pub mod rule;
pub mod servers;
pub mod syntax;
pub mod trust;
