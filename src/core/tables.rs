//! The system's files as tables, read again when they change and at no other time.

use std::ffi::CStr;
use std::net::Ipv6Addr;
use std::ops::Deref;

use once_cell::race::OnceBox;

use crate::files::gai_conf::{self, GaiConf};
use crate::files::host_conf::{self, HostConf, HostEnvironment};
use crate::files::nsswitch::{self, Service};
use crate::files::resolv_conf::{self, ResolvConf, Surroundings};
use crate::sys::environment::{hostname, variable};
use crate::sys::file::{self, Identity};
use crate::sys::snapshot::{Guard, Snapshot};
use crate::sys::socket::interface_index;

const RESOLV_CONF: &CStr = c"/etc/resolv.conf";
const NSSWITCH_CONF: &CStr = c"/etc/nsswitch.conf";
const HOSTS: &CStr = c"/etc/hosts";
const HOST_CONF: &CStr = c"/etc/host.conf";
const GAI_CONF: &CStr = c"/etc/gai.conf";
const SERVICES: &CStr = c"/etc/services";

/// A table, and the identity of the file that it was read from.
struct Read<T> {
    identity: Identity,
    table: T,
}

/// A table shared by all threads.
struct Cached<T>(Snapshot<Read<T>>);

/// A table for the time of one lookup: the shared one or, while that cannot be replaced, one of our own.
pub enum Table<'a, T> {
    /// Of all threads.
    Shared(SharedTable<'a, T>),
    /// Of this lookup.
    Own(Box<T>),
}

/// A shared table that stays as it is while this lives.
pub struct SharedTable<'a, T>(Guard<'a, Read<T>>);

impl<T> Deref for Table<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Table::Shared(shared) => &shared.0.table,
            Table::Own(own) => own,
        }
    }
}

impl<T> Cached<T> {
    const fn new() -> Self {
        Self(Snapshot::new())
    }

    /// The table, read anew if the file is another than the one it was read from. `keep` says of a table that it
    /// stays, whatever becomes of the file.
    fn get(&self, path: &CStr, keep: impl Fn(&T) -> bool, parse: impl Fn(Option<&[u8]>) -> T) -> Table<'_, T> {
        if let Some(guard) = self.0.read()
            && (keep(&guard.table) || guard.identity == file::identity(path))
        {
            return Table::Shared(SharedTable(guard));
        }
        let content = file::read(path).ok();
        let identity = content.as_ref().map(|content| content.identity).unwrap_or_default();
        let table = parse(content.as_ref().map(|content| content.bytes.as_slice()));
        // Where it cannot be stored just now, it serves this lookup and the next one reads the file again.
        match self.0.replace(Read { identity, table }) {
            Ok(guard) => Table::Shared(SharedTable(guard)),
            Err(read) => Table::Own(Box::new(read.table)),
        }
    }
}

/// All tables.
pub struct Tables {
    resolv_conf: Cached<ResolvConf>,
    nsswitch: Cached<Option<Vec<Service>>>,
    gai_conf: Cached<GaiConf>,
    host_conf: OnceBox<HostConf>,
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

impl Tables {
    /// Nothing read yet.
    pub const fn new() -> Self {
        Self { resolv_conf: Cached::new(), nsswitch: Cached::new(), gai_conf: Cached::new(), host_conf: OnceBox::new() }
    }

    /// resolv.conf(5). RES_OPTIONS and LOCALDOMAIN count as they are when the file is read, as in glibc.
    pub fn resolv_conf(&self) -> Table<'_, ResolvConf> {
        self.resolv_conf.get(
            RESOLV_CONF,
            |conf| conf.options.no_reload,
            |text| {
                resolv_conf::parse(
                    text,
                    &Surroundings {
                        localdomain: variable(c"LOCALDOMAIN").as_deref(),
                        res_options: variable(c"RES_OPTIONS").as_deref(),
                        hostname: &hostname(),
                        scope_id: &scope_id,
                    },
                )
            },
        )
    }

    /// The `hosts` line of nsswitch.conf(5); none where it cannot be read.
    pub fn hosts_services(&self) -> Table<'_, Option<Vec<Service>>> {
        self.nsswitch.get(NSSWITCH_CONF, |_| false, nsswitch::hosts)
    }

    /// gai.conf(5), read once unless it says `reload yes`.
    pub fn gai_conf(&self) -> Table<'_, GaiConf> {
        self.gai_conf.get(GAI_CONF, |conf| !conf.reload, gai_conf::parse)
    }

    /// host.conf(5), read once.
    pub fn host_conf(&self) -> &HostConf {
        self.host_conf.get_or_init(|| {
            let other = variable(c"RESOLV_HOST_CONF").and_then(|path| std::ffi::CString::new(path).ok());
            let text = file::read(other.as_deref().unwrap_or(HOST_CONF)).ok();
            let [multi, reorder] = [variable(c"RESOLV_MULTI"), variable(c"RESOLV_REORDER")];
            Box::new(host_conf::parse(
                text.as_ref().map(|text| text.bytes.as_slice()),
                &HostEnvironment { multi: multi.as_deref(), reorder: reorder.as_deref() },
            ))
        })
    }
}

/// hosts(5), read anew at every lookup, as glibc does; None where it cannot be read.
pub fn hosts() -> Option<Vec<u8>> {
    file::read(HOSTS).ok().map(|content| content.bytes)
}

/// services(5), read anew at every lookup; empty where it cannot be read.
pub fn services() -> Vec<u8> {
    file::read(SERVICES).map(|content| content.bytes).unwrap_or_default()
}

/// The scope of a link-local name server: a number, or the name of an interface (glibc, inet/inet6_scopeid_pton.c).
fn scope_id(address: &Ipv6Addr, scope: &[u8]) -> Option<u32> {
    let [first, ..] = address.segments();
    let link_local = first & 0xffc0 == 0xfe80 || (first & 0xff00 == 0xff00 && first & 0xf == 2);
    let by_name = || if link_local { interface_index(scope) } else { None };
    let number =
        || std::str::from_utf8(scope).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
    by_name().or_else(number)
}
