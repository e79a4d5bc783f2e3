//! Whether a program that runs with more privileges than its caller (set-user-ID, file capabilities) may follow a
//! configuration: only if nobody but root can have written it.

use std::ffi::{CStr, CString};

use crate::sys::file::{self, Ownership};

/// The configuration file, unless NSS_BYPASS_CONF names another. Privileged programs read no other.
pub const CONFIGURATION: &CStr = c"/etc/nss-bypass.conf";

/// The directories that lead to it.
const DIRECTORIES: [&CStr; 2] = [c"/", c"/etc"];

/// Why a privileged program must not follow a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// The file is not owned by root, or others can write to it.
    File,
    /// This directory is not owned by root, or others can write to it.
    Directory(&'static CStr),
}

/// Returns why privileged programs must not follow [`CONFIGURATION`], whose owner and mode are these; `None` if they
/// may. The caller must ensure that it is not a symbolic link ([`file::read_no_link`]).
pub fn distrust(configuration: Ownership) -> Option<Distrust> {
    if !configuration.is_roots_alone() {
        return Some(Distrust::File);
    }
    let is_safe = |directory: &&CStr| file::ownership(directory).is_ok_and(|ownership| ownership.is_roots_alone());
    DIRECTORIES.into_iter().find(|directory| !is_safe(directory)).map(Distrust::Directory)
}

/// Returns whether privileged programs may read a file that a rule names, with this owner and mode: nobody but root can
/// have written it, nor put it there. The path must be absolute and must not be a symbolic link.
pub fn is_trusted(path: &CStr, ownership: Ownership) -> bool {
    let path = path.to_bytes();
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let mut directories = slashes.map(|slash| path.get(..slash.max(1)).unwrap_or_default());
    let is_roots = |directory: &[u8]| {
        let ownership = CString::new(directory).ok().and_then(|directory| file::ownership(&directory).ok());
        ownership.is_some_and(|ownership| ownership.is_roots_alone())
    };
    path.starts_with(b"/") && ownership.is_roots_alone() && directories.all(is_roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_rule_is_roots_and_so_are_its_directories() {
        let roots = Ownership { user: 0, mode: libc::S_IFREG | 0o644 };
        assert!(is_trusted(c"/etc/hosts", roots) && is_trusted(c"/etc/../etc/hosts", roots));
        assert!(!is_trusted(c"/tmp/hosts", roots) && !is_trusted(c"/nowhere/hosts", roots) && !is_trusted(c"", roots));
        assert!(!is_trusted(c"/etc/hosts", Ownership { user: 1, ..roots }));
    }

    #[test]
    fn only_roots_own_file_is_trusted() {
        for (user, mode, expected) in [(0, 0o644, false), (0, 0o664, true), (0, 0o646, true), (1, 0o644, true)] {
            let found = distrust(Ownership { user, mode: libc::S_IFREG | mode });
            assert_eq!(found == Some(Distrust::File), expected, "{user} {mode:o}");
        }
    }
}
