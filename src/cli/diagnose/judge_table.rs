//! Tests of the verdict as tables: facts, and the expected finding, culprit and steps.

use super::*;
use crate::diagnose::facts::{
    Answers, DaemonFacts, LineFacts, ProgramFacts, ProgramObstacle, Resolver, UnreadableFile,
};
use crate::diagnose::hosts_line::{Listed, UnreadableLine};
use crate::diagnose::verdict::Finding;

fn found(address: &str) -> Outcome {
    Outcome::addresses(vec![address.parse().unwrap()])
}

fn a() -> Outcome {
    found("192.0.2.1")
}

fn b() -> Outcome {
    found("192.0.2.2")
}

fn none() -> Outcome {
    Outcome::not_found("not found")
}

fn silence() -> Outcome {
    Outcome::failed("no answer")
}

/// A container without nscd, in which libc gives this answer.
fn plain(libc: Outcome) -> Facts {
    Facts {
        answers: Answers {
            nscd: None,
            plain_rule: libc.clone(),
            libc,
            libc_edited: None,
            library: None,
            library_edited: None,
            plain_rule_edited: None,
            hosts: none(),
            servers: Vec::new(),
            rule_servers: Vec::new(),
        },
        daemon: None,
        hosts_line: LineFacts {
            shown: "files dns".to_owned(),
            unreadable: None,
            obstacle: None,
            foreign_daemon: None,
            listed: Listed { files: true, dns: true, others: false },
        },
        rule: None,
        is_free: true,
        loading: Loading::NotLoaded,
        unreadable: Vec::new(),
        program: None,
    }
}

fn with_nscd(libc: Outcome, nscd: Option<Outcome>, is_foreign: bool) -> Facts {
    let daemon = Some(DaemonFacts { name: "nscd", whereabouts: "process 1".to_owned(), is_foreign });
    let mut facts = Facts { daemon, ..plain(libc) };
    facts.answers.nscd = nscd;
    facts
}

/// A rule under which the library gives this answer.
fn under_rule(mut facts: Facts, library: Outcome, has_options: bool) -> Facts {
    let text = "f:1: bypass x".to_owned();
    facts.rule = Some(RuleFacts {
        text,
        has_options,
        is_libc_first: false,
        falls_back_on_error: false,
        falls_back_on_not_found: false,
    });
    facts.is_free = false;
    facts.answers.library = Some(library);
    facts.loading = Loading::Works;
    facts
}

/// DNS knows the name, but the hosts line prevents it from being found.
fn behind_the_line(mut facts: Facts, obstacle: DnsObstacle, plain_rule: Outcome) -> Facts {
    facts.hosts_line.obstacle = Some(obstacle);
    facts.answers.libc_edited = Some(a());
    facts.answers.plain_rule_edited = Some(a());
    facts.answers.plain_rule = plain_rule;
    facts
}

fn ends() -> DnsObstacle {
    DnsObstacle::EndsBefore("files [NOTFOUND=return]".to_owned())
}

fn in_program(mut facts: Facts, obstacle: ProgramObstacle) -> Facts {
    facts.program = Some(ProgramFacts { name: "program".to_owned(), is_running: false, obstacle: Some(obstacle) });
    facts.loading = Loading::NotLoaded;
    facts
}

type Row = (&'static str, Facts, Finding, Option<Culprit>, Vec<Step>);

fn check(rows: Vec<Row>) {
    for (name, facts, finding, culprit, steps) in rows {
        let judgement = facts.judgement();
        assert_eq!((judgement.finding, judgement.culprit, judgement.steps), (finding, culprit, steps), "{name}");
    }
}

const AGREED: Finding = Finding::Agreed;
const DIFFERS: Finding = Finding::Differs;
const UNKNOWN: Finding = Finding::Unknown;

fn rule() -> Vec<Step> {
    vec![Step::Bypass, Step::Load]
}

#[test]
fn nscd() {
    let daemon = || Some(Culprit::Daemon("nscd"));
    check(vec![
        ("none", plain(a()), AGREED, None, vec![]),
        ("same", with_nscd(a(), Some(a()), true), AGREED, None, vec![]),
        ("both know nothing", with_nscd(none(), Some(none()), true), AGREED, None, vec![]),
        ("denies the name", with_nscd(a(), Some(none()), false), DIFFERS, daemon(), rule()),
        ("has another address", with_nscd(a(), Some(b()), false), DIFFERS, daemon(), rule()),
        ("knows the name alone", with_nscd(none(), Some(b()), true), AGREED, None, vec![]),
        ("is off", with_nscd(a(), Some(Outcome::failed("off")), true), AGREED, None, vec![]),
        ("foreign, not known", with_nscd(a(), None, true), UNKNOWN, daemon(), rule()),
        ("foreign, not known, nothing found", with_nscd(none(), None, true), UNKNOWN, daemon(), vec![]),
        ("own, not known", with_nscd(a(), None, false), UNKNOWN, None, vec![]),
        ("dead servers", with_nscd(silence(), Some(a()), true), UNKNOWN, None, vec![]),
    ]);
    let mut facts = with_nscd(a(), Some(none()), true);
    facts.answers.plain_rule = none();
    check(vec![("a rule would not help", facts, DIFFERS, daemon(), vec![])]);
    assert!(with_nscd(a(), Some(b()), true).judgement().is_optional);
    assert!(!with_nscd(a(), Some(none()), true).judgement().is_optional);
}

#[test]
fn the_hosts_line() {
    let line = || Some(Culprit::HostsLine);
    let edit = || vec![Step::EditHostsLine];
    let mut foreign_daemon = behind_the_line(plain(none()), ends(), a());
    foreign_daemon.hosts_line.foreign_daemon = Some("systemd-resolved (process 1)".to_owned());
    let mut unreadable = plain(silence());
    unreadable.hosts_line.unreadable = Some(UnreadableLine(3));
    let mut repairable = unreadable.clone();
    repairable.answers.libc_edited = Some(a());
    let culprit = Culprit::ForeignDaemon("systemd-resolved (process 1)".to_owned());
    let both = vec![Step::EditHostsLine, Step::Bypass, Step::Load];
    check(vec![
        ("no dns", behind_the_line(plain(none()), DnsObstacle::NotListed, none()), DIFFERS, line(), edit()),
        ("ends before it", behind_the_line(plain(none()), ends(), none()), DIFFERS, line(), edit()),
        (
            "ends with a module that a rule leaves out",
            behind_the_line(plain(none()), ends(), a()),
            DIFFERS,
            line(),
            rule(),
        ),
        (
            "and nscd denies it too",
            behind_the_line(with_nscd(none(), Some(none()), true), ends(), none()),
            DIFFERS,
            line(),
            both,
        ),
        (
            "ends with a module that is not installed",
            behind_the_line(plain(silence()), ends(), silence()),
            DIFFERS,
            line(),
            edit(),
        ),
        ("asks a foreign daemon", foreign_daemon, DIFFERS, Some(culprit), rule()),
        ("cannot be read", unreadable, DIFFERS, line(), vec![]),
        ("cannot be read, and could", repairable, DIFFERS, line(), edit()),
    ]);
}

#[test]
fn rules() {
    let culprit = || Some(Culprit::Rule("f:1: bypass x".to_owned()));
    let hides = |facts| under_rule(facts, none(), true);
    let mut by_options = hides(with_nscd(a(), Some(none()), true));
    by_options.answers.plain_rule = a();
    let mut always = under_rule(with_nscd(none(), Some(b()), true), none(), false);
    always.rule.as_mut().unwrap().falls_back_on_not_found = true;
    let mut via = behind_the_line(hides(plain(none())), DnsObstacle::NotListed, none());
    via.answers.rule_servers = vec![("server 192.0.2.53".to_owned(), a())];
    via.answers.library_edited = Some(a());
    let unreached = Some(Culprit::UnreachedVia("f:1: bypass x".to_owned()));
    let mut other_user = under_rule(with_nscd(a(), Some(none()), true), a(), false);
    let command = || vec!["chmod a+r /etc/nss-bypass.conf".to_owned()];
    let (path, what) = ("/etc/nss-bypass.conf".to_owned(), "it cannot be read by everybody".to_owned());
    other_user.unreadable = vec![UnreadableFile { path, what, commands: command() }];
    let mode = Some(Culprit::Mode("/etc/nss-bypass.conf".to_owned()));
    check(vec![
        ("right", under_rule(with_nscd(a(), Some(none()), true), a(), false), AGREED, None, vec![]),
        ("hides what libc finds", hides(plain(a())), DIFFERS, culprit(), vec![Step::Pass]),
        ("hides what nscd knows", hides(with_nscd(none(), Some(b()), true)), DIFFERS, culprit(), vec![Step::Pass]),
        ("hides by its options what nscd denies", by_options, DIFFERS, culprit(), vec![Step::Bypass]),
        ("asks libc in the end", always, AGREED, None, vec![]),
        ("finds what a module in front hides", under_rule(plain(none()), a(), false), AGREED, None, vec![]),
        ("differs from glibc", under_rule(plain(a()), b(), false), DIFFERS, culprit(), vec![]),
        ("differs, as its servers do", under_rule(plain(a()), b(), true), AGREED, None, vec![]),
        ("has no answer", under_rule(plain(a()), silence(), false), UNKNOWN, None, vec![]),
        ("names servers that are not asked", via, DIFFERS, unreached, vec![Step::EditHostsLine]),
        ("cannot be read by all", other_user, DIFFERS, mode, vec![Step::ChangeMode(command())]),
    ]);
    let notes = |facts: Facts| facts.judgement().notes.len();
    assert_eq!(notes(under_rule(plain(a()), a(), false)), 1, "no longer needed");
    assert_eq!(notes(under_rule(with_nscd(a(), Some(a()), true), a(), false)), 1);
    assert_eq!(notes(under_rule(with_nscd(a(), None, true), a(), false)), 0);
    assert_eq!(notes(under_rule(plain(a()), a(), true)), 0);
}

#[test]
fn a_fix_without_names_is_noted_where_libc_finds_nothing() {
    let noted = |facts: Facts| facts.judgement().notes.iter().any(|note| note.contains("'+*'"));
    let lies = || with_nscd(a(), Some(none()), true);
    assert!(noted(lies()));
    assert!(noted(with_nscd(a(), None, true)));
    assert!(noted(behind_the_line(plain(none()), ends(), a())));
    assert!(!noted(with_nscd(a(), Some(b()), true)), "libc's address stays");
    assert!(!noted(plain(a())));
    assert!(!noted(Facts { is_free: false, ..lies() }), "a rule leaves the name to libc");
    assert!(!noted(after_libc(lies(), a(), false)));
    assert!(!noted(in_program(lies(), ProgramObstacle::Static)));
}

/// The same, with a rule that has libc answer first.
fn after_libc(mut facts: Facts, library: Outcome, is_always: bool) -> Facts {
    let text = "f:1: pass x".to_owned();
    facts = under_rule(facts, library, false);
    facts.rule = Some(RuleFacts {
        text,
        has_options: false,
        is_libc_first: true,
        falls_back_on_error: true,
        falls_back_on_not_found: is_always,
    });
    facts
}

#[test]
fn libc_first() {
    let lies = || with_nscd(a(), Some(none()), true);
    let daemon = || Some(Culprit::Daemon("nscd"));
    let not_loaded = Facts { loading: Loading::NotLoaded, ..after_libc(lies(), a(), true) };
    let silent = |is_always| after_libc(with_nscd(silence(), Some(silence()), true), a(), is_always);
    check(vec![
        ("what nscd hides", after_libc(lies(), a(), true), AGREED, None, vec![]),
        ("the same, not loaded", not_loaded, DIFFERS, Some(Culprit::NotLoaded), vec![Step::Load]),
        ("what nscd hides is no error", after_libc(lies(), a(), false), DIFFERS, daemon(), vec![Step::Bypass]),
        ("what nscd cannot answer is one", silent(false), AGREED, None, vec![]),
        ("what libc finds", after_libc(plain(a()), a(), true), AGREED, None, vec![]),
        ("what nscd alone finds", after_libc(with_nscd(none(), Some(b()), true), none(), true), AGREED, None, vec![]),
        (
            "another address",
            after_libc(with_nscd(a(), Some(b()), true), a(), true),
            DIFFERS,
            daemon(),
            vec![Step::Bypass],
        ),
        ("what nobody finds", after_libc(with_nscd(none(), Some(none()), true), none(), true), AGREED, None, vec![]),
        ("nscd is not asked, and it is found", after_libc(with_nscd(a(), None, true), a(), true), AGREED, None, vec![]),
        ("nor is it here", after_libc(with_nscd(a(), None, true), none(), true), UNKNOWN, daemon(), vec![Step::Bypass]),
        (
            "and only an error counts",
            after_libc(with_nscd(a(), None, true), a(), false),
            UNKNOWN,
            daemon(),
            vec![Step::Bypass],
        ),
    ]);
}

#[test]
fn loading() {
    let loaded = |loading| Facts { loading, ..under_rule(with_nscd(a(), Some(none()), true), a(), false) };
    let other = || "/usr/lib/libnss_wrapper.so".to_owned();
    let taken = Some(Culprit::Preload(other()));
    let mut unruled = with_nscd(a(), Some(none()), true);
    unruled.loading = Loading::TakenBy(other());
    let first = vec![Step::Bypass, Step::LoadFirst];
    check(vec![
        ("not loaded", loaded(Loading::NotLoaded), DIFFERS, Some(Culprit::NotLoaded), vec![Step::Load]),
        ("behind another", loaded(Loading::TakenBy(other())), DIFFERS, taken, vec![Step::LoadFirst]),
        ("without effect", loaded(Loading::SeesNothing), DIFFERS, Some(Culprit::NotLoaded), vec![Step::LoadFirst]),
        ("behind another, and no rule", unruled, DIFFERS, Some(Culprit::Daemon("nscd")), first),
    ]);
}

#[test]
fn programs() {
    let lies = || with_nscd(a(), Some(none()), true);
    let ruled = || under_rule(lies(), a(), false);
    let culprit = || Some(Culprit::Program("program".to_owned()));
    let itself = |servers: Outcome, facts: Facts| {
        let mut facts = in_program(facts, ProgramObstacle::OwnResolver(Resolver::CAres));
        facts.answers.servers = vec![("server".to_owned(), servers)];
        facts
    };
    let privileged = || ProgramObstacle::Privileged("it is set-user-ID".to_owned());
    let (why, commands) = ("it can be written to".to_owned(), vec!["chmod go-w x".to_owned()]);
    let distrusts = ProgramObstacle::DistrustsRules { why, commands: commands.clone() };
    let chrooted = ProgramObstacle::OtherRoot("/srv".to_owned());
    check(vec![
        ("privileged", in_program(ruled(), privileged()), DIFFERS, culprit(), vec![Step::Enable]),
        ("privileged, no rule", in_program(lies(), privileged()), DIFFERS, culprit(), vec![Step::Bypass, Step::Enable]),
        ("distrusts rules", in_program(ruled(), distrusts), DIFFERS, culprit(), vec![Step::ChangeMode(commands)]),
        (
            "started before",
            in_program(ruled(), ProgramObstacle::StartedBefore),
            DIFFERS,
            culprit(),
            vec![Step::Restart],
        ),
        ("static", in_program(ruled(), ProgramObstacle::Static), DIFFERS, culprit(), vec![]),
        ("static, and all is well", in_program(plain(a()), ProgramObstacle::Static), AGREED, None, vec![]),
        ("in a chroot", in_program(ruled(), chrooted), DIFFERS, culprit(), vec![Step::CopyLibrary, Step::Load]),
        ("Go, c-ares, musl", itself(a(), ruled()), AGREED, None, vec![]),
        ("the same, and DNS does not know", itself(none(), ruled()), DIFFERS, culprit(), vec![Step::HostsEntry]),
        ("the same, and nobody does", itself(none(), plain(none())), AGREED, None, vec![]),
        ("the same, and DNS is dead", itself(silence(), ruled()), UNKNOWN, None, vec![]),
    ]);
}

#[test]
fn a_go_program_is_told_to_use_libc_only_where_libc_knows_more() {
    let culprit = || Some(Culprit::Program("program".to_owned()));
    let go = |servers: Outcome, loading: Loading, facts: Facts| {
        let mut facts = in_program(facts, ProgramObstacle::OwnResolver(Resolver::GoByChoice));
        facts.answers.servers = vec![("server".to_owned(), servers)];
        Facts { loading, ..facts }
    };
    let not_loaded = |servers, facts| go(servers, Loading::NotLoaded, facts);
    let loaded = |servers, facts| go(servers, Loading::Works, facts);
    let lies = || with_nscd(a(), Some(none()), true);
    let ruled = || under_rule(lies(), a(), true);
    let mut in_hosts = lies();
    in_hosts.answers.hosts = a();
    let mut elsewhere = lies();
    elsewhere.answers.plain_rule = none();
    let both = || vec![Step::Load, Step::UseCgo];
    let with_rule = vec![Step::Bypass, Step::Load, Step::UseCgo];
    check(vec![
        ("DNS knows, nscd lies", not_loaded(a(), lies()), AGREED, None, vec![]),
        ("DNS knows, nscd lies, a rule", not_loaded(a(), ruled()), AGREED, None, vec![]),
        ("the hosts file knows", not_loaded(none(), in_hosts), AGREED, None, vec![]),
        ("a rule knows", not_loaded(none(), ruled()), DIFFERS, culprit(), both()),
        ("a rule knows, and the library is loaded", loaded(none(), ruled()), DIFFERS, culprit(), vec![Step::UseCgo]),
        ("a rule knows, and DNS is dead", loaded(silence(), ruled()), DIFFERS, culprit(), vec![Step::UseCgo]),
        ("a rule would know", not_loaded(none(), lies()), DIFFERS, culprit(), with_rule),
        ("libc knows", not_loaded(none(), plain(a())), DIFFERS, culprit(), vec![Step::UseCgo]),
        ("nscd knows", not_loaded(none(), with_nscd(none(), Some(b()), true)), DIFFERS, culprit(), vec![Step::UseCgo]),
        ("libc would know, and nscd lies", not_loaded(none(), elsewhere), DIFFERS, culprit(), vec![]),
        ("nobody knows", not_loaded(none(), plain(none())), AGREED, None, vec![]),
        ("DNS is dead", not_loaded(silence(), plain(silence())), UNKNOWN, None, vec![]),
    ]);
    let mut running = not_loaded(none(), lies());
    running.program.as_mut().unwrap().is_running = true;
    let judgement = running.judgement();
    assert_eq!(judgement.steps, [Step::Bypass]);
    assert_eq!(judgement.notes, ["restart program with GODEBUG=netdns=cgo and the library in LD_PRELOAD"]);
}

#[test]
fn other_resolvers_heed_the_hosts_line_as_far_as_they_do() {
    let culprit = || Some(Culprit::Program("program".to_owned()));
    let listing = |files, dns, others, resolver, facts: Facts| {
        let mut facts = in_program(facts, ProgramObstacle::OwnResolver(resolver));
        facts.answers.servers = vec![("server".to_owned(), a())];
        facts.hosts_line.listed = Listed { files, dns, others };
        facts
    };
    let without_dns = |resolver| {
        listing(true, false, false, resolver, behind_the_line(plain(none()), DnsObstacle::NotListed, none()))
    };
    let line = || Some(Culprit::HostsLine);
    let edit = || vec![Step::EditHostsLine];
    let lies = || with_nscd(a(), Some(none()), true);
    let entry = || vec![Step::HostsEntry];
    let mut elsewhere = lies();
    elsewhere.answers.plain_rule = none();
    check(vec![
        ("no dns, Go", without_dns(Resolver::Go), DIFFERS, line(), edit()),
        ("no dns, Go that could use libc", without_dns(Resolver::GoByChoice), DIFFERS, line(), edit()),
        ("no dns, c-ares", without_dns(Resolver::CAres), DIFFERS, line(), edit()),
        ("no dns, musl", without_dns(Resolver::Musl), AGREED, None, vec![]),
        ("a module, Go", listing(true, true, true, Resolver::Go, lies()), AGREED, None, vec![]),
        (
            "a module, libc",
            listing(true, true, true, Resolver::GoByChoice, lies()),
            DIFFERS,
            Some(Culprit::Daemon("nscd")),
            rule(),
        ),
        ("dns only", listing(false, true, false, Resolver::CAres, lies()), AGREED, None, vec![]),
        ("neither", listing(false, false, true, Resolver::CAres, lies()), AGREED, None, vec![]),
        (
            "files only, and libc asks more",
            listing(true, false, true, Resolver::CAres, elsewhere),
            DIFFERS,
            culprit(),
            entry(),
        ),
    ]);
}

#[test]
fn a_process_keeps_what_it_has_loaded() {
    let mut facts = with_nscd(a(), Some(none()), true);
    facts.program = Some(ProgramFacts { name: "process 7".to_owned(), is_running: true, obstacle: None });
    let judgement = facts.judgement();
    assert_eq!((judgement.steps, judgement.notes.len()), (vec![Step::Bypass], 1));
}

#[test]
fn servers_may_contradict_each_other_but_silence_is_no_contradiction() {
    let judged = |second| {
        let mut facts = plain(a());
        facts.answers.servers = vec![("one".to_owned(), a()), ("two".to_owned(), second)];
        facts.judgement().culprit
    };
    assert_eq!(judged(none()), Some(Culprit::Servers));
    assert_eq!(judged(silence()), None);
}
