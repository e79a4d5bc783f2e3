//! The verdict for one program: whether the library can work in it, and how it resolves names if not.

use crate::diagnose::facts::{Facts, ProgramFacts, ProgramObstacle, Resolver};
use crate::diagnose::sources::{Outcome, says};
use crate::diagnose::verdict::{Culprit, Finding, Judgement, Step};

/// Adapts the verdict about a name to this program.
pub(crate) fn in_program(facts: &Facts, program: &ProgramFacts, judgement: Judgement) -> Judgement {
    let Some(obstacle) = &program.obstacle else { return in_process(program, judgement) };
    let needs_library = judgement.steps.iter().any(Step::is_loading) || judgement.culprit == Some(Culprit::NotLoaded);
    let (why, replacement) = match obstacle {
        ProgramObstacle::OwnResolver(resolver) => {
            let Some(asks) = resolver.asks(facts.hosts_line.listed) else { return in_process(program, judgement) };
            return OwnResolver { facts, program, resolver: *resolver, asks, libc: judgement }.judgement();
        }
        _ if !needs_library => return judgement,
        ProgramObstacle::Privileged(why) => (why.clone(), Some(Step::Enable)),
        ProgramObstacle::DistrustsRules { why, commands } => (
            format!(
                "it has more privileges than its caller, and follows only rules that nobody but root can write: {why}"
            ),
            Some(Step::ChangeMode(commands.clone())),
        ),
        ProgramObstacle::StartedBefore => {
            ("it was started before the library was enabled; restart it".to_owned(), Some(Step::Restart))
        }
        ProgramObstacle::Static => (
            "it is statically linked, and ld.so loads no libraries into it; use a dynamically linked build".to_owned(),
            None,
        ),
        ProgramObstacle::OtherRoot(root) => {
            (format!("its root directory is {root}, which does not contain the library"), Some(Step::CopyLibrary))
        }
        ProgramObstacle::Other(why) => (why.clone(), None),
    };
    let mut steps = Vec::new();
    if let Some(replacement) = replacement {
        steps.extend(judgement.steps.iter().filter(|step| !step.is_loading()).cloned());
        // The library has to be copied there before it can be loaded.
        let load = (replacement == Step::CopyLibrary).then_some(Step::Load);
        steps.extend([replacement].into_iter().chain(load));
    }
    let name = &program.name;
    let sentence = format!("The library does not work in {name}: {why}. {}", judgement.sentence);
    let judgement = Judgement { steps, sentence, ..judgement };
    in_process(program, blamed_on(program, judgement))
}

fn blamed_on(program: &ProgramFacts, judgement: Judgement) -> Judgement {
    let culprit = Some(Culprit::Program(program.name.clone()));
    Judgement { finding: Finding::Differs, culprit, is_optional: false, ..judgement }
}

/// The libraries and the environment of a running process do not change: steps that change them are for the next start.
fn in_process(program: &ProgramFacts, mut judgement: Judgement) -> Judgement {
    if !program.is_running {
        return judgement;
    }
    let has = |is: fn(&Step) -> bool| judgement.steps.iter().any(is);
    let again = match (has(Step::is_loading), has(|step| *step == Step::UseCgo)) {
        (false, false) => return judgement,
        (true, false) => "the library in LD_PRELOAD",
        (false, true) => "GODEBUG=netdns=cgo",
        (true, true) => "GODEBUG=netdns=cgo and the library in LD_PRELOAD",
    };
    judgement.steps.retain(|step| !step.is_loading() && *step != Step::UseCgo);
    judgement.notes.push(format!("restart {} with {again}", program.name));
    judgement
}

/// A program that reads /etc/hosts and queries the first name server that answers, so that neither nscd nor the library
/// affects it.
struct OwnResolver<'a> {
    facts: &'a Facts,
    program: &'a ProgramFacts,
    resolver: Resolver,
    /// Whether it uses `files` and `dns`.
    asks: (bool, bool),
    /// The verdict if it used libc.
    libc: Judgement,
}

impl OwnResolver<'_> {
    fn judgement(&self) -> Judgement {
        let Self { program, resolver, .. } = self;
        let itself = format!("{} resolves names itself ({resolver})", program.name);
        let right = self.right();
        match (self.own(), right) {
            (Some(own), right) if own.is_found() || right.is_none() => {
                let asks = if self.may_use_libc() { "neither libc nor nscd for it" } else { "neither libc nor nscd" };
                Judgement::agreed(format!("Agreed: {}; {itself}, and asks {asks}.", says(own)))
            }
            // It takes the hosts line into account, too.
            _ if self.libc.steps == [Step::EditHostsLine] && self.asks != (true, true) => self.libc.clone(),
            (None, right) if !self.may_use_libc() || right.is_none() => {
                Judgement::unknown(format!("Unknown: {itself}, and no name server answers."))
            }
            (own, right) => {
                let how = if own.is_some() { "do not know the name" } else { "do not answer" };
                let sentence = format!(
                    "{itself}, from /etc/hosts and the name servers in /etc/resolv.conf, which {how}; for libc, {}.",
                    right.map(says).unwrap_or_default()
                );
                in_process(program, blamed_on(program, Judgement::differs(None, sentence, self.steps())))
            }
        }
    }

    fn may_use_libc(&self) -> bool {
        self.resolver == Resolver::GoByChoice
    }

    /// Returns what the program finds; `None` if no name server answers.
    fn own(&self) -> Option<&Outcome> {
        let answers = &self.facts.answers;
        let (asks_files, asks_dns) = self.asks;
        let from_dns = || answers.servers.iter().map(|(_, answer)| answer).find(|answer| answer.is_answer());
        match (asks_files, asks_dns) {
            (true, false) => Some(&answers.hosts),
            (true, true) if answers.hosts.is_found() => Some(&answers.hosts),
            _ => from_dns(),
        }
    }

    /// Returns what the program should find.
    fn right(&self) -> Option<&Outcome> {
        let answers = &self.facts.answers;
        let from_nscd = answers.nscd.as_ref().filter(|_| self.may_use_libc());
        let all = [answers.library.as_ref(), Some(&answers.libc), answers.libc_edited.as_ref(), from_nscd];
        all.into_iter().flatten().find(|answer| answer.is_found())
    }

    fn steps(&self) -> Vec<Step> {
        let libc = &self.libc;
        match self.may_use_libc() {
            false => vec![Step::HostsEntry],
            // If there is no known way for libc to find the name, using libc is not a fix.
            true if libc.finding != Finding::Agreed && libc.steps.is_empty() => Vec::new(),
            true => libc.steps.iter().cloned().chain([Step::UseCgo]).collect(),
        }
    }
}
