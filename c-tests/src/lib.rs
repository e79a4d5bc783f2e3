//! Common code of the tests: building programs, worlds to run them in, cases, and the comparison of outputs.
//!
//! This code does not contain expected results of lookups. The reference is bare glibc on the machine, at the time of
//! the test: see `tests/glibc.rs`.

pub mod artefacts;
pub mod world;
pub mod container;
pub mod cases;
pub mod differ;
pub mod report;
pub mod releases;
pub mod length;
pub mod table;
