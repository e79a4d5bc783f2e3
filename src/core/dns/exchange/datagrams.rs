//! The queries of a lookup to one server over UDP, as a state machine: event → next action. It corresponds to glibc's
//! `send_dg` (resolv/res_send.c), and uses neither a socket nor a clock.

use super::replies::Replies;
use crate::dns::message::{Question, Reply};
use crate::sys::socket::Wait;

/// An event.
#[derive(Clone, Copy)]
pub(super) enum Event<'a> {
    /// The socket is writable, as a new one always is.
    Writable,
    /// This number of queries has been sent.
    Sent(usize),
    /// Sending or receiving was interrupted, or would have blocked.
    Interrupted,
    /// A datagram has been received. If it is not `whole`, only its beginning is available.
    Datagram { bytes: &'a [u8], whole: bool },
    /// The time of the current round is over.
    TimedOut,
    /// The socket has failed.
    Failed,
}

/// The next action.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send both queries at once.
    SendBoth,
    /// Send the query with this index.
    Send(usize),
    /// Wait for the socket.
    Wait(Wait),
    /// Open another socket, and continue.
    Reopen,
    /// Start another round, with a new timeout and, if `reopen`, from another source port.
    Again { reopen: bool },
    /// End. If `keep_socket`, the socket can be used for another attempt with this server.
    End { end: End, keep_socket: bool },
}

/// The result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There are responses, but perhaps not to all queries.
    Answered,
    /// The response does not fit into a datagram: query the same server again over TCP.
    Truncated,
    /// Query the next server.
    NextServer,
}

/// How queries are sent, as resolv.conf says or as the server has been found to need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    /// One query at a time (`single-request`).
    pub(super) one_by_one: bool,
    /// The second query from another source port (`single-request-reopen`).
    pub(super) reopen: bool,
    /// An earlier lookup has found that the server needs this mode. A refused query is then treated as if both had been
    /// sent at once, so that datagrams that were lost some time ago do not change results now.
    pub(super) learnt: bool,
}

/// How the options of resolv.conf change which responses are accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strictness {
    /// RES_IGNTC: a truncated response is accepted.
    pub(super) ignores_truncation: bool,
    /// `strict-error`: if one of two queries fails, the response to the other is discarded.
    pub(super) strict_error: bool,
}

/// The state of the queries to one server.
pub(super) struct Datagrams<'q> {
    questions: &'q [Question],
    strictness: Strictness,
    pub(super) mode: Mode,
    /// Which queries have been responded to, successfully or not.
    answered: [bool; 2],
    sent: usize,
    wait: Wait,
    pub(super) replies: Replies,
    /// Whether the server has sent anything, or has not within the timeout.
    pub(super) heard: bool,
    /// Whether a response to one of the queries has been received.
    pub(super) has_reply: bool,
    /// The response code of the first response of the last round that had one.
    pub(super) last_rcode: Option<u8>,
}

impl<'q> Datagrams<'q> {
    pub(super) fn new(questions: &'q [Question], mode: Mode, strictness: Strictness) -> Self {
        Self {
            questions,
            strictness,
            mode,
            answered: [false, questions.len() < 2],
            sent: 0,
            wait: Wait::Writable,
            replies: Replies::default(),
            heard: false,
            has_reply: false,
            last_rcode: None,
        }
    }

    pub(super) fn step(&mut self, event: Event<'_>) -> Next {
        match event {
            Event::Writable => {
                self.wait = Wait::Writable;
                let both = self.questions.len() == 2 && self.sent == 0 && !self.mode.one_by_one;
                if both { Next::SendBoth } else { Next::Send(self.sent) }
            }
            Event::Sent(count) => {
                self.sent += count;
                let all_sent = self.sent >= self.questions.len() || self.mode.one_by_one;
                self.waiting(if all_sent { Wait::Readable } else { Wait::Either })
            }
            Event::Interrupted => Next::Wait(self.wait),
            Event::Datagram { bytes, whole } => {
                self.heard = true;
                self.received(bytes, whole)
            }
            Event::TimedOut => self.timed_out(),
            Event::Failed => self.failed(),
        }
    }

    fn waiting(&mut self, wait: Wait) -> Next {
        self.wait = wait;
        Next::Wait(wait)
    }

    fn received(&mut self, bytes: &[u8], whole: bool) -> Next {
        let Some(reply) = Reply::new(bytes) else { return self.failed() };
        let Some(which) = self.question_of(&reply) else { return Next::Wait(self.wait) }; // Late, spoofed or malformed.
        self.has_reply = true;
        let is_first = !self.any_answered();
        if is_first {
            self.last_rcode = Some(reply.rcode());
        }
        if reply.is_server_failure() || reply.is_lame() {
            return self.refused(which, is_first);
        }
        if !whole || (reply.is_truncated() && !self.strictness.ignores_truncation) {
            return Next::End { end: End::Truncated, keep_socket: false };
        }
        *(if is_first { &mut self.replies.first } else { &mut self.replies.second }) = bytes.to_vec();
        self.mark(which);
        if self.answered == [true, true] {
            return Next::End { end: End::Answered, keep_socket: true };
        }
        self.second()
    }

    /// One query has been responded to, and the other has not.
    fn second(&mut self) -> Next {
        match self.mode {
            Mode { one_by_one: true, reopen: true, .. } => Next::Reopen,
            Mode { one_by_one: true, reopen: false, .. } => self.waiting(Wait::Writable),
            Mode { one_by_one: false, .. } => self.waiting(Wait::Readable),
        }
    }

    /// Handles a response with which the server refuses a query.
    fn refused(&mut self, which: usize, is_first: bool) -> Next {
        if self.strictness.strict_error {
            return self.failed();
        }
        if !is_first {
            // With the other response, if that was successful.
            return Next::End { end: End::Answered, keep_socket: true };
        }
        if self.questions.len() == 2 && (!self.mode.one_by_one || self.mode.learnt) {
            self.mark(which); // Treated as responded to, without a response; the other query may be successful.
            return self.second();
        }
        self.failed()
    }

    /// Handles a timeout. If only one of two queries has been responded to, a server or a firewall may have dropped the
    /// second of two queries that were sent at once. They are then sent one after the other and, if that fails, from
    /// two source ports.
    fn timed_out(&mut self) -> Next {
        if !self.is_half_answered() {
            self.heard = true;
            return Next::End { end: End::NextServer, keep_socket: true };
        }
        match self.mode {
            Mode { one_by_one: false, .. } => self.mode.one_by_one = true,
            Mode { reopen: false, .. } => self.mode.reopen = true,
            Mode { one_by_one: true, reopen: true, .. } => return Next::End { end: End::Answered, keep_socket: true },
        }
        let again = Self::new(self.questions, self.mode, self.strictness);
        *self = Self { has_reply: self.has_reply, last_rcode: self.last_rcode, ..again };
        Next::Again { reopen: self.mode.reopen }
    }

    /// Ends the use of this socket. As in glibc, responses that it has received are discarded.
    fn failed(&mut self) -> Next {
        self.replies = Replies::default();
        Next::End { end: End::NextServer, keep_socket: false }
    }

    fn question_of(&self, reply: &Reply<'_>) -> Option<usize> {
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

    /// Returns whether one of two queries has been responded to successfully.
    fn is_half_answered(&self) -> bool {
        self.any_answered() && !self.replies.first.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::{QueryFlags, to_wire};
    use hickory_resolver::proto::rr::RecordType;

    const TOGETHER: Mode = Mode { one_by_one: false, reopen: false, learnt: false };
    const ONE_BY_ONE: Mode = Mode { one_by_one: true, ..TOGETHER };
    const REOPEN: Mode = Mode { one_by_one: true, reopen: true, learnt: false };
    const LENIENT: Strictness = Strictness { ignores_truncation: false, strict_error: false };

    /// What a server sends in a test.
    #[derive(Clone, Copy)]
    enum Sends {
        /// A response to the query with this index, with this response code.
        Answer(usize, u8),
        Truncated(usize),
        /// A response that does not fit into a datagram.
        Long(usize),
        /// A response to another query.
        Stray,
        /// Less than a header.
        Short,
    }

    /// An event, or what a server sends, and the expected action.
    enum Row {
        Event(Event<'static>, Next),
        Sends(Sends, Next),
    }
    use Row::{Event as On, Sends as Got};

    fn questions(count: usize) -> Vec<Question> {
        let query_flags = QueryFlags { edns: false, dnssec: false, recursion: true, authentic_data: false };
        let first = Question::new(1, &to_wire(b"name.example").unwrap(), RecordType::A, query_flags);
        let second = first.for_kind(2, RecordType::AAAA).unwrap();
        [first, second].into_iter().take(count).collect()
    }

    fn datagram(questions: &[Question], sends: Sends) -> (Vec<u8>, bool) {
        const ANSWER: u8 = 0x80;
        const RECURSION_AVAILABLE: u8 = 0x80;
        const TRUNCATED: u8 = 0x02;
        let reply = |which: usize, rcode: u8| {
            let mut bytes = questions[which].bytes.clone();
            bytes[2] |= ANSWER;
            bytes[3] = RECURSION_AVAILABLE | rcode;
            bytes
        };
        match sends {
            Sends::Answer(which, rcode) => (reply(which, rcode), true),
            Sends::Truncated(which) => {
                let mut bytes = reply(which, 0);
                bytes[2] |= TRUNCATED;
                (bytes, true)
            }
            Sends::Long(which) => (reply(which, 0), false),
            Sends::Stray => {
                let mut bytes = reply(0, 0);
                bytes[0] ^= 0xff;
                (bytes, true)
            }
            Sends::Short => (vec![0; 4], true),
        }
    }

    /// Runs through the rows. Returns which responses there are, the mode, and whether anything was heard from the
    /// server.
    fn walk(count: usize, mode: Mode, rows: Vec<Row>) -> ([bool; 2], Mode, bool) {
        walk_as(LENIENT, count, mode, rows)
    }

    fn walk_as(strictness: Strictness, count: usize, mode: Mode, rows: Vec<Row>) -> ([bool; 2], Mode, bool) {
        let questions = questions(count);
        let mut datagrams = Datagrams::new(&questions, mode, strictness);
        for (number, row) in rows.into_iter().enumerate() {
            let (next, expected) = match row {
                On(event, expected) => (datagrams.step(event), expected),
                Got(sends, expected) => {
                    let (bytes, whole) = datagram(&questions, sends);
                    (datagrams.step(Event::Datagram { bytes: &bytes, whole }), expected)
                }
            };
            assert_eq!(next, expected, "row {number}");
        }
        let Replies { first, second } = &datagrams.replies;
        ([!first.is_empty(), !second.is_empty()], datagrams.mode, datagrams.heard)
    }

    use Sends::{Answer, Long, Short, Stray, Truncated};

    #[test]
    fn one_question_is_sent_and_answered() {
        let rows = vec![
            On(Event::Writable, Next::Send(0)),
            On(Event::Interrupted, Next::Wait(Wait::Writable)),
            On(Event::Writable, Next::Send(0)),
            On(Event::Sent(1), Next::Wait(Wait::Readable)),
            Got(Stray, Next::Wait(Wait::Readable)),
            On(Event::Interrupted, Next::Wait(Wait::Readable)),
            Got(Answer(0, 3), Next::End { end: End::Answered, keep_socket: true }),
        ];
        assert_eq!(walk(1, TOGETHER, rows), ([true, false], TOGETHER, true));
    }

    #[test]
    fn two_questions_go_out_at_once_and_are_answered_in_any_order() {
        let rows = vec![
            On(Event::Writable, Next::SendBoth),
            On(Event::Sent(1), Next::Wait(Wait::Either)),
            On(Event::Writable, Next::Send(1)),
            On(Event::Sent(1), Next::Wait(Wait::Readable)),
            Got(Answer(1, 0), Next::Wait(Wait::Readable)),
            Got(Answer(1, 0), Next::Wait(Wait::Readable)),
            Got(Answer(0, 0), Next::End { end: End::Answered, keep_socket: true }),
        ];
        assert_eq!(walk(2, TOGETHER, rows), ([true, true], TOGETHER, true));
    }

    #[test]
    fn one_by_one_the_second_question_waits_for_the_first_answer() {
        let rows = |third| {
            vec![
                On(Event::Writable, Next::Send(0)),
                On(Event::Sent(1), Next::Wait(Wait::Readable)),
                Got(Answer(0, 0), third),
                On(Event::Writable, Next::Send(1)),
                On(Event::Sent(1), Next::Wait(Wait::Readable)),
                Got(Answer(1, 0), Next::End { end: End::Answered, keep_socket: true }),
            ]
        };
        assert_eq!(walk(2, ONE_BY_ONE, rows(Next::Wait(Wait::Writable))), ([true, true], ONE_BY_ONE, true));
        assert_eq!(walk(2, REOPEN, rows(Next::Reopen)), ([true, true], REOPEN, true));
    }

    #[test]
    fn a_lost_answer_is_asked_for_alone_then_from_another_port_and_then_done_without() {
        let ask = || [On(Event::Writable, Next::Send(0)), On(Event::Sent(1), Next::Wait(Wait::Readable))];
        let mut rows = vec![
            On(Event::Writable, Next::SendBoth),
            On(Event::Sent(2), Next::Wait(Wait::Readable)),
            Got(Answer(0, 0), Next::Wait(Wait::Readable)),
            On(Event::TimedOut, Next::Again { reopen: false }),
        ];
        rows.extend(ask());
        rows.push(Got(Answer(0, 0), Next::Wait(Wait::Writable)));
        rows.push(On(Event::TimedOut, Next::Again { reopen: true }));
        rows.extend(ask());
        rows.push(Got(Answer(0, 0), Next::Reopen));
        rows.push(On(Event::TimedOut, Next::End { end: End::Answered, keep_socket: true }));
        assert_eq!(walk(2, TOGETHER, rows), ([true, false], REOPEN, true));
    }

    #[test]
    fn silence_means_the_next_server_and_the_socket_may_still_be_answered() {
        let rows = vec![
            On(Event::Writable, Next::SendBoth),
            On(Event::Sent(2), Next::Wait(Wait::Readable)),
            On(Event::TimedOut, Next::End { end: End::NextServer, keep_socket: true }),
        ];
        assert_eq!(walk(2, TOGETHER, rows), ([false, false], TOGETHER, true));
    }

    #[test]
    fn a_server_that_refuses_one_question_may_answer_the_other() {
        for refusal in [2, 4, 5] {
            let rows = vec![
                On(Event::Writable, Next::SendBoth),
                On(Event::Sent(2), Next::Wait(Wait::Readable)),
                Got(Answer(0, refusal), Next::Wait(Wait::Readable)),
                Got(Answer(1, 0), Next::End { end: End::Answered, keep_socket: true }),
            ];
            assert_eq!(walk(2, TOGETHER, rows), ([false, true], TOGETHER, true));
            let rows = vec![
                On(Event::Writable, Next::SendBoth),
                On(Event::Sent(2), Next::Wait(Wait::Readable)),
                Got(Answer(1, 0), Next::Wait(Wait::Readable)),
                Got(Answer(0, refusal), Next::End { end: End::Answered, keep_socket: true }),
            ];
            assert_eq!(walk(2, TOGETHER, rows), ([true, false], TOGETHER, true));
            let rows = vec![
                On(Event::Writable, Next::Send(0)),
                On(Event::Sent(1), Next::Wait(Wait::Readable)),
                Got(Answer(0, refusal), Next::End { end: End::NextServer, keep_socket: false }),
            ];
            assert_eq!(walk(1, TOGETHER, rows), ([false, false], TOGETHER, true));
        }
    }

    #[test]
    fn with_strict_error_the_other_half_of_an_error_does_not_count() {
        let strict = Strictness { strict_error: true, ..LENIENT };
        let end = Next::End { end: End::NextServer, keep_socket: false };
        let rows = vec![
            On(Event::Writable, Next::SendBoth),
            On(Event::Sent(2), Next::Wait(Wait::Readable)),
            Got(Answer(0, 0), Next::Wait(Wait::Readable)),
            Got(Answer(1, 2), end),
        ];
        assert_eq!(walk_as(strict, 2, TOGETHER, rows), ([false, false], TOGETHER, true));
    }

    #[test]
    fn one_by_one_a_refusal_ends_the_round_unless_only_an_earlier_lookup_wanted_it_so() {
        let rows = |third| {
            vec![
                On(Event::Writable, Next::Send(0)),
                On(Event::Sent(1), Next::Wait(Wait::Readable)),
                Got(Answer(0, 2), third),
            ]
        };
        let end = Next::End { end: End::NextServer, keep_socket: false };
        assert_eq!(walk(2, ONE_BY_ONE, rows(end)), ([false, false], ONE_BY_ONE, true));
        let learnt = Mode { learnt: true, ..REOPEN };
        let mut more = rows(Next::Reopen);
        more.push(On(Event::Writable, Next::Send(1)));
        more.push(On(Event::Sent(1), Next::Wait(Wait::Readable)));
        more.push(Got(Answer(1, 0), Next::End { end: End::Answered, keep_socket: true }));
        assert_eq!(walk(2, learnt, more), ([false, true], learnt, true));
    }

    #[test]
    fn what_is_too_long_is_fetched_over_tcp() {
        for sends in [Truncated(0), Long(0)] {
            let rows = vec![
                On(Event::Writable, Next::Send(0)),
                On(Event::Sent(1), Next::Wait(Wait::Readable)),
                Got(sends, Next::End { end: End::Truncated, keep_socket: false }),
            ];
            assert_eq!(walk(1, TOGETHER, rows), ([false, false], TOGETHER, true));
        }
    }

    #[test]
    fn what_came_from_a_socket_that_fails_does_not_count() {
        let rows = |last| {
            vec![
                On(Event::Writable, Next::SendBoth),
                On(Event::Sent(2), Next::Wait(Wait::Readable)),
                Got(Answer(0, 0), Next::Wait(Wait::Readable)),
                last,
            ]
        };
        let end = || Next::End { end: End::NextServer, keep_socket: false };
        assert_eq!(walk(2, TOGETHER, rows(On(Event::Failed, end()))), ([false, false], TOGETHER, true));
        assert_eq!(walk(2, TOGETHER, rows(Got(Short, end()))), ([false, false], TOGETHER, true));
    }
}
