//! Which entries of the file refer to the library: its path, another path or a link to the same file, `$LIB` and other
//! tokens, or a bare name that the dynamic linker searches for in the library directories.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::install::file::path_of;
use crate::install::library::{LAYOUTS, NAME};
use crate::install::tree::Tree;
use crate::process::identity::Identity;
use crate::process::libraries::{CACHE, in_cache};

/// The possible values of `$LIB`, `$PLATFORM` and `$ORIGIN`, which depend on the distribution, the processor and the
/// program.
///
/// Those for programs of this machine come first: Debian's multiarch directories, then `lib64`, then `lib`.
const LIB: &[&str] = &[
    "lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "lib64",
    "lib",
    "lib32",
    "libx32",
    "lib/i386-linux-gnu",
    "lib/arm-linux-gnueabihf",
    "lib/powerpc64le-linux-gnu",
    "lib/s390x-linux-gnu",
    "lib/riscv64-linux-gnu",
];
const PLATFORM: &[&str] = &["x86_64", "haswell", "xeon_phi", "i686", "i586", "i386", "aarch64", "v7l", "power9", "z14"];
const ORIGIN: &[&str] = &["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// Where the dynamic linker searches for a bare name that is not in its cache; /usr/local is in the configuration of
/// ldconfig(8).
const DIRECTORIES: &[&str] = &["/", "/usr/", "/usr/local/"];

/// What is treated as the library.
#[derive(Debug)]
pub(crate) struct Ours {
    /// Its path without symbolic links.
    path: Option<PathBuf>,
    file: Option<(u64, u64)>,
    /// Whether every build of the library matches, and every file with its name.
    any: bool,
}

impl Ours {
    /// Exactly this library.
    pub(crate) fn named(tree: &Tree, path: &Path) -> Self {
        Self { path: place(tree, path), file: identity(tree, path), any: false }
    }

    /// Every build of the library, every file with its name, and this one.
    pub(crate) fn any(tree: &Tree, path: Option<&Path>) -> Self {
        Self {
            path: path.and_then(|path| place(tree, path)),
            file: path.and_then(|path| identity(tree, path)),
            any: true,
        }
    }

    /// Returns whether the dynamic linker might find the library for this entry, in any program.
    pub(crate) fn is(&self, tree: &Tree, word: &[u8]) -> bool {
        if self.any && path_of(word).file_name().is_some_and(|name| name == NAME) {
            return true;
        }
        candidates(tree, word).iter().any(|path| self.is_at(tree, path))
    }

    fn is_at(&self, tree: &Tree, path: &Path) -> bool {
        let same_file = self.file.is_some() && identity(tree, path) == self.file;
        let place = place(tree, path);
        let has_its_name = || place.as_ref().and_then(|place| place.file_name()).is_some_and(|name| name == NAME);
        let is_a_build = || what_is_at(tree, path).is_some_and(|identity| identity.is_library);
        same_file || (place.is_some() && place == self.path) || (self.any && (has_its_name() || is_a_build()))
    }
}

fn identity(tree: &Tree, path: &Path) -> Option<(u64, u64)> {
    tree.metadata(path).ok().map(|status| (status.dev(), status.ino()))
}

/// Returns the path without symbolic links. A missing file still has a path, and so has one in a missing directory.
fn place(tree: &Tree, path: &Path) -> Option<PathBuf> {
    match tree.follow(path) {
        Ok(resolved) => Some(resolved.end),
        Err(_) => path.is_absolute().then(|| path.components().collect()),
    }
}

/// Returns the path with `$LIB`, if an empty library for 32-bit programs is installed beside the library.
pub(crate) fn with_token(tree: &Tree, library: &Path) -> Option<PathBuf> {
    let (directory, name) = (library.parent()?, library.file_name()?);
    let (own, empty) = LAYOUTS.iter().find(|(own, _)| directory.ends_with(own))?;
    let prefix = directory.ancestors().nth(Path::new(own).components().count())?;
    let mut others = empty.iter().map(|empty| prefix.join(empty).join(name));
    others.any(|other| tree.metadata(&other).is_ok()).then(|| prefix.join("$LIB").join(name))
}

/// Identifies the library at a path of the tree; `None` if it is not an ELF file.
pub(crate) fn what_is_at(tree: &Tree, path: &Path) -> Option<Identity> {
    let resolved = tree.follow(path).ok()?;
    Identity::of_file(&tree.outside(&resolved.end)).ok()
}

/// Returns the files that the entry refers to in any program, without duplicates.
pub(crate) fn files(tree: &Tree, word: &[u8]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in candidates(tree, word) {
        if tree.metadata(&path).is_ok() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// Returns all paths that an entry may refer to, in the order in which programs of this machine try them.
pub(crate) fn candidates(tree: &Tree, word: &[u8]) -> Vec<PathBuf> {
    let mut paths = if word.contains(&b'/') { Vec::new() } else { cached(tree, word) };
    paths.extend(spelled_out(word));
    paths
}

/// Returns the paths of a bare name in the dynamic linker's cache.
fn cached(tree: &Tree, name: &[u8]) -> Vec<PathBuf> {
    let bytes = fs::read(tree.outside(Path::new(CACHE))).unwrap_or_default();
    in_cache(&bytes, name).unwrap_or_default()
}

/// Returns all paths that an entry may refer to, except those from the dynamic linker's cache.
fn spelled_out(word: &[u8]) -> Vec<PathBuf> {
    let mut spellings = vec![word.to_vec()];
    for (token, values) in [("LIB", LIB), ("PLATFORM", PLATFORM), ("ORIGIN", ORIGIN)] {
        for written in [format!("${{{token}}}"), format!("${token}")] {
            spellings = spellings.into_iter().flat_map(|word| replaced(word, written.as_bytes(), values)).collect();
        }
    }
    spellings.iter().flat_map(|word| in_directories(word)).collect()
}

/// Returns the entry with the token replaced by each of the values, or unchanged if it does not contain the token.
fn replaced(word: Vec<u8>, token: &[u8], values: &[&str]) -> Vec<Vec<u8>> {
    let Some(at) = word.windows(token.len()).position(|part| part == token) else { return vec![word] };
    let (before, after) = (word.get(..at).unwrap_or_default(), word.get(at + token.len()..).unwrap_or_default());
    if token.last() != Some(&b'}') && after.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return vec![word];
    }
    let filled = values.iter().map(|value| [before, value.as_bytes(), after].concat());
    filled.flat_map(|word| replaced(word, token, values)).collect()
}

/// Returns the paths of an entry: itself if it has a slash, otherwise those in the library directories.
fn in_directories(word: &[u8]) -> Vec<PathBuf> {
    let path = path_of(word);
    if path.as_os_str().as_bytes().contains(&b'/') {
        return vec![Path::new("/").join(path)];
    }
    let directories =
        DIRECTORIES.iter().flat_map(|directory| LIB.iter().map(move |lib| Path::new(directory).join(lib)));
    directories.map(|directory| directory.join(&path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn words_are_spelled_out() {
        let has = |word: &str, path: &str| spelled_out(word.as_bytes()).iter().any(|found| found == Path::new(path));
        assert!(has("/usr/$LIB/x.so", "/usr/lib/x86_64-linux-gnu/x.so"));
        assert!(has("/usr/${LIB}/x.so", "/usr/lib64/x.so"));
        assert!(has("$ORIGIN/../$LIB/x.so", "/usr/bin/../lib/x.so"));
        assert!(has("x.so", "/usr/local/lib/x.so"));
        assert!(has("/usr/$LIBRARY/x.so", "/usr/$LIBRARY/x.so"), "that is no token");
        assert_eq!(spelled_out(b"/a/b").len(), 1);
    }

    #[test]
    fn the_file_names_it_with_a_token_where_an_empty_one_is_beside_it() {
        let directory = std::env::temp_dir().join(format!("nss-bypass-words-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        for part in ["lib/x86_64-linux-gnu", "lib/i386-linux-gnu", "lib/arm-linux-gnueabihf", "lib32", "lib64"] {
            fs::create_dir_all(directory.join("opt").join(part)).unwrap();
        }
        let tree = Tree::new(&directory).unwrap();
        for (library, empty) in [
            ("/opt/lib/x86_64-linux-gnu/ours.so", "opt/lib/i386-linux-gnu/ours.so"),
            ("/opt/lib/x86_64-linux-gnu/ours.so", "opt/lib32/ours.so"),
            ("/opt/lib/aarch64-linux-gnu/ours.so", "opt/lib/arm-linux-gnueabihf/ours.so"),
            ("/opt/lib64/ours.so", "opt/lib/ours.so"),
        ] {
            assert_eq!(with_token(&tree, Path::new(library)), None);
            fs::write(directory.join(empty), "").unwrap();
            let word = with_token(&tree, Path::new(library)).unwrap();
            assert_eq!(word, Path::new("/opt/$LIB/ours.so"));
            assert_eq!(files(&tree, word.as_os_str().as_bytes()), [Path::new("/").join(empty)]);
            fs::remove_file(directory.join(empty)).unwrap();
        }
        assert_eq!(with_token(&tree, Path::new("/opt/lib/ours.so")), None);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn every_spelling_of_ours_is_ours_and_no_other_is() {
        let directory = std::env::temp_dir().join(format!("nss-bypass-spelling-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("usr/lib/x86_64-linux-gnu")).unwrap();
        fs::create_dir_all(directory.join("opt")).unwrap();
        fs::create_dir_all(directory.join("usr/bin")).unwrap();
        symlink("usr/lib", directory.join("lib")).unwrap();
        let library = directory.join("usr/lib/x86_64-linux-gnu/ours.so");
        fs::write(&library, "ours").unwrap();
        fs::hard_link(&library, directory.join("opt/hard.so")).unwrap();
        symlink("/lib/x86_64-linux-gnu/ours.so", directory.join("opt/soft.so")).unwrap();
        fs::write(directory.join("opt/other.so"), "other").unwrap();
        let tree = Tree::new(&directory).unwrap();
        let check = |there: bool| {
            let ours = Ours::named(&tree, Path::new("/usr/lib/x86_64-linux-gnu/ours.so"));
            for (word, is) in [
                ("/usr/lib/x86_64-linux-gnu/ours.so", true),
                ("/lib/x86_64-linux-gnu//./ours.so", true),
                ("/usr/$LIB/ours.so", true),
                ("$ORIGIN/../lib/x86_64-linux-gnu/ours.so", true),
                ("ours.so", true),
                ("/opt/soft.so", true),
                ("/opt/hard.so", there),
                ("/opt/other.so", false),
                ("/usr/lib/x86_64-linux-gnu/ours.so.1", false),
                ("other.so", false),
                ("/opt/libnss_bypass.so", false),
            ] {
                assert_eq!(ours.is(&tree, word.as_bytes()), is, "{word}, there: {there}");
            }
        };
        check(true);
        fs::remove_file(&library).unwrap();
        check(false);
        assert!(Ours::any(&tree, None).is(&tree, b"/gone/libnss_bypass.so"));
        assert!(!Ours::any(&tree, None).is(&tree, b"/gone/libother.so"));
        fs::remove_dir_all(&directory).unwrap();
    }
}
