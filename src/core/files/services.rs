//! services(5), as glibc's `files` module reads it (nss/nss_files/files-service.c). libc's own functions ask nscd
//! first.

use super::text::{c_number, is_space, lines_around, split_word, strtoul, trim_start, without_comment, words};

/// A line: a name, a port, a protocol, and aliases.
struct Line<'a> {
    name: &'a [u8],
    port: u16,
    protocol: &'a [u8],
    rest: &'a [u8],
}

fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    let (name, rest) = split_word(without_comment(line));
    let rest = trim_start(rest);
    let (port, rest) = rest.split_at_checked(rest.iter().position(|&byte| byte == b'/')?)?;
    // As in glibc: strtoul(3) with base 0, limited to 32 bits and then truncated to 16.
    let port = strtoul(port, c_number).and_then(|port| u32::try_from(port).ok())? as u16;
    // Several slashes count as one.
    let rest = rest.get(rest.iter().position(|&byte| byte != b'/')?..)?;
    let (protocol, rest) = rest.split_at_checked(rest.iter().position(|&byte| is_space(byte)).unwrap_or(rest.len()))?;
    Some(Line { name, port, protocol, rest })
}

/// Returns the port of the service with this name or alias (case-sensitive) and protocol.
pub fn by_name(text: &[u8], name: &[u8], protocol: &[u8]) -> Option<u16> {
    let has_name = |line: &Line<'_>| line.name == name || words(line.rest).any(|alias| alias == name);
    let mut lines = lines_around(text, name).filter_map(parse_line);
    lines.find(|line| line.protocol == protocol && has_name(line)).map(|line| line.port)
}

/// Returns the name of the service with this port and protocol.
pub fn by_port(text: &[u8], port: u16, protocol: &[u8]) -> Option<Vec<u8>> {
    let fits = |line: &Line<'_>| line.port == port && line.protocol == protocol;
    lines_around(text, &[b"/", protocol].concat()).filter_map(parse_line).find(fits).map(|line| line.name.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"# x\nhttp\t80/tcp www # web\ndomain 53/tcp\ndomain 53/udp\nodd 80x/tcp\nbig 65616/tcp\nhex 0x10/tcp\n\
          \x0bblank\x0b+25//tcp\x0bmail\nminus -1/tcp\n";

    #[test]
    fn a_port_has_the_name_of_the_first_line_that_fits() {
        assert_eq!(by_port(TEXT, 80, b"tcp"), Some(b"http".to_vec()));
        assert_eq!(by_port(TEXT, 53, b"udp"), Some(b"domain".to_vec()));
        assert_eq!(by_port(TEXT, 80, b"udp"), None);
    }

    #[test]
    fn a_service_is_found_by_name_and_protocol() {
        assert_eq!(by_name(TEXT, b"http", b"tcp"), Some(80));
        assert_eq!(by_name(TEXT, b"www", b"tcp"), Some(80));
        assert_eq!(by_name(TEXT, b"domain", b"udp"), Some(53));
        assert_eq!(by_name(TEXT, b"big", b"tcp"), Some(80));
        assert_eq!(by_name(TEXT, b"hex", b"tcp"), Some(16));
        assert_eq!(by_name(TEXT, b"mail", b"tcp"), Some(25));
        for (name, protocol) in
            [("http", "udp"), ("HTTP", "tcp"), ("web", "tcp"), ("odd", "tcp"), ("minus", "tcp"), ("", "tcp")]
        {
            assert_eq!(by_name(TEXT, name.as_bytes(), protocol.as_bytes()), None, "{name}/{protocol}");
        }
    }
}
