//! The library is a guest: it works whatever its process does, and does nothing to it (ARCHITECTURE.md, section 5).
//!
//! The programs print lines of the table (`c_tests::table`), "= condition | times | result", and end with 1 where a result
//! must not be so. Where bare glibc does worse, the same is run bare, and the line says both. `NSS_BYPASS_SOAK` makes the
//! numbers larger: see `scripts/soak`.

use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use c_tests::artefacts::{checked_program, home, library, preloadable, program, stand_in, tool};
use c_tests::cases::Setup;
use c_tests::length::{Length, length, many};
use c_tests::releases;
use c_tests::table::{Heading, report};
use c_tests::world::{HOSTS, Nscd, World};

const RULES: &str = "bypass *.m.example 192.0.2.0/24 via 127.0.0.54 timeout 5 attempts 3\n\
    bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n\
    bypass *.nobody.example via 127.0.0.99 timeout 1 attempts 1\n";

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
        place.put("host.conf", "multi on\n");
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

/// A line of the table, as a program prints it.
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

fn conclude(heading: Heading, label: &str, ours: &Output, bare: Option<&Output>) {
    let bare_rows = bare.map(rows).unwrap_or_default();
    // Rows that are missing are those at which it hung, and what would have come then.
    let hangs = bare.is_some_and(|bare| bare.status.signal() == Some(libc::SIGKILL));
    for row in rows(ours) {
        let bare = match bare_rows.iter().find(|bare| bare.condition == row.condition) {
            Some(bare) if bare.times == row.times => Some(bare.result.clone()),
            Some(bare) => Some(format!("{} ({} times)", bare.result, bare.times)),
            None => hangs.then(|| "HANGS".to_owned()),
        };
        report(heading, &format!("{}{label}", row.condition), &row.times, &row.result, bare.as_deref());
    }
    assert!(ours.status.success(), "{}", text(ours));
    assert!(ours.stderr.is_empty(), "{}", text(ours));
}

/// What a program is about.
fn heading_of(program: &str) -> Heading {
    match program {
        "children" => Heading::Fork,
        "crowd" => Heading::Threads,
        "leaving" => Heading::Cancellation,
        "descriptors" => Heading::Descriptors,
        "interrupts" | "nested" => Heading::Signals,
        "constructor" => Heading::EarlyAndLate,
        _ => panic!("{program} is about nothing"),
    }
}

fn run(place: &Place, libraries: &[&Path], name: &str, scenario: &str, count: u32) -> Output {
    place.command(libraries, &program(name), &[scenario, &count.to_string()]).output().unwrap()
}

/// The debug build where the release build is tested, and the other way round.
fn other_build() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let test = env::current_exe().unwrap();
        let (folder, profile) = if cfg!(debug_assertions) { ("release", "release") } else { ("debug", "dev") };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "-p", "nss-bypass", "--profile", profile]);
        let output = cargo.current_dir(home()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        test.ancestors().nth(3).unwrap().join(folder).join("libnss_bypass.so")
    };
    PATH.get_or_init(build).clone()
}

/// What a program does under the library is as it must be.
fn holds(name: &str, scenario: &str, count: u32) {
    conclude(heading_of(name), "", &run(&Place::new(), &[&library()], name, scenario, count), None);
}

/// The same, with bare glibc's numbers of `bare_count` times.
fn holds_where_glibc_does_not(name: &str, scenario: &str, count: u32, bare_count: u32) {
    let bare = std::thread::scope(|scope| {
        let bare = scope.spawn(|| run(&Place::new(), &[], name, scenario, bare_count));
        let ours = run(&Place::new(), &[&library()], name, scenario, count);
        (ours, bare.join().unwrap())
    });
    conclude(heading_of(name), "", &bare.0, Some(&bare.1));
}

/// The same for a program that checks its own use of memory.
fn holds_under_address_sanitizer(name: &str, scenario: &str, count: u32) {
    let (sanitizer, place) = (preloadable("libasan.so"), Place::new());
    let words = [scenario, &count.to_string()];
    let mut command = place.command(&[&sanitizer, &library()], &checked_program(name), &words);
    let output = command.env("ASAN_OPTIONS", "detect_leaks=0").output().unwrap();
    conclude(heading_of(name), ", under AddressSanitizer", &output, None);
}

mod fork {
    use super::*;

    #[test]
    fn children_of_a_process_whose_threads_look_matched_names_up_hang_and_fail_never() {
        holds("children", "matched", many(200, 1000, 10_000));
    }

    #[test]
    fn children_of_a_process_whose_threads_look_names_of_both_kinds_up_hang_and_fail_never() {
        let count = many(150, 1000, 10_000);
        holds_where_glibc_does_not("children", "passed", count, many(48, 200, 400));
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

mod threads {
    use super::*;

    #[test]
    fn every_answer_is_right_by_the_old_or_the_new_files() {
        holds("crowd", "rewriting", many(4, 20, 120));
    }

    #[test]
    fn changes_of_the_configuration_take_effect_and_cost_no_memory() {
        holds("crowd", "reloads", many(1000, 3000, 20_000));
    }

    #[test]
    fn the_first_lookups_of_a_process_may_be_many_threads_at_once() {
        holds("crowd", "first", many(100, 500, 3000));
    }

    #[test]
    fn a_host_that_checks_its_memory_has_nothing_to_complain_of() {
        holds_under_address_sanitizer("crowd", "first", many(20, 100, 500));
        holds_under_address_sanitizer("interrupts", "closing-servers", many(10, 100, 1000));
        holds_under_address_sanitizer("constructor", "moments", 1);
    }

    /// Helgrind knows nothing of atomic pointers, so that it calls each read of a value that one thread has made and
    /// others read a race with its making. What remains to be seen is that nothing else is one: no write to what others
    /// can see, nothing outside of such values, and no lock that is misused.
    #[test]
    #[ignore = "a minute long, and needs valgrind: scripts/soak runs it"]
    fn helgrind_finds_values_made_before_they_are_read_and_nothing_else() {
        let place = Place::new();
        let log = place.world.folder().join("helgrind");
        let build = if cfg!(debug_assertions) { library() } else { other_build() };
        let (option, seconds) = (format!("--log-file={}", log.display()), many(10, 20, 120).to_string());
        let preload = format!("LD_PRELOAD={}", build.display());
        let words = ["--tool=helgrind", "--trace-children=yes", "--error-limit=no", &option];
        let mut command = place.world.command(&tool("valgrind"), &place.etc);
        command.args(words).arg(tool("env")).arg(preload).arg(program("crowd")).args(["few", &seconds]);
        let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        conclude(Heading::Threads, ", under helgrind", &output, None);

        let found = fs::read_to_string(log).unwrap();
        let found: String =
            found.lines().map(|line| line.split_once("== ").map_or("", |parts| parts.1).to_owned() + "\n").collect();
        let separator = "-".repeat(64);
        let ours: Vec<&str> = found.split(&separator).filter(|report| report.contains("nss_bypass")).collect();
        let is_read_of_value = |report: &&&str| {
            report.contains("Possible data race during read") && report.contains("inside a block of size")
        };
        let (values, other): (Vec<&str>, Vec<&str>) = ours.iter().partition(|report| is_read_of_value(report));
        let result = format!("{} reads of values published by an atomic pointer, {} others", values.len(), other.len());
        report(Heading::Threads, "what helgrind finds in the library", ours.len(), &result, None);
        assert!(found.contains("ERROR SUMMARY") && other.is_empty(), "{}", other.join("\n"));
    }
}

mod leaving {
    use super::*;

    fn conclude(label: &str, ours: &Output, bare: Option<&Output>) {
        super::conclude(Heading::Cancellation, label, ours, bare);
    }

    /// Under both builds, which differ in how they unwind, and bare.
    fn holds_in_both_builds(scenario: &str, count: u32) {
        let other = other_build();
        let run = |libraries: &[&Path]| run(&Place::new(), libraries, "leaving", scenario, count);
        let [ours, other, bare] = std::thread::scope(|scope| {
            let other = scope.spawn(|| run(&[&other]));
            let bare = scope.spawn(|| run(&[]));
            [run(&[&library()]), other.join().unwrap(), bare.join().unwrap()]
        });
        // glibc's own lookups do not call the functions that the program puts before libc's: nothing to compare.
        conclude("", &ours, Some(&bare).filter(|_| !scenario.contains("everywhere") && !scenario.contains("deeper")));
        conclude(", the other build", &other, None);
    }

    #[test]
    fn a_thread_that_is_cancelled_ends_after_its_lookup_or_in_libcs_and_leaves_nothing() {
        holds_in_both_builds("cancel-deferred", many(4, 20, 100));
    }

    #[test]
    fn a_thread_that_is_cancelled_asynchronously_ends_after_its_lookup_or_in_libcs_and_leaves_nothing() {
        holds_in_both_builds("cancel-asynchronous", many(4, 20, 100));
    }

    #[test]
    fn a_thread_that_is_cancelled_in_a_matched_gethostbyname_does_not_block_the_next() {
        holds_in_both_builds("cancel-static", many(4, 20, 100));
    }

    #[test]
    fn a_thread_is_not_cancelled_where_nobody_is_asked() {
        holds_in_both_builds("cancel-unasked", 1);
    }

    #[test]
    fn a_thread_that_exits_in_a_handler_during_a_passed_lookup_ends_as_without_the_library() {
        holds_in_both_builds("exit-passed", many(4, 20, 100));
    }

    #[test]
    fn a_jump_out_of_a_matched_lookup_harms_no_later_one() {
        holds_in_both_builds("jump-matched", many(8, 50, 500));
    }

    #[test]
    fn a_jump_out_of_a_passed_lookup_is_as_without_the_library() {
        holds_in_both_builds("jump-passed", many(8, 50, 500));
    }

    #[test]
    fn a_jump_out_of_a_matched_gethostbyname_does_not_block_the_next() {
        holds_in_both_builds("jump-static", many(8, 50, 500));
    }

    #[test]
    fn jumps_leave_no_more_descriptors_than_out_of_glibc() {
        holds_in_both_builds("jump-descriptors", many(8, 50, 500));
    }

    #[test]
    fn a_jump_out_of_any_function_that_a_matched_lookup_calls_harms_no_later_one() {
        holds_in_both_builds("jump-everywhere", 1);
    }

    #[test]
    fn a_jump_out_of_any_such_function_harms_no_later_lookup_from_deeper_in_the_stack() {
        holds_in_both_builds("jump-deeper", 1);
    }
}

mod descriptors {
    use super::*;

    fn conclude(label: &str, ours: &Output, bare: Option<&Output>) {
        super::conclude(Heading::Descriptors, label, ours, bare);
    }

    #[test]
    fn a_lookup_leaves_none_open_whatever_its_outcome() {
        holds("descriptors", "none-left", 1);
    }

    #[test]
    fn none_is_counted_upon_from_one_lookup_to_the_next() {
        holds("descriptors", "closed-between", many(20, 200, 2000));
    }

    /// Rows of the same results as bare.
    fn as_in_glibc(scenario: &str) {
        let (ours, bare) = (
            run(&Place::new(), &[&library()], "descriptors", scenario, 1),
            run(&Place::new(), &[], "descriptors", scenario, 1),
        );
        let results = |output| rows(output).into_iter().map(|row| row.result).collect::<Vec<_>>();
        let same = results(&ours) == results(&bare);
        conclude("", &ours, if same { None } else { Some(&bare) });
        assert!(same, "{}\nbare: {}", text(&ours), text(&bare));
    }

    #[test]
    fn where_there_are_few_answers_are_glibcs() {
        as_in_glibc("few");
    }

    #[test]
    fn where_there_is_one_or_none_the_codes_are_glibcs() {
        as_in_glibc("one-or-none");
    }

    #[test]
    fn five_thousand_are_open() {
        holds("descriptors", "thousands", 5000);
    }

    #[test]
    fn standard_input_output_and_error_are_closed() {
        holds("descriptors", "closed-standard", many(500, 5000, 20_000));
    }

    #[test]
    fn a_log_to_a_standard_error_that_is_closed_goes_nowhere() {
        let place = Place::new();
        let words = ["closed-standard", &many(500, 5000, 20_000).to_string()];
        let mut command = place.command(&[&library()], &program("descriptors"), &words);
        let output = command.env("NSS_BYPASS_LOG", "stderr").output().unwrap();
        conclude(", with a log to standard error", &output, None);
        let strange = |line: &&String| !line.contains(".example") && !line.contains("in-addr.arpa");
        let questions = place.world.questions();
        let strange: Vec<_> = questions.iter().filter(strange).take(5).collect();
        assert!(strange.is_empty(), "the log went to the name server: {strange:?}");
    }
}

mod signals {
    use super::*;

    #[test]
    fn lookups_keep_their_answers_and_deadlines_under_a_fast_timer_that_restarts_calls() {
        holds("interrupts", "restarting", many(1, 5, 20));
    }

    #[test]
    fn lookups_keep_their_answers_and_deadlines_under_a_fast_timer_that_interrupts_calls() {
        holds("interrupts", "interrupting", many(1, 5, 20));
    }

    #[test]
    fn a_lookup_is_right_though_a_handler_on_another_stack_looks_up_in_its_midst() {
        let every = many(5, 2, 1);
        holds_where_glibc_does_not("nested", "above", every, many(25, 9, 3));
        holds("nested", "below", every);
    }

    #[test]
    fn sigpipe_is_never_raised() {
        holds("interrupts", "closing-servers", many(40, 400, 4000));
    }
}

mod early_and_late {
    use super::*;

    fn at_every_moment(label: &str, libraries: &[&Path], moments: usize) {
        let output = run(&Place::new(), libraries, "constructor", "moments", 1);
        conclude(Heading::EarlyAndLate, label, &output, None);
        assert_eq!(rows(&output).len(), moments, "{}", text(&output));
    }

    #[test]
    fn lookups_of_a_program_work_at_every_moment() {
        at_every_moment("", &[&library()], of_program());
    }

    #[test]
    fn lookups_of_a_library_that_starts_later_work_at_every_moment() {
        at_every_moment(", preloaded before ours", &[&stand_in("constructor"), &library()], of_program() + OF_LIBRARY);
    }

    #[test]
    fn lookups_of_a_library_that_starts_earlier_work_at_every_moment() {
        at_every_moment(", preloaded after ours", &[&library(), &stand_in("constructor")], of_program() + OF_LIBRARY);
    }

    /// Moments of which the program, and the same source as a library, print lines; the program one less where libc is
    /// not ready before all constructors.
    fn of_program() -> usize {
        if releases::minor() < 32 { 9 } else { 10 }
    }
    const OF_LIBRARY: usize = 6;
}
