//! HOSTALIASES: aliases of names without dots (hostname(7)).

use std::ffi::CString;

use crate::files::resolv_conf::Options;
use crate::sys::{environment, file};

/// Looks up a name in the file that HOSTALIASES names. Each line has an alias and its name; the first line that does
/// not ends the file (glibc, resolv/res_context_hostalias.c).
pub(super) fn host_alias(name: &[u8], options: Options) -> Option<Vec<u8>> {
    if options.no_aliases {
        return None;
    }
    let path = CString::new(environment::variable(c"HOSTALIASES")?).ok()?;
    let content = file::read(&path).ok()?;
    for line in content.bytes.split_inclusive(|&byte| byte == b'\n') {
        let blank = line.iter().position(u8::is_ascii_whitespace)?;
        let (alias, rest) = line.split_at_checked(blank)?;
        if alias.eq_ignore_ascii_case(name) {
            let target = rest.trim_ascii_start();
            let end = target.iter().position(u8::is_ascii_whitespace).unwrap_or(target.len());
            return target.get(..end).filter(|target| !target.is_empty()).map(<[u8]>::to_vec);
        }
    }
    None
}
