//! The system calls for files and sockets, made as glibc's own resolver makes them: not by functions that other libraries may
//! have of the same names. What is preloaded to change a program's sockets or files (torsocks(1), fakechroot(1)) has no part
//! in glibc's lookups, and so none in these.

use libc::{c_char, c_int, c_uint, c_void, mmsghdr, mode_t, size_t, sockaddr, socklen_t};

macro_rules! calls {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) = $number:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The kernel's: what it reads is there, what it writes is writable.
        #[inline(always)]
        pub(super) unsafe fn $name($($argument: $type),*) -> isize {
            // SAFETY: the caller's promise; the arguments are those of the call.
            (unsafe { libc::syscall(libc::$number, $($argument),*) }) as isize
        }
    )*};
}

calls! {
    /// openat(2)
    fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) = SYS_openat;
    /// read(2)
    fn read(file: c_int, buffer: *mut c_void, size: size_t) = SYS_read;
    /// pread(2)
    fn pread(file: c_int, buffer: *mut c_void, size: size_t, offset: i64) = SYS_pread64;
    /// write(2)
    fn write(file: c_int, buffer: *const c_void, size: size_t) = SYS_write;
    /// close(2)
    fn close(file: c_int) = SYS_close;
    /// fcntl(2), with a command that takes no argument
    fn fcntl(file: c_int, command: c_int) = SYS_fcntl;
    /// socket(2)
    fn socket(family: c_int, kind: c_int, protocol: c_int) = SYS_socket;
    /// setsockopt(2)
    fn setsockopt(socket: c_int, level: c_int, option: c_int, value: *const c_void, size: socklen_t) = SYS_setsockopt;
    /// connect(2)
    fn connect(socket: c_int, address: *const sockaddr, size: socklen_t) = SYS_connect;
    /// getsockname(2)
    fn getsockname(socket: c_int, address: *mut sockaddr, size: *mut socklen_t) = SYS_getsockname;
    /// sendto(2)
    fn sendto(socket: c_int, bytes: *const c_void, size: size_t, flags: c_int, to: *const sockaddr, length: socklen_t)
        = SYS_sendto;
    /// sendmmsg(2)
    fn sendmmsg(socket: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) = SYS_sendmmsg;
    /// recvfrom(2)
    fn recvfrom(socket: c_int, buffer: *mut c_void, size: size_t, flags: c_int, from: *mut sockaddr, length: *mut socklen_t)
        = SYS_recvfrom;
}

/// poll(2); a negative number of milliseconds has no end.
///
/// # Safety
/// The descriptor is writable.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn poll(descriptor: &mut libc::pollfd, milliseconds: c_int) -> isize {
    // SAFETY: one descriptor.
    (unsafe { libc::syscall(libc::SYS_poll, std::ptr::from_mut(descriptor), 1 as c_uint, milliseconds) }) as isize
}

/// poll(2), which newer architectures have as ppoll(2); a negative number of milliseconds has no end.
///
/// # Safety
/// The descriptor is writable.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn poll(descriptor: &mut libc::pollfd, milliseconds: c_int) -> isize {
    let time = libc::timespec {
        tv_sec: (milliseconds / 1000).into(),
        tv_nsec: libc::c_long::from(milliseconds % 1000) * 1_000_000,
    };
    let time = if milliseconds < 0 { std::ptr::null() } else { &raw const time };
    let (one, no_signals) = (1 as c_uint, std::ptr::null::<libc::sigset_t>());
    // SAFETY: one descriptor; the time is null or there.
    (unsafe { libc::syscall(libc::SYS_ppoll, std::ptr::from_mut(descriptor), one, time, no_signals, 0_usize) }) as isize
}
