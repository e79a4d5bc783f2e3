//! services(5), as glibc's `files` module reads it (nss/nss_files/files-service.c). libc's own reader asks nscd first.

use super::{lines, without_comment, words};

/// One line: a name, a port, a protocol, and other names.
struct Line<'a> {
    name: &'a [u8],
    port: u16,
    protocol: &'a [u8],
    rest: &'a [u8],
}

fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    let line = without_comment(line).trim_ascii_start();
    let (name, rest) = line.split_at_checked(line.iter().position(u8::is_ascii_whitespace)?)?;
    let rest = rest.trim_ascii_start();
    let (port, rest) = rest.split_at_checked(rest.iter().position(|&byte| byte == b'/')?)?;
    // strtoul(3) with base 0, into 32 bits and cut to 16, as glibc does.
    let port = super::c_number(port).and_then(|port| u32::try_from(port).ok())? as u16;
    let rest = rest.get(1..)?;
    let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
    let (protocol, rest) = rest.split_at_checked(end)?;
    Some(Line { name, port, protocol, rest })
}

/// The port of a service by this name or alias, in this case, for this protocol.
pub fn by_name(text: &[u8], name: &[u8], protocol: &[u8]) -> Option<u16> {
    let has_name = |line: &Line<'_>| line.name == name || words(line.rest).any(|alias| alias == name);
    lines(text).filter_map(parse_line).find(|line| line.protocol == protocol && has_name(line)).map(|line| line.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"# x\nhttp\t80/tcp www # web\ndomain 53/tcp\ndomain 53/udp\nodd 80x/tcp\nbig 65616/tcp\nhex 0x10/tcp\n";

    #[test]
    fn a_service_is_found_by_name_and_protocol() {
        assert_eq!(by_name(TEXT, b"http", b"tcp"), Some(80));
        assert_eq!(by_name(TEXT, b"www", b"tcp"), Some(80));
        assert_eq!(by_name(TEXT, b"domain", b"udp"), Some(53));
        assert_eq!(by_name(TEXT, b"big", b"tcp"), Some(80));
        assert_eq!(by_name(TEXT, b"hex", b"tcp"), Some(16));
        for (name, protocol) in [("http", "udp"), ("HTTP", "tcp"), ("web", "tcp"), ("odd", "tcp"), ("", "tcp")] {
            assert_eq!(by_name(TEXT, name.as_bytes(), protocol.as_bytes()), None, "{name}/{protocol}");
        }
    }
}
