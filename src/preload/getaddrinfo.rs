//! getaddrinfo(3): arguments → request → verdict → query → what was resolved → a list.

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

/// What getaddrinfo returns.
#[derive(Clone, Copy)]
pub(crate) struct Returned {
    pub(crate) code: c_int,
    /// Whether any source was asked about the name.
    has_asked: bool,
}

impl From<Returned> for c_int {
    fn from(returned: Returned) -> Self {
        returned.code
    }
}

/// Whether a thread must not be cancelled now: there is a list, or no source was asked, so that glibc would not have been
/// cancelled either.
pub(crate) fn owns(returned: Returned) -> bool {
    returned.code == 0 || !returned.has_asked
}

/// getaddrinfo(3) for a node that a rule matches. None: the call is forwarded, or what libc returned stands.
///
/// # Safety
/// The arguments are as getaddrinfo's contract asks: strings or NULL, an addrinfo or NULL, a place for the result.
pub(crate) unsafe fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
    call: Call<c_int>,
) -> Option<Returned> {
    // SAFETY: the caller's promise.
    let request = unsafe { Request::read(node, service, hints) };
    let node = request.node();
    let rules = state::rules()?;
    // SAFETY: the place is readable. Called where libc has written a list there.
    let first = || unsafe { result.read() };
    // SAFETY: it is libc's list.
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
            return Some(Returned { code: refusal.code, has_asked: false });
        }
    };
    let resolved = resolver.resolve(checked.query());
    let ending = ending(&resolved);
    let returned = if lookup.falls_back(ending) {
        None
    } else {
        let code = match answer(&resolved, &checked) {
            Ok(List(first)) => {
                // SAFETY: the caller's promise. It is written on success only, as in glibc.
                unsafe { result.write(first) };
                0
            }
            Err(code) => code,
        };
        set_errno(leaves(&resolved, &checked));
        Some(Returned { code, has_asked: checked.asks() })
    };
    lookup.log(ending, resolved.source);
    returned
}

/// The list, or getaddrinfo's code.
fn answer(resolved: &Resolved, checked: &Checked<'_>) -> Result<List, c_int> {
    match &resolved.result {
        Ok(answer) => {
            let name = checked.canonical(&answer.canonical);
            list(answer, &checked.services, &resolved.order, checked.flags(), name).ok_or(libc::EAI_MEMORY)
        }
        Err(miss) => Err(codes::eai(miss.failure)),
    }
}

/// Why there is no answer. What kept glibc from asking any module, it often tells by nothing but errno.
fn reason(resolved: &Resolved, failure: Failure) -> Failure {
    resolved.unreadable.map_or(failure, |Errno(errno)| Failure::System(errno))
}

/// What libc's code says of a node. Only names are looked up, and services, which nscd may not know either.
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

/// What is left in errno.
fn leaves(resolved: &Resolved, checked: &Checked<'_>) -> Errno {
    // `gethostbyname2_r` leaves 0 where there is nothing to say.
    let quiet = if checked.is_by_gethostbyname() { Errno(0) } else { checked.errno };
    match &resolved.result {
        // glibc's resolver clears it on its way.
        Ok(_) if resolved.source.is_some_and(Source::is_dns) => Errno(0),
        Ok(_) => quiet,
        Err(miss) => {
            let untouched = if miss.failure == Failure::System(0) { checked.errno } else { quiet };
            codes::errno(reason(resolved, miss.failure)).unwrap_or(untouched)
        }
    }
}
