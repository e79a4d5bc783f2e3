//! `nss-bypass explain` and `doctor` with real daemons, in the container of `scripts/scene`, which uses the nscd or
//! unscd of its host.

use c_tests::container;

/// Common functions of the scripts.
const FIX: &str = r#"
# Prints the commands that explain and doctor suggest.
fix() { sed -n '/^fix/,$s/^  //p' "$@"; }
"#;

/// Runs a bash script in the container of the scene, and returns both output streams.
fn scene(daemon: &str, script: &str) -> String {
    container::run_installed(&["--daemon", daemon], &format!("{FIX}\n{script}"))
}

#[test]
fn with_unscd_the_suspected_and_the_confirmed_cause_are_reported_and_the_fix_works() {
    let script = r#"
    nss-bypass explain rancher-metadata >/run/test/peeked; echo "peeked $?"
    grep -c 'unscd 0.54 listens' /run/test/peeked
    grep -c 'unscd is suspected' /run/test/peeked
    nss-bypass explain --ask rancher-metadata >/run/test/asked; echo "asked $?"
    grep -c 'unscd (process [0-9]*, in another network namespace) is wrong' /run/test/asked
    . <(fix /run/test/asked)
    nss-bypass explain --ask rancher-metadata >/run/test/fixed; echo "fixed $?"
    grep -c '^└─ Agreed: the address is 169.254.169.250' /run/test/fixed
    curl -sS http://rancher-metadata/
    "#;
    assert_eq!(scene("unscd", script), "peeked 3\n1\n1\nasked 1\n1\nfixed 0\n1\nhello from rancher-metadata\n");
}

#[test]
fn the_fix_of_a_suspected_cause_works_and_without_a_daemon_none_is_needed() {
    let script = r#"
    nss-bypass explain rancher-metadata >/run/test/out; echo $?
    . <(fix /run/test/out)
    nss-bypass explain rancher-metadata >/run/test/out; echo $?
    "#;
    assert_eq!(scene("nscd", script), "3\n0\n");
    assert_eq!(scene("none", script), "0\n0\n");
}

/// Prints nscd's statistics for hosts, and the number of lines in its log.
const COUNTS: &str = r#"
counts() {
    nscd --statistics | sed -n '/hosts cache/,/services cache/p' | grep -E 'hits on|misses on|current number of cached'
    wc -l <$SCENE_LOGS/host-dns.log
}
"#;

#[test]
fn explain_causes_no_lookups_by_nscd() {
    let script = r#"
    getent ahosts both.example >/dev/null # so that there is an entry to find
    counts >/run/test/before
    for name in rancher-metadata both.example host-only.example 198.51.100.10; do
        strace -f -qq -e trace=sendto,write -e signal=none -o /run/test/trace nss-bypass explain $name >>/run/test/out
        cat /run/test/trace >>/run/test/traces
    done
    counts >/run/test/after
    cmp /run/test/before /run/test/after && echo unmoved
    grep -c 'nscd  *198.51.100.20  *cached' /run/test/out
    # Requests begin with the protocol version, 2, and the type: 4 to 7 and 14 are lookups.
    grep -cE '"\\2\\0\\0\\0\\(4|5|6|7|16)\\0' /run/test/traces
    grep -cE '"\\2\\0\\0\\0\\r\\0' /run/test/traces >/dev/null && echo peeked
    strace -f -qq -e trace=sendto,write -e signal=none -o /run/test/trace nss-bypass explain --ask both.example >/dev/null
    grep -cE '"\\2\\0\\0\\0\\(4|5|6|7|16)\\0' /run/test/trace >/dev/null && echo asked
    "#;
    let text = scene("nscd", &format!("{COUNTS}{script}"));
    assert_eq!(text, "unmoved\n1\n0\npeeked\nasked\n");
}

#[test]
fn the_tree_fits_80_columns_without_colours_and_matches_the_json() {
    let script = r#"
    getent hosts rancher-metadata
    nss-bypass explain rancher-metadata >/run/test/out
    python3 -c 'print(max(len(line) for line in open("/run/test/out", encoding="utf8").read().split("\n")) <= 80)'
    grep -c $'\e' /run/test/out
    script -qec 'TERM=xterm nss-bypass explain rancher-metadata' /dev/null | grep -c $'\e' >/dev/null && echo coloured
    NO_COLOR=1 script -qec 'TERM=xterm nss-bypass explain rancher-metadata' /dev/null | grep -c $'\e'
    nss-bypass explain --json rancher-metadata | python3 -c '
import json, sys
report = json.load(sys.stdin)
says = {said["who"]: said["outcome"] for said in report["sources"]}
print(report["nscd"]["kind"], report["conclusion"]["finding"], report["conclusion"]["culprit"], *report["cure"], sep="|")
print(says["nscd"], says["glibc-without-nscd"], report["cache"]["entries"][0]["answer"]["outcome"])
'"#;
    let text = scene("nscd", script);
    let expected = "True\n0\ncoloured\n0\n\
                    nscd|differs|nscd|echo 'bypass rancher-metadata' >>/etc/nss-bypass.conf|\
                    export LD_PRELOAD=/usr/local/lib/libnss_bypass.so\nnot-found found not-found\n";
    assert_eq!(text, expected);
}

#[test]
fn overridden_rules_are_listed_and_the_fix_overrides_the_effective_one() {
    let script = r#"
    printf 'bypass *\nbypass rancher-*\npass rancher-metadata\nbypas x' >/etc/nss-bypass.conf
    getent hosts rancher-metadata
    nss-bypass explain rancher-metadata | tee /run/test/out | grep -E 'by /|overridden|unknown keyword'
    . <(fix /run/test/out)
    nss-bypass explain rancher-metadata | grep -E 'by /|Agreed'
    export NSS_BYPASS='!rancher-metadata'
    nss-bypass explain rancher-metadata | tee /run/test/out | grep 'by NSS'
    . <(fix /run/test/out)
    nss-bypass explain rancher-metadata | grep -E 'by NSS|Agreed'
    export NSS_BYPASS_DISABLE=1
    nss-bypass explain rancher-metadata | tee /run/test/out | grep unset
    . <(fix /run/test/out)
    nss-bypass explain rancher-metadata | grep -E 'Agreed'
    "#;
    let text = scene("nscd", script);
    let agreed = "└─ Agreed: the address is 169.254.169.250, with the library as without nscd;";
    let expected = [
        "│  ├─ by /etc/nss-bypass.conf:3: pass rancher-metadata",
        "│  ├─ overridden: /etc/nss-bypass.conf:2: bypass rancher-*",
        "│  ├─ overridden: /etc/nss-bypass.conf:1: bypass *",
        "│  ├─ /etc/nss-bypass.conf:4:1: unknown keyword \"bypas\": did you mean",
        "│  ├─ by /etc/nss-bypass.conf:5: bypass rancher-metadata",
        agreed,
        "│  ├─ by NSS_BYPASS: pass rancher-metadata",
        "│  ├─ by NSS_BYPASS: bypass rancher-metadata",
        agreed,
        "  unset NSS_BYPASS_DISABLE",
        agreed,
    ];
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn a_rule_with_its_own_servers_may_have_different_answers() {
    let script = r#"
    echo "bypass rancher-metadata via $SCENE_DNS" >/etc/nss-bypass.conf
    printf 'nameserver 127.0.0.9\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
    export LD_PRELOAD=/usr/local/lib/libnss_bypass.so
    nss-bypass explain rancher-metadata >/run/test/out; echo $?
    grep -oE 'server [^ ]*  |no answer|the rule.s$|Agreed: the address is' /run/test/out
    "#;
    let text = scene("none", script);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let expected = [
        "0",
        "no answer",
        "server 127.0.0.9",
        "no answer",
        "server 169.254.169.250",
        "the rule's",
        "Agreed: the address is",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn missing_unreachable_and_forbidden_sources_are_reported() {
    let script = r#"
    look() { nss-bypass explain "$@" >/run/test/out 2>&1; echo "$? $(grep -o "$LOOK" /run/test/out | head -n 1)"; }
    LOOK='empty name' look ''
    printf 'options timeout:1 attempts:1\nnameserver 127.0.0.9\nnameserver %s\n' $SCENE_DNS >/etc/resolv.conf
    LOOK='server 127.0.0.9 *no answer' look rancher-metadata
    printf 'options timeout:1 attempts:1\nnameserver 127.0.0.9\n' >/etc/resolv.conf
    LOOK='Unknown: glibc without nscd answers' look rancher-metadata
    rm /etc/resolv.conf; RES_OPTIONS='timeout:1 attempts:1' LOOK='Unknown:' look rancher-metadata
    mkdir /etc/resolv.conf; LOOK='/etc/resolv.conf: Is a directory' look rancher-metadata; rmdir /etc/resolv.conf
    printf 'nameserver %s\n' $SCENE_DNS >/etc/resolv.conf
    rm /etc/hosts /etc/nsswitch.conf; LOOK='/etc/hosts *no such file' look rancher-metadata
    chmod 755 /run/test; chmod 666 /run/test/out
    LOOK='root can see' look rancher-metadata
    setpriv --reuid 65534 --regid 65534 --clear-groups nss-bypass explain --ask rancher-metadata >/run/test/out; echo $?
    grep -o 'root can see more' /run/test/out; fix /run/test/out
    chmod 0 /run/nscd/socket
    setpriv --reuid 65534 --regid 65534 --clear-groups nss-bypass explain rancher-metadata | grep -o 'nscd: /.*'
    rm /run/nscd/socket; LOOK='no socket /var/run/nscd/socket' look rancher-metadata
    nss-bypass explain >/dev/null 2>&1; echo $?
    nss-bypass explain --help | grep -c 'Exit status'
    nss-bypass explain rancher-metadata | head -n 1
    "#;
    let text = scene("nscd", script);
    let expected = [
        "2 empty name",
        "3 server 127.0.0.9        no answer",
        "3 Unknown: glibc without nscd answers",
        "3 Unknown:",
        "3 /etc/resolv.conf: Is a directory",
        "3 /etc/hosts               no such file",
        "3 ",
        "1",
        "root can see more",
        "export NSS_BYPASS=\"${NSS_BYPASS:+$NSS_BYPASS }\"rancher-metadata",
        "export LD_PRELOAD=/usr/local/lib/libnss_bypass.so",
        "nscd: /var/run/nscd/socket: Permission denied",
        "0 no socket /var/run/nscd/socket",
        "2",
        "1",
        "rancher-metadata",
    ];
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().map(squeezed).collect();
    assert_eq!(lines, expected.map(squeezed), "{text}");
}

#[test]
fn a_daemon_in_another_pid_namespace_is_suspected_and_one_without_a_hosts_cache_is_not() {
    let script = r#"
    unshare --pid --fork --mount-proc nss-bypass explain rancher-metadata >/run/test/out; echo $?
    grep -o 'a process of root outside this container' /run/test/out
    grep -o 'nscd is suspected' /run/test/out
    # The administrator of the host disables the hosts cache.
    nsenter --target 1 --mount --net --uts bash -c '
        sed -i "s/enable-cache hosts yes/enable-cache hosts no/" /etc/nscd.conf
        kill $(pidof nscd); while pidof nscd >/dev/null; do sleep 0.02; done
        rm -f /run/nscd/socket; nscd --config-file /etc/nscd.conf; until [ -S /run/nscd/socket ]; do sleep 0.02; done'
    nss-bypass explain rancher-metadata >/run/test/out; echo $?
    grep -o 'nscd does not answer (its hosts cache is off)' <(tr -s '\n ' ' ' </run/test/out)
    nss-bypass doctor rancher-metadata >/run/test/out; echo $?
    grep -o 'its hosts cache is off' /run/test/out | head -n 1
    curl -sS http://rancher-metadata/
    "#;
    let text = scene("nscd", script);
    let expected = "3\na process of root outside this container\nnscd is suspected\n\
                    0\nnscd does not answer (its hosts cache is off)\n\
                    0\nits hosts cache is off\nhello from rancher-metadata\n";
    assert_eq!(text, expected);
}

#[test]
fn daemons_that_do_not_respond_or_send_garbage_are_reported() {
    let script = r#"
    kill -STOP $(pidof nscd)
    nss-bypass explain rancher-metadata >/run/test/out; echo $?
    grep -o 'cannot read its cache: it does not answer in time' /run/test/out
    nsenter --target 1 --mount rm /run/nscd/socket
    # A server that sends a given file descriptor, or a given reply.
    python3 -S -c '
import array, os, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind("/run/nscd/socket")
listening.listen()
while True:
    talk, _ = listening.accept()
    with talk:
        request = talk.recv(1024)
        if request[4:8] == bytes([13, 0, 0, 0]):
            file = os.open("/run/test/database", os.O_RDONLY)
            talk.sendmsg([b"hosts\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))])
            os.close(file)
        elif request:
            talk.sendall(os.urandom(100))' &
    until [[ -S /run/nscd/socket ]]; do sleep 0.02; done; sleep 0.1
    rubbish() { nss-bypass explain "$@" rancher-metadata >/run/test/out 2>&1; echo "$? $(grep -o 'cannot read its cache.*' /run/test/out)"; }
    : >/run/test/database; rubbish
    head -c 65536 /dev/urandom >/run/test/database; rubbish
    printf '\2\0\0\0\170\0\0\0\0\0\0\0\1\0\0\0' >/run/test/database; head -c 60000 /dev/urandom >>/run/test/database; rubbish >/dev/null
    # A valid header, a table with one bucket that points to invalid data, and an endless garbage collection.
    python3 -c '
import os, struct
def write(cycle):
    head = struct.pack("=iiiiQ4I6i7Q", 2, 120, cycle, 1, 0, 0, 0, 0, 0, 1, 4096, 0, 1, 1, 0, *[0] * 7)
    open("/run/test/database-%d" % cycle, "wb").write(head + bytes(16) + os.urandom(4096))
write(0); write(1)'
    mv /run/test/database-0 /run/test/database; rubbish
    mv /run/test/database-1 /run/test/database; rubbish
    rubbish --ask | cut -c 1-1
    kill %1
    "#;
    let text = scene("nscd", script);
    let lines: Vec<&str> = text.lines().collect();
    let unreadable = "3 cannot read its cache: ";
    assert_eq!(lines[..2], ["3", "cannot read its cache: it does not answer in time"], "{text}");
    assert!(lines[2..6].iter().all(|line| line.starts_with(unreadable)), "{text}");
    assert!(lines[5].ends_with("did not finish its garbage collection"), "{text}");
    assert!(matches!(lines[6], "0" | "1" | "3") && lines.len() == 7, "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// Prints the findings of doctor, without reasons and locations.
const EXAMINE: &str = r#"
examine() { local status=0; nss-bypass doctor "$@" >/run/test/out || status=$?; echo "$status $(grep '^└─' /run/test/out)"; }
found() { sed 's/[│├└─]//g' /run/test/out | tr -s '\n ' ' ' | grep -o "$1" | head -n 1; }
"#;

#[test]
fn doctor_finds_the_daemon_of_the_host_and_the_hidden_name_and_the_fix_works() {
    let script = r#"
    examine --ask rancher-metadata
    found 'problem: [a-z]* [^ ]* on /var/run/nscd/socket does not belong to this container'
    found 'problem: rancher-metadata: [a-z]* (process'
    fix /run/test/out >/run/test/fix
    . /run/test/fix
    examine --ask rancher-metadata
    found 'ok: LD_PRELOAD loads the library'
    found 'ok: rancher-metadata: Agreed'
    "#;
    for (daemon, version) in [("nscd", "2.36-9+deb12u14"), ("unscd", "0.54")] {
        let text = scene(daemon, &format!("{EXAMINE}{script}"));
        let (first, rest) = text.split_once('\n').expect("lines");
        assert!(first.starts_with("1 └─ Problems: 2 of "), "{text}");
        // Any version of nscd is accepted.
        assert!(daemon == "nscd" || rest.contains(version), "{text}");
        assert!(rest.contains(&format!("rancher-metadata: {daemon} (process")), "{text}");
        assert!(rest.contains("does not belong to this container\n"), "{text}");
        let healthy = "0 └─ No problems found.\nok: LD_PRELOAD loads the library\nok: rancher-metadata: Agreed\n";
        assert!(rest.ends_with(healthy), "{text}");
    }
}

#[test]
fn doctor_lists_its_checks_and_changes_nothing() {
    let script = r#"
    counts >/run/test/before
    examine
    counts >/run/test/after
    cmp /run/test/before /run/test/after && echo unmoved
    nsenter --target 1 --mount --net --uts "$COMMAND" doctor >/run/test/out; echo $?
    found "belongs to this machine"
    printf 'bypas x\n' >/etc/nss-bypass.conf; examine; found 'problem: /etc/nss-bypass.conf:1:1: unknown keyword'
    printf 'bypass * 0.0.0.0/0 ::/0\n' >/etc/nss-bypass.conf; examine; found 'problem: there are rules, but programs'
    LD_PRELOAD=/usr/local/lib/libnss_bypass.so examine
    echo /usr/local/lib/libnss_bypass.so >/etc/ld.so.preload
    sleep 60 &
    examine; found 'ok: /etc/ld.so.preload loads the library'; found '1 running process: loaded: sleep'
    { kill %1; wait %1; } 2>/dev/null; rm /etc/ld.so.preload
    chmod 666 /usr/local/lib/libnss_bypass.so; examine; found 'is writable by all users'
    : >/usr/local/lib/libnss_bypass.so; LD_PRELOAD=/usr/local/lib/nowhere/libnss_bypass.so nss-bypass doctor 2>/dev/null >/run/test/out
    found 'problem: LD_PRELOAD names /usr/local/lib/nowhere/libnss_bypass.so'
    nss-bypass doctor --json | python3 -c '
import json, sys
report = json.load(sys.stdin)
print(report["state"], sorted({finding["check"] for finding in report["findings"]}))'
    "#;
    let text = scene("nscd", &format!("{COUNTS}{EXAMINE}{script}"));
    let expected = [
        "1 └─ Problems: 1 of 8 findings.",
        "unmoved",
        "0",
        "belongs to this machine",
        "1 └─ Problems: 2 of 8 findings.",
        "problem: /etc/nss-bypass.conf:1:1: unknown keyword",
        "1 └─ Problems: 2 of 8 findings.",
        "problem: there are rules, but programs",
        "0 └─ No problems found.",
        "0 └─ No problems found.",
        "ok: /etc/ld.so.preload loads the library",
        "1 running process: loaded: sleep",
        "1 └─ Problems: 2 of 8 findings.",
        "is writable by all users",
        "problem: LD_PRELOAD names /usr/local/lib/nowhere/libnss_bypass.so",
        "trouble ['configuration', 'daemon', 'enable', 'hosts-cache', 'hosts-line', 'library', 'processes', 'users']",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn doctor_detects_systemd_resolved_of_the_host() {
    let script = r#"
    mkdir -p /run/systemd/resolve
    nsenter --target 1 --mount --net --uts python3 -S -c '
import socket
listening = socket.socket(socket.AF_UNIX)
listening.bind("/run/systemd/resolve/io.systemd.Resolve")
listening.listen()
while True:
    listening.accept()' &
    until [[ -S /run/systemd/resolve/io.systemd.Resolve ]]; do sleep 0.02; done; sleep 0.2
    examine; found 'note: the socket of systemd-resolved is present'
    sed -i 's/^hosts:.*/hosts: files resolve [!UNAVAIL=return] dns/' /etc/nsswitch.conf
    examine container; found 'problem: the socket of systemd-resolved is present'
    fix /run/test/out >/run/test/fix
    . /run/test/fix; grep hosts /etc/nsswitch.conf
    examine container; kill %1
    "#;
    let text = scene("none", &format!("{EXAMINE}{script}"));
    let expected = [
        "0 └─ No problems found.",
        "note: the socket of systemd-resolved is present",
        "1 └─ Problems: 1 of 9 findings.",
        "problem: the socket of systemd-resolved is present",
        "hosts: files dns",
        "0 └─ No problems found.",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn with_libc_first_the_side_that_answers_is_reported() {
    let script = r#"
    printf 'pass * fallback always\npass both.example' >/etc/nss-bypass.conf
    getent hosts rancher-metadata
    say() { nss-bypass explain "$@" >/run/test/out; echo "$?"; grep -E 'rules:|by /|Agreed|note:|right' /run/test/out; }
    say rancher-metadata
    export LD_PRELOAD=/usr/local/lib/libnss_bypass.so
    say rancher-metadata
    sed -n '/^fix/,$p' /run/test/out
    say --ask host-only.example
    say v6.rancher.internal
    say nobody.example
    say both.example
    nss-bypass explain --json rancher-metadata | python3 -c '
import json, sys
report = json.load(sys.stdin)
print(report["verdict"]["bypass"], report["verdict"]["libc_first"], [rule["libc_first"] for rule in report["verdict"]["rules"]])
print(report["conclusion"]["finding"], report["conclusion"]["sentence"], report["fix"])
'
    rm /etc/nss-bypass.conf
    nss-bypass doctor | sed -n '/^fix: daemon/,$p'
    nss-bypass explain rancher-metadata | grep -A1 note:
    unset LD_PRELOAD
    nss-bypass doctor >/run/test/out; echo $?
    . <(fix /run/test/out)
    nss-bypass doctor >/run/test/out; echo $?
    say rancher-metadata
    "#;
    let rules = "├─ rules: libc is asked first, and asks nscd first; nss-bypass resolves what
│  ├─ by /etc/nss-bypass.conf:1: pass * fallback always
";
    let expected = format!(
        "\
1
{rules}└─ The rule is right (the address is 169.254.169.250), but programs started
0
{rules}└─ Agreed: the address is 169.254.169.250; nscd answers \"not found\", and then
0
{rules}└─ Agreed: the addresses are 198.51.100.10 2001:db8:1::10, but only nscd
   └─ note: /etc/nss-bypass.conf:1: pass * fallback always: libc is asked
0
{rules}└─ Agreed: the address is fd00:42::26; if nscd does not find the name, the
3
{rules}   └─ note: /etc/nss-bypass.conf:1: pass * fallback always: libc is asked
3
├─ rules: forwarded to libc, which asks nscd first
│  ├─ by /etc/nss-bypass.conf:2: pass both.example
False True [True]
agreed Agreed: the address is 169.254.169.250; nscd answers \"not found\", and then the library resolves it \
(/etc/nss-bypass.conf:1: pass * fallback always). []
fix: daemon
  export NSS_BYPASS='+*'
   └─ note: a rule for all names would also work: with NSS_BYPASS='+*', libc
        is asked first, and nss-bypass resolves what libc does not find
1
0
0
├─ rules: libc is asked first, and asks nscd first; nss-bypass resolves what
└─ Agreed: the address is 169.254.169.250; nscd answers \"not found\", and then
"
    );
    assert_eq!(scene("nscd", script), expected);
}

#[test]
fn a_rule_for_a_program_is_only_applied_to_that_program() {
    let script = r#"
    printf 'bypass db.test address 10.1.2.3 for getent p?thon*\npass db.test for curl\n' >/etc/nss-bypass.conf
    look() { nss-bypass explain --timeout 1 "$@" | grep -oE '(rules:|only in|by /|overridden:|the library  ).*' | sed 's/ *[0-9.]* ms, from the rule$//'; }
    look db.test
    look --program getent db.test
    sleep 60 >/dev/null 2>&1 & look --pid $! 10.1.2.3; kill $!
    nss-bypass explain --timeout 1 --json --program getent 10.1.2.3 | python3 -c '
import json, sys
report = json.load(sys.stdin)
says = {said["who"]: said for said in report["sources"]}["library"]
print(report["verdict"]["bypass"], says["names"], says["note"], report["verdict"]["for_others"])
print(*[(rule["line"], rule["addresses"], rule["programs"]) for rule in report["verdict"]["rules"]])
'
    nss-bypass doctor | grep -o 'the configuration is valid.*'
    nss-bypass doctor --program curl | grep -o 'the configuration is valid.*'
    "#;
    let text = scene("none", script);
    let expected = "rules: none applies here: forwarded to libc, which asks nscd first
only in curl: /etc/nss-bypass.conf:2: pass db.test
only in getent, p?thon*: /etc/nss-bypass.conf:1: bypass db.test address
the library             forwarded to libc
rules: answered by nss-bypass
by /etc/nss-bypass.conf:1: bypass db.test address 10.1.2.3
only in curl: /etc/nss-bypass.conf:2: pass db.test
the library             10.1.2.3
rules: none applies here: forwarded to libc, which asks nscd first
only in getent, p?thon*: /etc/nss-bypass.conf:1: bypass db.test address
the library             forwarded to libc
True ['db.test'] from the rule []
(1, ['10.1.2.3'], ['getent', 'p?thon*'])
the configuration is valid: 0 rules, and 2 rules for certain programs
the configuration is valid: 1 rule, and 1 rule for certain programs
";
    assert_eq!(text, expected);
}
