//! What is preloaded: the words of /etc/ld.so.preload and of LD_PRELOAD, and what each of them means.

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

/// What the loader finds under a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A build of libnss_bypass.so, whatever its name.
    Library(Identity),
    /// The empty library for programs of 32 bits, which does nothing.
    Empty,
    /// Another library, or what is none.
    Other(Option<Identity>),
    /// Nothing.
    Missing,
}

/// A word that the loader takes for a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// As it is written.
    pub(crate) bytes: Vec<u8>,
    /// Its line in the file, from 1; none in the variable.
    pub(crate) line: Option<usize>,
    /// Whether a person would say that it is in a comment.
    pub(crate) in_comment: bool,
    /// The file that programs of this machine find under it; as it is written where there is none.
    pub(crate) path: PathBuf,
    /// What that is.
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
        // A loader goes on where it finds a library of another machine.
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

    /// The word for a person.
    pub(crate) fn text(&self) -> String {
        printable(&self.bytes)
    }

    /// Which build of the library it is, if it is one.
    pub(crate) fn library(&self) -> Option<&Identity> {
        match &self.target {
            Target::Library(identity) => Some(identity),
            _ => None,
        }
    }

    /// Whether this is the library, or a word that means it and leads nowhere.
    pub(crate) fn means_library(&self) -> bool {
        let named = || path_of(&self.bytes).file_name().is_some_and(|name| name == library::NAME);
        self.library().is_some() || (self.target == Target::Missing && named())
    }
}

/// /etc/ld.so.preload of a machine.
#[derive(Debug)]
pub(crate) struct InFile {
    /// Where it lies, without links, as this process sees it.
    pub(crate) path: PathBuf,
    /// What is in it; none if it is not there.
    pub(crate) old: Option<Old>,
    /// When it was written.
    pub(crate) modified: Option<SystemTime>,
    /// All that the loader would load, in its order.
    pub(crate) words: Vec<Word>,
}

impl InFile {
    /// Reads it.
    pub(crate) fn read(tree: &Tree) -> io::Result<Self> {
        let trail = tree.follow(Path::new(PRELOAD_FILE))?;
        let path = tree.outside(&trail.end);
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

    /// The first word under which programs of this machine find the library.
    pub(crate) fn library(&self) -> Option<&Word> {
        self.words.iter().find(|word| word.library().is_some())
    }

    /// What a person must know of a file in which the loader takes parts of comments for libraries.
    pub(crate) fn late_comment(&self) -> Option<Trouble> {
        late_comment(self.old.as_ref().map_or(&[], |old| &old.bytes))
    }
}

/// The same of bytes that are to be the file.
pub(crate) fn late_comment(bytes: &[u8]) -> Option<Trouble> {
    let entry = file::entries(bytes).into_iter().find(|entry| entry.in_comment)?;
    Some(Trouble::new(
        format!(
            "{PRELOAD_FILE}:{}: the loader takes \"{}\" for a library, though it is in a comment",
            entry.line(bytes),
            printable(entry.word(bytes))
        ),
        "glibc looks for further comments in a part of the file only that gets shorter with each, and every program \
         complains",
        "take out comments, the last ones first",
    ))
}

/// The words of LD_PRELOAD in this process's environment: separated by colons and blanks, and a bare name is looked for in
/// the directories of LD_LIBRARY_PATH first.
pub(crate) fn in_variable(tree: &Tree) -> Vec<Word> {
    let list = env::var_os("LD_PRELOAD").map(OsStringExt::into_vec).unwrap_or_default();
    let searched = env::var_os("LD_LIBRARY_PATH").map(OsStringExt::into_vec).unwrap_or_default();
    let searched: Vec<PathBuf> =
        searched.split(|byte| b":;".contains(byte)).filter(|path| path.starts_with(b"/")).map(path_of).collect();
    let words = list.split(|byte| b" :".contains(byte)).filter(|word| !word.is_empty());
    words.map(|word| Word::new(tree, word, &searched)).collect()
}

/// How the library comes into programs that are started here.
#[derive(Debug)]
pub(crate) struct Here {
    /// What this process has loaded: what it is told to load by now may be something else.
    pub(crate) loaded: Option<scan::Loaded>,
    /// /etc/ld.so.preload.
    pub(crate) file: io::Result<InFile>,
    /// LD_PRELOAD.
    pub(crate) variable: Vec<Word>,
}

impl Here {
    /// Looks at this process and this machine.
    pub(crate) fn look() -> Self {
        match Tree::new(Path::new("/")) {
            Ok(tree) => Self { loaded: scan::own_library(), file: InFile::read(&tree), variable: in_variable(&tree) },
            Err(error) => Self { loaded: scan::own_library(), file: Err(error), variable: Vec::new() },
        }
    }

    /// The word of ld.so.preload that is the library.
    pub(crate) fn in_file(&self) -> Option<&Word> {
        self.file.as_ref().ok()?.library()
    }

    /// The word of LD_PRELOAD that is the library.
    pub(crate) fn in_variable(&self) -> Option<&Word> {
        self.variable.iter().find(|word| word.library().is_some())
    }

    /// All words, each with the file or variable that it is in.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&'static str, &Word)> {
        let from_file = self.file.iter().flat_map(|file| &file.words).map(|word| (PRELOAD_FILE, word));
        self.variable.iter().map(|word| ("LD_PRELOAD", word)).chain(from_file)
    }
}
