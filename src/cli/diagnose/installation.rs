//! The checks of `doctor` that concern the installation: the library, how it is loaded, and which processes have loaded
//! it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::diagnose::daemon::path_text;
use crate::diagnose::facts::Loading;
use crate::diagnose::finding::{Finding, State};
use crate::diagnose::fix;
use crate::diagnose::glibc;
use crate::diagnose::surroundings::Surroundings;
use crate::install::file::PRELOAD_FILE;
use crate::install::library::NAME;
use crate::install::preloaded::{Target, Word};
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::install::verify::{verify, verify_access};
use crate::install::{place, spelling};
use crate::process::elf::Go;
use crate::process::scan::{self, Libc, Process};
use crate::ui::output;
use crate::ui::screen::{counted, printable};

/// Checks whether the library is in place, whether it is loaded, and whether it would be safe to load it into every
/// program.
pub(crate) fn library(around: &Surroundings) -> Vec<Finding> {
    const CHECK: &str = "library";
    let here = &around.here;
    let mut findings: Vec<Finding> = here.words().filter_map(|(place, word)| missing(place, word)).collect();
    if let Err(error) = &here.file {
        let what = format!("cannot read {PRELOAD_FILE}: {}", output::reason(error));
        findings.push(Finding::new(CHECK, State::Unknown, what));
    }
    let how = match (here.in_file(), here.in_variable()) {
        (Some(word), _) => format!("{PRELOAD_FILE} loads the library into every program, as {}", word.text()),
        (None, Some(word)) => {
            format!("LD_PRELOAD loads the library into programs started here, as {}", word.text())
        }
        (None, None) => "the library is loaded in this process; how is unknown".to_owned(),
    };
    let is_here = here.loaded.is_some();
    let needs_none = around.rules.policy.is_empty() && around.rules.count_for_others() == 0;
    findings.push(match (around.is_loaded, here.in_file(), needs_none) {
        (true, ..) if !is_here => {
            Finding::new(CHECK, State::Good, format!("the library is loaded in {}", around.place))
        }
        (true, ..) => Finding::new(CHECK, State::Good, how),
        (false, Some(word), _) => {
            let what = format!("{PRELOAD_FILE} names {}, but it is not loaded", word.text());
            Finding::new(CHECK, State::Trouble, what)
        }
        (false, None, true) => Finding::new(CHECK, State::Note, "the library is not loaded, and no rule needs it"),
        (false, None, false) => {
            let what = format!("there are rules, but {} do not load the library", around.place);
            let finding =
                Finding::new(CHECK, State::Trouble, what).why("rules apply only in programs that load the library");
            // The libraries of a running process do not change.
            if around.is_about_process { finding } else { finding.fix(fix::preloading()) }
        }
    });
    if let Ok(tree) = Tree::new(Path::new("/")) {
        findings
            .extend(around.unreadable().into_iter().map(|(_, trouble)| from_trouble(CHECK, State::Trouble, trouble)));
        let named = here.in_file().map(|word| word.path.clone()).or_else(|| place::usual(&tree));
        findings.push(match named {
            Some(path) => safety(&tree, &path, around),
            None => Finding::new("enable", State::Note, format!("{NAME} is not installed")),
        });
    }
    findings
}

/// Returns a finding if the entry refers to a library that does not exist.
fn missing(place: &str, word: &Word) -> Option<Finding> {
    if word.target != Target::Missing || !word.means_library() {
        return None;
    }
    let what = format!("{place} names {}, which does not exist", word.text());
    let finding = Finding::new("library", State::Trouble, what);
    Some(finding.why("every program prints a warning when it is started"))
}

fn from_trouble(check: &'static str, state: State, trouble: Trouble) -> Finding {
    let mut finding = Finding::new(check, state, trouble.what);
    finding.why = Some(trouble.why.into());
    finding.fix = trouble.commands;
    finding
}

/// Checks whether it is, or would be, safe to name the library in ld.so.preload.
fn safety(tree: &Tree, library: &Path, around: &Surroundings) -> Finding {
    const CHECK: &str = "enable";
    let unsafe_because =
        |what: String| Finding::new(CHECK, State::Note, format!("not safe for {PRELOAD_FILE}: {what}"));
    if let Err(trouble) = verify(tree, library) {
        let is_enabled = around.here.in_file().is_some();
        // The mounts of a container exist before its programs start, so the location of the library is not a problem in
        // itself.
        let is_trouble = is_enabled && verify_access(tree, library).is_err();
        let state = if is_trouble { State::Trouble } else { State::Note };
        let mut finding = from_trouble(CHECK, state, around.for_shell(trouble));
        finding.what = format!("not safe for {PRELOAD_FILE}: {}", finding.what);
        return finding;
    }
    let others = other_loaders(tree, library);
    match loader_warning(library) {
        Some(warning) => unsafe_because(format!("it does not load: {warning}")),
        None if !others.is_empty() => {
            unsafe_because(format!("there are programs with another libc ({})", others.join(", ")))
                .why("every such program would print a warning when it is started")
        }
        None => {
            let what = format!("{} can safely be named in {PRELOAD_FILE}", path_text(library));
            Finding::new(CHECK, State::Good, what)
        }
    }
}

/// Returns the dynamic linkers that read the same file and cannot load the library: musl's does not read it, but 32-bit
/// ones do. For those of i386 and armhf, there may be an empty library.
fn other_loaders(tree: &Tree, library: &Path) -> Vec<&'static str> {
    const X32: &str = "/libx32/ld-linux-x32.so.2";
    const LOADERS: [&str; 3] = ["/lib/ld-linux.so.2", X32, "/lib/ld-linux-armhf.so.3"];
    let has_empty_one = spelling::with_token(tree, library).is_some();
    let loaders = LOADERS.into_iter().filter(|loader| *loader == X32 || !has_empty_one);
    loaders.filter(|loader| Path::new(loader).exists()).collect()
}

/// Returns the dynamic linker's warning about the library.
fn loader_warning(library: &Path) -> Option<String> {
    let mut command = Command::new("/proc/self/exe");
    command.arg("--version").env("LD_PRELOAD", library).stdin(Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() && output.stderr.is_empty() => None,
        Ok(output) => Some(printable(output.stderr.trim_ascii())),
        Err(error) => Some(output::reason(&error)),
    }
}

/// Describes whether the library can work in a process.
fn standing(process: &Process) -> &'static str {
    match (&process.library, process.libc, process.go) {
        (Some(_), ..) => "loaded",
        (None, _, Some(Go::Alone)) => "not possible (Go without libc)",
        (None, Libc::Glibc, _) => NOT_LOADED,
        (None, Libc::Musl, _) => "not possible (musl)",
        (None, Libc::None, _) => "not possible (static)",
    }
}

const NOT_LOADED: &str = "not loaded at start";

/// Checks which processes have loaded the library.
pub(crate) fn running(around: &Surroundings) -> Vec<Finding> {
    const CHECK: &str = "processes";
    const SHOWN: usize = 8;
    let scan = scan::scan(&[], || ()).unwrap_or_default();
    let is_everywhere = around.here.in_file().is_some();
    if !is_everywhere && scan.processes.iter().all(|process| process.library.is_none()) {
        return vec![Finding::new(CHECK, State::Note, "no other running process has the library")];
    }
    let mut findings: Vec<Finding> = other_versions(around, &scan.processes).into_iter().collect();
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
    findings.extend(groups.iter().map(|(standing, (count, names))| {
        let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
        let more = if names.len() > SHOWN { ", ..." } else { "" };
        let what = format!(
            "the library in {}: {standing}: {}{more}",
            counted(*count, "running process", "running processes"),
            shown.join(", ")
        );
        let finding = Finding::new(CHECK, State::Note, what);
        if *standing == NOT_LOADED && is_everywhere {
            return finding.why("they were started before the library was enabled; restart those that need it");
        }
        finding
    }));
    findings
}

/// Checks whether processes with this root directory have another build of the library than the installed one.
fn other_versions(around: &Surroundings, processes: &[Process]) -> Option<Finding> {
    let tree = Tree::new(Path::new("/")).ok()?;
    let root = tree.identity().ok()?;
    let word = around.here.in_file().or(around.here.in_variable());
    let installed = || place::usual(&tree).and_then(|path| spelling::what_is_at(&tree, &path));
    let installed = word.and_then(Word::library).cloned().or_else(installed)?;
    let differs = |process: &&Process| {
        let loaded = process.library.as_ref().filter(|_| process.root == root);
        loaded.is_some_and(|loaded| !loaded.identity.is_same_build(&installed))
    };
    let names: Vec<String> =
        processes.iter().filter(differs).map(|process| format!("{} {}", process.name, process.pid)).collect();
    let count = counted(names.len(), "process has", "processes have");
    let what = format!("{count} another version of the library: {}", names.join(", "));
    let finding = Finding::new("processes", State::Trouble, what).why("they use that version until they exit");
    (!names.is_empty()).then_some(finding)
}

/// Checks whether lookups reach the library if it is loaded. No name server is queried.
pub(crate) fn reach(around: &Surroundings) -> Option<Finding> {
    const CHECK: &str = "library";
    around.here.loaded.as_ref()?;
    let what = match around.loading(glibc::reaches_library(b"localhost")) {
        Loading::TakenBy(other) => {
            format!(
                "{other}, which is loaded before the library, overrides libc's functions: lookups do not reach the \
                 library"
            )
        }
        Loading::SeesNothing => "the library is loaded, but lookups do not reach it".to_owned(),
        Loading::Works | Loading::NotLoaded => return None,
    };
    Some(Finding::new(CHECK, State::Trouble, what).why("no rules apply").fix(fix::preloading_first()))
}
