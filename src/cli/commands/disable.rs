//! `nss-bypass disable`: removes the library's entries from /etc/ld.so.preload, and nothing else.

use clap::Args;

use crate::install::done::{Done, end_with};
use crate::install::place::Place;
use crate::install::preloaded::late_comment;
use crate::install::progress::Progress;
use crate::install::replace::PreloadFile;
use crate::install::trouble::Trouble;
use crate::ui::exit::Exit;

const HELP: &str = "\
Examples:
  nss-bypass disable
  nss-bypass disable --root /mnt
  nss-bypass disable --json | jq .changed

The file of the library need not exist any more. Without --library, all entries
that refer to a build of the library are removed, whatever its file name.

Exit status: 0 if the file has no such entry any more, 1 if it could not be
changed.";

/// Remove the library from /etc/ld.so.preload
///
/// Everything else in the file is kept.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Disable {
    #[command(flatten)]
    place: Place,
    /// Print JSON (docs/json.md)
    #[arg(long)]
    json: bool,
}

pub(crate) fn disable(arguments: &Disable) -> Exit {
    end_with("disable", arguments.json, run(&arguments.place))
}

fn run(place: &Place) -> Result<Done, Trouble> {
    let tree = place.tree()?;
    let ours = place.ours(&tree);
    let on_disk = PreloadFile::lock(&tree, &mut Progress::new())?;
    let path = on_disk.path();
    let mut done = Done::unchanged(&path);
    let Some(old) = on_disk.read()? else {
        done.say(format!("{} does not exist: there is nothing to remove", path.display()));
        on_disk.clean_up(b"")?;
        return Ok(done);
    };
    let Some(new) = on_disk.remove_entries(&old, &|word| ours.is(&tree, word))? else {
        done.say(format!("{} does not name the library", path.display()));
        return Ok(done);
    };
    done.changed = true;
    if path.exists() {
        done.say(format!("Removed the library from {}", path.display()));
    } else {
        done.say(format!("Removed {}, which contained nothing else", path.display()));
    }
    done.warnings.extend(late_comment(&new));
    done.say("Running programs keep the library until they exit.");
    Ok(done)
}
