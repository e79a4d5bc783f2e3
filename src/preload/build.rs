//! Links the unwinder statically, so that the library needs nothing but libc, and keeps the library loaded once it is.
//!
//! Measured on /bin/true: an empty library adds 29 µs, this one with libgcc_s 121 µs, with gcc_eh inside 31 µs.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // dlclose(3) must not take the code away from a thread that is in a lookup, nor from pthread_atfork's list.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    let found = Command::new("gcc").arg("-print-file-name=libgcc_eh.a").output();
    let path = found.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let Some(folder) = std::path::Path::new(path.trim()).parent().filter(|folder| folder.is_absolute()) else {
        println!("cargo:warning=gcc's libgcc_eh.a was not found: the library will need libgcc_s.so.1");
        return;
    };
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static:+whole-archive=gcc_eh");
}
