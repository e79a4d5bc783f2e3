//! Differences whose reason is known: they are counted apart. Most are deviations on purpose, and have a row in
//! ARCHITECTURE.md, "Deviations, on purpose", or below it.

use crate::answers;
use crate::compare::Pair;
use crate::files::Round;
use crate::glibc_has;
use crate::lookups;

/// A command that gave two results, and the files that it was run with.
pub(crate) struct Difference<'a> {
    pub(crate) command: &'a str,
    pub(crate) round: &'a Round,
    pub(crate) pair: &'a Pair,
}

/// A reason, and what tells that a difference has it.
struct Kind {
    reason: &'static str,
    fits: fn(&Difference<'_>) -> bool,
}

const fn kind(reason: &'static str, fits: fn(&Difference<'_>) -> bool) -> Kind {
    Kind { reason, fits }
}

/// The first that fits counts.
const KINDS: &[Kind] = &[
    kind(
        "a module that is not installed is an error to glibc where it is asked last; here it is skipped",
        unknown_module,
    ),
    kind("hosts cannot be merged: glibc mixes two answers, and their codes", merge),
    kind("services are asked of `files` only", services),
    kind("options that glibc has since 2.41", later_options),
    kind("with no-aaaa, glibc reads a header that refuses as if it were an answer", refusal_without_aaaa),
    kind("where the servers fail, the code is errno as reading a file has left it", stale_errno),
    kind("a missing resolv.conf leaves errno beside the first lookup that needs it", missing_resolv_conf),
    // Not on purpose: these are to be made equal.
    kind("a name that looks like an address and is none is not asked for by gethostbyname2_r", almost_an_address),
    kind("a buffer must have room for a name before host.conf's `trim` makes it shorter", room_before_trim),
];

impl Difference<'_> {
    /// The reason, where it is known.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        KINDS.iter().find(|kind| (kind.fits)(self)).map(|kind| kind.reason)
    }

    fn words(&self) -> Vec<&str> {
        self.command.split(' ').filter(|word| *word != "thread").collect()
    }

    fn bare_says(&self, code: &str) -> bool {
        self.pair.bare.contains(code)
    }

    /// The words of all lines for a database in nsswitch.conf; actions, in brackets, are one word, in small letters.
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

    /// Whether this is getaddrinfo by way of gethostbyname2_r.
    fn is_simple_getaddrinfo(&self) -> bool {
        matches!(self.words()[..], ["gai", _, _, flags, "4", ..] if !flags.contains("CANON"))
    }
}

fn unknown_module(difference: &Difference<'_>) -> bool {
    let Pair { bare, bypassed } = difference.pair;
    let is_system_error = |text: &String| ["EAI_SYSTEM", "h_errno=-1", "h_errnop=-1"].iter().any(|c| text.contains(c));
    let is_unknown = |word: &String| !word.starts_with('[') && !matches!(word.as_str(), "files" | "dns");
    (is_system_error(bare) || is_system_error(bypassed)) && difference.modules("hosts").iter().any(is_unknown)
}

fn merge(difference: &Difference<'_>) -> bool {
    difference.modules("hosts").iter().any(|word| word.starts_with('[') && word.contains("merge"))
}

fn services(difference: &Difference<'_>) -> bool {
    (difference.words()[0] == "gni" || difference.bare_says("EAI_SERVICE"))
        && difference.modules("services").iter().any(|word| word != "files")
}

fn later_options(difference: &Difference<'_>) -> bool {
    let Round { variables, .. } = difference.round;
    let mut texts = variables.iter().map(|(_, value)| value.as_bytes()).chain([difference.round.text("resolv.conf")]);
    glibc_has(41)
        && texts.any(|text| {
            let words = String::from_utf8_lossy(text);
            words.split_ascii_whitespace().any(|word| word.starts_with('-') || word.contains("strict-error"))
        })
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

fn almost_an_address(difference: &Difference<'_>) -> bool {
    let looks_like_one = |name: &str| name.bytes().all(|byte| byte == b'.' || byte == b':' || byte.is_ascii_hexdigit());
    difference.is_simple_getaddrinfo() && difference.bare_says("EAI_NONAME") && looks_like_one(difference.words()[1])
}

fn room_before_trim(difference: &Difference<'_>) -> bool {
    let Round { variables, .. } = difference.round;
    difference.bare_says("rc=34")
        && (difference.round.says("host.conf", "trim") || variables.iter().any(|(name, _)| name.contains("TRIM")))
}
