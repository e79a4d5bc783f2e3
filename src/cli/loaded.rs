//! Where the library is, and what loads it.

use std::fs;
use std::path::{Path, PathBuf};

/// Its file name.
pub(crate) const NAME: &str = "libnss_bypass.so";

/// The loader's list for every program.
pub(crate) const PRELOAD_FILE: &str = "/etc/ld.so.preload";

/// The library: beside the command, or in a folder of libraries. Never in the folder that we happen to be in.
pub(crate) fn library() -> Option<PathBuf> {
    const FOLDERS: [&str; 3] = ["/usr/local/lib", "/usr/lib/nss-bypass", "/usr/lib"];
    let multiarch = PathBuf::from(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let above = beside.as_deref().and_then(Path::parent).map(|folder| folder.join("lib"));
    let fixed = FOLDERS.iter().map(PathBuf::from).chain([multiarch]);
    beside.into_iter().chain(above).chain(fixed).map(|folder| folder.join(NAME)).find(|path| path.is_file())
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
