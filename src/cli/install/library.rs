//! Finding the library. Only absolute paths are used, since the contents of the current directory may be under somebody
//! else's control.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::process::elf::{self, Elf};
use crate::ui::output;

/// The file name of the library.
pub(crate) const NAME: &str = "libnss_bypass.so";

/// Directories to search, relative to that of the command: for a build tree, and for an installation with any prefix.
/// `{}` is Debian's name of this architecture.
///
/// `lib64` is searched before `lib`: if the library is in `lib64`, an empty one is in `lib`.
const BESIDE: [&str; 5] = ["", "../lib/nss-bypass", "../lib/{}", "../lib64", "../lib"];

/// The directories to search afterwards.
const DIRECTORIES: [&str; 7] =
    ["/usr/local/lib/{}", "/usr/local/lib", "/usr/lib/nss-bypass", "/usr/lib/{}", "/usr/lib64", "/usr/lib", "/lib"];

/// The values of `$LIB` in the dynamic linkers of distributions: for 64-bit programs, and for the 32-bit programs of the
/// same machine. The former is the directory of the library; the latter may have an empty library of the same name, which
/// keeps the dynamic linker of 32-bit programs from printing a warning.
pub(crate) const LAYOUTS: [(&str, &[&str]); 3] = [
    ("lib/x86_64-linux-gnu", &["lib/i386-linux-gnu", "lib32"]),
    ("lib/aarch64-linux-gnu", &["lib/arm-linux-gnueabihf"]),
    ("lib64", &["lib"]),
];

/// Returns whether only the empty library is searched for at this path.
pub(crate) fn is_place_of_empty_one(path: &Path) -> bool {
    let mut empty = LAYOUTS.iter().flat_map(|(_, empty)| *empty).filter(|empty| **empty != "lib");
    path.parent().is_some_and(|directory| empty.any(|empty| directory.ends_with(empty)))
}

/// The library.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    /// Its absolute path.
    pub(crate) path: PathBuf,
    /// The properties of its ELF file.
    pub(crate) elf: Elf,
}

/// Why the library was not found.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The given path is not absolute.
    Relative(PathBuf),
    /// The file cannot be read, or is not the library.
    Unusable(PathBuf, io::Error),
    /// It is in none of these places.
    Nowhere(Vec<PathBuf>),
    /// ld.so would split or expand the path.
    InvalidPath(PathBuf),
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
                write!(f, "{NAME} was not found; name it with --library, or install it as one of:")?;
                places.iter().try_for_each(|place| write!(f, "\n  {}", place.display()))
            }
            Self::InvalidPath(path) => {
                write!(f, "{}: ld.so does not support paths with a blank, a colon or a dollar sign", path.display())
            }
        }
    }
}

/// Finds the library: at the given path, or else in the usual places.
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

/// Returns the usual places for a command with this path; `None` if its location is not to be considered.
pub(crate) fn places(command: Option<&Path>) -> Vec<PathBuf> {
    let directory = command.filter(|path| path.is_absolute()).and_then(Path::parent);
    let named = |directory: &str| directory.replace("{}", &format!("{}-linux-gnu", env::consts::ARCH));
    let beside =
        directory.into_iter().flat_map(|directory| BESIDE.map(|way| plain(&directory.join(named(way))).join(NAME)));
    let mut places: Vec<PathBuf> = Vec::new();
    for place in beside.chain(DIRECTORIES.map(|directory| Path::new(&named(directory)).join(NAME))) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Returns a path without `..`. This is correct for the command's own path, which has no symbolic links.
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

/// Opens a library, and checks that it can be preloaded.
fn open(path: &Path) -> Result<Library, Missing> {
    let unusable = |error| Missing::Unusable(path.to_owned(), error);
    let invalid = |why: &str| unusable(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    if path.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b' ' | b':' | b'$')) {
        return Err(Missing::InvalidPath(path.to_owned()));
    }
    if !path.metadata().map_err(unusable)?.is_file() {
        return Err(invalid("not a regular file"));
    }
    let elf = elf::read_elf(path).map_err(unusable)?;
    if !elf.is_shared || !elf.defines_lookups {
        return Err(invalid("it does not define getaddrinfo"));
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
        assert!(said("/bin/true").contains("does not define getaddrinfo"));
        assert!(said("/etc").contains("not a regular file"));
        assert!(said("/a b/libnss_bypass.so").contains("blank"));
    }
}
