//! The main requirement: lookups of matched names have the same results as with bare glibc without nscd, and lookups of
//! all other names have the same results as with bare glibc on the same machine.
//!
//! Each case in `cases/` is looked up by `programs/probe.c`, which prints all results that are visible to a caller, in
//! a private world: once with bare glibc without nscd, and once with the library and rules for all names, with an nscd
//! that gives wrong answers. Both outputs must be identical. There is no stored expected output; the reference is the
//! glibc of the machine.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use c_tests::artefacts::{library, program, scratch, tool};
use c_tests::cases::{CaseFile, Setup};
use c_tests::differ::{EVERYTHING, Side, compare, compare_in_one_process, compare_libc_first};
use c_tests::releases;
use c_tests::report::{Deviation, conclude};
use c_tests::world::{Nscd, World};

/// Intended differences between the library and glibc. An entry that is no longer needed causes its test to fail.
/// Differences that depend on the release of glibc are in `releases`.
const DEVIATIONS: &[Deviation] = &[
    Deviation {
        file: "silent.txt",
        section: "TCP that says nothing",
        case: "gai",
        reason: "glibc waits indefinitely for a TCP answer; in the library, the timeout applies to the whole exchange",
    },
    Deviation {
        file: "silent.txt",
        section: "one half, or both",
        case: "gai tc_drop",
        reason: "the same: over TCP, the second answer never arrives",
    },
    Deviation { file: "silent.txt", section: "one half, or both", case: "gai drop_tc", reason: "the same" },
    Deviation {
        file: "silent.txt",
        section: "what an earlier lookup left",
        case: "gai ok_drop.t.example - 0 0 1 ; gai servfail_nodata",
        reason: "after a timeout, glibc's thread sends queries one at a time, which changes later answers",
    },
    Deviation {
        file: "programs.txt",
        section: "_res that counts more servers than it has, and the first fails",
        case: "res",
        reason: "an entry without an address ends glibc's lookup with NXDOMAIN; the library ignores the entry",
    },
    Deviation {
        file: "programs.txt",
        section: "_res that counts more servers than there can be",
        case: "res",
        reason: "glibc accesses memory beyond the end of the list, and crashes",
    },
    Deviation {
        file: "silent.txt",
        section: "the next server",
        case: "gai dropztc",
        reason: "glibc repeats queries, also to an unresponsive server, if its buffer is too small for the addresses",
    },
    UNKNOWN_MODULE,
    UNKNOWN_MODULE_ALONE,
    UNKNOWN_MODULE_IN_COMMENT,
    LAST_LINE_OF_HOSTS,
    LAST_LINE_OF_HOSTS_AGAIN,
];

/// The same for many lookups in one process, in which glibc does not crash.
const IN_ONE_PROCESS: &[Deviation] =
    &[UNKNOWN_MODULE, UNKNOWN_MODULE_ALONE, UNKNOWN_MODULE_IN_COMMENT, LAST_LINE_OF_HOSTS, LAST_LINE_OF_HOSTS_AGAIN];

/// The same with libc first, and with an nscd that gives wrong answers.
const WHERE_LIBC_IS_FIRST: &[Deviation] = &[LAST_LINE_OF_HOSTS, LAST_LINE_OF_HOSTS_AGAIN];

const LAST_LINE_OF_HOSTS: Deviation = Deviation {
    file: "nsswitch.txt",
    section: "an answer to merge with one of DNS",
    case: "g",
    reason: "with an answer that it cannot merge, glibc returns the last line of /etc/hosts, regardless of its name",
};
const LAST_LINE_OF_HOSTS_AGAIN: Deviation =
    Deviation { file: "nsswitch.txt", section: "three to merge", case: "g", reason: "the same" };

const UNKNOWN_MODULE: Deviation = Deviation {
    file: "nsswitch.txt",
    section: "hosts: files nosuchmodule (UNAVAIL=return) dns",
    case: "gai",
    reason: "with a module that is not installed, glibc's failures become EAI_SYSTEM; the library skips modules",
};
const UNKNOWN_MODULE_ALONE: Deviation = Deviation {
    file: "nsswitch.txt",
    section: "hosts: nosuchmodule",
    case: "",
    reason: "the module may be one that libc can load and that does not know the name: not found, not a system error",
};
const UNKNOWN_MODULE_IN_COMMENT: Deviation =
    Deviation { file: "nsswitch.txt", section: "hosts: files dns # comment", case: "gai", reason: "the same" };

/// Sections that are compared only in new processes, as the file and the beginning of the title.
const FRESH_ONLY: &[(&str, &str)] = &[
    // An answer is ignored, after which glibc changes the resolver options of the thread.
    ("answers.txt", "other codes"),
    // glibc crashes, or does not change errno.
    ("nsswitch.txt", "hosts: (NOTFOUND"),
    // The error code depends on the previous value of h_errno.
    ("nsswitch.txt", "two answers to merge"),
    ("edges.txt", "resolv.conf is a directory"),
    ("edges.txt", "nsswitch.conf is a directory"),
    ("errno.txt", "a line of nsswitch.conf that cannot be read"),
    // Whether an invalid line is an error depends on the previous value of errno.
    ("nsswitch.txt", "hosts: files (NONSENSE"),
    ("nsswitch.txt", "hosts: files (NOTFOUND=nonsense"),
];

/// For unmatched names, one of this number of cases is sufficient.
const SAMPLE: usize = 6;

/// Rules that match none of the cases' names, and no rules at all.
const NO_MATCH: [Option<&str>; 2] = [Some("nothing.matches.this, *.nor.this, 240.0.0.0/4"), None];

/// Libc first, for every name and every address.
const LIBC_FIRST: &str = "+*";

macro_rules! promises {
    ($($module:ident: $file:literal)+) => { $(
        mod $module {
            #[test]
            fn matched_names_equal_bare_glibc() {
                super::matched($file);
            }

            #[test]
            fn many_matched_names_in_one_process_equal_bare_glibc() {
                super::matched_in_one_process($file);
            }

            #[test]
            fn matched_names_with_a_cache_equal_bare_glibc() {
                super::matched_with_a_cache($file);
            }

            #[test]
            fn other_names_have_the_same_results_as_without_the_library() {
                super::unmatched($file);
            }

            #[test]
            fn libc_first_keeps_results_of_libc_and_adds_those_of_bare_glibc() {
                super::libc_first($file);
            }
        }
    )+ };
}

promises! {
    answers: "answers.txt"
    canonical: "canonical.txt"
    silent: "silent.txt"
    search: "search.txt"
    options: "options.txt"
    nsswitch: "nsswitch.txt"
    hosts: "hosts.txt"
    aliases: "aliases.txt"
    flags: "flags.txt"
    order: "order.txt"
    hostent: "hostent.txt"
    programs: "programs.txt"
    reverse: "reverse.txt"
    services: "services.txt"
    errno: "errno.txt"
    hostile: "hostile.txt"
    edges: "edges.txt"
}

fn matched(name: &str) {
    let file = CaseFile::read(name);
    let comparison = compare(&file, &[Side::bare(), Side::with(&library(), Some(EVERYTHING))]);
    conclude(&file, "equal bare glibc", comparison, DEVIATIONS, releases::deviations(), true);
}

fn matched_in_one_process(name: &str) {
    let mut file = CaseFile::read(name);
    file.sections
        .retain(|section| !FRESH_ONLY.iter().any(|(file, start)| *file == name && section.title.starts_with(start)));
    let comparison = compare_in_one_process(&file, &[Side::bare(), Side::with(&library(), Some(EVERYTHING))]);
    conclude(&file, "equal bare glibc in one process", comparison, IN_ONE_PROCESS, releases::deviations(), false);
}

/// Each case is run twice, for the answer from the server and the cached one. Bare glibc sends queries both times.
fn matched_with_a_cache(name: &str) {
    let mut file = CaseFile::read(name);
    file.sections
        .retain(|section| !FRESH_ONLY.iter().any(|(file, start)| *file == name && section.title.starts_with(start)));
    for section in &mut file.sections {
        section.cases = section.cases.iter().flat_map(|case| [case.clone(), case.clone()]).collect();
    }
    let configuration = scratch("cache").join(format!("{name}.conf"));
    fs::write(&configuration, "cache 4096 max-ttl 600\n").unwrap();
    let ours = Side::with(&library(), Some(EVERYTHING)).configured(&configuration);
    let comparison = compare_in_one_process(&file, &[Side::bare(), ours]);
    let [bare, kept] = comparison.asked;
    let _ = writeln!(std::io::stdout(), "{name}: {kept} queries, bare glibc: {bare}");
    assert!(kept < bare || bare == 0, "{name}: nothing was cached: {kept} queries, bare glibc: {bare}");
    conclude(&file, "equal bare glibc with a cache", comparison, IN_ONE_PROCESS, releases::deviations(), false);
}

fn unmatched(name: &str) {
    let file = CaseFile::read(name).sample(SAMPLE);
    // There are two ways to match nothing. Only one of them is used for each file, to save time.
    let rules = NO_MATCH[name.len() % 2];
    let comparison = compare(&file, &[Side::bare_beside_nscd(), Side::with(&library(), rules)]);
    let only_errno: Vec<Deviation> =
        releases::deviations().iter().filter(|known| known.file == "errno.txt").copied().collect();
    conclude(&file, "equal what nscd says", comparison, &[], &only_errno, false);
}

/// With an nscd that gives wrong answers, and with one that does not.
fn libc_first(name: &str) {
    let mut file = CaseFile::read(name);
    file.sections
        .retain(|section| !FRESH_ONLY.iter().any(|(file, start)| *file == name && section.title.starts_with(start)));
    for (nscd, deviations) in [(Nscd::Lying, WHERE_LIBC_IS_FIRST), (Nscd::Honest, &[][..])] {
        let comparison = compare_libc_first(&file, &library(), LIBC_FIRST, nscd);
        conclude(
            &file,
            "libc's or else bare glibc's",
            comparison,
            deviations,
            &releases::deviations_after_others(),
            false,
        );
    }
}

/// Compares the cases with the rule options `conf` on one side, and with `res_options` on the other side.
fn equal_under(conf: &str, label: &str, name: &str, res_options: Option<&'static str>) {
    let mut file = CaseFile::read(name).sample(SAMPLE);
    file.sections
        .retain(|section| !FRESH_ONLY.iter().any(|(file, start)| *file == name && section.title.starts_with(start)));
    // RES_OPTIONS is in use, and a missing hosts file of a rule is treated as an empty one.
    file.sections.retain(|section| {
        !section.setup.environment.contains_key("RES_OPTIONS") && !section.title.contains("no hosts file")
    });
    let configuration = scratch("options").join(format!("{name}-{label}.conf"));
    fs::write(&configuration, format!("bypass * 0.0.0.0/0 ::/0 {conf}\n")).unwrap();
    let bare = res_options.map_or_else(Side::bare, |options| Side::bare().with_options(options));
    let ours = Side::with(&library(), None).configured(&configuration);
    let comparison = compare_in_one_process(&file, &[bare, ours]);
    conclude(
        &file,
        "equal bare glibc under the rule's options",
        comparison,
        &[],
        &releases::deviations_after_others(),
        false,
    );
}

/// The options that all supported releases of glibc have.
const OPTIONS: [&str; 8] =
    ["ndots:3", "ndots:0", "single-request", "single-request-reopen", "use-vc", "edns0", "no-tld-query", "trust-ad"];

#[test]
fn options_of_a_rule_work_like_those_of_resolv_conf() {
    for options in OPTIONS {
        for name in ["answers.txt", "search.txt"] {
            equal_under(&format!("options {options}"), &options.replace(':', "-"), name, Some(options));
        }
    }
}

#[test]
fn the_hosts_file_of_a_rule_is_parsed_as_by_glibc() {
    for name in ["hosts.txt", "hostent.txt", "reverse.txt"] {
        equal_under("hosts /etc/hosts", "hosts", name, None);
    }
}

#[test]
fn ni_nofqdn_does_not_depend_on_rules() {
    let file = CaseFile::read("nofqdn.txt");
    let configuration = scratch("nofqdn").join("rules.conf");
    fs::write(&configuration, "bypass 10.0.0.0/8\nbypass 10.0.0.3 hosts off\n").unwrap();
    let comparison = compare(&file, &[Side::bare(), Side::with(&library(), None).configured(&configuration)]);
    conclude(&file, "equal bare glibc", comparison, &[], releases::deviations(), false);
}

/// Cases in which libc queries nscd: lookups by each function, AI_ADDRCONFIG, sorting, and services by name or port.
const ASKING: [&str; 18] = [
    "gai ok_ok.t.example - 0 0 1",
    "gai ok_ok.t.example - 0 4 1",
    "gai ok3_ok3.t.example http ADDRCONFIG|CANON 0 0",
    "gai nx_nx.t.example ssh 0 0 1",
    "ghbn ok_ok.t.example",
    "ghbn2 ok_ok.t.example 6",
    "ghbnr ok_ok.t.example 2048",
    "ghbn2r ok_ok.t.example 6 2048",
    "ghbn2 ok_ok.t.example 99",
    "gai 192.0.2.1 http 0 0 1",
    "gai 2001:db8::1 - ADDRCONFIG 0 1",
    "gai - http 0 0 0",
    "gai - 80 0 0 0",
    "gai %c3%bc nosuch IDN|ADDRCONFIG 0 1",
    "ghba 10.0.0.5",
    "ghbar 2001:db8::5 2048",
    "gni 10.0.0.5 80 0",
    "gni 10.0.0.5 80 NUMERICHOST",
];

#[test]
fn only_lookups_of_unmatched_names_connect_to_nscd() {
    let setup = Setup::default();
    let world = World::start(&setup.addresses, Nscd::Lying);
    let etc = setup.etc();
    for case in ASKING {
        let connects = |rules| {
            let strace = world.command(&tool("strace"), &etc);
            let mut command = Side::with(&library(), rules).configure(strace, &setup);
            // The library is preloaded in the probe, not in strace.
            let preload = format!("LD_PRELOAD={}", library().display());
            command.env_remove("LD_PRELOAD").args(["-f", "-e", "trace=connect", "-E", &preload]).arg(program("probe"));
            let trace = with_input(command, case);
            trace.lines().filter(|line| line.contains("nscd/socket")).count()
        };
        assert_eq!(connects(Some(EVERYTHING)), 0, "nscd was queried: {case}");
        assert!(connects(NO_MATCH[0]) > 0, "nscd was not queried: {case}");
        assert!(connects(None) > 0, "nscd was not queried without rules: {case}");
    }
    fs::remove_dir_all(etc).unwrap();
}

#[test]
fn buffers_of_all_lengths_and_alignments_are_respected() {
    let setup = Setup::default();
    let (bare, ours) = (Side::bare(), Side::with(&library(), Some(EVERYTHING)));
    let worlds = [World::start(&setup.addresses, Nscd::None), World::start(&setup.addresses, Nscd::Lying)];
    let etc = setup.etc();
    for arguments in [
        &["ok_ok.t.example"][..],
        &["ok3_ok3.t.example", "10"],
        &["cname_cname.t.example", "2"],
        &["nx_nx.t.example"],
        &["nodata_nodata.t.example", "10"],
        &["servfail_servfail.t.example"],
        &["cnamex_cnamex.t.example"],
        &["v4only"],
        &["v6only", "10"],
        &["two.t.example"],
        &["@10.0.0.5"],
        &["@10.0.0.8"],
        &["@192.0.2.77"],
        &["@2001:db8::5"],
        &["@::ffff:10.0.0.5"],
        &["localhost"],
    ] {
        let [expected, found] = [(&bare, &worlds[0]), (&ours, &worlds[1])].map(|(side, world)| {
            let mut command = side.configure(world.command(&program("buffer_lengths"), &etc), &setup);
            command.args(arguments);
            with_input(command, "")
        });
        // If the address is in /etc/hosts, glibc's gethostbyaddr_r assumes that the caller's buffer is aligned.
        let expected = expected.replace(" UNALIGNED", "");
        if releases::has_new_dns() {
            assert_eq!(found, expected, "{arguments:?}");
        } else if !arguments[0].starts_with("cnamex") {
            // An alias without an address is not an error in the old nss_dns.
            assert_eq!(without_lengths(&found), without_lengths(&expected), "{arguments:?}");
        }
        assert!(
            !found.contains("OVERWRITTEN") && !found.contains("OUTSIDE") && !found.contains("UNALIGNED"),
            "{found}"
        );
    }
    fs::remove_dir_all(etc).unwrap();
}

/// The results for successive buffer lengths, without the lengths themselves, since the old nss_dns requires more
/// space.
fn without_lengths(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split_once(": ").map_or(line, |(_, said)| said)).collect()
}

#[test]
fn exported_functions_match_the_headers_of_libc() {
    assert!(Command::new(program("signatures")).status().unwrap().success());
}

/// Standard output and standard error of a command.
fn with_input(mut command: Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
