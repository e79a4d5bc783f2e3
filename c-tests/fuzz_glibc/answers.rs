//! Answers of a name server that are a function of the question: realistic answers, with mutations.
//!
//! The first label of a name specifies the answer. `s123-m4` has an answer of any form with four mutations after the
//! question, which differs between servers. `echo` has addresses that describe the question, and `where` also describes
//! the server. Any other name has a plain answer or does not exist. Names for reverse lookups (`in-addr.arpa`,
//! `ip6.arpa`) are handled like `s` names. The ID and the question are always correct, since resolvers ignore other
//! messages and wait.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::random::Random;

const HEADER: usize = 12;
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const DNAME: u16 = 39;
const OPT: u16 = 41;
const RRSIG: u16 = 46;
const HTTPS: u16 = 65;
const IN: u16 = 1;

const NXDOMAIN: u8 = 3;
/// SERVFAIL, NOTIMP, REFUSED. A message that consists only of a header with one of these codes is an answer.
const SERVER_FAILURES: [u8; 3] = [2, 4, 5];

/// The servers of generated lookups, by the last byte of their addresses.
const SERVERS: [u8; 2] = [53, 54];

/// The labels of a name.
type Labels = Vec<Vec<u8>>;

/// The transport of the question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// The question of a message.
struct Question<'a> {
    message: &'a [u8],
    labels: Labels,
    /// The end of the question, after type and class.
    end: usize,
    kind: u16,
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

impl<'a> Question<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let (mut labels, mut at) = (Labels::new(), HEADER);
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(message.get(at..at + length)?.to_vec());
            at += length;
        }
        let kind = word(message, at)?;
        message.get(at..at + 4).map(|_| Self { message, labels, end: at + 4, kind })
    }

    /// The random numbers for the answer, which depend on the name in lower case, the type and the server.
    fn random(&self, server: u8) -> Random {
        let mut text = self.labels.join(&b'.').to_ascii_lowercase();
        text.push(server);
        text.extend_from_slice(&self.kind.to_be_bytes());
        Random::of_text(&text)
    }

    fn first_label(&self) -> String {
        String::from_utf8_lossy(self.labels.first().map_or(b"", Vec::as_slice)).to_ascii_lowercase()
    }

    fn is_reverse(&self) -> bool {
        self.labels.last().is_some_and(|label| label.eq_ignore_ascii_case(b"arpa"))
    }

    fn has_edns(&self) -> bool {
        word(self.message, 10) != Some(0)
    }
}

/// The number of mutations that a label such as `s123-m4` specifies.
fn mutations_of(label: &str) -> Option<usize> {
    let (seed, mutations) = label.strip_prefix('s')?.split_once("-m")?;
    seed.parse::<u64>().ok()?;
    mutations.parse().ok()
}

/// The answer to a message, or `None` if it is not a question. `server` is the last byte of the server's address.
pub(crate) fn answer(message: &[u8], transport: Transport, server: u8) -> Option<Vec<u8>> {
    let question = Question::read(message)?;
    let label = question.first_label();
    match label.as_str() {
        "echo" => return Some(echo(&question, transport, 0)),
        "where" => return Some(echo(&question, transport, server)),
        _ => {}
    }
    let mut random = question.random(0);
    let mutations = match mutations_of(&label) {
        Some(mutations) => mutations,
        None if question.is_reverse() => random.of(&[0, 0, 0, 1, 2, 4]),
        None => return Some(plain(&question, random)),
    };
    if mutations > 0 && !question.is_reverse() {
        random = question.random(server);
    }
    Some(any(&question, random, mutations, transport))
}

/// The answer of a server to a question about a name, over UDP.
fn answer_to(name: &str, kind: u16, server: u8) -> Vec<u8> {
    let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&IN.to_be_bytes());
    answer(&message, Transport::Udp, server).unwrap_or_default()
}

/// All answers about a name as text, which is printed with a difference.
pub(crate) fn shown(name: &str) -> String {
    let mut shown = String::new();
    for (text, kind) in [("A", A), ("AAAA", AAAA), ("PTR", PTR)] {
        for server in SERVERS {
            let _ = writeln!(shown, "    {text} from {server}: {}", answer_to(name, kind, server).escape_ascii());
        }
    }
    shown
}

/// Whether the answer to a question for the IPv4 addresses of a name may consist only of a header.
pub(crate) fn may_be_header_alone(name: &str) -> bool {
    SERVERS.iter().any(|&server| answer_to(name, A, server).len() == HEADER)
}

/// Addresses that describe the question.
fn echo(question: &Question<'_>, transport: Transport, server: u8) -> Vec<u8> {
    let [.., high, low] = [question.message[2], question.message[3]];
    let seen = [high, low, u8::from(question.has_edns()) << 1 | u8::from(transport == Transport::Tcp), server];
    let mut builder = Builder::new(question, Random::new(0));
    match question.kind {
        A => builder.address(&question.labels, Ipv4Addr::from([10, seen[1] ^ seen[0], seen[2], seen[3]]).octets()),
        AAAA => builder.address(
            &question.labels,
            Ipv6Addr::from_bits(0xfd << 120 | u128::from(u32::from_be_bytes(seen))).octets(),
        ),
        _ => {}
    }
    builder.finish(0x8580, 0)
}

/// A valid answer, or the answer that the name does not exist.
fn plain(question: &Question<'_>, mut random: Random) -> Vec<u8> {
    let shape = random.below(16);
    let mut builder = Builder::new(question, random);
    let owner = builder.chain(&question.labels, usize::from(shape % 4 == 3));
    if shape < 8 {
        for _ in 0..=shape % 3 {
            builder.wanted(&owner);
        }
    }
    let rcode = match shape {
        12..=14 => NXDOMAIN,
        15 => SERVER_FAILURES[0],
        _ => 0,
    };
    if rcode != 0 {
        builder.records.clear();
    }
    builder.finish(0x8580, rcode)
}

fn any(question: &Question<'_>, mut random: Random, mutations: usize, transport: Transport) -> Vec<u8> {
    if mutations > 0 && random.one_in(150) {
        let mut bytes = question.message[..HEADER].to_vec();
        bytes[2] |= 0x80;
        bytes[3] = random.of(&SERVER_FAILURES);
        bytes[4..].fill(0);
        return bytes;
    }
    let rcode = match random.below(10) {
        0 => random.below(16) as u8,
        1 => random.of(&[NXDOMAIN, NXDOMAIN, SERVER_FAILURES[0]]),
        _ => 0,
    };
    let truncated = random.one_in(30);
    let (authoritative, recursive) = (random.one_in(2), !random.one_in(8));
    let links = random.of(&[0, 0, 0, 0, 1, 1, 2, 3, 4]);
    let count = if random.one_in(60) { 70 } else { random.of(&[0, 1, 1, 1, 2, 2, 3, 4, 5, 8, 20]) };
    let is_odd = mutations > 0;
    let mut builder = Builder::new(question, random);
    builder.oddity = if is_odd { 40 } else { usize::MAX };
    if !builder.random.one_in(10) {
        let owner = builder.chain(&question.labels, links);
        for _ in 0..count {
            let other = match builder.random.below(if is_odd { 24 } else { usize::MAX }) {
                0 => Some(question.labels.clone()),
                1 => Some(builder.new_name()),
                _ => None,
            };
            builder.wanted(other.as_ref().unwrap_or(&owner));
        }
        if builder.random.one_in(3) {
            for _ in 0..1 + builder.random.below(3) {
                builder.extra(&owner);
            }
        }
        if is_odd && builder.random.one_in(10) {
            let Builder { records, random, .. } = &mut builder;
            random.shuffle(records);
        }
    }
    let flags = 0x8100
        | u16::from(authoritative) << 10
        | u16::from(truncated && transport == Transport::Udp) << 9
        | u16::from(recursive) << 7;
    if builder.random.one_in(2) {
        builder.authority = Some(builder.random.of(&[SOA, SOA, NS]));
    }
    builder.additional = question.has_edns() || builder.random.one_in(3);
    let mut random = Random::new(builder.random.number());
    let mut bytes = builder.finish(flags, rcode);
    if truncated && transport == Transport::Udp && random.one_in(2) {
        bytes.truncate(question.end);
        bytes[6..HEADER].fill(0);
    }
    for _ in 0..mutations {
        mutate(&mut bytes, question.end, &mut random);
    }
    // The ID differs between lookups. Therefore, no name may point to it, or to the flags after it.
    for at in question.end + 1..bytes.len() {
        if bytes[at - 1] == 0xc0 && bytes[at] < 4 {
            bytes[at] = HEADER as u8;
        }
    }
    bytes
}

/// Makes a change after which the message is still an answer to the question.
fn mutate(bytes: &mut Vec<u8>, question_end: usize, random: &mut Random) {
    let at = question_end + random.below(bytes.len() - question_end + 1);
    let end = (at + 1 + random.below(12)).min(bytes.len());
    match random.below(12) {
        0 => bytes.insert(at, random.byte()),
        1 => drop(bytes.splice(at..at, std::iter::repeat_with(|| random.byte()).take(2).collect::<Vec<_>>())),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        // Flags and codes, and the counts of all sections except the question section.
        5 => bytes[2 + random.below(2)] ^= 1 << random.below(8),
        6 => bytes[7 + 2 * random.below(3)] = random.of(&[0, 1, 2, 3, 5, 21, 255]),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = match random.below(4) {
                    0 => *byte ^ 1 << random.below(8),
                    1 => random.byte(),
                    2 => byte.wrapping_add(random.of(&[1, 255, 2, 4])),
                    _ => random.of(&[0, 1, 4, 5, 12, 16, 28, 0x3f, 0x40, 0x80, 0xc0, 0xc1, 0xff]),
                };
            }
        }
    }
}

/// A record to be written.
#[derive(Clone)]
struct Record {
    owner: Labels,
    kind: u16,
    class: u16,
    data: Data,
}

#[derive(Clone)]
enum Data {
    Bytes(Vec<u8>),
    Name(Labels),
    Soa(Labels),
    /// Bytes followed by a name: RRSIG, SRV, HTTPS.
    Before(Vec<u8>, Labels),
}

/// A message that is being built.
struct Builder<'a> {
    question: &'a Question<'a>,
    random: Random,
    records: Vec<Record>,
    authority: Option<u16>,
    additional: bool,
    /// One of this number of names and numbers is invalid.
    oddity: usize,
    bytes: Vec<u8>,
    /// Names that have been written, and their positions.
    written: Vec<(Labels, usize)>,
    /// Pointers to any name of the finished message, including later ones.
    open: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(question: &'a Question<'a>, random: Random) -> Self {
        let mut builder = Self {
            question,
            random,
            records: Vec::new(),
            authority: None,
            additional: false,
            oddity: usize::MAX,
            bytes: question.message[..question.end].to_vec(),
            written: Vec::new(),
            open: Vec::new(),
        };
        // Clears the counts of the question message, except the first.
        builder.bytes[6..HEADER].fill(0);
        builder.note(&question.labels, HEADER);
        builder
    }

    /// Records a name. Pointers to its suffixes are also possible.
    fn note(&mut self, labels: &Labels, mut at: usize) {
        for first in 0..labels.len() {
            self.written.push((labels[first..].to_vec(), at));
            at += 1 + labels[first].len();
        }
    }

    fn odd(&mut self) -> bool {
        let oddity = self.oddity;
        self.random.one_in(oddity)
    }

    // ---- Records ----

    /// A name that an answer may contain.
    fn new_name(&mut self) -> Labels {
        let mut labels = vec![format!("h{}", self.random.below(1000)).into_bytes()];
        if self.odd() {
            labels = match self.random.below(8) {
                0 => vec![b"-dash".to_vec()],
                1 => vec![b"a.b".to_vec(), b"c d".to_vec()],
                2 => vec![vec![0, 255, self.random.byte()]],
                3 => vec![b"_under".to_vec(), b"x-".to_vec(), b"-y".to_vec()],
                4 => vec![b"*".to_vec(), b"back\\slash".to_vec()],
                5 => return Vec::new(),
                6 => vec![vec![b'l'; 63]; 3],
                _ => vec![vec![b'1'; 20]; 1 + self.random.below(9)],
            };
        }
        labels.extend([b"fuzz".to_vec(), b"test".to_vec()]);
        labels
    }

    /// Adds CNAME records that begin with this name, and returns the last name.
    fn chain(&mut self, from: &Labels, links: usize) -> Labels {
        let mut owner = from.clone();
        for _ in 0..links {
            let target = if self.odd() { from.clone() } else { self.new_name() };
            self.records.push(Record { owner, kind: CNAME, class: IN, data: Data::Name(target.clone()) });
            owner = target;
        }
        owner
    }

    /// Adds the records that were queried.
    fn wanted(&mut self, owner: &Labels) {
        match self.question.kind {
            A => {
                let octets = self.inet();
                self.address(owner, octets);
            }
            AAAA => {
                let octets = self.inet6();
                self.address(owner, octets);
            }
            PTR => {
                let data = Data::Name(self.new_name());
                self.records.push(Record { owner: owner.clone(), kind: PTR, class: IN, data });
            }
            _ => self.extra(owner),
        }
    }

    fn address(&mut self, owner: &Labels, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref().to_vec();
        let kind = if octets.len() == 4 { A } else { AAAA };
        self.records.push(Record { owner: owner.clone(), kind, class: IN, data: Data::Bytes(octets) });
    }

    /// An address in a network of the world or in another one, so that sorting has an effect.
    fn inet(&mut self) -> [u8; 4] {
        let [a, b] = [self.random.byte(), self.random.byte()];
        self.random.of(&[
            [10, 9, a, b],
            [10, 9, 0, b],
            [198, 51, 100, b],
            [127, 0, 0, b],
            [169, 254, a, b],
            [203, 0, 113, b],
            [a, b, a, b],
        ])
    }

    fn inet6(&mut self) -> [u8; 16] {
        let low = u128::from(self.random.byte());
        let high = self.random.of(&[
            0x2001_0db8_u128 << 96,
            0x2001_0db8_0001_u128 << 80,
            0x2001_u128 << 112,
            0x2002_0a09_u128 << 96,
            0xfd00_u128 << 112,
            0xfe80_u128 << 112,
            0xfec0_u128 << 112,
            0xff02_u128 << 112,
            0xffff_0a09_0000,
            0x2a00_u128 << 112,
            0,
        ]);
        (high | low).to_be_bytes()
    }

    /// Inserts a record that was not queried, of this or another name, at any position.
    fn extra(&mut self, owner: &Labels) {
        let owner = if self.random.one_in(2) { owner.clone() } else { self.new_name() };
        let kind = self.random.of(&[A, AAAA, NS, SOA, TXT, SRV, DNAME, RRSIG, HTTPS, PTR, OPT, CNAME, 65280, 0]);
        let noise: Vec<u8> = (0..self.random.below(24)).map(|_| self.random.byte()).collect();
        let data = match kind {
            A => Data::Bytes(self.inet().to_vec()),
            AAAA => Data::Bytes(self.inet6().to_vec()),
            NS | DNAME | PTR | CNAME => Data::Name(self.new_name()),
            SOA => Data::Soa(self.new_name()),
            RRSIG => Data::Before([&self.question.kind.to_be_bytes()[..], &[8, 2], &[0; 14]].concat(), self.new_name()),
            SRV => Data::Before(vec![0; 6], self.new_name()),
            HTTPS => Data::Before(vec![0, 1], self.new_name()),
            _ => Data::Bytes(noise),
        };
        let at = self.random.below(self.records.len() + 1);
        // In valid messages, aliases precede their targets, without other records in between.
        if kind == CNAME && self.oddity == usize::MAX {
            return;
        }
        self.records.insert(at, Record { owner, kind, class: IN, data });
    }

    // ---- Encoding ----

    fn put16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    fn put_name(&mut self, labels: &Labels) {
        if self.odd() {
            return self.put_odd_name(labels);
        }
        let start = self.bytes.len();
        let compress = !self.random.one_in(6);
        for first in 0..labels.len() {
            let suffix = &labels[first..];
            let known = self.written.iter().find(|(name, at)| name == suffix && *at < 0x4000);
            if let (Some(&(_, at)), true) = (known, compress) {
                self.put16(0xc000 | at as u16);
                self.note(&labels[..first].to_vec(), start);
                return;
            }
            let mut label = labels[first].clone();
            if self.random.one_in(16) {
                label.make_ascii_uppercase();
            }
            self.bytes.push(label.len() as u8);
            self.bytes.extend(label);
        }
        self.bytes.push(0);
        self.note(labels, start);
    }

    /// An invalid name, or one that points forward, to itself, or into other data.
    fn put_odd_name(&mut self, labels: &Labels) {
        let here = self.bytes.len() as u16;
        match self.random.below(9) {
            0..=2 => {
                self.open.push(self.bytes.len());
                self.put16(0xc000);
            }
            3 => self.put16(0xc000 | here & 0x3fff),
            4 => {
                let at = self.random.below(2 * self.bytes.len()) as u16;
                self.put16(0xc000 | at & 0x3fff);
            }
            5 => {
                let kind = self.random.of(&[0x40, 0x41, 0x80, 0xbf]);
                self.bytes.push(kind);
            }
            6 => {
                // A label, and a forward pointer.
                self.bytes.extend([3, b'f', b'w', b'd']);
                self.open.push(self.bytes.len());
                self.put16(0xc000);
            }
            7 => {
                // 250 bytes before the following name.
                for _ in 0..5 {
                    self.bytes.push(49);
                    self.bytes.extend([b'w'; 49]);
                }
                self.put_plain_name(labels);
            }
            _ => self.bytes.push(0),
        }
    }

    fn put_plain_name(&mut self, labels: &Labels) {
        for label in labels {
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(label);
        }
        self.bytes.push(0);
    }

    fn put_record(&mut self, record: &Record) {
        self.put_name(&record.owner);
        self.put16(record.kind);
        let class = if self.odd() { self.random.of(&[3, 255, 0, 254]) } else { record.class };
        self.put16(class);
        let ttl = self.random.of(&[0, 5, 300, 86400, u32::MAX]);
        self.bytes.extend_from_slice(&ttl.to_be_bytes());
        let length_at = self.bytes.len();
        self.put16(0);
        match &record.data {
            Data::Bytes(bytes) => self.bytes.extend_from_slice(bytes),
            Data::Name(name) => self.put_name(name),
            Data::Soa(name) => {
                self.put_name(name);
                self.put_name(name);
                self.bytes.extend_from_slice(&[0; 20]);
            }
            Data::Before(bytes, name) => {
                self.bytes.extend_from_slice(bytes);
                self.put_name(name);
            }
        }
        if self.odd() {
            // More or less data than the type requires.
            let length = self.bytes.len() + 3 - self.random.below(7);
            self.bytes.resize(length.max(length_at + 2), 0);
        }
        let mut length = (self.bytes.len() - length_at - 2) as u16;
        if self.odd() {
            length = length.wrapping_add(self.random.of(&[1, 2, u16::MAX, 12, 300]));
        }
        self.bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }

    fn finish(mut self, flags: u16, rcode: u8) -> Vec<u8> {
        for record in std::mem::take(&mut self.records) {
            self.put_record(&record);
            self.count(6);
        }
        if let Some(kind) = self.authority {
            let (owner, name) = (vec![b"fuzz".to_vec(), b"test".to_vec()], self.new_name());
            let data = if kind == SOA { Data::Soa(name) } else { Data::Name(name) };
            self.put_record(&Record { owner, kind, class: IN, data });
            self.count(8);
        }
        if self.additional {
            let opt = Record { owner: Vec::new(), kind: OPT, class: 1232, data: Data::Bytes(Vec::new()) };
            self.put_record(&opt);
            self.count(10);
        }
        for at in std::mem::take(&mut self.open) {
            let to = self.random.below(self.written.len());
            let pointer = 0xc000 | self.written[to].1 as u16 & 0x3fff;
            // The message may have been truncated.
            if let Some(open) = self.bytes.get_mut(at..at + 2) {
                open.copy_from_slice(&pointer.to_be_bytes());
            }
        }
        self.bytes[2..4].copy_from_slice(&(flags | u16::from(rcode)).to_be_bytes());
        self.bytes
    }

    /// Increments the count of a section.
    fn count(&mut self, at: usize) {
        self.bytes[at + 1] += 1;
    }
}
