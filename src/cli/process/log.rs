//! The library's log for one command, which is read while it is being written: what the command looks up.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nss_bypass_core::settings::record::{Handling, Record};
use rustix::fs::{FlockOperation, flock, inotify};

use crate::process::lookups::Lookups;
use crate::ui::output;

/// Which lines are also written to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// None.
    Nothing,
    /// Lookups that the library resolved, and errors in the configuration.
    Resolved,
    /// All.
    All,
}

/// The state of reading.
#[derive(Debug)]
struct Progress {
    file: File,
    /// The beginning of an incomplete line.
    rest: Vec<u8>,
    lookups: Lookups,
    echo: Echo,
}

/// A log in a directory of its own, which is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    /// Locked as long as the directory is in use: SIGKILL leaves the directory behind, but not the lock.
    _lock: File,
    progress: Arc<Mutex<Progress>>,
}

impl Log {
    /// Creates the file, and starts writing the selected lines to standard error. Programs of any user can write to the
    /// file, and other users cannot find out the name of the directory.
    pub(crate) fn start(echo: Echo) -> io::Result<Self> {
        remove_abandoned(Path::new(TEMPORARY), SETTLED);
        let directory = make_directory()?;
        let lock = File::open(&directory)?;
        // If it cannot be locked, it is not removed by others either.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        let path = directory.join("log");
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        let progress = Progress { file: File::open(&path)?, rest: Vec::new(), lookups: Lookups::default(), echo };
        let log = Self { directory, _lock: lock, progress: Arc::new(Mutex::new(progress)) };
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watch, &path, inotify::WatchFlags::MODIFY)?;
        let progress = Arc::clone(&log.progress);
        std::thread::spawn(move || {
            let mut events = File::from(watch);
            let mut event = [0; 4096];
            while events.read(&mut event).is_ok_and(|length| length > 0) {
                progress.lock().unwrap_or_else(PoisonError::into_inner).read_on();
            }
        });
        Ok(log)
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Returns what has been looked up since the last call.
    pub(crate) fn lookups(&self) -> Lookups {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.read_on();
        std::mem::take(&mut progress.lookups)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Progress {
    fn read_on(&mut self) {
        let _ = self.file.read_to_end(&mut self.rest);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            self.read_line(text.trim_end());
        }
    }

    /// Parses a line such as `2026-11-27T17:27:56.491Z getent[109]: getaddrinfo db.example: pass (no rule)`.
    fn read_line(&mut self, line: &str) {
        let Some((head, text)) = line.split_once("]: ") else { return };
        let program = head.split_once(' ').map_or(head, |(_, program)| program);
        let program = program.rsplit_once('[').map_or(program, |(program, _)| program);
        let record = Record::parse(text);
        // A line that is not about a lookup is about an error in the configuration.
        let is_resolved = record.as_ref().is_none_or(|record| record.handling != Handling::Pass);
        if self.echo == Echo::All || (self.echo == Echo::Resolved && is_resolved) {
            output::warn(format_args!("nss-bypass: {text}"));
        }
        if let Some(record) = record {
            self.lookups.add(program, record);
        }
    }
}

/// The parent of the directories.
const TEMPORARY: &str = "/tmp";

/// The prefix of their names, which is followed by 16 hexadecimal digits.
const BEGINNING: &str = "nss-bypass-";

/// After this time, a directory in use has certainly been locked.
const SETTLED: Duration = Duration::from_secs(60);

/// Removes directories of this user that are not in use.
fn remove_abandoned(place: &Path, settled: Duration) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(BEGINNING)).unwrap_or_default();
        let is_named_so = number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_old = |status: &fs::Metadata| {
            let age = status.modified().ok().and_then(|modified| modified.elapsed().ok());
            status.is_dir() && status.uid() == own && age.is_some_and(|age| age >= settled)
        };
        if !is_named_so || !entry.metadata().is_ok_and(|status| is_old(&status)) {
            continue;
        }
        let lock = File::open(entry.path()).map(|directory| flock(directory, FlockOperation::NonBlockingLockExclusive));
        if lock.is_ok_and(|lock| lock.is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Creates a directory that all users can enter, and no other user can list.
fn make_directory() -> io::Result<PathBuf> {
    let mut random = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let name = format!("{BEGINNING}{:016x}", u64::from_ne_bytes(random));
    let directory = Path::new(TEMPORARY).join(name);
    DirBuilder::new().mode(0o711).create(&directory)?;
    fs::set_permissions(&directory, Permissions::from_mode(0o711))?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::process::lookups::Counts;

    #[test]
    fn lookups_are_counted() {
        let log = Log::start(Echo::Nothing).unwrap();
        let mut file = OpenOptions::new().append(true).open(log.path()).unwrap();
        for line in [
            "getaddrinfo a.example: pass (no rule)",
            "gethostbyname2 b: bypass (NSS_BYPASS b): not found in 9 us",
            "gethostbyname2 d: fallback (NSS_BYPASS *): 10.1.2.3 from 10.0.0.1:53 in 9 us; libc: not found",
            "/etc/nss-bypass.conf:1:1: unknown keyword \"bypas\"",
        ] {
            writeln!(file, "2026-11-27T17:27:56.491Z x[1]: {line}").unwrap();
        }
        write!(file, "2026-11-27T17:27:56.491Z x[1]: getaddrinfo c: pass (").unwrap();
        assert_eq!(log.lookups().counts(), Counts { lookups: 3, matched: 2 });
        writeln!(file, "no rule)").unwrap();
        assert_eq!(log.lookups().counts(), Counts { lookups: 1, matched: 0 });
        let directory = log.directory.clone();
        drop(log);
        assert!(!directory.exists());
    }

    #[test]
    fn what_was_left_behind_is_removed() {
        let place = std::env::temp_dir().join(format!("nss-bypass-log-{}", std::process::id()));
        let names = ["nss-bypass-0123456789abcdef", "nss-bypass-fedcba9876543210", "nss-bypass-other"];
        let [abandoned, used, other] = names.map(|name| place.join(name));
        for directory in [&abandoned, &used, &other] {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join("log"), "").unwrap();
        }
        let lock = File::open(&used).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        remove_abandoned(&place, SETTLED);
        assert!(abandoned.exists(), "it may be about to be locked");
        remove_abandoned(&place, Duration::ZERO);
        assert_eq!([&abandoned, &used, &other].map(|directory| directory.exists()), [false, true, true]);
        fs::remove_dir_all(&place).unwrap();
    }
}
