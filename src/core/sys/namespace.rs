//! The network namespace of the calling thread (network_namespaces(7)).
//!
//! Each namespace has its own network settings, and proc(5) shows each thread those of its own namespace, so the inode
//! of their directory identifies the namespace. The file of the namespace, /proc/thread-self/ns/net, does so too, but
//! stat(2) takes three times as long for it.

use std::ffi::CStr;

use super::file;

const SETTINGS: &CStr = c"/proc/sys/net/core";

/// Returns a number that differs between network namespaces that exist at the same time; `None` if there is no proc(5).
pub fn network() -> Option<u64> {
    super::fault::point();
    let status = file::status(SETTINGS).ok()?;
    // A directory of another file system at this path would be the same in all namespaces.
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
            // SAFETY: no memory is passed; the thread ends with its namespace.
            (unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0).then(network)
        });
        // `None` if this is not root, who alone may create a namespace.
        if let Some(elsewhere) = elsewhere.join().unwrap() {
            assert_ne!(elsewhere, here);
        }
        assert_eq!(network(), here);
    }
}
