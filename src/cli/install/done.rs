//! The results of enable and disable, as text or as JSON.

use std::path::Path;

use serde::Serialize;

use crate::install::trouble::Trouble;
use crate::ui::exit::Exit;
use crate::ui::lines::{say, warn};
use crate::ui::output;

/// The result of a verb that may change /etc/ld.so.preload.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Done {
    /// Whether the file has been changed.
    pub(crate) changed: bool,
    /// The path of the file.
    pub(crate) file: String,
    /// The entry for the library, if it has been written just now.
    pub(crate) word: Option<String>,
    /// How many trials had the expected results.
    pub(crate) trials: Option<usize>,
    /// Problems that may keep the change from having the expected effect.
    pub(crate) warnings: Vec<Trouble>,
    /// Why the change was not made.
    pub(crate) trouble: Option<Trouble>,
    #[serde(skip)]
    lines: Vec<String>,
}

impl Done {
    pub(crate) fn unchanged(file: &Path) -> Self {
        Self { file: file.display().to_string(), ..Self::default() }
    }

    /// Adds a line of text.
    pub(crate) fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }
}

/// Prints the result of a verb, and returns its exit code.
pub(crate) fn end_with(verb: &str, as_json: bool, result: Result<Done, Trouble>) -> Exit {
    let (exit, done) = match result {
        Ok(done) => (Exit::Success, done),
        Err(trouble) => (trouble.exit, Done { trouble: Some(trouble), ..Done::default() }),
    };
    if as_json {
        if let Err(error) = output::say_json(&done) {
            output::print_error(error);
            return Exit::CannotTell;
        }
        return exit;
    }
    done.lines.iter().for_each(say);
    for trouble in done.warnings.iter().chain(&done.trouble) {
        warn(format_args!("nss-bypass {verb}: {trouble}"));
    }
    exit
}
