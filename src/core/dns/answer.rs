//! From responses to addresses: glibc's `getanswer_r` and `gaih_getanswer` (resolv/nss_dns/dns-host.c), which differ in
//! the errors that they tolerate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_resolver::proto::rr::{DNSClass, RecordType};

use super::exchange::replies::Replies;
use super::message::{Record, Reply, WireName, rcode};
use crate::model::{Address, Answer, Failure, Family, Miss, Status};

const NOT_FOUND: Miss = Miss::new(Status::NotFound, Failure::NotFound);
/// A record is malformed.
const UNUSABLE: Miss = Miss::new(Status::Unavail, Failure::NoRecovery).with_errno(libc::EMSGSIZE);
/// The name of an address is not a valid host name.
const NO_HOST_NAME: Miss = Miss::new(Status::Unavail, Failure::NoRecovery).with_errno(0);
/// The response is well-formed, but does not contain what was queried.
const NOTHING: Miss = Miss::new(Status::TryAgain, Failure::NoRecovery);

/// Returns the address in an A or AAAA record; `None` if its length is wrong.
fn address(record: &Record<'_>) -> Option<Address> {
    let ip = match record.kind {
        RecordType::A => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(record.data).ok()?)),
        RecordType::AAAA => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(record.data).ok()?)),
        _ => return None,
    };
    Some(Address { ip, scope: 0 })
}

fn record_type(family: Family) -> RecordType {
    match family {
        Family::Inet => RecordType::A,
        Family::Inet6 => RecordType::AAAA,
    }
}

/// Reads the response to one query, with aliases (`getanswer_r`).
pub(super) fn one(replies: &Replies, family: Family) -> Result<Answer, Miss> {
    let reply = Reply::new(&replies.first).ok_or(UNUSABLE)?;
    let (question, records) = reply.read().ok_or(UNUSABLE)?;
    let wanted = record_type(family);
    let mut target: Option<WireName<'_>> = None;
    // The name in the question section, spelt as in the response, becomes the first alias.
    let queried = question.name.host_text().filter(|_| reply.rcode() != rcode::NXDOMAIN).ok_or(NOT_FOUND)?;
    let mut answer = Answer { canonical: queried, ..Answer::default() };
    for record in records {
        let record = record.map_err(|_| UNUSABLE)?;
        if record.class != DNSClass::IN {
            continue;
        }
        if record.kind == RecordType::CNAME {
            // As in glibc, the owner name of a CNAME record is not compared.
            let name = target.insert(record.target().ok_or(UNUSABLE)?);
            if let Some(text) = name.host_text() {
                answer.aliases.push(std::mem::replace(&mut answer.canonical, text));
            }
        } else if record.kind == wanted && record.is_of(&question.name, target.as_ref()) {
            answer.addresses.extend(address(&record));
        }
    }
    if answer.addresses.is_empty() { Err(NOTHING) } else { Ok(answer) }
}

/// Reads the response to a query of type PTR: the first PTR record, whose name must be a valid host name
/// (`getanswer_ptr`).
pub(super) fn pointer(replies: &Replies, address: IpAddr) -> Result<Answer, Miss> {
    let reply = Reply::new(&replies.first).ok_or(UNUSABLE)?;
    let (question, records) = reply.read().ok_or(UNUSABLE)?;
    let mut target: Option<WireName<'_>> = None;
    for record in records {
        let record = record.map_err(|_| UNUSABLE)?;
        if record.class != DNSClass::IN {
            continue;
        }
        if record.kind == RecordType::CNAME {
            target = Some(record.target().ok_or(UNUSABLE)?);
        } else if record.kind == RecordType::PTR && record.is_of(&question.name, target.as_ref()) {
            let name = record.target().ok_or(UNUSABLE)?;
            let canonical = name.host_text().ok_or(NO_HOST_NAME)?;
            return Ok(Answer { canonical, aliases: Vec::new(), addresses: vec![Address { ip: address, scope: 0 }] });
        }
    }
    Err(NOTHING)
}

/// Reads the responses to both queries, in the order in which they arrived (`gaih_getanswer`).
pub(super) fn both(replies: &Replies) -> Result<Answer, Miss> {
    let mut answer = Answer::default();
    let first = if replies.first.is_empty() { Err(NOT_FOUND) } else { slice(&replies.first, &mut answer) };
    if replies.second.is_empty() || first.is_err_and(|miss| miss.status != Status::NotFound) {
        return first.map(|()| answer);
    }
    match (first, slice(&replies.second, &mut answer)) {
        (Ok(()), _) | (_, Ok(())) => Ok(answer),
        (Err(first), Err(second)) if second.status == Status::NotFound => Err(Miss { status: first.status, ..second }),
        (Err(_), Err(second)) => Err(second),
    }
}

/// Adds the addresses of one response, and the canonical name if there is none yet (`gaih_getanswer_slice`).
fn slice(bytes: &[u8], answer: &mut Answer) -> Result<(), Miss> {
    let reply = Reply::new(bytes).ok_or(UNUSABLE)?;
    let (question, records) = reply.read().ok_or(UNUSABLE)?;
    let store_canonical = answer.addresses.is_empty();
    let known = answer.addresses.len();
    let mut target: Option<WireName<'_>> = None;
    let mut canonical = question.name.host_text().filter(|_| reply.answers() > 0).ok_or(NOT_FOUND)?;
    for record in records {
        let record = record.map_err(|_| UNUSABLE)?;
        // glibc does not check the class here.
        if record.kind == RecordType::CNAME {
            let name = target.insert(record.target().ok_or(UNUSABLE)?);
            if let Some(text) = name.host_text() {
                canonical = text;
            }
        } else if record.kind == question.kind
            && record.is_of(&question.name, target.as_ref())
            && let Some(address) = address(&record)
        {
            if store_canonical && answer.addresses.len() == known {
                // CNAME records after the first address do not change the canonical name.
                answer.canonical.clone_from(&canonical);
            }
            answer.addresses.push(address);
        }
    }
    if answer.addresses.len() > known { Ok(()) } else { Err(NOT_FOUND) }
}
