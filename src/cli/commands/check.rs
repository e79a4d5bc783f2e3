//! `check`: errors in a configuration, and parts of it that have no effect.

use std::env;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use nss_bypass_core::rules::config::{self, Environment};
use nss_bypass_core::rules::trust::{self, CONFIGURATION, Distrust};
use nss_bypass_core::settings::Settings;
use nss_bypass_core::sys::file::{self, Content};

use crate::install::file::PRELOAD_FILE;
use crate::install::tree::Tree;
use crate::install::verify::{self, PRELOAD_IS_FOR_ALL, RULES_ARE_FOR_ALL};
use crate::lint::finding::{Finding, Severity};
use crate::lint::rules;
use crate::lint::source::Source;
use crate::ui::exit::Exit;
use crate::ui::lines::{self, COMMAND};
use crate::ui::output::{self, Style};

const HELP: &str = "\
Examples:
  nss-bypass check
  nss-bypass check ./rules.conf && cp rules.conf /etc/nss-bypass.conf
  NSS_BYPASS='db, *.internal' nss-bypass check --env
  nss-bypass check --json | jq '.findings[] | select(.severity == \"fault\")'

An error disables its line or, in a variable, its item. A warning is about
something that has no effect, or not in every program. A note is for information
only.

Exit status: 0 if there are no errors, 1 if there are errors or, with --strict,
warnings.";

/// Check the rules for errors and for parts that have no effect
///
/// Each finding is printed as "file:line:column: severity: message". Without FILE, the file that the library would
/// read is checked: NSS_BYPASS_CONF or, if that is not set, /etc/nss-bypass.conf.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Check {
    /// The file to check
    file: Option<PathBuf>,

    /// Also check the variables NSS_BYPASS, NSS_BYPASS_VIA, NSS_BYPASS_DATABASES, NSS_BYPASS_LOG and NSS_BYPASS_DISABLE
    #[arg(long)]
    env: bool,

    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,

    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
}

/// Formats a finding as lines of text.
fn shown(finding: &Finding, colour: bool) -> String {
    let (style, severity) = match finding.severity {
        Severity::Fault => (Style::Bad, format!("{} ", output::styled("error:", Style::Bad, colour))),
        Severity::Warning => (Style::Strong, format!("{} ", output::styled("warning:", Style::Doubtful, colour))),
        Severity::Note => (Style::Strong, "note: ".to_owned()),
    };
    let place = output::styled(&finding.place(), style, colour);
    let fix = finding.fix.as_ref().map(|line| format!("\n  fix:\n{COMMAND}{line}")).unwrap_or_default();
    format!("{place}: {severity}{}{fix}", finding.message)
}

/// The output with --json.
#[derive(Debug, Serialize)]
struct Report<'a> {
    version: u32,
    healthy: bool,
    rules: usize,
    findings: &'a [Finding],
}

/// Checks the configuration, and prints the findings.
pub(crate) fn run(arguments: &Check) -> Exit {
    let (file, is_default) = match (&arguments.file, env::var_os("NSS_BYPASS_CONF")) {
        (Some(file), _) => (file.clone(), false),
        (None, Some(file)) => (file.into(), false),
        (None, None) => (PathBuf::from(CONFIGURATION.to_string_lossy().as_ref()), true),
    };
    let mut findings = Vec::new();
    let mut sources = vec![read_file(&file, is_default, &mut findings)];
    if file.as_os_str().as_bytes() == CONFIGURATION.to_bytes() {
        findings.extend(private(&file, RULES_ARE_FOR_ALL));
        findings.extend(private(Path::new(PRELOAD_FILE), PRELOAD_IS_FOR_ALL));
    }
    if arguments.env {
        sources.extend(read_variables(&mut findings));
    }
    let search = env::var_os("PATH").unwrap_or_default();
    let search: Vec<PathBuf> = env::split_paths(&search).collect();
    findings.extend(rules::findings(&sources, &search));
    let number = sources.iter().map(|source| source.config.rules.len()).sum();
    if number == 0 && findings.is_empty() {
        let source = sources.last().map(|source| source.name.clone()).unwrap_or_default();
        findings.push(Finding::whole(&source, Severity::Note, "no-rules", "no rules: all names are forwarded to libc"));
    }
    let order = |source: &str| sources.iter().position(|one| one.name == source);
    findings.sort_by_key(|finding| (order(&finding.source).unwrap_or(usize::MAX), finding.line, finding.column));
    report(arguments, number, &findings)
}

fn report(arguments: &Check, rules: usize, findings: &[Finding]) -> Exit {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (faults, warnings) = (count(Severity::Fault), count(Severity::Warning));
    let healthy = faults == 0 && (warnings == 0 || !arguments.strict);
    if arguments.json {
        if let Err(error) = output::say_json(&Report { version: 1, healthy, rules, findings }) {
            output::print_error(error);
            return Exit::CannotTell;
        }
    } else {
        let colour = output::wants_colour(&io::stdout());
        findings.iter().for_each(|finding| lines::say(shown(finding, colour)));
        output::say(format_args!(
            "{}, {}, {}",
            counted(rules, "rule"),
            counted(faults, "error"),
            counted(warnings, "warning")
        ));
    }
    if healthy { Exit::Success } else { Exit::Trouble }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Reads a file; empty if it cannot be read.
fn read_file(path: &Path, is_default: bool, findings: &mut Vec<Finding>) -> Source {
    let name = path.to_string_lossy().into_owned();
    let content = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| "the path contains a NUL byte".to_owned())
        .and_then(|path| file::read(&path).map_err(|error| output::refusal(error.0)));
    match content {
        Ok(content) => {
            findings.extend(distrust(path, &name, &content));
            let (config, faults) = config::parse(&content.bytes, &name);
            let wrong_lines = faults.iter().map(|fault| fault.line).collect();
            findings.extend(faults.into_iter().map(Finding::of_fault));
            Source { name, text: content.bytes, config, wrong_lines }
        }
        Err(_) if is_default && !path.exists() => {
            findings.push(Finding::whole(
                &name,
                Severity::Note,
                "missing",
                "no such file: all names are forwarded to libc",
            ));
            Source { name, ..Source::default() }
        }
        Err(why) => {
            findings.push(Finding::whole(&name, Severity::Fault, "unreadable", why));
            Source { name, ..Source::default() }
        }
    }
}

/// Returns a finding if programs that run with more privileges than their caller ignore the file. They read the file in
/// /etc only, so for any other file it is a note.
fn distrust(path: &Path, name: &str, content: &Content) -> Option<Finding> {
    let is_link = path.symlink_metadata().is_ok_and(|status| status.is_symlink());
    let why = match trust::distrust(content.ownership) {
        _ if is_link => "it is a symbolic link".to_owned(),
        None => return None,
        Some(Distrust::File) if content.ownership.user != 0 => {
            format!("it is owned by user {}, not by root", content.ownership.user)
        }
        Some(Distrust::File) => {
            format!("users other than root can write to it (mode {:04o})", content.ownership.mode & 0o7777)
        }
        Some(Distrust::Directory(directory)) => {
            format!("users other than root can write to {}", directory.to_string_lossy())
        }
    };
    let programs = "programs with set-user-ID or file capabilities";
    Some(if path.as_os_str().as_bytes() == CONFIGURATION.to_bytes() {
        let message = format!("{programs} ignore it: {why}");
        Finding::whole(name, Severity::Warning, "untrusted", message)
    } else {
        let message = format!(
            "{programs} read only {}, and would ignore this file there: {why}",
            CONFIGURATION.to_string_lossy()
        );
        Finding::whole(name, Severity::Note, "untrusted", message)
    })
}

/// Returns a finding if programs of other users cannot read a file that is for all programs.
fn private(path: &Path, why: &str) -> Option<Finding> {
    let tree = Tree::new(Path::new("/")).ok()?;
    let trouble = verify::is_for_all(&tree, path, why).err()?;
    let message = format!("{}: {}", trouble.what, trouble.why);
    let finding = Finding::whole(&path.to_string_lossy(), Severity::Warning, "private", message);
    Some(Finding { fix: trouble.commands.into_iter().next(), ..finding })
}

/// Reads the variables.
fn read_variables(findings: &mut Vec<Finding>) -> [Source; 3] {
    let value = |variable: &str| env::var_os(variable).map(OsStringExt::into_vec);
    let (patterns, via) = (value("NSS_BYPASS"), value("NSS_BYPASS_VIA"));
    let databases = value("NSS_BYPASS_DATABASES");
    let (config, faults) = config::parse_environment(&Environment {
        rules: patterns.as_deref(),
        via: via.as_deref(),
        databases: databases.as_deref(),
    });
    findings.extend(faults.into_iter().map(Finding::of_fault));
    if via.as_ref().is_some_and(|via| !via.is_empty()) && config.rules.is_empty() {
        let message = "no effect, since NSS_BYPASS has no patterns";
        findings.push(Finding::whole("NSS_BYPASS_VIA", Severity::Warning, "ineffective", message));
    }
    if let Some(place) = value("NSS_BYPASS_LOG").filter(|place| !place.is_empty() && !output::is_place_for_a_log(place))
    {
        let message = format!("invalid log destination \"{}\": {}", place.escape_ascii(), output::PLACES_FOR_A_LOG);
        findings.push(Finding::whole("NSS_BYPASS_LOG", Severity::Fault, "syntax", message));
    }
    if Settings::read().disabled {
        let message = "set: all names are forwarded to libc, regardless of the rules";
        findings.push(Finding::whole("NSS_BYPASS_DISABLE", Severity::Warning, "disabled", message));
    }
    let without_rules = |name: &str, text: Option<Vec<u8>>| Source {
        name: name.to_owned(),
        text: text.unwrap_or_default(),
        ..Source::default()
    };
    [
        Source { name: "NSS_BYPASS".to_owned(), text: patterns.unwrap_or_default(), config, ..Source::default() },
        without_rules("NSS_BYPASS_DATABASES", databases),
        without_rules("NSS_BYPASS_VIA", via),
    ]
}
