//! Trials: programs of the tree are run with the library and without it. They must end in the same way, print the same
//! output, and print nothing to standard error.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Signal};

use crate::install::file::PRELOAD_FILE;
use crate::install::progress::Progress;
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::process::elf;

/// Programs that print little and change nothing; those that do not exist are skipped. The last two are static, on
/// Debian or in general.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("/bin/true", &[]),
    ("/bin/sh", &["-c", ":"]),
    ("/bin/sh", &["-c", "/bin/true && /bin/sh -c :"]),
    ("/bin/bash", &["-c", ":"]),
    ("/bin/ls", &["-d", "/"]),
    ("/usr/bin/env", &["-i", "/bin/true"]),
    ("/usr/bin/id", &["-u"]),
    ("/usr/bin/getent", &["hosts", "localhost"]),
    ("/usr/bin/getent", &["ahosts", "localhost"]),
    ("/usr/bin/perl", &["-e", "1"]),
    ("/bin/mount", &["--version"]),
    ("/sbin/ldconfig", &["--version"]),
    ("/bin/busybox", &["true"]),
    ("/bin/bash-static", &["-c", ":"]),
];

/// The directories of dynamic linkers.
const LOADER_DIRECTORIES: &[&str] = &["/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64"];

/// Longer than any of these programs takes, even if it asks an nscd that hangs: glibc waits for 5 seconds each time.
const MOST_TIME: Duration = Duration::from_secs(15);

/// Trials must not depend on nscd, which may hang, and may be the reason for installing the library: with LOCALDOMAIN
/// set, glibc does not ask nscd about hosts, and with HOME and SHELL set, a shell does not ask it about users.
const ENVIRONMENT: [(&str, &str); 4] =
    [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LOCALDOMAIN", ""), ("HOME", "/"), ("SHELL", "/bin/sh")];

/// How programs are made to load the library.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PreloadMethod {
    /// With LD_PRELOAD, which does not affect other programs.
    Variable,
    /// With the file in its current state.
    File,
}

/// The result of running a program.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// `None` if it did not end.
    status: Option<ExitStatus>,
    output: Vec<u8>,
    errors: Vec<u8>,
}

/// A program, with its result without the library.
#[derive(Debug)]
struct Case {
    label: String,
    program: PathBuf,
    arguments: Vec<String>,
    kind: Kind,
    bare: Outcome,
}

/// What a case tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The program ends in the same way and prints the same output.
    Program,
    /// glibc's dynamic linker lists what it has loaded, including the library.
    Loader,
    /// musl's dynamic linker reads LD_PRELOAD only. Its programs must not be affected by the file.
    Musl,
}

/// With these variables, glibc's dynamic linker loads and relocates everything, reports what is missing, lists it, and
/// starts no program.
const LISTING: &[(&str, &str)] = &[("LD_TRACE_LOADED_OBJECTS", "1"), ("LD_WARN", "yes"), ("LD_BIND_NOW", "yes")];

/// The trials of one tree.
#[derive(Debug)]
pub(crate) struct Trials<'a> {
    tree: &'a Tree,
    cases: Vec<Case>,
}

impl<'a> Trials<'a> {
    /// Finds the programs, and runs them without the library.
    pub(crate) fn prepare(tree: &'a Tree, progress: &mut Progress) -> Result<Self, Trouble> {
        let mut trials = Self { tree, cases: Vec::new() };
        for loader in loaders(tree) {
            trials.add_loader(&loader, progress)?;
        }
        for (program, arguments) in PROGRAMS {
            if tree.metadata(Path::new(program)).is_ok_and(|status| status.is_file()) {
                trials.add(Kind::Program, Path::new(program), arguments, progress)?;
            }
        }
        let lists = trials.cases.iter().any(|case| case.kind == Kind::Loader);
        if !lists || trials.cases.iter().filter(|case| case.kind == Kind::Program).count() < 2 {
            return Err(Trouble::cannot_tell(
                format!("{} contains no glibc, or no programs for trials", tree.root().display()),
                "the library is enabled only where trials have shown that it works",
                "name the root directory of a complete system, whose programs run on this machine, with --root",
            ));
        }
        Ok(trials)
    }

    fn add_loader(&mut self, loader: &Path, progress: &mut Progress) -> Result<(), Trouble> {
        let is_musl = loader.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-musl-"));
        if is_musl {
            return self.add(Kind::Musl, loader, &["--list", &loader.display().to_string()], progress);
        }
        self.add(Kind::Loader, loader, &["libc.so.6"], progress)
    }

    fn add(&mut self, kind: Kind, program: &Path, arguments: &[&str], progress: &mut Progress) -> Result<(), Trouble> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let label = [program.display().to_string()].iter().chain(&arguments).cloned().collect::<Vec<_>>().join(" ");
        let nothing = Outcome { status: None, output: Vec::new(), errors: Vec::new() };
        let mut case = Case { label, program: program.to_owned(), arguments, kind, bare: nothing };
        let bare = match self.run(&case, None, progress) {
            Ok(bare) => bare,
            // For another processor, or a script without its interpreter: it does not involve the dynamic linker.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOEXEC | libc::ENOENT)) => return Ok(()),
            Err(error) => return Err(cannot_run(&case.label, &error)),
        };
        // A dynamic linker without a libc starts no programs.
        if kind == Kind::Loader && !bare.status.is_some_and(|status| status.success()) {
            return Ok(());
        }
        if bare.errors.windows(PRELOAD_FILE.len()).any(|part| part == PRELOAD_FILE.as_bytes()) {
            return Err(Trouble::new(
                format!("{} already prints warnings: {}", case.label, text(&bare.errors)),
                "the library is enabled only if programs print no warnings before and after",
                format!("remove the entry that causes the warning from {PRELOAD_FILE}, and try again"),
            ));
        }
        // The program lacks something else, such as /dev/null in an image, so it cannot show a difference.
        if !bare.errors.is_empty() {
            return Ok(());
        }
        // The program does not end without the library either, so it cannot show a difference.
        if bare.status.is_none() {
            return Ok(());
        }
        case.bare = bare;
        self.cases.push(case);
        Ok(())
    }

    /// Runs all programs again, with the library under this entry, and compares the results.
    pub(crate) fn run_with(
        &self,
        word: &Path,
        library: &Path,
        method: PreloadMethod,
        progress: &mut Progress,
    ) -> Result<usize, Trouble> {
        let preload = matches!(method, PreloadMethod::Variable).then_some(word);
        let machine = |path: &Path| {
            let resolved = self.tree.follow(path).ok()?;
            elf::read_elf(&self.tree.outside(&resolved.end)).ok().map(|elf| elf.machine)
        };
        let own = machine(library);
        for case in &self.cases {
            if case.kind == Kind::Musl && preload.is_some() {
                continue;
            }
            let seen = self.run(case, preload, progress).map_err(|error| cannot_run(&case.label, &error))?;
            // A dynamic linker for the library's machine must load the library itself; another one, the file to which
            // the entry refers.
            let is_other = case.kind == Kind::Loader && machine(&case.program) != own;
            let wanted = if is_other { word } else { library };
            if let Some(difference) = case.difference(&seen, wanted) {
                return Err(refused(case, word, method, &difference));
            }
        }
        Ok(self.cases.len())
    }

    fn run(&self, case: &Case, preload: Option<&Path>, progress: &mut Progress) -> io::Result<Outcome> {
        let mut output = memory_file()?;
        let mut errors = memory_file()?;
        let mut command = Command::new(&case.program);
        command.args(&case.arguments).env_clear().envs(ENVIRONMENT);
        let listing = if case.kind == Kind::Loader { LISTING } else { &[] };
        command.envs(listing.iter().copied()).envs(preload.map(|library| ("LD_PRELOAD", library)));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(errors.try_clone()?).process_group(0);
        if self.tree.is_whole_machine() {
            command.current_dir("/");
        } else {
            change_root(&mut command, self.tree.root())?;
        }
        let status = finish(command, || progress.show(&format!("trying {}", case.label)))?;
        Ok(Outcome { status, output: content(&mut output)?, errors: content(&mut errors)? })
    }
}

impl Case {
    fn difference(&self, seen: &Outcome, wanted: &Path) -> Option<String> {
        match seen.status {
            None => return Some(format!("did not end within {} seconds", MOST_TIME.as_secs())),
            Some(status) if Some(status) != self.bare.status => {
                let before = self.bare.status.map(|status| status.to_string()).unwrap_or_default();
                return Some(format!("ended with {status} instead of {before}; it printed: {}", text(&seen.errors)));
            }
            Some(_) => {}
        }
        if !seen.errors.is_empty() && seen.errors != self.bare.errors {
            return Some(format!("printed to standard error: {}", text(&seen.errors)));
        }
        match self.kind {
            Kind::Program => (seen.output != self.bare.output)
                .then(|| format!("printed \"{}\" instead of \"{}\"", text(&seen.output), text(&self.bare.output))),
            Kind::Loader => {
                let name = wanted.as_os_str().as_bytes();
                let listed = seen.output.windows(name.len()).any(|part| part == name);
                (!listed).then(|| format!("did not load it, only: {}", text(&seen.output)))
            }
            // It prints addresses, which differ each time.
            Kind::Musl => None,
        }
    }
}

/// Returns all dynamic linkers of the tree, each with one path.
fn loaders(tree: &Tree) -> Vec<PathBuf> {
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    for directory in LOADER_DIRECTORIES.iter().map(Path::new) {
        let Ok(resolved) = tree.follow(directory) else { continue };
        let Ok(entries) = fs::read_dir(tree.outside(&resolved.end)) else { continue };
        let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
        for name in names.filter(|name| is_loader(name)) {
            let path = directory.join(name);
            let end = tree.follow(&path).ok().filter(|resolved| resolved.exists).map(|resolved| resolved.end);
            if let Some(end) = end.filter(|end| found.iter().all(|(_, other)| other != end)) {
                found.push((path, end));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(path, _)| path).collect()
}

fn is_loader(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let known = ["ld-linux", "ld-musl-", "ld64.so.", "ld.so.1"].iter().any(|start| name.starts_with(start));
    known && name.contains(".so.")
}

fn refused(case: &Case, word: &Path, method: PreloadMethod, difference: &str) -> Trouble {
    let with = match method {
        PreloadMethod::Variable => format!("with LD_PRELOAD={}", word.display()),
        PreloadMethod::File => format!("with {} in {PRELOAD_FILE}", word.display()),
    };
    let fix = if case.kind == Kind::Loader {
        "use an undamaged library for the architecture and the glibc release of this dynamic linker, or remove the \
         libc of the other architecture if it is not needed"
    } else {
        "repeat this with LD_PRELOAD by hand, and report a bug if the library is undamaged"
    };
    Trouble::new(format!("{}, {with}, {difference}", case.label), "this would affect every program of the system", fix)
}

fn cannot_run(label: &str, error: &io::Error) -> Trouble {
    let fix = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "run this as root: programs of another root directory are run with chroot(2)"
        }
        _ => "find out why that program cannot be run",
    };
    Trouble::cannot_tell(format!("cannot run {label}: {error}"), "the library is enabled only after trials", fix)
}

/// The output of a program goes to memory: a pipe could fill up, and a file could be left behind.
fn memory_file() -> io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(c"trial", MemfdFlags::CLOEXEC)?))
}

fn content(file: &mut File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(bytes: &[u8]) -> String {
    const MOST: usize = 300;
    let text = String::from_utf8_lossy(bytes);
    let short: String = text.trim().chars().take(MOST).collect();
    short.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

#[allow(unsafe_code)]
fn change_root(command: &mut Command, root: &Path) -> io::Result<()> {
    let root = CString::new(root.as_os_str().as_bytes())?;
    let enter = move || {
        rustix::process::chroot(root.as_c_str())?;
        rustix::process::chdir(c"/")?;
        Ok(())
    };
    // SAFETY: two system calls with a string that was created before the fork; nothing is allocated and no lock is
    // taken.
    unsafe { command.pre_exec(enter) };
    Ok(())
}

/// Waits for a program to end, and kills it and its process group if it takes too long.
fn finish(mut command: Command, mut meanwhile: impl FnMut()) -> io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    // Closes its copies of the descriptors.
    drop(command);
    let end = Instant::now() + MOST_TIME;
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
        meanwhile();
    }
}
