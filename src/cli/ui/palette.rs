//! Styles of text on a terminal: a single palette, and a single place that determines whether colours are used.
//!
//! All text is written with styles, which `anstream` removes if they are not wanted: on anything but a terminal, with
//! NO_COLOR, CLICOLOR or TERM=dumb. With CLICOLOR_FORCE and `--color always` they are never removed.

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects};
use clap::ValueEnum;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless the environment overrides this
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl When {
    /// Reads the option before the command line is parsed, since help and usage errors have colours too.
    pub(crate) fn of_command_line() -> Self {
        let words: Vec<_> = std::env::args_os().skip(1).take_while(|word| word != "--").collect();
        let value = words.iter().enumerate().find_map(|(at, word)| match word.to_str()? {
            "--color" => words.get(at + 1)?.to_str(),
            word => word.strip_prefix("--color="),
        });
        value.and_then(|value| Self::from_str(value, false).ok()).unwrap_or_default()
    }

    /// Applies to everything that is written from now on.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Returns whether output to a stream has colours.
pub(crate) fn wants_colour(stream: &impl anstream::stream::RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// The meaning of a text. The colours are those of the terminal's palette, which are readable on its background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    #[default]
    Plain,
    /// Titles, and commands to type.
    Title,
    Good,
    Bad,
    /// Uncertain results, and warnings.
    Unsure,
    Faint,
}

impl Style {
    fn look(self) -> anstyle::Style {
        let colour = |colour: AnsiColor| anstyle::Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => anstyle::Style::new(),
            Self::Title => anstyle::Style::new().effects(Effects::BOLD),
            Self::Good => colour(AnsiColor::Green),
            Self::Bad => colour(AnsiColor::Red),
            Self::Unsure => colour(AnsiColor::Yellow),
            Self::Faint => anstyle::Style::new().effects(Effects::DIMMED),
        }
    }
}

/// Returns a text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    let look = style.look();
    format!("{look}{text}{look:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_begins_and_ends_and_plain_text_has_none() {
        assert_eq!(paint(Style::Plain, "x"), "x");
        assert_eq!(paint(Style::Title, "x"), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(paint(Style::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
