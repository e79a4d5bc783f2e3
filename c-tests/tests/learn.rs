//! `nss-bypass learn` and `run --summary` in the container of `scripts/scene`, with a real nscd that hides names.

use c_tests::container;

/// Runs a bash script in the container of the scene, and returns both output streams.
fn scene(script: &str) -> String {
    in_order(&container::run_installed(&[], &format!("{PRELUDE}\n{script}")))
}

/// Sorts the addresses of `multi` wherever all three occur, since older versions of dnsmasq rotate them in each answer.
fn in_order(text: &str) -> String {
    const ADDRESSES: [&str; 3] = ["10.42.0.21", "10.42.0.22", "10.42.0.23"];
    let turned = (0..ADDRESSES.len()).map(|turn| {
        let mut all = ADDRESSES;
        all.rotate_left(turn);
        all.join("\n ")
    });
    turned.fold(text.to_owned(), |text, turned| text.replace(&turned, &ADDRESSES.join("\n ")))
}

/// A program that looks up ten names with several functions. Three of them are hidden. One is found through the search
/// list, and one is looked up in another case by a child of another user, and with a trailing dot.
const PRELUDE: &str = r#"
mount -t tmpfs -o mode=1777 tmpfs /tmp; cd /run/test; LIBRARY=/usr/local/lib/libnss_bypass.so
cat >/run/test/ten <<'END'
for name in localhost host-only.example both.example ready.example nobody.example; do getent hosts $name; done
getent ahosts rancher-metadata
python3 -c 'import socket; socket.gethostbyname("multi")'
setpriv --reuid 65534 --clear-groups --no-new-privs getent ahosts V6.rancher.internal
getent ahostsv4 v6.rancher.internal.
getent ahostsv4 nothing.rancher.internal
getent hosts 127.0.0.1
true
END
# rows OUTPUT: prints the rows of a table, without times.
rows() { sed -E 's/ +[0-9.]+ m?s( |$)/ /; s/  +/ /g; s/ $//' "$1"; }
# rules OUTPUT: prints the rules in the output.
rules() { grep '^bypass ' "$1"; }
# found: prints which of the three hidden names are found by a program that is started from here.
found() { for name in rancher-metadata multi v6.rancher.internal; do getent ahosts $name >/dev/null && echo $name; done; }
"#;

#[test]
fn three_hidden_names_of_ten_result_in_three_rules_that_find_them() {
    let script = r#"
    nss-bypass learn -- sh /run/test/ten >/run/test/out 2>/run/test/said; echo $?
    rules /run/test/said
    found
    nss-bypass learn --write -- sh /run/test/ten >/dev/null 2>/run/test/said; echo $?
    tail -n 5 /run/test/said
    echo ---; cat /etc/nss-bypass.conf; stat -c %a /etc/nss-bypass.conf; nss-bypass check | tail -n 1
    LD_PRELOAD=$LIBRARY found
    nss-bypass learn --write -- sh /run/test/ten >/dev/null 2>/run/test/said
    grep -c '^bypass' /run/test/said; tail -n 1 /run/test/said
    rows /run/test/said | sed -n '/^Matched by/,/^$/p'
    ls -A /etc | grep -c nss-bypass; ls /tmp | grep -c ^nss-bypass-
    "#;
    let rules = "bypass multi\nbypass rancher-metadata\nbypass v6.rancher.internal\n";
    let expected = format!(
        "0\n{rules}0\nAppended to /etc/nss-bypass.conf:\n\n{rules}---\n{rules}644\n3 rules, 0 errors, 0 warnings\n\
         rancher-metadata\nmulti\nv6.rancher.internal\n0\nNo rule is needed.\n\
         Matched by a bypass rule, and answered by nss-bypass:\n\
         multi\n 1 getaddrinfo python3 169.254.169.250:53 10.42.0.21\n"
    );
    let text = scene(script);
    assert!(text.starts_with(&expected), "{text}\n--- expected\n{expected}");
    assert!(text.ends_with("\n1\n0\n"), "{text}");
}

#[test]
fn the_table_fits_80_columns_and_matches_the_json() {
    let script = r#"
    nss-bypass learn -- sh /run/test/ten >/dev/null 2>/run/test/said
    awk 'length > 80' /run/test/said
    rows /run/test/said | sed -n '1,/^Rules/p'
    nss-bypass learn --json -o /run/test/json -- sh /run/test/ten 2>&1 >/dev/null | grep -c . # no output of learn
    python3 -c '
import json
report = json.load(open("/run/test/json"))
print(report["rules"], report["without_rule"], report["written"], report["file"])
for row in report["lookups"]:
    if row["name"] in ("rancher-metadata", "both.example"):
        print(*(row[field] for field in "name function program count handling answered_by found result".split()))
        print(row["rule"], row["microseconds"] > 0)
'
    export NSS_BYPASS=rancher-metadata
    nss-bypass run --summary -- getent ahosts rancher-metadata 2>/run/test/said >/dev/null
    nss-bypass run --summary -- getent ahosts both.example 2>>/run/test/said >/dev/null
    nss-bypass run -m '+*' --summary -- getent ahosts both.example 2>>/run/test/said >/dev/null
    rows /run/test/said
    nss-bypass run --summary --log /run/test/log -- true; echo $?
    nss-bypass run --all -m '+*' -- true; echo $?
    "#;
    let expected = "\
14 lookups of 10 names

Not found by libc, and then resolved by nss-bypass:
multi
 1 getaddrinfo python3 169.254.169.250:53 10.42.0.21
 10.42.0.22
 10.42.0.23
rancher-metadata
 1 getaddrinfo getent 169.254.169.250:53 169.254.169.250
V6.rancher.internal
 1 getaddrinfo getent 169.254.169.250:53 fd00:42::26

Answered by libc:
127.0.0.1
 1 gethostbyaddr getent libc localhost
both.example
 1 gethostbyname2 getent libc 198.51.100.20
host-only.example
 1 gethostbyname2 getent libc 2001:db8:1::10
localhost
 1 gethostbyname2 getent libc ::1
ready.example
 1 gethostbyname2 getent libc 198.51.100.99

Not found:
both.example
 1 gethostbyname2 getent 169.254.169.250:53 no such addresses
nobody.example
 2 gethostbyname2 getent 169.254.169.250:53 not found
nothing.rancher.internal
 1 getaddrinfo getent 169.254.169.250:53 not found
ready.example
 1 gethostbyname2 getent 169.254.169.250:53 not found
v6.rancher.internal.
 1 getaddrinfo getent 169.254.169.250:53 no such addresses

Rules for /etc/nss-bypass.conf:
0
['bypass multi', 'bypass rancher-metadata', 'bypass v6.rancher.internal'] [] None /etc/nss-bypass.conf
rancher-metadata getaddrinfo getent 1 fallback 169.254.169.250:53 True 169.254.169.250
NSS_BYPASS * True
both.example gethostbyname2 getent 1 pass libc True 198.51.100.20
NSS_BYPASS * True
both.example gethostbyname2 getent 1 fallback 169.254.169.250:53 False no such addresses
NSS_BYPASS * True
1 lookup of 1 name

Matched by a bypass rule, and answered by nss-bypass:
rancher-metadata
 1 getaddrinfo getent 169.254.169.250:53 169.254.169.250
1 lookup of 1 name

Answered by libc:
both.example
 1 getaddrinfo getent libc result not seen
1 lookup of 1 name

Answered by libc:
both.example
 1 getaddrinfo getent libc 198.51.100.20
nss-bypass: --summary cannot be combined with --log, except --log stderr
125
nss-bypass: --all and -m '+*' cannot be combined: -m '+*' asks libc first
125
";
    assert_eq!(scene(script), expected);
}

#[test]
fn existing_rules_remain_in_force_and_addresses_also_get_rules() {
    let script = r#"
    printf 'bypass rancher-metadata\npass multi.rancher.internal\nbypas x' >/etc/nss-bypass.conf
    lookups='getent ahosts rancher-metadata; getent ahosts multi.rancher.internal; getent ahosts v6.rancher.internal'
    reverse="python3 -c 'import socket; print(socket.gethostbyaddr(\"169.254.169.250\")[0])'"
    nss-bypass learn --write -- sh -c "$lookups; $reverse" 2>/run/test/said >/dev/null; echo $?
    rows /run/test/said
    echo ---; cat /etc/nss-bypass.conf
    echo --- elsewhere
    echo 'pass z' >/run/test/own; chmod 640 /run/test/own; chown 65534:65534 /run/test/own; ln -s own /run/test/link
    nss-bypass learn --conf /run/test/link --write -- getent ahosts multi.rancher.internal 2>&1 >/dev/null | tail -n 1
    cat /run/test/link; stat -c '%a %u %g' /run/test/own; readlink /run/test/link
    nss-bypass learn --conf /run/test/new --write -- getent ahosts multi.rancher.internal 2>&1 >/dev/null | tail -n 1
    cat /run/test/new
    "#;
    let expected = "\
0
nss-bypass: /etc/nss-bypass.conf:3:1: unknown keyword \"bypas\": did you mean \"bypass\"?
4 lookups of 4 names

Not found by libc, and then resolved by nss-bypass:
169.254.169.250
 1 gethostbyaddr_r python3
 169.254.169.250:53 rancher-metadata.rancher.internal
v6.rancher.internal
 1 getaddrinfo getent 169.254.169.250:53 fd00:42::26

Matched by a bypass rule, and answered by nss-bypass:
rancher-metadata
 1 getaddrinfo getent 169.254.169.250:53 169.254.169.250

Answered by libc:
multi.rancher.internal
 1 getaddrinfo getent libc result not seen

Appended to /etc/nss-bypass.conf:

bypass 169.254.169.250
bypass v6.rancher.internal
---
bypass rancher-metadata
pass multi.rancher.internal
bypas x
bypass 169.254.169.250
bypass v6.rancher.internal
--- elsewhere
bypass multi.rancher.internal
pass z
bypass multi.rancher.internal
640 65534 65534
own
bypass multi.rancher.internal
bypass multi.rancher.internal
";
    assert_eq!(scene(script), expected);
}

#[test]
fn the_lookups_of_a_command_that_is_ended_by_a_signal_are_reported() {
    let script = r#"
    cat >/run/test/loop <<'END'
until getent ahosts nobody.example; do getent ahosts rancher-metadata; echo >/run/test/turn; sleep 0.1; done
END
    # ended SIGNAL TARGET COMMAND: runs a command in a new process group, to which a signal is sent, as by Ctrl-C.
    ended() {
        rm -f /run/test/turn
        python3 -c '
import os, signal, subprocess, sys, time
def begin():
    os.setpgrp()
    signal.signal(signal.SIGTERM, signal.SIG_DFL) # unshare(1) of Debian 11 ignores it.
process = subprocess.Popen(sys.argv[3:], preexec_fn=begin, stdout=subprocess.DEVNULL, stderr=open("/run/test/said", "w"))
while not os.path.exists("/run/test/turn"):
    time.sleep(0.05)
time.sleep(0.3)
number = getattr(signal, sys.argv[1])
os.killpg(process.pid, number) if sys.argv[2] == "group" else os.kill(process.pid, number)
print(process.wait(10))
' "$@"
        rules /run/test/said
    }
    ended SIGINT group nss-bypass learn -- sh /run/test/loop
    ended SIGTERM group nss-bypass learn -- sh /run/test/loop
    ended SIGTERM process nss-bypass learn -- sh /run/test/loop
    ended SIGINT group nss-bypass learn --write -- sh -c 'trap "exit 7" INT; . /run/test/loop'
    cat /etc/nss-bypass.conf
    ls /tmp | grep -c ^nss-bypass-
    "#;
    let rule = "bypass rancher-metadata\n";
    let expected = format!("-2\n{rule}-15\n{rule}-15\n{rule}7\n{rule}{rule}0\n");
    assert_eq!(scene(script), expected);
}

#[test]
fn files_that_cannot_be_written_are_reported_before_the_command_runs() {
    let script = r#"
    try() { nss-bypass learn "$@" -- sh -c 'echo runs; getent ahosts rancher-metadata >/dev/null; exit ${STATUS-0}'; echo "= $?"; }
    mkdir /run/test/directory; mkfifo /run/test/fifo; ln -s nothing /run/test/dangling
    for file in /run/test/directory /run/test/fifo /run/test/dangling /nowhere/file; do try --write --conf $file; done
    NSS_BYPASS_DISABLE=1 try
    try --output /nowhere/file
    try --strange
    printf 'bypas x\nbypass y' >/run/test/faults
    try --strict --conf /run/test/faults
    try --write --strict --conf /run/test/faults
    try --write --conf /run/test/faults 2>&1 | grep -vE '^ |lookup|^[NR]|^$'; cat /run/test/faults
    # A file that can no longer be replaced after the command has run.
    for STATUS in 0 5; do
        echo 'pass z' >/run/test/mounted
        nss-bypass learn --write --conf /run/test/mounted -- \
            sh -c "getent ahosts rancher-metadata; mount --bind /run/test/mounted /run/test/mounted; exit $STATUS" \
            2>/run/test/said >/dev/null; echo "= $?"
        rules /run/test/said; grep -c 'cannot replace /run/test/mounted: ' /run/test/said; cat /run/test/mounted; umount /run/test/mounted
    done
    NSS_BYPASS='*' nss-bypass learn -- getent ahosts rancher-metadata 2>&1 >/dev/null | head -n 1
    "#;
    let unfound = "No such file or directory (os error 2)
  why: nothing was changed: the file is replaced as a whole or not at all
  fix: correct the cause of the error, and try again
= 125
";
    let fault = "nss-bypass: /run/test/faults:1:1: unknown keyword \"bypas\": did you mean \"bypass\"?\n";
    let expected = format!(
        "\
nss-bypass: /run/test/directory: Is a directory
= 125
nss-bypass: /run/test/fifo: not a regular file
= 125
nss-bypass: cannot find /run/test/dangling: {unfound}nss-bypass: cannot find /nowhere/file: {unfound}\
nss-bypass: nothing can be learnt while NSS_BYPASS_DISABLE is set
= 125
nss-bypass: /nowhere/file: No such file or directory
= 125
error: unexpected argument '--strange' found

  tip: to pass '--strange' as a value, use '-- --strange'

Usage: nss-bypass learn [OPTIONS] [--] COMMAND [ARGUMENT]...

For more information, try '--help'.
= 125
{fault}nss-bypass: not run because of --strict: the rules have errors
= 125
{fault}nss-bypass: not run because of --strict: the rules have errors
= 125
{fault}runs
rancher-metadata
Appended to /run/test/faults:
bypass rancher-metadata
= 0
bypas x
bypass y
bypass rancher-metadata
= 1
bypass rancher-metadata
1
pass z
= 5
bypass rancher-metadata
1
pass z
nss-bypass: nothing can be learnt: by a rule for all names, libc is not asked (NSS_BYPASS: bypass *)
"
    );
    assert_eq!(scene(script), expected);
}
