//! Evaluation of the rules: name → verdict. The most specific rule takes precedence: first an exact name, then the
//! pattern with more literal bytes, then the later line. Evaluation takes as long with ten rules as with ten thousand.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::net::IpAddr;

use crate::hash::{self, FoldedHasher};
use crate::model::{Name, Subject};
use crate::rules::config::Config;
use crate::rules::pattern::{self, Kind};
use crate::rules::rule::{Action, Answering, CacheSize, Rule};
use crate::settings::log::LogSpecification;

/// What the rules say of a name.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'p> {
    /// The name is answered by nss-bypass, as this rule says.
    Bypass(&'p Rule),
    /// The name is forwarded to libc. If libc finds nothing, or fails, and `fallback` of this rule covers that case, it
    /// is resolved by nss-bypass.
    LibcFirst(&'p Rule),
    /// The name is forwarded to libc, because this rule says so or because no rule matches.
    Pass(Option<&'p Rule>),
}

/// All rules, indexed.
#[derive(Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    cache: Option<CacheSize>,
    log: Option<LogSpecification>,
    /// Exact names.
    exact: Table,
    /// Patterns for names below a domain, where the domain has no wildcards, by that domain.
    domains: Table,
    /// Patterns with wildcards, by the literal bytes at their beginning.
    heads: Table,
    /// Other patterns with wildcards, by the literal bytes at their end.
    tails: Table,
    /// Patterns with literal bytes at neither end, and `*`.
    others: Vec<u32>,
    /// The last `*`.
    any: Option<u32>,
    networks: HashMap<(IpAddr, u8), u32, BuildHasherDefault<FoldedHasher>>,
    /// The prefix lengths that occur, longest first.
    prefixes: Vec<u8>,
}

/// A hash table of rules, with part of their bytes as keys. Entries with the same hash modulo the number of chains are
/// linked, the latest first. With twelve bytes per rule and four per chain, it takes less memory than a map of keys.
#[derive(Debug, Default)]
struct Table {
    entries: Vec<Entry>,
    /// The first entry of each chain. There are at least as many chains as entries, and their number is a power of two.
    chains: Vec<Link>,
    /// The lengths of the keys, ascending. No pattern is longer than 255 bytes.
    lengths: Vec<u8>,
    /// The first bytes of the keys.
    firsts: ByteSet,
}

#[derive(Debug)]
struct Entry {
    hash: u32,
    rule: u32,
    next: Link,
}

/// The index of an entry plus one; 0 is the end of a chain.
type Link = u32;

/// A set of numbers up to 255.
#[derive(Debug, Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 != 0)
    }
}

impl Table {
    fn insert(&mut self, bytes: &[u8], rule: u32) {
        self.entries.push(Entry { hash: hash::of(bytes) as u32, rule, next: 0 });
        if self.entries.len() > self.chains.len() {
            self.chains = vec![0; (self.chains.len() * 2).max(4)];
            (1..=self.entries.len()).for_each(|number| self.link(number));
        } else {
            self.link(self.entries.len());
        }
        let length = bytes.len() as u8;
        if let Err(place) = self.lengths.binary_search(&length) {
            self.lengths.insert(place, length);
        }
        bytes.first().into_iter().for_each(|&first| self.firsts.insert(first.into()));
    }

    /// Inserts the entry with this number, from 1, at the beginning of its chain.
    fn link(&mut self, number: usize) {
        let Some(entry) = self.entries.get_mut(number - 1) else { return };
        let chain = entry.hash as usize & (self.chains.len() - 1);
        let Some(first) = self.chains.get_mut(chain) else { return };
        entry.next = std::mem::replace(first, number as Link);
    }

    /// Returns whether there may be rules with this key, whose length must be that of some rule. Most names can be
    /// excluded here without computing a hash.
    #[inline(always)]
    fn may_have(&self, bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|&first| self.firsts.contains(first.into()))
    }

    /// Returns the lengths of the keys that are not longer than `most`.
    #[inline(always)]
    fn lengths_up_to(&self, most: usize) -> impl Iterator<Item = usize> {
        self.lengths.iter().map(|&length| usize::from(length)).take_while(move |&length| length <= most)
    }

    /// Returns the rules with this key and, rarely, others with the same hash.
    fn rules(&self, bytes: &[u8]) -> impl Iterator<Item = u32> {
        let hash = hash::of(bytes) as u32;
        let entry = |link: Link| self.entries.get((link as usize).wrapping_sub(1));
        let first = self.chains.get(hash as usize & self.chains.len().wrapping_sub(1));
        std::iter::successors(first.and_then(|&first| entry(first)), move |before| entry(before.next))
            .filter(move |entry| entry.hash == hash)
            .map(|entry| entry.rule)
    }
}

/// Returns the literal bytes before the first wildcard.
fn literal_head(domain: &[u8]) -> &[u8] {
    let end = domain.iter().position(pattern::is_wildcard).unwrap_or(domain.len());
    domain.get(..end).unwrap_or_default()
}

/// Returns the literal bytes after the last wildcard.
fn literal_tail(domain: &[u8]) -> &[u8] {
    let start = domain.iter().rposition(pattern::is_wildcard).map_or(0, |wildcard| wildcard + 1);
    domain.get(start..).unwrap_or_default()
}

impl Policy {
    /// Creates a policy of the rules of the file, followed by those of the environment.
    pub fn new(file: Config, environment: Config) -> Self {
        let mut policy = Self { cache: environment.cache.or(file.cache), log: file.log, ..Self::default() };
        policy.rules = file.rules;
        policy.rules.extend(environment.rules);
        let rules = std::mem::take(&mut policy.rules);
        for (number, rule) in rules.iter().enumerate() {
            policy.index(number as u32, rule);
        }
        policy.rules = rules;
        policy
    }

    fn index(&mut self, number: u32, rule: &Rule) {
        let pattern = rule.pattern();
        let domain = pattern.domain();
        match pattern.kind() {
            Kind::Network => {
                pattern.network().into_iter().for_each(|(ip, prefix)| self.index_network(ip, prefix, number));
            }
            Kind::Exact => {
                self.exact.insert(domain, number);
                for address in &rule.answering().addresses {
                    let address = address.to_canonical();
                    self.index_network(address, if address.is_ipv4() { 32 } else { 128 }, number);
                }
            }
            Kind::Any => {
                self.any = Some(number);
                self.others.push(number);
            }
            // The pattern's beginning is not the name's beginning if the pattern matches at any depth.
            Kind::Glob => match literal_head(domain) {
                [] => self.index_tail(domain, number),
                head => self.heads.insert(head, number),
            },
            Kind::Below | Kind::Within => self.index_tail(domain, number),
        }
    }

    /// Indexes a pattern by its literal end: by its whole domain if that has no wildcards.
    fn index_tail(&mut self, domain: &[u8], number: u32) {
        match literal_tail(domain) {
            [] => self.others.push(number),
            tail if tail.len() == domain.len() => self.domains.insert(tail, number),
            tail => self.tails.insert(tail, number),
        }
    }

    fn index_network(&mut self, ip: IpAddr, prefix: u8, number: u32) {
        self.networks.insert((ip, prefix), number);
        if let Err(place) = self.prefixes.binary_search_by(|other| prefix.cmp(other)) {
            self.prefixes.insert(place, prefix);
        }
    }

    /// Returns whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the `log` line of the file.
    pub fn log(&self) -> Option<&LogSpecification> {
        self.log.as_ref()
    }

    /// Returns all rules in order, those of the file first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns the size of the cache; `None` if nothing is cached. Without a `cache` line, it is the default size if a
    /// rule has `cache on`.
    pub fn cache(&self) -> Option<CacheSize> {
        let wanted = || self.rules.iter().any(|rule| rule.answering().cache == Some(true));
        self.cache.or_else(|| wanted().then(CacheSize::default)).filter(|size| size.entries > 0)
    }

    /// Returns whether answers that are resolved in this way are cached, provided that there is a cache.
    pub fn keeps(&self, answering: &Answering) -> bool {
        answering.cache.unwrap_or(self.cache.is_some())
    }

    /// Returns which kinds of lookups these rules can match.
    pub fn scope(&self) -> Scope {
        let bypasses = |rule: &&Rule| rule.action() == Action::Bypass;
        let is_network = |rule: &Rule| rule.pattern().kind() == Kind::Network;
        Scope {
            names: self.rules.iter().filter(bypasses).any(|rule| !is_network(rule)),
            addresses: !self.prefixes.is_empty()
                && self.rules.iter().filter(bypasses).any(|rule| is_network(rule) || rule.names_addresses()),
            no_name: matches!(self.decide_subject(Subject::NoName), Verdict::Bypass(_)),
            libc_first: self.rules.iter().any(Rule::is_libc_first),
        }
    }

    /// Evaluates the rules for a name.
    pub fn decide(&self, name: Name<'_>) -> Verdict<'_> {
        let name = name.without_root_dot();
        // Most names are in lower case, and need not be copied.
        if !has_uppercase(name) {
            return verdict(self.find(name));
        }
        let mut buffer = [0_u8; 256];
        let long;
        let name = match buffer.get_mut(..name.len()) {
            Some(lower) => {
                lower.copy_from_slice(name);
                lower.make_ascii_lowercase();
                &*lower
            }
            // No pattern is as long as this name, but `*` matches it.
            None => {
                long = name.to_ascii_lowercase();
                &long
            }
        };
        verdict(self.find(name))
    }

    /// Evaluates the rules for a lookup. A lookup without a name is about this host; only `*` matches it.
    pub fn decide_subject(&self, subject: Subject<'_>) -> Verdict<'_> {
        match subject {
            Subject::Name(name) => self.decide(name),
            Subject::Address(address) => self.decide_address(address),
            Subject::NoName => verdict(self.any_rule()),
        }
    }

    fn find(&self, name: &[u8]) -> Option<&Rule> {
        if self.exact.may_have(name) && self.exact.lengths.iter().any(|&length| usize::from(length) == name.len()) {
            let exact = self.exact.rules(name).filter_map(|number| self.rules.get(number as usize));
            if let Some(rule) = exact.into_iter().find(|rule| rule.pattern().matches(name)) {
                return Some(rule);
            }
        }
        let mut best = Best { policy: self, name, rule: None };
        for length in self.heads.lengths_up_to(name.len()) {
            best.consider_in(&self.heads, name.get(..length).unwrap_or_default());
        }
        for length in self.tails.lengths_up_to(name.len()) {
            best.consider_in(&self.tails, name.get(name.len() - length..).unwrap_or_default());
        }
        for length in self.domains.lengths_up_to(name.len()) {
            let start = name.len() - length;
            let begins_a_label = start == 0 || name.get(start - 1) == Some(&b'.');
            best.consider_in(&self.domains, name.get(start..).filter(|_| begins_a_label).unwrap_or_default());
        }
        if !self.others.is_empty() {
            best.consider(self.others.iter().copied());
        }
        best.rule.map(|(_, rule)| rule)
    }

    /// Returns all rules that match, in order of precedence: the first one applies, and each of the others would apply
    /// if those before it did not exist. This is for explaining a verdict: it tries every rule.
    pub fn candidates(&self, subject: Subject<'_>) -> Vec<&Rule> {
        let lower = |name: Name<'_>| name.without_root_dot().to_ascii_lowercase();
        let rank = |rule: &Rule| match (subject, rule.pattern().kind()) {
            (Subject::Name(name), _) if !rule.pattern().matches(&lower(name)) => None,
            (Subject::Name(_), Kind::Exact) => Some((true, rule.pattern().literals())),
            (Subject::Name(_), _) => Some((false, rule.pattern().literals())),
            (Subject::Address(address), Kind::Network) => {
                let (address, (network, prefix)) = (address.to_canonical(), rule.pattern().network()?);
                let is_in = address.is_ipv4() == network.is_ipv4() && pattern::network_of(address, prefix) == network;
                is_in.then_some((false, usize::from(prefix)))
            }
            (Subject::NoName, Kind::Any) => Some((false, 0)),
            (Subject::Address(address), Kind::Exact) => {
                let is_given = |given: &IpAddr| given.to_canonical() == address.to_canonical();
                let bits = if address.to_canonical().is_ipv4() { 32 } else { 128 };
                rule.answering().addresses.iter().any(is_given).then_some((false, bits))
            }
            (Subject::Address(_), Kind::Any)
                if rule.is_libc_first() && self.any_rule().is_some_and(|any| std::ptr::eq(any, rule)) =>
            {
                Some((false, 0))
            }
            (Subject::Address(_) | Subject::NoName, _) => None,
        };
        let mut ranked: Vec<_> =
            self.rules.iter().enumerate().filter_map(|(n, rule)| Some((rank(rule)?, n, rule))).collect();
        ranked.sort_by_key(|(rank, number, _)| std::cmp::Reverse((*rank, *number)));
        ranked.into_iter().map(|(.., rule)| rule).collect()
    }

    /// Evaluates the rules for an address: the longest prefix takes precedence, then the later line. An IPv4-mapped
    /// IPv6 address is treated as its IPv4 address, as in glibc. If no network matches, `pass * fallback` applies to
    /// addresses too.
    pub fn decide_address(&self, address: IpAddr) -> Verdict<'_> {
        let address = address.to_canonical();
        let found = self.prefixes.iter().find_map(|&prefix| {
            let network = pattern::network_of(address, prefix);
            self.networks.get(&(network, prefix)).and_then(|&number| self.rules.get(number as usize))
        });
        verdict(found.or_else(|| self.any_rule().filter(|rule| rule.is_libc_first())))
    }

    /// Returns the last `*` rule.
    fn any_rule(&self) -> Option<&Rule> {
        self.any.and_then(|number| self.rules.get(number as usize))
    }
}

/// The kinds of lookups that rules may bypass, and whether they may add to libc's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Some names may be bypassed.
    pub names: bool,
    /// Some addresses may be bypassed.
    pub addresses: bool,
    /// Lookups without a name are bypassed.
    pub no_name: bool,
    /// Some names or addresses may be resolved by nss-bypass after libc has found nothing.
    pub libc_first: bool,
}

fn verdict(rule: Option<&Rule>) -> Verdict<'_> {
    match rule {
        Some(rule) if rule.action() == Action::Bypass => Verdict::Bypass(rule),
        Some(rule) if rule.is_libc_first() => Verdict::LibcFirst(rule),
        rule => Verdict::Pass(rule),
    }
}

/// Returns whether a name has upper-case letters. It is examined eight bytes at a time.
fn has_uppercase(name: &[u8]) -> bool {
    let (words, rest) = name.as_chunks::<8>();
    let in_word = |word: &[u8; 8]| word.iter().fold(false, |has, byte| has | byte.is_ascii_uppercase());
    words.iter().any(in_word) || rest.iter().any(u8::is_ascii_uppercase)
}

/// The most specific matching rule so far.
struct Best<'p, 'n> {
    policy: &'p Policy,
    name: &'n [u8],
    rule: Option<((usize, u32), &'p Rule)>,
}

impl Best<'_, '_> {
    /// Considers the rules with this key.
    #[inline(always)]
    fn consider_in(&mut self, table: &Table, bytes: &[u8]) {
        if table.may_have(bytes) {
            self.consider(table.rules(bytes));
        }
    }

    fn consider(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let Some(rule) = self.policy.rules.get(number as usize) else { continue };
            let rank = (rule.pattern().literals(), number);
            if self.rule.is_none_or(|(best, _)| rank > best) && rule.pattern().matches(self.name) {
                self.rule = Some((rank, rule));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::config;

    fn policy(text: &str) -> Policy {
        let (config, faults) = config::parse(text.as_bytes(), "test.conf");
        assert_eq!(faults, []);
        Policy::new(config, Config::default())
    }

    /// The line number of the rule that applies: negative for `pass`, plus 1000 for "libc first"; 0 if there is none.
    fn line(verdict: Verdict<'_>) -> i64 {
        match verdict {
            Verdict::Bypass(rule) => i64::from(rule.origin().line),
            Verdict::LibcFirst(rule) => -1000 - i64::from(rule.origin().line),
            Verdict::Pass(Some(rule)) => -i64::from(rule.origin().line),
            Verdict::Pass(None) => 0,
        }
    }

    #[test]
    fn the_scope_is_what_rules_may_take_away() {
        let scope = |text| {
            let Scope { names, addresses, no_name, libc_first } = policy(text).scope();
            assert_eq!(libc_first, text.contains("fallback"), "{text}");
            (names, addresses, no_name)
        };
        assert_eq!(scope("pass * fallback error\npass x 10.0.0.0/8 fallback always\n"), (false, false, false));
        assert_eq!(scope(""), (false, false, false));
        assert_eq!(scope("pass a\npass 10.0.0.0/8\npass *\n"), (false, false, false));
        assert_eq!(scope("bypass a\n"), (true, false, false));
        assert_eq!(scope("bypass 10.0.0.0/8\n"), (false, true, false));
        assert_eq!(scope("bypass *\n"), (true, false, true));
        assert_eq!(scope("bypass *\npass *\n"), (true, false, false));
    }

    #[test]
    fn the_most_specific_rule_wins() {
        let policy = policy(
            "bypass *\nbypass *.rancher.internal\npass legacy.rancher.internal\nbypass rancher-*\npass rancher-old*\n\
             bypass .rancher.internal\nbypass rancher-old2\npass a.rancher.internal\nbypass A.Rancher.Internal.\n",
        );
        let table = [
            ("other", 1),
            ("x.rancher.internal", 6),
            ("legacy.rancher.internal", -3),
            ("Legacy.Rancher.INTERNAL.", -3),
            ("rancher.internal", 6),
            ("rancher-metadata", 4),
            ("Rancher-Metadata.", 4),
            ("rancher-old1", -5),
            ("rancher-old2", 7),
            ("a.rancher.internal", 9),
        ];
        for (name, expected) in table {
            assert_eq!(line(policy.decide(Name::new(name.as_bytes()))), expected, "{name}");
        }
        assert_eq!(line(policy.decide(Name::new(&[b'x'; 10_000]))), 1);
    }

    #[test]
    fn the_host_itself_is_meant_by_everything_only() {
        let no_name = |text: &str| line(policy(text).decide_subject(Subject::NoName));
        assert_eq!(no_name("bypass a *.b\nbypass *\nbypass c*\n"), 2);
        assert_eq!(no_name("bypass *\npass *\n"), -2);
        assert_eq!(no_name("bypass 0.0.0.0/0 ::/0 a?\n"), 0);
    }

    #[test]
    fn the_longest_prefix_wins() {
        let policy = policy("bypass 0.0.0.0/0 ::/0\npass 10.0.0.0/8\nbypass 10.1.0.0/16 10.1.2.3\npass 10.1.2.3\n");
        let table = [("192.0.2.1", 1), ("2001:db8::1", 1), ("10.9.9.9", -2), ("10.1.9.9", 3), ("10.1.2.3", -4)];
        for (address, expected) in table {
            assert_eq!(line(policy.decide_address(address.parse().unwrap())), expected, "{address}");
        }
        assert_eq!(line(policy.decide_address("::ffff:10.9.9.9".parse().unwrap())), -2);
    }

    #[test]
    fn where_libc_is_the_first_everything_means_addresses_too() {
        let policy = policy("pass * fallback always\nbypass a 10.1.0.0/16\npass b 10.2.0.0/16\n");
        let name = |name: &str| line(policy.decide(Name::new(name.as_bytes())));
        assert_eq!((name("x.y"), name("a"), name("b")), (-1001, 2, -3));
        let address = |address: &str| line(policy.decide_address(address.parse().unwrap()));
        assert_eq!((address("10.3.0.1"), address("10.1.0.1"), address("10.2.0.1")), (-1001, 2, -3));
        assert_eq!(line(policy.decide_subject(Subject::NoName)), -1001);
        let lines = |subject| policy.candidates(subject).iter().map(|rule| rule.origin().line).collect::<Vec<_>>();
        assert_eq!(lines(Subject::Address("10.1.2.3".parse().unwrap())), [2, 1]);
    }

    #[test]
    fn candidates_stand_in_the_order_in_which_they_would_decide() {
        let policy = policy(
            "bypass *\npass .x\nbypass a.x\npass a.*\npass a.x\nbypass *.x\n\
             bypass 0.0.0.0/0\npass 10.0.0.0/8\nbypass 10.0.0.0/8\nbypass 11.0.0.0/8\npass ::/0\n",
        );
        let lines = |subject| policy.candidates(subject).iter().map(|rule| rule.origin().line).collect::<Vec<_>>();
        assert_eq!(lines(Subject::Name(Name::new(b"A.x."))), [5, 3, 6, 4, 2, 1]);
        assert_eq!(lines(Subject::Address("10.1.2.3".parse().unwrap())), [9, 8, 7]);
        assert_eq!(lines(Subject::Address("::ffff:10.1.2.3".parse().unwrap())), [9, 8, 7]);
        assert_eq!(lines(Subject::NoName), [1]);
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) as usize % limit
        }

        fn text(&mut self, bytes: &[u8], most: usize) -> String {
            (0..=self.below(most)).map(|_| char::from(bytes[self.below(bytes.len())])).collect()
        }
    }

    #[test]
    fn the_index_agrees_with_trying_every_rule() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut decided = 0;
        for _ in 0..400 {
            let mut text = String::new();
            for _ in 0..1 + random.below(30) {
                let (action, fallback) = [("bypass", ""), ("pass", ""), ("pass", " fallback error")][random.below(3)];
                text.push_str(&format!("{action} {}{fallback}\n", random.text(b"aab..*?-", 6)));
            }
            let (config, _) = config::parse(text.as_bytes(), "test.conf");
            let rules = config.rules.clone();
            let policy = Policy::new(config, Config::default());
            for _ in 0..100 {
                let name = random.text(b"aaAb..-c", 9);
                let plain = name.to_ascii_lowercase();
                let plain = plain.strip_suffix('.').unwrap_or(&plain).as_bytes();
                let naive = rules
                    .iter()
                    .enumerate()
                    .filter(|(_, rule)| rule.pattern().matches(plain))
                    .max_by_key(|(at, rule)| (rule.pattern().kind() == Kind::Exact, rule.pattern().literals(), *at))
                    .map(|(_, rule)| rule);
                let expected = line(verdict(naive));
                decided += u32::from(expected != 0);
                assert_eq!(line(policy.decide(Name::new(name.as_bytes()))), expected, "{name}\n{text}");
                let candidates = policy.candidates(Subject::Name(Name::new(name.as_bytes())));
                assert_eq!(line(verdict(candidates.first().copied())), expected, "{name}\n{text}");
                let matching = rules.iter().filter(|rule| rule.pattern().matches(plain)).count();
                assert_eq!(candidates.len(), matching, "{name}\n{text}");
            }
        }
        assert!(decided > 1000);
    }

    #[test]
    fn ten_thousand_rules_work() {
        let mut text = String::new();
        for number in 0..2500 {
            text.push_str(&format!(
                "bypass host{number}.example\nbypass *.zone{number}\nbypass n{number}-*\nbypass *-t{number}\n"
            ));
        }
        let policy = policy(&text);
        for (name, expected) in
            [("host7.example", 29), ("a.b.zone2499", 9998), ("n12-x", 51), ("x-t3", 16), ("none", 0)]
        {
            assert_eq!(line(policy.decide(Name::new(name.as_bytes()))), expected, "{name}");
        }
    }
}
