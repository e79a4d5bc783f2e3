//! The library file: its exports, its dependencies, and its mappings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use c_tests::artefacts::{command, home, library, tool};

/// The maximum size of the file in bytes. It is mapped into every process, and mounted into images of others.
const MAX_BYTES: u64 = 1_100_000;

/// The maximum number of relocations. The dynamic linker processes all of them when a program starts, and each page
/// that they modify becomes private memory of that program. There were 511 when this limit was set, nearly all of which
/// are addresses in tables of strings and functions; code that adds many more should be examined. Without link-time
/// optimisation, there are more than twice as many.
const MAX_RELOCATIONS: usize = 560;

fn readelf(option: &str) -> String {
    readelf_of(option, &library())
}

fn readelf_of(option: &str, file: &Path) -> String {
    let output = Command::new(tool("readelf")).args(["--wide", option]).arg(file).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn project(path: &str) -> PathBuf {
    home().join("..").join(path)
}

/// The names of the functions in the table of hooks.
fn hooks() -> Vec<String> {
    let table = fs::read_to_string(project("src/preload/lib.rs")).unwrap();
    let row = |line: &str| {
        let (name, _) = line.strip_prefix(&" ".repeat(12))?.split_once('(')?;
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| name.to_owned())
    };
    table.lines().filter_map(row).collect()
}

#[test]
fn it_exports_exactly_the_functions_in_the_table_of_hooks() {
    let mut listed = hooks();
    assert!(listed.len() > 10, "the table of hooks was not found");
    listed.sort_unstable();
    let output = Command::new(tool("nm")).args(["-D", "--defined-only", "--format=posix"]).arg(library()).output();
    let symbols = String::from_utf8(output.unwrap().stdout).unwrap();
    let mut exported: Vec<&str> = symbols.lines().filter_map(|line| line.split(' ').next()).collect();
    exported.sort_unstable();
    assert_eq!(exported, listed);
}

/// Not even the dynamic linker by its name, which does not exist with musl.
#[test]
fn it_needs_only_libc() {
    let dynamic = readelf("--dynamic");
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let names: Vec<&str> = needed.filter_map(|line| line.split(['[', ']']).nth(1)).collect();
    assert_eq!(names, ["libc.so.6"]);
}

/// All required symbols are in glibc of 2012, so that the library works with that and all later releases.
#[test]
fn it_imports_the_symbol_versions_listed_in_linked_glibc_txt() {
    let path = project(&format!("src/preload/linked/glibc-{}.txt", architecture()));
    let list = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let words = list.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect());
    let listed: Vec<Vec<&str>> = words.collect();
    assert!(listed.is_sorted(), "{} is not sorted", path.display());
    let symbols = readelf("--dyn-syms");
    let imported = symbols.lines().filter_map(import);
    let mut imported: Vec<(&str, &str, bool)> = imported.filter(|(name, ..)| !name.is_empty()).collect();
    imported.sort_unstable();
    for (name, version, is_weak) in &imported {
        assert!(*version != "-" || *is_weak || *name == "__tls_get_addr", "{name} is required, but has no version");
        let minor =
            version.strip_prefix("GLIBC_2.").map(|rest| rest.split('.').next().unwrap().parse::<u32>().unwrap());
        assert!(minor.unwrap_or(0) <= 17, "{name} is of {version}");
    }
    let imported: Vec<Vec<&str>> = imported.iter().map(|&(name, version, _)| vec![name, version]).collect();
    assert_eq!(imported, listed);
}

/// The architecture of the library under test, by its name in Rust.
fn architecture() -> &'static str {
    if readelf("--file-header").contains("AArch64") { "aarch64" } else { "x86_64" }
}

/// The name and version of an undefined symbol as printed by readelf, and whether it is weak.
fn import(line: &str) -> Option<(&str, &str, bool)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, _, _, _, binding, _, "UND", symbol, ..] = words[..] else { return None };
    let (name, version) = symbol.split_once('@').unwrap_or((symbol, "-"));
    Some((name, version, binding == "WEAK"))
}

/// The command is released for glibc of 2012. A build for the glibc of this machine requires newer versions of old
/// symbols: glibc 2.32 to 2.34 incorporated libpthread, libdl, and functions that had been macros of sys/stat.h.
/// Symbols of other versions are new functions, which do not exist in older releases.
#[test]
fn the_command_requires_no_symbol_version_newer_than_2_17() {
    let symbols = readelf_of("--dyn-syms", &command());
    let imported: Vec<_> = symbols.lines().filter_map(import).collect();
    assert!(imported.len() > 50, "{imported:?}");
    let minor = |version: &str| version.strip_prefix("GLIBC_2.")?.split(['.', ' ']).next()?.parse::<u32>().ok();
    let newer: Vec<_> = imported
        .into_iter()
        .filter(|&(_, version, is_weak)| !is_weak && minor(version).is_some_and(|minor| (18..=31).contains(&minor)))
        .collect();
    assert!(newer.is_empty(), "{newer:?}");
}

/// Only the release build is checked, since a debug build is large.
#[test]
fn it_is_small_and_has_few_relocations() {
    let bytes = fs::metadata(library()).unwrap().len();
    let relocations = relocations();
    println!("{bytes} bytes, {relocations} relocations");
    if !cfg!(debug_assertions) {
        assert!(bytes <= MAX_BYTES, "{bytes} bytes");
        assert!(relocations <= MAX_RELOCATIONS, "{relocations} relocations");
    }
}

/// The total number of relocations in all tables.
fn relocations() -> usize {
    let listed = readelf("--relocs");
    let counts = listed.lines().filter_map(|line| line.split_once(" contains ")?.1.split(' ').next());
    let counts: Vec<usize> = counts.map(|count| count.parse().unwrap()).collect();
    assert!(!counts.is_empty(), "readelf lists no relocations: {listed}");
    counts.iter().sum()
}

#[test]
fn its_stack_is_not_executable() {
    let segments = readelf("--program-headers");
    let stack = segments.lines().find(|line| line.contains("GNU_STACK")).expect("a GNU_STACK segment");
    assert!(!stack.contains("RWE"), "{stack}");
}

#[test]
fn relocated_data_is_read_only_after_relocation() {
    assert!(readelf("--program-headers").contains("GNU_RELRO"));
    if !cfg!(debug_assertions) {
        let dynamic = readelf("--dynamic");
        assert!(dynamic.contains("BIND_NOW") || dynamic.contains("NOW"), "lazy binding: partial RELRO");
    }
}

#[test]
fn only_the_macro_for_hooks_exports_functions() {
    let table = project("src/preload/hook.rs").canonicalize().unwrap();
    let mut offenders = Vec::new();
    each_source(&project("src"), &mut |path, text| {
        if path.canonicalize().unwrap() != table && (text.contains("no_mangle") || text.contains("export_name")) {
            offenders.push(path.to_path_buf());
        }
    });
    assert!(offenders.is_empty(), "{offenders:?}");
}

fn each_source(directory: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_source(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
