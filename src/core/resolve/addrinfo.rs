//! The lookup in `getaddrinfo` (glibc, sysdeps/posix/getaddrinfo.c, `get_nss_addresses`): it asks the modules in the
//! order of nsswitch.conf, and derives a few failures from their results.
//!
//! As in glibc, an answer that is to be merged is discarded if another module follows, and that module is not asked; if
//! resolv.conf or nsswitch.conf cannot be read, nothing is found.

use std::net::IpAddr;

use super::context::Context;
use super::hostent;
use super::modules::{HostsQuery, Modules, NOT_FOUND, SideEffects, before_any, latest};
use super::query::{HostKey, Selection};
use super::resolved::Resolved;
use crate::dns::DnsLookup;
use crate::files::nsswitch::{Action, Module, Service};
use crate::model::{Answer, Failure, Family, Miss, Name, Status};
use crate::sys::Errno;

/// No module of nsswitch.conf could be asked.
const NO_MODULE: Miss = Miss::new(Status::Unavail, Failure::System(libc::EBUSY));

/// Performs a lookup. The failure is one that getaddrinfo distinguishes: `NotFound`, `NoData`, `TryAgain` or `System`.
pub(super) fn resolve(context: &Context<'_>, name: Name<'_>, selection: Selection) -> Resolved {
    let resolved = match selection.family {
        Some(Family::Inet) if !selection.canonical => by_gethostbyname(context, name),
        _ => by_modules(context, name, selection),
    };
    match resolved.result {
        Ok(answer) if answer.addresses.is_empty() => Resolved { result: Err(NOT_FOUND), ..resolved },
        _ => resolved,
    }
}

/// Looks up IPv4 addresses alone, as glibc does with `gethostbyname2_r`.
fn by_gethostbyname(context: &Context<'_>, name: Name<'_>) -> Resolved {
    let resolved = hostent::resolve(context, HostKey::Name(name, Family::Inet), None);
    let getaddrinfo_failure = |miss: Miss| match (miss.status, miss.failure) {
        (Status::NotFound, Failure::NoData) => Failure::NoData,
        (Status::NotFound, _) => Failure::NotFound,
        (_, failure @ (Failure::System(_) | Failure::TryAgain)) => failure,
        // There was a response, but it was unusable: the name exists.
        _ => Failure::NoData,
    };
    Resolved { result: resolved.result.map_err(|miss| Miss { failure: getaddrinfo_failure(miss), ..miss }), ..resolved }
}

fn by_modules(context: &Context<'_>, name: Name<'_>, selection: Selection) -> Resolved {
    let cannot_read = |errno: Errno| Resolved { unreadable: Some(errno), ..Resolved::new(Err(NOT_FOUND)) };
    let modules = match Modules::new(context) {
        Ok(modules) => modules,
        Err(errno) => return cannot_read(errno),
    };
    let list = match context.host_modules() {
        Ok(list) => list,
        Err(errno) => return cannot_read(errno),
    };
    let mut walk =
        ModuleWalk { modules: &modules, name, selection, effects: SideEffects::default(), codes: Codes::default() };
    let result = walk.through(&list);
    let result = result.map_err(|miss| Miss { failure: walk.getaddrinfo_failure(miss), ..miss });
    Resolved { source: walk.effects.source, h_errno: walk.effects.h_errno, ..Resolved::new(result) }
}

/// One run through the modules.
struct ModuleWalk<'a> {
    modules: &'a Modules<'a>,
    name: Name<'a>,
    selection: Selection,
    effects: SideEffects,
    codes: Codes,
}

/// The failures of the last module if it is asked for one family after the other. getaddrinfo's code depends on both.
struct Codes {
    first: Failure,
    last: Failure,
    /// A system error, which ends the lookup at once.
    system: Option<i32>,
}

impl Default for Codes {
    fn default() -> Self {
        Self { first: Failure::NotFound, last: Failure::NotFound, system: None }
    }
}

impl ModuleWalk<'_> {
    fn through(&mut self, list: &[Service]) -> Result<Answer, Miss> {
        let mut last = Err(before_any(list, NO_MODULE));
        let mut left = list.len();
        for Service { module, actions } in list {
            left -= 1;
            let asked = match self.selection.family {
                None => self.both_families(module),
                Some(family) => self.family_by_family(module, family),
            };
            let Some(mut result) = asked else {
                if actions.on(Status::Unavail) == Action::Return {
                    break;
                }
                continue;
            };
            if let Some(errno) = self.codes.system {
                return Err(Miss::new(Status::Unavail, Failure::System(errno)));
            }
            let mut action = actions.after(&result);
            if action == Action::Merge && result.is_ok() {
                action = Action::Return;
                result = if left > 0 { Err(NOT_FOUND) } else { result };
            }
            last = latest(result, &last);
            if action == Action::Return {
                break;
            }
        }
        last
    }

    /// Asks for both families at once (`gethostbyname4_r`). Returns `None` if only libc can load this module.
    fn both_families(&mut self, module: &Module) -> Option<Result<Answer, Miss>> {
        let asked = match module {
            Module::Files => self.modules.files(HostsQuery::NameOfBothFamilies(self.name), None),
            Module::Dns => self.modules.dns(DnsLookup::Both(self.name)),
            Module::Other(_) => return None,
        };
        // Unlike for a single family, a missing file counts as "not found".
        let spoken = |miss: Miss| match miss.failure {
            Failure::Absent => Miss { failure: Failure::NotFound, ..miss },
            _ => miss,
        };
        Some(self.effects.note(asked).map_err(spoken))
    }

    /// Asks for one family after the other: IPv6 addresses, IPv4-mapped ones, or IPv4 addresses with a canonical name.
    fn family_by_family(&mut self, module: &Module, family: Family) -> Option<Result<Answer, Miss>> {
        let Selection { v4_mapped, all, .. } = self.selection;
        let inet6 = if family == Family::Inet6 { self.one_family(module, Family::Inet6) } else { None };
        let wants_inet = match family {
            Family::Inet => true,
            Family::Inet6 => v4_mapped && (all || !matches!(inet6, Some(Ok(_)))) && self.codes.system.is_none(),
        };
        let inet = if wants_inet { self.one_family(module, Family::Inet) } else { None };
        let failure = |result: &Option<Result<Answer, Miss>>| match result {
            Some(Err(miss)) => Some(miss.failure),
            _ => None,
        };
        let failures = (failure(&inet6), failure(&inet));
        if failures.0.or(failures.1) != Some(Failure::Absent) {
            self.codes.first = failures.0.or(failures.1).unwrap_or(Failure::NotFound);
            self.codes.last = failures.1.or(failures.0).unwrap_or(Failure::NotFound);
        }
        joined(inet6, inet, family, self.selection)
    }

    fn one_family(&mut self, module: &Module, family: Family) -> Option<Result<Answer, Miss>> {
        let (name, checked) = (self.name, !self.selection.canonical);
        let asked = match module {
            Module::Files => self.modules.files(HostsQuery::Name(name, family), None),
            Module::Dns => self.modules.dns(DnsLookup::One { name, family, checked }),
            Module::Other(_) => return None,
        };
        let result = self.effects.note(asked);
        if let Err(Miss { failure: Failure::System(errno), .. }) = result {
            self.codes.system = Some(errno);
        }
        Some(result)
    }

    /// Derives getaddrinfo's failure from that of the last module.
    fn getaddrinfo_failure(&self, miss: Miss) -> Failure {
        match (self.selection.family, miss.status, miss.failure) {
            (_, Status::TryAgain | Status::Unavail, Failure::System(errno)) => Failure::System(errno),
            (None, _, failure @ (Failure::TryAgain | Failure::NoData)) => failure,
            (None, ..) => Failure::NotFound,
            (Some(_), ..) => match (self.codes.first, self.codes.last) {
                (Failure::TryAgain, Failure::TryAgain) => Failure::TryAgain,
                (Failure::TryAgain | Failure::NoData, Failure::TryAgain | Failure::NoData) => Failure::NoData,
                _ => Failure::NotFound,
            },
        }
    }
}

/// Joins the results of one module for both families.
fn joined(
    inet6: Option<Result<Answer, Miss>>,
    inet: Option<Result<Answer, Miss>>,
    family: Family,
    selection: Selection,
) -> Option<Result<Answer, Miss>> {
    let map = |answer: Answer| if family == Family::Inet6 { with_mapped_addresses(answer) } else { answer };
    match (inet6, inet) {
        (None, inet) => inet.map(|result| result.map(map)),
        (Some(Ok(mut answer)), None | Some(Err(_))) => {
            if selection.v4_mapped && !selection.all {
                // Addresses that the servers themselves return as IPv4-mapped ones are removed.
                answer.addresses.retain(|address| !is_mapped(address.ip));
            }
            Some(Ok(answer))
        }
        (Some(Ok(mut answer)), Some(Ok(more))) => {
            answer.addresses.extend(map(more).addresses);
            Some(Ok(answer))
        }
        (Some(Err(_)), Some(Ok(answer))) => Some(Ok(map(answer))),
        (Some(Err(miss)), None) => Some(Err(miss)),
        (Some(Err(inet6)), Some(Err(inet))) => {
            let status = match (inet6.status, inet.status) {
                (Status::TryAgain, _) => Status::TryAgain,
                (inet6, Status::Unavail) => inet6,
                (_, inet) => inet,
            };
            Some(Err(Miss { status, ..inet }))
        }
    }
}

fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

fn with_mapped_addresses(mut answer: Answer) -> Answer {
    for address in &mut answer.addresses {
        if let IpAddr::V4(v4) = address.ip {
            address.ip = IpAddr::V6(v4.to_ipv6_mapped());
        }
    }
    answer
}
