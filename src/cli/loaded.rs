//! Where the library is, and what loads it.

use std::fs;
use std::path::PathBuf;

use crate::library;
pub(crate) use crate::library::NAME;

/// The loader's list for every program.
pub(crate) const PRELOAD_FILE: &str = "/etc/ld.so.preload";

/// The library's path, where it lies in one of the usual places.
pub(crate) fn library() -> Option<PathBuf> {
    library::find(None).ok().map(|library| library.path)
}

/// Whether it is in this process, and so in all that are started like it.
pub(crate) fn is_here() -> bool {
    is_in("self").unwrap_or(false)
}

/// Whether it is in a process; none where that cannot be seen.
pub(crate) fn is_in(process: &str) -> Option<bool> {
    let maps = fs::read(format!("/proc/{process}/maps")).ok()?;
    Some(maps.windows(NAME.len()).any(|window| window == NAME.as_bytes()))
}

/// Its line in ld.so.preload.
pub(crate) fn in_preload_file() -> Option<String> {
    let text = fs::read_to_string(PRELOAD_FILE).ok()?;
    let separates = |character: char| character.is_whitespace() || character == ':';
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split(separates)).find(|word| word.ends_with(NAME)).map(str::to_owned)
}
