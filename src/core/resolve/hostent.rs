//! `gethostbyname2_r` and `gethostbyaddr_r` (glibc, nss/getXXbyYY_r.c): module after module, as nsswitch.conf says.
//!
//! After `[SUCCESS=merge]`, which hosts cannot do, the answer only stands beside another module's failure; what cannot be
//! read of nsswitch.conf or resolv.conf is an error.

use std::net::IpAddr;

use super::context::Context;
use super::modules::{HostsQuery, Modules, SideEffects, TOO_SMALL, before_any, latest, unreadable};
use super::query::{HostKey, Room};
use super::resolved::Resolved;
use crate::dns::Ask;
use crate::files::host_conf::HostConf;
use crate::files::nsswitch::{Action, Module, Service};
use crate::model::{Answer, Failure, Miss, Source, Status};
use crate::sys::interfaces::{self, InterfaceAddress};
use crate::sys::{Errno, glibc};

/// No module of nsswitch.conf could be asked.
const NO_MODULE: Miss = Miss::new(Status::Unavail, Failure::System(0));
/// After `[SUCCESS=merge]`. The module that knew the name has said so, and that is what `h_errno` shows.
const CANNOT_MERGE: Miss = Miss::new(Status::Unavail, Failure::Unmerged).with_errno(libc::EINVAL);

/// One lookup.
pub(super) fn resolve(context: &Context<'_>, key: HostKey<'_>, room: Option<&dyn Room>) -> Resolved {
    let cannot_read = |errno: Errno| Resolved { unreadable: Some(errno), ..Resolved::new(Err(unreadable(errno))) };
    let modules = match Modules::new(context) {
        Ok(modules) => modules,
        Err(errno) => return cannot_read(errno),
    };
    if room.is_some_and(|room| !room.fits_key(key)) {
        return Resolved::new(Err(TOO_SMALL));
    }
    let list = match context.host_modules() {
        Ok(list) => list,
        Err(errno) => return cannot_read(errno),
    };
    let mut effects = SideEffects::default();
    let mut result = walk(&modules, &list, key, room, &mut effects);
    if let (Ok(answer), Some(room), HostKey::Address(_)) = (&result, room, key)
        && !room.fits_answer(answer, effects.source.is_some_and(Source::is_dns))
    {
        result = Err(TOO_SMALL); // host.conf's `trim` makes room too late.
    }
    let result = result.map(|answer| arranged(answer, key, context.tables.host_conf()));
    Resolved { source: effects.source, h_errno: effects.h_errno, ..Resolved::new(result) }
}

fn walk(
    modules: &Modules<'_>,
    list: &[Service],
    key: HostKey<'_>,
    room: Option<&dyn Room>,
    effects: &mut SideEffects,
) -> Result<Answer, Miss> {
    let mut last = Err(before_any(list, NO_MODULE));
    let mut to_merge: Option<Answer> = None;
    for Service { module, actions } in list {
        let Some(mut result) = ask(modules, module, key, room, effects) else {
            // A module that has no such function: only CONTINUE goes on (`__nss_lookup`).
            if actions.on(Status::Unavail) != Action::Continue {
                break;
            }
            continue;
        };
        if let Err(TOO_SMALL) = result {
            return result;
        }
        if let Some(first) = &to_merge {
            // Two answers cannot be merged; beside a failure the first one stands.
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

/// What a module says. None: only libc can ask it.
fn ask(
    modules: &Modules<'_>,
    module: &Module,
    key: HostKey<'_>,
    room: Option<&dyn Room>,
    effects: &mut SideEffects,
) -> Option<Result<Answer, Miss>> {
    let asked = match (module, key) {
        (Module::Files, key) => modules.files(hosts_query(key), room),
        (Module::Dns, HostKey::Name(name, family)) => modules.dns(Ask::One { name, family, checked: true }),
        (Module::Dns, HostKey::NameOfAnyFamily(_) | HostKey::NameOfUnknownFamily(_)) => Modules::dns_of_other_family(),
        // glibc takes its place for the list of addresses before it asks.
        (Module::Dns, HostKey::Address(_)) if room.is_some_and(|room| !room.fits_address_list()) => {
            Modules::dns_without_room()
        }
        (Module::Dns, HostKey::Address(address)) => modules.dns(Ask::NameOf(address)),
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

/// host.conf's `reorder`, and its `trim`, which counts for the names of addresses only.
fn arranged(mut answer: Answer, key: HostKey<'_>, conf: &HostConf) -> Answer {
    if conf.reorder {
        // The first address of a network that the host is in changes places with the first of all.
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

/// Whether an IPv4 address lies in the network of an interface.
fn is_neighbour(ip: IpAddr, own: &InterfaceAddress) -> bool {
    let (IpAddr::V4(ip), IpAddr::V4(own_ip)) = (ip, own.ip) else { return false };
    let bits = 32 - u32::from(own.prefix.min(32));
    (ip.to_bits() ^ own_ip.to_bits()).checked_shr(bits).unwrap_or(0) == 0
}
