//! Options that enable, disable and status have in common: the root, and the library.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::install::library;
use crate::install::spelling::Ours;
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;

/// The common options.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Path of the library, as programs of the system see it
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// Root directory of another system: a mounted disk or an image
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

impl Place {
    pub(crate) fn tree(&self) -> Result<Tree, Trouble> {
        Tree::new(&self.root).map_err(|error| {
            Trouble::cannot_tell(
                format!("{}: {error}", self.root.display()),
                "the files of the other system are below that directory",
                "name an existing directory with --root",
            )
        })
    }

    /// Returns the given library, or the one that is found.
    pub(crate) fn library(&self, tree: &Tree) -> Option<PathBuf> {
        self.library.clone().or_else(|| usual(tree))
    }

    /// Returns what is treated as the library: the named file only, or else any build of the library.
    pub(crate) fn ours(&self, tree: &Tree) -> Ours {
        match &self.library {
            Some(path) => Ours::named(tree, path),
            None => Ours::any(tree, self.library(tree).as_deref()),
        }
    }
}

/// Returns the first of the usual places that has the library.
pub(crate) fn usual(tree: &Tree) -> Option<PathBuf> {
    usual_places(tree).into_iter().find(|path| tree.metadata(path).is_ok())
}

/// Returns where the library is searched for; the location of this command is considered if the tree is the running
/// system.
pub(crate) fn usual_places(tree: &Tree) -> Vec<PathBuf> {
    let command = std::env::current_exe().ok().filter(|_| tree.is_whole_machine());
    library::places(command.as_deref().map(Path::new))
}
