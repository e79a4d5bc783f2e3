//! Output for people, and the exit codes.

pub(crate) mod exit;
pub(crate) mod lines;
pub(crate) mod output;
pub(crate) mod palette;
pub(crate) mod screen;
