//! Tests with other libraries that override libc functions.

use super::*;

const LOOKUPS: &[&str] = &[
    "gai ok3_ok3.t.example http",
    "gaic cname_cname.t.example",
    "gai tc_tc.t.example",
    "gai dual",
    "ghbn ok_ok.t.example",
    "ghbnr v4only",
    "ghba 10.0.0.5",
    "gni 192.0.2.77",
];
const NOBODY: &str = "nothing.matches.this";

struct Neighbour {
    name: &'static str,
    library: &'static str,
    variables: &'static [(&'static str, &'static str)],
    /// It only provides memory or the time, so that results must not change.
    transparent: bool,
}

const NEIGHBOURS: &[Neighbour] = &[
    Neighbour { name: "jemalloc", library: "libjemalloc.so.2", variables: &[], transparent: true },
    Neighbour { name: "mimalloc", library: "libmimalloc.so", variables: &[], transparent: true },
    Neighbour {
        name: "libfaketime",
        library: "faketime/libfaketime.so.1",
        variables: &[("FAKETIME", "-10y")],
        transparent: true,
    },
    Neighbour {
        name: "libfaketime, twice as fast",
        library: "faketime/libfaketimeMT.so.1",
        variables: &[("FAKETIME", "+3d x2")],
        transparent: true,
    },
    Neighbour {
        name: "torsocks",
        library: "torsocks/libtorsocks.so",
        variables: &[("TORSOCKS_LOG_LEVEL", "1")],
        transparent: false,
    },
    Neighbour {
        name: "proxychains",
        library: "libproxychains.so.4",
        variables: &[("PROXYCHAINS_CONF_FILE", "/etc/proxychains.conf"), ("PROXYCHAINS_QUIET_MODE", "1")],
        transparent: false,
    },
    Neighbour {
        name: "nss_wrapper",
        library: "libnss_wrapper.so",
        variables: &[("NSS_WRAPPER_HOSTS", "/etc/wrapped-hosts")],
        transparent: false,
    },
    Neighbour {
        name: "socket_wrapper",
        library: "libsocket_wrapper.so",
        variables: &[("SOCKET_WRAPPER_DIR", "/run"), ("SOCKET_WRAPPER_DEFAULT_IFACE", "1")],
        transparent: false,
    },
];

fn place() -> Place {
    Place::new(|etc| {
        fs::write(etc.join("wrapped-hosts"), "192.0.2.111 v4only ok_ok.t.example\n").unwrap();
        fs::write(etc.join("proxychains.conf"), "strict_chain\nproxy_dns\n[ProxyList]\nsocks5 127.0.0.1 9\n").unwrap();
    })
}

/// Runs one lookup per process, since the other library may end the process.
fn ask(place: &Place, preloads: &[&Path], rules: &str, variables: &[(&str, &str)], lookup: &str) -> String {
    let mut command = place.worlds[1].command(&program("seccomp"), &place.etc);
    let preloads: Vec<&str> = preloads.iter().map(|path| path.to_str().unwrap()).collect();
    command.args(["-", "cold", lookup]).envs(variables.iter().copied());
    command.env("LD_PRELOAD", preloads.join(" ")).env("NSS_BYPASS", rules);
    let output = run(command, "");
    let ended = if output.status.success() { String::new() } else { format!("ENDED WITH {}", output.status) };
    text(&output) + &ended
}

fn beside(neighbour: &Neighbour) {
    let place = place();
    let (ours, other) = (library(), preloadable(neighbour.library));
    let mut matched: BTreeMap<&str, usize> = BTreeMap::new();
    for lookup in LOOKUPS {
        let alone = ask(&place, &[&ours], EVERYTHING, &[], lookup);
        let theirs = ask(&place, &[&other], NOBODY, neighbour.variables, lookup);
        for order in [[&ours, &other], [&other, &ours]].map(|order| order.map(PathBuf::as_path)) {
            let passed = ask(&place, &order, NOBODY, neighbour.variables, lookup);
            assert_eq!(passed, theirs, "{}, unmatched, {order:?}: {lookup}", neighbour.name);
            let found = ask(&place, &order, EVERYTHING, neighbour.variables, lookup);
            assert!(!found.contains("ENDED") || theirs.contains("ENDED"), "{}: {lookup}: {found}", neighbour.name);
            let how = match found {
                found if found == alone => "as without the other library",
                _ if neighbour.transparent => {
                    panic!("{}, {order:?}: {lookup}: {found} instead of {alone}", neighbour.name)
                }
                found if found == theirs => "as from the other library",
                found
                    if ["EAI_AGAIN", "EAI_NODATA", "h_errno=2", "EAI_SYSTEM", "10.0.0.5", "192.0.2.77"]
                        .iter()
                        .any(|text| found.starts_with(text)) =>
                {
                    "no server"
                }
                found => panic!("{}, {order:?}: {lookup}: {found} instead of {alone} or {theirs}", neighbour.name),
            };
            *matched.entry(how).or_default() += 1;
        }
    }
    let words: Vec<String> = matched.iter().map(|(how, count)| format!("{count} {how}")).collect();
    let result = format!("matched: {}; unmatched: all as without the library", words.join(", "));
    report(Heading::OtherPreloads, &format!("with {}, both orders", neighbour.name), 4 * LOOKUPS.len(), &result, None);
}

macro_rules! neighbours {
    ($($test:ident: $name:literal)+) => { $(
        #[test]
        fn $test() {
            NEIGHBOURS.iter().filter(|neighbour| neighbour.name.starts_with($name)).for_each(beside);
        }
    )+ };
}
neighbours! {
    lookups_work_with_jemalloc: "jemalloc"
    lookups_work_with_mimalloc: "mimalloc"
    lookups_work_with_libfaketime: "libfaketime"
    lookups_work_with_torsocks: "torsocks"
    lookups_work_with_proxychains: "proxychains"
    lookups_work_with_nss_wrapper: "nss_wrapper"
    lookups_work_with_socket_wrapper: "socket_wrapper"
}

#[test]
fn auditing_and_eager_binding_do_not_change_results() {
    let place = place();
    let audit = stand_in("audit_library");
    for lookup in KINDS {
        let alone = ask(&place, &[&library()], EVERYTHING, &[], lookup);
        for variables in [[("LD_AUDIT", audit.to_str().unwrap())], [("LD_BIND_NOW", "1")]] {
            assert_eq!(ask(&place, &[&library()], EVERYTHING, &variables, lookup), alone, "{variables:?}: {lookup}");
        }
    }
    report(Heading::OtherPreloads, "LD_AUDIT, LD_BIND_NOW", 2 * KINDS.len(), "as without them", None);
}

#[test]
fn lookups_in_constructors_of_other_preloaded_libraries_work() {
    let place = place();
    let early = stand_in("lookup_in_constructor");
    let ours = library();
    let truth = ask(&place, &[&ours], EVERYTHING, &[], "gai ok_ok.t.example");
    for order in [[&ours, &early], [&early, &ours]].map(|order| order.map(PathBuf::as_path)) {
        let found =
            ask(&place, &order, EVERYTHING, &[("LOOKUP_IN_CONSTRUCTOR", "gai ok_ok.t.example")], "gai ok_ok.t.example");
        assert_eq!(found, format!("{truth}{truth}"), "{order:?}");
    }
    report(Heading::OtherPreloads, "lookups in constructors, both orders", 2, "answered", None);
}

fn opened(how: &str, lookup: &str) -> String {
    let place = place();
    let mut command = place.worlds[1].command(&program("dlopen"), &place.etc);
    command.arg(library()).args([how, lookup]).env("NSS_BYPASS", EVERYTHING);
    let output = run(command, "");
    assert!(output.status.success(), "{how}: {}", whole(&output));
    assert!(output.stderr.is_empty(), "{how}: {}", whole(&output));
    text(&output)
}

const GOES_ON: &str = "libc afterwards: as before\nforked\nended a thread\n";

#[test]
fn the_library_can_be_loaded_and_unloaded_with_dlopen() {
    assert_eq!(opened("unused", "gai ok_ok.t.example"), format!("closed: 0\n{GOES_ON}"));
    let once = "through the library: found 192.0.2.1 2001:db8::1\nclosed: 0\n";
    let said = opened("use", "gai ok_ok.t.example").replace("2001:db8::1 192.0.2.1", "192.0.2.1 2001:db8::1");
    assert_eq!(said, format!("{once}{GOES_ON}"));
    let said = opened("again", "gai ok_ok.t.example").replace("2001:db8::1 192.0.2.1", "192.0.2.1 2001:db8::1");
    assert_eq!(said, format!("{}{GOES_ON}", once.repeat(20)));
    report(Heading::OtherPreloads, "loaded and closed, with and without lookups", 22, "the program continues", None);
}

#[test]
fn the_library_can_be_closed_during_a_lookup() {
    let said = opened("busy", "gai slow6_slow6.t.example");
    assert!(said.starts_with("closed: 0\nthe slow lookup: 0\n"), "{said}");
    report(Heading::OtherPreloads, "closed during a lookup", 1, "the lookup succeeds", None);
}
