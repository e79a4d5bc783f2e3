//! `nss-bypass enable`: every program of the machine gets the library, after it was seen to do no harm.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use nss_bypass_core::sys::signal::Blocked;

use crate::install::progress::Progress;
use crate::install::replace::{Old, PreloadFile};
use crate::install::spelling::{self, Ours};
use crate::install::tree::Tree;
use crate::install::trial::{Trials, Way};
use crate::install::{LIBRARY_NAME, PRELOAD_FILE, Place, Trouble, end, file, path_of, usual_places, warn_of_comments};
use crate::ui::exit::Exit;
use crate::ui::output::{say, warn};

const HELP: &str = "\
Examples:
  nss-bypass enable --library /usr/local/lib/libnss_bypass.so
  nss-bypass enable --root /mnt --library /usr/lib/libnss_bypass.so
  nss-bypass enable --dry-run --library /usr/lib/libnss_bypass.so.new

The status is 0 where it is enabled, 1 where that was refused or rolled back,
and 3 where it could not be tried.";

/// Names the library in /etc/ld.so.preload, so that every program has it, after trials that show that it does no harm.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Enable {
    #[command(flatten)]
    place: Place,
    /// Only run the trials, and change nothing: for a library that is to take an enabled one's place
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn enable(arguments: &Enable) -> Exit {
    end("enable", if arguments.dry_run { only_try(&arguments.place) } else { run(&arguments.place) })
}

/// The root, and the library, which is safe to name there.
fn checked(place: &Place) -> Result<(Tree, PathBuf), Trouble> {
    let tree = place.tree()?;
    let library = place.library(&tree).ok_or_else(|| no_library(&tree))?;
    check_library(&tree, &library)?;
    Ok((tree, library))
}

fn only_try(place: &Place) -> Result<Exit, Trouble> {
    let (tree, library) = checked(place)?;
    let mut progress = Progress::new();
    let (_, tried) = choose_word(&tree, &library, &Trials::prepare(&tree, &mut progress)?, &mut progress)?;
    drop(progress);
    say(format_args!("{}: {tried} trials went as before; nothing was changed", library.display()));
    Ok(Exit::Success)
}

fn run(place: &Place) -> Result<Exit, Trouble> {
    let (tree, library) = checked(place)?;
    let mut progress = Progress::new();
    let on_disk = PreloadFile::lock(&tree, &mut progress)?;
    on_disk.check_owned(&tree)?;
    let old = read_tried(&on_disk, &tree, &library)?;
    let bytes = old.as_ref().map_or(&[][..], |old| &old.bytes);
    if is_there(&tree, bytes, &library)? {
        say(format_args!("{} is in {} already", library.display(), on_disk.path().display()));
        return Ok(Exit::Success);
    }
    let trials = Trials::prepare(&tree, &mut progress)?;
    let (word, _) = choose_word(&tree, &library, &trials, &mut progress)?;
    let new = file::with(bytes, word.as_os_str().as_bytes()).ok_or_else(not_readable)?;
    // Who is told to end now ends with a file that was tried, or with the old one.
    let _until_the_end = Blocked::all();
    on_disk.save(old.as_ref())?;
    on_disk.set_untried(true)?;
    on_disk.put(&new, old.as_ref())?;
    let tried = trials
        .run_with(&word, &library, Way::File, &mut progress)
        .map_err(|trouble| undo(&on_disk, old.as_ref(), trouble))?;
    on_disk.set_untried(false)?;
    drop(progress);
    say(format_args!("{} is in {}: {tried} trials went as before", library.display(), on_disk.path().display()));
    if word != library {
        say(format_args!(
            "It is written as {}: programs of 32 bits find an empty library there instead of a complaint, and ask nscd as \
             before.",
            word.display()
        ));
    }
    say(format_args!(
        "Programs that start from now on have it; \"nss-bypass status\" lists those that run without it."
    ));
    if let Some(warning) = warn_of_comments(&new) {
        warn(format_args!("nss-bypass enable: {warning}"));
    }
    Ok(Exit::Success)
}

/// The file, without a library whose trials were not seen to end, since a run was killed during them.
fn read_tried(on_disk: &PreloadFile, tree: &Tree, library: &Path) -> Result<Option<Old>, Trouble> {
    let old = on_disk.read()?;
    match &old {
        Some(untried) if on_disk.is_untried() => {
            let ours = Ours::named(tree, library);
            on_disk.take_out(untried, &|word| ours.is(tree, word))?;
            on_disk.read()
        }
        _ => Ok(old),
    }
}

/// How the file is to name the library: with `$LIB` where there is an empty one for other programs and all goes well with
/// both, or else by its path. And how many trials went well with it.
fn choose_word(
    tree: &Tree,
    library: &Path,
    trials: &Trials<'_>,
    progress: &mut Progress,
) -> Result<(PathBuf, usize), Trouble> {
    if let Some(word) = spelling::with_token(tree, library) {
        // Whatever may be loaded under that word is loaded into root's programs too.
        spelling::files(tree, &word).iter().try_for_each(|file| check_library(tree, file))?;
        if let Ok(tried) = trials.run_with(&word, library, Way::Variable, progress) {
            return Ok((word, tried));
        }
    }
    let tried = trials.run_with(library, library, Way::Variable, progress)?;
    Ok((library.to_owned(), tried))
}

fn undo(on_disk: &PreloadFile, old: Option<&Old>, trouble: Trouble) -> Trouble {
    match on_disk.roll_back(old) {
        Ok(()) => trouble.and("the file is again as it was"),
        Err(error) => trouble.and(&format!("AND THE FILE COULD NOT BE PUT BACK: {error}")),
    }
}

/// Whether the library is in the file, where a person would see it too. Another copy of it must go first.
fn is_there(tree: &Tree, bytes: &[u8], library: &Path) -> Result<bool, Trouble> {
    let (this, any) = (Ours::named(tree, library), Ours::any(tree, Some(library)));
    let entries = file::entries(bytes).into_iter().filter(|entry| !entry.in_comment);
    let words: Vec<&[u8]> = entries.map(|entry| entry.word(bytes)).filter(|word| any.is(tree, word)).collect();
    if let Some(other) = words.iter().find(|word| !this.is(tree, word)) {
        return Err(Trouble::new(
            format!("{PRELOAD_FILE} names another nss-bypass: {}", path_of(other).display()),
            "with two of them, only the first one answers, and which rules count is hard to see",
            "run \"nss-bypass disable\" first, which takes out both",
        ));
    }
    Ok(!words.is_empty())
}

fn check_library(tree: &Tree, library: &Path) -> Result<(), Trouble> {
    let shown = library.display();
    if !library.is_absolute() {
        return Err(Trouble::new(
            format!("{shown} is no absolute path"),
            "programs start in any folder, and the loader would look for it there",
            format!("write the whole path: {}", absolute(library).display()),
        ));
    }
    if !file::can_be_written(library.as_os_str().as_bytes()) {
        return Err(Trouble::new(
            format!("{shown} has a blank, \":\", \"#\" or \"$\" in its path"),
            format!("the loader takes these for something else in {PRELOAD_FILE}"),
            "put the library where the path has none of them",
        ));
    }
    let trail = tree
        .follow(library)
        .and_then(|trail| if trail.exists { Ok(trail) } else { Err(io::Error::from_raw_os_error(libc::ENOENT)) });
    let trail = trail.map_err(|error| {
        Trouble::new(
            format!("{shown}: {error}"),
            format!("every program would complain about a library in {PRELOAD_FILE} that is not there"),
            "copy the library there first, or name another place with --library",
        )
    })?;
    let status = tree.metadata(&trail.end).map_err(|error| Trouble::system(library, "look at it", &error))?;
    if !status.is_file() {
        return Err(Trouble::new(format!("{shown} is no regular file"), "it is no library", "name the library itself"));
    }
    tree.check_owned(library, &trail)?;
    tree.check_readable(library, &trail)?;
    let is_on_root = tree.is_on_root(&trail.end).map_err(|error| Trouble::system(library, "look at it", &error))?;
    if !is_on_root {
        return Err(Trouble::new(
            format!("{shown} is on another file system than /"),
            "early at boot, and when that file system is not mounted, every program would complain that it is missing",
            "copy the library to the root file system, say /usr/lib or /lib",
        ));
    }
    Ok(())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| Path::new("/usr/local/lib").join(LIBRARY_NAME))
}

fn no_library(tree: &Tree) -> Trouble {
    let places: Vec<_> = usual_places(tree).iter().map(|place| place.display().to_string()).collect();
    Trouble::new(
        format!("{LIBRARY_NAME} is in none of the usual places: {}", places.join(", ")),
        "there is nothing to enable",
        "say where it is: --library FILE",
    )
}

fn not_readable() -> Trouble {
    Trouble::new(
        format!("{PRELOAD_FILE} has a NUL byte in it"),
        "the loader reads up to there, and would not see what is written behind it",
        format!("take it out: tr -d '\\0' <{PRELOAD_FILE}"),
    )
}
