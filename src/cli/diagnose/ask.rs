//! Queries to the sources, each in a thread of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Sender;

use nss_bypass_core::rules::pattern::Kind;
use nss_bypass_core::rules::rule::{Answering, Rule};
use nss_bypass_core::tables::{Recheck, Tables};

use crate::diagnose::daemon::Presence;
use crate::diagnose::glibc;
use crate::diagnose::nscd;
use crate::diagnose::question::Examiner;
use crate::diagnose::sources::{self, Outcome, Reply, Source};

/// The name servers, each with whether only the rule names it; or why there are none.
pub(crate) type Servers = Result<Vec<(SocketAddr, bool)>, String>;

/// A result of a task.
pub(crate) enum TaskResult {
    /// A row of the table.
    Row(usize, Reply),
    LibcEdited(Outcome),
    LibraryEdited(Outcome),
    PlainRule(Outcome, Option<Outcome>),
    /// Whether a trial lookup reached the library.
    Reaches(Option<bool>),
}

pub(crate) type Task = Box<dyn FnOnce(&Sender<TaskResult>) + Send>;

/// The rows of the sources.
pub(crate) const NSCD: usize = 0;
pub(crate) const WITH_NSCD: usize = 1;
pub(crate) const LIBC: usize = 2;
pub(crate) const HOSTS: usize = 3;
pub(crate) const SERVERS: usize = 4;

impl Examiner<'_> {
    pub(crate) fn tasks(&self, servers: &Servers) -> Vec<Task> {
        let mut tasks = vec![self.ask_libc(), self.ask_plain_rule(), self.ask_hosts()];
        if self.options.ask_nscd && matches!(self.nscd, Presence::Present(_)) {
            tasks.extend(self.ask_nscd());
        }
        let answering = self.rule().map(|rule| rule.answering().clone());
        match servers {
            Ok(servers) => {
                let each = servers.iter().enumerate();
                tasks.extend(each.map(|(number, &server)| self.ask_server(number, server, answering.as_ref())));
            }
            Err(why) => {
                let row = Reply::timed(Source::Server(SocketAddr::from(([0, 0, 0, 0], 53))), || Outcome::failed(why));
                tasks.push(Box::new(move |sender| send(sender, TaskResult::Row(SERVERS, row))));
            }
        }
        if let Some(answering) = answering {
            let number = SERVERS + servers.as_ref().map_or(1, Vec::len);
            tasks.push(self.ask_library(number, answering));
        }
        if self.around.here.loaded.is_some() {
            let bytes = self.question.bytes();
            tasks.push(Box::new(move |sender| send(sender, TaskResult::Reaches(glibc::reaches_library(&bytes)))));
        }
        tasks
    }

    fn ask_libc(&self) -> Task {
        let bytes = self.question.bytes();
        let modules = self.around.installed_modules();
        let is_readable = self.around.hosts_line.is_ok();
        let edited = self.around.edited_line.as_ref().map(|line| line.modules().to_vec());
        let question = self.question.clone();
        Box::new(move |sender| {
            let reply = Reply::timed(Source::GlibcWithoutNscd, || match &modules {
                Some(modules) => glibc::ask(&bytes, Some(modules)),
                None if is_readable => Outcome::not_found("no module is installed"),
                None => Outcome::failed("cannot read nsswitch.conf"),
            });
            let is_found = reply.answer.is_found();
            send(sender, TaskResult::Row(LIBC, reply));
            if let Some(modules) = edited.filter(|_| !is_found) {
                // If glibc cannot use the file, it may not accept modules from a program either.
                let answer = if is_readable {
                    glibc::ask(&bytes, Some(&modules))
                } else {
                    sources::library(&Answering::default(), None, Some(&modules), question.subject()).0
                };
                send(sender, TaskResult::LibcEdited(answer));
            }
        })
    }

    fn ask_plain_rule(&self) -> Task {
        let question = self.question.clone();
        let edited = self.around.edited_line.as_ref().map(|line| line.modules().to_vec());
        Box::new(move |sender| {
            let plain = Answering::default();
            let (outcome, _) = sources::library(&plain, None, None, question.subject());
            let again = edited.filter(|_| !outcome.is_found());
            let edited = again.map(|modules| sources::library(&plain, None, Some(&modules), question.subject()).0);
            send(sender, TaskResult::PlainRule(outcome, edited));
        })
    }

    fn ask_hosts(&self) -> Task {
        let question = self.question.clone();
        Box::new(move |sender| {
            let tables = Tables::new();
            let reply = Reply::timed(Source::Hosts, || sources::hosts(&tables, question.subject()));
            send(sender, TaskResult::Row(HOSTS, reply));
        })
    }

    fn ask_nscd(&self) -> [Task; 2] {
        let (question, bytes) = (self.question.clone(), self.question.bytes());
        let itself: Task = Box::new(move |sender| {
            let reply = Reply::timed(Source::Nscd, || nscd::ask(Path::new(nscd::SOCKET), question.key()));
            send(sender, TaskResult::Row(NSCD, reply));
        });
        let through: Task = Box::new(move |sender| {
            let reply = Reply::timed(Source::GlibcWithNscd, || glibc::ask(&bytes, None));
            send(sender, TaskResult::Row(WITH_NSCD, reply));
        });
        [itself, through]
    }

    fn ask_server(&self, number: usize, server: (SocketAddr, bool), answering: Option<&Answering>) -> Task {
        let question = self.question.clone();
        let answering = answering.cloned().unwrap_or_default();
        let (server, is_the_rules) = server;
        Box::new(move |sender| {
            let tables = Tables::new();
            let ask = || match tables.resolution(Recheck::Always) {
                Ok((resolution, _)) => sources::server(&resolution, server, &answering, question.subject()),
                Err(_) => Outcome::failed("cannot read resolv.conf"),
            };
            let reply = Reply::timed(Source::Server(server), ask);
            let reply = if is_the_rules { reply.with_note("the rule's") } else { reply };
            send(sender, TaskResult::Row(SERVERS + number, reply));
        })
    }

    fn ask_library(&self, number: usize, answering: Answering) -> Task {
        let exact = self.rule().map(Rule::pattern).filter(|pattern| pattern.kind() == Kind::Exact);
        let exact_name = exact.map(|pattern| pattern.domain().to_vec());
        let question = self.question.clone();
        let edited = self.around.edited_line.as_ref().map(|line| line.modules().to_vec());
        Box::new(move |sender| {
            let mut origin = None;
            let reply = Reply::timed(Source::Library, || {
                let (outcome, from) = sources::library(&answering, exact_name.as_deref(), None, question.subject());
                origin = from;
                outcome
            });
            let is_found = reply.answer.is_found();
            let reply = match origin {
                Some(origin) => reply.with_note(origin),
                None => reply,
            };
            send(sender, TaskResult::Row(number, reply));
            if let Some(modules) = edited.filter(|_| !is_found) {
                let (outcome, _) =
                    sources::library(&answering, exact_name.as_deref(), Some(&modules), question.subject());
                send(sender, TaskResult::LibraryEdited(outcome));
            }
        })
    }
}

fn send(sender: &Sender<TaskResult>, piece: TaskResult) {
    let _ = sender.send(piece); // The receiver may have given up.
}
