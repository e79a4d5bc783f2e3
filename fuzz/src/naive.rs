//! Simple and slow implementations, with which the results are compared.

use std::net::{IpAddr, Ipv4Addr};

use nss_bypass_core::files::hosts::{Line, parse_line};
use nss_bypass_core::model::Name;
use nss_bypass_core::model::{Address, Answer, Family};
use nss_bypass_core::rules::pattern::{Kind, Pattern, network_of};
use nss_bypass_core::rules::rule::Rule;

/// Whether a name matches a pattern. Labels are compared one by one, with all possible matches of wildcards.
pub fn matches(pattern: Pattern<'_>, name: &[u8]) -> bool {
    let wanted = labels(pattern.domain());
    let given = labels(name);
    let same = |given: &[&[u8]]| wanted.len() == given.len() && wanted.iter().zip(given).all(|(w, g)| fits(w, g));
    // A name below another one has at least one byte before the dot.
    let below = || {
        given.len() > wanted.len()
            && given[..given.len() - wanted.len()].iter().map(|label| label.len() + 1).sum::<usize>() > 1
            && same(&given[given.len() - wanted.len()..])
    };
    match pattern.kind() {
        Kind::Exact => name == pattern.domain(),
        Kind::Glob => same(&given),
        Kind::Below => below(),
        Kind::Within => same(&given) || below(),
        Kind::Any => true,
        Kind::Network => false,
    }
}

fn labels(name: &[u8]) -> Vec<&[u8]> {
    name.split(|&byte| byte == b'.').collect()
}

/// Whether a label matches. Tracks which prefixes of the label are matched by each prefix of the pattern.
fn fits(pattern: &[u8], label: &[u8]) -> bool {
    let mut taken = vec![false; label.len() + 1];
    taken[0] = true;
    for &wanted in pattern {
        if wanted == b'*' {
            (1..taken.len()).for_each(|at| taken[at] |= taken[at - 1]);
        } else {
            (1..taken.len())
                .rev()
                .for_each(|at| taken[at] = taken[at - 1] && (wanted == b'?' || wanted == label[at - 1]));
            taken[0] = false;
        }
    }
    taken[label.len()]
}

/// The rule that applies to a name. All rules are tried.
pub fn decide<'r>(rules: &'r [Rule], name: Name<'_>) -> Option<&'r Rule> {
    let name = name.without_root_dot().to_ascii_lowercase();
    let all = rules.iter().enumerate().filter(|(_, rule)| matches(rule.pattern(), &name));
    let rank = |(at, rule): &(usize, &Rule)| {
        let pattern = rule.pattern();
        (pattern.kind() == Kind::Exact, pattern.literals(), *at)
    };
    all.max_by_key(rank).map(|(_, rule)| rule)
}

/// The same for an address.
pub fn decide_address(rules: &[Rule], address: IpAddr) -> Option<&Rule> {
    let address = address.to_canonical();
    let bits = |rule: &Rule| match rule.pattern().kind() {
        Kind::Network => {
            let (ip, prefix) = rule.pattern().network()?;
            (ip.is_ipv4() == address.is_ipv4() && network_of(address, prefix) == ip).then_some(prefix)
        }
        Kind::Exact => {
            let has = rule.answering().addresses.iter().any(|given| given.to_canonical() == address);
            has.then_some(if address.is_ipv4() { 32 } else { 128 })
        }
        _ => None,
    };
    let all = rules.iter().enumerate().filter_map(|(at, rule)| Some((bits(rule)?, at, rule)));
    let found = all.max_by_key(|(prefix, at, _)| (*prefix, *at)).map(|(_, _, rule)| rule);
    let everything = rules.iter().rfind(|rule| rule.pattern().kind() == Kind::Any);
    found.or_else(|| everything.filter(|rule| rule.is_libc_first()))
}

/// Whether a rule with `for` applies to the program with this executable. Compares all components of the path, or the
/// last one.
pub fn is_for(rule: &Rule, executable: Option<&[u8]>) -> bool {
    let components = |path: &[u8]| path.split(|&byte| byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let given = executable.map(components).unwrap_or_default();
    let is_meant = |program: &[u8]| {
        let wanted = components(program);
        let given = if wanted.len() > 1 { &given[..] } else { &given[given.len().saturating_sub(1)..] };
        wanted.len() == given.len() && wanted.iter().zip(given).all(|(wanted, given)| fits(wanted, given))
    };
    rule.programs().iter().any(|program| is_meant(program.as_str().as_bytes()))
}

/// The lines of a hosts file that contain an address.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let lines = text.split(|&byte| byte == b'\n');
    lines.filter_map(|line| parse_line(line.split(|&byte| byte == 0).next().unwrap_or_default()))
}

fn seen_as(address: IpAddr, family: Option<Family>) -> Option<IpAddr> {
    match (family, address) {
        (None, any) => Some(any),
        (Some(Family::Inet6), ip) => ip.is_ipv6().then_some(ip),
        (Some(Family::Inet), IpAddr::V6(v6)) if v6.is_loopback() => Some(Ipv4Addr::LOCALHOST.into()),
        (Some(Family::Inet), ip) => Some(ip.to_canonical()).filter(IpAddr::is_ipv4),
    }
}

/// The addresses of a name, from the first line that contains it or from all of them.
pub fn hosts(text: &[u8], name: &[u8], family: Option<Family>, multi: bool) -> Option<Answer> {
    let has = |line: &Line<'_>| line.aliases().chain([line.name]).any(|own| own.eq_ignore_ascii_case(name));
    let mut answer: Option<Answer> = None;
    for line in lines(text).filter(has) {
        let Some(ip) = seen_as(line.address, family) else { continue };
        let answer = match &mut answer {
            Some(_) if !multi => break,
            Some(answer) => {
                if family.is_some() && line.name != answer.canonical {
                    answer.aliases.push(line.name.to_vec());
                }
                answer
            }
            none => none.insert(Answer { canonical: line.name.to_vec(), ..Answer::default() }),
        };
        answer.addresses.push(Address { ip, scope: 0 });
        if family.is_some() {
            answer.aliases.extend(line.aliases().map(<[u8]>::to_vec));
        }
    }
    answer
}

/// The first name of an address. With `mapped`, lines with IPv4 addresses also match mapped addresses.
pub fn name_of(text: &[u8], address: IpAddr, mapped: bool) -> Option<Vec<u8>> {
    let family = if address.is_ipv4() { Family::Inet } else { Family::Inet6 };
    let as_mapped = |own: IpAddr| matches!(own, IpAddr::V4(v4) if mapped && address == v4.to_ipv6_mapped());
    let is_it = |line: &Line<'_>| seen_as(line.address, Some(family)) == Some(address) || as_mapped(line.address);
    lines(text).find(is_it).map(|line| line.name.to_vec())
}
