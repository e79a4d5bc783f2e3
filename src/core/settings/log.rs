//! What is logged, and where.

use std::ffi::CString;

/// Log levels. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Errors in the configuration.
    Error,
    /// Every lookup that nss-bypass answered.
    Bypass,
    /// Every lookup that was forwarded to libc.
    All,
}

/// The destination of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// No log.
    Nowhere,
    /// Standard error.
    StandardError,
    /// syslog(3).
    Syslog,
    /// A file, by its absolute path.
    File(CString),
}

/// The destination and the level of the log: the value of `NSS_BYPASS_LOG`, or of a `log` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSpecification {
    /// The destination.
    pub place: Place,
    /// The level up to which lines are written.
    pub level: Level,
}

impl LogSpecification {
    /// No log.
    pub const OFF: Self = Self { place: Place::Nowhere, level: Level::Error };

    /// Parses `stderr`, `syslog` or an absolute path, optionally followed by a comma and `error`, `bypass` or `all`
    /// (the default). Anything else disables the log.
    pub fn parse(value: &[u8]) -> Self {
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

    /// Returns whether lines of this level are logged.
    pub fn wants(&self, level: Level) -> bool {
        self.place != Place::Nowhere && level <= self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_perhaps_a_level() {
        let log = |place, level| LogSpecification { place, level };
        assert_eq!(LogSpecification::parse(b"stderr"), log(Place::StandardError, Level::All));
        assert_eq!(LogSpecification::parse(b"syslog,error"), log(Place::Syslog, Level::Error));
        assert_eq!(LogSpecification::parse(b"/tmp/a,b"), log(Place::File(c"/tmp/a,b".to_owned()), Level::All));
        assert_eq!(
            LogSpecification::parse(b"/tmp/a,b,bypass"),
            log(Place::File(c"/tmp/a,b".to_owned()), Level::Bypass)
        );
        for nowhere in [&b""[..], b"relative/path", b"error", b"stdout"] {
            assert!(!LogSpecification::parse(nowhere).wants(Level::Error));
        }
    }
}
