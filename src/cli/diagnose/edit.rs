//! Shell commands that change a file of this system, or of a container as its host sees it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::install::mounts;
use crate::install::tree::Tree;
use crate::ui::screen::quoted;

/// A file to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name in the shell.
    name: String,
    /// Whether it is a mount point, as container runtimes mount single files: no file can be renamed over it.
    is_mount_point: bool,
    /// Whether its last line has no newline.
    lacks_final_newline: bool,
}

impl File {
    /// Examines the file. `root` is the root directory of this process as seen by the shell.
    pub(crate) fn look(root: &str, path: &str) -> Self {
        let end = without_links(Path::new(path));
        let text = fs::read(&end).unwrap_or_default();
        Self {
            name: below(root, path),
            is_mount_point: mounts::is_mount_point(&end),
            lacks_final_newline: text.last().is_some_and(|&byte| byte != b'\n'),
        }
    }

    /// Returns the command that appends a line.
    pub(crate) fn append(&self, line: &str) -> String {
        let (line, name) = (apostrophes(line), &self.name);
        if self.lacks_final_newline {
            format!("printf '\\n%s\\n' {line} >>{name}")
        } else {
            format!("echo {line} >>{name}")
        }
    }

    /// Returns the command that applies a script of sed(1). `sed -i` replaces the file, if that is possible; otherwise
    /// the whole new text is read before the old one is overwritten.
    pub(crate) fn sed(&self, script: &str) -> String {
        let (script, name) = (apostrophes(script), &self.name);
        if self.is_mount_point {
            format!("text=$(sed {script} {name}) && printf '%s\\n' \"$text\" >{name}")
        } else {
            format!("sed -i {script} {name}")
        }
    }
}

/// Returns a path of this process for the shell, without symbolic links: `sed -i` would replace a link, and outside of
/// a container, links in it lead elsewhere.
pub(crate) fn below(root: &str, path: &str) -> String {
    format!("{root}{}", quoted(&without_links(Path::new(path)).to_string_lossy()))
}

fn without_links(path: &Path) -> PathBuf {
    let Ok(tree) = Tree::new(Path::new("/")) else { return path.to_owned() };
    // A missing component is not a link.
    let found = path.ancestors().filter(|_| path.is_absolute()).find_map(|above| {
        let end = tree.follow(above).ok()?.end;
        let rest = path.strip_prefix(above).ok()?;
        Some(if rest.as_os_str().is_empty() { end } else { end.join(rest) })
    });
    found.unwrap_or_else(|| path.to_owned())
}

/// Quotes a text for a shell, always with apostrophes.
fn apostrophes(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_lines_depend_on_the_file() {
        let plain = File { name: "/etc/x".to_owned(), ..File::default() };
        assert_eq!(plain.append("it's"), r"echo 'it'\''s' >>/etc/x");
        assert_eq!(plain.sed("1d"), "sed -i '1d' /etc/x");
        let mounted = File { is_mount_point: true, lacks_final_newline: true, ..plain };
        assert_eq!(mounted.append("a"), r"printf '\n%s\n' 'a' >>/etc/x");
        assert_eq!(mounted.sed("1d"), r#"text=$(sed '1d' /etc/x) && printf '%s\n' "$text" >/etc/x"#);
    }

    #[test]
    fn links_are_followed_and_what_is_missing_is_named() {
        let directory = std::env::temp_dir().join(format!("nss-bypass-edit-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("real")).unwrap();
        fs::write(directory.join("real/file"), "a").unwrap();
        symlink("real/file", directory.join("link")).unwrap();
        symlink("real", directory.join("directory")).unwrap();
        let directory = directory.canonicalize().unwrap();
        let shown = |name: &str| below("/R", &directory.join(name).to_string_lossy());
        let expected = |name: &str| format!("/R{}", directory.join(name).display());
        assert_eq!(shown("link"), expected("real/file"));
        assert_eq!(shown("directory/none"), expected("real/none"));
        assert_eq!(shown("directory/none/deeper"), expected("real/none/deeper"));
        assert_eq!(below("", "relative"), "relative");
        let file = File::look("", &directory.join("link").to_string_lossy());
        assert!(file.lacks_final_newline && !file.is_mount_point);
        assert!(File::look("", "/proc").is_mount_point);
        fs::remove_dir_all(&directory).unwrap();
    }
}
