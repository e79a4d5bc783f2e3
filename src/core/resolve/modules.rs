//! The modules `files` and `dns`: glibc's nss/nss_files/files-hosts.c and resolv/nss_dns/dns-host.c, including what
//! each leaves in `h_errno`.

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr};

use super::context::Context;
use super::query::CallerBuffer;
use super::resolved::HErrno;
use crate::dns::{self, DnsLookup};
use crate::files::hosts::{self, Key};
use crate::files::nsswitch::{Module, Service};
use crate::files::resolv_conf::ResolvConf;
use crate::model::{Answer, Failure, Family, Miss, Name, Source, Status};
use crate::rules::rule::Hosts;
use crate::sys::Errno;
use crate::sys::environment::is_privileged;
use crate::tables::resolution::{Initialisation, Resolution};
use crate::tables::{self, Table};

/// The result of a module.
pub(super) struct ModuleResult {
    pub(super) result: Result<Answer, Miss>,
    /// `None` if the module has used no source.
    source: Option<Source>,
    h_errno: HErrno,
}

impl ModuleResult {
    /// The result of a module that has used no source.
    fn without_source(miss: Miss) -> Self {
        Self { result: Err(miss), source: None, h_errno: HErrno::default() }
    }
}

/// What the modules have left behind so far.
#[derive(Default)]
pub(super) struct SideEffects {
    pub(super) source: Option<Source>,
    pub(super) h_errno: HErrno,
}

impl SideEffects {
    /// Records what a module leaves behind, and returns its result.
    pub(super) fn note(&mut self, asked: ModuleResult) -> Result<Answer, Miss> {
        if asked.source.is_some_and(Source::is_dns) {
            self.h_errno.thread = asked.h_errno.thread;
        }
        self.h_errno.caller = asked.h_errno.caller.or(self.h_errno.caller);
        self.source = asked.source.or(self.source);
        asked.result
    }
}

pub(super) const NOT_FOUND: Miss = Miss::new(Status::NotFound, Failure::NotFound);
/// The caller's buffer is too small, which ends the lookup regardless of the actions in nsswitch.conf.
pub(super) const TOO_SMALL: Miss = Miss::new(Status::TryAgain, Failure::System(libc::ERANGE));
/// There is no /etc/hosts.
const NO_HOSTS_FILE: Miss = Miss::new(Status::Unavail, Failure::Absent);
/// The result of `dns` for an unknown address family.
const NO_SUCH_FAMILY: Miss = Miss::new(Status::Unavail, Failure::NoData).with_errno(libc::EAFNOSUPPORT);

/// Returns the result before any module has been asked: `miss`, as in glibc. If all modules are ones that only libc can
/// load, it is "not found" instead: they may exist without knowing the name, like mdns4_minimal.
pub(super) fn before_any(list: &[Service], miss: Miss) -> Miss {
    let is_skipped = |service: &Service| matches!(service.module, Module::Other(_));
    if !list.is_empty() && list.iter().all(is_skipped) { NOT_FOUND } else { miss }
}

/// The result if a file cannot be read.
pub(super) const fn unreadable(Errno(errno): Errno) -> Miss {
    Miss::new(Status::Unavail, Failure::System(errno)).with_errno(errno)
}

/// Returns the result after another module. A module that is not available leaves the previous failure unchanged.
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

/// A lookup in /etc/hosts.
#[derive(Clone, Copy)]
pub(super) enum HostsQuery<'a> {
    /// The addresses of a name, of one family (`_nss_files_gethostbyname3_r`).
    Name(Name<'a>, Family),
    /// The addresses of a name, of both families (`_nss_files_gethostbyname4_r`).
    NameOfBothFamilies(Name<'a>),
    /// The first line with a name, whatever its address.
    NameOfAnyFamily(Name<'a>),
    /// No line matches, though glibc reads the file.
    NameOfUnknownFamily(Name<'a>),
    /// The line with an address, and whether an IPv4 line matches an IPv4-mapped IPv6 address.
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

    /// Returns the name that is looked up.
    fn name(self) -> Option<Name<'a>> {
        match self {
            Self::Name(name, _)
            | Self::NameOfBothFamilies(name)
            | Self::NameOfAnyFamily(name)
            | Self::NameOfUnknownFamily(name) => Some(name),
            Self::Address(..) => None,
        }
    }

    /// Returns the same lookup with the name as rules see it.
    fn without_root_dot(self) -> Self {
        let plain = |name: Name<'a>| Name::of_c_string(name.without_root_dot());
        match self {
            Self::Name(name, family) => Self::Name(plain(name), family),
            Self::NameOfBothFamilies(name) => Self::NameOfBothFamilies(plain(name)),
            Self::NameOfAnyFamily(name) => Self::NameOfAnyFamily(plain(name)),
            Self::NameOfUnknownFamily(_) | Self::Address(..) => self,
        }
    }

    /// Returns whether the lookup reads the file to its end because of host.conf's `multi`.
    fn heeds_multi(self) -> bool {
        matches!(self, Self::Name(..) | Self::NameOfBothFamilies(_))
    }

    /// Returns the key for which glibc reads lines into the caller's buffer.
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

/// The modules during one lookup.
pub(super) struct Modules<'r> {
    context: &'r Context<'r>,
    /// `None` if nothing is queried, since the rule gives the addresses.
    resolution: Option<(Table<Resolution>, Initialisation)>,
}

impl<'r> Modules<'r> {
    /// As in glibc, every lookup begins with resolv.conf, even if the name is in /etc/hosts (`__resolv_context_get`).
    pub(super) fn new(context: &'r Context<'r>) -> Result<Self, Errno> {
        let resolution = if context.has_addresses() { None } else { Some(context.tables.resolution(context.recheck)?) };
        Ok(Self { context, resolution })
    }

    /// Asks `files`. It reads the whole file if all lines with a name are used, otherwise only as far as necessary;
    /// with `buffer`, as long as the lines fit there.
    pub(super) fn files(&self, query: HostsQuery<'_>, buffer: Option<&dyn CallerBuffer>) -> ModuleResult {
        let Context { tables, answering, cache, recheck, .. } = self.context;
        let lines = self.context.lines(query.name());
        // All addresses of a rule are used.
        let multi = lines.is_some() || tables.host_conf().multi;
        let query = if lines.is_some() { query.without_root_dot() } else { query };
        let fits = |text: &[u8]| buffer.is_none_or(|buffer| buffer.fits_hosts(text, query.key(), multi));
        let look = |text: &[u8]| if fits(text) { query.look(text, multi).map(Ok) } else { Some(Err(TOO_SMALL)) };
        let read = |path: &CStr| match multi && query.heeds_multi() {
            true => tables::hosts(path).map(|text| look(&text)),
            false => tables::first_in_hosts(path, look),
        };
        let found = match (&lines, &answering.hosts) {
            (Some(lines), _) => Ok(look(lines)),
            (None, Hosts::Off) => return ModuleResult::without_source(NOT_FOUND),
            (None, Hosts::System) if cache.is_some() => tables.retained_hosts(*recheck).map(|text| look(&text)),
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
            // A directory can be opened, but not read.
            Err(errno @ Errno(libc::EISDIR)) => Err(unreadable(errno)),
            Err(Errno(errno)) => Err(NO_HOSTS_FILE.with_errno(errno)),
        };
        // A lookup that reads to the end of the file sets `h_errno` to HOST_NOT_FOUND.
        let reads_to_the_end = (multi && found.is_ok()) || matches!(found, Err(NOT_FOUND));
        let caller = reads_to_the_end.then_some(Err(Failure::NotFound));
        ModuleResult { result: found, source: Some(Source::Files), h_errno: HErrno { thread: None, caller } }
    }

    /// Asks `dns`, unless the cache has the answer.
    pub(super) fn dns(&self, ask: DnsLookup<'_>) -> ModuleResult {
        let Context { cache, answering, .. } = self.context;
        let Some((resolution, initialisation)) = &self.resolution else {
            return ModuleResult::without_source(NOT_FOUND);
        };
        let mut buffer = [0; 16];
        let keeps = cache.as_ref().filter(|_| !ask.may_be_alias()).zip(resolution.serial);
        let keeps = keeps.map(|(cache, serial)| (cache, cache.question(&ask, &mut buffer, answering, serial)));
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
        ModuleResult { result: outcome.result, source: Some(source(outcome.server)), h_errno }
    }

    /// The result of `dns` for an address family that has no record type.
    pub(super) fn dns_of_other_family() -> ModuleResult {
        ModuleResult::without_source(NO_SUCH_FAMILY)
    }

    /// The result of `dns` if the caller's buffer is too small for what glibc stores there first.
    pub(super) fn dns_without_room() -> ModuleResult {
        ModuleResult::without_source(TOO_SMALL)
    }

    /// Returns the settings of resolv.conf, with the changes of the rule.
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
