//! `gethostbyname2_r` and `gethostbyaddr_r` (glibc, nss/getXXbyYY_r.c): they ask the modules in the order of
//! nsswitch.conf.
//!
//! After `[SUCCESS=merge]`, which the hosts database does not support, the answer is returned only if the next module
//! fails; if nsswitch.conf or resolv.conf cannot be read, the result is an error.

use std::net::IpAddr;

use super::context::Context;
use super::modules::{HostsQuery, Modules, SideEffects, TOO_SMALL, before_any, latest, unreadable};
use super::query::{CallerBuffer, HostKey};
use super::resolved::Resolved;
use crate::dns::DnsLookup;
use crate::files::host_conf::HostConf;
use crate::files::nsswitch::{Action, Module, Service};
use crate::model::{Answer, Failure, Miss, Source, Status};
use crate::sys::interfaces::{self, InterfaceAddress};
use crate::sys::{Errno, glibc};

/// No module of nsswitch.conf could be asked.
const NO_MODULE: Miss = Miss::new(Status::Unavail, Failure::System(0));
/// After `[SUCCESS=merge]`. `h_errno` keeps the value that the module with the answer has set.
const CANNOT_MERGE: Miss = Miss::new(Status::Unavail, Failure::Unmerged).with_errno(libc::EINVAL);

/// Performs a lookup.
pub(super) fn resolve(context: &Context<'_>, key: HostKey<'_>, buffer: Option<&dyn CallerBuffer>) -> Resolved {
    let cannot_read = |errno: Errno| Resolved { unreadable: Some(errno), ..Resolved::new(Err(unreadable(errno))) };
    let modules = match Modules::new(context) {
        Ok(modules) => modules,
        Err(errno) => return cannot_read(errno),
    };
    if buffer.is_some_and(|buffer| !buffer.fits_key(key)) {
        return Resolved::new(Err(TOO_SMALL));
    }
    let list = match context.host_modules() {
        Ok(list) => list,
        Err(errno) => return cannot_read(errno),
    };
    let mut effects = SideEffects::default();
    let mut result = walk(&modules, &list, key, buffer, &mut effects);
    if let (Ok(answer), Some(buffer), HostKey::Address(_)) = (&result, buffer, key)
        && !buffer.fits_answer(answer, effects.source.is_some_and(Source::is_dns))
    {
        result = Err(TOO_SMALL); // glibc has already failed when host.conf's `trim` would make the answer fit.
    }
    let result = result.map(|answer| arranged(answer, key, context.tables.host_conf()));
    Resolved { source: effects.source, h_errno: effects.h_errno, ..Resolved::new(result) }
}

fn walk(
    modules: &Modules<'_>,
    list: &[Service],
    key: HostKey<'_>,
    buffer: Option<&dyn CallerBuffer>,
    effects: &mut SideEffects,
) -> Result<Answer, Miss> {
    let mut last = Err(before_any(list, NO_MODULE));
    let mut to_merge: Option<Answer> = None;
    for Service { module, actions } in list {
        let Some(mut result) = ask(modules, module, key, buffer, effects) else {
            // A module without the function: only the action CONTINUE continues (`__nss_lookup`).
            if actions.on(Status::Unavail) != Action::Continue {
                break;
            }
            continue;
        };
        if let Err(TOO_SMALL) = result {
            return result;
        }
        if let Some(first) = &to_merge {
            // Two answers cannot be merged; if the second module fails, the first answer is returned.
            result = if result.is_ok() { Err(CANNOT_MERGE) } else { Ok(first.clone()) };
        }
        let mut action = actions.after(&result);
        if action == Action::Merge && result.is_ok() {
            to_merge = result.ok();
            (action, result) = (actions.on(Status::Unavail), Err(CANNOT_MERGE));
        }
        last = latest(result, &last);
        if action == Action::Return {
            break;
        }
    }
    last
}

/// Asks a module. Returns `None` if only libc can load it.
fn ask(
    modules: &Modules<'_>,
    module: &Module,
    key: HostKey<'_>,
    buffer: Option<&dyn CallerBuffer>,
    effects: &mut SideEffects,
) -> Option<Result<Answer, Miss>> {
    let asked = match (module, key) {
        (Module::Files, key) => modules.files(hosts_query(key), buffer),
        (Module::Dns, HostKey::Name(name, family)) => modules.dns(DnsLookup::One { name, family, checked: true }),
        (Module::Dns, HostKey::NameOfAnyFamily(_) | HostKey::NameOfUnknownFamily(_)) => Modules::dns_of_other_family(),
        // glibc allocates the list of addresses in the buffer before it sends a query.
        (Module::Dns, HostKey::Address(_)) if buffer.is_some_and(|buffer| !buffer.fits_address_list()) => {
            Modules::dns_without_room()
        }
        (Module::Dns, HostKey::Address(address)) => modules.dns(DnsLookup::NameOf(address)),
        (Module::Other(_), _) => return None,
    };
    Some(effects.note(asked))
}

fn hosts_query(key: HostKey<'_>) -> HostsQuery<'_> {
    match key {
        HostKey::Name(name, family) => HostsQuery::Name(name, family),
        HostKey::NameOfAnyFamily(name) => HostsQuery::NameOfAnyFamily(name),
        HostKey::NameOfUnknownFamily(name) => HostsQuery::NameOfUnknownFamily(name),
        HostKey::Address(address) => HostsQuery::Address(address, glibc::finds_mapped_addresses_in_hosts()),
    }
}

/// Applies `reorder` of host.conf, and `trim`, which affects only the names of addresses.
fn arranged(mut answer: Answer, key: HostKey<'_>, conf: &HostConf) -> Answer {
    if conf.reorder {
        // The first address in a network of this host is swapped with the first address of all.
        let own = interfaces::list().unwrap_or_default();
        let near = answer.addresses.iter().position(|address| own.iter().any(|own| is_neighbour(address.ip, own)));
        if let Some(near) = near {
            answer.addresses.swap(0, near);
        }
    }
    if let HostKey::Address(_) = key {
        conf.trim(&mut answer.canonical);
        answer.aliases.iter_mut().for_each(|alias| conf.trim(alias));
    }
    answer
}

/// Returns whether an IPv4 address is in the network of an interface.
fn is_neighbour(ip: IpAddr, own: &InterfaceAddress) -> bool {
    let (IpAddr::V4(ip), IpAddr::V4(own_ip)) = (ip, own.ip) else { return false };
    let bits = 32 - u32::from(own.prefix.min(32));
    (ip.to_bits() ^ own_ip.to_bits()).checked_shr(bits).unwrap_or(0) == 0
}
