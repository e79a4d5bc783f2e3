//! Output of lines, without an error if the reader has closed the pipe.

use std::fmt::Display;
use std::io::{self, Write};

use nss_bypass_core::settings::log::{LogSpecification, Place};

use serde::Serialize;

pub(crate) use crate::ui::palette::wants_colour;
use crate::ui::palette::{self, paint};

/// The style of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// An error.
    Bad,
    /// A warning.
    Doubtful,
    /// Emphasis.
    Strong,
}

/// Returns a text in a style, or unchanged without `colour`.
pub(crate) fn styled(text: &str, style: Style, colour: bool) -> String {
    let style = match style {
        Style::Bad => palette::Style::Bad,
        Style::Doubtful => palette::Style::Unsure,
        Style::Strong => palette::Style::Title,
    };
    if colour { paint(style, text) } else { text.to_owned() }
}

/// Writes a line to standard output. It is not an error if the reader has closed the pipe, as `head` does.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Writes a line to standard error.
pub(crate) fn warn(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes a line to standard error, prefixed with the name of the command.
pub(crate) fn print_error(line: impl Display) {
    let name = paint(palette::Style::Title, "nss-bypass:");
    let _ = writeln!(anstream::stderr(), "{name} {line}");
}

/// Writes a value as JSON to standard output.
pub(crate) fn say_json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    say(text);
    Ok(())
}

/// Returns the description of an error, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

/// Returns why the library cannot read a file.
pub(crate) fn refusal(errno: i32) -> String {
    match errno {
        // nss_bypass_core::sys::file::read rejects files that may have no end with this error.
        libc::EINVAL => "not a regular file".to_owned(),
        errno => reason(&io::Error::from_raw_os_error(errno)),
    }
}

/// The permitted values of NSS_BYPASS_LOG.
pub(crate) const PLACES_FOR_A_LOG: &str = "expected \"stderr\", \"syslog\" or an absolute path";

/// Returns whether the library would write a log there: an invalid value silently disables the log.
pub(crate) fn is_place_for_a_log(value: &[u8]) -> bool {
    LogSpecification::parse(value).place != Place::Nowhere
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
    }
}
