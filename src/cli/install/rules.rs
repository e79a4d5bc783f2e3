//! The rules of a system, as far as an installation depends on them: whether there are any, and who can read them.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nss_bypass_core::model::Diagnostic;
use nss_bypass_core::rules::config;
use nss_bypass_core::rules::trust::CONFIGURATION;
use nss_bypass_core::sys::file;

use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::install::verify;

/// The /etc/nss-bypass.conf of a system.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Its path in that system.
    pub(crate) path: PathBuf,
    /// Its path as seen by this process.
    outside: PathBuf,
    /// The number of rules and the errors; an error if the file does not exist or cannot be read.
    pub(crate) content: io::Result<(usize, Vec<Diagnostic>)>,
    /// Why programs of other users cannot read it.
    pub(crate) private: Option<Trouble>,
}

impl Rules {
    /// Reads the rules.
    pub(crate) fn read(tree: &Tree) -> Self {
        let path = PathBuf::from(CONFIGURATION.to_string_lossy().into_owned());
        let outside = tree.follow(&path).map_or_else(|_| tree.outside(&path), |resolved| tree.outside(&resolved.end));
        let content = read(&outside);
        let private = verify::is_for_all(tree, &path, verify::RULES_ARE_FOR_ALL).err();
        Self { path, outside, content, private }
    }

    /// Returns the number of rules in force.
    pub(crate) fn count(&self) -> usize {
        self.content.as_ref().map_or(0, |(count, _)| *count)
    }

    /// Returns the errors in the file.
    pub(crate) fn faults(&self) -> &[Diagnostic] {
        self.content.as_ref().map_or(&[], |(_, faults)| faults)
    }

    /// Returns why the library would answer no lookups with these rules.
    pub(crate) fn none_in_force(&self) -> Option<Trouble> {
        let shown = self.outside.display();
        let (what, advice) = match &self.content {
            Ok((count, _)) if *count > 0 => return None,
            Ok((_, faults)) => match faults.first() {
                Some(fault) => (format!("no rule is in force: {fault}"), "correct that line"),
                None => (format!("{shown} contains no rules"), "write a rule first"),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (format!("{shown} does not exist, so there are no rules"), "write a rule first")
            }
            Err(error) => (format!("cannot read {shown}: {error}"), "correct the cause of the error"),
        };
        let why = "without rules, the library forwards all lookups to libc, and nothing is fixed";
        let advice = format!(
            "{advice}, such as \"bypass NAME\" (nss-bypass.conf(5)), or use --force if rules are added later or set in \
             NSS_BYPASS"
        );
        Some(Trouble::new(what, why, advice))
    }
}

fn read(path: &Path) -> io::Result<(usize, Vec<Diagnostic>)> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    let content = file::read(&name).map_err(|error| io::Error::from_raw_os_error(error.0))?;
    let (config, faults) = config::parse(&content.bytes, &path.to_string_lossy());
    Ok((config.rules.len(), faults))
}
