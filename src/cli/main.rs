//! nss-bypass, the command: finds out who answers for a name, and runs commands under the library.
//!
//! One verb a file, on the same core as the library, so that what it explains is what the library does.

// A command prints; the library it is about never does.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod exit;
mod preload;
mod enable;
mod disable;
mod status;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;

/// Takes chosen names away from a host's nscd, inside the process that asks.
#[derive(Debug, Parser)]
#[command(name = "nss-bypass", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Name the library in /etc/ld.so.preload, for every program
    Enable(enable::Enable),
    /// Take the library out of /etc/ld.so.preload
    Disable(disable::Disable),
    /// Say where the library is loaded, by which way and in which version
    Status(status::Status),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let exit = match arguments.verb {
        Verb::Enable(arguments) => enable::enable(&arguments),
        Verb::Disable(arguments) => disable::disable(&arguments),
        Verb::Status(arguments) => status::status(&arguments),
    };
    exit.into()
}
