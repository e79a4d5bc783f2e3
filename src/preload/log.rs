//! `NSS_BYPASS_LOG`: one line for each lookup, to a file, to standard error or to syslog. Disabled by default.

use nss_bypass_core::settings::log::{Level, LogSpecification, Place};
use nss_bypass_core::sys::{clock, environment, errno, fault, file, set_errno, socket};

/// The socket of syslog(3), and the facility `daemon` with the severities that are used here (RFC 3164, section 4.1.1).
const SYSLOG: &[u8] = b"/dev/log";
const DAEMON_ERROR: u32 = 3 * 8 + 3;
const DAEMON_INFO: u32 = 3 * 8 + 6;

/// Writes one line. Errors are ignored: they must not affect the program.
pub(crate) fn write(log: &LogSpecification, level: Level, text: &str) {
    fault::point();
    if !log.wants(level) {
        return;
    }
    let before = errno();
    let program = environment::program();
    let program = String::from_utf8_lossy(&program);
    let process = environment::process_id();
    let _ = match &log.place {
        Place::Nowhere => Ok(()),
        Place::StandardError => file::write_stderr(format!("nss-bypass: {text}\n").as_bytes()),
        Place::File(path) => file::append(path, format!("{} {program}[{process}]: {text}\n", timestamp()).as_bytes()),
        Place::Syslog => {
            let priority = if level == Level::Error { DAEMON_ERROR } else { DAEMON_INFO };
            socket::send_to_path(SYSLOG, format!("<{priority}>nss-bypass[{process}]: {program}: {text}").as_bytes())
        }
    };
    set_errno(before); // errno is part of the result of the call.
}

/// Returns the current time in UTC in the format of RFC 3339, with milliseconds. libc's own conversion would read the
/// files of the time zone.
fn timestamp() -> String {
    let now = clock::wall();
    let (days, seconds) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", now.subsec_millis())
}

/// Converts days since 1970-01-01 to year, month and day in the Gregorian calendar.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_780), (2026, 11, 23));
        assert_eq!(civil(47_541), (2100, 3, 1));
    }
}
