//! A progress line on standard error, if that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How long to wait before anything is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// The progress of one piece of work. Its line is erased when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    since: Instant,
    shown: bool,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), shown: false, terminal: io::stderr().is_terminal() }
    }

    /// Shows what is being done.
    pub(crate) fn show(&mut self, doing: &str) {
        if self.terminal && self.since.elapsed() >= PATIENCE {
            self.shown = true;
            let _ = write!(io::stderr(), "\r\x1b[K{doing} ({} s)", self.since.elapsed().as_secs());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
