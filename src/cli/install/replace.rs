//! The file on disk: locking, saving, replacing and restoring it.
//!
//! At any moment, other processes see either the old file or the new one, even if this process is killed or the power
//! fails: the new file is written beside the old one, synced, and renamed over it. A process that is killed leaves a
//! temporary file, which is never read, and which the next run removes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, XattrFlags};

use crate::install::file::{self, PRELOAD_FILE};
use crate::install::progress::Progress;
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::install::verify;

/// How long to wait for another process that has the lock.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// Suffixes of files beside the file: the saved old file, a marker that there was none, a marker that the new file has
/// not been tried successfully, and the temporary file.
const SAVED: &str = ".before-nss-bypass";
const ABSENT: &str = ".absent-before-nss-bypass";
const UNTRIED: &str = ".untried-nss-bypass";
const UNFINISHED: &str = ".nss-bypass-unfinished";

/// The file as it was found.
#[derive(Debug)]
pub(crate) struct Old {
    pub(crate) bytes: Vec<u8>,
    status: Metadata,
    /// The SELinux label, if there is one.
    label: Option<Vec<u8>>,
}

/// /etc/ld.so.preload, or another file that is replaced atomically. It is locked while this value exists.
#[derive(Debug)]
pub(crate) struct PreloadFile {
    directory: PathBuf,
    name: OsString,
    /// The directory, which is open and locked.
    lock: File,
}

impl PreloadFile {
    /// Waits until no other process is changing the file, and locks it.
    pub(crate) fn lock(tree: &Tree, progress: &mut Progress) -> Result<Self, Trouble> {
        let path = Path::new(PRELOAD_FILE);
        let resolved = tree.follow(path).map_err(|error| Trouble::system(path, "find", &error))?;
        Self::lock_at(&tree.outside(&resolved.end), progress)
    }

    /// The same for a file whose path has no symbolic links.
    pub(crate) fn lock_at(path: &Path, progress: &mut Progress) -> Result<Self, Trouble> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            let error = io::Error::from(io::ErrorKind::NotFound);
            return Err(Trouble::system(path, "find", &error));
        };
        let lock = File::open(directory).map_err(|error| Trouble::system(directory, "open", &error))?;
        wait_for_lock(&lock, directory, progress)?;
        Ok(Self { directory: directory.to_owned(), name: name.to_owned(), lock })
    }

    /// Checks that only root can change the file.
    pub(crate) fn check_owned(&self, tree: &Tree) -> Result<(), Trouble> {
        verify::is_roots_alone(tree, Path::new(PRELOAD_FILE))
    }

    /// Returns the current file; `None` if it does not exist.
    pub(crate) fn read(&self) -> Result<Option<Old>, Trouble> {
        read(&self.path()).map_err(|error| Trouble::system(&self.path(), "read", &error))
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// Saves the old file beside the new one, or a marker that there was none.
    pub(crate) fn save(&self, old: Option<&Old>) -> Result<(), Trouble> {
        let saved = match old {
            Some(old) => self.remove(ABSENT).and_then(|()| self.write(&self.beside(SAVED), &old.bytes, Some(old))),
            None => self.remove(SAVED).and_then(|()| self.write(&self.beside(ABSENT), b"", None)),
        };
        saved.map_err(|error| Trouble::system(&self.path(), "back up", &error))
    }

    /// Returns whether there was no file before it was enabled.
    pub(crate) fn was_absent(&self) -> bool {
        self.beside(ABSENT).exists()
    }

    /// Returns whether a run was killed after it had replaced the file and before its trials were complete.
    pub(crate) fn is_untried(&self) -> bool {
        self.beside(UNTRIED).exists()
    }

    /// Sets or removes the marker that the file has not been tried successfully.
    pub(crate) fn set_untried(&self, untried: bool) -> Result<(), Trouble> {
        let set = if untried { self.write(&self.beside(UNTRIED), b"", None) } else { self.remove(UNTRIED) };
        set.map_err(|error| Trouble::system(&self.beside(UNTRIED), "create or remove", &error))
    }

    /// Removes what is not needed any more: the markers, and a saved copy that is identical to the file.
    pub(crate) fn clean_up(&self, now: &[u8]) -> Result<(), Trouble> {
        let same = read(&self.beside(SAVED)).is_ok_and(|saved| saved.is_some_and(|saved| saved.bytes == now));
        let signs = self.remove(ABSENT).and_then(|()| self.remove(UNTRIED));
        let tidied = signs.and_then(|()| if same { self.remove(SAVED) } else { Ok(()) });
        tidied.map_err(|error| Trouble::system(&self.path(), "remove the copy of", &error))
    }

    /// Replaces the contents of the file; owner, group and mode are preserved.
    pub(crate) fn put(&self, bytes: &[u8], old: Option<&Old>) -> Result<(), Trouble> {
        let path = self.path();
        self.write(&path, bytes, old).map_err(|error| Trouble::system(&path, "replace", &error))
    }

    /// Removes the file.
    pub(crate) fn remove_file(&self) -> Result<(), Trouble> {
        let removed = fs::remove_file(self.path()).and_then(|()| self.lock.sync_all());
        removed.map_err(|error| Trouble::system(&self.path(), "remove", &error))
    }

    /// Removes entries, and the file if nothing else was in it. Returns the new contents; `None` if there are no such
    /// entries.
    pub(crate) fn remove_entries(&self, old: &Old, is_one: &dyn Fn(&[u8]) -> bool) -> Result<Option<Vec<u8>>, Trouble> {
        let new = file::without(&old.bytes, is_one);
        if new == old.bytes {
            return Ok(None);
        }
        if new.is_empty() && self.was_absent() {
            self.remove_file()?
        } else {
            self.put(&new, Some(old))?
        }
        self.clean_up(&new)?;
        Ok(Some(new))
    }

    /// Restores the old file.
    pub(crate) fn roll_back(&self, old: Option<&Old>) -> Result<(), Trouble> {
        match old {
            Some(old) => self.put(&old.bytes, Some(old))?,
            None => self.remove_file()?,
        }
        self.clean_up(old.map_or(b"", |old| &old.bytes))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.name.clone();
        name.push(OsStr::new(ending));
        self.directory.join(name)
    }

    fn remove(&self, ending: &str) -> io::Result<()> {
        match fs::remove_file(self.beside(ending)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| self.lock.sync_all()),
        }
    }

    /// Writes a file atomically: a temporary file, synced, and renamed.
    fn write(&self, path: &Path, bytes: &[u8], like: Option<&Old>) -> io::Result<()> {
        // Since the lock is held, an existing one is left from a run that was killed.
        self.remove(UNFINISHED)?;
        let unfinished = self.beside(UNFINISHED);
        let written = fill(&unfinished, bytes, like).and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written.and_then(|()| self.lock.sync_all())
    }
}

fn fill(path: &Path, bytes: &[u8], like: Option<&Old>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    if let Some(old) = like {
        fchown(&file, Some(old.status.uid()), Some(old.status.gid()))?;
        if let Some(label) = &old.label {
            let _ = rustix::fs::fsetxattr(&file, c"security.selinux", label, XattrFlags::empty());
        }
    }
    let mode = like.map_or(0o644, |old| old.status.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Reads the file; `None` if it does not exist.
pub(crate) fn read(path: &Path) -> io::Result<Option<Old>> {
    // Non-blocking, since it might be a FIFO.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let status = file.metadata()?;
    if !status.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut label = vec![0; 256];
    let label = rustix::fs::fgetxattr(&file, c"security.selinux", &mut label[..]).ok().map(|length| {
        label.truncate(length);
        label
    });
    Ok(Some(Old { bytes, status, label }))
}

fn wait_for_lock(lock: &File, directory: &Path, progress: &mut Progress) -> Result<(), Trouble> {
    let end = Instant::now() + MOST_WAIT;
    loop {
        match rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::AGAIN) if Instant::now() < end => {}
            Err(rustix::io::Errno::AGAIN) => {
                return Err(Trouble::new(
                    format!(
                        "{} has been locked by another process for {} seconds",
                        directory.display(),
                        MOST_WAIT.as_secs()
                    ),
                    "concurrent changes would overwrite each other",
                    "wait until the other \"nss-bypass enable\" or \"disable\" has ended, or find out why it has not",
                ));
            }
            Err(error) => return Err(Trouble::system(directory, "lock", &error.into())),
        }
        std::thread::sleep(Duration::from_millis(20));
        progress.show(&format!("waiting for another process that has locked {}", directory.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_has_the_old_ones_mode_and_a_killed_run_is_no_obstacle() {
        let directory = std::env::temp_dir().join(format!("nss-bypass-replace-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let file =
            PreloadFile { directory: directory.clone(), name: "f".into(), lock: File::open(&directory).unwrap() };
        assert!(file.read().unwrap().is_none());
        file.save(None).unwrap();
        fs::write(file.beside(UNFINISHED), "torn").unwrap();
        file.put(b"one", None).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o7777, 0o644);
        fs::set_permissions(file.path(), Permissions::from_mode(0o640)).unwrap();
        let old = file.read().unwrap().unwrap();
        assert!(file.was_absent());
        file.save(Some(&old)).unwrap();
        assert!(!file.was_absent());
        file.put(b"two", Some(&old)).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o7777, 0o640);
        file.roll_back(Some(&old)).unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), b"one");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing else stays");
        fs::remove_dir_all(&directory).unwrap();
    }
}
