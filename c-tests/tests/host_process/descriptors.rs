//! File descriptors: lookups leave none open, do not depend on existing ones, and work with few.

use super::scenarios::*;
use super::*;

#[test]
fn no_lookup_leaves_a_descriptor_open() {
    holds("descriptors", "none-left", 1);
}

#[test]
fn a_program_may_close_all_descriptors_between_lookups() {
    holds("descriptors", "closed-between", many(20, 200, 2000));
}

/// Checks that the results are the same as with bare glibc.
fn as_in_glibc(scenario: &str) {
    let (ours, bare) = (
        run_scenario(&Host::new(), &[&library()], "descriptors", scenario, 1),
        run_scenario(&Host::new(), &[], "descriptors", scenario, 1),
    );
    let results = |output| rows(output).into_iter().map(|row| row.result).collect::<Vec<_>>();
    let same = results(&ours) == results(&bare);
    conclude(Heading::Descriptors, "", &ours, if same { None } else { Some(&bare) });
    assert!(same, "{}\nbare: {}", excerpt(&ours), excerpt(&bare));
}

#[test]
fn with_few_descriptors_answers_equal_those_of_glibc() {
    as_in_glibc("few");
}

#[test]
fn with_at_most_one_descriptor_error_codes_equal_those_of_glibc() {
    as_in_glibc("one-or-none");
}

#[test]
fn lookups_work_with_five_thousand_open_descriptors() {
    holds("descriptors", "thousands", 5000);
}

#[test]
fn lookups_work_with_standard_input_output_and_error_closed() {
    holds("descriptors", "closed-standard", many(500, 5000, 20_000));
}

#[test]
fn a_log_to_a_closed_standard_error_is_discarded() {
    let host = Host::new();
    let words = ["closed-standard", &many(500, 5000, 20_000).to_string()];
    let mut command = host.command(&[&library()], &program("descriptors"), &words);
    let output = command.env("NSS_BYPASS_LOG", "stderr").output().unwrap();
    conclude(Heading::Descriptors, ", with a log to standard error", &output, None);
    let strange = |line: &&String| !line.contains(".example") && !line.contains("in-addr.arpa");
    let questions = host.world.questions();
    let strange: Vec<_> = questions.iter().filter(strange).take(5).collect();
    assert!(strange.is_empty(), "the log went to the name server: {strange:?}");
}
