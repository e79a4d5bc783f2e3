//! Generated files in /etc: mostly plausible lines, some invalid ones, and a few changed bytes; with lookups whose
//! results depend on them.
//!
//! Each set of files is read by new processes, since glibc reads some files only once.

use std::fmt::Write;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;

use crate::random::Random;

/// The files, in the order in which they are generated.
const NAMES: [&str; 6] = ["resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "services", "host.conf"];

/// The contents of files that are not generated, or `None` if the file does not exist.
const PLAIN: [Option<&str>; 6] = [
    // The server always answers immediately. With a long timeout, the results do not depend on the load of the machine.
    Some("nameserver 127.0.0.53\noptions timeout:5 attempts:1\n"),
    Some("127.0.0.1 localhost\n10.9.0.2 alpha.fuzz.test alpha\n2001:db8::2 alpha.fuzz.test\n"),
    Some("hosts: files dns\nservices: files\n"),
    None,
    Some("http 80/tcp www\ndomain 53/tcp\ndomain 53/udp\n"),
    Some("multi on\n"),
];

const HOSTS: [&str; 12] = [
    "alpha",
    "beta",
    "ALPHA",
    "alpha.fuzz.test",
    "beta.fuzz.test",
    "Gamma",
    "gamma",
    "localhost",
    "x",
    "a-b",
    "alph",
    "be_ta",
];
const ADDRESSES: [&str; 14] = [
    "127.0.0.1",
    "::1",
    "10.9.0.2",
    "10.9.7.3",
    "::ffff:10.9.0.2",
    "fe80::2",
    "2001:db8::2",
    "2001:DB8:0:0::2",
    "192.0.2.1",
    "127.0.0.2",
    "::",
    "0.0.0.0",
    "::10.9.0.2",
    "fd00::9",
];
/// Invalid addresses, or addresses that are not valid in all files.
const BAD_ADDRESSES: [&str; 12] = [
    "10.9.2",
    "0x0a.9.0.2",
    "10.9.0.02",
    "10.9.0.2/16",
    "10.9.0.256",
    "fe80::2%lo",
    "1:2:3",
    "::ffff:10.9.0",
    "2001:db8::2::",
    "[::1]",
    "10.9.0.2,",
    "4294967295",
];
const SERVICES: [&str; 8] = ["http", "www", "domain", "HTTP", "ht-tp", "h", "80", "http.alt"];
const PROTOCOLS: [&str; 6] = ["tcp", "udp", "sctp", "TCP", "raw", "dccp"];
const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "16",
    "32",
    "53",
    "80",
    "096",
    "104",
    "128",
    "129",
    "0x10",
    "-1",
    "+7",
    "65536",
    "4294967297",
    "99999999999999999999",
    "7x",
];

/// The maximum number of bytes of a file that are printed. The whole file can be generated again from the seed.
const MOST_SHOWN: usize = 2000;

/// A set of files, and the lookups.
pub(crate) struct Round {
    texts: [Option<Vec<u8>>; 6],
    /// The names of the generated files.
    pub(crate) generated: Vec<&'static str>,
    pub(crate) commands: Vec<String>,
    /// The environment of the processes that perform the lookups.
    pub(crate) variables: Vec<(String, String)>,
}

impl Round {
    /// The default files, none of which are generated.
    pub(crate) fn plain() -> Self {
        let texts = PLAIN.map(|text| text.map(|text| text.as_bytes().to_vec()));
        Self { texts, generated: Vec::new(), commands: Vec::new(), variables: Vec::new() }
    }

    /// The files for generated answers, with options and servers that affect queries.
    pub(crate) fn for_answers(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let options = random.of(&[
            "",
            "",
            "",
            "edns0",
            "single-request",
            "single-request-reopen",
            "no-aaaa",
            "trust-ad",
            "use-vc",
            "strict-error",
            "no-reload\nsortlist 10.9.0.0/255.255.0.0 203.0.113.0",
        ]);
        let second = random.of(&["", "nameserver 127.0.0.54\n"]);
        let mut round = Self::plain();
        let text = format!("nameserver 127.0.0.53\n{second}options timeout:5 attempts:1 {options}\n");
        round.texts[0] = Some(text.into_bytes());
        round.generated.push(NAMES[0]);
        round
    }

    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut round = Self::plain();
        let always = random.below(NAMES.len());
        for (index, name) in NAMES.into_iter().enumerate() {
            if index == always || random.one_in(4) {
                round.texts[index] = generate(index, &mut random);
                round.generated.push(name);
            }
        }
        if random.one_in(10) {
            let options = (0..random.below(3)).map(|_| option(&mut random)).collect::<Vec<_>>().join(" ");
            round.variables.push(("RES_OPTIONS".to_owned(), options));
        }
        if random.one_in(16) {
            round.variables.push(("LOCALDOMAIN".to_owned(), domains(&mut random)));
        }
        if random.one_in(24) {
            let value = random.of(&["on", "off", "ON", " on", "x", ""]);
            let variable = random.of(&[
                "RESOLV_MULTI",
                "RESOLV_REORDER",
                "RESOLV_ADD_TRIM_DOMAINS",
                "RESOLV_OVERRIDE_TRIM_DOMAINS",
            ]);
            round.variables.push((variable.to_owned(), value.to_owned()));
        }
        // With `rotate`, each process selects the first server at random.
        let rotates =
            round.says("resolv.conf", "rotate") || round.variables.iter().any(|(_, value)| value.contains("rotate"));
        round.commands = (0..12).map(|_| command(&mut random, seed, rotates)).collect();
        round
    }

    /// Writes the files.
    pub(crate) fn write(&self) -> io::Result<()> {
        for (name, text) in NAMES.into_iter().zip(&self.texts) {
            let path = format!("/etc/{name}");
            match text {
                Some(text) => std::fs::write(path, text)?,
                None => match std::fs::remove_file(path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                },
            }
        }
        Ok(())
    }

    /// The contents of a file, which are empty if it does not exist.
    pub(crate) fn text(&self, name: &str) -> &[u8] {
        let index = NAMES.iter().position(|known| *known == name);
        index.and_then(|index| self.texts[index].as_deref()).unwrap_or_default()
    }

    /// Whether a file contains a text.
    pub(crate) fn says(&self, name: &str, word: &str) -> bool {
        self.text(name).windows(word.len()).any(|window| window == word.as_bytes())
    }

    /// Describes all generated files.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        for (name, content) in NAMES.into_iter().zip(&self.texts) {
            if self.generated.contains(&name) {
                let mut content =
                    content.as_ref().map_or("(absent)".to_owned(), |text| text.escape_ascii().to_string());
                if content.len() > MOST_SHOWN {
                    content.truncate(MOST_SHOWN);
                    content.push_str("...");
                }
                let _ = writeln!(text, "    {name}: {content}");
            }
        }
        for (name, value) in &self.variables {
            let _ = writeln!(text, "    {name}={value}");
        }
        text
    }
}

// ---- Lookups ----

fn host(random: &mut Random, seed: u64, rotates: bool) -> String {
    match random.below(16) {
        0..=6 => random.of(&HOSTS).to_owned(),
        7 | 8 => format!("s{seed}-m0.fuzz.test"),
        9 => format!("s{seed}-m0"),
        10 if !rotates => random.of(&["where", "where.fuzz.test"]).to_owned(),
        11 => random.of(&ADDRESSES).to_owned(),
        12 => random.of(&BAD_ADDRESSES).to_owned(),
        13 => random.of(&["one.two.three.four", "one.two", "alpha.", "echo.", "x.fuzz.test"]).to_owned(),
        _ => random.of(&["echo", "echo.fuzz.test", "echo.a.b"]).to_owned(),
    }
}

/// An address for a socket address.
fn address(random: &mut Random) -> &'static str {
    random.of(&ADDRESSES)
}

fn command(random: &mut Random, seed: u64, rotates: bool) -> String {
    let name = host(random, seed, rotates);
    let family = random.of(&[4, 6]);
    let buffer = if random.one_in(4) { 32 + random.below(600) } else { 8192 };
    match random.below(16) {
        0..=6 => {
            let service = if random.one_in(3) { random.of(&SERVICES) } else { "-" };
            let flags = random.of(&["0", "0", "CANON", "ADDRCONFIG", "V4MAPPED", "V4MAPPED|ALL|CANON", "PASSIVE"]);
            let (family, kind) = (random.of(&[0, 0, 4, 6]), random.of(&[0, 1, 1, 2]));
            // In a new thread, since the result of getaddrinfo after a failure of a module depends on the previous
            // h_errno.
            format!("thread gai {name} {service} {flags} {family} {kind} 0")
        }
        7 => format!("ghbn {name}"),
        8 => format!("ghbn2 {name} {family}"),
        9 | 10 => format!("ghbn2r {name} {family} {buffer}"),
        11 => format!("ghba {}", address(random)),
        12 | 13 => format!("ghbar {} {buffer}", address(random)),
        _ => {
            let port = random.of(&[80, 53, 0, 1, 16, 25, 65535]);
            let flags = random.of(&["0", "0", "NAMEREQD", "NOFQDN", "DGRAM", "NUMERICHOST"]);
            format!("gni {} {port} {flags}", address(random))
        }
    }
}

// ---- Texts ----

fn generate(file: usize, random: &mut Random) -> Option<Vec<u8>> {
    if random.one_in(25) {
        return None;
    }
    let line = [resolv_line, hosts_line, nsswitch_line, gai_line, services_line, host_conf_line][file];
    let sane = [resolv_is_sane, any, nsswitch_is_sane, gai_is_sane, any, any][file];
    loop {
        let text = text(random, line);
        if sane(&text) {
            return Some(text);
        }
    }
}

fn any(_text: &[u8]) -> bool {
    true
}

/// Lines of this kind, with duplicates, comments, and a few errors.
fn text(random: &mut Random, line: fn(&mut Random) -> String) -> Vec<u8> {
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..random.of(&[0, 1, 2, 3, 4, 5, 6, 8, 12]) {
        let mut next = match random.below(24) {
            0 => String::new(),
            1 => format!("{}comment {}", random.of(&["#", ";", " #"]), random.of(&HOSTS)),
            2 if !lines.is_empty() => lines[random.below(lines.len())].clone(),
            3 => format!("{}{}", random.of(&[" ", "\t", "\x0b", "  "]), line(random)),
            4 => format!("{} {} comment", line(random), random.of(&["#", ";"])),
            5 if random.one_in(4) => format!("{}{}", line(random), " y".repeat(random.below(3000))),
            _ => line(random),
        };
        if random.one_in(12) {
            next = next.replacen(' ', random.of(&["\t", "  ", "\x0c", "\r", "\u{b}"]), 1);
        }
        lines.push(next);
    }
    let mut text = lines.join(if random.one_in(20) { "\r\n" } else { "\n" }).into_bytes();
    if !text.is_empty() && !random.one_in(8) {
        text.push(b'\n');
    }
    for _ in 0..random.of(&[0, 0, 0, 1, 1, 2, 4]) {
        spoil(&mut text, random);
    }
    text
}

fn spoil(text: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(12)).min(text.len());
    match random.below(6) {
        0 => text.insert(at, random.byte()),
        1 | 2 => text.insert(at, random.of(b"\0\n\n \t\r\x0b.*?#:;,/!%[]=-\xc0\xff09aA")),
        3 => drop(text.drain(at..end)),
        4 => text.extend_from_within(at..end),
        _ if random.one_in(3) => text.truncate(at),
        _ => text.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
    }
}

fn number(random: &mut Random) -> &'static str {
    random.of(&NUMBERS)
}

fn domains(random: &mut Random) -> String {
    let domain = ["fuzz.test", "a.b", "test", ".", "fuzz.test.", "-bad", "b", "no..name", "x"];
    (0..random.of(&[0, 1, 1, 2, 3, 7])).map(|_| random.of(&domain)).collect::<Vec<_>>().join(" ")
}

fn option(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("{}{}", random.of(&["ndots:", "timeout:", "attempts:", "ndots: ", "ndots"]), number(random)),
        1 => random
            .of(&[
                "strict-error",
                "-edns0",
                "-no-aaaa",
                "-use-vc",
                "-rotate",
                "-strict-error",
                "debug",
                "inet6",
                "rotatex",
                "unknown",
                "no-",
                "single",
                "edns",
                "ip6-dotint",
                "-",
                "ndots",
            ])
            .to_owned(),
        _ => random
            .of(&[
                "rotate",
                "edns0",
                "single-request",
                "single-request-reopen",
                "no-tld-query",
                "no_tld_query",
                "no-reload",
                "use-vc",
                "trust-ad",
                "no-aaaa",
                "trust-adx",
            ])
            .to_owned(),
    }
}

/// The servers are those of `server`, some on which no server listens, and some to which there is no route, so that no
/// lookup waits.
fn resolv_line(random: &mut Random) -> String {
    match random.below(12) {
        0..=3 => {
            let server = random.of(&[
                "127.0.0.53",
                "127.0.0.54",
                "127.0.0.55",
                "127.0.0.1",
                "::1",
                "127.0.0.9",
                "192.0.2.53",
                "0.0.0.0",
                "127.1",
                "0x7f.0.0.53",
                "2130706485",
                "bad",
                "::1%lo",
                "127.0.0.53 127.0.0.54",
                "fe80::1%d0",
                "fe80::1",
                "[::1]",
            ]);
            format!("nameserver {server}")
        }
        4 | 5 => format!("search {}", domains(random)),
        6 => format!("domain {}", domains(random)),
        7..=9 => {
            let options: Vec<String> = (0..1 + random.below(3)).map(|_| option(random)).collect();
            format!("options {}", options.join(" "))
        }
        10 => {
            let entries =
                ["10.9.0.0", "10.9.0.0/255.255.0.0", "127.0.0.0", "198.51.100.0&255.255.255.0", "203.0.113.0/0"];
            let entries: Vec<&str> = (0..1 + random.below(3)).map(|_| random.of(&entries)).collect();
            format!("sortlist {}", entries.join(" "))
        }
        _ => random
            .of(&["lookup file bind", "family inet6", "Nameserver 127.0.0.54", "nameserver", "options", "search"])
            .to_owned(),
    }
}

fn hosts_line(random: &mut Random) -> String {
    let mut line = if random.one_in(6) { random.of(&BAD_ADDRESSES) } else { random.of(&ADDRESSES) }.to_owned();
    for _ in 0..random.of(&[0, 1, 1, 2, 2, 3, 5]) {
        line.push(' ');
        line.push_str(random.of(&HOSTS));
    }
    line
}

fn nsswitch_line(random: &mut Random) -> String {
    let database =
        random.of(&["hosts", "hosts", "hosts", "services", "passwd", "networks", "Hosts", "other", "netgroup"]);
    let mut line = format!("{database}{}", random.of(&[":", ":", ": ", " : ", " ", "::"]));
    for _ in 0..random.of(&[1, 1, 2, 2, 3]) {
        line.push(' ');
        line.push_str(if random.one_in(16) { "nosuch" } else { random.of(&["files", "dns"]) });
        if random.one_in(3) {
            let status =
                random.of(&["NOTFOUND", "SUCCESS", "UNAVAIL", "TRYAGAIN", "notfound", "!UNAVAIL", "!SUCCESS", "bad"]);
            let action = random.of(&["return", "continue", "merge", "RETURN", "return", "bad"]);
            let _ = write!(line, " [{status}{}{action}]", random.of(&["=", " = ", "=="]));
        }
    }
    line
}

fn gai_line(random: &mut Random) -> String {
    let keyword = random.of(&["label", "precedence", "precedence", "scopev4", "reload", "Label"]);
    if keyword == "reload" {
        return format!("reload {}", random.of(&["yes", "no", "Yes", "1"]));
    }
    let prefix = random.of(&[
        "::1",
        "::",
        "2001:db8::",
        "fd00::",
        "fec0::",
        "2002::",
        "::ffff:0:0",
        "::ffff:10.9.0.0",
        "::ffff:169.254.0.0",
        "fe80::",
        "10.9.0.0",
        "127.0.0.0",
        "bad",
    ]);
    format!("{keyword} {prefix}/{} {}", number(random), number(random))
}

fn services_line(random: &mut Random) -> String {
    let mut line = format!(
        "{} {}{}{}",
        random.of(&SERVICES),
        number(random),
        random.of(&["/", "/", "/", "//", " /", "/ ", ","]),
        random.of(&PROTOCOLS)
    );
    for _ in 0..random.below(3) {
        line.push(' ');
        line.push_str(random.of(&SERVICES));
    }
    line
}

fn host_conf_line(random: &mut Random) -> String {
    match random.below(5) {
        0 => format!(
            "trim {}",
            random.of(&[".fuzz.test", ".fuzz.test,.test", ".test : test", "", "alpha", ".FUZZ.test;x"])
        ),
        1 => format!("order {}", random.of(&["hosts,bind", "bind", "hosts bind", "nis"])),
        2 => random.of(&["nospoof on", "spoof warn", "alert off", "unknown on", "multi"]).to_owned(),
        _ => format!(
            "{} {}",
            random.of(&["multi", "reorder", "MULTI"]),
            random.of(&["on", "off", "ON", "onx", "yes", "on off", "# on"])
        ),
    }
}

// ---- Excluded files ----

/// If an invalid entry of `sortlist` is followed by other text, glibc enters an infinite loop. A search list that is
/// too long for `_res` aborts the program.
fn resolv_is_sane(text: &[u8]) -> bool {
    let is_address = |part: &str| part.parse::<Ipv4Addr>().is_ok();
    String::from_utf8_lossy(text).split('\n').all(|line| {
        let mut entries =
            line.strip_prefix("sortlist").unwrap_or_default().split([' ', '\t']).filter(|word| !word.is_empty());
        entries.all(|entry| entry.split(['/', '&']).all(is_address)) && line.len() < 200
    })
}

/// A line for hosts or services without a module, or with an action before the first one, causes a SIGSEGV in lookups.
fn nsswitch_is_sane(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').all(|line| {
        let line = line.split(|&byte| byte == 0).next().unwrap_or_default().trim_ascii_start();
        let rest = [&b"hosts"[..], b"services"].iter().find_map(|database| line.strip_prefix(*database));
        let Some(rest) = rest else { return true };
        let first = rest.iter().find(|&&byte| byte != b':' && !byte.is_ascii_whitespace() && byte != 0x0b);
        first.is_some_and(|&byte| byte != b'[')
    })
}

/// Before 2.41, the meaning of an entry without a prefix length or without a value depends on an uninitialised variable
/// (bug 32465). Since then, such entries have another meaning.
fn gai_is_sane(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').all(|line| {
        let line = line.split(|byte| b"#\0".contains(byte)).next().unwrap_or_default();
        let mut words = line.split(|byte| byte.is_ascii_whitespace() || *byte == 0x0b).filter(|word| !word.is_empty());
        match (words.next(), words.next(), words.next()) {
            (Some(b"label" | b"precedence" | b"scopev4"), Some(prefix), value) => {
                value.is_some() && prefix.contains(&b'/') && !prefix.ends_with(b"/")
            }
            (Some(b"label" | b"precedence" | b"scopev4"), None, _) => false,
            _ => true,
        }
    })
}
