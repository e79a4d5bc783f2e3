//! DNS messages (RFC 1035, section 4): writing queries and reading responses, with hickory's codec.
//!
//! Responses are read record by record instead of being decoded as a whole: glibc uses the valid records of a response
//! that also contains a malformed one, while a codec that rejects the whole message would find less. For the same
//! reason, names are read here: glibc follows forward compression pointers, which hickory rejects.

use std::borrow::Cow;

use hickory_resolver::proto::rr::{DNSClass, RecordType};
use hickory_resolver::proto::serialize::binary::BinDecoder;

use crate::model::name::is_host_byte;

/// The length of a header in bytes. Nothing shorter is a response.
pub(super) const HEADER: usize = 12;

/// The response codes that a lookup distinguishes (RFC 1035, section 4.1.1).
pub(super) mod rcode {
    pub(in crate::dns) const NOERROR: u8 = 0;
    pub(in crate::dns) const SERVFAIL: u8 = 2;
    pub(in crate::dns) const NXDOMAIN: u8 = 3;
    pub(in crate::dns) const NOTIMP: u8 = 4;
    pub(in crate::dns) const REFUSED: u8 = 5;
}

/// The UDP payload size that glibc advertises with `options edns0` (resolv/resolv-internal.h).
const EDNS_PAYLOAD: u16 = 1200;

/// A query message, with what a response must match.
pub(super) struct Question {
    pub(super) id: u16,
    kind: RecordType,
    pub(super) bytes: Vec<u8>,
    /// The offset of QTYPE, which QCLASS follows.
    kind_at: usize,
}

/// The length of QTYPE and QCLASS in bytes.
const KIND_AND_CLASS: usize = 4;
/// The maximum lengths of a name and of a label in bytes (RFC 1035, section 2.3.4), and the length of an OPT record
/// without options.
const MAX_NAME: usize = 255;
const MAX_LABEL: u8 = 63;
const OPT: usize = 11;

/// How the options of resolv.conf change a query.
#[derive(Clone, Copy)]
pub(super) struct QueryFlags {
    /// `edns0`: the query has an OPT record.
    pub(super) edns: bool,
    /// RES_USE_DNSSEC: the OPT record has the DO bit (RFC 3225).
    pub(super) dnssec: bool,
    /// The RD bit.
    pub(super) recursion: bool,
    /// `trust-ad`: the AD bit.
    pub(super) authentic_data: bool,
}

impl Question {
    /// Creates a query of class IN, as glibc's `__res_context_mkquery` does (resolv/res_mkquery.c). `name` is in wire
    /// format.
    pub(super) fn new(id: u16, name: &[u8], kind: RecordType, query_flags: QueryFlags) -> Self {
        let flags = u16::from(query_flags.recursion) << 8 | u16::from(query_flags.authentic_data) << 5;
        let mut bytes = Vec::with_capacity(HEADER + MAX_NAME + KIND_AND_CLASS + OPT);
        for word in [id, flags, 1, 0, 0, u16::from(query_flags.edns)] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes.extend_from_slice(name);
        let kind_at = bytes.len();
        bytes.extend_from_slice(&u16::from(kind).to_be_bytes());
        bytes.extend_from_slice(&u16::from(DNSClass::IN).to_be_bytes());
        if query_flags.edns {
            // RFC 6891, section 6.1.2: the root, type OPT, the payload size; no extended RCODE, version 0, DO; no
            // options.
            bytes.push(0);
            let extended = u16::from(query_flags.dnssec) << 15;
            for word in [u16::from(RecordType::OPT), EDNS_PAYLOAD, 0, extended, 0] {
                bytes.extend_from_slice(&word.to_be_bytes());
            }
        }
        Self { id, kind, bytes, kind_at }
    }

    /// Returns the same query for another type.
    pub(super) fn for_kind(&self, id: u16, kind: RecordType) -> Option<Self> {
        let mut bytes = self.bytes.clone();
        bytes.get_mut(..2)?.copy_from_slice(&id.to_be_bytes());
        bytes.get_mut(self.kind_at..)?.get_mut(..2)?.copy_from_slice(&u16::from(kind).to_be_bytes());
        Some(Self { id, kind, bytes, kind_at: self.kind_at })
    }

    /// Returns whether a message is a response to this query: it has the same ID and exactly the same question, without
    /// regard to case (glibc's `__libc_res_queriesmatch`).
    ///
    /// Some servers send a header only when they refuse a query; as in glibc, that is a response.
    pub(super) fn is_answered_by(&self, reply: &Reply<'_>) -> bool {
        if reply.id() != self.id {
            return false;
        }
        if reply.0.len() == HEADER && reply.questions() == 0 && reply.is_server_failure() {
            return true;
        }
        reply.questions() == 1
            && (self.is_repeated_in(reply)
                || read_question(reply.0, &mut reply.decoder()).is_some_and(|question| {
                    let asked = self.bytes.get(HEADER..self.kind_at).map(WireName::uncompressed);
                    question.kind == self.kind
                        && question.class == DNSClass::IN
                        && asked.as_ref() == Some(&question.name)
                }))
    }

    /// Returns whether the response repeats the question byte for byte, except for case. (The length of a label is
    /// never a letter: it is at most 63.)
    fn is_repeated_in(&self, reply: &Reply<'_>) -> bool {
        let name = HEADER..self.kind_at;
        let kind = self.kind_at..self.kind_at + KIND_AND_CLASS;
        let same_name = match (self.bytes.get(name.clone()), reply.0.get(name)) {
            (Some(asked), Some(repeated)) => asked.eq_ignore_ascii_case(repeated),
            _ => false,
        };
        same_name && self.bytes.get(kind.clone()) == reply.0.get(kind)
    }
}

/// Converts a name from presentation to wire format (glibc's `ns_name_pton`). Returns `None` if it is not a valid name.
pub(super) fn to_wire(text: &[u8]) -> Option<Vec<u8>> {
    if let b"" | b"." = text {
        return Some(vec![0]);
    }
    let mut wire = Vec::with_capacity(text.len() + 2);
    wire.push(0);
    let mut label = 0; // The offset of the current label's length, which is not known before the label ends.
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => {
                end_label(&mut wire, label)?;
                label = wire.len();
                wire.push(0);
            }
            b'\\' => wire.push(escaped(&mut bytes)?),
            byte => wire.push(byte),
        }
    }
    if label + 1 < wire.len() {
        end_label(&mut wire, label)?;
        wire.push(0); // After a final dot, it has been added already.
    }
    (wire.len() <= MAX_NAME).then_some(wire)
}

fn end_label(wire: &mut [u8], label: usize) -> Option<()> {
    let length = u8::try_from(wire.len() - label - 1).ok().filter(|length| (1..=MAX_LABEL).contains(length))?;
    *wire.get_mut(label)? = length;
    Some(())
}

/// Returns the labels of a name in wire format.
fn labels(mut wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = wire.split_first().filter(|(length, _)| **length > 0)?;
        let (label, rest) = rest.split_at_checked(length.into())?;
        wire = rest;
        Some(label)
    })
}

/// Returns whether glibc would query this name: `res_hnok`, which decodes escapes before it checks the bytes.
pub(super) fn is_host_name(name: crate::model::name::Name<'_>) -> bool {
    let text = name.as_bytes();
    if !text.contains(&b'\\') {
        return name.is_host_name();
    }
    let is_hosts = |wire: &[u8]| {
        labels(wire).all(|label| label.iter().all(|&byte| is_host_byte(byte)))
            && !labels(wire).next().is_some_and(|first| first.starts_with(b"-"))
    };
    text.iter().all(u8::is_ascii_graphic) && to_wire(text).is_some_and(|wire| is_hosts(&wire))
}

/// Decodes what follows a backslash: three decimal digits, or one other byte (RFC 1035, section 5.1).
fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        value = value * 10 + char::from(bytes.next()?).to_digit(10)?;
    }
    u8::try_from(value).ok()
}

/// A name in wire format without compression: labels with their lengths, and a zero byte.
#[derive(Clone)]
pub(super) struct WireName<'a>(Cow<'a, [u8]>);

impl<'a> WireName<'a> {
    fn uncompressed(wire: &'a [u8]) -> Self {
        Self(Cow::Borrowed(wire))
    }

    /// Reads the name at this offset of a message, and returns it with the number of bytes that it takes there (glibc's
    /// `ns_name_unpack`). A pointer may point to any offset in the message, forward too. If the bytes of labels and
    /// pointers add up to the length of the message, they form a loop.
    fn read(message: &'a [u8], start: usize) -> Option<(Self, usize)> {
        const POINTER: u8 = 0xc0;
        // A name without a pointer can be borrowed from the message.
        let (mut at, mut joined, mut taken) = (start, Vec::new(), None);
        let (mut length, mut pointers) = (0, 0);
        loop {
            match *message.get(at)? {
                0 => break,
                label @ 1..=MAX_LABEL => {
                    let end = at + 1 + usize::from(label);
                    length += end - at;
                    if length >= MAX_NAME {
                        return None;
                    }
                    if taken.is_some() {
                        joined.extend_from_slice(message.get(at..end)?);
                    }
                    at = end;
                }
                pointer @ POINTER.. => {
                    let target = usize::from(pointer & !POINTER) << 8 | usize::from(*message.get(at + 1)?);
                    if taken.is_none() {
                        taken = Some(at + 2 - start);
                        joined.reserve(MAX_NAME);
                        joined.extend_from_slice(message.get(start..at)?);
                    }
                    pointers += 1;
                    if length + 2 * pointers >= message.len() {
                        return None;
                    }
                    at = target;
                }
                _ => return None,
            }
        }
        match taken {
            None => Some((Self(Cow::Borrowed(message.get(start..=at)?)), at + 1 - start)),
            Some(taken) => {
                joined.push(0);
                Some((Self(Cow::Owned(joined)), taken))
            }
        }
    }

    /// Returns the name as text, without the final dot; `None` unless every label is valid in a host name (glibc's
    /// `__res_binary_hnok`).
    pub(super) fn host_text(&self) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(self.0.len());
        for label in labels(&self.0) {
            if !label.iter().all(|&byte| is_host_byte(byte)) {
                return None;
            }
            text.extend_from_slice(label);
            text.push(b'.');
        }
        if text.starts_with(b"-") {
            return None;
        }
        if text.len() > 1 {
            text.pop();
        }
        Some(if text.is_empty() { b".".to_vec() } else { text })
    }
}

impl PartialEq for WireName<'_> {
    /// Without regard to case. (The length of a label is never a letter.)
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

/// A message from a server: it has at least a header.
#[derive(Clone, Copy)]
pub(super) struct Reply<'a>(&'a [u8]);

/// The question section of a response.
pub(super) struct QuestionSection<'a> {
    pub(super) name: WireName<'a>,
    pub(super) kind: RecordType,
    class: DNSClass,
}

impl<'a> Reply<'a> {
    /// Returns `None` if the message is shorter than a header.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() >= HEADER).then_some(Self(bytes))
    }

    fn word(&self, at: usize) -> u16 {
        self.0.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes)
    }

    pub(super) fn id(&self) -> u16 {
        self.word(0)
    }

    pub(super) fn rcode(&self) -> u8 {
        (self.word(2) & 0xf) as u8
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.word(2) & 0x0200 != 0
    }

    fn questions(&self) -> u16 {
        self.word(4)
    }

    pub(super) fn answers(&self) -> u16 {
        self.word(6)
    }

    fn authorities(&self) -> u16 {
        self.word(8)
    }

    /// Returns whether the response code is about the server rather than about the name, so that another server should
    /// be queried.
    pub(super) fn is_server_failure(&self) -> bool {
        matches!(self.rcode(), rcode::SERVFAIL | rcode::NOTIMP | rcode::REFUSED)
    }

    /// Returns whether the server is neither authoritative for the name nor recursive: the sections are empty, and the
    /// AA and RA bits are not set ("lame" in glibc).
    pub(super) fn is_lame(&self) -> bool {
        const AUTHORITATIVE: u16 = 0x0400;
        const RECURSION: u16 = 0x0080;
        self.rcode() == rcode::NOERROR
            && self.answers() == 0
            && self.word(2) & (AUTHORITATIVE | RECURSION) == 0
            && self.word(10) == 0
    }

    fn decoder(&self) -> BinDecoder<'a> {
        let mut decoder = BinDecoder::new(self.0);
        let _ = decoder.read_slice(HEADER);
        decoder
    }

    /// Returns the question and the records of the answer section in order. The iterator ends after the first malformed
    /// record, for which it returns `Err`. Returns `None` if the question is malformed or has a compression pointer
    /// (glibc's `__ns_rr_cursor_init`).
    pub(super) fn read(&self) -> Option<(QuestionSection<'a>, Records<'a>)> {
        let mut decoder = self.decoder();
        let question =
            read_question(self.0, &mut decoder).filter(|question| matches!(question.name.0, Cow::Borrowed(_)))?;
        Some((question, Records { message: self.0, decoder, left: self.answers() }))
    }

    /// Returns how long this response may be cached: the lowest time to live in the answer section or, for a negative
    /// response, the time that its SOA record gives (RFC 2308, section 5).
    pub(super) fn lifetime(&self) -> Lifetime {
        let Some((QuestionSection { kind, .. }, mut records)) = self.read() else { return Lifetime::Temporary };
        if self.is_truncated() || !matches!(self.rcode(), rcode::NOERROR | rcode::NXDOMAIN) {
            return Lifetime::Temporary;
        }
        let (mut seconds, mut has_data) = (None, false);
        for record in records.by_ref() {
            let Ok(record) = record else { return Lifetime::Temporary };
            seconds = Some(record.seconds().min(seconds.unwrap_or(u32::MAX)));
            has_data |= record.kind == kind && self.rcode() == rcode::NOERROR;
        }
        if has_data {
            return seconds.map_or(Lifetime::Temporary, Lifetime::OfData);
        }
        records.left = self.authorities();
        let denied = records.find_map(|record| record.ok().and_then(|record| record.seconds_of_denial()));
        Lifetime::OfNothing(denied.map(|denied| denied.min(seconds.unwrap_or(u32::MAX))))
    }
}

/// See [`Reply::lifetime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// A positive response: its lifetime in seconds.
    OfData(u32),
    /// A negative response: its lifetime in seconds; `None` if it has no SOA record.
    OfNothing(Option<u32>),
    /// The response must not be cached: it is about the server rather than about the name, or it is malformed.
    Temporary,
}

/// Reads a name at the position of the decoder, and advances the decoder.
fn read_name<'a>(message: &'a [u8], decoder: &mut BinDecoder<'a>) -> Option<WireName<'a>> {
    let (name, taken) = WireName::read(message, decoder.index())?;
    decoder.read_slice(taken).ok()?;
    Some(name)
}

fn read_question<'a>(message: &'a [u8], decoder: &mut BinDecoder<'a>) -> Option<QuestionSection<'a>> {
    let name = read_name(message, decoder)?;
    let kind = RecordType::from(decoder.read_u16().ok()?.unverified());
    let class = DNSClass::from(decoder.read_u16().ok()?.unverified());
    Some(QuestionSection { name, kind, class })
}

/// The owner name of a record.
enum Owner<'a> {
    /// The name in the question section, by a pointer to it: the most frequent case.
    Question,
    Name(WireName<'a>),
}

/// A resource record (RFC 1035, section 4.1.3), with RDATA that has not been parsed.
pub(super) struct Record<'a> {
    owner: Owner<'a>,
    pub(super) kind: RecordType,
    pub(super) class: DNSClass,
    ttl: u32,
    pub(super) data: &'a [u8],
    message: &'a [u8],
    /// The offset of RDATA in the message.
    at_data: usize,
}

impl<'a> Record<'a> {
    /// Returns whether the owner name is that of the question or, if there has been a CNAME record, its `target`.
    pub(super) fn is_of(&self, question: &WireName<'_>, target: Option<&WireName<'_>>) -> bool {
        match (&self.owner, target) {
            (Owner::Question, None) => true,
            (Owner::Question, Some(target)) => question == target,
            (Owner::Name(name), target) => name == target.unwrap_or(question),
        }
    }

    /// Returns the time to live, which is 0 if the highest bit is set (RFC 2181, section 8).
    fn seconds(&self) -> u32 {
        if self.ttl > i32::MAX as u32 { 0 } else { self.ttl }
    }

    /// Returns the lifetime of a negative response with this SOA record: the lower of its time to live and its MINIMUM
    /// field. Returns `None` if this is not an SOA record.
    fn seconds_of_denial(&self) -> Option<u32> {
        const FIELDS: usize = 5 * 4;
        const SHORTEST_NAMES: usize = 2;
        if self.kind != RecordType::SOA || self.data.len() < SHORTEST_NAMES + FIELDS {
            return None;
        }
        let minimum = self.data.last_chunk().copied().map(u32::from_be_bytes)?;
        Some(minimum.min(self.seconds()))
    }

    /// Returns the name in the RDATA of a CNAME or PTR record. As in glibc, it may extend beyond RDATA, and its
    /// pointers may point anywhere.
    pub(super) fn target(&self) -> Option<WireName<'a>> {
        WireName::read(self.message, self.at_data).map(|(name, _)| name)
    }
}

/// A malformed record: it is truncated, or a name in it is invalid.
#[derive(Debug)]
pub(super) struct Malformed;

/// See [`Reply::read`].
pub(super) struct Records<'a> {
    message: &'a [u8],
    decoder: BinDecoder<'a>,
    left: u16,
}

impl<'a> Records<'a> {
    fn read_owner(&mut self) -> Option<Owner<'a>> {
        const TO_QUESTION: u16 = 0xc000 | HEADER as u16; // RFC 1035, section 4.1.4.
        let mut ahead = self.decoder.clone(u16::try_from(self.decoder.index()).ok()?);
        if ahead.read_u16().is_ok_and(|pointer| pointer.unverified() == TO_QUESTION) {
            self.decoder.read_u16().ok()?;
            return Some(Owner::Question);
        }
        read_name(self.message, &mut self.decoder).map(Owner::Name)
    }

    fn read(&mut self) -> Option<Record<'a>> {
        let owner = self.read_owner()?;
        let kind = RecordType::from(self.decoder.read_u16().ok()?.unverified());
        let class = DNSClass::from(self.decoder.read_u16().ok()?.unverified());
        let ttl = self.decoder.read_u32().ok()?.unverified();
        let length = usize::from(self.decoder.read_u16().ok()?.unverified());
        let at_data = self.decoder.index();
        let data = self.decoder.read_slice(length).ok()?.unverified();
        Some(Record { owner, kind, class, ttl, data, message: self.message, at_data })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let record = self.read();
        if record.is_none() {
            self.left = 0;
        }
        Some(record.ok_or(Malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: QueryFlags = QueryFlags { edns: false, dnssec: false, recursion: true, authentic_data: false };

    #[test]
    fn a_question_is_what_glibc_sends() {
        let name = to_wire(b"Rancher-Metadata").unwrap();
        let question = Question::new(0x1234, &name, RecordType::A, PLAIN);
        assert_eq!(
            question.bytes,
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x10Rancher-Metadata\x00\x00\x01\x00\x01"
        );
    }

    #[test]
    fn edns_and_trust_ad_mark_the_question() {
        let name = to_wire(b"a").unwrap();
        let query_flags = QueryFlags { edns: true, authentic_data: true, ..PLAIN };
        let question = Question::new(1, &name, RecordType::AAAA, query_flags);
        assert_eq!(&question.bytes[2..4], b"\x01\x20");
        assert!(question.bytes.ends_with(b"\x00\x00\x29\x04\xb0\x00\x00\x00\x00\x00\x00"));
    }

    #[test]
    fn a_question_for_another_kind_differs_in_id_and_type_only() {
        for (text, edns) in [(&b"a.Example"[..], false), (b".", true), (b"a\\001b.example", true)] {
            let name = to_wire(text).unwrap();
            let query_flags = QueryFlags { edns, ..PLAIN };
            let first = Question::new(1, &name, RecordType::A, query_flags);
            let second = Question::new(0x1234, &name, RecordType::AAAA, query_flags);
            assert_eq!(first.for_kind(0x1234, RecordType::AAAA).unwrap().bytes, second.bytes);
        }
    }

    #[test]
    fn names_are_read_as_ns_name_pton_reads_them() {
        for bad in [&b".a"[..], b"a..b", b"a..", b"..", b"\\", b"\\25", b"\\999"] {
            assert!(to_wire(bad).is_none(), "{bad:?}");
        }
        assert_eq!(to_wire(b"a\\046b.c").unwrap(), b"\x03a.b\x01c\0");
        assert!(to_wire(&[b'x'; 64]).is_none());
        assert!(to_wire(b"a.b.").unwrap() == to_wire(b"a.b").unwrap());
    }

    #[test]
    fn escapes_are_read_before_a_name_is_judged() {
        let ok = |text: &[u8]| is_host_name(crate::model::name::Name::new(text));
        assert!(ok(b"a\\b.example") && ok(b"\\097.example") && ok(b"plain"));
        assert!(!ok(b"a\\.b") && !ok(b"a\\ b") && !ok(b"a\\") && !ok(b"\\-a") && !ok(b"a b"));
    }

    #[test]
    fn an_answer_must_repeat_id_and_question_in_any_case() {
        let name = to_wire(b"a.example").unwrap();
        let question = Question::new(7, &name, RecordType::A, PLAIN);
        let mut reply = question.bytes.clone();
        reply[2] |= 0x80;
        assert!(question.is_answered_by(&Reply::new(&reply.to_ascii_uppercase()).unwrap()));
        let mut other_kind = reply.clone();
        *other_kind.iter_mut().rev().nth(2).unwrap() = 28;
        assert!(!question.is_answered_by(&Reply::new(&other_kind).unwrap()));
        reply[1] = 8;
        assert!(!question.is_answered_by(&Reply::new(&reply).unwrap()));
        reply[1] = 7;
        let last_label = reply.len() - 6;
        reply[last_label] = b'X';
        assert!(!question.is_answered_by(&Reply::new(&reply).unwrap()));
        assert!(question.is_answered_by(&Reply::new(b"\0\x07\x81\x82\0\0\0\0\0\0\0\0").unwrap()));
    }

    #[test]
    fn pointers_are_followed_as_ns_name_unpack_follows_them() {
        let read = |message: &[u8], start| {
            WireName::read(message, start).map(|(name, taken)| (name.host_text().unwrap_or_default(), taken))
        };
        let found = |text: &[u8], taken| Some((text.to_vec(), taken));
        assert_eq!(read(b"\x01a\x01b\0", 0), found(b"a.b", 5));
        assert_eq!(read(b"\x01a\xc0\x06xx\x01b\0", 0), found(b"a.b", 4));
        assert_eq!(read(b"\x01b\0\x01a\xc0\x00", 3), found(b"a.b", 4));
        assert_eq!(read(b"\xc0\x04xx\0", 0), found(b".", 2));
        // Loops, truncated names, and undefined types of labels.
        for bad in [
            &b"\xc0\x00"[..],
            b"\x01a\xc0\x00",
            b"\xc0\x02\xc0\x00",
            b"\xc0\x09",
            b"\xc0",
            b"\x01a",
            b"\x02a\0",
            b"",
            b"\x40a\0",
            b"\x80\0",
        ] {
            assert_eq!(read(bad, 0), None, "{bad:?}");
        }
        // The maximum length is 255 bytes, with and without pointers.
        for (last, is_name) in [(61, true), (62, false)] {
            let labels = [&[63; 64][..], &[63; 64], &[63; 64], &[last]].concat();
            let name = [&labels[..], &vec![b'x'; usize::from(last)], b"\0"].concat();
            assert_eq!(WireName::read(&name, 0).is_some(), is_name);
            let pointed = [&name[192..], &name[..192], b"\xc0\0"].concat();
            assert_eq!(WireName::read(&pointed, name.len() - 192).is_some(), is_name);
        }
    }

    #[test]
    fn an_answer_whose_question_has_a_pointer_is_of_no_use() {
        let reply = b"\0\x07\x81\x80\0\x01\0\0\0\0\0\0\x01a\xc0\x12\0\x01\0\x01\x01b\0";
        assert!(Reply::new(reply).unwrap().read().is_none());
    }

    #[test]
    fn messages_cut_anywhere_end_in_an_error_at_most() {
        let name = to_wire(b"a.example").unwrap();
        let mut reply = Question::new(7, &name, RecordType::A, PLAIN).bytes;
        reply[7] = 2;
        reply.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x01\x02\x03\x04");
        reply.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\0\x05\0\x02\xc0\x0c");
        for end in HEADER..=reply.len() {
            let cut = &reply[..end];
            let good = Reply::new(cut).unwrap().read().map_or(0, |(_, records)| records.filter(Result::is_ok).count());
            assert!(good <= 2);
            assert_eq!(good == 2, end == reply.len());
        }
    }
}
