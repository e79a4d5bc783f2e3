//! The files below a root directory, which need not be that of this system: symbolic links are resolved as they would
//! be there.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use crate::install::mounts;

/// The maximum number of symbolic links, as in the kernel.
const MOST_LINKS: usize = 40;

/// A root directory.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

/// A path that has been resolved.
#[derive(Debug)]
pub(crate) struct ResolvedPath {
    /// The path without symbolic links.
    pub(crate) end: PathBuf,
    /// Every directory that was searched.
    pub(crate) directories: Vec<PathBuf>,
    /// Whether the file exists.
    pub(crate) exists: bool,
}

impl Tree {
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        if root.is_dir() { Ok(Self { root }) } else { Err(io::Error::from(io::ErrorKind::NotADirectory)) }
    }

    /// Returns the files as seen by a process with this directory in /proc.
    pub(crate) fn of_process(directory: &Path) -> Self {
        let place = |path: &Path| path.metadata().map(|status| (status.dev(), status.ino())).ok();
        let (root, etc) = (directory.join("root"), directory.join("root/etc"));
        // The root directory of another mount namespace is also shown as `/`.
        let is_own = place(&root) == place(Path::new("/")) && place(&etc) == place(Path::new("/etc"));
        Self { root: if is_own { PathBuf::from("/") } else { root } }
    }

    /// Returns the root directory, as seen by this process.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the device and the inode of the root directory, as processes in it have them.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        fs::metadata(&self.root).map(|status| (status.dev(), status.ino()))
    }

    /// Returns whether this is the running system, and not a part of it.
    pub(crate) fn is_whole_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Returns a path of the tree, without symbolic links, as seen by this process.
    pub(crate) fn outside(&self, inside: &Path) -> PathBuf {
        self.root.join(inside.strip_prefix("/").unwrap_or(inside))
    }

    /// Resolves all symbolic links. Only the last component may be missing.
    pub(crate) fn follow(&self, path: &Path) -> io::Result<ResolvedPath> {
        let mut to_go: VecDeque<OsString> = parts(path);
        let mut resolved = ResolvedPath { end: PathBuf::from("/"), directories: Vec::new(), exists: true };
        let mut links = 0;
        while let Some(part) = to_go.pop_front() {
            if part == ".." {
                resolved.end.pop();
                continue;
            }
            resolved.directories.push(resolved.end.clone());
            resolved.end.push(&part);
            let status = match fs::symlink_metadata(self.outside(&resolved.end)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && to_go.is_empty() => {
                    resolved.exists = false;
                    continue;
                }
                status => status?,
            };
            if status.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::from_raw_os_error(libc::ELOOP));
                }
                let target = fs::read_link(self.outside(&resolved.end))?;
                resolved.end.pop();
                if target.is_absolute() {
                    resolved.end = PathBuf::from("/");
                }
                for part in parts(&target).into_iter().rev() {
                    to_go.push_front(part);
                }
            } else if !to_go.is_empty() && !status.is_dir() {
                return Err(io::Error::from(io::ErrorKind::NotADirectory));
            }
        }
        resolved.directories.sort();
        resolved.directories.dedup();
        Ok(resolved)
    }

    /// Returns the status of a file after resolving symbolic links.
    pub(crate) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let resolved = self.follow(path)?;
        fs::symlink_metadata(self.outside(&resolved.end))
    }

    /// Returns whether a path without symbolic links is on the root file system itself. The device of a file in an
    /// overlay may be that of a layer; the mount ID is not, but old kernels do not report it. Subvolumes of a btrfs
    /// have their own devices and mounts, and share one superblock.
    pub(crate) fn is_on_root(&self, inside: &Path) -> io::Result<bool> {
        let device = |path: &Path| fs::symlink_metadata(path).map(|status| status.dev());
        let mount = |path: &Path| {
            let status = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID).ok()?;
            (status.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(status.stx_mnt_id)
        };
        let path = self.outside(inside);
        let is_one_mount = mount(&path).is_some_and(|own| mount(&self.root) == Some(own));
        Ok(is_one_mount || device(&path)? == device(&self.root)? || mounts::are_subvolumes(&path, &self.root))
    }
}

/// Returns the components of a path, without the root and `.`.
fn parts(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn scratch(name: &str) -> Tree {
        let directory = std::env::temp_dir().join(format!("nss-bypass-tree-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("usr/lib")).unwrap();
        Tree::new(&directory).unwrap()
    }

    #[test]
    fn links_stay_in_the_tree() {
        let tree = scratch("links");
        symlink("usr/lib", tree.root().join("lib")).unwrap();
        symlink("/usr/lib/a", tree.root().join("usr/lib/b")).unwrap();
        symlink("../../../../usr/lib/b", tree.root().join("usr/lib/c")).unwrap();
        fs::write(tree.root().join("usr/lib/a"), "").unwrap();
        let resolved = tree.follow(Path::new("/lib/./c")).unwrap();
        assert!(resolved.exists);
        assert_eq!(resolved.end, Path::new("/usr/lib/a"));
        assert_eq!(resolved.directories, ["/", "/usr", "/usr/lib"].map(PathBuf::from));
        fs::remove_dir_all(tree.root()).unwrap();
    }

    #[test]
    fn what_is_missing_and_what_goes_in_circles() {
        let tree = scratch("missing");
        symlink("/usr/gone", tree.root().join("usr/lib/b")).unwrap();
        symlink("loop", tree.root().join("loop")).unwrap();
        let resolved = tree.follow(Path::new("/usr/lib/b")).unwrap();
        assert_eq!((resolved.end.as_path(), resolved.exists), (Path::new("/usr/gone"), false));
        assert!(tree.follow(Path::new("/nowhere/b")).is_err());
        assert_eq!(tree.follow(Path::new("/loop")).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        fs::remove_dir_all(tree.root()).unwrap();
    }
}
