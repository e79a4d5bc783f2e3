//! Behaviour that depends on the release of glibc, for releases that no supported distribution contains. A preloaded
//! library reports that release as the version of glibc. Differences that are only visible with the real release are
//! listed in docs/glibc-differences.md.

use super::*;

/// A value of `LD_PRELOAD` with the library, and with a library that reports this release as the version of glibc.
fn beside(release: &str) -> PathBuf {
    let option = format!("-DRELEASE=\"{release}\"");
    let stand_in = linked("stand_in_release", &["-shared", "-fPIC", &option], &[]);
    PathBuf::from(format!("{}:{}", stand_in.display(), library().display()))
}

/// glibc sets `IP_RECVERR` from 2.30 on. A sandbox for 2.28 kills the process for this.
#[test]
fn no_system_call_is_made_that_the_release_does_not_make() {
    let place = Place::new(|_| {});
    for (release, sets_options) in [("2.28", false), ("2.29", false), ("2.30", true), ("2.36", true)] {
        for lookup in ["gai ok_ok.t.example", "ghbn ok_ok.t.example", "gai tc_tc.t.example"] {
            let calls = sandboxes::calls_of(&place, Some(&beside(release)), "cold", lookup);
            assert!(calls.contains("sendto") || calls.contains("sendmmsg"), "{release}: {lookup}: {calls:?}");
            assert_eq!(calls.contains("setsockopt"), sets_options, "{release}: {lookup}: {calls:?}");
        }
    }
}

/// Lookups of an address that has a line in /etc/hosts and a PTR record with another name.
#[test]
fn mapped_addresses_are_found_in_hosts_as_in_the_release() {
    let place = Place::new(|etc| {
        let hosts = fs::read_to_string(etc.join("hosts")).unwrap_or_default();
        fs::write(etc.join("hosts"), format!("{hosts}\n10.77.0.1 of-the-hosts-file\n")).unwrap();
    });
    for (release, is_found) in [("2.17", true), ("2.29", true), ("2.30", false), ("2.37", false), ("2.38", true)] {
        let mut command = place.with(&beside(release), &program("seccomp"));
        command.args(["-", "cold", "ghba ::ffff:10.77.0.1"]);
        let output = run(command, "");
        assert_eq!(text(&output).contains("of-the-hosts-file"), is_found, "{release}: {}", whole(&output));
    }
}

#[test]
fn internationalised_names_are_converted_by_libcidn_before_2_28() {
    let place = Place::new(|_| {});
    let directory = scratch("libcidn");
    fs::copy(stand_in("stand_in_libcidn"), directory.join("libcidn.so.1")).unwrap();
    let probe = |release: &str, input: &str, is_installed: bool| {
        let mut command = place.with(&beside(release), &program("probe"));
        if is_installed {
            command.env("LD_LIBRARY_PATH", &directory);
        }
        text(&run(command, &format!("{input}\n")))
    };
    let of = |name: &str, flags: &str| format!("gai {name} - {flags} 4 1");

    // Each set of flags results in another name, which has another answer.
    let found: BTreeSet<String> =
        ["IDN", "IDN|256", "IDN|512"].map(|flags| probe("2.27", &of("%c3%bc.t.example", flags), true)).into();
    assert_eq!(found.len(), 3, "{found:?}");
    let shown = probe("2.17", &of("%c3%bc.t.example", "IDN|CANON|CANONIDN"), true);
    assert!(shown.contains("unicode of "), "{shown}");
    for (name, release, is_installed, code) in [
        ("%c3%bc!", "2.27", true, "EAI_IDN_ENCODE"),
        ("%c3%bc$", "2.27", true, "EAI_MEMORY"),
        ("%c3%bc.t.example", "2.27", false, "EAI_SYSTEM"),
    ] {
        let shown = probe(release, &of(name, "IDN"), is_installed);
        assert!(shown.contains(code), "{name}: {shown}");
    }
    let newer = probe("2.28", &of("%c3%bc.t.example", "IDN|CANON|CANONIDN"), true);
    assert!(!newer.contains("unicode of "), "{newer}");
}
