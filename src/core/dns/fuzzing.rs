//! Entry points for the fuzz targets: from the bytes of a response to the result, without a network.

use std::net::IpAddr;

use super::answer;
use super::exchange::replies::Replies;
use super::message::{QueryFlags, Question, Reply, is_host_name, to_wire};
use super::search::verdict;
use crate::model::Name;
use crate::model::{Answer, Family, Miss};
use hickory_resolver::proto::rr::RecordType;

/// The result of reading bytes as a response.
pub struct Read {
    /// Whether they would be accepted as the response to the query.
    pub is_taken: bool,
    /// The result for each kind of lookup: A, AAAA, both, and PTR.
    pub found: [Result<Answer, Miss>; 4],
}

/// Reads `first` and, unless it is empty, `second` as the responses to a query for `name` with this ID. Returns `None`
/// if such a name is never queried.
pub fn read(name: &[u8], id: u16, first: &[u8], second: &[u8], address: IpAddr) -> Option<Read> {
    let query_flags =
        QueryFlags { edns: id & 1 != 0, dnssec: id & 2 != 0, recursion: true, authentic_data: id & 4 != 0 };
    is_host_name(Name::new(name));
    let question = Question::new(id, &to_wire(name)?, RecordType::A, query_flags);
    let reply = Reply::new(first);
    if let Some(reply) = reply {
        let _ = (reply.is_lame(), reply.is_truncated(), reply.is_server_failure());
    }
    let replies = Replies { first: first.to_vec(), second: second.to_vec() };
    verdict(&replies, id & 8 != 0);
    let found = [
        answer::one(&replies, Family::Inet),
        answer::one(&replies, Family::Inet6),
        answer::both(&replies),
        answer::pointer(&replies, address),
    ];
    Some(Read { is_taken: reply.is_some_and(|reply| question.is_answered_by(&reply)), found })
}

/// Returns the query message; `None` if such a name is never queried.
pub fn question(name: &[u8], id: u16) -> Option<Vec<u8>> {
    let query_flags = QueryFlags { edns: false, dnssec: false, recursion: true, authentic_data: false };
    Some(Question::new(id, &to_wire(name)?, RecordType::A, query_flags).bytes)
}
