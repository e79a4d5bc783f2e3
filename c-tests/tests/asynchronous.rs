//! getaddrinfo_a and related functions: the programs in `programs/getaddrinfo_a` must print the same as with bare
//! glibc.
//!
//! Without nscd, the results do not depend on whether a name is matched, so that lists in which half of the names are
//! matched are compared there. With an nscd that gives wrong answers, lists are compared in which all names or none are
//! matched.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use c_tests::artefacts::{library, program, tool};
use c_tests::cases::{CaseFile, Setup};
use c_tests::differ::{EVERYTHING, Side};
use c_tests::table::{Heading, report};
use c_tests::world::{Nscd, World};

/// Every second name of a list.
const HALF: &str = "*.half.example";

/// Matches no name of the program.
const NO_MATCH: &str = "nothing.matches.this";

/// The time limit for programs, in seconds. Both sides may hang.
const LIMIT: &str = "60";

/// A world, and the /etc of its programs.
struct Place {
    world: World,
    setup: Setup,
    etc: PathBuf,
}

impl Place {
    fn new(nscd: Nscd) -> Self {
        // Long enough for slow servers, and short for silent ones.
        let text = "[x]\nset resolv.conf nameserver 127.0.0.53\nset resolv.conf options timeout:4 attempts:1\ngai x";
        let setup = CaseFile::parse("asynchronous", text).sections.remove(0).setup;
        Self { world: World::start(&setup.addresses, nscd), etc: setup.etc(), setup }
    }

    /// A scenario consists of the name of the program and that of the scenario, as in "modes wait".
    fn run(&self, side: &Side, wrapper: &[&str], scenario: &str) -> Output {
        let (name, scenario) = scenario.split_once(' ').expect("a program and a scenario");
        let mut command = side.configure(self.world.command(&tool("timeout"), &self.etc), &self.setup);
        command.arg(LIMIT).args(wrapper);
        // Only in the program itself, since the wrapper may be for another architecture.
        let preload = command.get_envs().find_map(|(name, value)| value.filter(|_| name == "LD_PRELOAD"));
        if let Some(preload) = preload.map(OsStr::to_os_string) {
            let mut assignment = OsString::from("LD_PRELOAD=");
            assignment.push(preload);
            command.env_remove("LD_PRELOAD").arg(tool("env")).arg(assignment);
        }
        command.arg(program(&format!("getaddrinfo_a/{name}"))).arg(scenario);
        command.stdin(Stdio::null()).stderr(Stdio::piped()).output().expect("the program runs")
    }

    fn print(&self, side: &Side, scenario: &str) -> String {
        let Output { status, stdout, stderr } = self.run(side, &[], scenario);
        format!("{}{}ended with {status}\n", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.etc);
    }
}

fn with(rules: &'static str) -> Side {
    Side::with(&library(), Some(rules))
}

fn equal(scenario: &str, expected: &str, found: &str, what: &str) {
    let difference = expected.lines().zip(found.lines()).enumerate().find(|(_, (left, right))| left != right);
    assert!(
        expected == found,
        "{scenario}, {what}: first difference (line, bare, library): {difference:?}\n--- bare\n{expected}\n--- library\n{found}"
    );
}

fn as_bare_glibc(scenario: &str, condition: &str) {
    let quiet = Place::new(Nscd::None);
    let bare = quiet.print(&Side::bare(), scenario);
    assert!(bare.ends_with("ended with exit status: 0\n"), "{scenario}, bare: {bare}");
    equal(scenario, &bare, &quiet.print(&with(HALF), scenario), "half of the names matched");
    equal(scenario, &bare, &quiet.print(&with(NO_MATCH), scenario), "no name matched");
    let lying = Place::new(Nscd::Lying);
    equal(
        scenario,
        &bare,
        &lying.print(&with(EVERYTHING), scenario),
        "all names matched, with an nscd that gives wrong answers",
    );
    let lines = bare.lines().count();
    tell(condition, 3 * lines, "as with bare glibc, with no, half of, and all names matched");
}

/// Reports a row of the table. `times` is the number of compared results or of repetitions.
fn tell(condition: &str, times: usize, result: &str) {
    report(Heading::Asynchronous, condition, times, result, None);
}

macro_rules! as_bare_glibc {
    ($($test:ident: $scenario:literal)+) => { $(
        #[test]
        fn $test() {
            as_bare_glibc($scenario, &stringify!($test).replace('_', " "));
        }
    )+ };
}

as_bare_glibc! {
    lists_that_are_waited_for: "modes wait"
    lists_that_are_not_waited_for: "modes nowait"
    unusual_arguments: "modes arguments"
    notifications_by_signal: "notices signals"
    handlers_run_before_a_wait_returns_and_interrupt_others: "notices handlers"
    a_handler_starts_the_next_request: "notices chain"
    notifications_by_thread: "notices threads"
    many_requests: "load many"
    many_calls: "load many-calls"
    many_callers: "load callers"
    twenty_threads_that_end: "load concurrency"
    timeouts_of_gai_suspend: "suspend timeouts"
    signals_interrupt_gai_suspend: "suspend interrupted"
    requests_are_cancelled: "cancel cancelling"
    threads_are_cancelled: "cancel cancelled"
    a_waiting_thread_is_cancelled_immediately: "cancel cancelled-waiting"
    a_thread_in_gai_suspend_is_cancelled_immediately: "cancel cancelled-suspended"
    no_thread_can_be_created: "modes no-threads"
}

#[test]
fn other_names_are_resolved_by_nscd() {
    let lying = Place::new(Nscd::Lying);
    let bare = lying.print(&Side::bare_beside_nscd(), "modes wait");
    assert!(bare.contains("203.0.113.66"), "the wrong answer of nscd is missing: {bare}");
    equal(
        "modes wait",
        &bare,
        &lying.print(&with(NO_MATCH), "modes wait"),
        "no name matched, with an nscd that gives wrong answers",
    );
    tell("other names, with an nscd that gives wrong answers", bare.lines().count(), "answers of nscd");
}

/// Checks what a program prints in cases where bare glibc hangs, stops the program, or corrupts its lists.
fn beyond_glibc(scenario: &str, condition: &str, expected: &str) {
    let place = Place::new(Nscd::Lying);
    equal(
        scenario,
        expected,
        &place.print(&with(EVERYTHING), scenario),
        "all names matched, with an nscd that gives wrong answers",
    );
    tell(condition, expected.lines().count(), "as expected, unlike bare glibc");
}

const CHILD: &str = "the parent's, gai_suspend: EAI_ALLDONE
the parent's, gai_cancel: EAI_ALLDONE
getaddrinfo_a: 0
getaddrinfo_a: 0
";

#[test]
fn a_child_works_regardless_of_requests_of_its_parent() {
    let place = Place::new(Nscd::Lying);
    let found = place.print(&with(EVERYTHING), "fork beyond-fork");
    // The output of a notification may come in between.
    let lines = found.lines().filter(|line| !line.starts_with("  ")).map(|line| format!("{line}\n"));
    assert_eq!(lines.collect::<String>().matches(CHILD).count(), 2, "{found}");
    assert_eq!(found.matches("the child's end: 0\n").count(), 2, "{found}");
    assert!(found.contains("30 found, 0 not, 0 in progress"), "{found}");
    assert!(found.ends_with("ended with exit status: 0\n"), "{found}");
    tell("children of a process with outstanding requests", 2, "start with none, and their own are answered");
}

#[test]
fn children_can_be_forked_at_any_time() {
    beyond_glibc(
        "fork beyond-forks",
        "children are forked at any time",
        "0 of 200 children went wrong\nended with exit status: 0\n",
    );
}

#[test]
fn a_handler_can_fork_while_its_thread_waits() {
    beyond_glibc(
        "fork beyond-handler",
        "a handler forks while its thread waits",
        "EAI_INTR, the child's end: 7
  2 found, 0 not, 0 in progress
0, the child's end: 7
  2 found, 0 not, 0 in progress
ended with exit status: 0
",
    );
}

#[test]
fn waiting_for_a_cancelled_request_ends() {
    beyond_glibc(
        "cancel beyond-cancel",
        "waiting for a cancelled request",
        "getaddrinfo_a: 0
gai_cancel: EAI_CANCELED
gai_suspend: 0
gai_cancel: EAI_CANCELED
getaddrinfo_a: 0
  20 found, 0 not, 1 in progress
ended with exit status: 0
",
    );
}

#[test]
fn cancelled_threads_leave_nothing_locked() {
    let place = Place::new(Nscd::Lying);
    let found = place.print(&with(EVERYTHING), "cancel beyond-cancelled");
    assert_eq!(found.matches(" found, 0 not, 0 in progress").count(), 6, "{found}");
    assert!(found.ends_with("ended with exit status: 0\n"), "{found}");
    tell("later requests after threads are cancelled", 6, "answered, nothing remains locked");
}

#[test]
fn many_callers_use_gai_suspend() {
    let callers: String = (0..8).map(|caller| format!("caller {caller}: 100\n")).collect();
    beyond_glibc(
        "load beyond-callers",
        "many callers of gai_suspend",
        &format!("{callers}ended with exit status: 0\n"),
    );
}

#[test]
fn invalid_timeouts_do_not_stop_the_program() {
    beyond_glibc(
        "suspend beyond-times",
        "invalid timeouts",
        "a second of four thousand million nanoseconds: EAI_SYSTEM
less than no nanoseconds: EAI_SYSTEM
ended with exit status: 0
",
    );
}

#[test]
fn a_missing_notification_function_does_not_stop_the_program() {
    let place = Place::new(Nscd::Lying);
    let found = place.print(&with(EVERYTHING), "notices beyond-function");
    assert!(found.starts_with("getaddrinfo_a: 0\n") && found.ends_with("ended with exit status: 0\n"), "{found}");
    tell("SIGEV_THREAD without a function", 1, "the program continues");
}

/// The requests of one call are passed to libc, those of another are matched, and one gai_suspend waits for both.
#[test]
fn matched_and_other_requests_can_be_waited_for_together() {
    as_bare_glibc("suspend two-sides", "matched and other requests are waited for together");
}

#[test]
fn nscd_is_not_queried_for_matched_names() {
    let place = Place::new(Nscd::Lying);
    let connects = |rules| {
        let trace = place.etc.with_extension("trace");
        let strace = tool("strace");
        let wrapper = [strace.to_str().unwrap(), "-f", "-qq", "-e", "trace=connect", "-o", trace.to_str().unwrap()];
        let found = place.run(&with(rules), &wrapper, "load many");
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        let text = fs::read_to_string(&trace).unwrap();
        fs::remove_file(trace).unwrap();
        text.lines().filter(|line| line.contains("nscd/socket")).count()
    };
    assert_eq!(connects(EVERYTHING), 0);
    assert!(connects(HALF) > 0, "nscd was not queried for the other half");
    tell("connections to nscd for matched names", 1, "none");
}
