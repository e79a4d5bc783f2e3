//! `nss-bypass disable`: the library's words go from /etc/ld.so.preload, and nothing else.

use clap::Args;

use crate::exit::Exit;
use crate::preload::progress::Progress;
use crate::preload::replace::PreloadFile;
use crate::preload::{Place, Trouble, end, file, warn_of_comments};

/// The words behind `disable`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nss-bypass disable\n  nss-bypass disable --root /mnt\n\nThe library's file may be gone \
    already. Without --library, every libnss_bypass.so is taken out.\n\nExit codes: 0 it is not in the file any more, or \
    was not; 1 the file could not be changed."
)]
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
        println!("There is no {}: nothing is to be taken out", path.display());
        on_disk.tidy(b"")?;
        return Ok(Exit::Success);
    };
    let new = file::without(&old.bytes, &|word| ours.is(&tree, word));
    if new == old.bytes {
        println!("{} does not name the library", path.display());
        return Ok(Exit::Success);
    }
    if new.is_empty() && on_disk.was_absent() {
        on_disk.take_away()?;
        println!("{} is gone: nothing else was in it", path.display());
    } else {
        on_disk.put(&new, Some(&old))?;
        println!("{} does not name the library any more", path.display());
    }
    on_disk.tidy(&new)?;
    if let Some(warning) = warn_of_comments(&new) {
        eprintln!("nss-bypass disable: {warning}");
    }
    println!("Programs that run keep it until they end.");
    Ok(Exit::Success)
}
