//! Which source gives which answer, and the conclusion drawn from that.

pub(crate) mod daemon;
pub(crate) mod glibc;
pub(crate) mod judge;
pub(crate) mod nscd;
pub(crate) mod sources;
pub(crate) mod verdict;
