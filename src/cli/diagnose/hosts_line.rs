//! The `hosts` line of nsswitch.conf: whether DNS is queried, what prevents it, and an edited line that permits it.

use std::ops::Range;

use nss_bypass_core::files::nsswitch::{self, Action, DatabaseLine, Module, Placed};
use nss_bypass_core::model::Status;

use crate::diagnose::edit::File;
use crate::ui::screen::printable;

/// The path of the file.
pub(crate) const PATH: &str = "/etc/nsswitch.conf";

/// The modules of a line that replaces an invalid or empty one.
const REPLACEMENT: &[u8] = b"files dns";

/// The line in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostsLine {
    /// `None` if it is glibc's default.
    place: Option<Place>,
    /// Its list of modules.
    modules: Vec<u8>,
    placed: Vec<Placed>,
    /// The minor version of the glibc that reads it.
    minor: u32,
}

/// The position of the line: its number, which is 0 for a line to be appended, and the text before and after its
/// modules.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    number: usize,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// The number of an invalid line, because of which glibc uses nothing of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnreadableLine(pub(crate) usize);

/// Why a name that DNS knows is not found with this line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DnsObstacle {
    /// `dns` is not in the line.
    NotListed,
    /// The lookup ends with this module and its actions, before `dns`.
    EndsBefore(String),
}

/// What the line lists, as far as resolvers other than libc's take it into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) files: bool,
    pub(crate) dns: bool,
    /// Whether there is another module, or an action with `!`.
    pub(crate) others: bool,
}

/// The state of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModuleState {
    /// It works.
    Works,
    /// Its library is not installed: glibc continues according to its action for UNAVAIL.
    NotInstalled,
    /// It queries a daemon of another system.
    AsksForeignDaemon,
}

/// Returns the name of a module, as in the line.
pub(crate) fn name(module: &Module) -> &[u8] {
    match module {
        Module::Files => b"files",
        Module::Dns => b"dns",
        Module::Other(name) => name,
    }
}

impl HostsLine {
    /// Parses the text of the file as the glibc of this minor version does; without a text, returns the default.
    pub(crate) fn read(text: Option<&[u8]>, minor: u32) -> Result<Self, UnreadableLine> {
        let text = text.unwrap_or_default();
        if let Some(line) = nsswitch::first_unreadable_line(text, minor) {
            return Err(UnreadableLine(line));
        }
        let line = nsswitch::line_of(text, b"hosts", minor);
        let modules = nsswitch::modules_of(text, b"hosts", minor).to_vec();
        let place = line.map(|DatabaseLine { number, before, after, .. }| Place {
            number,
            before: before.to_vec(),
            after: after.to_vec(),
        });
        let placed = nsswitch::parse_placed(&modules, minor).unwrap_or_default();
        Ok(Self { place, modules, placed, minor })
    }

    /// Returns a line to replace an invalid `hosts` line; `None` if another line is invalid.
    pub(crate) fn in_place_of(text: &[u8], line: UnreadableLine, minor: u32) -> Option<Self> {
        let at_fault = nsswitch::line_of(text, b"hosts", minor).filter(|hosts| hosts.number == line.0)?;
        let place = Place { number: at_fault.number, before: b"hosts: ".to_vec(), after: Vec::new() };
        Self::at(place, REPLACEMENT.to_vec(), minor)
    }

    /// Returns the list of modules.
    pub(crate) fn modules(&self) -> &[u8] {
        &self.modules
    }

    /// Returns the names of the modules, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.placed.iter().map(|placed| name(&placed.service.module))
    }

    /// Returns what the line lists.
    pub(crate) fn listed(&self) -> Listed {
        let has = |module: &Module| self.placed.iter().any(|placed| placed.service.module == *module);
        let is_other = |placed: &Placed| {
            let actions = self.modules.get(placed.actions.clone()).unwrap_or_default();
            matches!(placed.service.module, Module::Other(_)) || actions.contains(&b'!')
        };
        Listed { files: has(&Module::Files), dns: has(&Module::Dns), others: self.placed.iter().any(is_other) }
    }

    /// Formats the position of the line.
    pub(crate) fn origin(&self) -> String {
        match &self.place {
            Some(place) => format!("{PATH}:{}", place.number),
            None => format!("{PATH} (default)"),
        }
    }

    /// Formats the list of modules.
    pub(crate) fn shown(&self) -> String {
        printable(&self.modules).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Returns what prevents DNS from being queried about a name that no module before it knows.
    pub(crate) fn obstacle(&self, module_state: &dyn Fn(&[u8]) -> ModuleState) -> Option<DnsObstacle> {
        for placed in &self.placed {
            if placed.service.module == Module::Dns {
                return None;
            }
            let status = match module_state(name(&placed.service.module)) {
                ModuleState::NotInstalled => Status::Unavail,
                ModuleState::Works | ModuleState::AsksForeignDaemon => Status::NotFound,
            };
            if placed.service.actions.on(status) == Action::Return {
                let words = self.modules.get(placed.name.start..placed.actions.end).unwrap_or_default();
                return Some(DnsObstacle::EndsBefore(printable(words)));
            }
        }
        Some(DnsObstacle::NotListed)
    }

    /// Returns an edited line with which DNS is queried, and modules that query daemons of another system are not
    /// asked. Returns `None` if this is already so, or if glibc would not parse the new line as intended.
    pub(crate) fn asking_dns(&self, module_state: &dyn Fn(&[u8]) -> ModuleState) -> Option<Self> {
        let is_unwanted = |placed: &Placed| match module_state(name(&placed.service.module)) {
            ModuleState::Works => false,
            ModuleState::NotInstalled => placed.service.actions.on(Status::Unavail) == Action::Return,
            ModuleState::AsksForeignDaemon => true,
        };
        let asks_foreign_daemon = self.names().any(|name| module_state(name) == ModuleState::AsksForeignDaemon);
        if self.obstacle(module_state).is_none() && !asks_foreign_daemon {
            return None;
        }
        if self.placed.is_empty() {
            return self.with_modules(REPLACEMENT.to_vec());
        }
        let has_dns = self.placed.iter().any(|placed| placed.service.module == Module::Dns);
        let mut modules = Vec::new();
        let mut needs_dns = !has_dns;
        for placed in &self.placed {
            let words = if !is_unwanted(placed) {
                self.continuing(placed, modules_have_dns(&modules))
            } else if needs_dns {
                needs_dns = false;
                b"dns".to_vec()
            } else {
                continue;
            };
            modules.push(words);
        }
        if needs_dns {
            modules.push(b"dns".to_vec());
        }
        let edited = self.with_modules(modules.join(&b' '))?;
        let is_right = edited.obstacle(module_state).is_none() && !edited.placed.iter().any(is_unwanted);
        is_right.then_some(edited)
    }

    /// Returns a module with its actions; before `dns`, they are changed so that an unknown name does not end the
    /// lookup.
    fn continuing(&self, placed: &Placed, is_behind_dns: bool) -> Vec<u8> {
        let part = |range: &Range<usize>| self.modules.get(range.clone()).unwrap_or_default();
        let (name, actions) = (part(&placed.name), part(&placed.actions));
        let ends = placed.service.actions.on(Status::NotFound) == Action::Return;
        if placed.service.module == Module::Dns || is_behind_dns || !ends {
            return if actions.is_empty() { name.to_vec() } else { [name, b" ", actions].concat() };
        }
        // A later action for the same status takes precedence.
        let inside = actions.strip_suffix(b"]").unwrap_or(actions);
        let longer = [name, b" ", inside.trim_ascii_end(), b" NOTFOUND=continue]"].concat();
        let is_default = |words: &[u8]| {
            nsswitch::parse_services(words, self.minor)
                .is_some_and(|read| read.iter().all(|one| one.actions == Default::default()))
        };
        if is_default(&longer) { name.to_vec() } else { longer }
    }

    /// Returns the list of modules without those that are not installed and that glibc skips; `None` if none are left.
    pub(crate) fn installed(&self, is_not_installed: &dyn Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let is_passed_over = |placed: &Placed| {
            let ends = placed.service.actions.on(Status::Unavail) == Action::Return;
            is_not_installed(name(&placed.service.module)) && !ends
        };
        let wanted = self.placed.iter().filter(|placed| !is_passed_over(placed));
        let words = wanted.map(|placed| self.modules.get(placed.name.start..placed.actions.end).unwrap_or_default());
        let all = words.collect::<Vec<_>>().join(&b' ');
        (!all.is_empty()).then_some(all)
    }

    /// Returns the line with another list of modules.
    fn with_modules(&self, modules: Vec<u8>) -> Option<Self> {
        let appended = || Place { number: 0, before: b"hosts: ".to_vec(), after: Vec::new() };
        Self::at(self.place.clone().unwrap_or_else(appended), modules, self.minor)
    }

    /// Returns a line with these modules; `None` if glibc would not parse it as intended.
    fn at(place: Place, modules: Vec<u8>, minor: u32) -> Option<Self> {
        let text = [&place.before, &modules, &place.after, &b"\n"[..]].concat();
        let read = Self::read(Some(&text), minor).ok()?;
        (read.modules == modules).then_some(Self { place: Some(place), ..read })
    }

    /// Returns the text of the line; `None` if it is glibc's default.
    fn text(&self) -> Option<Vec<u8>> {
        let place = self.place.as_ref()?;
        Some([&place.before, &self.modules, &place.after].map(Vec::as_slice).concat())
    }

    /// Returns the command that replaces the old line by this one, in the file below `root`; `None` if it cannot be
    /// expressed in a shell command.
    pub(crate) fn command(&self, root: &str) -> Option<String> {
        self.command_for(&File::look(root, PATH))
    }

    fn command_for(&self, file: &File) -> Option<String> {
        let (number, text) = (self.place.as_ref()?.number, self.text()?);
        if number == 0 {
            return Some(file.append(&printable(&text)));
        }
        let mut replacement = String::new();
        for &byte in &text {
            match byte {
                b'/' | b'&' | b'\\' => replacement.extend(['\\', char::from(byte)]),
                b'\t' => replacement.push_str("\\t"),
                b' '..=b'~' => replacement.push(char::from(byte)),
                _ => return None,
            }
        }
        Some(file.sed(&format!("{number}s/.*/{replacement}/")))
    }
}

fn modules_have_dns(modules: &[Vec<u8>]) -> bool {
    modules.iter().any(|words| words.split(|&byte| byte == b' ').next() == Some(b"dns"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATEST: u32 = u32::MAX;

    fn line(text: &str) -> HostsLine {
        HostsLine::read(Some(text.as_bytes()), LATEST).unwrap()
    }

    fn module_state(name: &[u8]) -> ModuleState {
        match name {
            b"resolve" | b"mdns4_minimal" => ModuleState::AsksForeignDaemon,
            b"gone" => ModuleState::NotInstalled,
            _ => ModuleState::Works,
        }
    }

    #[test]
    fn what_keeps_dns_from_being_asked_is_named() {
        let ends = |words: &str| Some(DnsObstacle::EndsBefore(words.to_owned()));
        for (modules, expected) in [
            ("files dns", None),
            ("files", Some(DnsObstacle::NotListed)),
            ("", Some(DnsObstacle::NotListed)),
            ("files [NOTFOUND=return] dns", ends("files [NOTFOUND=return]")),
            ("files other[!unavail=return]dns", ends("other[!unavail=return]")),
            ("files gone [!UNAVAIL=return] dns", None),
            ("files gone [UNAVAIL=return] dns", ends("gone [UNAVAIL=return]")),
            ("files dns [NOTFOUND=return] other", None),
            ("files [TRYAGAIN=return] dns", None),
            ("[NOTFOUND=return] files dns", Some(DnsObstacle::NotListed)),
        ] {
            assert_eq!(line(&format!("hosts: {modules}\n")).obstacle(&module_state), expected, "{modules}");
        }
        assert_eq!(HostsLine::read(None, LATEST).unwrap().obstacle(&module_state), None);
        assert_eq!(HostsLine::read(Some(b"#\npasswd: files [x]\n"), LATEST), Err(UnreadableLine(2)));
    }

    #[test]
    fn before_2_33_an_edited_line_keeps_its_comment() {
        let line = HostsLine::read(Some(b"hosts: files # dns\n"), 31).unwrap();
        assert_eq!((line.shown().as_str(), line.obstacle(&module_state)), ("files", Some(DnsObstacle::NotListed)));
        let edited = line.asking_dns(&module_state).unwrap();
        assert_eq!(edited.text().unwrap(), b"hosts: files dns # dns");
    }

    #[test]
    fn what_is_listed_is_told() {
        let listed = |modules: &str| {
            let Listed { files, dns, others } = line(&format!("hosts: {modules}\n")).listed();
            (files, dns, others)
        };
        assert_eq!(listed("files"), (true, false, false));
        assert_eq!(listed("files [NOTFOUND=return] dns"), (true, true, false));
        assert_eq!(listed("files [!SUCCESS=return] dns"), (true, true, true));
        assert_eq!(listed("files myhostname"), (true, false, true));
    }

    #[test]
    fn the_edited_line_asks_dns_and_no_foreign_daemon_and_keeps_the_rest() {
        for (before, after) in [
            ("hosts: files [NOTFOUND=return] dns", Some("hosts: files dns")),
            ("hosts: resolve", Some("hosts: dns")),
            ("hosts:resolve", Some("hosts:dns")),
            ("  hosts : files resolve [!UNAVAIL=return]", Some("  hosts : files dns")),
            ("hosts\tfiles\tresolve[ !UNAVAIL = return ]dns", Some("hosts\tfiles dns")),
            (
                "hosts: files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns myhostname",
                Some("hosts: files dns myhostname"),
            ),
            ("hosts: mymachines resolve [!unavail=RETURN] files", Some("hosts: mymachines dns files")),
            (
                "hosts: files [SUCCESS=merge NOTFOUND=return] dns",
                Some("hosts: files [SUCCESS=merge NOTFOUND=return NOTFOUND=continue] dns"),
            ),
            ("hosts: files [!SUCCESS=return] dns", Some("hosts: files [!SUCCESS=return NOTFOUND=continue] dns")),
            ("hosts: files gone [UNAVAIL=return] dns", Some("hosts: files dns")),
            ("hosts: files", Some("hosts: files dns")),
            ("hosts: [NOTFOUND=return] files", Some("hosts: files dns")),
            ("hosts:", Some("hosts:files dns")),
            ("hosts: files dns", None),
            ("hosts: files dns [NOTFOUND=return] other", None),
            ("hosts: files # resolve", Some("hosts: files # dns")),
        ] {
            let edited = line(&format!("{before}\n")).asking_dns(&module_state);
            let text = edited.map(|line| String::from_utf8(line.text().unwrap()).unwrap());
            assert_eq!(text.as_deref(), after, "{before}");
        }
    }

    #[test]
    fn the_command_replaces_the_line_in_force() {
        let edited = line("passwd: files\nhosts: nis\nhosts:\tfiles a/b&c\\d\n").asking_dns(&module_state).unwrap();
        let expected = r"sed -i '3s/.*/hosts:\tfiles a\/b\&c\\d dns/' /etc/nsswitch.conf";
        assert_eq!(edited.command_for(&File::look("", PATH)).as_deref(), Some(expected));
        let odd = line("hosts: files \u{e4}\n").asking_dns(&module_state).unwrap();
        assert_eq!(odd.command(""), None);
    }
}
