//! Lookups before and after main, by the program and by libraries.

use super::scenarios::*;
use super::*;

fn at_every_moment(label: &str, libraries: &[&Path], moments: usize) {
    let output = run_scenario(&Host::new(), libraries, "startup_and_exit", "moments", 1);
    conclude(Heading::EarlyAndLate, label, &output, None);
    assert_eq!(rows(&output).len(), moments, "{}", excerpt(&output));
}

#[test]
fn lookups_of_a_program_work_at_startup_and_exit() {
    at_every_moment("", &[&library()], of_program());
}

#[test]
fn lookups_of_a_library_initialised_later_work_at_startup_and_exit() {
    at_every_moment(
        ", preloaded before the library",
        &[&stand_in("startup_and_exit"), &library()],
        of_program() + OF_LIBRARY,
    );
}

#[test]
fn lookups_of_a_library_initialised_earlier_work_at_startup_and_exit() {
    at_every_moment(
        ", preloaded after the library",
        &[&library(), &stand_in("startup_and_exit")],
        of_program() + OF_LIBRARY,
    );
}

#[test]
fn errno_is_zero_at_the_start_of_main_with_any_configuration() {
    for configuration in ["/nonexistent", "/", "/dev/null", "/proc/self/mem"] {
        let mut command = Command::new(program("errno_at_start"));
        command.env("LD_PRELOAD", library()).env("NSS_BYPASS_CONF", configuration);
        assert_eq!(text(&command.output().unwrap()), "0\n", "{configuration}");
    }
}

/// With both types of symbol hash tables.
#[test]
fn a_program_may_define_environ_and_syscall_and_dlsym_is_not_called() {
    let rules = std::env::temp_dir().join(format!("nss-bypass-own-names-{}", std::process::id()));
    fs::write(&rules, "bypass only.example address 192.0.2.1\n").unwrap();
    for table in ["-Wl,--hash-style=gnu", "-Wl,--hash-style=sysv"] {
        let mut command = Command::new(linked("own_names", &[table], &[]));
        command.arg("only.example").env("LD_PRELOAD", library()).env("NSS_BYPASS_CONF", &rules);
        let output = command.output().unwrap();
        assert_eq!((text(&output).as_str(), output.status.code()), ("found\n", Some(0)), "{table}: {}", whole(&output));
    }
    fs::remove_file(&rules).unwrap();
}

/// The number of moments for which the program prints lines, one less if libc is not initialised before all
/// constructors. The same source is also built as a library.
fn of_program() -> usize {
    if releases::minor() < 32 { 9 } else { 10 }
}
const OF_LIBRARY: usize = 6;
