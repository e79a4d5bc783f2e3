//! Sending queries and receiving responses, with several servers, attempts and timeouts: glibc's `__res_context_send`
//! (resolv/res_send.c). Unlike glibc, it keeps no sockets and no mode of a thread from one lookup to the next, and is
//! not affected by changes of the system clock.
//!
//! [`datagrams`] decides what is done over UDP, [`stream`] implements TCP, and [`learnt`] remembers what servers need.

mod datagrams;
mod learnt;
pub(super) mod replies;
mod stream;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use self::datagrams::{Datagrams, End, Event, Mode, Next, Strictness};
use self::replies::Replies;
use super::message::{Question, Reply};
use super::parameters::Parameters;
use crate::sys::clock::Deadline;
use crate::sys::socket::{Ready, Socket, Wait};
use crate::sys::{Errno, glibc, random};

/// The size of the receive buffer. A larger datagram is treated as a truncated response, so that the query is repeated
/// over TCP; servers send no more than the query permits (512 bytes, or 1200 with EDNS).
const DATAGRAM: usize = 8192;

/// How many datagrams of one server are still read after its timeout, since they may have arrived while the process was
/// not running. The number is limited so that a flood of unrelated datagrams does not prolong a lookup.
const MAX_LATE_READS: u32 = 16;

/// The exchanges of one lookup.
pub(super) struct Exchange<'a> {
    parameters: &'a Parameters<'a>,
    mode: Mode,
    /// The last response code. The search continues after SERVFAIL, but not after other failures.
    pub(super) last_rcode: u8,
    /// Whether a response to a query for the current name has been received.
    pub(super) has_reply: bool,
    /// The name server that sent the last response.
    pub(super) server: Option<SocketAddr>,
    /// Whether any server has sent something or has timed out: if so, the error is ETIMEDOUT, otherwise ECONNREFUSED.
    heard: bool,
}

/// The result of querying one server.
enum Step {
    /// There are responses, but perhaps not to all queries.
    Answered(Replies),
    /// The response does not fit into a datagram: query the same server again over TCP.
    Truncated,
    /// Query the next server.
    NextServer,
    /// The lookup fails, since the other servers cannot be queried either.
    Fatal(Errno),
}

/// The state of one call of [`Exchange::send`] that is kept from server to server.
struct Attempts {
    sockets: Vec<Option<Socket>>,
    over_tcp: bool,
    /// The error of the last attempt over TCP.
    error: Errno,
}

/// Returns the index of the server to begin with, for `options rotate`: glibc's `nameserver_offset`.
fn rotation(servers: usize) -> usize {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // As in glibc, the lowest bit says that the counter has been initialised with a random number.
    let mut next = NEXT.fetch_add(2, Ordering::Relaxed);
    if next & 1 == 0 {
        next = (random::bits() as u32) << 1;
        NEXT.store((next | 1).wrapping_add(2), Ordering::Relaxed);
    }
    (next >> 1) as usize % servers.max(1)
}

impl<'a> Exchange<'a> {
    pub(super) fn new(parameters: &'a Parameters<'a>) -> Self {
        let options = &parameters.options;
        let reopen = options.single_request_reopen;
        let mode = Mode { one_by_one: options.single_request || reopen, reopen, learnt: false };
        Self { parameters, mode, last_rcode: 0, has_reply: false, server: None, heard: false }
    }

    /// Sends one query, or two at once.
    ///
    /// # Errors
    /// The errno that glibc would set.
    pub(super) fn send(&mut self, questions: &[Question]) -> Result<Replies, Errno> {
        let servers = self.parameters.servers;
        if servers.is_empty() {
            return Err(Errno(libc::ESRCH)); // The program has removed all name servers from `_res`.
        }
        let options = &self.parameters.options;
        let start = if options.rotate && servers.len() > 1 { rotation(servers.len()) } else { 0 };
        let sockets = servers.iter().map(|_| None).collect();
        let mut attempts = Attempts { sockets, over_tcp: options.use_vc, error: Errno(libc::ETIMEDOUT) };
        self.heard = false;
        for _ in 0..self.parameters.attempts {
            for index in (0..servers.len()).map(|shift| (start + shift) % servers.len()) {
                match self.ask(index, questions, &mut attempts) {
                    Step::Answered(replies) if !replies.first.is_empty() || !replies.second.is_empty() => {
                        self.server = servers.get(index).copied();
                        return Ok(replies);
                    }
                    Step::Fatal(errno) => return Err(errno),
                    _ => {}
                }
            }
            if attempts.over_tcp {
                break; // Over TCP, glibc queries each server once.
            }
        }
        Err(match (attempts.over_tcp, self.heard) {
            (true, _) => attempts.error,
            (false, true) => Errno(libc::ETIMEDOUT),
            (false, false) => Errno(libc::ECONNREFUSED),
        })
    }

    /// Queries one server.
    fn ask(&mut self, index: usize, questions: &[Question], attempts: &mut Attempts) -> Step {
        let server = self.parameters.servers.get(index);
        let (Some(server), Some(socket)) = (server, attempts.sockets.get_mut(index)) else { return Step::NextServer };
        let wait = self.parameters.wait(index);
        if !attempts.over_tcp {
            match self.by_datagrams(server, wait, questions, socket) {
                Step::Truncated => attempts.over_tcp = true,
                step => return step,
            }
        }
        self.by_stream(server, wait, questions, &mut attempts.error)
    }

    fn by_datagrams(
        &mut self,
        server: &SocketAddr,
        wait: Duration,
        questions: &[Question],
        socket: &mut Option<Socket>,
    ) -> Step {
        let options = &self.parameters.options;
        let strictness =
            Strictness { ignores_truncation: options.ignore_truncation, strict_error: options.strict_error };
        let learnt = if questions.len() == 2 && !self.mode.one_by_one { learnt::mode(server) } else { None };
        let begins_with = learnt.unwrap_or(self.mode);
        let mut datagrams = Datagrams::new(questions, begins_with, strictness);
        let ended = self.drive(&mut datagrams, server, wait, questions, socket);
        if datagrams.mode != begins_with {
            if let Ok(End::Answered) = ended {
                learnt::remember(server, datagrams.mode);
            }
            self.mode = datagrams.mode;
        }
        self.heard |= datagrams.heard;
        self.has_reply |= datagrams.has_reply;
        self.last_rcode = datagrams.last_rcode.unwrap_or(self.last_rcode);
        match ended {
            Ok(End::Answered) => Step::Answered(datagrams.replies),
            Ok(End::Truncated) => Step::Truncated,
            Ok(End::NextServer) => Step::NextServer,
            Err(errno) => Step::Fatal(errno),
        }
    }

    /// Performs the actions of [`Datagrams`], and passes it the events. Fails if no socket can be created.
    fn drive(
        &self,
        datagrams: &mut Datagrams<'_>,
        server: &SocketAddr,
        wait: Duration,
        questions: &[Question],
        slot: &mut Option<Socket>,
    ) -> Result<End, Errno> {
        if slot.is_none() {
            *slot = open(server)?;
        }
        let mut buffer = Vec::with_capacity(DATAGRAM);
        let mut deadline = Deadline::after(wait);
        let mut late_reads = MAX_LATE_READS;
        // A new or unused socket is writable.
        let mut event = if slot.is_some() { Event::Writable } else { Event::Failed };
        loop {
            let next = datagrams.step(event);
            if let Next::Reopen | Next::Again { reopen: true } = next {
                *slot = None; // Closed first, since there may be only one file descriptor available.
                *slot = open(server)?;
            }
            if let Next::Again { .. } = next {
                deadline = Deadline::after(wait);
            }
            event = match (next, &*slot) {
                (Next::End { end, keep_socket: true }, _) => return Ok(end),
                (Next::End { end, keep_socket: false }, _) => {
                    *slot = None;
                    return Ok(end);
                }
                (_, None) => Event::Failed,
                (Next::Reopen | Next::Again { .. }, Some(_)) => Event::Writable,
                (Next::SendBoth, Some(socket)) => match questions {
                    [first, second] => sent(socket.send_two(&first.bytes, &second.bytes)),
                    _ => Event::Failed,
                },
                (Next::Send(which), Some(socket)) => match questions.get(which) {
                    Some(question) => sent(socket.send(&question.bytes).map(|_| 1)),
                    None => Event::Sent(0),
                },
                (Next::Wait(wait), Some(socket)) => {
                    (self.parameters.meanwhile)();
                    waited(socket, wait, deadline, &mut late_reads, &mut buffer)
                }
            };
        }
    }

    fn by_stream(&mut self, server: &SocketAddr, wait: Duration, questions: &[Question], error: &mut Errno) -> Step {
        match stream::ask(server, questions, Deadline::after(wait)) {
            Ok(replies) => {
                self.heard = true;
                self.last_rcode = Reply::new(&replies.first).map_or(0, |reply| reply.rcode());
                Step::Answered(replies)
            }
            Err(stream::Error::NextServer(errno)) => {
                *error = errno;
                Step::NextServer
            }
            Err(stream::Error::Fatal(errno)) => Step::Fatal(errno),
        }
    }
}

/// Opens a connected socket, on which the kernel accepts responses from this server only, and reports ICMP errors.
/// Returns `None` if the server cannot be reached.
fn open(server: &SocketAddr) -> Result<Option<Socket>, Errno> {
    let socket = Socket::datagram(server)?;
    // A sandbox made for an older glibc kills the process for this call.
    if glibc::minor() >= glibc::ICMP_ERRORS {
        socket.report_icmp(server)?;
    }
    Ok(socket.connect(server).is_ok().then_some(socket))
}

fn sent(result: Result<usize, Errno>) -> Event<'static> {
    match result {
        Ok(count) => Event::Sent(count),
        Err(Errno(libc::EINTR | libc::EAGAIN)) => Event::Interrupted,
        Err(_) => Event::Failed,
    }
}

fn waited<'b>(
    socket: &Socket,
    wait: Wait,
    deadline: Deadline,
    late_reads: &mut u32,
    buffer: &'b mut Vec<u8>,
) -> Event<'b> {
    let ready = match socket.wait(wait, deadline) {
        Ok(Ready::TimedOut) if *late_reads > 0 && socket.has_data() => {
            *late_reads -= 1;
            Ok(Ready::Read)
        }
        ready => ready,
    };
    match ready {
        Ok(Ready::TimedOut) => Event::TimedOut,
        Ok(Ready::Write) => Event::Writable,
        Ok(Ready::Read) => match socket.receive(buffer) {
            Err(Errno(libc::EINTR | libc::EAGAIN)) => Event::Interrupted,
            Err(_) | Ok(0) => Event::Failed,
            Ok(length) => Event::Datagram { bytes: buffer, whole: length <= buffer.len() },
        },
        Ok(Ready::Error) | Err(_) => Event::Failed,
    }
}
