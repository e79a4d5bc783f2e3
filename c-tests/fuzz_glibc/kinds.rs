//! Differences whose reason is known: they are counted apart. Most are deviations on purpose, and have a row in
//! docs/glibc-differences.md, "Intended deviations", or below it.

use crate::answers;
use crate::compare::Pair;
use crate::files::Round;
use crate::lookups;

/// A command with different results, and the files that it was run with.
pub(crate) struct Difference<'a> {
    pub(crate) command: &'a str,
    pub(crate) round: &'a Round,
    pub(crate) pair: &'a Pair,
}

/// A reason, and a predicate for differences with this reason.
struct Kind {
    reason: &'static str,
    fits: fn(&Difference<'_>) -> bool,
}

const fn kind(reason: &'static str, fits: fn(&Difference<'_>) -> bool) -> Kind {
    Kind { reason, fits }
}

/// The first matching reason is used.
const KINDS: &[Kind] = &[
    kind(
        "a module that is not installed is an error in glibc if it is the last one; the library skips it",
        unknown_module,
    ),
    kind("hosts and services cannot be merged: glibc mixes two answers, and their codes", merge),
    kind("with no-aaaa, glibc treats a header with REFUSED as an answer", refusal_without_aaaa),
    kind("if the servers fail, the code depends on errno as set by reading a file", stale_errno),
    kind("with a missing resolv.conf, the first lookup that needs it sets errno", missing_resolv_conf),
];

impl Difference<'_> {
    /// The reason, if it is known.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        KINDS.iter().find(|kind| (kind.fits)(self)).map(|kind| kind.reason)
    }

    fn words(&self) -> Vec<&str> {
        self.command.split(' ').filter(|word| *word != "thread").collect()
    }

    /// The words of all lines for a database in nsswitch.conf. An action in brackets is a single word in lower case.
    fn modules(&self, database: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(self.round.text("nsswitch.conf"));
        let is_blank = |letter: char| letter.is_ascii_whitespace() || letter == '\x0b';
        let mut words = Vec::new();
        for line in text.split('\n') {
            let line = line.split('\0').next().unwrap_or_default().trim_start_matches(is_blank);
            let Some(rest) = line.strip_prefix(database) else { continue };
            let mut rest = rest.trim_start_matches(|letter| is_blank(letter) || letter == ':');
            loop {
                rest = rest.trim_start_matches(is_blank);
                let end = match rest.strip_prefix('[') {
                    Some(_) => rest.find(']').map_or(rest.len(), |end| end + 1),
                    None => rest.find(|letter| is_blank(letter) || letter == '[').unwrap_or(rest.len()),
                };
                if end == 0 {
                    break;
                }
                words.push(rest[..end].to_ascii_lowercase());
                rest = &rest[end..];
            }
        }
        words
    }

    /// Whether getaddrinfo calls gethostbyname2_r in this case.
    fn is_simple_getaddrinfo(&self) -> bool {
        matches!(self.words()[..], ["gai", _, _, flags, "4", ..] if !flags.contains("CANON"))
    }
}

fn unknown_module(difference: &Difference<'_>) -> bool {
    let Pair { bare, bypassed } = difference.pair;
    let is_system_error = |text: &String| ["EAI_SYSTEM", "h_errno=-1", "h_errnop=-1"].iter().any(|c| text.contains(c));
    let is_unknown = |word: &String| !matches!(word.as_str(), "files" | "dns");
    let modules: Vec<String> = difference.modules("hosts").into_iter().filter(|word| !word.starts_with('[')).collect();
    // If there are no other modules, h_errno of glibc is that of the previous lookup.
    let are_all_unknown = !modules.is_empty() && modules.iter().all(is_unknown);
    are_all_unknown || (is_system_error(bare) || is_system_error(bypassed)) && modules.iter().any(is_unknown)
}

fn merge(difference: &Difference<'_>) -> bool {
    let is_merge = |word: &String| word.starts_with('[') && word.contains("merge");
    ["hosts", "services"].into_iter().flat_map(|database| difference.modules(database)).any(|word| is_merge(&word))
}

fn refusal_without_aaaa(difference: &Difference<'_>) -> bool {
    difference.round.says("resolv.conf", "no-aaaa")
        && answers::may_be_header_alone(&lookups::name_of(difference.command))
}

fn stale_errno(difference: &Difference<'_>) -> bool {
    let Pair { bare, bypassed } = difference.pair;
    if difference.is_simple_getaddrinfo() {
        return difference.words()[2] != "-" && bare.contains("EAI_NONAME") && bypassed.contains("EAI_NODATA");
    }
    // The errno that `probe` sets before each call.
    let Some((_, rest)) = bypassed.split_once("rc=4242 ") else { return false };
    let is_code = |word: &&str| word.starts_with("rc=") || word.starts_with("errno=");
    bare.split_whitespace().skip(1).filter(|word| !is_code(word)).eq(rest.split_whitespace())
}

fn missing_resolv_conf(difference: &Difference<'_>) -> bool {
    let Pair { bare, bypassed } = difference.pair;
    difference.words()[..2] == ["ghbar", "::"]
        && difference.round.text("resolv.conf").is_empty()
        && *bare == bypassed.replace(" errno=2", "")
}
