//! A rule: a pattern, and what is done with the names that match it.

use std::ffi::CString;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::pattern::{Kind, Pattern};
use super::programs::Program;
use super::servers::NameServers;
use crate::files::resolv_conf::{OptionChange, Options};

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file's path or the variable's name.
    pub source: Arc<str>,
    /// The line, from 1; 0 in a variable.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
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

/// A pattern, and what is done with the names that match it.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) origin: Origin,
    pub(super) pattern: Pattern,
    pub(super) action: Action,
    pub(super) answering: Arc<Answering>,
    /// Programs that it counts in; empty: all.
    pub(super) programs: Arc<[Program]>,
}

impl Rule {
    /// Where it stands.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Which names it is about.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What it does with them.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whether it gives a name to addresses: an exact one, with `address`.
    pub fn names_addresses(&self) -> bool {
        self.pattern.kind() == Kind::Exact && !self.answering.addresses.is_empty()
    }

    /// The programs that it counts in; empty: all.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// Whether it counts in the program with this executable, an absolute path; none where nobody can tell.
    pub fn is_for(&self, executable: Option<&[u8]>) -> bool {
        let is_meant = |executable| self.programs.iter().any(|program| program.matches(executable));
        self.programs.is_empty() || executable.is_some_and(is_meant)
    }

    /// Whether libc answers first, and what it does not find is resolved here.
    pub fn is_libc_first(&self) -> bool {
        self.action == Action::Pass && self.answering.fallback != Fallback::Never
    }

    /// How they are answered.
    pub fn answering(&self) -> &Answering {
        &self.answering
    }
}
