//! Programs and processes: what kind of file a program is, which processes run, and what they have loaded.

pub(crate) mod elf;
pub(crate) mod loaded;
pub(crate) mod obstacle;
pub(crate) mod preloads;
pub(crate) mod processes;
pub(crate) mod program;
