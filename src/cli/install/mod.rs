//! /etc/ld.so.preload: what the loader reads there, and how the file is changed without ever being half-written.
//!
//! `file` is the text, `tree` the machine it belongs to, `spelling` says which words mean our library, `trial` runs
//! programs under it, `replace` writes.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::ui::exit::Exit;
use crate::ui::output::warn;

pub(crate) mod file;
pub(crate) mod identity;
pub(crate) mod library;
pub(crate) mod processes;
pub(crate) mod progress;
pub(crate) mod replace;
pub(crate) mod spelling;
pub(crate) mod tree;
pub(crate) mod trial;

use spelling::Ours;
use tree::Tree;

/// The file, as every program of the machine sees it.
pub(crate) const PRELOAD_FILE: &str = "/etc/ld.so.preload";

pub(crate) use crate::install::library::NAME as LIBRARY_NAME;

/// What the three verbs take.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The library, as the programs of the machine see it
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// The machine's root, if it is not this one's: a mounted disk, an image
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

impl Place {
    pub(crate) fn tree(&self) -> Result<Tree, Trouble> {
        Tree::new(&self.root).map_err(|error| {
            Trouble::cannot_tell(
                format!("{}: {error}", self.root.display()),
                "the file to look at is the one below that folder",
                "name a folder that is there with --root",
            )
        })
    }

    /// The library that was asked for, or the one that is found.
    pub(crate) fn library(&self, tree: &Tree) -> Option<PathBuf> {
        let usual = || usual_places(tree).into_iter().find(|path| tree.metadata(path).is_ok());
        self.library.clone().or_else(usual)
    }

    /// What counts as ours: exactly the library that was named, or if none was, every one of our name.
    pub(crate) fn ours(&self, tree: &Tree) -> Ours {
        match &self.library {
            Some(path) => Ours::named(tree, path),
            None => Ours::any(tree, self.library(tree).as_deref()),
        }
    }
}

/// Where the library is looked for; this executable counts if it belongs to the tree.
pub(crate) fn usual_places(tree: &Tree) -> Vec<PathBuf> {
    let command = std::env::current_exe().ok().filter(|_| tree.is_whole_machine());
    library::places(command.as_deref())
}

/// Why something is not done: what is the matter, why that matters, and what would mend it.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) exit: Exit,
    what: String,
    why: String,
    mend: String,
}

impl Trouble {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { exit: Exit::Trouble, what: what.into(), why: why.into(), mend: mend.into() }
    }

    pub(crate) fn cannot_tell(what: impl Into<String>, why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { exit: Exit::CannotTell, ..Self::new(what, why, mend) }
    }

    /// A system call that failed while the file was looked at or written.
    pub(crate) fn system(path: &Path, doing: &str, error: &io::Error) -> Self {
        let mend = match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => {
                "run this as root; if you are, \"lsattr\" shows whether the file or its folder is immutable"
            }
            Some(libc::EROFS) => "mount the file system so that it can be written to (mount -o remount,rw)",
            Some(libc::ENOSPC | libc::EDQUOT) => "make room on that file system",
            Some(libc::EBUSY) => "the file is a mount point, which cannot be replaced in one step: unmount it first",
            _ => "see to what the system says there, and try again",
        };
        let what = format!("{}: cannot {doing}: {error}", path.display());
        Self::new(what, "nothing was changed: the file is replaced as a whole or not at all", mend)
    }

    /// The same trouble, with something else that is to be known.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.why = format!("{}; {more}", self.why);
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}\n  why it matters: {}\n  what would mend it: {}", self.what, self.why, self.mend)
    }
}

/// The last word of a verb: its exit code, and the trouble on standard error if there was any.
pub(crate) fn end(verb: &str, result: Result<Exit, Trouble>) -> Exit {
    result.unwrap_or_else(|trouble| {
        warn(format_args!("nss-bypass {verb}: {trouble}"));
        trouble.exit
    })
}

/// A path from bytes of the file.
pub(crate) fn path_of(word: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(word))
}

/// What a person must know of a file in which the loader takes parts of comments for libraries.
pub(crate) fn warn_of_comments(bytes: &[u8]) -> Option<String> {
    let entry = file::entries(bytes).into_iter().find(|entry| entry.in_comment)?;
    let line = bytes.iter().take(entry.range.start).filter(|byte| **byte == b'\n').count() + 1;
    Some(format!(
        "{PRELOAD_FILE}:{line}: the loader takes {:?} for a library, though it is in a comment\n  why it matters: glibc \
         looks for further comments in a part of the file only that gets shorter with each, and every program complains\n  \
         what would mend it: take out comments, the last ones first",
        path_of(entry.word(bytes)).display().to_string()
    ))
}
