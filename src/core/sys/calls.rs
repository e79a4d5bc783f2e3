//! System calls, which are made as glibc's own resolver makes them, and not through functions of other libraries or of
//! the program that have the same names. Libraries that are preloaded to redirect a program's sockets or files
//! (torsocks(1), fakechroot(1)) do not affect lookups of glibc, and so must not affect those of nss-bypass. In the
//! library, syscall(2) is its own, too (src/preload/linked/glibc.c).

use libc::{c_char, c_int, c_long, c_uint, c_void, mmsghdr, mode_t, size_t, sockaddr, socklen_t};

macro_rules! calls {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) = $number:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Memory that the kernel reads must be readable, and memory that it writes must be writable.
        #[inline(always)]
        pub(super) unsafe fn $name($($argument: $type),*) -> isize {
            // SAFETY: guaranteed by the caller; the arguments have the types of this system call.
            (unsafe { libc::syscall(libc::$number, $($argument),*) }) as isize
        }
    )*};
}

calls! {
    /// openat(2)
    fn openat(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) = SYS_openat;
    /// read(2)
    fn read(file: c_int, buffer: *mut c_void, size: size_t) = SYS_read;
    /// pread(2)
    fn pread(file: c_int, buffer: *mut c_void, size: size_t, offset: c_long) = SYS_pread64;
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

calls! {
    /// futex(2)
    fn futex(word: *const u32, operation: c_int, value: c_uint, until: *const libc::timespec, second: *const u32, bits: c_uint)
        = SYS_futex;
    /// rt_sigqueueinfo(2)
    fn rt_sigqueueinfo(process: libc::pid_t, signal: c_int, info: *const c_void) = SYS_rt_sigqueueinfo;
}

#[cfg(not(target_arch = "x86_64"))]
calls! {
    /// ppoll(2), without signals
    fn ppoll(descriptors: *mut libc::pollfd, count: c_uint, time: *const libc::timespec, signals: *const c_void, size: size_t)
        = SYS_ppoll;
}

#[cfg(target_arch = "x86_64")]
calls! {
    /// open(2)
    fn open(path: *const c_char, flags: c_int, mode: mode_t) = SYS_open;
    /// poll(2)
    fn poll_all(descriptors: *mut libc::pollfd, count: c_uint, milliseconds: c_int) = SYS_poll;
}

/// poll(2) for one descriptor; a negative timeout in milliseconds is infinite. Newer architectures have ppoll(2) only.
pub(super) fn poll(descriptor: &mut libc::pollfd, milliseconds: c_int) -> isize {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: one valid pollfd is passed.
    return unsafe { poll_all(descriptor, 1, milliseconds) };
    #[cfg(not(target_arch = "x86_64"))]
    {
        let time = libc::timespec {
            tv_sec: (milliseconds / 1000).into(),
            tv_nsec: c_long::from(milliseconds % 1000) * 1_000_000,
        };
        let time = if milliseconds < 0 { std::ptr::null() } else { &raw const time };
        // SAFETY: one valid pollfd is passed; the timeout is null or valid.
        unsafe { ppoll(descriptor, 1, time, std::ptr::null(), 0) }
    }
}
