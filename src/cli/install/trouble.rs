//! The reason why something is not done: what the problem is, why it matters, and what to do about it.

use std::fmt;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::ui::exit::Exit;
use crate::ui::lines::{COMMAND, warn};

/// A reason not to continue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// The problem.
    pub(crate) what: String,
    /// Why it matters.
    pub(crate) why: String,
    /// What to do about it, in words.
    pub(crate) advice: String,
    /// Commands that do it, if there are any.
    pub(crate) commands: Vec<String>,
}

impl Trouble {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        let (what, why, advice) = (what.into(), why.into(), advice.into());
        Self { exit: Exit::Trouble, what, why, advice, commands: Vec::new() }
    }

    pub(crate) fn cannot_tell(what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { exit: Exit::CannotTell, ..Self::new(what, why, advice) }
    }

    /// Creates the reason for a failed system call on the file.
    pub(crate) fn system(path: &Path, doing: &str, error: &io::Error) -> Self {
        let advice = match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => {
                "run this as root; if you are, \"lsattr\" shows whether the file or its directory is immutable"
            }
            Some(libc::EROFS) => "remount the file system read-write (mount -o remount,rw)",
            Some(libc::ENOSPC | libc::EDQUOT) => "free space on that file system",
            Some(libc::EBUSY) => "unmount the file first: a mount point cannot be replaced atomically",
            _ => "correct the cause of the error, and try again",
        };
        let what = format!("cannot {doing} {}: {error}", path.display());
        Self::new(what, "nothing was changed: the file is replaced as a whole or not at all", advice)
    }

    /// Adds a command.
    pub(crate) fn command(mut self, line: impl Into<String>) -> Self {
        self.commands.push(line.into());
        self
    }

    /// Adds another reason why it matters.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.why = format!("{}; {more}", self.why);
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}\n  why: {}\n  fix: {}", self.what, self.why, self.advice)?;
        self.commands.iter().try_for_each(|line| write!(to, "\n{COMMAND}{line}"))
    }
}

/// Prints the reason, if there is one, and returns the exit code of the verb.
pub(crate) fn end(verb: &str, result: Result<Exit, Trouble>) -> Exit {
    result.unwrap_or_else(|trouble| {
        warn(format_args!("nss-bypass {verb}: {trouble}"));
        trouble.exit
    })
}
