//! The programs that a rule is restricted to.

use super::pattern::glob;
use super::syntax::{SyntaxError, Word, quoted, wrong};

/// A program: the base name of its executable, or its absolute path. `*` matches any bytes except `/`, `?` one byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Box<str>);

impl Program {
    pub(super) fn parse(word: &Word<'_>) -> Result<Self, SyntaxError> {
        let error = |message: &str| wrong(word.at, format!("invalid program {}: {message}", quoted(word.text)));
        let Ok(text) = std::str::from_utf8(word.text) else { return error("expected UTF-8") };
        if text.contains('/') && !text.starts_with('/') {
            return error("expected a file name or an absolute path");
        }
        if text.ends_with('/') {
            return error("this is a directory; append \"*\" for the programs in it");
        }
        Ok(Self(text.into()))
    }

    /// Returns the pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this executable, given by its absolute path, matches.
    pub fn matches(&self, executable: &[u8]) -> bool {
        let base_name = executable.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        glob(self.0.as_bytes(), if self.0.starts_with('/') { executable } else { base_name }, b'/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_by_its_base_name_or_by_its_path() {
        let is = |program: &str| Program(program.into()).matches(b"/usr/bin/python3.11");
        for good in ["python3.11", "python3*", "python?.11", "*", "/usr/bin/python3.11", "/usr/*/python*", "/*/*/*"] {
            assert!(is(good), "{good}");
        }
        for bad in ["python3", "python", "/usr/bin/python3", "/usr/*", "/usr/bin", "bin/python3.11", "*/python3.11"] {
            assert!(!is(bad), "{bad}");
        }
    }
}
