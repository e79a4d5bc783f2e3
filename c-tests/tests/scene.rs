//! The problem and the fix, with real daemons and real programs: a container that uses the nscd or unscd of its host.
//!
//! `scripts/scene` sets up the container. Each test runs a script in it and checks the output.

use std::path::PathBuf;

use c_tests::container;

fn library() -> String {
    c_tests::artefacts::library().display().to_string()
}

/// Runs a bash script in the container of the scene, and returns both output streams.
fn scene(options: &[&str], script: &str) -> String {
    let variables = [("LIBRARY", library()), ("CONNECT", env!("CARGO_BIN_EXE_connect").to_owned())];
    container::run(options, &variables, &format!("{PRELUDE}\n{script}"))
}

/// A temporary file of a test, which is removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("nss-bypass-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("the temporary directory is writable");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The programs, the rules for them, and `with` and `try` for all scripts: `try COMMAND` prints "status=0 asked=0 :
/// COMMAND".
const PRELUDE: &str = include_str!("../../scripts/programs-inside");

/// The number of programs in `light_programs`.
const PROGRAMS: usize = 21;

/// These programs call getservbyname or getservbyport, which are not intercepted, and therefore query nscd for
/// services.
const ASK_FOR_SERVICES: [&str; 3] = ["ssh", "nc.openbsd", "nc.traditional"];

/// The output of `light_programs` for each program: "reached=yes hosts=0 services=0 : LABEL: OUTPUT".
fn each_program(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter(|line| line.starts_with("reached="));
    let programs: Vec<_> = lines.filter_map(|line| line.split_once(" : ")).collect();
    assert_eq!(programs.len(), PROGRAMS, "{text}");
    programs
}

fn without_the_library_every_program_fails_and_asks(daemon: &str) {
    let text = scene(&["--services", "--daemon", daemon], "light_programs");
    for (facts, program) in each_program(&text) {
        assert!(facts.starts_with("reached=no ") && !facts.contains(" hosts=0 "), "{daemon}: {facts}: {program}");
    }
}

fn every_program_succeeds_and_nobody_asks(options: &[&str], script: &str) {
    let text = scene(&[&["--services"], options].concat(), script);
    for (facts, program) in each_program(&text) {
        let label = program.split(": ").next().unwrap_or_default();
        let services = if ASK_FOR_SERVICES.contains(&label) { "" } else { "0" };
        let expected = format!("reached=yes hosts=0 services={services}");
        assert!(facts.starts_with(&expected), "{options:?}: {facts}: {program}\n{text}");
    }
}

#[test]
fn without_the_library_nscd_hides_the_name_from_every_program() {
    without_the_library_every_program_fails_and_asks("nscd");
}

#[test]
fn without_the_library_unscd_hides_the_name_from_every_program() {
    without_the_library_every_program_fails_and_asks("unscd");
}

const BY_ENVIRONMENT: &str = "RULES=$OUR_RULES light_programs";

const BY_FILE: &str = r#"echo "bypass $OUR_RULES" >/etc/nss-bypass.conf; light_programs"#;

#[test]
fn with_ld_preload_programs_find_the_name_without_querying_nscd() {
    every_program_succeeds_and_nobody_asks(&["--daemon", "nscd"], BY_ENVIRONMENT);
}

#[test]
fn with_ld_preload_programs_find_the_name_without_querying_unscd() {
    every_program_succeeds_and_nobody_asks(&["--daemon", "unscd"], BY_ENVIRONMENT);
}

#[test]
fn with_ld_so_preload_programs_find_the_name_without_querying_nscd() {
    every_program_succeeds_and_nobody_asks(&["--daemon", "nscd", "--preload-file", &library()], BY_FILE);
}

#[test]
fn with_ld_so_preload_programs_find_the_name_without_querying_unscd() {
    every_program_succeeds_and_nobody_asks(&["--daemon", "unscd", "--preload-file", &library()], BY_FILE);
}

/// Commands for names without a rule, one of which is known only to the host's nscd, and one does not exist.
const UNMATCHED: &str = r#"
unmatched() {
    for name in host-only.example both.example nobody.example; do
        for command in "getent hosts" "getent ahosts" "getent ahostsv4" "getent ahostsv6"; do
            try $command $name | sed "s/asked=[1-9].*:/asked :/"
            echo "$SAID"
        done
        python3 -c "import socket; print(socket.gethostbyname_ex('$name'))" 2>&1 | tail -n 1
    done
}
"#;

fn unmatched_names_are_the_daemons(daemon: &str) {
    let bare = scene(&["--daemon", daemon], &format!("{UNMATCHED}\nunmatched"));
    assert!(bare.contains("198.51.100.10"), "only the host's {daemon} knows this address:\n{bare}");
    assert!(bare.contains("asked :") && bare.contains("status=2"), "{bare}");
    for rules in ["rancher-metadata", "*.rancher.internal !host-only.example", "bad..rule", "10.0.0.0/8"] {
        let ours = scene(&["--daemon", daemon], &format!("{UNMATCHED}\nRULES='{rules}' unmatched"));
        assert_eq!(ours, bare, "{daemon}, rules: {rules}");
    }
}

#[test]
fn unmatched_names_are_resolved_by_nscd_as_without_the_library() {
    unmatched_names_are_the_daemons("nscd");
}

#[test]
fn unmatched_names_are_resolved_by_unscd_as_without_the_library() {
    unmatched_names_are_the_daemons("unscd");
}

/// No rule contains a name.
fn with_libc_first_every_program_succeeds_and_results_of_the_daemon_are_kept(daemon: &str) {
    let text = scene(&["--services", "--daemon", daemon], "RULES='+*' light_programs");
    for (facts, program) in each_program(&text) {
        assert!(facts.starts_with("reached=yes "), "{daemon}: {facts}: {program}\n{text}");
    }
    let bare = scene(&["--daemon", daemon], &format!("{UNMATCHED}\nunmatched"));
    for rules in ["+*", "+.example +nothing", "+host-only.example +both.example +nobody.example"] {
        let with = scene(&["--daemon", daemon], &format!("{UNMATCHED}\nRULES='{rules}' unmatched"));
        assert_eq!(with, bare, "{daemon}, rules: {rules}");
    }
}

#[test]
fn with_libc_first_every_program_succeeds_with_nscd() {
    with_libc_first_every_program_succeeds_and_results_of_the_daemon_are_kept("nscd");
}

#[test]
fn with_libc_first_every_program_succeeds_with_unscd() {
    with_libc_first_every_program_succeeds_and_results_of_the_daemon_are_kept("unscd");
}

/// The start script of a kubelet in a container waits for the metadata service in this way.
#[test]
fn with_libc_first_a_loop_that_waits_for_a_name_ends() {
    let script = r#"
    wait_for() {
        tries=0
        until [ "$(curl -s -m 5 http://rancher-metadata/)" ]; do
            [ $((tries += 1)) -lt 5 ] || { echo 'gives up'; return; }
            sleep 0.2
        done
        echo "after $tries failures"
    }
    (wait_for)
    export NSS_BYPASS='+*' LD_PRELOAD=$LIBRARY
    wait_for
    "#;
    assert_eq!(scene(&["--services"], script), "gives up\nafter 0 failures\n");
}

#[test]
fn libc_first_supports_fallback_error_and_fallback_always() {
    let script = r#"
    export LD_PRELOAD=$LIBRARY NSS_BYPASS_LOG=stderr
    try() { getent ahostsv4 $1 2>&1 >/run/test/found | sed -E 's/in [0-9]+ us/in N us/'; head -n 1 /run/test/found; }
    echo 'pass * fallback error' >/etc/nss-bypass.conf
    try rancher-metadata
    printf 'pass * fallback always\npass host-*.example rancher-none\nbypass never' >/etc/nss-bypass.conf
    try rancher-metadata; try both.example; try host-only.example; try nobody.example; try rancher-none
    try 10.1.2.3
    python3 -c "import socket; print(socket.getnameinfo(('169.254.169.250', 80), socket.NI_NUMERICSERV))" 2>&1 |
        sed -E 's/in [0-9]+ us/in N us/'
    "#;
    let text = scene(&[], script);
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        "nss-bypass: getaddrinfo rancher-metadata: pass (/etc/nss-bypass.conf:1 *): not found from libc in N us",
        "nss-bypass: getaddrinfo rancher-metadata: fallback (/etc/nss-bypass.conf:1 *): 169.254.169.250 from \
         169.254.169.250:53 in N us; libc: not found",
        "169.254.169.250 STREAM rancher-metadata.rancher.internal",
        "nss-bypass: getaddrinfo both.example: pass (/etc/nss-bypass.conf:1 *): 198.51.100.20 from libc in N us",
        "198.51.100.20   STREAM both.example",
        "nss-bypass: getaddrinfo host-only.example: pass (/etc/nss-bypass.conf:2 host-*.example)",
        "198.51.100.10   STREAM host-only.example",
        "nss-bypass: getaddrinfo nobody.example: fallback (/etc/nss-bypass.conf:1 *): not found from 169.254.169.250:53 \
         in N us; libc: not found",
        "nss-bypass: getaddrinfo rancher-none: pass (/etc/nss-bypass.conf:2 rancher-none)",
        "nss-bypass: getaddrinfo 10.1.2.3: pass (/etc/nss-bypass.conf:1 *): 10.1.2.3 from libc in N us",
        "10.1.2.3        STREAM 10.1.2.3",
        "nss-bypass: getaddrinfo 169.254.169.250: pass (/etc/nss-bypass.conf:1 *): 169.254.169.250 from libc in N us",
        "nss-bypass: getnameinfo 169.254.169.250: fallback (/etc/nss-bypass.conf:1 *): \
         rancher-metadata.rancher.internal from 169.254.169.250:53 in N us; libc: not found",
        "('rancher-metadata.rancher.internal', '80')",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn without_rules_the_library_changes_nothing() {
    let script = "both() { try getent hosts rancher-metadata; try getent ahosts host-only.example; }
                  both # nscd gets more requests while it has not cached the names.
                  both; LD_PRELOAD=$LIBRARY both";
    let text = scene(&[], script);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("status=")).collect();
    let [_, _, bare_miss, bare_hit, miss, hit] = lines.as_slice() else { panic!("{text}") };
    assert!(bare_miss.starts_with("status=2 ") && bare_hit.starts_with("status=0 "), "{text}");
    assert_eq!((bare_miss, bare_hit), (miss, hit));
}

#[test]
fn names_match_in_any_case_and_with_a_trailing_dot() {
    let text = scene(
        &[],
        "for name in Rancher-Metadata. RANCHER-METADATA rancher-metadata.; do
             with rancher-metadata getent ahostsv4 $name | head -n 1; done",
    );
    assert_eq!(text.matches("169.254.169.250").count(), 3, "{text}");
}

#[test]
fn exceptions_and_nss_bypass_disable_forward_the_name_to_libc() {
    let text = scene(
        &[],
        "with 'rancher-* !rancher-metadata' getent hosts rancher-metadata; echo exception=$?
         NSS_BYPASS_DISABLE=1 with rancher-metadata getent hosts rancher-metadata; echo disabled=$?
         with rancher-metadata getent hosts rancher-metadata >/dev/null; echo ours=$?",
    );
    assert!(text.contains("exception=2") && text.contains("disabled=2") && text.contains("ours=0"), "{text}");
}

#[test]
fn large_answers_use_tcp_and_aliases_are_followed() {
    let text = scene(
        &[],
        "with .rancher.internal getent ahostsv4 big.rancher.internal | grep -c STREAM
         with .rancher.internal getent hosts alias.rancher.internal",
    );
    assert!(text.starts_with("100\n"), "{text}");
    assert!(text.contains("rancher-metadata.rancher.internal alias.rancher.internal"), "{text}");
}

#[test]
fn a_resolv_conf_that_is_missing_empty_or_begins_with_a_dead_server_works_as_in_glibc() {
    let script = r#"
    look() { with '*' getent ahostsv4 rancher-metadata.rancher.internal >/run/test/out; echo "$1 $? $(wc -l </run/test/out)"; }
    echo "options timeout:1 attempts:1" >/etc/resolv.conf; look empty
    rm /etc/resolv.conf; RES_OPTIONS='timeout:1 attempts:1' look missing
    printf 'nameserver 127.0.0.9\nnameserver %s\n' $SCENE_DNS >/etc/resolv.conf; look dead-first
    "#;
    let text = scene(&[], script);
    let script = script.replace("with '*' getent", "getent -s 'hosts:files dns'");
    assert_eq!(text, scene(&[], &script));
    assert!(text.contains("dead-first 0 "), "{text}");
}

#[test]
fn a_rule_may_have_its_own_servers_and_disable_hosts_and_search() {
    let script = r#"
    echo '192.0.2.7 rancher-metadata' >>/etc/hosts
    cat >/etc/nss-bypass.conf <<END
bypass rancher-metadata hosts off
bypass vianame.rancher.internal alias.rancher.internal via 127.0.0.9 $SCENE_DNS timeout 1 attempts 1
bypass dead.rancher.internal via 127.0.0.9 timeout 1 attempts 1 fallback error
bypass multi.rancher.internal via 127.0.0.9 timeout 1 attempts 1
END
    export LD_PRELOAD=$LIBRARY
    printf 'nameserver 127.0.0.9\n' >/etc/resolv.conf
    getent ahostsv4 alias.rancher.internal | head -n 1
    printf 'nameserver %s\n' $SCENE_DNS >/etc/resolv.conf
    getent ahostsv4 rancher-metadata | head -n 1
    getent hosts multi.rancher.internal; echo never=$?
    NSS_BYPASS_LOG=stderr getent ahostsv4 dead.rancher.internal
    "#;
    let text = scene(&[], script);
    assert_eq!(text.matches("169.254.169.250 STREAM").count(), 2, "{text}");
    assert!(!text.contains("192.0.2.7") && text.contains("never=2"), "{text}");
    assert!(text.contains("asking libc"), "{text}");
}

#[test]
fn rules_are_read_again_when_their_file_changes() {
    let script = r#"
    echo 'pass rancher-metadata' >/etc/nss-bypass.conf
    LD_PRELOAD=$LIBRARY python3 -c '
import socket, time
def look():
    try:
        return socket.gethostbyname("rancher-metadata")
    except OSError:
        return "unknown"
first = look()
open("/etc/nss-bypass.conf", "w").write("bypass rancher-metadata\n")
time.sleep(1.1)
second = look()
open("/etc/nss-bypass.conf", "w").write("pass x\n")
time.sleep(1.1)
print(first, second, look())
'"#;
    assert_eq!(scene(&[], script).trim(), "unknown 169.254.169.250 unknown");
}

#[test]
fn an_invalid_configuration_never_stops_a_program_and_its_valid_lines_apply() {
    let script = r#"
    export LD_PRELOAD=$LIBRARY NSS_BYPASS_LOG=/run/test/log
    look() { getent ahostsv4 rancher-metadata >/run/test/out; echo "$1 $(grep -c 169.254.169.250 /run/test/out)"; }
    good='bypass rancher-metadata'
    printf 'bypas x\n%s\nbypass a..b\n' "$good" >/etc/nss-bypass.conf; look two-bad-lines
    { head -c 100000 /dev/urandom; printf '\n%s\n' "$good"; } >/etc/nss-bypass.conf; look binary
    { head -c 10000000 /dev/zero | tr '\0' 'x'; printf '\n%s\n' "$good"; } >/etc/nss-bypass.conf; look ten-megabytes
    printf '%s\nbypass *.rancher.inter' "$good" >/etc/nss-bypass.conf; look half-written
    rm /etc/nss-bypass.conf; mkdir /etc/nss-bypass.conf; look a-directory
    NSS_BYPASS=rancher-metadata look a-directory-and-a-variable
    rmdir /etc/nss-bypass.conf; mkfifo /etc/nss-bypass.conf; look a-fifo
    rm /etc/nss-bypass.conf; echo "$good" >/etc/nss-bypass.conf; chmod 0 /etc/nss-bypass.conf
    chmod 666 /run/test/log; setpriv --reuid 65534 --clear-groups getent ahostsv4 rancher-metadata; echo "unreadable $?"
    NSS_BYPASS_CONF=/nowhere look elsewhere
    grep -a 'nss-bypass.conf:\|/nowhere' /run/test/log | sed 's/.*]: //'
    "#;
    let text = scene(&[], script);
    for (case, found) in [
        ("two-bad-lines", "1"),
        ("binary", "1"),
        ("ten-megabytes", "1"),
        ("half-written", "1"),
        ("a-directory", "0"),
        ("a-directory-and-a-variable", "1"),
        ("a-fifo", "0"),
        ("unreadable", "2"),
        ("elsewhere", "0"),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{case} ")))
            .unwrap_or_else(|| panic!("{case}:\n{text}"));
        let ending = line.rsplit(' ').next().unwrap_or_default();
        assert!(ending == found || (found == "1" && ending != "0"), "{case}: {line}");
    }
    for fault in [
        "/etc/nss-bypass.conf:1:1: unknown keyword \"bypas\": did you mean \"bypass\"?",
        "/etc/nss-bypass.conf:3:10: invalid pattern \"a..b\": empty label",
        "faults more",
        "/etc/nss-bypass.conf:0:0: Permission denied",
        "/nowhere:0:0: No such file or directory",
    ] {
        assert!(text.contains(fault) || fault == "faults more", "{fault}\n{text}");
    }
}

#[test]
fn the_log_has_a_line_for_each_lookup() {
    let script = r#"
    export LD_PRELOAD=$LIBRARY
    printf '# rules\nbypass rancher-metadata\npass host-only.example\n' >/etc/nss-bypass.conf
    for name in rancher-metadata host-only.example nobody.example; do
        NSS_BYPASS_LOG=stderr getent ahostsv4 $name 2>&1 >/dev/null
    done
    NSS_BYPASS_LOG=stderr,bypass getent ahostsv4 host-only.example 2>&1 >/dev/null
    echo 'quiet:'; getent ahostsv4 rancher-metadata 2>&1 >/dev/null
    ln -s /run/test/victim /run/test/link; NSS_BYPASS_LOG=/run/test/link getent ahostsv4 rancher-metadata >/dev/null
    test -e /run/test/victim && echo 'wrote through a link'
    "#;
    let text = scene(&[], script);
    let lines: Vec<&str> = text.lines().collect();
    let [ours, passed, unruled, quiet] = lines.as_slice() else { panic!("{text}") };
    assert!(
        ours.starts_with("nss-bypass: getaddrinfo rancher-metadata: bypass (/etc/nss-bypass.conf:2 rancher-metadata): 169.254.169.250 from 169.254.169.250:53 in "),
        "{text}"
    );
    assert_eq!(*passed, "nss-bypass: getaddrinfo host-only.example: pass (/etc/nss-bypass.conf:3 host-only.example)");
    assert_eq!(*unruled, "nss-bypass: getaddrinfo nobody.example: pass (no rule)");
    assert_eq!(*quiet, "quiet:");
}

#[test]
fn a_privileged_program_ignores_the_variables_of_the_library() {
    let rules = Scratch::new("privileged.conf", b"bypass .rancher.internal\n");
    let script = r#"
    mkdir /run/bin; mount -t tmpfs tmpfs /run/bin; cp "$(command -v getent)" /run/bin/getent; chmod 4755 /run/bin/getent
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"; }
    NSS_BYPASS=rancher-metadata NSS_BYPASS_LOG=/run/test/log as_nobody /run/bin/getent hosts rancher-metadata; echo "variable $?"
    as_nobody /run/bin/getent ahostsv4 rancher-metadata.rancher.internal >/dev/null; echo "file $?"
    chmod 666 /etc/nss-bypass.conf
    as_nobody /run/bin/getent ahostsv4 rancher-metadata.rancher.internal; echo "writable file $?"
    test -e /run/test/log && echo logged
    "#;
    let text = scene(&["--preload-file", &library(), "--conf", rules.path()], script);
    assert_eq!(text, "variable 2\nfile 0\nwritable file 2\n");
}

/// A rule with servers queries them regardless of the modules in nsswitch.conf.
#[test]
fn a_rule_with_servers_queries_them_even_without_dns_in_nsswitch_conf() {
    let text = scene(
        &[],
        r#"
        for modules in files 'files nosuchmodule' 'files nosuchmodule [NOTFOUND=return]'; do
            printf 'hosts: %s\n' "$modules" >/etc/nsswitch.conf
            printf 'bypass rancher-metadata via %s\n' "$SCENE_DNS" >/etc/nss-bypass.conf
            for database in hosts ahosts; do LD_PRELOAD=$LIBRARY getent "$database" rancher-metadata | head -n 1; done
            echo 'bypass rancher-metadata' >/etc/nss-bypass.conf
            LD_PRELOAD=$LIBRARY getent hosts rancher-metadata || echo "without servers: $?"
        done
        "#,
    );
    assert_eq!(text.matches("169.254.169.250").count(), 6, "{text}");
    assert_eq!(text.matches("without servers: 2").count(), 3, "{text}");
}

/// A process that changes its root directory keeps its rules, unless there are rules in the new root directory.
#[test]
fn rules_are_kept_after_chroot() {
    let script = r#"
    mkdir -p /run/jail/etc
    printf 'bypass rancher-metadata via %s hosts off\n' "$SCENE_DNS" >/etc/nss-bypass.conf
    for own in none some; do
        LD_PRELOAD=$LIBRARY OWN=$own python3 -c '
import os, socket, time
def look():
    try:
        return socket.gethostbyname("rancher-metadata")
    except OSError:
        return "unknown"
first = look()
if os.environ["OWN"] == "some":
    open("/run/jail/etc/nss-bypass.conf", "w").write("pass x\n")
os.chroot("/run/jail")
os.chdir("/")
time.sleep(1.1)
print(first, look())
'
    done"#;
    assert_eq!(scene(&[], script).trim(), "169.254.169.250 169.254.169.250\n169.254.169.250 unknown");
}
