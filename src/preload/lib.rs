//! libnss_bypass.so: the functions with which it overrides libc's.
//!
//! The path of a lookup: a row of the table below exports the function and calls, inside the guard (`hook`), the
//! function that answers it: `request` reads the C arguments, `verdict` evaluates the rules, core's resolver resolves
//! the name, and `layout` writes the caller's memory. A call that is not answered by nss-bypass is forwarded to the
//! real function (`real`), outside the guard.

/// The table of hooks. Each row defines an exported function (see `hook`) and a variable for the real one (see `real`).
/// The tests read the names from here.
///
/// - `forwards`: whether the call is forwarded at once, determined without the guard
/// - `answer`: the function that answers it; with `None`, the call is forwarded. If a rule has libc answer first, it is
///   called again with libc's result, which is returned if the function returns `None`
/// - `owns`: whether the result has to be freed, so that the thread must not be cancelled now
/// - `answer_unguarded`: like `answer`, for a function that uses the guard itself where necessary
/// - `absent`: the result if libc has no such function
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
            /// `__nss_configure_lookup` (nss.h): always forwarded to libc; nss-bypass follows the program's selection.
            __nss_configure_lookup(database: *const c_char, modules: *const c_char) -> c_int {
                answer_unguarded: configure_lookup::configure_lookup, absent: -1
            }
            /// getaddrinfo_a(3). gai_error(3) needs no hook: it reads the code in the request, whichever side has set
            /// it.
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
