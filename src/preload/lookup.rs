//! What both families of functions share: the verdict on a name or an address, and the log of what came of it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use nss_bypass_core::model::{Answer, Failure};
use nss_bypass_core::resolve::{Engine, Source};
use nss_bypass_core::rules::config::{Fallback, Rule};
use nss_bypass_core::rules::policy::{Subject, Verdict};
use nss_bypass_core::sys::clock;

use crate::log::{Level, printable};
use crate::memory;
use crate::state::{self, Rules, TABLES};

/// Whether the rules take a name or an address away from libc, and the program has not chosen otherwise.
pub(crate) fn is_ours(subject: Subject<'_>) -> bool {
    nss_bypass_core::sys::fault::point();
    let ours = |rules: Arc<Rules>| matches!(rules.policy.decide_subject(subject), Verdict::Bypass(_));
    state::rules().is_some_and(ours) && !TABLES.has_foreign_choice()
}

/// Logs what is not ours, where the lookup is not made through [`bypass`].
pub(crate) fn log_passed(function: &str, subject: Subject<'_>) {
    nss_bypass_core::sys::fault::point();
    let log = &state::settings().log;
    if log.wants(Level::All)
        && let Some(rules) = state::rules()
        && let Verdict::Pass(rule) = rules.policy.decide_subject(subject)
    {
        log.write(Level::All, &passed(function, subject, rule));
    }
}

/// Runs `answer` for a name or an address that the rules take away from libc. None: it is libc's.
///
/// `function` is for the log. `answer` gives what the caller gets, and what became of the lookup for the log and for
/// the rule's `fallback`.
pub(crate) fn bypass<T>(
    function: &str,
    subject: Subject<'_>,
    answer: impl FnOnce(&Engine<'_>) -> (T, Ended),
) -> Option<T> {
    nss_bypass_core::sys::fault::point();
    let log = &state::settings().log;
    let rules = state::rules()?;
    let rule = match rules.policy.decide_subject(subject) {
        // It is out of nscd's way already, and only libc can ask the modules that it wants.
        Verdict::Bypass(_) if TABLES.has_foreign_choice() => {
            if log.wants(Level::All) {
                log.write(Level::All, &chosen(function, subject));
            }
            return None;
        }
        Verdict::Bypass(rule) => rule,
        Verdict::Pass(rule) => {
            if log.wants(Level::All) {
                log.write(Level::All, &passed(function, subject, rule));
            }
            return None;
        }
    };
    let begun = if log.wants(Level::Bypass) { clock::monotonic() } else { Duration::ZERO };
    let mut engine = Engine::new(&TABLES, rule.answering(), rules.cache_for(rule.answering()));
    if memory::is_short() {
        engine = engine.without_memory();
    }
    let (result, ended) = answer(&engine);
    let fall_back = match (rule.answering().fallback, &ended) {
        (Fallback::Never, _) | (_, Ended::Answered(_) | Ended::Named(_) | Ended::Unasked | Ended::Refused(_)) => false,
        (Fallback::Error, Ended::Failed(failure)) => matches!(failure, Failure::TryAgain | Failure::System(_)),
        (Fallback::Always, Ended::Failed(_)) => true,
    };
    if log.wants(Level::Bypass) {
        let took = clock::monotonic().saturating_sub(begun);
        log.write(Level::Bypass, &bypassed(function, subject, rule, &ended, engine.source(), took, fall_back));
    }
    (!fall_back).then_some(result)
}

/// How a lookup of ours ended.
pub(crate) enum Ended {
    /// With these addresses.
    Answered(Answer),
    /// With this name.
    Named(Vec<u8>),
    /// With no question at all: only numbers were wanted.
    Unasked,
    /// Without.
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
    nss_bypass_core::sys::fault::point();
    let rule = rule.map_or_else(|| "no rule".to_owned(), |rule| format!("{} {}", rule.origin(), rule.pattern()));
    format!("{function} {}: pass ({rule})", in_log(subject))
}

fn chosen(function: &str, subject: Subject<'_>) -> String {
    format!("{function} {}: pass (the program's own choice of modules)", in_log(subject))
}

fn bypassed(
    function: &str,
    subject: Subject<'_>,
    rule: &Rule,
    ended: &Ended,
    source: Option<Source>,
    took: Duration,
    fall_back: bool,
) -> String {
    nss_bypass_core::sys::fault::point();
    let mut line = format!("{function} {}: bypass ({} {}): ", in_log(subject), rule.origin(), rule.pattern());
    let _ = match ended {
        Ended::Answered(answer) => {
            let addresses: Vec<String> = answer.addresses.iter().map(|address| address.ip.to_string()).collect();
            write!(line, "{}", addresses.join(" "))
        }
        Ended::Named(name) => write!(line, "{}", printable(name)),
        Ended::Unasked => write!(line, "in numbers"),
        Ended::Failed(failure) => write!(line, "{}", in_words(*failure)),
        Ended::Refused(code) => write!(line, "refused with code {code}"),
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
