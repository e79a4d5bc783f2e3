//! The file system that a path is on, from /proc/self/mountinfo (proc(5)).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// The mount point.
    point: PathBuf,
    /// The major and minor number of the superblock, which all subvolumes of a btrfs share.
    device: String,
    /// The type of the file system.
    kind: String,
}

/// Returns whether two paths without symbolic links are in subvolumes of the same btrfs.
pub(crate) fn are_subvolumes(one: &Path, other: &Path) -> bool {
    fs::read("/proc/self/mountinfo").is_ok_and(|text| are_in_one_btrfs(&mounts(&text), one, other))
}

/// Returns whether a path without symbolic links is a mount point.
pub(crate) fn is_mount_point(path: &Path) -> bool {
    let mounts = fs::read("/proc/self/mountinfo").map(|text| mounts(&text)).unwrap_or_default();
    mounts.iter().any(|mount| mount.point == path)
}

fn are_in_one_btrfs(mounts: &[Mount], one: &Path, other: &Path) -> bool {
    // The last mount on a directory hides earlier ones.
    let of = |path: &Path| {
        let above = mounts.iter().filter(|mount| path.starts_with(&mount.point));
        above.max_by_key(|mount| mount.point.components().count())
    };
    let both = of(one).zip(of(other));
    both.is_some_and(|(one, other)| one.kind == "btrfs" && other.kind == "btrfs" && one.device == other.device)
}

fn mounts(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

/// Parses a line such as `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let mut text = |skipped| words.nth(skipped).map(unescaped);
    let (device, point) = (text(2)?, text(1)?);
    let kind = words.skip_while(|word| *word != b"-").nth(1).map(unescaped)?;
    let plain = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some(Mount { point: OsString::from_vec(point).into(), device: plain(device), kind: plain(kind) })
}

/// Decodes blanks, tabs, newlines and backslashes, which are written as `\` and three octal digits.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = others.get(3..).unwrap_or_default();
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
    use super::*;

    /// The mounts of SLES, whose root and subvolumes are in one file system.
    const SLES: &[u8] = b"\
60 1 0:33 /@/.snapshots/1/snapshot / rw,relatime shared:1 - btrfs /dev/sda3 rw,subvolid=267\n\
83 60 0:33 /@/usr/local /usr/local rw,relatime shared:38 - btrfs /dev/sda3 rw,subvolid=260\n\
84 60 0:40 / /opt rw,relatime shared:39 - btrfs /dev/sdb1 rw,subvolid=5\n\
85 60 0:41 / /srv/a\\040b rw - xfs /dev/sdc rw\n\
86 83 0:42 / /usr/local/share rw - tmpfs tmpfs rw\n";

    #[test]
    fn subvolumes_of_one_file_system_are_told_from_other_file_systems() {
        let mounts = mounts(SLES);
        assert_eq!(mounts.len(), 5);
        assert_eq!(mounts[3].point, Path::new("/srv/a b"));
        let root = Path::new("/");
        for (path, is) in [
            ("/usr/local/lib/libnss_bypass.so", true),
            ("/usr/lib/libnss_bypass.so", true),
            ("/usr/local/share/x.so", false),
            ("/opt/x.so", false),
            ("/srv/a b/x.so", false),
        ] {
            assert_eq!(are_in_one_btrfs(&mounts, Path::new(path), root), is, "{path}");
        }
    }
}
