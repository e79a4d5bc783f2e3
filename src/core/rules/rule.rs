//! A rule: a pattern, and what is done with the names that match it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::pattern::Pattern;

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

/// How the names of a rule are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// Servers to ask instead of resolv.conf's; empty: those.
    pub via: Box<[SocketAddr]>,
    /// Seconds to wait for a server, instead of resolv.conf's.
    pub timeout: Option<u32>,
    /// How often the servers are asked, instead of resolv.conf's.
    pub attempts: Option<u32>,
    /// Whether the search list is used.
    pub search: bool,
    /// Whether /etc/hosts is looked at.
    pub hosts: bool,
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
            via: Box::default(),
            timeout: None,
            attempts: None,
            search: true,
            hosts: true,
            fallback: Fallback::Never,
            cache: None,
            max_ttl: None,
        }
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

    /// Whether libc answers first, and what it does not find is resolved here.
    pub fn is_libc_first(&self) -> bool {
        self.action == Action::Pass && self.answering.fallback != Fallback::Never
    }

    /// How they are answered.
    pub fn answering(&self) -> &Answering {
        &self.answering
    }
}
