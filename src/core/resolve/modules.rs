//! One module asked: /etc/hosts, or the name servers. The modules are glibc's nss/nss_files/files-hosts.c and
//! resolv/nss_dns/dns-host.c; what each leaves in h_errno is part of its answer.

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr};

use super::context::Context;
use super::query::Room;
use super::resolved::HErrno;
use crate::dns::{self, Ask};
use crate::files::hosts::{self, Key};
use crate::files::nsswitch::{Module, Service};
use crate::files::resolv_conf::ResolvConf;
use crate::model::{Answer, Failure, Family, Miss, Name, Source, Status};
use crate::rules::rule::Hosts;
use crate::sys::Errno;
use crate::sys::environment::is_privileged;
use crate::tables::resolution::{Initialisation, Resolution};
use crate::tables::{self, Table};

/// What a module says.
pub(super) struct Asked {
    pub(super) result: Result<Answer, Miss>,
    /// None: it was not asked after all.
    source: Option<Source>,
    h_errno: HErrno,
}

impl Asked {
    /// Without a question to any source.
    fn unasked(miss: Miss) -> Self {
        Self { result: Err(miss), source: None, h_errno: HErrno::default() }
    }
}

/// What modules have left behind so far.
#[derive(Default)]
pub(super) struct SideEffects {
    pub(super) source: Option<Source>,
    pub(super) h_errno: HErrno,
}

impl SideEffects {
    /// Takes note of what one left; its result.
    pub(super) fn note(&mut self, asked: Asked) -> Result<Answer, Miss> {
        if asked.source.is_some_and(Source::is_dns) {
            self.h_errno.thread = asked.h_errno.thread;
        }
        self.h_errno.caller = asked.h_errno.caller.or(self.h_errno.caller);
        self.source = asked.source.or(self.source);
        asked.result
    }
}

pub(super) const NOT_FOUND: Miss = Miss::new(Status::NotFound, Failure::NotFound);
/// The caller's buffer is too small, and that ends the lookup, whatever nsswitch.conf says.
pub(super) const TOO_SMALL: Miss = Miss::new(Status::TryAgain, Failure::System(libc::ERANGE));
/// There is no /etc/hosts.
const NO_HOSTS_FILE: Miss = Miss::new(Status::Unavail, Failure::Absent);
/// What `dns` says of a family that it does not know.
const NO_SUCH_FAMILY: Miss = Miss::new(Status::Unavail, Failure::NoData).with_errno(libc::EAFNOSUPPORT);

/// What a walk begins with: no module could be asked, which is `miss`, as glibc has it. But a module that only libc can load
/// may be there and know nothing of the name, as mdns4_minimal and the like do: where all are of that kind, it is not found.
pub(super) fn before_any(list: &[Service], miss: Miss) -> Miss {
    let is_skipped = |service: &Service| matches!(service.module, Module::Other(_));
    if !list.is_empty() && list.iter().all(is_skipped) { NOT_FOUND } else { miss }
}

/// A file cannot be read.
pub(super) const fn unreadable(Errno(errno): Errno) -> Miss {
    Miss::new(Status::Unavail, Failure::System(errno)).with_errno(errno)
}

/// What a walk ends with so far. A source that is not there leaves the failure before it as it was.
pub(super) fn latest(result: Result<Answer, Miss>, before: &Result<Answer, Miss>) -> Result<Answer, Miss> {
    match (result, before) {
        (Err(miss), Err(Miss { failure, .. }))
            if miss.failure == Failure::Absent && !matches!(failure, Failure::System(_)) =>
        {
            Err(Miss { failure: *failure, ..miss })
        }
        (result, _) => result,
    }
}

/// What is looked for in /etc/hosts.
#[derive(Clone, Copy)]
pub(super) enum HostsQuery<'a> {
    /// Addresses of a name, of one family (`_nss_files_gethostbyname3_r`).
    Name(Name<'a>, Family),
    /// Addresses of a name, of both families (`_nss_files_gethostbyname4_r`).
    NameOfBothFamilies(Name<'a>),
    /// The first line with a name, whatever its address.
    NameOfAnyFamily(Name<'a>),
    /// No line, though glibc reads them.
    NameOfUnknownFamily(Name<'a>),
    /// The line of an address, and whether an IPv4 line counts for a mapped IPv6 address.
    Address(IpAddr, bool),
}

impl<'a> HostsQuery<'a> {
    fn look(self, text: &[u8], multi: bool) -> Option<Answer> {
        match self {
            Self::Name(name, family) => hosts::lookup(text, name.as_bytes(), family, multi),
            Self::NameOfBothFamilies(name) => hosts::lookup_both(text, name.as_bytes(), multi),
            Self::NameOfAnyFamily(name) => hosts::lookup_any(text, name.as_bytes()),
            Self::NameOfUnknownFamily(_) => None,
            Self::Address(address, mapped) => hosts::lookup_address(text, address, mapped),
        }
    }

    /// The name that is looked for.
    fn name(self) -> Option<Name<'a>> {
        match self {
            Self::Name(name, _)
            | Self::NameOfBothFamilies(name)
            | Self::NameOfAnyFamily(name)
            | Self::NameOfUnknownFamily(name) => Some(name),
            Self::Address(..) => None,
        }
    }

    /// The same, of a name as rules see it.
    fn without_root_dot(self) -> Self {
        let plain = |name: Name<'a>| Name::of_c_string(name.without_root_dot());
        match self {
            Self::Name(name, family) => Self::Name(plain(name), family),
            Self::NameOfBothFamilies(name) => Self::NameOfBothFamilies(plain(name)),
            Self::NameOfAnyFamily(name) => Self::NameOfAnyFamily(plain(name)),
            Self::NameOfUnknownFamily(_) | Self::Address(..) => self,
        }
    }

    /// Whether host.conf's `multi` makes it read to the end of the file.
    fn heeds_multi(self) -> bool {
        matches!(self, Self::Name(..) | Self::NameOfBothFamilies(_))
    }

    /// What glibc reads lines into the caller's buffer for.
    fn key(self) -> Key<'a> {
        match self {
            Self::Name(name, family) => Key::Name(name.as_bytes(), family),
            Self::NameOfBothFamilies(name) | Self::NameOfAnyFamily(name) | Self::NameOfUnknownFamily(name) => {
                Key::Name(name.as_bytes(), Family::Inet)
            }
            Self::Address(address, mapped) => Key::Address(address, mapped),
        }
    }
}

/// The modules, in one lookup.
pub(super) struct Modules<'r> {
    context: &'r Context<'r>,
    /// None: nothing is asked, since the rule has the addresses.
    resolution: Option<(Table<Resolution>, Initialisation)>,
}

impl<'r> Modules<'r> {
    /// glibc begins every lookup with resolv.conf, also of what is in /etc/hosts (`__resolv_context_get`).
    pub(super) fn new(context: &'r Context<'r>) -> Result<Self, Errno> {
        let resolution = if context.has_addresses() { None } else { Some(context.tables.resolution(context.looks)?) };
        Ok(Self { context, resolution })
    }

    /// `files`. It reads all of /etc/hosts where all lines with a name count, else up to the first; with `room`, as far as
    /// its lines fit there.
    pub(super) fn files(&self, query: HostsQuery<'_>, room: Option<&dyn Room>) -> Asked {
        let Context { tables, answering, cache, looks, .. } = self.context;
        let lines = self.context.lines(query.name());
        // All addresses of a rule count.
        let multi = lines.is_some() || tables.host_conf().multi;
        let query = if lines.is_some() { query.without_root_dot() } else { query };
        let fits = |text: &[u8]| room.is_none_or(|room| room.fits_hosts(text, query.key(), multi));
        let look = |text: &[u8]| if fits(text) { query.look(text, multi).map(Ok) } else { Some(Err(TOO_SMALL)) };
        let read = |path: &CStr| match multi && query.heeds_multi() {
            true => tables::hosts(path).map(|text| look(&text)),
            false => tables::first_in_hosts(path, look),
        };
        let found = match (&lines, &answering.hosts) {
            (Some(lines), _) => Ok(look(lines)),
            (None, Hosts::Off) => return Asked::unasked(NOT_FOUND),
            (None, Hosts::System) if cache.is_some() => tables.kept_hosts(*looks).map(|text| look(&text)),
            (None, Hosts::System) => match tables.unchanged_hosts() {
                Some(text) => Ok(look(&text)),
                None => read(tables::HOSTS),
            },
            (None, Hosts::File(path)) if is_privileged() => Ok(look(&tables::trusted_hosts(path))),
            (None, Hosts::File(path)) => Ok(read(path).unwrap_or_default()),
        };
        let found = match found {
            Ok(None) if !fits(&[]) => Err(TOO_SMALL),
            Ok(found) => found.unwrap_or(Err(NOT_FOUND)),
            // It can be opened, and then not read.
            Err(errno @ Errno(libc::EISDIR)) => Err(unreadable(errno)),
            Err(Errno(errno)) => Err(NO_HOSTS_FILE.with_errno(errno)),
        };
        // What reads on to the end of the file is told that there is no more.
        let reads_to_the_end = (multi && found.is_ok()) || matches!(found, Err(NOT_FOUND));
        let caller = reads_to_the_end.then_some(Err(Failure::NotFound));
        Asked { result: found, source: Some(Source::Files), h_errno: HErrno { thread: None, caller } }
    }

    /// `dns`, or what the cache has of it.
    pub(super) fn dns(&self, ask: Ask<'_>) -> Asked {
        let Context { cache, answering, .. } = self.context;
        let Some((resolution, initialisation)) = &self.resolution else { return Asked::unasked(NOT_FOUND) };
        let mut room = [0; 16];
        let keeps = cache.as_ref().filter(|_| !ask.may_be_alias()).zip(resolution.serial);
        let keeps = keeps.map(|(cache, serial)| (cache, cache.question(&ask, &mut room, answering, serial)));
        let kept = keeps.as_ref().and_then(|(cache, question)| cache.answer(question));
        let source = if kept.is_some() { Source::Cache } else { Source::Dns };
        let outcome = kept.unwrap_or_else(|| {
            let via = answering.via.now();
            let meanwhile = || initialisation.complete();
            let parameters = self.parameters(&resolution.conf, &via, &meanwhile);
            let outcome = dns::lookup(&dns::Parameters { wants_lifetime: keeps.is_some(), ..parameters }, ask);
            if let Some((cache, question)) = &keeps {
                cache.keep_answer(question, &outcome);
            }
            outcome
        });
        let caller = Some(outcome.result.as_ref().map(|_| ()).map_err(|miss| miss.failure));
        let h_errno = HErrno { thread: outcome.h_errno, caller };
        Asked { result: outcome.result, source: Some(source(outcome.server)), h_errno }
    }

    /// `dns`, of a family that it has no records for.
    pub(super) fn dns_of_other_family() -> Asked {
        Asked::unasked(NO_SUCH_FAMILY)
    }

    /// `dns`, where the caller's buffer does not fit what it begins with.
    pub(super) fn dns_without_room() -> Asked {
        Asked::unasked(TOO_SMALL)
    }

    /// resolv.conf, with what the rule changes about it.
    fn parameters<'p>(
        &self,
        conf: &'p ResolvConf,
        via: &'p [SocketAddr],
        meanwhile: &'p dyn Fn(),
    ) -> dns::Parameters<'p> {
        let answering = self.context.answering;
        let (ndots, options) = answering.changed(conf.ndots, conf.options);
        dns::Parameters {
            servers: if via.is_empty() { &conf.servers } else { via },
            search: if answering.search { &conf.search } else { &[] },
            ndots,
            timeout: answering.timeout.unwrap_or(conf.timeout),
            attempts: answering.attempts.unwrap_or(conf.attempts),
            options,
            sortlist: &conf.sortlist,
            wants_lifetime: false,
            meanwhile,
        }
    }
}
