//! What enable and disable did, for a person or, as JSON, for a program.

use std::path::Path;

use serde::Serialize;

use crate::install::trouble::Trouble;
use crate::ui::exit::Exit;
use crate::ui::lines::{say, warn};
use crate::ui::output;

/// The end of a verb that may change /etc/ld.so.preload.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Done {
    /// Whether the file is another one now.
    pub(crate) changed: bool,
    /// Where it lies.
    pub(crate) file: String,
    /// How the library is written there, where that was done just now.
    pub(crate) word: Option<String>,
    /// How many trials went as before.
    pub(crate) trials: Option<usize>,
    /// What was done, but may not have the effect that is expected.
    pub(crate) warnings: Vec<Trouble>,
    /// Why it was not done.
    pub(crate) trouble: Option<Trouble>,
    #[serde(skip)]
    lines: Vec<String>,
}

impl Done {
    pub(crate) fn unchanged(file: &Path) -> Self {
        Self { file: file.display().to_string(), ..Self::default() }
    }

    /// Adds a line for a person.
    pub(crate) fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }
}

/// The last word of a verb, and its exit code.
pub(crate) fn end_with(verb: &str, as_json: bool, result: Result<Done, Trouble>) -> Exit {
    let (exit, done) = match result {
        Ok(done) => (Exit::Success, done),
        Err(trouble) => (trouble.exit, Done { trouble: Some(trouble), ..Done::default() }),
    };
    if as_json {
        if let Err(error) = output::say_json(&done) {
            output::complain(error);
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
