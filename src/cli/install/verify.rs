//! Checks of files that every program uses: the library, and what the programs of all users read.
//!
//! A fix that changes an owner or a mode is suggested only for the file itself or for a directory that belongs to the
//! library: what else is in another directory, and who needs to write to it, is unknown.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;

use crate::install::file::{self, PRELOAD_FILE};
use crate::install::library::NAME;
use crate::install::tree::{ResolvedPath, Tree};
use crate::install::trouble::Trouble;
use crate::ui::screen::quoted;

/// Directories to which the library can be copied; the first suitable one is suggested.
const GOOD_PLACES: [&str; 3] = ["/usr/lib/nss-bypass", "/usr/local/lib/nss-bypass", "/lib/nss-bypass"];

/// Checks that a library is suitable for /etc/ld.so.preload: its path can be written there, it is on the root file
/// system, only root can change it, and all users can read it.
pub(crate) fn verify(tree: &Tree, library: &Path) -> Result<(), Trouble> {
    let resolved = verify_access(tree, library)?;
    let is_on_root = tree.is_on_root(&resolved.end).map_err(|error| Trouble::system(library, "examine", &error))?;
    if is_on_root {
        return Ok(());
    }
    let trouble = Trouble::new(
        format!("{} is not on the root file system", library.display()),
        "while its file system is not mounted, such as early at boot, every program would print a warning",
        "copy it to the root file system",
    );
    Err(copied_elsewhere(trouble, tree, library))
}

/// The part of [`verify`] that checks who can change and read the library, regardless of its location.
pub(crate) fn verify_access(tree: &Tree, library: &Path) -> Result<ResolvedPath, Trouble> {
    let resolved = find(tree, library)?;
    check_owned(tree, library, &resolved).and_then(|()| check_readable(tree, library, &resolved))?;
    Ok(resolved)
}

/// Checks that only root can change a file or a directory of its path. The file need not exist.
pub(crate) fn is_roots_alone(tree: &Tree, path: &Path) -> Result<(), Trouble> {
    let resolved = tree.follow(path).map_err(|error| Trouble::system(path, "find", &error))?;
    check_owned(tree, path, &resolved)
}

/// Checks that programs of all users can read a file, such as the rules or ld.so.preload. The check succeeds if the
/// file does not exist.
pub(crate) fn is_for_all(tree: &Tree, path: &Path, why: &str) -> Result<(), Trouble> {
    let Ok(resolved) = tree.follow(path) else { return Ok(()) };
    if !resolved.exists {
        return Ok(());
    }
    check_readable(tree, path, &resolved).map_err(|trouble| Trouble { why: why.to_owned(), ..trouble })
}

/// Why it matters that all users can read the rules.
pub(crate) const RULES_ARE_FOR_ALL: &str =
    "programs of other users cannot read the rules: they forward all lookups to libc, which asks nscd first";

/// Why it matters that all users can read ld.so.preload.
pub(crate) const PRELOAD_IS_FOR_ALL: &str =
    "programs of other users cannot read the file: they are started without the library, and ask nscd";

fn find(tree: &Tree, library: &Path) -> Result<ResolvedPath, Trouble> {
    let shown = library.display();
    if !library.is_absolute() {
        return Err(Trouble::new(
            format!("{shown} is not an absolute path"),
            "programs are started in any directory, and ld.so would search for it there",
            format!("use the absolute path: {}", absolute(library).display()),
        ));
    }
    if !file::can_be_written(library.as_os_str().as_bytes()) {
        let trouble = Trouble::new(
            format!("{shown} has a blank, \":\", \"#\" or \"$\" in its path"),
            format!("these characters have a special meaning in {PRELOAD_FILE}"),
            "copy the library to a path without them",
        );
        return Err(copied_elsewhere(trouble, tree, library));
    }
    let resolved = tree.follow(library).and_then(|resolved| {
        if resolved.exists { Ok(resolved) } else { Err(io::Error::from_raw_os_error(libc::ENOENT)) }
    });
    let resolved = resolved.map_err(|error| {
        Trouble::new(
            format!("{shown}: {error}"),
            format!("every program would print a warning about a missing library in {PRELOAD_FILE}"),
            "copy the library there first, or name another file with --library",
        )
    })?;
    if !status(tree, &resolved.end)?.is_file() {
        return Err(Trouble::new(
            format!("{shown} is not a regular file"),
            "it is not a library",
            "name the library itself",
        ));
    }
    Ok(resolved)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| Path::new("/usr/local/lib").join(NAME))
}

fn status(tree: &Tree, part: &Path) -> Result<Metadata, Trouble> {
    fs::symlink_metadata(tree.outside(part)).map_err(|error| Trouble::system(part, "examine", &error))
}

/// Checks that only root can change a file or a directory of its path.
fn check_owned(tree: &Tree, path: &Path, resolved: &ResolvedPath) -> Result<(), Trouble> {
    let why = "every program loads this file, including those of root: whoever can change it can run code as any user";
    for part in resolved.directories.iter().chain(resolved.exists.then_some(&resolved.end)) {
        let status = status(tree, part)?;
        let (fault, command) = match status.mode() & 0o022 {
            _ if status.uid() != 0 => (format!("is owned by user {}, not by root", status.uid()), "chown root"),
            0 => continue,
            mode if mode & 0o002 != 0 => ("is writable by all users".to_owned(), "chmod go-w"),
            _ => ("is writable by its group".to_owned(), "chmod go-w"),
        };
        let trouble = Trouble::new(format!("{} {fault}", on_the_way(part, path)), why, "");
        return Err(fixed(trouble, tree, path, (part, &resolved.end), command));
    }
    Ok(())
}

/// Checks that programs of all users can read a file.
fn check_readable(tree: &Tree, path: &Path, resolved: &ResolvedPath) -> Result<(), Trouble> {
    let directories = resolved.directories.iter().map(|directory| (directory, 0o001, "accessible", "chmod a+x"));
    for (part, needed, how, command) in directories.chain([(&resolved.end, 0o004, "readable", "chmod a+r")]) {
        if status(tree, part)?.mode() & needed == 0 {
            let trouble = Trouble::new(
                format!("{} is not {how} by all users", on_the_way(part, path)),
                "every program of a user who cannot read the library prints a warning about it",
                "",
            );
            return Err(fixed(trouble, tree, path, (part, &resolved.end), command));
        }
    }
    Ok(())
}

fn on_the_way(part: &Path, path: &Path) -> String {
    if part == path {
        return path.display().to_string();
    }
    format!("{}, a directory of {},", part.display(), path.display())
}

/// Adds the command that fixes a component of `path`, if that component may be changed; otherwise advice.
fn fixed(trouble: Trouble, tree: &Tree, path: &Path, (part, end): (&Path, &Path), command: &str) -> Trouble {
    if part == end || is_the_librarys_own(part) {
        let line = format!("{command} {}", quoted(&tree.outside(part).to_string_lossy()));
        let what = if command.starts_with("chown") { "owner" } else { "mode" };
        return Trouble { advice: format!("change the {what}"), ..trouble }.command(line);
    }
    let is_library = path.extension().is_some_and(|ending| ending == "so");
    if is_library {
        let advice = "leave that directory as it is, and copy the library elsewhere".to_owned();
        return copied_elsewhere(Trouble { advice, ..trouble }, tree, path);
    }
    Trouble { advice: format!("find out why {} has that owner and mode", part.display()), ..trouble }
}

/// Returns whether a directory is for the library only.
fn is_the_librarys_own(directory: &Path) -> bool {
    let name = directory.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.contains("nss-bypass") || name.contains("nss_bypass")
}

/// Adds the commands that copy a library to a suitable directory and enable it there.
fn copied_elsewhere(mut trouble: Trouble, tree: &Tree, library: &Path) -> Trouble {
    let good = GOOD_PLACES.iter().map(Path::new).find(|place| would_be_fit(tree, place));
    let Some(directory) = good else {
        trouble.advice = "copy the library to a directory on the root file system that only root can change".to_owned();
        return trouble;
    };
    let shown = |path: &Path| quoted(&path.to_string_lossy());
    let (from, to) = (tree.outside(library), directory.join(NAME));
    let root = if tree.is_whole_machine() { String::new() } else { format!(" --root {}", shown(tree.root())) };
    trouble
        .command(format!("install -d -o root -g root -m 755 {}", shown(&tree.outside(directory))))
        .command(format!("install -o root -g root -m 644 {} {}", shown(&from), shown(&tree.outside(&to))))
        .command(format!("nss-bypass enable{root} --library {}", shown(&to)))
}

/// Returns whether a library in this directory, which need not exist, would be suitable, and root could write it.
fn would_be_fit(tree: &Tree, directory: &Path) -> bool {
    let Some(there) = directory.ancestors().find(|part| tree.metadata(part).is_ok_and(|status| status.is_dir())) else {
        return false;
    };
    let Ok(resolved) = tree.follow(there) else { return false };
    let is_own = check_owned(tree, there, &resolved).is_ok() && check_readable(tree, there, &resolved).is_ok();
    let can_be_written = rustix::fs::access(tree.outside(&resolved.end), Access::WRITE_OK) != Err(Errno::ROFS);
    is_own && can_be_written && tree.is_on_root(&resolved.end).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Scratch(Tree);

    impl Scratch {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("nss-bypass-verify-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&directory);
            for part in ["usr/lib/nss-bypass", "tmp", "opt/other"] {
                fs::create_dir_all(directory.join(part)).unwrap();
            }
            Self(Tree::new(&directory).unwrap())
        }

        fn file(&self, path: &str, mode: u32) {
            fs::write(self.0.outside(Path::new(path)), "").unwrap();
            self.mode(path, mode);
        }

        fn mode(&self, path: &str, mode: u32) {
            fs::set_permissions(self.0.outside(Path::new(path)), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn said(&self, path: &str) -> (String, Vec<String>) {
            let root = self.0.root().display().to_string();
            let trouble = verify(&self.0, Path::new(path)).expect_err(path);
            (trouble.what, trouble.commands.iter().map(|line| line.replace(&root, "R")).collect())
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.root());
        }
    }

    #[test]
    fn modes_are_changed_of_the_library_and_of_its_own_directory_only() {
        if !rustix::process::geteuid().is_root() {
            return; // Everything here would belong to another user.
        }
        let root = Scratch::new("modes");
        root.file("/usr/lib/nss-bypass/x.so", 0o644);
        assert_eq!(verify(&root.0, Path::new("/usr/lib/nss-bypass/x.so")), Ok(()));
        for (mode, command) in [(0o600, "chmod a+r"), (0o664, "chmod go-w"), (0o646, "chmod go-w")] {
            root.mode("/usr/lib/nss-bypass/x.so", mode);
            assert_eq!(root.said("/usr/lib/nss-bypass/x.so").1, [format!("{command} R/usr/lib/nss-bypass/x.so")]);
        }
        root.mode("/usr/lib/nss-bypass/x.so", 0o644);
        for (mode, command) in [(0o700, "chmod a+x"), (0o1777, "chmod go-w")] {
            root.mode("/usr/lib/nss-bypass", mode);
            assert_eq!(root.said("/usr/lib/nss-bypass/x.so").1, [format!("{command} R/usr/lib/nss-bypass")]);
        }
        root.mode("/usr/lib/nss-bypass", 0o755);
        root.file("/tmp/x.so", 0o644);
        symlink("/tmp/x.so", root.0.outside(Path::new("/usr/lib/nss-bypass/link.so"))).unwrap();
        for (path, mode) in [("/tmp/x.so", 0o1777), ("/tmp/x.so", 0o700), ("/usr/lib/nss-bypass/link.so", 0o777)] {
            root.mode("/tmp", mode);
            let (what, lines) = root.said(path);
            assert!(what.starts_with(&format!("/tmp, a directory of {path}, is ")), "{what}");
            assert!(lines.iter().all(|line| !line.contains("chmod") && !line.contains("chown")), "{lines:?}");
            assert_eq!(lines[2], "nss-bypass enable --root R --library /usr/lib/nss-bypass/libnss_bypass.so");
        }
    }

    #[test]
    fn what_others_can_write_to_is_not_roots_alone() {
        let tree = Tree::new(Path::new("/")).unwrap();
        assert_eq!(is_roots_alone(&tree, Path::new("/etc/passwd")), Ok(()));
        let trouble = is_roots_alone(&tree, Path::new("/tmp/anything")).unwrap_err();
        assert!(trouble.what.contains("is writable by all users") && trouble.commands.is_empty(), "{trouble}");
    }

    #[test]
    fn a_file_that_everybody_is_to_read_gets_its_own_mode_changed() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let root = Scratch::new("readable");
        root.file("/usr/lib/rules.conf", 0o640);
        let look = || is_for_all(&root.0, Path::new("/usr/lib/rules.conf"), "reason");
        let trouble = look().unwrap_err();
        assert_eq!(trouble.why, "reason");
        assert_eq!(trouble.commands, [format!("chmod a+r {}/usr/lib/rules.conf", root.0.root().display())]);
        root.mode("/usr/lib/rules.conf", 0o604);
        assert_eq!(look(), Ok(()));
        assert_eq!(is_for_all(&root.0, Path::new("/usr/lib/none"), ""), Ok(()));
    }
}
