//! What a verdict is made of: how it ends, what is to blame, and what to do.

use std::fmt;

use serde::Serialize;

use crate::diagnose::hosts_line::PATH;
use crate::ui::exit::Exit;

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Finding {
    /// Programs get the right answer.
    Agreed,
    /// They do not.
    Differs,
    /// It cannot be told.
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

/// What is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// nscd or unscd.
    Daemon(&'static str),
    /// The `hosts` line.
    HostsLine,
    /// A daemon of another machine that the `hosts` line asks.
    ForeignDaemon(String),
    /// The rule in force.
    Rule(String),
    /// The rule's servers are not asked.
    UnreachedVia(String),
    /// A library that is preloaded before ours.
    Preload(String),
    /// A file that not every user can read.
    Mode(String),
    /// The library is not in the program.
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

/// One thing to do. `fix` turns it into lines for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A rule that takes the name away from libc.
    Bypass,
    /// A rule that leaves the name to libc.
    Pass,
    /// The library in programs that are started from here.
    Load,
    /// The library before all others that are preloaded.
    LoadFirst,
    /// The library in every program, privileged ones too.
    Enable,
    /// A `hosts` line that asks DNS.
    EditHostsLine,
    /// Another mode of a file, by these commands.
    ChangeMode(Vec<String>),
    /// The process started again.
    Restart,
    /// The library in the root directory of the process.
    CopyLibrary,
    /// `GODEBUG=netdns=cgo`.
    UseCgo,
    /// A line of /etc/hosts.
    HostsEntry,
}

impl Step {
    /// Whether it is about how programs load the library.
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
    /// What else is worth knowing.
    pub(crate) notes: Vec<String>,
    /// What to do, in order; empty where nothing is needed or known.
    pub(crate) steps: Vec<Step>,
    /// Whether the steps are a matter of taste: the name is not known to be answered wrongly.
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
