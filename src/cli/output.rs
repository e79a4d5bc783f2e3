//! What a person reads: colours only on a terminal, and no complaint where nobody reads on.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// Whether a stream is a terminal, and colours are not unwanted (no-color.org).
pub(crate) fn wants_colour(stream: &impl IsTerminal) -> bool {
    let is_set = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// How a piece of text looks on a terminal (ECMA-48, SGR): colours that are read on light and on dark ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// What is wrong.
    Bad,
    /// What deserves a look.
    Doubtful,
    /// What stands out.
    Strong,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bad => "1;31",
            Self::Doubtful => "1;35",
            Self::Strong => "1",
        }
    }
}

/// A text in a style, plain where `colour` is off.
pub(crate) fn styled(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
}

/// Writes a line to standard output. A reader that has gone, as `head` does, is no trouble of ours.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Writes a line to standard error, with the command's name before it.
pub(crate) fn complain(line: impl Display) {
    let name = styled("nss-bypass:", Style::Strong, wants_colour(&io::stderr()));
    let _ = writeln!(io::stderr(), "{name} {line}");
}

/// Writes a value as JSON to standard output.
pub(crate) fn say_json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    say(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_a_text_is_itself() {
        assert_eq!(styled("x", Style::Bad, false), "x");
        assert_eq!(styled("x", Style::Strong, true), "\x1b[1mx\x1b[0m");
        assert!(!wants_colour(&std::fs::File::open("/dev/null").unwrap()));
    }
}
