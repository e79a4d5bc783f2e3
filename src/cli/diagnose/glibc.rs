//! Answers of glibc itself: a child process makes the lookup, with nscd or without it.
//!
//! The child is this command with a hidden verb, since no program of the system can be made to omit nscd: glibc does
//! not ask nscd if the program itself selects the modules with `__nss_configure_lookup`.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use crate::diagnose::sources::Outcome;
use crate::ui::exit::Exit;
use crate::ui::output;

/// The name of the hidden verb.
pub(crate) const VERB: &str = "ask-glibc";

/// The output of the child if `__nss_configure_lookup` fails, which in newer releases also happens if nsswitch.conf is
/// invalid.
const NOT_TAKEN: &str = "failed glibc rejects these modules\n";

/// The arguments of the hidden verb.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Select these modules, in the format of nsswitch.conf, so that neither nscd nor nsswitch.conf is used.
    #[arg(long)]
    modules: Option<OsString>,
    /// Print which of these modules are installed.
    #[arg(long)]
    installed: bool,
    /// The name or the address, or the modules.
    subjects: Vec<OsString>,
}

/// Whether there is no glibc: this process is in a container with another libc.
static IS_ABSENT: AtomicBool = AtomicBool::new(false);

/// From now on, glibc is not used.
pub(crate) fn there_is_none() {
    IS_ABSENT.store(true, Ordering::Relaxed);
}

/// Returns this command with the hidden verb.
fn child(arguments: &[&[u8]]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(VERB).args(arguments.iter().map(|argument| OsStr::from_bytes(argument)));
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Disables the library, which may also be in /etc/ld.so.preload.
fn without_library(mut command: Command) -> Command {
    command.env_remove("LD_PRELOAD").env("NSS_BYPASS_DISABLE", "1");
    command
}

/// Makes a lookup with glibc in a child without the library; with `modules`, also without nscd.
pub(crate) fn ask(subject: &[u8], modules: Option<&[u8]>) -> Outcome {
    if IS_ABSENT.load(Ordering::Relaxed) {
        return Outcome::failed("no glibc here");
    }
    let command = match modules {
        Some(modules) => child(&[b"--modules", modules, b"--", subject]),
        None => child(&[b"--", subject]),
    };
    match without_library(command).output() {
        Ok(output) => read(&output.stdout)
            .unwrap_or_else(|| Outcome::failed(format!("the child process ended with {}", output.status))),
        Err(error) => Outcome::failed(format!("cannot start a child process: {}", output::reason(&error))),
    }
}

/// Returns which of these modules cannot be loaded by glibc.
pub(crate) fn not_installed(modules: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if modules.is_empty() || IS_ABSENT.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let mut arguments: Vec<&[u8]> = vec![b"--installed", b"--"];
    arguments.extend(modules.iter().map(Vec::as_slice));
    let Ok(output) = without_library(child(&arguments)).output() else { return Vec::new() };
    let is_listed =
        |module: &&Vec<u8>| output.stdout.split(|&byte| byte == b'\n').any(|line| line == module.as_slice());
    modules.iter().filter(|module| output.status.success() && !is_listed(module)).cloned().collect()
}

/// Returns whether a lookup of `subject` in a program that is started like this one reaches the library, which logs it;
/// `None` if that cannot be determined. No name server is queried: the child selects the module `files` only.
pub(crate) fn reaches_library(subject: &[u8]) -> Option<bool> {
    let mut command = child(&[b"--modules", b"files", b"--", subject]);
    command.env_remove("NSS_BYPASS_DISABLE").env("NSS_BYPASS_LOG", "stderr,all").stderr(Stdio::piped());
    // Without a rule, nothing is logged.
    let rules = std::env::var_os("NSS_BYPASS").unwrap_or_default();
    let with_subject = [rules.as_bytes(), b" ", subject].concat();
    command.env("NSS_BYPASS", OsString::from_vec(with_subject));
    let output = command.output().ok().filter(|output| output.status.success())?;
    if output.stdout == NOT_TAKEN.as_bytes() {
        return None;
    }
    Some(output.stderr.split(|&byte| byte == b'\n').any(|line| line.starts_with(b"nss-bypass: get")))
}

/// Parses the output of the child: "found ADDRESS" for each address, "name NAME", "not-found WHY" or "failed WHY".
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

/// Runs the hidden verb in the child.
pub(crate) fn run(arguments: &Arguments) -> Exit {
    // SAFETY: no pointers. If the parent has been killed, perhaps because it took too long, the child is of no use.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if arguments.installed {
        let installed = arguments.subjects.iter().filter(|module| is_installed(module.as_bytes()));
        let lines = installed.map(|module| [module.as_bytes(), b"\n"].concat());
        return match std::io::stdout().write_all(&lines.collect::<Vec<_>>().concat()) {
            Ok(()) => Exit::Success,
            Err(_) => Exit::CannotTell,
        };
    }
    if let Some(modules) = &arguments.modules
        && !choose(modules.as_bytes())
    {
        return say(NOT_TAKEN);
    }
    let subject = arguments.subjects.first().and_then(|subject| CString::new(subject.as_bytes()).ok());
    let Some(name) = subject else { return Exit::Usage };
    let address = name.to_str().ok().and_then(|text| text.parse().ok());
    match address {
        Some(address) => say(&name_of(address)),
        None => say(&addresses_of(&name)),
    }
}

/// Returns whether glibc finds the library of a module.
fn is_installed(module: &[u8]) -> bool {
    let Ok(library) = CString::new([b"libnss_", module, b".so.2"].concat()) else { return false };
    // SAFETY: the argument is a C string. The constructors run in this child, as in any program that looks up names.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_LAZY) };
    !handle.is_null()
}

fn say(words: &str) -> Exit {
    match std::io::stdout().write_all(words.as_bytes()) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::CannotTell,
    }
}

/// Selects modules for hosts, so that nscd is not asked.
fn choose(modules: &[u8]) -> bool {
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const libc::c_char, modules: *const libc::c_char) -> libc::c_int;
    }
    let Ok(modules) = CString::new(modules) else { return false };
    // SAFETY: two C strings, which glibc copies; no other thread makes lookups.
    (unsafe { __nss_configure_lookup(c"hosts".as_ptr(), modules.as_ptr()) }) == 0
}

fn addresses_of(name: &CStr) -> String {
    // SAFETY: all-zero bytes are a valid addrinfo.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = ptr::null_mut();
    // SAFETY: the name is a C string, the service is null, the hints are valid, and there is room for the list.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if code != 0 {
        return failure(code);
    }
    let mut words = String::new();
    let mut node = list;
    // SAFETY: glibc's list, which has not been freed: each node is NULL or valid.
    while let Some(entry) = unsafe { node.as_ref() } {
        if let Some(address) = address_in(entry) {
            words.push_str(&format!("found {address}\n"));
        }
        node = entry.ai_next;
    }
    // SAFETY: the list was allocated by glibc, and is freed once.
    unsafe { libc::freeaddrinfo(list) };
    words
}

fn address_in(entry: &libc::addrinfo) -> Option<IpAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: an entry of this family has an address of this type; it is NULL or valid.
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
    // SAFETY: all-zero bytes are a valid sockaddr_in.
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
    // SAFETY: the address and the buffer have these sizes, and the service is null.
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
            // SAFETY: there is a constant text for any number.
            let text = unsafe { libc::gai_strerror(code) };
            // SAFETY: a C string that is never freed.
            let text = unsafe { CStr::from_ptr(text) };
            format!("failed {}\n", text.to_string_lossy().to_lowercase())
        }
    }
}
