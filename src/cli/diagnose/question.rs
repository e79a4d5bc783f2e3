//! The subject of a diagnosis, how to examine it, and for which program.

use std::net::IpAddr;
use std::time::Duration;

use nss_bypass_core::model::{Name, Subject};
use nss_bypass_core::rules::rule::Rule;

use crate::diagnose::daemon::Presence;
use crate::diagnose::facts::{Loading, ProgramFacts};
use crate::diagnose::nscd::{Cache, Key};
use crate::diagnose::surroundings::Surroundings;

/// A name or an address, as owned data for threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Name(Vec<u8>),
    Address(IpAddr),
}

impl Question {
    /// Creates a question from a name as a program would pass it, or from an address whose name is to be looked up.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let address = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        address.map_or_else(|| Self::Name(bytes.to_vec()), Self::Address)
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Name(name) => Subject::Name(Name::new(name)),
            Self::Address(address) => Subject::Address(*address),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(address) => address.to_string().into_bytes(),
        }
    }

    pub(crate) fn key(&self) -> Key<'_> {
        match self {
            Self::Name(name) => Key::Name(name),
            Self::Address(address) => Key::Address(*address),
        }
    }
}

/// How sources are queried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExamineOptions {
    /// Whether nscd is queried, so that it looks up the name.
    pub(crate) ask_nscd: bool,
    /// The maximum time to wait.
    pub(crate) timeout: Option<Duration>,
}

/// The examination of a name.
pub(crate) struct Examiner<'a> {
    pub(crate) around: &'a Surroundings,
    pub(crate) question: &'a Question,
    pub(crate) nscd: &'a Presence,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) options: ExamineOptions,
    pub(crate) program: Option<ProgramFacts>,
    /// How the program for which the verdict is loads the library.
    pub(crate) program_loading: Option<Loading>,
    pub(crate) is_root: bool,
    pub(crate) root: &'a str,
    pub(crate) unit: Option<&'a str>,
    pub(crate) library: Option<&'a str>,
}

impl Examiner<'_> {
    /// Returns the rule under which the library answers.
    pub(crate) fn rule(&self) -> Option<&Rule> {
        self.around.rules.resolving(self.question.subject())
    }
}
