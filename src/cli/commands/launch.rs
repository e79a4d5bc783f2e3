//! Commands with the library, for `run` and `learn`: finding, examining, starting and observing them.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nss_bypass_core::rules::config;
use nss_bypass_core::settings::Settings;
use nss_bypass_core::sys::file;

use crate::install::library::{self, Library};
use crate::process::child::{self, End};
use crate::process::libraries::{self, C_ARES};
use crate::process::log::{Echo, Log};
use crate::process::lookups::Lookups;
use crate::process::obstacle::{self, Obstacle};
use crate::process::program::{self, Program, Unfound};
use crate::ui::exit::Exit;
use crate::ui::lines::print_error;
use crate::ui::output;

/// A rule without effect: it passes a name that does not exist (RFC 6761, section 6.4).
const NO_NAME: &str = "!nss-bypass.invalid";

/// What to run, and how.
pub(crate) struct Launch<'a> {
    /// The command and its arguments.
    pub(crate) command: &'a [OsString],
    /// The library, if it is given on the command line.
    pub(crate) library: Option<&'a Path>,
    /// Whether to refuse to run a command in which the library cannot work.
    pub(crate) strict: bool,
    /// Variables for the library.
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

/// A command that can be started.
pub(crate) struct Ready {
    command: Command,
    name: OsString,
}

/// The result of an observed command, and what it has looked up.
pub(crate) struct Watched {
    pub(crate) end: End,
    pub(crate) lookups: Lookups,
}

impl Launch<'_> {
    /// Finds the command and the library, and prints a warning if the library cannot work in the command.
    pub(crate) fn prepare(self) -> Result<Ready, Exit> {
        let library = library::find(self.library).or_else(refuse)?;
        let Some((name, rest)) = self.command.split_first() else { return refuse("missing command") };
        let file = find(name)?;
        let preloads = look_for_obstacles(self.strict, name, &file, &library)?;
        let mut command = Command::new(&file);
        command.arg0(name).args(rest).envs(self.variables);
        if preloads {
            command.env("LD_PRELOAD", preload(&library.path, env::var_os("LD_PRELOAD").as_deref()));
        }
        Ok(Ready { command, name: name.clone() })
    }
}

impl Ready {
    /// Replaces this process by the command; returns only if that fails.
    pub(crate) fn replace(mut self) -> Exit {
        failed_to_run(&self.command.exec(), &self.name)
    }

    /// Runs the command as a child, with a log of its lookups.
    pub(crate) fn watch(mut self, echo: Echo) -> Result<Watched, Exit> {
        let held = child::block_signals();
        let log = match Log::start(echo) {
            Ok(log) => log,
            Err(error) => {
                print_error(format_args!("cannot observe lookups: {error}"));
                held.release();
                return Err(self.replace());
            }
        };
        let mut place = log.path().into_os_string();
        place.push(",all");
        self.command.env("NSS_BYPASS_LOG", place);
        if !has_rules(self.sets()) {
            // Without any rule, the library does not log lookups.
            self.command.env("NSS_BYPASS", NO_NAME);
        }
        let end = child::run(self.command, &held).map_err(|error| failed_to_run(&error, &self.name))?;
        Ok(Watched { end, lookups: log.lookups() })
    }

    /// Returns a function that tells whether the command gets a variable.
    fn sets(&self) -> impl Fn(&str) -> bool + '_ {
        |name| {
            let mut set = self.command.get_envs().filter_map(|(variable, value)| value.map(|value| (variable, value)));
            set.any(|(variable, value)| variable == name && !value.is_empty())
        }
    }
}

/// Ends as the command has ended.
pub(crate) fn end_as(end: End) -> Exit {
    match end {
        End::Exited(status) => Exit::Command(status),
        End::Killed(signal) => {
            child::end_by(signal);
            Exit::Command(128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)))
        }
    }
}

/// Returns whether there are rules, as far as variables and existing files show.
pub(crate) fn has_rules(is_given: impl Fn(&str) -> bool) -> bool {
    let has = |name: &str| is_given(name) || is_set(name);
    has("NSS_BYPASS") || has("NSS_BYPASS_CONF") || Path::new("/etc/nss-bypass.conf").exists()
}

/// Returns whether a variable is set and not empty.
pub(crate) fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Returns whether NSS_BYPASS_DISABLE is set.
pub(crate) fn is_disabled() -> bool {
    Settings::read().disabled
}

/// Prints an error, and returns the exit code that follows from it.
pub(crate) fn refuse<T>(message: impl std::fmt::Display) -> Result<T, Exit> {
    print_error(message);
    Err(Exit::NotRun)
}

fn find(name: &OsStr) -> Result<PathBuf, Exit> {
    program::find(name, env::var_os("PATH").as_deref()).map_err(|why| {
        print_error(&why);
        match why {
            Unfound::Missing(_) => Exit::NotFound,
            Unfound::NotExecutable(_) => Exit::NotExecutable,
        }
    })
}

fn failed_to_run(error: &io::Error, name: &OsStr) -> Exit {
    print_error(format_args!("{}: {}", name.display(), output::reason(error)));
    if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::NotExecutable }
}

/// Returns LD_PRELOAD with the library before the existing entries. ld.so loads a library that is named twice only
/// once, at the first position.
fn preload(library: &Path, before: Option<&OsStr>) -> OsString {
    let mut value = library.as_os_str().to_owned();
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        value.push(":");
        value.push(before);
    }
    value
}

/// Prints why the library cannot work in the command, if that is so, and what would work. Returns `false` if preloading
/// it would do harm.
fn look_for_obstacles(strict: bool, name: &OsStr, file: &Path, library: &Library) -> Result<bool, Exit> {
    let program = match program::resolve(file, env::var_os("PATH").as_deref()) {
        Ok(program) => program,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            print_error(format_args!("{}: {error}", name.display()));
            return Err(Exit::NotFound);
        }
        Err(error) => {
            print_error(format_args!("cannot determine whether the library works in {}: {error}", file.display()));
            return if strict { Err(Exit::NotRun) } else { Ok(true) };
        }
    };
    let go_debug = env::var_os("GODEBUG");
    let go_debug = go_debug.as_deref().map(OsStr::as_bytes);
    let obstacles = obstacle::of_program(&program.path, &program.elf, &library.elf, go_debug);
    let shown = shown(name, &program);
    for obstacle in &obstacles {
        print_error(format_args!("the library cannot work in {shown}: {obstacle}"));
        print_error(format_args!("fix: {}", obstacle.fix()));
    }
    if obstacles.is_empty() {
        warn_of_c_ares(&shown, &program);
    }
    if strict && !obstacles.is_empty() {
        return refuse("not run because of --strict");
    }
    // A dynamic linker other than glibc's aborts the program if it cannot load a library.
    Ok(!obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::Musl | Obstacle::OtherLoader(_))))
}

/// Formats the command, with the program that it runs in the end.
fn shown(name: &OsStr, program: &Program) -> String {
    let place = match program.scripts.len() {
        0 if program.path == Path::new(name) => String::new(),
        0 => format!(" ({})", program.path.display()),
        _ => format!(" (a script for {})", program.path.display()),
    };
    format!("{}{place}", name.display())
}

/// Prints a warning that the library affects only a part of the lookups. Which resolver a program uses for a name
/// cannot be determined from outside.
fn warn_of_c_ares(shown: &str, program: &Program) {
    let Some(by) = libraries::wanted_by(&program.path, &program.elf, C_ARES) else { return };
    let by = if by == program.path { String::new() } else { format!(" through {}", by.display()) };
    print_error(format_args!(
        "{shown} is linked with {C_ARES}{by}: lookups by c-ares go to the name servers of resolv.conf without libc, \
         so rules do not apply to them, and nscd is not asked"
    ));
}

/// Returns the absolute path of a configuration, since the command may change its working directory before its first
/// lookup.
pub(crate) fn configuration(path: &Path, strict: bool) -> Result<OsString, Exit> {
    let name = CString::new(path.as_os_str().as_bytes()).or_else(refuse)?;
    let content = match file::read(&name) {
        Ok(content) => content,
        Err(error) => return refuse(format_args!("{}: {}", path.display(), output::refusal(error.0))),
    };
    let faults = config::parse(&content.bytes, &path.to_string_lossy()).1;
    faults.iter().for_each(print_error);
    if strict && !faults.is_empty() {
        return refuse("not run because of --strict: the rules have errors");
    }
    match std::path::absolute(path) {
        Ok(path) => Ok(path.into_os_string()),
        Err(error) => refuse(format_args!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_library_comes_first() {
        let value = |before: Option<&str>| preload(Path::new("/l.so"), before.map(OsStr::new));
        assert_eq!(value(None), "/l.so");
        assert_eq!(value(Some("")), "/l.so");
        assert_eq!(value(Some("/a.so b.so")), "/l.so:/a.so b.so");
    }
}
