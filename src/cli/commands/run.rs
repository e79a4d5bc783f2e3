//! `run`: runs a command with the library.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::Args;

use nss_bypass_core::model::Diagnostic;
use nss_bypass_core::rules::config::{self, Config, Environment};
use nss_bypass_core::rules::pattern::Kind;
use nss_bypass_core::rules::rule::Rule;

use crate::commands::launch::{self, Launch, configuration, has_rules, is_disabled, is_set, refuse};
use crate::commands::lookups;
use crate::lint::words;
use crate::process::log::Echo;
use crate::ui::exit::Exit;
use crate::ui::lines::{print_error, warn};
use crate::ui::output;

/// The patterns that bypass nscd for every lookup.
const EVERYTHING: [&str; 3] = ["*", "0.0.0.0/0", "::/0"];

const EXAMPLES: &str = "\
Examples:
  nss-bypass run -m rancher-metadata -- curl http://rancher-metadata/
  nss-bypass run --all -- ping -c 1 rancher-metadata
  nss-bypass run -m '*.internal' --via 10.43.0.10 -- getent hosts db.internal
  nss-bypass run -m db --log stderr -- psql -h db       # a line for each lookup
  nss-bypass run -m '+*' --summary -- ./program         # who answered what
  nss-bypass run --conf ./rules.conf --strict -- ./program

COMMAND replaces nss-bypass, so the exit status is that of COMMAND. With
--summary or --log stderr, COMMAND is a child process, to which nss-bypass
forwards signals; when it has ended, nss-bypass prints a table of its lookups,
or their number and how many of them the library resolved. If COMMAND was not
run, the exit status is 125 (usage error, no library, or --strict), 126 (COMMAND
is not executable) or 127 (COMMAND was not found), as with env(1).";

/// Run a command with the library
///
/// The library is preloaded before the libraries that LD_PRELOAD already lists. A warning is printed if it cannot work
/// in the program: set-user-ID programs and programs with file capabilities, static programs, programs that are linked
/// with musl or built for another machine, and Go programs without cgo.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = "nss-bypass run [OPTIONS] [--] COMMAND [ARGUMENT]...")]
pub(crate) struct Run {
    /// Answer the names that match, instead of those in NSS_BYPASS; !PATTERN forwards them to libc, +PATTERN asks libc
    /// first
    #[arg(short = 'm', long = "match", value_name = "PATTERN")]
    patterns: Vec<OsString>,

    /// Ask this name server (ADDRESS or ADDRESS#PORT) instead of those in resolv.conf; can be repeated
    #[arg(long, value_name = "SERVER")]
    via: Vec<OsString>,

    /// Read the rules from this file instead of /etc/nss-bypass.conf
    #[arg(long, value_name = "FILE")]
    conf: Option<PathBuf>,

    /// Log lookups to stderr, syslog or an absolute path, with an optional suffix ",error", ",bypass" or ",all"
    #[arg(long, value_name = "WHERE")]
    log: Option<OsString>,

    /// Print a table of all lookups to standard error when the command has ended
    #[arg(long)]
    summary: bool,

    /// Answer all names and addresses: the patterns * 0.0.0.0/0 ::/0
    #[arg(long)]
    all: bool,

    /// Do not run the command if the library cannot work in it, or if the rules have errors
    #[arg(long)]
    strict: bool,

    /// Absolute path of the library [default: searched for beside nss-bypass and in library directories]
    #[arg(long, value_name = "PATH")]
    library: Option<PathBuf>,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Replaces this process by the command, or waits for it if its lookups are observed.
pub(crate) fn run(arguments: &Run) -> Exit {
    let prepared = echo(arguments).and_then(|echo| {
        let variables = variables(arguments)?;
        let (library, strict) = (arguments.library.as_deref(), arguments.strict);
        let ready = Launch { command: &arguments.command, library, strict, variables }.prepare()?;
        Ok((ready, echo))
    });
    let (ready, echo) = match prepared {
        Ok((ready, Some(echo))) if !is_disabled() => (ready, echo),
        Ok((ready, _)) => return ready.replace(),
        Err(exit) => return exit,
    };
    let watched = match ready.watch(echo) {
        Ok(watched) => watched,
        Err(exit) => return exit,
    };
    if arguments.summary {
        warn(lookups::table(&watched.lookups));
    } else {
        let counts = watched.lookups.counts();
        let lookups = if counts.lookups == 1 { "lookup" } else { "lookups" };
        print_error(format_args!("{} {lookups}, {} matched", counts.lookups, counts.matched));
    }
    launch::end_as(watched.end)
}

/// Returns which lines of the log are written to standard error if lookups are observed; `None` if they are not.
fn echo(arguments: &Run) -> Result<Option<Echo>, Exit> {
    match arguments.log.as_deref().map(OsStr::as_bytes) {
        Some(b"stderr" | b"stderr,all") => Ok(Some(Echo::All)),
        Some(b"stderr,bypass") => Ok(Some(Echo::Resolved)),
        Some(_) if arguments.summary => refuse("--summary cannot be combined with --log, except --log stderr"),
        _ => Ok(arguments.summary.then_some(Echo::Nothing)),
    }
}

/// Returns the variables for the library.
fn variables(arguments: &Run) -> Result<Vec<(&'static str, OsString)>, Exit> {
    let mut variables = Vec::new();
    if let Some(rules) = rules(arguments)? {
        variables.push(("NSS_BYPASS", rules));
    }
    if !arguments.via.is_empty() {
        if variables.is_empty() && !is_set("NSS_BYPASS") {
            return refuse("--via requires patterns: use -m or --all");
        }
        variables.push(("NSS_BYPASS_VIA", servers(arguments)?));
    }
    if let Some(file) = &arguments.conf {
        variables.push(("NSS_BYPASS_CONF", configuration(file, arguments.strict)?));
    }
    if let Some(place) = &arguments.log {
        if !output::is_place_for_a_log(place.as_bytes()) {
            return refuse(format_args!(
                "--log: invalid log destination \"{}\": {}",
                place.display(),
                output::PLACES_FOR_A_LOG
            ));
        }
        variables.push(("NSS_BYPASS_LOG", place.clone()));
    }
    warn_of_nothing_to_do(&variables);
    Ok(variables)
}

fn warn_of_nothing_to_do(variables: &[(&str, OsString)]) {
    if !has_rules(|name| variables.iter().any(|(other, _)| *other == name)) {
        print_error("no rules: all names are forwarded to libc; use -m, --all or --conf");
    }
    if is_disabled() {
        print_error("NSS_BYPASS_DISABLE is set: all names are forwarded to libc");
    }
}

/// Joins the values of an option in the format of NSS_BYPASS. `parse` parses one of them.
fn joined(
    option: &str,
    words: &[OsString],
    parse: impl Fn(&[u8]) -> (Config, Vec<Diagnostic>),
) -> Result<OsString, Exit> {
    let mut faults = false;
    for word in words {
        for Diagnostic { column, message, .. } in parse(word.as_bytes()).1 {
            print_error(format_args!(
                "{option} \"{}\", column {column}: {}",
                word.display(),
                words::with_hint(&message)
            ));
            faults = true;
        }
        if word.as_bytes().iter().all(|byte| matches!(byte, b' ' | b'\t' | b',')) {
            print_error(format_args!("{option} \"{}\": empty value", word.display()));
            faults = true;
        }
    }
    if faults {
        return Err(Exit::NotRun);
    }
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    Ok(OsString::from_vec(words.join(&b',')))
}

/// Returns the patterns of --all and -m; `None` if neither is given.
fn rules(arguments: &Run) -> Result<Option<OsString>, Exit> {
    let everything = EVERYTHING.iter().filter(|_| arguments.all).map(OsString::from);
    let patterns: Vec<OsString> = everything.chain(arguments.patterns.iter().cloned()).collect();
    if patterns.is_empty() {
        let inherited = env::var_os("NSS_BYPASS").unwrap_or_default();
        warn_of_no_names("NSS_BYPASS", &inherited);
        return Ok(None);
    }
    patterns.iter().for_each(|word| warn_of_no_names("-m", word));
    if arguments.all && has_libc_answer_all_first(&arguments.patterns) {
        return refuse("--all and -m '+*' cannot be combined: -m '+*' asks libc first");
    }
    joined("-m", &patterns, parse_rules).map(Some)
}

/// Returns whether `+*` is among the patterns.
fn has_libc_answer_all_first(patterns: &[OsString]) -> bool {
    let rules = patterns.iter().flat_map(|word| parse_rules(word.as_bytes()).0.rules);
    rules.into_iter().any(|rule| rule.is_libc_first() && rule.pattern().kind() == Kind::Any)
}

fn parse_rules(text: &[u8]) -> (Config, Vec<Diagnostic>) {
    config::parse_environment(&Environment { rules: Some(text), via: None, databases: None })
}

/// Prints warnings about patterns that no program looks up; they are used nevertheless.
fn warn_of_no_names(option: &str, list: &OsStr) {
    let (config, _) = parse_rules(list.as_bytes());
    for pattern in config.rules.iter().map(Rule::pattern).filter(|pattern| pattern.kind() != Kind::Network) {
        if let Some(why) = words::no_name(pattern.as_str()) {
            print_error(format_args!("{option}: \"{pattern}\" is read as a name: {why}"));
        }
    }
}

fn servers(arguments: &Run) -> Result<OsString, Exit> {
    let parse = |text: &[u8]| config::parse_environment(&Environment { rules: None, via: Some(text), databases: None });
    joined("--via", &arguments.via, parse)
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
}
