//! The library under test, the C programs, and tools on the machine.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-O1", "-g"];

/// Parts of glibc that are separate libraries before 2.34. They are linked only if needed.
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
    built(packages, cfg!(debug_assertions))
}

/// The library of the debug build if the release build is tested, and vice versa.
pub fn other_build() -> PathBuf {
    built(&["nss-bypass"], !cfg!(debug_assertions)).join("libnss_bypass.so")
}

/// Builds packages, optimised or not, and returns the directory that contains them.
fn built(packages: &[&str], is_debug: bool) -> PathBuf {
    let (profile, directory) = if is_debug { ("dev", "debug") } else { ("release", "release") };
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

/// Returns whether the library and the programs are for arm64, and the tests themselves are not (`scripts/matrix`).
pub fn is_arm64() -> bool {
    // `e_machine` of the ELF header.
    const EM_AARCH64: u8 = 183;
    let library = library();
    let file = fs::read(&library).unwrap_or_else(|error| panic!("cannot read {}: {error}", library.display()));
    file.get(18) == Some(&EM_AARCH64)
}

/// The file that an environment variable specifies, if it is set.
fn given(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable)?);
    Some(
        path.canonicalize()
            .unwrap_or_else(|error| panic!("{variable} is not the path of a file: {}: {error}", path.display())),
    )
}

/// `target/debug` or similar, derived from the path of the test's executable.
fn profile_directory() -> PathBuf {
    let test = env::current_exe().expect("the path of this executable");
    test.ancestors().nth(2).expect("tests are in target/PROFILE/deps").to_path_buf()
}

/// A directory for files that the tests write.
pub fn scratch(name: &str) -> PathBuf {
    let directory = profile_directory().join("c-tests").join(name);
    fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("cannot create {}: {error}", directory.display()));
    directory
}

/// `programs/NAME.c`, built as an executable.
pub fn program(name: &str) -> PathBuf {
    compile(name, &[], &[])
}

/// `programs/NAME.c`, built as a library to preload.
pub fn stand_in(name: &str) -> PathBuf {
    compile(name, &["-shared", "-fPIC"], &[])
}

/// A directory that contains `programs/nss_module.c`, built as the module `fakeno` for nsswitch.conf.
pub fn nss_module() -> PathBuf {
    let built = stand_in("nss_module");
    let directory = scratch("modules");
    let module = directory.join("libnss_fakeno.so.2");
    let unfinished = module.with_extension(format!("{}-{:?}", std::process::id(), thread::current().id()));
    fs::copy(&built, &unfinished).and_then(|_| fs::rename(&unfinished, &module)).expect("a copy of the module");
    directory
}

/// `programs/NAME.c`, built as an executable with gcc's AddressSanitizer.
pub fn checked_program(name: &str) -> PathBuf {
    compile(name, &["-fsanitize=address"], &[])
}

/// `programs/NAME.c`, built with these options and linked against these libraries, with their directories as run paths.
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

/// A preloadable library on the machine, by its name in the library directory, with or without its version number. A
/// subdirectory, as in `faketime/libfaketime.so.1`, need not exist in all releases.
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

/// The library with injected panics (`src/core/sys/fault.rs`), not optimised. Built on first use.
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

/// The command, in the directory of the library. Built on first use, since cargo does not build programs of other
/// packages for a test. `NSS_BYPASS_COMMAND` specifies another one to test.
pub fn command() -> PathBuf {
    if let Some(path) = given("NSS_BYPASS_COMMAND") {
        return path;
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built_under_test(&["nss-bypass-cli", "nss-bypass"]).join("nss-bypass")).clone()
}

/// Compiles once for each version of the source. Tests in other threads and processes may do so at the same time.
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

/// The C compiler. `NSS_BYPASS_CC` specifies another one, for programs of another architecture than that of the tests.
fn compiler() -> PathBuf {
    tool(&env::var("NSS_BYPASS_CC").unwrap_or_else(|_| "gcc".to_owned()))
}

/// All headers in this directory and its subdirectories, sorted, which programs may include.
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

/// The full path of a program on the machine. The PATH of root may lack system directories.
pub fn tool(name: &str) -> PathBuf {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin:/usr/bin:/bin";
    let found = path.split(':').map(|directory| Path::new(directory).join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("these tests need {name}, which is not installed"))
}

/// The interpreter itself, since python3 in the PATH may be a slow wrapper script.
pub fn python() -> PathBuf {
    let system = PathBuf::from("/usr/bin/python3");
    if system.exists() { system } else { tool("python3") }
}
