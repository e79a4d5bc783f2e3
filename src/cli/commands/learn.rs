//! `learn`: runs a command with libc answering first, and prints the rules for the names that libc did not find.

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use clap::Args;
use nss_bypass_core::model::{Name, Subject};
use nss_bypass_core::rules::policy::Verdict;
use nss_bypass_core::rules::rule::Fallback;
use nss_bypass_core::settings::{Executable, Settings};
use serde::Serialize;

use crate::commands::launch::{self, Launch, Ready, refuse};
use crate::commands::lookups;
use crate::diagnose::rules::{Rules, described};
use crate::install::append::{Configuration, NewRule};
use crate::process::log::Echo;
use crate::process::lookups::{Lookup, Lookups, Outcome};
use crate::ui::exit::Exit;
use crate::ui::lines::print_error;
use crate::ui::output;

const EXAMPLES: &str = "\
Examples:
  nss-bypass learn -- curl -sS http://rancher-metadata/
  nss-bypass learn --write -- ./start          # and Ctrl-C, once it is up
  nss-bypass learn --conf ./rules.conf --write -- make check
  nss-bypass learn --json -o learnt.json -- ./program

COMMAND and its children run with the rule '+*' in addition to the rules in
force: libc is asked first, and nss-bypass resolves the names that libc does not
find. Signals, such as that of Ctrl-C, are forwarded to COMMAND. When it has
ended, a table of its lookups is printed to standard error, followed by rules
for the names that only nss-bypass found, as COMMAND passed them, before any
search list.

The exit status is that of COMMAND, 125 to 127 as with run, or 1 if COMMAND
ended with 0 and the rules or the table could not be written.";

/// Run a command, and print rules for the names that libc does not find
///
/// The names need not be known in advance. Lookups of programs in which the library cannot work are not seen:
/// privileged and static programs, and programs with a resolver of their own.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = "nss-bypass learn [OPTIONS] [--] COMMAND [ARGUMENT]...")]
pub(crate) struct Learn {
    /// Read the rules from this file instead of /etc/nss-bypass.conf; --write appends to it
    #[arg(long, value_name = "FILE")]
    conf: Option<PathBuf>,

    /// Append the rules to the file, except those that it already has
    #[arg(long)]
    write: bool,

    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,

    /// Write the table and the rules to this file instead of standard error
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

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

/// What is needed until the command has ended.
struct Session {
    ready: Ready,
    /// The name servers of the rule that resolves names, if it has any.
    via: Box<[SocketAddr]>,
    /// The path of the configuration for which the rules are.
    path: PathBuf,
    /// The configuration to append the rules to, if requested.
    file: Option<Configuration>,
    output: Option<File>,
}

/// The output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    lookups: Vec<&'a Lookup>,
    /// Lines for the configuration.
    rules: Vec<&'a str>,
    /// Names that only nss-bypass found, and for which there is no rule.
    without_rule: &'a [Unruled],
    /// The path of the configuration for which the rules are.
    file: String,
    /// Lines that were appended to it; `None` if that was not requested or failed.
    written: Option<Vec<&'a str>>,
}

/// A name for which there is no rule.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Unruled {
    name: String,
    why: &'static str,
}

/// Runs the command, and prints what it has looked up.
pub(crate) fn run(arguments: &Learn) -> Exit {
    let Session { ready, via, path, file, output } = match prepare(arguments) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let watched = match ready.watch(Echo::Nothing) {
        Ok(watched) => watched,
        Err(exit) => return exit,
    };
    let (rules, unruled) = rules(&watched.lookups, &via);
    let (written, trouble) = match file.map(|file| file.append(&rules)) {
        None => (None, None),
        Some(Ok(written)) => (Some(written.into_iter().map(|rule| rule.line.as_str()).collect()), None),
        Some(Err(trouble)) => (None, Some(trouble)),
    };
    let report = Report {
        lookups: watched.lookups.rows().collect(),
        rules: rules.iter().map(|rule| rule.line.as_str()).collect(),
        without_rule: &unruled,
        file: path.display().to_string(),
        written,
    };
    let text = if arguments.json { in_json(&report) } else { in_words(&report, &watched.lookups) };
    let is_shown = show(&text, output);
    if let Some(trouble) = &trouble {
        print_error(trouble);
    }
    match launch::end_as(watched.end) {
        Exit::Command(0) if trouble.is_some() || !is_shown => Exit::Trouble,
        exit => exit,
    }
}

fn prepare(arguments: &Learn) -> Result<Session, Exit> {
    let mut settings = Settings::read();
    if settings.disabled {
        return refuse("nothing can be learnt while NSS_BYPASS_DISABLE is set");
    }
    let mut variables = Vec::new();
    if let Some(conf) = &arguments.conf {
        let is_new = arguments.write && !conf.exists();
        let path = if is_new { absolute(conf)? } else { launch::configuration(conf, arguments.strict)? };
        settings.configuration = CString::new(path.as_bytes()).or_else(refuse)?.into();
        variables.push(("NSS_BYPASS_CONF", path));
    }
    let path = PathBuf::from(OsStr::from_bytes(settings.configuration.to_bytes()));
    let file = if arguments.write { Some(writable(arguments, &path)?) } else { None };
    let via = ask_libc_first(&mut settings);
    if let Some(rules) = &settings.rules {
        variables.push(("NSS_BYPASS", OsString::from_vec(rules.clone())));
    }
    let output = match &arguments.output {
        Some(path) => match File::create(path) {
            Ok(file) => Some(file),
            Err(error) => return refuse(format_args!("{}: {}", path.display(), output::reason(&error))),
        },
        None => None,
    };
    let (library, strict) = (arguments.library.as_deref(), arguments.strict);
    let ready = Launch { command: &arguments.command, library, strict, variables }.prepare()?;
    Ok(Session { ready, via, path, file, output })
}

fn absolute(path: &Path) -> Result<OsString, Exit> {
    std::path::absolute(path)
        .map(PathBuf::into_os_string)
        .or_else(|error| refuse(format_args!("{}: {error}", path.display())))
}

/// Opens the configuration before the command runs, so that the rules can be written afterwards.
fn writable(arguments: &Learn, path: &Path) -> Result<Configuration, Exit> {
    let (file, faults) = Configuration::look(path).or_else(refuse)?;
    if arguments.conf.is_none() {
        faults.iter().for_each(print_error);
        if arguments.strict && !faults.is_empty() {
            return refuse("not run because of --strict: the rules have errors");
        }
    }
    Ok(file)
}

/// Adds `+*` to the variable, unless there is a rule for all names that resolves the same names or more. Returns the
/// name servers of the rule that then applies.
fn ask_libc_first(settings: &mut Settings) -> Box<[SocketAddr]> {
    let of_everything = |settings: &Settings| {
        let loaded = settings.load(Executable::Any, |_| true)?;
        match loaded.policy.decide_subject(Subject::NoName) {
            Verdict::LibcFirst(rule) if rule.answering().fallback == Fallback::Always => {
                Some(Ok(rule.answering().via.now().into()))
            }
            Verdict::Bypass(rule) => Some(Err(described(rule))),
            Verdict::LibcFirst(_) | Verdict::Pass(_) => None,
        }
    };
    if of_everything(settings).is_none() {
        let before = settings.rules.take().filter(|rules| !rules.is_empty());
        settings.rules = Some(before.map_or(b"+*".to_vec(), |before| [before.as_slice(), b" +*"].concat()));
    }
    match of_everything(settings) {
        Some(Ok(via)) => via,
        Some(Err(rule)) => {
            print_error(format_args!("nothing can be learnt: by a rule for all names, libc is not asked ({rule})"));
            Box::default()
        }
        None => Box::default(),
    }
}

/// Returns the rules for the names that only nss-bypass found, and those names for which there are none.
fn rules(lookups: &Lookups, via: &[SocketAddr]) -> (Vec<NewRule>, Vec<Unruled>) {
    let (mut rules, mut unruled): (Vec<NewRule>, Vec<Unruled>) = (Vec::new(), Vec::new());
    let key = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let of_libc = lookups.rows().filter(|row| row.outcome() == Outcome::Libc && row.found == Some(true));
    let of_libc: BTreeSet<String> = of_libc.map(|row| key(&row.name)).collect();
    let via = if via.is_empty() {
        String::new()
    } else {
        format!(" via {}", via.iter().map(server).collect::<Vec<_>>().join(" "))
    };
    let mut seen = BTreeSet::new();
    // If another rule applied to the name, the administrator has decided about it.
    for row in lookups.rows().filter(|row| row.outcome() == Outcome::Hidden && row.rule.ends_with(" *")) {
        if !seen.insert(key(&row.name)) {
            continue;
        }
        let without = |why| Unruled { name: row.name.clone(), why };
        match pattern(&row.name) {
            _ if of_libc.contains(&key(&row.name)) => unruled.push(without("libc found it in other lookups")),
            Some(pattern) => rules.push(NewRule { line: format!("bypass {pattern}{via}"), subject: pattern }),
            None => unruled.push(without("it is not a host name")),
        }
    }
    (rules, unruled)
}

/// Returns the pattern for a name, if it consists of characters of host names: no shell and no parser may interpret it
/// differently.
fn pattern(name: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let subject = match name.parse() {
        Ok(address) => Subject::Address(address),
        Err(_) => Subject::Name(Name::new(name.as_bytes())),
    };
    Rules::pattern_for(subject).filter(|pattern| pattern.bytes().all(is_plain))
}

/// Formats a name server as in a configuration.
fn server(server: &SocketAddr) -> String {
    let port = if server.port() == 53 { String::new() } else { format!("#{}", server.port()) };
    match server {
        SocketAddr::V6(server) if server.scope_id() != 0 => format!("{}%{}{port}", server.ip(), server.scope_id()),
        _ => format!("{}{port}", server.ip()),
    }
}

fn in_json(report: &Report<'_>) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default()
}

fn in_words(report: &Report<'_>, lookups: &Lookups) -> String {
    let mut parts = vec![lookups::table(lookups)];
    let (file, rules) = (&report.file, report.rules.join("\n"));
    parts.extend(match &report.written {
        _ if report.rules.is_empty() => vec!["No rule is needed.".to_owned()],
        Some(written) if written.is_empty() => vec![format!("{file} already has rules for these names.")],
        Some(written) => vec![format!("Appended to {file}:"), written.join("\n")],
        None => vec![format!("Rules for {file}:"), rules],
    });
    let unruled = report.without_rule.iter().map(|Unruled { name, why }| format!("No rule for {name}: {why}."));
    let unruled: Vec<String> = unruled.collect();
    if !unruled.is_empty() {
        parts.push(unruled.join("\n"));
    }
    parts.join("\n\n")
}

/// Writes the text, and returns whether that succeeded.
fn show(text: &str, output: Option<File>) -> bool {
    let Some(mut file) = output else {
        output::warn(text);
        return true;
    };
    let written = writeln!(file, "{}", anstream::adapter::strip_str(text));
    if let Err(error) = &written {
        print_error(format_args!("cannot write the lookups: {}", output::reason(error)));
    }
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use nss_bypass_core::rules::config;
    use nss_bypass_core::settings::record::Record;

    use super::*;

    fn lookups(lines: &[String]) -> Lookups {
        let mut lookups = Lookups::default();
        lines.iter().for_each(|line| lookups.add("x", Record::parse(line).unwrap()));
        lookups
    }

    fn hidden(name: &str) -> String {
        format!("getaddrinfo {name}: fallback (NSS_BYPASS *): 10.1.2.3 from 10.0.0.1:53 in 7 us; libc: not found")
    }

    fn learnt(lines: &[String], via: &[SocketAddr]) -> Vec<String> {
        rules(&lookups(lines), via).0.into_iter().map(|rule| rule.line).collect()
    }

    #[test]
    fn rules_are_for_what_only_the_library_found() {
        let lines = [
            hidden("db"),
            hidden("DB."),
            "gethostbyaddr 10.1.2.3: fallback (NSS_BYPASS *): db from 10.0.0.1:53 in 7 us; libc: not found".to_owned(),
            "getaddrinfo nobody: fallback (NSS_BYPASS *): not found from 10.0.0.1:53 in 7 us; libc: not found"
                .to_owned(),
            "getaddrinfo www: pass (NSS_BYPASS *): 192.0.2.7 from libc in 7 us".to_owned(),
            "getaddrinfo own: fallback (f:1 own): 10.1.2.3 from 10.0.0.1:53 in 7 us; libc: not found".to_owned(),
            "getaddrinfo mine: bypass (f:1 mine): 10.1.2.3 from 10.0.0.1:53 in 7 us".to_owned(),
            hidden("both"),
            "gethostbyname both: pass (NSS_BYPASS *): 192.0.2.7 from libc in 7 us".to_owned(),
        ];
        assert_eq!(learnt(&lines, &[]), ["bypass 10.1.2.3", "bypass db"]);
        let via = ["10.0.0.1:53", "[fe80::1%2]:5353"].map(|server| server.parse().unwrap());
        assert_eq!(learnt(&[hidden("db")], &via), ["bypass db via 10.0.0.1 fe80::1%2#5353"]);
        let (_, unruled) = rules(&lookups(&lines), &[]);
        assert_eq!(unruled, [Unruled { name: "both".to_owned(), why: "libc found it in other lookups" }]);
    }

    #[test]
    fn what_is_printed_can_be_pasted_and_is_a_rule_for_the_name_alone() {
        for name in ["a;reboot", "$(reboot)", "`reboot`", "a'b", "*.x", "a?", "a\\x20b", "#x", "a&b", "~", "!x", "a..b"]
        {
            assert_eq!(learnt(&[hidden(name)], &[]), [""; 0], "{name}");
            assert_eq!(rules(&lookups(&[hidden(name)]), &[]).1.len(), 1, "{name}");
        }
        for name in ["via", "fallback", "bypass", "on", "a_b.c-d", "fd00::1"] {
            let lines = learnt(&[hidden(name)], &[]);
            let (config, faults) = config::parse(lines.concat().as_bytes(), "f");
            assert_eq!(faults, []);
            assert_eq!(config.rules.iter().map(|rule| rule.pattern().as_str()).collect::<Vec<_>>(), [name]);
        }
    }

    #[test]
    fn libc_is_asked_first_unless_a_rule_for_everything_does_as_much() {
        let with = |rules: Option<&str>, via: Option<&str>| {
            let configuration = c"/nowhere/nss-bypass.conf".into();
            let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
            let plain = Settings::plain(false, false);
            let mut settings = Settings { configuration, rules: bytes(rules), via: bytes(via), ..plain };
            let via = ask_libc_first(&mut settings);
            (String::from_utf8(settings.rules.unwrap()).unwrap(), via.len())
        };
        assert_eq!(with(None, None), ("+*".to_owned(), 0));
        assert_eq!(with(Some("db !x"), Some("10.0.0.1")), ("db !x +*".to_owned(), 1));
        assert_eq!(with(Some("!*"), None), ("!* +*".to_owned(), 0));
        assert_eq!(with(Some("+* db"), None), ("+* db".to_owned(), 0));
        assert_eq!(with(Some("*"), None), ("*".to_owned(), 0));
    }
}
