//! The effects of the options of rules, and of the other lines of a configuration, in real programs with a real nscd.

use c_tests::container;

/// `rules LINE...` writes the configuration, and `look NAME` prints the addresses that getent finds.
const PRELUDE: &str = r#"
export LD_PRELOAD=/usr/local/lib/libnss_bypass.so
rules() { printf '%s\n' "$@" >/etc/nss-bypass.conf; }
look() { getent ahosts "$@" >/run/test/found; echo "$1 $? $(sed -n 's/ *STREAM.*//p' /run/test/found | xargs)"; }
# queries COMMAND...: prints the number of queries that a command sends to the container's server.
queries() { : >"$SCENE_LOGS/container-dns.log"; "$@" >/dev/null; sleep 0.1; grep -c 'query\[' "$SCENE_LOGS/container-dns.log"; }
"#;

fn scene(script: &str) -> String {
    container::run_installed(&[], &format!("{PRELUDE}\n{script}"))
}

fn same_lines(text: &str, expected: &[&str]) {
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn addresses_of_a_rule_work_like_a_line_in_hosts() {
    let script = r#"
    each() {
        for name in given.example GIVEN.example x.wild.example; do
            for how in ahosts ahostsv4 ahostsv6 hosts; do echo "$name $how"; getent $how $name; echo "= $?"; done
            python3 - $name <<'END'
import socket, sys
name = sys.argv[1]
for look in (lambda: socket.gethostbyname_ex(name),
             lambda: socket.getaddrinfo(name, 80, socket.AF_INET6, socket.SOCK_STREAM, 0, socket.AI_CANONNAME | socket.AI_V4MAPPED),
             lambda: socket.getaddrinfo(name, 80, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME | socket.AI_ADDRCONFIG)):
    try: print(look())
    except OSError as error: print(type(error).__name__, error)
END
        done
        for address in 192.0.2.7 192.0.2.8 2001:db8::7; do getent hosts $address; echo "= $?"; done
    }
    printf 'hosts: files\n' >/etc/nsswitch.conf
    kill "$(cat /run/nscd/nscd.pid)" 2>/dev/null; mount -t tmpfs tmpfs /run/nscd
    cp /etc/hosts /run/test/hosts
    printf '%s\n' '192.0.2.7 given.example' '2001:db8::7 given.example' '192.0.2.8 given.example' \
        '192.0.2.9 x.wild.example' >>/etc/hosts
    LD_PRELOAD= each >/run/test/bare
    cp /run/test/hosts /etc/hosts
    printf 'hosts: dns\n' >/etc/nsswitch.conf; echo 'nameserver 127.0.0.9' >/etc/resolv.conf
    rules 'bypass given.example address 192.0.2.7 2001:db8::7 192.0.2.8' 'bypass *.wild.example address 192.0.2.9'
    each >/run/test/ours
    diff /run/test/bare /run/test/ours; grep -c 192.0.2.8 /run/test/ours
    look given.example. # A hosts line does not apply to names with a trailing dot.
    "#;
    same_lines(&scene(script), &["17", "given.example. 0 192.0.2.7 192.0.2.8 2001:db8::7"]);
}

#[test]
fn a_rule_may_have_a_hosts_file_of_its_own() {
    let text = scene(
        r#"
    echo '192.0.2.1 rancher-metadata' >>/etc/hosts
    echo '192.0.2.2 rancher-metadata www' >/run/test/hosts
    rules 'bypass rancher-metadata hosts on'; look rancher-metadata
    sleep 1.1; rules 'bypass rancher-metadata www hosts /run/test/hosts'; look rancher-metadata; look www
    getent hosts 192.0.2.2
    echo '192.0.2.3 www' >/run/test/hosts; look www; look rancher-metadata
    sleep 1.1; rules 'bypass rancher-metadata hosts /run/test/none'; look rancher-metadata
    sleep 1.1; rules 'bypass rancher-metadata hosts /run/test'; look rancher-metadata
    "#,
    );
    same_lines(
        &text,
        &[
            "rancher-metadata 0 192.0.2.1",
            "rancher-metadata 0 192.0.2.2",
            "www 0 192.0.2.2",
            "www 0 192.0.2.3",
            "rancher-metadata 0 169.254.169.250",
            "rancher-metadata 0 169.254.169.250",
            "rancher-metadata 0 169.254.169.250",
        ],
    );
}

#[test]
fn privileged_programs_only_read_a_hosts_file_that_only_root_can_write() {
    let text = scene(
        r#"
    cp "$(command -v getent)" /usr/local/bin/privileged; chmod u+s /usr/local/bin/privileged
    echo /usr/local/lib/libnss_bypass.so >/etc/ld.so.preload; export LD_PRELOAD=
    as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups privileged ahosts www | head -n 1; }
    mkdir /run/test/open; chmod 777 /run/test/open
    for file in /etc/roots /run/test/open/hosts /run/test/link; do
        if [ $file = /run/test/link ]; then ln -s /etc/roots $file; else echo '192.0.2.2 www' >$file; fi
        rules "bypass www hosts $file log /run/test/log" "bypass www hosts $file" "log /run/test/log"
        echo "$file $(as_user) $(getent ahosts www | head -n 1)"
        sleep 1.1
    done
    chmod 666 /etc/roots; rules 'bypass www hosts /etc/roots'; echo "writable $(as_user)"
    "#,
    );
    same_lines(
        &text,
        &[
            "/etc/roots 192.0.2.2       STREAM www 192.0.2.2       STREAM www",
            "/run/test/open/hosts  192.0.2.2       STREAM www",
            "/run/test/link  192.0.2.2       STREAM www",
            "writable ",
        ],
    );
}

#[test]
fn options_of_resolv_conf_apply_to_one_rule() {
    let text = scene(
        r#"
    count() { echo "$1: $(queries getent "${@:2}")"; }
    echo 'options ndots:1' >>/etc/resolv.conf
    rules 'bypass *.test'; count plain ahosts a.test
    sleep 1; rules 'bypass *.test options no-aaaa'; count no-aaaa ahosts a.test
    sleep 1; rules 'bypass *.test options ndots:2'; count ndots ahostsv4 a.test
    grep -o 'query.* from' "$SCENE_LOGS/container-dns.log"
    sleep 1; rules 'bypass *.test options use-vc'
    strace -f -e trace=socket getent ahostsv4 a.test 2>&1 | grep -c 'AF_INET, SOCK_STREAM'
    sleep 1; echo 'options use-vc' >>/etc/resolv.conf; rules 'bypass *.test options -use-vc'
    strace -f -e trace=socket getent ahostsv4 a.test 2>&1 | grep -c 'AF_INET, SOCK_STREAM'
    "#,
    );
    same_lines(
        &text,
        &[
            "plain: 4",
            "no-aaaa: 2",
            "ndots: 2",
            "query[A] a.test.rancher.internal from",
            "query[A] a.test from",
            "2",
            "0",
        ],
    );
}

#[test]
fn link_local_servers_accept_interface_names() {
    let text = scene(
        r#"
    ip -6 address add fe80::53/64 dev eth0 nodad; ip link set eth0 up
    LD_PRELOAD= dnsmasq --no-daemon --conf-file=/dev/null --user=root --group= --no-resolv --no-hosts --port=54 \
        --interface=eth0 --bind-interfaces --address=/linked.example/192.0.2.9 >/run/test/dnsmasq 2>&1 &
    server=$!
    rules 'bypass linked.example via fe80::53%eth0#54 timeout 1 attempts 1'
    for try in $(seq 50); do ss -Hlun 'sport = :54' | grep -q . && break; sleep 0.1; done
    look linked.example
    sleep 1; rules 'bypass linked.example via fe80::53%nowhere#54 fe80::53%eth0#54 timeout 1 attempts 1'
    look linked.example
    sleep 1; rules 'bypass linked.example via fe80::53%nowhere#54 timeout 1 attempts 1'
    look linked.example
    kill $server
    "#,
    );
    same_lines(&text, &["linked.example 0 192.0.2.9", "linked.example 0 192.0.2.9", "linked.example 2 "]);
}

#[test]
fn a_rule_may_be_limited_to_programs() {
    let text = scene(
        r#"
    python=$(readlink -f /usr/bin/python3)
    by_python() { /usr/bin/python3 -c 'import socket; print(socket.gethostbyname("rancher-metadata"))' 2>/dev/null || echo unknown; }
    each() { look rancher-metadata; by_python; sleep 1; }
    rules 'bypass rancher-metadata for getent'; each
    rules "bypass rancher-metadata for $python"; each
    rules 'bypass rancher-metadata for /usr/bin/py* curl'; each
    rules 'bypass rancher-metadata for wget' 'bypass * for getent' 'pass rancher-metadata for python*'; each
    rules 'bypass rancher-metadata for python*'; /usr/bin/python3 - <<'END'
import ctypes, os, socket, threading, time
def look_later():
    time.sleep(0.3) # By then, the main thread has ended.
    try: print(socket.gethostbyname("rancher-metadata"), flush=True)
    finally: os._exit(0)
threading.Thread(target=look_later).start()
ctypes.CDLL(None).pthread_exit(None)
END
    "#,
    );
    same_lines(
        &text,
        &[
            "rancher-metadata 0 169.254.169.250",
            "unknown",
            "rancher-metadata 2 ",
            "169.254.169.250",
            "rancher-metadata 2 ",
            "169.254.169.250",
            "rancher-metadata 0 169.254.169.250",
            "unknown",
            "169.254.169.250",
        ],
    );
}

#[test]
fn nscd_is_not_queried_for_listed_databases() {
    let text = scene(
        r#"
    asks() { strace -f -e trace=connect -o /run/test/trace "$@" >/run/test/said 2>&1; grep -c nscd/socket /run/test/trace; }
    programs() {
        echo "$1: id $(asks id) getent $(asks getent passwd root) group $(asks getent group root) \
service $(asks python3 -c 'import socket; socket.getservbyname("http")') host $(asks getent hosts host-only.example)"
    }
    rm -f /etc/nss-bypass.conf; programs none
    rules 'databases passwd group services'; programs file
    rm /etc/nss-bypass.conf; NSS_BYPASS_DATABASES=passwd,group,services,hosts programs variable
    NSS_BYPASS_DISABLE=1 NSS_BYPASS_DATABASES=passwd,group,services,hosts programs disabled
    rules 'bypass x' 'databases passwd group'; programs late
    rules "$(printf '#%.0s' $(seq 5000))" 'databases passwd group' 'bypass x'; programs far
    getent -s passwd:files passwd root | head -n 1
    rules 'databases passwd'; echo 'hosts: files [bad' >>/etc/nsswitch.conf
    echo "ours $(getent protocols tcp; echo $?)" | tr '\n' ' '; echo
    echo "bare $(LD_PRELOAD= getent protocols tcp; echo $?)" | tr '\n' ' '
    "#,
    );
    let asks = |text: &str| -> Vec<bool> {
        text.split_whitespace().filter_map(|word| word.parse::<u32>().ok()).map(|count| count > 0).collect()
    };
    let lines: Vec<&str> = text.lines().collect();
    let [none, file, variable, disabled, late, far, root, ours, bare] = lines[..] else { panic!("{text}") };
    assert_eq!(asks(none), [true; 5], "{text}");
    assert_eq!(asks(file), [false, false, false, false, true], "{text}");
    assert_eq!(asks(variable), [false; 5], "{text}");
    assert_eq!(asks(disabled), [true; 5], "{text}");
    assert_eq!(asks(late), [true; 5], "{text}");
    assert_eq!(asks(far), [false, false, false, true, true], "{text}");
    assert!(root.starts_with("root:"), "{text}");
    // If glibc cannot use nsswitch.conf, the result is the same as without the line.
    assert_eq!(ours.strip_prefix("ours "), bare.strip_prefix("bare "), "{text}");
}

/// These programs look up their user and services, to which rules do not apply.
#[test]
fn with_databases_ssh_and_nc_do_not_connect_to_nscd() {
    let text = container::run_installed(
        &["--services"],
        &format!(
            "{PRELUDE}\n{}",
            r#"
    asks() { strace -f -e trace=connect -o /run/test/trace "$@" >/run/test/said 2>&1; grep -c nscd/socket /run/test/trace; }
    each() {
        asks ssh -v -F none -o BatchMode=yes rancher-metadata; grep -c 'remote software' /run/test/said
        asks nc.openbsd -w 5 rancher-metadata 17; grep -c hello /run/test/said
    }
    rules 'bypass rancher-metadata'; each | xargs
    rules 'databases passwd group services' 'bypass rancher-metadata'; each | xargs
    "#
        ),
    );
    let lines: Vec<&str> = text.lines().collect();
    let [before, after] = lines[..] else { panic!("{text}") };
    assert!(!before.starts_with("0 ") && before.split(' ').nth(2) != Some("0"), "{text}");
    assert_eq!(after, "0 1 0 1", "{text}");
}

/// Options cause no system calls, except that `for` reads the path of the executable once.
#[test]
fn options_cause_no_additional_system_calls() {
    let text = scene(
        r#"
    # calls NUMBER: prints the system calls of this number of lookups.
    calls() {
        LD_PRELOAD= strace -f -c -U calls -o /run/test/calls -E LD_PRELOAD=$LD_PRELOAD /usr/bin/python3 -S -E -c '
import socket, sys
for _ in range(int(sys.argv[1])): socket.getaddrinfo("rancher-metadata", 80, 0, socket.SOCK_STREAM)' $1
        awk '$1 ~ /^[0-9]+$/ { calls = $1 } END { print calls }' /run/test/calls
    }
    each() { echo "$1: $(( ($(calls 22) - $(calls 2)) / 20 ))"; sleep 0.1; }
    # A file that is not empty and has not changed for some time is not read again.
    echo 127.0.0.1 localhost >/etc/hosts; sleep 2.1
    rules 'bypass rancher-metadata'; each plain
    rules 'bypass rancher-metadata hosts /etc/hosts'; each hosts
    rules 'bypass rancher-metadata options edns0 ndots:2'; each options
    rules 'bypass rancher-metadata for python*'; each for
    rules 'bypass rancher-metadata address 192.0.2.1'; each address
    rules 'pass * fallback always'; each libc-first
    "#,
    );
    println!("{text}");
    let calls: Vec<(&str, u32)> =
        text.lines().filter_map(|line| line.split_once(": ")).map(|(what, n)| (what, n.parse().unwrap())).collect();
    let [(_, plain), (_, hosts), (_, options), (_, program), (_, address), (_, libc_first)] = calls[..] else {
        panic!("{text}")
    };
    assert_eq!([hosts - 2, options, program], [plain; 3], "{text}");
    assert!(address < plain && libc_first >= plain, "{text}");
}

#[test]
fn the_log_can_be_enabled_in_the_file() {
    let text = scene(
        r#"
    python3 -c '
import socket, time
def look(name):
    try: socket.gethostbyname(name)
    except OSError: pass
def rules(text):
    open("/etc/nss-bypass.conf", "w").write(text); time.sleep(1.1)
rules("bypass rancher-metadata\n"); look("rancher-metadata")
rules("bypass rancher-metadata\nlog /run/test/log,bypass\n"); look("rancher-metadata"); look("one.example")
rules("log /run/test/log\n"); look("two.example")
rules("log off\nbypass rancher-metadata\n"); look("rancher-metadata")
rules("log nowhere\nbypass rancher-metadata\n"); look("rancher-metadata")
'
    sed -E 's/.*]: //; s/in [0-9]+ us/in N us/' /run/test/log
    rm /run/test/log; rules 'log /run/test/log' 'bypass rancher-metadata'
    NSS_BYPASS_LOG=stderr,bypass getent ahostsv4 rancher-metadata 2>&1 >/dev/null | grep -c getaddrinfo
    NSS_BYPASS_LOG=off getent ahostsv4 rancher-metadata 2>&1 >/dev/null
    test -e /run/test/log || echo quiet
    "#,
    );
    same_lines(
        &text,
        &[
            "getaddrinfo rancher-metadata: bypass (/etc/nss-bypass.conf:1 rancher-metadata): 169.254.169.250 from \
             169.254.169.250:53 in N us",
            "getaddrinfo two.example: pass (no rule)",
            "1",
            "quiet",
        ],
    );
}
