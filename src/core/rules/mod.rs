//! The rules: text -> rules -> what they say of a name.
//!
//! `pattern` matches names, and a `rule` says what is done with them. `config` reads the file and the variables: lines of
//! words (`syntax`), among which are `options`, some of them about `servers` and `programs`. `policy` decides; `trust` says
//! whose file counts.

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
