//! A question answered: `files` and `dns` in nsswitch.conf's order, other modules left out.
//!
//! glibc has two ways through the modules, with different codes at the end. [`Engine::host`] is `gethostbyname2_r`
//! (nss/getXXbyYY_r.c); [`Engine::addresses`] is the middle of `getaddrinfo` (sysdeps/posix/getaddrinfo.c,
//! `get_nss_addresses`).

pub mod order;

use std::cell::{Cell, OnceCell};
use std::net::{IpAddr, SocketAddr};

use crate::cache::{Cache, View};
use crate::dns::{Ask, Outcome, Resolver};
use crate::files::hosts::{self, Buffer, Key};
use crate::files::nsswitch::{Action, Module, Service};
use crate::model::Name;
use crate::model::{Answer, Failure, Family, Miss, Status};
use crate::rules::config::Answering;
use crate::sys::interfaces::{self, InterfaceAddress};
use crate::sys::{Errno, glibc};
use crate::tables::resolution::Resolution;
use crate::tables::{self, Table, Tables};

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// /etc/hosts.
    Files,
    /// A name server, where one spoke.
    Dns(Option<SocketAddr>),
    /// The same, in a lookup before this one.
    Cache(Option<SocketAddr>),
}

impl Source {
    /// Whether it was a name server's answer, at whatever time.
    pub fn is_dns(self) -> bool {
        matches!(self, Self::Dns(_) | Self::Cache(_))
    }
}

/// What getaddrinfo's hints choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// None: both (`AF_UNSPEC`).
    pub family: Option<Family>,
    /// `AI_CANONNAME`: glibc then takes another way to the same servers.
    pub canonical: bool,
    /// `AI_V4MAPPED`
    pub v4_mapped: bool,
    /// `AI_ALL`
    pub all: bool,
}

/// One lookup under one rule.
pub struct Engine<'a> {
    tables: &'a Tables,
    answering: &'a Answering,
    cache: Option<View<'a>>,
    resolution: OnceCell<Result<Table<Resolution>, Errno>>,
    no_modules: Cell<Option<Errno>>,
    source: Cell<Option<Source>>,
    resolver_h_errno: Cell<Option<Failure>>,
    module_h_errno: Cell<Option<Result<(), Failure>>>,
    has_memory: bool,
}

/// glibc's two ways through the modules, which differ at the edges.
#[derive(Clone, Copy)]
enum Way {
    /// nss/getXXbyYY_r.c: after `[SUCCESS=merge]`, which hosts cannot do, the answer only stands beside another
    /// module's failure, and what cannot be read of nsswitch.conf or resolv.conf is an error.
    Hostent,
    /// getaddrinfo: such an answer is thrown away where another module follows, which is not asked, and where one of those
    /// files cannot be read nothing is found.
    Addrinfo,
}

/// How far /etc/hosts is read.
#[derive(Clone, Copy)]
enum Reads {
    /// host.conf's `multi`: to the end, or up to the first line that will do.
    AsHostConfSays,
    UpToTheFirst,
}

/// Bytes of a list of one address.
const ADDRESS_LIST: usize = 2 * size_of::<*const u8>();

/// No module of nsswitch.conf could be asked (glibc's EBUSY, which only getaddrinfo says).
const NO_MODULE: Miss = Miss::new(Status::Unavail, Failure::System(libc::EBUSY));
const NO_MODULE_FOR_HOSTENT: Miss = Miss::new(Status::Unavail, Failure::System(0));
/// What `dns` says of a family that it does not know.
const NO_SUCH_FAMILY: Miss = Miss::new(Status::Unavail, Failure::NoData).with_errno(libc::EAFNOSUPPORT);
const NOT_FOUND: Miss = Miss::new(Status::NotFound, Failure::NotFound);
/// There is no /etc/hosts.
const NO_HOSTS_FILE: Miss = Miss::new(Status::Unavail, Failure::Absent);
/// After `[SUCCESS=merge]`. Who knew the name has said so, and that is what `h_errno` shows.
const CANNOT_MERGE: Miss = Miss::new(Status::Unavail, Failure::Unmerged).with_errno(libc::EINVAL);
/// The caller's buffer is too small, and that ends the lookup, whatever nsswitch.conf says.
const TOO_SMALL: Miss = Miss::new(Status::TryAgain, Failure::System(libc::ERANGE));

/// A file cannot be read.
const fn unreadable(Errno(errno): Errno) -> Miss {
    Miss::new(Status::Unavail, Failure::System(errno)).with_errno(errno)
}
const NO_MEMORY: Miss = Miss::new(Status::Unavail, Failure::System(libc::ENOMEM)).with_errno(libc::ENOMEM);

impl<'a> Engine<'a> {
    /// The engine for a name that a rule with this `answering` matched, and with a cache where its answers are kept.
    pub fn new(tables: &'a Tables, answering: &'a Answering, cache: Option<&'a Cache>) -> Self {
        crate::sys::fault::point();
        Self {
            tables,
            answering,
            cache: cache.and_then(Cache::view),
            resolution: OnceCell::new(),
            no_modules: Cell::new(None),
            source: Cell::new(None),
            resolver_h_errno: Cell::new(None),
            module_h_errno: Cell::new(None),
            has_memory: true,
        }
    }

    /// The same where the process has no memory for it: every lookup ends with ENOMEM before it begins.
    pub fn without_memory(self) -> Self {
        Self { has_memory: false, ..self }
    }

    /// What resolv.conf and the program say, found out once: glibc begins every lookup with it, also of what is in
    /// /etc/hosts (`__resolv_context_get`).
    fn resolution(&self) -> Result<&Resolution, Errno> {
        let resolution = self.resolution.get_or_init(|| self.tables.resolution());
        resolution.as_deref().map_err(|errno| *errno)
    }

    /// Why no module can be asked: resolv.conf or nsswitch.conf cannot be read.
    pub fn obstacle(&self) -> Option<Errno> {
        self.resolution().err().or(self.no_modules.get())
    }

    /// What is kept from earlier lookups.
    pub fn cache(&self) -> Option<&View<'a>> {
        self.cache.as_ref()
    }

    /// Who said last what became of the lookup.
    pub fn source(&self) -> Option<Source> {
        self.source.get()
    }

    /// What glibc's resolver would have left in the thread's h_errno on its way; none where it was not asked.
    pub fn resolver_h_errno(&self) -> Option<Failure> {
        self.resolver_h_errno.get()
    }

    /// What glibc's modules would have written where their caller wants h_errno; none where they wrote nothing.
    pub fn module_h_errno(&self) -> Option<Result<(), Failure>> {
        self.module_h_errno.get()
    }

    /// Addresses of one family, with aliases. A `buffer` must be large enough for glibc to look for them.
    pub fn host(&self, name: Name<'_>, family: Family, buffer: Option<Buffer>) -> Result<Answer, Miss> {
        crate::sys::fault::point();
        self.walk(Way::Hostent, |module| self.one(module, name, family, true, buffer))
            .map(|answer| self.reordered(answer))
    }

    /// Addresses of a family that DNS has none of. With `any`, AF_UNSPEC, one of /etc/hosts will do.
    pub fn host_of_other_family(&self, name: Name<'_>, any: bool, buffer: Option<Buffer>) -> Result<Answer, Miss> {
        let room = buffer.map(|buffer| (buffer, Key::Name(name.as_bytes(), Family::Inet)));
        self.walk(Way::Hostent, |module| match module {
            Module::Files => self
                .files(Reads::UpToTheFirst, room, |text, _| hosts::lookup_any(text, name.as_bytes()).filter(|_| any)),
            Module::Dns => Some(Err(NO_SUCH_FAMILY)),
            Module::Other(_) => None,
        })
        .map(|answer| self.reordered(answer))
    }

    /// The name of an address: `gethostbyaddr_r`.
    pub fn name_of(&self, address: IpAddr, buffer: Option<Buffer>) -> Result<Answer, Miss> {
        crate::sys::fault::point();
        let mapped = glibc::minor() >= glibc::MAPPED_ADDRESSES_IN_HOSTS;
        let room = buffer.map(|buffer| (buffer, Key::Address(address, mapped)));
        self.walk(Way::Hostent, |module| match module {
            Module::Files => {
                self.files(Reads::UpToTheFirst, room, |text, _| hosts::lookup_address(text, address, mapped))
            }
            // glibc takes its place for the list of addresses before it asks.
            Module::Dns if buffer.is_some_and(|buffer| buffer.aligned().length < ADDRESS_LIST) => Some(Err(TOO_SMALL)),
            Module::Dns => Some(self.dns(Ask::NameOf(address))),
            Module::Other(_) => None,
        })
        .map(|answer| self.trimmed(self.reordered(answer)))
    }

    /// host.conf's `reorder`: the first address of a network that the host is in changes places with the first of all.
    fn reordered(&self, mut answer: Answer) -> Answer {
        crate::sys::fault::point();
        if self.tables.host_conf().reorder {
            let own = interfaces::list().unwrap_or_default();
            let near = answer.addresses.iter().position(|address| own.iter().any(|own| is_neighbour(address.ip, own)));
            if let Some(near) = near {
                answer.addresses.swap(0, near);
            }
        }
        answer
    }

    /// host.conf's `trim`, which counts for the names of addresses only.
    fn trimmed(&self, mut answer: Answer) -> Answer {
        let conf = self.tables.host_conf();
        conf.trim(&mut answer.canonical);
        answer.aliases.iter_mut().for_each(|alias| conf.trim(alias));
        answer
    }

    /// Addresses for getaddrinfo. A failure is one of those that it tells apart: `NotFound`, `NoData`, `TryAgain`,
    /// `System`.
    pub fn addresses(&self, name: Name<'_>, selection: Selection) -> Result<Answer, Failure> {
        crate::sys::fault::point();
        match selection.family {
            None => self.walk(Way::Addrinfo, |module| self.both(module, name)).map_err(|miss| match miss {
                Miss { status: Status::TryAgain | Status::Unavail, failure: Failure::System(errno), .. } => {
                    Failure::System(errno)
                }
                Miss { failure: failure @ (Failure::TryAgain | Failure::NoData), .. } => failure,
                _ => Failure::NotFound,
            }),
            Some(Family::Inet) if !selection.canonical => {
                self.host(name, Family::Inet, None).map_err(|miss| match miss {
                    Miss { status: Status::NotFound, failure: Failure::NoData, .. } => Failure::NoData,
                    Miss { status: Status::NotFound, .. } => Failure::NotFound,
                    Miss { failure: failure @ (Failure::System(_) | Failure::TryAgain), .. } => failure,
                    // Asked and answered, but to no use: the name is known.
                    _ => Failure::NoData,
                })
            }
            Some(family) => self.one_of_two(name, family, selection),
        }
    }

    /// IPv6, or mapped IPv4, or IPv4 with its canonical name: family by family within each module.
    fn one_of_two(&self, name: Name<'_>, family: Family, selection: Selection) -> Result<Answer, Failure> {
        crate::sys::fault::point();
        let checked = !selection.canonical;
        // The failures of the module asked last: getaddrinfo's code comes from both.
        let (first, last) = (Cell::new(Failure::NotFound), Cell::new(Failure::NotFound));
        let system = Cell::new(None);
        let ask = |module: &Module, family| {
            let result = self.one(module, name, family, checked, None);
            if let Some(Err(Miss { failure: Failure::System(errno), .. })) = result {
                system.set(Some(errno)); // Ends the lookup at once.
            }
            result
        };
        let result = self.walk(Way::Addrinfo, |module| {
            if system.get().is_some() {
                return Some(Err(NO_MODULE));
            }
            let inet6 = match family {
                Family::Inet6 => ask(module, Family::Inet6),
                Family::Inet => None,
            };
            let found_inet6 = matches!(inet6, Some(Ok(_)));
            let mapped = selection.v4_mapped && (selection.all || !found_inet6);
            let inet = match family {
                Family::Inet => ask(module, Family::Inet),
                Family::Inet6 if mapped && system.get().is_none() => ask(module, Family::Inet),
                Family::Inet6 => None,
            };
            let failure = |result: &Option<Result<Answer, Miss>>| match result {
                Some(Err(miss)) => Some(miss.failure),
                _ => None,
            };
            let failures = (failure(&inet6), failure(&inet));
            if failures.0.or(failures.1) != Some(Failure::Absent) {
                first.set(failures.0.or(failures.1).unwrap_or(Failure::NotFound));
                last.set(failures.1.or(failures.0).unwrap_or(Failure::NotFound));
            }
            combine(inet6, inet, family, selection)
        });
        match (result, system.get()) {
            (_, Some(errno)) => Err(Failure::System(errno)),
            (Ok(answer), None) => Ok(answer),
            (Err(Miss { failure: Failure::System(errno), status, .. }), None) if status != Status::NotFound => {
                Err(Failure::System(errno))
            }
            (Err(_), None) => Err(match (first.get(), last.get()) {
                (Failure::TryAgain, Failure::TryAgain) => Failure::TryAgain,
                (Failure::TryAgain | Failure::NoData, Failure::TryAgain | Failure::NoData) => Failure::NoData,
                _ => Failure::NotFound,
            }),
        }
    }

    /// Asks module after module, as nsswitch.conf's actions say. `ask` gives None for a module that cannot be asked.
    fn walk(&self, way: Way, ask: impl FnMut(&Module) -> Option<Result<Answer, Miss>>) -> Result<Answer, Miss> {
        crate::sys::fault::point();
        if !self.has_memory {
            return Err(NO_MEMORY);
        }
        let fails = |errno| {
            Err(match way {
                Way::Hostent => unreadable(errno),
                Way::Addrinfo => NOT_FOUND,
            })
        };
        if let Err(errno) = self.resolution() {
            return fails(errno);
        }
        self.tables.with_host_modules(|modules| match modules {
            Ok(modules) => Self::walk_through(modules, way, ask),
            Err(errno) => {
                self.no_modules.set(Some(errno));
                fails(errno)
            }
        })
    }

    fn walk_through(
        services: &[Service],
        way: Way,
        mut ask: impl FnMut(&Module) -> Option<Result<Answer, Miss>>,
    ) -> Result<Answer, Miss> {
        let mut last = Err(match way {
            Way::Hostent => NO_MODULE_FOR_HOSTENT,
            Way::Addrinfo => NO_MODULE,
        });
        let mut left = services.len();
        let mut to_merge: Option<Answer> = None;
        for service in services.iter() {
            left -= 1;
            let Some(mut result) = ask(&service.module) else {
                if service.actions.on(Status::Unavail) == Action::Return {
                    break;
                }
                continue;
            };
            if let Err(TOO_SMALL) = result {
                return result;
            }
            if let (Way::Hostent, Some(first)) = (way, &to_merge) {
                // Two answers cannot be merged; beside a failure the first one stands.
                result = match result {
                    Ok(_) => Err(CANNOT_MERGE),
                    Err(_) => Ok(first.clone()),
                };
            }
            let mut action = match &result {
                Ok(_) => service.actions.success,
                Err(miss) => service.actions.on(miss.status),
            };
            if let (Action::Merge, Ok(_)) = (action, &result) {
                (action, result) = match way {
                    Way::Hostent => {
                        to_merge = result.ok();
                        (service.actions.on(Status::Unavail), Err(CANNOT_MERGE))
                    }
                    Way::Addrinfo if left > 0 => (Action::Return, Err(NOT_FOUND)),
                    Way::Addrinfo => (Action::Return, result),
                };
            }
            last = match (result, last) {
                // Who is not there leaves what was said before.
                (Err(miss), Err(Miss { failure, .. }))
                    if miss.failure == Failure::Absent && !matches!(failure, Failure::System(_)) =>
                {
                    Err(Miss { failure, ..miss })
                }
                (result, _) => result,
            };
            if action == Action::Return {
                break;
            }
        }
        last
    }

    fn one(
        &self,
        module: &Module,
        name: Name<'_>,
        family: Family,
        checked: bool,
        buffer: Option<Buffer>,
    ) -> Option<Result<Answer, Miss>> {
        crate::sys::fault::point();
        let room = buffer.map(|buffer| (buffer, Key::Name(name.as_bytes(), family)));
        let look = |text: &[u8], multi| hosts::lookup(text, name.as_bytes(), family, multi);
        match module {
            Module::Files => self.files(Reads::AsHostConfSays, room, look),
            Module::Dns => Some(self.dns(Ask::One { name, family, checked })),
            Module::Other(_) => None,
        }
    }

    fn both(&self, module: &Module, name: Name<'_>) -> Option<Result<Answer, Miss>> {
        crate::sys::fault::point();
        match module {
            // For both families, a missing file is no silent one.
            Module::Files => self
                .files(Reads::AsHostConfSays, None, |text, multi| hosts::lookup_both(text, name.as_bytes(), multi))
                .map(|result| {
                    result.map_err(|miss| match miss.failure {
                        Failure::Absent => Miss { failure: Failure::NotFound, ..miss },
                        _ => miss,
                    })
                }),
            Module::Dns => Some(self.dns(Ask::Both(name))),
            Module::Other(_) => None,
        }
    }

    /// Looks into /etc/hosts: all of it where all lines with a name count, else up to the first; with a buffer, as far as
    /// its lines fit into that.
    fn files(
        &self,
        reads: Reads,
        room: Option<(Buffer, Key<'_>)>,
        look: impl Fn(&[u8], bool) -> Option<Answer>,
    ) -> Option<Result<Answer, Miss>> {
        crate::sys::fault::point();
        if !self.answering.hosts {
            return Some(Err(NOT_FOUND)); // The rule says `hosts off`.
        }
        self.source.set(Some(Source::Files));
        let multi = self.tables.host_conf().multi;
        let fits = |text: &[u8]| room.is_none_or(|(buffer, key)| buffer.is_enough(text, key, multi));
        let look = |text: &[u8]| if fits(text) { look(text, multi).map(Ok) } else { Some(Err(TOO_SMALL)) };
        let found = match reads {
            _ if self.cache.is_some() => self.tables.kept_hosts().map(|text| look(&text)),
            Reads::AsHostConfSays if multi => tables::hosts().map(|text| look(&text)),
            _ => tables::first_in_hosts(look),
        };
        let found = match found {
            Ok(Some(Ok(found))) => Some(found),
            Ok(None) if fits(&[]) => None,
            Ok(_) => return Some(Err(TOO_SMALL)),
            // It can be opened, and then not read.
            Err(errno @ Errno(libc::EISDIR)) => return Some(Err(unreadable(errno))),
            Err(Errno(errno)) => return Some(Err(NO_HOSTS_FILE.with_errno(errno))),
        };
        if multi || found.is_none() {
            // Whoever reads on to the end of the file is told that there is no more.
            self.module_h_errno.set(Some(Err(Failure::NotFound)));
        }
        Some(found.ok_or(NOT_FOUND))
    }

    fn dns(&self, ask: Ask<'_>) -> Result<Answer, Miss> {
        crate::sys::fault::point();
        let resolution = self.resolution().map_err(unreadable)?;
        let mut room = [0; 16];
        let keeps = self.cache.as_ref().filter(|_| !ask.may_be_alias()).zip(resolution.serial);
        let keeps = keeps.map(|(cache, serial)| (cache, cache.question(&ask, &mut room, self.answering, serial)));
        let kept = keeps.as_ref().and_then(|(cache, question)| cache.answer(question));
        let source = if kept.is_some() { Source::Cache } else { Source::Dns };
        let outcome = kept.unwrap_or_else(|| {
            let outcome = self.ask(resolution, ask, keeps.is_some());
            if let Some((cache, question)) = &keeps {
                cache.keep_answer(question, &outcome);
            }
            outcome
        });
        self.source.set(Some(source(outcome.server)));
        self.resolver_h_errno.set(outcome.h_errno);
        self.module_h_errno.set(Some(outcome.result.as_ref().map(|_| ()).map_err(|miss| miss.failure)));
        outcome.result
    }

    fn ask(&self, resolution: &Resolution, ask: Ask<'_>, wants_lifetime: bool) -> Outcome {
        let conf = &resolution.conf;
        let answering = self.answering;
        let resolver = Resolver {
            servers: if answering.via.is_empty() { &conf.servers } else { &answering.via },
            search: if answering.search { &conf.search } else { &[] },
            ndots: conf.ndots,
            timeout: answering.timeout.unwrap_or(conf.timeout),
            attempts: answering.attempts.unwrap_or(conf.attempts),
            options: conf.options,
            sortlist: &conf.sortlist,
            wants_lifetime,
        };
        resolver.ask(ask)
    }
}

/// Whether an IPv4 address lies in the network of an interface.
fn is_neighbour(ip: IpAddr, own: &InterfaceAddress) -> bool {
    let (IpAddr::V4(ip), IpAddr::V4(own_ip)) = (ip, own.ip) else { return false };
    let bits = 32 - u32::from(own.prefix.min(32));
    (ip.to_bits() ^ own_ip.to_bits()).checked_shr(bits).unwrap_or(0) == 0
}

/// The results of one module for both families, as getaddrinfo joins them.
fn combine(
    inet6: Option<Result<Answer, Miss>>,
    inet: Option<Result<Answer, Miss>>,
    family: Family,
    selection: Selection,
) -> Option<Result<Answer, Miss>> {
    crate::sys::fault::point();
    let map = |answer: Answer| if family == Family::Inet6 { with_mapped_addresses(answer) } else { answer };
    match (inet6, inet) {
        (None, inet) => inet.map(|result| result.map(map)),
        (Some(Ok(mut answer)), None | Some(Err(_))) => {
            if selection.v4_mapped && !selection.all {
                // An address that the servers themselves give as a mapped one does not count beside real ones.
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
