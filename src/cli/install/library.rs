//! Where the library is. Only absolute paths: what the current folder happens to hold is nobody's choice.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::process::elf::{self, Elf};
use crate::ui::output;

/// Its file name.
pub(crate) const NAME: &str = "libnss_bypass.so";

/// Where it is looked for, from the folder of the command: as built, and as installed under any prefix. `{}` is Debian's
/// name for this architecture.
///
/// `lib64` is before `lib`: where the library is in the one, an empty one is in the other.
const BESIDE: [&str; 5] = ["", "../lib/nss-bypass", "../lib/{}", "../lib64", "../lib"];

/// Where it is looked for then.
const FOLDERS: [&str; 7] =
    ["/usr/local/lib/{}", "/usr/local/lib", "/usr/lib/nss-bypass", "/usr/lib/{}", "/usr/lib64", "/usr/lib", "/lib"];

/// What the loaders of distributions put for `$LIB`: those for programs of 64 bits, and those for programs of 32 bits beside
/// them. Where the first lead to, the library is; where the others lead to, there may be an empty one of its name, so that
/// these programs print no warning.
pub(crate) const LAYOUTS: [(&str, &[&str]); 3] = [
    ("lib/x86_64-linux-gnu", &["lib/i386-linux-gnu", "lib32"]),
    ("lib/aarch64-linux-gnu", &["lib/arm-linux-gnueabihf"]),
    ("lib64", &["lib"]),
];

/// Whether the empty library is looked for there, and no other.
pub(crate) fn is_place_of_empty_one(path: &Path) -> bool {
    let mut empty = LAYOUTS.iter().flat_map(|(_, empty)| *empty).filter(|empty| **empty != "lib");
    path.parent().is_some_and(|folder| empty.any(|empty| folder.ends_with(empty)))
}

/// The library.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    /// Its absolute path.
    pub(crate) path: PathBuf,
    /// What kind of library it is.
    pub(crate) elf: Elf,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The path that was given is not absolute.
    Relative(PathBuf),
    /// It cannot be read, or is no library of ours.
    Unusable(PathBuf, io::Error),
    /// It is in none of these places.
    Nowhere(Vec<PathBuf>),
    /// ld.so would read its path as several, or put something else into it.
    Unspeakable(PathBuf),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative(path) => {
                write!(f, "{}: the path of the library must be absolute (begin with /)", path.display())
            }
            Self::Unusable(path, error) if error.kind() == io::ErrorKind::InvalidData => {
                write!(f, "{} is not the library: {error}", path.display())
            }
            Self::Unusable(path, error) => write!(f, "{}: {}", path.display(), output::reason(error)),
            Self::Nowhere(places) => {
                write!(f, "{NAME} was not found; name it with --library, or put it into one of:")?;
                places.iter().try_for_each(|place| write!(f, "\n  {}", place.display()))
            }
            Self::Unspeakable(path) => {
                write!(f, "{}: ld.so cannot take a path with a blank, a colon or a dollar sign", path.display())
            }
        }
    }
}

/// Finds the library: where it is said to be, or else in the usual places.
pub(crate) fn find(given: Option<&Path>) -> Result<Library, Missing> {
    if let Some(path) = given {
        return if path.is_absolute() { open(path) } else { Err(Missing::Relative(path.to_owned())) };
    }
    let places = places(env::current_exe().ok().as_deref());
    match places.iter().find(|place| place.exists()) {
        Some(place) => open(place),
        None => Err(Missing::Nowhere(places)),
    }
}

/// The usual places, for a command that lies here; for one that does not matter, those of every machine.
pub(crate) fn places(command: Option<&Path>) -> Vec<PathBuf> {
    let folder = command.filter(|path| path.is_absolute()).and_then(Path::parent);
    let named = |folder: &str| folder.replace("{}", &format!("{}-linux-gnu", env::consts::ARCH));
    let beside = folder.into_iter().flat_map(|folder| BESIDE.map(|way| plain(&folder.join(named(way))).join(NAME)));
    let mut places: Vec<PathBuf> = Vec::new();
    for place in beside.chain(FOLDERS.map(|folder| Path::new(&named(folder)).join(NAME))) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// A path without `..`: the command's own path is free of links, so that its parent is what is meant.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part.as_os_str() == OsStr::new("..") {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// Looks whether this is a library that can be preloaded.
fn open(path: &Path) -> Result<Library, Missing> {
    let unusable = |error| Missing::Unusable(path.to_owned(), error);
    let invalid = |why: &str| unusable(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    if path.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b' ' | b':' | b'$')) {
        return Err(Missing::Unspeakable(path.to_owned()));
    }
    if !path.metadata().map_err(unusable)?.is_file() {
        return Err(invalid("no regular file"));
    }
    let elf = elf::read_elf(path).map_err(unusable)?;
    if !elf.is_shared || !elf.defines_lookups {
        return Err(invalid("it has no getaddrinfo"));
    }
    Ok(Library { path: path.to_owned(), elf })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_beside_the_command_or_where_its_prefix_has_libraries() {
        let places = places(Some(Path::new("/opt/x/bin/nss-bypass")));
        let own = format!("{}-linux-gnu", env::consts::ARCH);
        let places: Vec<String> = places.iter().map(|place| place.to_str().unwrap().replace(&own, "OWN")).collect();
        assert_eq!(
            places,
            [
                "/opt/x/bin/libnss_bypass.so",
                "/opt/x/lib/nss-bypass/libnss_bypass.so",
                "/opt/x/lib/OWN/libnss_bypass.so",
                "/opt/x/lib64/libnss_bypass.so",
                "/opt/x/lib/libnss_bypass.so",
                "/usr/local/lib/OWN/libnss_bypass.so",
                "/usr/local/lib/libnss_bypass.so",
                "/usr/lib/nss-bypass/libnss_bypass.so",
                "/usr/lib/OWN/libnss_bypass.so",
                "/usr/lib64/libnss_bypass.so",
                "/usr/lib/libnss_bypass.so",
                "/lib/libnss_bypass.so",
            ]
        );
        assert!(super::places(Some(Path::new("bin/nss-bypass"))).iter().all(|place| place.is_absolute()));
    }

    #[test]
    fn the_empty_library_is_not_the_library() {
        for (path, empty) in [
            ("/usr/lib/i386-linux-gnu/libnss_bypass.so", true),
            ("/usr/lib32/libnss_bypass.so", true),
            ("/usr/lib/arm-linux-gnueabihf/libnss_bypass.so", true),
            ("/usr/lib/x86_64-linux-gnu/libnss_bypass.so", false),
            ("/usr/lib/libnss_bypass.so", false),
            ("/opt/mylib32/libnss_bypass.so", false),
        ] {
            assert_eq!(is_place_of_empty_one(Path::new(path)), empty, "{path}");
        }
    }

    #[test]
    fn what_is_not_the_library_says_why() {
        let said = |path: &str| find(Some(Path::new(path))).unwrap_err().to_string();
        assert!(said("libnss_bypass.so").contains("must be absolute"));
        assert!(said("/nowhere/libnss_bypass.so").contains("No such file"));
        assert!(said("/etc/passwd").contains("not an ELF file"));
        assert!(said("/bin/true").contains("no getaddrinfo"));
        assert!(said("/etc").contains("no regular file"));
        assert!(said("/a b/libnss_bypass.so").contains("blank"));
    }
}
