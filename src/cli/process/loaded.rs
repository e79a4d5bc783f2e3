//! Where the library is, and what loads it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::install::library;
pub(crate) use crate::install::library::NAME;

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
    Some(maps.split(|byte| *byte == b'\n').any(maps_it))
}

/// Whether this line of `maps` is of the library, and not of the empty one.
fn maps_it(line: &[u8]) -> bool {
    let path = line.iter().position(|byte| *byte == b'/').and_then(|at| line.get(at..)).unwrap_or_default();
    let path = Path::new(OsStr::from_bytes(path.strip_suffix(b" (deleted)").unwrap_or(path)));
    path.file_name().is_some_and(|name| name == NAME) && !library::is_empty_one(path)
}

/// Its line in ld.so.preload.
pub(crate) fn in_preload_file() -> Option<String> {
    let text = fs::read_to_string(PRELOAD_FILE).ok()?;
    let separates = |character: char| character.is_whitespace() || character == ':';
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split(separates)).find(|word| word.ends_with(NAME)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_library_itself_is_loaded() {
        for (path, it) in [
            ("/usr/lib/x86_64-linux-gnu/libnss_bypass.so", true),
            ("/opt/a b/libnss_bypass.so (deleted)", true),
            ("/usr/lib/i386-linux-gnu/libnss_bypass.so", false),
            ("/usr/lib/libnss_bypass.so.conf", false),
        ] {
            assert_eq!(maps_it(format!("7f00-7f10 r-xp 00001000 fe:00 123456       {path}").as_bytes()), it, "{path}");
        }
        assert!(!maps_it(b"7f00-7f10 rw-p 00000000 00:00 0   [heap]"));
    }
}
