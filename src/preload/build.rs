//! How the library is linked: so that it needs nothing but libc, and one file works with every glibc since 2.17; so that it
//! stays loaded once it is; and so that it adds little to the start of every program
//! (docs/performance.md, "The start of every program").

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// What `linked/glibc.c` stands in front of.
const WRAPPED: [&str; 31] = [
    "__register_atfork",
    "__xpg_strerror_r",
    "abort",
    "bcmp",
    "close",
    "dl_iterate_phdr",
    "dlsym",
    "fstat64",
    "getcwd",
    "getenv",
    "gettid",
    "lseek64",
    "memcpy",
    "mmap64",
    "munmap",
    "open64",
    "posix_memalign",
    "pthread_cond_broadcast",
    "pthread_cond_wait",
    "pthread_mutex_lock",
    "pthread_mutex_unlock",
    "pthread_once",
    "pthread_testcancel",
    "read",
    "readlink",
    "realpath",
    "sched_yield",
    "stat64",
    "statx",
    "syscall",
    "write",
];

/// What the unwinder of gcc 12 goes by: with this missing, it takes the process for one without threads.
const NOT_THERE: &str = "__pthread_key_create";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=linked");
    // dlclose(3) must not take the code away from a thread that is in a lookup, nor from pthread_atfork's list.
    link_with("-Wl,-z,nodelete");
    // gcc's start files are for C++'s constructors and for transactional memory, and import four symbols.
    link_with("-nostartfiles");
    // Unoptimised code has much of std that is never called, and with it much more of libc.
    let is = |variable, value: &str| env::var(variable).is_ok_and(|has| has == value);
    let is_known = is("TARGET", "x86_64-unknown-linux-gnu") || is("TARGET", "aarch64-unknown-linux-gnu");
    let is_portable = is_known && is("PROFILE", "release");
    if let Err(error) = link_unwinder().and_then(|()| if is_portable { link_oldest() } else { Ok(()) }) {
        println!(
            "cargo:warning=gcc: {error}: the library will need this machine's glibc or newer, perhaps libgcc_s.so.1 too"
        );
    }
}

/// The C compiler of the target. For another target than this machine, it is the linker that cargo is told to use; for this
/// machine, that may be one that is no compiler.
fn compiler() -> OsString {
    let linker = env::var_os("RUSTC_LINKER").filter(|_| env::var_os("TARGET") != env::var_os("HOST"));
    linker.unwrap_or_else(|| "gcc".into())
}

fn link_with(word: &str) {
    println!("cargo:rustc-cdylib-link-arg={word}");
}

/// libgcc_s.so.1 would be a library more to load.
fn link_unwinder() -> io::Result<()> {
    let output = Command::new(compiler()).arg("-print-file-name=libgcc_eh.a").output()?;
    let path = String::from_utf8(output.stdout).unwrap_or_default();
    let directory = Path::new(path.trim()).parent().filter(|directory| directory.is_absolute());
    let directory = directory.ok_or_else(|| io::Error::other("libgcc_eh.a was not found"))?;
    println!("cargo:rustc-link-search=native={}", directory.display());
    println!("cargo:rustc-link-lib=static:+whole-archive=gcc_eh");
    Ok(())
}

/// Links against a stand-in for libc that has the functions of `linked/glibc-ARCHITECTURE.txt`, each at the version listed
/// there, instead of the newest ones of this machine.
fn link_oldest() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?);
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let imports = fs::read_to_string(format!("linked/glibc-{architecture}.txt"))?;
    let lines = imports.lines().filter(|line| !line.starts_with('#'));
    let symbols: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).map(trimmed).collect();
    stand_in(&out, &symbols)?;
    let behind = out.join("glibc.o");
    println!("cargo:rerun-if-env-changed=NSS_BYPASS_REPORT_STUBS");
    let reports = env::var_os("NSS_BYPASS_REPORT_STUBS").is_some();
    let stubs = if reports { "-DREPORT_STUBS" } else { "-UREPORT_STUBS" };
    gcc(
        &[
            "-c",
            "-O2",
            "-fPIC",
            "-fno-plt",
            "-fexceptions",
            "-Wall",
            "-Wextra",
            "-Werror",
            stubs,
            "linked/glibc.c",
            "-o",
        ],
        &behind,
    )?;
    link_with(&format!("{}", behind.display()));
    link_with(&format!("-L{}", out.display()));
    // Read-only data in the mapping of the code: one mapping less. rust-lld has one word for it and GNU ld another.
    let [of_lld, of_gnu] = ["-Wl,--no-rosegment", "-Wl,-z,noseparate-code"];
    link_with(if linker_knows(of_lld, &out)? { of_lld } else { of_gnu });
    // Only what the list has.
    link_with("-Wl,-z,defs");
    for name in WRAPPED {
        link_with(&format!("-Wl,--wrap={name}"));
    }
    link_with(&format!("-Wl,--defsym={NOT_THERE}=0"));
    Ok(())
}

/// Whether the linker that rustc calls has this option.
fn linker_knows(word: &str, out: &Path) -> io::Result<bool> {
    let probe = out.join("probe.rs");
    fs::write(&probe, "")?;
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--crate-type", "cdylib", "-C", &format!("link-arg={word}"), "-o"])
        .arg(out.join("probe.so"))
        .arg(probe);
    if let Ok(target) = env::var("TARGET") {
        rustc.args(["--target", &target]);
    }
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut word = OsString::from("linker=");
        word.push(linker);
        rustc.arg("-C").arg(word);
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    Ok(rustc.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
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

/// Runs the target's C compiler with these arguments, and the output file last.
fn gcc(words: &[&str], made: &Path) -> io::Result<()> {
    let output = Command::new(compiler()).args(words).arg(made).output()?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&output.stderr))) }
}
