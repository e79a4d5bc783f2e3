//! getaddrinfo(3): arguments → request → verdict → query → result → list.

use libc::{addrinfo, c_char, c_int};
use nss_bypass_core::model::{Failure, Source};
use nss_bypass_core::resolve::Resolved;
use nss_bypass_core::sys::{Errno, errno, set_errno};

use crate::codes;
use crate::hook::Call;
use crate::layout::addrinfo::{List, addresses, list};
use crate::request::node::Node;
use crate::request::{Checked, Request};
use crate::state;
use crate::verdict::{Ending, FromLibc, Lookup, addresses_in_log};

/// The result of getaddrinfo.
#[derive(Clone, Copy)]
pub(crate) struct Returned {
    pub(crate) code: c_int,
    /// Whether a source has been queried for the name.
    has_queried: bool,
}

impl From<Returned> for c_int {
    fn from(returned: Returned) -> Self {
        returned.code
    }
}

/// Returns whether the thread must not be cancelled now: the result has to be freed, or no source was queried, so that
/// glibc would not have reached a cancellation point either.
pub(crate) fn owns(returned: Returned) -> bool {
    returned.code == 0 || !returned.has_queried
}

/// getaddrinfo(3) for a node that a rule matches. Returns `None` if the call is to be forwarded, or libc's result is to
/// be returned.
///
/// # Safety
/// The arguments must be as for getaddrinfo(3): strings or NULL, an addrinfo or NULL, and a pointer to the result.
pub(crate) unsafe fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
    call: Call<c_int>,
) -> Option<Returned> {
    // SAFETY: guaranteed by the caller.
    let request = unsafe { Request::read(node, service, hints) };
    let node = request.node();
    let rules = state::rules()?;
    // SAFETY: the pointer is readable. It is called only after libc has written a list there.
    let first = || unsafe { result.read() };
    // SAFETY: the list was returned by libc.
    let found = || addresses_in_log(unsafe { addresses(first()) }.into_iter());
    let at_entry = call.at_entry();
    let call = call.map(|code| from_libc(node, code, &found));
    let lookup = Lookup::of("getaddrinfo", node.subject(), &rules, &call)?;
    let resolver = lookup.resolver();
    let checked = match request.check(node, &resolver, at_entry) {
        Ok(checked) => checked,
        Err(_) if lookup.is_after_libc() => return None,
        Err(refusal) => {
            set_errno(refusal.errno);
            lookup.log(Ending::Refused(refusal.code), None);
            return Some(Returned { code: refusal.code, has_queried: false });
        }
    };
    let resolved = resolver.resolve(checked.query());
    let ending = ending(&resolved);
    let returned = if lookup.falls_back(ending) {
        None
    } else {
        let code = match answer(&resolved, &checked) {
            Ok(List(first)) => {
                // SAFETY: guaranteed by the caller. As in glibc, it is written only on success.
                unsafe { result.write(first) };
                0
            }
            Err(code) => code,
        };
        set_errno(leaves(&resolved, &checked));
        Some(Returned { code, has_queried: checked.queries_source() })
    };
    lookup.log(ending, resolved.source);
    returned
}

/// Returns the list, or getaddrinfo's code.
fn answer(resolved: &Resolved, checked: &Checked<'_>) -> Result<List, c_int> {
    match &resolved.result {
        Ok(answer) => {
            let name = checked.canonical(&answer.canonical);
            list(answer, &checked.services, &resolved.order, checked.flags(), name).ok_or(libc::EAI_MEMORY)
        }
        Err(miss) => Err(codes::eai(miss.failure)),
    }
}

/// Returns why there is no answer. If glibc could not ask any module, errno is often the only indication.
fn reason(resolved: &Resolved, failure: Failure) -> Failure {
    resolved.unreadable.map_or(failure, |Errno(errno)| Failure::System(errno))
}

/// Returns what libc's code means for a node. Only names are looked up, and services, which nscd may not know either.
fn from_libc<'a>(node: Node<'_>, code: c_int, found: &'a dyn Fn() -> String) -> FromLibc<'a> {
    match (code, node) {
        (0, _) => FromLibc::Found(found),
        (libc::EAI_SERVICE, _) => FromLibc::Failed(Failure::NotFound),
        (_, Node::Name(_)) => FromLibc::unfound(codes::failure_of_eai(code, errno()), code),
        _ => FromLibc::Refused(code),
    }
}

fn ending(resolved: &Resolved) -> Ending<'_> {
    match &resolved.result {
        Ok(answer) => Ending::Addresses(answer),
        Err(miss) => Ending::Failed(reason(resolved, miss.failure)),
    }
}

/// Returns the errno to leave.
fn leaves(resolved: &Resolved, checked: &Checked<'_>) -> Errno {
    // `gethostbyname2_r` leaves 0 if there is no error.
    let quiet = if checked.is_by_gethostbyname() { Errno(0) } else { checked.errno };
    match &resolved.result {
        // glibc's resolver clears errno.
        Ok(_) if resolved.source.is_some_and(Source::is_dns) => Errno(0),
        Ok(_) => quiet,
        Err(miss) => {
            let untouched = if miss.failure == Failure::System(0) { checked.errno } else { quiet };
            codes::errno(reason(resolved, miss.failure)).unwrap_or(untouched)
        }
    }
}
