//! The table of test conditions, with the number of repetitions and the result of each.
//!
//! Tests report their rows here. `scripts/soak` collects them in one table, ordered by headings.

use std::fmt::Display;
use std::io::Write;

/// The headings of the table. `scripts/soak` has the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading {
    /// Children of a process that performs lookups.
    Fork,
    /// Concurrent lookups of threads, while files change.
    Threads,
    /// Lookups that are cancelled, or left by a jump.
    Cancellation,
    /// Open files and sockets.
    Descriptors,
    /// Low memory and small stacks, and tools that check their use.
    MemoryAndStack,
    /// Restricted system calls, and other root directories, networks and users.
    Sandboxes,
    /// Programs with more privileges than their caller.
    Privilege,
    /// Handlers that interrupt lookups.
    Signals,
    /// Other libraries in the same process, and other methods than preloading.
    OtherPreloads,
    /// Panics in the library.
    Panic,
    /// Lookups before and after main.
    EarlyAndLate,
    /// getaddrinfo_a.
    Asynchronous,
    /// Hostile servers, and answers from other hosts.
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

/// Reports a row, bypassing the output capture of the test runner. `bare` is the result of bare glibc under the same
/// condition, if it is relevant.
pub fn report(heading: Heading, condition: &str, times: impl Display, result: &str, bare: Option<&str>) {
    let bare = bare.map_or(String::new(), |bare| format!("; bare glibc: {bare}"));
    let line = format!("table: {}: {condition} | {times} | {result}{bare}\n", heading.text());
    let _ = std::io::stdout().write_all(line.as_bytes());
}
