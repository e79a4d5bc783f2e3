//! What does not depend on the name: rules, the `hosts` line, the library, and who listens on the sockets that are asked.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nss_bypass_core::files::nsswitch::Module;

use crate::diagnose::facts::{LineFacts, Loading};
use crate::diagnose::glibc;
use crate::diagnose::hosts_line::{self, HostsLine, Standing, UnreadableLine};
use crate::diagnose::rules::Rules;
use crate::diagnose::sockets::{self, Asked};
use crate::process::{loaded, preloads};

/// All of it.
pub(crate) struct Surroundings {
    pub(crate) rules: Rules,
    /// The `hosts` line in force.
    pub(crate) hosts_line: Result<HostsLine, UnreadableLine>,
    /// The same line where DNS is asked, and no daemon of another machine; none where it is so already.
    pub(crate) edited_line: Option<HostsLine>,
    /// Modules of the line that are not installed.
    pub(crate) not_installed: Vec<Vec<u8>>,
    /// Daemons that the line asks.
    pub(crate) asked: Vec<Asked>,
    /// Whether the library is in programs that are started from here.
    pub(crate) is_loaded: bool,
}

impl Surroundings {
    /// Looks.
    pub(crate) fn look() -> Self {
        let text = std::fs::read(hosts_line::PATH).ok();
        let hosts_line = HostsLine::read(text.as_deref());
        let mut around = Self {
            rules: Rules::read(),
            hosts_line,
            edited_line: None,
            not_installed: Vec::new(),
            asked: Vec::new(),
            is_loaded: loaded::is_here(),
        };
        match &around.hosts_line {
            Ok(line) => {
                let others: Vec<Vec<u8>> = line.names().filter(is_other).map(<[u8]>::to_vec).collect();
                around.not_installed = glibc::not_installed(&others);
                around.asked = sockets::asked_by(line.names());
                around.edited_line = line.asking_dns(&|module| around.standing(module));
            }
            Err(at) => around.edited_line = HostsLine::in_place_of(text.as_deref().unwrap_or_default(), *at),
        }
        around
    }

    /// What is known of a module.
    pub(crate) fn standing(&self, module: &[u8]) -> Standing {
        if self.not_installed.iter().any(|other| other == module) {
            Standing::NotInstalled
        } else if self.asked.iter().any(|asked| asked.module == module && asked.stranger().is_some()) {
            Standing::AsksStranger
        } else {
            Standing::Works
        }
    }

    /// The modules that glibc asks: those of the line that are installed. An absent one at the end would make "not found" a
    /// failure of the system.
    pub(crate) fn installed_modules(&self) -> Option<Vec<u8>> {
        let line = self.hosts_line.as_ref().ok()?;
        line.installed(&|module| self.standing(module))
    }

    pub(crate) fn line_facts(&self) -> LineFacts {
        match &self.hosts_line {
            Ok(line) => LineFacts {
                shown: format!("{}: {}", line.origin(), line.shown()),
                unreadable: None,
                obstacle: line.obstacle(&|module| self.standing(module)),
                stranger: self.asked.iter().find_map(|asked| {
                    let daemon = asked.stranger()?;
                    Some(format!("{} ({})", asked.service.name, daemon.whereabouts()))
                }),
            },
            Err(line) => {
                LineFacts { shown: String::new(), unreadable: Some(*line), obstacle: None, stranger: None }
            }
        }
    }

    /// Whether the library takes lookups in programs that are started from here. `reaches`: whether a trial reached it.
    pub(crate) fn loading(&self, reaches: Option<bool>) -> Loading {
        match (self.is_loaded, reaches) {
            (false, _) => Loading::NotLoaded,
            (true, Some(false)) => match preloads::before_the_library() {
                Some(other) => Loading::TakenBy(other),
                None => Loading::SeesNothing,
            },
            (true, _) => Loading::Works,
        }
    }

    /// Files that every program needs and that not every user can read.
    pub(crate) fn unreadable(&self) -> Vec<String> {
        const READABLE_BY_ALL: u32 = 0o004;
        let files = [self.rules.path.as_str(), loaded::PRELOAD_FILE];
        let is_unreadable =
            |path: &&str| Path::new(path).metadata().is_ok_and(|status| status.mode() & READABLE_BY_ALL == 0);
        files.into_iter().filter(is_unreadable).map(str::to_owned).collect()
    }
}

fn is_other(name: &&[u8]) -> bool {
    ![Module::Files, Module::Dns].iter().any(|module| hosts_line::name(module) == *name)
}
