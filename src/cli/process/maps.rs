//! Parser of /proc/PID/maps.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A mapping of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// Its address range, as in the names of map_files.
    pub(crate) range: String,
    /// The first address, and the one after the last.
    pub(crate) addresses: (u64, u64),
    /// The offset in the file.
    pub(crate) offset: u64,
    /// The major and minor number of the device, as the kernel writes them.
    pub(crate) device: String,
    pub(crate) inode: u64,
    /// The path, as seen by the process with its own root and mounts.
    pub(crate) path: PathBuf,
    /// Whether the file has been deleted or replaced.
    pub(crate) deleted: bool,
}

/// Returns the mappings of files, in the order of their addresses.
pub(crate) fn files(maps: &[u8]) -> Vec<Mapping> {
    maps.split(|byte| *byte == b'\n').filter_map(Mapping::read).collect()
}

impl Mapping {
    fn read(line: &[u8]) -> Option<Self> {
        let at = line.iter().position(|byte| *byte == b'/')?;
        let (facts, path) = line.split_at_checked(at)?;
        let mut facts = std::str::from_utf8(facts).ok()?.split_whitespace();
        let range = facts.next()?;
        let (begin, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        let (offset, device, inode) = (number(facts.nth(1)?)?, facts.next()?, facts.next()?.parse().ok()?);
        let kept = path.strip_suffix(b" (deleted)");
        Some(Self {
            range: range.to_owned(),
            addresses: (number(begin)?, number(end)?),
            offset,
            device: device.to_owned(),
            inode,
            path: PathBuf::from(OsString::from_vec(unescaped(kept.unwrap_or(path)))),
            deleted: kept.is_some(),
        })
    }

    /// Returns whether another mapping is of the same file.
    pub(crate) fn is_of_file(&self, other: &Self) -> bool {
        (&self.device, self.inode, &self.path) == (&other.device, other.inode, &other.path)
    }
}

/// Decodes newlines, which the kernel writes as `\012`; it escapes no other byte (seq_path).
fn unescaped(path: &[u8]) -> Vec<u8> {
    const NEWLINE: &[u8] = b"\\012";
    let mut rest = path;
    let mut plain = Vec::with_capacity(path.len());
    while let Some((first, others)) = rest.split_first() {
        match rest.strip_prefix(NEWLINE) {
            Some(others) => {
                plain.push(b'\n');
                rest = others;
            }
            None => {
                plain.push(*first);
                rest = others;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn mappings_of_files_are_read() {
        let maps = b"7f00-7f10 r-xp 00001000 fe:00 123456       /usr/lib/libnss bypass.so (deleted)\n\
                     7f20-7f30 rw-p 00000000 00:00 0   [heap]\n\
                     7f40-7f50 r--p 00000000 00:1b 7 /a\\012b\n";
        let [first, second] = &files(maps)[..] else { panic!("two mappings") };
        assert_eq!((first.range.as_str(), first.offset, first.inode), ("7f00-7f10", 0x1000, 123_456));
        assert_eq!((first.path.as_path(), first.deleted), (Path::new("/usr/lib/libnss bypass.so"), true));
        assert_eq!((second.addresses, second.device.as_str()), ((0x7f40, 0x7f50), "00:1b"));
        assert_eq!(second.path, Path::new("/a\nb"));
        assert!(!first.is_of_file(second) && first.is_of_file(first));
    }
}
