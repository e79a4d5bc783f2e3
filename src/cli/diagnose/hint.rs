//! Hints for words that are not names.

use crate::ui::screen::{printable, quoted};

/// Returns what is wrong with a name that no program would look up, and what to type instead; `None` if it may be a
/// name.
pub(crate) fn for_subject(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.contains(&0) {
        return Some("empty name".to_owned());
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if is_address(text) {
        return None;
    }
    let host = host_in(text)?;
    let what = if text.contains("://") || text.contains('/') {
        "it is a URL or a path"
    } else if text.contains('@') {
        "it contains a user"
    } else if text.contains(char::is_whitespace) {
        "it contains a blank"
    } else {
        "it contains a port or brackets"
    };
    let shown = printable(bytes);
    Some(format!(
        "invalid name \"{shown}\": {what}\nfix:\n  nss-bypass explain {}",
        quoted(&printable(host.as_bytes()))
    ))
}

/// Returns whether the text is an address, with or without an interface.
fn is_address(text: &str) -> bool {
    text.split('%').next().is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok())
}

/// Returns the host in a URL, in `host:port`, in `user@host`, in `[address]:port`, or in a word with blanks or quotes
/// around it; `None` if the text itself may be a name.
fn host_in(text: &str) -> Option<&str> {
    let trimmed = text.trim().trim_matches(['"', '\'', ',', ';']);
    let after_scheme = trimmed.split_once("://").map_or(trimmed, |(_, rest)| rest).trim_start_matches("//");
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        // An IPv6 address contains colons.
        None if is_address(host) => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    let host = host.split_whitespace().next().unwrap_or_default();
    (host != text && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_gets_a_hint_with_the_name() {
        for (text, host) in [
            ("http://rancher-metadata/", "rancher-metadata"),
            ("https://user:secret@db.prod:8443/path?x#y", "db.prod"),
            ("rancher-metadata:80", "rancher-metadata"),
            ("rancher-metadata/", "rancher-metadata"),
            ("//rancher-metadata", "rancher-metadata"),
            ("git@host.example:repository", "host.example"),
            ("[fd00::1]:443", "fd00::1"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.0"),
            (" rancher-metadata", "rancher-metadata"),
            ("\"rancher-metadata\"", "rancher-metadata"),
        ] {
            let hint = for_subject(text.as_bytes()).unwrap_or_default();
            assert!(hint.ends_with(&format!("\n  nss-bypass explain {host}")), "{text}: {hint}");
        }
        for name in
            ["rancher-metadata", "a.b.", "169.254.169.250", "fd00::1", "_srv.x", "b\u{fc}cher.example", "fe80::1%eth0"]
        {
            assert_eq!(for_subject(name.as_bytes()), None, "{name}");
        }
        assert_eq!(for_subject(b"").as_deref(), Some("empty name"));
    }
}
