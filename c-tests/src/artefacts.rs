//! The library under test, the C programs, and the tools of the machine.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-O1", "-g"];

/// What glibc has in libraries of their own before 2.34. Who does not need one does not get it.
const OLDER: [&str; 5] = ["-Wl,--as-needed", "-pthread", "-ldl", "-lanl", "-lresolv"];

/// The directory of this crate.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The library: the debug build for debug tests, otherwise the release build. `NSS_BYPASS_LIBRARY` names another one.
pub fn library() -> PathBuf {
    if let Some(path) = given("NSS_BYPASS_LIBRARY") {
        return path;
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built_under_test(&["nss-bypass"]).join("libnss_bypass.so")).clone()
}

/// Builds packages with the profile whose result is tested, and returns the directory that contains them.
/// The tests themselves need not be built with it: the profile `c-tests` saves minutes of link-time optimisation.
fn built_under_test(packages: &[&str]) -> PathBuf {
    let (profile, directory) = if cfg!(debug_assertions) { ("dev", "debug") } else { ("release", "release") };
    let profile_of_tests = profile_directory();
    let target = profile_of_tests.parent().expect("a profile's directory is in the target directory");
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--quiet", "--profile", profile])
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .current_dir(home())
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join(directory)
}

/// The file that this variable names, if there is such a variable.
fn given(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable)?);
    Some(path.canonicalize().unwrap_or_else(|error| panic!("{variable} names no file: {}: {error}", path.display())))
}

/// `target/debug`, or its like, from where the test's own executable lies.
fn profile_directory() -> PathBuf {
    let test = env::current_exe().expect("the path of this executable");
    test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").to_path_buf()
}

/// A directory for all that the tests write.
pub fn scratch(name: &str) -> PathBuf {
    let directory = profile_directory().join("c-tests").join(name);
    fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("cannot make {}: {error}", directory.display()));
    directory
}

/// `programs/NAME.c` as an executable.
pub fn program(name: &str) -> PathBuf {
    compile(name, &[], &[])
}

/// `programs/NAME.c` as a library to preload.
pub fn stand_in(name: &str) -> PathBuf {
    compile(name, &["-shared", "-fPIC"], &[])
}

/// A directory with `programs/nss_module.c` as the module `fakeno` of nsswitch.conf.
pub fn nss_module() -> PathBuf {
    let built = stand_in("nss_module");
    let directory = scratch("modules");
    let module = directory.join("libnss_fakeno.so.2");
    let unfinished = module.with_extension(format!("{}-{:?}", std::process::id(), thread::current().id()));
    fs::copy(&built, &unfinished).and_then(|_| fs::rename(&unfinished, &module)).expect("a copy of the module");
    directory
}

/// `programs/NAME.c` as an executable that checks its own use of memory (gcc's AddressSanitizer).
pub fn checked_program(name: &str) -> PathBuf {
    compile(name, &["-fsanitize=address"], &[])
}

/// `programs/NAME.c` with these options, linked against these libraries, which it finds where they are.
pub fn linked(name: &str, options: &[&str], libraries: &[&Path]) -> PathBuf {
    let found = |library: &&Path| {
        let [directory, file] =
            [library.parent().expect("a directory"), Path::new(library.file_name().expect("a file"))];
        [
            format!("-L{}", directory.display()),
            format!("-Wl,-rpath,{}", directory.display()),
            format!("-l:{}", file.display()),
        ]
    };
    let words: Vec<String> = libraries.iter().flat_map(found).collect();
    compile(name, options, &words)
}

/// A library of the machine that programs preload, by its name in the directory of libraries, with or without its number.
/// A directory of its own in there, as in `faketime/libfaketime.so.1`, is one that not every release has.
pub fn preloadable(name: &str) -> PathBuf {
    let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
    let directories = fs::read_dir("/usr/lib").expect("the directory of libraries").filter_map(Result::ok);
    let directories = directories.flat_map(|entry| [entry.path().join(directory), entry.path()]);
    let files = directories.filter_map(|directory| fs::read_dir(directory).ok()).flatten().filter_map(Result::ok);
    let numbered = |path: &PathBuf| {
        let rest = path.file_name()?.to_str()?.strip_prefix(file)?;
        rest.chars().all(|letter| letter == '.' || letter.is_ascii_digit()).then_some(())
    };
    let mut found: Vec<PathBuf> = files.map(|entry| entry.path()).filter(|path| numbered(path).is_some()).collect();
    found.sort_unstable();
    found.into_iter().next().unwrap_or_else(|| panic!("these tests need {name}, which scripts/setup installs"))
}

/// The library with panics in it (`src/core/sys/fault.rs`), not optimised: built when it is first asked for.
pub fn faulty_library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let target = profile_directory().join("c-tests/faulty");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--locked", "--quiet", "-p", "nss-bypass"])
            .current_dir(home())
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", "--cfg nss_bypass_fault -C debuginfo=0")
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/libnss_bypass.so")
    };
    BUILT.get_or_init(build).clone()
}

/// The command, beside the library that it finds: built when it is first asked for, since cargo builds no programs of
/// other packages for a test. `NSS_BYPASS_COMMAND` names another one to test instead.
pub fn command() -> PathBuf {
    if let Some(path) = given("NSS_BYPASS_COMMAND") {
        return path;
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built_under_test(&["nss-bypass-cli", "nss-bypass"]).join("nss-bypass")).clone()
}

/// Compiles once for each state of the source; tests in other threads and processes may be at it too.
fn compile(name: &str, options: &[&str], libraries: &[String]) -> PathBuf {
    let source = home().join("programs").join(name).with_extension("c");
    let mut hasher = DefaultHasher::new();
    (options, libraries).hash(&mut hasher);
    for file in [&source].into_iter().chain(&headers(&home().join("programs"))) {
        fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display())).hash(&mut hasher);
    }
    let done = scratch("programs").join(format!("{}-{:016x}", name.replace('/', "-"), hasher.finish()));
    if done.exists() {
        return done;
    }
    let unfinished = done.with_extension(format!("{}-{:?}", std::process::id(), thread::current().id()));
    let output = Command::new(compiler())
        .args(STRICT)
        .arg("-rdynamic")
        .args(options)
        .arg(&source)
        .args(libraries)
        .args(OLDER)
        .arg("-o")
        .arg(&unfinished)
        .output()
        .expect("gcc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, &done).expect("a name for the new program");
    done
}

/// The C compiler. `NSS_BYPASS_CC` names another one, for programs of another architecture than the tests.
fn compiler() -> PathBuf {
    tool(&env::var("NSS_BYPASS_CC").unwrap_or_else(|_| "gcc".to_owned()))
}

/// All headers in this directory and those below it, in order: what any of the programs may include.
fn headers(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let (below, files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries.filter_map(Result::ok).map(|entry| entry.path()).partition(|path| path.is_dir());
    let mut found: Vec<PathBuf> =
        files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "h")).collect();
    found.extend(below.iter().flat_map(|directory| headers(directory)));
    found.sort_unstable();
    found
}

/// The full path of a program of the machine; root's PATH may lack the system's own directories.
pub fn tool(name: &str) -> PathBuf {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin:/usr/bin:/bin";
    let found = path.split(':').map(|directory| Path::new(directory).join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("these tests need {name}, which is not installed"))
}

/// The interpreter itself: what is found in the PATH may be a slow script that looks for it.
pub fn python() -> PathBuf {
    let system = PathBuf::from("/usr/bin/python3");
    if system.exists() { system } else { tool("python3") }
}
