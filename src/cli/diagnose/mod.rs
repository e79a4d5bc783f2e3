//! Diagnosis: what each source answers for a name, what is responsible if the answers differ, and how to fix it.
//!
//! `examine` collects the facts, `judge` derives a verdict from them, and `fix` the shell commands.

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
