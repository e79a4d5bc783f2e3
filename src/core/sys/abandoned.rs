//! Sockets of lookups that the program has left with siglongjmp(3), so that no destructor has closed them.
//!
//! glibc stores the descriptors of its resolver's sockets in the thread's `_res`, and the next lookup closes those that
//! it finds there. This module also records a thread's open sockets, but closes a descriptor only if it still refers to
//! the same socket: the program may have closed it and opened another file since. Sockets are identified by their inode
//! numbers, which are determined only when a lookup has waited for some time: a program that jumps out at a timeout
//! does so later than that, and other lookups need no additional system call.

use std::cell::Cell;

use super::file::Descriptor;

/// The number of sockets that are recorded: for the name servers of resolv.conf and some that only a rule has. Others
/// are not recorded.
const MAX_SOCKETS: usize = 8;

#[derive(Clone, Copy)]
struct Open {
    descriptor: i32,
    /// The frame of the lookup.
    frame: usize,
    /// 0 if it has not been determined.
    inode: u64,
}

const NOTHING: Open = Open { descriptor: -1, frame: 0, inode: 0 };

thread_local! {
    /// It has no destructor and is never borrowed, so that it remains usable after a jump at any moment.
    static SOCKETS: Cell<[Open; MAX_SOCKETS]> = const { Cell::new([NOTHING; MAX_SOCKETS]) };
    /// Whether a socket is recorded. Most lookups check nothing else.
    static ANY: Cell<bool> = const { Cell::new(false) };
}

fn change(mut each: impl FnMut(&mut Open)) {
    let mut sockets = SOCKETS.get();
    sockets.iter_mut().for_each(&mut each);
    SOCKETS.set(sockets);
    ANY.set(sockets.iter().any(|open| open.descriptor >= 0));
}

/// Records a socket of this thread's lookup with this frame.
pub(super) fn note(descriptor: i32, frame: usize) {
    let mut sockets = SOCKETS.get();
    if let Some(free) = sockets.iter_mut().find(|open| open.descriptor < 0) {
        *free = Open { descriptor, frame, inode: 0 };
        ANY.set(true);
        SOCKETS.set(sockets);
    }
}

/// Removes a socket that is about to be closed.
pub(super) fn forget(descriptor: i32) {
    change(|open| {
        if open.descriptor == descriptor {
            *open = NOTHING;
        }
    });
}

/// Determines the inode numbers of the recorded sockets.
pub(super) fn identify() {
    change(|open| {
        if open.descriptor >= 0 && open.inode == 0 {
            open.inode = inode(open.descriptor).unwrap_or(0);
        }
    });
}

/// Closes the sockets of lookups that cannot be continued, when a lookup begins at this frame.
pub(super) fn close_left_by_frames_up_to(frame: usize) {
    if !ANY.get() {
        return;
    }
    change(|open| {
        if open.descriptor >= 0 && open.frame <= frame {
            if open.inode != 0 && inode(open.descriptor) == Some(open.inode) {
                drop(Descriptor(open.descriptor));
            }
            *open = NOTHING;
        }
    });
}

/// Returns the inode number of a socket; `None` if the descriptor is not a socket.
fn inode(descriptor: i32) -> Option<u64> {
    let status = super::file::status_of(descriptor).ok()?;
    (status.st_mode & libc::S_IFMT == libc::S_IFSOCK).then_some(status.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::reentrancy::ReentrancyGuard;
    use crate::sys::socket::Socket;

    /// Simulates a lookup that waits and is left.
    #[inline(never)]
    fn leave(identified: bool) -> i32 {
        let room = std::hint::black_box([0_u8; 256]);
        let lookup = ReentrancyGuard::enter();
        let socket = Socket::datagram(&"127.0.0.1:53".parse().unwrap()).unwrap();
        if identified {
            identify();
        }
        let descriptor = socket.descriptor();
        std::mem::forget(socket);
        std::mem::forget(lookup);
        std::hint::black_box(&room);
        descriptor
    }

    #[inline(never)]
    fn enter_from_below() {
        let room = std::hint::black_box([0_u8; 256]);
        drop(ReentrancyGuard::enter());
        std::hint::black_box(&room);
    }

    fn is_open(descriptor: i32) -> bool {
        super::super::file::status_of(descriptor).is_ok()
    }

    // One test, since other tests in this process open files that could get the same descriptors.
    #[test]
    fn the_next_lookup_closes_what_is_still_the_same_socket() {
        let left = leave(true);
        let left_inode = inode(left);
        assert!(is_open(left));
        drop(ReentrancyGuard::enter());
        assert_ne!(inode(left), left_inode);

        let unknown = leave(false);
        drop(ReentrancyGuard::enter());
        assert!(inode(unknown).is_some(), "nobody knows whose it is");
        drop(Descriptor(unknown));

        let replaced = leave(true);
        let other = Socket::datagram(&"127.0.0.1:53".parse().unwrap()).unwrap();
        // SAFETY: both descriptors are open and not used elsewhere.
        unsafe { libc::dup2(other.descriptor(), replaced) };
        drop(ReentrancyGuard::enter());
        assert!(is_open(replaced), "another socket has the number now");
        drop(Descriptor(replaced));
    }

    #[test]
    fn a_lookup_that_may_still_be_going_on_keeps_its_sockets() {
        let outer = ReentrancyGuard::enter();
        let socket = Socket::datagram(&"127.0.0.1:53".parse().unwrap()).unwrap();
        identify();
        enter_from_below();
        assert!(is_open(socket.descriptor()));
        drop(outer);
    }
}
