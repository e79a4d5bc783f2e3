//! `nss-bypass enable`: loads the library into every program of the system, after trials.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use nss_bypass_core::model::Diagnostic;
use nss_bypass_core::sys::signal::Blocked;

use crate::install::done::{Done, end_with};
use crate::install::file::{self, PRELOAD_FILE, path_of};
use crate::install::library::NAME;
use crate::install::place::{Place, usual_places};
use crate::install::preloaded::late_comment;
use crate::install::progress::Progress;
use crate::install::replace::{Old, PreloadFile};
use crate::install::rules::Rules;
use crate::install::spelling::{self, Ours};
use crate::install::tree::Tree;
use crate::install::trial::{PreloadMethod, Trials};
use crate::install::trouble::Trouble;
use crate::install::verify::{self, verify};
use crate::ui::exit::Exit;

const HELP: &str = "\
Examples:
  nss-bypass enable --library /usr/local/lib/libnss_bypass.so
  nss-bypass enable --root /mnt --library /usr/lib/libnss_bypass.so
  nss-bypass enable --dry-run --library /usr/lib/libnss_bypass.so.new
  nss-bypass enable --json | jq .changed

Write the rules first: if no rule is in force, the library is not enabled,
unless --force is given.

Exit status: 0 if the library is enabled, 1 if that was refused or rolled back,
3 if the trials could not be run.";

/// Load the library into every program through /etc/ld.so.preload
///
/// Before and after the file is changed, programs are run with the library and without it. If they behave differently,
/// the file is left or restored as it was.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Enable {
    #[command(flatten)]
    place: Place,
    /// Run the trials and change nothing, for a library that is to replace an enabled one
    #[arg(long)]
    dry_run: bool,
    /// Enable the library even if no rule is in force, for rules that are added later or set in NSS_BYPASS
    #[arg(long)]
    force: bool,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
}

pub(crate) fn enable(arguments: &Enable) -> Exit {
    let done = if arguments.dry_run { only_try(&arguments.place) } else { run(arguments) };
    end_with("enable", arguments.json, done)
}

/// Returns the root, and a library that is safe to enable there.
fn checked(place: &Place) -> Result<(Tree, PathBuf), Trouble> {
    let tree = place.tree()?;
    let library = place.library(&tree).ok_or_else(|| no_library(&tree))?;
    verify(&tree, &library)?;
    Ok((tree, library))
}

fn only_try(place: &Place) -> Result<Done, Trouble> {
    let (tree, library) = checked(place)?;
    let mut progress = Progress::new();
    let (_, tried) = choose_word(&tree, &library, &Trials::prepare(&tree, &mut progress)?, &mut progress)?;
    let mut done = Done::unchanged(Path::new(PRELOAD_FILE));
    done.trials = Some(tried);
    done.say(format!("{}: {tried} trials passed; nothing was changed", library.display()));
    Ok(done)
}

fn run(arguments: &Enable) -> Result<Done, Trouble> {
    let (tree, library) = checked(&arguments.place)?;
    let rules = Rules::read(&tree);
    if let Some(trouble) = rules.none_in_force().filter(|_| !arguments.force) {
        return Err(trouble);
    }
    let mut progress = Progress::new();
    let on_disk = PreloadFile::lock(&tree, &mut progress)?;
    on_disk.check_owned(&tree)?;
    let old = read_tried(&on_disk, &tree, &library)?;
    let bytes = old.as_ref().map_or(&[][..], |old| &old.bytes);
    let mut done = Done::unchanged(&on_disk.path());
    if is_there(&tree, bytes, &library)? {
        done.say(format!("{} is already in {}", library.display(), on_disk.path().display()));
    } else {
        let trials = Trials::prepare(&tree, &mut progress)?;
        let (word, _) = choose_word(&tree, &library, &trials, &mut progress)?;
        let new = file::with(bytes, word.as_os_str().as_bytes()).ok_or_else(not_readable)?;
        let put = || trials.run_with(&word, &library, PreloadMethod::File, &mut progress);
        let tried = replace_and_try(&on_disk, old.as_ref(), &new, put)?;
        done.changed = true;
        done.trials = Some(tried);
        describe(&mut done, &library, &word);
        done.warnings.extend(late_comment(&new));
    }
    drop(progress);
    done.warnings.extend(of_rules(rules, &tree));
    Ok(done)
}

/// Replaces the file, and restores the old one if the trials fail.
fn replace_and_try(
    on_disk: &PreloadFile,
    old: Option<&Old>,
    new: &[u8],
    trials: impl FnOnce() -> Result<usize, Trouble>,
) -> Result<usize, Trouble> {
    // If this process is told to terminate, it leaves behind either a file that has been tried, or the old one.
    let _until_the_end = Blocked::all();
    on_disk.save(old)?;
    on_disk.set_untried(true)?;
    if let Err(trouble) = on_disk.put(new, old) {
        // A file that was not replaced, such as a mount point, needs neither the marker nor the copy.
        on_disk.clean_up(old.map_or(b"", |old| &old.bytes))?;
        return Err(trouble);
    }
    let tried = trials().map_err(|trouble| undo(on_disk, old, trouble))?;
    on_disk.set_untried(false)?;
    Ok(tried)
}

fn describe(done: &mut Done, library: &Path, word: &Path) {
    let tried = done.trials.unwrap_or_default();
    done.word = Some(word.display().to_string());
    done.say(format!("Added {} to {}: {tried} trials passed", library.display(), done.file));
    if word != library {
        done.say(format!(
            "The entry is {}, for which 32-bit programs load an empty library instead of printing a warning; they ask \
             nscd as before.",
            word.display()
        ));
    }
    done.say("Programs that are started from now on load it; \"nss-bypass status\" lists those that run without it.");
}

/// Returns warnings about rules and files that would not have the expected effect.
fn of_rules(rules: Rules, tree: &Tree) -> Vec<Trouble> {
    let fault = |fault: &Diagnostic| {
        let why = "the line is ignored by all programs";
        Trouble::new(fault.to_string(), why, "correct it; \"nss-bypass check\" checks all lines")
    };
    let mut warnings: Vec<Trouble> = rules.faults().iter().map(fault).collect();
    warnings.extend(rules.private);
    warnings.extend(verify::is_for_all(tree, Path::new(PRELOAD_FILE), verify::PRELOAD_IS_FOR_ALL).err());
    warnings
}

/// Returns the file, without a library whose trials are incomplete because a run was killed.
fn read_tried(on_disk: &PreloadFile, tree: &Tree, library: &Path) -> Result<Option<Old>, Trouble> {
    let old = on_disk.read()?;
    match &old {
        Some(untried) if on_disk.is_untried() => {
            let ours = Ours::named(tree, library);
            on_disk.remove_entries(untried, &|word| ours.is(tree, word))?;
            on_disk.read()
        }
        _ => Ok(old),
    }
}

/// Returns the entry for the file: with `$LIB` if there is an empty library for other programs and the trials succeed
/// with both, otherwise the library's path. Also returns how many trials succeeded.
fn choose_word(
    tree: &Tree,
    library: &Path,
    trials: &Trials<'_>,
    progress: &mut Progress,
) -> Result<(PathBuf, usize), Trouble> {
    if let Some(word) = spelling::with_token(tree, library) {
        // Any file that the entry may refer to is loaded into root's programs too.
        let files = spelling::files(tree, word.as_os_str().as_bytes());
        files.iter().try_for_each(|file| verify(tree, file))?;
        if let Ok(tried) = trials.run_with(&word, library, PreloadMethod::Variable, progress) {
            return Ok((word, tried));
        }
    }
    let tried = trials.run_with(library, library, PreloadMethod::Variable, progress)?;
    Ok((library.to_owned(), tried))
}

fn undo(on_disk: &PreloadFile, old: Option<&Old>, trouble: Trouble) -> Trouble {
    match on_disk.roll_back(old) {
        Ok(()) => trouble.and("the file was restored"),
        Err(error) => trouble.and(&format!("THE FILE COULD NOT BE RESTORED: {error}")),
    }
}

/// Returns whether the library is in the file, not counting comments. Fails if another copy of it is in the file.
fn is_there(tree: &Tree, bytes: &[u8], library: &Path) -> Result<bool, Trouble> {
    let (this, any) = (Ours::named(tree, library), Ours::any(tree, Some(library)));
    let entries = file::entries(bytes).into_iter().filter(|entry| !entry.in_comment);
    let words: Vec<&[u8]> = entries.map(|entry| entry.word(bytes)).filter(|word| any.is(tree, word)).collect();
    if let Some(other) = words.iter().find(|word| !this.is(tree, word)) {
        return Err(Trouble::new(
            format!("{PRELOAD_FILE} names another copy of the library: {}", path_of(other).display()),
            "of two copies, only the first one answers lookups",
            "run \"nss-bypass disable\" first, which removes both",
        ));
    }
    Ok(!words.is_empty())
}

fn no_library(tree: &Tree) -> Trouble {
    let places: Vec<_> = usual_places(tree).iter().map(|place| place.display().to_string()).collect();
    Trouble::new(
        format!("{NAME} was not found in: {}", places.join(", ")),
        "there is nothing to enable",
        "name it with --library FILE",
    )
}

fn not_readable() -> Trouble {
    Trouble::new(
        format!("{PRELOAD_FILE} contains a NUL byte"),
        "ld.so ignores everything after it",
        format!("remove it, such as with tr -d '\\0' <{PRELOAD_FILE}"),
    )
}
