//! `NSS_BYPASS_LOG`: one line a lookup, to a file, standard error or syslog. Off by default.

use std::ffi::CString;
use std::fmt::Write;

use nss_bypass_core::sys::{clock, environment, errno, file, set_errno, socket};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Faults of the configuration.
    Error,
    /// And every lookup that was answered here.
    Bypass,
    /// And every lookup that was passed on.
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    StandardError,
    Syslog,
    File(CString),
}

/// Where the log goes, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    place: Place,
    level: Level,
}

/// syslog(3)'s socket, and facility `daemon` with the severities used here (RFC 3164, section 4.1.1).
const SYSLOG: &[u8] = b"/dev/log";
const DAEMON_ERROR: u32 = 3 * 8 + 3;
const DAEMON_INFO: u32 = 3 * 8 + 6;

impl Log {
    /// No log.
    pub(crate) const OFF: Self = Self { place: Place::Nowhere, level: Level::Error };

    /// `stderr`, `syslog` or a path that starts with `/`; then, optionally, a comma and `error`, `bypass` or `all`
    /// (the default). Anything else is no place to log to, and means no log.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let mut parts = value.rsplitn(2, |&byte| byte == b',');
        let last = parts.next().unwrap_or_default();
        let level = match last {
            b"error" => Some(Level::Error),
            b"bypass" => Some(Level::Bypass),
            b"all" => Some(Level::All),
            _ => None,
        };
        let place = match (level, parts.next()) {
            (Some(_), Some(place)) => place,
            _ => value,
        };
        let place = match place {
            b"stderr" => Place::StandardError,
            b"syslog" => Place::Syslog,
            path if path.starts_with(b"/") => CString::new(path).map_or(Place::Nowhere, Place::File),
            _ => Place::Nowhere,
        };
        Self { place, level: level.unwrap_or(Level::All) }
    }

    /// Whether lines of this level are wanted.
    pub(crate) fn wants(&self, level: Level) -> bool {
        self.place != Place::Nowhere && level <= self.level
    }

    /// Writes one line. A log that cannot be written is not worth a program's trouble: errors are ignored.
    pub(crate) fn write(&self, level: Level, text: &str) {
        nss_bypass_core::sys::fault::point();
        if !self.wants(level) {
            return;
        }
        let before = errno();
        let program = environment::program();
        let program = String::from_utf8_lossy(&program);
        let process = environment::process_id();
        let _ = match &self.place {
            Place::Nowhere => Ok(()),
            Place::StandardError => file::write_stderr(format!("nss-bypass: {text}\n").as_bytes()),
            Place::File(path) => {
                file::append(path, format!("{} {program}[{process}]: {text}\n", timestamp()).as_bytes())
            }
            Place::Syslog => {
                let priority = if level == Level::Error { DAEMON_ERROR } else { DAEMON_INFO };
                socket::send_to_path(SYSLOG, format!("<{priority}>nss-bypass[{process}]: {program}: {text}").as_bytes())
            }
        };
        set_errno(before); // The caller's errno is part of the answer.
    }
}

/// Now, in UTC, as RFC 3339 writes it, with milliseconds. libc's own conversion would read the time zone's files.
fn timestamp() -> String {
    nss_bypass_core::sys::fault::point();
    let now = clock::wall();
    let (days, seconds) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", now.subsec_millis())
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// A name for the log: control bytes and what is not ASCII as `\xNN`, so that no name can forge a line.
pub(crate) fn printable(name: &[u8]) -> String {
    nss_bypass_core::sys::fault::point();
    let mut text = String::with_capacity(name.len());
    for &byte in name {
        match byte {
            b' '..=b'~' if byte != b'\\' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_perhaps_a_level() {
        let log = |place, level| Log { place, level };
        assert_eq!(Log::parse(b"stderr"), log(Place::StandardError, Level::All));
        assert_eq!(Log::parse(b"syslog,error"), log(Place::Syslog, Level::Error));
        assert_eq!(Log::parse(b"/tmp/a,b"), log(Place::File(c"/tmp/a,b".to_owned()), Level::All));
        assert_eq!(Log::parse(b"/tmp/a,b,bypass"), log(Place::File(c"/tmp/a,b".to_owned()), Level::Bypass));
        for nowhere in [&b""[..], b"relative/path", b"error", b"stdout"] {
            assert!(!Log::parse(nowhere).wants(Level::Error));
        }
    }

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_780), (2026, 11, 23));
        assert_eq!(civil(47_541), (2100, 3, 1));
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        assert_eq!(printable(b"a\nb\\\xff"), "a\\x0ab\\x5c\\xff");
    }
}
