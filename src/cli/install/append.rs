//! Appends rules to a configuration: only those that it does not have yet, after reading it again, and by replacing the
//! file atomically.

use std::fs;
use std::path::{Path, PathBuf};

use nss_bypass_core::model::{Diagnostic, Name, Subject};
use nss_bypass_core::rules::config::{self, Config};
use nss_bypass_core::rules::policy::{Policy, Verdict};

use crate::install::progress::Progress;
use crate::install::replace::{self, PreloadFile};
use crate::install::trouble::Trouble;

/// A rule for one name or one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewRule {
    /// The name or address that a program looks up.
    pub(crate) subject: String,
    /// The line for the configuration.
    pub(crate) line: String,
}

/// A configuration file.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// The path as it was given.
    shown: PathBuf,
    /// The path of the file after following symbolic links.
    path: PathBuf,
}

impl NewRule {
    /// Returns whether these rules bypass the lookup already.
    fn is_in(&self, policy: &Policy) -> bool {
        let verdict = match self.subject.parse() {
            Ok(address) => policy.decide_subject(Subject::Address(address)),
            Err(_) => policy.decide(Name::new(self.subject.as_bytes())),
        };
        matches!(verdict, Verdict::Bypass(_))
    }
}

impl Configuration {
    /// Checks whether the file can be written, and returns it with the errors in its current contents.
    pub(crate) fn look(path: &Path) -> Result<(Self, Vec<Diagnostic>), Trouble> {
        let file = Self { shown: path.to_owned(), path: behind_links(path)? };
        let text = file.text()?;
        let directory = file.path.parent().unwrap_or(Path::new("/"));
        rustix::fs::access(directory, rustix::fs::Access::WRITE_OK)
            .map_err(|errno| Trouble::system(path, "write to", &errno.into()))?;
        Ok((file.clone(), file.parse(&text).1))
    }

    fn text(&self) -> Result<Vec<u8>, Trouble> {
        let old = replace::read(&self.path).map_err(|error| Trouble::system(&self.shown, "read", &error))?;
        Ok(old.map(|old| old.bytes).unwrap_or_default())
    }

    fn parse(&self, text: &[u8]) -> (Policy, Vec<Diagnostic>) {
        let (config, faults) = config::parse(text, &self.shown.to_string_lossy());
        (Policy::new(config, Config::default()), faults)
    }

    /// Appends the rules whose names no rule of the file bypasses, and returns them.
    pub(crate) fn append<'r>(&self, rules: &'r [NewRule]) -> Result<Vec<&'r NewRule>, Trouble> {
        let file = PreloadFile::lock_at(&self.path, &mut Progress::new())?;
        let old = file.read()?;
        let text = old.as_ref().map(|old| old.bytes.as_slice()).unwrap_or_default();
        let (policy, faults) = self.parse(text);
        let new: Vec<&NewRule> = rules.iter().filter(|rule| !rule.is_in(&policy)).collect();
        if new.is_empty() {
            return Ok(new);
        }
        let extended = extended(text, &new);
        let (policy, now_faults) = self.parse(&extended);
        if now_faults != faults || !new.iter().all(|rule| rule.is_in(&policy)) {
            return Err(Trouble::new(
                format!("{}: the rules would have no effect there", self.shown.display()),
                "the file was not changed, since its rules with the new ones would not be as expected",
                "append them by hand, and run \"nss-bypass check\"",
            ));
        }
        file.put(&extended, old.as_ref())?;
        Ok(new)
    }
}

/// Returns the text with these lines appended.
fn extended(text: &[u8], rules: &[&NewRule]) -> Vec<u8> {
    let mut extended = text.to_vec();
    if extended.last().is_some_and(|byte| *byte != b'\n') {
        extended.push(b'\n');
    }
    for rule in rules {
        extended.extend_from_slice(rule.line.as_bytes());
        extended.push(b'\n');
    }
    extended
}

/// Returns the path of a file, which need not exist, after following a symbolic link, so that the link is preserved.
fn behind_links(path: &Path) -> Result<PathBuf, Trouble> {
    let trouble = |error| Trouble::system(path, "find", &error);
    if path.symlink_metadata().is_ok() {
        return fs::canonicalize(path).map_err(trouble);
    }
    let absolute = std::path::absolute(path).map_err(trouble)?;
    let (Some(directory), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(trouble(std::io::Error::from_raw_os_error(libc::EISDIR)));
    };
    fs::canonicalize(directory).map(|directory| directory.join(name)).map_err(trouble)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn rule(subject: &str) -> NewRule {
        NewRule { subject: subject.to_owned(), line: format!("bypass {subject}") }
    }

    fn lines(added: &[&NewRule]) -> Vec<String> {
        added.iter().map(|rule| rule.line.clone()).collect()
    }

    #[test]
    fn what_a_rule_bypasses_is_not_added_and_owner_mode_and_link_stay() {
        let directory = std::env::temp_dir().join(format!("nss-bypass-append-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let (real, link) = (directory.join("real"), directory.join("link"));
        fs::write(&real, "bypass *.x\npass b.x\nbypas y\npass d").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        let (file, faults) = Configuration::look(&link).unwrap();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].to_string().contains("link:3:1: "), "{faults:?}");
        let rules = ["a.x", "b.x", "c", "10.1.2.3", "d"].map(rule);
        let expected = ["bypass b.x", "bypass c", "bypass 10.1.2.3", "bypass d"];
        assert_eq!(lines(&file.append(&rules).unwrap()), expected);
        assert_eq!(
            fs::read_to_string(&real).unwrap(),
            format!("bypass *.x\npass b.x\nbypas y\npass d\n{}\n", expected.join("\n"))
        );
        assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(lines(&file.append(&rules).unwrap()), [""; 0]);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing else stays");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_rule_that_would_not_count_is_not_written() {
        let path = std::env::temp_dir().join(format!("nss-bypass-append-wrong-{}", std::process::id()));
        let (file, faults) = Configuration::look(&path).unwrap();
        assert_eq!(faults, []);
        let wrong = NewRule { subject: "a".to_owned(), line: "bypass b".to_owned() };
        assert!(file.append(&[wrong]).is_err());
        assert!(!path.exists());
        assert_eq!(file.append(&[rule("a")]).unwrap().len(), 1);
        fs::remove_file(&path).unwrap();
        for wrong in ["/dev/null", "/etc", "/nowhere/f", "/"] {
            assert!(Configuration::look(Path::new(wrong)).is_err(), "{wrong}");
        }
    }
}
