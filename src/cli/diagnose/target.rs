//! The target of a verdict: programs that are started from here, one program, or one process, which may be in a
//! container.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::diagnose::daemon::Presence;
use crate::diagnose::enter::{self, Refusal};
use crate::diagnose::facts::{Loading, ProgramFacts, ProgramObstacle, Resolver};
use crate::diagnose::nscd::Cache;
use crate::diagnose::question::{ExamineOptions, Examiner, Question};
use crate::diagnose::surroundings::Surroundings;
use crate::install::library;
use crate::install::place;
use crate::install::preloaded::{Here, InFile};
use crate::install::tree::Tree;
use crate::install::verify;
use crate::process::elf::{self, Go};
use crate::process::libraries::{self, C_ARES};
use crate::process::obstacle::{self, Obstacle};
use crate::process::program::{self, Program};
use crate::process::scan::{self, Libc};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::screen::printable;

/// The options.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Examine lookups of this process, in its container and with its rules
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..), conflicts_with = "program")]
    pid: Option<i32>,
    /// Examine lookups of this program, and whether the library can work in it
    #[arg(long, value_name = "PROGRAM")]
    program: Option<OsString>,
}

/// A process, as examined from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Process {
    program: ProgramFacts,
    has_library: bool,
    /// `/proc/PID/root`, if its root directory differs from that of this process.
    root: String,
    unit: Option<String>,
    /// The path of the library outside of it.
    library: Option<String>,
    /// Its path, as seen by the process.
    executable: Option<String>,
}

/// The target of a verdict.
pub(crate) struct Target {
    program: Option<ProgramFacts>,
    loading: Option<Loading>,
    root: String,
    unit: Option<String>,
    library: Option<String>,
    /// The executable of the program, as in /proc/PID/exe.
    executable: Option<PathBuf>,
}

impl Options {
    /// Enters the target's namespaces. The inner error is an exit code, if another process has done all the work.
    pub(crate) fn enter(&self) -> Result<Result<Target, Exit>, Refusal> {
        if let Some(text) = enter::known() {
            let process = serde_json::from_str(&text).map_err(|error| Refusal::cannot_tell(error.to_string()))?;
            return Ok(Ok(Target::of_process(process)));
        }
        if let Some(pid) = self.pid {
            let process = Process::look(pid)?;
            let text = serde_json::to_string(&process).map_err(|error| Refusal::cannot_tell(error.to_string()))?;
            return Ok(match enter::enter(pid, &text)? {
                enter::Outcome::Done(exit) => Err(exit),
                enter::Outcome::Inside => Ok(Target::of_process(process)),
            });
        }
        match &self.program {
            Some(program) => Ok(Ok(Target::of_program(program)?)),
            None => Ok(Ok(Target {
                program: None,
                loading: None,
                root: String::new(),
                unit: None,
                library: None,
                executable: None,
            })),
        }
    }
}

impl Target {
    fn of_process(process: Process) -> Self {
        let Process { program, has_library, root, unit, library, executable } = process;
        // A program that ignores the rules has loaded the library, but the library answers no lookups there.
        let works = has_library && !program.distrusts_rules();
        let loading = if works { Loading::Works } else { Loading::NotLoaded };
        let executable = executable.map(PathBuf::from);
        Self { program: Some(program), loading: Some(loading), root, unit, library, executable }
    }

    fn of_program(name: &OsStr) -> Result<Self, Refusal> {
        let search = std::env::var_os("PATH");
        let file = program::find(name, search.as_deref()).map_err(|why| Refusal::cannot_tell(why.to_string()))?;
        let program = program::resolve(&file, search.as_deref())
            .map_err(|error| Refusal::cannot_tell(format!("{}: {}", file.display(), output::reason(&error))))?;
        let go_debug = std::env::var_os("GODEBUG");
        let library = library::find(None).map_or_else(|_| program.elf.clone(), |library| library.elf);
        let here = Here::look();
        let is_everywhere = here.in_file().is_some();
        let found =
            obstacle::of_program(&program.path, &program.elf, &library, go_debug.as_deref().map(OsStr::as_bytes));
        let found: Vec<ProgramObstacle> = found.into_iter().map(in_facts).collect();
        let is_privileged = |found: &ProgramObstacle| matches!(found, ProgramObstacle::Privileged(_));
        let tree = Tree::new(Path::new("/")).ok().filter(|_| found.iter().any(is_privileged));
        let distrusts = tree.as_ref().and_then(distrust);
        // Privileges keep out the library, which would not affect c-ares in any case.
        let own_resolver = (found.iter().all(is_privileged) && has_c_ares_only(&program)).then(c_ares);
        let others = found.into_iter().filter(|found| !(is_everywhere && is_privileged(found)));
        let obstacle = own_resolver.into_iter().chain(others).next();
        let obstacle = obstacle.or(distrusts);
        let can_load = matches!(obstacle, None | Some(ProgramObstacle::OwnResolver(Resolver::GoByChoice)));
        let has_library = can_load && (is_everywhere || here.loaded.is_some());
        let shown = format!("{} ({})", printable(name.as_bytes()), program.path.display());
        Ok(Self {
            program: Some(ProgramFacts { name: shown, is_running: false, obstacle }),
            loading: (!has_library).then_some(Loading::NotLoaded),
            root: String::new(),
            unit: None,
            library: None,
            executable: Some(program.path.canonicalize().unwrap_or(program.path)),
        })
    }

    /// Returns the facts that do not depend on a name, for this target.
    pub(crate) fn surroundings(&self) -> Surroundings {
        let program = self.program.as_ref().filter(|program| program.is_running);
        let has_library = |program: &ProgramFacts| self.loading == Some(Loading::Works) || program.distrusts_rules();
        let process = program.map(|program| (program.name.as_str(), has_library(program)));
        Surroundings::look(process, &self.root, self.executable.as_deref())
    }

    /// Returns the examination of a name for this target.
    pub(crate) fn examiner<'a>(
        &'a self,
        around: &'a Surroundings,
        question: &'a Question,
        nscd: &'a Presence,
        cache: Option<&'a Cache>,
        options: ExamineOptions,
    ) -> Examiner<'a> {
        Examiner {
            around,
            question,
            nscd,
            cache,
            options,
            program: self.program.clone(),
            program_loading: self.loading.clone(),
            is_root: rustix::process::geteuid().is_root(),
            root: &self.root,
            unit: self.unit.as_deref(),
            library: self.library.as_deref(),
        }
    }
}

fn c_ares() -> ProgramObstacle {
    ProgramObstacle::OwnResolver(Resolver::CAres)
}

/// Returns whether it is linked against c-ares, and does not call libc's lookup functions itself. Some programs use
/// c-ares for a part of their lookups only.
fn has_c_ares_only(program: &Program) -> bool {
    !program.elf.asks_libc && libraries::wanted_by(&program.path, &program.elf, C_ARES).is_some()
}

/// Returns why privileged programs ignore the rules.
fn distrust(tree: &Tree) -> Option<ProgramObstacle> {
    let trouble = verify::is_roots_alone(tree, Path::new("/etc/nss-bypass.conf")).err()?;
    Some(ProgramObstacle::DistrustsRules { why: trouble.what, commands: trouble.commands })
}

fn in_facts(obstacle: Obstacle) -> ProgramObstacle {
    match &obstacle {
        Obstacle::SetUser | Obstacle::SetGroup | Obstacle::Capabilities => {
            ProgramObstacle::Privileged(obstacle.to_string())
        }
        Obstacle::Static => ProgramObstacle::Static,
        Obstacle::Musl => ProgramObstacle::OwnResolver(Resolver::Musl),
        Obstacle::Go(Go::Alone) => ProgramObstacle::OwnResolver(Resolver::Go),
        Obstacle::Go(_) => ProgramObstacle::OwnResolver(Resolver::GoByChoice),
        Obstacle::OtherLoader(_) | Obstacle::OtherMachine { .. } => ProgramObstacle::Other(obstacle.to_string()),
    }
}

impl Process {
    /// Examines the process from outside.
    fn look(pid: i32) -> Result<Self, Refusal> {
        if !Path::new("/proc/self").exists() {
            return Err(Refusal::cannot_tell("cannot examine processes: /proc is not mounted"));
        }
        let directory = PathBuf::from(format!("/proc/{pid}"));
        let refuse = |error: io::Error| match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::NotFound, _) | (_, Some(libc::ESRCH)) => {
                Refusal::cannot_tell(format!("no such process: {pid}"))
            }
            (io::ErrorKind::PermissionDenied, _) => {
                Refusal::cannot_tell(format!("cannot examine process {pid}: {} required", who_may()))
            }
            _ => Refusal::cannot_tell(format!("process {pid}: {}", output::reason(&error))),
        };
        let process = scan::process(pid.unsigned_abs()).map_err(refuse)?;
        let Some(process) = process else {
            return Err(Refusal::cannot_tell(format!(
                "process {pid} has no program: it has exited, or is a kernel thread"
            )));
        };
        let root = fs::read_link(directory.join("root")).map_err(refuse)?;
        let name = format!("process {pid} ({})", process.name);
        let tree = Tree::of_process(&directory);
        let obstacle = obstacle_of(&directory, &process, &root, &tree);
        Ok(Self {
            program: ProgramFacts { name, is_running: true, obstacle },
            has_library: process.library.is_some(),
            root: if tree.is_whole_machine() { String::new() } else { format!("/proc/{pid}/root") },
            unit: unit_of(&directory),
            library: library::find(None).ok().map(|library| library.path.to_string_lossy().into_owned()),
            executable: process.executable.map(|path| path.to_string_lossy().into_owned()),
        })
    }
}

/// Returns what keeps the library from working in a process.
fn obstacle_of(directory: &Path, process: &scan::Process, root: &Path, tree: &Tree) -> Option<ProgramObstacle> {
    let itself = |resolver| Some(ProgramObstacle::OwnResolver(resolver));
    let elf = elf::read_elf(&directory.join("exe")).ok();
    match (process.libc, process.go) {
        (Libc::Musl, _) => return itself(Resolver::Musl),
        (_, Some(Go::Alone)) => return itself(Resolver::Go),
        (_, Some(Go::Chooses)) if !prefers_libc(directory) => return itself(Resolver::GoByChoice),
        (Libc::None, _) if process.library.is_none() => return Some(ProgramObstacle::Static),
        _ => {}
    }
    // Some programs use c-ares for a part of their lookups only.
    if process.has_c_ares && !elf.is_some_and(|elf| elf.asks_libc) {
        return Some(c_ares());
    }
    if process.library.is_some() {
        return if process.is_secure == Some(true) { distrust(tree) } else { None };
    }
    if InFile::read(tree).is_ok_and(|file| file.library().is_some()) {
        return Some(ProgramObstacle::StartedBefore);
    }
    if process.is_secure == Some(true) {
        let why = "it runs with more privileges than its caller, and ld.so ignores LD_PRELOAD in such programs";
        return Some(ProgramObstacle::Privileged(why.to_owned()));
    }
    let is_elsewhere = root != Path::new("/") && root.is_absolute();
    (is_elsewhere && place::usual(tree).is_none()).then(|| ProgramObstacle::OtherRoot(root.display().to_string()))
}

/// Returns what is required to examine processes of other users.
fn who_may() -> &'static str {
    if rustix::process::geteuid().is_root() { "CAP_SYS_PTRACE is" } else { "root privileges are" }
}

/// Returns whether GODEBUG makes the process use libc.
fn prefers_libc(directory: &Path) -> bool {
    let environment = fs::read(directory.join("environ")).unwrap_or_default();
    let mut variables = environment.split(|&byte| byte == 0);
    obstacle::prefers_libc(variables.find_map(|variable| variable.strip_prefix(b"GODEBUG=")))
}

/// Returns the systemd unit of the process.
fn unit_of(directory: &Path) -> Option<String> {
    let text = fs::read_to_string(directory.join("cgroup")).ok()?;
    let mut units = text.lines().filter_map(|line| line.rsplit('/').next()).filter(|name| name.ends_with(".service"));
    units.next().filter(|name| !name.starts_with("user@")).map(str::to_owned)
}
