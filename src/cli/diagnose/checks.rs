//! The checks of `doctor`, most of which result in one finding.

use std::path::Path;

use crate::commands::explain;
use crate::diagnose::daemon::{self, Compared, Daemon, Presence};
use crate::diagnose::examine;
use crate::diagnose::finding::{Finding, State};
use crate::diagnose::fix;
use crate::diagnose::hosts_line::{DnsObstacle, PATH};
use crate::diagnose::installation;
use crate::diagnose::nscd::{self, Cache, Database, Key};
use crate::diagnose::rules::Rules;
use crate::diagnose::sockets::{self, QueriedService};
use crate::diagnose::surroundings::Surroundings;
use crate::ui::screen::{counted, printable};

/// Runs all checks, and passes on each finding as soon as it is known.
pub(crate) fn all(around: &Surroundings, found: &mut dyn FnMut(Finding)) {
    let (nscd, cache) = examine::look_for(Key::Name(b""));
    socket(&nscd).into_iter().for_each(&mut *found);
    if let (Presence::Present(daemon), Some(cache)) = (&nscd, &cache) {
        found(its_machine(daemon, around));
        found(its_cache(daemon, cache));
        users(daemon).into_iter().for_each(&mut *found);
    }
    hosts_line(around).into_iter().for_each(&mut *found);
    around.asked.iter().for_each(|asked| found(asked_daemon(asked, around)));
    unasked(around).into_iter().for_each(&mut *found);
    configuration(&around.rules).into_iter().for_each(&mut *found);
    installation::library(around).into_iter().for_each(&mut *found);
    installation::reach(around).into_iter().for_each(&mut *found);
    installation::running(around).into_iter().for_each(&mut *found);
}

/// Checks whether there is an nscd.
fn socket(nscd: &Presence) -> Option<Finding> {
    const CHECK: &str = "socket";
    match nscd {
        Presence::Absent => Some(Finding::new(CHECK, State::Good, format!("no nscd: no socket {}", nscd::SOCKET))),
        Presence::Unreachable { reason } => {
            let what = format!("no nscd: nothing listens on {}: {reason}", nscd::SOCKET);
            Some(Finding::new(CHECK, State::Good, what).why("glibc continues without it"))
        }
        Presence::Present(_) => None,
    }
}

/// Checks whether nscd belongs to this system.
fn its_machine(daemon: &Daemon, around: &Surroundings) -> Finding {
    const CHECK: &str = "daemon";
    const WHY: &str = "glibc asks it before /etc/hosts and DNS, and accepts its \"no such host\"";
    let program = format!("{} on {}", explain::program(daemon), nscd::SOCKET);
    let about = explain::about(daemon).join("; ");
    if daemon.is_foreign() && daemon.caches_hosts == Some(false) {
        return Finding::new(CHECK, State::Note, format!("{program} does not belong to this container: {about}"));
    }
    if daemon.is_foreign() {
        let is_countered = around.is_loaded && !around.rules.policy.is_empty();
        if is_countered {
            return Finding::new(CHECK, State::Note, format!("{program} does not belong to this container: {about}"))
                .why(WHY);
        }
        let what = format!(
            "{program} does not belong to this container: {about}. \"nss-bypass explain NAME\" shows the rule for a \
             name"
        );
        return without_names(Finding::new(CHECK, State::Trouble, what).why(WHY), around);
    }
    if daemon.network_namespace == Compared::Unknown {
        let finding =
            Finding::new(CHECK, State::Unknown, format!("{program} may belong to another machine: {about}")).why(WHY);
        return finding.fix("sudo nss-bypass doctor");
    }
    if [daemon.resolv_conf, daemon.hosts].contains(&Compared::Different) {
        let what = format!("{program} reads different files from programs here: {about}");
        let restart = format!("systemctl restart {}", daemon.name());
        return Finding::new(CHECK, State::Trouble, what).why(WHY).fix(restart);
    }
    Finding::new(CHECK, State::Good, format!("{program} belongs to this machine: {about}"))
}

/// Adds the fix that requires no names: libc answers first, and what it does not find is resolved by nss-bypass.
fn without_names(finding: Finding, around: &Surroundings) -> Finding {
    if around.is_about_process {
        return finding;
    }
    let finding = if around.is_loaded { finding } else { finding.fix(fix::preloading()) };
    let others = std::env::var_os("NSS_BYPASS").is_some_and(|others| !others.is_empty());
    finding.fix(if others { "export NSS_BYPASS=\"$NSS_BYPASS \"'+*'" } else { "export NSS_BYPASS='+*'" })
}

/// Checks whether its cache of hosts is enabled.
fn its_cache(daemon: &Daemon, cache: &Cache) -> Finding {
    const CHECK: &str = "hosts-cache";
    match (daemon.caches_hosts, cache) {
        (Some(false), _) => {
            Finding::new(CHECK, State::Good, "its hosts cache is off, so glibc resolves host names itself")
        }
        (_, Cache::Read { size, .. }) => Finding::new(
            CHECK,
            State::Note,
            format!("its hosts cache is on, with {}", counted(usize::try_from(*size).unwrap_or(0), "entry", "entries")),
        ),
        (Some(true), _) => Finding::new(CHECK, State::Note, "its hosts cache is on, but not shared"),
        (None, Cache::Unreadable { reason }) => {
            Finding::new(CHECK, State::Unknown, format!("cannot read its cache: {reason}"))
        }
        (None, Cache::NotShared) => Finding::new(
            CHECK,
            State::Note,
            "it shares no hosts cache: the cache is off or not shared, or the daemon is unscd",
        ),
    }
}

/// Checks whether users and groups come from another system too.
fn users(daemon: &Daemon) -> Option<Finding> {
    if !daemon.is_foreign() {
        return None;
    }
    let shares = |database| nscd::shares(Path::new(nscd::SOCKET), database);
    let what = match (shares(Database::Passwd), shares(Database::Group)) {
        (true, true) => "users and groups also come from it",
        (true, false) => "users also come from it",
        (false, true) => "groups also come from it",
        (false, false) => "users and groups may also come from it",
    };
    let why = "names and IDs of users and groups are then those of another machine; rules apply to host names only";
    Some(Finding::new("users", State::Note, what).why(why))
}

/// Checks whether DNS is queried.
fn hosts_line(around: &Surroundings) -> Vec<Finding> {
    const CHECK: &str = "hosts-line";
    let line = match &around.hosts_line {
        Ok(line) => line,
        Err(line) => {
            let what = format!("{PATH}:{} is invalid", line.0);
            let finding =
                Finding::new(CHECK, State::Trouble, what).why("glibc ignores the whole file, and finds no names");
            return vec![with_edit(finding, around)];
        }
    };
    let shown = format!("{}: {}", line.origin(), line.shown());
    let mut findings = Vec::new();
    for module in &around.not_installed {
        let what = format!("{shown}: the module {} is not installed", printable(module));
        findings.push(Finding::new(CHECK, State::Note, what).why("glibc skips it"));
    }
    let has_others = line.names().any(|name| name != b"files" && name != b"dns");
    findings.push(match line.obstacle(&|module| around.module_state(module)) {
        None => Finding::new(CHECK, State::Good, format!("{shown}: DNS is asked")),
        Some(_) if has_others => {
            Finding::new(CHECK, State::Good, format!("{shown}: other modules answer before DNS is asked"))
        }
        Some(DnsObstacle::NotListed) => Finding::new(CHECK, State::Note, format!("{shown}: DNS is not asked"))
            .why("names that only DNS knows are not found"),
        Some(DnsObstacle::EndsBefore(module)) => {
            Finding::new(CHECK, State::Note, format!("{shown}: lookups end with {module}, before DNS"))
                .why("names that only DNS knows are not found")
        }
    });
    findings
}

fn with_edit(finding: Finding, around: &Surroundings) -> Finding {
    match around.edited_line.as_ref().and_then(|line| line.command(&around.root)) {
        Some(command) => finding.fix(command),
        None => finding,
    }
}

/// Checks whether a daemon of another system answers a module of the `hosts` line.
fn asked_daemon(asked: &QueriedService, around: &Surroundings) -> Finding {
    const CHECK: &str = "resolved";
    let (name, module) = (asked.service.name, printable(&asked.module));
    match &asked.presence {
        Presence::Absent => {
            Finding::new(CHECK, State::Good, format!("{name}, which `{module}` asks, is not running here"))
        }
        Presence::Unreachable { reason } => Finding::new(
            CHECK,
            State::Note,
            format!("{name}, which `{module}` asks, does not answer: {}: {reason}", asked.service.socket),
        ),
        Presence::Present(daemon) if asked.foreign_daemon().is_some() => {
            let what = format!(
                "the socket of {name} is present: {}; `{module}` in the hosts line asks it",
                daemon.whereabouts()
            );
            let finding = Finding::new(CHECK, State::Trouble, what).about("hosts line".to_owned());
            with_edit(finding.why("it answers for the other machine, as an nscd of another machine does"), around)
        }
        Presence::Present(daemon) => {
            let state = if asked.is_uncertain() { State::Note } else { State::Good };
            Finding::new(CHECK, state, format!("{name}, which `{module}` asks, is present: {}", daemon.whereabouts()))
        }
    }
}

/// Checks for sockets of another system that the `hosts` line does not use.
fn unasked(around: &Surroundings) -> Vec<Finding> {
    let others = sockets::SERVICES
        .iter()
        .filter(|service| !around.asked.iter().any(|asked| asked.service.socket == service.socket));
    let findings = others.filter_map(|service| match daemon::look(Path::new(service.socket)) {
        Presence::Present(daemon) if daemon.is_foreign() => {
            let what = format!(
                "the socket of {} is present: {}; the hosts line does not ask it",
                service.name,
                daemon.whereabouts()
            );
            Some(Finding::new("resolved", State::Note, what))
        }
        _ => None,
    });
    findings.collect()
}

/// Checks the configuration.
fn configuration(rules: &Rules) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let faults = rules
        .faults
        .iter()
        .map(|fault| Finding::new(CHECK, State::Trouble, explain::in_words(fault)).why("the whole line is ignored"));
    let mut findings: Vec<Finding> = faults.collect();
    if findings.is_empty() {
        let count = rules.policy.rules().len();
        let others = match rules.count_for_others() {
            0 => String::new(),
            others => format!(", and {} for certain programs only", counted(others, "rule", "rules")),
        };
        let what = format!("the configuration is valid: {}{others}", counted(count, "rule", "rules"));
        findings.push(Finding::new(CHECK, State::Good, what));
    }
    if rules.disabled {
        let what = "NSS_BYPASS_DISABLE is set";
        findings.push(Finding::new(CHECK, State::Note, what).why("no rules apply").fix("unset NSS_BYPASS_DISABLE"));
    }
    findings
}
