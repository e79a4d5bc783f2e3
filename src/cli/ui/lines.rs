//! Lines for a person: on a terminal they are broken at blanks, and a command to paste stays in one line of its own.

use std::fmt::Display;
use std::io::{self, IsTerminal};

use crate::ui::output;
use crate::ui::screen::wrapped;

/// What a line begins with that is a command to paste.
pub(crate) const COMMAND: &str = "      ";

/// How wide lines are at most on a terminal.
const WIDTH: usize = 80;

/// How wide lines may be there; none where a program reads them, unless COLUMNS says something.
fn width(stream: &impl IsTerminal) -> Option<usize> {
    const LEAST: usize = 20;
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    match columns.filter(|columns| *columns >= LEAST) {
        Some(columns) => Some(WIDTH.min(columns)),
        None => stream.is_terminal().then_some(WIDTH),
    }
}

/// The text, whose lines are broken at blanks where they are longer; what is broken off is indented.
pub(crate) fn fitted(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with(COMMAND) {
            lines.push(line.to_owned());
            continue;
        }
        let indent = indent_of(line);
        let (head, rest) = line.split_at_checked(indent.min(line.len())).unwrap_or((line, ""));
        for (number, part) in wrapped(rest, width.saturating_sub(indent)).enumerate() {
            lines.push(if number == 0 { format!("{head}{part}") } else { format!("{:indent$}{part}", "") });
        }
    }
    lines.join("\n")
}

/// Behind the label of a line such as "File:        /etc/ld.so.preload"; else a little more than the line itself has.
fn indent_of(line: &str) -> usize {
    const MORE: usize = 4;
    let label = line.find(":  ").and_then(|colon| {
        let blanks = line.get(colon + 1..)?;
        Some(colon + 1 + blanks.len() - blanks.trim_start().len())
    });
    let own = line.len() - line.trim_start().len();
    match label {
        Some(column) if !line.get(..column).unwrap_or_default().trim().contains(' ') => column,
        _ => own + if own > MORE { 0 } else { MORE },
    }
}

/// Writes lines to standard output.
pub(crate) fn say(text: impl Display) {
    output::say(fitted(&text.to_string(), width(&io::stdout())));
}

/// Writes lines to standard error.
pub(crate) fn warn(text: impl Display) {
    output::warn(fitted(&text.to_string(), width(&io::stderr())));
}

/// Writes lines to standard error, with the command's name before them.
pub(crate) fn complain(text: impl Display) {
    const NAME: &str = "nss-bypass: ";
    let text = fitted(&format!("{NAME}{text}"), width(&io::stderr()));
    output::complain(text.strip_prefix(NAME).unwrap_or(&text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks_and_commands_are_not() {
        let command = format!("{COMMAND}install {}", "x".repeat(100));
        let text =
            format!("File:        {}\n  why: {}\n{command}", "a word ".repeat(20).trim(), "b ".repeat(60).trim());
        let fit = fitted(&text, Some(80));
        let lines: Vec<&str> = fit.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= 80 || *line == command), "{fit}");
        assert!(lines[1].starts_with("             word") || lines[1].starts_with("             a word"), "{fit}");
        assert!(lines.last() == Some(&command.as_str()) && fit.contains("\n      b b"), "{fit}");
        assert_eq!(fitted(&text, None), text);
        assert_eq!(fitted(&"y".repeat(100), Some(80)), "y".repeat(100), "no word is broken");
    }
}
