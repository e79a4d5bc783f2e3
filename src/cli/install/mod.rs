//! An installation: where the library is, whether its file is fit to be loaded into every program, what /etc/ld.so.preload
//! and LD_PRELOAD name, and how that file is changed without ever being half-written.
//!
//! `tree` is the machine, which need not be this one; `library` finds the library and `verify` says whether it is fit;
//! `file` is the text of ld.so.preload, `spelling` what a word of it means, `preloaded` both together; `trial` runs programs
//! under the library, `replace` writes the file. `append`
//! adds rules to a configuration. A `trouble` is why something is not done.

pub(crate) mod trouble;
pub(crate) mod done;
pub(crate) mod mounts;
pub(crate) mod tree;
pub(crate) mod file;
pub(crate) mod library;
pub(crate) mod spelling;
pub(crate) mod verify;
pub(crate) mod rules;
pub(crate) mod progress;
pub(crate) mod replace;
pub(crate) mod append;
pub(crate) mod preloaded;
pub(crate) mod place;
pub(crate) mod trial;

pub(crate) use verify::verify;
