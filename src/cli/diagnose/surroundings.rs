//! What does not depend on the name: rules, the `hosts` line, the library, and what listens on the sockets that are asked.

use std::path::Path;

use nss_bypass_core::files::nsswitch::Module;

use crate::diagnose::facts::{LineFacts, Loading};
use crate::diagnose::glibc;
use crate::diagnose::hosts_line::{self, HostsLine, Listed, Standing, UnreadableLine};
use crate::diagnose::rules::Rules;
use crate::diagnose::sockets::{self, Asked};
use crate::install::file::PRELOAD_FILE;
use crate::install::preloaded::Here;
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::install::verify::{self, PRELOAD_IS_FOR_ALL, RULES_ARE_FOR_ALL};
use crate::process::elf;
use crate::ui::screen::printable;

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
    /// What is preloaded into programs that are started from here.
    pub(crate) here: Here,
    /// Whether the library is in what the verdict is for.
    pub(crate) is_loaded: bool,
    /// What that is.
    pub(crate) place: String,
    /// Whether it is a process.
    pub(crate) is_about_process: bool,
    /// Where this process's root is as a shell sees it: `/proc/PID/root` for a container, else nothing.
    pub(crate) root: String,
}

impl Surroundings {
    /// Looks. `process`: its name, and whether it has the library, where the verdict is for one. `executable`: the program's,
    /// where it is for one.
    pub(crate) fn look(process: Option<(&str, bool)>, root: &str, executable: Option<&Path>) -> Self {
        let here = Here::look();
        let (place, is_loaded) = match process {
            Some((name, has_library)) => (name.to_owned(), has_library),
            None => ("programs started here".to_owned(), here.loaded.is_some()),
        };
        let minor = nss_bypass_core::sys::glibc::minor();
        let text = std::fs::read(hosts_line::PATH).ok();
        let hosts_line = HostsLine::read(text.as_deref(), minor);
        let mut around = Self {
            rules: Rules::read(executable),
            hosts_line,
            edited_line: None,
            not_installed: Vec::new(),
            asked: Vec::new(),
            here,
            is_loaded,
            place,
            is_about_process: process.is_some(),
            root: root.to_owned(),
        };
        match &around.hosts_line {
            Ok(line) => {
                let others: Vec<Vec<u8>> = line.names().filter(is_other).map(<[u8]>::to_vec).collect();
                around.not_installed = glibc::not_installed(&others);
                around.asked = sockets::asked_by(line.names());
                around.edited_line = line.asking_dns(&|module| around.standing(module));
            }
            Err(at) => around.edited_line = HostsLine::in_place_of(text.as_deref().unwrap_or_default(), *at, minor),
        }
        around
    }

    /// What is known of a module.
    pub(crate) fn standing(&self, module: &[u8]) -> Standing {
        // Though it is not installed for this command's machine code, it may be for another's.
        if self.asked.iter().any(|asked| asked.module == module && asked.foreign_daemon().is_some()) {
            Standing::AsksForeignDaemon
        } else if self.is_not_installed(module) {
            Standing::NotInstalled
        } else {
            Standing::Works
        }
    }

    fn is_not_installed(&self, module: &[u8]) -> bool {
        self.not_installed.iter().any(|other| other == module)
    }

    /// The modules that glibc asks: those of the line that are installed. An absent one at the end would make "not found" a
    /// failure of the system.
    pub(crate) fn installed_modules(&self) -> Option<Vec<u8>> {
        let line = self.hosts_line.as_ref().ok()?;
        line.installed(&|module| self.is_not_installed(module))
    }

    pub(crate) fn line_facts(&self) -> LineFacts {
        match &self.hosts_line {
            Ok(line) => LineFacts {
                shown: format!("{}: {}", line.origin(), line.shown()),
                unreadable: None,
                obstacle: line.obstacle(&|module| self.standing(module)),
                listed: line.listed(),
                foreign_daemon: self.asked.iter().find_map(|asked| {
                    let daemon = asked.foreign_daemon()?;
                    Some(format!("{} ({})", asked.service.name, daemon.whereabouts()))
                }),
            },
            Err(line) => LineFacts {
                shown: String::new(),
                unreadable: Some(*line),
                obstacle: None,
                foreign_daemon: None,
                listed: Listed { files: false, dns: false, others: false },
            },
        }
    }

    /// Whether the library takes lookups in programs that are started from here. `reaches`: whether a trial reached it.
    pub(crate) fn loading(&self, reaches: Option<bool>) -> Loading {
        match (self.here.loaded.is_some(), reaches) {
            (false, _) => Loading::NotLoaded,
            (true, Some(false)) => match self.before_the_library() {
                Some(other) => Loading::TakenBy(other),
                None => Loading::SeesNothing,
            },
            (true, _) => Loading::Works,
        }
    }

    /// A library that is loaded before this one, and that has functions for looking hosts up.
    fn before_the_library(&self) -> Option<String> {
        let before = self.here.words().map(|(_, word)| word).take_while(|word| word.library().is_none());
        let mut others = before.filter(|word| elf::read_elf(&word.path).is_ok_and(|elf| elf.defines_lookups));
        others.next().map(|word| printable(word.path.as_os_str().as_encoded_bytes()))
    }

    /// Files that every program needs and that not every user can read: the path, and what is the matter, with commands
    /// for the shell.
    pub(crate) fn unreadable(&self) -> Vec<(String, Trouble)> {
        let Ok(tree) = Tree::new(Path::new("/")) else { return Vec::new() };
        let files = [(self.rules.path.as_str(), RULES_ARE_FOR_ALL), (PRELOAD_FILE, PRELOAD_IS_FOR_ALL)];
        let troubles = files.into_iter().filter_map(|(path, why)| {
            let trouble = verify::is_for_all(&tree, Path::new(path), why).err()?;
            Some((path.to_owned(), self.for_shell(trouble)))
        });
        troubles.collect()
    }

    /// A trouble with this process's files, with commands for the shell.
    pub(crate) fn for_shell(&self, mut trouble: Trouble) -> Trouble {
        // Those with "nss-bypass enable" are for the machine on which they are run.
        if !self.root.is_empty() && trouble.commands.iter().any(|line| line.starts_with("nss-bypass")) {
            trouble.commands.clear();
        }
        for line in &mut trouble.commands {
            *line = line.replace(" /", &format!(" {}/", self.root));
        }
        trouble
    }
}

fn is_other(name: &&[u8]) -> bool {
    ![Module::Files, Module::Dns].iter().any(|module| hosts_line::name(module) == *name)
}
