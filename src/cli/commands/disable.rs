//! `nss-bypass disable`: the library's words go from /etc/ld.so.preload, and nothing else.

use clap::Args;

use crate::install::progress::Progress;
use crate::install::replace::PreloadFile;
use crate::install::{Place, Trouble, end, warn_of_comments};
use crate::ui::exit::Exit;
use crate::ui::output::{say, warn};

const HELP: &str = "\
Examples:
  nss-bypass disable
  nss-bypass disable --root /mnt

The library's file may be gone already. Without --library, every
libnss_bypass.so is taken out. The status is 0 where none is in the file any
more, or none was, and 1 where the file could not be changed.";

/// Takes the library out of /etc/ld.so.preload, in any spelling, and nothing else.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Disable {
    #[command(flatten)]
    place: Place,
}

pub(crate) fn disable(arguments: &Disable) -> Exit {
    end("disable", run(&arguments.place))
}

fn run(place: &Place) -> Result<Exit, Trouble> {
    let tree = place.tree()?;
    let ours = place.ours(&tree);
    let on_disk = PreloadFile::lock(&tree, &mut Progress::new())?;
    let path = on_disk.path();
    let Some(old) = on_disk.read()? else {
        say(format_args!("There is no {}: nothing is to be taken out", path.display()));
        on_disk.tidy(b"")?;
        return Ok(Exit::Success);
    };
    let Some(new) = on_disk.take_out(&old, &|word| ours.is(&tree, word))? else {
        say(format_args!("{} does not name the library", path.display()));
        return Ok(Exit::Success);
    };
    if path.exists() {
        say(format_args!("{} does not name the library any more", path.display()));
    } else {
        say(format_args!("{} is gone: nothing else was in it", path.display()));
    }
    if let Some(warning) = warn_of_comments(&new) {
        warn(format_args!("nss-bypass disable: {warning}"));
    }
    say(format_args!("Programs that run keep it until they end."));
    Ok(Exit::Success)
}
