//! `explain`: what the rules say of a name, who says what, and who is to blame.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Args;
use nss_bypass_core::model::Diagnostic;
use nss_bypass_core::model::Name;
use nss_bypass_core::rules::config::Answering;
use nss_bypass_core::rules::policy::Subject;
use nss_bypass_core::tables::Tables;
use serde::Serialize;

use crate::diagnose::daemon::{self, Compared, Daemon, Kind, Presence};
use crate::diagnose::glibc;
use crate::diagnose::judge::{self, Conclusion, Cure, Facts, Finding};
use crate::diagnose::nscd::{self, Cache, Entry, Key};
use crate::diagnose::sources::{self, Outcome, Said, Who};
use crate::diagnose::verdict::{self, Rules};
use crate::process::scan;
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::screen::{Node, Palette, Progress, Style, printable, show};

const EXAMPLES: &str = "\
Examples:
  nss-bypass explain rancher-metadata
  nss-bypass explain --ask 169.254.169.250
  nss-bypass explain --json db.prod | jq .conclusion

Exit status: 0 all agree, 1 somebody differs, 3 it could not be told.";

/// Say who answers for a name, who lies, and what would cure it
///
/// Looking changes nothing: nscd's cache is read, and nscd is not asked to look the name up.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Make nscd look the name up, as any program would: it then keeps what it finds
    #[arg(long)]
    ask: bool,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
    /// A name as a program would pass it or, for its name, an address
    #[arg(value_name = "NAME|ADDRESS")]
    subject: OsString,
}

/// All that is found out about a name.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    subject: String,
    verdict: Verdict,
    nscd: Presence,
    cache: Option<Cache>,
    sources: Vec<Said>,
    pub(crate) conclusion: Conclusion,
    pub(crate) cure: Vec<String>,
}

/// What the rules say.
#[derive(Debug, Serialize)]
struct Verdict {
    bypass: bool,
    /// The rule that decides, and then those that lost to it.
    rules: Vec<RuleLine>,
    faults: Vec<String>,
    disabled: bool,
    library_loaded: bool,
}

#[derive(Debug, Serialize)]
struct RuleLine {
    source: String,
    line: u32,
    bypass: bool,
    pattern: String,
    #[serde(skip)]
    text: String,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    let bytes = arguments.subject.as_bytes();
    if bytes.is_empty() || bytes.contains(&0) {
        output::complain("a name is missing");
        return Exit::Usage;
    }
    let address = arguments.subject.to_str().and_then(|text| text.parse().ok());
    let subject = address.map_or(Subject::Name(Name::new(bytes)), Subject::Address);
    let report = report(bytes, subject, arguments.ask);
    if arguments.json {
        let _ = output::say_json(&report); // A value of ours is always JSON.
    } else {
        show(&report.text(Palette::of_stdout()));
    }
    report.conclusion.finding.exit()
}

fn key<'a>(subject: Subject<'a>, bytes: &'a [u8]) -> Key<'a> {
    match subject {
        Subject::Address(address) => Key::Address(address),
        Subject::Name(_) | Subject::Nobody => Key::Name(bytes),
    }
}

/// Who is at nscd's socket, and what its cache holds of a name.
pub(crate) fn look(key: Key<'_>) -> (Presence, Option<Cache>) {
    let socket = Path::new(nscd::SOCKET);
    match daemon::look(socket) {
        Presence::Present(mut daemon) => {
            let _progress = Progress::new("looking into nscd's cache");
            let cache = nscd::peek(socket, key);
            if matches!((daemon.kind, &cache), (Kind::Unknown, Cache::Read { .. })) {
                daemon.kind = Kind::Nscd; // Only glibc's has such a cache.
            }
            (Presence::Present(daemon), Some(cache))
        }
        other => (other, None),
    }
}

/// Finds all out about a name.
pub(crate) fn report(bytes: &[u8], subject: Subject<'_>, ask: bool) -> Report {
    let rules = Rules::read();
    // Before anybody is asked: the cache as it was.
    let (nscd, cache) = look(key(subject, bytes));
    let mut sources = all_sources(&rules, bytes, subject);
    let truth = sources.iter().find(|said| said.who == Who::GlibcWithoutNscd).map(|said| said.answer.clone());
    let is_off = matches!(&nscd, Presence::Present(daemon) if daemon.caches_hosts == Some(false));
    let known = if is_off {
        Some(Outcome::failed("its cache of hosts is off"))
    } else {
        cache.as_ref().and_then(|cache| judge::from_cache(cache, truth.as_ref()))
    };
    let (from_nscd, with_nscd) = nscd_sources(&nscd, cache.as_ref(), known.clone(), bytes, subject, ask);
    let nscd_says = [&from_nscd.answer, &with_nscd.answer].into_iter().find(|said| said.is_answer()).cloned();
    sources.splice(0..0, [from_nscd, with_nscd]);

    let is_loaded = scan::own_library().is_some();
    let bypassing = rules.bypassing(subject);
    let daemon = match &nscd {
        Presence::Present(daemon) => Some(daemon),
        _ => None,
    };
    let facts = Facts {
        sources: &sources,
        daemon: daemon.map(|daemon| (daemon.name(), daemon.whereabouts())),
        is_foreign: daemon.is_some_and(Daemon::is_foreign),
        nscd: nscd_says.or(known),
        rule: bypassing.map(verdict::described),
        has_own_way: bypassing.is_some_and(|rule| {
            let answering = rule.answering();
            !answering.via.is_empty() || !answering.hosts || !answering.search
        }),
        is_loaded,
    };
    let conclusion = facts.conclusion();
    let is_root = rustix::process::geteuid().is_root();
    let cure = judge::cure(conclusion.cure, &rules, subject, is_loaded, is_root);
    let verdict = Verdict {
        bypass: bypassing.is_some(),
        rules: rules.candidates(subject).into_iter().map(RuleLine::new).collect(),
        faults: rules.faults.iter().map(in_words).collect(),
        disabled: rules.disabled,
        library_loaded: is_loaded,
    };
    Report { subject: printable(bytes), verdict, nscd, cache, sources, conclusion, cure }
}

impl RuleLine {
    fn new(rule: &nss_bypass_core::rules::config::Rule) -> Self {
        Self {
            source: rule.origin().source.to_string(),
            line: rule.origin().line,
            bypass: rule.action() == nss_bypass_core::rules::config::Action::Bypass,
            pattern: rule.pattern().to_string(),
            text: verdict::described(rule),
        }
    }
}

/// For a person.
pub(crate) fn in_words(fault: &Diagnostic) -> String {
    if fault.line == 0 { format!("{}: {}", fault.source, fault.message) } else { fault.to_string() }
}

/// Asks everybody but nscd.
fn all_sources(rules: &Rules, bytes: &[u8], subject: Subject<'_>) -> Vec<Said> {
    let tables = Tables::new();
    let plain = Answering::default();
    let answering = rules.bypassing(subject).map(|rule| rule.answering());
    let mut all = Vec::new();

    let modules = modules();
    let progress = Progress::new("asking glibc without nscd");
    all.push(Said::timed(Who::GlibcWithoutNscd, || glibc::ask(bytes, Some(&modules))));
    drop(progress);
    all.push(Said::timed(Who::Hosts, || sources::hosts(&tables, subject)));
    match tables.resolution() {
        Ok(resolution) => {
            let via = answering.map(|answering| answering.via.to_vec()).unwrap_or_default();
            let own = resolution.conf.servers.iter().copied();
            let more = via.into_iter().filter(|server| !resolution.conf.servers.contains(server));
            for (server, note) in
                own.map(|server| (server, None)).chain(more.map(|server| (server, Some("the rule's"))))
            {
                let _progress = Progress::new(format!("asking {}", Who::Server(server)));
                let ask = || sources::server(&resolution, server, answering.unwrap_or(&plain), subject);
                let said = Said::timed(Who::Server(server), ask);
                all.push(match note {
                    Some(note) => said.with_note(note),
                    None => said,
                });
            }
        }
        Err(errno) => {
            let reason = format!("/etc/resolv.conf: {}", output::reason(&std::io::Error::from_raw_os_error(errno.0)));
            let nowhere = SocketAddr::from(([0, 0, 0, 0], 53));
            all.push(Said::timed(Who::Server(nowhere), || Outcome::failed(reason)));
        }
    }
    let _progress = Progress::new("asking as the library does");
    all.push(Said::timed(Who::Library, || match answering {
        Some(answering) => sources::library(&tables, answering, subject),
        None => Outcome::unasked("passes: libc's, nscd and all"),
    }));
    all
}

/// nsswitch.conf's line about hosts.
pub(crate) fn modules() -> Vec<u8> {
    const DEFAULT: &str = "files dns"; // Since glibc 2.35.
    let text = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("hosts:"));
    lines.next_back().map_or(DEFAULT, str::trim).split_whitespace().collect::<Vec<_>>().join(" ").into_bytes()
}

/// nscd itself, and glibc with it.
fn nscd_sources(
    nscd: &Presence,
    cache: Option<&Cache>,
    known: Option<Outcome>,
    bytes: &[u8],
    subject: Subject<'_>,
    ask: bool,
) -> (Said, Said) {
    let unasked = |who, why: &str| Said::timed(who, || Outcome::unasked(why));
    if !matches!(nscd, Presence::Present(_)) {
        let why = "nobody is there";
        return (unasked(Who::Nscd, why), unasked(Who::GlibcWithNscd, "as without: nobody is there"));
    }
    if ask {
        let _progress = Progress::new("asking nscd");
        let itself = Said::timed(Who::Nscd, || nscd::ask(Path::new(nscd::SOCKET), key(subject, bytes)));
        return (itself, Said::timed(Who::GlibcWithNscd, || glibc::ask(bytes, None)));
    }
    let itself = match (known, cache) {
        (Some(answer @ Outcome::Failed { .. }), _) => Said::timed(Who::Nscd, || Outcome::unasked(answer.to_string())),
        (Some(answer), _) => {
            let seconds = cache.and_then(seconds_left);
            let note = seconds.map_or("cached".to_owned(), |seconds| format!("cached, {seconds} s left"));
            Said { who: Who::Nscd, answer, microseconds: None, note: Some(note) }
        }
        (None, Some(Cache::Read { .. })) => unasked(Who::Nscd, "not in its cache"),
        (None, _) => unasked(Who::Nscd, "cannot be seen"),
    };
    (itself, unasked(Who::GlibcWithNscd, "not asked (--ask)"))
}

fn seconds_left(cache: &Cache) -> Option<i64> {
    match cache {
        Cache::Read { entries, .. } => entries.iter().map(|entry| entry.seconds_left).find(|&left| left >= 0),
        _ => None,
    }
}

impl Report {
    /// Whether it is known what is right here.
    pub(crate) fn truth_is_known(&self) -> bool {
        self.sources.iter().any(|said| said.who == Who::GlibcWithoutNscd && said.answer.is_answer())
    }

    fn text(&self, palette: Palette) -> String {
        let style = match self.conclusion.finding {
            Finding::Agreed => Style::Good,
            Finding::Differs => Style::Bad,
            Finding::Unknown => Style::Unsure,
        };
        let tree = Node::styled(Style::Title, &self.subject).with([
            self.verdict.node(),
            nscd_node(&self.nscd, self.cache.as_ref()),
            Node::styled(Style::Title, "who says what").with(self.said()),
            Node::styled(style, &self.conclusion.sentence),
        ]);
        let mut text = tree.render(palette);
        if !self.cure.is_empty() {
            let caption = match self.conclusion.cure {
                Cure::MayBypass => "\nIf it is to be answered here, without nscd:\n",
                _ => "\nThe cure:\n",
            };
            text.push_str(caption);
            for line in &self.cure {
                text.push_str(&format!("  {}\n", palette.paint(Style::Title, line)));
            }
        }
        text
    }

    /// Side by side.
    fn said(&self) -> Vec<Node> {
        let width =
            |of: fn(&Said) -> String| self.sources.iter().map(|said| of(said).chars().count()).max().unwrap_or(0);
        let who_width = width(|said| said.who.to_string());
        let answer_width = width(|said| said.answer.to_string()).min(28);
        let rows = self.sources.iter().map(|said| {
            let beside: Vec<String> = said.time().into_iter().chain(said.note.clone()).collect();
            let row = format!(
                "{:who_width$}  {:answer_width$}  {}",
                said.who.to_string(),
                said.answer.to_string(),
                beside.join(", ")
            );
            let style = match &said.answer {
                Outcome::Found { .. } => Style::Good,
                Outcome::NotFound { .. } => Style::Plain,
                Outcome::Failed { .. } => Style::Bad,
                Outcome::Unasked { .. } => Style::Faint,
            };
            Node::styled(style, row.trim_end())
        });
        rows.collect()
    }
}

impl Verdict {
    fn node(&self) -> Node {
        let title = match (self.rules.first(), self.bypass) {
            _ if self.disabled => "rules: NSS_BYPASS_DISABLE is set: everything passes".to_owned(),
            (None, _) => "rules: none matches: libc's, which asks nscd first".to_owned(),
            (Some(_), true) => "rules: the library answers it".to_owned(),
            (Some(_), false) => "rules: it passes: libc's, which asks nscd first".to_owned(),
        };
        let decided = self.rules.iter().enumerate().map(|(place, rule)| {
            if place == 0 {
                Node::new(format!("by {}", rule.text))
            } else {
                Node::styled(Style::Faint, format!("lost: {}", rule.text))
            }
        });
        let faults = self.faults.iter().map(|fault| Node::styled(Style::Bad, fault));
        let loaded = if self.library_loaded {
            "the library is in programs started here"
        } else {
            "the library is not in programs started here"
        };
        Node::styled(Style::Title, title).with(decided).with(faults).with([Node::new(loaded)])
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

/// For a person.
pub(crate) fn program(daemon: &Daemon) -> String {
    let version = daemon.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    match daemon.kind {
        Kind::Unknown => match &daemon.program {
            Some(program) => format!("a program called {program}"),
            None => "an unknown program".to_owned(),
        },
        _ => format!("{}{version}", daemon.name()),
    }
}

/// Facts about a daemon, a line each.
pub(crate) fn about(daemon: &Daemon) -> Vec<String> {
    let mut lines = Vec::new();
    let user = if daemon.user == 0 { "root".to_owned() } else { format!("user {}", daemon.user) };
    lines.push(match (daemon.pid, &daemon.executable) {
        (Some(pid), Some(executable)) => format!("process {pid} of {user}, {executable}"),
        (Some(pid), None) => format!("process {pid} of {user} (root could see more)"),
        (None, _) => format!("a process of {user} outside this container: it cannot be seen from here"),
    });
    let spaces =
        [("network", daemon.network_namespace), ("mount", daemon.mount_namespace), ("pid", daemon.pid_namespace)];
    for (compared, words) in [
        (Compared::Different, "not in our namespaces"),
        (Compared::Unknown, "root could see whether it is in our namespaces"),
    ] {
        let named = named(&spaces, compared);
        if !named.is_empty() {
            lines.push(format!("{words}: {}", named.join(", ")));
        }
    }
    let files = [("/etc/resolv.conf", daemon.resolv_conf), ("/etc/hosts", daemon.hosts)];
    let different = named(&files, Compared::Different);
    if !different.is_empty() {
        lines.push(format!("it reads another {} than we do", different.join(" and another ")));
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
        Cache::NotShared => vec![Node::new("it hands out no cache that could be looked into")],
        Cache::Unreadable { reason } => vec![Node::new(format!("its cache cannot be read: {reason}"))],
    }
}

fn cached(entry: &Entry) -> String {
    let time = match entry.seconds_left {
        left if left >= 0 => format!("{left} s left"),
        over => format!("ran out {} s ago", over.unsigned_abs()),
    };
    format!("in its cache for {}: {}, {time}", entry.request.function(), entry.answer)
}
