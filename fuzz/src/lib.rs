//! The fuzz targets. No input may crash the library, and the results must have the properties that can be checked
//! without a second implementation.
//!
//! `scripts/fuzz` runs these functions with libFuzzer. `cargo test` in this directory runs them briefly on `seeds/`. If
//! a name is looked up in a text, the name is the first line of the input.

pub mod naive;

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nss_bypass::fuzzing as packers;
use nss_bypass_core::dns::fuzzing as dns;
use nss_bypass_core::files::{gai_conf, host_conf, hosts, nsswitch, resolv_conf, services};
use nss_bypass_core::model::Subject;
use nss_bypass_core::model::name::{Name, is_host_byte};
use nss_bypass_core::model::{Address, Answer, Diagnostic, Family};
use nss_bypass_core::rules::config::{self, Beginning, Config, Environment};
use nss_bypass_core::rules::pattern::{Kind, Pattern};
use nss_bypass_core::rules::policy::{Policy, Verdict};
use nss_bypass_core::rules::programs::Program;
use nss_bypass_core::rules::rule::{Answering, Rule};

/// The data before the first byte with this value, and the data after it.
fn split(data: &[u8], at: u8) -> (&[u8], &[u8]) {
    match data.iter().position(|&byte| byte == at) {
        Some(place) => (&data[..place], &data[place + 1..]),
        None => (data, &[]),
    }
}

/// The bytes whose length precedes them, and the rest.
fn counted(data: &[u8]) -> (&[u8], &[u8]) {
    let [high, low, rest @ ..] = data else { return (&[], &[]) };
    rest.split_at(usize::from(u16::from_be_bytes([*high, *low])).min(rest.len()))
}

/// Messages from a server. The input is a name and a newline, an ID, and two messages, the first preceded by its
/// length.
pub fn answer(data: &[u8]) {
    let (name, rest) = split(data, b'\n');
    let [high, low, rest @ ..] = rest else { return };
    let id = u16::from_be_bytes([*high, *low]);
    let (first, second) = counted(rest);
    let Some(read) = dns::read(name, id, first, second, Ipv4Addr::LOCALHOST.into()) else { return };
    assert!(!read.is_taken || first[..2] == id.to_be_bytes(), "another id");
    for answer in read.found.iter().flatten() {
        for address in answer.addresses.iter().filter(|address| address.ip != Ipv4Addr::LOCALHOST) {
            let octets = match address.ip {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let is_in = |message: &[u8]| message.windows(octets.len()).any(|window| window == octets);
            assert!(is_in(first) || is_in(second), "{address:?} is invented");
        }
        // A record has at least 11 bytes.
        assert!((answer.addresses.len() + answer.aliases.len()) * 11 <= first.len() + second.len() + 11);
        for name in answer.aliases.iter().chain([&answer.canonical]).filter(|name| *name != b"") {
            assert!(name.len() < 256 && name.iter().all(|&byte| byte == b'.' || is_host_byte(byte)), "{name:?}");
        }
    }
    // The answer repeats the question.
    if let Some(mut reply) = dns::question(name, id) {
        let is_taken = |reply: &[u8]| dns::read(name, id, reply, &[], Ipv4Addr::LOCALHOST.into()).unwrap().is_taken;
        reply[2] |= 0x80;
        assert!(is_taken(&reply), "the right question is not known again");
        reply[0] ^= 1;
        assert!(!is_taken(&reply), "another id is taken");
    }
}

fn check_faults(faults: &[Diagnostic], text: &[u8]) {
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    for fault in faults {
        let line = lines[fault.line as usize - 1];
        assert!((1..=line.len() as u32 + 1).contains(&fault.column), "{fault}");
        assert!(!fault.message.chars().any(char::is_control), "{fault}");
    }
}

/// A configuration file.
pub fn configuration(data: &[u8]) {
    let (config, faults) = config::parse(data, "fuzz.conf");
    check_faults(&faults, data);
    let bad: BTreeSet<u32> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(bad.len(), faults.len(), "one fault a line");
    for rule in &config.rules {
        assert!(!bad.contains(&rule.origin().line), "a rule of a line with a fault");
        let answering = rule.answering();
        assert!(answering.via.len() <= 16 && answering.via.now().iter().all(|server| server.port() > 0));
        assert!(answering.timeout.is_none_or(|seconds| (1..=30).contains(&seconds)));
        assert!(answering.attempts.is_none_or(|times| (1..=5).contains(&times)));
        let is_network = rule.pattern().kind() == Kind::Network;
        assert!(answering.addresses.is_empty() || !is_network, "addresses of an address");
        let asks =
            Answering { addresses: answering.addresses.clone(), fallback: answering.fallback, ..Answering::default() };
        assert!(answering.addresses.is_empty() || *answering == asks, "options about servers beside addresses");
        for program in rule.programs().iter().map(Program::as_str) {
            assert!(
                !program.is_empty() && !program.ends_with('/') && (program.starts_with('/') || !program.contains('/'))
            );
        }
        // The text of a pattern is parsed as the same pattern, except for an address with a trailing dot, which is a
        // name.
        let again = Pattern::parse(rule.pattern().as_str().as_bytes()).expect("a pattern");
        assert!(again == rule.pattern() || again.kind() == Kind::Network, "{again}");
    }
    let at_start = config::parse(config::before_rules(data), "fuzz.conf").0.databases;
    assert_eq!(at_start, config.databases, "databases that are not found at the start of a program");
    assert!(at_start.is_empty() || config::look_for_databases(data) == Beginning::HasDatabases);
    let named = config.rules.iter().flat_map(Rule::programs).map(|program| program.as_str().as_bytes().to_vec());
    let executables =
        named.take(4).map(|name| if name.starts_with(b"/") { name } else { [b"/bin/", &name[..]].concat() });
    for executable in executables.map(Some).chain([None, Some(b"/usr/bin/curl".to_vec())]) {
        let mut kept = config.clone();
        kept.retain_for(|| executable.clone());
        let lines = |rules: &[Rule]| rules.iter().map(|rule| rule.origin().line).collect::<Vec<_>>();
        let counting: Vec<Rule> =
            config.rules.iter().filter(|rule| rule.is_for(executable.as_deref())).cloned().collect();
        assert_eq!(lines(&kept.rules), lines(&counting), "{executable:?}");
        assert!(kept.rules.iter().all(|rule| rule.programs().is_empty() || naive::is_for(rule, executable.as_deref())));
    }
    decide(&Policy::new(config, Config::default()), data);
}

/// Environment variables. The input is NSS_BYPASS, a NUL, and NSS_BYPASS_VIA.
pub fn variables(data: &[u8]) {
    let (rules, via) = split(data, 0);
    let (config, faults) =
        config::parse_environment(&Environment { rules: Some(rules), via: Some(via), databases: Some(via) });
    for (variable, text) in [("NSS_BYPASS", rules), ("NSS_BYPASS_VIA", via), ("NSS_BYPASS_DATABASES", via)] {
        for fault in faults.iter().filter(|fault| fault.source == variable) {
            assert!((1..=text.len() as u32 + 1).contains(&fault.column), "{fault}");
            assert!(!fault.message.chars().any(char::is_control), "{fault}");
        }
    }
    assert!(config.rules.iter().all(|rule| rule.answering().via.len() <= 16 && rule.programs().is_empty()));
    decide(&Policy::new(Config::default(), config), rules);
}

/// Checks the verdict for every word of a text.
fn decide(policy: &Policy, text: &[u8]) {
    for word in text.split(|byte| b" \n,".contains(byte)).take(64) {
        policy.decide(Name::new(word));
    }
    policy.decide_subject(Subject::NoName);
    policy.decide_address(Ipv4Addr::LOCALHOST.into());
    policy.decide_address(Ipv6Addr::LOCALHOST.into());
}

/// A resolv.conf. The input begins with LOCALDOMAIN, RES_OPTIONS and the host name, on one line each.
pub fn resolv_conf(data: &[u8]) {
    let (localdomain, rest) = split(data, b'\n');
    let (options, rest) = split(rest, b'\n');
    let (hostname, text) = split(rest, b'\n');
    for set in [false, true] {
        let around = resolv_conf::ResolverEnvironment {
            localdomain: set.then_some(localdomain),
            res_options: set.then_some(options),
            hostname,
            scope_id: &|_, name| (name.len() < 4).then_some(1),
            minor: if set { 41 } else { 36 },
        };
        for text in [None, Some(text)] {
            let conf = resolv_conf::parse(text, &around);
            assert!((1..=3).contains(&conf.servers.len()) && conf.ndots <= 15);
            assert!(conf.timeout <= 30 && conf.attempts <= 5 && conf.sortlist.len() <= data.len());
            assert!(conf.search.iter().map(|domain| domain.len()).sum::<usize>() <= data.len());
        }
    }
}

/// A hosts file. The first line of the input is a name to look up.
pub fn hosts(data: &[u8]) {
    let (name, text) = split(data, b'\n');
    let name = Name::new(name).as_bytes();
    for multi in [false, true] {
        assert_eq!(hosts::lookup_both(text, name, multi), naive::hosts(text, name, None, multi));
        for family in [Family::Inet, Family::Inet6] {
            let mut found = hosts::lookup(text, name, family, multi);
            let mut expected = naive::hosts(text, name, Some(family), multi);
            // Only the number of aliases is compared.
            for answer in found.iter_mut().chain(&mut expected) {
                answer.aliases.iter_mut().for_each(Vec::clear);
            }
            assert_eq!(found, expected);
            check_room(text, hosts::Key::Name(name, family), multi);
        }
    }
    let any = hosts::lookup_any(text, name).map(|answer| answer.addresses);
    assert_eq!(any, hosts::lookup_both(text, name, false).map(|answer| answer.addresses));
    let mut wanted: Vec<IpAddr> = naive::lines(text).take(8).map(|line| line.address).collect();
    wanted.extend([IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]);
    let as_mapped = |address: &IpAddr| match address {
        IpAddr::V4(v4) => Some(IpAddr::from(v4.to_ipv6_mapped())),
        IpAddr::V6(_) => None,
    };
    wanted.extend(wanted.clone().iter().filter_map(as_mapped));
    for address in wanted {
        for mapped in [false, true] {
            let found = hosts::lookup_address(text, address, mapped).map(|answer| answer.canonical);
            assert_eq!(found, naive::name_of(text, address, mapped), "{address}");
            check_room(text, hosts::Key::Address(address, mapped), true);
        }
    }
}

/// Checks that the fast check of whether a buffer is large enough has the same result as the slow one.
fn check_room(text: &[u8], key: hosts::Key<'_>, multi: bool) {
    const ALIGNED: usize = 8;
    let room = packers::room(text, key, multi, ALIGNED);
    assert!(room <= 128 + 16 * text.len());
    for length in [room - 1, room, room + text.len(), room + 5 * text.len()] {
        let is_enough = packers::is_enough(ALIGNED, length, text, key, multi);
        assert_eq!(is_enough, length >= room, "{length} of {room} bytes");
    }
}

/// A services file. The first line of the input is the name of a service.
pub fn services(data: &[u8]) {
    let (name, text) = split(data, b'\n');
    for protocol in [&b"tcp"[..], b"udp", b"", name] {
        if let Some(port) = services::by_name(text, name, protocol) {
            assert!(services::by_port(text, port, protocol).is_some(), "port {port} has no name");
        }
        if let Some(found) = services::by_port(text, 80, protocol) {
            assert!(services::by_name(text, &found, protocol).is_some(), "{found:?} has no port");
        }
    }
}

/// An nsswitch.conf, also as an argument of `__nss_configure_lookup`.
pub fn nsswitch(data: &[u8]) {
    for minor in [31, 36] {
        for read in [nsswitch::parse(Some(data), minor), nsswitch::parse(None, minor)].into_iter().flatten() {
            assert!(read.hosts.len() + read.services.len() <= data.len() + 3);
        }
        let listed = nsswitch::parse_services(data, minor);
        assert!(listed.is_none_or(|listed| listed.len() <= data.len()));
    }
}

/// A gai.conf.
pub fn gai_conf(data: &[u8]) {
    let conf = gai_conf::parse(Some(data));
    assert!(conf.labels.iter().chain(&conf.precedence).all(|entry| entry.bits <= 128));
    for address in data.chunks_exact(16).map(|bytes| Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap())) {
        conf.label(address);
        conf.precedence_of(address);
        conf.scope_v4(Ipv4Addr::from_bits(address.to_bits() as u32));
    }
}

/// A host.conf. The first line of the input is the value of the variables.
pub fn host_conf(data: &[u8]) {
    let (value, text) = split(data, b'\n');
    let all = [None, Some(value)].map(|value| host_conf::HostEnvironment {
        multi: value,
        reorder: value,
        add_trim: value,
        override_trim: value,
    });
    for environment in all {
        let conf = host_conf::parse(Some(text), &environment);
        assert!(conf.trim.len() <= 4);
        let mut name = value.to_vec();
        conf.trim(&mut name);
        assert!(value.starts_with(&name) && (value.is_empty() || !name.is_empty()));
    }
}

/// A pattern. The input is a pattern, a newline, and names separated by commas.
pub fn pattern(data: &[u8]) {
    let (text, names) = split(data, b'\n');
    let text = text.to_ascii_lowercase();
    let pattern = match Pattern::parse(&text) {
        Ok(pattern) => pattern,
        Err(error) => return assert!(error.at <= text.len(), "{error:?}"),
    };
    for name in names.split(|&byte| byte == b',').take(32) {
        let name = name.to_ascii_lowercase();
        assert_eq!(pattern.matches(&name), naive::matches(pattern, &name), "{pattern} {}", name.escape_ascii());
    }
}

/// A policy. The input is names separated by commas, a newline, and a configuration.
pub fn policy(data: &[u8]) {
    let (names, text) = split(data, b'\n');
    let (config, _) = config::parse(text, "fuzz.conf");
    let rules = config.rules.clone();
    let policy = Policy::new(config, Config::default());
    let of_rule = |rule: &Rule| (rule.origin().line, rule.pattern().to_string());
    let place = |verdict: Verdict<'_>| match verdict {
        Verdict::Bypass(rule) | Verdict::LibcFirst(rule) | Verdict::Pass(Some(rule)) => Some(of_rule(rule)),
        Verdict::Pass(None) => None,
    };
    for name in names.split(|&byte| byte == b',').take(32) {
        let name = Name::new(name);
        let expected = naive::decide(&rules, name).map(of_rule);
        assert_eq!(place(policy.decide(name)), expected, "{}", name.as_bytes().escape_ascii());
        if let Some(address) = std::str::from_utf8(name.as_bytes()).ok().and_then(|text| text.parse().ok()) {
            let expected = naive::decide_address(&rules, address).map(|rule| rule.origin().line);
            assert_eq!(place(policy.decide_address(address)).map(|(line, _)| line), expected, "{address}");
        }
    }
}

/// Creates an answer from bytes: the number of addresses and their family, the addresses, then names separated by
/// commas.
fn answer_from(data: &[u8]) -> Answer {
    let [count, rest @ ..] = data else { return Answer::default() };
    let (width, count) = (if count & 0x80 == 0 { 4 } else { 16 }, usize::from(count & 0x1f));
    let ip = |bytes: &[u8]| match <[u8; 4]>::try_from(bytes) {
        Ok(octets) => IpAddr::from(octets),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
    };
    let addresses: Vec<Address> =
        rest.chunks_exact(width).take(count).map(|bytes| Address { ip: ip(bytes), scope: 7 }).collect();
    let mut names = rest[addresses.len() * width..].split(|byte| b",\0".contains(byte)).map(<[u8]>::to_vec);
    Answer { canonical: names.next().unwrap_or_default(), aliases: names.take(16).collect(), addresses }
}

/// Packs a hostent into buffers of all lengths and alignments.
pub fn hostent(data: &[u8]) {
    const ALIGNMENT: usize = 16;
    const FILLER: u8 = 0xa5;
    let answer = answer_from(&data[..data.len().min(200)]);
    let lists_first = data.len() % 2 == 1;
    let is_shared = lists_first && answer.aliases.is_empty();
    let pointers = (answer.addresses.len() + answer.aliases.len() + 2 - usize::from(is_shared)) * size_of::<usize>();
    let width = answer.addresses.first().map_or(16, |address| if address.ip.is_ipv4() { 4 } else { 16 });
    let names: usize = answer.canonical.len() + 1 + answer.aliases.iter().map(|alias| alias.len() + 1).sum::<usize>();
    let addresses = answer.addresses.len() * width;
    let needed_at = |start: usize| {
        let end = if is_shared {
            (start.next_multiple_of(8) + pointers + names).next_multiple_of(4) + addresses
        } else {
            ((start + names).next_multiple_of(4) + addresses).next_multiple_of(8) + pointers
        };
        end - start
    };
    let needed = (0..ALIGNMENT).map(needed_at).max().unwrap_or_default();
    for offset in 0..ALIGNMENT {
        // Well below the required length, only some lengths are tried.
        for length in (0..needed + 16).filter(|length| length % 37 == 0 || length + 40 > needed) {
            // There are guard bytes on both sides. With AddressSanitizer, the end of the allocation is also a guard.
            let mut area = vec![FILLER; 2 * ALIGNMENT + length + offset % 2];
            let start = area.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT - 1) + offset;
            if start + length > area.len() {
                area.resize(start + length, FILLER);
                continue;
            }
            let buffer = area[start..].as_mut_ptr();
            // SAFETY: a hostent is plain data.
            let mut host: libc::hostent = unsafe { std::mem::zeroed() };
            // SAFETY: the buffer is writable for `length` bytes, as checked above.
            let packed = unsafe { packers::pack(&answer, &mut host, buffer.cast(), length, lists_first) };
            let needed = needed_at(buffer.addr());
            assert_eq!(packed.is_some(), length >= needed, "{length} of {needed} bytes");
            if packed.is_some() {
                check_hostent(&answer, &host, buffer as usize..buffer as usize + length);
            }
            let (before, after) = (&area[..start], &area[start + length..]);
            assert!(before.iter().chain(after).all(|&byte| byte == FILLER), "written outside");
        }
    }
}

fn check_hostent(answer: &Answer, host: &libc::hostent, area: std::ops::Range<usize>) {
    let list = |first: *mut *mut libc::c_char, count: usize| -> Vec<*mut libc::c_char> {
        assert!(first.is_aligned() && area.contains(&(first as usize)));
        // SAFETY: the list has this number of pointers and a terminating NULL.
        let all = unsafe { std::slice::from_raw_parts(first, count + 1) };
        assert!(all[count].is_null() && all[..count].iter().all(|pointer| area.contains(&(*pointer as usize))));
        all[..count].to_vec()
    };
    // SAFETY: a string in the buffer.
    let text = |pointer: *mut libc::c_char| unsafe { CStr::from_ptr(pointer) }.to_bytes().to_vec();
    assert_eq!(text(host.h_name), answer.canonical);
    let aliases: Vec<Vec<u8>> = list(host.h_aliases, answer.aliases.len()).into_iter().map(text).collect();
    assert_eq!(aliases, answer.aliases);
    for (pointer, address) in list(host.h_addr_list, answer.addresses.len()).into_iter().zip(&answer.addresses) {
        // SAFETY: the address has this number of bytes.
        let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), host.h_length as usize) };
        match address.ip {
            IpAddr::V4(ip) => assert_eq!(bytes, ip.octets()),
            IpAddr::V6(ip) => assert_eq!(bytes, ip.octets()),
        }
    }
}

/// Lists for the caller of getaddrinfo, whole, split, and with a failed allocation. They are freed by libc.
pub fn addrinfo(data: &[u8]) {
    let [kinds, data @ ..] = data else { return };
    let services = [(1, 6, 80), (2, 17, 53), (3, 0, 0)];
    let services = &services[..1 + usize::from(kinds % 3)];
    let answer = answer_from(data);
    let name = (!answer.addresses.is_empty() && kinds & 4 != 0).then_some(&answer.canonical[..]);
    let flags = i32::from(*kinds);
    assert!(packers::list(&answer.addresses, services, flags, name, false).is_none());
    let first = packers::list(&answer.addresses, services, flags, name, true).expect("memory");
    let (mut node, mut nodes) = (first, Vec::new());
    while !node.is_null() {
        nodes.push(node);
        // SAFETY: a node of the list, to which there is no other reference.
        let info = unsafe { &*node };
        check_node(info, &answer, services, nodes.len() - 1);
        assert_eq!(info.ai_flags, flags);
        if let (Some(name), true) = (name, nodes.len() == 1) {
            // SAFETY: a C string of the list.
            let text = unsafe { CStr::from_ptr(info.ai_canonname) };
            assert_eq!(text.to_bytes(), name);
        } else {
            assert!(info.ai_canonname.is_null());
        }
        node = info.ai_next;
    }
    assert_eq!(nodes.len(), answer.addresses.len() * services.len());
    let middle = usize::from(*kinds) % (nodes.len() + 1);
    if middle > 0 && middle < nodes.len() {
        // SAFETY: nodes of the list. Programs split lists in this way.
        unsafe { (*nodes[middle - 1]).ai_next = std::ptr::null_mut() };
        // SAFETY: the second half, to which no pointer is left.
        unsafe { libc::freeaddrinfo(nodes[middle]) };
    }
    // SAFETY: NULL, or a list of nodes allocated with malloc.
    unsafe { libc::freeaddrinfo(first) };
}

fn check_node(info: &libc::addrinfo, answer: &Answer, services: &[(i32, i32, u16)], place: usize) {
    let (socket_type, protocol, port) = services[place % services.len()];
    assert_eq!((info.ai_socktype, info.ai_protocol), (socket_type, protocol));
    match answer.addresses[place / services.len()].ip {
        IpAddr::V4(ip) => {
            assert_eq!((info.ai_family, info.ai_addrlen as usize), (libc::AF_INET, size_of::<libc::sockaddr_in>()));
            // SAFETY: the family and the length were checked.
            let inet = unsafe { &*info.ai_addr.cast::<libc::sockaddr_in>() };
            assert_eq!((inet.sin_addr.s_addr, inet.sin_port), (u32::from_ne_bytes(ip.octets()), port.to_be()));
        }
        IpAddr::V6(ip) => {
            assert_eq!((info.ai_family, info.ai_addrlen as usize), (libc::AF_INET6, size_of::<libc::sockaddr_in6>()));
            // SAFETY: the family and the length were checked.
            let inet6 = unsafe { &*info.ai_addr.cast::<libc::sockaddr_in6>() };
            assert_eq!((inet6.sin6_addr.s6_addr, inet6.sin6_port), (ip.octets(), port.to_be()));
            assert_eq!(inet6.sin6_scope_id, 7);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUTATIONS: usize = 3000;

    /// A generator with the same numbers in every run (xorshift).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) as usize % limit.max(1)
        }

        /// One of the seeds, with a few bytes changed, inserted, removed, duplicated, or taken from another seed.
        fn mutation(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
            let mut data = seeds[self.below(seeds.len())].clone();
            for _ in 0..=self.below(6) {
                let at = self.below(data.len() + 1);
                let end = (at + self.below(16)).min(data.len());
                match self.below(7) {
                    0 => data.insert(at, self.below(256) as u8),
                    1 => data.insert(at, b"\0\n .*?#:,/!\xc0\xff09a"[self.below(16)]),
                    2 => drop(data.drain(at..end)),
                    3 => data.extend_from_within(at..end),
                    4 => data.truncate(at),
                    5 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
                    _ => {
                        let other = &seeds[self.below(seeds.len())];
                        data.splice(at..end, other[self.below(other.len())..].iter().copied().take(40));
                    }
                }
            }
            data
        }
    }

    /// Runs a target with its seeds, and with several thousand mutations of them.
    fn holds(name: &str, target: fn(&[u8])) {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mutations = (0..MUTATIONS).map(|_| random.mutation(&seeds));
        for data in seeds.clone().into_iter().chain(mutations) {
            if let Err(panic) = std::panic::catch_unwind(|| target(&data)) {
                eprintln!("{name} on \"{}\"", data.escape_ascii());
                std::panic::resume_unwind(panic);
            }
        }
    }

    macro_rules! targets {
        ($($promise:ident: $target:ident)+) => { $(
            #[test]
            fn $promise() {
                holds(stringify!($target), $target);
            }
        )+ };
    }

    targets! {
        no_message_stops_the_way_of_an_answer: answer
        no_text_stops_the_configuration: configuration
        no_text_stops_the_variables: variables
        no_text_stops_resolv_conf: resolv_conf
        every_hosts_file_is_read_as_line_by_line: hosts
        no_text_stops_services: services
        no_text_stops_nsswitch_conf: nsswitch
        no_text_stops_gai_conf: gai_conf
        no_text_stops_host_conf: host_conf
        patterns_match_as_label_by_label: pattern
        the_index_agrees_with_trying_every_rule: policy
        hostents_keep_to_buffers_of_every_length_and_alignment: hostent
        libc_frees_every_list_whole_or_cut: addrinfo
    }
}
