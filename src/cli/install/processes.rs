//! The running programs: which have the library, in which version, and which have not.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::tree::Tree;
use super::{LIBRARY_NAME, identity};
use crate::install::library;

/// The library's file and version that others are compared with.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) name: std::ffi::OsString,
    pub(crate) file: (u64, u64),
    pub(crate) build: Option<String>,
}

impl Reference {
    pub(crate) fn of(tree: &Tree, path: &Path) -> Option<Self> {
        let trail = tree.follow(path).ok()?;
        let outside = tree.outside(&trail.end);
        let status = fs::metadata(&outside).ok()?;
        let build = identity::build_id(&outside).ok().flatten();
        Some(Self { name: trail.end.file_name()?.to_owned(), file: (status.dev(), status.ino()), build })
    }
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) name: String,
}

/// The library in a running program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    /// Whether its file is not in its place any more.
    pub(crate) deleted: bool,
    pub(crate) build: Option<String>,
    /// Whether it is another build than the one of reference, or cannot be seen to be the same.
    pub(crate) differs: bool,
}

/// All that could be found out.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    pub(crate) with: Vec<(Process, Loaded)>,
    /// Started before the file was written.
    pub(crate) earlier: Vec<Process>,
    /// Started later, and without it all the same.
    pub(crate) without: Vec<Process>,
    /// Could not be looked at.
    pub(crate) unseen: usize,
    /// Have another root: containers, chroots.
    pub(crate) elsewhere: usize,
}

/// Looks at every process of the tree. `since` is when the file was written.
pub(crate) fn look(
    tree: &Tree,
    reference: Option<&Reference>,
    since: Option<SystemTime>,
    mut progress: impl FnMut(),
) -> io::Result<Processes> {
    let mut found = Processes::default();
    let root = fs::metadata(tree.root())?;
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        progress();
        match look_at(&entry.path(), id, (root.dev(), root.ino()), reference, since, &mut found) {
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied) => found.unseen += 1,
            // It has ended meanwhile.
            Err(_) | Ok(()) => {}
        }
    }
    Ok(found)
}

fn look_at(
    folder: &Path,
    id: u32,
    root: (u64, u64),
    reference: Option<&Reference>,
    since: Option<SystemTime>,
    found: &mut Processes,
) -> io::Result<()> {
    let stat = fs::read_to_string(folder.join("stat"))?;
    // Threads of the kernel have no size, and neither have processes that have ended and are not waited for.
    if field(&stat, SIZE) == Some(0) {
        return Ok(());
    }
    let its_root = fs::metadata(folder.join("root"))?;
    let maps = fs::read(folder.join("maps"))?;
    if (its_root.dev(), its_root.ino()) != root {
        found.elsewhere += 1;
        return Ok(());
    }
    let name = fs::read(folder.join("comm")).map(|name| String::from_utf8_lossy(&name).trim_end().to_owned())?;
    let process = Process { id, name };
    match loaded(folder, &maps, reference) {
        Some(loaded) => found.with.push((process, loaded)),
        None if since.zip(started(&stat)).is_some_and(|(file, process)| process <= file) => found.earlier.push(process),
        None => found.without.push(process),
    }
    Ok(())
}

/// Fields of /proc/PID/stat, counted from behind the name (proc(5) counts from 1, and two come before).
const START: usize = 22 - 3;
const SIZE: usize = 23 - 3;

fn field(stat: &str, number: usize) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number)?.parse().ok()
}

/// To a second, as far as the kernel tells.
fn started(stat: &str) -> Option<SystemTime> {
    let ticks = field(stat, START)?;
    let kernel = fs::read_to_string("/proc/stat").ok()?;
    let boot = kernel.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let since_boot =
        Duration::from_millis(ticks.checked_mul(1000)?.checked_div(rustix::param::clock_ticks_per_second())?);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(boot) + since_boot)
}

fn loaded(folder: &Path, maps: &[u8], reference: Option<&Reference>) -> Option<Loaded> {
    let mapping = maps.split(|byte| *byte == b'\n').filter_map(Mapping::read).find(|mapping| {
        let name = mapping.path.file_name();
        let is_named =
            name.is_some_and(|name| name == LIBRARY_NAME || reference.is_some_and(|reference| name == reference.name));
        is_named && !library::is_empty_one(&mapping.path)
    })?;
    let in_place = !mapping.deleted && reference.is_some_and(|reference| is_file(&mapping, reference));
    let build = if in_place {
        reference.and_then(|reference| reference.build.clone())
    } else {
        // As it was mapped, whatever lies there now.
        identity::build_id(&folder.join("map_files").join(mapping.range)).ok().flatten()
    };
    let same_build = build.is_some() && reference.is_some_and(|reference| reference.build == build);
    Some(Loaded { path: mapping.path, deleted: mapping.deleted, build, differs: !in_place && !same_build })
}

fn is_file(mapping: &Mapping<'_>, reference: &Reference) -> bool {
    let there = fs::metadata(&mapping.path).ok().map(|status| (status.dev(), status.ino()));
    there == Some(reference.file) && mapping.inode == reference.file.1
}

/// A line of /proc/PID/maps.
#[derive(Debug)]
struct Mapping<'a> {
    range: &'a str,
    inode: u64,
    path: PathBuf,
    deleted: bool,
}

impl<'a> Mapping<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let at = line.iter().position(|byte| *byte == b'/')?;
        let (facts, path) = line.split_at_checked(at)?;
        let facts = std::str::from_utf8(facts).ok()?;
        let mut facts = facts.split_whitespace();
        let (range, inode) = (facts.next()?, facts.nth(3)?.parse().ok()?);
        let kept = path.strip_suffix(b" (deleted)");
        let path = PathBuf::from(std::ffi::OsString::from_vec(kept.unwrap_or(path).to_vec()));
        Some(Self { range, inode, deleted: kept.is_some(), path })
            .filter(|mapping| !mapping.path.as_os_str().as_bytes().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_read() {
        let line = b"7f00-7f10 r-xp 00001000 fe:00 123456       /usr/lib/libnss bypass.so (deleted)";
        let mapping = Mapping::read(line).unwrap();
        assert_eq!((mapping.range, mapping.inode, mapping.deleted), ("7f00-7f10", 123_456, true));
        assert_eq!(mapping.path, Path::new("/usr/lib/libnss bypass.so"));
        assert!(Mapping::read(b"7f00-7f10 rw-p 00000000 00:00 0   [heap]").is_none());
    }

    #[test]
    fn a_process_says_when_it_started() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let age = SystemTime::now().duration_since(started(&stat).unwrap()).unwrap_or_default();
        assert!(age < Duration::from_secs(3600), "{age:?}");
        assert!(field(&stat, SIZE).unwrap() > 1_000_000);
        assert_eq!(field("7 (a) b) S 1 2 3", 1), Some(1));
    }
}
