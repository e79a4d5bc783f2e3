//! Errors in the configuration.

use std::fmt;

/// An error in a configuration file or a variable, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The path of the file, or the name of the variable.
    pub source: String,
    /// The line number, from 1.
    pub line: u32,
    /// The position in the line, in bytes, from 1.
    pub column: u32,
    /// What is wrong and what is expected, in one sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.source, self.line, self.column, self.message)
    }
}
