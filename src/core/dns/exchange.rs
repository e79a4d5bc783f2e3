//! Questions out, answers in: UDP and TCP, several servers, timeouts. glibc's `__res_context_send`
//! (resolv/res_send.c), with what it keeps from one lookup to the next left out: no socket, no mode, no clock that
//! somebody sets back.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Resolver;
use super::message::{HEADER, Question, Reply};
use crate::sys::clock::Deadline;
use crate::sys::socket::{Ready, Socket, Wait};
use crate::sys::{Errno, memory, random};

/// The largest datagram that is taken as it is. A larger one is fetched again over TCP, as if it had been truncated;
/// servers send no more than a question allows (512 bytes, or 1200 with EDNS).
const DATAGRAM: usize = 8192;

/// The answers to one or two questions, in the order in which they came. Empty: none that can be used.
#[derive(Default)]
pub(super) struct Replies {
    pub(super) first: Vec<u8>,
    pub(super) second: Vec<u8>,
}

/// How the conversation with one server ended.
enum Step {
    /// With answers; perhaps not to all questions.
    Answered(Replies),
    /// The answer is too long for a datagram: the same server again, over TCP.
    Truncated,
    /// Another server may do better.
    NextServer,
    /// No server can do better.
    Fatal(Errno),
}

/// The exchanges of one lookup.
pub(super) struct Exchange<'a> {
    resolver: &'a Resolver<'a>,
    /// One question at a time (resolv.conf's `single-request`), also when a server has shown that it needs this.
    single_request: bool,
    /// And from another source port (`single-request-reopen`).
    reopen: bool,
    /// The response code that was seen last; the search list goes on after SERVFAIL only.
    pub(super) last_rcode: u8,
    /// Whether a datagram came that belongs to a question of this name.
    pub(super) has_reply: bool,
    /// The server that spoke last.
    pub(super) server: Option<SocketAddr>,
    /// Whether any server sent, or was waited for in vain: the difference between ECONNREFUSED and ETIMEDOUT.
    heard: bool,
}

/// Where to begin among the servers: glibc's `nameserver_offset`, for `options rotate`.
fn rotation(servers: usize) -> usize {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // As in glibc: the lowest bit says that the counter has its random start.
    let mut next = NEXT.fetch_add(2, Ordering::Relaxed);
    if next & 1 == 0 {
        next = (random::bits() as u32) << 1;
        NEXT.store((next | 1).wrapping_add(2), Ordering::Relaxed);
    }
    (next >> 1) as usize % servers.max(1)
}

impl<'a> Exchange<'a> {
    pub(super) fn new(resolver: &'a Resolver<'a>) -> Self {
        crate::sys::fault::point();
        let options = &resolver.options;
        Self {
            resolver,
            single_request: options.single_request || options.single_request_reopen,
            reopen: options.single_request_reopen,
            last_rcode: 0,
            has_reply: false,
            server: None,
            heard: false,
        }
    }

    /// Asks one question, or two at once. An error is the errno that glibc would leave.
    pub(super) fn send(&mut self, questions: &[Question]) -> Result<Replies, Errno> {
        crate::sys::fault::point();
        let servers = self.resolver.servers;
        if servers.is_empty() {
            return Err(Errno(libc::ESRCH)); // A program wrote so into _res.
        }
        let start = if self.resolver.options.rotate && servers.len() > 1 { rotation(servers.len()) } else { 0 };
        let mut sockets: Vec<Option<Socket>> = servers.iter().map(|_| None).collect();
        let mut over_tcp = self.resolver.options.use_vc;
        let mut error = Errno(libc::ETIMEDOUT);
        self.heard = false;
        for _ in 0..self.resolver.attempts {
            for index in (0..servers.len()).map(|shift| (start + shift) % servers.len()) {
                let (Some(&server), Some(socket)) = (servers.get(index), sockets.get_mut(index)) else { continue };
                let wait = self.resolver.wait(index);
                let step = if over_tcp {
                    self.stream(&server, wait, questions, &mut error)
                } else {
                    match self.datagrams(&server, wait, questions, socket) {
                        Step::Truncated => {
                            over_tcp = true;
                            *socket = None; // There may be no descriptor for two.
                            self.stream(&server, wait, questions, &mut error)
                        }
                        step => step,
                    }
                };
                match step {
                    Step::Answered(replies) if !replies.first.is_empty() || !replies.second.is_empty() => {
                        self.server = Some(server);
                        return Ok(replies);
                    }
                    Step::Fatal(errno) => return Err(errno),
                    _ => {}
                }
            }
            if over_tcp {
                break; // At most one attempt per server.
            }
        }
        Err(match (over_tcp, self.heard) {
            (true, _) => error,
            (false, true) => Errno(libc::ETIMEDOUT),
            (false, false) => Errno(libc::ECONNREFUSED),
        })
    }

    /// A connected socket, so that the kernel takes answers from this server only and reports its absence.
    fn open(server: &SocketAddr) -> Result<Option<Socket>, Errno> {
        crate::sys::fault::point();
        let socket = Socket::datagram(server)?;
        socket.report_icmp(server)?;
        Ok(socket.connect(server).is_ok().then_some(socket))
    }

    /// glibc's `send_dg`.
    fn datagrams(
        &mut self,
        server: &SocketAddr,
        wait: Duration,
        questions: &[Question],
        slot: &mut Option<Socket>,
    ) -> Step {
        crate::sys::fault::point();
        let heard_before = self.heard;
        loop {
            if slot.is_none() {
                *slot = match Self::open(server) {
                    Ok(Some(socket)) => Some(socket),
                    Ok(None) => return Step::NextServer,
                    Err(errno) => return Step::Fatal(errno),
                };
            }
            let mut round =
                Round { questions, answered: [false, questions.len() < 2], sent: 0, replies: Replies::default() };
            match self.round(server, Deadline::after(wait), &mut round, slot) {
                // One answer came and the other did not: some servers and firewalls lose the second of two questions
                // that are sent at once. Ask one after the other, then from another port.
                Step::NextServer if round.is_half_answered() && !self.single_request => {
                    self.single_request = true;
                    self.heard = heard_before;
                }
                Step::NextServer if round.is_half_answered() && !self.reopen => {
                    self.reopen = true;
                    self.heard = heard_before;
                    *slot = None;
                }
                Step::NextServer if round.is_half_answered() => return Step::Answered(round.replies),
                Step::NextServer => return Step::NextServer,
                step => return step,
            }
        }
    }

    /// Sends the questions and waits for the answers. `NextServer` with the round half answered means that time ran
    /// out; otherwise the socket is closed on the way, unless it only was silent and may still be answered.
    fn round(
        &mut self,
        server: &SocketAddr,
        deadline: Deadline,
        round: &mut Round<'_>,
        slot: &mut Option<Socket>,
    ) -> Step {
        crate::sys::fault::point();
        let mut wait = Wait::Writable;
        let mut buffer = Vec::with_capacity(DATAGRAM);
        // The socket is new or idle: it can be written without asking.
        let mut ready = Ok(Ready::Write);
        loop {
            let Some(socket) = slot.as_ref() else { return Step::NextServer };
            match ready {
                Ok(Ready::Late) => {
                    self.heard |= !round.is_half_answered();
                    return Step::NextServer;
                }
                Ok(Ready::Write) => match round.send(socket, self.single_request) {
                    Ok(next) => wait = next,
                    Err(()) => return round.give_up(slot),
                },
                Ok(Ready::Read) => match socket.receive(&mut buffer) {
                    Err(Errno(libc::EINTR | libc::EAGAIN)) => {}
                    Err(_) | Ok(0) => return round.give_up(slot),
                    Ok(length) => {
                        self.heard = true;
                        match self.take(&buffer, length > buffer.len(), round) {
                            Take::Ignore => {}
                            Take::Wait => wait = Wait::Readable,
                            Take::AskSecond => {
                                wait = Wait::Writable;
                                if self.reopen {
                                    *slot = match Self::open(server) {
                                        Ok(Some(socket)) => Some(socket),
                                        Ok(None) => return round.give_up(slot),
                                        Err(errno) => return Step::Fatal(errno),
                                    };
                                }
                            }
                            Take::Done => return Step::Answered(std::mem::take(&mut round.replies)),
                            Take::Truncated => return Step::Truncated,
                            Take::NextServer => return round.give_up(slot),
                        }
                    }
                },
                Ok(Ready::Error) | Err(_) => return round.give_up(slot),
            }
            let Some(socket) = slot.as_ref() else { return Step::NextServer };
            ready = socket.wait(wait, deadline);
        }
    }

    /// What one datagram means for the round.
    fn take(&mut self, bytes: &[u8], too_long: bool, round: &mut Round<'_>) -> Take {
        crate::sys::fault::point();
        let Some(reply) = Reply::new(bytes) else { return Take::NextServer };
        let Some(which) = round.answered_by(&reply) else { return Take::Ignore };
        self.has_reply = true;
        let two = round.questions.len() == 2;
        let first_to_come = !round.any_answered();
        if first_to_come {
            self.last_rcode = reply.rcode();
        }
        if reply.is_server_failure() || reply.is_lame() {
            if !first_to_come {
                return Take::Done; // With the other half, if that was any good.
            }
            if two && !self.single_request {
                round.mark(which); // Answered, with nothing in it; the other half may be better.
                return Take::Wait;
            }
            return Take::NextServer;
        }
        if too_long || (reply.is_truncated() && !self.resolver.options.ignore_truncation) {
            return Take::Truncated;
        }
        *(if first_to_come { &mut round.replies.first } else { &mut round.replies.second }) = bytes.to_vec();
        round.mark(which);
        match round.answered {
            [true, true] => Take::Done,
            _ if self.single_request => Take::AskSecond,
            _ => Take::Wait,
        }
    }

    /// glibc's `send_vc`, but with an end: the connection, the questions and the answers together may take as long
    /// as a datagram's round.
    fn stream(&mut self, server: &SocketAddr, wait: Duration, questions: &[Question], error: &mut Errno) -> Step {
        crate::sys::fault::point();
        let deadline = Deadline::after(wait);
        let mut reset_before = false;
        loop {
            let socket = match Socket::stream(server) {
                Ok(socket) => socket,
                Err(errno) => return Step::Fatal(errno),
            };
            match Self::converse(&socket, server, questions, deadline) {
                Ok(replies) => {
                    self.heard = true;
                    self.last_rcode = Reply::new(&replies.first).map_or(0, |reply| reply.rcode());
                    return Step::Answered(replies);
                }
                // A server that was restarted: once more.
                Err(Errno(libc::ECONNRESET)) if !reset_before => reset_before = true,
                Err(errno) => {
                    *error = errno;
                    return Step::NextServer;
                }
            }
        }
    }

    fn converse(
        socket: &Socket,
        server: &SocketAddr,
        questions: &[Question],
        deadline: Deadline,
    ) -> Result<Replies, Errno> {
        crate::sys::fault::point();
        match socket.connect(server) {
            Err(Errno(libc::EINPROGRESS)) => {
                if socket.wait(Wait::Writable, deadline)? == Ready::Late {
                    return Err(Errno(libc::ETIMEDOUT));
                }
                socket.finish_connecting(server)?;
            }
            result => result?,
        }
        send_all(socket, &framed(questions), deadline)?;
        let mut replies = Replies::default();
        let mut open: Vec<u16> = questions.iter().map(|question| question.id).collect();
        while !open.is_empty() {
            if deadline.is_past() {
                return Err(Errno(libc::ETIMEDOUT)); // Other messages come and come.
            }
            let mut length = [0_u8; 2];
            read_exact(socket, &mut length, deadline)?;
            let mut bytes = memory::zeroed(usize::from(u16::from_be_bytes(length)))?;
            if bytes.len() < HEADER {
                return Err(Errno(libc::EMSGSIZE));
            }
            read_exact(socket, &mut bytes, deadline)?;
            // The connection is the server's; only the id is compared, as in glibc.
            let id = Reply::new(&bytes).map(|reply| reply.id());
            if let Some(which) = open.iter().position(|&open| Some(open) == id) {
                open.remove(which);
                *(if replies.first.is_empty() { &mut replies.first } else { &mut replies.second }) = bytes;
            }
        }
        Ok(replies)
    }
}

/// What a datagram was good for.
enum Take {
    /// Not ours: late, spoofed or mangled.
    Ignore,
    /// Half of it; the other half is on its way.
    Wait,
    /// Half of it, and now the second question may be asked.
    AskSecond,
    /// All there is to have.
    Done,
    Truncated,
    NextServer,
}

/// One try at one server.
struct Round<'q> {
    questions: &'q [Question],
    /// Which questions have had their answer, good or not.
    answered: [bool; 2],
    sent: usize,
    replies: Replies,
}

impl Round<'_> {
    /// Sends what is due; what to wait for next.
    fn send(&mut self, socket: &Socket, one_by_one: bool) -> Result<Wait, ()> {
        crate::sys::fault::point();
        let sent = match self.questions {
            [first, second] if self.sent == 0 && !one_by_one => socket.send_two(&first.bytes, &second.bytes),
            questions => match questions.get(self.sent) {
                Some(question) => socket.send(&question.bytes).map(|_| 1),
                None => Ok(0),
            },
        };
        match sent {
            Ok(count) => self.sent += count,
            Err(Errno(libc::EINTR | libc::EAGAIN)) => return Ok(Wait::Writable),
            Err(_) => return Err(()),
        }
        let all_sent = self.sent >= self.questions.len() || one_by_one;
        Ok(if all_sent { Wait::Readable } else { Wait::Either })
    }

    fn answered_by(&self, reply: &Reply<'_>) -> Option<usize> {
        let open = self.questions.iter().zip(self.answered);
        open.enumerate()
            .find(|(_, (question, answered))| !answered && question.is_answered_by(reply))
            .map(|(which, _)| which)
    }

    fn mark(&mut self, which: usize) {
        if let Some(answered) = self.answered.get_mut(which) {
            *answered = true;
        }
    }

    fn any_answered(&self) -> bool {
        self.answered.iter().take(self.questions.len()).any(|&answered| answered)
    }

    /// One of two answers is there, and of use.
    fn is_half_answered(&self) -> bool {
        self.any_answered() && !self.replies.first.is_empty()
    }

    /// Nothing more from this socket. What came so far does not count, as in glibc.
    fn give_up(&mut self, slot: &mut Option<Socket>) -> Step {
        *slot = None;
        self.replies = Replies::default();
        Step::NextServer
    }
}

/// The questions with their lengths before them (RFC 1035, section 4.2.2), to go out in one segment.
fn framed(questions: &[Question]) -> Vec<u8> {
    crate::sys::fault::point();
    let mut bytes = Vec::new();
    for question in questions {
        bytes.extend_from_slice(&(question.bytes.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&question.bytes);
    }
    bytes
}

fn send_all(socket: &Socket, mut bytes: &[u8], deadline: Deadline) -> Result<(), Errno> {
    crate::sys::fault::point();
    while !bytes.is_empty() {
        match socket.send(bytes) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => {
                if socket.wait(Wait::Writable, deadline)? == Ready::Late {
                    return Err(Errno(libc::ETIMEDOUT));
                }
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn read_exact(socket: &Socket, mut buffer: &mut [u8], deadline: Deadline) -> Result<(), Errno> {
    crate::sys::fault::point();
    while !buffer.is_empty() {
        match socket.read(buffer) {
            Ok(0) => return Err(Errno(0)), // The end of the stream leaves no errno, and glibc goes by errno.
            Ok(count) => buffer = buffer.get_mut(count..).unwrap_or_default(),
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => {
                if socket.wait(Wait::Readable, deadline)? == Ready::Late {
                    return Err(Errno(libc::ETIMEDOUT));
                }
            }
            Err(errno) => return Err(errno),
        }
        if deadline.is_past() && !buffer.is_empty() {
            return Err(Errno(libc::ETIMEDOUT)); // A byte a second is not an answer.
        }
    }
    Ok(())
}
