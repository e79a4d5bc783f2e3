//! nscd as seen from outside: its protocol, and the contents of its cache.
//!
//! Looking changes nothing: the daemon is asked for its shared cache (the request that every glibc makes first), which
//! is then read like a file. It is copied instead of mapped, so that nothing in it can change or disappear while it is
//! being read. Only [`ask`] makes the daemon look up a name.

use std::fs::File;
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use serde::Serialize;

use crate::diagnose::sources::Outcome;
use crate::ui::output;

/// Where glibc connects to the daemon.
pub(crate) const SOCKET: &str = "/var/run/nscd/socket";

/// The timeout of glibc.
const PATIENCE: Duration = Duration::from_secs(5);

/// The version of the protocol, and of the layout of the cache.
const VERSION: i32 = 2;

/// The requests of the protocol that are made here, or found in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Request {
    /// `GETAI`: getaddrinfo.
    GetAddrInfo,
    /// `GETHOSTBYNAME`: IPv4.
    GetHostByName,
    /// `GETHOSTBYNAMEv6`: IPv6.
    GetHostByName6,
    /// `GETHOSTBYADDR`, of either family.
    GetHostByAddr,
}

const GETHOSTBYNAME: i32 = 4;
const GETHOSTBYNAME6: i32 = 5;
const GETHOSTBYADDR: i32 = 6;
const GETHOSTBYADDR6: i32 = 7;
const GETFDPW: i32 = 11;
const GETFDGR: i32 = 12;
const GETFDHST: i32 = 13;
const GETAI: i32 = 14;

impl Request {
    fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            GETHOSTBYNAME => Self::GetHostByName,
            GETHOSTBYNAME6 => Self::GetHostByName6,
            GETHOSTBYADDR | GETHOSTBYADDR6 => Self::GetHostByAddr,
            GETAI => Self::GetAddrInfo,
            _ => return None,
        })
    }

    /// Returns the function of libc that makes this request.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::GetAddrInfo => "getaddrinfo",
            Self::GetHostByName => "gethostbyname, IPv4",
            Self::GetHostByName6 => "gethostbyname, IPv6",
            Self::GetHostByAddr => "gethostbyaddr",
        }
    }
}

/// The key of a search in the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'a> {
    /// A name, as the program passed it.
    Name(&'a [u8]),
    /// An address, whose name is looked up.
    Address(IpAddr),
}

impl Key<'_> {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Name(name) => [name, b"\0"].concat(),
            Self::Address(IpAddr::V4(v4)) => v4.octets().to_vec(),
            Self::Address(IpAddr::V6(v6)) => v6.octets().to_vec(),
        }
    }

    /// Returns whether an entry of this request can have this key: the keys of names and of addresses are both plain
    /// bytes.
    fn fits(self, request: Request) -> bool {
        matches!(self, Self::Address(_)) == (request == Request::GetHostByAddr)
    }
}

/// An entry of the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// The request.
    pub(crate) request: Request,
    /// The answer.
    pub(crate) answer: Outcome,
    /// The remaining lifetime in seconds; negative if the entry has expired.
    pub(crate) seconds_left: i64,
}

/// The result of reading the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum Cache {
    /// The cache was read.
    Read {
        /// The number of entries for all names.
        size: i64,
        /// The entries for the name.
        entries: Vec<Entry>,
    },
    /// The daemon does not share a cache of hosts.
    NotShared,
    /// The cache cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl Cache {
    /// Returns what nscd answers to programs, as far as its cache shows: the answer to getaddrinfo or, if there is no
    /// entry for that, to the other functions if that differs from `truth`.
    pub(crate) fn answer(&self, truth: Option<&Outcome>) -> Option<Outcome> {
        let Self::Read { entries, .. } = self else { return None };
        let living = || entries.iter().filter(|entry| entry.seconds_left >= 0);
        let of = |request| living().find(|entry| entry.request == request).map(|entry| entry.answer.clone());
        if let Some(answer) = of(Request::GetAddrInfo).or_else(|| of(Request::GetHostByAddr)) {
            return Some(answer);
        }
        let truth = truth?;
        type Half = (Request, fn(&IpAddr) -> bool);
        let halves: [Half; 2] = [(Request::GetHostByName, IpAddr::is_ipv4), (Request::GetHostByName6, IpAddr::is_ipv6)];
        let known: Vec<(Outcome, Outcome)> =
            halves.iter().filter_map(|&(request, wanted)| Some((of(request)?, truth.only(wanted)))).collect();
        match known.iter().find(|(answer, expected)| !answer.agrees_with(expected)) {
            Some((answer, _)) => Some(answer.clone()),
            None => (!known.is_empty()).then(|| truth.clone()),
        }
    }

    /// Returns the remaining lifetime of the first entry that has not expired.
    pub(crate) fn seconds_left(&self) -> Option<i64> {
        match self {
            Self::Read { entries, .. } => entries.iter().map(|entry| entry.seconds_left).find(|&left| left >= 0),
            _ => None,
        }
    }
}

/// Connects to the socket of a daemon. As in glibc, there is no waiting for a daemon that does not accept connections.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    let kind = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, kind, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(rustix::io::Errno::AGAIN) => return Err(io::Error::other("it is too busy to accept connections")),
        result => result?,
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Describes an error.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        _ => output::reason(error),
    }
}

fn send(stream: &mut UnixStream, request: i32, key: &[u8]) -> io::Result<()> {
    let length = i32::try_from(key.len()).unwrap_or(i32::MAX);
    let header = [VERSION, request, length].map(i32::to_ne_bytes).concat();
    stream.write_all(&[&header, key].concat())
}

/// Returns what the cache of the daemon at this socket contains for `key`.
pub(crate) fn peek(path: &Path, key: Key<'_>) -> Cache {
    let unreadable = |error: io::Error| Cache::Unreadable { reason: in_words(&error) };
    match shared_cache(path, Database::Hosts) {
        Ok(Some(file)) => match copy(&file) {
            Ok(copy) => match copy.find(key, seconds_now()) {
                Some(entries) => Cache::Read { size: copy.size, entries },
                None => Cache::Unreadable { reason: "its layout is not that of glibc's nscd".to_owned() },
            },
            Err(error) => unreadable(error),
        },
        Ok(None) => Cache::NotShared,
        Err(error) => unreadable(error),
    }
}

fn seconds_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// A database of nscd whose cache it may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Passwd,
    Group,
    Hosts,
}

impl Database {
    /// Returns the request for the cache, and the name of the database.
    fn request(self) -> (i32, &'static [u8]) {
        match self {
            Self::Passwd => (GETFDPW, b"passwd\0"),
            Self::Group => (GETFDGR, b"group\0"),
            Self::Hosts => (GETFDHST, b"hosts\0"),
        }
    }
}

/// Returns whether the daemon has a cache of this database that it shares.
pub(crate) fn shares(path: &Path, database: Database) -> bool {
    shared_cache(path, database).is_ok_and(|file| file.is_some())
}

/// Returns the file of the daemon's cache; `None` if it does not share one. The daemon makes no lookup for this
/// request.
fn shared_cache(path: &Path, database: Database) -> io::Result<Option<File>> {
    let (request, name) = database.request();
    let mut stream = connect(path)?;
    send(&mut stream, request, name)?;
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let mut text = [0; 64];
    // The response consists of the name and, from newer daemons, the size.
    let received =
        rustix::net::recvmsg(&stream, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC);
    match received {
        Ok(_) => {}
        // unscd closes the connection after a request that it does not know.
        Err(rustix::io::Errno::CONNRESET | rustix::io::Errno::PIPE) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let descriptor: Option<OwnedFd> = descriptors.flatten().next();
    Ok(descriptor.filter(|_| text.starts_with(name)).map(File::from))
}

/// `struct database_pers_head`, as far as it is needed here.
struct Header {
    gc_cycle: i32,
    /// The number of buckets of the hash table.
    buckets: usize,
    /// The size of the data after the table, in bytes.
    data: usize,
    /// The number of entries.
    entries: i64,
}

const HEADER: usize = 120;
/// The maximum size of a cache that is copied: nscd's own limit is 32 MiB unless nscd.conf has another.
const LARGEST: usize = 256 << 20;

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let sizes = (int(bytes, 0)?, int(bytes, 4)?);
        if sizes != (VERSION, HEADER as i32) {
            return None;
        }
        Some(Self {
            gc_cycle: int(bytes, 8)?,
            buckets: usize::try_from(int(bytes, 40)?).ok().filter(|&buckets| buckets > 0)?,
            data: usize::try_from(int(bytes, 44)?).ok()?,
            entries: i64::from(int(bytes, 52)?),
        })
    }

    /// Returns the offset of the data, which follow the table, aligned to 16 bytes.
    fn data_start(&self) -> usize {
        HEADER + (self.buckets * 4).next_multiple_of(16)
    }
}

/// The contents of the cache at a time when no entries were being moved.
struct Contents {
    /// The hash table, which precedes the data.
    table: Vec<u8>,
    data: Vec<u8>,
    buckets: usize,
    size: i64,
}

/// Copies the cache. While the daemon collects garbage, the cycle is odd and entries are moved, so a copy is valid only
/// if the cycle was even, and the same before and after.
fn copy(file: &File) -> io::Result<Contents> {
    const TRIES: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(10);
    let header = || -> io::Result<Header> {
        let mut bytes = [0; HEADER];
        file.read_exact_at(&mut bytes, 0)?;
        Header::parse(&bytes).ok_or_else(|| io::Error::other("its layout is not that of glibc's nscd"))
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    for _ in 0..TRIES {
        let before = header()?;
        let start = before.data_start();
        if start.saturating_add(before.data) > length.min(LARGEST) {
            return Err(io::Error::other("it is truncated"));
        }
        if before.gc_cycle & 1 == 0 {
            // The table first: data are written before the table refers to them.
            let (mut table, mut data) = (vec![0; start - HEADER], vec![0; before.data]);
            file.read_exact_at(&mut table, HEADER as u64)?;
            file.read_exact_at(&mut data, start as u64)?;
            if header()?.gc_cycle == before.gc_cycle {
                return Ok(Contents { table, data, buckets: before.buckets, size: before.entries });
            }
        }
        thread::sleep(PAUSE);
    }
    Err(io::Error::other("the daemon did not finish its garbage collection"))
}

impl Contents {
    /// Returns the entries with this key; `None` if the cache is inconsistent: an offset is out of range, or a chain is
    /// a loop.
    fn find(&self, key: Key<'_>, now: i64) -> Option<Vec<Entry>> {
        const END: u32 = u32::MAX;
        /// The size of `struct hashentry`.
        const SIZE: usize = 32;
        let bytes = key.bytes();
        let mut left = self.data.len() / SIZE + 1;
        let mut found = Vec::new();
        for bucket in 0..self.buckets {
            let mut at = word(&self.table, bucket * 4)?;
            while at != END {
                left = left.checked_sub(1)?;
                let entry = part(&self.data, at as usize, SIZE)?;
                let request = Request::from_number(i32::from(*entry.first()?));
                let length = usize::try_from(int(entry, 4)?).ok()?;
                let its_key = part(&self.data, word(entry, 8)? as usize, length)?;
                if let Some(request) = request.filter(|&request| key.fits(request) && its_key == bytes) {
                    found.extend(self.entry(request, word(entry, 20)? as usize, now)?);
                }
                at = word(entry, 16)?;
            }
        }
        found.sort_by_key(|entry| entry.request as u8);
        Some(found)
    }

    /// Returns the entry with the `struct datahead` at this offset; the inner `None` means that the entry is not
    /// usable.
    fn entry(&self, request: Request, at: usize, now: i64) -> Option<Option<Entry>> {
        const SIZE: usize = 24;
        let head = part(&self.data, at, SIZE)?;
        let size = usize::try_from(int(head, 4)?).ok()?;
        let timeout = i64::from_ne_bytes(part(head, 8, 8)?.try_into().ok()?);
        let is_usable = *head.get(18)? != 0;
        let answer = answer(request, part(&self.data, at + SIZE, size)?)?;
        Some(is_usable.then_some(Entry { request, answer, seconds_left: timeout.saturating_sub(now) }))
    }
}

fn part(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(part(bytes, at, 4)?.try_into().ok()?))
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    word(bytes, at).map(u32::cast_signed)
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(int(bytes, at)?).ok()
}

/// Queries the daemon, which looks up the name unless it is in its cache, and stores the result there.
pub(crate) fn ask(path: &Path, key: Key<'_>) -> Outcome {
    let (request, number) = match key {
        Key::Name(_) => (Request::GetAddrInfo, GETAI),
        Key::Address(IpAddr::V4(_)) => (Request::GetHostByAddr, GETHOSTBYADDR),
        Key::Address(IpAddr::V6(_)) => (Request::GetHostByAddr, GETHOSTBYADDR6),
    };
    let reply = connect(path).and_then(|mut stream| {
        send(&mut stream, number, &key.bytes())?;
        // A lookup by the daemon may take longer than an answer from its cache.
        stream.set_read_timeout(Some(PATIENCE * 6))?;
        let mut reply = Vec::new();
        stream.take(1 << 20).read_to_end(&mut reply)?;
        Ok(reply)
    });
    match reply {
        Ok(reply) => answer(request, &reply)
            .unwrap_or_else(|| Outcome::failed("it closed the connection without an answer: no hosts cache")),
        Err(error) => Outcome::failed(in_words(&error)),
    }
}

/// Parses the response to a request, which has the same format in the cache.
fn answer(request: Request, reply: &[u8]) -> Option<Outcome> {
    let found = int(reply, 4)?;
    let error_at = if request == Request::GetAddrInfo { 20 } else { 28 };
    match found {
        1 if request == Request::GetAddrInfo => addresses(reply),
        1 => hostent(request, reply),
        0 => Some(match int(reply, error_at)? {
            2 => Outcome::not_found("temporary failure"),
            4 => Outcome::not_found("no such addresses"),
            _ => Outcome::not_found("not found"),
        }),
        _ => Some(Outcome::failed("its hosts cache is off")),
    }
}

/// Parses an `ai_response_header`, addresses, their families, and the canonical name.
fn addresses(reply: &[u8]) -> Option<Outcome> {
    let (count, bytes) = (length(reply, 8)?, length(reply, 12)?);
    let families = part(reply, 24 + bytes, count)?;
    let mut at = 24;
    let mut addresses = Vec::new();
    for &family in families {
        let width = if i32::from(family) == libc::AF_INET { 4 } else { 16 };
        addresses.push(address(part(reply, at, width)?)?);
        at += width;
    }
    Some(Outcome::addresses(addresses))
}

/// Parses an `hst_response_header`, the name, the lengths of the aliases, addresses, and the aliases.
fn hostent(request: Request, reply: &[u8]) -> Option<Outcome> {
    let (name, aliases) = (length(reply, 8)?, length(reply, 12)?);
    let (width, count) = (length(reply, 20)?, length(reply, 24)?);
    let text = part(reply, 32, name)?;
    if request == Request::GetHostByAddr {
        return Some(Outcome::name(text.strip_suffix(b"\0").unwrap_or(text)));
    }
    let start = 32_usize.checked_add(name)?.checked_add(aliases.checked_mul(4)?)?;
    let each = |number: usize| part(reply, start.checked_add(number.checked_mul(width)?)?, width).and_then(address);
    Some(Outcome::addresses((0..count.min(reply.len())).map(each).collect::<Option<Vec<_>>>()?))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with one bucket and one entry.
    fn cache(key: &[u8], request: u8, reply: &[u8], timeout: u64) -> Contents {
        let mut data = vec![request, 1, 0, 0];
        for word in [key.len() as u32, 32, 0, u32::MAX, 64] {
            data.extend_from_slice(&word.to_ne_bytes());
        }
        data.resize(32, 0);
        data.extend_from_slice(key);
        data.resize(64, 0);
        for word in [24 + reply.len() as u32, reply.len() as u32] {
            data.extend_from_slice(&word.to_ne_bytes());
        }
        data.extend_from_slice(&timeout.to_ne_bytes());
        data.extend_from_slice(&[0, 0, 1, 0, 0, 0, 0, 0]);
        data.extend_from_slice(reply);
        Contents { table: 0_u32.to_ne_bytes().to_vec(), data, buckets: 1, size: 1 }
    }

    fn reply(words: &[i32], rest: &[u8]) -> Vec<u8> {
        [words.iter().flat_map(|word| word.to_ne_bytes()).collect(), rest.to_vec()].concat()
    }

    #[test]
    fn an_entry_is_found_by_its_key_and_kind() {
        let found = reply(&[2, 1, 1, 4, 2, 0], &[192, 0, 2, 1, libc::AF_INET as u8, b'a', 0]);
        let cache = cache(b"a\0", 14, &found, 1010);
        let expected = Entry {
            request: Request::GetAddrInfo,
            answer: Outcome::addresses(vec!["192.0.2.1".parse().unwrap()]),
            seconds_left: 10,
        };
        assert_eq!(cache.find(Key::Name(b"a"), 1000), Some(vec![expected]));
        assert_eq!(cache.find(Key::Name(b"b"), 1000), Some(vec![]));
        assert_eq!(cache.find(Key::Name(b"A"), 1000), Some(vec![]));
    }

    #[test]
    fn answers_are_read_as_the_daemon_writes_them() {
        let none = reply(&[2, 0, 0, 0, 0, 1], &[]);
        assert_eq!(answer(Request::GetAddrInfo, &none), Some(Outcome::not_found("not found")));
        let off = reply(&[2, -1, 0, 0, -1, 0, 0, 0], &[]);
        assert_eq!(answer(Request::GetHostByName, &off), Some(Outcome::failed("its hosts cache is off")));
        let host = reply(&[2, 1, 2, 1, 2, 4, 2, 0], b"h\0\x02\0\0\0\x7f\0\0\x01\x7f\0\0\x02b\0");
        let expected = Outcome::addresses(vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()]);
        assert_eq!(answer(Request::GetHostByName, &host), Some(expected));
        assert_eq!(answer(Request::GetHostByAddr, &host), Some(Outcome::name(b"h")));
    }

    #[test]
    fn a_cache_that_leads_out_of_itself_or_in_circles_is_refused() {
        let good = cache(b"a\0", 14, &reply(&[2, 0, 0, 0, 0, 1], &[]), 0);
        for length in 0..good.data.len() {
            let cut = Contents { data: good.data[..length].to_vec(), table: good.table.clone(), ..good };
            assert_eq!(cut.find(Key::Name(b"a"), 0), None, "{length}");
        }
        let mut circle = cache(b"a\0", 14, &reply(&[2, 0, 0, 0, 0, 1], &[]), 0);
        circle.data[16..20].fill(0);
        assert_eq!(circle.find(Key::Name(b"a"), 0), None);
        for at in 0..good.data.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut spoilt = Contents { data: good.data.clone(), table: good.table.clone(), ..good };
                spoilt.data[at] = value;
                let _ = spoilt.find(Key::Name(b"a"), 0); // Whatever the result is, it must terminate without a panic.
            }
        }
    }

    #[test]
    fn entries_of_one_family_are_compared_with_that_family() {
        let found = |address: &str| Outcome::addresses(vec![address.parse().unwrap()]);
        let none = || Outcome::not_found("not found");
        let both = Outcome::addresses(vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]);
        let entry = |request, answer, seconds_left| Entry { request, answer, seconds_left };
        let cache = |entries| Cache::Read { size: 9, entries };
        let v4 = cache(vec![entry(Request::GetHostByName, found("192.0.2.1"), 5)]);
        assert_eq!(v4.answer(Some(&both)), Some(both.clone()));
        let wrong = cache(vec![entry(Request::GetHostByName, none(), 5)]);
        assert_eq!(wrong.answer(Some(&both)), Some(none()));
        let old = cache(vec![entry(Request::GetAddrInfo, none(), -1)]);
        assert_eq!(old.answer(Some(&both)), None);
        assert_eq!(Cache::NotShared.answer(Some(&both)), None);
    }
}
