//! Which source gives which answer for a name, what is to blame where they differ, and what fixes it.
//!
//! `examine` collects facts, `judge` makes a verdict of them, `fix` the lines that a shell takes.

pub(crate) mod ask;
pub(crate) mod checks;
pub(crate) mod daemon;
pub(crate) mod edit;
pub(crate) mod enter;
pub(crate) mod examine;
pub(crate) mod facts;
pub(crate) mod finding;
pub(crate) mod fix;
pub(crate) mod glibc;
pub(crate) mod hint;
pub(crate) mod hosts_line;
pub(crate) mod installation;
pub(crate) mod judge;
pub(crate) mod nscd;
pub(crate) mod programs;
pub(crate) mod question;
pub(crate) mod rules;
pub(crate) mod sources;
pub(crate) mod sockets;
pub(crate) mod surroundings;
pub(crate) mod target;
pub(crate) mod verdict;
