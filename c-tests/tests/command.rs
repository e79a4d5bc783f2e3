//! The command in the container of `scripts/scene`, with an nscd that hides the name, and with real programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use c_tests::artefacts;

/// The output of both streams, and the status.
#[derive(Debug)]
struct Said {
    out: String,
    err: String,
    status: Option<i32>,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { out: text(output.stdout), err: text(output.stderr), status: output.status.code() }
    }
}

/// Removes variables of the library from the environment of a process.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NSS_BYPASS") || name == "LD_PRELOAD" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null())
}

/// Runs the command on the machine itself, for tests that need no names.
fn nss_bypass(arguments: &[&str]) -> Said {
    let mut command = Command::new(artefacts::command());
    Said::of(clean(&mut command).args(arguments).output().expect("the command runs"))
}

/// Runs a bash script in the container of the scene, where `nss-bypass` is the command, and `$PROGRAMS` contains the C
/// programs.
fn scene(script: &str) -> Said {
    let command = artefacts::command();
    let directory = command.parent().expect("it lies in a directory").display();
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/scene");
    let prelude =
        format!("PATH={directory}:$PATH:/usr/sbin:/sbin; PROGRAMS={}; mkdir -m 755 /run/test", programs().display());
    let mut process = Command::new(scene);
    clean(&mut process).args(["--", "bash", "-c", &format!("{prelude}\n{script}")]);
    Said::of(process.output().expect("bash is there"))
}

/// Looks up the name given as its argument.
const LOOKUP: &str = r#"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(int count, char **words) {
    struct addrinfo *found, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    if (count != 2) return 2;
    int error = getaddrinfo(words[1], 0, &hints, &found);
    if (error) return puts(gai_strerror(error)), 1;
    puts(inet_ntoa(((struct sockaddr_in *)found->ai_addr)->sin_addr));
    return 0;
}
"#;

const LOOKUP_IN_GO: &str = r#"
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	addresses, err := net.LookupHost(os.Args[1])
	fmt.Println(addresses, err)
}
"#;

/// The same small program, linked in different ways. Built once.
fn programs() -> PathBuf {
    static MADE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let make = || {
        let directory = artefacts::scratch("command");
        let source = directory.join("lookup.c");
        std::fs::write(&source, LOOKUP).expect("a directory of our own");
        for (name, compiler, options) in [
            ("dynamic", "gcc", &[][..]),
            ("static", "gcc", &["-static", "-w"]),
            ("static-pie", "gcc", &["-static-pie", "-w"]),
            ("musl", "musl-gcc", &[]),
            ("musl-static", "musl-gcc", &["-static"]),
        ] {
            let mut build = Command::new(artefacts::tool(compiler));
            build.args(options).arg(&source).arg("-o").arg(directory.join(name));
            let output = build.output().expect("a compiler runs");
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
        // Sets the ELF machine field (e_machine) to s390.
        let mut strange = std::fs::read(directory.join("dynamic")).expect("just made");
        strange[18..20].copy_from_slice(&[22, 0]);
        // Overwrites a copy, which is executable.
        std::fs::copy(directory.join("dynamic"), directory.join("strange")).expect("just made");
        std::fs::write(directory.join("strange"), strange).expect("a directory of our own");
        directory
    };
    MADE.get_or_init(make).clone()
}

const FOUND: &str = "169.254.169.250";

#[test]
fn run_finds_the_name_that_nscd_hides() {
    let said = scene(
        "getent hosts rancher-metadata; echo bare=$?
         nss-bypass run -m rancher-metadata -- getent hosts rancher-metadata; echo ours=$?
         nss-bypass run -m .rancher.internal -m rancher-metadata curl -sS -m 5 http://rancher-metadata/
         nss-bypass run --all -- ping -c 1 -W 2 rancher-metadata | grep 'bytes from'
         nss-bypass run -m rancher-metadata --via 127.0.0.9 --log stderr,error -- timeout 30 getent hosts rancher-metadata; echo via=$?
         cd /run/test; echo 'bypass rancher-metadata' >rules.conf
         nss-bypass run --conf rules.conf -- sh -c 'cd / && getent hosts rancher-metadata'; echo conf=$?",
    );
    assert_eq!(said.err, "", "{said:?}");
    for expected in ["bare=2\n", "ours=0\n", "hello from rancher-metadata", "bytes from", "via=2\n", "conf=0\n"] {
        assert!(said.out.contains(expected), "{expected}: {said:?}");
    }
}

#[test]
fn run_preserves_status_signals_arguments_and_preloads() {
    let said = nss_bypass(&["run", "-m", "x", "--", "sh", "-c", "exit 42"]);
    assert_eq!(said.status, Some(42), "{said:?}");
    let said = nss_bypass(&["run", "-m", "x", "--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(said.status, None, "{said:?}");
    let said = nss_bypass(&["run", "-m", "x", "sh", "-c", "echo \"$0|$1\"", "--help", "a  b"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("--help|a  b\n", ""));

    let other = artefacts::stand_in("stand_in_correct");
    let mut command = Command::new(artefacts::command());
    clean(&mut command).env("LD_PRELOAD", &other).args([
        "run",
        "-m",
        "a",
        "-m",
        "b",
        "sh",
        "-c",
        "echo $LD_PRELOAD; echo $NSS_BYPASS",
    ]);
    let said = Said::of(command.output().expect("the command runs"));
    let ours = artefacts::command().with_file_name("libnss_bypass.so");
    assert_eq!(said.out, format!("{}:{}\na,b\n", ours.display(), other.display()), "{said:?}");
}

#[test]
fn a_command_that_cannot_be_run_has_the_same_status_as_with_env() {
    for (words, status, expected) in [
        (&["-m", "x", "nobody-has-this"][..], 127, "command \"nobody-has-this\" not found in PATH"),
        (&["-m", "x", "/nowhere/x"], 127, "/nowhere/x: No such file or directory"),
        (&["-m", "x", "/etc/passwd"], 126, "/etc/passwd is not executable"),
        (&["-m", "x", "/etc"], 126, "/etc is a directory"),
        (&["-m", "a..b", "true"], 125, "-m \"a..b\", column 3: "),
        (&["-m", "x", "--via", "dns", "true"], 125, "--via \"dns\", column 1: "),
        (&["--via", "10.0.0.1", "true"], 125, "--via requires patterns: use -m or --all"),
        (&["--conf", "/nowhere", "true"], 125, "/nowhere: No such file"),
        (&["--log", "here", "true"], 125, "invalid log destination \"here\": expected"),
        (&["--library", "libnss_bypass.so", "true"], 125, "must be absolute"),
        (&["--library", "/nowhere.so", "true"], 125, "/nowhere.so: No such file"),
        (&["--library", "/bin/true", "true"], 125, "is not the library"),
        (&["--strange", "true"], 125, "--strange"),
        (&[], 125, "COMMAND"),
    ] {
        let said = nss_bypass(&[&["run"], words].concat());
        assert_eq!(said.status, Some(status), "{words:?}: {said:?}");
        assert!(said.err.contains(expected) && said.out.is_empty(), "{words:?}: {said:?}");
    }
    // Commands in the current directory are not run.
    let said = scene(
        "cp $(command -v nss-bypass) /run/test; cd /run/test; touch libnss_bypass.so; mkdir empty; mv nss-bypass empty
                      cd empty; cp ../libnss_bypass.so .; cd ..; empty/nss-bypass run -m x true; echo $?",
    );
    assert!(
        said.out.ends_with("125\n") && said.err.contains("/run/test/empty/libnss_bypass.so is not the library"),
        "{said:?}"
    );
}

/// `run` reports why the library cannot work in each program and runs it nevertheless, and `--strict` refuses to run
/// it.
#[test]
fn run_reports_why_the_library_cannot_work_and_suggests_alternatives() {
    let script = r#"
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"; }
    mkdir /run/bin; mount -t tmpfs tmpfs /run/bin; cp $PROGRAMS/* /run/bin; cp $(command -v nss-bypass) $(dirname $(command -v nss-bypass))/libnss_bypass.so /run/bin
    cp /run/bin/dynamic /run/bin/capable; setcap cap_net_raw+ep /run/bin/capable
    cp /run/bin/dynamic /run/bin/setuid; chmod 4755 /run/bin/setuid
    cp /run/bin/dynamic /run/bin/setgid; chmod 2755 /run/bin/setgid
    echo '#!/run/bin/static' >/run/bin/script; chmod 755 /run/bin/script
    look() {
        echo "== $1"
        as_nobody /run/bin/nss-bypass run -m rancher-metadata -- /run/bin/$1 rancher-metadata >/run/test/said 2>&1; echo "status=$?" >>/run/test/said
        as_nobody /run/bin/nss-bypass run --strict -m rancher-metadata -- /run/bin/$1 rancher-metadata >/dev/null 2>&1; echo "strict=$?" >>/run/test/said
        cat /run/test/said
    }
    for program in dynamic capable setuid setgid static static-pie musl musl-static strange script; do look $program; done
    echo '== as root'
    /run/bin/nss-bypass run --strict -m rancher-metadata -- /run/bin/capable rancher-metadata
    /run/bin/nss-bypass run --strict -m rancher-metadata -- /run/bin/setuid rancher-metadata
    "#;
    let said = scene(script);
    let parts: Vec<&str> = said.out.split("== ").skip(1).collect();
    println!("{}", said.out);
    for (name, why, status) in [
        ("dynamic", "", "status=0\nstrict=0"),
        ("capable", "it has file capabilities", "strict=125"),
        ("setuid", "it is set-user-ID", "strict=125"),
        ("setgid", "it is set-group-ID", "strict=125"),
        ("static", "it is statically linked", "strict=125"),
        ("static-pie", "it is statically linked", "strict=125"),
        ("musl", "it is linked with musl", "strict=125"),
        ("musl-static", "it is statically linked", "strict=125"),
        ("strange", "it is built for another machine (s390x, 64 bits)", "strict=125"),
        ("script", "(a script for /run/bin/static): it is statically linked", "strict=125"),
    ] {
        let part = parts.iter().find(|part| part.starts_with(&format!("{name}\n"))).expect(name);
        assert!(part.contains(status), "{name}: {part}");
        match why {
            "" => assert!(part.contains(FOUND) && !part.contains("cannot work"), "{name}: {part}"),
            why => {
                assert!(part.contains(why) && part.contains("fix: "), "{name}: {part}");
                // nscd does not know the name. Programs with musl and for another machine fail differently.
                assert!(!part.contains("Error relocating") && !part.contains("ERROR: ld.so"), "{name}: {part}");
            }
        }
    }
    let root = parts.last().expect("the last part");
    assert_eq!(root.matches(FOUND).count(), 2, "root's programs get no more rights: {root}\n{}", said.err);
}

#[test]
fn file_capabilities_of_ping_are_reported() {
    let ping = artefacts::tool("ping");
    let said = scene(&format!(
        "getcap {0} | grep -q cap_net_raw || echo none
         cp -r $(dirname $(command -v nss-bypass))/{{nss-bypass,libnss_bypass.so}} /run/test
         setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all /run/test/nss-bypass run --strict -m x -- {0} -V; echo $?",
        ping.display()
    ));
    let expected = if said.out.starts_with("none") { "" } else { "it has file capabilities" };
    assert!(said.err.contains(expected), "{said:?}");
}

#[test]
fn go_programs_without_cgo_are_reported() {
    let Some(go) = ["/usr/bin/go", "/usr/local/go/bin/go"].into_iter().find(|go| Path::new(go).exists()) else {
        println!("Go is not installed: not tested");
        return;
    };
    let directory = artefacts::scratch("command-go");
    let source = directory.join("lookup.go");
    std::fs::write(&source, LOOKUP_IN_GO).expect("a directory of our own");
    for (cgo, tags, expected) in [
        ("0", "", "it is a Go program without cgo"),
        ("1", "netgo", "it is a Go program without cgo"),
        ("1", "", "GODEBUG=netdns=cgo"),
        ("1", "netcgo", ""),
    ] {
        let program = directory.join(format!("lookup-{cgo}-{tags}"));
        let mut build = Command::new(go);
        build.args(["build", "-tags", tags, "-o"]).arg(&program).arg(&source);
        build
            .env("CGO_ENABLED", cgo)
            .env("GO111MODULE", "off")
            .env("GOCACHE", directory.join("cache"))
            .env("GOFLAGS", "");
        let output = build.output().expect("go runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said =
            nss_bypass(&["run", "--strict", "-m", "localhost", "--", &program.display().to_string(), "localhost"]);
        let status = if expected.is_empty() { 0 } else { 125 };
        assert!(said.status == Some(status) && said.err.contains(expected), "{cgo} {tags}: {said:?}");
    }
}

#[test]
fn check_reports_all_faults_and_files_that_privileged_programs_reject() {
    let script = r#"
    look() { echo "== $1"; nss-bypass check 2>&1; echo "status=$?"; }
    look missing
    echo 'bypass rancher-metadata' >/etc/nss-bypass.conf; look good
    printf 'bypas x\nbypass a vai 10.0.0.1\nbypass *.x timeot 3\nbypass .x timeout 31\npass .x\n' >/etc/nss-bypass.conf; look bad
    echo 'bypass rancher-metadata' >/etc/nss-bypass.conf; chmod 666 /etc/nss-bypass.conf; look writable
    chmod 644 /etc/nss-bypass.conf; chown 65534 /etc/nss-bypass.conf; look owned
    mv /etc/nss-bypass.conf /etc/other.conf; chown 0 /etc/other.conf; ln -s other.conf /etc/nss-bypass.conf; look link
    nss-bypass check --strict >/dev/null; echo "strict=$?"
    NSS_BYPASS_CONF=/etc/other.conf look variable
    rm /etc/nss-bypass.conf; mkdir /etc/nss-bypass.conf; look directory
    rmdir /etc/nss-bypass.conf; mkfifo /etc/nss-bypass.conf; look fifo
    rm /etc/nss-bypass.conf; echo 'bypass x' >/etc/nss-bypass.conf; chmod 777 /etc; look directory-writable
    "#;
    let said = scene(script);
    assert_eq!(said.err, "");
    let parts: Vec<&str> = said.out.split("== ").skip(1).collect();
    for (name, lines) in [
        ("missing", &["/etc/nss-bypass.conf: note: no such file", "status=0"][..]),
        ("good", &["1 rule, 0 errors, 0 warnings", "status=0"]),
        (
            "bad",
            &[
                "/etc/nss-bypass.conf:1:1: error: unknown keyword \"bypas\": did you mean \"bypass\"?",
                "/etc/nss-bypass.conf:2:10: warning: \"vai\" and \"10.0.0.1\" are read as names; did you mean the option \"via\"?",
                "/etc/nss-bypass.conf:3:8: warning: \"*.x\" is never used: \".x\" at /etc/nss-bypass.conf:5:6 matches all its names",
                "/etc/nss-bypass.conf:4:19: error: invalid timeout \"31\": expected 1 to 30 seconds",
                "status=1",
            ],
        ),
        ("writable", &["/etc/nss-bypass.conf: warning: programs with", "(mode 0666)", "status=0"]),
        ("owned", &["it is owned by user 65534, not by root", "status=0"]),
        ("link", &["it is a symbolic link", "status=0", "strict=1"]),
        ("variable", &["1 rule, 0 errors, 0 warnings", "status=0"]),
        ("directory", &["/etc/nss-bypass.conf: error: Is a directory", "status=1"]),
        ("fifo", &["/etc/nss-bypass.conf: error: not a regular file", "status=1"]),
        ("directory-writable", &["users other than root can write to /etc", "status=0"]),
    ] {
        let part = parts.iter().find(|part| part.starts_with(&format!("{name}\n"))).expect(name);
        assert!(lines.iter().all(|line| part.contains(line)), "{name}: {part}");
    }
}

#[test]
fn check_has_json_output_and_checks_variables() {
    let mut command = Command::new(artefacts::command());
    clean(&mut command)
        .args(["check", "--env", "--json"])
        .env("NSS_BYPASS", "a, b..c !a")
        .env("NSS_BYPASS_DATABASES", "group pasword")
        .env("NSS_BYPASS_CONF", "/dev/null");
    let said = Said::of(command.output().expect("the command runs"));
    assert_eq!(said.status, Some(1), "{said:?}");
    let check = "import json, sys
report = json.load(sys.stdin)
assert report['version'] == 1 and report['healthy'] is False and report['rules'] == 2, report
found = [(f['source'], f['line'], f['column'], f['severity'], f['code']) for f in report['findings']]
assert ('NSS_BYPASS', 1, 6, 'fault', 'syntax') in found or ('NSS_BYPASS', 1, 7, 'fault', 'syntax') in found, found
assert ('NSS_BYPASS', 1, 1, 'warning', 'shadowed') in found, found
assert ('NSS_BYPASS_DATABASES', 1, 7, 'fault', 'syntax') in found, found
";
    let mut python = Command::new(artefacts::python());
    let mut child = python.args(["-c", check]).stdin(Stdio::piped()).spawn().expect("python runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), said.out.as_bytes()).expect("python reads");
    assert!(child.wait().expect("python ends").success(), "{said:?}");
}

#[test]
fn help_version_and_invalid_arguments() {
    let said = nss_bypass(&["--version"]);
    assert_eq!((said.status, said.out.starts_with("nss-bypass 0.")), (Some(0), true), "{said:?}");
    let said = nss_bypass(&["--help"]);
    assert!(said.status == Some(0) && said.out.contains("Exit status:") && !said.out.contains('\x1b'), "{said:?}");
    for verb in ["check", "run"] {
        let said = nss_bypass(&[verb, "--help"]);
        assert!(said.status == Some(0) && said.out.contains(&format!("Examples:\n  nss-bypass {verb}")), "{said:?}");
    }
    for words in [&[][..], &["frob"], &["check", "--frob"], &["check", "a", "b"]] {
        let said = nss_bypass(words);
        assert!(said.status == Some(2) && said.out.is_empty() && !said.err.is_empty(), "{words:?}: {said:?}");
    }
}

/// On a terminal, which `script` provides. A reader that closes its end of a pipe causes no error.
#[test]
fn colours_are_only_used_on_terminals() {
    let said = scene(
        "echo 'bypas x' >/etc/nss-bypass.conf; export TERM=xterm
         script -qec 'nss-bypass check' /dev/null | grep -c $'\\e'
         NO_COLOR=1 script -qec 'nss-bypass check' /dev/null | grep -c $'\\e'
         NO_COLOR=1 script -qec 'nss-bypass --help' /dev/null | grep -c $'\\e'
         CLICOLOR_FORCE=1 nss-bypass --color never check --help | grep -c $'\\e'
         nss-bypass check | grep -c $'\\e'
         CLICOLOR_FORCE=1 nss-bypass check --help | grep -c $'\\e' >/dev/null && echo forced
         for i in $(seq 20000); do echo \"bypas $i\"; done >/etc/nss-bypass.conf; nss-bypass check | head -n 1",
    );
    assert_eq!(said.out.lines().collect::<Vec<_>>()[1..6], ["0", "0", "0", "0", "forced"], "{said:?}");
    assert!(!said.out.starts_with('0') && said.err.is_empty(), "{said:?}");
}

/// A mistyped or missing pattern is visible in the last line. Status and signals are those of the command.
#[test]
fn a_log_on_standard_error_ends_with_the_number_of_lookups() {
    let script = r#"
    last() { local status=0; "$@" 2>/run/test/said >/dev/null || status=$?; echo "$status $(tail -n 1 /run/test/said)"; }
    last nss-bypass run -m rancher-metadata --log stderr -- getent ahosts rancher-metadata
    last nss-bypass run -m rancher-metadato --log stderr -- getent ahosts rancher-metadata
    last nss-bypass run --log stderr -- getent ahosts rancher-metadata
    last nss-bypass run -m rancher-metadata --log stderr,bypass -- sh -c 'getent ahosts localhost; getent ahosts rancher-metadata; exit 42'
    grep -c localhost /run/test/said
    last nss-bypass run -m x --log stderr -- sh -c 'kill -TERM $$'
    last nss-bypass run -m x --log stderr -- true
    last nss-bypass run -m rancher-metadata --log stderr -- setpriv --reuid 65534 --clear-groups getent ahosts rancher-metadata
    last nss-bypass run -m x --log stderr -- /nowhere/x
    nss-bypass run -m x --log stderr -- sh -c 'trap "echo caught; exit 7" USR1; while :; do sleep 0.1; done' >/run/test/out 2>/dev/null & sleep 0.5
    kill -USR1 $!; wait $!; echo "$? $(cat /run/test/out)"
    nss-bypass run -m x --log stderr -- sleep 100 2>/dev/null & sleep 0.5; kill -KILL $!; wait $! 2>/dev/null; sleep 0.2; pgrep -x sleep | wc -l
    "#;
    let said = scene(&format!("before=$(ls /tmp | grep -c ^nss-bypass-)\n{script}"));
    let expected = "0 nss-bypass: 1 lookup, 1 matched\n2 nss-bypass: 1 lookup, 0 matched\n2 nss-bypass: 1 lookup, 0 matched\n\
                    42 nss-bypass: 2 lookups, 1 matched\n0\n143 nss-bypass: 0 lookups, 0 matched\n\
                    0 nss-bypass: 0 lookups, 0 matched\n0 nss-bypass: 1 lookup, 1 matched\n";
    assert!(said.out.starts_with(expected), "{said:?}");
    assert!(
        said.out.ends_with("7 caught\n0\n") && said.out.contains("\n127 nss-bypass: /nowhere/x: No such file"),
        "{said:?}"
    );
}

#[test]
fn words_that_are_not_names_are_reported() {
    let script = r#"
    warned() { nss-bypass check --strict "$@" 2>&1 | grep -oE '[^ ]*: warning: "[^ ]*" is read as a name|expected a name, an address or a network; .*'; }
    printf 'bypass "rancher-metadata"\nbypass db.internal single-request on\nbypass db:5432 rancher-metadata=on\n' >/etc/nss-bypass.conf; warned
    printf 'bypass http://rancher-metadata/latest\n' >/etc/nss-bypass.conf
    nss-bypass check | grep -o 'write rancher-metadata'
    printf 'bypass rancher-metadata *.x .y a_b-c 10.0.0.0/8 ::1\n' >/etc/nss-bypass.conf; nss-bypass check --strict
    NSS_BYPASS='rancher-metadata;.rancher.internal' nss-bypass check --env | grep -c 'separated by blanks'
    NSS_BYPASS="'rancher-metadata'" nss-bypass run -- true 2>&1 | grep -c 'remove them'
    nss-bypass run -m rancher-metadata:80 -- true 2>&1 | grep -o 'write rancher-metadata$'
    nss-bypass run -m rancher-metadata -m '!*.x' --all -- true
    "#;
    let said = scene(script);
    let expected = "/etc/nss-bypass.conf:1:8: warning: \"\"rancher-metadata\"\" is read as a name\n\
                    /etc/nss-bypass.conf:2:20: warning: \"single-request\" is read as a name\n\
                    /etc/nss-bypass.conf:2:35: warning: \"on\" is read as a name\n";
    assert!(said.out.starts_with(expected), "{said:?}");
    assert!(
        said.out.contains("write rancher-metadata\n6 rules, 0 errors, 0 warnings\n1\n1\nwrite rancher-metadata\n"),
        "{said:?}"
    );
    assert_eq!(said.err, "");
}

/// Both if the program itself is linked with c-ares, and if another library is.
#[test]
fn programs_with_c_ares_are_reported() {
    let directory = artefacts::scratch("command-cares");
    let script = r#"
    cd "$1"
    echo 'int ares_one(void) { return 0; }' | gcc -shared -fPIC -Wl,-soname,libcares.so.2 -x c - -o libcares.so.2
    echo 'int ares_one(void); int other(void) { return ares_one(); }' | gcc -shared -fPIC -Wl,-soname,libother.so.0 -x c - -x none ./libcares.so.2 -o libother.so.0
    echo 'int ares_one(void); int main(void) { return ares_one(); }' | gcc -x c - -x none ./libcares.so.2 -o itself
    echo 'int other(void); int main(void) { return other(); }' | gcc -x c - -x none ./libother.so.0 -Wl,-rpath-link,. -o by-another
    "#;
    let mut build = Command::new("bash");
    let built = build.args(["-ec", script, "bash"]).arg(&directory).output().expect("bash runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for (program, by) in
        [("itself", "is linked with libcares.so.2: "), ("by-another", "libcares.so.2 through "), ("", "")]
    {
        let path = if program.is_empty() { "/bin/true".into() } else { directory.join(program) };
        let mut command = Command::new(artefacts::command());
        clean(&mut command).env("LD_LIBRARY_PATH", &directory).args(["run", "--strict", "-m", "x", "--"]).arg(path);
        let said = Said::of(command.output().expect("the command runs"));
        assert_eq!(said.status, Some(0), "{said:?}");
        assert!(said.err.contains(by) && said.err.is_empty() == by.is_empty(), "{said:?}");
    }
}

/// On a terminal of 80 columns, no line is longer, except commands to paste, which are on lines of their own.
#[test]
fn words_are_not_broken_on_a_terminal() {
    let script = r#"
    export TERM=xterm NO_COLOR=1
    mkdir -p /run/test/a-directory-with-quite-a-long-name/and-another-one-in-it; L=/run/test/a-directory-with-quite-a-long-name/and-another-one-in-it/libnss_bypass.so
    cp $(dirname $(command -v nss-bypass))/libnss_bypass.so $L
    printf 'bypass "rancher-metadata"\nbypass *.internal a b\nbypass .internal\nbypas x\n' >/etc/nss-bypass.conf; chmod 640 /etc/nss-bypass.conf
    on_terminal() { script -qec "stty cols 80; $1" /dev/null | tr -d '\r'; }
    on_terminal 'nss-bypass check'
    on_terminal "nss-bypass status; LD_PRELOAD=$L nss-bypass status"
    on_terminal "nss-bypass enable --library $L"
    on_terminal "nss-bypass enable --library $L --force"
    on_terminal "nss-bypass run -m rancher-metadata:80 -- $PROGRAMS/static x; nss-bypass run -m 'a..b' -- true"
    "#;
    let said = scene(script);
    let long: Vec<&str> =
        said.out.lines().filter(|line| line.chars().count() > 80 && !line.starts_with("      ")).collect();
    // Lines without a blank cannot be broken.
    let breakable: Vec<&&str> = long.iter().filter(|line| line.trim().contains(' ')).collect();
    assert!(breakable.is_empty(), "{breakable:?}\n{}", said.out);
    assert!(said.out.contains("\n      chmod a+r /etc/nss-bypass.conf\n"), "{}", said.out);
    assert!(said.out.contains("\n      install -d -o root -g root -m 755 /usr/lib/nss-bypass\n"), "{}", said.out);
    assert!(said.out.lines().count() > 40, "{}", said.out);
}
