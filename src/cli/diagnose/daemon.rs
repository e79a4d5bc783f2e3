//! The daemon that listens on nscd's socket: which program it is, its process, and the network and files that it uses
//! for its lookups.

use std::fs::{self, File};
use std::io::{self, Read};
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::diagnose::nscd;
use crate::process::scan::{self, Namespaces};
use crate::ui::output;
use crate::ui::screen::printable;

/// The state of the socket.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum Presence {
    /// There is no socket.
    Absent,
    /// There is a socket, but nothing listens, or connecting is not permitted.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// A daemon listens.
    Present(Daemon),
}

/// The program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// glibc's nscd.
    Nscd,
    /// unscd, by the author of BusyBox, which does not share its cache.
    Unscd,
    /// The program could not be identified.
    Unknown,
}

/// Whether a property of the daemon is the same as that of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Compared {
    Same,
    Different,
    Unknown,
}

/// A listening daemon.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Daemon {
    pub(crate) kind: Kind,
    pub(crate) version: Option<String>,
    /// `None` if its process is outside this PID namespace.
    pub(crate) pid: Option<i32>,
    pub(crate) user: u32,
    /// The name of its process in the kernel.
    pub(crate) program: Option<String>,
    pub(crate) executable: Option<String>,
    pub(crate) network_namespace: Compared,
    pub(crate) mount_namespace: Compared,
    pub(crate) pid_namespace: Compared,
    pub(crate) resolv_conf: Compared,
    pub(crate) hosts: Compared,
    /// `enable-cache hosts`, if its nscd.conf can be read.
    pub(crate) caches_hosts: Option<bool>,
}

impl Daemon {
    /// Returns its name for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Unscd => "unscd",
            Kind::Nscd | Kind::Unknown => "nscd",
        }
    }

    /// Returns whether it belongs to another system: its process is outside this PID namespace, or in another network
    /// namespace.
    pub(crate) fn is_foreign(&self) -> bool {
        self.pid.is_none() || self.network_namespace == Compared::Different
    }

    /// Describes its process in a few words.
    pub(crate) fn whereabouts(&self) -> String {
        match (self.pid, self.network_namespace) {
            (None, _) => "of a process outside this container".to_owned(),
            (Some(pid), Compared::Different) => format!("process {pid}, in another network namespace"),
            (Some(pid), Compared::Same) => format!("process {pid}, in this network namespace"),
            (Some(pid), Compared::Unknown) => format!("process {pid}"),
        }
    }
}

/// Examines a socket. The daemon notices no more than a connection.
pub(crate) fn look(socket: &Path) -> Presence {
    let unreachable = |error: io::Error| Presence::Unreachable { reason: output::reason(&error) };
    if !socket.exists() {
        return match fs::symlink_metadata(socket) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => unreachable(error),
            _ => Presence::Absent,
        };
    }
    let credentials = match nscd::connect(socket).and_then(|stream| peer(&stream)) {
        Ok(credentials) => credentials,
        Err(error) => return unreachable(error),
    };
    let pid = Some(credentials.pid).filter(|&pid| pid > 0).map(|pid| living(pid).unwrap_or(pid));
    let process = pid.map(|pid| PathBuf::from(format!("/proc/{pid}")));
    let process = process.as_deref();
    let (kind, version) = process.and_then(identified).unwrap_or((Kind::Unknown, None));
    let scanned = pid.and_then(|pid| scan::process(pid.unsigned_abs()).ok().flatten());
    let (theirs, ours) = (scanned.as_ref().map(|process| process.namespaces).unwrap_or_default(), Namespaces::own());
    let file = |path: &str| same_file(process, path);
    Presence::Present(Daemon {
        kind,
        version,
        pid,
        user: credentials.uid,
        program: process
            .and_then(|process| fs::read(process.join("comm")).ok())
            .map(|name| printable(name.trim_ascii_end())),
        executable: scanned.as_ref().and_then(|process| process.executable.as_deref()).map(path_text),
        network_namespace: compared(theirs.network, ours.network),
        mount_namespace: compared(theirs.mount, ours.mount),
        pid_namespace: if pid.is_none() { Compared::Different } else { compared(theirs.pid, ours.pid) },
        resolv_conf: file("etc/resolv.conf"),
        hosts: file("etc/hosts"),
        caches_hosts: process.and_then(caches_hosts),
    })
}

/// Finds the process if the given one does not exist: a daemon may have called listen(2) before it forked into the
/// background. It is then the only running process with such a name.
fn living(pid: i32) -> Option<i32> {
    const NAMES: [&str; 2] = ["nscd", "unscd"];
    if Path::new(&format!("/proc/{pid}")).exists() {
        return None;
    }
    let scan = scan::scan(&[], || ()).ok()?;
    let mut daemons = scan.processes.iter().filter(|process| NAMES.contains(&process.name.as_str()));
    let only = daemons.next().filter(|_| daemons.next().is_none())?;
    i32::try_from(only.pid).ok()
}

/// Formats a path.
pub(crate) fn path_text(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// Returns the credentials of the process that called listen(2). In another PID namespace, its process ID is 0.
fn peer(stream: &UnixStream) -> io::Result<libc::ucred> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and there is room for the credentials. (rustix has a safe function for this, but
    // its type of process IDs cannot represent 0.)
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut size,
        )
    };
    if result == 0 { Ok(credentials) } else { Err(io::Error::last_os_error()) }
}

/// Identifies the program and its version by strings in the executable. It is not executed, since it may be any
/// program.
fn identified(process: &Path) -> Option<(Kind, Option<String>)> {
    const LARGEST: u64 = 16 << 20;
    let mut bytes = Vec::new();
    File::open(process.join("exe")).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    identify(&bytes)
}

fn identify(executable: &[u8]) -> Option<(Kind, Option<String>)> {
    let after = |text: &[u8]| {
        let at = executable.windows(text.len()).position(|window| window == text)?;
        let rest = executable.get(at + text.len()..)?;
        let word = rest.split(|&byte| !byte.is_ascii_graphic() || matches!(byte, b')' | b',')).next()?;
        Some(printable(word)).filter(|word| word.starts_with(|first: char| first.is_ascii_digit()))
    };
    if let Some(version) = after(b"unscd - nscd which does not hang, v.") {
        return Some((Kind::Unscd, Some(version)));
    }
    let is_glibcs = executable.windows(9).any(|window| window == b"nscd.conf");
    is_glibcs.then(|| (Kind::Nscd, after(b"GLIBC ")))
}

/// Compares a file as seen by the daemon with the same file as seen by this process, which requires root.
fn same_file(process: Option<&Path>, path: &str) -> Compared {
    let of = |process: &Path| match fs::read(process.join("root").join(path)) {
        Ok(bytes) => Some(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(None),
        Err(_) => None,
    };
    compared(process.and_then(of), of(Path::new("/proc/self")))
}

fn compared<T: PartialEq>(theirs: Option<T>, ours: Option<T>) -> Compared {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) if theirs == ours => Compared::Same,
        (Some(_), Some(_)) => Compared::Different,
        _ => Compared::Unknown,
    }
}

/// Returns `enable-cache hosts` of the file that the daemon has read.
fn caches_hosts(process: &Path) -> Option<bool> {
    let line = fs::read(process.join("cmdline")).ok()?;
    let words: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
    let mut named =
        words.iter().zip(words.iter().skip(1)).filter(|(option, _)| **option == b"-f" || **option == b"--config-file");
    let path = named.next().map_or("/etc/nscd.conf".to_owned(), |(_, path)| String::from_utf8_lossy(path).into_owned());
    let text = fs::read_to_string(process.join("root").join(path.trim_start_matches('/'))).ok()?;
    Some(says_cache_hosts(&text))
}

fn says_cache_hosts(text: &str) -> bool {
    let words = |line: &str| {
        line.split('#').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = text.lines().map(words);
    let mut settings = lines.filter_map(|words| match words.as_slice() {
        [option, database, value] if option == "enable-cache" && database == "hosts" => Some(value == "yes"),
        _ => None,
    });
    settings.next_back().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_texts() {
        let unscd = b"\0unscd - nscd which does not hang, v.0.54\0";
        assert_eq!(identify(unscd), Some((Kind::Unscd, Some("0.54".to_owned()))));
        let nscd = b"/etc/nscd.conf\0(Debian GLIBC 2.36-9+deb12u14) \0";
        assert_eq!(identify(nscd), Some((Kind::Nscd, Some("2.36-9+deb12u14".to_owned()))));
        assert_eq!(identify(b"/etc/nscd.conf"), Some((Kind::Nscd, None)));
        assert_eq!(identify(b"something else"), None);
    }

    #[test]
    fn the_last_line_about_the_cache_of_hosts_counts() {
        assert!(says_cache_hosts("\tenable-cache\thosts\tyes\n# enable-cache hosts no\n"));
        assert!(!says_cache_hosts("enable-cache hosts yes\nenable-cache hosts no # off\nenable-cache passwd yes"));
        assert!(!says_cache_hosts(""));
    }
}
