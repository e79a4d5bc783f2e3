//! The library is a guest: it works whatever its process does, and does nothing to it (ARCHITECTURE.md, section 5).
//!
//! The programs print lines of a table, "= condition | times | result", and end with 1 where a result must not be so.
//! Where bare glibc does worse, the same is run bare, and the line says both. `NSS_BYPASS_SOAK` makes the numbers larger:
//! see `scripts/soak`, which prints the whole table at its end.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use c_tests::artefacts::{library, program, tool};
use c_tests::cases::Setup;
use c_tests::world::{Nscd, World};

const HOSTS: &str = "127.0.0.1 localhost\n192.0.2.90 filed.m.example filed\n2001:db8::90 filed.m.example filed\n\
    192.0.2.91 reverse.m.example\n192.0.2.92 filed.t.example\n";
const RULES: &str = "bypass *.m.example 192.0.2.0/24 via 127.0.0.54 timeout 5 attempts 3\n\
    bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n\
    bypass *.nobody.example via 127.0.0.99 timeout 1 attempts 1\n";

/// How much of everything there is to be.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Length {
    Test,
    Quick,
    Full,
}

fn length() -> Length {
    match env::var("NSS_BYPASS_SOAK").as_deref() {
        Ok("full") => Length::Full,
        Ok(_) => Length::Quick,
        Err(_) => Length::Test,
    }
}

/// So many in the test command, and so many in the long form's two lengths.
fn many(test: u32, quick: u32, full: u32) -> u32 {
    match length() {
        Length::Test => test,
        Length::Quick => quick,
        Length::Full => full,
    }
}

/// A world without nscd, and an /etc.
struct Place {
    world: World,
    etc: PathBuf,
}

impl Place {
    fn new() -> Self {
        let setup = Setup::default();
        let place = Self { world: World::start(&setup.addresses, Nscd::None), etc: setup.etc() };
        place.put("hosts", HOSTS);
        place.put("resolv.conf", "nameserver 127.0.0.53\noptions timeout:5 attempts:3\n");
        place.put("nss-bypass.conf", RULES);
        place
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.etc.join(file), text).unwrap();
    }

    /// A program under these libraries or, where there are none, bare: then its own server is the one of the rules.
    fn command(&self, libraries: &[&Path], program: &Path, words: &[&str]) -> Command {
        if libraries.is_empty() {
            self.put("resolv.conf", "nameserver 127.0.0.54\noptions timeout:5 attempts:3\n");
        }
        let mut command = self.world.command(&tool("timeout"), &self.etc);
        command.args(["-s", "KILL", if length() == Length::Test { "120" } else { "1200" }]);
        if libraries.is_empty() {
            command.arg(program).args(words).arg("bare");
        } else {
            let list: Vec<&str> = libraries.iter().map(|library| library.to_str().unwrap()).collect();
            // For the program alone, which the time limit is not to wait for.
            command.arg(tool("env")).arg(format!("LD_PRELOAD={}", list.join(":"))).arg(program).args(words);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.etc);
    }
}

/// A line of the table.
#[derive(Clone)]
struct Row {
    condition: String,
    times: String,
    result: String,
}

fn rows(output: &Output) -> Vec<Row> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| line.strip_prefix("= "));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, " | ").map(str::to_owned);
            let mut part = || parts.next().unwrap_or_default();
            Row { condition: part(), times: part(), result: part() }
        })
        .collect()
}

fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = out.lines().chain(err.lines()).collect();
    let shown = lines.len().min(60);
    format!("{}\n{} lines, ended with {}", lines[..shown].join("\n"), lines.len(), output.status)
}

/// Past the test runner's capture: the table is what somebody runs this for.
fn announce(label: &str, row: &Row, bare: Option<&Row>) {
    let bare = bare.map_or(String::new(), |bare| format!("; bare glibc, {} times: {}", bare.times, bare.result));
    let Row { condition, times, result } = row;
    let _ = std::io::stdout().write_all(format!("process: {condition}{label} | {times} | {result}{bare}\n").as_bytes());
}

fn conclude(label: &str, ours: &Output, bare: Option<&Output>) {
    let bare_rows = bare.map(rows).unwrap_or_default();
    for row in rows(ours) {
        announce(label, &row, bare_rows.iter().find(|bare| bare.condition == row.condition));
    }
    assert!(ours.status.success(), "{}", text(ours));
    assert!(ours.stderr.is_empty(), "{}", text(ours));
}

fn run(place: &Place, libraries: &[&Path], name: &str, scenario: &str, count: u32) -> Output {
    place.command(libraries, &program(name), &[scenario, &count.to_string()]).output().unwrap()
}

/// What a program does under the library is as it must be.
fn holds(name: &str, scenario: &str, count: u32) {
    conclude("", &run(&Place::new(), &[&library()], name, scenario, count), None);
}

/// The same, with bare glibc's numbers of `bare_count` times.
fn holds_where_glibc_does_not(name: &str, scenario: &str, count: u32, bare_count: u32) {
    let bare = std::thread::scope(|scope| {
        let bare = scope.spawn(|| run(&Place::new(), &[], name, scenario, bare_count));
        let ours = run(&Place::new(), &[&library()], name, scenario, count);
        (ours, bare.join().unwrap())
    });
    conclude("", &bare.0, Some(&bare.1));
}

mod fork {
    use super::*;

    #[test]
    fn children_of_a_process_whose_threads_look_matched_names_up_hang_and_fail_never() {
        holds("children", "matched", many(300, 1000, 10_000));
    }

    #[test]
    fn children_of_a_process_whose_threads_look_names_of_both_kinds_up_hang_and_fail_never() {
        let count = many(200, 1000, 10_000);
        holds_where_glibc_does_not("children", "passed", count, many(48, 200, 1000));
    }

    #[test]
    fn children_of_a_process_whose_lookups_wait_for_servers_work() {
        holds("children", "waiting", many(40, 200, 1000));
    }

    #[test]
    fn children_made_while_a_lookup_stands_at_any_of_its_system_calls_work() {
        let every = many(9, 1, 1);
        holds_where_glibc_does_not("children", "stops", every, many(25, 9, 3));
    }

    #[test]
    fn programs_that_are_started_beside_lookups_work() {
        holds("children", "spawns", many(20, 100, 500));
    }

    #[test]
    fn daemons_work() {
        holds("children", "daemons", many(20, 100, 500));
    }

    #[test]
    fn a_handler_forks_in_the_midst_of_its_own_lookup() {
        holds("children", "handler", many(5, 20, 100));
    }
}
