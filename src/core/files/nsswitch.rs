//! nsswitch.conf(5): which modules are asked, and after which results the next module is asked (glibc,
//! nss/nss_database.c, nss/nss_action_parse.c; before 2.33, nss/nsswitch.c).
//!
//! The meaning of a file depends on the release of glibc, so the functions have its minor version as a parameter.

use std::ops::Range;

use super::text::{is_space, lines, trim_start};
use crate::model::{Miss, Status};
use crate::sys::glibc;

/// A module: a service of a line of nsswitch.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// `files`: /etc/hosts or /etc/services.
    Files,
    /// `dns`: the name servers of resolv.conf.
    Dns,
    /// A module that only libc can load.
    Other(Box<[u8]>),
}

/// The action after a result of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the next module.
    Continue,
    /// Return the result.
    Return,
    /// Like `Continue`: results of the hosts database cannot be merged.
    Merge,
}

/// The actions of a module, one for each status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions {
    /// The action after a successful lookup.
    pub success: Action,
    not_found: Action,
    try_again: Action,
    unavail: Action,
}

impl Default for Actions {
    fn default() -> Self {
        let next = Action::Continue;
        Self { success: Action::Return, not_found: next, try_again: next, unavail: next }
    }
}

impl Actions {
    /// Returns the action after a result.
    pub fn after<T>(&self, result: &Result<T, Miss>) -> Action {
        match result {
            Ok(_) => self.success,
            Err(miss) => self.on(miss.status),
        }
    }

    /// Returns the action after an unsuccessful lookup with this status.
    pub fn on(&self, status: Status) -> Action {
        match status {
            Status::NotFound => self.not_found,
            Status::TryAgain => self.try_again,
            Status::Unavail => self.unavail,
        }
    }
}

/// A module with its actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The module.
    pub module: Module,
    /// Its actions.
    pub actions: Actions,
}

/// The databases that glibc knows (nss/databases.def). It ignores lines of others.
const DATABASES: [&[u8]; 17] = [
    b"aliases",
    b"ethers",
    b"group",
    b"group_compat",
    b"gshadow",
    b"hosts",
    b"initgroups",
    b"netgroup",
    b"networks",
    b"passwd",
    b"passwd_compat",
    b"protocols",
    b"publickey",
    b"rpc",
    b"services",
    b"shadow",
    b"shadow_compat",
];

/// The lines of the file that nss-bypass uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nsswitch {
    /// The modules of the hosts database.
    pub hosts: Vec<Service>,
    /// The modules of the services database.
    pub services: Vec<Service>,
}

/// Parses the file. Returns `None` if the line of any database is invalid: since 2.33, all lookups of glibc fail then.
///
/// Since 2.33, there are no comments either: `#` begins an unknown database or, later in a line, an unknown module. The
/// text after the last newline is ignored. If a database has several lines, the last one applies.
pub fn parse(text: Option<&[u8]>, minor: u32) -> Option<Nsswitch> {
    let text = text.unwrap_or_default();
    if first_unreadable_line(text, minor).is_some() {
        return None;
    }
    let services_of = |database| parse_services(modules_of(text, database, minor), minor).unwrap_or_default();
    Some(Nsswitch { hosts: services_of(b"hosts"), services: services_of(b"services") })
}

/// Returns the list of modules of a database: that of its line, or glibc's default.
pub fn modules_of<'a>(text: &'a [u8], database: &[u8], minor: u32) -> &'a [u8] {
    line_of(text, database, minor).map_or_else(|| default_modules(database, minor), |line| line.modules)
}

/// Returns glibc's list of modules for a database that has no line.
fn default_modules(database: &[u8], minor: u32) -> &'static [u8] {
    match database {
        b"hosts" if minor >= glibc::FILES_BEFORE_DNS => b"files dns",
        b"hosts" => b"dns [!UNAVAIL=return] files",
        _ => b"files",
    }
}

/// A module with its actions, and their positions in the text from which they were parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The module and its actions.
    pub service: Service,
    /// The position of the module's name.
    pub name: Range<usize>,
    /// The position of the actions, including the brackets; empty if there are none.
    pub actions: Range<usize>,
}

/// The line of a database that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseLine<'a> {
    /// Its line number, from 1.
    pub number: usize,
    /// The name of the database, with the blanks and the colon around it.
    pub before: &'a [u8],
    /// The list of modules, for [`parse_services`].
    pub modules: &'a [u8],
    /// The comment after it.
    pub after: &'a [u8],
}

/// Splits a line into the name of the database and the list of modules. Returns `None` if glibc does not know the
/// database.
fn split_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let ends = |byte: &u8| is_space(*byte) || *byte == b':';
    let line = trim_start(line);
    let end = line.iter().position(ends).unwrap_or(line.len());
    let (database, rest) = line.split_at_checked(end)?;
    let start = rest.iter().position(|byte| !ends(byte)).unwrap_or(rest.len());
    DATABASES.contains(&database).then_some((database, rest.get(start..).unwrap_or_default()))
}

/// Returns the lines with their numbers, each split into text and comment. Before 2.33, a comment begins at `#`, or at
/// the blanks before it. Since 2.33, the text after the last newline is ignored.
fn read_lines(text: &[u8], minor: u32) -> impl Iterator<Item = (usize, (&[u8], &[u8]))> {
    let has_comments = minor < glibc::NSS_DATABASE;
    let end = if has_comments { Some(text.len()) } else { text.iter().rposition(|&byte| byte == b'\n') };
    let whole = end.and_then(|end| text.get(..end)).unwrap_or_default();
    (1..).zip(lines(whole).map(move |line| if has_comments { split_comment(line) } else { (line, &[][..]) }))
}

fn split_comment(line: &[u8]) -> (&[u8], &[u8]) {
    let hash = line.iter().position(|&byte| byte == b'#').unwrap_or(line.len());
    let before = line.get(..hash).unwrap_or_default();
    let end = before.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1);
    line.split_at_checked(end).unwrap_or((line, &[]))
}

/// Returns the line of a database that applies, which is the last one; `None` if the default applies.
pub fn line_of<'a>(text: &'a [u8], database: &[u8], minor: u32) -> Option<DatabaseLine<'a>> {
    let all = read_lines(text, minor).filter_map(|(number, (line, after))| {
        let (named, modules) = split_line(line)?;
        let before = line.strip_suffix(modules)?;
        (named == database).then_some(DatabaseLine { number, before, modules, after })
    });
    let line = all.last()?;
    if minor >= glibc::NSS_DATABASE {
        return Some(line);
    }
    // The modules before an invalid one are used, and a line without a valid module is ignored.
    let placed = parse_placed(line.modules, minor)?;
    let modules = line.modules.get(..placed.last()?.actions.end)?;
    Some(DatabaseLine { modules, ..line })
}

/// Returns the number of the first invalid line. If there is one, glibc uses nothing of the file.
pub fn first_unreadable_line(text: &[u8], minor: u32) -> Option<usize> {
    let is_unreadable = |line| split_line(line).is_some_and(|(_, modules)| parse_services(modules, minor).is_none());
    read_lines(text, minor).find(|(_, (line, _))| is_unreadable(line)).map(|(number, _)| number)
}

/// Parses a list of modules, each optionally followed by actions in brackets. If an item is invalid, there is no list
/// since 2.33; before, the list ends there. Programs pass lists of this form to `__nss_configure_lookup`.
pub fn parse_services(text: &[u8], minor: u32) -> Option<Vec<Service>> {
    parse_placed(text, minor).map(|placed| placed.into_iter().map(|placed| placed.service).collect())
}

/// Like [`parse_services`], with the positions of modules and actions, for editing a line.
pub fn parse_placed(text: &[u8], minor: u32) -> Option<Vec<Placed>> {
    let mut services = Vec::new();
    let is_readable = parse_each(text, |placed| services.push(placed)).is_some();
    (is_readable || minor < glibc::NSS_DATABASE).then_some(services)
}

fn parse_each(text: &[u8], mut each: impl FnMut(Placed)) -> Option<()> {
    let at = |rest: &[u8]| text.len() - rest.len();
    let mut rest = trim_start(text);
    loop {
        let start = at(rest);
        let end = rest.iter().position(|&byte| is_space(byte) || byte == b'[').unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        let module = match name {
            b"" => return Some(()), // Also for brackets that follow no module.
            b"files" => Module::Files,
            b"dns" => Module::Dns,
            other => Module::Other(other.into()),
        };
        let mut actions = Actions::default();
        let name = start..at(after);
        let mut brackets = name.end..name.end;
        rest = trim_start(after);
        if let Some(bracketed) = rest.strip_prefix(b"[") {
            let behind = parse_actions(bracketed, &mut actions)?;
            brackets = at(rest)..at(behind);
            rest = trim_start(behind);
        }
        each(Placed { service: Service { module, actions }, name, actions: brackets });
    }
}

/// Parses actions up to the closing bracket, and returns the text after it.
fn parse_actions<'a>(text: &'a [u8], actions: &mut Actions) -> Option<&'a [u8]> {
    let mut rest = trim_start(text);
    loop {
        let (others, item) = rest.strip_prefix(b"!").map_or((false, rest), |item| (true, item));
        let (status, after) = action_word(item)?;
        let (action, after) = action_word(trim_start(trim_start(after).strip_prefix(b"=")?))?;
        let is = |name: &[u8]| action.eq_ignore_ascii_case(name);
        let action = match () {
            () if is(b"return") => Action::Return,
            () if is(b"continue") => Action::Continue,
            () if is(b"merge") => Action::Merge,
            () => return None,
        };
        let Actions { success, not_found, try_again, unavail } = actions;
        let slots = [success, not_found, try_again, unavail];
        let which = [&b"success"[..], b"notfound", b"tryagain", b"unavail"];
        let which = which.iter().position(|name| name.eq_ignore_ascii_case(status))?;
        for (index, slot) in slots.into_iter().enumerate() {
            if (index == which) != others {
                *slot = action;
            }
        }
        rest = trim_start(after);
        if let Some(after) = rest.strip_prefix(b"]") {
            return Some(after);
        }
    }
}

fn action_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|&byte| is_space(byte) || matches!(byte, b'=' | b']')).unwrap_or(text.len());
    text.split_at_checked(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATEST: u32 = glibc::FILES_BEFORE_DNS;

    fn hosts(text: Option<&[u8]>) -> Option<Vec<Service>> {
        parse(text, LATEST).map(|read| read.hosts)
    }

    fn names(text: &[u8]) -> Vec<String> {
        names_in(text, LATEST)
    }

    fn names_in(text: &[u8], minor: u32) -> Vec<String> {
        let name = |service: &Service| match &service.module {
            Module::Files => "files".to_owned(),
            Module::Dns => "dns".to_owned(),
            Module::Other(name) => String::from_utf8_lossy(name).into_owned(),
        };
        parse(Some(text), minor).unwrap().hosts.iter().map(name).collect()
    }

    #[test]
    fn the_default_is_files_and_dns() {
        assert_eq!(hosts(None), hosts(Some(b"hosts: files dns\n")));
        assert_eq!(names(b"passwd: files\n"), ["files", "dns"]);
        for bad in ["files [bad", "files [NOTFOUND=nonsense] dns", "files [NONSENSE=return] dns", "files [] dns"] {
            assert_eq!(hosts(Some(format!("hosts: {bad}\n").as_bytes())), None, "{bad}");
            assert_eq!(hosts(Some(format!("passwd: {bad}\nhosts: files\n").as_bytes())), None, "{bad}");
            assert!(hosts(Some(format!("sudoers: {bad}\nhosts: files\n").as_bytes())).is_some(), "{bad}");
        }
    }

    #[test]
    fn services_have_a_line_of_their_own() {
        let services = |text: &[u8]| parse(Some(text), LATEST).map(|read| read.services.len());
        assert_eq!(services(b"hosts: dns\n"), Some(1));
        assert_eq!(services(b"services: db files\nhosts: dns\n"), Some(2));
    }

    #[test]
    fn modules_come_in_the_files_order() {
        assert_eq!(
            names(b"  hosts:\tdns mdns4_minimal [NOTFOUND=return]files # x\n"),
            ["dns", "mdns4_minimal", "files", "#", "x"]
        );
        assert!(names(b"hosts: [NOTFOUND=return] files dns\n").is_empty());
        assert!(names(b"hosts:\n").is_empty());
        assert_eq!(names(b"hosts: dns\nhosts: files\n"), ["files"]);
        // The last line is ignored if it does not end in a newline.
        assert_eq!(names(b"hosts: dns\nhosts: files"), ["dns"]);
    }

    #[test]
    fn before_2_33_there_are_comments_and_what_can_be_read_of_a_line_counts() {
        const OLD: u32 = glibc::NSS_DATABASE - 1;
        let default = names_in(b"", OLD);
        assert_eq!(
            (default.as_slice(), names_in(b"", glibc::NSS_DATABASE)),
            (&["dns", "files"].map(String::from)[..], default.clone())
        );
        let cases: [(&[u8], &[&str]); 8] = [
            (b"hosts: files # dns\n", &["files"]),
            (b"hosts: dns\nhosts: files", &["files"]),
            (b"hosts: files [NOTFOUND=return] dns [bad", &["files"]),
            (b"hosts: files [bad] dns\n", &["dns", "files"]),
            (b"hosts: [NOTFOUND=return] files\n", &["dns", "files"]),
            (b"hosts:\n", &["dns", "files"]),
            (b"hosts: files\nhosts:\n", &["dns", "files"]),
            (b"passwd: [\nhosts: files\n", &["files"]),
        ];
        for (text, expected) in cases {
            assert_eq!(names_in(text, OLD), expected, "{}", String::from_utf8_lossy(text));
            assert_eq!(first_unreadable_line(text, OLD), None);
        }
        let line = line_of(b"\n hosts: files [NOTFOUND=return]  dns [x] # y\n", b"hosts", OLD).unwrap();
        let DatabaseLine { number, before, modules, after } = line;
        assert_eq!(
            (number, before, modules, after),
            (2, &b" hosts: "[..], &b"files [NOTFOUND=return]"[..], &b" # y"[..])
        );
    }

    #[test]
    fn actions_say_when_to_stop() {
        let services =
            hosts(Some(b"hosts: files [ NotFound = RETURN UNAVAIL=merge ] resolve [!UNAVAIL=return] dns\n")).unwrap();
        let [files, resolve, dns] = services.as_slice() else { panic!("{services:?}") };
        assert_eq!(files.actions.on(Status::NotFound), Action::Return);
        assert_eq!(files.actions.on(Status::TryAgain), Action::Continue);
        assert_eq!(files.actions.on(Status::Unavail), Action::Merge);
        assert_eq!(resolve.actions.on(Status::TryAgain), Action::Return);
        assert_eq!(resolve.actions.on(Status::Unavail), Action::Continue);
        assert_eq!(dns.actions, Actions::default());
    }

    #[test]
    fn the_line_in_force_is_found_with_the_places_of_its_words() {
        let text = b"hosts: nis\n  hosts : files  mdns4[NOTFOUND=return]dns\npasswd: files\nhosts: unended";
        let line = line_of(text, b"hosts", LATEST).unwrap();
        assert_eq!((line.number, line.modules), (2, &b"files  mdns4[NOTFOUND=return]dns"[..]));
        let placed = parse_placed(line.modules, LATEST).unwrap();
        let part = |range: &Range<usize>| line.modules.get(range.clone()).unwrap();
        let parts: Vec<_> = placed.iter().map(|placed| (part(&placed.name), part(&placed.actions))).collect();
        assert_eq!(parts, [(&b"files"[..], &b""[..]), (b"mdns4", b"[NOTFOUND=return]"), (b"dns", b"")]);
        assert_eq!(line_of(text, b"group", LATEST), None);
        assert_eq!(first_unreadable_line(text, LATEST), None);
        assert_eq!(first_unreadable_line(b"hosts: dns\nnobody: [\ngroup: files [x]\n", LATEST), Some(3));
    }
}
