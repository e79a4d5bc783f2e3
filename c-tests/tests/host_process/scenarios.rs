//! Programs that check their results themselves: `PROGRAM SCENARIO COUNT [bare]` (programs/scenarios.h) performs an
//! action COUNT times during lookups.
//!
//! They print rows of the table (`c_tests::table`), "= condition | times | result", and exit with status 1 if a result
//! is wrong. If the behaviour of bare glibc is worse, the program is also run with bare glibc, and the row contains
//! both results. `NSS_BYPASS_SOAK` increases the numbers of repetitions: see `scripts/soak`.

use std::os::unix::process::ExitStatusExt;
use std::sync::OnceLock;

use c_tests::artefacts;
use c_tests::world::HOSTS;

use super::*;

const RULES: &str = "bypass *.m.example 192.0.2.0/24 via 127.0.0.54 timeout 5 attempts 3\n\
    bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n\
    bypass *.nobody.example via 127.0.0.99 timeout 1 attempts 1\n";

/// A world without nscd, and an /etc.
pub(super) struct Host {
    pub(super) world: World,
    pub(super) etc: PathBuf,
}

impl Host {
    pub(super) fn new() -> Self {
        let setup = Setup::default();
        let host = Self { world: World::start(&setup.addresses, Nscd::None), etc: setup.etc() };
        host.put("hosts", HOSTS);
        host.put("host.conf", "multi on\n");
        host.put("resolv.conf", "nameserver 127.0.0.53\noptions timeout:5 attempts:3\n");
        host.put("nss-bypass.conf", RULES);
        host
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.etc.join(file), text).unwrap();
    }

    /// A program with these libraries or, without any, with bare glibc, in which case its own server is used by all
    /// lookups.
    pub(super) fn command(&self, libraries: &[&Path], program: &Path, words: &[&str]) -> Command {
        if libraries.is_empty() {
            self.put("resolv.conf", "nameserver 127.0.0.54\noptions timeout:5 attempts:3\n");
        }
        let mut command = self.world.command(&tool("timeout"), &self.etc);
        let limit = match (libraries, length()) {
            ([], Length::Test) => "8", // It may hang.
            ([], _) => "60",
            (_, Length::Test) => "120",
            _ => "1200",
        };
        command.args(["-s", "KILL", limit]);
        if libraries.is_empty() {
            command.arg(program).args(words).arg("bare");
        } else {
            let list: Vec<&str> = libraries.iter().map(|library| library.to_str().unwrap()).collect();
            // Preloaded only in the program, and not in the program that enforces the time limit.
            command.arg(tool("env")).arg(format!("LD_PRELOAD={}", list.join(":"))).arg(program).args(words);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.etc);
    }
}

/// A row of the table, as printed by a program.
pub(super) struct Row {
    condition: String,
    times: String,
    pub(super) result: String,
}

pub(super) fn rows(output: &Output) -> Vec<Row> {
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

/// The beginning and the end of a program's output, for messages.
pub(super) fn excerpt(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = out.lines().chain(err.lines()).collect();
    let shown = lines.len().min(60);
    format!("{}\n{} lines, ended with {}", lines[..shown].join("\n"), lines.len(), output.status)
}

/// Reports the rows of a run, with those of a run with bare glibc. Fails if the program reported a wrong result.
pub(super) fn conclude(heading: Heading, label: &str, ours: &Output, bare: Option<&Output>) {
    let bare_rows = bare.map(rows).unwrap_or_default();
    // Missing rows are the one at which the program hung, and all following ones.
    let hangs = bare.is_some_and(|bare| bare.status.signal() == Some(libc::SIGKILL));
    for row in rows(ours) {
        let bare = match bare_rows.iter().find(|bare| bare.condition == row.condition) {
            Some(bare) if bare.times == row.times => Some(bare.result.clone()),
            Some(bare) => Some(format!("{} ({} times)", bare.result, bare.times)),
            None => hangs.then(|| "HANGS".to_owned()),
        };
        report(heading, &format!("{}{label}", row.condition), &row.times, &row.result, bare.as_deref());
    }
    assert!(ours.status.success(), "{}", excerpt(ours));
    assert!(ours.stderr.is_empty(), "{}", excerpt(ours));
}

/// The heading of a program's rows in the table.
pub(super) fn heading_of(program: &str) -> Heading {
    match program {
        "fork" => Heading::Fork,
        "threads" => Heading::Threads,
        "cancel" | "longjmp" => Heading::Cancellation,
        "descriptors" => Heading::Descriptors,
        "signals" | "reentrancy" => Heading::Signals,
        "startup_and_exit" => Heading::EarlyAndLate,
        _ => panic!("{program} has no heading"),
    }
}

pub(super) fn run_scenario(host: &Host, libraries: &[&Path], name: &str, scenario: &str, count: u32) -> Output {
    host.command(libraries, &program(name), &[scenario, &count.to_string()]).output().unwrap()
}

/// The debug build if the release build is tested, and vice versa; `None` if cargo does not build for the architecture
/// that is tested.
pub(super) fn other_build() -> Option<PathBuf> {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    (!is_arm64()).then(|| PATH.get_or_init(artefacts::other_build).clone())
}

/// Checks the results of a program with the library.
pub(super) fn holds(name: &str, scenario: &str, count: u32) {
    conclude(heading_of(name), "", &run_scenario(&Host::new(), &[&library()], name, scenario, count), None);
}

/// The same, with the results of bare glibc for `bare_count` repetitions.
pub(super) fn holds_where_glibc_does_not(name: &str, scenario: &str, count: u32, bare_count: u32) {
    let bare = std::thread::scope(|scope| {
        let bare = scope.spawn(|| run_scenario(&Host::new(), &[], name, scenario, bare_count));
        let ours = run_scenario(&Host::new(), &[&library()], name, scenario, count);
        (ours, bare.join().unwrap())
    });
    conclude(heading_of(name), "", &bare.0, Some(&bare.1));
}

/// With both builds, which differ in unwinding, and with bare glibc.
pub(super) fn holds_in_both_builds(name: &str, scenario: &str, count: u32) {
    let other = other_build();
    let run = |libraries: &[&Path]| run_scenario(&Host::new(), libraries, name, scenario, count);
    let (ours, other, bare) = std::thread::scope(|scope| {
        let other = scope.spawn(|| other.map(|other| run(&[&other])));
        let bare = scope.spawn(|| run(&[]));
        (run(&[&library()]), other.join().unwrap(), bare.join().unwrap())
    });
    // glibc's own lookups do not call the functions that the program overrides, so that there is nothing to compare.
    let has_bare = !["everywhere", "deeper"].contains(&scenario);
    conclude(heading_of(name), "", &ours, has_bare.then_some(&bare));
    if let Some(other) = other {
        conclude(heading_of(name), ", other build", &other, None);
    }
}
