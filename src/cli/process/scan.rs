//! The running programs: what each is, when it started, in which namespaces it lives, and which build of the library it
//! has. The only reader of /proc that is about processes.

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

/// Which C library a process has mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Libc {
    /// glibc: the only one with which the library works.
    Glibc,
    /// musl.
    Musl,
    /// None: the program is linked statically, or is written in Go.
    None,
}

/// The library as a process has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Its file, by the process's own root and mounts.
    pub(crate) path: PathBuf,
    /// Whether the file has lost its name, or another one has it.
    pub(crate) deleted: bool,
    /// Which build it is.
    pub(crate) identity: Identity,
    /// LD_PRELOAD as the process was given it, which its children get too unless it changed that.
    pub(crate) variable: Option<Vec<u8>>,
}

/// The numbers of namespaces, where they may be seen. Equal numbers are one namespace.
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
    /// Its short name, without what a terminal would obey.
    pub(crate) name: String,
    pub(crate) started: Option<SystemTime>,
    /// Its executable's path, by its own root and mounts.
    pub(crate) executable: Option<PathBuf>,
    /// Device and inode of its root directory.
    pub(crate) root: (u64, u64),
    pub(crate) namespaces: Namespaces,
    /// Whether ld.so ran it in secure-execution mode (AT_SECURE), in which LD_PRELOAD and variables of ours do not count.
    pub(crate) is_secure: Option<bool>,
    pub(crate) libc: Libc,
    /// How it resolves names, if it is written in Go.
    pub(crate) go: Option<Go>,
    /// Whether it has c-ares, which asks name servers itself.
    pub(crate) has_c_ares: bool,
    /// The library, if it has it.
    pub(crate) library: Option<Loaded>,
}

/// All running programs. Threads of the kernel are none, and neither are processes that have ended.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Those that could be looked at, by their numbers.
    pub(crate) processes: Vec<Process>,
    /// Numbers and names of those that could not.
    pub(crate) hidden: Vec<(u32, String)>,
}

/// Looks at every process but this one. `known` are builds that count as the library whatever they look like, such as the
/// one that somebody named.
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
            // It has ended meanwhile.
            Err(_) => {}
        }
    }
    Ok(scan)
}

/// Looks at one process. None: a thread of the kernel, or a process that has ended.
pub(crate) fn process(pid: u32) -> io::Result<Option<Process>> {
    look_at(pid, &mut Files::new(&[]))
}

/// The library in this process, and so in all programs that are started like it.
pub(crate) fn own_library() -> Option<Loaded> {
    process(std::process::id()).ok().flatten()?.library
}

/// Why processes are hidden from us, as far as that can be told: for a sentence that says how many are.
pub(crate) fn why_hidden() -> &'static str {
    if rustix::process::geteuid().is_root() {
        "they belong to another user namespace, or CAP_SYS_PTRACE is missing"
    } else {
        "they belong to other users; root can look at them"
    }
}

fn folder(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

fn name(pid: u32) -> String {
    printable(fs::read(folder(pid).join("comm")).unwrap_or_default().trim_ascii_end())
}

fn look_at(pid: u32, files: &mut Files<'_>) -> io::Result<Option<Process>> {
    let folder = folder(pid);
    let stat = fs::read_to_string(folder.join("stat"))?;
    // Threads of the kernel have no size, and neither have processes that have ended and are not waited for.
    if field(&stat, SIZE) == Some(0) {
        return Ok(None);
    }
    // Who may read the mappings (CAP_PERFMON) may not see the rest, without which nothing is known of them.
    let root = fs::metadata(folder.join("root"))?;
    let mappings = maps::files(&fs::read(folder.join("maps"))?);
    let has = |name: fn(&str) -> bool| {
        mappings.iter().any(|mapping| mapping.path.file_name().and_then(|name| name.to_str()).is_some_and(name))
    };
    let program = files.program(&folder, &mappings);
    // Where musl's loader is a link to its libc.so, as in Debian, that is the name of what is mapped.
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
        executable: fs::read_link(folder.join("exe")).ok(),
        root: (root.dev(), root.ino()),
        namespaces: Namespaces::of(&folder),
        is_secure: secure(&folder),
        libc,
        go: program.go,
        has_c_ares: has(|name| name.starts_with(C_ARES)),
        library: files.library(&folder, &mappings),
    }))
}

impl Namespaces {
    fn of(folder: &Path) -> Self {
        let number = |kind: &str| {
            // "net:[4026531840]"
            let link = fs::read_link(folder.join("ns").join(kind)).ok()?;
            link.to_str()?.split_once('[')?.1.strip_suffix(']')?.parse().ok()
        };
        Self { mount: number("mnt"), network: number("net"), pid: number("pid") }
    }

    /// This process's.
    pub(crate) fn own() -> Self {
        Self::of(Path::new("/proc/self"))
    }
}

fn preload_variable(folder: &Path) -> Option<Vec<u8>> {
    let environment = fs::read(folder.join("environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find_map(|variable| variable.strip_prefix(b"LD_PRELOAD=")).map(<[u8]>::to_vec)
}

/// AT_SECURE in the vector that the kernel gave the program (getauxval(3)).
fn secure(folder: &Path) -> Option<bool> {
    const WORD: usize = size_of::<usize>();
    let vector = fs::read(folder.join("auxv")).ok()?;
    let word = |bytes: &[u8]| bytes.try_into().ok().map(usize::from_ne_bytes);
    vector.chunks_exact(2 * WORD).find_map(|pair| {
        let (kind, value) = pair.split_at_checked(WORD)?;
        (word(kind)? == libc::AT_SECURE as usize).then(|| word(value).is_some_and(|value| value != 0))
    })
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

/// A file as `maps` tells them apart. The path too: subvolumes of btrfs share a device and number their files alike.
type Key = (String, u64, PathBuf);

/// What a program's file says of it.
#[derive(Clone, Copy, Default)]
struct Kind {
    go: Option<Go>,
    is_musl: bool,
}

/// What the files are that processes have mapped: each is read once.
struct Files<'a> {
    known: &'a [Identity],
    identities: HashMap<Key, Option<Identity>>,
    programs: HashMap<Key, Kind>,
}

impl<'a> Files<'a> {
    fn new(known: &'a [Identity]) -> Self {
        Self { known, identities: HashMap::new(), programs: HashMap::new() }
    }

    /// The first mapped file that is the library.
    fn library(&mut self, folder: &Path, mappings: &[Mapping]) -> Option<Loaded> {
        // A file's headers, notes and names are in its beginning.
        for mapping in mappings.iter().filter(|mapping| mapping.offset == 0) {
            let key = (mapping.device.clone(), mapping.inode, mapping.path.clone());
            let identity = self.identities.entry(key).or_insert_with(|| identify(folder, mapping, mappings));
            let Some(identity) = identity else { continue };
            if identity.is_library || self.known.iter().any(|known| known.is_same_build(identity)) {
                let identity = identity.clone();
                let variable = preload_variable(folder);
                return Some(Loaded { path: mapping.path.clone(), deleted: mapping.deleted, identity, variable });
            }
        }
        None
    }

    /// What the program is.
    fn program(&mut self, folder: &Path, mappings: &[Mapping]) -> Kind {
        let Some(first) = mappings.first() else { return Kind::default() };
        let key = (first.device.clone(), first.inode, first.path.clone());
        *self.programs.entry(key).or_insert_with(|| match elf::read(&folder.join("exe")) {
            Ok(Form::Elf(program)) => Kind { go: program.go, is_musl: program.is_musl() },
            _ => Kind::default(),
        })
    }
}

/// What a process has mapped, whatever lies under that path now: through map_files, which takes more rights than the rest
/// of /proc; else by the path, if it leads to the same file; else in the process's memory.
fn identify(folder: &Path, mapping: &Mapping, all: &[Mapping]) -> Option<Identity> {
    let itself = folder.join("map_files").join(&mapping.range);
    if let Ok(identity) = Identity::of_file(&itself) {
        return Some(identity);
    }
    let by_path = folder.join("root").join(mapping.path.strip_prefix("/").unwrap_or(&mapping.path));
    let is_there = !mapping.deleted && fs::metadata(&by_path).is_ok_and(|status| status.ino() == mapping.inode);
    if is_there && let Ok(identity) = Identity::of_file(&by_path) {
        return Some(identity);
    }
    in_memory(folder, mapping, all).ok().map(|bytes| Identity::of_bytes(&bytes))
}

/// The mapped bytes of a file, if it is a library: a program's data may be of any size.
fn in_memory(folder: &Path, mapping: &Mapping, all: &[Mapping]) -> io::Result<Vec<u8>> {
    const MOST: u64 = 4 << 20;
    let memory = File::open(folder.join("mem"))?;
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
        // Pages beyond the end of the file cannot be read.
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
