//! `nss-bypass status`: where the library is loaded, how, and in which version. It changes nothing and runs no trials.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::install::file::PRELOAD_FILE;
use crate::install::place::Place;
use crate::install::preloaded::{self, InFile, Target, Word};
use crate::install::progress::Progress;
use crate::install::rules::Rules;
use crate::install::spelling::{self, Ours, what_is_at};
use crate::install::tree::Tree;
use crate::install::trouble::{Trouble, end};
use crate::install::verify;
use crate::process::identity::Identity;
use crate::process::scan::{self, Namespaces, Process, Scan};
use crate::ui::exit::Exit;
use crate::ui::lines::say;
use crate::ui::screen::counted;

const HELP: &str = "\
Examples:
  nss-bypass status
  nss-bypass status --json | jq .verdict

The last line shows whether the file of the library can be removed.

Exit status: 0 if the library is enabled, or loaded by LD_PRELOAD, and no
process has another version of it; 1 if it is not enabled or a problem was
found; 3 if it is enabled, but not all processes could be examined.";

/// Show where the library is loaded, how, and in which version
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
}

/// How many processes of a kind are listed; JSON has all of them.
const NAMED: usize = 8;

/// All facts.
#[derive(Debug)]
struct Report {
    file: InFile,
    /// The entries of the file that refer to the library.
    named: Vec<Word>,
    variable: Option<String>,
    /// The entry of LD_PRELOAD that is the library.
    in_variable: Option<Word>,
    rules: Rules,
    processes: Processes,
    troubles: Vec<Trouble>,
    verdict: Verdict,
    removal: Removal,
}

/// The running programs with this root directory.
#[derive(Debug, Default)]
struct Processes {
    with: Vec<LoadedProcess>,
    /// Programs that were started before the file was written.
    earlier: Vec<Process>,
    /// Programs that were started later, but do not have the library.
    without: Vec<Process>,
    /// How many programs could not be examined.
    hidden: usize,
    /// How many programs have another root directory: containers, chroots.
    elsewhere: usize,
}

/// A program that has loaded the library.
#[derive(Debug)]
struct LoadedProcess {
    process: Process,
    loaded: scan::Loaded,
    /// Whether it is another build than the installed one, or cannot be determined to be the same.
    differs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Enabled,
    /// Not in the file, but LD_PRELOAD loads it into programs that are started like this one.
    Environment,
    Disabled,
    Trouble,
    Unknown,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Environment => "environment",
            Self::Disabled => "disabled",
            Self::Trouble => "trouble",
            Self::Unknown => "unknown",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Environment => "enabled by LD_PRELOAD, in programs that are started from here",
            Self::Trouble => "problem found",
            other => other.word(),
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::Enabled | Self::Environment => Exit::Success,
            Self::Disabled | Self::Trouble => Exit::Trouble,
            Self::Unknown => Exit::CannotTell,
        }
    }
}

/// Whether the library's file can be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Removal {
    /// `None` if that could not be determined.
    can: Option<bool>,
    why: String,
}

pub(crate) fn status(arguments: &Status) -> Exit {
    end(
        "status",
        look(&arguments.place).map(|report| {
            if arguments.json {
                crate::ui::output::say(format_args!("{:#}", report.json()));
            } else {
                report.print();
            }
            report.verdict.exit()
        }),
    )
}

fn look(place: &Place) -> Result<Report, Trouble> {
    let tree = place.tree()?;
    let file = InFile::read(&tree).map_err(|error| unreadable(Path::new(PRELOAD_FILE), &error))?;
    let ours = place.ours(&tree);
    let is_ours = |word: &&Word| ours.is(&tree, &word.bytes);
    let named: Vec<Word> = file.words.iter().filter(is_ours).cloned().collect();
    let first = named.iter().find(|word| !matches!(word.target, Target::Empty | Target::Missing));
    let in_variable = preloaded::in_variable(&tree)
        .into_iter()
        .find(|word| !matches!(word.target, Target::Empty | Target::Missing) && is_ours(&word));
    let path = first.or(in_variable.as_ref()).map(|word| word.path.clone());
    let library = path.or_else(|| place.library(&tree));
    let reference = library.as_deref().and_then(|path| what_is_at(&tree, path));
    let processes = processes(&tree, &file, &named, reference.as_ref())?;
    let mut report = Report {
        named,
        variable: std::env::var_os("LD_PRELOAD").map(|list| list.to_string_lossy().into_owned()),
        in_variable,
        rules: Rules::read(&tree),
        removal: Removal { can: None, why: String::new() },
        processes,
        troubles: Vec::new(),
        verdict: Verdict::Unknown,
        file,
    };
    report.troubles = report.troubles(&tree);
    report.verdict = report.judge();
    report.removal = report.removal(&tree, &ours, library);
    Ok(report)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Trouble {
    let why = "without it, the state of the library is unknown";
    Trouble::cannot_tell(
        format!("{}: {error}", path.display()),
        why,
        "run this as root, or correct the cause of the error",
    )
}

/// Returns the running programs by category.
fn processes(tree: &Tree, file: &InFile, named: &[Word], reference: Option<&Identity>) -> Result<Processes, Trouble> {
    let since = file.modified.filter(|_| !named.is_empty());
    let mut progress = Progress::new();
    let known: Vec<Identity> = reference.cloned().into_iter().collect();
    let Scan { processes, hidden } = scan::scan(&known, || progress.show("examining processes"))
        .map_err(|error| unreadable(Path::new("/proc"), &error))?;
    let root = tree.identity().map_err(|error| unreadable(tree.root(), &error))?;
    let mut found = Processes { hidden: hidden.len(), ..Processes::default() };
    for process in processes {
        if process.root != root {
            found.elsewhere += 1;
            continue;
        }
        match process.library.clone() {
            Some(loaded) => {
                let differs = !reference.is_some_and(|reference| reference.is_same_build(&loaded.identity));
                found.with.push(LoadedProcess { process, loaded, differs });
            }
            None if since.zip(process.started).is_some_and(|(file, process)| process <= file) => {
                found.earlier.push(process);
            }
            None => found.without.push(process),
        }
    }
    Ok(found)
}

/// Returns the names of some processes, and how many more there are.
fn names<'a>(processes: impl Iterator<Item = &'a Process>) -> String {
    let all: Vec<String> = processes.map(|process| format!("{} {}", process.name, process.pid)).collect();
    let shown = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > NAMED { format!("{shown} and {} more", all.len() - NAMED) } else { shown }
}

/// Returns the problems with an entry of the file that refers to the library.
fn faults_of(tree: &Tree, word: &Word) -> Vec<Trouble> {
    match word.target {
        Target::Missing => vec![Trouble::new(
            format!("{} is named in {PRELOAD_FILE}, but does not exist", word.text()),
            "every program prints a warning when it is started",
            "restore the library, or run \"nss-bypass disable\"",
        )],
        Target::Empty => vec![Trouble::new(
            format!("{} is the empty library for 32-bit programs", word.text()),
            "other programs cannot load it, and print a warning",
            "run \"nss-bypass disable\", then \"nss-bypass enable\"",
        )],
        Target::Library(_) | Target::Other(_) => {
            let files = spelling::files(tree, &word.bytes).into_iter().filter(|path| path.is_absolute());
            files.filter_map(|path| verify(tree, &path).err()).collect()
        }
    }
}

impl Report {
    fn troubles(&self, tree: &Tree) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = self.named.iter().flat_map(|word| faults_of(tree, word)).collect();
        if self.named.len() > 1 {
            troubles.push(Trouble::new(
                format!("{PRELOAD_FILE} names the library {} times", self.named.len()),
                "only the first entry has an effect",
                "run \"nss-bypass disable\", then \"nss-bypass enable\"",
            ));
        }
        let differing = || {
            self.processes
                .with
                .iter()
                .filter(|loaded_process| loaded_process.differs)
                .map(|loaded_process| &loaded_process.process)
        };
        let count = differing().count();
        if count > 0 {
            troubles.push(Trouble::new(
                format!("{} another version of the library", counted(count, "process has", "processes have")),
                "they use that version until they exit",
                format!("restart them: {}", names(differing())),
            ));
        }
        troubles.extend(self.file.late_comment());
        if !self.named.is_empty() {
            let why = verify::PRELOAD_IS_FOR_ALL;
            troubles.extend(verify::is_for_all(tree, Path::new(PRELOAD_FILE), why).err());
        }
        troubles.extend(self.rules.private.clone());
        troubles
    }

    fn judge(&self) -> Verdict {
        if !self.troubles.is_empty() {
            Verdict::Trouble
        } else if self.named.is_empty() {
            if self.in_variable.is_some() { Verdict::Environment } else { Verdict::Disabled }
        } else if self.processes.hidden > 0 {
            Verdict::Unknown
        } else {
            Verdict::Enabled
        }
    }

    /// A file that programs have mapped can be removed: they keep the mapping. One that is named cannot, since every
    /// program that starts would then print a warning.
    fn removal(&self, tree: &Tree, ours: &Ours, library: Option<PathBuf>) -> Removal {
        let new = |can, why: String| Removal { can, why };
        let Some(library) = library.filter(|library| tree.metadata(library).is_ok()) else {
            return new(Some(true), "the library file does not exist".to_owned());
        };
        let shown = library.display();
        if !self.named.is_empty() {
            return new(Some(false), format!("no, {PRELOAD_FILE} names it: run \"nss-bypass disable\" first"));
        }
        let hands_it_on = |loaded_process: &&LoadedProcess| {
            let list = loaded_process.loaded.variable.as_deref().unwrap_or_default();
            list.split(|byte| b" :".contains(byte)).any(|word| !word.is_empty() && ours.is(tree, word))
        };
        let by_variable =
            || self.processes.with.iter().filter(hands_it_on).map(|loaded_process| &loaded_process.process);
        let number = by_variable().count();
        if number > 0 {
            let processes = counted(number, "process was", "processes were");
            let why = format!(
                "no, {processes} started with LD_PRELOAD, and programs that they start would print a warning: "
            );
            return new(Some(false), why + &names(by_variable()));
        }
        if self.in_variable.is_some() {
            return new(Some(false), "no, LD_PRELOAD names it here: unset that variable first".to_owned());
        }
        if self.processes.hidden > 0 {
            let hidden = counted(self.processes.hidden, "process", "processes");
            return new(None, format!("unknown: {hidden} could not be examined: {}", scan::why_hidden()));
        }
        let keep = match self.processes.with.len() {
            0 => "no process has loaded it".to_owned(),
            number => format!("{} it in memory until exit", counted(number, "process keeps", "processes keep")),
        };
        new(Some(true), format!("yes, {shown} can be removed: {keep}"))
    }

    fn print(&self) {
        self.print_file();
        match (&self.variable, &self.in_variable) {
            (None, _) => say("Environment: LD_PRELOAD is not set"),
            (Some(list), Some(_)) => say(format_args!("Environment: LD_PRELOAD names the library: {list}")),
            (Some(list), None) => say(format_args!("Environment: LD_PRELOAD does not name the library: {list}")),
        }
        let rules = match &self.rules.content {
            Ok((count, faults)) => {
                let faults = if faults.is_empty() { "" } else { ", with errors (see nss-bypass check)" };
                format!("{}{faults}", counted(*count, "rule", "rules"))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "does not exist, so there are no rules".to_owned()
            }
            Err(error) => format!("cannot be read: {error}"),
        };
        say(format_args!("Rules:       {}: {rules}", self.rules.path.display()));
        self.print_processes();
        for trouble in &self.troubles {
            say(format_args!("Problem:     {trouble}"));
        }
        say(format_args!("Verdict:     {}", self.verdict.sentence()));
        say(format_args!("Removable:   {}", self.removal.why));
    }

    fn print_file(&self) {
        let path = self.file.path.display();
        if self.named.is_empty() {
            let what = if self.file.old.is_some() { "does not name the library" } else { "does not exist" };
            say(format_args!("File:        {path} {what}"));
        }
        for word in &self.named {
            let build = build_of(word).unwrap_or("unknown");
            let line = word.line.unwrap_or_default();
            say(format_args!("File:        {path}, line {line}: {}, build {build}", word.text()));
        }
    }

    fn print_processes(&self) {
        let processes = &self.processes;
        let same = processes
            .with
            .iter()
            .filter(|loaded_process| !loaded_process.differs)
            .map(|loaded_process| &loaded_process.process);
        let list = |count: usize, what: &str, names: String| {
            if count > 0 {
                say(format_args!("Processes:   {count} {what}{}{names}", if names.is_empty() { "" } else { ": " }));
            }
        };
        say(format_args!("Processes:   {} have the library", processes.with.len()));
        list(same.clone().count(), "in this version", names(same));
        for LoadedProcess { process, loaded, differs } in &processes.with {
            let version = if *differs { "another version" } else { "the same version" };
            let deleted = if loaded.deleted { ", whose file was deleted or replaced" } else { "" };
            if loaded.deleted || *differs {
                let path = loaded.path.display();
                say(format_args!("             {} {}: {version}, {path}{deleted}", process.name, process.pid));
            }
        }
        if !self.named.is_empty() {
            list(
                processes.earlier.len(),
                "without the library, started before it was enabled",
                names(processes.earlier.iter()),
            );
            let why = "without the library, although started later (static, musl, 32-bit or in another root directory)";
            list(processes.without.len(), why, names(processes.without.iter()));
        }
        list(processes.hidden, &format!("could not be examined: {}", scan::why_hidden()), String::new());
        list(processes.elsewhere, "in another root directory (containers), not counted", String::new());
    }

    fn json(&self) -> Value {
        let list = |processes: &[Process]| -> Value {
            let one = |process: &Process| json!({"pid": process.pid, "name": process.name, "libc": process.libc});
            processes.iter().map(one).collect()
        };
        let network = Namespaces::own().network;
        let with = |loaded_process: &LoadedProcess| {
            json!({
                "pid": loaded_process.process.pid,
                "name": loaded_process.process.name,
                "path": loaded_process.loaded.path.to_string_lossy(),
                "deleted": loaded_process.loaded.deleted,
                "build": loaded_process.loaded.identity.build,
                "differs": loaded_process.differs,
                "executable": loaded_process.process.executable.as_ref().map(|path| path.to_string_lossy()),
                "secure": loaded_process.process.is_secure,
                "c_ares": loaded_process.process.has_c_ares,
                "same_network": loaded_process.process.namespaces.network.zip(network).map(|(its, own)| its == own),
            })
        };
        let named = |word: &Word| json!({"line": word.line, "word": word.text(), "build": build_of(word)});
        json!({
            "verdict": self.verdict.word(),
            "changed": false,
            "file": {
                "path": self.file.path.to_string_lossy(),
                "present": self.file.old.is_some(),
                "named": self.named.iter().map(named).collect::<Value>(),
            },
            "environment": {"LD_PRELOAD": self.variable, "named": self.in_variable.is_some()},
            "rules": {
                "path": self.rules.path.to_string_lossy(),
                "count": self.rules.count(),
                "faults": self.rules.faults().iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
            "processes": {
                "with": self.processes.with.iter().map(with).collect::<Value>(),
                "earlier": list(&self.processes.earlier),
                "without": list(&self.processes.without),
                "unseen": self.processes.hidden,
                "elsewhere": self.processes.elsewhere,
            },
            "versions_differ": self.processes.with.iter().any(|loaded_process| loaded_process.differs),
            "removable": self.removal.can,
            "troubles": self.troubles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

fn build_of(word: &Word) -> Option<&str> {
    match &word.target {
        Target::Library(identity) | Target::Other(Some(identity)) => identity.build.as_deref(),
        Target::Other(None) | Target::Empty | Target::Missing => None,
    }
}
