//! The file that a command runs, as execvp(3) finds it, and the interpreter if that is a script.

use std::ffi::{CString, OsStr};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::process::elf::{self, Elf, Form};
use crate::ui::output;

/// The search path without PATH (glibc's `_CS_PATH`).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// How many levels of interpreters may be scripts themselves; the limit of the kernel is similar.
const DEEPEST: usize = 5;

/// Why a command cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfound {
    /// There is no such file.
    Missing(String),
    /// The file is not executable.
    NotExecutable(PathBuf),
}

impl fmt::Display for Unfound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) => f.write_str(why),
            Self::NotExecutable(path) if path.is_dir() => write!(f, "{} is a directory", path.display()),
            Self::NotExecutable(path) => write!(f, "{} is not executable by this user", path.display()),
        }
    }
}

/// Finds a command: a path if it contains a slash, otherwise a file in the directories of PATH.
pub(crate) fn find(command: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, Unfound> {
    let shown = command.display();
    if command.as_bytes().contains(&b'/') {
        let path = PathBuf::from(command);
        return match path.metadata() {
            Ok(_) if is_executable(&path) => Ok(path),
            Ok(_) => Err(Unfound::NotExecutable(path)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Unfound::NotExecutable(path)),
            Err(error) => Err(Unfound::Missing(format!("{shown}: {}", output::reason(&error)))),
        };
    }
    let mut refused = None;
    if !command.is_empty() {
        for directory in path.unwrap_or(OsStr::new(DEFAULT_PATH)).as_bytes().split(|&byte| byte == b':') {
            // As for execvp(3), an empty entry is the current directory.
            let directory = if directory.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(directory)) };
            let file = directory.join(command);
            if is_executable(&file) {
                return Ok(file);
            }
            if refused.is_none() && file.exists() {
                refused = Some(file);
            }
        }
    }
    match refused {
        Some(file) => Err(Unfound::NotExecutable(file)),
        None => Err(Unfound::Missing(format!("command \"{shown}\" not found in PATH"))),
    }
}

fn is_executable(path: &Path) -> bool {
    let Ok(text) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: the argument is a C string.
    path.is_file() && unsafe { libc::access(text.as_ptr(), libc::X_OK) } == 0
}

/// The program that runs in the end.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The properties of its file.
    pub(crate) elf: Elf,
    /// The scripts that lead to it, the command first.
    pub(crate) scripts: Vec<PathBuf>,
}

/// Determines the program for a file that is executed: the file itself, or the interpreter of a script, also after
/// `env`.
pub(crate) fn resolve(file: &Path, search: Option<&OsStr>) -> io::Result<Program> {
    let (mut path, mut scripts) = (file.to_owned(), Vec::new());
    for _ in 0..DEEPEST {
        let next = match elf::read(&path)? {
            Form::Elf(elf) => return Ok(Program { path, elf, scripts }),
            Form::Text => PathBuf::from("/bin/sh"),
            Form::Script { interpreter, argument } => behind_env(&interpreter, argument.as_deref(), search)?,
        };
        if !next.exists() {
            let why = format!("{}: its interpreter {} does not exist", path.display(), next.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        scripts.push(path);
        path = next;
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "script interpreters form a loop"))
}

/// Returns what env runs, for `#!/usr/bin/env python3` or `#!/usr/bin/env -S python3 -u`.
fn behind_env(interpreter: &Path, argument: Option<&[u8]>, search: Option<&OsStr>) -> io::Result<PathBuf> {
    let is_env = interpreter.file_name() == Some(OsStr::new("env"));
    let Some(argument) = argument.filter(|_| is_env) else { return Ok(interpreter.to_owned()) };
    let mut words = argument.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let Some(command) = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'=')) else {
        return Ok(interpreter.to_owned());
    };
    find(OsStr::from_bytes(command), search)
        .map_err(|why| io::Error::new(io::ErrorKind::NotFound, format!("{}: {why}", interpreter.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("nss-bypass-program-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_command_is_found_as_execvp_finds_it() {
        let (one, other) = (Scratch::new("one"), Scratch::new("other"));
        one.file("tool", "", 0o644);
        let tool = other.file("tool", "", 0o755);
        let plain = one.file("plain", "", 0o644);
        fs::create_dir_all(one.0.join("directory")).unwrap();
        let search = format!("{}:{}", one.0.display(), other.0.display());
        let look = |command: &str| find(OsStr::new(command), Some(OsStr::new(&search)));
        assert_eq!(look("tool"), Ok(tool.clone()));
        assert_eq!(look("plain"), Err(Unfound::NotExecutable(plain.clone())));
        assert_eq!(look(tool.to_str().unwrap()), Ok(tool));
        assert_eq!(look(plain.to_str().unwrap()), Err(Unfound::NotExecutable(plain)));
        assert!(look("directory").unwrap_err().to_string().ends_with("is a directory"));
        assert!(look("nobody").unwrap_err().to_string().contains("command \"nobody\" not found in PATH"));
        assert!(look("").unwrap_err().to_string().contains("command \"\" not found in PATH"));
        assert!(look("/nowhere/x").unwrap_err().to_string().starts_with("/nowhere/x: No such file"));
        assert_eq!(find(OsStr::new("sh"), None), Ok("/bin/sh".into()));
    }

    #[test]
    fn a_script_is_read_by_its_interpreter() {
        let directory = Scratch::new("scripts");
        let search = Some(OsStr::new("/usr/bin:/bin"));
        let runs = |text: &str| resolve(&directory.file("script", text, 0o755), search).map(|program| program.path);
        assert_eq!(runs("#!/bin/sh\n").unwrap(), Path::new("/bin/sh"));
        assert_eq!(runs("#!/usr/bin/env cat\n").unwrap(), Path::new("/usr/bin/cat"));
        assert_eq!(runs("#!/usr/bin/env -S A=1 cat -u\n").unwrap(), Path::new("/usr/bin/cat"));
        assert_eq!(runs("echo no first line\n").unwrap(), Path::new("/bin/sh"));
        assert!(runs("#!/nowhere/sh\n").unwrap_err().to_string().contains("/nowhere/sh does not exist"));
        assert!(
            runs("#!/usr/bin/env nobody\n").unwrap_err().to_string().contains("command \"nobody\" not found in PATH")
        );
        let own = directory.0.join("script");
        assert!(runs(&format!("#!{}\n", own.display())).unwrap_err().to_string().contains("form a loop"));
    }
}
