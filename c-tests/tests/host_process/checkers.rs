//! Tests with tools that check the use of memory and threads: valgrind, AddressSanitizer in the host process, helgrind.
//!
//! `scripts/test` runs a case of each kind with them, and `scripts/soak` runs all cases.

use super::scenarios::{Host, conclude, heading_of, other_build};
use super::*;

/// A tool.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checker {
    Valgrind,
    AddressSanitizer,
}

impl Checker {
    fn name(self) -> &'static str {
        match self {
            Self::Valgrind => "valgrind",
            Self::AddressSanitizer => "AddressSanitizer",
        }
    }

    /// The probe with this tool and the library.
    fn probe(self, place: &Place, setup: &Setup, etc: &Path) -> Command {
        let side = Side::with(&library(), Some(EVERYTHING));
        let configured = |program: &Path| side.configure(place.worlds[1].command(program, etc), setup);
        match self {
            Self::Valgrind => {
                let mut command = configured(&tool("valgrind"));
                // Hash tables of std have pointers into the middle of a block, which valgrind reports as "possibly
                // lost".
                command.args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect"]);
                command.args(["--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99"]);
                command.arg(format!("--suppressions={}", home().join("valgrind.supp").display()));
                command.arg("--log-file=/dev/stderr").arg(program("probe")).env("PROBE_LIMIT", "60");
                command
            }
            Self::AddressSanitizer => {
                let mut command = configured(&checked_program("probe"));
                let preloads = format!("{} {}", preloadable("libasan.so").display(), library().display());
                command.env("LD_PRELOAD", preloads).env("ASAN_OPTIONS", "detect_leaks=0").env("PROBE_LIMIT", "60");
                command
            }
        }
    }

    /// Runs these cases in one process.
    fn ask(self, place: &Place, section: &Section, cases: &[&str]) {
        let etc = section.setup.etc();
        let output = run(self.probe(place, &section.setup, &etc), &cases.join("\n"));
        let _ = fs::remove_dir_all(etc);
        let said = String::from_utf8_lossy(&output.stderr);
        // Error messages of libc about host.conf are ignored.
        let complaint = said.lines().any(|line| line.contains("==")) || said.contains("Sanitizer");
        assert!(output.status.success() && !complaint, "[{}] {cases:?}\n{}", section.title, whole(&output));
        let answered = text(&output).lines().filter(|line| !line.starts_with(' ')).count();
        assert_eq!(answered, cases.len(), "[{}] {cases:?}\n{}", section.title, whole(&output));
    }
}

/// Checks a subset of a file: every `sections`-th section, and every `cases`-th case of each.
fn clean(checker: Checker, file: &str, sections: usize, cases: usize) {
    let (sections, cases) = many((sections, cases), (sections, cases), (1, 1));
    let file = CaseFile::read(file);
    let place = Place::new(|_| ());
    let usable: Vec<&Section> = file.sections.iter().filter(|section| !section.setup.silent).collect();
    let chosen: Vec<&Section> = usable.into_iter().step_by(sections).collect();
    let counts = in_two(&chosen, |section| {
        let cases: Vec<&str> = section.cases.iter().step_by(cases).map(String::as_str).collect();
        let shares = |case: &&str| !section.setup.alone && shares_a_process(case);
        let (together, alone): (Vec<&str>, Vec<&str>) = cases.iter().partition(|case| shares(case));
        if !together.is_empty() {
            checker.ask(&place, section, &together);
        }
        alone.iter().for_each(|case| checker.ask(&place, section, &[case]));
        cases.len()
    });
    let condition = format!("under {}, {}", checker.name(), file.name);
    report(Heading::MemoryAndStack, &condition, counts.iter().sum::<usize>(), "no errors", None);
}

/// Processes the odd and the even elements in parallel.
fn in_two<T: Sync>(all: &[T], work: impl Fn(&T) -> usize + Sync) -> Vec<usize> {
    let half = |first: usize| all.iter().skip(first).step_by(2).map(&work).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let odd = scope.spawn(|| half(1));
        let even = half(0);
        [even, odd.join().unwrap()].concat()
    })
}

macro_rules! files {
    ($($test:ident: $file:literal, $sections:literal, $cases:literal)+) => {
        mod with_valgrind {
            $(
                #[test]
                fn $test() {
                    super::clean(super::Checker::Valgrind, $file, $sections, $cases);
                }
            )+
        }

        mod with_address_sanitizer {
            $(
                #[test]
                fn $test() {
                    super::clean(super::Checker::AddressSanitizer, $file, $sections, $cases);
                }
            )+
        }
    };
}
files! {
    aliases: "aliases.txt", 2, 5
    answers: "answers.txt", 4, 5
    canonical: "canonical.txt", 2, 5
    edges: "edges.txt", 3, 5
    errno: "errno.txt", 3, 3
    flags: "flags.txt", 6, 15
    hostent: "hostent.txt", 1, 5
    hostile: "hostile.txt", 4, 15
    hosts: "hosts.txt", 25, 5
    nsswitch: "nsswitch.txt", 30, 5
    options: "options.txt", 50, 5
    order: "order.txt", 30, 5
    programs: "programs.txt", 8, 12
    reverse: "reverse.txt", 5, 5
    search: "search.txt", 40, 5
}

/// The same for a program that is instrumented with AddressSanitizer.
fn holds_under_address_sanitizer(name: &str, scenario: &str, count: u32) {
    let (sanitizer, host) = (preloadable("libasan.so"), Host::new());
    let words = [scenario, &count.to_string()];
    let mut command = host.command(&[&sanitizer, &library()], &checked_program(name), &words);
    let output = command.env("ASAN_OPTIONS", "detect_leaks=0").output().unwrap();
    conclude(heading_of(name), ", with AddressSanitizer", &output, None);
}

#[test]
fn address_sanitizer_reports_nothing_with_threads_signals_and_at_startup() {
    holds_under_address_sanitizer("threads", "first", many(20, 100, 500));
    holds_under_address_sanitizer("signals", "closing-servers", many(10, 100, 1000));
    holds_under_address_sanitizer("startup_and_exit", "moments", 1);
}

/// Helgrind does not support atomic operations, and reports two kinds of false positives: concurrent atomic operations,
/// and reads of a value that another thread has created and published through an atomic pointer. The test checks that
/// nothing else is reported: no non-atomic write to memory that other threads read, and no misuse of locks.
#[test]
#[ignore = "a minute long, and needs valgrind: scripts/soak runs it"]
fn helgrind_only_reports_values_published_by_atomic_pointers() {
    let host = Host::new();
    let log = host.world.directory().join("helgrind");
    let build = if cfg!(debug_assertions) { library() } else { other_build().expect("a build for this machine") };
    let (option, seconds) = (format!("--log-file={}", log.display()), many(10, 20, 120).to_string());
    let preload = format!("LD_PRELOAD={}", build.display());
    let words = ["--tool=helgrind", "--trace-children=yes", "--error-limit=no", &option];
    let mut command = host.world.command(&tool("valgrind"), &host.etc);
    command.args(words).arg(tool("env")).arg(preload).arg(program("threads")).args(["few", &seconds]);
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    conclude(Heading::Threads, ", with helgrind", &output, None);

    let found = fs::read_to_string(log).unwrap();
    let found: String =
        found.lines().map(|line| line.split_once("== ").map_or("", |parts| parts.1).to_owned() + "\n").collect();
    let separator = "-".repeat(64);
    let ours: Vec<&str> = found.split(&separator).filter(|report| report.contains("nss_bypass")).collect();
    let is_read_of_value =
        |report: &&&str| report.contains("Possible data race during read") && report.contains("inside a block of size");
    let (atomic, plain): (Vec<&str>, Vec<&str>) = ours.iter().partition(|report| are_both_atomic(report));
    let (values, other): (Vec<&str>, Vec<&str>) = plain.iter().partition(|report| is_read_of_value(report));
    let result = format!(
        "{} reads of values published by an atomic pointer, {} pairs of atomic operations, {} others",
        values.len(),
        atomic.len(),
        other.len()
    );
    report(Heading::Threads, "reports of helgrind about the library", ours.len(), &result, None);
    assert!(found.contains("ERROR SUMMARY") && other.is_empty(), "{}", other.join("\n"));
}

/// Whether both accesses in a report of helgrind are operations of `core::sync::atomic`, according to their innermost
/// frames.
fn are_both_atomic(report: &str) -> bool {
    let innermost: Vec<&str> = report.lines().filter(|line| line.trim_start().starts_with("at 0x")).collect();
    matches!(innermost[..], [one, other] if [one, other].iter().all(|frame| frame.contains(": core::sync::atomic::")))
}
