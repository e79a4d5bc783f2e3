//! Programs and processes: the type of a program, the build of a library, the running processes, and what they have
//! loaded.

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
