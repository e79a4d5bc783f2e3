//! Linking against the library instead of preloading it: by a program, and by a library that a program may load.
//!
//! A call is bound to the first library in the lookup scope that defines the function. In a program that is linked
//! against the library, this is the library. If only another library is linked against it, libc comes first, so that
//! lookups are forwarded to libc.

use super::*;

const LOOKUPS: &[&str] =
    &["gai ok_ok.t.example", "ghbn v4only", "ghbnr ok3_ok3.t.example", "ghba 10.0.0.5", "gni 192.0.2.77", "gaia dual"];

/// Rules for some of the names.
const SOME: &str = "ok_ok.t.example, v4only, 10.0.0.5";

/// The answers, by "program" or "library" and the lookup.
type Said = BTreeMap<(String, String), String>;

struct Linked {
    place: Place,
    /// The results of each lookup from libc, with an nscd that gives wrong answers; and those from the library.
    libc: Said,
    ours: Said,
}

fn said(output: &Output) -> Said {
    assert!(output.status.success() && output.stderr.is_empty(), "{}", whole(output));
    let line = |line: &str| {
        let (lookup, answer) = line.split_once(" => ")?;
        let (who, lookup) = lookup.split_once(": ")?;
        Some(((who.to_owned(), lookup.to_owned()), answer.to_owned()))
    };
    text(output).lines().map(|text| line(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

fn speaker(libraries: &[&Path]) -> PathBuf {
    linked("linked_against", &["-DLIBRARY", "-shared", "-fPIC"], libraries)
}

impl Linked {
    fn new() -> Self {
        let place = Place::new(|_| ());
        let mut linked = Self { place, libc: Said::new(), ours: Said::new() };
        let plain = program("linked_against");
        linked.libc = linked.ask(&plain, &["alone"], "");
        let mut preloaded = linked.place.with(&library(), &plain);
        preloaded.arg("alone").args(LOOKUPS);
        linked.ours = said(&run(preloaded, ""));
        linked
    }

    fn ask(&self, program: &Path, how: &[&str], rules: &str) -> Said {
        let mut command = self.place.worlds[1].command(program, &self.place.etc);
        command.args(how).args(LOOKUPS).env("NSS_BYPASS", rules);
        said(&run(command, ""))
    }

    /// Whether an answer is one of these.
    fn is_of(&self, answers: &Said, lookup: &str, answer: &str) -> bool {
        answers[&("program".to_owned(), lookup.to_owned())] == answer
    }

    /// Runs all lookups with rules for all names, some, and none. Matched lookups by those in `ours` must be answered
    /// by the library, and all others by libc.
    fn holds(&self, condition: &str, program: &Path, how: &[&str], ours: &[&str]) {
        let mut times = 0;
        for rules in [EVERYTHING, SOME, ""] {
            for ((who, lookup), answer) in self.ask(program, how, rules) {
                let name = lookup.split(' ').nth(1).unwrap_or_default();
                let is_matched = rules == EVERYTHING || rules.split(", ").any(|rule| rule == name);
                let expected = if is_matched && ours.contains(&who.as_str()) { &self.ours } else { &self.libc };
                assert!(
                    self.is_of(expected, &lookup, &answer),
                    "{condition}, rules {rules:?}: {who}: {lookup}: {answer}"
                );
                times += 1;
            }
        }
        let result = match ours {
            [] => "all answered by libc".to_owned(),
            _ => format!("matched names of the {} answered by the library, all others by libc", ours.join(" and the ")),
        };
        report(Heading::OtherPreloads, condition, times, &result, None);
    }
}

#[test]
fn linking_a_program_against_the_library_has_the_same_effect_as_preloading() {
    let linked = Linked::new();
    let ours = library();
    assert!(linked.libc.iter().any(|(key, answer)| linked.ours[key] != *answer), "no visible difference");
    let program = super::linked("linked_against", &[], &[&ours]);
    linked.holds("a program linked against the library", &program, &["alone"], &["program"]);
    let both = super::linked("linked_against", &["-Wl,--no-as-needed"], &[&speaker(&[&ours]), &ours]);
    linked.holds(
        "a program and its library, both linked against the library",
        &both,
        &["linked"],
        &["program", "library"],
    );
    let other = speaker(&[&ours]);
    let other = ["opened", other.to_str().unwrap()];
    linked.holds("a linked program that loads a linked plug-in", &program, &other, &["program", "library"]);
}

#[test]
fn linking_another_library_against_the_library_does_not_break_programs() {
    let linked = Linked::new();
    let (ours, plain) = (library(), program("linked_against"));
    let speaker = speaker(&[&ours]);
    let unaware = super::linked("linked_against", &["-Wl,--no-as-needed"], &[&speaker]);
    linked.holds("another library linked against the library, libc before it", &unaware, &["linked"], &[]);
    let path = speaker.to_str().unwrap();
    linked.holds("a plug-in linked against the library", &plain, &["opened", path], &[]);
    linked.holds("a plug-in linked against the library, RTLD_DEEPBIND", &plain, &["deep", path], &["library"]);
    // The library is after libc in the scope of the program, and before it in that of the plug-in, which is different.
    let other = super::linked("linked_against", &["-DLIBRARY", "-DOTHER", "-shared", "-fPIC"], &[&ours]);
    let how = ["deep-too", other.to_str().unwrap()];
    linked.holds(
        "a plug-in linked against the library, RTLD_DEEPBIND, with such a library in the program",
        &unaware,
        &how,
        &["library"],
    );
}
