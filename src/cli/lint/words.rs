//! Words in place of names that no program looks up as a name: quotes from an env file, URLs, ports, separators of
//! other lists, options of other files.

/// Options of resolv.conf(5) without a value, or with one after a colon. In a rule they follow `options`.
const RESOLVER_OPTIONS: [&str; 13] = [
    "debug",
    "rotate",
    "no-check-names",
    "inet6",
    "edns0",
    "single-request",
    "single-request-reopen",
    "no-tld-query",
    "use-vc",
    "no-reload",
    "trust-ad",
    "no-aaaa",
    "strict-error",
];

/// Keywords of resolv.conf and similar files.
const KEYWORDS: [&str; 6] = ["nameserver", "options", "domain", "sortlist", "server", "port"];

/// Values of options: on their own they are parsed as names, but no such hosts exist.
const VALUES: [&str; 5] = ["on", "off", "never", "error", "always"];

/// Returns why a pattern is unlikely to be intended as a name, and what may be meant.
pub(crate) fn no_name(pattern: &str) -> Option<String> {
    let has = |characters: &[char]| pattern.contains(characters);
    if has(&['"', '\'', '`', '\u{201c}', '\u{201d}']) {
        return Some("quotes are part of the name; remove them".to_owned());
    }
    if let Some((_, rest)) = pattern.split_once("://") {
        let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
        return Some(format!("this is a URL; write {host}"));
    }
    if has(&[';', '|', '&']) {
        return Some("names are separated by blanks or, in variables, by commas".to_owned());
    }
    if let Some((name, port)) = pattern.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*')
        && !name.contains(':')
    {
        return Some(of_a_colon(pattern, name));
    }
    if let Some((option, _)) = pattern.split_once('=') {
        return Some(format!("names do not contain \"=\"; write an option as \"{option} VALUE\""));
    }
    if pattern.contains('/') {
        return Some("names do not contain \"/\"; write a network as 10.0.0.0/8".to_owned());
    }
    if has(&['@', '(', ')', '[', ']', '{', '}', '<', '>', '$', '%', '!', '^', '+', '\\', '~', ':', ',']) {
        return Some("host names do not contain such a character; the wildcards are * and ?".to_owned());
    }
    of_a_word(pattern)
}

/// Adds a hint to the parser's message about a pattern or a name server, such as `invalid pattern "WORD": why`.
pub(crate) fn with_hint(message: &str) -> String {
    let quoted = ["invalid pattern \"", "invalid name server \""].iter().find_map(|begin| message.strip_prefix(begin));
    let word = quoted.and_then(|rest| rest.split_once("\": ")).map(|(word, _)| word);
    match word.and_then(no_name) {
        Some(hint) => format!("{message}; {hint}"),
        None => message.to_owned(),
    }
}

fn of_a_colon(pattern: &str, name: &str) -> String {
    match name {
        "ndots" => "this is an option of resolv.conf(5); in a rule, write it after \"options\"".to_owned(),
        "timeout" | "attempts" => format!("write an option as \"{}\"", pattern.replacen(':', " ", 1)),
        _ => format!("names are looked up without a port; write {name}"),
    }
}

fn of_a_word(word: &str) -> Option<String> {
    if RESOLVER_OPTIONS.contains(&word) {
        return Some("this is an option of resolv.conf(5); in a rule, write it after \"options\"".to_owned());
    }
    if KEYWORDS.contains(&word) {
        return Some("this is a keyword of another file; write name servers after \"via\"".to_owned());
    }
    VALUES.contains(&word).then(|| "this is the value of an option, but no option precedes it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_looks_up_says_what_may_be_meant() {
        for (word, hint) in [
            ("\"rancher-metadata\"", "remove them"),
            ("'a'", "remove them"),
            ("rancher-metadata;.rancher.internal", "separated by blanks"),
            ("http://rancher-metadata/latest", "write rancher-metadata"),
            ("https://db:8080", "write db"),
            ("rancher-metadata:80", "write rancher-metadata"),
            ("*.internal:443", "write *.internal"),
            ("single-request", "resolv.conf(5)"),
            ("ndots:1", "after \"options\""),
            ("timeout:3", "timeout 3"),
            ("via=10.0.0.1", "via VALUE"),
            ("off", "value of an option"),
            ("options", "keyword"),
            ("metadata/latest", "\"/\""),
            ("root@db", "such a character"),
            ("{a,b}.x", "such a character"),
        ] {
            assert!(no_name(word).is_some_and(|said| said.contains(hint)), "{word}: {:?}", no_name(word));
        }
        assert_eq!(
            with_hint("invalid pattern \"http://x/\": expected a name").split_once("; ").unwrap().1,
            no_name("http://x/").unwrap()
        );
        for message in ["invalid timeout \"31\": expected 1 to 30", "invalid program \"bin/x\": expected a file name"] {
            assert_eq!(with_hint(message), message);
        }
        for word in [
            "rancher-metadata",
            ".rancher.internal",
            "*",
            "a_b.c",
            "*.x-?",
            "b\u{fc}cher.example",
            "xn--bcher-kva",
            "1-2",
        ] {
            assert_eq!(no_name(word), None, "{word}");
        }
    }
}
