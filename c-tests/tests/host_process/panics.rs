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
    let mut command = place.with(&faulty_library(), &program("panics"));
    // Before 2.34, getaddrinfo_a is in libanl, whose call of getaddrinfo is intercepted by the library.
    let is_plain = |lookup: &&&str| releases::minor() >= 34 || !lookup.starts_with("gaia ");
    command.arg(when).args(LOOKUPS.iter().filter(is_plain));
    command.env_remove("NSS_BYPASS").env("NSS_BYPASS_CONF", "/etc/rules").env("PANICS_RULES", "/etc/rules");
    command.env("NSS_BYPASS_LOG", "/run/log").env("RUST_BACKTRACE", "full");
    let output = run(command, "");
    let said = text(&output);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", whole(&output));
    let counts: Vec<Option<usize>> = said.lines().map(|line| line.rsplit_once(": ")?.1.parse().ok()).collect();
    assert!(counts.iter().all(|count| count.is_some_and(|count| count > 5)), "{said}");
    let points: usize = counts.iter().flatten().sum();
    report(
        Heading::Panic,
        &format!("panics in the {when} lookup of a process"),
        points,
        "the answer of libc, without output; then that of the library again",
        None,
    );
}

#[test]
fn a_panic_at_any_point_of_the_first_lookup_results_in_the_answer_of_libc() {
    everywhere("first");
}

#[test]
fn a_panic_at_any_point_of_later_lookups_results_in_the_answer_of_libc() {
    everywhere("later");
}

#[test]
fn a_panic_while_the_library_is_loaded_has_no_visible_effect() {
    let place = Place::new(|_| ());
    let early = stand_in("lookup_in_constructor");
    let faulty = faulty_library();
    let ask = |preloads: &[&Path], n: usize| {
        let mut command = place.with(&faulty, &program("seccomp"));
        let preloads: Vec<&str> = preloads.iter().map(|path| path.to_str().unwrap()).collect();
        command.args(["-", "cold", "gai ok_ok.t.example"]).env("NSS_BYPASS_FAULT", format!("{n:08}"));
        command
            .env("LD_PRELOAD", preloads.join(" "))
            .env("LOOKUP_IN_CONSTRUCTOR", "gai ok_ok.t.example")
            .env("NSS_BYPASS_LOG", "/run/log");
        run(command, "")
    };
    let truth = text(&ask(&[&faulty], 0));
    let mut times = 0;
    for n in (1..120).step_by(if length() == Length::Full { 1 } else { 3 }) {
        for preloads in [&[faulty.as_path()][..], &[&faulty, &early], &[&early, &faulty]] {
            let output = ask(preloads, n);
            assert!(output.status.success() && output.stderr.is_empty(), "point {n}, {preloads:?}: {}", whole(&output));
            assert!(
                preloads.len() == 1 || text(&output).lines().any(|line| line == truth.trim_end()),
                "{}",
                whole(&output)
            );
            times += 1;
        }
    }
    report(Heading::Panic, "panics at program start, or in a lookup of a constructor", times, "no output", None);
}
