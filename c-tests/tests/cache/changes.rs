use super::*;
use c_tests::releases;

/// Lines, and the results of the lookups among them: addresses of `nth`, which contain the number of the query.
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
    ("the program's choice of modules", "G|choose hosts files|G|choose hosts dns files|G", &["1", "EAI_NONAME", "1"]),
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

/// The results of the lookups of a row. Before glibc 2.33, a process reads nsswitch.conf only once.
fn answers(what: &str, answers: &'static [&'static str]) -> &'static [&'static str] {
    if releases::minor() < 33 && what.starts_with("nsswitch.conf") { &["1", "1", "1"] } else { answers }
}

#[test]
fn an_answer_is_queried_again_after_a_change_of_its_dependencies() {
    let place = Place::new();
    let rows: Vec<_> = CHANGES.iter().enumerate().collect();
    all(&rows, |(number, (what, script, expected))| {
        let mark = format!("change{number}");
        let lookup = format!("gai nth300_nx.{mark}.t.example - 0 4 1");
        // A change of a file is detected from the next tick of the kernel's clock on.
        let with_tick =
            |line: &'static str| std::iter::once(line).chain(Some("sleep 10").filter(|_| line.starts_with("put ")));
        let lines: Vec<String> = script
            .split('|')
            .flat_map(with_tick)
            .map(|line| if line == "G" { lookup.clone() } else { line.replace("NAME", &mark) })
            .collect();
        let found = place.probe(&[("nss-bypass.conf", KEEPING)], &lines.join("\n"));
        let found: Vec<&str> = found
            .iter()
            .zip(&lines)
            .filter(|(_, line)| line.starts_with("gai"))
            .map(|(outcome, _)| address(outcome).trim_start_matches("192.0.2."))
            .collect();
        let expected = answers(what, expected);
        (found != expected).then(|| format!("{what}: {found:?}, not {expected:?}"))
    });
    say(&format!("{} changes", CHANGES.len()));
}

#[test]
fn names_that_hostaliases_may_replace_are_not_cached() {
    let place = Place::new();
    let resolv = "nameserver 127.0.0.53\nsearch live300.w\noptions timeout:5\n";
    let lines = "gai plain - CANON 4 1\ngai plain - CANON 4 1\nsetenv HOSTALIASES /etc/aliases\n\
        gai plain - CANON 4 1\nput aliases plain ok_ok.two.t.example%0a\ngai plain - CANON 4 1\n\
        setenv HOSTALIASES\ngai plain - CANON 4 1\n";
    let files = [("nss-bypass.conf", KEEPING), ("resolv.conf", resolv), ("aliases", "plain ok_ok.one.t.example\n")];
    let found = place.probe(&files, lines);
    let names =
        ["plain.live300.w", "plain.live300.w", "done", "ok_ok.one.t", "done", "ok_ok.two.t", "done", "plain.live300.w"];
    for (outcome, name) in found.iter().zip(names) {
        assert!(outcome.contains(name), "{found:#?}");
    }
    assert_eq!(place.asked(" plain.live300.w"), 1);
}

/// A cached answer depends on `via` of the rule, also if two rules match alternately.
#[test]
fn answers_of_different_rules_are_cached_separately() {
    let place = Place::new();
    let conf = "bypass *.rule.t.example via 127.0.0.54\nbypass *.t.example\ncache 100\n";
    let name = "okzok2_nx.rule.t.example";
    let lookup = format!("ghbn {name}\n");
    let change = format!("put nss-bypass.conf bypass {name}%0acache 100%0a\nsleep 1100\n");
    let found = place.probe(&[("nss-bypass.conf", conf)], &[&lookup[..], &lookup, &change, &lookup, &lookup].concat());
    let two = |index: usize| found[index].contains("192.0.2.2");
    assert_eq!([two(0), two(1), two(4), two(5)], [true, true, false, false], "{found:#?}");
    assert_eq!(place.asked(name), 2);
}

#[test]
fn the_log_shows_cached_answers() {
    let place = Place::new();
    let (mut command, etc) = place.command("probe", &[], &[("nss-bypass.conf", KEEPING)]);
    command.env("NSS_BYPASS_LOG", "stderr");
    let told = place.finish((command, etc), "gai ok_ok.log.t.example - 0 4 1\ngai ok_ok.log.t.example - 0 4 1\n");
    let log: Vec<&str> = told.text.lines().filter(|line| line.contains("bypass (")).collect();
    assert_eq!(log.len(), 2, "{}", told.text);
    assert!(log[0].contains("192.0.2.1 from 127.0.0.53:53 in "), "{}", log[0]);
    assert!(log[1].contains("192.0.2.1 as 127.0.0.53:53 said before in "), "{}", log[1]);
}
