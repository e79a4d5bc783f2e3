//! `nss-bypass status`: where the library is loaded, by which way and in which version. Nothing is changed or tried.

use std::env;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};

use crate::install::library;
use crate::install::processes::{self, Process, Processes, Reference};
use crate::install::progress::Progress;
use crate::install::tree::Tree;
use crate::install::{PRELOAD_FILE, Place, Trouble, end, file, path_of, replace, spelling, warn_of_comments};
use crate::ui::exit::Exit;
use crate::ui::output::say;

const HELP: &str = "\
Examples:
  nss-bypass status
  nss-bypass status --json | jq .verdict

The status is 0 where it is enabled and every process that has it has this
version, 1 where it is not enabled or there is trouble, and 3 where it is
enabled, but not every process could be looked at.";

/// Says where the library is loaded, by which way, and in which version.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,
    /// Print JSON: ARCHITECTURE.md, section 11, says what is in it
    #[arg(long)]
    json: bool,
}

/// So many processes of a kind are named; JSON has them all.
const NAMED: usize = 8;

/// A word of the file that is ours.
#[derive(Debug)]
struct Named {
    line: usize,
    word: String,
    build: Option<String>,
}

/// All that is known.
#[derive(Debug)]
struct Report {
    path: String,
    present: bool,
    named: Vec<Named>,
    variable: Option<String>,
    variable_has_it: bool,
    processes: Processes,
    troubles: Vec<String>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Enabled,
    Disabled,
    Trouble,
    Unknown,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Trouble => "trouble",
            Self::Unknown => "unknown",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::Enabled => Exit::Success,
            Self::Disabled | Self::Trouble => Exit::Trouble,
            Self::Unknown => Exit::CannotTell,
        }
    }
}

pub(crate) fn status(arguments: &Status) -> Exit {
    end(
        "status",
        look(&arguments.place).map(|report| {
            if arguments.json {
                say(format_args!("{:#}", report.json()));
            } else {
                report.print();
            }
            report.verdict.exit()
        }),
    )
}

fn look(place: &Place) -> Result<Report, Trouble> {
    let tree = place.tree()?;
    let path = Path::new(PRELOAD_FILE);
    let trail = tree.follow(path).map_err(|error| unreadable(path, &error))?;
    let on_disk = tree.outside(&trail.end);
    let old = replace::read(&on_disk).map_err(|error| unreadable(&on_disk, &error))?;
    let bytes = old.as_ref().map_or(&[][..], |old| &old.bytes);
    let ours = place.ours(&tree);
    let entries: Vec<_> = file::entries(bytes).into_iter().filter(|entry| ours.is(&tree, entry.word(bytes))).collect();
    let first = entries.first().and_then(|entry| library_at(&tree, entry.word(bytes)));
    let reference = first.or_else(|| Reference::of(&tree, &place.library(&tree)?));
    let named: Vec<Named> = entries.iter().map(|entry| Named::new(&tree, bytes, entry)).collect();
    let since = written(&on_disk).filter(|_| !named.is_empty());
    let mut progress = Progress::new();
    let processes = processes::look(&tree, reference.as_ref(), since, || progress.show("looking at the processes"))
        .map_err(|error| unreadable(Path::new("/proc"), &error))?;
    let variable = env::var_os("LD_PRELOAD");
    let has_it = variable.as_ref().is_some_and(|list| {
        list.as_bytes().split(|byte| b" :".contains(byte)).any(|word| !word.is_empty() && ours.is(&tree, word))
    });
    let troubles = troubles(&tree, bytes, &entries, &processes);
    let mut report = Report {
        path: on_disk.display().to_string(),
        present: old.is_some(),
        named,
        variable: variable.map(|list| list.to_string_lossy().into_owned()),
        variable_has_it: has_it,
        processes,
        troubles,
        verdict: Verdict::Unknown,
    };
    report.verdict = report.judge();
    Ok(report)
}

impl Named {
    fn new(tree: &Tree, bytes: &[u8], entry: &file::Entry) -> Self {
        Self {
            line: bytes.iter().take(entry.range.start).filter(|byte| **byte == b'\n').count() + 1,
            word: String::from_utf8_lossy(entry.word(bytes)).into_owned(),
            build: library_at(tree, entry.word(bytes)).and_then(|library| library.build),
        }
    }
}

fn library_at(tree: &Tree, word: &[u8]) -> Option<Reference> {
    let mut paths = spelling::spelled_out(word).into_iter().filter(|path| !library::is_empty_one(path));
    paths.find_map(|path| Reference::of(tree, &path))
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Trouble {
    let why = "what is loaded into programs cannot be said without it";
    Trouble::cannot_tell(format!("{}: {error}", path.display()), why, "see what is there, or run this as root")
}

fn troubles(tree: &Tree, bytes: &[u8], entries: &[file::Entry], processes: &Processes) -> Vec<String> {
    let mut troubles = Vec::new();
    for word in entries.iter().map(|entry| entry.word(bytes)) {
        let shown = path_of(word).display().to_string();
        if library_at(tree, word).is_none() {
            troubles.push(format!(
                "{shown} is named in {PRELOAD_FILE} and is not there\n  why it matters: every program that starts \
                 complains about it\n  what would mend it: put the library back, or run \"nss-bypass disable\""
            ));
            continue;
        }
        for path in spelling::files(tree, &path_of(word)) {
            let safe = tree
                .follow(&path)
                .map(|trail| tree.check_owned(&path, &trail).and_then(|()| tree.check_readable(&path, &trail)));
            troubles.extend(safe.ok().and_then(Result::err).map(|trouble| trouble.to_string()));
        }
    }
    if entries.len() > 1 {
        troubles.push(format!(
            "{PRELOAD_FILE} names the library {} times\n  why it matters: only the first one answers\n  what would mend \
             it: run \"nss-bypass disable\", then \"nss-bypass enable\"",
            entries.len()
        ));
    }
    let differ = processes.with.iter().filter(|(_, loaded)| loaded.differs).count();
    if differ > 0 {
        troubles.push(format!(
            "{differ} processes have another version of the library\n  why it matters: they answer by that version until \
             they end\n  what would mend it: start them again: {}",
            names(processes.with.iter().filter(|(_, loaded)| loaded.differs).map(|(process, _)| process))
        ));
    }
    troubles.extend(warn_of_comments(bytes));
    troubles
}

/// Some processes by name, and how many more there are.
fn names<'a>(processes: impl Iterator<Item = &'a Process>) -> String {
    let all: Vec<String> = processes.map(|process| format!("{} {}", process.name, process.id)).collect();
    let shown = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > NAMED { format!("{shown} and {} more", all.len() - NAMED) } else { shown }
}

impl Report {
    fn judge(&self) -> Verdict {
        if !self.troubles.is_empty() {
            Verdict::Trouble
        } else if self.named.is_empty() {
            Verdict::Disabled
        } else if self.processes.unseen > 0 {
            Verdict::Unknown
        } else {
            Verdict::Enabled
        }
    }

    fn print(&self) {
        self.print_file();
        match &self.variable {
            None => say(format_args!("Environment: LD_PRELOAD is not set")),
            Some(list) if self.variable_has_it => {
                say(format_args!("Environment: LD_PRELOAD names the library: {list}"))
            }
            Some(list) => say(format_args!("Environment: LD_PRELOAD does not name the library: {list}")),
        }
        self.print_processes();
        for trouble in &self.troubles {
            say(format_args!("Trouble:     {trouble}"));
        }
        say(format_args!("Verdict:     {}", self.verdict.word()));
    }

    fn print_file(&self) {
        if self.named.is_empty() {
            let what = if self.present { "does not name the library" } else { "is not there" };
            say(format_args!("File:        {} {what}", self.path));
        }
        for named in &self.named {
            let build = named.build.as_deref().unwrap_or("unknown");
            say(format_args!("File:        {}, line {}: {}, build {build}", self.path, named.line, named.word));
        }
    }

    fn print_processes(&self) {
        let processes = &self.processes;
        let same = processes.with.iter().filter(|(_, loaded)| !loaded.differs).map(|(process, _)| process);
        let list = |count: usize, what: &str, names: String| {
            if count > 0 {
                say(format_args!("Processes:   {count} {what}{}{names}", if names.is_empty() { "" } else { ": " }));
            }
        };
        say(format_args!("Processes:   {} have the library", processes.with.len()));
        list(same.clone().count(), "in this version", names(same));
        for (process, loaded) in processes.with.iter().filter(|(_, loaded)| loaded.deleted || loaded.differs) {
            let version = if loaded.differs { "another version" } else { "the same version" };
            let deleted = if loaded.deleted { ", whose file was deleted or replaced" } else { "" };
            say(format_args!(
                "             {} {}: {version}, {}{deleted}",
                process.name,
                process.id,
                loaded.path.display()
            ));
        }
        if !self.named.is_empty() {
            list(processes.earlier.len(), "started before, without it", names(processes.earlier.iter()));
            let why = "without it, though started later (static, musl, 32 bits, another root's file)";
            list(processes.without.len(), why, names(processes.without.iter()));
        }
        let unseen = if rustix::process::geteuid().is_root() {
            "could not be looked at"
        } else {
            "could not be looked at; root can"
        };
        list(processes.unseen, unseen, String::new());
        list(processes.elsewhere, "have another root (containers) and were left out", String::new());
    }

    fn json(&self) -> Value {
        let list = |processes: &[Process]| -> Value {
            processes.iter().map(|process| json!({"pid": process.id, "name": process.name})).collect()
        };
        let with: Value = self
            .processes
            .with
            .iter()
            .map(|(process, loaded)| {
                json!({
                    "pid": process.id,
                    "name": process.name,
                    "path": loaded.path.to_string_lossy(),
                    "deleted": loaded.deleted,
                    "build": loaded.build,
                    "differs": loaded.differs,
                })
            })
            .collect();
        let named: Value = self
            .named
            .iter()
            .map(|named| {
                json!({
                    "line": named.line, "word": named.word, "build": named.build,
                })
            })
            .collect();
        json!({
            "verdict": self.verdict.word(),
            "file": {"path": self.path, "present": self.present, "named": named},
            "environment": {"LD_PRELOAD": self.variable, "named": self.variable_has_it},
            "processes": {
                "with": with,
                "earlier": list(&self.processes.earlier),
                "without": list(&self.processes.without),
                "unseen": self.processes.unseen,
                "elsewhere": self.processes.elsewhere,
            },
            "versions_differ": self.processes.with.iter().any(|(_, loaded)| loaded.differs),
            "troubles": self.troubles,
        })
    }
}
