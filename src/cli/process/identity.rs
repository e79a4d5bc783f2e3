//! Identifies builds of the library, regardless of their path and name: by the build ID (NT_GNU_BUILD_ID), and by
//! strings that only the library contains.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::process::elf;

/// More than the size of any build of the library in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// The owner of the note, "GNU\0", and its type.
const OWNER: &[u8] = b"GNU\0";
const TYPE: u32 = 3;

/// Strings that every build contains: a file that it reads, a variable, and an export with its terminators in the
/// string table. The command also contains the first two.
const MARKS: [&[u8]; 3] = [b"/etc/nss-bypass.conf", b"NSS_BYPASS_DISABLE", b"\0gethostbyname2_r\0"];

/// The build of a library.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The build ID in hexadecimal, if there is one.
    pub(crate) build: Option<String>,
    /// Whether it is a build of libnss_bypass.so.
    pub(crate) is_library: bool,
}

impl Identity {
    /// Identifies a file. The whole file is read only if it is a shared object that defines lookup functions.
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let describes_itself = elf::read_elf(path)?;
        if !describes_itself.is_shared || !describes_itself.defines_lookups {
            return Ok(Self { build: build_id(path, 64 << 10)?, is_library: false });
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(Self::of_bytes(&bytes))
    }

    /// Identifies the bytes of a file, or those that a process has mapped.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        /// ET_DYN in either byte order.
        const SHARED: [[u8; 2]; 2] = [[3, 0], [0, 3]];
        let has = |mark: &[u8]| bytes.windows(mark.len()).any(|part| part == mark);
        let is_shared =
            bytes.starts_with(b"\x7fELF") && bytes.get(16..18).is_some_and(|kind| SHARED.iter().any(|one| one == kind));
        Self { build: find(bytes), is_library: is_shared && MARKS.iter().all(|mark| has(mark)) }
    }

    /// Returns whether both are the same build. If there is no build ID, they are treated as different.
    pub(crate) fn is_same_build(&self, other: &Self) -> bool {
        self.build.is_some() && self.build == other.build
    }
}

/// Returns the build ID, which is in the first pages of a file.
fn build_id(path: &Path, most: u64) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(find(&bytes))
}

/// Searches for the note itself instead of parsing headers: owner size 4, an ID of 8 to 64 bytes, type 3, "GNU".
fn find(bytes: &[u8]) -> Option<String> {
    let little = bytes.get(5)? == &1;
    let number = |at: usize| {
        let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) })
    };
    (0..bytes.len()).step_by(4).find_map(|at| {
        let is_note = bytes.get(at + 12..at + 16)? == OWNER && number(at)? == 4 && number(at + 8)? == TYPE;
        let size = if is_note { number(at + 4)? } else { 0 };
        if !(8..=64).contains(&size) {
            return None;
        }
        let id = bytes.get(at + 16..at + 16 + usize::try_from(size).ok()?)?;
        Some(id.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: u8, rest: &[u8]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01\0".to_vec();
        file.extend_from_slice(&[0; 8]);
        file.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
        file.extend_from_slice(b"\x04\0\0\0\x08\0\0\0\x03\0\0\0GNU\0\x01\x02\x03\x04\x05\x06\x07\xff");
        file.extend_from_slice(rest);
        file
    }

    #[test]
    fn the_note_is_found() {
        let mut bytes = file(3, b"");
        assert_eq!(find(&bytes).as_deref(), Some("01020304050607ff"));
        bytes.truncate(bytes.len() - 1);
        assert_eq!(find(&bytes), None);
        assert_eq!(find(b"short"), None);
    }

    #[test]
    fn a_build_is_recognised_by_what_every_build_has() {
        let marks = MARKS.concat();
        assert!(Identity::of_bytes(&file(3, &marks)).is_library);
        assert!(!Identity::of_bytes(&file(2, &marks)).is_library, "a program");
        assert!(!Identity::of_bytes(&file(3, b"/etc/nss-bypass.conf NSS_BYPASS_DISABLE gethostbyname2_r")).is_library);
        let own = Identity::of_file(&std::env::current_exe().unwrap()).unwrap();
        assert!(!own.is_library && own.build != Some(String::new()));
    }

    #[test]
    fn builds_are_the_same_if_both_are_known() {
        let of = |build: Option<&str>| Identity { build: build.map(str::to_owned), is_library: true };
        assert!(of(Some("a")).is_same_build(&of(Some("a"))));
        assert!(!of(Some("a")).is_same_build(&of(Some("b"))) && !of(None).is_same_build(&of(None)));
    }
}
