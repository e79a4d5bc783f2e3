//! Who is right: from what was said to one sentence and the lines that would cure it. Pure; `explain` asks, this judges.

use std::net::IpAddr;

use nss_bypass_core::rules::policy::Subject;
use serde::Serialize;

use crate::diagnose::nscd::{Cache, Entry, Request};
use crate::diagnose::sources::{Outcome, Said, Who};
use crate::diagnose::verdict::Rules;
use crate::install::library;
use crate::ui::exit::Exit;
use crate::ui::screen::{printable, quoted};

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Finding {
    /// All who matter say the same.
    Agreed,
    /// Somebody says something else.
    Differs,
    /// It cannot be told.
    Unknown,
}

impl Finding {
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Agreed => Exit::Success,
            Self::Differs => Exit::Trouble,
            Self::Unknown => Exit::CannotTell,
        }
    }
}

/// The last sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Conclusion {
    pub(crate) finding: Finding,
    /// Who is to blame, if somebody is.
    pub(crate) culprit: Option<String>,
    pub(crate) sentence: String,
    /// Which cure is called for.
    #[serde(skip)]
    pub(crate) cure: Cure,
}

/// What would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    Nothing,
    /// A rule, and the library in the program.
    Bypass,
    /// The same, if somebody wants that: it is not clear that it is better.
    MayBypass,
    /// The rule is there; the library is not.
    Load,
}

/// All that was found out.
pub(crate) struct Facts<'a> {
    pub(crate) sources: &'a [Said],
    /// What to call the daemon, and whose it is; none where nobody listens.
    pub(crate) daemon: Option<(&'a str, String)>,
    /// Whether it looks names up in another world.
    pub(crate) is_foreign: bool,
    /// What nscd says, if that is known.
    pub(crate) nscd: Option<Outcome>,
    /// The rule that takes the lookup away from libc, in words.
    pub(crate) rule: Option<String>,
    /// Whether that rule says `via`, `hosts off` or `search off`: then it may well find what others do not.
    pub(crate) has_own_way: bool,
    /// Whether programs that are started from here have the library.
    pub(crate) is_loaded: bool,
}

/// What nscd says to programs, from its cache: what getaddrinfo gets or, without an entry for that, what the others get
/// where it differs from `truth`.
pub(crate) fn from_cache(cache: &Cache, truth: Option<&Outcome>) -> Option<Outcome> {
    let Cache::Read { entries, .. } = cache else { return None };
    let living = || entries.iter().filter(|entry| entry.seconds_left >= 0);
    let of = |request| living().find(|entry: &&Entry| entry.request == request).map(|entry| entry.answer.clone());
    if let Some(answer) = of(Request::GetAddrInfo).or_else(|| of(Request::GetHostByAddr)) {
        return Some(answer);
    }
    let truth = truth?;
    type Half = (Request, fn(&IpAddr) -> bool);
    let halves: [Half; 2] = [(Request::GetHostByName, IpAddr::is_ipv4), (Request::GetHostByName6, IpAddr::is_ipv6)];
    let known: Vec<(Outcome, Outcome)> =
        halves.iter().filter_map(|&(request, wanted)| Some((of(request)?, truth.only(wanted)))).collect();
    match known.iter().find(|(answer, expected)| !answer.agrees_with(expected)) {
        Some((answer, _)) => Some(answer.clone()),
        None => (!known.is_empty()).then(|| truth.clone()),
    }
}

impl Facts<'_> {
    fn said(&self, who: &Who) -> Option<&Outcome> {
        self.sources.iter().find(|said| said.who == *who).map(|said| &said.answer)
    }

    /// What is right here: what glibc says without nscd.
    fn truth(&self) -> Option<&Outcome> {
        self.said(&Who::GlibcWithoutNscd).filter(|answer| answer.is_answer())
    }

    /// The verdict.
    pub(crate) fn conclusion(&self) -> Conclusion {
        let new = |finding, culprit: Option<&str>, sentence, cure| Conclusion {
            finding,
            culprit: culprit.map(str::to_owned),
            sentence,
            cure,
        };
        if let Some(rule) = &self.rule {
            return self.under_a_rule(rule);
        }
        let nscd = self.nscd.as_ref();
        let Some(truth) = self.truth() else {
            let why = self.said(&Who::GlibcWithoutNscd).map(ToString::to_string).unwrap_or_default();
            let sentence = format!("Could not tell: glibc without nscd says \"{why}\"{}.", self.dead_servers());
            return new(Finding::Unknown, None, sentence, Cure::Nothing);
        };
        let truth_says = says(truth);
        match (&self.daemon, nscd) {
            (None, _) if self.servers_differ() => self.servers_disagree(truth),
            (None, _) => {
                new(Finding::Agreed, None, format!("Agreed: {truth_says}, and no nscd is in the way."), Cure::Nothing)
            }
            (Some((daemon, _)), Some(answer)) if answer.agrees_with(truth) => {
                if self.servers_differ() {
                    return self.servers_disagree(truth);
                }
                new(Finding::Agreed, None, format!("Agreed: {truth_says}, with {daemon} and without."), Cure::Nothing)
            }
            (Some((daemon, whose)), Some(answer)) if answer.is_answer() => {
                let (verb, cure) = match (answer.is_found(), truth.is_found()) {
                    (false, true) => ("lies", Cure::Bypass),
                    // Another world's address, or an older one: a person can tell.
                    (true, true) => ("says something else", Cure::MayBypass),
                    (_, false) => ("knows what this machine does not", Cure::MayBypass),
                };
                let sentence = format!(
                    "{daemon} {verb} ({whose}): it says {}, and glibc believes it, but without {daemon} {truth_says}.",
                    quoted_answer(answer)
                );
                new(Finding::Differs, Some(daemon), sentence, cure)
            }
            (Some((daemon, _)), Some(answer)) => {
                // glibc goes on without a daemon that cannot answer.
                let sentence = format!("Agreed: {truth_says}; {daemon} is out of the way ({answer}).");
                new(Finding::Agreed, None, sentence, Cure::Nothing)
            }
            (Some((daemon, whose)), None) if self.is_foreign => {
                let sentence = format!(
                    "{daemon} is the suspect: glibc asks it first, but it is not of this container ({whose}). What it says \
                     cannot be seen; --ask makes it say. Without {daemon} {truth_says}."
                );
                new(Finding::Unknown, Some(daemon), sentence, Cure::MayBypass)
            }
            (Some((daemon, _)), None) => {
                let sentence = format!(
                    "Could not tell: what {daemon} says cannot be seen; --ask makes it say. Without {daemon} {truth_says}."
                );
                new(Finding::Unknown, None, sentence, Cure::Nothing)
            }
        }
    }

    fn under_a_rule(&self, rule: &str) -> Conclusion {
        let new = |finding, sentence, cure| Conclusion { finding, culprit: None, sentence, cure };
        let Some(library) = self.said(&Who::Library).filter(|answer| answer.is_answer()) else {
            let why = self.said(&Who::Library).map(ToString::to_string).unwrap_or_default();
            let sentence = format!("Could not tell: under {rule}, the library says \"{why}\"{}.", self.dead_servers());
            return new(Finding::Unknown, sentence, Cure::Nothing);
        };
        let library_says = says(library);
        let differing = self.truth().filter(|truth| !truth.agrees_with(library));
        if let Some(truth) = differing.filter(|_| !self.has_own_way) {
            let sentence = format!(
                "The library differs from glibc ({rule}): under it {library_says}, but for glibc without nscd {}.",
                says(truth)
            );
            return new(Finding::Differs, sentence, Cure::Nothing);
        }
        if !self.is_loaded {
            let sentence =
                format!("The rule is right ({library_says}), but programs started here do not load the library.");
            return new(Finding::Differs, sentence, Cure::Load);
        }
        if let Some(truth) = differing {
            let sentence =
                format!("Agreed: {library_says}, as the rule wants it ({rule}); without it, {}.", says(truth));
            return new(Finding::Agreed, sentence, Cure::Nothing);
        }
        let beside = match (&self.daemon, &self.nscd) {
            (Some((daemon, _)), Some(answer)) if !answer.agrees_with(library) => {
                format!("; what {daemon} says, {}, counts no more", quoted_answer(answer))
            }
            (Some((daemon, _)), _) => format!("; {daemon} is not asked"),
            (None, _) => String::new(),
        };
        new(
            Finding::Agreed,
            format!("Agreed: {library_says}, with the library as without nscd{beside}."),
            Cure::Nothing,
        )
    }

    fn servers(&self) -> impl Iterator<Item = (&Who, &Outcome)> {
        self.sources.iter().filter(|said| matches!(said.who, Who::Server(_))).map(|said| (&said.who, &said.answer))
    }

    /// Whether name servers contradict each other; silence is no contradiction.
    fn servers_differ(&self) -> bool {
        let mut answers = self.servers().map(|(_, answer)| answer).filter(|answer| answer.is_answer());
        answers.next().is_some_and(|first| answers.any(|other| !other.agrees_with(first)))
    }

    fn servers_disagree(&self, truth: &Outcome) -> Conclusion {
        let all: Vec<String> =
            self.servers().map(|(who, answer)| format!("{who} says {}", quoted_answer(answer))).collect();
        let sentence = format!("The name servers contradict each other ({}); here {}.", all.join(", "), says(truth));
        Conclusion {
            finding: Finding::Differs,
            culprit: Some("the name servers".to_owned()),
            sentence,
            cure: Cure::Nothing,
        }
    }

    fn dead_servers(&self) -> String {
        let silent: Vec<String> =
            self.servers().filter(|(_, answer)| !answer.is_answer()).map(|(who, _)| who.to_string()).collect();
        if silent.is_empty() { String::new() } else { format!("; no answer from {}", silent.join(", ")) }
    }
}

/// As the object of a sentence.
fn quoted_answer(answer: &Outcome) -> String {
    if answer.is_found() { answer.to_string() } else { format!("\"{answer}\"") }
}

/// As a sentence.
fn says(answer: &Outcome) -> String {
    match answer {
        Outcome::Found { names, .. } if !names.is_empty() => format!("the name is {answer}"),
        Outcome::Found { addresses, .. } if addresses.len() == 1 => format!("the address is {answer}"),
        Outcome::Found { .. } => format!("the addresses are {answer}"),
        _ => "there is no such name".to_owned(),
    }
}

/// The lines that a person would type.
pub(crate) fn cure(cure: Cure, rules: &Rules, subject: Subject<'_>, is_loaded: bool, is_root: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(cure, Cure::Bypass | Cure::MayBypass) {
        if rules.disabled {
            lines.push("unset NSS_BYPASS_DISABLE".to_owned());
        }
        let Some(pattern) = Rules::pattern_for(subject) else { return Vec::new() };
        let line = format!("bypass {pattern}");
        match rules.would_help(&line, subject) {
            Ok(()) if rules.means(subject) => {}
            Ok(()) if is_root => lines.push(appending(rules, &line)),
            _ => lines.push(format!("export NSS_BYPASS=\"${{NSS_BYPASS:+$NSS_BYPASS }}\"{}", quoted(&pattern))),
        }
    }
    if cure != Cure::Nothing && !is_loaded {
        lines.push(preloading());
    }
    lines
}

fn appending(rules: &Rules, line: &str) -> String {
    let path = quoted(&rules.path);
    if rules.lacks_final_newline() {
        format!("printf '\\n{line}\\n' >>{path}")
    } else {
        format!("echo '{line}' >>{path}")
    }
}

/// What loads the library into the programs that are started from here.
pub(crate) fn preloading() -> String {
    let path = library::find(None).map_or_else(
        |_| format!("/usr/local/lib/{}", library::NAME),
        |library| printable(library.path.as_os_str().as_encoded_bytes()),
    );
    let others = std::env::var_os("LD_PRELOAD").is_some_and(|others| !others.is_empty());
    if others {
        format!("export LD_PRELOAD=\"$LD_PRELOAD:\"{}", quoted(&path))
    } else {
        format!("export LD_PRELOAD={}", quoted(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(address: &str) -> Outcome {
        Outcome::addresses(vec![address.parse().unwrap()])
    }

    fn none() -> Outcome {
        Outcome::not_found("not found")
    }

    fn said(who: Who, answer: Outcome) -> Said {
        Said { who, answer, microseconds: None, note: None }
    }

    fn judged(truth: Outcome, daemon: bool, nscd: Option<Outcome>, foreign: bool) -> (Finding, Cure) {
        let sources = [said(Who::GlibcWithoutNscd, truth)];
        let daemon = daemon.then(|| ("nscd", "process 1".to_owned()));
        let facts = Facts {
            sources: &sources,
            daemon,
            is_foreign: foreign,
            nscd,
            rule: None,
            has_own_way: false,
            is_loaded: false,
        };
        let conclusion = facts.conclusion();
        (conclusion.finding, conclusion.cure)
    }

    #[test]
    fn who_differs_from_glibc_without_nscd_lies() {
        let (a, b) = (|| found("192.0.2.1"), || found("192.0.2.2"));
        let agreed = (Finding::Agreed, Cure::Nothing);
        let lies = (Finding::Differs, Cure::Bypass);
        assert_eq!(judged(a(), true, Some(a()), true), agreed);
        assert_eq!(judged(none(), true, Some(none()), true), agreed);
        assert_eq!(judged(a(), false, None, false), agreed);
        assert_eq!(judged(a(), true, Some(none()), false), lies);
        assert_eq!(judged(a(), true, Some(b()), false), (Finding::Differs, Cure::MayBypass));
        assert_eq!(judged(none(), true, Some(b()), true), (Finding::Differs, Cure::MayBypass));
        assert_eq!(judged(a(), true, Some(Outcome::failed("off")), true), agreed);
        assert_eq!(judged(a(), true, None, true), (Finding::Unknown, Cure::MayBypass));
        assert_eq!(judged(a(), true, None, false), (Finding::Unknown, Cure::Nothing));
        assert_eq!(judged(Outcome::failed("no answer"), true, Some(a()), true).0, Finding::Unknown);
    }

    #[test]
    fn a_rule_is_judged_by_what_the_library_says_under_it() {
        let judged_of = |library, is_loaded, has_own_way| {
            let sources = [said(Who::GlibcWithoutNscd, found("192.0.2.1")), said(Who::Library, library)];
            let rule = Some("f:1: bypass a".to_owned());
            let daemon = Some(("nscd", "process 1".to_owned()));
            let facts =
                Facts { sources: &sources, daemon, is_foreign: true, nscd: Some(none()), rule, has_own_way, is_loaded };
            let conclusion = facts.conclusion();
            (conclusion.finding, conclusion.cure)
        };
        let judged = |library, is_loaded| judged_of(library, is_loaded, false);
        assert_eq!(judged_of(found("192.0.2.9"), true, true), (Finding::Agreed, Cure::Nothing));
        assert_eq!(judged_of(found("192.0.2.9"), false, true), (Finding::Differs, Cure::Load));
        assert_eq!(judged(found("192.0.2.1"), true), (Finding::Agreed, Cure::Nothing));
        assert_eq!(judged(found("192.0.2.1"), false), (Finding::Differs, Cure::Load));
        assert_eq!(judged(found("192.0.2.9"), true), (Finding::Differs, Cure::Nothing));
        assert_eq!(judged(Outcome::failed("no answer"), true).0, Finding::Unknown);
    }

    #[test]
    fn name_servers_may_contradict_each_other_but_silence_is_no_contradiction() {
        let server = |last: u8, answer| said(Who::Server(([192, 0, 2, last], 53).into()), answer);
        let judged = |second| {
            let truth = said(Who::GlibcWithoutNscd, found("192.0.2.1"));
            let sources = [truth, server(1, found("192.0.2.1")), server(2, second)];
            let facts = Facts {
                sources: &sources,
                daemon: None,
                is_foreign: false,
                nscd: None,
                rule: None,
                has_own_way: false,
                is_loaded: false,
            };
            facts.conclusion().finding
        };
        assert_eq!(judged(none()), Finding::Differs);
        assert_eq!(judged(Outcome::failed("no answer")), Finding::Agreed);
    }

    #[test]
    fn entries_of_one_family_are_compared_with_that_family() {
        let both = Outcome::addresses(vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]);
        let entry = |request, answer, seconds_left| Entry { request, answer, seconds_left };
        let cache = |entries| Cache::Read { size: 9, entries };
        let v4 = cache(vec![entry(Request::GetHostByName, found("192.0.2.1"), 5)]);
        assert_eq!(from_cache(&v4, Some(&both)), Some(both.clone()));
        let wrong = cache(vec![entry(Request::GetHostByName, none(), 5)]);
        assert_eq!(from_cache(&wrong, Some(&both)), Some(none()));
        let old = cache(vec![entry(Request::GetAddrInfo, none(), -1)]);
        assert_eq!(from_cache(&old, Some(&both)), None);
        assert_eq!(from_cache(&Cache::NotShared, Some(&both)), None);
    }
}
