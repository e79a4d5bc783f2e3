//! Enters the namespaces of a process: this command is executed again in a child, which sees the container's files and
//! network.
//!
//! The container's own ld.so loads that child, so it must not have more privileges than the container: it gets the
//! container's user and PID namespaces, capabilities, and no new privileges. The executable is a sealed copy in memory,
//! and no file of the host to which the container could write is open in it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::diagnose::glibc;
use crate::ui::exit::Exit;
use crate::ui::output;

/// Why a process cannot be examined.
#[derive(Debug)]
pub(crate) struct Refusal {
    exit: Exit,
    why: String,
}

impl Refusal {
    pub(crate) fn cannot_tell(why: impl Into<String>) -> Self {
        Self { exit: Exit::CannotTell, why: why.into() }
    }

    pub(crate) fn report(&self) -> Exit {
        output::print_error(&self.why);
        self.exit
    }
}

/// The outcome of entering.
pub(crate) enum Outcome {
    /// A child has done all the work.
    Done(Exit),
    /// This process is where the target is.
    Inside,
}

/// Variables of the process on which the rules and the resolver depend. None of them names code to be loaded.
const VARIABLES: [&str; 11] = [
    "NSS_BYPASS",
    "NSS_BYPASS_VIA",
    "NSS_BYPASS_CONF",
    "NSS_BYPASS_DATABASES",
    "NSS_BYPASS_DISABLE",
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "RESOLV_HOST_CONF",
    "RESOLV_MULTI",
    "RESOLV_REORDER",
    "GODEBUG",
];

/// The variable by which this command, when it is executed again, is passed the facts about the process.
const KNOWN: &str = "NSS_BYPASS_INSIDE";

/// Returns the facts about the process, if this command has been executed again.
pub(crate) fn known() -> Option<String> {
    let text = std::env::var(KNOWN).ok()?;
    // SAFETY: there are no other threads. The variable is removed so that children do not inherit it.
    unsafe { std::env::remove_var(KNOWN) };
    Some(text)
}

/// The namespaces in the order in which they are entered: the user namespace provides the privileges for the others.
const NAMESPACES: [(&str, libc::c_int); 5] = [
    ("user", libc::CLONE_NEWUSER),
    ("net", libc::CLONE_NEWNET),
    ("uts", libc::CLONE_NEWUTS),
    ("pid", libc::CLONE_NEWPID),
    ("mnt", libc::CLONE_NEWNS),
];

/// Everything that is needed inside, which is opened before any namespace is entered.
struct Preparation {
    namespaces: Vec<(&'static str, libc::c_int, File)>,
    root: Option<File>,
    capabilities: u64,
    command: OwnedFd,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

/// Executes this command again where the process is. `known` is passed on.
pub(crate) fn enter(pid: i32, known: &str) -> Result<Outcome, Refusal> {
    let refuse = |what: &str, error: &io::Error| {
        let hint = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => " (root privileges are required)",
            _ => "",
        };
        Refusal::cannot_tell(format!("process {pid}: cannot {what}: {}{hint}", output::reason(error)))
    };
    let preparation = Preparation::look(pid, known).map_err(|error| refuse("examine its namespaces", &error))?;
    if preparation.namespaces.is_empty() && preparation.root.is_none() {
        take_variables(pid);
        return Ok(Outcome::Inside);
    }
    // SAFETY: there are no other threads.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Err(refuse("start a child", &io::Error::last_os_error())),
        0 => match preparation.go() {
            Ok(Outcome::Inside) => {
                take_variables(pid);
                Ok(Outcome::Inside)
            }
            Ok(done) => Ok(done),
            Err((what, error)) => Err(refuse(&what, &error)),
        },
        child => Ok(Outcome::Done(wait(child))),
    }
}

/// Waits for a child, and returns its exit code.
fn wait(child: libc::pid_t) -> Exit {
    let mut status = 0;
    // SAFETY: a child of this process, and a place for its status.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } == -1 {
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return Exit::CannotTell;
        }
    }
    match libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)) {
        Some(0) => Exit::Success,
        Some(1) => Exit::Trouble,
        Some(2) => Exit::Usage,
        _ => Exit::CannotTell,
    }
}

/// Replaces the variables by those of the process.
fn take_variables(pid: i32) {
    for name in VARIABLES {
        // SAFETY: there are no other threads.
        unsafe { std::env::remove_var(name) };
    }
    for (name, value) in variables(pid) {
        // SAFETY: as above.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Returns the relevant variables of a process; empty if they cannot be read.
fn variables(pid: i32) -> Vec<(OsString, OsString)> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let pairs = bytes.split(|&byte| byte == 0).filter_map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let (name, value) = pair.split_at_checked(at)?;
        let name = OsStr::from_bytes(name);
        let is_wanted = VARIABLES.iter().any(|wanted| name == *wanted);
        is_wanted.then(|| (name.to_owned(), OsString::from_vec(value.get(1..).unwrap_or_default().to_vec())))
    });
    pairs.collect()
}

impl Preparation {
    fn look(pid: i32, known: &str) -> io::Result<Self> {
        let directory = format!("/proc/{pid}");
        let mut namespaces = Vec::new();
        for (name, kind) in NAMESPACES {
            let path = format!("{directory}/ns/{name}");
            if fs::read_link(&path)? != fs::read_link(format!("/proc/self/ns/{name}"))? {
                namespaces.push((name, kind, File::open(path)?));
            }
        }
        let root = fs::read_link(format!("{directory}/root"))?;
        let has_own_root = root != std::path::Path::new("/") || namespaces.iter().any(|(name, ..)| *name == "mnt");
        let root = if has_own_root { Some(File::open(format!("{directory}/root"))?) } else { None };
        let status = fs::read_to_string(format!("{directory}/status"))?;
        let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
        let capabilities = bounding.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
        Ok(Self {
            namespaces,
            root,
            capabilities,
            command: sealed_copy()?,
            arguments: arguments(),
            environment: environment(pid, known),
        })
    }

    /// Enters the namespaces, and executes the command there. Returns if it cannot be executed, because there is no
    /// glibc.
    fn go(&self) -> Result<Outcome, (String, io::Error)> {
        let failed = |what: &str| (what.to_owned(), io::Error::last_os_error());
        for (name, kind, file) in &self.namespaces {
            // SAFETY: the descriptor is open; there are no other threads.
            if unsafe { libc::setns(file.as_raw_fd(), *kind) } != 0 {
                return Err(failed(&format!("enter its {name} namespace")));
            }
        }
        // Only children are in the PID namespace.
        // SAFETY: there are no other threads.
        match unsafe { libc::fork() } {
            -1 => return Err(failed("start a child in its namespaces")),
            0 => {}
            child => return Ok(Outcome::Done(wait(child))),
        }
        // SAFETY: no pointers. The process that waits for the result may be killed.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        self.take_root().map_err(|error| ("enter its root directory".to_owned(), error))?;
        self.give_up_rights().map_err(|error| ("drop privileges".to_owned(), error))?;
        self.execute();
        glibc::there_is_none();
        Ok(Outcome::Inside)
    }

    fn take_root(&self) -> io::Result<()> {
        let Some(root) = &self.root else { return Ok(()) };
        // SAFETY: the descriptor is open.
        if unsafe { libc::fchdir(root.as_raw_fd()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the argument is a C string.
        if unsafe { libc::chroot(c".".as_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Drops all privileges that the process could not have.
    fn give_up_rights(&self) -> io::Result<()> {
        const MOST_CAPABILITIES: libc::c_ulong = 64;
        for capability in 0..MOST_CAPABILITIES {
            if self.capabilities & (1 << capability) == 0 {
                // SAFETY: no pointers. The kernel rejects numbers that it does not know.
                unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
            }
        }
        if self.namespaces.iter().any(|(name, ..)| *name == "user") {
            // SAFETY: there are no groups, so the pointer is not dereferenced.
            unsafe { libc::setgroups(0, ptr::null()) };
            // SAFETY: no pointers.
            if unsafe { libc::setresgid(0, 0, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: no pointers.
            if unsafe { libc::setresuid(0, 0, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: no pointers.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn execute(&self) {
        let pointers =
            |words: &[CString]| words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect::<Vec<_>>();
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environment));
        // SAFETY: the descriptor is open, and both arrays consist of C strings and end with NULL.
        unsafe { libc::fexecve(self.command.as_raw_fd(), arguments.as_ptr(), environment.as_ptr()) };
    }
}

/// Returns a copy of this executable in memory that cannot be written to.
fn sealed_copy() -> io::Result<OwnedFd> {
    let mut copy = File::from(memfd_create(c"nss-bypass", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    let mut bytes = Vec::new();
    File::open("/proc/self/exe")?.read_to_end(&mut bytes)?;
    copy.write_all(&bytes)?;
    fcntl_add_seals(&copy, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(copy.into())
}

/// Returns the command line without `--pid`.
fn arguments() -> Vec<CString> {
    let mut words = Vec::new();
    let mut given = std::env::args_os();
    while let Some(word) = given.next() {
        if word == "--pid" {
            given.next();
        } else if !word.as_bytes().starts_with(b"--pid=") {
            words.push(word);
        }
    }
    words.into_iter().filter_map(|word| CString::new(word.into_vec()).ok()).collect()
}

/// Returns the environment, with the variables of the process, and without variables that would load code.
fn environment(pid: i32, known: &str) -> Vec<CString> {
    let is_ours = |name: &OsStr| !name.as_bytes().starts_with(b"LD_") && !VARIABLES.iter().any(|other| name == *other);
    let own = std::env::vars_os().filter(|(name, _)| is_ours(name));
    let known = (OsString::from(KNOWN), OsString::from(known));
    let pairs = own.chain(variables(pid)).chain([known]);
    pairs.filter_map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()).collect()
}
