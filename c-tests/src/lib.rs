//! What the tests share: programs built, worlds to run them in, cases, and the comparison of what they print.
//!
//! Nothing here knows what the right answer to a lookup is. Bare glibc says so, on the machine and at the time of the
//! test: see `tests/glibc.rs`.

pub mod artefacts;
pub mod world;
pub mod container;
pub mod cases;
pub mod differ;
pub mod report;
pub mod releases;
pub mod length;
pub mod table;
