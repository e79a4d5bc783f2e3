//! Private worlds: namespaces with a network, a name server and optionally an nscd, which are removed completely.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{ffi::CString, io, process, ptr, thread};

use crate::artefacts::{home, python, scratch, tool};

/// The hosts of programs/fork.c and threads.c.
pub const HOSTS: &str = "127.0.0.1 localhost\n192.0.2.90 filed.m.example filed\n2001:db8::90 filed.m.example filed\n\
    192.0.2.91 reverse.m.example\n192.0.2.92 filed.t.example\n";

/// The daemon on nscd's socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Nscd {
    /// None.
    None,
    /// A real nscd that gives wrong answers for all names.
    Lying,
    /// A real nscd with the same name server and the same files.
    Honest,
}

/// A world. It ends on drop, or when the thread that started it ends.
pub struct World {
    first: Child,
    namespaces: [File; 2],
    directory: PathBuf,
}

impl World {
    /// Starts a world whose interface has these addresses.
    pub fn start(addresses: &[String], nscd: Nscd) -> Self {
        // SAFETY: no preconditions.
        let user = unsafe { libc::geteuid() };
        assert!(user == 0, "these tests create namespaces and mounts, and must be run as root");
        let directory = unique(&scratch("worlds"));
        let complaints = File::create(directory.join("world.err")).expect("a file for error messages");
        let daemon = if nscd == Nscd::None { PathBuf::from("none") } else { tool("nscd") };
        let files = if nscd == Nscd::Honest { "etc" } else { "etc-nscd" };
        tool("ip");
        let mut command = Command::new(tool("unshare"));
        command
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private", "--"])
            .arg(home().join("world"))
            .args([&directory, &python(), &daemon])
            .arg(files)
            .args(addresses)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints);
        // SAFETY: one system call, which only affects the child.
        unsafe { command.pre_exec(die_with_parent) };
        let mut first = command.spawn().expect("unshare runs");
        let pid = ready(&mut first, &directory);
        let namespaces = ["net", "mnt"].map(|kind| {
            let path = format!("/proc/{pid}/ns/{kind}");
            File::open(&path).unwrap_or_else(|error| panic!("cannot open {path}: {error}"))
        });
        if nscd == Nscd::Lying {
            until_connected(&PathBuf::from(format!("/proc/{pid}/root/run/nscd/socket")));
        }
        Self { first, namespaces, directory }
    }

    /// A command that runs in this world, with an empty environment and `etc` as its /etc.
    pub fn command(&self, program: &Path, etc: &Path) -> Command {
        let descriptors = [self.namespaces[0].as_raw_fd(), self.namespaces[1].as_raw_fd()];
        let etc = CString::new(etc.as_os_str().as_bytes()).expect("a path without NUL");
        let mut command = Command::new(program);
        command.env_clear().stderr(Stdio::inherit());
        // SAFETY: only system calls, with arguments that were prepared before the fork.
        unsafe { command.pre_exec(move || enter(descriptors, &etc)) };
        command
    }

    /// Its network namespace, as a file that other processes can open.
    pub fn network(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", process::id(), self.namespaces[0].as_raw_fd()))
    }

    /// The directory of its logs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The queries to the name server so far, one line each: protocol, server, name, type, flags, EDNS size.
    pub fn questions(&self) -> Vec<String> {
        let log = fs::read_to_string(self.directory.join("dns.log")).expect("the name server's log");
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Its child is killed with it (--kill-child), and all other processes with that child.
        let _ = self.first.kill();
        let _ = self.first.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Creates a new directory in `parent`.
pub fn unique(parent: &Path) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let directory = parent.join(format!("{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("cannot create {}: {error}", directory.display()));
    directory
}

/// Waits until the world prints "ready", and returns the ID of its first process.
fn ready(first: &mut Child, directory: &Path) -> u32 {
    let output = first.stdout.take().expect("a pipe");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("text from the world");
    let pid = line.trim().strip_prefix("ready ").and_then(|pid| pid.parse().ok());
    pid.unwrap_or_else(|| {
        let _ = first.kill();
        let _ = first.wait();
        let complaints = fs::read_to_string(directory.join("world.err")).unwrap_or_default();
        panic!("cannot create a private world; its output: {line}{complaints}")
    })
}

/// Waits until connections are accepted, since the file of a socket exists shortly before.
fn until_connected(socket: &Path) {
    let end = Instant::now() + Duration::from_secs(10);
    while UnixStream::connect(socket).is_err() {
        assert!(Instant::now() < end, "nscd does not listen");
        thread::sleep(Duration::from_millis(5));
    }
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: no pointers.
    done(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })
}

/// Moves this process to the namespaces, and to a private mount namespace in which `etc` is mounted on /etc.
fn enter(namespaces: [i32; 2], etc: &CString) -> io::Result<()> {
    die_with_parent()?;
    for namespace in namespaces {
        // SAFETY: no pointers.
        done(unsafe { libc::setns(namespace, 0) })?;
    }
    // SAFETY: no pointers.
    done(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    // SAFETY: NUL-terminated strings; a bind mount ignores the type and the data.
    done(unsafe { libc::mount(etc.as_ptr(), c"/etc".as_ptr(), ptr::null(), libc::MS_BIND, ptr::null()) })
}

fn done(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
