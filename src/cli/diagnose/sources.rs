//! The answers of the sources for a name, each queried on its own, with the time that it took.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use nss_bypass_core::dns::{self, DnsLookup};
use nss_bypass_core::files::{hosts, nsswitch};
use nss_bypass_core::model::{Answer, Failure, Name, Source as Origin, Subject};
use nss_bypass_core::resolve::{HostKey, Nodes, Query, Resolver, Selection};
use nss_bypass_core::rules::rule::{Answering, Hosts};
use nss_bypass_core::sys::glibc;
use nss_bypass_core::tables::resolution::Resolution;
use nss_bypass_core::tables::{self, Tables};
use serde::Serialize;

use crate::ui::output;
use crate::ui::screen::{self, printable};

/// The answer of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// The source knows the name, or the address.
    Found {
        /// The addresses of a name.
        addresses: Vec<IpAddr>,
        /// The name of an address.
        names: Vec<String>,
    },
    /// The source answers that there is no such name.
    NotFound {
        /// More precisely.
        reason: String,
    },
    /// The source gave no answer.
    Failed {
        /// Why.
        reason: String,
    },
    /// The source was not queried.
    Unasked {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Creates an answer with these addresses in ascending order, since the order of a source may differ each time.
    pub(crate) fn addresses(addresses: Vec<IpAddr>) -> Self {
        let sorted: BTreeSet<IpAddr> = addresses.into_iter().collect();
        Self::Found { addresses: sorted.into_iter().collect(), names: Vec::new() }
    }

    pub(crate) fn name(name: &[u8]) -> Self {
        Self::Found { addresses: Vec::new(), names: vec![printable(name)] }
    }

    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self::NotFound { reason: reason.into() }
    }

    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into() }
    }

    pub(crate) fn unasked(reason: impl Into<String>) -> Self {
        Self::Unasked { reason: reason.into() }
    }

    /// Returns whether this is an answer, positive or negative.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Found { .. } | Self::NotFound { .. })
    }

    /// Returns the first address.
    pub(crate) fn first_address(&self) -> Option<IpAddr> {
        match self {
            Self::Found { addresses, .. } => addresses.first().copied(),
            _ => None,
        }
    }

    pub(crate) fn is_found(&self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// Returns whether two answers agree. The reason for a negative answer is ignored, and one common address in each
    /// family is sufficient, since large services return different subsets of their addresses each time.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::NotFound { .. }, Self::NotFound { .. }) => true,
            (Self::Found { addresses, names }, Self::Found { addresses: others, names: other_names }) => {
                let agree_on = |is: fn(&IpAddr) -> bool| {
                    let mut ours = addresses.iter().filter(|ip| is(ip)).peekable();
                    match ours.peek() {
                        None => !others.iter().any(is),
                        Some(_) => ours.any(|ip| others.contains(ip)),
                    }
                };
                let plain = |names: &[String]| names.first().map(|name| name.trim_end_matches('.').to_lowercase());
                agree_on(IpAddr::is_ipv4) && agree_on(IpAddr::is_ipv6) && plain(names) == plain(other_names)
            }
            _ => false,
        }
    }

    /// Returns the part of the answer for a query that is restricted to some addresses.
    pub(crate) fn only(&self, wanted: fn(&IpAddr) -> bool) -> Self {
        match self {
            Self::Found { addresses, names } if names.is_empty() => {
                match addresses.iter().copied().filter(wanted).collect::<Vec<_>>() {
                    none if none.is_empty() => Self::not_found("no such addresses"),
                    some => Self::addresses(some),
                }
            }
            other => other.clone(),
        }
    }

    fn of_answer(answer: &Answer, subject: Subject<'_>) -> Self {
        match subject {
            Subject::Address(_) => Self::name(&answer.canonical),
            _ => Self::addresses(answer.addresses.iter().map(|address| address.ip).collect()),
        }
    }

    fn of_failure(failure: Failure) -> Self {
        match failure {
            Failure::NotFound | Failure::Absent => Self::not_found("not found"),
            Failure::NoData => Self::not_found("no such addresses"),
            Failure::TryAgain => Self::failed("no answer"),
            Failure::NoRecovery => Self::failed("no usable answer"),
            Failure::Unmerged => Self::failed("two answers, which cannot be merged"),
            Failure::System(errno) => Self::failed(system_error(errno)),
        }
    }
}

fn system_error(errno: i32) -> String {
    output::reason(&std::io::Error::from_raw_os_error(errno)).to_lowercase()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        match self {
            Self::Found { addresses, names } => {
                let all: Vec<String> = addresses.iter().map(ToString::to_string).chain(names.iter().cloned()).collect();
                let shown: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
                f.write_str(&shown.join(" "))?;
                if all.len() > SHOWN { write!(f, " and {} more", all.len() - SHOWN) } else { Ok(()) }
            }
            Self::NotFound { reason } | Self::Failed { reason } | Self::Unasked { reason } => f.write_str(reason),
        }
    }
}

/// Formats an answer as the object of a sentence.
pub(crate) fn quoted(answer: &Outcome) -> String {
    if answer.is_found() { answer.to_string() } else { format!("\"{answer}\"") }
}

/// Formats an answer as a sentence.
pub(crate) fn says(answer: &Outcome) -> String {
    match answer {
        Outcome::Found { names, .. } if !names.is_empty() => format!("the name is {answer}"),
        Outcome::Found { addresses, .. } if addresses.len() == 1 => format!("the address is {answer}"),
        Outcome::Found { .. } => format!("the addresses are {answer}"),
        _ => "there is no such name".to_owned(),
    }
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "who", content = "server", rename_all = "kebab-case")]
pub(crate) enum Source {
    /// nscd itself.
    Nscd,
    /// glibc, which asks nscd first.
    GlibcWithNscd,
    /// glibc, as if there were no nscd.
    GlibcWithoutNscd,
    /// /etc/hosts.
    Hosts,
    /// A name server.
    Server(SocketAddr),
    /// The library, under the rule in force.
    Library,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nscd => f.write_str("nscd"),
            Self::GlibcWithNscd => f.write_str("glibc with nscd"),
            Self::GlibcWithoutNscd => f.write_str("glibc without nscd"),
            Self::Hosts => f.write_str("/etc/hosts"),
            Self::Server(server) if server.port() == 53 => write!(f, "server {}", server.ip()),
            Self::Server(server) => write!(f, "server {}#{}", server.ip(), server.port()),
            Self::Library => f.write_str("the library"),
        }
    }
}

/// The answer of a source, and how long it took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reply {
    #[serde(flatten)]
    pub(crate) source: Source,
    #[serde(flatten)]
    pub(crate) answer: Outcome,
    /// The duration in microseconds; `None` if the source was not queried.
    pub(crate) microseconds: Option<u64>,
    /// A remark about the answer.
    pub(crate) note: Option<String>,
}

impl Reply {
    /// Queries a source, and measures the time.
    pub(crate) fn timed(source: Source, ask: impl FnOnce() -> Outcome) -> Self {
        let begun = Instant::now();
        let answer = ask();
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let microseconds = (!matches!(answer, Outcome::Unasked { .. })).then_some(took);
        Self { source, answer, microseconds, note: None }
    }

    pub(crate) fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// Formats the duration.
    pub(crate) fn time(&self) -> Option<String> {
        self.microseconds.map(|time| screen::time(Duration::from_micros(time)))
    }
}

/// Looks up /etc/hosts, which is read as glibc reads it.
pub(crate) fn hosts(tables: &Tables, subject: Subject<'_>) -> Outcome {
    let multi = tables.host_conf().multi;
    match tables::hosts(tables::HOSTS) {
        Ok(text) => {
            let answer = match subject {
                Subject::Name(name) => hosts::lookup_both(&text, name.as_bytes(), multi),
                Subject::Address(address) => {
                    hosts::lookup_address(&text, address, glibc::finds_mapped_addresses_in_hosts())
                }
                Subject::NoName => None,
            };
            answer.map_or_else(|| Outcome::not_found("not found"), |answer| Outcome::of_answer(&answer, subject))
        }
        Err(errno) => Outcome::failed(system_error(errno.0)),
    }
}

/// Queries one name server once, with the search list.
pub(crate) fn server(
    resolution: &Resolution,
    server: SocketAddr,
    answering: &Answering,
    subject: Subject<'_>,
) -> Outcome {
    let conf = &resolution.conf;
    let (ndots, options) = answering.changed(conf.ndots, conf.options);
    let parameters = dns::Parameters {
        servers: &[server],
        search: if answering.search { &conf.search } else { &[] },
        ndots,
        timeout: answering.timeout.unwrap_or(conf.timeout),
        attempts: 1,
        options,
        sortlist: &conf.sortlist,
        wants_lifetime: false,
        meanwhile: &|| (),
    };
    let ask = match subject {
        Subject::Name(name) => DnsLookup::Both(name),
        Subject::Address(address) => DnsLookup::NameOf(address),
        Subject::NoName => return Outcome::unasked("no name"),
    };
    let outcome = dns::lookup(&parameters, ask);
    match outcome.result {
        Ok(answer) => Outcome::of_answer(&answer, subject),
        Err(miss) if outcome.server.is_none() => match miss.failure {
            // Not a valid host name, so no name server was queried.
            Failure::NotFound => Outcome::of_failure(miss.failure),
            _ => Outcome::failed("no answer"),
        },
        Err(miss) => Outcome::of_failure(miss.failure),
    }
}

/// Resolves a name as the library does under a rule, and returns the answer and its origin; with `modules`, as if the
/// `hosts` line had these. `exact_name` is the name of the rule, if its pattern is an exact name.
pub(crate) fn library(
    answering: &Answering,
    exact_name: Option<&[u8]>,
    modules: Option<&[u8]>,
    subject: Subject<'_>,
) -> (Outcome, Option<String>) {
    let tables = Tables::new();
    if let Some(modules) = modules.and_then(|modules| nsswitch::parse_services(modules, glibc::minor())) {
        tables.choose_host_modules(modules);
    }
    let selection = Selection { family: None, canonical: false, v4_mapped: false, all: false };
    let nodes = Nodes::default();
    let query = match subject {
        Subject::Name(name) => Query::Addresses { name, selection, nodes: &nodes },
        Subject::Address(address) => Query::Host { key: HostKey::Address(address), buffer: None },
        Subject::NoName => Query::Addresses { name: Name::new(b""), selection, nodes: &nodes },
    };
    let resolver = Resolver::new(&tables, answering, None);
    let resolved = match exact_name {
        Some(name) => resolver.of_name(name).resolve(query),
        None => resolver.resolve(query),
    };
    let origin = match (resolved.source, &answering.hosts) {
        _ if !answering.addresses.is_empty() => Some("from the rule".to_owned()),
        (Some(Origin::Files), Hosts::File(path)) => Some(format!("from {}", path.to_string_lossy())),
        (Some(Origin::Files), _) => Some("from /etc/hosts".to_owned()),
        (Some(Origin::Dns(Some(server)) | Origin::Cache(Some(server))), _) => {
            Some(format!("from {}", Source::Server(server).to_string().trim_start_matches("server ")))
        }
        _ => None,
    };
    match resolved.result {
        Ok(answer) => (Outcome::of_answer(&answer, subject), origin),
        Err(miss) => (Outcome::of_failure(miss.failure), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_agree_that_share_an_address_of_each_family() {
        let of = |text: &str| Outcome::addresses(text.split_whitespace().map(|ip| ip.parse().unwrap()).collect());
        let table = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1 192.0.2.2", "192.0.2.2 192.0.2.3", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1 2001:db8::1", "192.0.2.1", false),
            ("192.0.2.1 2001:db8::1", "2001:db8::1 192.0.2.1", true),
            ("2001:db8::1", "192.0.2.1", false),
        ];
        for (one, other, expected) in table {
            assert_eq!(of(one).agrees_with(&of(other)), expected, "{one}, {other}");
            assert_eq!(of(other).agrees_with(&of(one)), expected, "{other}, {one}");
        }
        assert!(Outcome::name(b"A.x.").agrees_with(&Outcome::name(b"a.x")));
        assert!(!Outcome::name(b"a.x").agrees_with(&Outcome::name(b"b.x")));
        assert!(Outcome::not_found("one").agrees_with(&Outcome::not_found("other")));
        assert!(!Outcome::failed("x").agrees_with(&Outcome::failed("x")));
        assert!(!of("192.0.2.1").agrees_with(&Outcome::not_found("x")));
    }
}
