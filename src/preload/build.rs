//! How the library is linked: so that it needs nothing but libc, stays loaded once it is, and adds little to the start of
//! every program (ARCHITECTURE.md, section 4).

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // dlclose(3) must not take the code away from a thread that is in a lookup, nor from pthread_atfork's list.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // gcc's start files are for C++'s constructors and for transactional memory, and import four symbols.
    println!("cargo:rustc-cdylib-link-arg=-nostartfiles");
    let found = Command::new("gcc").arg("-print-file-name=libgcc_eh.a").output();
    let path = found.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let Some(folder) = std::path::Path::new(path.trim()).parent().filter(|folder| folder.is_absolute()) else {
        println!("cargo:warning=gcc's libgcc_eh.a was not found: the library will need libgcc_s.so.1");
        return;
    };
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static:+whole-archive=gcc_eh");
}
