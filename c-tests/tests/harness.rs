//! Tests of the test harness: differences are detected, the test process does not use the library, and no process of a
//! world is left.

use std::ffi::CStr;
use std::fs;
use std::mem::MaybeUninit;
use std::thread;
use std::time::{Duration, Instant};

use c_tests::artefacts::stand_in;
use c_tests::cases::{CaseFile, Setup};
use c_tests::differ::{EVERYTHING, Side, compare, compare_in_one_process};
use c_tests::world::{Nscd, World};

const CASES: &str = "[plain]\n\
    gai {ok_ok,nx_nx,cname_cname,ok3_ok3,tc_tc,nodata_servfail}.t.example - CANON {0,4,6} 1\n\
    gai dual - 0 0 0\n\
    ghbn {ok_ok,nx_nx,servfail_ok}.t.example\n\
    ghbnr {ok_ok.t.example,v4only} 2048";

#[test]
fn lookups_of_the_test_process_use_libc() {
    // SAFETY: a name that ends in NUL.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"getaddrinfo".as_ptr()) };
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: `info` is writable, and any address is allowed.
    assert_ne!(unsafe { libc::dladdr(symbol, info.as_mut_ptr()) }, 0);
    // SAFETY: dladdr has initialised it.
    let info = unsafe { info.assume_init() };
    // SAFETY: the NUL-terminated name of a loaded object, which remains valid.
    let object = unsafe { CStr::from_ptr(info.dli_fname) }.to_string_lossy();
    assert!(object.contains("libc.so"), "getaddrinfo comes from {object}");
}

#[test]
fn identical_sides_are_equal() {
    let file = CaseFile::parse("harness", CASES);
    let sides = [Side::bare(), Side::with(&stand_in("stand_in_correct"), Some(EVERYTHING))];
    for comparison in [compare(&file, &sides), compare_in_one_process(&file, &sides)] {
        assert!(comparison.differences.is_empty());
        assert_eq!(comparison.total, file.len());
    }
}

#[test]
fn a_small_difference_in_a_result_is_detected() {
    let file = CaseFile::parse("harness", CASES);
    let lying = Side::with(&stand_in("stand_in_wrong_port"), None);
    let found = compare(&file, &[Side::bare_beside_nscd(), lying]).differences;
    // nscd finds about half of the names. Only the lists of these contain the difference.
    assert!(found.len() >= 3, "{} found", found.len());
    assert!(found.iter().all(|difference| difference.case.starts_with("gai")));
}

#[test]
fn nscd_in_a_world_gives_wrong_answers() {
    let file = CaseFile::parse("harness", CASES);
    let comparison = compare(&file, &[Side::bare(), Side::bare_beside_nscd()]);
    assert!(comparison.differences.len() * 2 > comparison.total, "nscd gives too many correct answers");
}

#[test]
fn a_world_terminates_its_processes() {
    let setup = Setup::default();
    let world = World::start(&setup.addresses, Nscd::Lying);
    let mark = world.directory().to_string_lossy().into_owned();
    let running = || {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines.filter(|line| String::from_utf8_lossy(line).contains(&mark)).count()
    };
    assert!(running() > 0);
    drop(world);
    let end = Instant::now() + Duration::from_secs(10);
    while running() > 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(running(), 0);
}
