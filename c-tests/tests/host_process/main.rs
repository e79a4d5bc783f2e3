//! The library in somebody else's process (ARCHITECTURE.md, section 5): it works whatever the process does, and does nothing
//! to it. Forks, threads, cancellation, jumps, signals and few descriptors; little stack, no memory, a sandbox, privileges,
//! other preloaded libraries, a panic of the library's own. None of these may show.
//!
//! What is asked of the library is what bare glibc does under the same conditions, where it does better than to crash;
//! how that fared is a line of the table (`c_tests::table`). `NSS_BYPASS_SOAK` runs more of everything.

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
    checked_program, faulty_library, home, library, linked, preloadable, program, scratch, stand_in, tool,
};
use c_tests::cases::{CaseFile, Section, Setup, shares_a_process};
use c_tests::differ::{EVERYTHING, Side};
use c_tests::length::{Length, length, many};
use c_tests::releases;
use c_tests::table::{Heading, report};
use c_tests::world::{Nscd, World, unique};

/// Every kind of lookup, as programs/lookup_line.h names them.
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

/// Worlds without nscd for bare glibc, and with one that lies for the library; the same /etc for both.
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

    /// A command where bare glibc answers.
    fn bare(&self, program: &Path) -> Command {
        Side::bare().configure(self.worlds[0].command(program, &self.etc), &self.setup)
    }

    /// A command where a library takes everything away from an nscd that lies.
    fn with(&self, library: &Path, program: &Path) -> Command {
        Side::with(library, Some(EVERYTHING)).configure(self.worlds[1].command(program, &self.etc), &self.setup)
    }

    /// The same command on both sides.
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
    // Who died reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Both streams and the end, for people.
fn whole(output: &Output) -> String {
    format!("{}{}{}", text(output), String::from_utf8_lossy(&output.stderr), output.status)
}
