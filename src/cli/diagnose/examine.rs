//! Queries all sources about one name at the same time, so that an unresponsive name server does not delay the others.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nss_bypass_core::rules::rule::{Fallback, Rule};
use nss_bypass_core::tables::{Recheck, Tables};

use crate::diagnose::ask::{LIBC, NSCD, Servers, TaskResult, WITH_NSCD};
use crate::diagnose::daemon::{self, Daemon, Kind, Presence};
use crate::diagnose::facts::{Answers, DaemonFacts, Facts, RuleFacts, UnreadableFile};
use crate::diagnose::fix;
use crate::diagnose::nscd::{self, Cache, Key};
use crate::diagnose::question::{Examiner, Question};
use crate::diagnose::rules;
use crate::diagnose::sources::{Outcome, Reply, Source};
use crate::diagnose::verdict::Judgement;
use crate::ui::output;

/// Events while sources are queried.
pub(crate) enum Event<'a> {
    /// These sources are queried, in this order.
    Sources(&'a [Source]),
    /// The source with this index has answered.
    Reply(usize, &'a Reply),
    /// Another second has passed; these sources have not answered, and this is the time since the beginning.
    Waiting(Vec<String>, Duration),
}

/// The results for a name.
pub(crate) struct Examination {
    pub(crate) replies: Vec<Reply>,
    pub(crate) judgement: Judgement,
    pub(crate) fix: Vec<String>,
}

/// Examines the daemon at nscd's socket, and looks for a name in its cache.
pub(crate) fn look(question: &Question) -> (Presence, Option<Cache>) {
    look_for(question.key())
}

/// The same for any key.
pub(crate) fn look_for(key: Key<'_>) -> (Presence, Option<Cache>) {
    let socket = Path::new(nscd::SOCKET);
    match daemon::look(socket) {
        Presence::Present(mut daemon) => {
            let cache = nscd::peek(socket, key);
            if matches!((daemon.kind, &cache), (Kind::Unknown, Cache::Read { .. })) {
                daemon.kind = Kind::Nscd; // Only glibc's nscd has such a cache.
            }
            (Presence::Present(daemon), Some(cache))
        }
        other => (other, None),
    }
}

/// The results that have arrived.
#[derive(Default)]
struct Arrived {
    rows: Vec<Option<Reply>>,
    libc_edited: Option<Outcome>,
    library_edited: Option<Outcome>,
    plain_rule: Option<Outcome>,
    plain_rule_edited: Option<Outcome>,
    reaches: Option<bool>,
}

impl Examiner<'_> {
    /// Queries all sources, and judges the results.
    pub(crate) fn examine(self, observer: &mut dyn FnMut(Event<'_>)) -> Examination {
        let servers = self.servers();
        let sources = self.sources(&servers);
        observer(Event::Sources(&sources));
        let (sender, receiver) = mpsc::channel();
        for task in self.tasks(&servers) {
            let sender = sender.clone();
            thread::spawn(move || task(&sender));
        }
        drop(sender);
        let mut arrived = Arrived { rows: vec![None; sources.len()], ..Arrived::default() };
        for (number, reply) in self.known_at_once(sources.len()) {
            observer(Event::Reply(number, &reply));
            arrived.place(number, reply);
        }
        self.collect(&receiver, &mut arrived, &sources, observer);
        self.conclude(arrived, &servers, sources)
    }

    /// Returns the name servers of resolv.conf, followed by those of the rule; or why there are none.
    fn servers(&self) -> Servers {
        let tables = Tables::new();
        let (resolution, _) = tables.resolution(Recheck::Always).map_err(|errno| {
            format!("/etc/resolv.conf: {}", output::reason(&std::io::Error::from_raw_os_error(errno.0)))
        })?;
        let own = &resolution.conf.servers;
        let via = self.rule().map(|rule| rule.answering().via.now().into_owned()).unwrap_or_default();
        let more = via.into_iter().filter(|server| !own.contains(server)).map(|server| (server, true));
        Ok(own.iter().map(|&server| (server, false)).chain(more).collect())
    }

    fn sources(&self, servers: &Servers) -> Vec<Source> {
        let mut all = vec![Source::Nscd, Source::GlibcWithNscd, Source::GlibcWithoutNscd, Source::Hosts];
        match servers {
            Ok(servers) => all.extend(servers.iter().map(|(server, _)| Source::Server(*server))),
            Err(_) => all.push(Source::Server(SocketAddr::from(([0, 0, 0, 0], 53)))),
        }
        all.push(Source::Library);
        all
    }

    /// Returns the rows that are known without a query.
    fn known_at_once(&self, count: usize) -> Vec<(usize, Reply)> {
        let unasked = |source, why: &str| Reply::timed(source, || Outcome::unasked(why));
        let mut rows = Vec::new();
        if !matches!(self.nscd, Presence::Present(_)) {
            rows.push((NSCD, unasked(Source::Nscd, "nothing listens")));
            rows.push((WITH_NSCD, unasked(Source::GlibcWithNscd, "as without nscd")));
        } else if !self.options.ask_nscd {
            rows.push((WITH_NSCD, unasked(Source::GlibcWithNscd, "not asked (--ask)")));
            rows.extend(self.cached(None).map(|reply| (NSCD, reply)));
        }
        if self.rule().is_none() {
            rows.push((count - 1, unasked(Source::Library, "forwarded to libc")));
        }
        rows
    }

    /// Returns what nscd would answer according to its cache, without querying it.
    fn cached(&self, truth: Option<&Outcome>) -> Option<Reply> {
        let unasked = |why: &str| Reply::timed(Source::Nscd, || Outcome::unasked(why));
        if self.is_off() {
            return Some(unasked("its hosts cache is off"));
        }
        let cache = self.cache?;
        if let Some(answer) = cache.answer(truth) {
            if let Outcome::Failed { reason } = &answer {
                return Some(unasked(reason));
            }
            let note = cache.seconds_left().map_or("cached".to_owned(), |left| format!("cached, {left} s left"));
            return Some(Reply { source: Source::Nscd, answer, microseconds: None, note: Some(note) });
        }
        match (truth, cache) {
            // The answer depends on the truth, which is not known yet.
            (None, Cache::Read { entries, .. }) if !entries.is_empty() => None,
            (_, Cache::Read { .. }) => Some(unasked("not in its cache")),
            _ => Some(unasked("not known (--ask)")),
        }
    }

    fn is_off(&self) -> bool {
        matches!(self.nscd, Presence::Present(daemon) if daemon.caches_hosts == Some(false))
    }

    /// Receives results until all have arrived or the time is over.
    fn collect(
        &self,
        receiver: &Receiver<TaskResult>,
        arrived: &mut Arrived,
        sources: &[Source],
        observer: &mut dyn FnMut(Event<'_>),
    ) {
        const TICK: Duration = Duration::from_secs(1);
        let begun = Instant::now();
        loop {
            let left = self.options.timeout.map_or(TICK, |timeout| timeout.saturating_sub(begun.elapsed()).min(TICK));
            if left.is_zero() {
                return;
            }
            match receiver.recv_timeout(left) {
                Ok(TaskResult::Row(number, reply)) => {
                    observer(Event::Reply(number, &reply));
                    let nscd = (number == LIBC && arrived.rows.first().is_some_and(Option::is_none))
                        .then(|| self.cached(Some(&reply.answer)).filter(|_| !self.options.ask_nscd))
                        .flatten();
                    arrived.place(number, reply);
                    if let Some(nscd) = nscd {
                        observer(Event::Reply(NSCD, &nscd));
                        arrived.place(NSCD, nscd);
                    }
                }
                Ok(TaskResult::LibcEdited(outcome)) => arrived.libc_edited = Some(outcome),
                Ok(TaskResult::LibraryEdited(outcome)) => arrived.library_edited = Some(outcome),
                Ok(TaskResult::PlainRule(outcome, edited)) => {
                    (arrived.plain_rule, arrived.plain_rule_edited) = (Some(outcome), edited);
                }
                Ok(TaskResult::Reaches(reaches)) => arrived.reaches = reaches,
                Err(RecvTimeoutError::Timeout) => {
                    observer(Event::Waiting(arrived.missing(sources), begun.elapsed()));
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Derives the verdict and the fix.
    fn conclude(&self, arrived: Arrived, servers: &Servers, sources: Vec<Source>) -> Examination {
        let late = || match self.options.timeout {
            Some(timeout) => Outcome::failed(format!("no answer in {} s", timeout.as_secs())),
            None => Outcome::failed("no answer"),
        };
        let rows = arrived.rows.into_iter().zip(sources);
        let replies: Vec<Reply> = rows
            .map(|(row, source)| {
                row.unwrap_or_else(|| Reply { source, answer: late(), microseconds: None, note: None })
            })
            .collect();
        let answer = |source: &Source| {
            replies.iter().find(|reply| reply.source == *source).map_or_else(late, |reply| reply.answer.clone())
        };
        let nscd = [answer(&Source::Nscd), answer(&Source::GlibcWithNscd)].into_iter().find(Outcome::is_answer);
        let is_out = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. });
        let nscd = nscd.or_else(|| self.is_off().then(|| Outcome::failed("its hosts cache is off")));
        let nscd = nscd.or_else(|| Some(answer(&Source::Nscd)).filter(is_out));
        let named = |is_the_rules: bool| {
            let servers = servers.iter().flatten().filter(|(_, is)| *is == is_the_rules);
            servers.map(|(server, _)| (Source::Server(*server).to_string(), answer(&Source::Server(*server)))).collect()
        };
        let answers = Answers {
            nscd,
            libc: answer(&Source::GlibcWithoutNscd),
            libc_edited: arrived.libc_edited,
            library: self.rule().map(|_| answer(&Source::Library)),
            library_edited: arrived.library_edited,
            plain_rule: arrived.plain_rule.unwrap_or_else(late),
            plain_rule_edited: arrived.plain_rule_edited,
            hosts: answer(&Source::Hosts),
            servers: named(false),
            rule_servers: self.via_answers(&replies),
        };
        let judgement = self.facts(answers.clone(), arrived.reaches).judgement();
        let context = fix::Context {
            rules: &self.around.rules,
            subject: self.question.subject(),
            is_root: self.is_root,
            edited_line: self.around.edited_line.as_ref(),
            address: answers.some_address(),
            root: self.root,
            unit: self.unit,
            library: self.library,
        };
        let fix = fix::commands(&judgement.steps, &context);
        Examination { replies, judgement, fix }
    }

    /// Returns the answers of the rule's name servers, which may include those of resolv.conf.
    fn via_answers(&self, replies: &[Reply]) -> Vec<(String, Outcome)> {
        let via = self.rule().map(|rule| rule.answering().via.now().into_owned()).unwrap_or_default();
        let of = |server: SocketAddr| replies.iter().find(|reply| reply.source == Source::Server(server));
        via.into_iter().filter_map(of).map(|reply| (reply.source.to_string(), reply.answer.clone())).collect()
    }

    fn facts(&self, answers: Answers, reaches: Option<bool>) -> Facts {
        let daemon = match self.nscd {
            Presence::Present(daemon) => Some(daemon),
            _ => None,
        };
        let rule = self.rule();
        let is_the_files = rule.is_some_and(|rule| *rule.origin().source == *self.around.rules.path);
        let unreadable = self.around.unreadable().into_iter();
        Facts {
            answers,
            daemon: daemon.map(|daemon| DaemonFacts {
                name: daemon.name(),
                whereabouts: daemon.whereabouts(),
                is_foreign: Daemon::is_foreign(daemon),
            }),
            hosts_line: self.around.line_facts(),
            rule: rule.map(rule_facts),
            is_free: self.around.rules.candidates(self.question.subject()).is_empty() && !self.around.rules.disabled,
            loading: self.program_loading.clone().unwrap_or_else(|| self.around.loading(reaches)),
            unreadable: unreadable
                .filter(|(path, _)| is_the_files || *path != self.around.rules.path)
                .map(|(path, trouble)| UnreadableFile { path, what: trouble.what, commands: trouble.commands })
                .collect(),
            program: self.program.clone(),
        }
    }
}

impl Arrived {
    fn place(&mut self, number: usize, reply: Reply) {
        if let Some(row) = self.rows.get_mut(number) {
            *row = Some(reply);
        }
    }

    fn missing(&self, sources: &[Source]) -> Vec<String> {
        let pairs = self.rows.iter().zip(sources);
        pairs.filter(|(row, _)| row.is_none()).map(|(_, source)| source.to_string()).collect()
    }
}

fn rule_facts(rule: &Rule) -> RuleFacts {
    let answering = rule.answering();
    RuleFacts {
        text: rules::described(rule),
        has_options: answering.changes_sources(),
        is_libc_first: rule.is_libc_first(),
        falls_back_on_error: answering.fallback != Fallback::Never,
        falls_back_on_not_found: answering.fallback == Fallback::Always,
    }
}
