//! A line on a terminal's standard error while something takes long.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Nothing is shown before this.
const PATIENCE: Duration = Duration::from_secs(1);

/// One piece of work. Its line is gone with it.
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

    /// What is done at the moment.
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
