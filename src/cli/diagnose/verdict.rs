//! The parts of a verdict: the result, what is responsible, and what to do.

use std::fmt;

use serde::Serialize;

use crate::diagnose::hosts_line::PATH;
use crate::ui::exit::Exit;

/// The result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Finding {
    /// Programs get the right answer.
    Agreed,
    /// Programs do not get the right answer.
    Differs,
    /// The result could not be determined.
    Unknown,
}

impl Finding {
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Agreed => Exit::Success,
            Self::Differs => Exit::Trouble,
            Self::Unknown => Exit::CannotTell,
        }
    }
}

/// What is responsible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// nscd or unscd.
    Daemon(&'static str),
    /// The `hosts` line.
    HostsLine,
    /// A daemon of another system that the `hosts` line uses.
    ForeignDaemon(String),
    /// The rule in force.
    Rule(String),
    /// The name servers of the rule are not queried.
    UnreachedVia(String),
    /// A library that is preloaded before this one.
    Preload(String),
    /// A file that some users cannot read.
    Mode(String),
    /// The program has not loaded the library.
    NotLoaded,
    /// The program.
    Program(String),
    /// The name servers contradict each other.
    Servers,
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon(name) => f.write_str(name),
            Self::HostsLine => write!(f, "the hosts line of {PATH}"),
            Self::ForeignDaemon(daemon) => f.write_str(daemon),
            Self::Rule(rule) | Self::UnreachedVia(rule) => f.write_str(rule),
            Self::Preload(library) => f.write_str(library),
            Self::Mode(path) => write!(f, "the mode of {path}"),
            Self::NotLoaded => f.write_str("the library is not loaded"),
            Self::Program(program) => f.write_str(program),
            Self::Servers => f.write_str("the name servers"),
        }
    }
}

/// A step of a fix, which `fix` converts to shell commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Add a rule that bypasses the name.
    Bypass,
    /// Add a rule that passes the name.
    Pass,
    /// Load the library into programs that are started from here.
    Load,
    /// Load the library before all others that are preloaded.
    LoadFirst,
    /// Load the library into every program, including privileged ones.
    Enable,
    /// Edit the `hosts` line so that DNS is queried.
    EditHostsLine,
    /// Change the mode of a file, with these commands.
    ChangeMode(Vec<String>),
    /// Restart the process.
    Restart,
    /// Copy the library to the root directory of the process.
    CopyLibrary,
    /// Set `GODEBUG=netdns=cgo`.
    UseCgo,
    /// Add a line to /etc/hosts.
    HostsEntry,
}

impl Step {
    /// Returns whether the step changes how programs load the library.
    pub(crate) fn is_loading(&self) -> bool {
        matches!(self, Self::Load | Self::LoadFirst)
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) finding: Finding,
    pub(crate) culprit: Option<Culprit>,
    pub(crate) sentence: String,
    /// Remarks.
    pub(crate) notes: Vec<String>,
    /// The steps of the fix, in order; empty if none are needed or known.
    pub(crate) steps: Vec<Step>,
    /// Whether the steps are optional: the answer is not known to be wrong.
    pub(crate) is_optional: bool,
}

impl Judgement {
    pub(crate) fn agreed(sentence: String) -> Self {
        Self { finding: Finding::Agreed, ..Self::differs(None, sentence, vec![]) }
    }

    pub(crate) fn unknown(sentence: String) -> Self {
        Self { finding: Finding::Unknown, ..Self::differs(None, sentence, vec![]) }
    }

    pub(crate) fn differs(culprit: impl Into<Option<Culprit>>, sentence: String, steps: Vec<Step>) -> Self {
        let culprit = culprit.into();
        Self { finding: Finding::Differs, culprit, sentence, notes: Vec::new(), steps, is_optional: false }
    }

    pub(crate) fn optional(self) -> Self {
        Self { is_optional: !self.steps.is_empty(), ..self }
    }

    pub(crate) fn with_note(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }
}
