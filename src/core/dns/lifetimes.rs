//! Tests the lifetimes of responses with generated messages, valid and malformed, against a slow and simple second
//! implementation that was written from RFC 1035, section 4, RFC 2181, section 8, and RFC 2308, section 5.

use super::exchange::replies::Replies;
use super::search::lifetime;

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const TXT: u16 = 16;
const AAAA: u16 = 28;

/// Random numbers (xorshift), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

const TIMES: [u32; 12] = [0, 1, 5, 5, 30, 60, 300, 86_400, 0x7fff_ffff, 0x8000_0000, 0x8000_0005, u32::MAX];

fn name(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => b"\x01a\x07example\0".to_vec(),
        1 => b"\0".to_vec(),
        2 => b"\x03sub\xc0\x0c".to_vec(),
        // Forward, or to no name.
        3 if random.one_in(6) => random.of(&[b"\xc3\xff", b"\xc0\x40", b"\xc0\x60"]).to_vec(),
        4 if random.one_in(6) => b"\x80bad\0".to_vec(),
        _ => b"\xc0\x0c".to_vec(),
    }
}

fn record(random: &mut Random, kind: u16) -> Vec<u8> {
    let data = match kind {
        A => vec![192, 0, 2, 1],
        AAAA => vec![0x20; 16],
        SOA if random.one_in(8) => b"\xc0\x0c\0".to_vec(), // Without the numeric fields.
        SOA => {
            let mut data = [name(random), name(random), vec![0; 16]].concat();
            data.extend_from_slice(&random.of(&TIMES).to_be_bytes());
            data
        }
        _ => name(random),
    };
    let length = if random.one_in(40) { random.below(600) as u16 } else { data.len() as u16 };
    let class: u16 = if random.one_in(20) { 3 } else { 1 };
    let (mut bytes, ttl) = (name(random), random.of(&TIMES));
    for part in [&kind.to_be_bytes()[..], &class.to_be_bytes(), &ttl.to_be_bytes(), &length.to_be_bytes(), &data] {
        bytes.extend_from_slice(part);
    }
    bytes
}

fn reply(random: &mut Random, kind: u16) -> Vec<u8> {
    let rcode = if random.one_in(4) { random.below(16) as u8 } else { random.of(&[0, 0, 0, 3]) };
    let truncated = if random.one_in(12) { 2 } else { 0 };
    let kinds = [kind, kind, CNAME, TXT, A, SOA];
    let answers: Vec<Vec<u8>> = (0..random.below(4))
        .map(|_| random.of(&kinds))
        .collect::<Vec<_>>()
        .iter()
        .map(|&k| record(random, k))
        .collect();
    let others: Vec<Vec<u8>> = (0..random.below(3))
        .map(|_| random.of(&[SOA, SOA, 2]))
        .collect::<Vec<_>>()
        .iter()
        .map(|&k| record(random, k))
        .collect();
    let wrong_by = if random.one_in(20) { random.below(3) as u8 } else { 0 };
    let mut bytes = vec![0, 7, 0x84 | truncated, 0x80 | rcode, 0, 1, 0, answers.len() as u8 + wrong_by];
    bytes.extend_from_slice(&[0, others.len() as u8, 0, 0]);
    bytes.extend_from_slice(b"\x04host\x07example\0");
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes.extend(answers.concat());
    bytes.extend(others.concat());
    if random.one_in(10) {
        bytes.truncate(12 + random.below(bytes.len() as u64 - 11) as usize);
    }
    bytes
}

/// The result of the second implementation for one response.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    There(u32),
    NotThere(Option<u32>),
    Failed,
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from(*bytes.get(at)?) << 8 | u16::from(*bytes.get(at + 1)?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(word(bytes, at)?) << 16 | u32::from(word(bytes, at + 2)?))
}

/// Returns the position after the name at this position; `None` if there is no valid name.
fn end_of_name(bytes: &[u8], at: usize) -> Option<usize> {
    name_from(bytes, at, 0, 0)
}

/// The same after `before` bytes of labels. A name whose pointers and labels add up to the length of the message is a
/// loop.
fn name_from(bytes: &[u8], at: usize, before: usize, pointers: usize) -> Option<usize> {
    let length = usize::from(*bytes.get(at)?);
    match length {
        0 => Some(at + 1),
        1..64 if before + length + 2 > 255 => None,
        1..64 => name_from(bytes, at + 1 + length, before + length + 1, pointers),
        0xc0.. => {
            let to = usize::from(word(bytes, at)? & 0x3fff);
            let goes_round = before + 2 * (pointers + 1) >= bytes.len();
            (!goes_round).then(|| name_from(bytes, to, before, pointers + 1))?.map(|_| at + 2)
        }
        _ => None,
    }
}

/// Returns the type, time to live and data of the record at this position, and the position after it.
fn one_record(bytes: &[u8], at: usize) -> Option<(u16, u32, &[u8], usize)> {
    let at = end_of_name(bytes, at)?;
    let (kind, ttl, length) = (word(bytes, at)?, long(bytes, at + 4)?, usize::from(word(bytes, at + 8)?));
    // RFC 2181: a value with the most significant bit set is treated as zero.
    let ttl = if ttl >= 1 << 31 { 0 } else { ttl };
    Some((kind, ttl, bytes.get(at + 10..at + 10 + length)?, at + 10 + length))
}

fn says(bytes: &[u8]) -> Says {
    let read = || {
        let (flags, answers, others) = (word(bytes, 2)?, word(bytes, 6)?, word(bytes, 8)?);
        let mut at = end_of_name(bytes, 12)?;
        let (asked, _class) = (word(bytes, at)?, word(bytes, at + 2)?);
        at += 4;
        let (truncated, rcode) = (flags & 0x0200 != 0, flags & 15);
        if truncated || (rcode != 0 && rcode != 3) {
            return None;
        }
        let (mut ttls, mut there) = (Vec::new(), false);
        for _ in 0..answers {
            let (kind, ttl, _, next) = one_record(bytes, at)?;
            ttls.push(ttl);
            there |= kind == asked && rcode == 0;
            at = next;
        }
        if there {
            return Some(Says::There(*ttls.iter().min()?));
        }
        for _ in 0..others {
            let Some((kind, ttl, data, next)) = one_record(bytes, at) else { break };
            if kind == SOA && data.len() >= 22 {
                ttls.push(ttl);
                ttls.push(long(data, data.len() - 4)?);
                return Some(Says::NotThere(ttls.iter().copied().min()));
            }
            at = next;
        }
        Some(Says::NotThere(None))
    };
    read().unwrap_or(Says::Failed)
}

/// The same for all responses together.
fn together(replies: &[&[u8]], expected: usize) -> Option<u32> {
    let said: Vec<Says> = replies.iter().filter(|bytes| bytes.len() >= 12).map(|bytes| says(bytes)).collect();
    let something_is_there = said.iter().any(|said| matches!(said, Says::There(_)));
    let mut least = u32::MAX;
    for said in &said {
        least = least.min(match *said {
            Says::There(seconds) | Says::NotThere(Some(seconds)) => seconds,
            Says::NotThere(None) if something_is_there => u32::MAX,
            Says::NotThere(None) | Says::Failed => return None,
        });
    }
    (said.len() == expected).then_some(least)
}

#[test]
fn answers_count_for_as_long_as_a_naive_reading_of_the_rfcs_says() {
    let mut random = Random(0x2308_2181_1035_0001);
    let (mut kept, mut zero, mut not) = (0, 0, 0);
    for _ in 0..40_000 {
        let first = reply(&mut random, A);
        let second = if random.one_in(3) { reply(&mut random, AAAA) } else { Vec::new() };
        let expected = if random.one_in(10) { 2 } else { 1 + usize::from(!second.is_empty()) };
        let naive = together(&[&first, &second], expected);
        match naive {
            Some(0) => zero += 1,
            Some(_) => kept += 1,
            None => not += 1,
        }
        let replies = Replies { first, second };
        assert_eq!(lifetime(&replies, expected), naive, "{:?} {:?}", replies.first, replies.second);
    }
    assert!(kept > 4_000 && zero > 4_000 && not > 4_000, "{kept} {zero} {not}");
}
