//! The running programs: what each is, when it was started, its namespaces, and the build of the library that it has
//! loaded. This is the only module that reads processes in /proc.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::process::elf::{self, Form, Go};
use crate::process::identity::Identity;
use crate::process::libraries::C_ARES;
use crate::process::maps::{self, Mapping};
use crate::ui::screen::printable;

/// The C library that a process has mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Libc {
    /// glibc: the only one with which the library works.
    Glibc,
    /// musl.
    Musl,
    /// None: the program is static, or written in Go.
    None,
}

/// The library in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Its path, as seen by the process with its own root and mounts.
    pub(crate) path: PathBuf,
    /// Whether the file has been deleted or replaced.
    pub(crate) deleted: bool,
    /// The build.
    pub(crate) identity: Identity,
    /// LD_PRELOAD as it was when the program was started, which its children inherit unless the program has changed it.
    pub(crate) variable: Option<Vec<u8>>,
}

/// The numbers of the namespaces, if they can be read. Equal numbers are the same namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Namespaces {
    pub(crate) mount: Option<u64>,
    pub(crate) network: Option<u64>,
    pub(crate) pid: Option<u64>,
}

/// A running program.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Its short name, without control characters.
    pub(crate) name: String,
    pub(crate) started: Option<SystemTime>,
    /// The path of its executable, as seen by the process with its own root and mounts.
    pub(crate) executable: Option<PathBuf>,
    /// The device and the inode of its root directory.
    pub(crate) root: (u64, u64),
    pub(crate) namespaces: Namespaces,
    /// Whether ld.so ran it in secure-execution mode (AT_SECURE), in which LD_PRELOAD and the variables of nss-bypass
    /// are ignored.
    pub(crate) is_secure: Option<bool>,
    pub(crate) libc: Libc,
    /// How it resolves names, if it is a Go program.
    pub(crate) go: Option<Go>,
    /// Whether it has loaded c-ares, which queries name servers itself.
    pub(crate) has_c_ares: bool,
    /// The library, if it has loaded it.
    pub(crate) library: Option<Loaded>,
}

/// All running programs, except kernel threads and zombies.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Those that could be examined, by process ID.
    pub(crate) processes: Vec<Process>,
    /// The process IDs and names of those that could not.
    pub(crate) hidden: Vec<(u32, String)>,
}

/// Examines every process but this one. `known` are builds that are treated as the library even if they do not look
/// like it, such as one that was named on the command line.
pub(crate) fn scan(known: &[Identity], mut progress: impl FnMut()) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut files = Files::new(known);
    let own = std::process::id();
    let entries = fs::read_dir("/proc")?.filter_map(Result::ok);
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    for pid in pids.into_iter().filter(|pid| *pid != own) {
        progress();
        match look_at(pid, &mut files) {
            Ok(found) => scan.processes.extend(found),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => scan.hidden.push((pid, name(pid))),
            // It has ended in the meantime.
            Err(_) => {}
        }
    }
    Ok(scan)
}

/// Examines one process. Returns `None` for a kernel thread or a zombie.
pub(crate) fn process(pid: u32) -> io::Result<Option<Process>> {
    look_at(pid, &mut Files::new(&[]))
}

/// Returns the library in this process, and thus in all programs that are started in the same way.
pub(crate) fn own_library() -> Option<Loaded> {
    process(std::process::id()).ok().flatten()?.library
}

/// Returns the probable reason why processes are hidden from this one, for messages.
pub(crate) fn why_hidden() -> &'static str {
    if rustix::process::geteuid().is_root() {
        "they belong to another user namespace, or CAP_SYS_PTRACE is missing"
    } else {
        "they belong to other users; only root can examine them"
    }
}

fn directory(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

fn name(pid: u32) -> String {
    printable(fs::read(directory(pid).join("comm")).unwrap_or_default().trim_ascii_end())
}

fn look_at(pid: u32, files: &mut Files<'_>) -> io::Result<Option<Process>> {
    let directory = directory(pid);
    let stat = fs::read_to_string(directory.join("stat"))?;
    // Kernel threads have no size, and neither have zombies.
    if field(&stat, SIZE) == Some(0) {
        return Ok(None);
    }
    // A process that may read the mappings (CAP_PERFMON) may not be allowed to read the rest, without which they are of
    // no use.
    let root = fs::metadata(directory.join("root"))?;
    let mappings = maps::files(&fs::read(directory.join("maps"))?);
    let has = |name: fn(&str) -> bool| {
        mappings.iter().any(|mapping| mapping.path.file_name().and_then(|name| name.to_str()).is_some_and(name))
    };
    let program = files.program(&directory, &mappings);
    // If musl's dynamic linker is a link to its libc.so, as in Debian, the latter is the name of the mapping.
    let libc = if program.is_musl || has(|name| name.starts_with("ld-musl-")) {
        Libc::Musl
    } else if has(|name| name == "libc.so.6" || name.starts_with("libc-2.")) {
        Libc::Glibc
    } else {
        Libc::None
    };
    Ok(Some(Process {
        pid,
        name: name(pid),
        started: started(&stat),
        executable: fs::read_link(directory.join("exe")).ok(),
        root: (root.dev(), root.ino()),
        namespaces: Namespaces::of(&directory),
        is_secure: secure(&directory),
        libc,
        go: program.go,
        has_c_ares: has(|name| name.starts_with(C_ARES)),
        library: files.library(&directory, &mappings),
    }))
}

impl Namespaces {
    fn of(directory: &Path) -> Self {
        let number = |kind: &str| {
            // Such as "net:[4026531840]".
            let link = fs::read_link(directory.join("ns").join(kind)).ok()?;
            link.to_str()?.split_once('[')?.1.strip_suffix(']')?.parse().ok()
        };
        Self { mount: number("mnt"), network: number("net"), pid: number("pid") }
    }

    /// Returns those of this process.
    pub(crate) fn own() -> Self {
        Self::of(Path::new("/proc/self"))
    }
}

fn preload_variable(directory: &Path) -> Option<Vec<u8>> {
    let environment = fs::read(directory.join("environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find_map(|variable| variable.strip_prefix(b"LD_PRELOAD=")).map(<[u8]>::to_vec)
}

/// Returns AT_SECURE of the auxiliary vector (getauxval(3)).
fn secure(directory: &Path) -> Option<bool> {
    const WORD: usize = size_of::<usize>();
    let vector = fs::read(directory.join("auxv")).ok()?;
    let word = |bytes: &[u8]| bytes.try_into().ok().map(usize::from_ne_bytes);
    vector.chunks_exact(2 * WORD).find_map(|pair| {
        let (kind, value) = pair.split_at_checked(WORD)?;
        (word(kind)? == libc::AT_SECURE as usize).then(|| word(value).is_some_and(|value| value != 0))
    })
}

/// Fields of /proc/PID/stat, counted from the one after the name (proc(5) counts from 1, and the name is the second).
const START: usize = 22 - 3;
const SIZE: usize = 23 - 3;

fn field(stat: &str, number: usize) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number)?.parse().ok()
}

/// Returns the start time, to the second.
fn started(stat: &str) -> Option<SystemTime> {
    let ticks = field(stat, START)?;
    let kernel = fs::read_to_string("/proc/stat").ok()?;
    let boot = kernel.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let since_boot =
        Duration::from_millis(ticks.checked_mul(1000)?.checked_div(rustix::param::clock_ticks_per_second())?);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(boot) + since_boot)
}

/// The identity of a file in `maps`. It includes the path, since subvolumes of a btrfs share a device and may use the
/// same inode numbers.
type Key = (String, u64, PathBuf);

/// The properties of a program's file.
#[derive(Clone, Copy, Default)]
struct Kind {
    go: Option<Go>,
    is_musl: bool,
}

/// The files that processes have mapped, each of which is read once.
struct Files<'a> {
    known: &'a [Identity],
    identities: HashMap<Key, Option<Identity>>,
    programs: HashMap<Key, Kind>,
}

impl<'a> Files<'a> {
    fn new(known: &'a [Identity]) -> Self {
        Self { known, identities: HashMap::new(), programs: HashMap::new() }
    }

    /// Returns the first mapped file that is the library.
    fn library(&mut self, directory: &Path, mappings: &[Mapping]) -> Option<Loaded> {
        // The headers, notes and strings of a file are at its beginning.
        for mapping in mappings.iter().filter(|mapping| mapping.offset == 0) {
            let key = (mapping.device.clone(), mapping.inode, mapping.path.clone());
            let identity = self.identities.entry(key).or_insert_with(|| identify(directory, mapping, mappings));
            let Some(identity) = identity else { continue };
            if identity.is_library || self.known.iter().any(|known| known.is_same_build(identity)) {
                let identity = identity.clone();
                let variable = preload_variable(directory);
                return Some(Loaded { path: mapping.path.clone(), deleted: mapping.deleted, identity, variable });
            }
        }
        None
    }

    /// Returns the properties of the program.
    fn program(&mut self, directory: &Path, mappings: &[Mapping]) -> Kind {
        let Some(first) = mappings.first() else { return Kind::default() };
        let key = (first.device.clone(), first.inode, first.path.clone());
        *self.programs.entry(key).or_insert_with(|| match elf::read(&directory.join("exe")) {
            Ok(Form::Elf(program)) => Kind { go: program.go, is_musl: program.is_musl() },
            _ => Kind::default(),
        })
    }
}

/// Identifies a mapped file, whatever is at its path now: through map_files, which requires more privileges than the
/// rest of /proc; otherwise by its path, if that leads to the same file; otherwise in the memory of the process.
fn identify(directory: &Path, mapping: &Mapping, all: &[Mapping]) -> Option<Identity> {
    let itself = directory.join("map_files").join(&mapping.range);
    if let Ok(identity) = Identity::of_file(&itself) {
        return Some(identity);
    }
    let by_path = directory.join("root").join(mapping.path.strip_prefix("/").unwrap_or(&mapping.path));
    let is_there = !mapping.deleted && fs::metadata(&by_path).is_ok_and(|status| status.ino() == mapping.inode);
    if is_there && let Ok(identity) = Identity::of_file(&by_path) {
        return Some(identity);
    }
    in_memory(directory, mapping, all).ok().map(|bytes| Identity::of_bytes(&bytes))
}

/// Returns the mapped bytes of a file if it is an ELF file: the data files of a program may have any size.
fn in_memory(directory: &Path, mapping: &Mapping, all: &[Mapping]) -> io::Result<Vec<u8>> {
    const MOST: u64 = 4 << 20;
    let memory = File::open(directory.join("mem"))?;
    let mut head = [0; 4];
    memory.read_exact_at(&mut head, mapping.addresses.0)?;
    let mut bytes = Vec::new();
    if head != *b"\x7fELF" {
        return Ok(bytes);
    }
    for part in all.iter().filter(|part| part.is_of_file(mapping)) {
        let (begin, end) = part.addresses;
        let length = end.saturating_sub(begin).min(MOST.saturating_sub(bytes.len() as u64));
        let mut part = vec![0; usize::try_from(length).unwrap_or(0)];
        // Pages after the end of the file cannot be read.
        if memory.read_exact_at(&mut part, begin).is_ok() {
            bytes.append(&mut part);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_when_it_started() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let age = SystemTime::now().duration_since(started(&stat).unwrap()).unwrap_or_default();
        assert!(age < Duration::from_secs(3600), "{age:?}");
        assert!(field(&stat, SIZE).unwrap() > 1_000_000);
        assert_eq!(field("7 (a) b) S 1 2 3", 1), Some(1));
    }

    #[test]
    fn this_process_is_known_in_full_and_left_out_of_the_others() {
        let own = process(std::process::id()).unwrap().unwrap();
        assert_eq!((own.libc, own.go, own.library.clone(), own.is_secure), (Libc::Glibc, None, None, Some(false)));
        assert_eq!(own.namespaces, Namespaces::own());
        assert!(own.namespaces.network.is_some() && own.executable.is_some());
        let others = scan(&[], || ()).unwrap();
        assert!(others.processes.iter().all(|process| process.pid != own.pid));
    }

    #[test]
    fn what_is_mapped_is_recognised_in_memory_too() {
        let mappings = maps::files(&fs::read("/proc/self/maps").unwrap());
        let libc = mappings.iter().find(|mapping| mapping.offset == 0 && mapping.path.ends_with("libc.so.6")).unwrap();
        let bytes = in_memory(Path::new("/proc/self"), libc, &mappings).unwrap();
        let by_memory = Identity::of_bytes(&bytes);
        assert!(by_memory.is_same_build(&Identity::of_file(&libc.path).unwrap()));
        assert!(!by_memory.is_library);
    }
}
