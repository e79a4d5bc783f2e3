//! The promise: a matched name is answered as bare glibc answers it where there is no nscd, and every other name as
//! bare glibc answers it on the same machine.
//!
//! Each case of `cases/` is looked up by `programs/probe.c`, which prints every fact that a caller can see, in a private
//! world: once by bare glibc without nscd and once by the library with a rule for everything, beside an nscd that lies.
//! Both outputs must be equal, byte for byte. No expected output is kept anywhere: the machine's own glibc is the judge.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use c_tests::artefacts::library;
use c_tests::cases::CaseFile;
use c_tests::differ::{EVERYTHING, Side, compare, compare_in_one_process};
use c_tests::report::{Deviation, conclude};

/// Where the library answers otherwise than glibc, on purpose. An entry that is no longer needed fails its test.
const DEVIATIONS: &[Deviation] = &[];

/// Rules that match none of the cases' names, and no rules at all.
const NO_MATCH: [Option<&str>; 2] = [Some("nothing.matches.this, *.nor.this, 240.0.0.0/4"), None];

macro_rules! promises {
    ($($module:ident: $file:literal)+) => { $(
        mod $module {
            #[test]
            fn matched_names_answer_as_bare_glibc_does() {
                super::matched($file);
            }

            #[test]
            fn many_matched_names_in_one_process_answer_as_bare_glibc_does() {
                super::matched_in_one_process($file);
            }

            #[test]
            fn other_names_answer_as_without_the_library() {
                super::unmatched($file);
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
    reverse: "reverse.txt"
    programs: "programs.txt"
    errno: "errno.txt"
}

fn matched(name: &str) {
    let file = CaseFile::read(name);
    let comparison = compare(&file, &[Side::bare(), Side::with(&library(), Some(EVERYTHING))]);
    conclude(&file, "equal bare glibc", comparison, DEVIATIONS);
}

fn matched_in_one_process(name: &str) {
    let file = CaseFile::read(name);
    let comparison = compare_in_one_process(&file, &[Side::bare(), Side::with(&library(), Some(EVERYTHING))]);
    conclude(&file, "equal bare glibc in one process", comparison, DEVIATIONS);
}

fn unmatched(name: &str) {
    let file = CaseFile::read(name);
    // Two ways to match nothing; a file has one or the other, which costs half and misses little.
    let rules = NO_MATCH[name.len() % 2];
    let comparison = compare(&file, &[Side::bare_beside_nscd(), Side::with(&library(), rules)]);
    conclude(&file, "equal what nscd says", comparison, &[]);
}
