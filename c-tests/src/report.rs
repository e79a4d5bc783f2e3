//! Reports the results of comparisons.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::artefacts::scratch;
use crate::cases::CaseFile;
use crate::differ::{Comparison, Difference};

const SHOWN: usize = 12;

/// A case whose result intentionally differs from that of glibc.
#[derive(Clone, Copy)]
pub struct Deviation {
    /// The case file.
    pub file: &'static str,
    /// The section, or an empty string for all sections.
    pub section: &'static str,
    /// The beginning of the case.
    pub case: &'static str,
    /// The reason.
    pub reason: &'static str,
}

impl Deviation {
    fn explains(&self, file: &CaseFile, difference: &Difference) -> bool {
        self.file == file.name
            && (self.section.is_empty() || self.section == difference.section)
            && difference.case.starts_with(self.case)
    }
}

static EQUAL: AtomicUsize = AtomicUsize::new(0);
static ALL: AtomicUsize = AtomicUsize::new(0);

/// Prints the numbers. Panics if there are differences that are not explained by a deviation, or by one for this
/// release of glibc, or if a deviation explains no difference.
pub fn conclude(
    file: &CaseFile,
    promise: &str,
    comparison: Comparison,
    deviations: &[Deviation],
    releases: &[Deviation],
    shows_all: bool,
) {
    let known = || deviations.iter().chain(releases);
    let excused = |difference: &&Difference| known().any(|known| known.explains(file, difference));
    let (expected, surprising): (Vec<_>, Vec<_>) = comparison.differences.iter().partition(excused);
    let stale: Vec<&Deviation> = deviations
        .iter()
        .chain(releases.iter().filter(|known| shows_all && known.case != "questions"))
        .filter(|known| known.file == file.name)
        .filter(|known| !expected.iter().any(|difference| known.explains(file, difference)))
        .collect();

    let equal = comparison.total.saturating_sub(comparison.differences.len());
    announce(&file.name, promise, equal, &comparison, expected.len());
    if surprising.is_empty() && stale.is_empty() {
        return;
    }
    let mut text = String::new();
    for known in stale {
        let _ = writeln!(text, "No longer a deviation: [{}] {} ({})", known.section, known.case, known.reason);
    }
    surprising.iter().for_each(|difference| describe(&mut text, difference));
    let place = scratch("differences").join(format!("{}-{}", file.name, promise.replace(' ', "-")));
    let _ = fs::write(&place, &text);
    let mut shown = String::new();
    surprising.iter().take(SHOWN).for_each(|difference| describe(&mut shown, difference));
    panic!(
        "{}: {} of {} cases are not {promise}; the first {SHOWN} of them, all are in {}\n\n{}",
        file.name,
        surprising.len(),
        comparison.total,
        place.display(),
        if shown.is_empty() { text } else { shown }
    );
}

/// Prints the numbers, bypassing the output capture of the test runner.
fn announce(file: &str, promise: &str, equal: usize, comparison: &Comparison, expected: usize) {
    let total = comparison.total;
    let all_equal = EQUAL.fetch_add(equal, Ordering::Relaxed) + equal;
    let all = ALL.fetch_add(total, Ordering::Relaxed) + total;
    let mut line = format!("{file}: {equal} of {total} cases {promise}");
    if expected > 0 {
        let _ = write!(line, ", {expected} differ on purpose");
    }
    if comparison.calmed > 0 {
        let _ = write!(line, ", {} only when run again", comparison.calmed);
    }
    let _ = writeln!(io::stdout(), "{line} (so far {all_equal} of {all})");
}

fn describe(text: &mut String, difference: &Difference) {
    let case: String = difference.case.chars().take(200).collect();
    let _ = writeln!(text, "[{}] {case}\n  set-up: {}", difference.section, difference.setup);
    let [left, right] = difference.outputs.each_ref().map(|output| {
        output.lines().skip_while(|line| line.starts_with(&case[..1.min(case.len())])).collect::<Vec<_>>()
    });
    for (label, lines, others) in [("bare", &left, &right), ("ours", &right, &left)] {
        let _ = writeln!(text, "  {label}:");
        for line in lines.iter().filter(|line| line.starts_with(' ')).take(16) {
            let mark = if others.contains(line) { ' ' } else { '|' };
            let _ = writeln!(text, "   {mark}{line}");
        }
    }
    text.push('\n');
}
