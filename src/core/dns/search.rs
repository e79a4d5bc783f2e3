//! Which names are asked for, and what the answers' codes mean: glibc's `__res_context_search` and
//! `__res_context_query` (resolv/res_query.c).

use std::borrow::Cow;

use hickory_resolver::proto::rr::RecordType;

use super::exchange::Exchange;
use super::exchange::replies::Replies;
use super::host_alias::host_alias;
use super::message::{Lifetime, Marks, Question, Reply, rcode, to_wire};
use super::parameters::Parameters;
use crate::files::resolv_conf::Options;
use crate::model::Failure;
use crate::sys::{Errno, random};

/// The longest name in text that glibc asks for, domain included (`MAXDNAME`).
const MAX_NAME: usize = 1025;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    A,
    Aaaa,
    /// A and AAAA, as two questions at once.
    Both,
    /// The name of an address.
    Ptr,
}

/// A search without an answer: what `h_errno` and errno are left with. The caller needs both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer {
    pub(super) failure: Failure,
    pub(super) errno: Errno,
}

/// One walk through the search list.
pub(super) struct Search<'a> {
    parameters: &'a Parameters<'a>,
    pub(super) exchange: Exchange<'a>,
    /// errno as the last exchange left it.
    errno: Errno,
    /// h_errno as the last step left it, which no success clears.
    pub(super) h_errno: Failure,
    /// Seconds for which all answers so far count; none where one of them counts for this time only.
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

    /// The first name of the search list that has an answer.
    pub(super) fn run(&mut self, name: &[u8], want: Want) -> Result<Replies, NoAnswer> {
        let dots = name.iter().filter(|&&byte| byte == b'.').count();
        let absolute = name.ends_with(b".");
        let options = self.parameters.options;
        if dots == 0
            && let Some(alias) = host_alias(name, options)
        {
            return self.query(&alias, want);
        }
        let as_is_first = dots >= self.parameters.ndots as usize || absolute;
        let mut first_failure = None;
        if as_is_first {
            match self.query(name, want) {
                Err(failure) if !absolute => first_failure = Some(failure.failure),
                result => return result,
            }
        }
        let mut walk = Walk::default();
        // Programs may switch the search off for names without dots, for those with, or after its first step.
        let searches = if dots == 0 { !options.no_default_names } else { !options.no_search };
        if !absolute && searches {
            for domain in self.parameters.search {
                if let Some(result) = self.step(name, domain, want, &mut walk) {
                    return result;
                }
                if walk.stopped || options.no_search {
                    break;
                }
            }
        }
        let try_as_is = dots > 0 || !walk.searched || !options.no_tld_query;
        if try_as_is && !as_is_first && !walk.had_root {
            match self.query(name, want) {
                Ok(replies) => return Ok(replies),
                Err(failure) => walk.last = Some(failure.failure),
            }
        }
        // The name as it stands counts for more than what a domain made of it.
        Err(self.no_answer(match (first_failure, walk.no_data, walk.server_failed) {
            (Some(failure), _, _) => failure,
            (None, true, _) => Failure::NoData,
            (None, false, true) => Failure::TryAgain,
            (None, false, false) => walk.last.unwrap_or(Failure::NotFound),
        }))
    }

    /// One domain of the list. Some: the search ends with this.
    fn step(&mut self, name: &[u8], domain: &[u8], want: Want, walk: &mut Walk) -> Option<Result<Replies, NoAnswer>> {
        walk.searched = true;
        let domain = domain.strip_prefix(b".").unwrap_or(domain);
        walk.had_root |= domain.is_empty();
        let failure = match self.query(&[name, b".", domain].concat(), want) {
            Ok(replies) => return Some(Ok(replies)),
            Err(NoAnswer { failure, .. }) => failure,
        };
        if self.errno == Errno(libc::ECONNREFUSED) {
            return Some(Err(self.no_answer(Failure::TryAgain))); // No server at all: no use to go on.
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

    /// One name, as it is.
    pub(super) fn query(&mut self, name: &[u8], want: Want) -> Result<Replies, NoAnswer> {
        self.exchange.last_rcode = rcode::NOERROR;
        self.exchange.has_reply = false;
        let Some(questions) = self.questions(name, want) else {
            self.errno = Errno(libc::EMSGSIZE);
            self.lifetime = None;
            return Err(self.no_answer(Failure::NoRecovery));
        };
        let hide_data = want == Want::Aaaa && self.parameters.options.no_aaaa;
        let replies = match self.exchange.send(&questions) {
            Ok(replies) => replies,
            Err(errno) => {
                self.lifetime = None;
                self.errno = errno;
                // Where no server said anything, glibc then reads an empty answer (resolv/res-noaaaa.c leaves its result
                // alone).
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

    fn questions(&self, name: &[u8], want: Want) -> Option<Vec<Question>> {
        if name.is_empty() || name.len() >= MAX_NAME {
            return None;
        }
        let options = &self.parameters.options;
        let marks = Marks {
            edns: options.edns0 || options.dnssec,
            dnssec: options.dnssec,
            authentic_data: options.trust_ad,
            recursion: !options.no_recursion,
        };
        let wire = to_wire(name)?;
        let (first, second) = random::ids();
        Some(match want {
            Want::Both => {
                let inet = Question::new(first, &wire, RecordType::A, marks);
                let inet6 = inet.for_kind(second, RecordType::AAAA)?;
                vec![inet, inet6]
            }
            Want::A => vec![Question::new(first, &wire, RecordType::A, marks)],
            Want::Ptr => vec![Question::new(first, &wire, RecordType::PTR, marks)],
            // `no-aaaa` still has to know whether the name exists, and asks for A (resolv/res-noaaaa.c).
            Want::Aaaa if options.no_aaaa => {
                vec![Question::new(first, &wire, RecordType::A, Marks { edns: false, ..marks })]
            }
            Want::Aaaa => vec![Question::new(first, &wire, RecordType::AAAA, marks)],
        })
    }
}

/// What a walk has seen so far.
#[derive(Default)]
struct Walk {
    searched: bool,
    had_root: bool,
    no_data: bool,
    server_failed: bool,
    stopped: bool,
    last: Option<Failure>,
}

/// What the codes of one or two answers say together; None where there is something to read.
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

/// Seconds for which so many answers together count. What is not there beside what is, such as the AAAA records of a name
/// that has A records, needs no SOA record to count for as long: many servers of small networks send none.
pub(super) fn lifetime(replies: &Replies, expected: usize) -> Option<u32> {
    let lifetimes = [&replies.first, &replies.second].into_iter().filter_map(|bytes| Reply::new(bytes));
    let lifetimes: Vec<Lifetime> = lifetimes.map(|reply| reply.lifetime()).collect();
    let has_data = lifetimes.iter().any(|lifetime| matches!(lifetime, Lifetime::OfData(_)));
    let seconds = lifetimes.iter().map(|lifetime| match *lifetime {
        Lifetime::OfData(seconds) | Lifetime::OfNothing(Some(seconds)) => Some(seconds),
        Lifetime::OfNothing(None) if has_data => Some(u32::MAX),
        Lifetime::OfNothing(None) | Lifetime::Temporary => None,
    });
    // One of two that is missing is a failure of a server.
    if lifetimes.len() == expected { seconds.min().flatten() } else { None }
}

/// The name that HOSTALIASES gives to a name without dots, or the name itself (hostname(7)).
pub(super) fn with_alias(name: &[u8], options: Options) -> Cow<'_, [u8]> {
    if name.contains(&b'.') {
        return Cow::Borrowed(name);
    }
    host_alias(name, options).map_or(Cow::Borrowed(name), Cow::Owned)
}
