//! The verdict for one program: whether the library can work in it, and what it gets where it cannot.

use crate::diagnose::facts::{Facts, ProgramFacts, ProgramObstacle};
use crate::diagnose::sources::{Outcome, says};
use crate::diagnose::verdict::{Culprit, Finding, Judgement, Step};

/// The verdict about the name, as it is for this program.
pub(crate) fn in_program(facts: &Facts, program: &ProgramFacts, judgement: Judgement) -> Judgement {
    let Some(obstacle) = &program.obstacle else { return in_process(program, judgement) };
    if let ProgramObstacle::OwnResolver(what) = obstacle {
        return with_own_resolver(facts, program, what, judgement);
    }
    let needs_library = judgement.steps.iter().any(|step| matches!(step, Step::Load | Step::LoadFirst))
        || judgement.culprit == Some(Culprit::NotLoaded);
    if !needs_library {
        return judgement;
    }
    let name = &program.name;
    let (why, replacement) = match obstacle {
        ProgramObstacle::Privileged(why) => (why.clone(), Some(Step::Enable)),
        ProgramObstacle::DistrustsRules { why, commands } => (
            format!("it has more privileges than its caller, and follows only rules that root alone can write: {why}"),
            Some(Step::ChangeMode(commands.clone())),
        ),
        ProgramObstacle::StartedBefore => {
            ("it was started before the library was enabled; restart it".to_owned(), Some(Step::Restart))
        }
        ProgramObstacle::GoChooses => {
            ("it is a Go program, which uses libc only with GODEBUG=netdns=cgo".to_owned(), Some(Step::UseCgo))
        }
        ProgramObstacle::Static => (
            "it is statically linked: no library can be loaded into it; a dynamically linked build can".to_owned(),
            None,
        ),
        ProgramObstacle::OtherRoot(root) => (format!("its root is {root}, and the library is not there"), None),
        ProgramObstacle::Other(why) => (why.clone(), None),
        ProgramObstacle::OwnResolver(_) => return judgement,
    };
    let mut steps = Vec::new();
    if let Some(replacement) = replacement {
        let others = judgement.steps.iter().filter(|step| !matches!(step, Step::Load | Step::LoadFirst));
        steps.extend(others.cloned());
        if replacement == Step::UseCgo && judgement.steps.contains(&Step::Load) {
            steps.push(Step::Load);
        }
        steps.push(replacement);
    }
    let judgement = Judgement { steps, ..judgement };
    let Judgement { steps, notes, sentence, .. } = in_process(program, judgement);
    Judgement {
        finding: Finding::Differs,
        culprit: Some(Culprit::Program(name.clone())),
        sentence: format!("The library does not work in {name}: {why}. {sentence}"),
        steps,
        is_optional: false,
        notes,
    }
}

/// A process keeps what it has loaded: what loads the library is for when it is started again.
fn in_process(program: &ProgramFacts, mut judgement: Judgement) -> Judgement {
    let loads = |step: &Step| matches!(step, Step::Load | Step::LoadFirst);
    if program.is_running && judgement.steps.iter().any(loads) {
        judgement.steps.retain(|step| !loads(step));
        judgement.notes.push(format!("start {} again with the library in LD_PRELOAD", program.name));
    }
    judgement
}

/// Such a program reads /etc/hosts and asks the first name server that answers; neither nscd nor the library matters.
fn with_own_resolver(facts: &Facts, program: &ProgramFacts, what: &str, judgement: Judgement) -> Judgement {
    let name = &program.name;
    let answers = &facts.answers;
    let from_dns = || answers.servers.iter().map(|(_, answer)| answer).find(|answer| answer.is_answer());
    let own = Some(&answers.hosts).filter(|answer| answer.is_found()).or_else(from_dns);
    let Some(own) = own else {
        let sentence = format!("Could not tell: {name} resolves names itself ({what}), and no name server answers.");
        return Judgement { finding: Finding::Unknown, culprit: None, sentence, steps: vec![], ..judgement };
    };
    let right = [answers.library.as_ref(), Some(&answers.libc), answers.libc_edited.as_ref()];
    let right: Option<&Outcome> = right.into_iter().flatten().find(|answer| answer.is_found());
    let notes = Vec::new();
    if own.is_found() || right.is_none() {
        let sentence =
            format!("Agreed: {}; {name} resolves names itself ({what}), and asks neither libc nor nscd.", says(own));
        return Judgement {
            finding: Finding::Agreed,
            culprit: None,
            sentence,
            steps: vec![],
            notes,
            is_optional: false,
        };
    }
    let sentence = format!(
        "{name} resolves names itself ({what}), from /etc/hosts and the servers of /etc/resolv.conf, which do not know \
         the name; {} for libc.",
        right.map(says).unwrap_or_default()
    );
    Judgement {
        finding: Finding::Differs,
        culprit: Some(Culprit::Program(name.clone())),
        sentence,
        steps: vec![Step::HostsEntry],
        notes,
        is_optional: false,
    }
}
