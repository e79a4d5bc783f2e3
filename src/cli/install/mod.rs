//! The installation: finding the library, verifying that its file can be loaded into every program, reading
//! /etc/ld.so.preload and LD_PRELOAD, and changing that file atomically.
//!
//! `tree` is the file system to work on, which may be that of another system; `library` finds the library, and `verify`
//! checks it; `file` parses ld.so.preload, `spelling` determines what an entry refers to, and `preloaded` combines
//! both; `trial` runs programs with the library, and `replace` writes the file. `append` adds rules to a configuration.
//! A `trouble` is the reason why something is not done.

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
