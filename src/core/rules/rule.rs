//! Rules: a pattern, and what is done with the names that match it.

use std::ffi::CString;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::pattern::{self, Kind, Pattern};
use super::programs::Program;
use super::servers::NameServers;
use crate::files::resolv_conf::{OptionChange, Options};

/// The position of a rule in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'r> {
    /// The path of the file, or the name of the variable.
    pub source: &'r str,
    /// The line number, from 1; 0 in a variable.
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

/// What is done with the names that match a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are answered by nss-bypass.
    Bypass,
    /// They are forwarded to libc. With a [`Fallback`], those that libc does not find are then resolved by nss-bypass.
    Pass,
}

/// When the other side is asked too: libc after `bypass`, nss-bypass after `pass`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Never.
    #[default]
    Never,
    /// If the first side could not answer.
    Error,
    /// Also if the name does not exist.
    Always,
}

/// The hosts(5) file of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// /etc/hosts.
    #[default]
    System,
    /// No file.
    Off,
    /// The file with this absolute path. A file that does not exist is treated as empty.
    File(CString),
}

/// How the names of a rule are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The addresses of the name, for which neither servers nor files are queried. If empty, they are queried.
    pub addresses: Box<[IpAddr]>,
    /// The name servers. If empty, those of resolv.conf.
    pub via: NameServers,
    /// The timeout of a name server in seconds, if it differs from that of resolv.conf.
    pub timeout: Option<u32>,
    /// The number of attempts, if it differs from that of resolv.conf.
    pub attempts: Option<u32>,
    /// Whether the search list is applied.
    pub search: bool,
    /// The hosts(5) file to read.
    pub hosts: Hosts,
    /// Changes to the `options` of resolv.conf.
    pub options: Box<[OptionChange]>,
    /// When libc is asked after nss-bypass, or nss-bypass after libc.
    pub fallback: Fallback,
    /// Whether answers are cached, if the rule overrides the `cache` line.
    pub cache: Option<bool>,
    /// The maximum lifetime of cached answers in seconds, if the rule overrides the `cache` line.
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
    /// Returns whether the rule changes which sources are queried, or how.
    pub fn changes_sources(&self) -> bool {
        !self.via.is_empty()
            || !self.addresses.is_empty()
            || !self.options.is_empty()
            || !self.search
            || self.hosts != Hosts::System
    }

    /// Applies the changes of the rule to `ndots` and the options of resolv.conf.
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

/// The values of a `cache` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSize {
    /// The maximum number of cached answers; 0 disables the cache.
    pub entries: usize,
    /// The maximum lifetime of an answer in seconds.
    pub max_ttl: u32,
}

impl Default for CacheSize {
    fn default() -> Self {
        Self { entries: 1024, max_ttl: 60 }
    }
}

/// What several rules share: those of one line with options, or all rules without options.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The name of the source of the rules, and its text in lower case.
    pub(super) source: Arc<str>,
    pub(super) text: Arc<Vec<u8>>,
    pub(super) action: Action,
    pub(super) answering: Answering,
    /// The programs that the rules are restricted to; if empty, they apply in all programs.
    pub(super) programs: Box<[Program]>,
}

/// A pattern, and what is done with the names that match it. It is small, since there may be many rules: everything
/// that rules can share is in `Terms`.
#[derive(Clone, Debug)]
pub struct Rule {
    terms: Arc<Terms>,
    line: u32,
    /// The offset of the pattern in the text.
    start: u32,
    /// The length of the pattern in bytes: no name is longer than 253.
    length: u8,
    kind: Kind,
}

/// docs/internals.md says it, too.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Rule>() == 24);

impl Rule {
    /// Parses the pattern at this place of the text, and creates a rule of it.
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

    /// Replaces the terms by others with the same text.
    pub(super) fn set_terms(&mut self, terms: &Arc<Terms>) {
        self.terms = terms.clone();
    }

    /// Returns the position of the rule.
    pub fn origin(&self) -> Origin<'_> {
        Origin { source: &self.terms.source, line: self.line }
    }

    /// Returns the pattern.
    pub fn pattern(&self) -> Pattern<'_> {
        let start = self.start as usize;
        let text = self.terms.text.get(start..start + usize::from(self.length)).unwrap_or_default();
        Pattern::known(text, self.kind)
    }

    /// Returns what is done with the names that match.
    pub fn action(&self) -> Action {
        self.terms.action
    }

    /// Returns whether addresses map to this rule's name in reverse lookups: an exact name with `address`.
    pub fn names_addresses(&self) -> bool {
        self.kind == Kind::Exact && !self.terms.answering.addresses.is_empty()
    }

    /// Returns the programs that the rule is restricted to; if empty, it applies in all programs.
    pub fn programs(&self) -> &[Program] {
        &self.terms.programs
    }

    /// Returns whether the rule applies in the program with this executable, an absolute path; `None` if it is unknown.
    pub fn is_for(&self, executable: Option<&[u8]>) -> bool {
        let is_meant = |executable| self.programs().iter().any(|program| program.matches(executable));
        self.programs().is_empty() || executable.is_some_and(is_meant)
    }

    /// Returns whether libc is asked first, and nss-bypass resolves what libc does not find.
    pub fn is_libc_first(&self) -> bool {
        self.action() == Action::Pass && self.answering().fallback != Fallback::Never
    }

    /// Returns how matching names are resolved.
    pub fn answering(&self) -> &Answering {
        &self.terms.answering
    }
}
