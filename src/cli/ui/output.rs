//! Lines for people and for programs, and no complaint where nobody reads on.

use std::fmt::Display;
use std::io::{self, Write};

use nss_bypass_core::settings::log::{LogSpecification, Place};

use serde::Serialize;

pub(crate) use crate::ui::palette::wants_colour;
use crate::ui::palette::{self, paint};

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// What is wrong.
    Bad,
    /// What deserves a look.
    Doubtful,
    /// What stands out.
    Strong,
}

/// A text in a style, plain where `colour` is off.
pub(crate) fn styled(text: &str, style: Style, colour: bool) -> String {
    let style = match style {
        Style::Bad => palette::Style::Bad,
        Style::Doubtful => palette::Style::Unsure,
        Style::Strong => palette::Style::Title,
    };
    if colour { paint(style, text) } else { text.to_owned() }
}

/// Writes a line to standard output. A reader that has gone, as `head` does, is no trouble of ours.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Writes a line to standard error as it is.
pub(crate) fn warn(line: impl Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes a line to standard error, with the command's name before it.
pub(crate) fn complain(line: impl Display) {
    let name = paint(palette::Style::Title, "nss-bypass:");
    let _ = writeln!(anstream::stderr(), "{name} {line}");
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

/// Why the library cannot read a file.
pub(crate) fn refusal(errno: i32) -> String {
    match errno {
        // As nss_bypass_core::sys::file::read refuses what has no end.
        libc::EINVAL => "it is no regular file".to_owned(),
        errno => reason(&io::Error::from_raw_os_error(errno)),
    }
}

/// What NSS_BYPASS_LOG may be.
pub(crate) const PLACES_FOR_A_LOG: &str = "that is \"stderr\", \"syslog\" or a path that begins with /";

/// Whether the library would log there: what it cannot read means no log, and nobody would know why.
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
