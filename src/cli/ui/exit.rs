//! The exit codes.

use std::process::ExitCode;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command succeeded.
    Success,
    /// There is a problem: an error in a configuration, a name that is answered wrongly, a library that is not safe to
    /// enable.
    Trouble,
    /// Usage error.
    Usage,
    /// The result could not be determined.
    CannotTell,
    /// `run` and `learn`: the command was not run because of a usage error, because there is no library, or because the
    /// library cannot work and `--strict` was given. 125 to 127 are as in env(1).
    NotRun,
    /// `run` and `learn`: the command is not executable.
    NotExecutable,
    /// `run` and `learn`: there is no such command.
    NotFound,
    /// `run` and `learn`: the command ended with this status.
    Command(u8),
}

impl Exit {
    /// Returns the number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Trouble => 1,
            Self::Usage => 2,
            Self::CannotTell => 3,
            Self::NotRun => 125,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            Self::Command(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The description for `--help` and the manual.
pub(crate) const TABLE: &str = "\
Exit status:
  0    success: no problem was found
  1    a problem was found: an error in the configuration, a wrong answer for a
       name, or a library that is not safe to enable
  2    usage error
  3    the result is unknown
  run and learn exit with the status of COMMAND. If COMMAND was not run:
  125  usage error, no library, or --strict
  126  COMMAND is not executable
  127  COMMAND was not found";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table() {
        use Exit::{CannotTell, NotExecutable, NotFound, NotRun, Success, Trouble, Usage};
        for exit in [Success, Trouble, Usage, CannotTell, NotRun, NotExecutable, NotFound] {
            assert!(TABLE.contains(&format!("\n  {:<5}", exit.code())), "{exit:?}");
        }
    }
}
