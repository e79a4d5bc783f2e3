//! Facts that do not depend on the name: the rules, the `hosts` line, the library, and the daemons at the sockets that
//! are used.

use std::path::Path;

use nss_bypass_core::files::nsswitch::Module;

use crate::diagnose::facts::{LineFacts, Loading};
use crate::diagnose::glibc;
use crate::diagnose::hosts_line::{self, HostsLine, Listed, ModuleState, UnreadableLine};
use crate::diagnose::rules::Rules;
use crate::diagnose::sockets::{self, QueriedService};
use crate::install::file::PRELOAD_FILE;
use crate::install::preloaded::Here;
use crate::install::tree::Tree;
use crate::install::trouble::Trouble;
use crate::install::verify::{self, PRELOAD_IS_FOR_ALL, RULES_ARE_FOR_ALL};
use crate::process::elf;
use crate::ui::screen::printable;

/// All of these facts.
pub(crate) struct Surroundings {
    pub(crate) rules: Rules,
    /// The `hosts` line in force.
    pub(crate) hosts_line: Result<HostsLine, UnreadableLine>,
    /// The line edited so that DNS is queried, and no daemon of another system; `None` if this is already so.
    pub(crate) edited_line: Option<HostsLine>,
    /// The modules of the line that are not installed.
    pub(crate) not_installed: Vec<Vec<u8>>,
    /// The daemons that the line uses.
    pub(crate) asked: Vec<QueriedService>,
    /// What is preloaded into programs that are started from here.
    pub(crate) here: Here,
    /// Whether the target of the verdict has loaded the library.
    pub(crate) is_loaded: bool,
    /// A description of the target.
    pub(crate) place: String,
    /// Whether the target is a process.
    pub(crate) is_about_process: bool,
    /// The root directory of this process as seen by a shell: `/proc/PID/root` for a container, otherwise empty.
    pub(crate) root: String,
}

impl Surroundings {
    /// Collects the facts. `process` is the name of the process for which the verdict is, and whether it has loaded the
    /// library. `executable` is that of the program for which the verdict is.
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
                around.edited_line = line.asking_dns(&|module| around.module_state(module));
            }
            Err(at) => around.edited_line = HostsLine::in_place_of(text.as_deref().unwrap_or_default(), *at, minor),
        }
        around
    }

    /// Returns the state of a module.
    pub(crate) fn module_state(&self, module: &[u8]) -> ModuleState {
        // A module that is not installed for the architecture of this command may be installed for another.
        if self.asked.iter().any(|asked| asked.module == module && asked.foreign_daemon().is_some()) {
            ModuleState::AsksForeignDaemon
        } else if self.is_not_installed(module) {
            ModuleState::NotInstalled
        } else {
            ModuleState::Works
        }
    }

    fn is_not_installed(&self, module: &[u8]) -> bool {
        self.not_installed.iter().any(|other| other == module)
    }

    /// Returns the modules that glibc asks: those of the line that are installed. A missing module at the end would
    /// turn "not found" into a system error.
    pub(crate) fn installed_modules(&self) -> Option<Vec<u8>> {
        let line = self.hosts_line.as_ref().ok()?;
        line.installed(&|module| self.is_not_installed(module))
    }

    pub(crate) fn line_facts(&self) -> LineFacts {
        match &self.hosts_line {
            Ok(line) => LineFacts {
                shown: format!("{}: {}", line.origin(), line.shown()),
                unreadable: None,
                obstacle: line.obstacle(&|module| self.module_state(module)),
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

    /// Returns whether lookups reach the library in programs that are started from here. `reaches` is the result of a
    /// trial.
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

    /// Returns a library that is loaded before this one, and defines lookup functions.
    fn before_the_library(&self) -> Option<String> {
        let before = self.here.words().map(|(_, word)| word).take_while(|word| word.library().is_none());
        let mut others = before.filter(|word| elf::read_elf(&word.path).is_ok_and(|elf| elf.defines_lookups));
        others.next().map(|word| printable(word.path.as_os_str().as_encoded_bytes()))
    }

    /// Returns the files that every program needs, and that some users cannot read: the path and the problem, with
    /// commands for the shell.
    pub(crate) fn unreadable(&self) -> Vec<(String, Trouble)> {
        let Ok(tree) = Tree::new(Path::new("/")) else { return Vec::new() };
        let files = [(self.rules.path.as_str(), RULES_ARE_FOR_ALL), (PRELOAD_FILE, PRELOAD_IS_FOR_ALL)];
        let troubles = files.into_iter().filter_map(|(path, why)| {
            let trouble = verify::is_for_all(&tree, Path::new(path), why).err()?;
            Some((path.to_owned(), self.for_shell(trouble)))
        });
        troubles.collect()
    }

    /// Adapts the commands for a problem with this process's files to the shell.
    pub(crate) fn for_shell(&self, mut trouble: Trouble) -> Trouble {
        // Commands with "nss-bypass enable" are for the system on which they are run.
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
