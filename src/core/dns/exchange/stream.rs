//! The queries of a lookup to one server over TCP: glibc's `send_vc` (resolv/res_send.c), but with a timeout:
//! connecting, sending and receiving together may take as long as one round over UDP.

use std::net::SocketAddr;

use super::replies::Replies;
use crate::dns::message::{HEADER, Question, Reply};
use crate::sys::clock::Deadline;
use crate::sys::socket::{Ready, Socket, Wait};
use crate::sys::{Errno, memory};

/// Why there is no response.
pub(super) enum Error {
    /// Query the next server.
    NextServer(Errno),
    /// The lookup fails, since the other servers cannot be queried either.
    Fatal(Errno),
}

/// Queries a server, and once more if it resets the connection, as a server that has been restarted does.
pub(super) fn ask(server: &SocketAddr, questions: &[Question], deadline: Deadline) -> Result<Replies, Error> {
    let mut reset_before = false;
    loop {
        let socket = Socket::stream(server).map_err(Error::Fatal)?;
        match converse(&socket, server, questions, deadline) {
            Ok(replies) => return Ok(replies),
            Err(Errno(libc::ECONNRESET)) if !reset_before => reset_before = true,
            Err(errno) => return Err(Error::NextServer(errno)),
        }
    }
}

fn converse(
    socket: &Socket,
    server: &SocketAddr,
    questions: &[Question],
    deadline: Deadline,
) -> Result<Replies, Errno> {
    match socket.connect(server) {
        Err(Errno(libc::EINPROGRESS)) => {
            if socket.wait(Wait::Writable, deadline)? == Ready::TimedOut {
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
            return Err(Errno(libc::ETIMEDOUT)); // Unrelated messages must not prolong the lookup.
        }
        let mut length = [0_u8; 2];
        read_exact(socket, &mut length, deadline)?;
        let mut bytes = memory::zeroed(usize::from(u16::from_be_bytes(length)))?;
        if bytes.len() < HEADER {
            return Err(Errno(libc::EMSGSIZE));
        }
        read_exact(socket, &mut bytes, deadline)?;
        // As in glibc, only the ID is compared, since the connection is to this server.
        let id = Reply::new(&bytes).map(|reply| reply.id());
        if let Some(which) = open.iter().position(|&open| Some(open) == id) {
            open.remove(which);
            *(if replies.first.is_empty() { &mut replies.first } else { &mut replies.second }) = bytes;
        }
    }
    Ok(replies)
}

/// Returns the queries, each with its length before it (RFC 1035, section 4.2.2), to be sent in one segment.
fn framed(questions: &[Question]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for question in questions {
        bytes.extend_from_slice(&(question.bytes.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&question.bytes);
    }
    bytes
}

fn send_all(socket: &Socket, mut bytes: &[u8], deadline: Deadline) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match socket.send(bytes) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => {
                if socket.wait(Wait::Writable, deadline)? == Ready::TimedOut {
                    return Err(Errno(libc::ETIMEDOUT));
                }
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn read_exact(socket: &Socket, mut buffer: &mut [u8], deadline: Deadline) -> Result<(), Errno> {
    while !buffer.is_empty() {
        match socket.read(buffer) {
            Ok(0) => return Err(Errno(0)), // At the end of the stream, errno is not set, and glibc evaluates errno.
            Ok(count) => buffer = buffer.get_mut(count..).unwrap_or_default(),
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => {
                if socket.wait(Wait::Readable, deadline)? == Ready::TimedOut {
                    return Err(Errno(libc::ETIMEDOUT));
                }
            }
            Err(errno) => return Err(errno),
        }
        if deadline.is_past() && !buffer.is_empty() {
            return Err(Errno(libc::ETIMEDOUT)); // A server that sends single bytes slowly must not prolong the lookup.
        }
    }
    Ok(())
}
