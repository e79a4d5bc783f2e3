//! Answers that are kept, where the configuration says `cache` (docs/configuration.md, "Cache"; docs/internals.md, "The cache").
//!
//! What a cache must not do is to be noticed, but by the name server: so its log is what most tests look at. That kept
//! answers are those of bare glibc is `tests/glibc.rs`'s; here is when they count, and what becomes of them when files,
//! threads, processes and networks change. `NSS_BYPASS_SOAK` makes the numbers larger.

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

/// Nothing is kept.
const EVERYTHING: &str = "bypass * 0.0.0.0/0 ::/0\n";

/// All answers are kept.
const KEEPING: &str = "bypass * 0.0.0.0/0 ::/0\ncache 1024\n";

/// A world without nscd.
struct Place(World);

/// What a program said, and what the name server was asked meanwhile by all.
struct Told {
    output: Output,
    text: String,
}

impl Place {
    fn new() -> Self {
        Self(World::start(&Setup::default().addresses, Nscd::None))
    }

    /// A command with an /etc of its own, which has these files.
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

    /// What `programs/probe.c` prints for these lines under this configuration, an outcome for each lookup.
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

    /// How many questions about names with this text there were so far.
    fn asked(&self, text: &str) -> usize {
        self.0.questions().iter().filter(|line| line.contains(text)).count()
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "cache: {text}");
}

/// Rows that wait more than they work, all at once; what is wrong with them comes at the end.
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

/// The first address of an outcome.
fn address(outcome: &str) -> &str {
    let from = outcome.find("addrlen=").map_or("", |at| &outcome[at..]);
    from.split(' ').nth(1).unwrap_or(outcome)
}
