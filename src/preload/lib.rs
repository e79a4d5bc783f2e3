//! libnss_bypass.so: the functions that it puts before libc's.
//!
//! A lookup goes one way: a row of the table below exports the function and, inside of the guard (`hook`), has it
//! answered: `request` reads the C arguments, `verdict` asks the rules, core's resolver resolves, `layout` writes
//! the caller's memory. What is not answered here is forwarded to the real function (`real`), outside of the guard.

/// The table of hooks. A row exports a function (see `hook`) and keeps the real one (see `real`). The tests read the names here.
///
/// - `forwards`: whether the call is forwarded at once, known without the guard
/// - `answer`: the function that answers it; None: it is forwarded. Where a rule has libc answer first, it is called again
///   with what libc returned, and None lets that stand
/// - `owns`: whether its result is something that somebody must free, so that the thread must not be cancelled now
/// - `answer_unguarded`: as `answer`, for a function that takes the guard by itself where it needs one
/// - `absent`: the result where libc has no such function
macro_rules! hooks {
    ($make:ident) => {
        $make! {
            /// getaddrinfo(3)
            getaddrinfo(node: *const c_char, service: *const c_char, hints: *const addrinfo,
                result: *mut *mut addrinfo) -> c_int {
                forwards: state::forwards_node(node), answer: getaddrinfo::getaddrinfo, owns: getaddrinfo::owns,
                absent: libc::EAI_SYSTEM
            }
            /// gethostbyname(3)
            gethostbyname(name: *const c_char) -> *mut hostent {
                forwards: state::forwards_node(name), answer: gethostby::gethostbyname, owns: hook::owns_nothing,
                absent: ptr::null_mut()
            }
            /// gethostbyname2(3)
            gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent {
                forwards: state::forwards_node(name), answer: gethostby::gethostbyname2, owns: hook::owns_nothing,
                absent: ptr::null_mut()
            }
            /// gethostbyname_r(3)
            gethostbyname_r(name: *const c_char, host: *mut hostent, buffer: *mut c_char, length: size_t,
                result: *mut *mut hostent, h_errno: *mut c_int) -> c_int {
                forwards: state::forwards_node(name), answer: gethostby::gethostbyname_r, owns: hook::owns_nothing,
                absent: libc::ENOSYS
            }
            /// gethostbyname2_r(3)
            gethostbyname2_r(name: *const c_char, family: c_int, host: *mut hostent, buffer: *mut c_char,
                length: size_t, result: *mut *mut hostent, h_errno: *mut c_int) -> c_int {
                forwards: state::forwards_node(name), answer: gethostby::gethostbyname2_r, owns: hook::owns_nothing,
                absent: libc::ENOSYS
            }
            /// gethostbyaddr(3)
            gethostbyaddr(address: *const c_void, size: socklen_t, family: c_int) -> *mut hostent {
                forwards: state::forwards_addresses(), answer: gethostby::gethostbyaddr, owns: hook::owns_nothing,
                absent: ptr::null_mut()
            }
            /// gethostbyaddr_r(3)
            gethostbyaddr_r(address: *const c_void, size: socklen_t, family: c_int, host: *mut hostent,
                buffer: *mut c_char, length: size_t, result: *mut *mut hostent, h_errno: *mut c_int) -> c_int {
                forwards: state::forwards_addresses(), answer: gethostby::gethostbyaddr_r, owns: hook::owns_nothing,
                absent: libc::ENOSYS
            }
            /// getnameinfo(3)
            getnameinfo(address: *const sockaddr, size: socklen_t, host: *mut c_char, host_length: socklen_t,
                service: *mut c_char, service_length: socklen_t, flags: c_int) -> c_int {
                forwards: state::forwards_addresses(), answer: getnameinfo::getnameinfo, owns: hook::owns_nothing,
                absent: libc::EAI_SYSTEM
            }
            /// `__nss_configure_lookup` (nss.h): libc is always called, but what the program chooses counts here too.
            __nss_configure_lookup(database: *const c_char, modules: *const c_char) -> c_int {
                answer_unguarded: configure_lookup::configure_lookup, absent: -1
            }
            /// getaddrinfo_a(3). gai_error(3) needs no hook: it reads the code in the request, wherever it was answered.
            getaddrinfo_a(mode: c_int, list: *const *mut Gaicb, count: c_int, event: *const Sigevent) -> c_int {
                answer_unguarded: asynchronous::getaddrinfo_a, absent: libc::EAI_SYSTEM
            }
            /// gai_suspend(3)
            gai_suspend(list: *const *const Gaicb, count: c_int, timeout: *const timespec) -> c_int {
                answer_unguarded: asynchronous::gai_suspend, absent: netdb::EAI_ALLDONE
            }
            /// gai_cancel(3)
            gai_cancel(request: *mut Gaicb) -> c_int {
                answer_unguarded: asynchronous::gai_cancel, absent: netdb::EAI_ALLDONE
            }
        }
    };
}

#[macro_use]
mod hook;
mod asynchronous;
mod codes;
mod configure_lookup;
mod databases;
#[cfg(fuzzing)]
pub mod fuzzing;
mod getaddrinfo;
mod gethostby;
mod getnameinfo;
mod idn;
mod layout;
mod load;
mod log;
mod memory;
mod netdb;
mod real;
mod request;
mod state;
mod verdict;

use std::ptr;

use libc::{addrinfo, c_char, c_int, c_void, hostent, size_t, sockaddr, socklen_t, timespec};

use hook::Call;
use netdb::{Gaicb, Sigevent};

hooks!(export);
