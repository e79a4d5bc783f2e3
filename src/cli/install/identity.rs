//! Which build of the library a file is: the build ID that the linker wrote into it (NT_GNU_BUILD_ID).

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than any build of the library.
const MOST_BYTES: u64 = 64 << 20;

/// The owner and type of the note, as every byte order and class has them: "GNU\0".
const OWNER: &[u8] = b"GNU\0";
const TYPE: u32 = 3;

/// The build ID in hexadecimal digits, where the file has one.
pub(crate) fn build_id(path: &Path) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(find(&bytes))
}

/// Looks for the note itself, which stands in the first pages, instead of walking headers: owner's size 4, an identity of
/// 8 to 64 bytes, type 3, "GNU".
fn find(bytes: &[u8]) -> Option<String> {
    let little = bytes.get(5)? == &1;
    let number = |at: usize| {
        let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) })
    };
    (0..bytes.len()).step_by(4).find_map(|at| {
        let size = number(at + 4)?;
        let is_note = number(at)? == 4 && number(at + 8)? == TYPE && bytes.get(at + 12..at + 16)? == OWNER;
        if !is_note || !(8..=64).contains(&size) {
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

    #[test]
    fn the_note_is_found() {
        let mut file = b"\x7fELF\x02\x01\x01\0".to_vec();
        file.extend_from_slice(&[0; 16]);
        file.extend_from_slice(b"\x04\0\0\0\x08\0\0\0\x03\0\0\0GNU\0\x01\x02\x03\x04\x05\x06\x07\xff");
        assert_eq!(find(&file).as_deref(), Some("01020304050607ff"));
        file.truncate(file.len() - 1);
        assert_eq!(find(&file), None);
        assert_eq!(find(b"short"), None);
    }
}
