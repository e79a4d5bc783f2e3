//! What is preloaded: the entries of /etc/ld.so.preload and of LD_PRELOAD, and the files that they refer to.

use std::env;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::install::file::{self, PRELOAD_FILE, path_of};
use crate::install::library;
use crate::install::replace::{self, Old};
use crate::install::spelling::{self, what_is_at};
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::process::identity::Identity;
use crate::process::scan;
use crate::ui::screen::printable;

/// What the dynamic linker finds for an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A build of libnss_bypass.so, whatever its name.
    Library(Identity),
    /// The empty library for 32-bit programs, which does nothing.
    Empty,
    /// Another library, or a file that is not a library.
    Other(Option<Identity>),
    /// No file.
    Missing,
}

/// An entry that the dynamic linker treats as a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its text.
    pub(crate) bytes: Vec<u8>,
    /// Its line in the file, from 1; `None` in the variable.
    pub(crate) line: Option<usize>,
    /// Whether it is in what is intended as a comment.
    pub(crate) in_comment: bool,
    /// The file that programs of this machine find for it; the text as a path if there is none.
    pub(crate) path: PathBuf,
    /// What is there.
    pub(crate) target: Target,
}

impl Word {
    fn new(tree: &Tree, bytes: &[u8], searched: &[PathBuf]) -> Self {
        let is_there = |path: &PathBuf| tree.metadata(path).is_ok();
        let candidates = if bytes.contains(&b'/') {
            Vec::new()
        } else {
            searched.iter().map(|place| place.join(path_of(bytes))).collect()
        };
        let paths = candidates.into_iter().chain(spelling::candidates(tree, bytes)).filter(is_there);
        let found = paths.map(|path| (what_is_at(tree, &path), path)).collect::<Vec<_>>();
        // The dynamic linker continues the search if it finds a library of another machine.
        let best = found.iter().position(|(identity, path)| {
            identity.as_ref().is_some_and(|identity| identity.is_library) || !library::is_place_of_empty_one(path)
        });
        let (path, target) = match best.or((!found.is_empty()).then_some(0)).and_then(|at| found.into_iter().nth(at)) {
            Some((Some(identity), path)) if identity.is_library => (path, Target::Library(identity)),
            Some((_, path))
                if library::is_place_of_empty_one(&path)
                    && path.file_name().is_some_and(|name| name == library::NAME) =>
            {
                (path, Target::Empty)
            }
            Some((identity, path)) => (path, Target::Other(identity)),
            None => (path_of(bytes), Target::Missing),
        };
        Self { bytes: bytes.to_vec(), line: None, in_comment: false, path, target }
    }

    /// Returns the entry in printable form.
    pub(crate) fn text(&self) -> String {
        printable(&self.bytes)
    }

    /// Returns the build of the library, if it is the library.
    pub(crate) fn library(&self) -> Option<&Identity> {
        match &self.target {
            Target::Library(identity) => Some(identity),
            _ => None,
        }
    }

    /// Returns whether this is the library, or an entry with its name that refers to no file.
    pub(crate) fn means_library(&self) -> bool {
        let named = || path_of(&self.bytes).file_name().is_some_and(|name| name == library::NAME);
        self.library().is_some() || (self.target == Target::Missing && named())
    }
}

/// The /etc/ld.so.preload of a system.
#[derive(Debug)]
pub(crate) struct InFile {
    /// Its path without symbolic links, as seen by this process.
    pub(crate) path: PathBuf,
    /// Its contents; `None` if it does not exist.
    pub(crate) old: Option<Old>,
    /// When it was last modified.
    pub(crate) modified: Option<SystemTime>,
    /// All entries that the dynamic linker would load, in order.
    pub(crate) words: Vec<Word>,
}

impl InFile {
    /// Reads the file.
    pub(crate) fn read(tree: &Tree) -> io::Result<Self> {
        let resolved = tree.follow(Path::new(PRELOAD_FILE))?;
        let path = tree.outside(&resolved.end);
        let old = replace::read(&path)?;
        let bytes = old.as_ref().map_or(&[][..], |old| &old.bytes);
        let words = file::entries(bytes).into_iter().map(|entry| Word {
            line: Some(entry.line(bytes)),
            in_comment: entry.in_comment,
            ..Word::new(tree, entry.word(bytes), &[])
        });
        let words = words.collect();
        let modified = fs::metadata(&path).and_then(|status| status.modified()).ok();
        Ok(Self { path, old, modified, words })
    }

    /// Returns the first entry for which programs of this machine find the library.
    pub(crate) fn library(&self) -> Option<&Word> {
        self.words.iter().find(|word| word.library().is_some())
    }

    /// Returns a warning if the dynamic linker treats parts of comments as libraries.
    pub(crate) fn late_comment(&self) -> Option<Trouble> {
        late_comment(self.old.as_ref().map_or(&[], |old| &old.bytes))
    }
}

/// The same for bytes that are to be written to the file.
pub(crate) fn late_comment(bytes: &[u8]) -> Option<Trouble> {
    let entry = file::entries(bytes).into_iter().find(|entry| entry.in_comment)?;
    Some(Trouble::new(
        format!(
            "{PRELOAD_FILE}:{}: ld.so reads \"{}\" as a library, although it is in a comment",
            entry.line(bytes),
            printable(entry.word(bytes))
        ),
        "after each comment, glibc searches a smaller part of the file for further ones, and every program prints a \
         warning",
        "remove comments, the last ones first",
    ))
}

/// Returns the entries of LD_PRELOAD in the environment of this process. They are separated by colons and blanks, and a
/// bare name is searched for in the directories of LD_LIBRARY_PATH first.
pub(crate) fn in_variable(tree: &Tree) -> Vec<Word> {
    let list = env::var_os("LD_PRELOAD").map(OsStringExt::into_vec).unwrap_or_default();
    let searched = env::var_os("LD_LIBRARY_PATH").map(OsStringExt::into_vec).unwrap_or_default();
    let searched: Vec<PathBuf> =
        searched.split(|byte| b":;".contains(byte)).filter(|path| path.starts_with(b"/")).map(path_of).collect();
    let words = list.split(|byte| b" :".contains(byte)).filter(|word| !word.is_empty());
    words.map(|word| Word::new(tree, word, &searched)).collect()
}

/// How the library gets into programs that are started from here.
#[derive(Debug)]
pub(crate) struct Here {
    /// What this process has loaded, which may differ from what the file and the variable name now.
    pub(crate) loaded: Option<scan::Loaded>,
    /// /etc/ld.so.preload.
    pub(crate) file: io::Result<InFile>,
    /// LD_PRELOAD.
    pub(crate) variable: Vec<Word>,
}

impl Here {
    /// Examines this process and this system.
    pub(crate) fn look() -> Self {
        match Tree::new(Path::new("/")) {
            Ok(tree) => Self { loaded: scan::own_library(), file: InFile::read(&tree), variable: in_variable(&tree) },
            Err(error) => Self { loaded: scan::own_library(), file: Err(error), variable: Vec::new() },
        }
    }

    /// Returns the entry of ld.so.preload that is the library.
    pub(crate) fn in_file(&self) -> Option<&Word> {
        self.file.as_ref().ok()?.library()
    }

    /// Returns the entry of LD_PRELOAD that is the library.
    pub(crate) fn in_variable(&self) -> Option<&Word> {
        self.variable.iter().find(|word| word.library().is_some())
    }

    /// Returns all entries, each with the file or variable that it is in.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&'static str, &Word)> {
        let from_file = self.file.iter().flat_map(|file| &file.words).map(|word| (PRELOAD_FILE, word));
        self.variable.iter().map(|word| ("LD_PRELOAD", word)).chain(from_file)
    }
}
