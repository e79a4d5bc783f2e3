//! How the library is linked: so that it needs nothing but libc, and one file works with every glibc since 2.17; so that it
//! stays loaded once it is; and so that it adds little to the start of every program (ARCHITECTURE.md, section 4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What `linked/glibc.c` stands in front of.
const WRAPPED: [&str; 9] = [
    "__register_atfork",
    "dlerror",
    "dlopen",
    "dlsym",
    "fstat",
    "gnu_get_libc_version",
    "pthread_attr_setstacksize",
    "pthread_testcancel",
    "stat",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=linked");
    // dlclose(3) must not take the code away from a thread that is in a lookup, nor from pthread_atfork's list.
    link_with("-Wl,-z,nodelete");
    // gcc's start files are for C++'s constructors and for transactional memory, and import four symbols.
    link_with("-nostartfiles");
    // Unoptimised code has much of std that is never called, and with it much more of libc.
    let is = |variable, value: &str| env::var(variable).is_ok_and(|has| has == value);
    let is_portable = is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release");
    if let Err(error) = link_unwinder().and_then(|()| if is_portable { link_oldest() } else { Ok(()) }) {
        println!(
            "cargo:warning=gcc: {error}: the library will need this machine's glibc or newer, perhaps libgcc_s.so.1 too"
        );
    }
}

fn link_with(word: &str) {
    println!("cargo:rustc-cdylib-link-arg={word}");
}

/// libgcc_s.so.1 would be a library more to load.
fn link_unwinder() -> io::Result<()> {
    let output = Command::new("gcc").arg("-print-file-name=libgcc_eh.a").output()?;
    let path = String::from_utf8(output.stdout).unwrap_or_default();
    let folder = Path::new(path.trim()).parent().filter(|folder| folder.is_absolute());
    let folder = folder.ok_or_else(|| io::Error::other("libgcc_eh.a was not found"))?;
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static:+whole-archive=gcc_eh");
    Ok(())
}

/// Links against a stand-in for libc that has the functions of `linked/glibc.txt`, each at the version that it says, instead
/// of the newest ones of this machine.
fn link_oldest() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?);
    let imports = fs::read_to_string("linked/glibc.txt")?;
    let lines = imports.lines().filter(|line| !line.starts_with('#'));
    let symbols: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).map(trimmed).collect();
    stand_in(&out, &symbols)?;
    let behind = out.join("glibc.o");
    gcc(&["-c", "-O2", "-fPIC", "-fexceptions", "-Wall", "-Wextra", "-Werror", "linked/glibc.c", "-o"], &behind)?;
    link_with(&format!("{}", behind.display()));
    link_with(&format!("-L{}", out.display()));
    // Only what the list has.
    link_with("-Wl,-z,defs");
    for name in WRAPPED {
        link_with(&format!("-Wl,--wrap={name}"));
    }
    Ok(())
}

fn trimmed<'a>((name, version): (&'a str, &'a str)) -> (&'a str, &'a str) {
    (name.trim(), version.trim())
}

/// What `-lc` finds: a library without code, called libc.so.6, that has these symbols, at these versions.
fn stand_in(out: &Path, symbols: &[(&str, &str)]) -> io::Result<()> {
    let mut source = String::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in symbols {
        let _ = writeln!(source, ".globl {name}\n.type {name}, @function\n{name}:");
        if *version != "-" {
            versions.entry(version).or_default().push(name);
        }
    }
    source.push_str(".section .note.GNU-stack, \"\", @progbits\n");
    let mut script = String::new();
    for (version, names) in versions {
        let _ = writeln!(script, "{version} {{ {}; }};", names.join("; "));
    }
    let [code, map] = [out.join("libc.s"), out.join("libc.map")];
    fs::write(&code, source)?;
    fs::write(&map, script)?;
    let (code, map) = (code.display().to_string(), format!("-Wl,--version-script={}", map.display()));
    gcc(&["-shared", "-nostdlib", "-Wl,-soname,libc.so.6", &map, &code, "-o"], &out.join("libc.so"))
}

/// Runs gcc with these words, and the file to be made last.
fn gcc(words: &[&str], made: &Path) -> io::Result<()> {
    let output = Command::new("gcc").args(words).arg(made).output()?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&output.stderr))) }
}
