//! The name of a host, as a program passes it to libc.

/// A host name: bytes without NUL, in any spelling, before any search list.
///
/// It is not checked: what counts as a host name is a question of its own ([`Name::is_host_name`]),
/// which glibc asks at some doors only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

/// The longest name in text, without the final dot (RFC 1035, section 2.3.4: 255 bytes in wire form).
const MAX_TEXT: usize = 253;

/// The longest label (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

impl<'a> Name<'a> {
    /// The name in these bytes, which end before the first NUL.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.split(|&b| b == 0).next().unwrap_or_default())
    }

    /// The name in the bytes of a C string, among which there is no NUL.
    pub fn of_c_string(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes as they were passed.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The bytes without one trailing dot, which only says that the name is absolute.
    pub fn without_root_dot(self) -> &'a [u8] {
        self.0.strip_suffix(b".").unwrap_or(self.0)
    }

    /// Whether the name ends in a dot, and so is never searched for (resolv.conf(5), `search`).
    pub fn is_absolute(self) -> bool {
        self.0.ends_with(b".")
    }

    /// How many dots it has, for resolv.conf's `ndots`.
    pub fn dots(self) -> usize {
        self.0.iter().filter(|&&b| b == b'.').count()
    }

    /// Whether glibc would ask DNS for it: `res_hnok` (glibc, resolv/res-name-checking.c).
    ///
    /// Labels of ASCII letters, digits, `-` and `_`, the first not beginning with `-`.
    pub fn is_host_name(self) -> bool {
        let text = self.without_root_dot();
        if text.is_empty() {
            return true; // The root, with its dot or without.
        }
        text.len() <= MAX_TEXT
            && !text.starts_with(b"-")
            && text
                .split(|&b| b == b'.')
                .all(|label| (1..=MAX_LABEL).contains(&label.len()) && label.iter().all(|&b| is_host_byte(b)))
    }
}

/// Whether a label of a host name may hold this byte (glibc's `binary_hnok`).
pub fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_those_that_res_hnok_takes() {
        let ok = |name: &str| Name::new(name.as_bytes()).is_host_name();
        for good in ["a", "a.b", "a.", ".", "", "under_score.x", "x.-y", "trailing-", "1.2.3.4."] {
            assert!(ok(good), "{good}");
        }
        for bad in ["-a", "a..b", ".a", "a..", "a b", "a*", "a@b", "b\u{fc}cher", "a\\b", "a\u{7f}"] {
            assert!(!ok(bad), "{bad}");
        }
        assert!(ok(&"x".repeat(63)) && !ok(&"x".repeat(64)));
        assert!(ok(&"x.".repeat(127)) && !ok(&"x.".repeat(128)));
    }

    #[test]
    fn a_name_ends_at_the_first_nul() {
        assert_eq!(Name::new(b"a\0b").as_bytes(), b"a");
        assert_eq!(Name::new(b"a.b.").without_root_dot(), b"a.b");
    }
}
