//! `doctor`: what is wrong with this container or host, why that matters, and how to fix it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::diagnose::checks;
use crate::diagnose::daemon::Presence;
use crate::diagnose::examine::{self, Event};
use crate::diagnose::finding::{Finding, State};
use crate::diagnose::hint;
use crate::diagnose::question::{ExamineOptions, Question};
use crate::diagnose::surroundings::Surroundings;
use crate::diagnose::target::{self, Target};
use crate::diagnose::verdict::Finding as Verdict;
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::screen::{self, Node, Progress, Style, printable, quoted, show};

const EXAMPLES: &str = "\
Examples:
  nss-bypass doctor
  nss-bypass doctor --ask rancher-metadata db.prod
  nss-bypass doctor --quiet || mail -s nscd root </dev/null
  nss-bypass doctor --json | jq '.findings[] | select(.state == \"trouble\")'

Exit status: 0 if no problem was found, 1 if one was found, 3 if the result is
unknown.";

/// Find problems with name lookups in this container or host, and show how to fix them
///
/// Nothing is changed: nscd's cache is read, and nscd is not asked to look names up. Without NAMES, no name is looked
/// up.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Make nscd look the names up, as any program would; nscd then caches the results
    #[arg(long)]
    ask: bool,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
    /// Print problems only
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    #[command(flatten)]
    target: target::Options,
    /// Wait at most this long for answers about a name, 1 to 600 seconds [default: as long as glibc waits]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600), hide_default_value = true)]
    timeout: Option<u64>,
    /// Names to look up
    names: Vec<OsString>,
}

#[derive(Debug, Serialize)]
struct Report {
    state: State,
    findings: Vec<Finding>,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    if let Some(hint) = arguments.names.iter().find_map(|name| hint::for_subject(name.as_bytes())) {
        output::print_error(hint);
        return Exit::Usage;
    }
    let target = match arguments.target.enter() {
        Ok(Ok(target)) => target,
        Ok(Err(exit)) => return exit,
        Err(refusal) => return refusal.report(),
    };
    let around = target.surroundings();
    let mut findings: Vec<Finding> = Vec::new();
    let mut found = |finding: Finding| {
        let is_wanted = !arguments.quiet || !finding.is_fine();
        if is_wanted && !arguments.json {
            show(&finding.node().branch());
        }
        findings.push(finding);
    };
    if !arguments.json && !arguments.quiet {
        show(&format!("{}\n", crate::ui::palette::paint(Style::Title, "doctor")));
    }
    checks::all(&around, &mut found);
    for name in &arguments.names {
        found(sample(name.as_bytes(), arguments, &around, &target));
    }
    let worst = [State::Trouble, State::Unknown].into_iter().find(|&state| findings.iter().any(|f| f.state == state));
    let report = Report { state: worst.unwrap_or(State::Good), findings };
    if arguments.json {
        let _ = output::say_json(&report);
    } else if !(arguments.quiet && report.state == State::Good) {
        show(&report.end());
    }
    match report.state {
        State::Trouble => Exit::Trouble,
        State::Unknown => Exit::CannotTell,
        State::Good | State::Note => Exit::Success,
    }
}

impl Report {
    /// Formats the last branch, and the commands to type.
    fn end(&self) -> String {
        let count = |state| self.findings.iter().filter(|finding| finding.state == state).count();
        let all = self.findings.len();
        let (style, sentence) = match self.state {
            State::Trouble => (Style::Bad, format!("Problems: {} of {all} findings.", count(State::Trouble))),
            State::Unknown => (Style::Unsure, format!("Unknown: {} of {all} findings.", count(State::Unknown))),
            State::Good | State::Note => (Style::Good, "No problems found.".to_owned()),
        };
        let mut text = Node::styled(style, sentence).last_branch();
        let mut told: Vec<&[String]> = Vec::new();
        for finding in self.findings.iter().filter(|finding| finding.has_shown_fix()) {
            if told.contains(&finding.fix.as_slice()) {
                continue;
            }
            told.push(&finding.fix);
            text.push_str(&screen::commands(&format!("\nfix: {}", finding.topic()), &finding.fix));
        }
        text
    }
}

/// Determines whether the sources agree about a name.
fn sample(bytes: &[u8], arguments: &Arguments, around: &Surroundings, target: &Target) -> Finding {
    let question = Question::new(bytes);
    let (nscd, cache) = examine::look(&question);
    let options = ExamineOptions { ask_nscd: arguments.ask, timeout: arguments.timeout.map(Duration::from_secs) };
    let mut progress = Progress::new();
    let examiner = target.examiner(around, &question, &nscd, cache.as_ref(), options);
    let examination = examiner.examine(&mut |event| {
        if let Event::Waiting(sources, time) = event {
            progress.show(&format!("{}: {}", printable(bytes), sources.join(", ")), time.as_secs());
        }
    });
    progress.clear();
    let judgement = examination.judgement;
    let state = match judgement.finding {
        Verdict::Agreed => State::Good,
        Verdict::Differs => State::Trouble,
        Verdict::Unknown => State::Unknown,
    };
    let name = printable(bytes);
    let mut finding = Finding::new("names", state, format!("{name}: {}", judgement.sentence)).about(name.clone());
    match state {
        State::Trouble => finding.fix = examination.fix,
        State::Unknown if !arguments.ask && matches!(nscd, Presence::Present(_)) => {
            finding.what.push_str(&format!(" See: nss-bypass explain --ask {}", quoted(&name)));
        }
        _ => {}
    }
    finding
}
