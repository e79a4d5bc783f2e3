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

/// Writes a line to standard error as it is.
pub(crate) fn warn(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
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

/// Why something failed, as a person says it: without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

/// What NSS_BYPASS_LOG may be.
pub(crate) const PLACES_FOR_A_LOG: &str = "that is \"stderr\", \"syslog\" or a path that begins with /";

/// Whether the library would log there: what it cannot read means no log, and nobody would know why.
pub(crate) fn is_place_for_a_log(value: &[u8]) -> bool {
    let levels = [&b",error"[..], b",bypass", b",all"];
    let place = levels.iter().find_map(|level| value.strip_suffix(*level)).unwrap_or(value);
    matches!(place, b"stderr" | b"syslog") || place.starts_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_where_the_library_writes_it() {
        let table = [("stderr", true), ("syslog,error", true), ("/a,b,all", true), ("log", false), ("all", false)];
        for (value, expected) in table {
            assert_eq!(is_place_for_a_log(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_reason_has_no_number() {
        assert_eq!(reason(&io::Error::from_raw_os_error(2)), "No such file or directory");
    }

    #[test]
    fn without_colour_a_text_is_itself() {
        assert_eq!(styled("x", Style::Bad, false), "x");
        assert_eq!(styled("x", Style::Strong, true), "\x1b[1mx\x1b[0m");
        assert!(!wants_colour(&std::fs::File::open("/dev/null").unwrap()));
    }
}
