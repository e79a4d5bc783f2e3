//! The shell commands for the steps of a fix.

use std::net::IpAddr;

use nss_bypass_core::model::Subject;

use crate::diagnose::edit::{self, File};
use crate::diagnose::hosts_line::HostsLine;
use crate::diagnose::rules::Rules;
use crate::diagnose::verdict::Step;
use crate::install::library;
use crate::ui::screen::{printable, quoted};

/// What the commands depend on.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) subject: Subject<'a>,
    pub(crate) is_root: bool,
    /// The `hosts` line with which DNS is queried.
    pub(crate) edited_line: Option<&'a HostsLine>,
    /// An address for a line of /etc/hosts.
    pub(crate) address: Option<IpAddr>,
    /// The root directory as seen by the shell: `/proc/PID/root` for a container, otherwise empty.
    pub(crate) root: &'a str,
    /// The systemd unit of the process, if it has one.
    pub(crate) unit: Option<&'a str>,
    /// The path of the library as seen by the shell.
    pub(crate) library: Option<&'a str>,
}

/// Returns the commands, in order. If there is no command for a step, there are none at all: a partial fix is not
/// useful.
pub(crate) fn commands(steps: &[Step], context: &Context<'_>) -> Vec<String> {
    // Privileged programs ignore variables, so the rule has to be in the file.
    let is_for_all = steps.contains(&Step::Enable);
    let context = Context { is_root: context.is_root || is_for_all, ..*context };
    let lines: Option<Vec<Vec<String>>> = steps.iter().map(|step| context.lines(step)).collect();
    lines.unwrap_or_default().concat()
}

/// Returns whether the steps require root.
pub(crate) fn take_root(steps: &[Step]) -> bool {
    let is_for_all = steps.contains(&Step::Enable);
    steps.iter().any(|step| match step {
        Step::Bypass | Step::Pass => is_for_all,
        Step::Load | Step::LoadFirst | Step::UseCgo => false,
        Step::Enable
        | Step::EditHostsLine
        | Step::ChangeMode(_)
        | Step::Restart
        | Step::CopyLibrary
        | Step::HostsEntry => true,
    })
}

impl Context<'_> {
    fn lines(&self, step: &Step) -> Option<Vec<String>> {
        let one = |line: String| Some(vec![line]);
        match step {
            Step::Bypass => self.rule("bypass", ""),
            Step::Pass => self.rule("pass", "!"),
            Step::Load => one(preloading()),
            Step::LoadFirst => one(preloading_first()),
            Step::Enable => one("nss-bypass enable".to_owned()),
            Step::EditHostsLine => one(self.edited_line?.command(self.root)?),
            Step::ChangeMode(lines) if lines.is_empty() => None,
            Step::ChangeMode(lines) => Some(lines.clone()),
            Step::Restart => one(format!("systemctl restart {}", quoted(self.unit?))),
            Step::CopyLibrary => {
                let to = edit::below(self.root, &format!("/usr/local/lib/{}", library::NAME));
                one(format!("install -D -m 644 {} {to}", quoted(self.library?)))
            }
            Step::UseCgo => one("export GODEBUG=\"${GODEBUG:+$GODEBUG,}\"netdns=cgo".to_owned()),
            Step::HostsEntry => one(self.hosts_entry()?),
        }
    }

    /// Returns the commands for a rule for this lookup alone, at the end of the file or, if it would not apply there,
    /// in the variable.
    fn rule(&self, keyword: &str, sign: &str) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        if self.rules.disabled {
            lines.push("unset NSS_BYPASS_DISABLE".to_owned());
            if keyword == "bypass" && self.rules.means(self.subject) {
                return Some(lines);
            }
        }
        let pattern = Rules::pattern_for(self.subject)?;
        let line = format!("{keyword} {pattern}");
        if self.is_root && self.rules.would_decide(&line, self.subject) {
            lines.push(File::look(self.root, &self.rules.path).append(&line));
        } else if self.root.is_empty() {
            let word = quoted(&format!("{sign}{pattern}"));
            lines.push(format!("export NSS_BYPASS=\"${{NSS_BYPASS:+$NSS_BYPASS }}\"{word}"));
        } else {
            return None;
        }
        Some(lines)
    }

    fn hosts_entry(&self) -> Option<String> {
        let Subject::Name(name) = self.subject else { return None };
        let line = format!("{} {}", self.address?, printable(name.without_root_dot()));
        Some(File::look(self.root, "/etc/hosts").append(&line))
    }
}

fn library_path() -> String {
    library::find(None).map_or_else(
        |_| format!("/usr/local/lib/{}", library::NAME),
        |library| printable(library.path.as_os_str().as_encoded_bytes()),
    )
}

/// Returns the command that loads the library into programs that are started from here.
pub(crate) fn preloading() -> String {
    let others = std::env::var_os("LD_PRELOAD").is_some_and(|others| !others.is_empty());
    if others {
        format!("export LD_PRELOAD=\"$LD_PRELOAD:\"{}", quoted(&library_path()))
    } else {
        format!("export LD_PRELOAD={}", quoted(&library_path()))
    }
}

/// The same, before all other libraries: the first one that defines a function handles it.
pub(crate) fn preloading_first() -> String {
    format!("export LD_PRELOAD={}\"${{LD_PRELOAD:+:$LD_PRELOAD}}\"", quoted(&library_path()))
}
