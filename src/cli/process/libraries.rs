//! The libraries that a program is linked against, as ld.so would find them. Nothing is executed.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::process::elf::{self, Elf};

/// The dynamic linker's cache (ld.so(8), ldconfig(8)).
pub(crate) const CACHE: &str = "/etc/ld.so.cache";

/// c-ares, which queries the name servers of resolv.conf without libc.
pub(crate) const C_ARES: &str = "libcares.so.2";

/// The directories that the dynamic linker searches last.
const DIRECTORIES: [&str; 8] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// Returns the paths of a library in the cache, in the format that glibc has written since 2.2 (`struct
/// cache_file_new`): a magic string, the number of entries, and other fields; for each entry flags, the offsets of its
/// name and its path, and hardware capabilities.
pub(crate) fn in_cache(bytes: &[u8], name: &[u8]) -> Option<Vec<PathBuf>> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEAD: usize = 48;
    const ENTRY: usize = 24;
    let start = bytes.windows(MAGIC.len()).position(|part| part == MAGIC)?;
    let cache = bytes.get(start..)?;
    let number = |at: usize| Some(u32::from_ne_bytes(cache.get(at..at + 4)?.try_into().ok()?) as usize);
    let text = |at: usize| cache.get(at..)?.split(|byte| *byte == 0).next();
    let entries = (0..number(MAGIC.len())?).map(|at| HEAD + at * ENTRY);
    let named = entries.filter(|at| number(at + 4).and_then(text).is_some_and(|key| key == name));
    let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    Some(named.filter_map(|at| number(at + 8).and_then(text)).map(path).collect())
}

/// Returns the program, or the library of it, that needs the library of this name; `None` if none does. Libraries that
/// are found through DT_RPATH or loaded with dlopen(3) are not considered.
pub(crate) fn wanted_by(program: &Path, elf: &Elf, name: &str) -> Option<PathBuf> {
    /// More libraries than any program has.
    const MOST: usize = 1000;
    let cache = fs::read(CACHE).unwrap_or_default();
    let mut seen: HashSet<String> = HashSet::new();
    let mut to_read = vec![(program.to_owned(), elf.clone())];
    while let Some((path, elf)) = to_read.pop() {
        if elf.needed.iter().any(|needed| needed == name) {
            return Some(path);
        }
        for needed in elf.needed {
            if seen.len() < MOST && seen.insert(needed.clone()) {
                to_read.extend(find(&needed, &cache, elf.machine));
            }
        }
    }
    None
}

/// Returns the first library of this name for the machine.
fn find(name: &str, cache: &[u8], machine: elf::Machine) -> Option<(PathBuf, Elf)> {
    let searched = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let searched = env::split_paths(&searched).map(|directory| directory.join(name)).collect::<Vec<_>>();
    let known = in_cache(cache, name.as_bytes()).unwrap_or_default();
    let last = DIRECTORIES.iter().map(|directory| Path::new(directory).join(name));
    let mut paths = searched.into_iter().filter(|path| path.is_absolute()).chain(known).chain(last);
    paths.find_map(|path| elf::read_elf(&path).ok().filter(|elf| elf.machine == machine).map(|elf| (path, elf)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_looked_for_in_the_loaders_cache() {
        let names = b"libx.so\0/opt/x/libx.so\0";
        let at = 48 + 24;
        let mut cache = b"ld.so-1.7.0\0\0\0\0\0glibc-ld.so.cache1.1".to_vec();
        let mut add = |number: u32| cache.extend_from_slice(&number.to_ne_bytes());
        [1, names.len() as u32, 0, 0, 0, 0, 0].into_iter().for_each(&mut add);
        [0x303, at, at + 8, 0, 0, 0].into_iter().for_each(&mut add);
        cache.extend_from_slice(names);
        assert_eq!(in_cache(&cache, b"libx.so").unwrap(), [Path::new("/opt/x/libx.so")]);
        assert_eq!(in_cache(&cache, b"libx").unwrap(), [""; 0].map(PathBuf::from));
        assert!(in_cache(&cache[..60], b"libx.so").is_some_and(|found| found.is_empty()));
    }

    #[test]
    fn libraries_of_libraries_are_found() {
        let sh = Path::new("/bin/sh");
        let elf = elf::read_elf(sh).unwrap();
        assert_eq!(wanted_by(sh, &elf, "libc.so.6").as_deref(), Some(sh));
        let loader = elf.interpreter.clone().unwrap();
        let name = loader.file_name().unwrap().to_str().unwrap();
        assert!(wanted_by(sh, &elf, name).is_some_and(|path| path.ends_with("libc.so.6") || path == sh));
        assert_eq!(wanted_by(sh, &elf, "libnone.so.0"), None);
    }
}
