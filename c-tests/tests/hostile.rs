//! A hostile network: false answers are not accepted, nothing crashes, and every lookup ends within its configured
//! time.
//!
//! Cases in which the result of bare glibc is well defined are in `cases/hostile.txt`. The tests here do not depend on
//! the behaviour of glibc, which is also printed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use c_tests::artefacts::{library, program};
use c_tests::cases::{CaseFile, Setup, expand};
use c_tests::differ::{EVERYTHING, Side};
use c_tests::length::many;
use c_tests::table::{Heading, report};
use c_tests::world::{Nscd, World};

/// The tolerance for a busy machine.
const SLACK: Duration = Duration::from_millis(1500);

/// The time limit for bare glibc, in seconds.
const PATIENCE: u32 = 5;

fn tell(condition: &str, times: usize, ours: &str, bare: &str) {
    report(Heading::HostileNetwork, condition, times, ours, Some(bare));
}

/// The library and bare glibc, each in a separate world.
struct Pair([(Side, World); 2]);

impl Pair {
    fn new() -> Self {
        let addresses = Setup::default().addresses;
        let start = |side, nscd| (side, World::start(&addresses, nscd));
        Self([start(Side::with(&library(), Some(EVERYTHING)), Nscd::Lying), start(Side::bare(), Nscd::None)])
    }

    /// The output of both for these lines of the probe, and the time that they take.
    fn ask(&self, setup: &Setup, lines: &[String]) -> [(String, Duration); 2] {
        let etc = setup.etc();
        let ask = |(side, world): &(Side, World)| {
            let begun = Instant::now();
            let text = run(side.probe(world, setup, &etc).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn(), lines);
            (text, begun.elapsed())
        };
        let [ours, bare] = &self.0;
        let answers = thread::scope(|scope| {
            let bare = scope.spawn(|| ask(bare));
            [ask(ours), bare.join().unwrap()]
        });
        fs::remove_dir_all(etc).unwrap();
        answers
    }

    /// The same for another program, without input.
    fn run(&self, name: &str, arguments: &[&str]) -> [String; 2] {
        let setup = setup("set resolv.conf nameserver 127.0.0.53\nset resolv.conf options timeout:2 attempts:3");
        let etc = setup.etc();
        let outputs = self.0.each_ref().map(|(side, world)| {
            let mut command = side.configure(world.command(&program(name), &etc), &setup);
            run(command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn(), &[])
        });
        fs::remove_dir_all(etc).unwrap();
        outputs
    }
}

fn run(child: std::io::Result<Child>, lines: &[String]) -> String {
    let mut child = child.unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = lines.join("\n");
    let writer = thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn setup(lines: &str) -> Setup {
    let text = format!("[hostile]\n{lines}\n");
    CaseFile::parse("hostile.rs", &text).sections.remove(0).setup
}

type Endless = (&'static str, &'static str, &'static str, u32);

/// The behaviour of the server, resolv.conf, the lookup, and the time that it may take in seconds: the number of
/// attempts times the timeout for each server, and three times that if one of two queries is answered (both at the same
/// time, one after the other, from another port).
static ENDLESS: &[Endless] = &[
    ("does not respond", "127.0.0.53 timeout:1 attempts:1", "drop_drop 0", 1),
    ("does not respond, three attempts", "127.0.0.53 timeout:1 attempts:3", "drop_drop 0", 3),
    ("does not respond, three of them", "127.0.0.53 127.0.0.54 127.0.0.55 timeout:1 attempts:1", "drop_drop 4", 3),
    ("does not respond, with timeout 3", "127.0.0.53 timeout:3 attempts:1", "drop_drop 4", 3),
    ("answers one of two questions", "127.0.0.53 timeout:1 attempts:1", "ok_drop 0", 3),
    ("continuously answers with other IDs", "127.0.0.53 timeout:1 attempts:1", "wrongs_wrongs 0", 1),
    ("floods with other IDs", "127.0.0.58 timeout:1 attempts:1", "ok_ok 4", 1),
    ("does not exist", "127.0.0.56 timeout:5 attempts:2", "ok_ok 0", 0),
    ("truncates, and does not support TCP", "127.0.0.57 timeout:5 attempts:2", "tc_tc 0", 0),
    ("does not respond over TCP", "127.0.0.53 timeout:1 attempts:2", "tchang_tchang 0", 1),
    ("stops within a TCP answer", "127.0.0.53 timeout:1 attempts:2", "tcstall_ok 4", 1),
    ("sends one byte per second over TCP", "127.0.0.53 timeout:2 attempts:1", "tcdrip_tcdrip 0", 2),
    ("continuously answers with other IDs over TCP", "127.0.0.53 timeout:1 attempts:1", "tcwrongs_ok 4", 1),
    ("floods with other IDs over TCP", "127.0.0.58 timeout:1 attempts:1 use-vc", "ok_ok 4", 1),
    ("closes TCP connections", "127.0.0.53 timeout:5 attempts:2", "tcfail_tcfail 0", 0),
];

#[test]
fn every_lookup_ends_within_its_configured_time() {
    let pair = Pair::new();
    let plain = Setup::default();
    let etc = plain.etc();
    let floods = pair.0.each_ref().map(|(_, world)| {
        let mut command = world.command(&program("flooding_server"), &etc);
        let mut flood = command.args(["127.0.0.58", "4"]).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(flood.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        flood
    });
    let late = Mutex::new(Vec::new());
    let look = |&(server, conf, what, seconds): &'static Endless| {
        let (name, family) = what.split_once(' ').unwrap();
        let mut lines = format!("set limit {PATIENCE}\n");
        let mut words: Vec<&str> = conf.split(' ').collect();
        let options = words.split_off(words.iter().position(|word| word.starts_with("timeout")).unwrap());
        words.iter().for_each(|word| lines += &format!("set resolv.conf nameserver {word}\n"));
        lines += &format!("set resolv.conf options {}", options.join(" "));
        let case = format!("gai {name}.t.example - 0 {family} 1");
        let [(text, took), (bare_text, bare_took)] = pair.ask(&setup(&lines), &[case]);
        let shown = |text: &str, took: Duration| match text.contains("still waiting") {
            true => format!("still waiting after {PATIENCE} s"),
            false => format!("{:.1} s", took.as_secs_f64()),
        };
        let bare = shown(&bare_text, bare_took);
        tell(&format!("a server that {server}"), 1, &format!("{} of {seconds} s", shown(&text, took)), &bare);
        if took > Duration::from_secs(seconds.into()) + SLACK || text.contains("still waiting") {
            late.lock().unwrap().push(server);
        }
    };
    let (floods_first, others): (Vec<_>, Vec<_>) =
        ENDLESS.iter().partition(|row: &&Endless| row.0.starts_with("floods"));
    thread::scope(|scope| {
        for row in others {
            let look = &look;
            scope.spawn(move || look(row));
        }
    });
    floods_first.into_iter().for_each(look);
    for mut flood in floods {
        flood.kill().unwrap();
        flood.wait().unwrap();
    }
    fs::remove_dir_all(etc).unwrap();
    assert!(late.lock().unwrap().is_empty(), "later than configured: {late:?}");
}

/// The errors in false answers that precede the true one, and the corresponding words for the server.
static FALSE: &[(&str, &str)] = &[
    ("another ID", "wrongid"),
    ("another question", "wrongq"),
    ("another type in the question", "wrongtype"),
    ("another class in the question", "wrongclass"),
    ("no question", "qd0"),
    ("two questions", "qd2"),
    ("dots within labels of the question", "questiondot"),
    ("a question that is an invalid pointer", "questionptr"),
    ("a message truncated within the question", "first{14..36}"),
    ("another source port", "port"),
    ("another source address", "address"),
    ("all of these, a thousand times", "spoofs1000"),
];

#[test]
fn false_answers_are_not_accepted() {
    let many = many(46, 92, 460);
    let pair = Pair::new();
    let plain = setup("set resolv.conf nameserver 127.0.0.53\nset resolv.conf options timeout:5 attempts:1");
    let taken = Mutex::new(Vec::new());
    let look = |&(what, behaviour): &'static (&str, &str)| {
        let times = if behaviour.starts_with("spoofs") { 3 } else { many };
        let names = expand(&format!("gai {behaviour}_ok.t.example - 0 4 1"));
        let lines: Vec<String> = names.iter().cycle().take(times).cloned().collect();
        // The true answer has one address; false ones have another address or none.
        let accepted = pair.ask(&plain, &lines).map(|(text, _)| {
            let addresses: Vec<&str> = text.lines().filter(|line| line.contains("addrlen")).collect();
            let right = addresses.iter().filter(|line| line.contains(" 192.0.2.1 ")).count();
            (times - right.min(times)).max(addresses.len() - right)
        });
        let [ours, bare] = accepted.map(|count| format!("{count} false answers taken"));
        tell(&format!("answers with {what}, before the true one"), times, &ours, &bare);
        if accepted[0] > 0 {
            taken.lock().unwrap().push(what);
        }
    };
    thread::scope(|scope| {
        for row in FALSE {
            let look = &look;
            scope.spawn(move || look(row));
        }
    });
    assert!(taken.lock().unwrap().is_empty(), "false answers were accepted: {taken:?}");
}

#[test]
fn no_answer_crashes_the_program() {
    let each = many(150, 300, 1500);
    let pair = Pair::new();
    let plain = Setup::default();
    let cases = [
        "gai mut#_mut#.t.example - CANON 0 1",
        "gai tcmut#_tcmut#.t.example - 0 0 1",
        "ghbnr mut#_ok.t.example 2048",
        "ghbn tcmut#_ok.t.example",
    ];
    thread::scope(|scope| {
        for (index, case) in cases.into_iter().enumerate() {
            let (pair, plain) = (&pair, &plain);
            scope.spawn(move || {
                let number = |n: usize| case.replace('#', &(each.max(1000) * (index + 1) + n).to_string());
                let lines: Vec<String> = (0..each).map(number).collect();
                let ended = pair
                    .ask(plain, &lines)
                    .map(|(text, _)| text.lines().filter(|line| line.starts_with("  => ")).count());
                let [ours, bare] = ended.map(|count| format!("{count} ended"));
                tell(&format!("answers with changed bytes, {case}"), each, &ours, &bare);
                assert_eq!(ended[0], each, "{case}");
            });
        }
    });
}

/// The IDs and ports of each lookup.
fn pairs(output: &str) -> Vec<Vec<(u16, u16)>> {
    let numbers = |line: &str| line.split_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<u16>>();
    output.lines().map(|line| numbers(line).chunks(2).map(|pair| (pair[0], pair[1])).collect()).collect()
}

fn distinct(values: impl Iterator<Item = u16>) -> usize {
    values.collect::<BTreeSet<u16>>().len()
}

#[test]
fn ids_and_source_ports_are_unpredictable() {
    const LOOKUPS: usize = 20_000;
    let pair = Pair::new();
    let count = LOOKUPS.to_string();
    let drawn = pair.run("query_ids", &[&count, "who_who.t.example", "2"]).map(|output| pairs(&output).concat());
    let [ours, bare] = drawn.each_ref().map(|drawn| {
        let (ids, ports) = (distinct(drawn.iter().map(|d| d.0)), distinct(drawn.iter().map(|d| d.1)));
        format!("{ids} different ids, {ports} different ports")
    });
    tell("IDs and ports", LOOKUPS, &ours, &bare);
    let [drawn, _] = drawn;
    assert_eq!(drawn.len(), LOOKUPS);
    let ids: Vec<u16> = drawn.iter().map(|drawn| drawn.0).collect();
    let (draws, six_deviations) = (LOOKUPS as f64, 3.0 * (LOOKUPS as f64).sqrt());
    let near = |found: usize, expected: f64, bound: f64, what: &str| {
        assert!((found as f64 - expected).abs() < bound, "{what}: {found} instead of about {expected:.0}");
    };
    // The number of distinct values that random draws from 65,536 values have on average.
    let by_chance = 65536.0 * (1.0 - (-draws / 65536.0).exp());
    near(distinct(ids.iter().copied()), by_chance, 500.0, "different ids");
    for bit in 0..16 {
        let of = |id: u16| id >> bit & 1;
        near(ids.iter().filter(|id| of(**id) == 1).count(), draws / 2.0, six_deviations, "ones (monobit)");
        // A bit depends neither on its previous value nor on the adjacent bit.
        let same = ids.windows(2).filter(|two| of(two[0]) == of(two[1])).count();
        near(same, draws / 2.0, six_deviations, "bits that stay (serial)");
        let like = ids.iter().filter(|id| of(**id) == of(id.rotate_right(1))).count();
        near(like, draws / 2.0, six_deviations, "bits like their neighbours");
    }
    let close = ids.windows(2).filter(|two| two[0].abs_diff(two[1]) < 16).count();
    assert!(close < 40, "{close} IDs are close to the previous one");
    // The kernel selects the ports from about 28,000.
    let ports = distinct(drawn.iter().map(|drawn| drawn.1));
    let repeated = drawn.windows(2).filter(|two| two[0].1 == two[1].1).count();
    assert!(ports > 5_000 && repeated < 40, "{ports} different ports, {repeated} twice in a row");
}

#[test]
fn children_that_send_queries_at_the_same_time_use_different_ids() {
    const CHILDREN: usize = 200;
    const ROUNDS: usize = 5;
    let pair = Pair::new();
    let count = CHILDREN.to_string();
    let drawn: [Vec<_>; ROUNDS] = std::array::from_fn(|_| {
        pair.run("query_ids", &["fork", &count, "who_who.t.example", "0"]).map(|output| {
            let lookups = pairs(&output);
            assert_eq!(lookups.len(), CHILDREN);
            lookups.into_iter().map(|lookup| [lookup[0].0, lookup[1].0]).collect::<Vec<[u16; 2]>>()
        })
    })
    .map(Vec::from);
    let tally = |side: usize| {
        let different: usize = drawn.iter().map(|round| distinct(round[side].iter().flatten().copied())).sum();
        // It is practically impossible that two siblings have the same two IDs by chance.
        let twins: usize = drawn.iter().map(|round| CHILDREN - round[side].iter().collect::<BTreeSet<_>>().len()).sum();
        (different, twins)
    };
    let show = |(different, twins)| {
        format!("{different} different ids of {}, {twins} siblings with both ids alike", 2 * CHILDREN * ROUNDS)
    };
    let (ours, bare) = (tally(0), tally(1));
    tell("concurrent children", CHILDREN * ROUNDS, &show(ours), &show(bare));
    assert!(drawn.iter().all(|round| round[0].iter().all(|ids| ids[0] != ids[1])), "two queries with the same ID");
    assert_eq!(ours.1, 0, "siblings with the same IDs");
    // In 400 random draws from 65,536 values, one or two are repeated.
    assert!(ours.0 >= (2 * CHILDREN - 6) * ROUNDS, "siblings share IDs: {}", show(ours));
}
