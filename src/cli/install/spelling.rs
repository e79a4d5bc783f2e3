//! Which words of the file mean our library: the same path, another path or link to the same file, `$LIB` and its like,
//! a bare name that the loader looks for in the folders of libraries.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::install::file::path_of;
use crate::install::library::{LAYOUTS, NAME};
use crate::install::tree::Tree;
use crate::process::identity::Identity;
use crate::process::libraries::{CACHE, in_cache};

/// What the loader may put for `$LIB`, `$PLATFORM` and `$ORIGIN`: it depends on the distribution, on the processor and on
/// the program.
///
/// First what programs of this machine find: Debian's multiarch directories, then `lib64`, then `lib`.
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

/// Where the loader looks for a bare name that is not in its cache; /usr/local is in the configuration of ldconfig(8).
const FOLDERS: &[&str] = &["/", "/usr/", "/usr/local/"];

/// What counts as the library.
#[derive(Debug)]
pub(crate) struct Ours {
    /// Where it lies, without links.
    path: Option<PathBuf>,
    file: Option<(u64, u64)>,
    /// Whether every build of it counts, and every file of its name.
    any: bool,
}

impl Ours {
    /// Exactly this library.
    pub(crate) fn named(tree: &Tree, path: &Path) -> Self {
        Self { path: place(tree, path), file: identity(tree, path), any: false }
    }

    /// Every build of the library, every file of its name, and this one.
    pub(crate) fn any(tree: &Tree, path: Option<&Path>) -> Self {
        Self {
            path: path.and_then(|path| place(tree, path)),
            file: path.and_then(|path| identity(tree, path)),
            any: true,
        }
    }

    /// Whether the loader might find it under this word, in one program or another.
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

/// Where the path leads; a file that is gone still has its place, and a folder that is gone its name.
fn place(tree: &Tree, path: &Path) -> Option<PathBuf> {
    match tree.follow(path) {
        Ok(trail) => Some(trail.end),
        Err(_) => path.is_absolute().then(|| path.components().collect()),
    }
}

/// The path with `$LIB`, where an empty library for programs of 32 bits is installed beside the library.
pub(crate) fn with_token(tree: &Tree, library: &Path) -> Option<PathBuf> {
    let (folder, name) = (library.parent()?, library.file_name()?);
    let (own, empty) = LAYOUTS.iter().find(|(own, _)| folder.ends_with(own))?;
    let prefix = folder.ancestors().nth(Path::new(own).components().count())?;
    let mut others = empty.iter().map(|empty| prefix.join(empty).join(name));
    others.any(|other| tree.metadata(&other).is_ok()).then(|| prefix.join("$LIB").join(name))
}

/// Which library a file of the tree is; none where there is no ELF file.
pub(crate) fn what_is_at(tree: &Tree, path: &Path) -> Option<Identity> {
    let trail = tree.follow(path).ok()?;
    Identity::of_file(&tree.outside(&trail.end)).ok()
}

/// The files that the word leads to in one program or another, each once.
pub(crate) fn files(tree: &Tree, word: &[u8]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in candidates(tree, word) {
        if tree.metadata(&path).is_ok() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// Every path that a word may stand for, in the order in which programs of this machine look.
pub(crate) fn candidates(tree: &Tree, word: &[u8]) -> Vec<PathBuf> {
    let mut paths = if word.contains(&b'/') { Vec::new() } else { cached(tree, word) };
    paths.extend(spelled_out(word));
    paths
}

/// What the loader's cache has for a bare name.
fn cached(tree: &Tree, name: &[u8]) -> Vec<PathBuf> {
    let bytes = fs::read(tree.outside(Path::new(CACHE))).unwrap_or_default();
    in_cache(&bytes, name).unwrap_or_default()
}

/// Every path that a word may stand for, but for what is only in the loader's cache.
fn spelled_out(word: &[u8]) -> Vec<PathBuf> {
    let mut spellings = vec![word.to_vec()];
    for (token, values) in [("LIB", LIB), ("PLATFORM", PLATFORM), ("ORIGIN", ORIGIN)] {
        for written in [format!("${{{token}}}"), format!("${token}")] {
            spellings = spellings.into_iter().flat_map(|word| replaced(word, written.as_bytes(), values)).collect();
        }
    }
    spellings.iter().flat_map(|word| in_folders(word)).collect()
}

/// The word with each of the values for the token, or as it is where it has none.
fn replaced(word: Vec<u8>, token: &[u8], values: &[&str]) -> Vec<Vec<u8>> {
    let Some(at) = word.windows(token.len()).position(|part| part == token) else { return vec![word] };
    let (before, after) = (word.get(..at).unwrap_or_default(), word.get(at + token.len()..).unwrap_or_default());
    if token.last() != Some(&b'}') && after.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return vec![word];
    }
    let filled = values.iter().map(|value| [before, value.as_bytes(), after].concat());
    filled.flat_map(|word| replaced(word, token, values)).collect()
}

/// A path with a slash is what it is; a name without is looked for.
fn in_folders(word: &[u8]) -> Vec<PathBuf> {
    let path = path_of(word);
    if path.as_os_str().as_bytes().contains(&b'/') {
        return vec![Path::new("/").join(path)];
    }
    let folders = FOLDERS.iter().flat_map(|folder| LIB.iter().map(move |lib| Path::new(folder).join(lib)));
    folders.map(|folder| folder.join(&path)).collect()
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
        let folder = std::env::temp_dir().join(format!("nss-bypass-words-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for part in ["lib/x86_64-linux-gnu", "lib/i386-linux-gnu", "lib/arm-linux-gnueabihf", "lib32", "lib64"] {
            fs::create_dir_all(folder.join("opt").join(part)).unwrap();
        }
        let tree = Tree::new(&folder).unwrap();
        for (library, empty) in [
            ("/opt/lib/x86_64-linux-gnu/ours.so", "opt/lib/i386-linux-gnu/ours.so"),
            ("/opt/lib/x86_64-linux-gnu/ours.so", "opt/lib32/ours.so"),
            ("/opt/lib/aarch64-linux-gnu/ours.so", "opt/lib/arm-linux-gnueabihf/ours.so"),
            ("/opt/lib64/ours.so", "opt/lib/ours.so"),
        ] {
            assert_eq!(with_token(&tree, Path::new(library)), None);
            fs::write(folder.join(empty), "").unwrap();
            let word = with_token(&tree, Path::new(library)).unwrap();
            assert_eq!(word, Path::new("/opt/$LIB/ours.so"));
            assert_eq!(files(&tree, word.as_os_str().as_bytes()), [Path::new("/").join(empty)]);
            fs::remove_file(folder.join(empty)).unwrap();
        }
        assert_eq!(with_token(&tree, Path::new("/opt/lib/ours.so")), None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_spelling_of_ours_is_ours_and_no_other_is() {
        let folder = std::env::temp_dir().join(format!("nss-bypass-spelling-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("usr/lib/x86_64-linux-gnu")).unwrap();
        fs::create_dir_all(folder.join("opt")).unwrap();
        fs::create_dir_all(folder.join("usr/bin")).unwrap();
        symlink("usr/lib", folder.join("lib")).unwrap();
        let library = folder.join("usr/lib/x86_64-linux-gnu/ours.so");
        fs::write(&library, "ours").unwrap();
        fs::hard_link(&library, folder.join("opt/hard.so")).unwrap();
        symlink("/lib/x86_64-linux-gnu/ours.so", folder.join("opt/soft.so")).unwrap();
        fs::write(folder.join("opt/other.so"), "other").unwrap();
        let tree = Tree::new(&folder).unwrap();
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
        fs::remove_dir_all(&folder).unwrap();
    }
}
