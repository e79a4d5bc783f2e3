//! Files, programs and interfaces that rules name, and that this system does not have.

use std::ffi::{CStr, OsStr};
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nss_bypass_core::rules::pattern::{glob, has_wildcard};
use nss_bypass_core::rules::programs::Program;
use nss_bypass_core::rules::rule::Hosts;
use nss_bypass_core::rules::trust::{self, CONFIGURATION};
use nss_bypass_core::settings::log;
use nss_bypass_core::sys::file;
use nss_bypass_core::sys::socket::interface_index;

use crate::lint::finding::{Finding, Severity};
use crate::lint::options::interface;
use crate::lint::source::{Line, Place, Source};
use crate::ui::output;

/// The maximum number of paths to check for one program: `/*/*/*` matches very many.
const MOST_PATHS: usize = 10_000;

/// Returns all findings about a source. `search` are the directories of PATH.
pub(crate) fn findings(source: &Source, search: &[PathBuf]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = log_directory(source).into_iter().collect();
    for line in source.lines() {
        findings.extend(hosts_file(source, &line));
        findings.extend(interfaces(&line));
        let programs = line.rule.programs().iter().zip(line.values("for"));
        findings.extend(programs.filter_map(|(program, word)| {
            let (severity, code, message) = idle_program(program, search)?;
            Some(line.finding(Some(word), severity, code, message))
        }));
    }
    findings
}

/// Checks whether a file of `hosts` can be read, also by privileged programs.
fn hosts_file(source: &Source, line: &Line<'_>) -> Option<Finding> {
    let Hosts::File(path) = &line.rule.answering().hosts else { return None };
    let shown = path.to_string_lossy();
    let finding = |severity, code, message| Some(line.finding(line.values("hosts").first(), severity, code, message));
    match file::read(path) {
        Ok(content) if is_link(path) || !trust::is_trusted(path, content.ownership) => {
            // They follow rules of the configuration in /etc only.
            let is_followed = source.name.as_bytes() == CONFIGURATION.to_bytes();
            let severity = if is_followed { Severity::Warning } else { Severity::Note };
            let why = if is_link(path) {
                "it is a symbolic link"
            } else {
                "users other than root can write to it or to a directory of its path"
            };
            let message = format!("programs with set-user-ID or file capabilities treat {shown} as empty: {why}");
            finding(severity, "untrusted", message)
        }
        Ok(_) => None,
        Err(error) if error.0 == libc::ENOENT => {
            finding(Severity::Warning, "missing", format!("{shown} does not exist: it is treated as empty"))
        }
        Err(error) => {
            let message = format!("{shown} is treated as empty: {}", output::refusal(error.0));
            finding(Severity::Warning, "unreadable", message)
        }
    }
}

fn is_link(path: &CStr) -> bool {
    Path::new(OsStr::from_bytes(path.to_bytes())).symlink_metadata().is_ok_and(|status| status.is_symlink())
}

/// Checks whether the interfaces of name servers exist.
fn interfaces(line: &Line<'_>) -> Vec<Finding> {
    let is_named = |name: &[u8]| line.rule.answering().via.interfaces().any(|other| other.to_bytes() == name);
    let servers = line.values("via").iter().filter_map(|word| Some((word, interface(word)?)));
    let missing = servers.filter(|(_, name)| is_named(name) && interface_index(name).is_none());
    let findings = missing.map(|(word, name)| {
        let name = name.escape_ascii();
        let message = format!("interface \"{name}\" does not exist: the name server cannot be queried");
        line.finding(Some(word), Severity::Note, "missing", message)
    });
    findings.collect()
}

/// Checks whether the directory of the log exists.
fn log_directory(source: &Source) -> Option<Finding> {
    let log::Place::File(path) = &source.config.log.as_ref()?.place else { return None };
    let directory = Path::new(OsStr::from_bytes(path.to_bytes())).parent()?;
    if directory.is_dir() {
        return None;
    }
    let lines = source.statements("log");
    let (line, words) = lines.last()?;
    let place = Place { line: *line, column: words.get(1)?.column() };
    let message = format!("nothing is logged: directory {} does not exist", directory.display());
    Some(source.finding(place, Severity::Warning, "missing", message))
}

/// Returns why a rule for this program has no effect on this system.
fn idle_program(program: &Program, search: &[PathBuf]) -> Option<(Severity, &'static str, String)> {
    let text = program.as_str();
    let files: Vec<PathBuf> = candidates(text, search)?.into_iter().filter(|path| path.is_file()).collect();
    let Some(first) = files.first() else {
        return Some(match (text.starts_with('/'), has_wildcard(text.as_bytes())) {
            (true, false) => (Severity::Warning, "missing", format!("program {text} does not exist")),
            (true, true) => (Severity::Note, "missing", format!("no program matches {text}")),
            (false, _) => (Severity::Note, "missing", format!("no program \"{text}\" in PATH")),
        });
    };
    let executables: Vec<PathBuf> = files.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let matched: Vec<&PathBuf> =
        executables.iter().filter(|path| program.matches(path.as_os_str().as_bytes())).collect();
    if matched.is_empty() {
        let target = executables.first()?.display();
        let message = format!(
            "the rule does not apply to programs that are started as {}: the executable is {target}; write that path",
            first.display()
        );
        return Some((Severity::Warning, "ineffective", message));
    }
    let script = matched.first().filter(|_| matched.iter().all(|path| is_script(path)))?;
    let script = script.display();
    let message = format!("the rule does not apply to {script}: it is a script, and the executable is its interpreter");
    Some((Severity::Warning, "ineffective", message))
}

/// Returns the files that a value of `for` may refer to; `None` if there are too many.
fn candidates(program: &str, search: &[PathBuf]) -> Option<Vec<PathBuf>> {
    match program.strip_prefix('/') {
        Some(path) => path.split('/').try_fold(vec![PathBuf::from("/")], |found, component| entries(&found, component)),
        None => entries(search, program),
    }
}

fn entries(directories: &[PathBuf], component: &str) -> Option<Vec<PathBuf>> {
    if !has_wildcard(component.as_bytes()) {
        return Some(
            directories.iter().map(|directory| directory.join(component)).filter(|path| path.exists()).collect(),
        );
    }
    let all = directories.iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten().flatten();
    let fitting = all.filter(|entry| glob(component.as_bytes(), entry.file_name().as_bytes(), b'/'));
    let found: Vec<PathBuf> = fitting.map(|entry| entry.path()).take(MOST_PATHS).collect();
    (found.len() < MOST_PATHS).then_some(found)
}

fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}
