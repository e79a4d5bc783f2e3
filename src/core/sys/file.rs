//! Reading small files as a whole, and determining whether a file has changed.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::time::Duration;

use libc::{c_char, c_int};

#[cfg(target_arch = "x86_64")]
use super::glibc;
use super::loaded::lazy;
use super::{Errno, calls, checked, checked_int, memory};

/// A file descriptor that is closed when it is dropped.
pub(super) struct Descriptor(pub(super) i32);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: this value owns the descriptor, so nothing else closes it, or uses it afterwards.
        unsafe { calls::close(self.0) };
    }
}

/// What glibc compares to determine whether a file has changed (file_change_detection.c): size, inode, and both time
/// stamps. Missing files, empty files and directories have the same identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(status: &libc::stat) -> Self {
        if status.st_size == 0 || status.st_mode & libc::S_IFMT == libc::S_IFDIR {
            return Self::default();
        }
        Self {
            device: status.st_dev,
            inode: status.st_ino,
            size: status.st_size,
            modified: (status.st_mtime, status.st_mtime_nsec),
            changed: (status.st_ctime, status.st_ctime_nsec),
        }
    }
}

impl Identity {
    /// Returns the size of the file in bytes; 0 for files that glibc treats as empty.
    pub fn size(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    /// Returns whether the file has been unchanged for so long that any later change results in a different identity.
    /// Time stamps of files are those of the kernel's last tick, so that two changes in quick succession can have the
    /// same.
    pub fn is_settled(&self, now: Duration) -> bool {
        const SETTLED: i64 = 1;
        let now = i64::try_from(now.as_secs()).unwrap_or(0);
        // Every change updates the time of the last status change, and no program can set it.
        self.size > 0 && self.changed.0 < now - SETTLED
    }
}

/// The owner and the permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The user ID of the owner.
    pub user: u32,
    /// The permission bits and the file type (inode(7)).
    pub mode: u32,
}

/// The version of `struct stat` (bits/stat.h, `_STAT_VER_LINUX`).
#[cfg(target_arch = "x86_64")]
const STAT_VERSION: c_int = 1;
#[cfg(not(target_arch = "x86_64"))]
const STAT_VERSION: c_int = 0;

// Before glibc 2.33, stat and fstat were inline functions that called these. The kernel is called as the rest of libc
// calls it, which a sandbox permits.
lazy! {
    /// stat(2)
    fn stat(path: *const c_char, status: *mut libc::stat) -> c_int,
        // SAFETY: guaranteed by the caller.
        absent: unsafe { __xstat(STAT_VERSION, path, status) };
    /// stat(2), as glibc had it before 2.33
    fn __xstat(version: c_int, path: *const c_char, status: *mut libc::stat) -> c_int, absent: -1;
    /// fstat(2)
    fn fstat(descriptor: c_int, status: *mut libc::stat) -> c_int,
        // SAFETY: guaranteed by the caller.
        absent: unsafe { __fxstat(STAT_VERSION, descriptor, status) };
    /// fstat(2), as glibc had it before 2.33
    fn __fxstat(version: c_int, descriptor: c_int, status: *mut libc::stat) -> c_int, absent: -1;
    /// geteuid(2)
    fn geteuid() -> libc::uid_t, absent: libc::uid_t::MAX;
}

/// Returns the status of a file (stat(2)).
pub(super) fn status(path: &CStr) -> Result<libc::stat, Errno> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `path` is a C string and `status` has room for the result.
    checked_int(unsafe { stat(path.as_ptr(), status.as_mut_ptr()) })?;
    // SAFETY: stat succeeded and filled it in.
    Ok(unsafe { status.assume_init() })
}

/// Returns the device and the inode of the root directory of this process (chroot(2)).
pub fn root() -> Option<(u64, u64)> {
    status(c"/").ok().map(|status| (status.st_dev, status.st_ino))
}

/// Returns the status of an open file (fstat(2)).
pub(super) fn status_of(descriptor: i32) -> Result<libc::stat, Errno> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `status` has room for the result, and any number is permitted as a descriptor.
    checked_int(unsafe { fstat(descriptor, status.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded and filled it in.
    Ok(unsafe { status.assume_init() })
}

/// Returns the current identity of a file; [`Identity::default`] if it cannot be determined.
pub fn identity(path: &CStr) -> Identity {
    status(path).map(|status| Identity::of(&status)).unwrap_or_default()
}

/// Returns the owner and the permissions of a file, following symbolic links.
pub fn ownership(path: &CStr) -> Result<Ownership, Errno> {
    status(path).map(|status| Ownership { user: status.st_uid, mode: status.st_mode })
}

impl Ownership {
    /// Returns whether the file is owned by root, and others cannot write to it.
    pub fn is_roots_alone(&self) -> bool {
        const WRITABLE_BY_OTHERS: u32 = 0o022;
        self.user == 0 && self.mode & WRITABLE_BY_OTHERS == 0
    }
}

/// The contents of a file, with its identity and ownership.
pub struct Content {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// The identity of the file that was read, even if another has since been moved to its path.
    pub identity: Identity,
    /// The ownership of the file that was read.
    pub ownership: Ownership,
}

/// The maximum number of bytes that are read. No configuration file is that large, but a device that is configured by
/// mistake has no end.
const LIMIT: usize = 1 << 30;

/// Reads a regular file or /dev/null to its end. Fails with `EISDIR` for a directory, and with `EINVAL` for a FIFO or
/// another device, since reading it could block the host process.
pub fn read(path: &CStr) -> Result<Content, Errno> {
    read_with(path, 0)
}

/// Like [`read`], but fails with `ELOOP` for a symbolic link, which may lead through directories to which others can
/// write.
pub fn read_no_link(path: &CStr) -> Result<Content, Errno> {
    read_with(path, libc::O_NOFOLLOW)
}

/// Reads the first bytes of a file into `room` with one call; empty if it cannot be read. Nothing is read from a FIFO
/// or a terminal, which may be the program's own input.
#[inline(always)]
pub fn read_beginning<'a>(path: &CStr, room: &'a mut [MaybeUninit<u8>]) -> &'a [u8] {
    // SAFETY: `path` is a C string.
    let opened = unsafe { calls::openat(libc::AT_FDCWD, path.as_ptr(), READ_ONLY, 0) };
    let Ok(file) = checked_int(opened).map(Descriptor) else { return &[] };
    // Reading at an offset fails for FIFOs and terminals.
    // SAFETY: the room is writable for its length.
    let read = checked(unsafe { calls::pread(file.0, room.as_mut_ptr().cast(), room.len(), 0) }).unwrap_or(0);
    // SAFETY: pread has filled this number of bytes.
    unsafe { std::slice::from_raw_parts(room.as_ptr().cast(), read.min(room.len())) }
}

fn read_with(path: &CStr, flag: i32) -> Result<Content, Errno> {
    super::fault::point();
    let (file, status) = open(path, flag)?;
    let expected = usize::try_from(status.st_size).unwrap_or(0).min(LIMIT);
    let mut bytes = Vec::new();
    memory::reserve(&mut bytes, expected + 1)?;
    read_to_end(&file, &mut bytes, expected)?;
    let ownership = Ownership { user: status.st_uid, mode: status.st_mode };
    Ok(Content { bytes, identity: Identity::of(&status), ownership })
}

fn open(path: &CStr, flag: i32) -> Result<(Descriptor, libc::stat), Errno> {
    super::fault::point();
    let file = open_anything(path, flag)?;
    let status = readable_status(&file)?;
    Ok((file, status))
}

const READ_ONLY: i32 = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;

fn open_anything(path: &CStr, flag: i32) -> Result<Descriptor, Errno> {
    let flags = READ_ONLY | flag;
    // glibc before 2.26 opens files with this system call.
    #[cfg(target_arch = "x86_64")]
    if glibc::minor() < glibc::OPENAT {
        // SAFETY: `path` is a C string.
        return checked_int(unsafe { calls::open(path.as_ptr(), flags, 0) }).map(Descriptor);
    }
    // SAFETY: `path` is a C string.
    checked_int(unsafe { calls::openat(libc::AT_FDCWD, path.as_ptr(), flags, 0) }).map(Descriptor)
}

/// Returns the status of a file that can be read to its end; fails for others.
fn readable_status(file: &Descriptor) -> Result<libc::stat, Errno> {
    let status = status_of(file.0)?;
    match status.st_mode & libc::S_IFMT {
        libc::S_IFREG => Ok(status),
        // It is mounted, or linked to, in place of a file that is to be empty.
        libc::S_IFCHR if status.st_rdev == libc::makedev(1, 3) => Ok(status),
        libc::S_IFDIR => Err(Errno(libc::EISDIR)),
        _ => Err(Errno(libc::EINVAL)),
    }
}

/// Reads a file of lines that is read in every lookup and is usually small. Unlike with [`read`], a FIFO or a device is
/// rejected only if it has more data than a small file: with the flags that are used to open it, neither blocks.
pub fn read_lines(path: &CStr) -> Result<Vec<u8>, Errno> {
    super::fault::point();
    let Chunks { file, buffer: mut bytes, has_ended, .. } = chunks(path)?;
    if !has_ended {
        let size = usize::try_from(readable_status(&file)?.st_size).unwrap_or(0).min(LIMIT);
        let left = size.saturating_sub(bytes.len());
        memory::reserve(&mut bytes, left + 1)?;
        read_to_end(&file, &mut bytes, size)?;
    }
    Ok(bytes)
}

/// The lines of a file, in chunks, for callers that may not need all of a long file.
pub struct Chunks {
    file: Descriptor,
    buffer: Vec<u8>,
    /// The number of bytes of the buffer that have been returned.
    used: usize,
    /// The number of bytes to read at a time.
    size: usize,
    has_ended: bool,
}

/// Opens a file to be read in chunks. It is rejected in the same cases as by [`read_lines`].
///
/// The first chunk is read at once. If it is shorter than requested and ends with a complete line, it is taken for the
/// whole file: a small file needs neither fstat(2) nor a second read.
pub fn chunks(path: &CStr) -> Result<Chunks, Errno> {
    super::fault::point();
    let file = open_anything(path, 0)?;
    let mut chunks = Chunks { file, buffer: Vec::new(), used: 0, size: Chunks::SMALLEST, has_ended: false };
    let length = chunks.read()?;
    chunks.has_ended = length < Chunks::SMALLEST && chunks.buffer.last().is_none_or(|&byte| byte == b'\n');
    if !chunks.has_ended {
        readable_status(&chunks.file)?;
    }
    Ok(chunks)
}

impl Chunks {
    const SMALLEST: usize = 16 << 10;
    const LARGEST: usize = 1 << 20;

    /// Returns the next lines, without a partial one; `None` at the end. A read error is treated as the end.
    pub fn next_lines(&mut self) -> Option<&[u8]> {
        super::fault::point();
        self.buffer.drain(..self.used);
        let mut searched = 0;
        self.used = loop {
            if self.has_ended {
                break self.buffer.len();
            }
            if let Some(newline) = self.buffer.iter().skip(searched).rposition(|&byte| byte == b'\n') {
                break searched + newline + 1;
            }
            searched = self.buffer.len();
            self.has_ended = matches!(self.read(), Ok(0) | Err(_));
        };
        self.buffer.get(..self.used).filter(|lines| !lines.is_empty())
    }

    fn read(&mut self) -> Result<usize, Errno> {
        memory::reserve(&mut self.buffer, self.size)?;
        let spare = self.buffer.spare_capacity_mut();
        let wanted = self.size.min(spare.len());
        self.size = (self.size * 2).min(Self::LARGEST);
        loop {
            // SAFETY: the spare capacity is writable for `wanted` bytes.
            match checked(unsafe { calls::read(self.file.0, spare.as_mut_ptr().cast(), wanted) }) {
                Err(Errno(libc::EINTR)) => {}
                result => {
                    let length = self.buffer.len() + result?;
                    // SAFETY: read has filled this number of bytes of the spare capacity.
                    unsafe { self.buffer.set_len(length) };
                    return result;
                }
            }
        }
    }
}

/// Reads to the end of the file: until read(2) returns 0, or until a read was shorter than requested and all of `size`
/// has been read. `size` is 0 if the file system does not report sizes (proc(5)).
fn read_to_end(file: &Descriptor, bytes: &mut Vec<u8>, size: usize) -> Result<(), Errno> {
    super::fault::point();
    while bytes.len() < LIMIT {
        if bytes.spare_capacity_mut().is_empty() {
            memory::reserve(bytes, bytes.len().max(4096))?;
        }
        let spare = bytes.spare_capacity_mut();
        // SAFETY: the spare capacity is writable for its length.
        let result = checked(unsafe { calls::read(file.0, spare.as_mut_ptr().cast(), spare.len()) });
        match result {
            Ok(0) => break,
            Ok(count) => {
                let length = bytes.len() + count;
                // SAFETY: read has filled `count` bytes of the spare capacity.
                unsafe { bytes.set_len(length) };
                if size > 0 && length >= size && length < bytes.capacity() {
                    break;
                }
            }
            Err(Errno(libc::EINTR)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Appends to a file, which is created if necessary, with a single write(2) so that lines of several processes are not
/// mixed.
///
/// Only regular files with one link are written. A symbolic link is not followed as the last component, and elsewhere
/// only if it is owned by root or by the user of the process, so that no other user can redirect a path through a
/// shared directory.
pub fn append(path: &CStr, text: &[u8]) -> Result<(), Errno> {
    super::fault::point();
    let flags = libc::O_WRONLY
        | libc::O_APPEND
        | libc::O_CREAT
        | libc::O_CLOEXEC
        | libc::O_NOFOLLOW
        | libc::O_NONBLOCK
        | libc::O_NOCTTY;
    let (directory, name) = parent_of(path)?;
    // SAFETY: `name` is a C string; the mode is passed, as O_CREAT requires.
    let file = Descriptor(checked_int(unsafe { calls::openat(directory.0, name.as_ptr(), flags, 0o600) })?);
    let status = status_of(file.0)?;
    if status.st_mode & libc::S_IFMT != libc::S_IFREG || status.st_nlink != 1 {
        return Err(Errno(libc::EINVAL));
    }
    write(file.0, text)
}

/// Opens the directory of an absolute path without following other users' symbolic links, and returns it with the last
/// component.
fn parent_of(path: &CStr) -> Result<(Descriptor, CString), Errno> {
    let enter = |directory: i32, name: &CStr, flag: i32| {
        // SAFETY: `name` is a C string.
        let opened = unsafe { calls::openat(directory, name.as_ptr(), libc::O_PATH | libc::O_CLOEXEC | flag, 0) };
        checked_int(opened).map(Descriptor)
    };
    let mut parts = path.to_bytes().split(|&byte| byte == b'/').filter(|part| !part.is_empty()).peekable();
    let mut directory = enter(libc::AT_FDCWD, c"/", libc::O_DIRECTORY)?;
    while let Some(part) = parts.next() {
        let name = CString::new(part).map_err(|_| Errno(libc::EINVAL))?;
        if parts.peek().is_none() {
            return Ok((directory, name));
        }
        let next = enter(directory.0, &name, libc::O_NOFOLLOW)?;
        let status = status_of(next.0)?;
        // SAFETY: geteuid has no preconditions.
        let own = unsafe { geteuid() };
        directory = match status.st_mode & libc::S_IFMT {
            libc::S_IFLNK if status.st_uid != 0 && status.st_uid != own => return Err(Errno(libc::ELOOP)),
            libc::S_IFLNK => enter(directory.0, &name, libc::O_DIRECTORY)?,
            _ => next,
        };
    }
    Err(Errno(libc::EINVAL))
}

/// Writes to the standard error of the process. Fails with `EBADF` if it is closed, or if descriptor 2 is
/// close-on-exec: standard error never is, and the sockets of lookups on other threads always are.
pub fn write_stderr(text: &[u8]) -> Result<(), Errno> {
    // SAFETY: F_GETFD takes no argument, and any number is permitted as a descriptor.
    let flags = checked_int(unsafe { calls::fcntl(libc::STDERR_FILENO, libc::F_GETFD) })?;
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(Errno(libc::EBADF));
    }
    write(libc::STDERR_FILENO, text)
}

fn write(descriptor: i32, text: &[u8]) -> Result<(), Errno> {
    // SAFETY: `text` is readable for its length.
    checked(unsafe { calls::write(descriptor, text.as_ptr().cast(), text.len()) }).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_an_error_and_has_the_default_identity() {
        assert_eq!(read(c"/nonexistent/file").err(), Some(Errno(libc::ENOENT)));
        assert_eq!(identity(c"/nonexistent/file"), Identity::default());
    }

    #[test]
    fn chunks_are_whole_lines_and_together_the_file() {
        let path = std::env::temp_dir().join(format!("nss-bypass-chunks-{}", std::process::id()));
        let long = "x".repeat(100_000);
        let text = (0..9_000).map(|n| format!("line {n}\n")).collect::<String>() + &long + "\nlast, without an end";
        std::fs::write(&path, &text).unwrap();
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        assert!(read_lines(&name).unwrap() == text.as_bytes());
        let mut chunks = chunks(&name).unwrap();
        let mut together = Vec::new();
        while let Some(lines) = chunks.next_lines() {
            assert!(lines.ends_with(b"\n") || lines.ends_with(b"end"));
            together.extend_from_slice(lines);
        }
        std::fs::remove_file(&path).unwrap();
        assert!(together == text.as_bytes());
    }

    #[test]
    fn directories_and_devices_are_refused() {
        assert_eq!(read(c"/").err(), Some(Errno(libc::EISDIR)));
        assert_eq!(read(c"/dev/null").map(|content| content.bytes).ok(), Some(Vec::new()));
        assert_eq!(read(c"/dev/zero").err(), Some(Errno(libc::EINVAL)));
        assert_eq!(read_lines(c"/").err(), Some(Errno(libc::EISDIR)));
        assert_eq!(read_lines(c"/dev/null").ok(), Some(Vec::new()));
        assert_eq!(read_lines(c"/dev/zero").err(), Some(Errno(libc::EINVAL)));
        let read_beginning = |path| super::read_beginning(path, &mut [MaybeUninit::uninit(); 16]).len();
        assert_eq!([c"/", c"/dev/null", c"/dev/ptmx", c"/proc/self/status"].map(read_beginning), [0, 0, 0, 16]);
    }

    #[test]
    fn proc_files_without_a_size_are_read_whole() {
        let content = read(c"/proc/self/status").unwrap();
        assert!(content.bytes.starts_with(b"Name:"));
        assert!(content.bytes.ends_with(b"\n"));
        assert!(read_lines(c"/proc/self/status").unwrap().starts_with(b"Name:"));
    }
}
