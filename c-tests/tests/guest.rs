//! A guest's rules (ARCHITECTURE.md, section 5): little stack, no memory, a sandbox, a host process with privileges,
//! other preloaded libraries, a panic of our own. None of these may show.
//!
//! What is asked of the library is what bare glibc does under the same conditions, where it does better than to crash;
//! how that fared is printed, a line a condition. `NSS_BYPASS_LONG=1` runs more of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use c_tests::artefacts::{checked_program, faulty_library, library, preloadable, program, stand_in, tool};
use c_tests::cases::{CaseFile, Setup};
use c_tests::differ::{EVERYTHING, Side};
use c_tests::world::{Nscd, World};

/// Every kind of lookup, as programs/lookups.h names them.
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

/// Whether there is time for more.
fn is_long() -> bool {
    std::env::var_os("NSS_BYPASS_LONG").is_some()
}

/// A line of the report, past the test runner's capture.
fn say(condition: &str, times: usize, result: &str) {
    let _ = writeln!(std::io::stdout(), "guest: {condition}: {times} times: {result}");
}

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

mod memory {
    use super::*;

    /// Answers, and the largest number of bytes of stack.
    fn answers_and_stack(output: &Output) -> (String, usize) {
        let text = text(output);
        let (sizes, answers): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.parse::<usize>().is_ok());
        (answers.join("\n"), sizes.iter().filter_map(|size| size.parse().ok()).max().unwrap_or(0))
    }

    fn small_stacks(library: &Path, kibibytes: u32, what: &str) {
        let place = Place::new(|etc| {
            let rules: String =
                (0..500).map(|n| format!("bypass host{n}.example *.domain{n}.example timeout 2\n")).collect();
            fs::write(etc.join("rules"), rules).unwrap();
        });
        let mut most = [0, 0];
        // The first lookup of a process also reads all files; "rewrite" makes one of many read the rules anew.
        let together = format!("{}\nrewrite /etc/rules\ngai ok_ok.t.example\n", KINDS.join("\n"));
        for input in KINDS.iter().copied().chain([together.as_str()]) {
            let program = program("stack");
            let mut ours = place.with(library, &program);
            ours.env("NSS_BYPASS_CONF", "/etc/rules").env("NSS_BYPASS_LOG", "/run/log");
            ours.arg(kibibytes.to_string());
            let mut bare = place.bare(&program);
            bare.arg("256");
            let [bare, ours] = [run(bare, input), run(ours, input)];
            assert!(ours.status.success(), "{input}: {}", whole(&ours));
            let [bare, ours] = [answers_and_stack(&bare), answers_and_stack(&ours)];
            assert_eq!(ours.0, bare.0);
            most = [most[0].max(bare.1), most[1].max(ours.1)];
        }
        let result = format!("as bare glibc; at most {} bytes of stack (glibc: {})", most[1], most[0]);
        say(&format!("threads with {kibibytes} KiB of stack, {what}"), 2 * KINDS.len() + 1, &result);
    }

    #[test]
    fn every_lookup_fits_on_a_stack_of_32_kib() {
        small_stacks(&library(), if cfg!(debug_assertions) { 64 } else { 32 }, "the library as built");
    }

    #[test]
    fn every_lookup_of_a_debug_build_fits_on_a_stack_of_64_kib() {
        small_stacks(&faulty_library(), 64, "a debug build");
    }

    /// How often all lookups of programs/starve.c ended how.
    fn outcomes(output: &str) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for line in output.lines() {
            let (_, outcomes) = line.split_once(": ").unwrap_or(("", line));
            for outcome in outcomes.split("; ") {
                let outcome = outcome.rsplit_once(" (from").map_or(outcome, |(outcome, _)| outcome);
                let (count, how) = outcome.split_once(' ').unwrap_or(("1", outcome));
                *found.entry(how.to_owned()).or_default() += count.parse().unwrap_or(1);
            }
        }
        found
    }

    fn in_words(outcomes: &BTreeMap<String, usize>) -> String {
        outcomes.iter().map(|(how, count)| format!("{count} {how}")).collect::<Vec<_>>().join(", ")
    }

    /// What a lookup may end in that has no memory: its answer or a code that says so.
    const HONEST: &[&str] =
        &["answered", "EAI_MEMORY", "EAI_SYSTEM errno=12", "EAI_AGAIN", "h_errno=-1", "h_errno=-1 rc=12", "h_errno=2"];

    fn starve(mode: &str, when: &str, lookups: &[&str]) {
        starve_with("", mode, when, lookups);
    }

    fn starve_with(configuration: &str, mode: &str, when: &str, lookups: &[&str]) {
        let place = Place::new(|etc| fs::write(etc.join("nss-bypass.conf"), configuration).unwrap());
        let program = program("starve");
        let mut ours = place.with(&library(), &program);
        ours.args([mode, when]).args(lookups);
        // Bare glibc waits for ever for a lock, or dies, in many of these.
        let mut bare = place.bare(&program);
        bare.args([mode, when, "gai ok_ok.t.example"]).env("STARVE_PATIENCE", "2");
        let (ours, bare) = (run(ours, ""), run(bare, ""));
        assert!(ours.status.success(), "{mode} {when}: {}", whole(&ours));
        let (found, expected) = (outcomes(&text(&ours)), outcomes(&text(&bare)));
        let strange: Vec<_> = found.keys().filter(|how| !HONEST.contains(&how.as_str())).collect();
        let times = found.values().sum();
        say(
            &format!("malloc fails: {mode}, {when} {}", configuration.trim()),
            times,
            &format!("{} (glibc, one kind of lookup: {})", in_words(&found), in_words(&expected)),
        );
        assert!(strange.is_empty(), "{mode} {when}: {strange:?}\n{}", text(&ours));
    }

    #[test]
    fn one_failing_malloc_ends_in_an_answer_or_a_code() {
        starve("nth", "first", KINDS);
        starve("nth", "later", KINDS);
    }

    #[test]
    fn malloc_that_fails_from_some_call_on_ends_in_an_answer_or_a_code() {
        starve("from", "first", KINDS);
        starve("from", "later", KINDS);
    }

    #[test]
    fn malloc_that_fails_where_answers_are_kept_ends_in_an_answer_or_a_code() {
        for mode in ["nth", "from", "above"] {
            for when in ["first", "later"] {
                starve_with(
                    "cache 1000000\n",
                    mode,
                    when,
                    &["gai ok3_ok3.t.example", "ghbnr ok_ok.t.example", "gni 10.0.0.5"],
                );
            }
        }
    }

    #[test]
    fn malloc_that_refuses_much_ends_in_an_answer_or_a_code() {
        starve("above", "first", KINDS);
        starve("above", "later", KINDS);
    }

    #[test]
    fn a_kernel_that_gives_no_memory_ends_in_an_answer_or_a_code() {
        starve(
            "limit",
            "first",
            &["gai ok_ok.t.example", "gaic cname_cname.t.example", "ghbn ok_ok.t.example", "ghba 10.0.0.5"],
        );
    }

    #[test]
    fn a_malloc_that_fails_while_the_program_starts_costs_nothing_but_an_answer() {
        let place = Place::new(|_| ());
        let ask = |n: usize| {
            let mut command = place.with(&library(), &program("starve"));
            command.args(["once", "now", "gai ok_ok.t.example"]).env("STARVE_START", n.to_string());
            run(command, "")
        };
        let mut times = 0;
        for n in 1.. {
            let output = ask(n);
            assert!(output.status.success() && output.stderr.is_empty(), "call {n}: {}", whole(&output));
            let text = text(&output);
            assert!(text.ends_with("found 2001:db8::1 192.0.2.1\n"), "call {n}: {text}");
            times = n;
            if text.starts_with("fewer") {
                break;
            }
        }
        say("malloc fails before main", times, "all started and answered");
    }
}

/// One thing after another of what a process may be.
mod sandboxes {
    use super::*;

    const LOOKUPS: &[&str] = &[
        "gai ok3_ok3.t.example",
        "gaic cname_cname.t.example",
        "gai dual",
        "gai4 ok_ok.t.example",
        "ghbn ok_ok.t.example",
        "ghbnr v4only",
        "ghba 10.0.0.5",
        "ghbar 2001:db8::5",
        "gni 10.0.0.5",
    ];
    const OVER_TCP: &[&str] = &["gai tc_tc.t.example", "gai4 tc_tc.t.example", "ghbn tc_tc.t.example"];

    /// For the test program, and for malloc.
    const ALWAYS: &str = "write,exit_group,brk,mmap,munmap,getrandom";
    const DATAGRAMS: &str = "newfstatat,openat,read,lseek,close,socket,connect,setsockopt,poll,sendmmsg,sendto,recvfrom,ioctl,getsockname,uname,bind,recvmsg,futex";
    const STREAMS: &str = "writev,getpeername";
    const CONTRACT: &str = "newfstatat,openat,read,lseek,close,socket,connect,setsockopt,poll,sendmmsg,sendto,recvfrom,\
        ioctl,writev,getpeername,getsockname,uname,bind,recvmsg,futex,mmap,munmap,brk,clock_gettime,write,exit_group";

    /// Without a cache, and with one: "warm" is then what was kept.
    const CACHES: [(&str, &str); 2] = [("", ""), (", with a cache", "cache 100\n")];

    fn filtered(what: &str, calls: &str, lookups: &[&str]) {
        for (label, configuration) in CACHES {
            let place = Place::new(|etc| fs::write(etc.join("nss-bypass.conf"), configuration).unwrap());
            filtered_in(&place, &format!("{what}{label}"), calls, lookups);
        }
    }

    fn filtered_in(place: &Place, what: &str, calls: &str, lookups: &[&str]) {
        let mut survivors = [0, 0];
        for when in ["cold", "warm"] {
            for lookup in lookups {
                let [bare, ours] = place.both(
                    "sandbox",
                    |command| {
                        command.args([calls, when, lookup]);
                    },
                    "",
                );
                survivors[0] += usize::from(bare.status.success());
                survivors[1] += usize::from(ours.status.success());
                // Cold, glibc's malloc asks for random bytes, which are not promised; that must not matter here.
                assert!(ours.status.success() || calls != CONTRACT, "{what}, {when}: {lookup}: {}", whole(&ours));
                if bare.status.success() {
                    assert_eq!(whole(&ours), whole(&bare), "{what}, {when}: {lookup}");
                }
            }
        }
        let result = format!("{} lived, of bare glibc's {}", survivors[1], survivors[0]);
        say(&format!("seccomp: {what}"), 2 * lookups.len(), &result);
        assert!(survivors[0] > 0, "bare glibc lives nowhere: the list says nothing");
    }

    #[test]
    fn calls_for_datagrams_are_enough() {
        filtered("what glibc needs for datagrams", &format!("{ALWAYS},{DATAGRAMS}"), LOOKUPS);
    }

    #[test]
    fn calls_for_datagrams_and_streams_are_enough() {
        let all: Vec<&str> = LOOKUPS.iter().chain(OVER_TCP).copied().collect();
        filtered("and for streams", &format!("{ALWAYS},{DATAGRAMS},{STREAMS}"), &all);
    }

    #[test]
    fn calls_that_are_promised_are_enough() {
        let all: Vec<&str> = LOOKUPS.iter().chain(OVER_TCP).copied().collect();
        filtered("what is promised", CONTRACT, &all);
    }

    /// The names of the system calls between the marks.
    fn calls_of(place: &Place, library: Option<&Path>, when: &str, lookup: &str) -> BTreeSet<String> {
        let strace = tool("strace");
        let mut command = match library {
            None => place.bare(&strace),
            Some(library) => place.with(library, &strace),
        };
        command.env_remove("LD_PRELOAD").args(["-f", "-qq", "-o", "/dev/stdout"]);
        if let Some(library) = library {
            command.args(["-E", &format!("LD_PRELOAD={}", library.display())]);
        }
        command.arg(program("sandbox")).args(["-", when, lookup]);
        let output = run(command, "");
        assert!(output.status.success(), "{}", whole(&output));
        let trace = text(&output);
        let calls =
            trace.lines().filter_map(|line| Some(line.split_whitespace().nth(1)?.split('(').next()?.to_owned()));
        calls.skip_while(|call| call != "getppid").skip(1).take_while(|call| call != "getppid").collect()
    }

    /// What malloc asks for depends on what it was asked before.
    const FOR_MEMORY: &[&str] = &["brk", "mmap", "munmap", "mremap", "madvise"];

    #[test]
    fn each_lookup_makes_only_system_calls_that_bare_glibc_makes_for_it() {
        for (label, configuration) in CACHES {
            let place = Place::new(|etc| fs::write(etc.join("nss-bypass.conf"), configuration).unwrap());
            makes_only_system_calls_of_glibc(&place, label);
        }
    }

    fn makes_only_system_calls_of_glibc(place: &Place, label: &str) {
        let mut more = Vec::new();
        let all: Vec<&str> = LOOKUPS.iter().chain(OVER_TCP).copied().collect();
        for when in ["cold", "warm"] {
            for lookup in &all {
                let bare = calls_of(place, None, when, lookup);
                let ours = calls_of(place, Some(&library()), when, lookup);
                let extra: Vec<_> =
                    ours.difference(&bare).filter(|call| !FOR_MEMORY.contains(&call.as_str())).cloned().collect();
                if !extra.is_empty() {
                    more.push(format!("{when} {lookup}: {}", extra.join(" ")));
                }
            }
        }
        let result = format!("{} with a call that glibc does not make for the same lookup", more.len());
        say(&format!("system calls compared, lookup by lookup{label}"), 2 * all.len(), &result);
        assert!(more.is_empty(), "{more:#?}");
    }

    fn elsewhere(place: &Place, words: &[&str], lookups: &[&str]) -> String {
        let [bare, ours] = place.both(
            "elsewhere",
            |command| {
                command.args(words).args(lookups);
            },
            "",
        );
        assert!(ours.status.success(), "{words:?}: {}", whole(&ours));
        assert_eq!(whole(&ours), whole(&bare), "{words:?}");
        say(&format!("elsewhere: {}", words[0]), text(&ours).lines().count(), "as bare glibc");
        text(&ours)
    }

    #[test]
    fn a_process_that_moves_away_is_answered_from_where_it_is() {
        let place = Place::new(|_| ());
        let empty = place.worlds[0].folder().join("root");
        fs::create_dir(&empty).unwrap();
        let empty = empty.to_str().unwrap();
        for (action, argument) in [("chroot", empty), ("readonly", "-"), ("noproc", "-"), ("user", "65534")] {
            elsewhere(&place, &[action, argument], LOOKUPS);
            elsewhere(&place, &[&format!("then-{action}"), argument], LOOKUPS);
        }
    }

    #[test]
    fn a_thread_in_another_network_is_answered_from_there() {
        let place = Place::new(|_| ());
        let other = World::start(&["10.1.2.99/24".to_owned()], Nscd::None);
        let network = other.network();
        let lookups = ["gai set-near_set-near.t.example", "gai4 set-near_set-near.t.example", "ghbn ok_ok.t.example"];
        let said = elsewhere(&place, &["network", network.to_str().unwrap()], &lookups);
        let of =
            |who: &str| said.lines().find_map(|line| line.strip_prefix(who)?.strip_prefix(": ")).unwrap().to_owned();
        assert_ne!(of("main"), of("thread"), "the order of addresses must show the interface");
        let asked = |world: &World| world.questions().iter().filter(|line| line.contains("set-near")).count();
        assert!(
            asked(&other) > 0 && asked(&other) == asked(&place.worlds[0]) + asked(&place.worlds[1]),
            "{}",
            asked(&other)
        );
        let said = elsewhere(&place, &["nowhere", "-"], &lookups);
        assert!(said.contains("thread: gai set-near_set-near.t.example => EAI_AGAIN"), "{said}");
    }

    #[test]
    fn a_thread_with_other_files_is_answered_from_those() {
        let place = Place::new(|etc| {
            fs::create_dir(etc.join("other")).unwrap();
            fs::write(etc.join("other/resolv.conf"), "nameserver 127.0.0.54\noptions timeout:1 attempts:1\n").unwrap();
            fs::write(etc.join("other/hosts"), "192.0.2.99 v4only\n").unwrap();
        });
        let said = elsewhere(
            &place,
            &["mounts", "/etc/other"],
            &["gai okznx_okznx.t.example", "ghbn v4only", "ghbn okznx_okznx.t.example"],
        );
        assert!(said.contains("thread: ghbn v4only => v4only 192.0.2.99"), "{said}");
        assert!(said.contains("main: ghbn v4only => v4only.t.example/v4only/v4alias 192.0.2.77"), "{said}");
        assert!(said.contains("thread: gai okznx_okznx.t.example => EAI_NONAME"), "{said}");
        assert!(said.contains("main: gai okznx_okznx.t.example => found "), "{said}");
    }
}

mod privilege {
    use super::*;

    const PRELUDE: &str = r#"
mkdir -p /run/bin /run/shared; chmod 755 /run /run/bin; chmod 1777 /run/shared; umask 022
cp "$LIBRARY" /run/bin/libnss_bypass.so
for kind in plain setuid setgid capable; do cp "$PROGRAM" /run/bin/$kind; chmod 755 /run/bin/$kind; done
chmod 4755 /run/bin/setuid; chmod 2755 /run/bin/setgid; setcap cap_net_bind_service=ep /run/bin/capable
ask() { # WHAT KIND: a lookup by nobody
    printf '%s: ' "$1"
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all -- /run/bin/"$2" - cold 'gai ok_ok.t.example' 2>&1
}
each() { for kind in setuid setgid capable; do ask "$1 $kind" $kind; done; }
forget() { rm -f /etc/nss-bypass.conf /run/shared/*; chmod 755 /etc; chown 0:0 /etc; }
good() { forget; echo 'bypass *' >/etc/nss-bypass.conf; chmod 644 /etc/nss-bypass.conf; }
bare=$(/run/bin/plain - cold 'gai ok_ok.t.example')
echo /run/bin/libnss_bypass.so >/etc/ld.so.preload
truth=$(NSS_BYPASS='*' /run/bin/plain - cold 'gai ok_ok.t.example')
test "$bare" != "$truth" || echo 'NO DIFFERENCE TO SEE'
"#;

    /// What a script prints, with what is true and what nscd says by those names.
    fn script(text: &str) -> Vec<String> {
        let place = Place::new(|_| ());
        let mut bash = place.worlds[1].command(&tool("bash"), &place.etc);
        let script = format!(
            "{PRELUDE}\n{{\n{text}\n}} | while IFS= read -r line; do line=${{line/$truth/ours}}; echo \"${{line/$bare/libc}}\"; done"
        );
        bash.args(["-c", &script]).env("LIBRARY", library()).env("PROGRAM", program("sandbox"));
        bash.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let output = run(bash, "");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", whole(&output));
        self::text(&output).lines().map(str::to_owned).collect()
    }

    fn text(output: &Output) -> String {
        super::text(output)
    }

    #[test]
    fn no_variable_counts_in_a_program_with_more_privileges_than_its_caller() {
        let said = script(
            r#"
export NSS_BYPASS='*' NSS_BYPASS_LOG=/run/shared/log
ask plain plain; each rules
unset NSS_BYPASS
printf 'bypass *\nnonsense\n' >/run/shared/rules; export NSS_BYPASS_CONF=/run/shared/rules
ask plain plain; each file
unset NSS_BYPASS_CONF; good
export NSS_BYPASS_DISABLE=1
ask disabled plain; each disabled
unset NSS_BYPASS_DISABLE; echo nonsense >>/etc/nss-bypass.conf
each faults
ls -A /run/shared"#,
        );
        let expected = [
            "plain: ours",
            "rules setuid: libc",
            "rules setgid: libc",
            "rules capable: libc",
            "plain: ours",
            "file setuid: libc",
            "file setgid: libc",
            "file capable: libc",
            "disabled: libc",
            "disabled setuid: ours",
            "disabled setgid: ours",
            "disabled capable: ours",
            "faults setuid: ours",
            "faults setgid: ours",
            "faults capable: ours",
        ];
        assert_eq!(said, expected);
        say("variables in privileged programs", 12, "none counts, nothing is logged");
    }

    #[test]
    fn a_privileged_program_refuses_a_configuration_that_others_can_write() {
        let said = script(
            r#"
good; each good
good; chmod 664 /etc/nss-bypass.conf; each group
good; chmod 646 /etc/nss-bypass.conf; each world
good; chown 65534 /etc/nss-bypass.conf; each owner
good; chmod 1777 /etc; each sticky
good; chmod 775 /etc; each folder
good; chown 65534 /etc; each "folder's owner"
good; mv /etc/nss-bypass.conf /run/bin/rules; ln -s /run/bin/rules /etc/nss-bypass.conf; each link
good; mv /etc/nss-bypass.conf /run/shared/rules; ln -s /run/shared/rules /etc/nss-bypass.conf; each 'link to shared'
good; rm /etc/nss-bypass.conf; mkfifo /etc/nss-bypass.conf; each fifo
good; rm /etc/nss-bypass.conf; mkdir /etc/nss-bypass.conf; each directory; rmdir /etc/nss-bypass.conf"#,
        );
        assert_eq!(said.len(), 33, "{said:?}");
        for line in &said {
            let expected = if line.starts_with("good ") { ": ours" } else { ": libc" };
            assert!(line.ends_with(expected), "{said:#?}");
        }
        say(
            "configurations for privileged programs",
            said.len(),
            "refused wherever others than root could change them",
        );
    }

    const LOGS: &str = r#"
log() { # WHAT PATH: a lookup by root
    printf '%s: ' "$1"
    NSS_BYPASS='*' NSS_BYPASS_LOG=$2 timeout 10 /run/bin/plain - cold 'gai ok_ok.t.example' 2>&1
}
mkdir /run/victim; echo precious >/run/victim/file
setpriv --reuid 65534 --clear-groups -- mkdir /run/shared/own"#;

    #[test]
    fn a_log_in_a_shared_directory_cannot_be_turned_against_another_file() {
        let said = script(&format!(
            r#"{LOGS}
ln -s /run/victim/file /run/shared/link; log link /run/shared/link
ln -s /run/victim/new /run/shared/dangling; log dangling /run/shared/dangling
ln /run/victim/file /run/shared/hard; log hard /run/shared/hard
mkfifo /run/shared/fifo; log fifo /run/shared/fifo
(cat /run/shared/fifo >/run/victim/read & echo $! >/run/reader); sleep 0.1; log 'fifo with a reader' /run/shared/fifo; kill $(cat /run/reader); cat /run/victim/read
mknod /run/shared/device c 1 3; log device /run/shared/device
mknod /run/shared/full c 1 7; log full /run/shared/full
mkdir /run/shared/directory; log directory /run/shared/directory
log nowhere /run/shared/none/log
log proc /proc/self/mem
log plain /run/shared/plain; grep -c bypass /run/shared/plain; stat -c %a /run/shared/plain
cat /run/victim/file; ls /run/victim"#
        ));
        let names = [
            "link",
            "dangling",
            "hard",
            "fifo",
            "fifo with a reader",
            "device",
            "full",
            "directory",
            "nowhere",
            "proc",
            "plain",
        ];
        let mut expected: Vec<String> = names.iter().map(|name| format!("{name}: ours")).collect();
        expected.extend(["1", "600", "precious", "file", "read"].map(str::to_owned));
        assert_eq!(said, expected);
        say("logs in a shared directory", names.len(), "written only to a file of their own");
    }

    #[test]
    fn a_log_is_not_led_astray_by_somebody_elses_link_on_the_way() {
        let said = script(&format!(
            r#"{LOGS}
setpriv --reuid 65534 --clear-groups -- ln -s /run/victim /run/shared/own/way; log way /run/shared/own/way/log
setpriv --reuid 65534 --clear-groups -- ln -s /run/victim /run/shared/way; log 'shared way' /run/shared/way/log2
ls /run/victim"#
        ));
        assert_eq!(said, ["way: ours", "shared way: ours", "file"]);
        say("logs behind somebody's link", 2, "not written");
    }
}

/// Beside other libraries that put themselves before libc's functions.
mod neighbours {
    use super::*;

    const LOOKUPS: &[&str] = &[
        "gai ok3_ok3.t.example http",
        "gaic cname_cname.t.example",
        "gai tc_tc.t.example",
        "gai dual",
        "ghbn ok_ok.t.example",
        "ghbnr v4only",
        "ghba 10.0.0.5",
        "gni 192.0.2.77",
    ];
    const NOBODY: &str = "nothing.matches.this";

    struct Neighbour {
        name: &'static str,
        library: &'static str,
        variables: &'static [(&'static str, &'static str)],
        /// It only hands memory or the time out: nothing may change.
        transparent: bool,
    }

    const NEIGHBOURS: &[Neighbour] = &[
        Neighbour { name: "jemalloc", library: "libjemalloc.so.2", variables: &[], transparent: true },
        Neighbour { name: "mimalloc", library: "libmimalloc.so.2.0", variables: &[], transparent: true },
        Neighbour {
            name: "libfaketime",
            library: "faketime/libfaketime.so.1",
            variables: &[("FAKETIME", "-10y")],
            transparent: true,
        },
        Neighbour {
            name: "libfaketime, twice as fast",
            library: "faketime/libfaketimeMT.so.1",
            variables: &[("FAKETIME", "+3d x2")],
            transparent: true,
        },
        Neighbour {
            name: "torsocks",
            library: "torsocks/libtorsocks.so",
            variables: &[("TORSOCKS_LOG_LEVEL", "1")],
            transparent: false,
        },
        Neighbour {
            name: "proxychains",
            library: "libproxychains.so.4",
            variables: &[("PROXYCHAINS_CONF_FILE", "/etc/proxychains.conf"), ("PROXYCHAINS_QUIET_MODE", "1")],
            transparent: false,
        },
        Neighbour {
            name: "nss_wrapper",
            library: "libnss_wrapper.so",
            variables: &[("NSS_WRAPPER_HOSTS", "/etc/wrapped-hosts")],
            transparent: false,
        },
        Neighbour {
            name: "socket_wrapper",
            library: "libsocket_wrapper.so",
            variables: &[("SOCKET_WRAPPER_DIR", "/run"), ("SOCKET_WRAPPER_DEFAULT_IFACE", "1")],
            transparent: false,
        },
    ];

    fn place() -> Place {
        Place::new(|etc| {
            fs::write(etc.join("wrapped-hosts"), "192.0.2.111 v4only ok_ok.t.example\n").unwrap();
            fs::write(etc.join("proxychains.conf"), "strict_chain\nproxy_dns\n[ProxyList]\nsocks5 127.0.0.1 9\n")
                .unwrap();
        })
    }

    /// One lookup a process, since a neighbour may end it.
    fn ask(place: &Place, preloads: &[&Path], rules: &str, variables: &[(&str, &str)], lookup: &str) -> String {
        let mut command = place.worlds[1].command(&program("sandbox"), &place.etc);
        let preloads: Vec<&str> = preloads.iter().map(|path| path.to_str().unwrap()).collect();
        command.args(["-", "cold", lookup]).envs(variables.iter().copied());
        command.env("LD_PRELOAD", preloads.join(" ")).env("NSS_BYPASS", rules);
        let output = run(command, "");
        let ended = if output.status.success() { String::new() } else { format!("ENDED WITH {}", output.status) };
        text(&output) + &ended
    }

    fn beside(neighbour: &Neighbour) {
        let place = place();
        let (ours, other) = (library(), preloadable(neighbour.library));
        let mut matched: BTreeMap<&str, usize> = BTreeMap::new();
        for lookup in LOOKUPS {
            let alone = ask(&place, &[&ours], EVERYTHING, &[], lookup);
            let theirs = ask(&place, &[&other], NOBODY, neighbour.variables, lookup);
            for order in [[&ours, &other], [&other, &ours]].map(|order| order.map(PathBuf::as_path)) {
                let passed = ask(&place, &order, NOBODY, neighbour.variables, lookup);
                assert_eq!(passed, theirs, "{}, unmatched, {order:?}: {lookup}", neighbour.name);
                let found = ask(&place, &order, EVERYTHING, neighbour.variables, lookup);
                assert!(!found.contains("ENDED") || theirs.contains("ENDED"), "{}: {lookup}: {found}", neighbour.name);
                let how = match found {
                    found if found == alone => "as without the neighbour",
                    _ if neighbour.transparent => {
                        panic!("{}, {order:?}: {lookup}: {found} instead of {alone}", neighbour.name)
                    }
                    found if found == theirs => "as the neighbour says",
                    found
                        if ["EAI_AGAIN", "EAI_NODATA", "h_errno=2", "EAI_SYSTEM", "10.0.0.5", "192.0.2.77"]
                            .iter()
                            .any(|text| found.starts_with(text)) =>
                    {
                        "no server"
                    }
                    found => panic!("{}, {order:?}: {lookup}: {found} instead of {alone} or {theirs}", neighbour.name),
                };
                *matched.entry(how).or_default() += 1;
            }
        }
        let words: Vec<String> = matched.iter().map(|(how, count)| format!("{count} {how}")).collect();
        let result = format!("matched: {}; unmatched: all as without us", words.join(", "));
        say(&format!("beside {}, both orders", neighbour.name), 4 * LOOKUPS.len(), &result);
    }

    macro_rules! neighbours {
        ($($test:ident: $name:literal)+) => { $(
            #[test]
            fn $test() {
                NEIGHBOURS.iter().filter(|neighbour| neighbour.name.starts_with($name)).for_each(beside);
            }
        )+ };
    }
    neighbours! {
        jemalloc_is_no_trouble: "jemalloc"
        mimalloc_is_no_trouble: "mimalloc"
        another_time_is_no_trouble: "libfaketime"
        torsocks_is_no_trouble: "torsocks"
        proxychains_is_no_trouble: "proxychains"
        nss_wrapper_is_no_trouble: "nss_wrapper"
        socket_wrapper_is_no_trouble: "socket_wrapper"
    }

    #[test]
    fn an_audited_or_eagerly_bound_program_is_answered_the_same() {
        let place = place();
        let audit = stand_in("audit");
        for lookup in KINDS {
            let alone = ask(&place, &[&library()], EVERYTHING, &[], lookup);
            for variables in [[("LD_AUDIT", audit.to_str().unwrap())], [("LD_BIND_NOW", "1")]] {
                assert_eq!(
                    ask(&place, &[&library()], EVERYTHING, &variables, lookup),
                    alone,
                    "{variables:?}: {lookup}"
                );
            }
        }
        say("LD_AUDIT, LD_BIND_NOW", 2 * KINDS.len(), "as without");
    }

    #[test]
    fn a_lookup_of_a_library_that_is_loaded_at_the_same_time_is_answered() {
        let place = place();
        let early = stand_in("early");
        let ours = library();
        let truth = ask(&place, &[&ours], EVERYTHING, &[], "gai ok_ok.t.example");
        for order in [[&ours, &early], [&early, &ours]].map(|order| order.map(PathBuf::as_path)) {
            let found = ask(&place, &order, EVERYTHING, &[("EARLY", "gai ok_ok.t.example")], "gai ok_ok.t.example");
            assert_eq!(found, format!("{truth}{truth}"), "{order:?}");
        }
        say("lookups in constructors, both orders", 2, "answered");
    }

    fn opened(how: &str, lookup: &str) -> String {
        let place = place();
        let mut command = place.worlds[1].command(&program("loaded"), &place.etc);
        command.arg(library()).args([how, lookup]).env("NSS_BYPASS", EVERYTHING);
        let output = run(command, "");
        assert!(output.status.success(), "{how}: {}", whole(&output));
        assert!(output.stderr.is_empty(), "{how}: {}", whole(&output));
        text(&output)
    }

    const GOES_ON: &str = "libc afterwards: as before\nforked\nended a thread\n";

    #[test]
    fn the_library_can_be_opened_and_closed_again() {
        assert_eq!(opened("unused", "gai ok_ok.t.example"), format!("closed: 0\n{GOES_ON}"));
        let once = "through the library: found 192.0.2.1 2001:db8::1\nclosed: 0\n";
        let said = opened("use", "gai ok_ok.t.example").replace("2001:db8::1 192.0.2.1", "192.0.2.1 2001:db8::1");
        assert_eq!(said, format!("{once}{GOES_ON}"));
        let said = opened("again", "gai ok_ok.t.example").replace("2001:db8::1 192.0.2.1", "192.0.2.1 2001:db8::1");
        assert_eq!(said, format!("{}{GOES_ON}", once.repeat(20)));
        say("opened and closed, with lookups and without", 22, "the program goes on");
    }

    #[test]
    fn the_library_can_be_closed_while_a_thread_is_in_a_lookup() {
        let said = opened("busy", "gai slow6_slow6.t.example");
        assert!(said.starts_with("closed: 0\nthe slow lookup: 0\n"), "{said}");
        say("closed during a lookup", 1, "the lookup ends well");
    }

    #[test]
    fn a_program_under_address_sanitizer_is_answered_without_a_complaint() {
        let place = place();
        let checked = checked_program("probe");
        let sanitizer = preloadable("libasan.so.8");
        let mut cases = 0;
        for file in ["hostent.txt", "canonical.txt", "flags.txt", "reverse.txt"] {
            let file = CaseFile::read(file).sample(if is_long() { 1 } else { 5 });
            for section in file.sections.iter().filter(|section| !section.setup.silent && !section.setup.alone) {
                let etc = section.setup.etc();
                let mut command = Side::with(&library(), Some(EVERYTHING))
                    .configure(place.worlds[1].command(&checked, &etc), &section.setup);
                command.env("LD_PRELOAD", format!("{} {}", sanitizer.display(), library().display()));
                command.env("ASAN_OPTIONS", "detect_leaks=0");
                let lines: Vec<&str> =
                    section.cases.iter().map(String::as_str).filter(|case| !case.contains(" ; ")).collect();
                let output = run(command, &lines.join("\n"));
                let _ = fs::remove_dir_all(etc);
                assert!(output.status.success() && output.stderr.is_empty(), "[{}] {}", section.title, whole(&output));
                assert_eq!(text(&output).lines().filter(|line| !line.starts_with(' ')).count(), lines.len());
                cases += lines.len();
            }
        }
        say("under AddressSanitizer", cases, "no complaint");
    }
}

/// valgrind's own judgement.
mod valgrind {
    use super::*;

    /// Every how many sections of a file, and every how many cases of each, are looked at.
    fn clean(file: &str, sections: usize, cases: usize) {
        let (sections, cases) = if is_long() { (1, 3) } else { (sections, cases) };
        let file = CaseFile::read(file).sample(cases);
        let place = Place::new(|_| ());
        let mut total = 0;
        let usable = file.sections.iter().filter(|section| !section.setup.silent && !section.setup.alone);
        for section in usable.step_by(sections) {
            let etc = section.setup.etc();
            let side = Side::with(&library(), Some(EVERYTHING));
            let mut command = side.configure(place.worlds[1].command(&tool("valgrind"), &etc), &section.setup);
            // "Possibly lost" is what a hash table of std points to the middle of.
            command.args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect"]);
            command.args([
                "--errors-for-leak-kinds=definite,indirect",
                "--error-exitcode=99",
                "--log-file=/dev/stderr",
            ]);
            command.arg(program("probe")).env("PROBE_LIMIT", "60");
            let lines: Vec<&str> =
                section.cases.iter().map(String::as_str).filter(|case| !case.contains("res ")).collect();
            let output = run(command, &lines.join("\n"));
            let _ = fs::remove_dir_all(etc);
            // libc's own complaints of host.conf are none of valgrind's.
            let complaint = String::from_utf8_lossy(&output.stderr).contains("==");
            assert!(output.status.success() && !complaint, "[{}]\n{}", section.title, whole(&output));
            total += lines.len();
        }
        say(&format!("under valgrind, {}", file.name), total, "no leak, no invalid access");
    }

    macro_rules! files {
        ($($test:ident: $file:literal, $sections:literal, $cases:literal)+) => { $(
            #[test]
            fn $test() {
                clean($file, $sections, $cases);
            }
        )+ };
    }
    files! {
        aliases: "aliases.txt", 2, 5
        answers: "answers.txt", 4, 5
        canonical: "canonical.txt", 2, 5
        errno: "errno.txt", 3, 3
        flags: "flags.txt", 6, 15
        hostent: "hostent.txt", 1, 5
        hosts: "hosts.txt", 25, 5
        nsswitch: "nsswitch.txt", 30, 5
        options: "options.txt", 50, 5
        order: "order.txt", 30, 5
        reverse: "reverse.txt", 5, 5
        search: "search.txt", 40, 5
    }
}

mod panics {
    use super::*;

    const LOOKUPS: &[&str] = &[
        "gai ok3_ok3.t.example http",
        "gaic cname_cname.t.example",
        "gai tc_tc.t.example",
        "gai4 ok_ok.t.example",
        "gai6 ok_ok.t.example",
        "gai dual",
        "gaia ok_ok.t.example",
        "ghbn ok_ok.t.example",
        "ghbn2 ok_ok.t.example",
        "ghbnr v4only",
        "ghba 10.0.0.5",
        "ghbar 2001:db8::5",
        "gni 192.0.2.77",
        "gni 10.0.0.5",
    ];

    fn everywhere(when: &str) {
        let place = Place::new(|etc| fs::write(etc.join("rules"), "bypass * 0.0.0.0/0 ::/0\n").unwrap());
        let mut command = place.with(&faulty_library(), &program("faults"));
        command.arg(when).args(LOOKUPS);
        command.env_remove("NSS_BYPASS").env("NSS_BYPASS_CONF", "/etc/rules").env("FAULTS_RULES", "/etc/rules");
        command.env("NSS_BYPASS_LOG", "/run/log").env("RUST_BACKTRACE", "full");
        let output = run(command, "");
        let said = text(&output);
        assert!(output.status.success() && output.stderr.is_empty(), "{}", whole(&output));
        let counts: Vec<Option<usize>> = said.lines().map(|line| line.rsplit_once(": ")?.1.parse().ok()).collect();
        assert!(counts.iter().all(|count| count.is_some_and(|count| count > 5)), "{said}");
        let points = counts.iter().flatten().sum();
        say(&format!("panics, in a process's {when} lookup"), points, "libc's answer, silently; then ours again");
    }

    #[test]
    fn one_at_any_point_of_the_first_lookup_ends_in_libcs_answer() {
        everywhere("first");
    }

    #[test]
    fn one_at_any_point_of_later_lookups_ends_in_libcs_answer() {
        everywhere("later");
    }

    #[test]
    fn one_while_the_library_is_loaded_is_not_seen() {
        let place = Place::new(|_| ());
        let early = stand_in("early");
        let faulty = faulty_library();
        let ask = |preloads: &[&Path], n: usize| {
            let mut command = place.with(&faulty, &program("sandbox"));
            let preloads: Vec<&str> = preloads.iter().map(|path| path.to_str().unwrap()).collect();
            command.args(["-", "cold", "gai ok_ok.t.example"]).env("NSS_BYPASS_FAULT", format!("{n:08}"));
            command
                .env("LD_PRELOAD", preloads.join(" "))
                .env("EARLY", "gai ok_ok.t.example")
                .env("NSS_BYPASS_LOG", "/run/log");
            run(command, "")
        };
        let truth = text(&ask(&[&faulty], 0));
        let mut times = 0;
        for n in (1..120).step_by(if is_long() { 1 } else { 3 }) {
            for preloads in [&[faulty.as_path()][..], &[&faulty, &early], &[&early, &faulty]] {
                let output = ask(preloads, n);
                assert!(
                    output.status.success() && output.stderr.is_empty(),
                    "point {n}, {preloads:?}: {}",
                    whole(&output)
                );
                assert!(
                    preloads.len() == 1 || text(&output).lines().any(|line| line == truth.trim_end()),
                    "{}",
                    whole(&output)
                );
                times += 1;
            }
        }
        say("panics while the program is loaded, or in a constructor's lookup", times, "silent");
    }
}
