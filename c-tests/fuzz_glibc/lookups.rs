//! Generated lookups. Each is a command of `probe.c`, and is determined by a seed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::answers;
use crate::random::Random;

/// A buffer size that is sufficient for all answers. Shorter buffers are also used.
const BUFFER: usize = 8192;

/// The lookup for this seed. The answer depends only on the name, so that the command is sufficient to reproduce it.
pub(crate) fn lookup(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mutations = random.of(&[0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 6]);
    let name = format!("s{seed}-m{mutations}.fuzz.test");
    let family = random.of(&[4, 6]);
    let buffer = if random.one_in(8) { 64 + random.below(1200) } else { BUFFER };
    match random.below(20) {
        0..=10 => {
            let flags = random.of(&[
                "0",
                "0",
                "CANON",
                "CANON",
                "ADDRCONFIG",
                "V4MAPPED",
                "V4MAPPED|ALL",
                "CANON|V4MAPPED|ALL",
            ]);
            let family = random.of(&[0, 0, 4, 6]);
            format!("gai {name} - {flags} {family} 1 0")
        }
        11..=14 => format!("ghbn2r {name} {family} {buffer}"),
        15 => format!("ghbn2 {name} {family}"),
        16 => format!("ghbn {name}"),
        17 | 18 => format!("ghbar {} {buffer}", address(&mut random)),
        _ => format!("gni {} 80 {}", address(&mut random), random.of(&["0", "NAMEREQD", "NOFQDN"])),
    }
}

/// An address that only the server knows.
fn address(random: &mut Random) -> String {
    if random.one_in(2) {
        let [a, b, c] = [random.byte(), random.byte(), random.byte()];
        return Ipv4Addr::new(100, a, b, c).to_string();
    }
    Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | u128::from(random.number())).to_string()
}

/// The answers for such a command.
pub(crate) fn answers(command: &str) -> String {
    answers::shown(&name_of(command))
}

/// The name that resolvers query for such a command.
pub(crate) fn name_of(command: &str) -> String {
    let subject = command.split(' ').nth(1).unwrap_or_default();
    match subject.parse() {
        Ok(IpAddr::V4(v4)) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(v6)) => {
            let digits = format!("{:032x}", v6.to_bits());
            digits.chars().rev().map(|digit| format!("{digit}.")).collect::<String>() + "ip6.arpa"
        }
        Err(_) => subject.to_owned(),
    }
}
