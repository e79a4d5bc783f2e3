//! A rule: a pattern, and what is done with the names that match it.

use std::ffi::CString;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::pattern::{self, Kind, Pattern};
use super::programs::Program;
use super::servers::NameServers;
use crate::files::resolv_conf::{OptionChange, Options};

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'r> {
    /// The file's path or the variable's name.
    pub source: &'r str,
    /// The line, from 1; 0 in a variable.
    pub line: u32,
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(self.source),
            line => write!(f, "{}:{line}", self.source),
        }
    }
}

/// What a rule does with its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer them here.
    Bypass,
    /// Leave them to libc; with a [`Fallback`], what it does not find is then resolved here.
    Pass,
}

/// Whether the other side is asked after all: libc after `bypass`, this library after `pass`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Never.
    #[default]
    Never,
    /// When the first could not answer.
    Error,
    /// Also when the name does not exist.
    Always,
}

/// A hosts(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// /etc/hosts.
    #[default]
    System,
    /// None.
    Off,
    /// This file, by its absolute path; where it is not there, it has no lines.
    File(CString),
}

/// How the names of a rule are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The addresses, whatever servers and files say; empty: those are asked.
    pub addresses: Box<[IpAddr]>,
    /// Servers to ask instead of resolv.conf's; empty: those.
    pub via: NameServers,
    /// Seconds to wait for a server, instead of resolv.conf's.
    pub timeout: Option<u32>,
    /// How often the servers are asked, instead of resolv.conf's.
    pub attempts: Option<u32>,
    /// Whether the search list is used.
    pub search: bool,
    /// Which hosts(5) is looked at.
    pub hosts: Hosts,
    /// What is otherwise than the `options` of resolv.conf.
    pub options: Box<[OptionChange]>,
    /// Whether the other side is asked after all.
    pub fallback: Fallback,
    /// Whether answers are kept, instead of what the `cache` line says.
    pub cache: Option<bool>,
    /// Seconds that they are kept at most, instead of what the `cache` line says.
    pub max_ttl: Option<u32>,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            addresses: Box::default(),
            via: NameServers::default(),
            timeout: None,
            attempts: None,
            search: true,
            hosts: Hosts::System,
            options: Box::default(),
            fallback: Fallback::Never,
            cache: None,
            max_ttl: None,
        }
    }
}

impl Answering {
    /// Whether other sources are asked than without the rule, or in another way.
    pub fn changes_sources(&self) -> bool {
        !self.via.is_empty()
            || !self.addresses.is_empty()
            || !self.options.is_empty()
            || !self.search
            || self.hosts != Hosts::System
    }

    /// `ndots` and the options of resolv.conf, with what the rule changes about them.
    pub fn changed(&self, mut ndots: u32, mut options: Options) -> (u32, Options) {
        for change in &self.options {
            match *change {
                OptionChange::Ndots(dots) => ndots = dots,
                OptionChange::Switch(switch, on) => options.set(switch, on),
            }
        }
        (ndots, options)
    }
}

/// What a `cache` line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSize {
    /// How many answers are kept at most; 0: none.
    pub entries: usize,
    /// For how many seconds at most.
    pub max_ttl: u32,
}

impl Default for CacheSize {
    fn default() -> Self {
        Self { entries: 1024, max_ttl: 60 }
    }
}

/// What rules share: those of one line, and all those without options.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Where they stand, and in what text, in lower case.
    pub(super) source: Arc<str>,
    pub(super) text: Arc<Vec<u8>>,
    pub(super) action: Action,
    pub(super) answering: Answering,
    /// Programs that they count in; empty: all.
    pub(super) programs: Box<[Program]>,
}

/// A pattern, and what is done with the names that match it. Few bytes, since there may be many: all else is shared.
#[derive(Clone, Debug)]
pub struct Rule {
    terms: Arc<Terms>,
    line: u32,
    /// Where its pattern begins in the text.
    start: u32,
    /// The pattern's bytes: no name is longer than 253.
    length: u8,
    kind: Kind,
}

impl Rule {
    /// The rule with the pattern that stands at this place of the text.
    pub(super) fn parse(terms: &Arc<Terms>, line: u32, place: Range<usize>) -> Result<Self, pattern::Error> {
        let text = terms.text.get(place.clone()).unwrap_or_default();
        let pattern = Pattern::parse(text)?;
        let (start, length) = (u32::try_from(place.start), u8::try_from(pattern.text().len()));
        let (Ok(start), Ok(length)) = (start, length) else { return Err(pattern::Error::too_far()) };
        Ok(Self { terms: terms.clone(), line, start, length, kind: pattern.kind() })
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Gives it other terms, about the same text.
    pub(super) fn set_terms(&mut self, terms: &Arc<Terms>) {
        self.terms = terms.clone();
    }

    /// Where it stands.
    pub fn origin(&self) -> Origin<'_> {
        Origin { source: &self.terms.source, line: self.line }
    }

    /// Which names it is about.
    pub fn pattern(&self) -> Pattern<'_> {
        let start = self.start as usize;
        let text = self.terms.text.get(start..start + usize::from(self.length)).unwrap_or_default();
        Pattern::known(text, self.kind)
    }

    /// What it does with them.
    pub fn action(&self) -> Action {
        self.terms.action
    }

    /// Whether it gives a name to addresses: an exact one, with `address`.
    pub fn names_addresses(&self) -> bool {
        self.kind == Kind::Exact && !self.terms.answering.addresses.is_empty()
    }

    /// The programs that it counts in; empty: all.
    pub fn programs(&self) -> &[Program] {
        &self.terms.programs
    }

    /// Whether it counts in the program with this executable, an absolute path; none where nobody can tell.
    pub fn is_for(&self, executable: Option<&[u8]>) -> bool {
        let is_meant = |executable| self.programs().iter().any(|program| program.matches(executable));
        self.programs().is_empty() || executable.is_some_and(is_meant)
    }

    /// Whether libc answers first, and what it does not find is resolved here.
    pub fn is_libc_first(&self) -> bool {
        self.action() == Action::Pass && self.answering().fallback != Fallback::Never
    }

    /// How they are answered.
    pub fn answering(&self) -> &Answering {
        &self.terms.answering
    }
}
