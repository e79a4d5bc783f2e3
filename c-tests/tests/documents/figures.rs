//! Figures that the repository knows: limits, sizes, versions and counts. Each row of a table names the documents, the
//! words around the figure, and where it comes from. What was measured is only compared with the table of all figures in
//! docs/performance.md.
//!
//! A row also fails if a document no longer has its words: change the row with the document.

use std::process::Command;

use c_tests::artefacts;

use super::{code_spans, files, read, table, top};

/// A figure: the documents that have it, the words around it, in which `{}` stands for it, and what it must be. `1,000`
/// and `sixteen` are `1000` and `16`.
struct Figure {
    documents: &'static [&'static str],
    words: &'static str,
    truth: fn() -> String,
}

const fn figure(documents: &'static [&'static str], words: &'static str, truth: fn() -> String) -> Figure {
    Figure { documents, words, truth }
}

const README: &str = "README.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CONTRIBUTING: &str = "CONTRIBUTING.md";
const TESTS: &str = "c-tests/README.md";
const CONFIGURATION: &str = "docs/configuration.md";
const DIFFERENCES: &str = "docs/glibc-differences.md";
const INTERNALS: &str = "docs/internals.md";
const LIMITS: &str = "docs/limits.md";
const PACKAGES: &str = "docs/packages.md";
const PERFORMANCE: &str = "docs/performance.md";
const TESTING: &str = "docs/testing.md";
const MANUAL: &str = "src/cli/man/nss-bypass.conf.5";

/// Limits that are constants of the library.
const OF_THE_CODE: &[Figure] = &[
    figure(&[CONFIGURATION], "empty or longer than {} bytes", || constant("src/core/rules/pattern.rs", "MAX_LABEL")),
    figure(&[CONFIGURATION], "if the name is longer than {} bytes; or if", max_name),
    figure(&[CONFIGURATION], "| a name; a label | {} bytes; 63 |", max_name),
    figure(&[MANUAL], "A name has at most {} bytes, and", max_name),
    figure(&[CONFIGURATION], "A rule has at most {} servers.", max_servers),
    figure(&[CONFIGURATION], "only the first {} are used |", max_servers),
    figure(&[MANUAL], "A rule has at most {} servers.", max_servers),
    figure(&[MANUAL], "A rule has at most {} servers after", max_servers),
    figure(&[MANUAL], "Only the first {} are used.", max_servers),
    figure(&[CONFIGURATION], "`timeout`; `attempts` | 1 to 30 seconds; 1 to {} |", || {
        constant("src/core/rules/options.rs", "ATTEMPTS")
    }),
    figure(&[MANUAL], "The time to wait for a response, from 1 to {}.", || {
        constant("src/core/rules/options.rs", "TIMEOUTS")
    }),
    figure(&[MANUAL], "The maximum time for which answers are cached, from 1 to {}.", max_ttl),
    figure(&[CONFIGURATION], "SECONDS from 1 to {}. Without", max_ttl),
    figure(&[CONFIGURATION], "N from 0 to {} and SECONDS", entries),
    figure(&[CONFIGURATION], "cached answers | {} in each process", entries),
    figure(&[MANUAL], "answers in each process, from 0 to {}.", entries),
    figure(&[CONFIGURATION], "caches up to {} answers of that rule.", default_entries),
    figure(&[MANUAL], "caches up to {} answers of this rule.", default_entries),
    figure(&[CONFIGURATION], "`max-ttl`, which is {} seconds by default", default_max_ttl),
    figure(&[MANUAL], "which is {} seconds by default.", default_max_ttl),
    figure(&[CONFIGURATION], "if the port is not {} (", || constant("src/core/rules/servers.rs", "PORT")),
    figure(&[MANUAL], "if the port is not {}, and", || constant("src/core/rules/servers.rs", "PORT")),
    figure(&[CONFIGURATION], "nor are answers of more than {} KiB.", largest_answer),
    figure(&[CONFIGURATION], "in each process, of up to {} KiB each", largest_answer),
    figure(&[INTERNALS], "An answer of more than {} KiB is not cached", largest_answer),
    figure(&[CONFIGURATION], "in every lookup if it is larger than {} KiB", largest_hosts),
    figure(&[INTERNALS], "or has more than {} KiB, is read instead", largest_hosts),
    figure(&[INTERNALS], "a hosts file of up to {} KiB is retained", largest_hosts),
    figure(&[INTERNALS], "and always if larger than {} KiB", largest_hosts),
    figure(&[DIFFERENCES], "is no larger than {} KiB, and does not open it", largest_hosts),
    figure(&[CONFIGURATION], "The log contains the first {}.", || constant("src/preload/state.rs", "LOGGED_FAULTS")),
    figure(&[INTERNALS], "the last {} states of the file", || constant("src/core/tables/resolution.rs", "REMEMBERED")),
    figure(&[INTERNALS], "The table has {} slots for each key", || constant("src/core/cache/store.rs", "WAYS")),
    figure(&[INTERNALS], "a rule takes {} bytes:", || after("src/core/rules/rule.rs", "size_of::<Rule>() == ")),
    figure(&[LIMITS, DIFFERENCES], "a datagram of more than {} bytes", || {
        constant("src/core/dns/exchange/mod.rs", "DATAGRAM")
    }),
    figure(&[DIFFERENCES], "512 bytes, or {} with EDNS", || constant("src/core/dns/message.rs", "EDNS_PAYLOAD")),
    figure(&[DIFFERENCES], "an empty entry is not a server, and there are {} servers at most", resolvers),
    figure(&[DIFFERENCES], "queries {} servers at most", resolvers),
    figure(&[DIFFERENCES], "as this network namespace reaches it, for {} minutes", || {
        divided(&constant("src/core/dns/exchange/learnt.rs", "SECONDS"), 60)
    }),
    figure(&[DIFFERENCES], "it notices those of nss-bypass up to {} ms late", || {
        constant("src/preload/asynchronous/mod.rs", "SLICE")
    }),
    figure(&[DIFFERENCES], "known once the lookup has waited for {} ms", || {
        constant("src/core/sys/socket.rs", "FIRST_WAIT")
    }),
    figure(&[ARCHITECTURE], "getaddrinfo_a uses up to {} threads", || {
        constant("src/preload/asynchronous/queue.rs", "MOST_THREADS")
    }),
    figure(&[ARCHITECTURE], "are served from a reserve of {} MiB", || {
        divided(&constant("src/preload/memory.rs", "SIZE"), 1 << 20)
    }),
    figure(&[ARCHITECTURE], "whose readers are counted in one of {} epochs", || {
        after("src/core/sys/snapshot.rs", "readers: [Count; ")
    }),
];

/// What the library and the sources are built with, and what they need.
const OF_THE_BUILD: &[Figure] = &[
    figure(&[PERFORMANCE], "memcpy is memmove; {} imports remain", imports),
    figure(&[PERFORMANCE], "and resolving {} symbols", imports),
    figure(&[README], "requires Rust {} or later", rust),
    figure(&[CONTRIBUTING, LIMITS], "Rust {} or newer", rust),
    figure(&[ARCHITECTURE], "needs only libc.so.6 of version {} or later", oldest),
    figure(&[LIMITS], "glibc, {} or newer according to", oldest),
    figure(&[PACKAGES], "The packages require glibc {} or newer", oldest),
    figure(&[PACKAGES], "`libc.so.6(GLIBC_{})(64bit)`", oldest),
    figure(&[INTERNALS], "with every glibc since {}, and how", oldest),
    figure(&[INTERNALS], "### One file for every glibc since {} Linked", oldest),
    figure(&["docs/matrix.md"], "requires the symbol version GLIBC_{}, and the command", oldest),
    figure(&[README], "With glibc {} to 2.30, the library loads", oldest),
    figure(&[README], "With glibc 2.17 to {}, the library loads", before_compared),
    figure(&[LIMITS], "and those before {} have [further differences]", || compared().0),
    figure(&[README], "with those of glibc {} to", || compared().0),
    figure(&[README], "with those of glibc 2.31 to {}, in Debian", || compared().1),
    figure(&[README], "in Debian {}, and for arm64", releases),
    figure(&[PACKAGES], "nss-bypass_{}-1_amd64.deb", version),
    figure(&[PACKAGES], "nss-bypass-{}-1.x86_64.rpm", version),
    figure(&[PACKAGES], "tar xzf nss-bypass-{}-x86_64-linux-gnu.tar.gz", version),
    figure(&[PACKAGES], "cd nss-bypass-{}-x86_64-linux-gnu", version),
    figure(&[PACKAGES], "`nss-bypass-{}-x86_64-linux-gnu-library.cdx.json`", version),
    figure(&[PACKAGES], "`nss-bypass-{}-x86_64-linux-gnu-command.cdx.json`", version),
    figure(&[PACKAGES], "`nss-bypass-{}-docs.tar.gz`", version),
    figure(&[MANUAL], "\"nss\\-bypass {}\" \"nss", version),
    figure(&[PACKAGES], "in CycloneDX {}. They", || after("scripts/dist", "--spec-version ")),
    figure(&["docs/command.md"], "as with `run`; it is 1 if the command ended with {}, but", || {
        after("src/cli/ui/exit.rs", "Self::Success => ")
    }),
    figure(&["docs/command.md"], "or {} to 127 as with `run`", || after("src/cli/ui/exit.rs", "Self::NotRun => ")),
    figure(&["docs/command.md"], "or 125 to {} as with `run`", || after("src/cli/ui/exit.rs", "Self::NotFound => ")),
];

/// What the tests do and demand.
const OF_THE_TESTS: &[Figure] = &[
    figure(&[CONTRIBUTING], "A function has fewer than {} lines", || constant("c-tests/tests/structure.rs", "LINES")),
    figure(&[CONTRIBUTING], "its blocks are nested less than {} deep", || {
        constant("c-tests/tests/structure.rs", "DEPTH")
    }),
    figure(&[CONTRIBUTING], "Lines have up to {} columns", || after("rustfmt.toml", "max_width = ")),
    figure(&[ARCHITECTURE], "a lookup fits on a stack of {} KiB", stack),
    figure(&[TESTS], "`memory_reserve.c` | {} KiB of stack are sufficient", stack),
    figure(&[TESTS], "with files of {} lines or", || after("c-tests/tests/large.rs", "for n in 0..")),
    figure(&[TESTS], "or {} MB of garbage", || after("c-tests/tests/large.rs", "garbage(file, ")),
    figure(&[TESTING], "on their seeds and {} mutations of these", || constant("fuzz/src/lib.rs", "MUTATIONS")),
    figure(&[TESTING], "with up to {} mutations after the question section", || {
        listed("c-tests/fuzz_glibc/lookups.rs", "let mutations = random.of(&[").iter().max().unwrap().to_string()
    }),
    figure(&[TESTING], "({} children, helgrind", || {
        after("c-tests/tests/host_process/fork.rs", "let count = many(150, 1000, ")
    }),
    figure(&[PERFORMANCE], "polls for queries for {} µs", || {
        divided(&after("c-tests/bench/server.c", "AWAKE_NANOSECONDS = "), 1000)
    }),
    figure(&[ARCHITECTURE], "and caches them for {} seconds", not_found_for),
    figure(&["docs/how-it-works.md"], "for some time ({} seconds in Debian's configuration)", not_found_for),
    figure(&[ARCHITECTURE], "none: step {} 8.", || {
        let text = read(ARCHITECTURE);
        let section = text.split("### One call of getaddrinfo\n").nth(1).unwrap().split("\n`").next().unwrap();
        let is_step = |line: &&str| line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        section.lines().filter(is_step).count().to_string()
    }),
];

/// What was measured is said in several places: as in the table of all figures, rounded.
const OF_THE_MEASUREMENTS: &[Figure] = &[
    figure(&[README], "**Cost:** {} µs more than an empty preloaded library", || {
        also_said(PERFORMANCE, "| start of a process, added | {} µs more")
    }),
    figure(&[PERFORMANCE], "10 or 10,000 rules, added | {} µs, no system call", || {
        thousandth("unmatched name, 10 rules, added")
    }),
    figure(&[README], "library at the start of a process, and {} µs for a name that no rule", || {
        thousandth("unmatched name, 10 rules, added")
    }),
    figure(&[PERFORMANCE], "or NULL, added | {} or 0.01 µs", || thousandth("numeric name, passed, added")),
    figure(&[PERFORMANCE], "or NULL, added | 0.03 or {} µs", || thousandth("NULL name, passed, added")),
    figure(&[PERFORMANCE], "A and AAAA | {} of bare glibc's time without nscd", both_families),
    figure(&[README], "A matched lookup takes {} (A and AAAA)", both_families),
    figure(&[PERFORMANCE], "without nscd; A alone {} |", one_family),
    figure(&[README], "to {} (A alone) of glibc's time", one_family),
    figure(&[PERFORMANCE], "100 addresses, by TCP | {} of glibc's time", || {
        measured("100 addresses by TCP, against glibc", 2)
    }),
    figure(&[PERFORMANCE], "a hosts file of 100,000 lines | {} of glibc's time", || {
        measured("hosts of 100,000 lines, name in last line, against glibc", 2)
    }),
    figure(&[PERFORMANCE], "that is cached (`cache`) | {} µs;", || measured("cache, hit", 1)),
    figure(&[PERFORMANCE], "| the library | {} MB, needs only", || measured("the library's file", 2)),
    figure(&[PERFORMANCE], "needs only libc and its dynamic linker; {} KiB of memory in an idle process", || {
        measured("private dirty memory of an idle process, added", 0)
    }),
    figure(&[PERFORMANCE], "The whole of a process that looks up one name takes {}. -", || {
        measured("the whole of getent ahosts NAME, against glibc", 2)
    }),
    figure(&[PERFORMANCE], "- *{} system calls*: 12 belong", || {
        measured("system calls of a further matched lookup", 0)
    }),
    figure(&[INTERNALS], "makes {} system calls, and 4 more", || {
        also_said(PERFORMANCE, "system calls*: {} belong to the query")
    }),
    figure(&[INTERNALS], "system calls, and {} more to sort", || {
        also_said(PERFORMANCE, "The other {} find the routes")
    }),
    figure(&[INTERNALS], "bare glibc makes {}. nss-bypass", || {
        row_of("system calls of a further matched lookup")[5].replace("glibc ", "")
    }),
];

/// The number that follows these words in a file, without its underscores.
fn after(path: &str, words: &str) -> String {
    let text = read(path);
    let (_, rest) = text.split_once(words).unwrap_or_else(|| panic!("{path} has no \"{words}\""));
    let number: String = rest.chars().take_while(|letter| letter.is_ascii_digit() || "._".contains(*letter)).collect();
    number.trim_end_matches(['.', '_']).replace('_', "")
}

/// A constant of a source, the end of one that is a range.
fn constant(path: &str, name: &str) -> String {
    let text = read(path);
    let (_, rest) = text.split_once(&format!("const {name}: ")).unwrap_or_else(|| panic!("{path} has no {name}"));
    let (_, value) = rest.split(';').next().unwrap().split_once("= ").unwrap();
    let value = value.rsplit(['(', '=']).next().unwrap().trim_end_matches(')').replace('_', "");
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|error| panic!("{name} is {value}: {error}"));
    value.split_once("<<").map_or_else(|| number(&value), |(base, bits)| number(base) << number(bits)).to_string()
}

/// The numbers of a list in a source.
fn listed(path: &str, words: &str) -> Vec<u32> {
    let text = read(path);
    let list = text.split(words).nth(1).unwrap_or_else(|| panic!("{path} has no \"{words}\""));
    list.split(']').next().unwrap().split(", ").filter_map(|number| number.parse().ok()).collect()
}

fn divided(number: &str, by: u64) -> String {
    let number: u64 = number.parse().unwrap();
    assert_eq!(number % by, 0);
    (number / by).to_string()
}

fn max_name() -> String {
    constant("src/core/rules/pattern.rs", "MAX_NAME")
}

fn max_servers() -> String {
    constant("src/core/rules/options.rs", "MAX_SERVERS")
}

fn max_ttl() -> String {
    constant("src/core/rules/options.rs", "MAX_TTLS")
}

fn entries() -> String {
    constant("src/core/rules/config.rs", "ENTRIES")
}

fn default_entries() -> String {
    after("src/core/rules/rule.rs", "Self { entries: ")
}

fn default_max_ttl() -> String {
    after("src/core/rules/rule.rs", ", max_ttl: ")
}

fn largest_answer() -> String {
    divided(&constant("src/core/cache/mod.rs", "MAX_ANSWER"), 1 << 10)
}

fn largest_hosts() -> String {
    divided(&constant("src/core/tables/mod.rs", "MAX_RETAINED_HOSTS"), 1 << 10)
}

fn resolvers() -> String {
    constant("src/core/files/resolv_conf.rs", "MAX_SERVERS")
}

fn rust() -> String {
    after("Cargo.toml", "rust-version = \"")
}

fn version() -> String {
    after("Cargo.toml", "version = \"")
}

fn stack() -> String {
    after("c-tests/tests/host_process/memory.rs", "if cfg!(debug_assertions) { 64 } else { ")
}

/// The seconds for which the nscd of the scene, as Debian's, keeps that a name does not exist.
fn not_found_for() -> String {
    after("scripts/scene-inside", "negative-time-to-live $cache ")
}

/// The symbols that the loader looks for when it loads the library.
fn imports() -> String {
    let symbols = Command::new(artefacts::tool("readelf"))
        .args(["--wide", "--dyn-syms"])
        .arg(artefacts::library())
        .output()
        .expect("readelf runs");
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let is_import = |line: &&str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        cells.len() > 7 && cells[6] == "UND"
    };
    symbols.lines().filter(is_import).count().to_string()
}

/// A version as numbers, which sort.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap()).collect()
}

/// The oldest glibc that has all that the library imports.
fn oldest() -> String {
    let lists = ["x86_64", "aarch64"].map(|machine| read(&format!("src/preload/linked/glibc-{machine}.txt")));
    let versions = lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|word| word.strip_prefix("GLIBC_"));
    versions.max_by_key(|version| numbers(version)).unwrap().to_owned()
}

/// The first and the last release of glibc with which results were compared.
fn compared() -> (String, String) {
    let matrix = read("docs/matrix.md");
    let row = matrix.lines().find(|line| line.starts_with("| glibc  ")).unwrap();
    let mut versions: Vec<&str> = row.split('|').skip(2).filter_map(|cell| cell.trim().split('-').next()).collect();
    versions.retain(|version| !version.is_empty());
    versions.sort_by_key(|version| numbers(version));
    (versions[0].to_owned(), versions[versions.len() - 1].to_owned())
}

fn before_compared() -> String {
    let (major, minor) =
        compared().0.split_once('.').map(|(major, minor)| (major.to_owned(), minor.parse::<u32>().unwrap())).unwrap();
    format!("{major}.{}", minor - 1)
}

/// The releases of Debian on which scripts/matrix runs the tests, as people call them.
fn releases() -> String {
    let script = read("scripts/matrix");
    let list = script.split("all_releases=([amd64]='").nth(1).unwrap().split('\'').next().unwrap();
    let names: Vec<&str> = list
        .split(' ')
        .map(|name| match name {
            "bullseye" => "11",
            "bookworm" => "12",
            "trixie" => "13",
            other => other,
        })
        .collect();
    let (last, others) = names.split_last().unwrap();
    format!("{} and {last}", others.join(", "))
}

/// A row of the table of all figures.
fn row_of(what: &str) -> Vec<String> {
    let text = read(PERFORMANCE);
    let rows = table(&text, "## All figures");
    let row = rows.iter().find(|row| row[0] == what).unwrap_or_else(|| panic!("\"{what}\" was not measured"));
    row.iter().map(|&cell| cell.to_owned()).collect()
}

/// What was measured, with so many decimals.
fn measured(what: &str, decimals: usize) -> String {
    let row = row_of(what);
    let number = row[2].trim_end_matches(|letter: char| !letter.is_ascii_digit()).replace(',', "");
    format!("{:.decimals$}", number.parse::<f64>().unwrap())
}

/// What was measured in nanoseconds, in microseconds.
fn thousandth(what: &str) -> String {
    format!("{:.2}", measured(what, 1).parse::<f64>().unwrap() / 1000.0)
}

fn both_families() -> String {
    measured("matched, A and AAAA, against glibc, median", 2)
}

fn one_family() -> String {
    measured("matched, A, against glibc, median", 2)
}

/// A figure in one way of writing it.
fn plain(figure: &str) -> String {
    const WORDS: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    let number = WORDS.iter().position(|word| figure.eq_ignore_ascii_case(word));
    let is_grouped = figure.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
    number.map_or_else(
        || if is_grouped { figure.replace(',', "") } else { figure.to_owned() },
        |number| number.to_string(),
    )
}

/// What a document has in place of `{}`, wherever it has the words around it. Lines may be broken anywhere.
fn said(document: &str, words: &str) -> Vec<String> {
    const LONGEST: usize = 24;
    let text = read(document).split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, behind) = words.split_once("{}").expect("a place for the figure");
    assert!(!before.is_empty() && !behind.is_empty(), "\"{words}\" has no words on both sides of the figure");
    let rests = text.match_indices(before).map(|(at, _)| &text[at + before.len()..]);
    let figures = rests.filter_map(|rest| rest.split_once(behind)).map(|(figure, _)| figure);
    figures.filter(|figure| figure.len() <= LONGEST).map(plain).collect()
}

/// What another place says.
fn also_said(document: &str, words: &str) -> String {
    said(document, words).pop().unwrap_or_else(|| panic!("{document} has no \"{words}\""))
}

fn check(figures: &[Figure]) {
    let mut faults = Vec::new();
    for Figure { documents, words, truth } in figures {
        let truth = truth();
        for document in *documents {
            let found = said(document, words);
            if found.is_empty() {
                faults.push(format!("{document} has no \"{words}\", where {truth} would stand"));
            }
            let wrong = found.iter().filter(|figure| **figure != truth);
            faults.extend(wrong.map(|figure| format!("{document}: \"{words}\" is {truth}, not {figure}")));
        }
    }
    super::none(&faults);
}

#[test]
fn limits_are_those_of_the_code() {
    check(OF_THE_CODE);
}

#[test]
fn versions_and_needs_are_those_of_the_build() {
    check(OF_THE_BUILD);
}

#[test]
fn what_the_tests_do_is_what_they_are_said_to_do() {
    check(OF_THE_TESTS);
}

#[test]
fn measurements_are_the_same_wherever_they_are_named() {
    check(OF_THE_MEASUREMENTS);
}

/// A document that has moved a figure to another place, or written it otherwise, is noticed.
#[test]
fn a_wrong_figure_is_found() {
    assert_eq!(said(CONTRIBUTING, "its blocks are nested less than {} deep"), ["5"]);
    assert_eq!(plain("1,000"), "1000");
    assert_eq!([plain("15 to 23"), plain("0.13"), plain("Sixteen")], ["15 to 23", "0.13", "16"]);
    assert!(said(CONTRIBUTING, "its blocks are nested more than {} deep").is_empty());
}

/// The table of what glibc did since when has each release that the library asks about, and no other.
#[test]
fn releases_of_glibc_that_differ_are_those_that_the_code_knows() {
    let source = read("src/core/sys/glibc.rs");
    let beginning = source.split("/// ").take_while(|part| !part.contains("fn ")).collect::<String>();
    let values = beginning.lines().filter(|line| line.contains("const ")).filter_map(|line| line.split_once(" = "));
    let mut known: Vec<u32> = values
        .flat_map(|(_, value)| value.split(|letter: char| !letter.is_ascii_digit()))
        .filter_map(|number| number.parse().ok())
        .collect();
    let text = read(DIFFERENCES);
    let rows = table(&text, "## Other releases of glibc");
    let mut documented: Vec<u32> = rows.iter().map(|row| row[0].strip_prefix("2.").unwrap().parse().unwrap()).collect();
    for list in [&mut known, &mut documented] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(documented, known);
}

/// The table of how long they ran has each target.
#[test]
fn fuzz_targets_are_those_that_there_are() {
    let text = read(TESTING);
    let rows = table(&text, "## Fuzzing");
    let mut documented: Vec<&str> = rows.iter().map(|row| row[0].split(' ').next().unwrap()).collect();
    documented.sort_unstable();
    let targets = files(&top().join("fuzz/fuzz_targets"), &|name| name.ends_with(".rs"));
    let mut there: Vec<&str> = targets.iter().map(|(path, _)| path.file_stem().unwrap().to_str().unwrap()).collect();
    there.sort_unstable();
    assert_eq!(documented, there);
}

/// The exported functions: "`gethostbyname`, ..., their `_r` forms".
#[test]
fn functions_that_are_interposed_are_those_of_the_table_of_hooks() {
    let source = read("src/preload/lib.rs");
    let row = |line: &str| {
        let (name, _) = line.strip_prefix(&" ".repeat(12))?.split_once('(')?;
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| name.to_owned())
    };
    let mut hooks: Vec<String> = source.lines().filter_map(row).collect();
    let text = read("docs/how-it-works.md");
    let paragraph = text.split("\n\n").find(|paragraph| paragraph.starts_with("The functions are ")).unwrap();
    let spans = code_spans(paragraph.split("([").next().unwrap());
    let mut documented: Vec<String> = spans.iter().filter(|span| **span != "_r").map(|&span| span.to_owned()).collect();
    let forms = spans.iter().take_while(|span| **span != "_r").filter(|span| span.starts_with("gethostby"));
    documented.extend(forms.map(|span| format!("{span}_r")));
    hooks.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, hooks);
}

/// "the list is shorter by `__tls_get_addr`"
#[test]
fn imports_for_arm64_are_those_for_x86_64_without_one() {
    let [x86_64, aarch64] = ["x86_64", "aarch64"].map(|machine| {
        let list = read(&format!("src/preload/linked/glibc-{machine}.txt"));
        let names = list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    });
    let missing: Vec<&String> = x86_64.iter().filter(|name| !aarch64.contains(name)).collect();
    assert_eq!(missing, ["__tls_get_addr"]);
    assert!(aarch64.iter().all(|name| x86_64.contains(name)));
    assert!(read(INTERNALS).contains("the list is shorter by `__tls_get_addr`"));
}
