//! Each cause in a scene in which it is responsible: `explain` reports it and exits with 1, the commands of its fix are
//! run as printed, and afterwards the name is found, explain exits with 0, and the results for other names are
//! unchanged.
//!
//! docs/troubleshooting.md lists the same causes in the table "What explain blames".

use std::fs;
use std::path::Path;
use std::process::Command;

use c_tests::{artefacts, container, releases};

/// Common functions of the scripts.
const HELPERS: &str = r#"
# Installs a module for the hosts line that knows no names.
module() {
    mkdir -p /run/test/lib
    export LD_LIBRARY_PATH=/run/test/lib
    local parameters='char *b, size_t l, int *e, int *h' body='{ *e = ENOENT; *h = HOST_NOT_FOUND; return NSS_STATUS_NOTFOUND; }'
    printf '%s\n' '#include <errno.h>' '#include <netdb.h>' '#include <nss.h>' \
        "enum nss_status _nss_$1_gethostbyname4_r(const char *n, void **p, $parameters, int *t) $body" \
        "enum nss_status _nss_$1_gethostbyname2_r(const char *n, int f, struct hostent *r, $parameters) $body" \
        "enum nss_status _nss_$1_gethostbyname_r(const char *n, struct hostent *r, $parameters) $body" |
        gcc -shared -fPIC -x c -o /run/test/lib/libnss_$1.so.2 -
}
# listen SOCKET: starts a daemon on the host that does not answer.
listen() {
    mkdir -p "${1%/*}"
    nsenter --target 1 --mount --net --uts python3 -S -c '
import socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
while True:
    listening.accept()' "$1" &
    until [[ -S $1 ]] && grep -q " $1\$" /proc/net/unix /proc/1/net/unix; do sleep 0.02; done
    sleep 0.1
}
# Sets resolv.conf to a server that knows no names, and which runs until the script ends.
know_nothing() {
    printf 'nameserver 127.0.0.9\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
    python3 -S -c '
import socket
talk = socket.socket(type=socket.SOCK_DGRAM); talk.bind(("127.0.0.9", 53))
open("/run/test/bound", "w").close()
while True:
    question, client = talk.recvfrom(512)
    talk.sendto(question[:2] + b"\x81\x83" + question[4:], client)' &
    until [[ -e /run/test/bound ]]; do sleep 0.02; done
}
hide_nscd() { mount -t tmpfs tmpfs /run/nscd; }
hosts_line() { sed -i "s/^hosts:.*/hosts: $1/" /etc/nsswitch.conf; }
rules() { printf '%s\n' "$@" >/etc/nss-bypass.conf; }
preload() { export LD_PRELOAD=/usr/local/lib/libnss_bypass.so; }
lookup() { getent ahostsv4 "$1" | sed -n '1s/ .*//p'; }
# Prints names that are found, with their addresses.
others() {
    local name address
    for name in localhost container host-only.example both.example ready.example both-too.example; do
        address=$(lookup "$name")
        if [[ $address && $name != "$NAME" ]]; then echo "$name $address"; fi
    done
}
# Removes the tree and its line breaks from a text.
plain() { sed 's/[│├└─]//g' | tr -s '\n ' ' ' | sed 's/^ //; s/ $//'; }
fix() { sed -n '/^fix/,$s/^  //p' "$@"; }
# judge ARGUMENTS...: prints the status and the verdict.
judge() {
    local status=0
    nss-bypass explain "$@" "$NAME" >/run/test/out 2>&1 || status=$?
    echo "$status $(sed -n '/^└─/,/^$/p' /run/test/out | plain)"
}
NAME=rancher-metadata
"#;

/// A cause, how it is created, and what is reported.
struct Suspect {
    daemon: &'static str,
    /// Creates the problem.
    before: &'static str,
    /// Options of explain.
    options: &'static str,
    /// A text that the verdict contains.
    says: &'static str,
    /// The commands of the fix, without those that load the library.
    fix: &'static [&'static str],
    /// The address of the name after the fix.
    address: &'static str,
}

const LOAD: &str = "export LD_PRELOAD=/usr/local/lib/libnss_bypass.so";
const RULE: &str = "echo 'bypass rancher-metadata' >>/etc/nss-bypass.conf";
const USE_CGO: &str = "export GODEBUG=\"${GODEBUG:+$GODEBUG,}\"netdns=cgo";
const ADDRESS: &str = "169.254.169.250";

fn is_fixed(suspect: &Suspect) {
    let Suspect { daemon, before, options, says, fix, address } = suspect;
    let script = format!(
        r#"{HELPERS}
        {before}
        others >/run/test/before
        echo "found: $(lookup "$NAME")"
        judge {options}
        fix /run/test/out >/run/test/fix; cat /run/test/fix
        . /run/test/fix
        echo "found: $(lookup "$NAME")"
        judge {options}
        others >/run/test/after
        diff /run/test/before <(grep -xFf /run/test/before /run/test/after)
        "#
    );
    let text = container::run_installed(&["--daemon", daemon], &script);
    let lines: Vec<&str> = text.lines().collect();
    let (first, rest) = lines.split_at(2);
    assert!(first[0] == "found: " || options.contains("--ask") || !address.starts_with("169"), "{text}");
    assert!(first[1].starts_with("1 ") && first[1].contains(says), "{says}:\n{text}");
    let (lines, end) = rest.split_at(fix.len());
    assert_eq!(lines, *fix, "{text}");
    assert_eq!(end.len(), 2, "another name has changed:\n{text}");
    assert_eq!(end[0], format!("found: {address}"), "{text}");
    assert!(end[1].starts_with("0 Agreed: "), "{text}");
}

macro_rules! suspects {
    ($($name:ident: $daemon:literal, $before:literal, $options:literal => $says:expr, $fix:expr, $address:expr;)*) => {
        $(
            #[test]
            fn $name() {
                is_fixed(&Suspect {
                    daemon: $daemon,
                    before: $before,
                    options: $options,
                    says: $says,
                    fix: &$fix,
                    address: $address,
                });
            }
        )*
    };
}

suspects! {
    nscd: "nscd", "getent ahosts $NAME", "" =>
        "nscd (process", [RULE, LOAD], ADDRESS;
    unscd: "unscd", "", "--ask" =>
        "unscd (process", [RULE, LOAD], ADDRESS;
    no_dns_in_the_hosts_line: "none", "hosts_line files", "" =>
        "The hosts line does not ask DNS (/etc/nsswitch.conf:4: files)",
        ["sed -i '4s/.*/hosts: files dns/' /etc/nsswitch.conf"], ADDRESS;
    an_action_before_dns: "none", "hosts_line 'files [NOTFOUND=return] dns'", "" =>
        "The hosts line ends before DNS, with files [NOTFOUND=return]",
        ["sed -i '4s/.*/hosts: files dns/' /etc/nsswitch.conf"], ADDRESS;
    an_action_in_another_spelling: "none", r"hosts_line 'files[ !unavail = RETURN ]\tdns # x'", "" =>
        "The hosts line ends before DNS, with files[ !unavail = RETURN ]",
        [r"sed -i '4s/.*/hosts: files [ !unavail = RETURN NOTFOUND=continue] dns # x/' /etc/nsswitch.conf"], ADDRESS;
    an_action_before_dns_beside_nscd: "nscd", "hosts_line 'files [NOTFOUND=return] dns'; getent ahosts $NAME", "" =>
        "The hosts line ends before DNS",
        ["sed -i '4s/.*/hosts: files dns/' /etc/nsswitch.conf", RULE, LOAD], ADDRESS;
    a_module_that_ends_before_dns: "none", "module fakeno; hosts_line 'files fakeno [NOTFOUND=return] dns'", "" =>
        "The hosts line ends before DNS, with fakeno [NOTFOUND=return]", [RULE, LOAD], ADDRESS;
    a_module_that_is_not_installed: "none", "hosts_line 'files gone [UNAVAIL=return] dns'", "" =>
        "The hosts line ends before DNS, with gone [UNAVAIL=return]",
        ["sed -i '4s/.*/hosts: files dns/' /etc/nsswitch.conf"], ADDRESS;
    a_module_that_is_not_installed_instead_of_dns: "none", r"sed -i 's/^hosts:.*/hosts : files gone/' /etc/nsswitch.conf", "" =>
        "The hosts line does not ask DNS (/etc/nsswitch.conf:4: files gone)",
        ["sed -i '4s/.*/hosts : files gone dns/' /etc/nsswitch.conf"], ADDRESS;
    resolved_of_another_machine: "none",
        "module resolve; listen /run/systemd/resolve/io.systemd.Resolve; hosts_line 'files resolve [!UNAVAIL=return] dns'", "" =>
        "systemd-resolved (process", [RULE, LOAD], ADDRESS;
    avahi_of_another_machine: "none",
        "module mdns4_minimal; listen /run/avahi-daemon/socket; hosts_line 'files mdns4_minimal [NOTFOUND=return] dns'", "" =>
        "avahi-daemon (process", [RULE, LOAD], ADDRESS;
    a_rule_that_hides_a_name: "none",
        "NAME=here.example; echo '10.9.9.9 here.example' >>/etc/hosts; rules 'bypass *.example hosts off'; preload", "" =>
        "The rule hides the name (/etc/nss-bypass.conf:1: bypass *.example)",
        ["echo 'pass here.example' >>/etc/nss-bypass.conf"], "10.9.9.9";
    a_rule_that_hides_what_nscd_knows: "nscd",
        "NAME=host-only.example; rules 'bypass host-only.example'; getent ahosts $NAME >/dev/null; preload", "" =>
        "The rule hides the name (/etc/nss-bypass.conf:1: bypass host-only.example)",
        ["echo 'pass host-only.example' >>/etc/nss-bypass.conf"], "198.51.100.10";
    a_rule_of_a_variable_that_hides_a_name: "nscd",
        "NAME=host-only.example; export NSS_BYPASS=$NAME; getent ahosts $NAME >/dev/null; preload", "" =>
        "The rule hides the name (NSS_BYPASS: bypass host-only.example)",
        ["export NSS_BYPASS=\"${NSS_BYPASS:+$NSS_BYPASS }\"'!host-only.example'"], "198.51.100.10";
    a_rule_whose_options_hide_a_name: "nscd",
        "NAME=here.example; echo '10.9.9.9 here.example' >>/etc/hosts; getent ahosts $NAME
        rules 'bypass here.example hosts off'; preload", "" =>
        "The rule hides the name", ["echo 'bypass here.example' >>/etc/nss-bypass.conf"], "10.9.9.9";
    a_library_that_is_not_loaded: "nscd", "rules \"bypass $NAME\"", "" =>
        "programs started here do not load the library", [LOAD], ADDRESS;
    a_library_that_is_not_loaded_beside_another: "nscd", "rules \"bypass $NAME\"; export LD_PRELOAD=libm.so.6", "" =>
        "programs started here do not load the library",
        ["export LD_PRELOAD=\"$LD_PRELOAD:\"/usr/local/lib/libnss_bypass.so"], ADDRESS;
    rules_that_are_switched_off: "nscd",
        "rules \"bypass $NAME\"; preload; export NSS_BYPASS_DISABLE=1; getent ahosts $NAME", "" =>
        "nscd (process", ["unset NSS_BYPASS_DISABLE"], ADDRESS;
    nscd_with_a_variable_that_overrides_the_file: "nscd", "export NSS_BYPASS=\"!$NAME\"; getent ahosts $NAME", "" =>
        "nscd (process", ["export NSS_BYPASS=\"${NSS_BYPASS:+$NSS_BYPASS }\"rancher-metadata", LOAD], ADDRESS;
    nscd_with_a_file_without_a_final_newline: "nscd",
        "printf '# no end' >/etc/nss-bypass.conf; getent ahosts $NAME", "" =>
        "nscd (process", [r"printf '\n%s\n' 'bypass rancher-metadata' >>/etc/nss-bypass.conf", LOAD], ADDRESS;
    a_hosts_line_in_a_file_that_is_mounted: "none",
        "hosts_line files; cp /etc/nsswitch.conf /run/test/own; mount --bind /run/test/own /etc/nsswitch.conf", "" =>
        "The hosts line does not ask DNS",
        [r#"text=$(sed '4s/.*/hosts: files dns/' /etc/nsswitch.conf) && printf '%s\n' "$text" >/etc/nsswitch.conf"#], ADDRESS;
    a_hosts_line_in_a_file_that_is_a_link: "none",
        "hosts_line files; mkdir /etc/own; mv /etc/nsswitch.conf /etc/own; ln -s own/nsswitch.conf /etc", "" =>
        "The hosts line does not ask DNS",
        ["sed -i '4s/.*/hosts: files dns/' /etc/own/nsswitch.conf"], ADDRESS;
    another_preloaded_library_that_intercepts_lookups: "nscd",
        "rules \"bypass $NAME\"; echo /usr/local/lib/libnss_bypass.so >/etc/ld.so.preload
        export NSS_WRAPPER_PASSWD=/etc/passwd NSS_WRAPPER_GROUP=/etc/group LD_PRELOAD=libnss_wrapper.so", "" =>
        "libnss_wrapper.so, which is loaded before the library, overrides libc's functions",
        ["export LD_PRELOAD=/usr/local/lib/libnss_bypass.so\"${LD_PRELOAD:+:$LD_PRELOAD}\""], ADDRESS;
}

#[test]
fn a_hosts_line_that_cannot_be_read() {
    let before = "hosts_line 'files [nonsense] dns'";
    if releases::minor() < 33 {
        // This line is ignored, so that glibc's default is used.
        let lines = lines("none", &format!("{before}; lookup $NAME; judge"));
        begin(&lines, &[ADDRESS, "0 Agreed: the address is 169.254.169.250"]);
        return;
    }
    is_fixed(&Suspect {
        daemon: "none",
        before,
        options: "",
        says: "/etc/nsswitch.conf:4 is invalid",
        fix: &["sed -i '4s/.*/hosts: files dns/' /etc/nsswitch.conf"],
        address: ADDRESS,
    });
}

/// Runs a script in the scene, and returns the lines of its output.
fn lines(daemon: &str, script: &str) -> Vec<String> {
    let text = container::run_installed(&["--daemon", daemon], &format!("{HELPERS}\n{script}"));
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn begin(lines: &[String], beginnings: &[&str]) {
    let all = lines.join("\n");
    assert_eq!(lines.len(), beginnings.len(), "{all}");
    for (line, beginning) in lines.iter().zip(beginnings) {
        assert!(line.starts_with(beginning), "{beginning}:\n{all}");
    }
}

/// The library and the command on a root file system, as required by `enable`: an overlay over that of the machine.
const OVERLAY: &str = r#"
mkdir -p /run/test/layer; mount -t tmpfs tmpfs /run/test/layer; mkdir /run/test/layer/{upper,work,root}
mount -t overlay -o lowerdir=/,upperdir=/run/test/layer/upper,workdir=/run/test/layer/work overlay /run/test/layer/root
cd /run/test/layer/root
for directory in proc dev run sys tmp; do mount --rbind /$directory $directory; done
cp /etc/{nsswitch.conf,resolv.conf,hosts,host.conf} etc; rm -f etc/ld.so.preload etc/nss-bypass.conf
cp "$LIBRARY" usr/lib/libnss_bypass.so; cp "$COMMAND" usr/bin/nss-bypass
inside() { PATH=/usr/bin:/bin:/usr/sbin:/sbin chroot /run/test/layer/root "$@"; }
nobody() { inside setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
"#;

#[test]
fn files_that_only_root_can_read() {
    let script = r#"
    export -f lookup
    other() { echo "other: $(setpriv --reuid 65534 --regid 65534 --clear-groups bash -c 'lookup rancher-metadata')"; }
    (umask 027; rules 'bypass rancher-metadata'); echo /usr/local/lib/libnss_bypass.so >/etc/ld.so.preload
    other; judge; . <(fix /run/test/out); other; judge
    chmod 600 /etc/ld.so.preload
    other; judge; fix /run/test/out; . <(fix /run/test/out); other; judge
    chmod 640 /etc/nss-bypass.conf; nss-bypass doctor >/run/test/out; echo $?
    plain </run/test/out | grep -o 'problem: /etc/nss-bypass.conf is not readable by all users'
    "#;
    let expected = [
        "other:",
        "1 The rule is right (the address is 169.254.169.250), but not for every user: /etc/nss-bypass.conf is not readable",
        "other: 169.254.169.250",
        "0 Agreed",
        "other:",
        "1 The rule is right (the address is 169.254.169.250), but not for every user: /etc/ld.so.preload is not readable",
        "chmod a+r /etc/ld.so.preload",
        "other: 169.254.169.250",
        "0 Agreed",
        "1",
        "problem: /etc/nss-bypass.conf is not readable by all users",
    ];
    begin(&lines("nscd", script), &expected);
}

#[test]
fn servers_of_a_rule_that_are_not_queried() {
    // The library may query them or not. explain reports which, and the name is found in the end.
    let script = r#"
    hosts_line files; rules "bypass $NAME via $SCENE_DNS"; preload
    judge; . <(fix /run/test/out); judge; lookup $NAME
    "#;
    let lines = lines("none", script);
    let first = &lines[0];
    let is_asked = first.starts_with("0 Agreed: the address is 169.254.169.250, by the rule");
    let is_not = first.starts_with("1 The name servers of the rule are not asked (/etc/nss-bypass.conf:1: bypass");
    assert!(is_asked || is_not, "{lines:?}");
    begin(&lines[1..], &["0 Agreed: the address is 169.254.169.250", "169.254.169.250"]);
}

#[test]
fn a_process_that_was_started_before_the_library_was_enabled() {
    let script = r#"
    # There is no systemd: a file contains the unit of the process, and a function restarts it.
    service() {
        sleep 300 & pid=$!
        echo 0::/system.slice/demo.service >/run/test/cgroup; mount --bind /run/test/cgroup /proc/$pid/cgroup; sleep 0.5
    }
    systemctl() { [[ "$*" == 'restart demo.service' ]] && kill $pid && service; }
    sleep 300 & before=$!; service
    rules "bypass $NAME"; echo /usr/local/lib/libnss_bypass.so >/etc/ld.so.preload
    judge --pid $before; fix /run/test/out
    judge --pid $pid; fix /run/test/out | tee /run/test/fix; . /run/test/fix; judge --pid $pid
    kill $before $pid
    "#;
    let before = "1 The library does not work in process ";
    let expected = [before, before, "systemctl restart demo.service", "0 Agreed: the address is 169.254.169.250"];
    let lines = lines("nscd", script);
    begin(&lines, &expected);
    assert!(lines[0].contains("(sleep): it was started before the library was enabled; restart it."), "{lines:?}");
}

#[test]
fn a_program_that_runs_with_more_privileges_than_its_caller() {
    let script = r#"
    mkdir /run/test/tmp; chmod 777 /run/test/tmp; export LD_PRELOAD=
    # On Debian 14, ping has no capability.
    inside setcap cap_net_raw+ep /usr/bin/ping
    look() { local status=0; nobody nss-bypass explain --ask --program ping $NAME >/run/test/out || status=$?; echo "$status $(sed -n '/^└─/,/^$/p' /run/test/out | plain)"; }
    look
    fix /run/test/out | tee /run/test/fix; grep -c '^fix, as root:$' /run/test/out
    inside bash -c '. /run/test/fix' >/dev/null
    look
    nobody ping -n -c 1 $NAME | head -n 1
    inside chmod 664 /etc/nss-bypass.conf; look; fix /run/test/out | tee /run/test/fix; inside bash -c '. /run/test/fix'; look
    "#;
    let expected = [
        "1 The library does not work in ping (/usr/bin/ping): it has file capabilities",
        RULE,
        "nss-bypass enable",
        "1",
        "0 Agreed: the address is 169.254.169.250",
        "PING rancher-metadata.rancher.internal (169.254.169.250)",
        "1 The library does not work in ping (/usr/bin/ping): it has more privileges than its caller, and follows only",
        "chmod go-w /etc/nss-bypass.conf",
        "0 Agreed: the address is 169.254.169.250",
    ];
    begin(&lines("nscd", &format!("{OVERLAY}\n{script}")), &expected);
}

#[test]
fn a_process_in_a_chroot_without_the_library() {
    let script = r#"
    root=/run/test/root; mkdir -p $root/{etc,proc,dev,usr,lib,lib64,bin,run}
    for directory in proc dev usr lib lib64 bin run; do mount --rbind /$directory $root/$directory; done
    umount -l $root/usr/local 2>/dev/null; mount -t tmpfs tmpfs $root/usr/local
    cp /etc/{nsswitch.conf,resolv.conf,hosts,host.conf,passwd} $root/etc; mkdir $root/var; ln -s /run $root/var
    rules "bypass $NAME"
    judge
    chroot $root sleep 300 & pid=$!; sleep 0.5
    judge --pid $pid; fix /run/test/out | tee /run/test/fix | sed "s/$pid/PID/"; . /run/test/fix
    judge --pid $pid; kill $pid
    LD_PRELOAD=/usr/local/lib/libnss_bypass.so chroot $root sleep 300 & pid=$!; sleep 0.5
    judge --pid $pid; kill $pid
    "#;
    let lines = lines("nscd", &format!("getent ahosts $NAME\n{script}"));
    let expected = [
        "1 The rule is right",
        "1 The library does not work in process ",
        "echo 'bypass rancher-metadata' >>/proc/PID/root/etc/nss-bypass.conf",
        "install -D -m 644 /usr/local/lib/libnss_bypass.so /proc/PID/root/usr/local/lib/libnss_bypass.so",
        "1 The rule is right (the address is 169.254.169.250), but process ",
        "0 Agreed: the address is 169.254.169.250",
    ];
    begin(&lines, &expected);
    assert!(lines[1].contains("its root directory is /run/test/root, which does not contain the library"), "{lines:?}");
    for line in [&lines[1], &lines[4]] {
        assert!(
            line.contains("note: restart process ") && line.ends_with("(sleep) with the library in LD_PRELOAD"),
            "{lines:?}"
        );
    }
}

#[test]
fn a_running_program_that_has_more_privileges_than_its_caller() {
    let script = r#"
    cp /bin/sleep usr/bin/sleeper; chmod 4755 usr/bin/sleeper; export LD_PRELOAD=; rules "bypass $NAME"
    cp /etc/nss-bypass.conf etc
    start() { nobody env LD_PRELOAD=/usr/lib/libnss_bypass.so sleeper 300 2>/dev/null & sleep 0.5; pid=$(pidof sleeper); }
    look() { local status=0; inside nss-bypass explain --ask --pid $pid $NAME >/run/test/out || status=$?; echo "$status $(sed -n '/^└─/,/^$/p' /run/test/out | plain)"; }
    start; look
    fix /run/test/out | tee /run/test/fix; inside bash -c '. /run/test/fix' >/dev/null
    look; kill $pid
    start; look
    inside chmod 664 /etc/nss-bypass.conf; look
    fix /run/test/out | tee /run/test/fix; inside bash -c '. /run/test/fix'; look; kill $pid
    "#;
    let lines = lines("nscd", &format!("{OVERLAY}\n{script}"));
    let expected = [
        "1 The library does not work in process ",
        "nss-bypass enable",
        "1 The library does not work in process ",
        "0 Agreed: the address is 169.254.169.250",
        "1 The library does not work in process ",
        "chmod go-w /etc/nss-bypass.conf",
        "0 Agreed: the address is 169.254.169.250",
    ];
    begin(&lines, &expected);
    for (line, why) in [
        (&lines[0], "it runs with more privileges than its caller"),
        (&lines[2], "it was started before the library was enabled"),
        (&lines[4], "follows only rules that nobody but root can write"),
    ] {
        assert!(line.contains(why), "{why}: {lines:?}");
    }
}

#[test]
fn a_process_in_a_user_namespace() {
    let script = r#"
    # Like a rootless container: its root is another user outside, and it has its own files.
    getent ahosts $NAME; cp -r /etc /run/test/own; rm -f /run/test/own/nss-bypass.conf; chown -R 65534 /run/test/own
    start() {
        nobody unshare --user --map-root-user --mount env "$@" bash -c 'mount --bind /run/test/own /etc; exec sleep 300' 2>/dev/null &
        until pid=$(pgrep -n -x sleep) && [[ $(cat /proc/$pid/root/etc/hostname-of-test 2>/dev/null) ]]; do sleep 0.05; done
    }
    nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    echo x >/run/test/own/hostname-of-test
    start A=; judge --pid $pid; fix /run/test/out | tee /run/test/fix | sed "s/$pid/PID/"; . /run/test/fix; kill $pid
    ls /etc/nss-bypass.conf; cat /run/test/own/nss-bypass.conf
    start LD_PRELOAD=/usr/local/lib/libnss_bypass.so; judge --pid $pid; kill $pid
    "#;
    let expected = [
        "1 nscd (process",
        "echo 'bypass rancher-metadata' >>/proc/PID/root/etc/nss-bypass.conf",
        "ls: cannot access '/etc/nss-bypass.conf'",
        "bypass rancher-metadata",
        "0 Agreed: the address is 169.254.169.250",
    ];
    begin(&lines("nscd", script), &expected);
}

#[test]
fn a_musl_process_is_distinguished_from_a_static_one() {
    let script = r#"
    printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }' >/run/test/p.c
    gcc -w -static -o /usr/local/bin/static /run/test/p.c
    musl-gcc -w -o /usr/local/bin/musl /run/test/p.c
    echo /usr/local/lib/libnss_bypass.so >/etc/ld.so.preload
    static & disown; musl & disown; sleep 0.5
    nss-bypass doctor >/run/test/out
    plain </run/test/out | grep -oE 'not possible \((musl|static)\): [a-z]*'
    nss-bypass status --json | python3 -S -c '
import json, sys
all = json.load(sys.stdin)["processes"]
print(sorted((one["name"], one["libc"]) for one in all["earlier"] + all["without"] if one["name"] in ("musl", "static")))'
    kill $(pidof static musl)
    "#;
    let expected =
        ["not possible (musl): musl", "not possible (static): static", "[('musl', 'musl'), ('static', 'none')]"];
    begin(&lines("none", script), &expected);
}

#[test]
fn programs_that_resolve_names_themselves() {
    let script = r#"
    printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }' >/run/test/p.c
    gcc -w -static -o /usr/local/bin/static /run/test/p.c
    musl-gcc -w -o /usr/local/bin/musl /run/test/p.c
    getent ahosts $NAME; rules "bypass $NAME"
    judge --program static
    static & pid=$!; sleep 0.2; judge --pid $pid; kill $pid
    preload; judge --program static; unset LD_PRELOAD
    judge --program musl
    # A name that is known only to the rule's own server.
    know_nothing; rules "bypass $NAME via $SCENE_DNS"
    musl & pid=$!; sleep 0.2
    judge --pid $pid
    fix /run/test/out; . <(fix /run/test/out); judge --pid $pid
    tail -n 1 /etc/hosts; kill $pid
    "#;
    let expected = [
        "1 The library does not work in static (/usr/local/bin/static): it is statically linked",
        "1 The library does not work in process ",
        "1 The library does not work in static (/usr/local/bin/static): it is statically linked",
        "0 Agreed: the address is 169.254.169.250; musl (/usr/local/bin/musl) resolves names itself (musl)",
        "1 process ",
        "echo '169.254.169.250 rancher-metadata' >>/etc/hosts",
        "0 Agreed: the address is 169.254.169.250; process ",
        "169.254.169.250 rancher-metadata",
    ];
    begin(&lines("nscd", script), &expected);
}

/// Copies a program to the container, under this name.
fn copied(program: &Path, name: &str) -> String {
    format!("cp '{}' /usr/local/bin/{name}\n", program.display())
}

#[test]
fn a_program_with_c_ares_uses_neither_nscd_nor_the_library() {
    let program = artefacts::linked("c_ares", &[], &[&artefacts::preloadable("libcares.so.2")]);
    let script = r#"
    getent ahosts $NAME
    echo "c-ares: $(c_ares $NAME)"; judge --program c_ares; fix /run/test/out
    # A name that is known only to the rule's own server.
    know_nothing; rules "bypass $NAME via $SCENE_DNS"; preload
    echo "libc: $(lookup $NAME)"; echo "c-ares: $(c_ares $NAME)"; judge --program c_ares; fix /run/test/out >/run/test/fix
    c_ares & pid=$!; sleep 0.5; judge --pid $pid
    cat /run/test/fix; . /run/test/fix; echo "c-ares: $(c_ares $NAME)"; judge --program c_ares
    judge --pid $pid; kill $pid
    "#;
    let own = "c_ares (/usr/local/bin/c_ares) resolves names itself (c-ares)";
    let agreed = format!("0 Agreed: the address is {ADDRESS}; {own}, and asks neither libc nor nscd.");
    let unknown = "from /etc/hosts and the name servers in /etc/resolv.conf, which do not know the name; for libc, the address is";
    let expected = [
        &format!("c-ares: {ADDRESS}"),
        &agreed,
        &format!("libc: {ADDRESS}"),
        "c-ares: Domain name not found",
        &format!("1 {own}, {unknown} {ADDRESS}."),
        "1 process ",
        &format!("echo '{ADDRESS} rancher-metadata' >>/etc/hosts"),
        &format!("c-ares: {ADDRESS}"),
        &agreed,
        &format!("0 Agreed: the address is {ADDRESS}; process "),
    ];
    begin(&lines("nscd", &(copied(&program, "c_ares") + script)), &expected);
}

#[test]
fn a_program_that_uses_c_ares_through_another_library() {
    let program = artefacts::linked("c_ares", &["-shared", "-fPIC"], &[&artefacts::preloadable("libcares.so.2")]);
    let script = r#"
    getent ahosts $NAME
    # Its main function is in a library: the program itself neither uses c-ares nor lookups of libc.
    echo | gcc -x c - -o /usr/local/bin/by_library -Wl,--no-as-needed -L/run/test -l:libown.so -Wl,-rpath,/run/test
    echo "c-ares: $(by_library $NAME)"; judge --program by_library
    by_library & pid=$!; sleep 0.5; judge --pid $pid; kill $pid
    hide_nscd; hosts_line files; echo "c-ares: $(by_library $NAME)"; judge --program by_library
    "#;
    let copy = format!("cp '{}' /run/test/libown.so; export LD_LIBRARY_PATH=/run/test\n", program.display());
    let expected = [
        &format!("c-ares: {ADDRESS}"),
        &format!(
            "0 Agreed: the address is {ADDRESS}; by_library (/usr/local/bin/by_library) resolves names itself (c-ares)"
        ),
        &format!("0 Agreed: the address is {ADDRESS}; process "),
        "c-ares: Could not contact DNS servers",
        "1 The hosts line does not ask DNS",
    ];
    begin(&lines("nscd", &(copy + script)), &expected);
}

/// Builds `programs/connect.go`, with or without cgo.
fn go(name: &str, cgo: bool) -> String {
    let directory = artefacts::scratch("go");
    let program = directory.join(name);
    let output = Command::new(artefacts::tool("go"))
        .args(["build", "-o"])
        .args([&program, &artefacts::home().join("programs/connect.go")])
        .env("CGO_ENABLED", if cgo { "1" } else { "0" })
        .env("GO111MODULE", "off")
        .env("GOCACHE", directory.join("cache"))
        .output()
        .expect("go runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    copied(&program, name)
}

/// Common functions for Go programs. No server listens on the port, and the error message of a program contains the
/// address.
const GO: &str = r#"
reach() { "$1" $NAME 9 2>&1; }
"#;

#[test]
#[ignore = "takes Go, which is large: scripts/programs runs it"]
fn go_without_cgo_uses_neither_nscd_nor_the_library() {
    let script = r#"
    getent ahosts $NAME
    reach alone; judge --program alone; fix /run/test/out
    know_nothing; rules "bypass $NAME via $SCENE_DNS"; preload
    reach alone; judge --program alone; fix /run/test/out | tee /run/test/fix
    . /run/test/fix; reach alone; judge --program alone
    "#;
    let own = "alone (/usr/local/bin/alone) resolves names itself (Go without cgo)";
    let agreed = format!("0 Agreed: the address is {ADDRESS}; {own}, and asks neither libc nor nscd.");
    let reached = format!("dial tcp {ADDRESS}:9: connect: connection refused");
    let expected = [
        &reached,
        &agreed,
        "dial tcp: lookup rancher-metadata on 127.0.0.9:53: no such host",
        &format!("1 {own}, from /etc/hosts and the name servers in /etc/resolv.conf, which do not know the name"),
        &format!("echo '{ADDRESS} rancher-metadata' >>/etc/hosts"),
        &reached,
        &agreed,
    ];
    begin(&lines("nscd", &(go("alone", false) + GO + script)), &expected);
}

#[test]
#[ignore = "takes Go, which is large: scripts/programs runs it"]
fn go_with_cgo_uses_libc_if_configured() {
    let script = r#"
    running() { chooses & pid=$!; sleep 0.5; judge --pid $pid; fix /run/test/out; kill $pid; }
    getent ahosts $NAME; lookup $NAME
    reach chooses; judge --program chooses; fix /run/test/out; running
    # A name that is known only to the rule's own server.
    know_nothing; rules "bypass $NAME via $SCENE_DNS"
    reach chooses; judge --program chooses; fix /run/test/out | tee /run/test/fix; running
    preload; judge --program chooses; fix /run/test/out; running; unset LD_PRELOAD
    . /run/test/fix; reach chooses; judge --program chooses; running
    # According to Go's interpretation of the hosts line.
    unset GODEBUG LD_PRELOAD; rm /etc/nss-bypass.conf; echo "nameserver $SCENE_DNS" >/etc/resolv.conf; hide_nscd
    hosts_line files; reach chooses | grep -c refused; judge --program chooses; fix /run/test/out | tee /run/test/fix
    . /run/test/fix; reach chooses; judge --program chooses
    "#;
    let own = "resolves names itself (Go, without GODEBUG=netdns=cgo)";
    let unknown = "from /etc/hosts and the name servers in /etc/resolv.conf, which do not know the name; for libc, the address is";
    let program = "chooses (/usr/local/bin/chooses)";
    let reached = format!("dial tcp {ADDRESS}:9: connect: connection refused");
    let differs = format!("1 {program} {own}, {unknown} {ADDRESS}.");
    let expected = [
        &reached,
        &format!("0 Agreed: the address is {ADDRESS}; {program} {own}, and asks neither libc nor nscd for it."),
        &format!("0 Agreed: the address is {ADDRESS}; process "),
        "dial tcp: lookup rancher-metadata on 127.0.0.9:53: no such host",
        &differs,
        LOAD,
        USE_CGO,
        "1 process ",
        &differs,
        USE_CGO,
        "1 process ",
        &reached,
        &format!("0 Agreed: the address is {ADDRESS}"),
        &format!("0 Agreed: the address is {ADDRESS}"),
        "0",
        "1 The hosts line does not ask DNS",
        "sed -i '4s/.*/hosts: files dns/' /etc/nsswitch.conf",
        &reached,
        &format!("0 Agreed: the address is {ADDRESS}; {program} {own}"),
    ];
    let lines = lines("nscd", &(go("chooses", true) + GO + script));
    begin(&lines, &expected);
    let ends = |at: usize, end: &str| {
        let line = &lines[at];
        assert!(line.contains("note: restart ") && line.ends_with(end), "{end}: {line}");
    };
    ends(7, "with GODEBUG=netdns=cgo and the library in LD_PRELOAD");
    ends(10, "with GODEBUG=netdns=cgo");
}

#[test]
fn no_rule_is_suggested_if_it_cannot_fix_the_problem() {
    let script = r#"
    NAME=host-only.example
    judge --ask; fix /run/test/out
    nss-bypass doctor --ask $NAME >/run/test/out; echo $?; fix /run/test/out
    (. <(fix /run/test/out); judge --ask)
    NAME=nobody-knows.example; judge; fix /run/test/out
    hosts_line 'files dns myhostname'; judge --ask
    "#;
    let expected = [
        "0 Agreed: the addresses are 198.51.100.10 2001:db8:1::10, but only nscd (process",
        "1",
        // For the daemon, and not for the name, whose result does not change.
        LOAD,
        "export NSS_BYPASS='+*'",
        "0 Agreed: the addresses are 198.51.100.10 2001:db8:1::10, but only nscd (process",
        "3 nscd is suspected",
        "0 Agreed: there is no such name",
    ];
    begin(&lines("nscd", script), &expected);
}

#[test]
fn unneeded_rules_are_reported() {
    let script =
        r#"rules 'bypass *.internal' "bypass $NAME"; preload; judge; nss-bypass doctor $NAME >/dev/null; echo $?"#;
    let lines = lines("none", script);
    begin(&lines, &["0 Agreed: the address is 169.254.169.250", "0"]);
    let note = "note: /etc/nss-bypass.conf:2: bypass rancher-metadata is no longer needed: libc gives the same answer";
    assert!(lines[0].contains(note), "{lines:?}");
}

#[test]
fn daemons_of_another_machine_are_reported_and_the_edit_removes_their_modules() {
    let script = r#"
    nss-bypass doctor >/run/test/out; plain </run/test/out | grep -o 'note: users and groups also come from it'
    hide_nscd
    listen /run/systemd/resolve/io.systemd.Resolve; listen /run/avahi-daemon/socket; listen /run/dbus/system_bus_socket
    hosts_line 'mymachines [!UNAVAIL=return] files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return]'
    nss-bypass doctor >/run/test/out; echo $?
    plain </run/test/out | grep -oE 'problem: [^:]*: process [0-9]*, in another' | sed 's/[0-9][0-9]*/N/'
    fix /run/test/out | tee /run/test/fix; . /run/test/fix
    nss-bypass doctor --quiet; echo $?; judge
    "#;
    let expected = [
        "note: users and groups also come from it",
        "1",
        "problem: the socket of the D-Bus system bus is present: process N, in another",
        "problem: the socket of avahi-daemon is present: process N, in another",
        "problem: the socket of systemd-resolved is present: process N, in another",
        "sed -i '4s/.*/hosts: dns files/' /etc/nsswitch.conf",
        "0",
        "0 Agreed",
    ];
    begin(&lines("nscd", script), &expected);
}

#[test]
fn the_library_and_background_daemons_are_recognised_under_any_name() {
    let script = r#"
    cp /usr/local/lib/libnss_bypass.so /run/test/nss-bypass.so; rules "bypass $NAME"
    export LD_PRELOAD=/run/test/nss-bypass.so; judge; grep -c 'the library is loaded in programs started here' /run/test/out
    unset LD_PRELOAD
    nsenter --target 1 --mount --net --uts bash -c 'daemon=$(readlink /proc/$(pidof nscd)/exe)
        kill $(pidof nscd); while pidof nscd; do sleep 0.05; done; rm -f /run/nscd/*
        "$daemon" -f /etc/nscd.conf' >/dev/null 2>&1
    until [[ -S /run/nscd/socket ]]; do sleep 0.05; done; sleep 0.3
    nss-bypass explain --ask $NAME >/run/test/out
    grep -o 'unscd 0.54 listens' /run/test/out; grep -o 'in different namespaces: network, mount' /run/test/out
    "#;
    begin(&lines("unscd", script), &["0 Agreed", "1", "unscd 0.54 listens", "in different namespaces: network, mount"]);
}

#[test]
fn words_that_are_not_names_get_a_hint() {
    let script = r#"
    for word in http://rancher-metadata/ rancher-metadata:80 root@rancher-metadata '[fd00::1]:80' ' rancher-metadata'; do
        nss-bypass explain "$word" >/run/test/out 2>&1; echo "$? $(tail -n 1 /run/test/out)"
    done
    nss-bypass doctor http://rancher-metadata/x >/run/test/out 2>&1; echo $?
    "#;
    let hint = "2   nss-bypass explain rancher-metadata";
    begin(&lines("none", script), &[hint, hint, hint, "2   nss-bypass explain fd00::1", hint, "2"]);
}

#[test]
fn unreachable_servers_do_not_delay_the_report() {
    let script = r#"
    printf 'nameserver 127.0.0.9\nnameserver 127.0.0.10\n' >/etc/resolv.conf
    python3 -S -c '
import socket, time
all = [socket.socket(type=socket.SOCK_DGRAM) for address in range(2)]
all[0].bind(("127.0.0.9", 53)); all[1].bind(("127.0.0.10", 53))
open("/run/test/bound", "w").close()
time.sleep(100)' & until [[ -e /run/test/bound ]]; do sleep 0.02; done
    started=$SECONDS
    judge --timeout 2; ((SECONDS - started < 9)) && echo soon
    # On a terminal: results are printed when they are known, followed by a line with the pending sources.
    script -qec 'nss-bypass explain --timeout 3 rancher-metadata' /dev/null >/run/test/terminal
    grep -ao 'waiting for [^(]*([12] s)' /run/test/terminal | head -n 1
    grep -a -n -m 1 'etc/hosts' /run/test/terminal | cut -d : -f 1 >/run/test/hosts
    grep -a -n -m 1 'waiting' /run/test/terminal | cut -d : -f 1 >/run/test/waiting
    (($(cat /run/test/hosts) <= $(cat /run/test/waiting))) && echo 'rows first'
    nss-bypass explain --timeout 0 x >/dev/null 2>&1; echo $?
    kill %?python3
    "#;
    let expected = [
        "3 Unknown: glibc without nscd answers \"no answer in 2 s\"; no answer from server 127.0.0.9, server",
        "soon",
        "waiting for glibc without nscd, server 127.0.0.9, server 127.0.0.10 (",
        "rows first",
        "2",
    ];
    begin(&lines("none", script), &expected);
}

#[test]
fn a_container_can_be_examined_from_the_host() {
    let script = r#"
    getent ahosts $NAME
    sleep 300 & pid=$!
    host() { nsenter --target 1 --mount --net --uts env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
    look() { local status=0; "$@" >/run/test/out 2>&1 || status=$?; echo "$status $(sed -n '/^└─/,/^$/p;/^nss-bypass:/p' /run/test/out | plain)"; }
    look host "$COMMAND" explain $NAME
    look host "$COMMAND" explain --pid $pid $NAME
    fix /run/test/out | sed "s/$pid/PID/" | tee /run/test/fix
    host bash -c "$(fix /run/test/out)"; cat /etc/nss-bypass.conf; kill $pid
    LD_PRELOAD=/usr/local/lib/libnss_bypass.so sleep 300 & pid=$!; sleep 0.2
    look host "$COMMAND" explain --ask --pid $pid $NAME both.example
    grep -c '^both.example$' /run/test/out
    look host "$COMMAND" doctor --pid $pid $NAME
    kill $pid; rm /etc/nss-bypass.conf
    LD_PRELOAD=/usr/local/lib/libnss_bypass.so NSS_BYPASS=$NAME sleep 300 & pid=$!; sleep 0.2
    look host "$COMMAND" explain --pid $pid $NAME; kill $pid
    look nss-bypass explain --pid 999999 $NAME
    look setpriv --reuid 65534 --regid 65534 --clear-groups nss-bypass explain --pid 1 $NAME
    nss-bypass explain --pid 0 $NAME >/dev/null 2>&1; echo $?
    nss-bypass explain --pid 1 --program ping $NAME >/dev/null 2>&1; echo $?
    mount -t tmpfs tmpfs /proc; look nss-bypass explain --pid 1 $NAME; look nss-bypass explain $NAME; umount /proc
    "#;
    let expected = [
        "0 Agreed: there is no such name",
        "1 nscd (process",
        "echo 'bypass rancher-metadata' >>/proc/PID/root/etc/nss-bypass.conf",
        "bypass rancher-metadata",
        "1 Agreed: the address is 169.254.169.250",
        "1",
        "0 No problems found.",
        "0 Agreed: the address is 169.254.169.250",
        "3 nss-bypass: no such process: 999999",
        "3 nss-bypass: cannot examine process 1: root privileges are required",
        "2",
        "2",
        "3 nss-bypass: cannot examine processes: /proc is not mounted",
        "3 ",
    ];
    let lines = lines("nscd", script);
    begin(&lines, &expected);
    assert!(
        lines[1].contains("note: restart process") && lines[1].contains("with the library in LD_PRELOAD"),
        "{lines:?}"
    );
}

#[test]
fn output_fits_80_columns_and_colours_follow_the_options() {
    let script = r#"
    getent ahosts $NAME
    (umask 077; rules "bypass some.very.long.name.that.goes.on.and.on.in.a.domain.that.is.long.rancher.internal" "bypass $NAME")
    preload
    for words in "explain $NAME" "doctor $NAME" "explain --program /usr/bin/ping $NAME"; do
        nss-bypass $words >/run/test/out
        # Commands to paste may be longer, and are whole lines outside of the tree.
        grep -v '^  ' /run/test/out | LC_ALL=C.UTF-8 grep -E '^.{81}'; grep -c $'\e' /run/test/out
        grep -E '^[│├└].*(chmod|export|sed -i)' /run/test/out
    done
    colours() { grep -c $'\e' >/dev/null && echo coloured || echo plain; }
    nss-bypass --color always explain $NAME | colours
    CLICOLOR_FORCE=1 nss-bypass doctor | colours
    CLICOLOR_FORCE=1 nss-bypass explain --color never $NAME | colours
    script -qec "TERM=xterm nss-bypass explain $NAME" /dev/null | colours
    script -qec "TERM=xterm NO_COLOR=1 nss-bypass explain $NAME" /dev/null | colours
    nss-bypass explain --color sometimes $NAME >/dev/null 2>&1; echo $?
    nss-bypass explain --json $NAME localhost | python3 -c 'import json, sys; print([one["subject"] for one in json.load(sys.stdin)])'
    "#;
    let expected =
        ["0", "0", "0", "coloured", "coloured", "plain", "coloured", "plain", "2", "['rancher-metadata', 'localhost']"];
    assert_eq!(lines("nscd", script)[..], expected.map(str::to_owned)[..]);
}

#[test]
fn fixes_of_doctor_work() {
    let script = r#"
    look() { local status=0; "$@" >/run/test/out || status=$?; fix /run/test/out >/run/test/fix; echo $status $(cat /run/test/fix); }
    fixed() { look nss-bypass doctor; . /run/test/fix; look nss-bypass doctor; }
    rules "bypass $NAME"; fixed
    chmod 600 /etc/nss-bypass.conf; fixed
    hosts_line 'files [nonsense] dns'; fixed
    echo /usr/local/lib/libnss_bypass.so >/etc/ld.so.preload
    export NSS_WRAPPER_PASSWD=/etc/passwd NSS_WRAPPER_GROUP=/etc/group LD_PRELOAD=libnss_wrapper.so; fixed
    rm /etc/ld.so.preload; unset LD_PRELOAD
    # An nscd that reads other files. There is no systemd: a function restarts it.
    printf 'enable-cache hosts yes\n' >/etc/nscd.conf; echo >/run/test/resolv.conf
    serve() { "$@" nscd -d >/dev/null 2>&1 & until [[ -S /run/nscd/socket ]]; do sleep 0.05; done; sleep 0.5; }
    serve unshare --mount bash -c 'mount --bind /run/test/resolv.conf /etc/resolv.conf; exec "$@"' bash
    systemctl() { [[ "$*" == 'restart nscd' ]] && nscd --shutdown && until ! pidof nscd >/dev/null; do sleep 0.05; done && serve; }
    preload; fixed; nscd --shutdown
    "#;
    let load = format!("1 {LOAD}");
    // Before glibc 2.33, an invalid line is not a problem.
    let edit = if releases::minor() < 33 { "0" } else { "1 sed -i '4s/.*/hosts: files dns/' /etc/nsswitch.conf" };
    let expected = [
        load.as_str(),
        "0",
        "1 chmod a+r /etc/nss-bypass.conf",
        "0",
        edit,
        "0",
        "1 export LD_PRELOAD=/usr/local/lib/libnss_bypass.so\"${LD_PRELOAD:+:$LD_PRELOAD}\"",
        "0",
        "1 systemctl restart nscd",
        "0",
    ];
    assert_eq!(lines("none", script)[..], expected.map(str::to_owned)[..]);
}

#[test]
fn information_for_root_is_checked_by_root() {
    let script = r#"
    sudo() { "$@"; }
    setpriv --reuid 65534 --regid 65534 --clear-groups nss-bypass doctor >/run/test/out; echo $?
    fix /run/test/out | tee /run/test/fix; . /run/test/fix | plain | grep -o 'problem: nscd .* does not belong to this container'
    "#;
    begin(&lines("nscd", script), &["3", "sudo nss-bypass doctor", "problem: nscd "]);
}

/// The tests that run a step of each kind, as it is printed, and check the result.
const EXECUTED: [(&str, fn()); 11] = [
    ("Bypass", nscd),
    ("Pass", a_rule_that_hides_a_name),
    ("Load", a_library_that_is_not_loaded),
    ("LoadFirst", another_preloaded_library_that_intercepts_lookups),
    ("Enable", a_program_that_runs_with_more_privileges_than_its_caller),
    ("EditHostsLine", no_dns_in_the_hosts_line),
    ("ChangeMode", files_that_only_root_can_read),
    ("Restart", a_process_that_was_started_before_the_library_was_enabled),
    ("CopyLibrary", a_process_in_a_chroot_without_the_library),
    ("UseCgo", go_with_cgo_uses_libc_if_configured),
    ("HostsEntry", programs_that_resolve_names_themselves),
];

#[test]
fn every_kind_of_fix_is_run_by_a_test() {
    let path = artefacts::home().join("../src/cli/diagnose/verdict.rs");
    let file = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
    let steps = file.items.iter().find_map(|item| match item {
        syn::Item::Enum(item) if item.ident == "Step" => Some(&item.variants),
        _ => None,
    });
    let steps: Vec<String> = steps.expect("there are steps").iter().map(|step| step.ident.to_string()).collect();
    assert_eq!(steps, EXECUTED.map(|(step, _)| step));
}
