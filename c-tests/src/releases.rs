//! Differences between other releases of glibc and the library, and their reasons. The library implements the behaviour
//! of 2.36, for which these tests were written. An entry that no longer explains a difference causes the test to fail.

use std::ffi::CStr;
use std::ops::Range;
use std::sync::OnceLock;

use crate::artefacts::is_arm64;
use crate::report::Deviation;

/// A deviation in some releases, which are specified by the minor version, as in 36 for 2.36.
struct Other {
    glibc: Range<u32>,
    deviation: Deviation,
}

/// Before 2.37. Debian 12 has backported the changes of nss_dns in 2.37 to 2.36.
const BEFORE_36: Range<u32> = 0..36;
const ALL_LATER: u32 = u32::MAX;

const OLD_DNS: &str = "nss_dns was rewritten in 2.37 (and in Debian 12): before, invalid records and names end an \
                       answer or are accepted";
const OLD_BUFFERS: &str = "the old nss_dns requires more space in the caller's buffer than the answer takes";
const OLD_ALIAS_ONLY: &str = "an alias without an address is not an error in the old nss_dns, but an empty result";
const OLD_EMPTY: &str = "an answer that consists only of a header, or has a truncated record, is ignored by 2.31, \
                         which queries the next server (bug 31890)";
const OLD_CONTINUE: &str = "before 2.36 (whose getaddrinfo was restructured), answers of several modules are combined";
const OLD_MERGE: &str = "2.31 crashes in getaddrinfo if DNS has an answer to merge and the files have none";
const OLD_ERRNO: &str = "the value of errno with an answer, or with a code other than EAI_SYSTEM";
const OLD_DESCRIPTORS: &str = "without a free descriptor, 2.31 continues with what it has, and returns other codes";

const UNSET_END: &str = "with a line without a prefix length, glibc uses an uninitialised variable, and crashes \
                         depending on its value (bug 32465)";

const fn other(
    glibc: Range<u32>,
    file: &'static str,
    section: &'static str,
    case: &'static str,
    reason: &'static str,
) -> Other {
    Other { glibc, deviation: Deviation { file, section, case, reason } }
}

/// Before 2.36: reasons, and the sections of a file that they explain.
const OLD: &[(&str, &str, &[&str])] = &[
    ("answers.txt", OLD_DNS, &["records that are not right", "other codes, other empty answers"]),
    ("answers.txt", OLD_ALIAS_ONLY, &["one outcome, asked in every way"]),
    ("answers.txt", OLD_EMPTY, &["pairs of outcomes"]),
    (
        "canonical.txt",
        OLD_DNS,
        &[
            "chains",
            "internationalised canonical names",
            "internationalised canonical names in the C locale",
            "peculiar targets",
            "spelling",
            "which half names it",
        ],
    ),
    (
        "edges.txt",
        OLD_BUFFERS,
        &[
            "every length for an answer of DNS",
            "every length for names where only DNS is asked",
            "every length where only DNS is asked",
            "small buffers where DNS comes first",
            "small buffers where a line of the file is long",
            "small buffers where only DNS is asked",
            "small buffers with aliases",
        ],
    ),
    ("edges.txt", OLD_DESCRIPTORS, &["a later lookup without one"]),
    (
        "errno.txt",
        OLD_ERRNO,
        &["after DNS", "after the files", "names that cannot be converted, in a UTF-8 locale", "without any lookup"],
    ),
    ("hostent.txt", OLD_BUFFERS, &["the gethostby functions"]),
    (
        "hostile.txt",
        OLD_DNS,
        &[
            "a good answer, cut at every byte behind its question",
            "compression",
            "counts and lengths that lie",
            "good answers with bytes changed",
            "labels that hold what separates labels",
            "lengths that lie, on TCP",
            "long answers",
            "other classes, times to live, bits",
            "the same in a TCP message, and a stream that ends at every byte",
        ],
    ),
    (
        "nsswitch.txt",
        OLD_CONTINUE,
        &[
            "hosts: dns (SUCCESS=continue) files",
            "hosts: files (SUCCESS=continue) dns",
            "hosts: files (SUCCESS=merge) dns",
            "merge at the end",
            "two answers to merge",
        ],
    ),
    (
        "nsswitch.txt",
        OLD_ALIAS_ONLY,
        &[
            "dns (NOTFOUND=return) files, a name of both",
            "dns (TRYAGAIN=return) files, a name of both",
            "nothing at all",
        ],
    ),
    ("options.txt", OLD_EMPTY, &["two servers", "three servers"]),
    ("programs.txt", OLD_DNS, &["modules of the program's own choice"]),
    ("reverse.txt", OLD_ALIAS_ONLY, &["all kinds of answers"]),
    (
        "search.txt",
        OLD_DNS,
        &[
            "first cnamex.w ok.w",
            "first lame.w ok.w",
            "first owner.w ok.w",
            "first refused.w ok.w",
            "first trail.w ok.w",
            "nowhere: nx.w cnamex.w",
            "LOCALDOMAIN='nodata.w servfail.w'",
        ],
    ),
];

const SINGLE: &[Other] = &[
    other(BEFORE_36, "nsswitch.txt", "", "gai both_both", OLD_DNS),
    other(BEFORE_36, "edges.txt", "nsswitch.conf is a directory", "gai", OLD_ERRNO),
    other(
        BEFORE_36,
        "edges.txt",
        "a file becomes a directory",
        "gai ok_ok.t.example - 0 4 1 ; directory nsswitch.conf ; gai dual - CANON",
        OLD_ERRNO,
    ),
    other(
        BEFORE_36,
        "edges.txt",
        "a file becomes a directory",
        "ghbn dual ; directory nsswitch.conf ; gai dual - CANON",
        OLD_ERRNO,
    ),
    other(
        BEFORE_36,
        "edges.txt",
        "a file becomes a directory",
        "thread ghbn dual ; directory nsswitch.conf ; gai dual - CANON",
        OLD_ERRNO,
    ),
    other(
        BEFORE_36,
        "edges.txt",
        "a file becomes a directory",
        "ghbn dual ; put resolv.conf ; ghbn dual ; directory resolv.conf ; ghbn dual ; gai ok_ok.t.example",
        "if an empty resolv.conf becomes a directory, all lookups fail in 2.31; later releases keep their server",
    ),
    other(BEFORE_36, "order.txt", "gai.conf: label 2001:db8::1 5", "gai", UNSET_END),
    other(
        33..ALL_LATER,
        "nsswitch.txt",
        "hosts: ",
        "ghbn",
        "glibc crashes if the hosts line of nsswitch.conf is empty",
    ),
    other(
        33..ALL_LATER,
        "nsswitch.txt",
        "hosts: (NOTFOUND=return) files dns",
        "ghbn",
        "glibc crashes if that line begins with an action",
    ),
    other(
        41..ALL_LATER,
        "order.txt",
        "gai.conf: label 2001:db8::1 5",
        "gai",
        "a line without a prefix length applies to one address (bug 32465); before, this is undefined",
    ),
    other(
        41..ALL_LATER,
        "order.txt",
        "gai.conf: precedence ::ffff:0:0/96",
        "gai",
        "a line without a value is ignored (bug 32465); before, the value is 0",
    ),
    other(
        41..ALL_LATER,
        "nsswitch.txt",
        "hosts: files (SUCCESS=merge) dns",
        "ghbn",
        "answers of gethostbyname cannot be merged; the attempt ends the lookup without an error code",
    ),
    other(
        42..ALL_LATER,
        "flags.txt",
        "odd lines of the services file",
        "gai ok_ok.t.example hex",
        "a port must be a decimal number",
    ),
    other(
        0..41,
        "search.txt",
        "a very long line",
        "g",
        "glibc aborts the program: an assertion fails if the search list is too long for _res",
    ),
];

/// Differences in the queries, which are only visible if many names are looked up in one process.
const QUESTIONS: &[Other] = &[
    other(
        BEFORE_36,
        "order.txt",
        "gai.conf: label 2001:db8::1 5",
        "questions",
        "after a crash, no more queries are sent",
    ),
    other(BEFORE_36, "nsswitch.txt", "an answer to merge with one of DNS", "questions", OLD_CONTINUE),
    other(BEFORE_36, "nsswitch.txt", "three to merge", "questions", OLD_CONTINUE),
    other(41..ALL_LATER, "nsswitch.txt", "hosts: files (SUCCESS=merge) dns", "questions", "follows from the answers"),
    other(41..ALL_LATER, "nsswitch.txt", "three to merge", "questions", "follows from the answers"),
];

/// Differences that are only visible with libc first or with options of a rule, where many names are looked up in one
/// process, and glibc's results depend on previous lookups.
const AFTER_OTHERS: &[Other] = &[
    other(BEFORE_36, "nsswitch.txt", "an answer to merge with one of DNS", "gai", OLD_MERGE),
    other(BEFORE_36, "nsswitch.txt", "three to merge", "gai", OLD_MERGE),
    other(BEFORE_36, "options.txt", "single-request in every way", "gai refused_tc.t.example", OLD_EMPTY),
    other(BEFORE_36, "options.txt", "single-request in every way", "gai lame_ok.t.example", OLD_EMPTY),
    other(
        BEFORE_36,
        "answers.txt",
        "stray packets before the answer",
        "gai ok_wrongtype.t.example",
        "a datagram whose question has another type is accepted as the answer",
    ),
];

/// Deviations in programs for arm64 only (`NSS_BYPASS_CC`).
const ON_ARM64: &[Other] = &[
    other(36..41, "order.txt", "gai.conf: label 2001:db8::1 5", "gai", UNSET_END),
    other(36..41, "order.txt", "gai.conf: label 2001:db8::1 5", "questions", UNSET_END),
];

/// The deviations for the glibc of this machine if many names are looked up in one process.
pub fn deviations_after_others() -> Vec<Deviation> {
    let others = AFTER_OTHERS.iter().filter(|each| each.glibc.contains(&minor())).map(|each| each.deviation);
    deviations().iter().copied().chain(others).collect()
}

/// The deviations for the glibc of this machine.
pub fn deviations() -> &'static [Deviation] {
    static OF_THIS: OnceLock<Vec<Deviation>> = OnceLock::new();
    OF_THIS.get_or_init(|| {
        let singles = SINGLE.iter().chain(QUESTIONS).filter(|each| each.glibc.contains(&minor()));
        let on_arm64 = ON_ARM64.iter().filter(|each| is_arm64() && each.glibc.contains(&minor()));
        let mut all: Vec<Deviation> = singles.chain(on_arm64).map(|each| each.deviation).collect();
        if BEFORE_36.contains(&minor()) {
            for &(file, reason, sections) in OLD {
                all.extend(sections.iter().map(|section| Deviation { file, section, case: "", reason }));
            }
        }
        all
    })
}

/// The minor version of the running glibc.
pub fn minor() -> u32 {
    // SAFETY: the function has no preconditions.
    let version = unsafe { libc::gnu_get_libc_version() };
    // SAFETY: it returns a static C string.
    let version = unsafe { CStr::from_ptr(version) }.to_str().expect("ASCII");
    let number = version.split('.').nth(1).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("unknown version: {version}"))
}

/// Whether glibc has the rewritten nss_dns.
pub fn has_new_dns() -> bool {
    !BEFORE_36.contains(&minor())
}
