//! The verdict on a name or an address: whether nss-bypass resolves it, and by which rule; and the log of the results.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use nss_bypass_core::model::{Answer, Failure, Source, Subject};
use nss_bypass_core::resolve::Resolver;
use nss_bypass_core::rules::pattern::Kind;
use nss_bypass_core::rules::policy::Verdict;
use nss_bypass_core::rules::rule::{Answering, Fallback, Hosts, Rule};
use nss_bypass_core::settings::log::Level;
use nss_bypass_core::settings::record::{self, Handling, Record, printable};
use nss_bypass_core::sys::clock;

use crate::hook::{Call, Forwarded};
use crate::log;
use crate::memory;
use crate::state::{self, ActiveRules, TABLES};

/// Returns whether a rule applies to a lookup, and the program has not selected other modules.
pub(crate) fn has_matching_rule(subject: Subject<'_>) -> bool {
    let has_matching_rule = |rules: Arc<ActiveRules>| !matches!(rules.policy.decide_subject(subject), Verdict::Pass(_));
    state::rules().is_some_and(has_matching_rule) && !TABLES.has_foreign_choice()
}

/// Logs a lookup that is forwarded because no rule applies to it.
pub(crate) fn log_forwarded(function: &str, subject: Subject<'_>) {
    if let Some(rules) = state::rules()
        && let log = rules.log()
        && log.wants(Level::All)
        && let Verdict::Pass(rule) = rules.policy.decide_subject(subject)
    {
        log::write(log, Level::All, &new_record(function, subject, Handling::Pass, no_rule_or(rule)).to_string());
    }
}

/// libc's result.
pub(crate) enum FromLibc<'a> {
    /// Something was found; the function returns it for the log.
    Found(&'a dyn Fn() -> String),
    /// Nothing.
    Failed(Failure),
    /// Nothing was found, for a reason that is not related to the name, with this code.
    Refused(libc::c_int),
}

impl FromLibc<'_> {
    /// Returns the result for a code: a failed lookup, if there is a failure.
    pub(crate) fn unfound(failure: Option<Failure>, code: libc::c_int) -> Self {
        failure.map_or(Self::Refused(code), Self::Failed)
    }
}

/// A lookup that nss-bypass resolves under a rule.
pub(crate) struct Lookup<'r> {
    /// For the log.
    function: &'static str,
    subject: Subject<'r>,
    rules: &'r ActiveRules,
    rule: &'r Rule,
    begun: Duration,
    /// libc's failure, if libc has been asked before.
    after: Option<Failure>,
}

impl<'r> Lookup<'r> {
    /// Returns `None` if the call is to be forwarded, or libc's result is to be returned.
    pub(crate) fn of(
        function: &'static str,
        subject: Subject<'r>,
        rules: &'r ActiveRules,
        call: &Call<FromLibc<'_>>,
    ) -> Option<Self> {
        let log = rules.log();
        if let Call::AfterLibc { returned: FromLibc::Found(_) | FromLibc::Refused(_), .. } = call
            && !log.wants(Level::All)
        {
            return None;
        }
        let log_pass = |why: &dyn Fn() -> String, ending: Option<record::Ending>| {
            if log.wants(Level::All) {
                let record = Record { ending, ..new_record(function, subject, Handling::Pass, why()) };
                log::write(log, Level::All, &record.to_string());
            }
        };
        let (rule, from_libc) = match (rules.policy.decide_subject(subject), call) {
            // libc does not ask nscd then, and only libc can load the modules that the program has selected.
            (Verdict::Bypass(_), Call::First { .. }) | (Verdict::LibcFirst(_), Call::AfterLibc { .. })
                if TABLES.has_foreign_choice() =>
            {
                log_pass(&|| "the program's own choice of modules".to_owned(), None);
                return None;
            }
            (Verdict::Bypass(rule), Call::First { .. }) => (rule, None),
            (Verdict::LibcFirst(rule), Call::AfterLibc { returned, forwarded }) => (rule, Some((returned, forwarded))),
            (Verdict::Pass(rule), Call::First { .. }) => {
                log_pass(&|| no_rule_or(rule), None);
                return None;
            }
            (Verdict::LibcFirst(_), Call::First { .. }) | (_, Call::AfterLibc { .. }) => return None,
        };
        let lookup = |begun, after| Self { function, subject, rules, rule, begun, after };
        let Some((from_libc, Forwarded { begun, .. })) = from_libc else {
            let begun = if log.wants(Level::Bypass) { clock::monotonic() } else { Duration::ZERO };
            return Some(lookup(begun, None));
        };
        match from_libc {
            FromLibc::Failed(failure) if is_resolved_after(rule.answering().fallback, *failure) => {
                return Some(lookup(*begun, Some(*failure)));
            }
            _ if !log.wants(Level::All) => {}
            FromLibc::Found(result) => log_pass(&|| place_of(rule), Some(by_libc(result(), *begun))),
            FromLibc::Failed(failure) => log_pass(&|| place_of(rule), Some(by_libc(in_words(*failure), *begun))),
            FromLibc::Refused(code) => log_pass(&|| place_of(rule), Some(by_libc(refused(*code), *begun))),
        }
        None
    }

    /// Returns the resolver for the rule.
    pub(crate) fn resolver(&self) -> Resolver<'_> {
        let answering = self.rule.answering();
        let mut resolver = Resolver::new(&TABLES, answering, self.rules.cache_for(answering));
        if let Kind::Exact = self.rule.pattern().kind() {
            resolver = resolver.of_name(self.rule.pattern().domain());
        }
        if memory::is_short() { resolver.without_memory() } else { resolver }
    }

    /// Returns whether libc has been asked before.
    pub(crate) fn is_after_libc(&self) -> bool {
        self.after.is_some()
    }

    /// Returns whether libc's answer is used after all, given the result: because of the rule's `fallback` or, if libc
    /// has been asked before, because nss-bypass has found nothing either.
    pub(crate) fn falls_back(&self, ending: Ending<'_>) -> bool {
        match (self.after, self.rule.answering().fallback, ending) {
            (Some(_), _, Ending::Failed(_) | Ending::NumbersOnly) => true,
            (None, Fallback::Error, Ending::Failed(failure)) => {
                matches!(failure, Failure::TryAgain | Failure::System(_))
            }
            (None, Fallback::Always, Ending::Failed(_)) => true,
            _ => false,
        }
    }

    /// Logs the result.
    pub(crate) fn log(&self, ending: Ending<'_>, source: Option<Source>) {
        let log = self.rules.log();
        if log.wants(Level::Bypass) {
            log::write(log, Level::Bypass, &self.record(ending, source).to_string());
        }
    }

    fn record(&self, ending: Ending<'_>, source: Option<Source>) -> Record {
        let handling = if self.is_after_libc() { Handling::Fallback } else { Handling::Bypass };
        let took = clock::monotonic().saturating_sub(self.begun).as_micros();
        let note = match self.after {
            Some(failure) => Some(format!("libc: {}", in_words(failure))),
            None => self.falls_back(ending).then(|| "asking libc".to_owned()),
        };
        let ending = record::Ending { result: result(ending), source: from(source, self.rule.answering()), took };
        Record { ending: Some(ending), note, ..new_record(self.function, self.subject, handling, place_of(self.rule)) }
    }
}

/// Returns whether nss-bypass resolves the name after this failure of libc.
fn is_resolved_after(fallback: Fallback, failure: Failure) -> bool {
    match fallback {
        Fallback::Never => false,
        Fallback::Error => matches!(failure, Failure::TryAgain | Failure::NoRecovery | Failure::System(_)),
        Fallback::Always => true,
    }
}

/// The result of a lookup.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// These addresses.
    Addresses(&'a Answer),
    /// This name.
    Name(&'a [u8]),
    /// No lookup was made: only numbers were requested.
    NumbersOnly,
    /// No answer.
    Failed(Failure),
    /// No lookup was made: the arguments were invalid, with this code.
    Refused(libc::c_int),
}

fn new_record(function: &str, subject: Subject<'_>, handling: Handling, rule: String) -> Record {
    let subject = match subject {
        Subject::Name(name) => printable(name.as_bytes()),
        Subject::Address(address) => address.to_string(),
        Subject::NoName => "NULL".to_owned(),
    };
    Record { function: function.to_owned(), subject, handling, rule, ending: None, note: None }
}

fn place_of(rule: &Rule) -> String {
    format!("{} {}", rule.origin(), rule.pattern())
}

fn no_rule_or(rule: Option<&Rule>) -> String {
    rule.map_or_else(|| "no rule".to_owned(), place_of)
}

fn by_libc(result: String, begun: Duration) -> record::Ending {
    let took = clock::monotonic().saturating_sub(begun).as_micros();
    record::Ending { result, source: "from libc".to_owned(), took }
}

fn result(ending: Ending<'_>) -> String {
    match ending {
        Ending::Addresses(answer) => addresses_in_log(answer.addresses.iter().map(|address| address.ip)),
        Ending::Name(name) => printable(name),
        Ending::NumbersOnly => "in numbers".to_owned(),
        Ending::Failed(failure) => in_words(failure),
        Ending::Refused(code) => refused(code),
    }
}

/// Formats addresses for the log.
pub(crate) fn addresses_in_log(addresses: impl Iterator<Item = IpAddr>) -> String {
    addresses.map(|address| address.to_string()).collect::<Vec<_>>().join(" ")
}

fn refused(code: libc::c_int) -> String {
    format!("refused with code {code}")
}

fn from(source: Option<Source>, answering: &Answering) -> String {
    match source {
        Some(Source::Files) if !answering.addresses.is_empty() => "from the rule".to_owned(),
        Some(Source::Files) => match &answering.hosts {
            Hosts::File(path) => format!("from {}", printable(path.to_bytes())),
            Hosts::System | Hosts::Off => "from /etc/hosts".to_owned(),
        },
        Some(Source::Dns(Some(server))) => format!("from {server}"),
        Some(Source::Cache(Some(server))) => format!("as {server} said before"),
        Some(Source::Dns(None) | Source::Cache(None)) | None => String::new(),
    }
}

fn in_words(failure: Failure) -> String {
    match failure {
        Failure::NotFound => "not found".to_owned(),
        Failure::NoData => "no such addresses".to_owned(),
        Failure::TryAgain => "no answer, try again".to_owned(),
        Failure::NoRecovery => "no usable answer".to_owned(),
        Failure::Absent => "no /etc/hosts".to_owned(),
        Failure::Unmerged => "two answers, which cannot be merged".to_owned(),
        Failure::System(errno) => format!("{} (os error {errno})", nss_bypass_core::sys::Errno(errno)),
    }
}
