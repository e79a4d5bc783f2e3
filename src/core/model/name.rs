//! Host names, as programs pass them to libc.

/// A host name: bytes without NUL, in upper or lower case, before any search list is applied.
///
/// It is not validated: [`Name::is_host_name`] does that, and only some functions of glibc require it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

/// The maximum length of a name in text form, without the final dot (RFC 1035, section 2.3.4: 255 bytes in wire
/// format).
const MAX_TEXT: usize = 253;

/// The maximum length of a label (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

impl<'a> Name<'a> {
    /// Creates a name from the bytes before the first NUL.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.split(|&b| b == 0).next().unwrap_or_default())
    }

    /// Creates a name from the bytes of a C string, which have no NUL among them.
    pub fn of_c_string(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes as the program passed them.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the bytes without the trailing dot of an absolute name, if there is one.
    pub fn without_root_dot(self) -> &'a [u8] {
        self.0.strip_suffix(b".").unwrap_or(self.0)
    }

    /// Returns whether the name ends in a dot. The search list does not apply to such a name (resolv.conf(5),
    /// `search`).
    pub fn is_absolute(self) -> bool {
        self.0.ends_with(b".")
    }

    /// Returns the number of dots, which resolv.conf(5) compares with `ndots`.
    pub fn dots(self) -> usize {
        self.0.iter().filter(|&&b| b == b'.').count()
    }

    /// Returns whether glibc would query DNS for this name: `res_hnok` (glibc, resolv/res-name-checking.c).
    ///
    /// The labels consist of ASCII letters, digits, `-` and `_`, and the first label does not begin with `-`.
    pub fn is_host_name(self) -> bool {
        let text = self.without_root_dot();
        if text.is_empty() {
            return true; // The root, with or without its dot.
        }
        text.len() <= MAX_TEXT
            && !text.starts_with(b"-")
            && text
                .split(|&b| b == b'.')
                .all(|label| (1..=MAX_LABEL).contains(&label.len()) && label.iter().all(|&b| is_host_byte(b)))
    }
}

/// Returns whether a label of a host name may contain this byte (glibc's `binary_hnok`).
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
