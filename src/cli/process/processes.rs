//! Which running processes have the library, and which do not or cannot.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::process::loaded;
use crate::ui::screen::printable;

/// How the library and a process stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// It is loaded.
    Loaded,
    /// It could be, but was not when the process began.
    NotLoaded,
    /// A program of Go's that does without libc.
    Go,
    /// Another static program.
    Static,
    /// A program of musl's.
    Musl,
    /// We may not look.
    Hidden,
}

impl Standing {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::NotLoaded => "not loaded when started",
            Self::Go => "cannot: Go without libc",
            Self::Static => "cannot: static",
            Self::Musl => "cannot: musl",
            Self::Hidden => "root could see",
        }
    }
}

/// Some processes of one standing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    pub(crate) count: usize,
    /// The programs, each once.
    pub(crate) programs: Vec<String>,
}

/// All processes but this one; threads of the kernel are none.
pub(crate) fn all() -> BTreeMap<Standing, Group> {
    let mut groups: BTreeMap<Standing, Group> = BTreeMap::new();
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Some(standing) = standing(&id) else { continue };
        let name = fs::read(entry.path().join("comm")).unwrap_or_default();
        let name = printable(name.strip_suffix(b"\n").unwrap_or(&name));
        let group = groups.entry(standing).or_default();
        group.count += 1;
        if !group.programs.contains(&name) {
            group.programs.push(name);
        }
    }
    groups
}

fn standing(id: &str) -> Option<Standing> {
    let process = Path::new("/proc").join(id);
    let maps = match fs::read(process.join("maps")) {
        Ok(maps) => maps,
        // Threads of the kernel have no executable, and a process may be gone by now.
        Err(_) if fs::metadata(process.join("cmdline")).is_err() => return None,
        Err(_) => return Some(Standing::Hidden),
    };
    if maps.is_empty() {
        return None;
    }
    let mut head = Vec::new();
    let _ = File::open(process.join("exe")).map(|file| file.take(8192).read_to_end(&mut head));
    Some(judged(&maps, &head))
}

/// From what is mapped, and from the beginning of the executable.
fn judged(maps: &[u8], head: &[u8]) -> Standing {
    /// The type of the note with the build id, and its owner.
    const GO: &[u8] = b"\x04\0\0\0Go\0\0";
    let has = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    if has(maps, loaded::NAME.as_bytes()) {
        Standing::Loaded
    } else if has(maps, b"/ld-musl-") {
        Standing::Musl
    } else if has(maps, b"/libc.so.6") || has(maps, b"/libc-2.") {
        Standing::NotLoaded
    } else if has(head, GO) {
        Standing::Go
    } else {
        Standing::Static
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_told_apart_by_what_they_map() {
        let table: [(&[u8], &[u8], Standing); 5] = [
            (b"/lib/libc.so.6\n/usr/local/lib/libnss_bypass.so\n", b"", Standing::Loaded),
            (b"/lib/x86_64-linux-gnu/libc.so.6\n", b"", Standing::NotLoaded),
            (b"/lib/ld-musl-x86_64.so.1\n", b"", Standing::Musl),
            (b"/bin/x\n", b"\x7fELF....\x04\0\0\0\x53\0\0\0\x04\0\0\0Go\0\0", Standing::Go),
            (b"/bin/x\n", b"\x7fELF", Standing::Static),
        ];
        for (maps, head, expected) in table {
            assert_eq!(judged(maps, head), expected);
        }
    }
}
