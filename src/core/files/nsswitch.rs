//! nsswitch.conf(5): which modules are asked, and after which results the next one is (nss/nss_database.c,
//! nss/nss_action_parse.c).

use super::{is_space, lines, without_comment, words};
use crate::lookup::Status;

/// A module that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// /etc/hosts
    Files,
    /// The name servers of resolv.conf.
    Dns,
    /// One that only libc can load.
    Other(Box<[u8]>),
}

/// What happens after a module's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The next module is asked.
    Continue,
    /// The result stands.
    Return,
    /// As `Continue`: the hosts database cannot merge.
    Merge,
}

/// A module's actions, one for each result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions {
    /// After an answer.
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
    /// After this result.
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
    /// Whom to ask.
    pub module: Module,
    /// And then.
    pub actions: Actions,
}

/// The services of the `hosts` database; `files dns` where the file does not say (since glibc 2.35).
pub fn hosts(text: Option<&[u8]>) -> Vec<Service> {
    // The last line that can be read counts.
    let listed = text.into_iter().flat_map(lines).filter_map(|line| {
        let line = without_comment(line).trim_ascii_start();
        let ends = |&byte: &u8| is_space(byte) || byte == b':';
        let (database, services) = line.split_at_checked(line.iter().position(ends)?)?;
        let start = services.iter().position(|byte| !ends(byte)).unwrap_or(services.len());
        (database == b"hosts").then(|| parse(services.get(start..)?)).flatten()
    });
    listed.last().unwrap_or_else(|| parse(b"files dns").unwrap_or_default())
}

/// A list of modules, each perhaps followed by actions in brackets. None where it cannot be read.
fn parse(text: &[u8]) -> Option<Vec<Service>> {
    let mut services: Vec<Service> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|&byte| is_space(byte) || byte == b'[').unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        if name.is_empty() {
            return after.is_empty().then_some(services);
        }
        let module = match name {
            b"files" => Module::Files,
            b"dns" => Module::Dns,
            other => Module::Other(other.into()),
        };
        let mut actions = Actions::default();
        rest = after.trim_ascii_start();
        if let Some(bracketed) = rest.strip_prefix(b"[") {
            let close = bracketed.iter().position(|&byte| byte == b']')?;
            let (inside, after) = bracketed.split_at_checked(close)?;
            parse_actions(inside, &mut actions)?;
            rest = after.strip_prefix(b"]")?;
        }
        services.push(Service { module, actions });
    }
}

fn parse_actions(text: &[u8], actions: &mut Actions) -> Option<()> {
    for item in words(text) {
        let (item, others) = item.strip_prefix(b"!").map_or((item, false), |item| (item, true));
        let (status, action) = item.split_at_checked(item.iter().position(|&byte| byte == b'=')?)?;
        let action = match action.get(1..)?.to_ascii_lowercase().as_slice() {
            b"return" => Action::Return,
            b"continue" => Action::Continue,
            b"merge" => Action::Merge,
            _ => return None,
        };
        let Actions { success, not_found, try_again, unavail } = actions;
        let all = [success, not_found, try_again, unavail];
        let which = [&b"success"[..], b"notfound", b"tryagain", b"unavail"];
        let which = which.iter().position(|name| name.eq_ignore_ascii_case(status))?;
        for (index, slot) in all.into_iter().enumerate() {
            if (index == which) != others {
                *slot = action;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[u8]) -> Vec<String> {
        let name = |service: &Service| match &service.module {
            Module::Files => "files".to_owned(),
            Module::Dns => "dns".to_owned(),
            Module::Other(name) => String::from_utf8_lossy(name).into_owned(),
        };
        hosts(Some(text)).iter().map(name).collect()
    }

    #[test]
    fn the_default_is_files_and_dns() {
        assert_eq!(hosts(None), hosts(Some(b"hosts: files dns")));
        assert_eq!(names(b"passwd: files\n"), ["files", "dns"]);
        assert_eq!(names(b"hosts: files [bad\n"), ["files", "dns"]);
    }

    #[test]
    fn modules_come_in_the_files_order() {
        assert_eq!(
            names(b"  hosts:\tdns mdns4_minimal [NOTFOUND=return]files # x\n"),
            ["dns", "mdns4_minimal", "files"]
        );
        assert!(names(b"hosts:\n").is_empty());
    }

    #[test]
    fn actions_say_when_to_stop() {
        let services = hosts(Some(b"hosts: files [NotFound=RETURN UNAVAIL=merge] resolve [!UNAVAIL=return] dns"));
        let [files, resolve, dns] = services.as_slice() else { panic!("{services:?}") };
        assert_eq!(files.actions.on(Status::NotFound), Action::Return);
        assert_eq!(files.actions.on(Status::TryAgain), Action::Continue);
        assert_eq!(files.actions.on(Status::Unavail), Action::Merge);
        assert_eq!(resolve.actions.on(Status::TryAgain), Action::Return);
        assert_eq!(resolve.actions.on(Status::Unavail), Action::Continue);
        assert_eq!(dns.actions, Actions::default());
    }
}
