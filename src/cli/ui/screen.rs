//! Trees in 80 columns, commands to type, and a progress line.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

pub(crate) use crate::ui::palette::Style;
use crate::ui::palette::paint;

/// The maximum width of the output.
pub(crate) const WIDTH: usize = 80;

/// Converts untrusted bytes to text without control characters.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
    }
    text
}

/// Formats a duration.
pub(crate) fn time(took: Duration) -> String {
    match took {
        long if long >= Duration::from_secs(1) => format!("{:.1} s", long.as_secs_f64()),
        short => format!("{:.1} ms", short.as_secs_f64() * 1000.0),
    }
}

/// Quotes a word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:,=@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Formats a count with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Writes to standard output. It is not an error if the reader has closed the pipe.
pub(crate) fn show(text: &str) {
    let _ = anstream::stdout().lock().write_all(text.as_bytes());
    let _ = io::stdout().flush();
}

/// A line with lines below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    text: String,
    style: Style,
    below: Vec<Node>,
}

impl Node {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style, ..Self::default() }
    }

    pub(crate) fn with(mut self, below: impl IntoIterator<Item = Self>) -> Self {
        self.below.extend(below);
        self
    }

    /// Formats the tree.
    #[cfg(test)]
    fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, "", "");
        text
    }

    /// Formats a branch of a tree that is not the last one.
    pub(crate) fn branch(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, "├─ ", "│  ");
        text
    }

    /// Formats the last branch of a tree.
    pub(crate) fn last_branch(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, "└─ ", "   ");
        text
    }

    /// Formats a branch of the branch that was printed last.
    pub(crate) fn twig(&self, is_last: bool) -> String {
        let mut text = String::new();
        let (first, next) = if is_last { ("│  └─ ", "│     ") } else { ("│  ├─ ", "│  │  ") };
        self.write(&mut text, first, next);
        text
    }

    fn write(&self, out: &mut String, first: &str, next: &str) {
        let stem = if self.below.is_empty() { "  " } else { "│ " };
        let width = WIDTH.saturating_sub(next.chars().count() + 2);
        for (number, line) in wrapped(&self.text, width).enumerate() {
            let prefix = if number == 0 { first.to_owned() } else { format!("{next}{stem}") };
            let _ = writeln!(out, "{prefix}{}", paint(self.style, line));
        }
        let last = self.below.len().saturating_sub(1);
        for (number, node) in self.below.iter().enumerate() {
            let (branch, trunk) = if number == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            node.write(out, &format!("{next}{branch}"), &format!("{next}{trunk}"));
        }
    }
}

/// Formats commands to type, below the tree. They are not wrapped, so that they can be copied.
pub(crate) fn commands(caption: &str, lines: &[String]) -> String {
    let mut text = format!("{caption}\n");
    for line in lines {
        let _ = writeln!(text, "  {}", paint(Style::Title, line));
    }
    text
}

/// Wraps a text at blanks.
pub(crate) fn wrapped(text: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let end = whole.char_indices().nth(width).map_or(whole.len(), |(end, _)| end);
        if end == whole.len() {
            rest = None;
            return Some(whole);
        }
        let blank = whole.get(..=end).and_then(|head| head.rfind(' ')).filter(|&at| at > 0);
        let blank = blank.or_else(|| whole.get(end..).and_then(|tail| tail.find(' ')).map(|at| at + end));
        let (line, tail) = blank.and_then(|at| whole.split_at_checked(at)).unwrap_or((whole, ""));
        rest = Some(tail.trim_start()).filter(|tail| !tail.is_empty());
        Some(line.trim_end())
    })
}

/// A line on standard error that says what is being waited for, if that is a terminal.
pub(crate) struct Progress {
    is_wanted: bool,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { is_wanted: io::stderr().is_terminal(), is_shown: false }
    }

    /// Shows the line, replacing the previous one.
    pub(crate) fn show(&mut self, what: &str, seconds: u64) {
        if self.is_wanted {
            let line = format!("waiting for {what} ({seconds} s)");
            let line: String = line.chars().take(WIDTH - 1).collect();
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
            self.is_shown = true;
        }
    }

    /// Erases the line.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_stays_within_its_columns() {
        let long = "word ".repeat(30);
        let tree = Node::new("top").with([Node::new(long.trim()).with([Node::new("deep")]), Node::new("last")]);
        let text = tree.render();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches("word").count(), 30);
        assert!(text.ends_with("│  └─ deep\n└─ last\n"), "{text}");
    }

    #[test]
    fn lines_are_broken_at_blanks_only() {
        let lines = |text, width| wrapped(text, width).collect::<Vec<_>>();
        assert_eq!(lines("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(lines("abcdefgh ij", 5), ["abcdefgh", "ij"]);
        assert_eq!(lines("abcdefgh", 5), ["abcdefgh"]);
        assert_eq!(lines("", 5), [""]);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(printable(b"a\x1b[31mb\n"), "a\\u{1b}[31mb\\n");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!([quoted("a-b.c"), quoted("*.c"), quoted("it's")], ["a-b.c", "'*.c'", "'it'\\''s'"]);
    }
}
