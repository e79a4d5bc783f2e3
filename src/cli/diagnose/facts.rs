//! What was found out about one name, as plain data: `explain` collects it, `judge` judges it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::diagnose::hosts_line::{DnsObstacle, Listed, UnreadableLine};
use crate::diagnose::sources::Outcome;

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) answers: Answers,
    /// The daemon at nscd's socket; none where nothing listens.
    pub(crate) daemon: Option<DaemonFacts>,
    pub(crate) hosts_line: LineFacts,
    /// The rule under which the library resolves the lookup, at once or after libc.
    pub(crate) rule: Option<RuleFacts>,
    /// Whether a rule for all names would decide: no other is about this one, and rules count.
    pub(crate) is_free: bool,
    /// Whether the library works in programs that are started from here or, with `program`, in that.
    pub(crate) loading: Loading,
    /// Files that the library or the loader needs and that not every user can read.
    pub(crate) unreadable: Vec<UnreadableFile>,
    /// The program that was asked about.
    pub(crate) program: Option<ProgramFacts>,
}

/// What each source answers.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    /// nscd, where that is known.
    pub(crate) nscd: Option<Outcome>,
    /// glibc without nscd.
    pub(crate) libc: Outcome,
    /// The same with an edited `hosts` line, where there is something to edit.
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
    /// The name servers of resolv.conf, with what to call them.
    pub(crate) servers: Vec<(String, Outcome)>,
    /// The servers that the rule names.
    pub(crate) rule_servers: Vec<(String, Outcome)>,
}

/// A file that not every user can read.
#[derive(Clone, Debug)]
pub(crate) struct UnreadableFile {
    pub(crate) path: String,
    /// What is the matter with it.
    pub(crate) what: String,
    /// What changes that.
    pub(crate) commands: Vec<String>,
}

/// The daemon at nscd's socket.
#[derive(Clone, Debug)]
pub(crate) struct DaemonFacts {
    pub(crate) name: &'static str,
    /// Which process it is, in words.
    pub(crate) whereabouts: String,
    /// Whether it looks names up for another machine.
    pub(crate) is_foreign: bool,
}

/// The `hosts` line of nsswitch.conf.
#[derive(Clone, Debug)]
pub(crate) struct LineFacts {
    /// Where it stands, and its modules.
    pub(crate) shown: String,
    /// It cannot be read.
    pub(crate) unreadable: Option<UnreadableLine>,
    /// Why DNS is not asked.
    pub(crate) obstacle: Option<DnsObstacle>,
    /// The daemon of another machine that the line asks, in words.
    pub(crate) foreign_daemon: Option<String>,
    /// What it lists.
    pub(crate) listed: Listed,
}

/// The rule in force.
#[derive(Clone, Debug)]
pub(crate) struct RuleFacts {
    /// Its place, action and pattern.
    pub(crate) text: String,
    /// Whether it has `via`, `hosts off` or `search off`: then it may find what others do not.
    pub(crate) has_options: bool,
    /// Whether libc answers first; then the next two are about the library.
    pub(crate) is_libc_first: bool,
    /// Whether libc is asked where the servers cannot answer.
    pub(crate) falls_back_on_error: bool,
    /// Whether libc is asked where nothing is found.
    pub(crate) falls_back_on_not_found: bool,
}

/// Whether the library takes lookups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loading {
    /// It does.
    Works,
    /// It is not loaded.
    NotLoaded,
    /// It is loaded, and another library that is loaded before it takes the lookups.
    TakenBy(String),
    /// It is loaded, and does not see lookups, for an unknown reason.
    SeesNothing,
}

/// A program or a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProgramFacts {
    /// What to call it.
    pub(crate) name: String,
    /// Whether it is a process: what it has loaded stays as it is.
    pub(crate) is_running: bool,
    /// What keeps the library out of it.
    pub(crate) obstacle: Option<ProgramObstacle>,
}

impl ProgramFacts {
    /// Whether the library is in it, and follows no rules.
    pub(crate) fn distrusts_rules(&self) -> bool {
        matches!(self.obstacle, Some(ProgramObstacle::DistrustsRules { .. }))
    }
}

/// What keeps the library out of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ProgramObstacle {
    /// It runs with more privileges than its caller (AT_SECURE): ld.so ignores LD_PRELOAD.
    Privileged(String),
    /// It is privileged, has the library, and follows no rules that others than root can write.
    DistrustsRules {
        /// What is the matter with the file.
        why: String,
        /// What changes that.
        commands: Vec<String>,
    },
    /// It resolves names itself, from /etc/hosts and resolv.conf.
    OwnResolver(Resolver),
    /// It is statically linked with a libc.
    Static,
    /// It was started before the library was enabled.
    StartedBefore,
    /// It has another root directory, and the library is not there.
    OtherRoot(String),
    /// Something else, in words.
    Other(String),
}

/// A resolver other than libc's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Resolver {
    CAres,
    /// Go's, in a program that has no other.
    Go,
    /// Go's, in a program that uses libc where GODEBUG says so.
    GoByChoice,
    Musl,
}

impl Resolver {
    /// Whether it asks `files` and `dns`, by the `hosts` line; none where it has libc do it.
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
    /// An address for the name, from whoever has one.
    pub(crate) fn some_address(&self) -> Option<IpAddr> {
        let all = [Some(&self.libc), self.library.as_ref(), Some(&self.plain_rule), self.libc_edited.as_ref()];
        all.into_iter().flatten().find_map(Outcome::first_address)
    }
}
