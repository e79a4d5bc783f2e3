//! Sandboxes: restricted system calls, and changes of the root directory, user and namespaces.

use super::*;

const LOOKUPS: &[&str] = &[
    "gai ok3_ok3.t.example",
    "gaic cname_cname.t.example",
    "gai dual",
    "gai4 ok_ok.t.example",
    "ghbn ok_ok.t.example",
    "ghbnr v4only",
    "ghba 10.0.0.5",
    "ghbar 2001:db8::5",
    "gni 10.0.0.5",
];
const OVER_TCP: &[&str] = &["gai tc_tc.t.example", "gai4 tc_tc.t.example", "ghbn tc_tc.t.example"];

/// System calls of the test program and of malloc.
const ALWAYS: &str = "write,exit_group,brk,mmap,munmap,getrandom";
const DATAGRAMS: &str = "newfstatat,openat,read,lseek,close,socket,connect,setsockopt,poll,sendmmsg,sendto,recvfrom,ioctl,getsockname,uname,bind,recvmsg,futex";
const STREAMS: &str = "writev,getpeername";
const CONTRACT: &str = "newfstatat,openat,read,lseek,close,socket,connect,setsockopt,poll,sendmmsg,sendto,recvfrom,\
    ioctl,writev,getpeername,getsockname,uname,bind,recvmsg,futex,mmap,munmap,brk,clock_gettime,write,exit_group";

/// Older releases of glibc examine files with other system calls, and load modules when they are first used.
const OLDER: &str = "stat,fstat,mprotect";

/// Without and with a cache. In the latter case, "warm" lookups use the cache.
const CACHES: [(&str, &str); 2] = [("", ""), (", with a cache", "cache 100\n")];

fn configured(configuration: &str) -> Place {
    Place::new(|etc| fs::write(etc.join("nss-bypass.conf"), configuration).unwrap())
}

fn filtered(what: &str, calls: &str, lookups: &[&str]) {
    for (label, configuration) in CACHES {
        filtered_in(&configured(configuration), &format!("{what}{label}"), calls, lookups);
    }
}

fn filtered_in(place: &Place, what: &str, calls: &str, lookups: &[&str]) {
    let mut survivors = [0, 0];
    let all = match releases::minor() {
        ..33 => format!("{calls},{OLDER}"),
        33..39 => calls.to_owned(),
        // fstat is again a separate system call.
        39.. => format!("{calls},fstat"),
    };
    for when in ["cold", "warm"] {
        // The first call of malloc uses getrandom (glibc 2.36), with and without the library.
        let all = if when == "cold" && calls == CONTRACT { format!("{all},getrandom") } else { all.clone() };
        for lookup in lookups {
            let [bare, ours] = place.both(
                "seccomp",
                |command| {
                    command.args([all.as_str(), when, lookup]);
                },
                "",
            );
            survivors[0] += usize::from(bare.status.success());
            survivors[1] += usize::from(ours.status.success());
            assert!(ours.status.success() || calls != CONTRACT, "{what}, {when}: {lookup}: {}", whole(&ours));
            if bare.status.success() {
                assert_eq!(whole(&ours), whole(&bare), "{what}, {when}: {lookup}");
            }
        }
    }
    let [bare, ours] = survivors.map(|count| format!("{count} survived"));
    report(Heading::Sandboxes, &format!("seccomp: {what}"), 2 * lookups.len(), &ours, Some(&bare));
    assert!(survivors[0] > 0, "all lookups of bare glibc are killed: the list is wrong");
}

#[test]
fn system_calls_for_udp_are_sufficient() {
    filtered("system calls of glibc for UDP", &format!("{ALWAYS},{DATAGRAMS}"), LOOKUPS);
}

#[test]
fn system_calls_for_udp_and_tcp_are_sufficient() {
    let all: Vec<&str> = LOOKUPS.iter().chain(OVER_TCP).copied().collect();
    filtered("system calls of glibc for UDP and TCP", &format!("{ALWAYS},{DATAGRAMS},{STREAMS}"), &all);
}

#[test]
fn documented_system_calls_are_sufficient() {
    let all: Vec<&str> = LOOKUPS.iter().chain(OVER_TCP).copied().collect();
    filtered("documented system calls", CONTRACT, &all);
}

/// The names of the system calls between the markers.
pub(super) fn calls_of(place: &Place, library: Option<&Path>, when: &str, lookup: &str) -> BTreeSet<String> {
    let strace = tool("strace");
    let mut command = match library {
        None => place.bare(&strace),
        Some(library) => place.with(library, &strace),
    };
    command.env_remove("LD_PRELOAD").args(["-f", "-qq", "-o", "/dev/stdout"]);
    if let Some(library) = library {
        command.args(["-E", &format!("LD_PRELOAD={}", library.display())]);
    }
    command.arg(program("seccomp")).args(["-", when, lookup]);
    let output = run(command, "");
    assert!(output.status.success(), "{}", whole(&output));
    let trace = text(&output);
    let calls = trace.lines().filter_map(|line| Some(line.split_whitespace().nth(1)?.split('(').next()?.to_owned()));
    calls.skip_while(|call| call != "getppid").skip(1).take_while(|call| call != "getppid").collect()
}

/// The system calls of malloc depend on previous allocations.
const FOR_MEMORY: &[&str] = &["brk", "mmap", "munmap", "mremap", "madvise"];

#[test]
fn lookups_only_make_system_calls_that_bare_glibc_makes() {
    for (label, configuration) in CACHES {
        makes_only_system_calls_of_glibc(&configured(configuration), label);
    }
}

fn makes_only_system_calls_of_glibc(place: &Place, label: &str) {
    let mut more = Vec::new();
    let all: Vec<&str> = LOOKUPS.iter().chain(OVER_TCP).copied().collect();
    for when in ["cold", "warm"] {
        for lookup in &all {
            let bare = calls_of(place, None, when, lookup);
            let ours = calls_of(place, Some(&library()), when, lookup);
            let extra: Vec<_> =
                ours.difference(&bare).filter(|call| !FOR_MEMORY.contains(&call.as_str())).cloned().collect();
            if !extra.is_empty() {
                more.push(format!("{when} {lookup}: {}", extra.join(" ")));
            }
        }
    }
    let result = format!("{} with a call that glibc does not make for the same lookup", more.len());
    let condition = format!("system calls compared, lookup by lookup{label}");
    report(Heading::Sandboxes, &condition, 2 * all.len(), &result, None);
    assert!(more.is_empty(), "{more:#?}");
}

fn elsewhere(place: &Place, words: &[&str], lookups: &[&str]) -> String {
    let [bare, ours] = place.both(
        "namespaces",
        |command| {
            command.args(words).args(lookups);
        },
        "",
    );
    assert!(ours.status.success(), "{words:?}: {}", whole(&ours));
    assert_eq!(whole(&ours), whole(&bare), "{words:?}");
    let condition = match words[0].strip_prefix("then-") {
        Some(action) => format!("elsewhere, after a lookup: {action}"),
        None => format!("elsewhere: {}", words[0]),
    };
    report(Heading::Sandboxes, &condition, text(&ours).lines().count(), "as with bare glibc", None);
    text(&ours)
}

#[test]
fn lookups_follow_changes_of_the_root_directory_mounts_and_user() {
    let place = Place::new(|_| ());
    let empty = place.worlds[0].directory().join("root");
    fs::create_dir(&empty).unwrap();
    let empty = empty.to_str().unwrap();
    for (action, argument) in [("chroot", empty), ("readonly", "-"), ("noproc", "-"), ("user", "65534")] {
        // Before 2.34, glibc's modules are separate libraries, which do not exist in an empty root directory.
        if action != "chroot" || releases::minor() >= 34 {
            elsewhere(&place, &[action, argument], LOOKUPS);
        }
        elsewhere(&place, &[&format!("then-{action}"), argument], LOOKUPS);
    }
}

#[test]
fn lookups_of_a_thread_use_its_network_namespace() {
    let place = Place::new(|_| ());
    let other = World::start(&["10.1.2.99/24".to_owned()], Nscd::None);
    let network = other.network();
    let lookups = ["gai set-near_set-near.t.example", "gai4 set-near_set-near.t.example", "ghbn ok_ok.t.example"];
    let said = elsewhere(&place, &["network", network.to_str().unwrap()], &lookups);
    let of = |who: &str| said.lines().find_map(|line| line.strip_prefix(who)?.strip_prefix(": ")).unwrap().to_owned();
    assert_ne!(of("main"), of("thread"), "the order of addresses must depend on the interface");
    let asked = |world: &World| world.questions().iter().filter(|line| line.contains("set-near")).count();
    assert!(
        asked(&other) > 0 && asked(&other) == asked(&place.worlds[0]) + asked(&place.worlds[1]),
        "{}",
        asked(&other)
    );
    let said = elsewhere(&place, &["nowhere", "-"], &lookups);
    assert!(said.contains("thread: gai set-near_set-near.t.example => EAI_AGAIN"), "{said}");
}

#[test]
fn lookups_of_a_thread_use_its_mount_namespace() {
    let place = Place::new(|etc| {
        fs::create_dir(etc.join("other")).unwrap();
        fs::write(etc.join("other/resolv.conf"), "nameserver 127.0.0.54\noptions timeout:1 attempts:1\n").unwrap();
        fs::write(etc.join("other/hosts"), "192.0.2.99 v4only\n").unwrap();
    });
    let said = elsewhere(
        &place,
        &["mounts", "/etc/other"],
        &["gai okznx_okznx.t.example", "ghbn v4only", "ghbn okznx_okznx.t.example"],
    );
    assert!(said.contains("thread: ghbn v4only => v4only 192.0.2.99"), "{said}");
    assert!(said.contains("main: ghbn v4only => v4only.t.example/v4only/v4alias 192.0.2.77"), "{said}");
    assert!(said.contains("thread: gai okznx_okznx.t.example => EAI_NONAME"), "{said}");
    assert!(said.contains("main: gai okznx_okznx.t.example => found "), "{said}");
}
