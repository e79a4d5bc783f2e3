//! Programs and processes: what kind of file a program is, which build of the library a file is, which processes run, and
//! what they have loaded.

pub(crate) mod child;
pub(crate) mod elf;
pub(crate) mod identity;
pub(crate) mod lookups;
pub(crate) mod log;
pub(crate) mod maps;
pub(crate) mod libraries;
pub(crate) mod obstacle;
pub(crate) mod program;
pub(crate) mod scan;
