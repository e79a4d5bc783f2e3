//! What the tests share: programs built, worlds to run them in, cases, and the comparison of what they print.
//!
//! Nothing here knows what the right answer to a lookup is. Bare glibc says so, on the machine and at the time of the
//! test: see `tests/glibc.rs`.

// A test harness stops at the first thing that is not as it must be, and says what it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

pub mod artefacts;
pub mod world;
pub mod cases;
pub mod differ;
pub mod report;
