//! Databases of nsswitch.conf(5) about which nscd is not to be asked.

use std::ffi::CStr;

use super::syntax::{SyntaxError, Word, listed, nearest, quoted, wrong};

/// A database of nsswitch.conf(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Database(&'static CStr);

impl Database {
    /// The databases that nscd serves (nscd.conf(5)).
    pub const ALL: [Self; 5] = [Self(c"passwd"), Self(c"group"), Self(c"hosts"), Self(c"services"), Self(c"netgroup")];

    /// Returns its name, as in nsswitch.conf(5).
    pub fn name(self) -> &'static CStr {
        self.0
    }

    pub(super) fn parse(word: &Word<'_>) -> Result<Self, SyntaxError> {
        if let Some(database) = Self::ALL.into_iter().find(|database| database.0.to_bytes() == word.text) {
            return Ok(database);
        }
        let names = || Self::ALL.into_iter().filter_map(|database| database.0.to_str().ok());
        let hint = nearest(word.text, names())
            .map_or_else(|| format!("expected {}", listed(names())), |near| format!("did you mean \"{near}\"?"));
        wrong(word.at, format!("unknown database {}: {hint}", quoted(word.text)))
    }
}
