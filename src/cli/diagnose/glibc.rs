//! What glibc itself says: a child process asks it, with nscd or as if there were none.
//!
//! The child is this command again, with a hidden verb, since no program of the system can be told to leave nscd out: a
//! program that chooses its modules with `__nss_configure_lookup` does not ask it.

use std::ffi::{CStr, CString, OsString};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Stdio};
use std::ptr;

use clap::Args;

use crate::diagnose::sources::Outcome;
use crate::ui::exit::Exit;

/// The name of the hidden verb.
pub(crate) const VERB: &str = "ask-glibc";

/// What the child is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Modules as nsswitch.conf names them, instead of nscd and nsswitch.conf.
    #[arg(long)]
    modules: Option<OsString>,
    /// The name or the address.
    subject: OsString,
}

/// Asks glibc in a child without the library; with `modules`, without nscd.
pub(crate) fn ask(subject: &[u8], modules: Option<&[u8]>) -> Outcome {
    let mut command = Command::new("/proc/self/exe");
    command.arg(VERB);
    if let Some(modules) = modules {
        command.arg("--modules").arg(OsString::from_vec(modules.to_vec()));
    }
    command.arg("--").arg(OsString::from_vec(subject.to_vec()));
    // The library may be in /etc/ld.so.preload as well.
    command.env_remove("LD_PRELOAD").env("NSS_BYPASS_DISABLE", "1").stdin(Stdio::null()).stderr(Stdio::null());
    match command.output() {
        Ok(output) => {
            read(&output.stdout).unwrap_or_else(|| Outcome::failed(format!("the child ended with {}", output.status)))
        }
        Err(error) => Outcome::failed(format!("no child could be started: {error}")),
    }
}

/// The child's words: "found ADDRESS" once for each, "name NAME", "not-found WHY" or "failed WHY".
fn read(output: &[u8]) -> Option<Outcome> {
    let text = String::from_utf8_lossy(output);
    let mut addresses = Vec::new();
    for line in text.lines() {
        match line.split_once(' ')? {
            ("found", address) => addresses.push(address.parse().ok()?),
            ("name", name) => return Some(Outcome::name(name.as_bytes())),
            ("not-found", why) => return Some(Outcome::not_found(why)),
            ("failed", why) => return Some(Outcome::failed(why)),
            _ => return None,
        }
    }
    (!addresses.is_empty()).then(|| Outcome::addresses(addresses))
}

/// The child's part.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    if let Some(modules) = &arguments.modules
        && !choose(modules.as_bytes())
    {
        return say("failed glibc does not take these modules\n");
    }
    let Ok(name) = CString::new(arguments.subject.as_bytes()) else { return Exit::Usage };
    let address = name.to_str().ok().and_then(|text| text.parse().ok());
    match address {
        Some(address) => say(&name_of(address)),
        None => say(&addresses_of(&name)),
    }
}

fn say(words: &str) -> Exit {
    match std::io::stdout().write_all(words.as_bytes()) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::CannotTell,
    }
}

/// Chooses modules for hosts, which takes nscd out of the way.
fn choose(modules: &[u8]) -> bool {
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const libc::c_char, modules: *const libc::c_char) -> libc::c_int;
    }
    let Ok(modules) = CString::new(modules) else { return false };
    // SAFETY: two C strings, which glibc copies; no other thread looks anything up.
    (unsafe { __nss_configure_lookup(c"hosts".as_ptr(), modules.as_ptr()) }) == 0
}

fn addresses_of(name: &CStr) -> String {
    // SAFETY: all zeros is a value of this plain C structure.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = ptr::null_mut();
    // SAFETY: a C string, no service, hints of plain numbers, and a place for the list.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if code != 0 {
        return failure(code);
    }
    let mut words = String::new();
    let mut node = list;
    // SAFETY: glibc's list, not freed yet: each node is NULL or valid.
    while let Some(entry) = unsafe { node.as_ref() } {
        if let Some(address) = address_in(entry) {
            words.push_str(&format!("found {address}\n"));
        }
        node = entry.ai_next;
    }
    // SAFETY: the list is glibc's and freed once.
    unsafe { libc::freeaddrinfo(list) };
    words
}

fn address_in(entry: &libc::addrinfo) -> Option<IpAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: an entry of this family has such an address; it is NULL or valid.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in>().as_ref() }?;
            Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in6>().as_ref() }?;
            Some(IpAddr::V6(Ipv6Addr::from(address.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

fn name_of(address: IpAddr) -> String {
    let mut host = [0_u8; libc::NI_MAXHOST as usize];
    // SAFETY: all zeros is a value of this plain C structure.
    let mut v4: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut v6: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
    let (pointer, size): (*const libc::sockaddr, usize) = match SocketAddr::new(address, 0) {
        SocketAddr::V4(address) => {
            v4.sin_family = libc::AF_INET as libc::sa_family_t;
            v4.sin_addr.s_addr = address.ip().to_bits().to_be();
            ((&raw const v4).cast(), size_of_val(&v4))
        }
        SocketAddr::V6(address) => {
            v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            v6.sin6_addr.s6_addr = address.ip().octets();
            ((&raw const v6).cast(), size_of_val(&v6))
        }
    };
    // SAFETY: an address of the size given, a buffer of the size given, and no service.
    let code = unsafe {
        libc::getnameinfo(
            pointer,
            size as libc::socklen_t,
            host.as_mut_ptr().cast(),
            libc::NI_MAXHOST,
            ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    match CStr::from_bytes_until_nul(&host) {
        Ok(name) if code == 0 => format!("name {}\n", name.to_string_lossy()),
        _ => failure(code),
    }
}

fn failure(code: i32) -> String {
    match code {
        libc::EAI_NONAME => "not-found not found\n".to_owned(),
        libc::EAI_NODATA => "not-found no such addresses\n".to_owned(),
        libc::EAI_AGAIN => "failed no answer\n".to_owned(),
        _ => {
            // SAFETY: any number has a text, which is constant.
            let text = unsafe { libc::gai_strerror(code) };
            // SAFETY: a C string that is never freed.
            let text = unsafe { CStr::from_ptr(text) };
            format!("failed {}\n", text.to_string_lossy().to_lowercase())
        }
    }
}
