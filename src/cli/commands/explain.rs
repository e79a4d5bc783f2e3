//! `explain`: what the rules say of a name, what each source answers, and what is responsible if the answers differ.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap::Args;
use nss_bypass_core::model::Diagnostic;
use nss_bypass_core::rules::rule::{Action, Rule};
use serde::Serialize;

use crate::commands::answers::Table;
use crate::diagnose::daemon::{Compared, Daemon, Kind, Presence};
use crate::diagnose::examine::{self, Examination};
use crate::diagnose::fix;
use crate::diagnose::hint;
use crate::diagnose::nscd::{self, Cache, Entry};
use crate::diagnose::question::{ExamineOptions, Question};
use crate::diagnose::rules;
use crate::diagnose::sources::Reply;
use crate::diagnose::surroundings::Surroundings;
use crate::diagnose::target::{self, Target};
use crate::diagnose::verdict::{Finding, Judgement};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::screen::{self, Node, Style, printable, show};

const EXAMPLES: &str = "\
Examples:
  nss-bypass explain rancher-metadata
  nss-bypass explain --ask 169.254.169.250
  nss-bypass explain --pid 4711 db.prod
  nss-bypass explain --json db.prod | jq .conclusion

Exit status: 0 if programs get the right answer, 1 if they do not, 3 if the
result is unknown. With several names, the worst one: 1 before 3 before 0.";

/// Show which source answers for a name, what causes a wrong answer, and how to fix it
///
/// Nothing is changed: nscd's cache is read, and nscd is not asked to look the name up.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Make nscd look the name up, as any program would; nscd then caches the result
    #[arg(long)]
    ask: bool,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: target::Options,
    /// Wait at most this long for answers, 1 to 600 seconds [default: as long as glibc waits]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600), hide_default_value = true)]
    timeout: Option<u64>,
    /// Names as a program would pass them, or addresses for reverse lookups
    #[arg(value_name = "NAME|ADDRESS", required = true)]
    subjects: Vec<OsString>,
}

/// All facts about a name, for JSON.
#[derive(Debug, Serialize)]
struct Report {
    subject: String,
    verdict: Verdict,
    nscd: Presence,
    cache: Option<Cache>,
    sources: Vec<Reply>,
    conclusion: Conclusion,
    /// The same as `fix`, under its original name.
    cure: Vec<String>,
    fix: Vec<String>,
}

/// What the rules say.
#[derive(Debug, Serialize)]
struct Verdict {
    bypass: bool,
    /// libc is asked first, and the library resolves what it does not find.
    libc_first: bool,
    /// The rule that applies, followed by the other rules that match, in order of precedence.
    rules: Vec<RuleLine>,
    /// Rules that match, but are restricted to other programs.
    for_others: Vec<RuleLine>,
    faults: Vec<String>,
    disabled: bool,
    library_loaded: bool,
    #[serde(skip)]
    place: String,
}

#[derive(Debug, Serialize)]
struct RuleLine {
    source: String,
    line: u32,
    bypass: bool,
    libc_first: bool,
    pattern: String,
    addresses: Vec<IpAddr>,
    /// The programs that the rule is restricted to; empty if it applies in all programs.
    programs: Vec<String>,
    #[serde(skip)]
    text: String,
}

#[derive(Debug, Serialize)]
struct Conclusion {
    finding: Finding,
    culprit: Option<String>,
    sentence: String,
    notes: Vec<String>,
}

impl Conclusion {
    fn new(judgement: &Judgement) -> Self {
        Self {
            finding: judgement.finding,
            culprit: judgement.culprit.as_ref().map(ToString::to_string),
            sentence: judgement.sentence.clone(),
            notes: judgement.notes.clone(),
        }
    }
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    for subject in &arguments.subjects {
        if let Some(hint) = hint::for_subject(subject.as_bytes()) {
            output::print_error(hint);
            return Exit::Usage;
        }
    }
    let target = match arguments.target.enter() {
        Ok(Ok(target)) => target,
        Ok(Err(exit)) => return exit,
        Err(refusal) => return refusal.report(),
    };
    let around = target.surroundings();
    let mut worst = Exit::Success;
    let mut reports = Vec::new();
    for (number, subject) in arguments.subjects.iter().enumerate() {
        if number > 0 && !arguments.json {
            show("\n");
        }
        let (finding, report) = one(arguments, &around, &target, subject.as_bytes());
        worst = worse(worst, finding.exit());
        reports.extend(report);
    }
    if arguments.json {
        let _ = match reports.as_slice() {
            [report] => output::say_json(report),
            reports => output::say_json(&reports),
        };
    }
    worst
}

fn worse(one: Exit, other: Exit) -> Exit {
    [Exit::Trouble, Exit::CannotTell].into_iter().find(|exit| [one, other].contains(exit)).unwrap_or(Exit::Success)
}

/// Explains one name. Returns the finding and, for JSON, the report.
fn one(arguments: &Arguments, around: &Surroundings, target: &Target, bytes: &[u8]) -> (Finding, Option<Report>) {
    let question = Question::new(bytes);
    // Before any source is queried, to show the previous contents of the cache.
    let (nscd, cache) = examine::look(&question);
    let verdict = Verdict::new(around, &question);
    let mut table = Table::default();
    if !arguments.json {
        show(&format!("{}\n", crate::ui::palette::paint(Style::Title, &printable(bytes))));
        show(&verdict.node().branch());
        show(&nscd_node(&nscd, cache.as_ref()).branch());
    }
    let options = ExamineOptions { ask_nscd: arguments.ask, timeout: arguments.timeout.map(Duration::from_secs) };
    let examiner = target.examiner(around, &question, &nscd, cache.as_ref(), options);
    let examination = examiner.examine(&mut |event| {
        if !arguments.json {
            table.on(event);
        }
    });
    let Examination { replies, judgement, fix } = examination;
    let finding = judgement.finding;
    if !arguments.json {
        table.finish(&replies);
        show(&conclusion_text(&judgement, &fix));
        return (finding, None);
    }
    let report = Report {
        subject: printable(bytes),
        verdict,
        nscd,
        cache,
        sources: replies,
        conclusion: Conclusion::new(&judgement),
        cure: fix.clone(),
        fix,
    };
    (finding, Some(report))
}

/// Formats the last branch, and the commands to type.
fn conclusion_text(judgement: &Judgement, lines: &[String]) -> String {
    let style = match judgement.finding {
        Finding::Agreed => Style::Good,
        Finding::Differs => Style::Bad,
        Finding::Unknown => Style::Unsure,
    };
    let notes = judgement.notes.iter().map(|note| Node::new(format!("note: {note}")));
    let mut text = Node::styled(style, &judgement.sentence).with(notes).last_branch();
    if !lines.is_empty() {
        let is_root = rustix::process::geteuid().is_root();
        let caption = match judgement.is_optional {
            true => "\nfix, if nscd's answer is wrong:",
            false if !is_root && fix::take_root(&judgement.steps) => "\nfix, as root:",
            false => "\nfix:",
        };
        text.push_str(&screen::commands(caption, lines));
    }
    text
}

impl RuleLine {
    fn new(rule: &Rule) -> Self {
        Self {
            source: rule.origin().source.to_string(),
            line: rule.origin().line,
            bypass: rule.action() == Action::Bypass,
            libc_first: rule.is_libc_first(),
            pattern: rule.pattern().to_string(),
            addresses: rule.answering().addresses.to_vec(),
            programs: rule.programs().iter().map(|program| program.as_str().to_owned()).collect(),
            text: rules::described(rule),
        }
    }
}

/// Formats a diagnostic.
pub(crate) fn in_words(fault: &Diagnostic) -> String {
    if fault.line == 0 { format!("{}: {}", fault.source, fault.message) } else { fault.to_string() }
}

impl Verdict {
    fn new(around: &Surroundings, question: &Question) -> Self {
        let rules = &around.rules;
        let resolving = rules.resolving(question.subject());
        Self {
            bypass: resolving.is_some_and(|rule| !rule.is_libc_first()),
            libc_first: resolving.is_some_and(Rule::is_libc_first),
            rules: rules.candidates(question.subject()).into_iter().map(RuleLine::new).collect(),
            for_others: rules.for_others(question.subject()).into_iter().map(RuleLine::new).collect(),
            faults: rules.faults.iter().map(in_words).collect(),
            disabled: rules.disabled,
            library_loaded: around.is_loaded,
            place: around.place.clone(),
        }
    }

    fn node(&self) -> Node {
        let title = match (self.rules.first(), self.bypass) {
            _ if self.disabled => "rules: NSS_BYPASS_DISABLE is set: all names are forwarded to libc".to_owned(),
            (None, _) if !self.for_others.is_empty() => {
                "rules: none applies here: forwarded to libc, which asks nscd first".to_owned()
            }
            (None, _) => "rules: none matches: forwarded to libc, which asks nscd first".to_owned(),
            (Some(_), true) => "rules: answered by nss-bypass".to_owned(),
            (Some(_), false) if self.libc_first => {
                "rules: libc is asked first, and asks nscd first; nss-bypass resolves what libc does not find"
                    .to_owned()
            }
            (Some(_), false) => "rules: forwarded to libc, which asks nscd first".to_owned(),
        };
        let decided = self.rules.iter().enumerate().map(|(place, rule)| {
            if place == 0 {
                Node::new(format!("by {}", rule.text))
            } else {
                Node::styled(Style::Faint, format!("overridden: {}", rule.text))
            }
        });
        let for_others = self.for_others.iter().map(|rule| {
            Node::styled(
                Style::Faint,
                format!("only in {}: {}", printable(rule.programs.join(", ").as_bytes()), rule.text),
            )
        });
        let faults = self.faults.iter().map(|fault| Node::styled(Style::Bad, fault));
        let is = if self.library_loaded { "is" } else { "is not" };
        let loaded = format!("the library {is} loaded in {}", self.place);
        Node::styled(Style::Title, title).with(decided).with(for_others).with(faults).with([Node::new(loaded)])
    }
}

fn nscd_node(nscd: &Presence, cache: Option<&Cache>) -> Node {
    let titled = |text: String| Node::styled(Style::Title, text);
    match nscd {
        Presence::Absent => titled(format!("nscd: no socket {}", nscd::SOCKET)),
        Presence::Unreachable { reason } => titled(format!("nscd: {}: {reason}", nscd::SOCKET)),
        Presence::Present(daemon) => titled(format!("nscd: {} listens on {}", program(daemon), nscd::SOCKET))
            .with(about(daemon).into_iter().map(Node::new))
            .with(cache.map(cache_nodes).unwrap_or_default()),
    }
}

/// Returns the name and the version of a daemon.
pub(crate) fn program(daemon: &Daemon) -> String {
    let version = daemon.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    match daemon.kind {
        Kind::Unknown => match &daemon.program {
            Some(program) => format!("a program called {program}"),
            None => "nscd or unscd".to_owned(),
        },
        _ => format!("{}{version}", daemon.name()),
    }
}

/// Returns facts about a daemon, one in each line.
pub(crate) fn about(daemon: &Daemon) -> Vec<String> {
    let mut lines = Vec::new();
    let user = if daemon.user == 0 { "root".to_owned() } else { format!("user {}", daemon.user) };
    lines.push(match (daemon.pid, &daemon.executable) {
        (Some(pid), Some(executable)) => format!("process {pid} of {user}, {executable}"),
        (Some(pid), None) if rustix::process::geteuid().is_root() => format!("process {pid} of {user}"),
        (Some(pid), None) => format!("process {pid} of {user} (root can see more)"),
        (None, _) => format!("a process of {user} outside this container, not visible from here"),
    });
    let spaces =
        [("network", daemon.network_namespace), ("mount", daemon.mount_namespace), ("pid", daemon.pid_namespace)];
    for (compared, words) in
        [(Compared::Different, "in different namespaces"), (Compared::Unknown, "in namespaces that cannot be compared")]
    {
        let named = named(&spaces, compared);
        if !named.is_empty() {
            lines.push(format!("{words}: {}", named.join(", ")));
        }
    }
    let files = [("/etc/resolv.conf", daemon.resolv_conf), ("/etc/hosts", daemon.hosts)];
    let different = named(&files, Compared::Different);
    if !different.is_empty() {
        lines.push(format!("it reads a different {} from this container's", different.join(" and a different ")));
    }
    lines
}

fn named(all: &[(&'static str, Compared)], as_this: Compared) -> Vec<&'static str> {
    all.iter().filter(|(_, is)| *is == as_this).map(|(name, _)| *name).collect()
}

fn cache_nodes(cache: &Cache) -> Vec<Node> {
    match cache {
        Cache::Read { size, entries } if entries.is_empty() => {
            vec![Node::new(format!("its cache of {size} entries has none for this name"))]
        }
        Cache::Read { entries, .. } => entries.iter().map(|entry| Node::new(cached(entry))).collect(),
        Cache::NotShared => vec![Node::new("it does not share its cache")],
        Cache::Unreadable { reason } => vec![Node::new(format!("cannot read its cache: {reason}"))],
    }
}

fn cached(entry: &Entry) -> String {
    let time = match entry.seconds_left {
        left if left >= 0 => format!("{left} s left"),
        over => format!("expired {} s ago", over.unsigned_abs()),
    };
    format!("in its cache for {}: {}, {time}", entry.request.function(), entry.answer)
}
