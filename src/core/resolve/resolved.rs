//! Results of the resolver.

use crate::model::{Answer, Failure, Miss, Source};
use crate::sys::Errno;

/// The result of a query.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The answer, or why there is none.
    pub result: Result<Answer, Miss>,
    /// The source that was used last.
    pub source: Option<Source>,
    /// What the modules leave in `h_errno`, apart from what the result means.
    pub h_errno: HErrno,
    /// Why no module could be asked: resolv.conf or nsswitch.conf could not be read.
    pub unreadable: Option<Errno>,
    /// For getaddrinfo: the nodes in sorted order (RFC 3484), each as index of the address × number of services + index
    /// of the service.
    pub order: Vec<usize>,
}

/// What glibc's modules leave in `h_errno`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HErrno {
    /// The thread's `h_errno`, which the resolver sets; `None` if it was not called.
    pub thread: Option<Failure>,
    /// The caller's `h_errno`, as the last module set it: success or a failure; `None` if it was not set.
    pub caller: Option<Result<(), Failure>>,
}

impl Resolved {
    pub(super) fn new(result: Result<Answer, Miss>) -> Self {
        Self { result, source: None, h_errno: HErrno::default(), unreadable: None, order: Vec::new() }
    }
}
