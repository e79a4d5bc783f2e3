//! Answers that are kept, where the configuration says `cache` (docs/configuration.md, "Cache"; ARCHITECTURE.md, "The cache").
//!
//! What a cache must not do is to be noticed, but by the name server: so its log is what most tests look at. That kept
//! answers are those of bare glibc is `tests/glibc.rs`'s; here is when they count, and what becomes of them when files,
//! threads, processes and networks change. `NSS_BYPASS_SOAK` makes the numbers larger.

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;

use c_tests::artefacts::{library, program};
use c_tests::cases::Setup;
use c_tests::world::{Nscd, World};

const EVERYTHING: &str = "bypass * 0.0.0.0/0 ::/0\n";

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

mod times {
    use super::*;

    /// Whether the second of two lookups asks, by what the server does; and the address family: 0 is both.
    const KEPT: &[(&str, u32, bool)] = &[
        ("ok", 4, true),
        ("ok", 6, true),
        ("ok_ok", 0, true),
        ("ok3", 4, true),
        ("cname", 4, true),
        ("chain", 4, true),
        ("tc", 4, true),
        ("tc_tc", 0, true),
        ("badlen", 4, true),
        ("live2147483647", 4, true),
        ("live2147483648", 4, false),
        ("live4294967295", 4, false),
        ("live0", 4, false),
        ("live0_live300", 0, false),
        ("links300", 4, true),
        ("links0", 4, false),
        ("nx", 4, true),
        ("nx_nx", 0, true),
        ("nodata", 6, true),
        ("nodata_nodata", 0, true),
        ("ok_nodata", 0, true),
        ("nxsoa60060", 4, true),
        ("nxsoa60000", 4, false),
        ("nxsoa60", 4, false),
        ("ndsoa60060", 4, true),
        ("ndsoa60000", 4, false),
        ("ndsoa60", 4, false),
        ("nxcname", 4, true),
        // Nobody said for how long, but beside what is there.
        ("rcode3", 4, false),
        ("rcode3_rcode3", 0, false),
        ("bare", 4, false),
        ("bare", 6, false),
        ("bare_bare", 0, false),
        ("ok_bare", 0, true),
        ("bare_ok", 0, true),
        ("cnamex", 4, false),
        ("cnamexsoa", 4, false),
        ("textonly", 4, false),
        // Failures of servers, and answers that cannot be used.
        ("servfail", 4, false),
        ("servfail_servfail", 0, false),
        ("ok_servfail", 0, false),
        ("servfail_ok", 0, false),
        ("nx_servfail", 0, false),
        ("refused", 4, false),
        ("refused_refused", 0, false),
        ("notimp", 4, false),
        ("formerr", 4, false),
        ("ok_formerr", 0, false),
        ("sfhdr", 4, false),
        ("nxhdr", 4, false),
        ("lame", 4, false),
        ("drop", 4, false),
        ("drop_drop", 0, false),
        ("ok_drop", 0, false),
        ("drop_ok", 0, false),
        ("tcfail", 4, false),
        ("tcstall", 4, false),
        ("tcfail_tcfail", 0, false),
        ("tctc", 4, false),
        ("tcsf", 4, false),
        ("cut", 4, false),
        ("trail", 4, false),
        ("trail_trail", 0, false),
        ("more", 4, false),
        ("nxdata", 4, false),
        // Too large to be kept.
        ("tcfull", 4, false),
    ];

    #[test]
    fn what_is_kept_is_not_asked_again_and_what_is_not_is() {
        let place = Place::new();
        let conf = format!("{EVERYTHING}cache 1024\n");
        all(KEPT, |&(word, family, kept)| {
            let label = if word.contains('_') { word.to_owned() } else { format!("{word}_{word}") };
            let case = |mark: &str| format!("gai {label}.{mark}{family}.t.example - 0 {family} 1\n");
            let outcomes = place.probe(&[("nss-bypass.conf", &conf)], &(case("once") + &case("more") + &case("more")));
            let of = |mark: &str| place.asked(&format!(" {label}.{mark}{family}.t"));
            let (once, twice) = (of("once"), of("more"));
            let expected = if kept { once } else { 2 * once };
            let same = outcomes.len() == 3 && outcomes[1] == outcomes[2] && outcomes[0] == outcomes[1];
            let wrong = once == 0 || twice != expected || !same;
            wrong.then(|| format!("{label} family {family}: {once}, then {twice} questions; the same: {same}"))
        });
        say(&format!("{} ways of servers: kept where it may be, and not where not", KEPT.len()));
    }

    /// Names of addresses, by the last octet.
    #[test]
    fn names_of_addresses_are_kept_too() {
        let place = Place::new();
        let conf = format!("{EVERYTHING}cache 1024\n");
        let rows = [(5, true), (2, true), (8, true), (7, true), (6, false), (11, false), (10, false), (16, false)];
        all(&rows, |&(octet, kept)| {
            let case = |net: u32| format!("ghba 10.1.{net}.{octet}\ngni 10.1.{net}.{octet} 80 0\n");
            place.probe(&[("nss-bypass.conf", &conf)], &format!("ghba 10.1.1.{octet}\n"));
            let two = place.probe(&[("nss-bypass.conf", &conf)], &(case(2) + &case(2)));
            let of = |net: u32| place.asked(&format!(" {octet}.{net}.1.10."));
            let (once, all) = (of(1), of(2));
            let same = two.len() == 4 && two[0] == two[2] && two[1] == two[3];
            let wrong = once == 0 || all != if kept { once } else { 4 * once } || !same;
            wrong.then(|| format!("{octet}: {once}, then {all}: {two:?}"))
        });
    }

    /// Until when: two lookups at once, and one after 2.4 seconds. Which of them ask.
    const UNTIL: &[(&str, &str, &str, &str, [usize; 3])] = &[
        ("its time to live", "cache 1024", "", "live2_nx", [1, 1, 2]),
        ("a longer time to live", "cache 1024", "", "live9_nx", [1, 1, 1]),
        ("the line's most", "cache 1024 max-ttl 2", "", "live300_nx", [1, 1, 2]),
        ("the rule's most", "cache 1024 max-ttl 60", "max-ttl 2", "live300_nx", [1, 1, 2]),
        ("the rule's most, above the line's", "cache 1024 max-ttl 2", "max-ttl 60", "live300_nx", [1, 1, 1]),
        ("the rule's most without a line", "", "cache on max-ttl 2", "live300_nx", [1, 1, 2]),
        ("the SOA's time to live", "cache 1024", "", "nxsoa2060_nx", [1, 1, 2]),
        ("the SOA's last field", "cache 1024", "", "nxsoa60002_nx", [1, 1, 2]),
        ("the SOA's longer times", "cache 1024", "", "nxsoa60060_nx", [1, 1, 1]),
        ("the same of no data", "cache 1024", "", "ndsoa2060_nx", [1, 1, 2]),
        ("the last field of no data", "cache 1024", "", "ndsoa60002_nx", [1, 1, 2]),
        ("the most, of no data", "cache 1024 max-ttl 2", "", "ndsoa60060_nx", [1, 1, 2]),
        ("the shortest of a chain", "cache 1024", "", "links2_nx", [1, 1, 2]),
        ("a chain of longer times", "cache 1024", "", "links9_nx", [1, 1, 1]),
        ("no line", "", "", "live300_nx", [1, 2, 3]),
        ("no entries", "cache 0", "", "live300_nx", [1, 2, 3]),
        ("no entries, and a rule that wants some", "cache 0", "cache on", "live300_nx", [1, 2, 3]),
        ("a rule that wants none", "cache 1024", "cache off", "live300_nx", [1, 2, 3]),
        ("a rule that wants it, without a line", "", "cache on", "live300_nx", [1, 1, 1]),
        ("one entry", "cache 1", "", "live300_nx", [1, 1, 1]),
    ];

    #[test]
    fn answers_count_until_their_time_is_over() {
        let place = Place::new();
        let rows: Vec<_> = UNTIL.iter().enumerate().collect();
        all(&rows, |(number, (what, line, options, label, expected))| {
            let conf = format!("bypass *.t.example {options}\n{line}\n");
            let counts = [1, 2, 3].map(|lookups| {
                let case = format!("gai {label}.u{number}-{lookups}.t.example - 0 4 1\n");
                let lines = [case.as_str(), &case, "sleep 2400\n", &case];
                let lines = if lookups == 3 { lines.concat() } else { lines[..lookups].concat() };
                place.probe(&[("nss-bypass.conf", &conf)], &lines);
                place.asked(&format!(".u{number}-{lookups}.t"))
            });
            (counts != *expected).then(|| format!("{what}: {counts:?} questions, not {expected:?}"))
        });
        say(&format!("{} conditions of time and configuration", UNTIL.len()));
    }

    /// The search list, what one lookup asks, and what the second does at once and after 2.4 seconds.
    const SEARCHED: &[(&str, [usize; 3])] = &[
        ("live300.w nx.w", [1, 1, 1]),
        ("nx.w live300.w", [2, 2, 2]),
        ("nxsoa2060.w live300.w", [2, 2, 4]),
        ("ndsoa60002.w live300.w", [2, 2, 4]),
        ("nxsoa60060.w live2.w", [2, 2, 4]),
        ("servfail.w live300.w", [2, 4, 6]),
        ("rcode3.w live300.w", [2, 4, 6]),
        ("nx.w nx.w", [3, 3, 3]),
        ("nx.w servfail.w", [3, 6, 9]),
    ];

    #[test]
    fn a_walk_through_the_search_list_counts_as_long_as_all_of_its_answers() {
        let place = Place::new();
        let rows: Vec<_> = SEARCHED.iter().enumerate().collect();
        all(&rows, |(number, (list, expected))| {
            let resolv = format!("nameserver 127.0.0.53\nsearch {list}\noptions timeout:5 attempts:1\n");
            let conf = format!("{EVERYTHING}cache 1024\n");
            let counts = [1, 2, 3].map(|lookups| {
                let case = format!("gai s{number}-{lookups}-host - 0 4 1\n");
                let lines = [case.as_str(), &case, "sleep 2400\n", &case];
                let lines = if lookups == 3 { lines.concat() } else { lines[..lookups].concat() };
                place.probe(&[("nss-bypass.conf", &conf), ("resolv.conf", &resolv)], &lines);
                place.asked(&format!(" s{number}-{lookups}-host"))
            });
            (counts != *expected).then(|| format!("{list}: {counts:?} questions, not {expected:?}"))
        });
    }
}

mod order {
    use super::*;

    #[test]
    fn addresses_stay_in_the_servers_order_until_it_gives_another() {
        let place = Place::new();
        let conf = format!("{EVERYTHING}cache 1024\n");
        let lookup = "ghbn turn2_nx.order.t.example\n";
        let lines = [lookup, lookup, "sleep 2400\n", lookup, lookup].concat();
        let found = place.probe(&[("nss-bypass.conf", &conf)], &lines);
        let of = |first: u32| {
            let addresses: Vec<String> = (0..5).map(|n| format!("192.0.2.{}", (first + n) % 5 + 1)).collect();
            format!("addresses=[{}]", addresses.join(","))
        };
        for (index, first) in [(0, 1), (1, 1), (3, 2), (4, 2)] {
            assert!(found[index].contains(&of(first)), "{found:#?}");
        }
        // getaddrinfo puts them in order anew, and other sets do not get in each other's way.
        let sets = ["set-near", "ter-near", "set-scopes", "set-labels"];
        let cases: String = sets.iter().map(|set| format!("gai {set}_{set}.order.t.example - 0 0 1\n")).collect();
        let kept = place.probe(&[("nss-bypass.conf", &conf)], &cases.repeat(2));
        let plain = place.probe(&[("nss-bypass.conf", EVERYTHING)], &cases.repeat(2));
        assert_eq!(kept, plain);
    }
}

mod changes {
    use super::*;

    const CONF: &str = "bypass * 0.0.0.0/0 ::/0\ncache 1024\n";

    /// Lines, and what the lookups among them find: an address of `nth`, which is the number of the question.
    const CHANGES: &[(&str, &str, &[&str])] = &[
        ("nothing", "G|G|G", &["1", "1", "1"]),
        ("another case of letters", "G|gai NTH300_nx.NAME.t.example - 0 4 1|G", &["1", "2", "1"]),
        ("a dot at the end", "G|gai nth300_nx.NAME.t.example. - 0 4 1|G", &["1", "2", "1"]),
        (
            "resolv.conf, in other words",
            "G|put resolv.conf nameserver 127.0.0.53%0a %0a|G|G|put resolv.conf options timeout:5%0anameserver 127.0.0.53%0a|G",
            &["1", "2", "2", "3"],
        ),
        (
            "nsswitch.conf, to files and back",
            "G|put nsswitch.conf hosts: files%0a|G|put nsswitch.conf hosts: dns%0a|G",
            &["1", "EAI_NONAME", "1"],
        ),
        (
            "the program's choice of modules",
            "G|choose hosts files|G|choose hosts dns files|G",
            &["1", "EAI_NONAME", "1"],
        ),
        (
            "/etc/hosts, twice within a second",
            "G|put hosts 192.0.2.91 nth300_nx.NAME.t.example%0a|G|put hosts 192.0.2.92 nth300_nx.NAME.t.example%0a|G|put hosts|G",
            &["1", "91", "92", "1"],
        ),
        ("_res", "G|res retrans 7|G|G|res init|G", &["1", "2", "3", "1"]),
        ("a switch of _res", "G|res + edns0|G|res - edns0|G", &["1", "2", "1"]),
        (
            "LOCALDOMAIN, which counts when resolv.conf is read",
            "G|setenv LOCALDOMAIN other|G|put resolv.conf nameserver 127.0.0.53%0a|G",
            &["1", "1", "2"],
        ),
        (
            "configuration, after its second",
            "G|put nss-bypass.conf bypass * via 127.0.0.54%0acache 99%0a|sleep 1100|G|G|put nss-bypass.conf bypass *%0acache 99%0a|sleep 1100|G",
            &["1", "2", "2", "3"],
        ),
        ("configuration, without a cache", "G|put nss-bypass.conf bypass *%0a|sleep 1100|G|G", &["1", "2", "3"]),
    ];

    #[test]
    fn what_an_answer_depends_on_changes_and_it_is_asked_for_again() {
        let place = Place::new();
        let rows: Vec<_> = CHANGES.iter().enumerate().collect();
        all(&rows, |(number, (what, script, expected))| {
            let mark = format!("change{number}");
            let lookup = format!("gai nth300_nx.{mark}.t.example - 0 4 1");
            let lines: Vec<String> = script
                .split('|')
                .map(|line| if line == "G" { lookup.clone() } else { line.replace("NAME", &mark) })
                .collect();
            let found = place.probe(&[("nss-bypass.conf", CONF)], &lines.join("\n"));
            let found: Vec<&str> = found
                .iter()
                .zip(&lines)
                .filter(|(_, line)| line.starts_with("gai"))
                .map(|(outcome, _)| address(outcome).trim_start_matches("192.0.2."))
                .collect();
            (found != *expected).then(|| format!("{what}: {found:?}, not {expected:?}"))
        });
        say(&format!("{} changes", CHANGES.len()));
    }

    #[test]
    fn a_name_that_hostaliases_may_replace_is_not_kept() {
        let place = Place::new();
        let resolv = "nameserver 127.0.0.53\nsearch live300.w\noptions timeout:5\n";
        let lines = "gai plain - CANON 4 1\ngai plain - CANON 4 1\nsetenv HOSTALIASES /etc/aliases\n\
            gai plain - CANON 4 1\nput aliases plain ok_ok.two.t.example%0a\ngai plain - CANON 4 1\n\
            setenv HOSTALIASES\ngai plain - CANON 4 1\n";
        let files = [("nss-bypass.conf", CONF), ("resolv.conf", resolv), ("aliases", "plain ok_ok.one.t.example\n")];
        let found = place.probe(&files, lines);
        let names = [
            "plain.live300.w",
            "plain.live300.w",
            "done",
            "ok_ok.one.t",
            "done",
            "ok_ok.two.t",
            "done",
            "plain.live300.w",
        ];
        for (outcome, name) in found.iter().zip(names) {
            assert!(outcome.contains(name), "{found:#?}");
        }
        assert_eq!(place.asked(" plain.live300.w"), 1);
    }

    /// `via` of a rule is part of what an answer depends on, also where two rules match in turn.
    #[test]
    fn another_rule_has_another_answer() {
        let place = Place::new();
        let conf = "bypass *.rule.t.example via 127.0.0.54\nbypass *.t.example\ncache 100\n";
        let name = "okzok2_nx.rule.t.example";
        let lookup = format!("ghbn {name}\n");
        let change = format!("put nss-bypass.conf bypass {name}%0acache 100%0a\nsleep 1100\n");
        let found =
            place.probe(&[("nss-bypass.conf", conf)], &[&lookup[..], &lookup, &change, &lookup, &lookup].concat());
        let two = |index: usize| found[index].contains("192.0.2.2");
        assert_eq!([two(0), two(1), two(4), two(5)], [true, true, false, false], "{found:#?}");
        assert_eq!(place.asked(name), 2);
    }

    #[test]
    fn the_log_says_what_was_kept() {
        let place = Place::new();
        let (mut command, etc) = place.command("probe", &[], &[("nss-bypass.conf", CONF)]);
        command.env("NSS_BYPASS_LOG", "stderr");
        let told = place.finish((command, etc), "gai ok_ok.log.t.example - 0 4 1\ngai ok_ok.log.t.example - 0 4 1\n");
        let log: Vec<&str> = told.text.lines().filter(|line| line.contains("bypass (")).collect();
        assert_eq!(log.len(), 2, "{}", told.text);
        assert!(log[0].contains("192.0.2.1 from 127.0.0.53:53 in "), "{}", log[0]);
        assert!(log[1].contains("192.0.2.1 as 127.0.0.53:53 said before in "), "{}", log[1]);
    }
}

mod elsewhere {
    use super::*;

    const CONF: &str = "bypass * 0.0.0.0/0 ::/0\ncache 1024\n";

    fn lines(told: &Told, who: &str) -> Vec<String> {
        told.text.lines().filter_map(|line| line.strip_prefix(who)).map(str::to_owned).collect()
    }

    #[test]
    fn a_thread_in_another_network_finds_nothing_that_was_kept_in_the_first() {
        let (place, other) = (Place::new(), Place::new());
        let network = other.0.network();
        let lookup = "gai nth300_nth300.elsewhere.t.example";
        let words = ["network", network.to_str().unwrap(), lookup];
        let told = place.finish(place.command("elsewhere", &words, &[("nss-bypass.conf", CONF)]), "");
        assert!(told.output.status.success(), "{}", told.text);
        for who in ["main: ", "thread: "] {
            let said = lines(&told, who);
            assert!(said.len() == 3 && said.iter().all(|line| line.contains("192.0.2.1")), "{}", told.text);
        }
        assert_eq!([place.asked("elsewhere"), other.asked("elsewhere")], [2, 2]);
        let words = ["nowhere", "-", lookup];
        let told = place.finish(place.command("elsewhere", &words, &[("nss-bypass.conf", CONF)]), "");
        assert!(lines(&told, "thread: ").iter().all(|line| line.ends_with("EAI_AGAIN")), "{}", told.text);
        assert!(lines(&told, "main: ").iter().all(|line| line.contains("192.0.2.2")), "{}", told.text);
        assert_eq!(place.asked("elsewhere"), 4);
    }

    #[test]
    fn a_thread_with_other_files_finds_nothing_that_was_kept_by_the_first() {
        let place = Place::new();
        let (command, etc) = place.command(
            "elsewhere",
            &["mounts", "/etc/other", "ghbn okznx_okznx.mounts.t.example", "ghbn v4only"],
            &[("nss-bypass.conf", CONF)],
        );
        fs::create_dir(etc.join("other")).unwrap();
        fs::write(etc.join("other/resolv.conf"), "nameserver 127.0.0.54\noptions timeout:1 attempts:1\n").unwrap();
        fs::write(etc.join("other/hosts"), "192.0.2.99 v4only\n").unwrap();
        let told = place.finish((command, etc), "");
        let (main, thread) = (lines(&told, "main: "), lines(&told, "thread: "));
        assert!(main.iter().any(|line| line.contains("192.0.2.77")), "{}", told.text);
        assert!(!main.iter().any(|line| line.contains("192.0.2.99") || line.contains("h_errno")), "{}", told.text);
        assert!(!thread.iter().any(|line| line.contains("192.0.2.77") || line.contains(" 192.0.2.1")), "{}", told.text);
    }

    #[test]
    fn where_the_network_cannot_be_told_nothing_is_kept() {
        let place = Place::new();
        let lookup = "ghbn nth300_nx.noproc.t.example";
        for (words, expected) in [
            (["then-noproc", "-", lookup, lookup, lookup], ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]),
            (["noproc", "-", lookup, lookup, lookup], ["192.0.2.5", "192.0.2.6", "192.0.2.7", ""]),
        ] {
            let told = place.finish(place.command("elsewhere", &words, &[("nss-bypass.conf", CONF)]), "");
            let mut said = lines(&told, "before: ");
            said.dedup();
            said.extend(lines(&told, "there: "));
            let found = said.iter().zip(expected).all(|(line, address)| line.ends_with(address));
            assert!(told.output.status.success() && found, "{}", told.text);
        }
        // The same in a chroot that has files, but no /proc.
        let root = place.0.folder().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        for (file, text) in [
            ("resolv.conf", "nameserver 127.0.0.53\noptions timeout:5\n"),
            ("nsswitch.conf", "hosts: files dns\n"),
            ("nss-bypass.conf", CONF),
            ("host.conf", "multi on\n"),
        ] {
            fs::write(root.join("etc").join(file), text).unwrap();
        }
        let lookup = "ghbn nth300_nx.chroot.t.example";
        let words = ["then-chroot", root.to_str().unwrap(), lookup, lookup];
        let told = place.finish(place.command("elsewhere", &words, &[("nss-bypass.conf", CONF)]), "");
        let said = [lines(&told, "before: "), lines(&told, "there: ")].concat();
        let found = said.iter().zip(["2.1", "2.1", "2.2", "2.3"]).all(|(line, address)| line.ends_with(address));
        assert!(said.len() == 4 && found, "{}", told.text);
    }
}

/// Programs that are their own judges: tables of rows, as in tests/process.rs.
mod programs {
    use super::*;

    fn many(test: u32, full: u32) -> String {
        let count = if env::var_os("NSS_BYPASS_SOAK").is_some() { full } else { test };
        count.to_string()
    }

    fn holds_with(name: &str, scenario: &str, count: &str, files: &[(&str, &str)]) {
        let place = Place::new();
        let plain = ("resolv.conf", "nameserver 127.0.0.53\noptions timeout:5 attempts:3\n");
        let files = [&[plain], files].concat();
        let told = place.finish(place.command(name, &[scenario, count], &files), "");
        for line in told.text.lines().filter_map(|line| line.strip_prefix("= ")) {
            say(line);
        }
        let shown: String = told.text.chars().take(4000).collect();
        assert!(told.output.status.success(), "{scenario}: {shown}{}", told.output.status);
    }

    fn holds(scenario: &str, count: &str) {
        holds_with("cached", scenario, count, &[]);
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_entries() {
        holds("many", &many(20_000, 1_000_000));
    }

    #[test]
    fn an_entry_takes_less_than_a_kibibyte() {
        holds("bytes", &many(2_000, 20_000));
    }

    #[test]
    fn large_answers_do_not_fill_the_memory() {
        holds("large", &many(30, 300));
    }

    #[test]
    fn the_cache_of_an_old_configuration_goes() {
        holds("reloads", &many(40, 400));
    }

    #[test]
    fn a_thread_with_wishes_of_its_own_is_not_served_by_the_cache_and_others_are() {
        holds("wishes", "1");
    }

    #[test]
    fn a_thread_that_moves_to_another_network_and_back_finds_what_belongs_there() {
        holds("moves", &many(4, 20));
    }

    #[test]
    fn what_could_not_be_asked_of_the_kernel_is_not_kept() {
        holds("descriptors", &many(2, 10));
    }

    #[test]
    fn children_use_what_was_kept_and_keep_more() {
        holds("quiet-children", &many(30, 300));
    }

    #[test]
    fn children_of_threads_that_use_the_cache_without_pause_never_hang() {
        holds("children", &many(300, 3000));
    }

    #[test]
    fn a_change_of_hosts_takes_effect_at_once() {
        holds("hosts", &many(100, 500));
    }

    #[test]
    fn a_change_of_resolv_conf_takes_effect_at_once() {
        holds("resolv", &many(50, 500));
    }

    const HOSTS: &str = "127.0.0.1 localhost\n192.0.2.90 filed.m.example filed\n2001:db8::90 filed.m.example filed\n\
        192.0.2.91 reverse.m.example\n192.0.2.92 filed.t.example\n";

    #[test]
    fn children_of_threads_that_look_cached_names_up_hang_and_fail_never() {
        let rules = "cache 64\nbypass *.m.example 192.0.2.0/24 via 127.0.0.54 timeout 5 attempts 3\n\
            bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n";
        let files = [("nss-bypass.conf", rules), ("hosts", HOSTS), ("host.conf", "multi on\n")];
        holds_with("children", "matched", &many(300, 1000), &files);
        holds_with("children", "handler", &many(3, 20), &files);
    }

    #[test]
    fn sixty_four_threads_find_what_belongs_to_the_files_of_the_moment() {
        holds_with("crowd", "rewriting-kept", &many(4, 30), &[("host.conf", "multi on\n")]);
    }
}
