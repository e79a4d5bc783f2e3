//! The rules: text -> rules -> what they say of a name.
//!
//! `pattern` matches names, and a `rule` says what is done with them. `config` reads the file and the variables: lines of
//! words (`syntax`), among which are `options`. `policy` decides; `trust` says whose file counts.

pub mod config;
pub mod options;
pub mod pattern;
pub mod policy;
pub mod rule;
pub mod syntax;
pub mod trust;
