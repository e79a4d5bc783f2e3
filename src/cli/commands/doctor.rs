//! `doctor`: what is wrong with this container or host, why that matters, and what mends it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;
use nss_bypass_core::files::hosts;
use nss_bypass_core::model::Name;
use nss_bypass_core::rules::pattern::Kind as PatternKind;
use nss_bypass_core::rules::policy::Subject;
use nss_bypass_core::tables::{self, Tables};
use serde::Serialize;

use crate::commands::explain;
use crate::diagnose::daemon::{self, Compared, Daemon, Presence, path_text};
use crate::diagnose::judge::Finding as Verdict;
use crate::diagnose::nscd::{self, Cache, Key};
use crate::diagnose::verdict::Rules;
use crate::install::file::PRELOAD_FILE;
use crate::install::library::NAME;
use crate::install::preloaded::{Here, Target, Word};
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::install::verify::{self, PRELOAD_IS_FOR_ALL, RULES_ARE_FOR_ALL, verify};
use crate::install::{place, spelling};
use crate::process::elf::Go;
use crate::process::scan::{self, Libc, Process};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::screen::{Node, Palette, Progress, Style, printable, quoted, show};

const EXAMPLES: &str = "\
Examples:
  nss-bypass doctor
  nss-bypass doctor --ask rancher-metadata db.prod
  nss-bypass doctor --json | jq '.findings[] | select(.state == \"trouble\")'

Exit status: 0 healthy, 1 trouble, 3 it could not be told.";

/// Where systemd-resolved answers glibc's module `resolve`.
const RESOLVED: &str = "/run/systemd/resolve/io.systemd.Resolve";

/// How many names are tried, where none is given.
const SAMPLES: usize = 6;

/// Look for what is wrong here, and say what mends it
///
/// Looking changes nothing: nscd's cache is read, and nscd is not asked to look names up.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Make nscd look the names up, as any program would: it then keeps what it finds
    #[arg(long)]
    ask: bool,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
    /// Names to try, instead of some from the rules, /etc/hosts and resolv.conf
    names: Vec<OsString>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Good,
    /// Nothing is wrong, but somebody may want to know.
    Note,
    Unknown,
    Trouble,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    /// Which check it is of.
    check: &'static str,
    state: State,
    what: String,
    why: Option<Cow<'static, str>>,
    /// What to type.
    mend: Vec<String>,
}

impl Finding {
    fn new(check: &'static str, state: State, what: impl Into<String>) -> Self {
        Self { check, state, what: what.into(), why: None, mend: Vec::new() }
    }

    fn why(self, why: &'static str) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    fn mend(mut self, line: impl Into<String>) -> Self {
        self.mend.push(line.into());
        self
    }

    fn node(&self) -> Node {
        let (mark, style) = match self.state {
            State::Good => ("ok", Style::Good),
            State::Note => ("note", Style::Plain),
            State::Unknown => ("cannot tell", Style::Unsure),
            State::Trouble => ("trouble", Style::Bad),
        };
        let why = self.why.iter().map(|why| Node::new(format!("why: {why}")));
        let mend = self.mend.iter().map(|line| Node::command(format!("mend: {line}")));
        Node::styled(style, format!("{mark}: {}", self.what)).with(why).with(mend)
    }
}

#[derive(Debug, Serialize)]
struct Report {
    state: State,
    findings: Vec<Finding>,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    let rules = Rules::read();
    let (nscd, cache) = explain::look(Key::Name(b""));
    let mut findings = sockets(&nscd);
    if let (Presence::Present(daemon), Some(cache)) = (&nscd, &cache) {
        findings.extend(its_world(daemon, &rules));
        findings.push(its_cache(daemon, cache));
    }
    findings.push(resolved());
    findings.extend(configuration(&rules));
    findings.extend(library(&rules));
    findings.extend(running());
    findings.extend(samples(arguments, &rules, &nscd));
    let worst = [State::Trouble, State::Unknown].into_iter().find(|&state| findings.iter().any(|f| f.state == state));
    let report = Report { state: worst.unwrap_or(State::Good), findings };
    if arguments.json {
        let _ = output::say_json(&report); // A value of ours is always JSON.
    } else {
        show(&report.text(Palette::of_stdout()));
    }
    match report.state {
        State::Trouble => Exit::Trouble,
        State::Unknown => Exit::CannotTell,
        State::Good | State::Note => Exit::Success,
    }
}

impl Report {
    fn text(&self, palette: Palette) -> String {
        let count = |state| self.findings.iter().filter(|finding| finding.state == state).count();
        let (style, sentence) = match (count(State::Trouble), count(State::Unknown)) {
            (0, 0) => (Style::Good, "Healthy.".to_owned()),
            (0, unknown) => (Style::Unsure, format!("Could not tell: {unknown} of {} findings.", self.findings.len())),
            (trouble, _) => (Style::Bad, format!("Trouble: {trouble} of {} findings.", self.findings.len())),
        };
        let findings = self.findings.iter().map(Finding::node);
        Node::styled(Style::Title, "doctor").with(findings).with([Node::styled(style, sentence)]).render(palette)
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Is there a socket, in either place?
fn sockets(nscd: &Presence) -> Vec<Finding> {
    const CHECK: &str = "socket";
    match nscd {
        Presence::Absent if Path::new("/run/nscd/socket").exists() => {
            vec![Finding::new(
                CHECK,
                State::Note,
                "nscd's socket is in /run only, and glibc looks in /var/run: nobody asks it",
            )]
        }
        Presence::Absent => vec![Finding::new(CHECK, State::Good, "no nscd: no socket in /run/nscd and /var/run/nscd")],
        Presence::Unreachable { reason } => {
            let what = format!("a socket, but no nscd that answers: {}: {reason}", nscd::SOCKET);
            vec![Finding::new(CHECK, State::Good, what).why("glibc goes on without it")]
        }
        Presence::Present(_) => Vec::new(),
    }
}

/// Is it this machine's own?
fn its_world(daemon: &Daemon, rules: &Rules) -> Vec<Finding> {
    const CHECK: &str = "daemon";
    const WHY: &str = "glibc asks it before /etc/hosts and DNS, and believes its \"no such host\"";
    let who = format!("{} on {}", explain::program(daemon), nscd::SOCKET);
    let about = explain::about(daemon).join("; ");
    if daemon.is_foreign() && daemon.caches_hosts == Some(false) {
        return vec![Finding::new(CHECK, State::Note, format!("{who} is not of this container: {about}"))];
    }
    if daemon.is_foreign() {
        let is_countered = scan::own_library().is_some() && !rules.policy.is_empty();
        let state = if is_countered { State::Note } else { State::Trouble };
        let finding = Finding::new(CHECK, state, format!("{who} is not of this container: {about}")).why(WHY);
        return vec![if is_countered {
            finding
        } else {
            finding
                .mend("nss-bypass doctor --ask NAME...   # with names that matter here, for the rules that they need")
        }];
    }
    if daemon.network_namespace == Compared::Unknown {
        let finding = Finding::new(CHECK, State::Unknown, format!("{who} may be another machine's: {about}")).why(WHY);
        return vec![finding.mend("sudo nss-bypass doctor")];
    }
    if [daemon.resolv_conf, daemon.hosts].contains(&Compared::Different) {
        let finding =
            Finding::new(CHECK, State::Trouble, format!("{who} reads other files than we do: {about}")).why(WHY);
        return vec![finding.mend("systemctl restart nscd   # where it is to see the files that we see")];
    }
    vec![Finding::new(CHECK, State::Good, format!("{who} is this machine's own: {about}"))]
}

/// Is its cache of hosts on?
fn its_cache(daemon: &Daemon, cache: &Cache) -> Finding {
    const CHECK: &str = "hosts-cache";
    match (daemon.caches_hosts, cache) {
        (Some(false), _) => {
            Finding::new(CHECK, State::Good, "its cache of hosts is off, so glibc answers host names itself")
        }
        (_, Cache::Read { size, .. }) => Finding::new(
            CHECK,
            State::Note,
            format!(
                "its cache of hosts is on, with {}",
                counted(usize::try_from(*size).unwrap_or(0), "entry", "entries")
            ),
        ),
        (Some(true), _) => Finding::new(CHECK, State::Note, "its cache of hosts is on, and shared with nobody"),
        (None, Cache::Unreadable { reason }) => {
            Finding::new(CHECK, State::Unknown, format!("its cache cannot be read: {reason}"))
        }
        (None, Cache::NotShared) => {
            Finding::new(CHECK, State::Note, "it shares no cache of hosts: that is off, or not shared, or it is unscd")
        }
    }
}

/// Does systemd-resolved's socket leak in?
fn resolved() -> Finding {
    const CHECK: &str = "resolved";
    let modules = printable(&explain::modules());
    let is_asked = modules.split_whitespace().any(|module| module == "resolve");
    match daemon::look(Path::new(RESOLVED)) {
        Presence::Absent => Finding::new(CHECK, State::Good, "no systemd-resolved: no varlink socket"),
        Presence::Unreachable { reason } => {
            Finding::new(CHECK, State::Note, format!("a socket of systemd-resolved, but nobody answers: {reason}"))
        }
        Presence::Present(daemon) => {
            let what = format!("systemd-resolved's socket is here: {}", daemon.whereabouts());
            match (daemon.is_foreign(), is_asked) {
                (true, true) => Finding::new(CHECK, State::Trouble, what)
                    .why("nsswitch.conf's `resolve` asks it, and it answers from another world, as a foreign nscd does")
                    .mend("sed -i '/^hosts:/s/ resolve\\( \\[[^]]*\\]\\)\\?//' /etc/nsswitch.conf"),
                (true, false) => Finding::new(CHECK, State::Note, format!("{what}; nsswitch.conf does not ask it")),
                (false, _) => Finding::new(CHECK, State::Good, what),
            }
        }
    }
}

/// Is the configuration sound?
fn configuration(rules: &Rules) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let mut findings: Vec<Finding> = rules
        .faults
        .iter()
        .map(|fault| {
            let finding =
                Finding::new(CHECK, State::Trouble, explain::in_words(fault)).why("the whole line is left out");
            finding.mend(format!("${{EDITOR:-vi}} +{} {}", fault.line, quoted(&fault.source)))
        })
        .collect();
    if findings.is_empty() {
        let count = rules.policy.rules().len();
        findings.push(Finding::new(
            CHECK,
            State::Good,
            format!("the configuration is sound: {}", counted(count, "rule", "rules")),
        ));
    }
    if rules.disabled {
        let what = "NSS_BYPASS_DISABLE is set";
        findings.push(Finding::new(CHECK, State::Note, what).why("no rule counts").mend("unset NSS_BYPASS_DISABLE"));
    }
    findings
}

/// Is the library where it should be, is it loaded, and would it be safe to load it everywhere?
fn library(rules: &Rules) -> Vec<Finding> {
    const CHECK: &str = "library";
    let here = Here::look();
    let mut findings: Vec<Finding> = here.words().filter_map(|(place, word)| missing(place, word)).collect();
    if let Err(error) = &here.file {
        let what = format!("{PRELOAD_FILE} cannot be read: {}", output::reason(error));
        findings.push(Finding::new(CHECK, State::Unknown, what));
    }
    let how = match (here.in_file(), here.in_variable()) {
        (Some(word), _) => format!("{PRELOAD_FILE} loads the library into every program, as {}", word.text()),
        (None, Some(word)) => {
            format!("LD_PRELOAD loads the library into programs started here, as {}", word.text())
        }
        (None, None) => "the library is in this process, by which way cannot be seen".to_owned(),
    };
    findings.push(match (&here.loaded, here.in_file(), rules.policy.is_empty()) {
        (Some(_), ..) => Finding::new(CHECK, State::Good, how),
        (None, Some(word), _) => {
            let what = format!("{PRELOAD_FILE} names {}, but it is not loaded", word.text());
            Finding::new(CHECK, State::Trouble, what)
        }
        (None, None, true) => {
            Finding::new(CHECK, State::Note, "the library is not loaded, and there is no rule that needs it")
        }
        (None, None, false) => {
            Finding::new(CHECK, State::Trouble, "there are rules, and programs started here do not load the library")
                .why("rules count in programs that load the library only")
                .mend(crate::diagnose::judge::preloading())
        }
    });
    if let Ok(tree) = Tree::new(Path::new("/")) {
        let readable = [(Path::new(&rules.path), RULES_ARE_FOR_ALL), (Path::new(PRELOAD_FILE), PRELOAD_IS_FOR_ALL)];
        let faults = readable.into_iter().filter_map(|(path, why)| verify::is_for_all(&tree, path, why).err());
        findings.extend(faults.map(|trouble| from_trouble(CHECK, State::Trouble, trouble)));
        let named = here.in_file().map(|word| word.path.clone()).or_else(|| place::usual(&tree));
        findings.push(match named {
            Some(path) => safety(&tree, &path),
            None => Finding::new("enable", State::Note, format!("{NAME} is not installed")),
        });
    }
    findings
}

/// A word that leads nowhere, and means the library.
fn missing(place: &str, word: &Word) -> Option<Finding> {
    if word.target != Target::Missing || !word.means_library() {
        return None;
    }
    let what = format!("{place} names {}, which is not there", word.text());
    let finding = Finding::new("library", State::Trouble, what);
    Some(finding.why("every program that is started complains on its standard error"))
}

fn from_trouble(check: &'static str, state: State, trouble: Trouble) -> Finding {
    let mut finding = Finding::new(check, state, trouble.what);
    finding.why = Some(trouble.why.into());
    finding.mend = trouble.commands;
    finding
}

/// Would it be safe to name it in ld.so.preload?
fn safety(tree: &Tree, library: &Path) -> Finding {
    const CHECK: &str = "enable";
    let unsafe_because =
        |what: String| Finding::new(CHECK, State::Note, format!("not safe for {PRELOAD_FILE}: {what}"));
    if let Err(trouble) = verify(tree, library) {
        let mut finding = from_trouble(CHECK, State::Note, trouble);
        finding.what = format!("not safe for {PRELOAD_FILE}: {}", finding.what);
        return finding;
    }
    let others = other_loaders(tree, library);
    match complaint(library) {
        Some(complaint) => unsafe_because(format!("it does not load: {complaint}")),
        None if !others.is_empty() => {
            unsafe_because(format!("programs of another libc are here ({})", others.join(", ")))
                .why("every such program that is started would complain")
        }
        None => {
            let what = format!("it would be safe to name {} in {PRELOAD_FILE}", path_text(library));
            Finding::new(CHECK, State::Good, what)
        }
    }
}

/// Loaders that obey the same file and cannot load the library: musl's does not read it, but 32-bit ones do. For that of
/// i386 there may be an empty library.
fn other_loaders(tree: &Tree, library: &Path) -> Vec<&'static str> {
    const I386: &str = "/lib/ld-linux.so.2";
    const LOADERS: [&str; 3] = [I386, "/libx32/ld-linux-x32.so.2", "/lib/ld-linux-armhf.so.3"];
    let has_empty_one = spelling::with_token(tree, library).is_some();
    let complain = LOADERS.into_iter().filter(|loader| *loader != I386 || !has_empty_one);
    complain.filter(|loader| Path::new(loader).exists()).collect()
}

/// What the loader says of it.
fn complaint(library: &Path) -> Option<String> {
    let mut command = Command::new("/proc/self/exe");
    command.arg("--version").env("LD_PRELOAD", library).stdin(Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() && output.stderr.is_empty() => None,
        Ok(output) => Some(printable(output.stderr.trim_ascii())),
        Err(error) => Some(output::reason(&error)),
    }
}

/// How the library and a process stand to each other.
fn standing(process: &Process) -> &'static str {
    match (&process.library, process.libc, process.go) {
        (Some(_), ..) => "loaded",
        (None, _, Some(Go::Alone)) => "cannot: Go without libc",
        (None, Libc::Glibc, _) => NOT_LOADED,
        (None, Libc::Musl, _) => "cannot: musl",
        (None, Libc::None, _) => "cannot: static",
    }
}

const NOT_LOADED: &str = "not loaded when started";

/// Which processes have it?
fn running() -> Vec<Finding> {
    const CHECK: &str = "processes";
    const SHOWN: usize = 8;
    let scan = {
        let _progress = Progress::new("looking at the processes");
        scan::scan(&[], || ()).unwrap_or_default()
    };
    let is_everywhere = Here::look().in_file().is_some();
    if !is_everywhere && scan.processes.iter().all(|process| process.library.is_none()) {
        return vec![Finding::new(CHECK, State::Note, "no other running process has the library")];
    }
    let mut groups: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
    let known = scan.processes.iter().map(|process| (standing(process), process.name.as_str()));
    let hidden = scan.hidden.iter().map(|(_, name)| (scan::why_hidden(), name.as_str()));
    for (standing, name) in known.chain(hidden) {
        let (count, names) = groups.entry(standing).or_default();
        *count += 1;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let findings = groups.iter().map(|(standing, (count, names))| {
        let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
        let more = if names.len() > SHOWN { ", ..." } else { "" };
        let what = format!(
            "the library and {}: {standing}: {}{more}",
            counted(*count, "running process", "running processes"),
            shown.join(", ")
        );
        let finding = Finding::new(CHECK, State::Note, what);
        if *standing == NOT_LOADED && is_everywhere {
            return finding
                .why("they were started before the library was enabled")
                .mend("restart them, where their names matter");
        }
        finding
    });
    findings.collect()
}

/// Do names differ?
fn samples(arguments: &Arguments, rules: &Rules, nscd: &Presence) -> Vec<Finding> {
    let names = if arguments.names.is_empty() { some_names(rules) } else { arguments.names.clone() };
    let is_foreign = matches!(nscd, Presence::Present(daemon) if daemon.is_foreign());
    names.iter().filter(|name| !name.is_empty()).map(|name| sample(name, arguments, is_foreign)).collect()
}

fn sample(name: &OsStr, arguments: &Arguments, is_foreign: bool) -> Finding {
    let bytes = name.as_bytes();
    let _progress = Progress::new(format!("looking at {}", printable(bytes)));
    let address = name.to_str().and_then(|text| text.parse().ok());
    let subject = address.map_or(Subject::Name(Name::new(bytes)), Subject::Address);
    let report = explain::report(bytes, subject, arguments.ask);
    let was_wanted = !arguments.names.is_empty();
    let state = match report.conclusion.finding {
        Verdict::Agreed => State::Good,
        Verdict::Differs => State::Trouble,
        // The machine's own daemon has not been asked for it lately: nothing speaks against it.
        Verdict::Unknown if !was_wanted && !is_foreign && report.truth_is_known() => State::Note,
        Verdict::Unknown => State::Unknown,
    };
    let sentence = match report.conclusion.finding {
        Verdict::Unknown if report.truth_is_known() => "what nscd says of it cannot be seen without --ask",
        _ => &report.conclusion.sentence,
    };
    let mut finding = Finding::new("names", state, format!("{}: {sentence}", printable(bytes)));
    match state {
        State::Trouble => finding.mend = report.cure,
        State::Unknown => finding.mend.push(format!("nss-bypass explain --ask {}", quoted(&printable(bytes)))),
        State::Good | State::Note => {}
    }
    finding
}

/// Names that matter here: of rules that name just one, of /etc/hosts, and the domains of the search list.
fn some_names(rules: &Rules) -> Vec<OsString> {
    let exact = rules.policy.rules().iter().filter(|rule| rule.pattern().kind() == PatternKind::Exact);
    let mut names: Vec<Vec<u8>> = exact.map(|rule| rule.pattern().as_str().as_bytes().to_vec()).collect();
    let text = tables::hosts().unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n').filter_map(hosts::parse_line);
    let others = lines.filter(|line| !line.address.is_loopback() && !line.address.is_multicast());
    names.extend(others.map(|line| line.name.to_vec()).filter(|name| !name.starts_with(b"ip6-")));
    if let Ok(resolution) = Tables::new().resolution() {
        names.extend(resolution.conf.search.iter().map(|domain| domain.to_vec()));
    }
    let mut chosen: Vec<Vec<u8>> = Vec::new();
    for name in names {
        if !chosen.contains(&name) && !name.is_empty() && name != b"." {
            chosen.push(name);
        }
    }
    chosen.truncate(SAMPLES);
    chosen.into_iter().map(OsString::from_vec).collect()
}
