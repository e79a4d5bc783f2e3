//! The verdict on a name or an address: whether it is answered here, by which rule, and the log of what came of it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use nss_bypass_core::model::{Answer, Failure, Source, Subject};
use nss_bypass_core::resolve::Resolver;
use nss_bypass_core::rules::policy::Verdict;
use nss_bypass_core::rules::rule::{Fallback, Rule};
use nss_bypass_core::settings::log::Level;
use nss_bypass_core::sys::clock;

use crate::log::{self, printable};
use crate::memory;
use crate::state::{self, ActiveRules, TABLES};

/// Whether the rules take a name or an address away from libc, and the program has not chosen otherwise.
pub(crate) fn bypasses(subject: Subject<'_>) -> bool {
    let bypasses = |rules: Arc<ActiveRules>| matches!(rules.policy.decide_subject(subject), Verdict::Bypass(_));
    state::rules().is_some_and(bypasses) && !TABLES.has_foreign_choice()
}

/// Logs what is forwarded, where the verdict is not a [`Bypass`].
pub(crate) fn log_forwarded(function: &str, subject: Subject<'_>) {
    let log = &state::settings().log;
    if log.wants(Level::All)
        && let Some(rules) = state::rules()
        && let Verdict::Pass(rule) = rules.policy.decide_subject(subject)
    {
        log::write(log, Level::All, &passed(function, subject, rule));
    }
}

/// A lookup that a rule takes away from libc.
pub(crate) struct Bypass<'r> {
    /// For the log.
    function: &'static str,
    subject: Subject<'r>,
    rules: &'r ActiveRules,
    rule: &'r Rule,
    begun: Duration,
}

impl<'r> Bypass<'r> {
    /// None: it is forwarded.
    pub(crate) fn of(function: &'static str, subject: Subject<'r>, rules: &'r ActiveRules) -> Option<Self> {
        let log = &state::settings().log;
        let rule = match rules.policy.decide_subject(subject) {
            // It is out of nscd's way already, and only libc can ask the modules that it wants.
            Verdict::Bypass(_) if TABLES.has_foreign_choice() => {
                if log.wants(Level::All) {
                    log::write(log, Level::All, &chosen(function, subject));
                }
                return None;
            }
            Verdict::Bypass(rule) => rule,
            Verdict::Pass(rule) => {
                if log.wants(Level::All) {
                    log::write(log, Level::All, &passed(function, subject, rule));
                }
                return None;
            }
        };
        let begun = if log.wants(Level::Bypass) { clock::monotonic() } else { Duration::ZERO };
        Some(Self { function, subject, rules, rule, begun })
    }

    /// The resolver under the rule.
    pub(crate) fn resolver(&self) -> Resolver<'_> {
        let answering = self.rule.answering();
        let resolver = Resolver::new(&TABLES, answering, self.rules.cache_for(answering));
        if memory::is_short() { resolver.without_memory() } else { resolver }
    }

    /// Whether libc is asked after all, as the rule's `fallback` says, now that the lookup has ended so.
    pub(crate) fn falls_back(&self, ending: Ending<'_>) -> bool {
        match (self.rule.answering().fallback, ending) {
            (Fallback::Error, Ending::Failed(failure)) => matches!(failure, Failure::TryAgain | Failure::System(_)),
            (Fallback::Always, Ending::Failed(_)) => true,
            _ => false,
        }
    }

    /// Logs how it ended.
    pub(crate) fn log(&self, ending: Ending<'_>, source: Option<Source>) {
        let log = &state::settings().log;
        if log.wants(Level::Bypass) {
            let took = clock::monotonic().saturating_sub(self.begun);
            log::write(log, Level::Bypass, &bypassed(self, ending, source, took, self.falls_back(ending)));
        }
    }
}

/// How a lookup ended.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// With these addresses.
    Addresses(&'a Answer),
    /// With this name.
    Name(&'a [u8]),
    /// With no question at all: only numbers were wanted.
    NumbersOnly,
    /// Without an answer.
    Failed(Failure),
    /// Before any lookup: the arguments were wrong, with this code.
    Refused(libc::c_int),
}

fn in_log(subject: Subject<'_>) -> String {
    match subject {
        Subject::Name(name) => printable(name.as_bytes()),
        Subject::Address(address) => address.to_string(),
        Subject::Nobody => "NULL".to_owned(),
    }
}

fn passed(function: &str, subject: Subject<'_>, rule: Option<&Rule>) -> String {
    let rule = rule.map_or_else(|| "no rule".to_owned(), |rule| format!("{} {}", rule.origin(), rule.pattern()));
    format!("{function} {}: pass ({rule})", in_log(subject))
}

fn chosen(function: &str, subject: Subject<'_>) -> String {
    format!("{function} {}: pass (the program's own choice of modules)", in_log(subject))
}

fn bypassed(
    bypass: &Bypass<'_>,
    ending: Ending<'_>,
    source: Option<Source>,
    took: Duration,
    fall_back: bool,
) -> String {
    let Bypass { function, subject, rule, .. } = bypass;
    let mut line = format!("{function} {}: bypass ({} {}): ", in_log(*subject), rule.origin(), rule.pattern());
    let _ = match ending {
        Ending::Addresses(answer) => {
            let addresses: Vec<String> = answer.addresses.iter().map(|address| address.ip.to_string()).collect();
            write!(line, "{}", addresses.join(" "))
        }
        Ending::Name(name) => write!(line, "{}", printable(name)),
        Ending::NumbersOnly => write!(line, "in numbers"),
        Ending::Failed(failure) => write!(line, "{}", in_words(failure)),
        Ending::Refused(code) => write!(line, "refused with code {code}"),
    };
    let _ = match source {
        Some(Source::Files) => write!(line, " from /etc/hosts"),
        Some(Source::Dns(Some(server))) => write!(line, " from {server}"),
        Some(Source::Cache(Some(server))) => write!(line, " as {server} said before"),
        Some(Source::Dns(None) | Source::Cache(None)) | None => Ok(()),
    };
    let _ = write!(line, " in {} us", took.as_micros());
    if fall_back {
        line.push_str("; asking libc");
    }
    line
}

fn in_words(failure: Failure) -> String {
    match failure {
        Failure::NotFound => "not found".to_owned(),
        Failure::NoData => "no such addresses".to_owned(),
        Failure::TryAgain => "no answer, try again".to_owned(),
        Failure::NoRecovery => "no usable answer".to_owned(),
        Failure::Absent => "no /etc/hosts".to_owned(),
        Failure::Unmerged => "two answers, which cannot be merged".to_owned(),
        Failure::System(errno) => std::io::Error::from_raw_os_error(errno).to_string(),
    }
}
