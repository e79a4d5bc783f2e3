//! `run`: a command under the library, once.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use nss_bypass_core::model::Diagnostic;
use nss_bypass_core::rules::config::{self, Config, Environment};
use nss_bypass_core::rules::pattern::Kind;
use nss_bypass_core::rules::rule::Rule;
use nss_bypass_core::settings::Settings;

use crate::install::library::{self, Library};
use crate::lint::words;
use crate::process::child::{self, End};
use crate::process::libraries::{self, C_ARES};
use crate::process::log::Log;
use crate::process::obstacle::{self, Obstacle};
use crate::process::program::{self, Program, Unfound};
use crate::ui::exit::Exit;
use crate::ui::lines::complain;
use crate::ui::output;

/// A rule that changes nothing: libc keeps a name that nobody has (RFC 6761, section 6.4).
const NO_NAME: &str = "!nss-bypass.invalid";

/// What takes every lookup away from nscd.
const EVERYTHING: [&str; 3] = ["*", "0.0.0.0/0", "::/0"];

const EXAMPLES: &str = "\
Examples:
  nss-bypass run -m rancher-metadata -- curl http://rancher-metadata/
  nss-bypass run --all -- ping -c 1 rancher-metadata
  nss-bypass run -m '*.internal' --via 10.43.0.10 -- getent hosts db.internal
  nss-bypass run -m db --log stderr -- psql -h db       # a line for each lookup
  nss-bypass run --conf ./rules.conf --strict -- ./program

COMMAND replaces nss-bypass, so that status and signals are its own. With --log
stderr it is a child, gets the signals that nss-bypass gets, and a last line
says how many lookups there were and how many of them a rule matched. Where it
did not run, the status is 125 (wrong words, no library, --strict), 126 (COMMAND
is not executable) or 127 (there is no such COMMAND), as in env(1).";

/// Runs a command under the library.
///
/// The library is preloaded, before what LD_PRELOAD names already. Programs in which it cannot work are told apart before
/// they run: set-user-ID programs and those with file capabilities, static ones, those of musl or of another machine, and
/// those in Go without cgo.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = "nss-bypass run [OPTIONS] [--] COMMAND [ARGUMENT]...")]
pub(crate) struct Run {
    /// Answer these names: as in NSS_BYPASS, which this replaces; !PATTERN leaves them to libc
    #[arg(short = 'm', long = "match", value_name = "PATTERN")]
    patterns: Vec<OsString>,

    /// Ask this name server for them, not those of resolv.conf (ADDRESS or ADDRESS#PORT); may be given again
    #[arg(long, value_name = "SERVER")]
    via: Vec<OsString>,

    /// Take the rules of this file, not those of /etc/nss-bypass.conf
    #[arg(long, value_name = "FILE")]
    conf: Option<PathBuf>,

    /// Log lookups: stderr, syslog or an absolute path; then, if wanted, ",error", ",bypass" or ",all"
    #[arg(long, value_name = "WHERE")]
    log: Option<OsString>,

    /// Answer every name and address: the patterns * 0.0.0.0/0 ::/0
    #[arg(long)]
    all: bool,

    /// Do not run a command in which the library cannot work, nor with faults in the rules
    #[arg(long)]
    strict: bool,

    /// The library, by its absolute path; without this it is looked for beside nss-bypass and where libraries are
    #[arg(long, value_name = "PATH")]
    library: Option<PathBuf>,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Replaces this process by the command, or waits for it where its lookups are counted.
pub(crate) fn run(arguments: &Run) -> Exit {
    match prepare(arguments) {
        Ok((command, name)) => match counted_level(arguments) {
            Some(wants_all) => counted(command, &name, wants_all),
            None => replaced_by(command, &name),
        },
        Err(exit) => exit,
    }
}

/// Comes back only where that cannot be.
fn replaced_by(mut command: Command, name: &OsStr) -> Exit {
    failed_to_run(&command.exec(), name)
}

/// Whether lookups are to be counted, which is where their log goes to standard error; and whether it has them all.
fn counted_level(arguments: &Run) -> Option<bool> {
    if is_disabled() {
        return None;
    }
    match arguments.log.as_deref()?.as_bytes() {
        b"stderr" | b"stderr,all" => Some(true),
        b"stderr,bypass" => Some(false),
        _ => None,
    }
}

/// Runs the command as a child whose log is read, and ends as it ends.
fn counted(mut command: Command, name: &OsStr, wants_all: bool) -> Exit {
    let held = child::hold_signals();
    let log = match Log::start(wants_all) {
        Ok(log) => log,
        Err(error) => {
            complain(format_args!("lookups cannot be counted: {error}"));
            held.release();
            return replaced_by(command, name);
        }
    };
    let mut place = log.path().into_os_string();
    place.push(",all");
    command.env("NSS_BYPASS_LOG", place);
    if !has_rules(arguments_of(&command)) {
        // Without any rule the library does not look at lookups at all.
        command.env("NSS_BYPASS", NO_NAME);
    }
    let end = child::run(command, &held);
    let counts = log.counts();
    drop(log);
    match end {
        Err(error) => failed_to_run(&error, name),
        Ok(end) => {
            let lookups = if counts.lookups == 1 { "lookup" } else { "lookups" };
            complain(format_args!("{} {lookups}, {} matched", counts.lookups, counts.matched));
            match end {
                End::Exited(status) => Exit::Command(status),
                End::Killed(signal) => {
                    child::end_by(signal);
                    Exit::Command(128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)))
                }
            }
        }
    }
}

/// The variables of ours that a command gets.
fn arguments_of(command: &Command) -> impl Fn(&str) -> bool + '_ {
    |name| {
        let mut set = command.get_envs().filter_map(|(variable, value)| value.map(|value| (variable, value)));
        set.any(|(variable, value)| variable == name && !value.is_empty())
    }
}

/// Whether there are rules, as far as variables and files that are there tell.
fn has_rules(is_given: impl Fn(&str) -> bool) -> bool {
    let has = |name: &str| is_given(name) || is_set(name);
    has("NSS_BYPASS") || has("NSS_BYPASS_CONF") || Path::new("/etc/nss-bypass.conf").exists()
}

fn is_disabled() -> bool {
    Settings::read().disabled
}

/// A complaint, and the way that the command ends after it.
fn refuse<T>(message: impl std::fmt::Display) -> Result<T, Exit> {
    complain(message);
    Err(Exit::NotRun)
}

fn prepare(arguments: &Run) -> Result<(Command, OsString), Exit> {
    let variables = variables(arguments)?;
    let library = library::find(arguments.library.as_deref()).or_else(refuse)?;
    let Some((name, rest)) = arguments.command.split_first() else { return refuse("a command is missing") };
    let file = find(name)?;
    let preloads = look_for_obstacles(arguments, name, &file, &library)?;

    let mut command = Command::new(&file);
    command.arg0(name).args(rest).envs(variables);
    if preloads {
        command.env("LD_PRELOAD", preload(&library.path, env::var_os("LD_PRELOAD").as_deref()));
    }
    Ok((command, name.clone()))
}

fn find(name: &OsStr) -> Result<PathBuf, Exit> {
    program::find(name, env::var_os("PATH").as_deref()).map_err(|why| {
        complain(&why);
        match why {
            Unfound::Missing(_) => Exit::NotFound,
            Unfound::NotExecutable(_) => Exit::NotExecutable,
        }
    })
}

fn failed_to_run(error: &io::Error, name: &OsStr) -> Exit {
    complain(format_args!("{}: {}", name.display(), output::reason(error)));
    if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::NotExecutable }
}

/// Our library before what is there already. ld.so loads a library that is named twice once, and by its first place.
fn preload(library: &Path, before: Option<&OsStr>) -> OsString {
    let mut value = library.as_os_str().to_owned();
    if let Some(before) = before.filter(|before| !before.is_empty()) {
        value.push(":");
        value.push(before);
    }
    value
}

/// Says why the library cannot work in the command, if so, and what would. False: preloaded there, it would do harm.
fn look_for_obstacles(arguments: &Run, name: &OsStr, file: &Path, library: &Library) -> Result<bool, Exit> {
    let program = match program::resolve(file, env::var_os("PATH").as_deref()) {
        Ok(program) => program,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            complain(format_args!("{}: {error}", name.display()));
            return Err(Exit::NotFound);
        }
        Err(error) => {
            complain(format_args!("whether the library works in {} cannot be seen: {error}", file.display()));
            return if arguments.strict { Err(Exit::NotRun) } else { Ok(true) };
        }
    };
    let go_debug = env::var_os("GODEBUG");
    let go_debug = go_debug.as_deref().map(OsStr::as_bytes);
    let obstacles = obstacle::of_program(&program.path, &program.elf, &library.elf, go_debug);
    let shown = shown(name, &program);
    for obstacle in &obstacles {
        complain(format_args!("the library cannot work in {shown}: {obstacle}."));
        complain(format_args!("what would work: {}.", obstacle.fix()));
    }
    if obstacles.is_empty() {
        warn_of_c_ares(&shown, &program);
    }
    if arguments.strict && !obstacles.is_empty() {
        return refuse("--strict: it is not run");
    }
    // Another loader than glibc's ends the program where it cannot load a library.
    Ok(!obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::Musl | Obstacle::OtherLoader(_))))
}

/// The command for a person, with the program that it is in the end.
fn shown(name: &OsStr, program: &Program) -> String {
    let place = match program.scripts.len() {
        0 if program.path == Path::new(name) => String::new(),
        0 => format!(" ({})", program.path.display()),
        _ => format!(" (a script for {})", program.path.display()),
    };
    format!("{}{place}", name.display())
}

/// The library works there, but not for all lookups. Which of the two a program uses for a name cannot be seen from outside.
fn warn_of_c_ares(shown: &str, program: &Program) {
    let Some(by) = libraries::wanted_by(&program.path, &program.elf, C_ARES) else { return };
    let by = if by == program.path { String::new() } else { format!(" by way of {}", by.display()) };
    complain(format_args!(
        "{shown} is linked with {C_ARES}{by}: what it looks up with c-ares goes to the name servers of resolv.conf without \
         libc, so that no rule counts there, and no nscd is asked."
    ));
}

/// The variables that the library reads.
fn variables(arguments: &Run) -> Result<Vec<(&'static str, OsString)>, Exit> {
    let mut variables = Vec::new();
    if let Some(rules) = rules(arguments)? {
        variables.push(("NSS_BYPASS", rules));
    }
    if !arguments.via.is_empty() {
        if variables.is_empty() && !is_set("NSS_BYPASS") {
            return refuse("--via is about the names of -m or --all, and there are none");
        }
        variables.push(("NSS_BYPASS_VIA", servers(arguments)?));
    }
    if let Some(file) = &arguments.conf {
        variables.push(("NSS_BYPASS_CONF", configuration(file, arguments.strict)?));
    }
    if let Some(place) = &arguments.log {
        if !output::is_place_for_a_log(place.as_bytes()) {
            return refuse(format_args!(
                "--log \"{}\" is no place for a log: {}",
                place.display(),
                output::PLACES_FOR_A_LOG
            ));
        }
        variables.push(("NSS_BYPASS_LOG", place.clone()));
    }
    warn_of_nothing_to_do(&variables);
    Ok(variables)
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn warn_of_nothing_to_do(variables: &[(&str, OsString)]) {
    if !has_rules(|name| variables.iter().any(|(other, _)| *other == name)) {
        complain("there are no rules, so that every name is libc's: give -m, --all or --conf");
    }
    if is_disabled() {
        complain("NSS_BYPASS_DISABLE is set, so that every name is libc's");
    }
}

/// The words of options, joined as NSS_BYPASS has them. `parse` reads one of them.
fn joined(
    option: &str,
    words: &[OsString],
    parse: impl Fn(&[u8]) -> (Config, Vec<Diagnostic>),
) -> Result<OsString, Exit> {
    let mut faults = false;
    for word in words {
        for Diagnostic { column, message, .. } in parse(word.as_bytes()).1 {
            complain(format_args!("{option} \"{}\", column {column}: {}", word.display(), words::with_hint(&message)));
            faults = true;
        }
        if word.as_bytes().iter().all(|byte| matches!(byte, b' ' | b'\t' | b',')) {
            complain(format_args!("{option} \"{}\": there is nothing in it", word.display()));
            faults = true;
        }
    }
    if faults {
        return Err(Exit::NotRun);
    }
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    Ok(OsString::from_vec(words.join(&b',')))
}

/// The patterns of --all and -m; none where neither is given.
fn rules(arguments: &Run) -> Result<Option<OsString>, Exit> {
    let everything = EVERYTHING.iter().filter(|_| arguments.all).map(OsString::from);
    let patterns: Vec<OsString> = everything.chain(arguments.patterns.iter().cloned()).collect();
    if patterns.is_empty() {
        let inherited = env::var_os("NSS_BYPASS").unwrap_or_default();
        warn_of_no_names("NSS_BYPASS", &inherited);
        return Ok(None);
    }
    patterns.iter().for_each(|word| warn_of_no_names("-m", word));
    joined("-m", &patterns, parse_rules).map(Some)
}

fn parse_rules(text: &[u8]) -> (Config, Vec<Diagnostic>) {
    config::parse_environment(&Environment { rules: Some(text), via: None, databases: None })
}

/// Says of patterns what nobody looks up: they count as they are.
fn warn_of_no_names(option: &str, list: &OsStr) {
    let (config, _) = parse_rules(list.as_bytes());
    for pattern in config.rules.iter().map(Rule::pattern).filter(|pattern| !matches!(pattern.kind(), Kind::Network(..)))
    {
        if let Some(why) = words::no_name(pattern.as_str()) {
            complain(format_args!("{option}: \"{pattern}\" is taken for a name: {why}"));
        }
    }
}

fn servers(arguments: &Run) -> Result<OsString, Exit> {
    let parse = |text: &[u8]| config::parse_environment(&Environment { rules: None, via: Some(text), databases: None });
    joined("--via", &arguments.via, parse)
}

/// An absolute path, since the command may go to another folder before it looks a name up.
fn configuration(file: &Path, strict: bool) -> Result<OsString, Exit> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) => return refuse(format_args!("{}: {}", file.display(), output::reason(&error))),
    };
    let faults = config::parse(&text, &file.to_string_lossy()).1;
    faults.iter().for_each(complain);
    if strict && !faults.is_empty() {
        return refuse("--strict: the rules have faults");
    }
    match std::path::absolute(file) {
        Ok(path) => Ok(path.into_os_string()),
        Err(error) => refuse(format_args!("{}: {error}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        run: Run,
    }

    fn line(words: &[&str]) -> Run {
        Line::try_parse_from([&["run"], words].concat()).unwrap().run
    }

    #[test]
    fn what_follows_the_command_is_its_own() {
        let run = line(&["-m", "a", "--match=b", "curl", "-m", "5", "--strict"]);
        assert_eq!(run.patterns, ["a", "b"]);
        assert_eq!(run.command, ["curl", "-m", "5", "--strict"]);
        assert!(!run.strict);
        assert_eq!(line(&["--", "--strange"]).command, ["--strange"]);
        assert!(Line::try_parse_from(["run"]).is_err());
        assert!(Line::try_parse_from(["run", "--strcit", "curl"]).is_err());
    }

    #[test]
    fn patterns_and_servers_become_variables() {
        let run = line(&["--all", "-m", "!legacy", "-m", "a,b", "--via", "10.0.0.1", "--via", "10.0.0.2#53", "x"]);
        let variables = variables(&run).unwrap();
        assert_eq!(
            variables,
            [("NSS_BYPASS", "*,0.0.0.0/0,::/0,!legacy,a,b".into()), ("NSS_BYPASS_VIA", "10.0.0.1,10.0.0.2#53".into())]
        );
    }

    #[test]
    fn a_wrong_word_is_an_error() {
        for words in [["-m", "a..b"], ["-m", ""], ["-m", ", "], ["--log", "here"], ["--conf", "/nowhere/x"]] {
            assert_eq!(variables(&line(&[&words[..], &["x"]].concat())), Err(Exit::NotRun), "{words:?}");
        }
        assert_eq!(variables(&line(&["-m", "a", "--via", "dns", "x"])), Err(Exit::NotRun));
    }

    #[test]
    fn our_library_comes_first() {
        let value = |before: Option<&str>| preload(Path::new("/l.so"), before.map(OsStr::new));
        assert_eq!(value(None), "/l.so");
        assert_eq!(value(Some("")), "/l.so");
        assert_eq!(value(Some("/a.so b.so")), "/l.so:/a.so b.so");
    }
}
