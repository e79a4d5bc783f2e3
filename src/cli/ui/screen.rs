//! What a person sees: a tree in 80 columns, colours on a terminal, and a line while something takes its time.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::ui::output;

const WIDTH: usize = 80;

/// Bytes that somebody else chose, without what a terminal would obey.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
    }
    text
}

/// A word as a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:,=@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Writes to standard output. Who closes it early has read enough.
pub(crate) fn show(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// How a line looks. All of them are the terminal's own colours, which it chooses for its background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    #[default]
    Plain,
    Title,
    Good,
    Bad,
    Unsure,
    Faint,
}

/// Whether to use colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette(bool);

impl Palette {
    /// On a terminal, unless NO_COLOR says otherwise (no-color.org) or the terminal knows none.
    pub(crate) fn of_stdout() -> Self {
        Self(output::wants_colour(&io::stdout()))
    }

    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            Style::Title => "1",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Unsure => "33",
            Style::Faint => "2",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A line with lines below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    text: String,
    style: Style,
    /// Never broken: somebody may want to copy it.
    is_whole: bool,
    below: Vec<Node>,
}

impl Node {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style, ..Self::default() }
    }

    /// A line to be typed, of any length.
    pub(crate) fn command(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::Title, is_whole: true, ..Self::default() }
    }

    pub(crate) fn with(mut self, below: impl IntoIterator<Item = Self>) -> Self {
        self.below.extend(below);
        self
    }

    /// The tree as text.
    pub(crate) fn render(&self, palette: Palette) -> String {
        let mut text = String::new();
        self.write(&mut text, palette, "", "");
        text
    }

    fn write(&self, out: &mut String, palette: Palette, first: &str, next: &str) {
        let stem = if self.below.is_empty() { "  " } else { "│ " };
        let width = if self.is_whole { usize::MAX } else { WIDTH.saturating_sub(next.chars().count() + 2) };
        for (number, line) in wrapped(&self.text, width).enumerate() {
            let prefix = if number == 0 { first.to_owned() } else { format!("{next}{stem}") };
            let _ = writeln!(out, "{prefix}{}", palette.paint(self.style, line));
        }
        let last = self.below.len().saturating_sub(1);
        for (number, node) in self.below.iter().enumerate() {
            let (branch, trunk) = if number == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            node.write(out, palette, &format!("{next}{branch}"), &format!("{next}{trunk}"));
        }
    }
}

/// A text in lines of some width, broken at blanks only.
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

/// A line on the terminal while something takes longer than a second; it goes when this is dropped.
pub(crate) struct Progress {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        let what = what.into();
        if !io::stderr().is_terminal() {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = mpsc::channel();
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            let mut shown = false;
            while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let _ = write!(io::stderr(), "\r\x1b[K{what} ({} s)", begun.elapsed().as_secs());
                shown = true;
            }
            if shown {
                let _ = write!(io::stderr(), "\r\x1b[K");
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop = None; // The thread's wait ends.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_stays_within_its_columns() {
        let long = "word ".repeat(30);
        let tree = Node::new("top").with([Node::new(long.trim()).with([Node::new("deep")]), Node::new("last")]);
        let text = tree.render(Palette(false));
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
