//! What `doctor` looks at, one finding for each thing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::commands::explain;
use crate::diagnose::daemon::{Compared, Daemon, Presence, path_text};
use crate::diagnose::examine;
use crate::diagnose::facts::Loading;
use crate::diagnose::fix;
use crate::diagnose::glibc;
use crate::diagnose::hosts_line::{DnsObstacle, PATH};
use crate::diagnose::nscd::{self, Cache, Database, Key};
use crate::diagnose::rules::Rules;
use crate::diagnose::sockets::Asked;
use crate::diagnose::surroundings::Surroundings;
use crate::install::spelling;
use crate::install::tree::Tree;
use crate::process::loaded;
use crate::process::processes::{self, Standing};
use crate::ui::output;
use crate::ui::screen::{Node, Style, printable, quoted};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Good,
    /// Nothing is wrong, but it is worth knowing.
    Note,
    Unknown,
    Trouble,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// Which check it is of.
    pub(crate) check: &'static str,
    pub(crate) state: State,
    pub(crate) what: String,
    why: Option<&'static str>,
    /// What to type.
    pub(crate) fix: Vec<String>,
    #[serde(skip)]
    topic: Option<String>,
}

impl Finding {
    pub(crate) fn new(check: &'static str, state: State, what: impl Into<String>) -> Self {
        Self { check, state, what: what.into(), why: None, fix: Vec::new(), topic: None }
    }

    fn why(self, why: &'static str) -> Self {
        Self { why: Some(why), ..self }
    }

    fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }

    /// What to call it above the lines of its fix.
    pub(crate) fn about(self, topic: String) -> Self {
        Self { topic: Some(topic), ..self }
    }

    pub(crate) fn topic(&self) -> &str {
        self.topic.as_deref().unwrap_or(self.check)
    }

    pub(crate) fn is_fine(&self) -> bool {
        matches!(self.state, State::Good | State::Note)
    }

    pub(crate) fn node(&self) -> Node {
        let (mark, style) = match self.state {
            State::Good => ("ok", Style::Good),
            State::Note => ("note", Style::Plain),
            State::Unknown => ("cannot tell", Style::Unsure),
            State::Trouble => ("trouble", Style::Bad),
        };
        let why = self.why.iter().map(|why| Node::new(format!("why: {why}")));
        let fix = (!self.fix.is_empty()).then(|| Node::new("fix: below"));
        Node::styled(style, format!("{mark}: {}", self.what)).with(why).with(fix)
    }
}

/// All of them, each as soon as it is known.
pub(crate) fn all(around: &Surroundings, found: &mut dyn FnMut(Finding)) {
    let (nscd, cache) = examine::look_for(Key::Name(b""));
    sockets(&nscd).into_iter().for_each(&mut *found);
    if let (Presence::Present(daemon), Some(cache)) = (&nscd, &cache) {
        found(its_machine(daemon, around));
        found(its_cache(daemon, cache));
        users(daemon).into_iter().for_each(&mut *found);
    }
    hosts_line(around).into_iter().for_each(&mut *found);
    around.asked.iter().for_each(|asked| found(stranger(asked, around)));
    configuration(&around.rules).into_iter().for_each(&mut *found);
    readable(around).into_iter().for_each(&mut *found);
    library(around).into_iter().for_each(&mut *found);
    running().into_iter().for_each(&mut *found);
}

/// Is there an nscd?
fn sockets(nscd: &Presence) -> Option<Finding> {
    const CHECK: &str = "socket";
    match nscd {
        Presence::Absent => Some(Finding::new(CHECK, State::Good, format!("no nscd: no socket {}", nscd::SOCKET))),
        Presence::Unreachable { reason } => {
            let what = format!("a socket at which nobody listens: {}: {reason}", nscd::SOCKET);
            Some(Finding::new(CHECK, State::Good, what).why("glibc goes on without it"))
        }
        Presence::Present(_) => None,
    }
}

/// Is nscd this machine's own?
fn its_machine(daemon: &Daemon, around: &Surroundings) -> Finding {
    const CHECK: &str = "daemon";
    const WHY: &str = "glibc asks it before /etc/hosts and DNS, and believes its \"no such host\"";
    let program = format!("{} on {}", explain::program(daemon), nscd::SOCKET);
    let about = explain::about(daemon).join("; ");
    if daemon.is_foreign() && daemon.caches_hosts == Some(false) {
        return Finding::new(CHECK, State::Note, format!("{program} is not of this container: {about}"));
    }
    if daemon.is_foreign() {
        let is_countered = around.is_loaded && !around.rules.policy.is_empty();
        if is_countered {
            return Finding::new(CHECK, State::Note, format!("{program} is not of this container: {about}")).why(WHY);
        }
        let what =
            format!("{program} is not of this container: {about}. \"nss-bypass explain NAME\" has the rule for a name");
        return Finding::new(CHECK, State::Trouble, what).why(WHY);
    }
    if daemon.network_namespace == Compared::Unknown {
        let finding =
            Finding::new(CHECK, State::Unknown, format!("{program} may be another machine's: {about}")).why(WHY);
        return finding.fix("sudo nss-bypass doctor");
    }
    if [daemon.resolv_conf, daemon.hosts].contains(&Compared::Different) {
        let what = format!("{program} reads other files than programs here: {about}");
        return Finding::new(CHECK, State::Trouble, what).why(WHY).fix("systemctl restart nscd");
    }
    Finding::new(CHECK, State::Good, format!("{program} is this machine's own: {about}"))
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
        (Some(true), _) => Finding::new(CHECK, State::Note, "its cache of hosts is on, and not shared"),
        (None, Cache::Unreadable { reason }) => {
            Finding::new(CHECK, State::Unknown, format!("its cache cannot be read: {reason}"))
        }
        (None, Cache::NotShared) => {
            Finding::new(CHECK, State::Note, "it shares no cache of hosts: that is off, or not shared, or it is unscd")
        }
    }
}

/// Do users and groups come from another machine, too?
fn users(daemon: &Daemon) -> Option<Finding> {
    if !daemon.is_foreign() {
        return None;
    }
    let shares = |database| nscd::shares(Path::new(nscd::SOCKET), database);
    let what = match (shares(Database::Passwd), shares(Database::Group)) {
        (true, true) => "users and groups come from it, too",
        (true, false) => "users come from it, too",
        (false, true) => "groups come from it, too",
        (false, false) => "users and groups may come from it, too",
    };
    let why = "names of users and groups, and their numbers, are then another machine's; rules are for hosts only";
    Some(Finding::new("users", State::Note, what).why(why))
}

/// Is DNS asked?
fn hosts_line(around: &Surroundings) -> Vec<Finding> {
    const CHECK: &str = "hosts-line";
    let line = match &around.hosts_line {
        Ok(line) => line,
        Err(line) => {
            let what = format!("{PATH}:{} cannot be read", line.0);
            let finding = Finding::new(CHECK, State::Trouble, what).why("glibc reads nothing of it, and finds nothing");
            return vec![with_edit(finding, around)];
        }
    };
    let shown = format!("{}: {}", line.origin(), line.shown());
    let mut findings = Vec::new();
    for module in &around.not_installed {
        let what = format!("{shown}: the module {} is not installed", printable(module));
        findings.push(Finding::new(CHECK, State::Note, what).why("glibc passes it over"));
    }
    let has_others = line.names().any(|name| name != b"files" && name != b"dns");
    findings.push(match line.obstacle(&|module| around.standing(module)) {
        None => Finding::new(CHECK, State::Good, format!("{shown}: DNS is asked")),
        Some(_) if has_others => {
            Finding::new(CHECK, State::Good, format!("{shown}: other modules answer before DNS is asked"))
        }
        Some(DnsObstacle::NotListed) => Finding::new(CHECK, State::Note, format!("{shown}: DNS is not asked"))
            .why("names that only DNS knows are not found"),
        Some(DnsObstacle::EndsBefore(module)) => {
            Finding::new(CHECK, State::Note, format!("{shown}: lookups end with {module}, before DNS"))
                .why("names that only DNS knows are not found")
        }
    });
    findings
}

fn with_edit(finding: Finding, around: &Surroundings) -> Finding {
    match around.edited_line.as_ref().and_then(|line| line.command("")) {
        Some(command) => finding.fix(command),
        None => finding,
    }
}

/// Does a daemon of another machine answer a module of the `hosts` line?
fn stranger(asked: &Asked, around: &Surroundings) -> Finding {
    const CHECK: &str = "resolved";
    let (name, module) = (asked.service.name, printable(&asked.module));
    match &asked.presence {
        Presence::Absent => Finding::new(CHECK, State::Good, format!("{name}, which `{module}` asks, is not here")),
        Presence::Unreachable { reason } => Finding::new(
            CHECK,
            State::Note,
            format!("{name}, which `{module}` asks, does not answer: {}: {reason}", asked.service.socket),
        ),
        Presence::Present(daemon) if asked.stranger().is_some() => {
            let what = format!("{name}'s socket is another machine's: {}", daemon.whereabouts());
            let finding = Finding::new(CHECK, State::Trouble, format!("{what}; `{module}` of the hosts line asks it"));
            with_edit(finding.why("it answers as the other machine does, as a foreign nscd does"), around)
        }
        Presence::Present(daemon) => {
            let state = if asked.is_uncertain() { State::Note } else { State::Good };
            Finding::new(CHECK, state, format!("{name}, which `{module}` asks, is here: {}", daemon.whereabouts()))
        }
    }
}

/// Can every user read what the library and the loader need?
fn readable(around: &Surroundings) -> Vec<Finding> {
    let findings = around.unreadable().into_iter().map(|path| {
        let fix = format!("chmod a+r {}", quoted(&path));
        let finding = Finding::new("configuration", State::Trouble, format!("{path} cannot be read by every user"));
        finding.why("programs of the others go on as if it were not there").fix(fix)
    });
    findings.collect()
}

/// Is the configuration sound?
fn configuration(rules: &Rules) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let faults = rules.faults.iter().map(|fault| {
        Finding::new(CHECK, State::Trouble, explain::in_words(fault)).why("the whole line is left out")
    });
    let mut findings: Vec<Finding> = faults.collect();
    if findings.is_empty() {
        let count = rules.policy.rules().len();
        let what = format!("the configuration is sound: {}", counted(count, "rule", "rules"));
        findings.push(Finding::new(CHECK, State::Good, what));
    }
    if rules.disabled {
        let what = "NSS_BYPASS_DISABLE is set";
        findings.push(Finding::new(CHECK, State::Note, what).why("no rule counts").fix("unset NSS_BYPASS_DISABLE"));
    }
    findings
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Is the library where it should be, is it loaded, and would it be safe to load it everywhere?
fn library(around: &Surroundings) -> Vec<Finding> {
    const CHECK: &str = "library";
    let mut findings = Vec::new();
    for (place, file) in named_libraries() {
        if !Path::new(&file).is_file() {
            let finding = Finding::new(
                CHECK,
                State::Trouble,
                format!("{place} names {}, which is not there", printable(file.as_bytes())),
            );
            findings.push(finding.why("every program that is started complains on its standard error"));
        }
    }
    let in_file = loaded::in_preload_file();
    let is_here = loaded::is_here();
    findings.push(match (is_here, &in_file, around.rules.policy.is_empty()) {
        (true, Some(_), _) => {
            Finding::new(CHECK, State::Good, format!("{} loads the library into every program", loaded::PRELOAD_FILE))
        }
        (true, None, _) => Finding::new(CHECK, State::Good, "LD_PRELOAD loads the library into programs started here"),
        (false, Some(line), _) => {
            Finding::new(CHECK, State::Trouble, format!("{} names {line}, but it is not loaded", loaded::PRELOAD_FILE))
        }
        (false, None, true) => {
            Finding::new(CHECK, State::Note, "the library is not loaded, and there is no rule that needs it")
        }
        (false, None, false) => {
            Finding::new(CHECK, State::Trouble, "there are rules, and programs started here do not load the library")
                .why("rules count in programs that load the library only")
                .fix(fix::preloading())
        }
    });
    match loaded::library() {
        Some(path) => findings.push(safety(&path)),
        None => findings.push(Finding::new("enable", State::Note, format!("{} is not installed", loaded::NAME))),
    }
    findings
}

/// Our library's file, as the loader is told to load it.
fn named_libraries() -> Vec<(&'static str, OsString)> {
    let variable = std::env::var_os("LD_PRELOAD").unwrap_or_default();
    let words = variable
        .as_bytes()
        .split(|byte| matches!(byte, b' ' | b':'))
        .filter(|word| word.ends_with(loaded::NAME.as_bytes()));
    let from_variable = words.map(|word| ("LD_PRELOAD", OsStr::from_bytes(word).to_owned()));
    from_variable.chain(loaded::in_preload_file().map(|word| (loaded::PRELOAD_FILE, word.into()))).collect()
}

/// Would it be safe to name it in ld.so.preload?
fn safety(library: &Path) -> Finding {
    const CHECK: &str = "enable";
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let shown = path_text(library);
    let unsafe_because =
        |what: String| Finding::new(CHECK, State::Note, format!("not safe for {}: {what}", loaded::PRELOAD_FILE));
    let Ok(library) = library.canonicalize() else { return unsafe_because(format!("{shown} cannot be reached")) };
    for part in library.ancestors() {
        let Ok(metadata) = part.metadata() else {
            return unsafe_because(format!("{} cannot be seen", path_text(part)));
        };
        // A folder with the sticky bit keeps others from replacing what is root's.
        let is_sticky = metadata.mode() & 0o1000 != 0 && metadata.is_dir();
        if metadata.uid() != 0 || (metadata.mode() & WRITABLE_BY_OTHERS != 0 && !is_sticky) {
            return unsafe_because(format!("others than root can write {}", path_text(part)))
                .why("every program, root's too, would run what they write there")
                .fix(format!("install -o root -g root -m 644 {} /usr/local/lib/{}", quoted(&shown), loaded::NAME));
        }
    }
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev()).ok();
    if device(&library) != device(Path::new("/")) {
        return unsafe_because(format!("{shown} is not on the root file system"))
            .why("while that is not mounted, every program that is started complains")
            .fix(format!("install -o root -g root -m 644 {} /usr/lib/{}", quoted(&shown), loaded::NAME));
    }
    let others = other_loaders(&library);
    match complaint(&library) {
        Some(complaint) => unsafe_because(format!("it does not load: {complaint}")),
        None if !others.is_empty() => {
            unsafe_because(format!("programs of another libc are here ({})", others.join(", ")))
                .why("every such program that is started would complain")
        }
        None => {
            Finding::new(CHECK, State::Good, format!("it would be safe to name {shown} in {}", loaded::PRELOAD_FILE))
        }
    }
}

/// Loaders that obey the same file and cannot load the library: musl's does not read it, but 32-bit ones do. For that of
/// i386 there may be an empty library.
fn other_loaders(library: &Path) -> Vec<&'static str> {
    const I386: &str = "/lib/ld-linux.so.2";
    const LOADERS: [&str; 3] = [I386, "/libx32/ld-linux-x32.so.2", "/lib/ld-linux-armhf.so.3"];
    let has_empty_one = Tree::new(Path::new("/")).is_ok_and(|tree| spelling::with_token(&tree, library).is_some());
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

/// Which processes have it?
fn running() -> Vec<Finding> {
    const SHOWN: usize = 8;
    let groups = processes::all();
    let is_everywhere = loaded::in_preload_file().is_some();
    let is_nowhere = !is_everywhere && !groups.contains_key(&Standing::Loaded);
    if is_nowhere {
        return vec![Finding::new("processes", State::Note, "no other running process has the library")];
    }
    let findings = groups.iter().map(|(standing, group)| {
        let shown: Vec<&str> = group.programs.iter().take(SHOWN).map(String::as_str).collect();
        let more = if group.programs.len() > SHOWN { ", ..." } else { "" };
        let what = format!(
            "the library and {}: {}: {}{more}",
            counted(group.count, "running process", "running processes"),
            standing.words(),
            shown.join(", ")
        );
        let finding = Finding::new("processes", State::Note, what);
        match standing {
            Standing::NotLoaded if is_everywhere => finding
                .why("they were started before the library was enabled")
                .fix("restart them, where their names matter"),
            _ => finding,
        }
    });
    findings.collect()
}

