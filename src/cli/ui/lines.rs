//! Lines of text: on a terminal they are wrapped at blanks, except for commands, which can be copied as a whole.

use std::fmt::Display;
use std::io::{self, IsTerminal};

use crate::ui::output;
use crate::ui::screen::wrapped;

/// The prefix of a line with a command.
pub(crate) const COMMAND: &str = "      ";

/// The maximum width of lines on a terminal.
const WIDTH: usize = 80;

/// Returns the width of lines; `None` if the output is not a terminal and COLUMNS is not set.
fn width(stream: &impl IsTerminal) -> Option<usize> {
    const LEAST: usize = 20;
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    match columns.filter(|columns| *columns >= LEAST) {
        Some(columns) => Some(WIDTH.min(columns)),
        None => stream.is_terminal().then_some(WIDTH),
    }
}

/// Wraps the lines of a text at blanks; continuation lines are indented.
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

/// Returns the indentation of continuation lines: that of the text after a label, as in "File:
/// /etc/ld.so.preload", or else slightly more than that of the line itself.
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

/// Writes lines to standard error, prefixed with the name of the command.
pub(crate) fn print_error(text: impl Display) {
    const NAME: &str = "nss-bypass: ";
    let text = fitted(&format!("{NAME}{text}"), width(&io::stderr()));
    output::print_error(text.strip_prefix(NAME).unwrap_or(&text));
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
