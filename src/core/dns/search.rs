//! The search list, and the meaning of response codes: glibc's `__res_context_search` and `__res_context_query`
//! (resolv/res_query.c).

use std::borrow::Cow;

use hickory_resolver::proto::rr::RecordType;

use super::exchange::Exchange;
use super::exchange::replies::Replies;
use super::host_alias::host_alias;
use super::message::{Lifetime, QueryFlags, Question, Reply, rcode, to_wire};
use super::parameters::Parameters;
use crate::files::resolv_conf::Options;
use crate::model::Failure;
use crate::sys::{Errno, random};

/// The maximum length of a name in text form, including a domain of the search list, that glibc queries (`MAXDNAME`).
const MAX_NAME: usize = 1025;

/// The type of a query.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryType {
    A,
    Aaaa,
    /// A and AAAA, as two queries at the same time.
    Both,
    /// The name of an address.
    Ptr,
}

/// A search without an answer, with the resulting `h_errno` and errno. The caller needs both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer {
    pub(super) failure: Failure,
    pub(super) errno: Errno,
}

/// One run through the search list.
pub(super) struct Search<'a> {
    parameters: &'a Parameters<'a>,
    pub(super) exchange: Exchange<'a>,
    /// The errno of the last exchange.
    errno: Errno,
    /// The `h_errno` of the last step. A successful step does not reset it.
    pub(super) h_errno: Failure,
    /// The lifetime in seconds of all responses so far; `None` if one of them must not be cached.
    pub(super) lifetime: Option<u32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(parameters: &'a Parameters<'a>) -> Self {
        Self {
            parameters,
            exchange: Exchange::new(parameters),
            errno: Errno(0),
            h_errno: Failure::NotFound,
            lifetime: parameters.wants_lifetime.then_some(u32::MAX),
        }
    }

    fn no_answer(&mut self, failure: Failure) -> NoAnswer {
        self.h_errno = failure;
        NoAnswer { failure, errno: self.errno }
    }

    /// Queries the names of the search list until one has an answer.
    pub(super) fn run(&mut self, name: &[u8], query_type: QueryType) -> Result<Replies, NoAnswer> {
        let dots = name.iter().filter(|&&byte| byte == b'.').count();
        let absolute = name.ends_with(b".");
        let options = self.parameters.options;
        if dots == 0
            && let Some(alias) = host_alias(name, options)
        {
            return self.query(&alias, query_type);
        }
        let as_is_first = dots >= self.parameters.ndots as usize || absolute;
        let mut first_failure = None;
        if as_is_first {
            match self.query(name, query_type) {
                Err(failure) if !absolute => first_failure = Some(failure.failure),
                result => return result,
            }
        }
        let mut walk = Walk::default();
        // A program can disable the search list for names without dots, for names with dots, or after its first domain.
        let searches = if dots == 0 { !options.no_default_names } else { !options.no_search };
        if !absolute && searches {
            for domain in self.parameters.search {
                if let Some(result) = self.step(name, domain, query_type, &mut walk) {
                    return result;
                }
                if walk.stopped || options.no_search {
                    break;
                }
            }
        }
        let try_as_is = dots > 0 || !walk.searched || !options.no_tld_query;
        if try_as_is && !as_is_first && !walk.had_root {
            match self.query(name, query_type) {
                Ok(replies) => return Ok(replies),
                Err(failure) => walk.last = Some(failure.failure),
            }
        }
        // The failure for the unmodified name takes precedence over the failures with domains of the search list.
        Err(self.no_answer(match (first_failure, walk.no_data, walk.server_failed) {
            (Some(failure), _, _) => failure,
            (None, true, _) => Failure::NoData,
            (None, false, true) => Failure::TryAgain,
            (None, false, false) => walk.last.unwrap_or(Failure::NotFound),
        }))
    }

    /// Queries the name with one domain of the search list. Returns `Some` if the search ends.
    fn step(
        &mut self,
        name: &[u8],
        domain: &[u8],
        query_type: QueryType,
        walk: &mut Walk,
    ) -> Option<Result<Replies, NoAnswer>> {
        walk.searched = true;
        let domain = domain.strip_prefix(b".").unwrap_or(domain);
        walk.had_root |= domain.is_empty();
        let failure = match self.query(&[name, b".", domain].concat(), query_type) {
            Ok(replies) => return Some(Ok(replies)),
            Err(NoAnswer { failure, .. }) => failure,
        };
        if self.errno == Errno(libc::ECONNREFUSED) {
            // No server can be reached, so the search cannot succeed.
            return Some(Err(self.no_answer(Failure::TryAgain)));
        }
        walk.last = Some(failure);
        match failure {
            Failure::NoData => walk.no_data = true,
            Failure::NotFound => {}
            Failure::TryAgain if self.exchange.last_rcode == rcode::SERVFAIL => walk.server_failed = true,
            _ => walk.stopped = true,
        }
        None
    }

    /// Queries one name without the search list.
    pub(super) fn query(&mut self, name: &[u8], query_type: QueryType) -> Result<Replies, NoAnswer> {
        self.exchange.last_rcode = rcode::NOERROR;
        self.exchange.has_reply = false;
        let Some(questions) = self.questions(name, query_type) else {
            self.errno = Errno(libc::EMSGSIZE);
            self.lifetime = None;
            return Err(self.no_answer(Failure::NoRecovery));
        };
        let hide_data = query_type == QueryType::Aaaa && self.parameters.options.no_aaaa;
        let replies = match self.exchange.send(&questions) {
            Ok(replies) => replies,
            Err(errno) => {
                self.lifetime = None;
                self.errno = errno;
                // If no server has responded, glibc then evaluates an empty response (resolv/res-noaaaa.c does not
                // change its result).
                let reads_nothing = hide_data && !self.exchange.has_reply;
                return Err(self.no_answer(if reads_nothing { Failure::NoData } else { Failure::TryAgain }));
            }
        };
        self.errno = Errno(0);
        self.lifetime = self.lifetime.and_then(|seconds| Some(seconds.min(lifetime(&replies, questions.len())?)));
        match verdict(&replies, hide_data) {
            None => Ok(replies),
            Some(failure) => Err(self.no_answer(failure)),
        }
    }

    fn questions(&self, name: &[u8], query_type: QueryType) -> Option<Vec<Question>> {
        if name.is_empty() || name.len() >= MAX_NAME {
            return None;
        }
        let options = &self.parameters.options;
        let query_flags = QueryFlags {
            edns: options.edns0 || options.dnssec,
            dnssec: options.dnssec,
            authentic_data: options.trust_ad,
            recursion: !options.no_recursion,
        };
        let wire = to_wire(name)?;
        let (first, second) = random::ids();
        Some(match query_type {
            QueryType::Both => {
                let inet = Question::new(first, &wire, RecordType::A, query_flags);
                let inet6 = inet.for_kind(second, RecordType::AAAA)?;
                vec![inet, inet6]
            }
            QueryType::A => vec![Question::new(first, &wire, RecordType::A, query_flags)],
            QueryType::Ptr => vec![Question::new(first, &wire, RecordType::PTR, query_flags)],
            // With `no-aaaa`, glibc still has to find out whether the name exists, with a query of type A
            // (resolv/res-noaaaa.c).
            QueryType::Aaaa if options.no_aaaa => {
                vec![Question::new(first, &wire, RecordType::A, QueryFlags { edns: false, ..query_flags })]
            }
            QueryType::Aaaa => vec![Question::new(first, &wire, RecordType::AAAA, query_flags)],
        })
    }
}

/// What has been found out in a run through the search list.
#[derive(Default)]
struct Walk {
    searched: bool,
    had_root: bool,
    no_data: bool,
    server_failed: bool,
    stopped: bool,
    last: Option<Failure>,
}

/// Returns the failure that the response codes of one or two responses mean; `None` if there are records to read.
pub(super) fn verdict(replies: &Replies, hide_data: bool) -> Option<Failure> {
    let outcome =
        |bytes: &Vec<u8>| Reply::new(bytes).map(|reply| (reply.rcode(), if hide_data { 0 } else { reply.answers() }));
    let (first, second) = match (outcome(&replies.first), outcome(&replies.second)) {
        (Some(first), Some(second)) => (first, second),
        (Some(only), None) | (None, Some(only)) => (only, only),
        (None, None) => return Some(Failure::TryAgain),
    };
    let has_data = |(code, answers): (u8, u16)| code == rcode::NOERROR && answers > 0;
    if has_data(first) || has_data(second) {
        return None;
    }
    Some(match if first.0 == rcode::NOERROR { second.0 } else { first.0 } {
        rcode::NXDOMAIN => Failure::NotFound,
        rcode::SERVFAIL => Failure::TryAgain,
        rcode::NOERROR => Failure::NoData,
        _ => Failure::NoRecovery,
    })
}

/// Returns the lifetime in seconds of the responses to `expected` queries. A negative response beside a positive one,
/// such as that for the AAAA records of a name with A records, needs no SOA record: many servers of small networks send
/// none.
pub(super) fn lifetime(replies: &Replies, expected: usize) -> Option<u32> {
    let lifetimes = [&replies.first, &replies.second].into_iter().filter_map(|bytes| Reply::new(bytes));
    let lifetimes: Vec<Lifetime> = lifetimes.map(|reply| reply.lifetime()).collect();
    let has_data = lifetimes.iter().any(|lifetime| matches!(lifetime, Lifetime::OfData(_)));
    let seconds = lifetimes.iter().map(|lifetime| match *lifetime {
        Lifetime::OfData(seconds) | Lifetime::OfNothing(Some(seconds)) => Some(seconds),
        Lifetime::OfNothing(None) if has_data => Some(u32::MAX),
        Lifetime::OfNothing(None) | Lifetime::Temporary => None,
    });
    // If one of two responses is missing, a server has failed.
    if lifetimes.len() == expected { seconds.min().flatten() } else { None }
}

/// Returns the name for which HOSTALIASES has this name without dots as an alias, or else the name itself
/// (hostname(7)).
pub(super) fn with_alias(name: &[u8], options: Options) -> Cow<'_, [u8]> {
    if name.contains(&b'.') {
        return Cow::Borrowed(name);
    }
    host_alias(name, options).map_or(Cow::Borrowed(name), Cow::Owned)
}
