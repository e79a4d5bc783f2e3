//! Cached answers, with `cache` in the configuration (docs/configuration.md, "Cache"; docs/internals.md, "The cache").
//!
//! A cache must only have an effect on the queries to the name server. Therefore, most tests check its log.
//! `tests/glibc.rs` compares cached answers with those of bare glibc. These tests check when cached answers are used,
//! and the effects of changes of files, threads, processes and networks. `NSS_BYPASS_SOAK` increases the numbers of
//! repetitions.

mod times;
mod order;
mod changes;
mod namespaces;
mod programs;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;

use c_tests::artefacts::{library, program};
use c_tests::cases::Setup;
use c_tests::length::many;
use c_tests::world::{HOSTS, Nscd, World};

/// No cache.
const EVERYTHING: &str = "bypass * 0.0.0.0/0 ::/0\n";

/// All answers are cached.
const KEEPING: &str = "bypass * 0.0.0.0/0 ::/0\ncache 1024\n";

/// A world without nscd.
struct Place(World);

/// The output of a program, and all queries to the name server in the meantime.
struct Told {
    output: Output,
    text: String,
}

impl Place {
    fn new() -> Self {
        Self(World::start(&Setup::default().addresses, Nscd::None))
    }

    /// A command with a private /etc, which contains these files.
    fn command(&self, name: &str, words: &[&str], files: &[(&str, &str)]) -> (Command, PathBuf) {
        let etc = Setup::default().etc();
        for (file, text) in files {
            fs::write(etc.join(file), text).unwrap();
        }
        let mut command = self.0.command(&program(name), &etc);
        command.args(words).env("LD_PRELOAD", library()).env("PROBE_LIMIT", "60");
        (command, etc)
    }

    fn finish(&self, (mut command, etc): (Command, PathBuf), input: &str) -> Told {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let _ = fs::remove_dir_all(etc);
        let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
        Told { output, text }
    }

    /// The output of `programs/probe.c` for these lines with these files, one result for each lookup.
    fn probe(&self, files: &[(&str, &str)], lines: &str) -> Vec<String> {
        let told = self.finish(self.command("probe", &[], files), lines);
        assert!(told.output.status.success() && told.output.stderr.is_empty(), "{}", told.text);
        let mut outcomes: Vec<String> = Vec::new();
        for line in told.text.lines() {
            match line.strip_prefix("  => ") {
                Some(outcome) => outcomes.push(outcome.to_owned()),
                None if line.starts_with("    ") => outcomes.last_mut().unwrap().push_str(line),
                None => {}
            }
        }
        outcomes
    }

    /// The number of queries so far for names that contain this text.
    fn asked(&self, text: &str) -> usize {
        self.0.questions().iter().filter(|line| line.contains(text)).count()
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "cache: {text}");
}

/// Checks rows in parallel, since they spend most of their time waiting. Failures are reported at the end.
fn all<T: Sync>(rows: &[T], check: impl Fn(&T) -> Option<String> + Sync) {
    let wrong = Mutex::new(Vec::new());
    for rows in rows.chunks(16) {
        thread::scope(|scope| {
            for row in rows {
                let (check, wrong) = (&check, &wrong);
                scope.spawn(move || wrong.lock().unwrap().extend(check(row)));
            }
        });
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first address of a result.
fn address(outcome: &str) -> &str {
    let from = outcome.find("addrlen=").map_or("", |at| &outcome[at..]);
    from.split(' ').nth(1).unwrap_or(outcome)
}
