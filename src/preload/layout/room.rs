//! The buffer size that glibc requires for a lookup with a `_r` function: its modules read /etc/hosts and build the
//! answer in the caller's buffer, and may need more space before they know whether the name exists.

use std::io::BufRead;
use std::net::IpAddr;

use nss_bypass_core::files::hosts::{Key, Line, lines_with, parse_line};
use nss_bypass_core::files::text::until_nul;
use nss_bypass_core::model::{Answer, Family, Subject};
use nss_bypass_core::resolve::{CallerBuffer, HostKey};

use super::hostent::{Layout, Order, width};

/// A caller's buffer: its address, and its length in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    /// Where it begins.
    pub(crate) address: usize,
    /// How long it is.
    pub(crate) length: usize,
}

impl Buffer {
    /// Returns the part of the buffer from the first address that is aligned for pointers.
    fn aligned(self) -> Self {
        let address = self.address.next_multiple_of(POINTER);
        Self { address, length: self.length.saturating_sub(address - self.address) }
    }

    /// Returns whether glibc's `files` module can search this text for `key` with this buffer, which it aligns for
    /// lookups by name only.
    pub(crate) fn is_enough(self, text: &[u8], key: Key<'_>, multi: bool) -> bool {
        let Self { address, length } = match key {
            Key::Name(..) => self.aligned(),
            Key::Address(..) => self,
        };
        let is_single = match key {
            Key::Name(name, _) if multi => lines_with(text, name).nth(1).is_none(),
            _ => true,
        };
        // Hardly any line is so long that its words have to be counted.
        (is_single && length >= most_for_one(text)) || length >= room(text, key, multi, address)
    }
}

impl CallerBuffer for Buffer {
    /// If the first byte of a name can be the beginning of an address, glibc requires room for an address.
    fn fits_key(&self, key: HostKey<'_>) -> bool {
        const ADDRESS: usize = 16;
        let Subject::Name(name) = key.subject() else { return true };
        let wanted = match name.as_bytes() {
            [first, ..] if first.is_ascii_hexdigit() || *first == b':' => {
                ADDRESS + 3 * POINTER + name.as_bytes().len() + 1
            }
            _ => 0,
        };
        self.length >= wanted
    }

    fn fits_hosts(&self, text: &[u8], key: Key<'_>, multi: bool) -> bool {
        self.is_enough(text, key, multi)
    }

    fn fits_answer(&self, answer: &Answer, from_dns: bool) -> bool {
        let order = if from_dns { Order::ListsFirst } else { Order::ListsLast };
        self.length >= Layout::new(answer, width(answer), self.address, order).end
    }

    fn fits_address_list(&self) -> bool {
        const ADDRESS_LIST: usize = 2 * POINTER; // A list of one address.
        self.aligned().length >= ADDRESS_LIST
    }
}

/// Returns an upper bound of what glibc requires for any single line of a text.
fn most_for_one(mut text: &[u8]) -> usize {
    let mut longest = 0;
    while let Some(length) = text.skip_until(b'\n').ok().filter(|&length| length > 0) {
        longest = longest.max(length);
    }
    HOSTENT_DATA + longest + 2 + POINTER + (longest / 2 + 2) * POINTER
}

/// `struct hostent_data`, which precedes a line in the caller's buffer.
const HOSTENT_DATA: usize = 32;
const POINTER: usize = size_of::<usize>();

/// Returns the number of bytes that glibc requires of a buffer at this address to search for `key`. It reads each line
/// into the buffer, up to the first that matches, followed by pointers to the aliases, and then appends the contents of
/// the other lines with the name (`multi`).
pub(crate) fn room(text: &[u8], key: Key<'_>, multi: bool, address: usize) -> usize {
    let aligned = |offset: usize, to: usize| (address + offset).next_multiple_of(to) - address;
    let mut most = HOSTENT_DATA + 3;
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    for raw in lines.by_ref() {
        // glibc uses one byte of the buffer to detect whether the line has been truncated.
        most = most.max(HOSTENT_DATA + raw.len() + 2);
        let seen = until_nul(raw);
        let text = seen.strip_suffix(b"\n").unwrap_or(seen);
        let Some((line, ip)) = parse_line(text).and_then(|line| Some((line, key.sees(line.address)?))) else {
            continue;
        };
        // After the whole line, including blanks and a comment.
        let list = aligned(HOSTENT_DATA + seen.len() + 1, POINTER);
        most = most.max(list + (line.aliases().count() + 2) * POINTER);
        let is_it = match key {
            Key::Name(name, _) => line.has_name(name),
            Key::Address(wanted, _) => ip == wanted,
        };
        if is_it {
            if let (Key::Name(name, _), true) = (key, multi) {
                most = most.max(room_for_all(&line, list, name, key, lines, aligned));
            }
            break;
        }
    }
    most
}

/// The same for glibc's `gethostbyname3_multi`: addresses and names overwrite the list of the first line, and are
/// followed by the new lists.
fn room_for_all<'a>(
    first: &Line<'_>,
    list: usize,
    name: &[u8],
    key: Key<'_>,
    lines: impl Iterator<Item = &'a [u8]>,
    aligned: impl Fn(usize, usize) -> usize,
) -> usize {
    let (mut end, mut addresses, mut aliases) = (list, 1, first.aliases().count());
    let width = match key {
        Key::Name(_, Family::Inet) | Key::Address(IpAddr::V4(_), _) => 4,
        Key::Name(_, Family::Inet6) | Key::Address(IpAddr::V6(_), _) => 16,
    };
    for raw in lines {
        let raw = until_nul(raw.strip_suffix(b"\n").unwrap_or(raw));
        let line = parse_line(raw).filter(|line| key.sees(line.address).is_some() && line.has_name(name));
        if let Some(line) = line {
            end = aligned(end, 4) + width;
            addresses += 1;
            let other = Some(line.name).filter(|name| *name != first.name);
            for alias in line.aliases().chain(other) {
                end += alias.len() + 1;
                aliases += 1;
            }
        }
    }
    aligned(end, POINTER) + (addresses + 1 + aliases + 1) * POINTER
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"# comment\n127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # loopback\n\
        192.0.2.77 v4only.example v4only v4alias\n192.0.2.78 dual.example dual\n\
        2001:db8::78 Dual.example dual dual6\n192.0.2.80 two.example two-b\nnonsense dual\n192.0.2.9\n\
        ::ffff:192.0.2.81 mapped\r\n";

    #[test]
    fn a_buffer_is_enough_from_one_length_on() {
        let many = format!("10.0.0.1{}\n10.0.0.2 x y # {}\n", " x".repeat(300), "z".repeat(900));
        for text in [b"", TEXT, many.as_bytes(), b"10.0.0.3"] {
            for key in [
                Key::Name(b"dual", Family::Inet),
                Key::Name(b"x", Family::Inet),
                Key::Address([10, 0, 0, 9].into(), false),
                Key::Address("::ffff:10.0.0.9".parse().unwrap(), true),
            ] {
                for (multi, start) in [(false, 0), (true, 0), (true, 3), (false, 5)] {
                    let aligned = if let Key::Name(..) = key {
                        Buffer { address: start, length: 0 }.aligned().address
                    } else {
                        start
                    };
                    let needed = aligned - start + room(text, key, multi, aligned);
                    let is_enough = |length| Buffer { address: start, length }.is_enough(text, key, multi);
                    assert!((0..needed).all(|length| !is_enough(length)));
                    assert!((needed..needed + 5000).all(is_enough));
                }
            }
        }
    }
}
