//! The facts about one name, as plain data: `examine` collects them, and `judge` evaluates them.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::diagnose::hosts_line::{DnsObstacle, Listed, UnreadableLine};
use crate::diagnose::sources::Outcome;

/// All facts.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) answers: Answers,
    /// The daemon at nscd's socket; `None` if nothing listens.
    pub(crate) daemon: Option<DaemonFacts>,
    pub(crate) hosts_line: LineFacts,
    /// The rule under which the library resolves the lookup, at once or after libc.
    pub(crate) rule: Option<RuleFacts>,
    /// Whether a rule for all names would apply: no rule matches this name, and the rules are in force.
    pub(crate) is_free: bool,
    /// Whether the library works in programs that are started from here or, with `program`, in that program.
    pub(crate) loading: Loading,
    /// Files that the library or the dynamic linker needs, and that some users cannot read.
    pub(crate) unreadable: Vec<UnreadableFile>,
    /// The program for which the verdict is.
    pub(crate) program: Option<ProgramFacts>,
}

/// The answers of the sources.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    /// nscd, if its answer is known.
    pub(crate) nscd: Option<Outcome>,
    /// glibc without nscd.
    pub(crate) libc: Outcome,
    /// glibc with an edited `hosts` line, if there is an edit to make.
    pub(crate) libc_edited: Option<Outcome>,
    /// The library under the rule in force.
    pub(crate) library: Option<Outcome>,
    /// The same with an edited `hosts` line.
    pub(crate) library_edited: Option<Outcome>,
    /// The library under a rule without options.
    pub(crate) plain_rule: Outcome,
    /// The same with an edited `hosts` line.
    pub(crate) plain_rule_edited: Option<Outcome>,
    /// /etc/hosts.
    pub(crate) hosts: Outcome,
    /// The name servers of resolv.conf, with their names for messages.
    pub(crate) servers: Vec<(String, Outcome)>,
    /// The name servers of the rule.
    pub(crate) rule_servers: Vec<(String, Outcome)>,
}

/// A file that some users cannot read.
#[derive(Clone, Debug)]
pub(crate) struct UnreadableFile {
    pub(crate) path: String,
    /// The problem.
    pub(crate) what: String,
    /// Commands that fix it.
    pub(crate) commands: Vec<String>,
}

/// The daemon at nscd's socket.
#[derive(Clone, Debug)]
pub(crate) struct DaemonFacts {
    pub(crate) name: &'static str,
    /// A description of its process.
    pub(crate) whereabouts: String,
    /// Whether it belongs to another system: see [`super::daemon::Daemon::is_foreign`].
    pub(crate) is_foreign: bool,
}

/// The `hosts` line of nsswitch.conf.
#[derive(Clone, Debug)]
pub(crate) struct LineFacts {
    /// Its position, and its modules.
    pub(crate) shown: String,
    /// The line that is invalid, if there is one.
    pub(crate) unreadable: Option<UnreadableLine>,
    /// Why DNS is not queried.
    pub(crate) obstacle: Option<DnsObstacle>,
    /// A description of the daemon of another system that the line uses.
    pub(crate) foreign_daemon: Option<String>,
    /// The modules that it lists.
    pub(crate) listed: Listed,
}

/// The rule in force.
#[derive(Clone, Debug)]
pub(crate) struct RuleFacts {
    /// Its position, action and pattern.
    pub(crate) text: String,
    /// Whether it has options such as `via`, `hosts off` or `search off`, with which it may find other names.
    pub(crate) has_options: bool,
    /// Whether libc is asked first; the next two fields are then about the library.
    pub(crate) is_libc_first: bool,
    /// Whether libc is asked if the name servers cannot answer.
    pub(crate) falls_back_on_error: bool,
    /// Whether libc is asked if nothing is found.
    pub(crate) falls_back_on_not_found: bool,
}

/// Whether lookups reach the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loading {
    /// They do.
    Works,
    /// It is not loaded.
    NotLoaded,
    /// It is loaded, but another library that was loaded before it handles the lookups.
    TakenBy(String),
    /// It is loaded, but lookups do not reach it, for an unknown reason.
    SeesNothing,
}

/// A program or a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProgramFacts {
    /// Its name for messages.
    pub(crate) name: String,
    /// Whether it is a process: the libraries that it has loaded do not change.
    pub(crate) is_running: bool,
    /// What keeps the library from working in it.
    pub(crate) obstacle: Option<ProgramObstacle>,
}

impl ProgramFacts {
    /// Returns whether it has loaded the library, which ignores the rules there.
    pub(crate) fn distrusts_rules(&self) -> bool {
        matches!(self.obstacle, Some(ProgramObstacle::DistrustsRules { .. }))
    }
}

/// What keeps the library from working in a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ProgramObstacle {
    /// It runs with more privileges than its caller (AT_SECURE): ld.so ignores LD_PRELOAD.
    Privileged(String),
    /// It is privileged, and has loaded the library, which ignores rules that others than root can write.
    DistrustsRules {
        /// The problem with the file.
        why: String,
        /// Commands that fix it.
        commands: Vec<String>,
    },
    /// It resolves names itself, from /etc/hosts and resolv.conf.
    OwnResolver(Resolver),
    /// It is statically linked with a libc.
    Static,
    /// It was started before the library was enabled.
    StartedBefore,
    /// It has another root directory, where there is no library.
    OtherRoot(String),
    /// Another reason, in words.
    Other(String),
}

/// A resolver other than libc's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Resolver {
    CAres,
    /// Go's resolver, in a program that has no other.
    Go,
    /// Go's resolver, in a program that uses libc if GODEBUG says so.
    GoByChoice,
    Musl,
}

impl Resolver {
    /// Returns whether it uses `files` and `dns`, given the `hosts` line; `None` if it then uses libc.
    pub(crate) fn asks(self, listed: Listed) -> Option<(bool, bool)> {
        let as_listed = (listed.files, listed.dns);
        match self {
            Self::Musl => Some((true, true)),
            Self::GoByChoice if listed.others => None,
            Self::Go if listed.others => Some((true, true)),
            _ if as_listed == (false, false) => Some((true, true)),
            Self::CAres | Self::Go | Self::GoByChoice => Some(as_listed),
        }
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CAres => "c-ares",
            Self::Go => "Go without cgo",
            Self::GoByChoice => "Go, without GODEBUG=netdns=cgo",
            Self::Musl => "musl",
        })
    }
}

impl Answers {
    /// Returns an address of the name, from any source.
    pub(crate) fn some_address(&self) -> Option<IpAddr> {
        let all = [Some(&self.libc), self.library.as_ref(), Some(&self.plain_rule), self.libc_edited.as_ref()];
        all.into_iter().flatten().find_map(Outcome::first_address)
    }
}
