use super::*;

const PRELUDE: &str = r#"
mkdir -p /run/bin /run/shared; chmod 755 /run /run/bin; chmod 1777 /run/shared; umask 022
cp "$LIBRARY" /run/bin/libnss_bypass.so
for kind in plain setuid setgid capable; do cp "$PROGRAM" /run/bin/$kind; chmod 755 /run/bin/$kind; done
chmod 4755 /run/bin/setuid; chmod 2755 /run/bin/setgid; setcap cap_net_bind_service=ep /run/bin/capable
ask() { # WHAT KIND: runs a lookup as nobody
printf '%s: ' "$1"
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all -- /run/bin/"$2" - cold 'gai ok_ok.t.example' 2>&1
}
each() { for kind in setuid setgid capable; do ask "$1 $kind" $kind; done; }
forget() { rm -f /etc/nss-bypass.conf /run/shared/*; chmod 755 /etc; chown 0:0 /etc; }
good() { forget; echo 'bypass *' >/etc/nss-bypass.conf; chmod 644 /etc/nss-bypass.conf; }
bare=$(/run/bin/plain - cold 'gai ok_ok.t.example')
echo /run/bin/libnss_bypass.so >/etc/ld.so.preload
truth=$(NSS_BYPASS='*' /run/bin/plain - cold 'gai ok_ok.t.example')
test "$bare" != "$truth" || echo 'NO DIFFERENCE TO SEE'
"#;

/// The output of a script, in which the correct answer and that of nscd are replaced with names.
fn script(text: &str) -> Vec<String> {
    let place = Place::new(|_| ());
    let mut bash = place.worlds[1].command(&tool("bash"), &place.etc);
    let script = format!(
        "{PRELUDE}\n{{\n{text}\n}} | while IFS= read -r line; do line=${{line/$truth/ours}}; echo \"${{line/$bare/libc}}\"; done"
    );
    bash.args(["-c", &script]).env("LIBRARY", library()).env("PROGRAM", program("seccomp"));
    bash.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let output = run(bash, "");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", whole(&output));
    self::text(&output).lines().map(str::to_owned).collect()
}

fn text(output: &Output) -> String {
    super::text(output)
}

#[test]
fn privileged_programs_ignore_all_variables() {
    let said = script(
        r#"
export NSS_BYPASS='*' NSS_BYPASS_LOG=/run/shared/log
ask plain plain; each rules
unset NSS_BYPASS
printf 'bypass *\nnonsense\n' >/run/shared/rules; export NSS_BYPASS_CONF=/run/shared/rules
ask plain plain; each file
unset NSS_BYPASS_CONF; good
export NSS_BYPASS_DISABLE=1
ask disabled plain; each disabled
unset NSS_BYPASS_DISABLE; echo nonsense >>/etc/nss-bypass.conf
each faults
ls -A /run/shared"#,
    );
    let expected = [
        "plain: ours",
        "rules setuid: libc",
        "rules setgid: libc",
        "rules capable: libc",
        "plain: ours",
        "file setuid: libc",
        "file setgid: libc",
        "file capable: libc",
        "disabled: libc",
        "disabled setuid: ours",
        "disabled setgid: ours",
        "disabled capable: ours",
        "faults setuid: ours",
        "faults setgid: ours",
        "faults capable: ours",
    ];
    assert_eq!(said, expected);
    report(Heading::Privilege, "variables in privileged programs", 12, "all ignored, nothing is logged", None);
}

#[test]
fn privileged_programs_reject_a_configuration_that_others_can_write() {
    let said = script(
        r#"
good; each good
good; chmod 664 /etc/nss-bypass.conf; each group
good; chmod 646 /etc/nss-bypass.conf; each world
good; chown 65534 /etc/nss-bypass.conf; each owner
good; chmod 1777 /etc; each sticky
good; chmod 775 /etc; each directory
good; chown 65534 /etc; each "directory's owner"
good; mv /etc/nss-bypass.conf /run/bin/rules; ln -s /run/bin/rules /etc/nss-bypass.conf; each link
good; mv /etc/nss-bypass.conf /run/shared/rules; ln -s /run/shared/rules /etc/nss-bypass.conf; each 'link to shared'
good; rm /etc/nss-bypass.conf; mkfifo /etc/nss-bypass.conf; each fifo
good; rm /etc/nss-bypass.conf; mkdir /etc/nss-bypass.conf; each directory; rmdir /etc/nss-bypass.conf"#,
    );
    assert_eq!(said.len(), 33, "{said:?}");
    for line in &said {
        let expected = if line.starts_with("good ") { ": ours" } else { ": libc" };
        assert!(line.ends_with(expected), "{said:#?}");
    }
    report(
        Heading::Privilege,
        "configurations for privileged programs",
        said.len(),
        "rejected if users other than root could change them",
        None,
    );
}

/// If `/` itself belongs to other users or is writable by them, in a private root directory with this machine's files.
#[test]
fn privileged_programs_reject_a_configuration_below_a_root_directory_that_others_can_write() {
    let said = script(
        r#"
good; mkdir /run/other; mount -t tmpfs -o mode=755 none /run/other
for entry in /*; do
    if [ -L "$entry" ]; then cp -P "$entry" /run/other/
    elif [ -d "$entry" ]; then mkdir "/run/other$entry"; mount --rbind "$entry" "/run/other$entry"; fi
done
below() { # WHAT MODE OWNER: of the other root directory
    chown "$3" /run/other; chmod "$2" /run/other
    for kind in setuid setgid capable plain; do
        printf '%s %s: ' "$1" $kind
        chroot /run/other setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all -- \
            /run/bin/$kind - cold 'gai ok_ok.t.example' 2>&1
    done
}
below good 755 0:0; below sticky 1777 0:0; below group 775 0:0; below world 757 0:0; below owner 755 65534:0"#,
    );
    assert_eq!(said.len(), 20, "{said:#?}");
    for line in &said {
        let expected = if line.starts_with("good ") || line.contains(" plain: ") { ": ours" } else { ": libc" };
        assert!(line.ends_with(expected), "{said:#?}");
    }
    let result = "refused wherever others than root could change `/`";
    report(
        Heading::Privilege,
        "configurations for privileged programs, below a root directory of others",
        said.len(),
        result,
        None,
    );
}

const LOGS: &str = r#"
log() { # WHAT PATH: runs a lookup as root
printf '%s: ' "$1"
NSS_BYPASS='*' NSS_BYPASS_LOG=$2 timeout 10 /run/bin/plain - cold 'gai ok_ok.t.example' 2>&1
}
mkdir /run/victim; echo precious >/run/victim/file
setpriv --reuid 65534 --clear-groups -- mkdir /run/shared/own"#;

#[test]
fn a_log_in_a_shared_directory_is_never_written_to_another_file() {
    let said = script(&format!(
        r#"{LOGS}
ln -s /run/victim/file /run/shared/link; log link /run/shared/link
ln -s /run/victim/new /run/shared/dangling; log dangling /run/shared/dangling
ln /run/victim/file /run/shared/hard; log hard /run/shared/hard
mkfifo /run/shared/fifo; log fifo /run/shared/fifo
(cat /run/shared/fifo >/run/victim/read & echo $! >/run/reader); sleep 0.1; log 'fifo with a reader' /run/shared/fifo; kill $(cat /run/reader) 2>/dev/null; cat /run/victim/read
mknod /run/shared/device c 1 3; log device /run/shared/device
mknod /run/shared/full c 1 7; log full /run/shared/full
mkdir /run/shared/directory; log directory /run/shared/directory
log nowhere /run/shared/none/log
log proc /proc/self/mem
log plain /run/shared/plain; grep -c bypass /run/shared/plain; stat -c %a /run/shared/plain
cat /run/victim/file; ls /run/victim"#
    ));
    let names = [
        "link",
        "dangling",
        "hard",
        "fifo",
        "fifo with a reader",
        "device",
        "full",
        "directory",
        "nowhere",
        "proc",
        "plain",
    ];
    let mut expected: Vec<String> = names.iter().map(|name| format!("{name}: ours")).collect();
    expected.extend(["1", "600", "precious", "file", "read"].map(str::to_owned));
    assert_eq!(said, expected);
    report(
        Heading::Privilege,
        "logs in a shared directory",
        names.len(),
        "only written to a file of the same user",
        None,
    );
}

#[test]
fn symbolic_links_of_other_users_in_the_path_of_a_log_are_not_followed() {
    let said = script(&format!(
        r#"{LOGS}
setpriv --reuid 65534 --clear-groups -- ln -s /run/victim /run/shared/own/way; log way /run/shared/own/way/log
setpriv --reuid 65534 --clear-groups -- ln -s /run/victim /run/shared/way; log 'shared way' /run/shared/way/log2
ls /run/victim"#
    ));
    assert_eq!(said, ["way: ours", "shared way: ours", "file"]);
    report(Heading::Privilege, "logs in a path with a link of another user", 2, "not written", None);
}
