//! What the resolver gives.

use crate::model::{Answer, Failure, Miss, Source};
use crate::sys::Errno;

/// What became of a query.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What was found, or why nothing was.
    pub result: Result<Answer, Miss>,
    /// The source that was asked last.
    pub source: Option<Source>,
    /// What is left in `h_errno`, beside what the result means for it.
    pub h_errno: HErrno,
    /// Why no module could be asked: resolv.conf or nsswitch.conf cannot be read.
    pub unreadable: Option<Errno>,
    /// For getaddrinfo: the nodes in their order (RFC 3484), each as address number × services + service number.
    pub order: Vec<usize>,
}

/// What glibc's modules leave in `h_errno` on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HErrno {
    /// The thread's own `h_errno`, which the resolver writes; none where it was not asked.
    pub thread: Option<Failure>,
    /// Where the caller wants it, written by the module that was asked last: success or a failure; none where it wrote
    /// nothing.
    pub caller: Option<Result<(), Failure>>,
}

impl Resolved {
    pub(super) fn new(result: Result<Answer, Miss>) -> Self {
        Self { result, source: None, h_errno: HErrno::default(), unreadable: None, order: Vec::new() }
    }
}
