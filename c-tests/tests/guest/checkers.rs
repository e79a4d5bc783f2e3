//! Under those who judge a program's use of memory: valgrind, and AddressSanitizer in the host.
//!
//! The test command has them see a case of every kind, and the soak all cases.

use super::*;

/// Who judges.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checker {
    Valgrind,
    AddressSanitizer,
}

impl Checker {
    fn name(self) -> &'static str {
        match self {
            Self::Valgrind => "valgrind",
            Self::AddressSanitizer => "AddressSanitizer",
        }
    }

    /// The probe under this checker and the library.
    fn probe(self, place: &Place, setup: &Setup, etc: &Path) -> Command {
        let side = Side::with(&library(), Some(EVERYTHING));
        let configured = |program: &Path| side.configure(place.worlds[1].command(program, etc), setup);
        match self {
            Self::Valgrind => {
                let mut command = configured(&tool("valgrind"));
                // "Possibly lost" is what a hash table of std points to the middle of.
                command.args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect"]);
                command.args(["--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99"]);
                command.arg(format!("--suppressions={}", home().join("valgrind.supp").display()));
                command.arg("--log-file=/dev/stderr").arg(program("probe")).env("PROBE_LIMIT", "60");
                command
            }
            Self::AddressSanitizer => {
                let mut command = configured(&checked_program("probe"));
                let preloads = format!("{} {}", preloadable("libasan.so").display(), library().display());
                command.env("LD_PRELOAD", preloads).env("ASAN_OPTIONS", "detect_leaks=0").env("PROBE_LIMIT", "60");
                command
            }
        }
    }

    /// Asks for these cases in one process.
    fn ask(self, place: &Place, section: &Section, cases: &[&str]) {
        let etc = section.setup.etc();
        let output = run(self.probe(place, &section.setup, &etc), &cases.join("\n"));
        let _ = fs::remove_dir_all(etc);
        let said = String::from_utf8_lossy(&output.stderr);
        // libc's own complaints of host.conf are nobody's.
        let complaint = said.lines().any(|line| line.contains("==")) || said.contains("Sanitizer");
        assert!(output.status.success() && !complaint, "[{}] {cases:?}\n{}", section.title, whole(&output));
        let answered = text(&output).lines().filter(|line| !line.starts_with(' ')).count();
        assert_eq!(answered, cases.len(), "[{}] {cases:?}\n{}", section.title, whole(&output));
    }
}

/// Every how many sections of a file, and every how many cases of each, are looked at.
fn clean(checker: Checker, file: &str, sections: usize, cases: usize) {
    let (sections, cases) = many((sections, cases), (sections, cases), (1, 1));
    let file = CaseFile::read(file);
    let place = Place::new(|_| ());
    let usable: Vec<&Section> = file.sections.iter().filter(|section| !section.setup.silent).collect();
    let chosen: Vec<&Section> = usable.into_iter().step_by(sections).collect();
    let counts = in_two(&chosen, |section| {
        let cases: Vec<&str> = section.cases.iter().step_by(cases).map(String::as_str).collect();
        let shares = |case: &&str| !section.setup.alone && shares_a_process(case);
        let (together, alone): (Vec<&str>, Vec<&str>) = cases.iter().partition(|case| shares(case));
        if !together.is_empty() {
            checker.ask(&place, section, &together);
        }
        alone.iter().for_each(|case| checker.ask(&place, section, &[case]));
        cases.len()
    });
    let condition = format!("under {}, {}", checker.name(), file.name);
    report(Heading::MemoryAndStack, &condition, counts.iter().sum::<usize>(), "no complaint", None);
}

/// Works on the odd and the even ones at the same time.
fn in_two<T: Sync>(all: &[T], work: impl Fn(&T) -> usize + Sync) -> Vec<usize> {
    let half = |first: usize| all.iter().skip(first).step_by(2).map(&work).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let odd = scope.spawn(|| half(1));
        let even = half(0);
        [even, odd.join().unwrap()].concat()
    })
}

macro_rules! files {
    ($($test:ident: $file:literal, $sections:literal, $cases:literal)+) => {
        mod under_valgrind {
            $(
                #[test]
                fn $test() {
                    super::clean(super::Checker::Valgrind, $file, $sections, $cases);
                }
            )+
        }

        mod under_address_sanitizer {
            $(
                #[test]
                fn $test() {
                    super::clean(super::Checker::AddressSanitizer, $file, $sections, $cases);
                }
            )+
        }
    };
}
files! {
    aliases: "aliases.txt", 2, 5
    answers: "answers.txt", 4, 5
    canonical: "canonical.txt", 2, 5
    edges: "edges.txt", 3, 5
    errno: "errno.txt", 3, 3
    flags: "flags.txt", 6, 15
    hostent: "hostent.txt", 1, 5
    hostile: "hostile.txt", 4, 15
    hosts: "hosts.txt", 25, 5
    nsswitch: "nsswitch.txt", 30, 5
    options: "options.txt", 50, 5
    order: "order.txt", 30, 5
    programs: "programs.txt", 8, 12
    reverse: "reverse.txt", 5, 5
    search: "search.txt", 40, 5
}
