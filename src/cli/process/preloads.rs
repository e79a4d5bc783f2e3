//! Which libraries are preloaded before this one.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::process::{elf, loaded};
use crate::ui::screen::printable;

/// A library that LD_PRELOAD names before the library, and that has functions for looking hosts up. ld.so loads what LD_PRELOAD
/// names before what /etc/ld.so.preload does.
pub(crate) fn before_the_library() -> Option<String> {
    let variable = std::env::var_os("LD_PRELOAD")?.into_vec();
    let words = variable.split(|byte| matches!(byte, b' ' | b':')).filter(|word| !word.is_empty());
    let before = words.take_while(|word| !word.ends_with(loaded::NAME.as_bytes()));
    let mapped = std::fs::read("/proc/self/maps").unwrap_or_default();
    let takes = |word: &[u8]| {
        let path = std::ffi::OsStr::from_bytes(word);
        let lines = mapped.split(|&byte| byte == b'\n').filter_map(|line| line.get(line.iter().position(|&b| b == b'/')?..));
        let is_it = |line: &&[u8]| line.ends_with(path.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default());
        let file = lines.into_iter().find(is_it).map(|line| PathBuf::from(std::ffi::OsStr::from_bytes(line)));
        let defines = elf::read_elf(file.as_deref().unwrap_or(path.as_ref())).is_ok_and(|elf| elf.defines_lookups);
        defines.then(|| printable(word))
    };
    before.into_iter().find_map(takes)
}
