//! The current contents of the system's configuration files, which are read again only when they have changed.

pub mod resolution;

use std::borrow::Cow;
use std::ffi::CStr;
use std::net::Ipv6Addr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use once_cell::race::OnceBox;

use crate::files::host_conf::{self, HostConf, HostEnvironment};
use crate::files::nsswitch::{self, Action, Actions, Module, Nsswitch, Service};
use crate::files::resolv_conf::{self, ResolverEnvironment};
use crate::files::services;
use crate::files::{
    self,
    gai_conf::{self, GaiConf},
};
use crate::model::Status;
use crate::rules::trust;
use crate::sys::clock::Tick;
use crate::sys::environment::{hostname, variable};
use crate::sys::file::{self, Identity};
use crate::sys::resolver_state::{self, State};
use crate::sys::snapshot::Snapshot;
use crate::sys::socket::interface_index;
use crate::sys::{Errno, clock, fault, glibc, memory, nss_module};
use crate::tables::resolution::{Initialisation, Resolution};

const RESOLV_CONF: &CStr = c"/etc/resolv.conf";
const NSSWITCH_CONF: &CStr = c"/etc/nsswitch.conf";
/// The hosts(5) file.
pub const HOSTS: &CStr = c"/etc/hosts";
const HOST_CONF: &CStr = c"/etc/host.conf";
const GAI_CONF: &CStr = c"/etc/gai.conf";
const SERVICES: &CStr = c"/etc/services";
/// The file that the module `usrfiles` reads (SUSE).
const USR_SERVICES: &CStr = c"/usr/etc/services";
/// The file that the module `db` reads.
const SERVICES_DB: &CStr = c"/var/db/services.db";
/// The file that some releases of glibc (SUSE's) read if there is no /etc/nsswitch.conf.
const USR_NSSWITCH_CONF: &CStr = c"/usr/etc/nsswitch.conf";

/// The size in bytes up to which the contents of the hosts(5) file are retained.
const MAX_RETAINED_HOSTS: usize = 64 << 10;

/// A table, and the state of the file from which it was read.
struct Read<T> {
    identity: Identity,
    /// The error with which reading the file failed.
    error: Option<Errno>,
    table: T,
}

/// A table that all threads share.
struct Cached<T> {
    table: Snapshot<Read<T>>,
    /// The [`Tick`] in which the file was last found unchanged; 0 if there is none.
    checked_in: AtomicU64,
}

/// How often lookups check whether a file has changed.
#[derive(Clone, Copy, Debug)]
pub enum Recheck {
    /// Every lookup checks, as in glibc.
    Always,
    /// One lookup of a thread in each tick of the kernel's clock checks; the current tick is given. For lookups with a
    /// cache.
    OncePerTick(Tick),
}

/// A table for the duration of one lookup: the shared one or, while that cannot be replaced, one of its own.
pub struct Table<T>(Arc<Read<T>>);

impl<T> Table<T> {
    fn own(table: T) -> Self {
        Self(Arc::new(Read { identity: Identity::default(), error: None, table }))
    }

    /// Returns why the file could not be read, if glibc does not treat that like a missing file: it is a directory, or
    /// no file descriptor is available.
    fn error(&self) -> Option<Errno> {
        self.0.error.filter(|&error| !is_absence(error))
    }
}

/// Returns whether a file that cannot be opened for this reason is treated like a missing file.
fn is_absence(Errno(error): Errno) -> bool {
    match error {
        // As in glibc, nss/nss_database.c.
        libc::EACCES | libc::ELOOP | libc::ENOENT | libc::ENOTDIR | libc::EPERM => true,
        libc::EINVAL => true, // A device or a FIFO, on which the host process could block.
        libc::ENOMEM => true, // Without memory, the library continues as long as it can.
        _ => false,
    }
}

impl<T> Deref for Table<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.table
    }
}

impl<T> Cached<T> {
    const fn new() -> Self {
        Self { table: Snapshot::new(), checked_in: AtomicU64::new(0) }
    }

    fn is_checked(&self, recheck: Recheck) -> bool {
        matches!(recheck, Recheck::OncePerTick(tick) if self.checked_in.load(Ordering::Relaxed) == tick.number())
    }

    fn mark_checked(&self, recheck: Recheck) {
        if let Recheck::OncePerTick(tick) = recheck {
            self.checked_in.store(tick.number(), Ordering::Relaxed);
        }
    }

    /// Returns the table, after reading the file again if it has changed. If `keep` returns true for the current table,
    /// the file is not checked. `parse` is also given the previous table.
    fn get(
        &self,
        path: &CStr,
        recheck: Recheck,
        keep: impl Fn(&T) -> bool,
        parse: impl Fn(Option<&[u8]>, Option<&T>) -> T,
    ) -> Table<T> {
        fault::point();
        let before = match self.table.read() {
            Some(read) if keep(&read.table) || self.is_checked(recheck) => return Table(read),
            Some(read) if read.error.is_none_or(is_absence) && read.identity == file::identity(path) => {
                self.mark_checked(recheck);
                return Table(read);
            }
            before => before,
        };
        let content = file::read(path);
        let identity = content.as_ref().map(|content| content.identity).unwrap_or_default();
        let bytes = content.as_ref().map(|content| content.bytes.as_slice()).ok();
        let table = parse(bytes, before.as_ref().map(|read| &read.table));
        let error = content.err();
        // If the table cannot be stored now, it is used for this lookup, and the next one reads the file again.
        Table(self.table.replace(Read { identity, error, table }).unwrap_or_else(Arc::new))
    }
}

/// The sources of the services database.
#[derive(Default)]
pub struct Services {
    /// The contents of services(5) for `files`, followed by those for `usrfiles`.
    text: Vec<u8>,
    /// The other modules, in order, which have to be loaded.
    others: Vec<Box<[u8]>>,
}

impl Services {
    fn read(modules: &[Service]) -> Self {
        let mut services = Self::default();
        for Service { module, actions } in modules {
            match module {
                Module::Files => services.append(SERVICES),
                Module::Other(name) if **name == *b"usrfiles" => services.append(USR_SERVICES),
                Module::Other(name) => services.others.push(name.clone()),
                Module::Dns => {}
            }
            // A module without the function returns UNAVAIL, after which only the action CONTINUE continues
            // (`__nss_lookup`).
            let ends = match module {
                Module::Files => actions.on(Status::NotFound) == Action::Return,
                _ => actions.on(Status::Unavail) != Action::Continue,
            };
            if ends {
                break;
            }
        }
        services
    }

    fn append(&mut self, path: &CStr) {
        if let Ok(content) = file::read(path) {
            self.text.extend_from_slice(&as_glibc_reads(&content.bytes));
        }
    }

    /// Returns the port of the service with this name or alias and protocol.
    pub fn by_name(&self, name: &[u8], protocol: &[u8]) -> Option<u16> {
        let known = services::by_name(&self.text, name, protocol);
        known.or_else(|| self.loaded().find_map(|module| nss_module::port_of(module, name, protocol)))
    }

    /// Returns the name of the service with this port and protocol.
    pub fn by_port(&self, port: u16, protocol: &[u8]) -> Option<Vec<u8>> {
        let known = services::by_port(&self.text, port, protocol);
        known.or_else(|| self.loaded().find_map(|module| nss_module::name_of(module, port, protocol)))
    }

    /// Returns the modules that have to be loaded. `db`, which Debian's default nsswitch.conf lists, is left out if its
    /// file has not been made.
    fn loaded(&self) -> impl Iterator<Item = &[u8]> {
        let is_of_use = |module: &&[u8]| *module != b"db" || file::ownership(SERVICES_DB).is_ok();
        self.others.iter().map(|module| &**module).filter(is_of_use)
    }
}

/// The modules of the hosts database: those that the program selected, or those of nsswitch.conf.
pub enum HostModules {
    /// Selected by the program with `__nss_configure_lookup`.
    Chosen(Arc<Vec<Service>>),
    /// Those of nsswitch.conf.
    Listed(Table<Option<Nsswitch>>),
    /// Those of nsswitch.conf, followed by `dns`.
    WithDns(Vec<Service>),
    /// A single module, selected by a rule.
    Only([Service; 1]),
}

impl HostModules {
    /// Only `files`.
    pub fn files() -> Self {
        Self::Only([Service { module: Module::Files, actions: Actions::default() }])
    }

    /// Appends `dns` if it is missing from the modules of nsswitch.conf. A selection by the program is not changed.
    pub fn with_dns(self) -> Self {
        if matches!(self, Self::Chosen(_)) || self.iter().any(|service| service.module == Module::Dns) {
            return self;
        }
        let dns = Service { module: Module::Dns, actions: Actions::default() };
        Self::WithDns(self.iter().cloned().chain([dns]).collect())
    }
}

impl Deref for HostModules {
    type Target = [Service];

    fn deref(&self) -> &[Service] {
        match self {
            Self::Chosen(chosen) => chosen,
            Self::Listed(table) => table.as_ref().map_or(&[], |nsswitch| &nsswitch.hosts),
            Self::WithDns(listed) => listed,
            Self::Only(module) => module,
        }
    }
}

/// All tables.
pub struct Tables {
    resolv_conf: Cached<Resolution>,
    nsswitch: Cached<Option<Nsswitch>>,
    usr_nsswitch: Cached<Option<Nsswitch>>,
    /// The modules that the program selected with `__nss_configure_lookup`. Changes of nsswitch.conf do not affect
    /// them.
    chosen_hosts: Snapshot<Vec<Service>>,
    chosen_services: Snapshot<Vec<Service>>,
    gai_conf: Cached<GaiConf>,
    hosts: Cached<Vec<u8>>,
    has_read_hosts: AtomicBool,
    host_conf: OnceBox<HostConf>,
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

impl Tables {
    /// Creates tables of which none has been read.
    pub const fn new() -> Self {
        Self {
            resolv_conf: Cached::new(),
            nsswitch: Cached::new(),
            usr_nsswitch: Cached::new(),
            chosen_hosts: Snapshot::new(),
            chosen_services: Snapshot::new(),
            gai_conf: Cached::new(),
            hosts: Cached::new(),
            has_read_hosts: AtomicBool::new(false),
            host_conf: OnceBox::new(),
        }
    }

    /// Returns resolv.conf(5). As in glibc, RES_OPTIONS and LOCALDOMAIN are evaluated when the file is read.
    fn resolv_conf(&self, recheck: Recheck) -> Table<Resolution> {
        fault::point();
        self.resolv_conf.get(
            RESOLV_CONF,
            recheck,
            |_| false,
            |text, before| {
                let [localdomain, res_options] = [variable(c"LOCALDOMAIN"), variable(c"RES_OPTIONS")];
                let environment = ResolverEnvironment {
                    localdomain: localdomain.as_deref(),
                    res_options: res_options.as_deref(),
                    hostname: &hostname(),
                    scope_id: &scope_id,
                    minor: glibc::minor(),
                };
                Resolution::new(resolv_conf::parse(text, &environment), before)
            },
        )
    }

    /// Returns the resolver configuration of this thread: resolv.conf, unless the program has changed its `_res` or set
    /// RES_NORELOAD. As in a lookup of glibc, `_res` is initialised if it has not been (see [`Initialisation`]), and
    /// host.conf is read.
    ///
    /// # Errors
    /// `_res` has to be initialised or updated, and the file cannot be read.
    pub fn resolution(&self, recheck: Recheck) -> Result<(Table<Resolution>, Initialisation), Errno> {
        fault::point();
        self.host_conf();
        let file = self.resolv_conf(recheck);
        if file.error().is_none() && file.is_copied() {
            return Ok((file, Initialisation::done()));
        }
        let state = resolver_state::read();
        if state.is_none() && file.error().is_none() && !file.cannot_be_copied_in() {
            return Ok((file, Initialisation::due()));
        }
        self.resolution_by_glibc(file, state).map(|resolution| (resolution, Initialisation::done()))
    }

    /// Like [`Tables::resolution`], where `_res` differs from the file: the program has changed it, or it is glibc's
    /// copy of another state of the file. Only glibc can tell which.
    fn resolution_by_glibc(&self, file: Table<Resolution>, state: Option<State>) -> Result<Table<Resolution>, Errno> {
        let is_initialised = if file.cannot_be_copied_in() { None } else { resolution::initialise() };
        match (is_initialised, state, file.error()) {
            (Some(false), _, Some(error)) => Err(error),
            (Some(_), ..) => {
                let file = self.resolv_conf(Recheck::Always);
                Ok(match resolver_state::read() {
                    Some(state) if !file.is_copied_in(&state) => Table::own(file.with_program_settings(&state)),
                    _ => file,
                })
            }
            (None, Some(state), _) if !file.was_copied_in(&state) => Ok(Table::own(file.with_program_settings(&state))),
            (None, _, Some(error)) => Err(error),
            (None, _, None) => Ok(file),
        }
    }

    /// Returns nsswitch.conf(5).
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is invalid.
    fn nsswitch(&self, recheck: Recheck) -> Result<Table<Option<Nsswitch>>, Errno> {
        let minor = glibc::minor();
        let is_read_once = minor < glibc::NSS_DATABASE;
        let mut table =
            self.nsswitch.get(NSSWITCH_CONF, recheck, |_| is_read_once, |text, _| nsswitch::parse(text, minor));
        if table.0.error == Some(Errno(libc::ENOENT)) && reads_usr_nsswitch_conf() {
            let parse = |text: Option<&[u8]>, _: Option<&_>| nsswitch::parse(text, minor);
            table = self.usr_nsswitch.get(USR_NSSWITCH_CONF, recheck, |_| is_read_once, parse);
        }
        match table.error() {
            Some(error) if !is_read_once => Err(error),
            _ if table.is_none() => Err(Errno(libc::EINVAL)),
            _ => Ok(table),
        }
    }

    /// Returns the modules of the hosts database, in order.
    ///
    /// # Errors
    /// nsswitch.conf cannot be read, or a line of it is invalid.
    pub fn host_modules(&self, recheck: Recheck) -> Result<HostModules, Errno> {
        match self.chosen_hosts.read() {
            Some(chosen) => Ok(HostModules::Chosen(chosen)),
            None => self.nsswitch(recheck).map(HostModules::Listed),
        }
    }

    /// Records the modules that the program has selected for hosts with `__nss_configure_lookup`.
    pub fn choose_host_modules(&self, modules: Vec<Service>) {
        fault::point();
        choose(&self.chosen_hosts, modules);
    }

    /// Records the modules that the program has selected for services.
    pub fn choose_service_modules(&self, modules: Vec<Service>) {
        choose(&self.chosen_services, modules);
    }

    /// Returns whether the program has selected a module for hosts that only libc can load.
    pub fn has_foreign_choice(&self) -> bool {
        let is_foreign = |service: &Service| matches!(service.module, Module::Other(_));
        self.chosen_hosts.read().is_some_and(|chosen| chosen.iter().any(is_foreign))
    }

    /// Returns the services, which are read again in every lookup.
    ///
    /// # Errors
    /// nsswitch.conf cannot be read.
    pub fn services(&self) -> Result<Services, Errno> {
        fault::point();
        match self.chosen_services.read() {
            Some(chosen) => Ok(Services::read(&chosen)),
            None => Ok(self
                .nsswitch(Recheck::Always)?
                .as_ref()
                .map_or_else(Services::default, |known| Services::read(&known.services))),
        }
    }

    /// Returns the whole hosts(5) file, which is retained if it is small, so that only its status has to be checked.
    /// For lookups with a cache.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn retained_hosts(&self, recheck: Recheck) -> Result<Table<Vec<u8>>, Errno> {
        fault::point();
        if let Some(read) = self.hosts.table.read()
            && (self.hosts.is_checked(recheck) || read.identity == file::identity(HOSTS))
        {
            self.hosts.mark_checked(recheck);
            return Ok(Table(read));
        }
        self.read_hosts()
    }

    /// Reads the whole hosts(5) file, and retains it if it is small and has not changed recently.
    fn read_hosts(&self) -> Result<Table<Vec<u8>>, Errno> {
        let now = clock::wall();
        let content = file::read(HOSTS)?;
        let stays = content.identity.is_settled(now) && content.bytes.len() <= MAX_RETAINED_HOSTS;
        let read = Read { identity: content.identity, error: None, table: as_glibc_reads_hosts(content.bytes) };
        // Memory from the emergency reserve must remain available to others, so it is not used for what is retained.
        let stays = stays && memory::can_have(MAX_RETAINED_HOSTS);
        Ok(Table(if stays { self.hosts.table.replace(read).unwrap_or_else(Arc::new) } else { Arc::new(read) }))
    }

    /// Returns the retained hosts(5) file if it has not changed, for lookups without a cache. This takes one stat(2)
    /// instead of open, read and close. Returns `None` if the file must be read as glibc reads it: because it is large
    /// or has changed recently, or in the first lookup of the process, which would have to read it anyway, and retains
    /// nothing.
    pub fn unchanged_hosts(&self) -> Option<Table<Vec<u8>>> {
        fault::point();
        if !self.has_read_hosts.load(Ordering::Relaxed) {
            self.has_read_hosts.store(true, Ordering::Relaxed);
            return None;
        }
        let identity = file::identity(HOSTS);
        match self.hosts.table.read() {
            Some(read) if read.identity == identity => Some(Table(read)),
            _ if identity.is_settled(clock::wall()) && identity.size() <= MAX_RETAINED_HOSTS => self.read_hosts().ok(),
            _ => None,
        }
    }

    /// Returns gai.conf(5), which is read once, unless it has `reload yes`.
    pub fn gai_conf(&self) -> Table<GaiConf> {
        fault::point();
        self.gai_conf.get(GAI_CONF, Recheck::Always, |conf| !conf.reload, |text, _| gai_conf::parse(text))
    }

    /// Returns host.conf(5), which is read once.
    pub fn host_conf(&self) -> &HostConf {
        fault::point();
        self.host_conf.get_or_init(|| {
            let other = variable(c"RESOLV_HOST_CONF").and_then(|path| std::ffi::CString::new(path).ok());
            let text = file::read(other.as_deref().unwrap_or(HOST_CONF)).ok();
            let [multi, reorder] = [variable(c"RESOLV_MULTI"), variable(c"RESOLV_REORDER")];
            let add_trim = variable(c"RESOLV_ADD_TRIM_DOMAINS");
            let override_trim = variable(c"RESOLV_OVERRIDE_TRIM_DOMAINS");
            Box::new(host_conf::parse(
                text.as_ref().map(|text| text.bytes.as_slice()),
                &HostEnvironment {
                    multi: multi.as_deref(),
                    reorder: reorder.as_deref(),
                    add_trim: add_trim.as_deref(),
                    override_trim: override_trim.as_deref(),
                },
            ))
        })
    }
}

/// Returns whether /usr/etc/nsswitch.conf exists and the running glibc reads it if there is none in /etc. The file is
/// checked first, since hardly any system has it, while searching libc's text takes long.
fn reads_usr_nsswitch_conf() -> bool {
    file::ownership(USR_NSSWITCH_CONF).is_ok() && glibc::has_text(USR_NSSWITCH_CONF)
}

/// Returns the list of modules of a database as written in nsswitch.conf, or glibc's default if it has no such line.
/// Returns `None` if glibc cannot use the file.
pub fn modules_of(database: &CStr) -> Option<Vec<u8>> {
    let content = match file::read(NSSWITCH_CONF) {
        Err(Errno(libc::ENOENT)) if reads_usr_nsswitch_conf() => file::read(USR_NSSWITCH_CONF),
        content => content,
    };
    let text = match content {
        Ok(content) => content.bytes,
        Err(error) if is_absence(error) => Vec::new(),
        Err(_) => return None,
    };
    let minor = glibc::minor();
    if nsswitch::first_unreadable_line(&text, minor).is_some() {
        return None;
    }
    Some(nsswitch::modules_of(&text, database.to_bytes(), minor).to_vec())
}

/// Stores a selection. Unlike a table, it cannot be read again later, so it must not be lost because another thread is
/// reading the previous one.
fn choose(place: &Snapshot<Vec<Service>>, mut modules: Vec<Service>) {
    const TRIES: u32 = 1000; // Readers hold the cell for a few instructions only.
    for _ in 0..TRIES {
        match place.replace(modules) {
            Ok(_) => return,
            Err(refused) => modules = refused,
        }
        std::thread::yield_now();
    }
}

/// Returns the first result of `look` on blocks of lines of a hosts(5) file. As in glibc, the file is read again in
/// every lookup, and only as far as necessary.
///
/// # Errors
/// The file cannot be read.
pub fn first_in_hosts<R>(path: &CStr, look: impl Fn(&[u8]) -> Option<R>) -> Result<Option<R>, Errno> {
    fault::point();
    let mut chunks = file::chunks(path)?;
    while let Some(lines) = chunks.next_lines() {
        if let Some(found) = look(&as_glibc_reads(lines)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads a whole hosts(5) file.
///
/// # Errors
/// The file cannot be read.
pub fn hosts(path: &CStr) -> Result<Vec<u8>, Errno> {
    fault::point();
    file::read_lines(path).map(as_glibc_reads_hosts)
}

/// Reads a hosts(5) file that a rule names, for a privileged program. The result is empty if anybody but root could
/// have written the file.
pub fn trusted_hosts(path: &CStr) -> Vec<u8> {
    let trusted = file::read_no_link(path).ok().filter(|content| trust::is_trusted(path, content.ownership));
    trusted.map(|content| as_glibc_reads_hosts(content.bytes)).unwrap_or_default()
}

/// Returns the text that the `files` module of the running glibc passes to its parsers.
fn as_glibc_reads(text: &[u8]) -> Cow<'_, [u8]> {
    if glibc::minor() >= glibc::READLINE { files::text::as_glibc_reads(text) } else { Cow::Borrowed(text) }
}

fn as_glibc_reads_hosts(text: Vec<u8>) -> Vec<u8> {
    match as_glibc_reads(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(read) => read,
    }
}

/// Parses a scope ID: a number or, for a link-local address or a multicast address of node-local or link-local scope,
/// the name of an interface (glibc, inet/inet6_scopeid_pton.c).
pub fn scope_id(address: &Ipv6Addr, scope: &[u8]) -> Option<u32> {
    let [first, ..] = address.segments();
    let is_local_multicast = first & 0xff00 == 0xff00 && matches!(first & 0xf, 1 | 2);
    let link_local = first & 0xffc0 == 0xfe80 || is_local_multicast;
    let by_name = || if link_local { interface_index(scope) } else { None };
    let number =
        || std::str::from_utf8(scope).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
    by_name().or_else(number)
}
