//! A finding about a configuration.

use std::fmt;

use nss_bypass_core::model::Diagnostic;
use serde::Serialize;

use crate::lint::words;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something is not in force.
    Fault,
    /// Something is in force, but has no effect, or not everywhere.
    Warning,
    /// It does no harm.
    Note,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The path of the file, or the name of the variable.
    pub(crate) source: String,
    /// The line, from 1; `None` if the finding is about the whole source.
    pub(crate) line: Option<u32>,
    /// The column in bytes, from 1.
    pub(crate) column: Option<u32>,
    /// Its severity.
    pub(crate) severity: Severity,
    /// The type of the finding, for programs.
    pub(crate) code: &'static str,
    /// The message.
    pub(crate) message: String,
    /// A shell command that fixes it, if there is one.
    pub(crate) fix: Option<String>,
}

impl Finding {
    /// Creates a finding about a whole file or variable.
    pub(crate) fn whole(source: &str, severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { source: source.to_owned(), line: None, column: None, severity, code, message: message.into(), fix: None }
    }

    /// Creates a finding about a line that the parser has rejected.
    pub(crate) fn of_fault(Diagnostic { source, line, column, message }: Diagnostic) -> Self {
        let (line, column) = (Some(line), Some(column));
        Self {
            source,
            line,
            column,
            severity: Severity::Fault,
            code: "syntax",
            message: words::with_hint(&message),
            fix: None,
        }
    }

    /// Returns the position in the format of compilers, `file:line:column`.
    pub(crate) fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.source),
            _ => self.source.clone(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Fault => "error: ",
            Severity::Warning => "warning: ",
            Severity::Note => "note: ",
        };
        write!(f, "{}: {severity}{}", self.place(), self.message)
    }
}
