//! nss-bypass, the command: it finds out what answers for a name, runs commands with the library, and manages its
//! installation.
//!
//! Each verb has a file. The command uses the same core as the library, so what it explains is what the library does.

// The command prints; the library never does.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod ui;
mod process;
mod install;
mod lint;
mod diagnose;
mod commands;
#[cfg(any(test, feature = "generate"))]
mod generate;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use commands::{check, disable, doctor, enable, explain, learn, run, status};
use diagnose::glibc;
use ui::exit::{self, Exit};
use ui::output;
use ui::palette::When;

/// Keep chosen host names away from nscd, inside the process that looks them up
///
/// glibc asks nscd first where a daemon listens on nscd's socket, even if that is the daemon of another machine. The
/// preloaded library libnss_bypass.so answers the names that match its rules as glibc would without nscd. This command
/// shows which source answers for a name, runs programs with the library, enables it in /etc/ld.so.preload, and checks
/// the rules (nss-bypass.conf(5)).
#[derive(Debug, Parser)]
#[command(name = "nss-bypass", version, arg_required_else_help = true, max_term_width = 80, after_help = exit::TABLE)]
struct Arguments {
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    color: When,
    #[command(subcommand)]
    verb: Verb,
}

/// The verbs, in the order in which the help lists them.
#[derive(Debug, Subcommand)]
enum Verb {
    Explain(explain::Arguments),
    Doctor(doctor::Arguments),
    Run(run::Run),
    Learn(learn::Learn),
    Check(check::Check),
    Enable(enable::Enable),
    Disable(disable::Disable),
    Status(status::Status),
    #[command(name = glibc::VERB, hide = true)]
    AskGlibc(glibc::Arguments),
}

fn main() -> ExitCode {
    #[cfg(feature = "generate")]
    if let Some(directory) = std::env::var_os("NSS_BYPASS_MANUALS") {
        return match generate::all(&command(), directory.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                output::print_error(error);
                ExitCode::FAILURE
            }
        };
    }
    When::of_command_line().apply();
    match arguments() {
        Ok(Arguments { verb, .. }) => match verb {
            Verb::Explain(arguments) => explain::run(&arguments),
            Verb::Doctor(arguments) => doctor::run(&arguments),
            Verb::Run(arguments) => run::run(&arguments),
            Verb::Learn(arguments) => learn::run(&arguments),
            Verb::Check(arguments) => check::run(&arguments),
            Verb::Enable(arguments) => enable::enable(&arguments),
            Verb::Disable(arguments) => disable::disable(&arguments),
            Verb::Status(arguments) => status::status(&arguments),
            Verb::AskGlibc(arguments) => glibc::run(&arguments),
        },
        Err(exit) => exit,
    }
    .into()
}

/// The definitions of all arguments.
fn command() -> clap::Command {
    Arguments::command()
}

/// Parses the command line. Help is written to standard output, usage errors to standard error.
fn arguments() -> Result<Arguments, Exit> {
    let colour = output::wants_colour(&io::stdout()) && output::wants_colour(&io::stderr());
    let command = command().color(if colour { ColorChoice::Always } else { ColorChoice::Never });
    command.try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches)).map_err(|error| {
        let _ = error.print();
        match error.exit_code() {
            0 => Exit::Success,
            // Any other status may be that of the command to run.
            _ if verb_on_command_line().is_some_and(|verb| verb == "run" || verb == "learn") => Exit::NotRun,
            _ => Exit::Usage,
        }
    })
}

/// Returns the verb of a command line that could not be parsed.
fn verb_on_command_line() -> Option<OsString> {
    let mut words = std::env::args_os().skip(1);
    loop {
        let word = words.next()?;
        if word == "--color" {
            words.next();
        } else if !word.as_encoded_bytes().starts_with(b"--color=") {
            return Some(word);
        }
    }
}
