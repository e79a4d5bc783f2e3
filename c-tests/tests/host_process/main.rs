//! The behaviour of the library in the host process (ARCHITECTURE.md, section 5): it must work under all conditions,
//! and must not affect the process otherwise. The tests cover fork, threads, cancellation, jumps, signals, few
//! descriptors, small stacks, lack of memory, sandboxes, privileges, other preloaded libraries, and panics in the
//! library.
//!
//! The reference is the behaviour of bare glibc under the same conditions, unless that crashes. The results are rows of
//! a table (`c_tests::table`). `NSS_BYPASS_SOAK` increases the numbers of repetitions.

mod cancellation;
mod checkers;
mod descriptors;
mod earlier_releases;
mod fork;
mod libc_only;
mod linked;
mod longjmp;
mod memory;
mod musl;
mod panics;
mod preloads;
mod privilege;
mod sandboxes;
mod scenarios;
mod signals;
mod startup_and_exit;
mod threads;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use c_tests::artefacts::{
    checked_program, faulty_library, home, is_arm64, library, linked, preloadable, program, scratch, stand_in, tool,
};
use c_tests::cases::{CaseFile, Section, Setup, shares_a_process};
use c_tests::differ::{EVERYTHING, Side};
use c_tests::length::{Length, length, many};
use c_tests::releases;
use c_tests::table::{Heading, report};
use c_tests::world::{Nscd, World, unique};

/// All kinds of lookups, in the format of programs/lookup_line.h.
const KINDS: &[&str] = &[
    "gai ok_ok.t.example",
    "gai ok3_ok3.t.example http",
    "gaic cname_cname.t.example",
    "gai4 tc_tc.t.example",
    "gai tc_tc.t.example",
    "gai ok100_ok100.t.example",
    "gai dual",
    "gai nx_nx.t.example",
    "gai 192.0.2.1 http",
    "ghbn ok_ok.t.example",
    "ghbn v4only",
    "ghbn2 ok_ok.t.example",
    "ghbnr ok100_ok100.t.example",
    "ghba 10.0.0.5",
    "ghbar 2001:db8::5",
    "gni 192.0.2.77",
    "gni 10.0.0.5",
];

/// A world without nscd for bare glibc, and one for the library with an nscd that gives wrong answers, with the same
/// /etc.
struct Place {
    setup: Setup,
    worlds: [World; 2],
    etc: PathBuf,
}

impl Place {
    fn new(write: impl FnOnce(&Path)) -> Self {
        let setup = Setup::default();
        let worlds = [Nscd::None, Nscd::Lying].map(|nscd| World::start(&setup.addresses, nscd));
        let etc = setup.etc();
        write(&etc);
        Self { setup, worlds, etc }
    }

    /// A command with bare glibc.
    fn bare(&self, program: &Path) -> Command {
        Side::bare().configure(self.worlds[0].command(program, &self.etc), &self.setup)
    }

    /// A command with a library, and an nscd that gives wrong answers.
    fn with(&self, library: &Path, program: &Path) -> Command {
        Side::with(library, Some(EVERYTHING)).configure(self.worlds[1].command(program, &self.etc), &self.setup)
    }

    /// Runs the same command on both sides.
    fn both(&self, name: &str, change: impl Fn(&mut Command), input: &str) -> [Output; 2] {
        let program = program(name);
        [self.bare(&program), self.with(&library(), &program)].map(|mut command| {
            change(&mut command);
            run(command, input)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.etc);
    }
}

fn run(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that has ended does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Both output streams and the status, for messages.
fn whole(output: &Output) -> String {
    format!("{}{}{}", text(output), String::from_utf8_lossy(&output.stderr), output.status)
}
