//! The lookups of a command, as `learn` and `run --summary` show them: in 80 columns, with a row for each distinct
//! lookup.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::process::lookups::{Lookup, Lookups, Outcome};
use crate::ui::palette::paint;
use crate::ui::screen::{Style, WIDTH, printable, time, wrapped};

/// Returns the heading of the names with this outcome.
fn heading(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hidden => "Not found by libc, and then resolved by nss-bypass:",
        Outcome::Bypassed => "Matched by a bypass rule, and answered by nss-bypass:",
        Outcome::Libc => "Answered by libc:",
        Outcome::Unfound => "Not found:",
    }
}

/// Returns the cells of a row, except for the result.
fn cells(lookup: &Lookup) -> [String; 5] {
    let count = lookup.count.to_string();
    let took = lookup.microseconds.map(|took| time(Duration::from_micros(u64::try_from(took).unwrap_or(u64::MAX))));
    let answered_by = lookup.answered_by.clone().unwrap_or_default();
    let program = printable(lookup.program.as_bytes());
    [count, lookup.function.clone(), program, took.unwrap_or_default(), answered_by]
}

/// Returns the widths of the columns. A longer cell shifts those after it.
fn widths(lookups: &Lookups) -> [usize; 5] {
    const MOST: [usize; 5] = [6, 18, 16, 9, 24];
    // Durations of up to a second do not shift anything.
    let mut widths = [0, 0, 0, 8, 0];
    for cells in lookups.rows().map(cells) {
        for ((width, cell), most) in widths.iter_mut().zip(&cells).zip(MOST) {
            *width = cell.chars().count().max(*width).min(most);
        }
    }
    widths
}

/// Formats a row; what does not fit is wrapped at blanks.
fn row(lookup: &Lookup, [count, function, program, took, by]: [usize; 5]) -> String {
    const INDENT: usize = 6;
    let [a, b, c, d, e] = cells(lookup);
    let head = format!("  {a:>count$}  {b:function$}  {c:program$}  {d:>took$}");
    let result = lookup.result.as_deref().unwrap_or("result not seen");
    let beside = format!("{head}  {e:by$}  ");
    let column = beside.chars().count();
    let first = result.split(' ').next().unwrap_or_default().chars().count();
    if column + first <= WIDTH {
        let lines = wrapped(result, WIDTH.saturating_sub(column));
        return beside + &lines.collect::<Vec<_>>().join(&format!("\n{:column$}", "")) + "\n";
    }
    let below = format!("{e}  {result}");
    let below = wrapped(&below, WIDTH.saturating_sub(INDENT)).map(|line| format!("{:INDENT$}{line}\n", ""));
    format!("{}\n{}", head.trim_end(), below.collect::<String>())
}

/// Formats the numbers of lookups and names.
fn total(lookups: &Lookups) -> String {
    let counted = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let name = |lookup: &Lookup| lookup.name.trim_end_matches('.').to_ascii_lowercase();
    let names = lookups.rows().map(name).collect::<BTreeSet<_>>().len();
    format!("{} of {}", counted(lookups.counts().lookups, "lookup"), counted(names, "name"))
}

/// Formats the whole table, without a final newline.
pub(crate) fn table(lookups: &Lookups) -> String {
    let widths = widths(lookups);
    let mut text = paint(Style::Title, &total(lookups)) + "\n";
    let mut before: Option<&Lookup> = None;
    for lookup in lookups.rows() {
        if before.is_none_or(|before| before.outcome() != lookup.outcome()) {
            let _ = writeln!(text, "\n{}", paint(Style::Title, heading(lookup.outcome())));
            before = None;
        }
        if before.is_none_or(|before| before.name != lookup.name) {
            let _ = writeln!(text, "{}", lookup.name);
        }
        text += &row(lookup, widths);
        before = Some(lookup);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use nss_bypass_core::settings::record::Record;

    use super::*;

    fn lookups(lines: &[&str]) -> Lookups {
        let mut lookups = Lookups::default();
        lines.iter().for_each(|line| lookups.add("python3", Record::parse(line).unwrap()));
        lookups
    }

    #[test]
    fn names_stand_below_what_became_of_them_with_a_row_for_each_lookup() {
        let text = table(&lookups(&[
            "getaddrinfo db: fallback (NSS_BYPASS *): 10.1.2.3 from 10.0.0.1:53 in 912 us; libc: not found",
            "gethostbyname db: fallback (NSS_BYPASS *): 10.1.2.3 from /etc/hosts in 40 us; libc: not found",
            "getaddrinfo www: pass (NSS_BYPASS *): 192.0.2.7 from libc in 1250000 us",
            "getaddrinfo old: pass (/etc/nss-bypass.conf:1 old)",
        ]));
        let expected = "\
4 lookups of 3 names

Not found by libc, and then resolved by nss-bypass:
db
  1  getaddrinfo    python3    0.9 ms  10.0.0.1:53  10.1.2.3
  1  gethostbyname  python3    0.0 ms  /etc/hosts   10.1.2.3

Answered by libc:
old
  1  getaddrinfo    python3            libc         result not seen
www
  1  getaddrinfo    python3     1.2 s  libc         192.0.2.7";
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
    }

    #[test]
    fn eighty_columns_are_enough() {
        let addresses = "2001:db8:1111:2222:3333:4444:5555:6666 ".repeat(5);
        let line = format!(
            "gethostbyname2_r {}: fallback (NSS_BYPASS *): {} from [2001:db8:1111:2222:3333:4444:5555:6666]:5353 in \
             123456 us; libc: no such addresses",
            "a".repeat(60),
            addresses.trim()
        );
        let short = line.replace("[2001:db8:1111:2222:3333:4444:5555:6666]", "10.0.0.1");
        for (line, number) in [(line, 6), (short, 5)] {
            let text = anstream::adapter::strip_str(&table(&lookups(&[&line]))).to_string();
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert_eq!(text.matches("2001:db8:1111:2222:3333:4444:5555:6666").count(), number, "{text}");
        }
    }
}
