//! Which network namespace the calling thread is in (network_namespaces(7)).
//!
//! Each namespace has network settings of its own, and proc(5) shows every thread those of its own: so the inode of their
//! folder tells namespaces apart. The namespace's own file, /proc/thread-self/ns/net, tells it too, but takes three times
//! as long to look at.

use std::ffi::CStr;

use super::file;

const SETTINGS: &CStr = c"/proc/sys/net/core";

/// A number that no other network namespace has at the same time. None where it cannot be told: there is no proc(5).
pub fn network() -> Option<u64> {
    super::fault::point();
    let status = file::status(SETTINGS).ok()?;
    // In a folder that only looks like it, everybody sees the same.
    let is_in_proc = status.st_mode & libc::S_IFMT == libc::S_IFDIR && status.st_size == 0;
    is_in_proc.then_some(status.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_namespace_see_the_same_number_and_those_of_another_one_another() {
        let here = network();
        assert_eq!(std::thread::spawn(network).join().unwrap(), here);
        let elsewhere = std::thread::spawn(|| {
            // SAFETY: no memory is passed; this thread ends with its namespace.
            (unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0).then(network)
        });
        // None: whoever is not root may not make one.
        if let Some(elsewhere) = elsewhere.join().unwrap() {
            assert_ne!(elsewhere, here);
        }
        assert_eq!(network(), here);
    }
}
