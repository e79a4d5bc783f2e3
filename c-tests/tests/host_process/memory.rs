use super::*;

/// The answers, and the maximum stack size in bytes.
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
    // The first lookup of a process reads all files. "rewrite" causes the rules to be read again later.
    let together = format!("{}\nrewrite /etc/rules\ngai ok_ok.t.example\n", KINDS.join("\n"));
    for input in KINDS.iter().copied().chain([together.as_str()]) {
        let program = program("small_stack");
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
    let result = format!("as bare glibc; at most {} bytes of stack", most[1]);
    let bare = format!("at most {} bytes", most[0]);
    let condition = format!("threads with {kibibytes} KiB of stack, {what}");
    report(Heading::MemoryAndStack, &condition, 2 * KINDS.len() + 1, &result, Some(&bare));
}

#[test]
fn every_lookup_fits_on_a_stack_of_32_kib() {
    small_stacks(&library(), if cfg!(debug_assertions) { 64 } else { 32 }, "the library as built");
}

#[test]
fn every_lookup_of_a_debug_build_fits_on_a_stack_of_64_kib() {
    small_stacks(&faulty_library(), 64, "a debug build");
}

/// The number of lookups of programs/out_of_memory.c with each result.
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

/// The allowed results of a lookup without memory: the answer, or a corresponding error code.
const HONEST: &[&str] =
    &["answered", "EAI_MEMORY", "EAI_SYSTEM errno=12", "EAI_AGAIN", "h_errno=-1", "h_errno=-1 rc=12", "h_errno=2"];

fn malloc_fails(mode: &str, when: &str, lookups: &[&str]) {
    malloc_fails_with("", mode, when, lookups);
}

fn malloc_fails_with(configuration: &str, mode: &str, when: &str, lookups: &[&str]) {
    let place = Place::new(|etc| fs::write(etc.join("nss-bypass.conf"), configuration).unwrap());
    let program = program("out_of_memory");
    let mut ours = place.with(&library(), &program);
    ours.args([mode, when]).args(lookups);
    // In many of these cases, bare glibc crashes or waits for a lock indefinitely.
    let mut bare = place.bare(&program);
    bare.args([mode, when, "gai ok_ok.t.example"]).env("LOOKUP_PATIENCE", "2");
    let (ours, bare) = (run(ours, ""), run(bare, ""));
    assert!(ours.status.success(), "{mode} {when}: {}", whole(&ours));
    let (found, expected) = (outcomes(&text(&ours)), outcomes(&text(&bare)));
    let strange: Vec<_> = found.keys().filter(|how| !HONEST.contains(&how.as_str())).collect();
    let times: usize = found.values().sum();
    let cache = if configuration.is_empty() { "" } else { ", with a cache" };
    let condition = format!("malloc fails: {mode}, {when} lookup{cache}");
    let bare = format!("{} (one kind of lookup)", in_words(&expected));
    report(Heading::MemoryAndStack, &condition, times, &in_words(&found), Some(&bare));
    assert!(strange.is_empty(), "{mode} {when}: {strange:?}\n{}", text(&ours));
}

#[test]
fn one_failing_malloc_results_in_an_answer_or_an_error_code() {
    malloc_fails("nth", "first", KINDS);
    malloc_fails("nth", "later", KINDS);
}

#[test]
fn malloc_failing_from_any_call_on_results_in_an_answer_or_an_error_code() {
    malloc_fails("from", "first", KINDS);
    malloc_fails("from", "later", KINDS);
}

#[test]
fn malloc_failing_with_a_cache_results_in_an_answer_or_an_error_code() {
    let lookups = ["gai ok3_ok3.t.example", "ghbnr ok_ok.t.example", "gni 10.0.0.5"];
    for mode in ["nth", "from", "above"] {
        for when in ["first", "later"] {
            malloc_fails_with("cache 1000000\n", mode, when, &lookups);
        }
    }
}

#[test]
fn malloc_failing_for_large_sizes_results_in_an_answer_or_an_error_code() {
    malloc_fails("above", "first", KINDS);
    malloc_fails("above", "later", KINDS);
}

#[test]
fn a_memory_limit_results_in_an_answer_or_an_error_code() {
    malloc_fails(
        "limit",
        "first",
        &["gai ok_ok.t.example", "gaic cname_cname.t.example", "ghbn ok_ok.t.example", "ghba 10.0.0.5"],
    );
}

#[test]
fn malloc_failing_at_program_start_does_not_affect_lookups() {
    let place = Place::new(|_| ());
    let ask = |n: usize| {
        let mut command = place.with(&library(), &program("out_of_memory"));
        command.args(["once", "now", "gai ok_ok.t.example"]).env("MALLOC_FAILS_AT", n.to_string());
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
    report(
        Heading::MemoryAndStack,
        "malloc fails before main",
        times,
        "all programs started, all lookups answered",
        None,
    );
}

/// A process, or children of a process, that use the reserve for a long time.
fn without_memory(how: &str, count: usize, condition: &str) {
    let place = Place::new(|_| ());
    let program = program("memory_reserve");
    let mut command = place.with(&library(), &program);
    command.args([how, &count.to_string()]);
    let output = run(command, "");
    assert!(output.status.success(), "{how}: {}", whole(&output));
    let said = text(&output);
    let result = said.lines().skip(1).collect::<Vec<_>>().join(", ");
    report(Heading::MemoryAndStack, condition, count, &result, None);
    let is_honest = |outcome: &str| outcome.split_once(' ').is_some_and(|(_, how)| HONEST.contains(&how));
    assert!(!result.is_empty() && result.split(", ").all(is_honest), "{how}: {}", whole(&output));
}

#[test]
fn lookups_continue_in_a_process_without_memory() {
    let count = many(2000, 5000, 20_000);
    without_memory("cold", count, "malloc fails from before the first lookup on, for long");
    without_memory("warm", count, "malloc fails after the first lookup, for long");
}

#[test]
fn children_forked_while_the_reserve_is_in_use_have_a_reserve() {
    without_memory("child", many(2000, 5000, 20_000), "malloc fails for long in a child of a busy process");
    // This would exhaust the reserve if lookups were not refused.
    without_memory("children", 60, "malloc fails for long in children of children of a busy process");
}
