//! How the command ends, in one place.

use std::process::ExitCode;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success,
    /// There is trouble: a fault in a configuration, a name that is answered wrongly, a library that is not safe to enable.
    Trouble,
    /// The words of the command line cannot be understood.
    Usage,
    /// What was asked for could not be found out.
    CannotTell,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Trouble => 1,
            Exit::Usage => 2,
            Exit::CannotTell => 3,
        })
    }
}
