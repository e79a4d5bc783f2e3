//! The name server, which runs in threads of this process and sends the messages of `answers`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use crate::answers::{Transport, answer};

const PORT: u16 = 53;
/// The maximum length of a question.
const QUESTION: usize = 1024;

/// The addresses of the servers, which may be used in a generated resolv.conf.
pub(crate) const ADDRESSES: [IpAddr; 5] = {
    use std::net::Ipv4Addr;
    [
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)),
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54)),
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, 55)),
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ]
};

/// Starts the servers, which run until the process ends.
pub(crate) fn start() -> io::Result<()> {
    for address in ADDRESSES {
        let at = SocketAddr::new(address, PORT);
        let last = match address {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(_) => 6,
        };
        let (datagrams, streams) = (UdpSocket::bind(at)?, TcpListener::bind(at)?);
        thread::spawn(move || serve_datagrams(&datagrams, last));
        thread::spawn(move || {
            for stream in streams.incoming().flatten() {
                thread::spawn(move || serve_stream(stream, last));
            }
        });
    }
    Ok(())
}

fn serve_datagrams(socket: &UdpSocket, server: u8) {
    let mut question = [0; QUESTION];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut question) else { continue };
        if let Some(reply) = answer(&question[..length], Transport::Udp, server) {
            // The client may have ended.
            let _ = socket.send_to(&reply, from);
        }
    }
}

/// Answers the questions of a connection in order, until an error of the client.
fn serve_stream(mut stream: TcpStream, server: u8) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_err() {
            return;
        }
        let Some(reply) = answer(&question, Transport::Tcp, server) else { return };
        let framed = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
        if stream.write_all(&framed).is_err() {
            return;
        }
    }
}
