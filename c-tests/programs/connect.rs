//! `connect NAME PORT`: says what a TCP service says, found as programs in Rust find it, with std.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, port] = arguments.as_slice() else {
        return Err(std::io::Error::other("usage: connect NAME PORT"));
    };
    let addresses: Vec<_> = format!("{name}:{port}").to_socket_addrs()?.collect();
    let mut said = Vec::new();
    TcpStream::connect(addresses.as_slice())?.read_to_end(&mut said)?;
    std::io::stdout().write_all(&said)
}
