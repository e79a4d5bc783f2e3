//! Which configuration a program may follow that runs with more privileges than its caller (set-user-ID, file
//! capabilities): one that nobody but root can have written.

use std::ffi::CStr;

use crate::sys::file::{self, Ownership};

/// The configuration, where NSS_BYPASS_CONF names no other. Privileged programs read no other.
pub const CONFIGURATION: &CStr = c"/etc/nss-bypass.conf";

/// The folders that lead there.
const FOLDERS: [&CStr; 2] = [c"/", c"/etc"];

/// Why a privileged program may not follow a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// The file is not root's, or others can write it.
    File,
    /// That is so of this folder.
    Folder(&'static CStr),
}

/// Whether privileged programs follow [`CONFIGURATION`], whose owner and mode are these. That it is no symbolic link,
/// who reads it must see to ([`file::read_no_link`]).
pub fn distrust(configuration: Ownership) -> Option<Distrust> {
    if !configuration.is_roots_alone() {
        return Some(Distrust::File);
    }
    let is_safe = |folder: &&CStr| file::ownership(folder).is_ok_and(|ownership| ownership.is_roots_alone());
    FOLDERS.into_iter().find(|folder| !is_safe(folder)).map(Distrust::Folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roots_own_file_is_trusted() {
        for (user, mode, expected) in [(0, 0o644, false), (0, 0o664, true), (0, 0o646, true), (1, 0o644, true)] {
            let found = distrust(Ownership { user, mode: libc::S_IFREG | mode });
            assert_eq!(found == Some(Distrust::File), expected, "{user} {mode:o}");
        }
    }
}
