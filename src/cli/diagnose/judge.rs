//! From the facts about a name to a verdict: what is responsible, why, and the steps that fix it.
//!
//! This is a pure function, which makes no queries. A step is suggested only if an answer among the facts shows that
//! the name is found after it: a rule, if the library finds the name under such a rule; an edited `hosts` line, if
//! glibc finds the name with it.

use crate::diagnose::facts::{Facts, Loading, RuleFacts};
use crate::diagnose::hosts_line::{DnsObstacle, PATH};
use crate::diagnose::sources::{Outcome, quoted, says};
use crate::diagnose::verdict::{Culprit, Judgement, Step};

/// The fix that requires no names.
const LIBC_FIRST: &str = "a rule for all names would also work: with NSS_BYPASS='+*', libc is asked first, and \
                          nss-bypass resolves what libc does not find";

/// How the daemon at nscd's socket affects the name.
enum Daemon<'a> {
    /// There is none.
    Absent,
    /// It cannot answer, and glibc continues without it.
    OutOfTheWay(&'a Outcome),
    /// It answers, and glibc uses the answer.
    Answers(&'a Outcome),
    /// Its answer is not known.
    Unknown,
}

impl Facts {
    /// Returns the verdict.
    pub(crate) fn judgement(&self) -> Judgement {
        let judgement = match &self.rule {
            _ if self.hosts_line.unreadable.is_some() => self.with_unreadable_line(),
            Some(rule) if rule.is_libc_first => self.after_libc(rule),
            Some(rule) => self.under_rule(rule),
            None => self.without_rule(),
        };
        let note = self.is_for_libc_first(&judgement).then(|| LIBC_FIRST.to_owned());
        let judgement = judgement.with_note(note);
        match &self.program {
            Some(program) => crate::diagnose::programs::in_program(self, program, judgement),
            None => judgement,
        }
    }

    /// Returns whether a rule for all names that has libc answer first would be as good as one for the name: nothing is
    /// found without a rule.
    fn is_for_libc_first(&self, judgement: &Judgement) -> bool {
        let is_found_by_libc = match self.daemon() {
            Daemon::Absent | Daemon::OutOfTheWay(_) => self.answers.libc.is_found(),
            Daemon::Answers(answer) => answer.is_found(),
            Daemon::Unknown => false,
        };
        self.is_free && self.program.is_none() && judgement.steps.contains(&Step::Bypass) && !is_found_by_libc
    }

    /// Returns glibc's answer without nscd, if there is one.
    fn libc(&self) -> Option<&Outcome> {
        Some(&self.answers.libc).filter(|answer| answer.is_answer())
    }

    fn daemon(&self) -> Daemon<'_> {
        match (&self.daemon, &self.answers.nscd) {
            (None, _) => Daemon::Absent,
            (Some(_), None) => Daemon::Unknown,
            (Some(_), Some(answer)) if answer.is_answer() => Daemon::Answers(answer),
            (Some(_), Some(answer)) => Daemon::OutOfTheWay(answer),
        }
    }

    fn daemon_name(&self) -> &'static str {
        self.daemon.as_ref().map_or("nscd", |daemon| daemon.name)
    }

    fn whereabouts(&self) -> &str {
        self.daemon.as_ref().map_or("", |daemon| &daemon.whereabouts)
    }

    // Without a rule.

    fn without_rule(&self) -> Judgement {
        let Some(libc) = self.libc() else {
            let hidden = self.hidden_by_hosts_line(&self.answers.libc);
            return hidden.unwrap_or_else(|| self.no_answer("glibc without nscd", &self.answers.libc));
        };
        match self.daemon() {
            Daemon::Absent => self.without_daemon(libc, "no nscd is asked"),
            Daemon::OutOfTheWay(why) => {
                self.without_daemon(libc, &format!("{} does not answer ({why})", self.daemon_name()))
            }
            Daemon::Answers(answer) => self.with_daemon(libc, answer),
            Daemon::Unknown => self.with_silent_daemon(libc),
        }
    }

    fn without_daemon(&self, libc: &Outcome, daemon: &str) -> Judgement {
        if let Some(hidden) = self.hidden_by_hosts_line(libc) {
            return hidden;
        }
        if self.servers_differ() {
            return self.servers_disagree(libc);
        }
        Judgement::agreed(format!("Agreed: {}, and {daemon}.", says(libc)))
    }

    fn with_daemon(&self, libc: &Outcome, answer: &Outcome) -> Judgement {
        let (daemon, whereabouts) = (self.daemon_name(), self.whereabouts());
        let (quoted, truth) = (quoted(answer), says(libc));
        if answer.agrees_with(libc) {
            let hidden = if libc.is_found() { None } else { self.hidden_by_hosts_line(libc) };
            return match hidden {
                Some(hidden) => hidden,
                None if self.servers_differ() => self.servers_disagree(libc),
                None => Judgement::agreed(format!("Agreed: {truth}, with {daemon} and without.")),
            };
        }
        let culprit = Culprit::Daemon(daemon);
        match (answer.is_found(), libc.is_found()) {
            (false, _) => {
                let sentence = format!(
                    "{daemon} ({whereabouts}) is wrong: it answers {quoted}, which glibc accepts; without {daemon}, \
                     {truth}."
                );
                Judgement::differs(culprit, sentence, self.bypass_as(libc))
            }
            (true, true) => {
                let sentence = format!(
                    "{daemon} ({whereabouts}) gives a different answer: {quoted}, which glibc accepts; without \
                     {daemon}, {truth}."
                );
                Judgement::differs(culprit, sentence, self.bypass_as(libc)).optional()
            }
            // Whether the other system's answer is useful here must be decided by the user.
            (true, false) => Judgement::agreed(format!(
                "Agreed: {}, but only {daemon} ({whereabouts}) knows the name; without {daemon}, {truth}, and a rule \
                 would hide the name.",
                says(answer)
            )),
        }
    }

    fn with_silent_daemon(&self, libc: &Outcome) -> Judgement {
        let daemon = self.daemon_name();
        if let Some(hidden) = self.hidden_by_hosts_line(libc) {
            return hidden;
        }
        if !self.daemon.as_ref().is_some_and(|daemon| daemon.is_foreign) {
            let sentence = format!(
                "Unknown: the answer of {daemon} is not known; use --ask to make it look the name up. Without \
                 {daemon}, {}.",
                says(libc)
            );
            return Judgement::unknown(sentence);
        }
        let sentence = format!(
            "{daemon} is suspected: glibc asks it first, and it does not belong to this container ({}). Its answer is \
             not known; use --ask to make it look the name up. Without {daemon}, {}.",
            self.whereabouts(),
            says(libc)
        );
        let steps = if libc.is_found() { self.bypass_as(libc) } else { Vec::new() };
        Judgement { culprit: Some(Culprit::Daemon(daemon)), steps, ..Judgement::unknown(sentence) }.optional()
    }

    /// Returns the verdict if DNS knows the name, and glibc does not find it because of the `hosts` line.
    fn hidden_by_hosts_line(&self, libc: &Outcome) -> Option<Judgement> {
        let edited = self.answers.libc_edited.as_ref().filter(|edited| edited.is_found() && !libc.is_found())?;
        let line = &self.hosts_line;
        let (culprit, sentence) = match (&line.foreign_daemon, &line.obstacle) {
            (Some(foreign_daemon), _) => {
                let why =
                    format!("{foreign_daemon}, which the hosts line asks ({}), does not know the name", line.shown);
                (Culprit::ForeignDaemon(foreign_daemon.clone()), why)
            }
            (None, Some(DnsObstacle::EndsBefore(module))) => {
                (Culprit::HostsLine, format!("The hosts line ends before DNS, with {module} ({})", line.shown))
            }
            (None, _) => (Culprit::HostsLine, format!("The hosts line does not ask DNS ({})", line.shown)),
        };
        let sentence = format!("{sentence}; with DNS, {}.", says(edited));
        let is_found = |outcome: &Option<Outcome>| outcome.as_ref().is_some_and(Outcome::is_found);
        let steps = if self.answers.plain_rule.is_found() {
            vec![Step::Bypass, Step::Load]
        } else if matches!(self.daemon(), Daemon::Absent | Daemon::OutOfTheWay(_)) {
            vec![Step::EditHostsLine]
        } else if is_found(&self.answers.plain_rule_edited) {
            vec![Step::EditHostsLine, Step::Bypass, Step::Load]
        } else {
            Vec::new()
        };
        Some(Judgement::differs(culprit, sentence, self.loading(steps)))
    }

    /// Suggests a rule if the library's answer under it agrees with glibc's answer without nscd.
    fn bypass_as(&self, libc: &Outcome) -> Vec<Step> {
        if self.answers.plain_rule.is_found() && self.answers.plain_rule.agrees_with(libc) {
            self.loading(vec![Step::Bypass, Step::Load])
        } else {
            Vec::new()
        }
    }

    /// Removes steps that are already done, and adapts those that load the library to the situation.
    fn loading(&self, steps: Vec<Step>) -> Vec<Step> {
        let fitting = steps.into_iter().filter_map(|step| match (&step, &self.loading) {
            (Step::Load, Loading::Works) => None,
            (Step::Load, Loading::TakenBy(_) | Loading::SeesNothing) => Some(Step::LoadFirst),
            _ => Some(step),
        });
        fitting.collect()
    }

    // Under a rule.

    fn under_rule(&self, rule: &RuleFacts) -> Judgement {
        let nothing = Outcome::failed("it was not asked");
        let library = self.answers.library.as_ref().unwrap_or(&nothing);
        if !library.is_answer() {
            return match rule.falls_back_on_error {
                true => self.without_rule(),
                false => self.no_answer(&format!("the library, under {},", rule.text), library),
            };
        }
        if library.is_found() {
            return self.found_under_rule(rule, library);
        }
        if rule.falls_back_on_not_found {
            return self.without_rule();
        }
        self.hidden_under_rule(rule)
            .unwrap_or_else(|| self.working(library, Judgement::agreed(self.agreement(rule, library))))
    }

    /// Returns the verdict if the rule finds nothing, and another source knows the name.
    fn hidden_under_rule(&self, rule: &RuleFacts) -> Option<Judgement> {
        let is_found = |outcome: &Option<Outcome>| outcome.as_ref().is_some_and(Outcome::is_found);
        let edit = || if is_found(&self.answers.library_edited) { vec![Step::EditHostsLine] } else { vec![] };
        if let Some((server, answer)) = self.answers.rule_servers.iter().find(|(_, answer)| answer.is_found())
            && self.hosts_line.obstacle.is_some()
        {
            let sentence = format!(
                "The name servers of the rule are not asked ({}): the hosts line does not reach DNS ({}), but {server} \
                 answers {answer}.",
                rule.text, self.hosts_line.shown
            );
            return Some(Judgement::differs(Culprit::UnreachedVia(rule.text.clone()), sentence, edit()));
        }
        let from_nscd = self.answers.nscd.as_ref().filter(|answer| answer.is_found());
        if let Some(hidden) = from_nscd.or_else(|| self.libc().filter(|answer| answer.is_found())) {
            let found_by = if from_nscd.is_some() { self.daemon_name() } else { "libc" };
            let sentence = format!(
                "The rule hides the name ({}): with it, the name is not found, but {found_by} answers {hidden}.",
                rule.text
            );
            return Some(Judgement::differs(Culprit::Rule(rule.text.clone()), sentence, self.without_hiding()));
        }
        if is_found(&self.answers.library_edited) {
            let hidden = self.hidden_by_hosts_line(&Outcome::not_found("not found"));
            return hidden.map(|hidden| Judgement { steps: edit(), ..hidden });
        }
        None
    }

    /// Returns the steps for a rule that hides a name.
    fn without_hiding(&self) -> Vec<Step> {
        let is_found_by_libc = match self.daemon() {
            Daemon::Answers(answer) => answer.is_found(),
            Daemon::Absent | Daemon::OutOfTheWay(_) => self.answers.libc.is_found(),
            Daemon::Unknown => false,
        };
        if is_found_by_libc {
            vec![Step::Pass]
        } else if self.answers.plain_rule.is_found() {
            self.loading(vec![Step::Bypass, Step::Load])
        } else {
            Vec::new()
        }
    }

    fn found_under_rule(&self, rule: &RuleFacts, library: &Outcome) -> Judgement {
        let differing = self.libc().filter(|libc| libc.is_found() && !libc.agrees_with(library));
        if let Some(libc) = differing.filter(|_| !rule.has_options) {
            let sentence = format!(
                "The library differs from glibc ({}): with the rule, {}; for glibc without nscd, {}.",
                rule.text,
                says(library),
                says(libc)
            );
            return Judgement::differs(Culprit::Rule(rule.text.clone()), sentence, vec![]);
        }
        let note = self
            .is_superfluous(rule, library)
            .then(|| format!("{} is no longer needed: libc gives the same answer", rule.text));
        self.working(library, Judgement::agreed(self.agreement(rule, library)).with_note(note))
    }

    /// Returns the verdict for a rule that is right: whether it takes effect in every program and for every user.
    fn working(&self, library: &Outcome, agreed: Judgement) -> Judgement {
        let right = format!("The rule is right ({})", says(library));
        match &self.loading {
            Loading::Works => {}
            Loading::NotLoaded => {
                let sentence = match &self.program {
                    Some(program) => format!("{right}, but {} has not loaded the library.", program.name),
                    None => format!("{right}, but programs started here do not load the library."),
                };
                return Judgement::differs(Culprit::NotLoaded, sentence, vec![Step::Load]);
            }
            Loading::TakenBy(other) => {
                let sentence = format!(
                    "{right}, but {other}, which is loaded before the library, overrides libc's functions: lookups do \
                     not reach the library."
                );
                return Judgement::differs(Culprit::Preload(other.clone()), sentence, vec![Step::LoadFirst]);
            }
            Loading::SeesNothing => {
                let sentence = format!("{right}, but lookups of programs started here do not reach the library.");
                return Judgement::differs(Culprit::NotLoaded, sentence, vec![Step::LoadFirst]);
            }
        }
        if let Some(file) = self.unreadable.first() {
            let sentence = format!("{right}, but not for every user: {}.", file.what);
            let steps = self.unreadable.iter().map(|file| Step::ChangeMode(file.commands.clone())).collect();
            return Judgement::differs(Culprit::Mode(file.path.clone()), sentence, steps);
        }
        agreed
    }

    fn agreement(&self, rule: &RuleFacts, library: &Outcome) -> String {
        let library_says = says(library);
        if let Some(libc) = self.libc().filter(|libc| !libc.agrees_with(library)) {
            return format!("Agreed: {library_says}, by the rule ({}); without it, {}.", rule.text, says(libc));
        }
        let daemon = self.daemon_name();
        let beside = match self.daemon() {
            Daemon::Answers(answer) if !answer.agrees_with(library) => {
                format!("; {daemon}, which answers {}, is not asked", quoted(answer))
            }
            Daemon::Absent => String::new(),
            _ => format!("; {daemon} is not asked"),
        };
        format!("Agreed: {library_says}, with the library as without nscd{beside}.")
    }

    /// Returns whether libc gives the same answer without the rule.
    fn is_superfluous(&self, rule: &RuleFacts, library: &Outcome) -> bool {
        let same = |answer: &Outcome| answer.agrees_with(library);
        let is_out_of_the_way = match self.daemon() {
            Daemon::Absent | Daemon::OutOfTheWay(_) => true,
            Daemon::Answers(answer) => same(answer),
            Daemon::Unknown => false,
        };
        !rule.has_options && is_out_of_the_way && self.libc().is_some_and(same)
    }

    // Under a rule that has libc answer first.

    fn after_libc(&self, rule: &RuleFacts) -> Judgement {
        let asked_first = format!("{}: libc is asked first, and what it finds is not changed", rule.text);
        let library = self.answers.library.as_ref().filter(|library| library.is_found());
        let from_libc = match self.daemon() {
            Daemon::Answers(answer) => Some(answer),
            Daemon::Absent | Daemon::OutOfTheWay(_) => Some(&self.answers.libc),
            Daemon::Unknown => None,
        };
        let is_resolved = match from_libc {
            Some(answer) if answer.is_found() => false,
            Some(answer) if !answer.is_answer() => rule.falls_back_on_error,
            Some(_) | None => rule.falls_back_on_not_found,
        };
        let Some(library) = library.filter(|_| is_resolved) else {
            return self.without_rule().with_note(Some(asked_first));
        };
        let first = match (from_libc, &self.daemon) {
            (Some(answer), Some(daemon)) => format!("{} answers {}, and then", daemon.name, quoted(answer)),
            (Some(answer), None) => format!("libc answers {}, and then", quoted(answer)),
            (None, _) => format!("if {} does not find the name,", self.daemon_name()),
        };
        let sentence = format!("Agreed: {}; {first} the library resolves it ({}).", says(library), rule.text);
        self.working(library, Judgement::agreed(sentence))
    }

    // For all cases.

    /// An invalid line of nsswitch.conf makes the whole file unusable, both for glibc and for the library.
    fn with_unreadable_line(&self) -> Judgement {
        let line = self.hosts_line.unreadable.map_or(0, |line| line.0);
        let edited = self.answers.libc_edited.as_ref().filter(|edited| edited.is_found());
        let known = edited.map(|edited| format!("; without that, {}", says(edited))).unwrap_or_default();
        let sentence = format!("{PATH}:{line} is invalid, so glibc finds no names{known}.");
        let is_enough = edited.is_some() && !matches!(self.daemon(), Daemon::Answers(answer) if !answer.is_found());
        let steps = if is_enough { vec![Step::EditHostsLine] } else { Vec::new() };
        Judgement::differs(Culprit::HostsLine, sentence, steps)
    }

    fn no_answer(&self, source: &str, answer: &Outcome) -> Judgement {
        let silent = |(name, answer): &(String, Outcome)| (!answer.is_answer()).then(|| name.clone());
        let silent: Vec<String> = self.all_servers().filter_map(silent).collect();
        let from = if silent.is_empty() { String::new() } else { format!("; no answer from {}", silent.join(", ")) };
        Judgement::unknown(format!("Unknown: {source} answers \"{answer}\"{from}."))
    }

    fn all_servers(&self) -> impl Iterator<Item = &(String, Outcome)> {
        self.answers.servers.iter().chain(&self.answers.rule_servers)
    }

    /// Returns whether name servers contradict each other; a missing answer is not a contradiction.
    fn servers_differ(&self) -> bool {
        let mut answers = self.answers.servers.iter().map(|(_, answer)| answer).filter(|answer| answer.is_answer());
        answers.next().is_some_and(|first| answers.any(|other| !other.agrees_with(first)))
    }

    fn servers_disagree(&self, libc: &Outcome) -> Judgement {
        let all = self.answers.servers.iter().map(|(name, answer)| format!("{name} answers {}", quoted(answer)));
        let all = all.collect::<Vec<_>>().join(", ");
        let sentence = format!("The name servers give different answers ({all}); here, {}.", says(libc));
        Judgement::differs(Culprit::Servers, sentence, vec![])
    }
}

#[cfg(test)]
#[path = "judge_table.rs"]
mod table;
