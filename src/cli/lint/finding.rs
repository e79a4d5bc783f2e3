//! Something that was found in a configuration.

use std::fmt;

use nss_bypass_core::model::Diagnostic;
use serde::Serialize;

use crate::lint::words;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something is not in force.
    Fault,
    /// Something is in force and does nothing, or not everywhere.
    Warning,
    /// It does no harm.
    Note,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The file's path or the variable's name.
    pub(crate) source: String,
    /// From 1; none: the whole source.
    pub(crate) line: Option<u32>,
    /// From 1.
    pub(crate) column: Option<u32>,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What kind of finding it is, for programs.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
    /// A line for a shell that fixes it, where there is one.
    pub(crate) fix: Option<String>,
}

impl Finding {
    /// About a whole file or variable.
    pub(crate) fn whole(source: &str, severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { source: source.to_owned(), line: None, column: None, severity, code, message: message.into(), fix: None }
    }

    /// About a line that the parser refused.
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

    /// `file:line:column`, as compilers write it.
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
            Severity::Fault => "",
            Severity::Warning => "warning: ",
            Severity::Note => "note: ",
        };
        write!(f, "{}: {severity}{}", self.place(), self.message)
    }
}
