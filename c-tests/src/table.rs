//! The table of what the library was put through: conditions, how often each was there, and what came of it.
//!
//! Every test of a condition reports its lines here; `scripts/soak` gathers them, heading by heading, into one table.

use std::fmt::Display;
use std::io::Write;

/// What a line of the table is about. `scripts/soak` has them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading {
    /// Children of a process that looks names up.
    Fork,
    /// Threads that look names up together, while files change.
    Threads,
    /// Lookups that are left before they end.
    Cancellation,
    /// Files and sockets that are open.
    Descriptors,
    /// Little of either, and other programs' judgement of how they are used.
    MemoryAndStack,
    /// Few system calls, other roots, networks and users.
    Sandboxes,
    /// Programs with more privileges than their caller.
    Privilege,
    /// Handlers that interrupt lookups.
    Signals,
    /// Other libraries in the same process, and other ways than preloading.
    OtherPreloads,
    /// Faults of our own.
    Panic,
    /// Lookups before main and after it.
    EarlyAndLate,
    /// getaddrinfo_a.
    Asynchronous,
    /// Servers, and strangers who answer for them.
    HostileNetwork,
}

impl Heading {
    fn text(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Threads => "threads",
            Self::Cancellation => "cancellation",
            Self::Descriptors => "descriptors",
            Self::MemoryAndStack => "memory and stack",
            Self::Sandboxes => "sandboxes",
            Self::Privilege => "privilege",
            Self::Signals => "signals",
            Self::OtherPreloads => "other preloads",
            Self::Panic => "panic",
            Self::EarlyAndLate => "early and late",
            Self::Asynchronous => "getaddrinfo_a",
            Self::HostileNetwork => "hostile network",
        }
    }
}

/// Reports a line, past the test runner's capture: the table is what somebody runs this for. `bare` is what bare glibc
/// does under the same condition, where that says something.
pub fn report(heading: Heading, condition: &str, times: impl Display, result: &str, bare: Option<&str>) {
    let bare = bare.map_or(String::new(), |bare| format!("; bare glibc: {bare}"));
    let line = format!("table: {}: {condition} | {times} | {result}{bare}\n", heading.text());
    let _ = std::io::stdout().write_all(line.as_bytes());
}
