//! host.conf(5), as far as it still has an effect (glibc, resolv/res_hconf.c).

use super::text::{is_space, lines, trim_start};

/// The size of the buffer into which glibc reads a line. It treats the rest of a longer line as another line.
const BUFFER: usize = 255;

/// The settings of the file and of the variables that override it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostConf {
    /// `multi`: all lines of /etc/hosts with a name are used, not only the first.
    pub multi: bool,
    /// `reorder`: the addresses in networks of this host come first in the answers of gethostbyname.
    pub reorder: bool,
    /// `trim`: domains to remove from the end of names that belong to addresses. Only the first one that matches is
    /// removed.
    pub trim: Vec<Box<[u8]>>,
}

/// The environment variables, which are applied after the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostEnvironment<'a> {
    /// RESOLV_MULTI
    pub multi: Option<&'a [u8]>,
    /// RESOLV_REORDER
    pub reorder: Option<&'a [u8]>,
    /// RESOLV_ADD_TRIM_DOMAINS
    pub add_trim: Option<&'a [u8]>,
    /// RESOLV_OVERRIDE_TRIM_DOMAINS
    pub override_trim: Option<&'a [u8]>,
}

/// The maximum number of domains to remove (glibc's `TRIMDOMAINS_MAX`).
const MAX_TRIM: usize = 4;

/// Parses the file; `None` if there is no file.
pub fn parse(text: Option<&[u8]>, environment: &HostEnvironment<'_>) -> HostConf {
    let mut conf = HostConf::default();
    for line in text.into_iter().flat_map(lines).flat_map(|line| line.chunks(BUFFER)) {
        let line = trim_start(line);
        let end = line.iter().position(|&byte| is_space(byte) || byte == b'#' || byte == b',').unwrap_or(line.len());
        let Some((keyword, value)) = line.split_at_checked(end) else { continue };
        if keyword.eq_ignore_ascii_case(b"multi") {
            set(&mut conf.multi, trim_start(value));
        } else if keyword.eq_ignore_ascii_case(b"reorder") {
            set(&mut conf.reorder, trim_start(value));
        } else if keyword.eq_ignore_ascii_case(b"trim") {
            add_endings(&mut conf.trim, trim_start(value));
        }
    }
    environment.multi.inspect(|value| set(&mut conf.multi, value));
    environment.reorder.inspect(|value| set(&mut conf.reorder, value));
    environment.add_trim.inspect(|value| add_endings(&mut conf.trim, value));
    if let Some(value) = environment.override_trim {
        conf.trim.clear();
        add_endings(&mut conf.trim, value);
    }
    conf
}

/// Parses a list of domains, separated by blanks or one of `,;:`, up to a comment.
fn add_endings(list: &mut Vec<Box<[u8]>>, mut text: &[u8]) {
    loop {
        let ends = |byte: &u8| is_space(*byte) || matches!(byte, b'#' | b',');
        let end = text.iter().position(ends).unwrap_or(text.len());
        let (ending, rest) = text.split_at_checked(end).unwrap_or_default();
        if list.len() >= MAX_TRIM {
            return;
        }
        list.push(ending.into());
        text = trim_start(rest);
        if let [b',' | b';' | b':', rest @ ..] = text {
            text = trim_start(rest);
        }
        if matches!(text.first(), None | Some(b'#')) {
            return;
        }
    }
}

impl HostConf {
    /// Removes the first domain of `trim` that the name ends in (`_res_hconf_trim_domain`).
    pub fn trim(&self, name: &mut Vec<u8>) {
        let kept = self.trim.iter().find_map(|ending| {
            let kept = name.len().checked_sub(ending.len()).filter(|&kept| kept > 0)?;
            name.get(kept..)?.eq_ignore_ascii_case(ending).then_some(kept)
        });
        name.truncate(kept.unwrap_or(name.len()));
    }
}

/// Parses `on` or `off`, of which only the first letters are compared.
fn set(flag: &mut bool, value: &[u8]) {
    let begins = |word: &[u8]| value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins(b"on") {
        *flag = true;
    } else if begins(b"off") {
        *flag = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multi_is_off_unless_somebody_says_on() {
        let read = |text: &str, multi| {
            parse(Some(text.as_bytes()), &HostEnvironment { multi, ..HostEnvironment::default() }).multi
        };
        assert!(!read("", None));
        assert!(read("# x\n  MULTI on # yes\norder hosts,bind\n", None));
        assert!(!read("multi on\nmulti off\n", None));
        assert!(read("multi off\n", Some(b"on")));
        assert!(read("multi on\nmulti maybe\n", None));
        assert!(read(&format!("{:255}multi\x0bon", "#"), None));
        assert!(!read("", Some(b" on")));
    }
}
