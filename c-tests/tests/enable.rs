//! `nss-bypass enable`, `disable` and `status` on whole systems: root directories that consist of bind mounts and a
//! private /etc, in private namespaces. The machine's /etc/ld.so.preload is neither written nor read.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use c_tests::artefacts::{command, library, scratch, stand_in, tool};
use c_tests::world::unique;

/// Creates the root directory $R, with the library as $R$L. `try` prints the status of a command, `file` prints the
/// contents of the file, and `run` prints whether programs run normally there. $N is the command.
const PRELUDE: &str = r#"
set -u
L=/opt/ours/libnss_bypass.so F=$R/etc/ld.so.preload
mkdir -p "$R"/{etc,opt/ours,dev,proc,tmp,var,run}
chmod 755 "$R" "$R"/etc "$R"/opt "$R"/opt/ours
for directory in usr bin sbin lib lib32 lib64 libx32; do
    if [[ -d /$directory ]]; then
        mkdir -p "$R/$directory" && mount --bind "/$directory" "$R/$directory" && mount -o remount,bind,ro "$R/$directory" || exit 9
    fi
done
touch "$R/dev/null" && mount --bind /dev/null "$R/dev/null" && mount -t proc proc "$R/proc" || exit 9
cp /etc/passwd /etc/nsswitch.conf /etc/ld.so.cache "$R/etc/"
echo '127.0.0.1 localhost' >"$R/etc/hosts"
echo 'bypass rancher-metadata' >"$R/etc/nss-bypass.conf"
chmod 644 "$R"/etc/*
install -m 644 "$LIBRARY" "$R$L"
install -m 755 "$N" "$R/opt/nss-bypass"
N=("$N")
enable() { "${N[@]}" enable --root "$R" --library "${1-$L}"; }
disable() { "${N[@]}" disable --root "$R" "$@"; }
try() { local status=0; "$@" >/dev/null 2>"$R/tmp/errors" || status=$?; echo "status=$status $(head -n 1 "$R/tmp/errors")"; }
# Runs the commands that a verb has suggested.
fixed() { sed -n 's/^      //p' "$R/tmp/errors" | sed "s,nss-bypass ,${N[*]} ,"  >"$R/tmp/fix"; bash -e "$R/tmp/fix" >"$R/tmp/fixing" 2>&1 || cat "$R/tmp/fixing"; }
file() { if [[ -f $F ]]; then echo "<$(sed "s,$L,OURS,g" "$F" | tr '\n\0' '|0')>"; else echo none; fi; }
beside() { (cd "$R/etc" && echo ld.so.preload*); }
run() {
    local all='/bin/true; /bin/ls / >/dev/null; /usr/bin/id -u; getent hosts localhost; /sbin/ldconfig --version | head -n 1'
    chroot "$R" /bin/sh -c "$all" 2>&1 | md5sum
}
"#;

struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        // The mounts were in a namespace that has been destroyed with its processes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a bash script with a private root directory, and returns its output.
fn in_root(script: &str) -> String {
    let root = Root(unique(&scratch("roots")));
    let mut command_line = Command::new(tool("unshare"));
    command_line
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
        .args(["bash", "-c", &format!("{PRELUDE}\n{script}\ntrue")])
        .env("R", &root.0)
        .env("N", command())
        .env("LIBRARY", library())
        .env("TROUBLE", stand_in("harmful_library"))
        .env("SCRIPT", PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/tarball/install.sh"))
        .env_remove("LD_PRELOAD")
        .stdin(Stdio::null());
    let output = command_line.output().expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the script ended with {}:\n{text}{errors}", output.status);
    assert!(errors.is_empty(), "{text}\n{errors}");
    text
}

#[test]
fn enable_adds_a_line_to_any_file_and_disable_restores_it() {
    let script = r##"
    other=/lib/x86_64-linux-gnu/libm.so.6; [[ -e $other ]] || other=$(ls /lib/*/libm.so.6 | head -n 1)
    before=$(run)
    case_of() {
        local name=$1 text=$2 mode=${3-644}
        rm -f "$F"*; [[ $text == none ]] || { printf "$text" >"$F"; chmod "$mode" "$F"; chown 0:7 "$F"; }
        cp -a "$F" "$R/tmp/before" 2>/dev/null || rm -f "$R/tmp/before"
        local first second
        first=$(try enable); cp -a "$F" "$R/tmp/after"; second=$(try enable)
        cmp -s "$F" "$R/tmp/after" || echo "$name: not idempotent"
        local shown; shown=$(file | sed "s,$other,OTHER,g")
        [[ $(run) == "$before" ]] || echo "$name: programs go another way"
        local facts; facts=$(stat -c '%a %u:%g' "$F")
        disable >/dev/null; disable >/dev/null
        local back=differs
        if [[ -e $R/tmp/before ]]; then
            cmp -s "$F" "$R/tmp/before" && [[ $(stat -c '%a %u:%g' "$F") == $(stat -c '%a %u:%g' "$R/tmp/before") ]] && back=same
        else
            [[ ! -e $F ]] && back=same
        fi
        [[ $(beside) == ld.so.preload || $(beside) == 'ld.so.preload*' ]] || echo "$name: left $(beside)"
        echo "$name: $first$second$shown $facts $back"
    }
    case_of absent none
    case_of empty ''
    case_of newline '\n'
    case_of ended "$other\n"
    case_of unended "$other"
    case_of comment '# nothing here\n'
    case_of unended-comment '# nothing here'
    case_of commented "#$L\n"
    case_of read-only "$other\n" 444
    case_of blanks " \t$other : \n\n"
    "##;
    let text = in_root(script);
    for line in [
        "absent: status=0 status=0 <OURS|> 644 0:0 same",
        "empty: status=0 status=0 <OURS|> 644 0:7 same",
        "newline: status=0 status=0 <|OURS|> 644 0:7 same",
        "ended: status=0 status=0 <OTHER|OURS|> 644 0:7 same",
        "unended: status=0 status=0 <OTHER|OURS> 644 0:7 same",
        "comment: status=0 status=0 <# nothing here|OURS|> 644 0:7 same",
        "unended-comment: status=0 status=0 <# nothing here|OURS> 644 0:7 same",
        "commented: status=0 status=0 <#OURS|OURS|> 644 0:7 same",
        "read-only: status=0 status=0 <OTHER|OURS|> 444 0:7 same",
        "blanks: status=0 status=0 < \tOTHER : ||OURS|> 644 0:7 same",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert_eq!(text.lines().count(), 10, "{text}");
}

#[test]
fn disable_removes_all_spellings_and_nothing_else_even_without_the_library() {
    let script = r#"
    case_of() { rm -f "$F"*; printf "$1" >"$F"; local status; status=$(try disable "${@:2}"); echo "$status$(file)"; }
    other=/lib/x86_64-linux-gnu/libm.so.6
    ln "$R$L" "$R/opt/hard.so"; ln -s "$L" "$R/opt/soft.so"
    mkdir "$R/opt/ours/lib"
    case_of "$other\n$L\n/opt/ours//libnss_bypass.so /opt/soft.so\n"
    all="$other\n$L\n/opt/ours//libnss_bypass.so /opt/soft.so\n/opt/hard.so\n/opt/../opt/ours/\$LIB/../libnss_bypass.so\n# end\n"
    case_of "$all" --library "$L"
    case_of "$L $other\n" --library "$L"
    case_of "$L $L\n$L"
    case_of "$other\n/opt/other/libnss_bypass.so\n" --library "$L"
    rm "$R$L"
    case_of "$other\n$L\n/opt/soft.so\n" --library "$L"
    case_of "$other\n$L\n"
    "#;
    let text = in_root(script).replace("/lib/x86_64-linux-gnu/libm.so.6", "OTHER");
    let expected = [
        "status=0 <OTHER|>",
        "status=0 <OTHER|# end|>",
        "status=0 <OTHER|>",
        "status=0 <>",
        "status=0 <OTHER|/opt/other/libnss_bypass.so|>",
        "status=0 <OTHER|>",
        "status=0 <OTHER|>",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn harmful_libraries_and_libraries_that_others_can_change_are_refused() {
    let script = r#"
    before=$(run)
    refuse() {
        local name=$1; shift
        local status; status=$(try enable "$@")
        echo "$name: $status"
        [[ ! -e $F && $(beside) == 'ld.so.preload*' ]] || echo "$name: left $(beside)"
        [[ $(run) == "$before" ]] || echo "$name: programs go another way"
    }
    for kind in speaks warns crashes ends waits hangs; do
        install -m 644 "$TROUBLE" "$R/opt/ours/$kind.so"; refuse "$kind" "/opt/ours/$kind.so"
    done
    cd "$R/opt/ours"
    head -c 5000 libnss_bypass.so >truncated.so; refuse truncated /opt/ours/truncated.so
    head -c 100000 libnss_bypass.so >half.so; refuse half /opt/ours/half.so
    { head -c 4; printf '\001'; tail -c +2; } <libnss_bypass.so >class.so
    head -c 4 libnss_bypass.so >class.so; printf '\001' >>class.so; tail -c +6 libnss_bypass.so >>class.so
    refuse class /opt/ours/class.so
    head -c 18 libnss_bypass.so >machine.so; printf '\267\000' >>machine.so; tail -c +21 libnss_bypass.so >>machine.so
    refuse machine /opt/ours/machine.so
    sed 's/GLIBC_2\.34/GLIBC_9.34/g; s/GLIBC_2\.2\.5/GLIBC_9.2.5/g' libnss_bypass.so >version.so; refuse version /opt/ours/version.so
    sed 's/libc\.so\.6/libq.so.6/g' libnss_bypass.so >needs.so; refuse needs /opt/ours/needs.so
    echo text >text.so; refuse text /opt/ours/text.so
    refuse missing /opt/ours/none.so
    refuse directory /opt/ours
    refuse relative opt/ours/libnss_bypass.so
    cp libnss_bypass.so 'a b.so'; refuse blank '/opt/ours/a b.so'
    cp libnss_bypass.so group.so; chmod 664 group.so; refuse group /opt/ours/group.so
    cp libnss_bypass.so user.so; chown 33 user.so; refuse user /opt/ours/user.so
    cp libnss_bypass.so secret.so; chmod 600 secret.so; refuse secret /opt/ours/secret.so
    mkdir "$R/opt/open"; chmod 1777 "$R/opt/open"; cp libnss_bypass.so "$R/opt/open/x.so"; refuse open /opt/open/x.so
    ln -s /opt/open/x.so link.so; refuse link /opt/ours/link.so
    mkdir "$R/opt/disk"; mount -t tmpfs -o mode=755 tmpfs "$R/opt/disk"; cp libnss_bypass.so "$R/opt/disk/"
    refuse disk /opt/disk/libnss_bypass.so
    cd /
    "#;
    let text = in_root(script);
    let expected = [
        ("speaks", "printed \"here I am"),
        ("warns", "printed to standard error: here I am"),
        ("crashes", "ended with signal: 6"),
        ("ends", "ended with exit status: 7 instead of exit status: 0"),
        ("waits", "in /etc/ld.so.preload, ended with signal: 6"),
        ("hangs", "did not end within 15 seconds"),
        ("truncated", "ended with signal: 7"),
        ("half", "ended with signal: 7"),
        ("class", "wrong ELF class: ELFCLASS32"),
        ("machine", "cannot be preloaded"),
        ("version", "version `GLIBC_9."),
        // The dynamic linker reports which symbols are missing, or crashes.
        ("needs", "/lib64/ld-linux-x86-64.so.2 libc.so.6, with LD_PRELOAD=/opt/ours/needs.so, "),
        ("text", "file too short"),
        ("missing", "No such file or directory"),
        ("directory", "is not a regular file"),
        ("relative", "is not an absolute path"),
        ("blank", "has a blank"),
        ("group", "is writable by its group"),
        ("user", "is owned by user 33, not by root"),
        ("secret", "is not readable by all users"),
        ("open", "/opt/open, a directory of /opt/open/x.so, is writable by all users"),
        ("link", "/opt/open, a directory of /opt/ours/link.so, is writable by all users"),
        ("disk", "is not on the root file system"),
    ];
    for (name, why) in expected {
        let start = format!("{name}: status=1 ");
        let line = text.lines().find(|line| line.starts_with(&start));
        assert!(line.is_some_and(|line| line.contains(why)), "{name}, {why}:\n{text}");
    }
    assert_eq!(text.lines().count(), expected.len(), "{text}");
}

#[test]
fn with_an_empty_32_bit_library_the_entry_contains_the_token_lib_if_supported() {
    let script = r##"
    L=/opt/lib/x86_64-linux-gnu/libnss_bypass.so empty=$R/opt/lib/i386-linux-gnu/libnss_bypass.so
    mkdir -p "$R"/opt/lib/{x86_64,i386}-linux-gnu "$R/opt/lib32" && install -m 644 "$LIBRARY" "$R$L" && install -m 644 /dev/null "$empty"
    ln -s ../lib/i386-linux-gnu/libnss_bypass.so "$R/opt/lib32/"
    before=$(run)
    echo "enable: $(try enable) $(file)"
    [[ $(run) == "$before" ]] || echo 'programs go another way'
    chroot "$R" /bin/cat /proc/self/maps | grep -o '/opt/.*' | sort -u
    echo "again: $(try enable) $(file)"
    "${N[@]}" status --root "$R" --library "$L" | sed -nE 's/^File: *[^,]*, //; s/build [0-9a-f]{40}$/its build/p'
    chmod g+w "$empty"; "${N[@]}" status --root "$R" --library "$L" | grep -o '[^ ]* is writable by its group' | head -n 1
    chmod g-w "$empty"
    echo "disable: $(try disable) $(file)"
    chmod g+w "$empty"; echo "writable: $(try enable) $(file)"; chmod g-w "$empty"
    # A dynamic linker with another value of the token.
    loader=$R/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
    sed 's,lib/x86_64-linux-gnu,lib/x86_64-linux-gnx,g' "$loader" >"$R/tmp/loader" && chmod 755 "$R/tmp/loader"
    mount --bind "$R/tmp/loader" "$loader"
    echo "other loader: $(try enable) $(file)"
    chroot "$R" /bin/cat /proc/self/maps | grep -o '/opt/.*' | sort -u
    "##;
    let expected = "enable: status=0  </opt/$LIB/libnss_bypass.so|>\n\
                    OURS\n\
                    again: status=0  </opt/$LIB/libnss_bypass.so|>\n\
                    line 1: /opt/$LIB/libnss_bypass.so, its build\n\
                    /opt/lib32/libnss_bypass.so, is writable by its group\n\
                    disable: status=0  none\n\
                    writable: status=1 nss-bypass enable: /opt/lib/i386-linux-gnu/libnss_bypass.so, a directory of \
                    /opt/lib32/libnss_bypass.so, is writable by its group none\n\
                    other loader: status=0  <OURS|>\n\
                    OURS\n";
    assert_eq!(in_root(script).replace("/opt/lib/x86_64-linux-gnu/libnss_bypass.so", "OURS"), expected);
}

#[test]
fn obstacles_are_reported_and_the_file_is_kept() {
    let script = r#"
    other=/lib/x86_64-linux-gnu/libm.so.6
    enabled() { echo "$1: $(try enable) $(file)"; rm -rf "$F"*; }
    printf "$other\n/opt/old/libnss_bypass.so\n" >"$F"; mkdir -p "$R/opt/old"; cp "$R$L" "$R/opt/old/"; enabled another
    printf "/opt/none.so\n" >"$F"; enabled complaint
    printf "$other\0\n" >"$F"; enabled nul
    mkdir "$F"; enabled directory
    mkfifo "$F"; enabled pipe
    mkdir "$R/etc/real"; printf "$other\n" >"$R/etc/real/file"; ln -s /etc/real/file "$F"
    echo "link: $(try enable) $(readlink "$F") $(cat "$R/etc/real/file" | tr '\n' '|')"; try disable; cat "$R/etc/real/file"; rm "$F"
    ln -s /etc/real/none "$F"; try enable; echo "dangling: $(readlink "$F") $(cat "$R/etc/real/none")"
    try disable; ls "$R/etc/real"; rm "$F"
    printf "$other" >"$F"; mount --bind "$F" "$F"; echo "mount: $(try enable) $(file) $(beside)"; umount "$F"
    mount --bind "$R/etc" "$R/etc"; mount -o remount,bind,ro "$R/etc"; echo "ro: $(try enable) $(file)"; umount "$R/etc"
    rm -f "$F"*; cp -a "$R/etc" "$R/tmp/etc"; mount -t tmpfs -o size=256k,mode=755 tmpfs "$R/etc"; cp -a "$R/tmp/etc/." "$R/etc/"
    printf "$other\n" >"$F"; dd if=/dev/zero of="$R/etc/fill" bs=4k 2>/dev/null
    echo "full: $(try enable) $(file) $(beside)"
    rm "$R/etc/fill"; echo "room: $(try enable) $(file)"
    dd if=/dev/zero of="$R/etc/fill" bs=4k 2>/dev/null; echo "full: $(try disable) $(file)"
    umount "$R/etc"
    setpriv --reuid 65534 --clear-groups "${N[@]}" enable --root / --library /opt/ours/libnss_bypass.so 2>/dev/null; echo "nobody: $?"
    "#;
    let text = in_root(script).replace("/lib/x86_64-linux-gnu/libm.so.6", "OTHER");
    let path = |line: &str| {
        let at = line.find("/target/").map(|at| line[..at].rfind(' ').map_or(0, |blank| blank + 1));
        at.map_or(line.to_owned(), |at| {
            let end = line.find("/etc").unwrap_or(at);
            format!("{}{}", &line[..at], &line[end..])
        })
    };
    let lines: Vec<String> = text.lines().map(path).collect();
    let expected = [
        "another: status=1 nss-bypass enable: /etc/ld.so.preload names another copy of the library: /opt/old/libnss_bypass.so <OTHER|/opt/old/libnss_bypass.so|>",
        "complaint: status=1 nss-bypass enable: /lib",
        "nul: status=1 nss-bypass enable: /etc/ld.so.preload contains a NUL byte",
        "directory: status=1 nss-bypass enable: cannot read /etc/ld.so.preload: not a regular file",
        "pipe: status=1 nss-bypass enable: cannot read /etc/ld.so.preload: not a regular file",
        "link: status=0  /etc/real/file OTHER|OURS|",
        "status=0 ",
        "OTHER",
        "status=0 ",
        "dangling: /etc/real/none OURS",
        "status=0 ",
        "file",
        "mount: status=1 nss-bypass enable: cannot replace /etc/ld.so.preload: Device or resource busy",
        "ro: status=1 nss-bypass enable: cannot back up /etc/ld.so.preload: Read-only file system",
        "full: status=1 nss-bypass enable: cannot back up /etc/ld.so.preload: No space left on device",
        "room: status=0  <OTHER|OURS|>",
        "full: status=1 nss-bypass disable: cannot replace /etc/ld.so.preload: No space left on device",
        "nobody: 1",
    ];
    for (line, start) in lines.iter().zip(expected) {
        let line = line.replace("/opt/ours/libnss_bypass.so", "OURS");
        assert!(line.starts_with(start), "{start}\n{line}\n{text}");
    }
    assert_eq!(lines.len(), expected.len(), "{text}");
    // A bind mount cannot be replaced: only the file itself is left.
    assert!(lines.iter().any(|line| line.starts_with("mount: ") && line.ends_with(" <OTHER> ld.so.preload")), "{text}");
    let full: Vec<_> = lines.iter().filter(|line| line.starts_with("full: ")).collect();
    assert!(full[0].ends_with("<OTHER|> ld.so.preload"), "{text}");
    assert!(full[1].ends_with("<OTHER|OURS|>"), "{text}");
}

#[test]
fn after_a_kill_at_any_system_call_the_file_is_the_old_or_the_new_one() {
    let script = r#"
    other=/lib/x86_64-linux-gnu/libm.so.6
    # All system calls that change something, and some of the many others: the calls of a run in order, beginning with
    # the lock, each with its number among calls of the same name.
    calls() {
        strace -o "$R/tmp/trace" "$@" >/dev/null
        awk -F'(' '/^[a-z]/ { n[$1]++; if ($1 == "flock") go = 1; if (go) print $1, n[$1] }' "$R/tmp/trace" |
            grep -vE '^(clock_nanosleep|wait4|exit_group|restart_syscall) ' |
            awk '/^(write|fsync|rename|unlink|fchmod|fchown|flock) / || ++others % 60 == 1'
    }
    killed() { (strace -o /dev/null -e "inject=$1:signal=KILL:when=$2" "${@:3}"; true) >/dev/null 2>&1; }
    with_old() { rm -f "$F"*; [[ $1 == none ]] || printf "$1" >"$F"; }
    for old in none "$other\n# x\n"; do
        with_old "$old"; enabling=$(calls "${N[@]}" enable --root "$R" --library "$L"); new=$(file)
        disabling=$(calls "${N[@]}" disable --root "$R"); first=$(file)
        count=0 kept=0 changed=0
        while read -r call number; do
            with_old "$old"
            killed "$call" "$number" "${N[@]}" enable --root "$R" --library "$L"
            seen=$(file)
            case $seen in
                "$first") kept=$((kept + 1)) ;;
                "$new") changed=$((changed + 1)) ;;
                *) echo "enable, $call $number: $seen" ;;
            esac
            enable >/dev/null 2>&1; [[ $(file) == "$new" ]] || echo "enable, $call $number: a later run makes $(file)"
            disable >/dev/null; [[ $(file) == "$first" ]] || echo "enable, $call $number: disable makes $(file)"
            [[ $(beside) == ld.so.preload || $(beside) == 'ld.so.preload*' ]] || echo "enable, $call $number: left $(beside)"
            count=$((count + 1))
        done <<<"$enabling"
        echo "enable: $((count > 30 && kept > 10 && changed > 5))"
        echo "counts: $count calls, $kept old, $changed new" >&3
        count=0 kept=0 changed=0
        while read -r call number; do
            with_old "$old"; enable >/dev/null
            killed "$call" "$number" "${N[@]}" disable --root "$R"
            case $(file) in
                "$first") changed=$((changed + 1)) ;;
                "$new") kept=$((kept + 1)) ;;
                *) echo "disable, $call $number: $(file)" ;;
            esac
            disable >/dev/null; [[ $(file) == "$first" ]] || echo "disable, $call $number: a later run makes $(file)"
            count=$((count + 1))
        done <<<"$disabling"
        echo "disable: $((count > 5 && kept > 1 && changed > 1))"
        echo "counts: $count calls, $kept new, $changed old" >&3
    done
    "#;
    let text = in_root(&format!("exec 3>\"$R/../counts\"\n{script}"));
    println!("{}", fs::read_to_string(scratch("roots").join("counts")).unwrap());
    assert_eq!(text, "enable: 1\ndisable: 1\nenable: 1\ndisable: 1\n");
}

#[test]
fn a_dry_run_tests_another_build_and_changes_nothing() {
    let script = r#"
    dry() { "${N[@]}" enable --dry-run --root "$R" --library "$1"; }
    enable >/dev/null
    cp "$R$L" "$R$L.new"
    before=$(beside; file)
    try dry "$L.new"
    head -c 4096 "$R$L" >"$R$L.new"
    echo "$(try dry "$L.new" | cut -c -8)"
    chmod 666 "$R$L.new"
    echo "$(try dry "$L.new" | cut -c -8)"
    if [[ $(beside; file) == "$before" ]]; then echo same; fi
    disable >/dev/null
    try dry "$L"
    file
    "#;
    let text = in_root(script);
    assert_eq!(text, "status=0 \nstatus=1\nstatus=1\nsame\nstatus=0 \nnone\n");
}

#[test]
fn concurrent_runs_wait_for_each_other() {
    let script = r#"
    other=/lib/x86_64-linux-gnu/libm.so.6
    printf "$other\n" >"$F"
    for round in 1 2 3; do
        for each in 1 2 3 4; do enable >/dev/null & done; wait; file
        for each in 1 2 3 4; do disable >/dev/null & done; wait; file
        for each in 1 2 3; do enable >/dev/null & disable >/dev/null & done; wait
        enable >/dev/null; file; disable >/dev/null; file; beside
    done
    flock "$R/etc" sleep 0.5 & sleep 0.1; enable >/dev/null; jobs -r | wc -l; file
    "#;
    let text = in_root(script).replace("/lib/x86_64-linux-gnu/libm.so.6", "OTHER");
    let round = "<OTHER|OURS|>\n<OTHER|>\n<OTHER|OURS|>\n<OTHER|>\nld.so.preload\n";
    assert_eq!(text, format!("{}0\n<OTHER|OURS|>\n", round.repeat(3)));
}

#[test]
fn status_lists_processes_and_versions() {
    let script = r##"
    inside() { chroot "$R" "$@"; }
    N=(chroot "$R" /opt/nss-bypass)
    state() { "${N[@]}" status --library "$L" >"$R/tmp/status" 2>&1; echo "$1: $? $(sed -n 's/^Verdict: *//p' "$R/tmp/status")"; }
    lines() { grep -oE "$1" "$R/tmp/status" | sed -E 's/ [0-9]+([,:]|$)/ N\1/g'; }
    state before
    inside /bin/sleep 100 & sleep 1.2
    "${N[@]}" enable --library "$L" | sed 's/[0-9][0-9]* trials/some trials/'
    sleep 1.2; inside /bin/sleep 200 & sleep 0.2
    state enabled; lines '[0-9]+ without the library, started before it was enabled: sleep [0-9]+$'; lines 'in this version: sleep [0-9]+$'
    inside /usr/bin/env LD_PRELOAD=$L /opt/nss-bypass status | grep -c 'LD_PRELOAD names the library'
    "${N[@]}" status --library "$L" --json >"$R/tmp/json"
    python3 - "$R/tmp/json" <<'END'
import json, sys
status = json.load(open(sys.argv[1]))
print(sorted(status), sorted(status["file"]), sorted(status["processes"]), sorted(status["environment"]))
with_it = [each for each in status["processes"]["with"] if each["name"] == "sleep"]
print(status["verdict"], status["versions_differ"], len(with_it), sorted(with_it[0]), with_it[0]["build"] == status["file"]["named"][0]["build"] != None)
print([each["name"] for each in status["processes"]["earlier"]])
END
    cp "$R$L" "$R$L.new"; mv "$R$L.new" "$R$L"; state replaced; lines 'the same version, .*, whose file was deleted or replaced'
    install -m 644 "$TROUBLE" "$R$L.new"; mv "$R$L.new" "$R$L"; state other; lines 'another version, .*, whose file was deleted or replaced'
    rm "$R$L"; state gone 2>/dev/null; lines 'is named in /etc/ld.so.preload, but does not exist'
    printf "/nothing.so\n# one\n# two\n" >"$F"; state comments; lines 'ld.so reads "#?[a-z]*" as a library'
    "${N[@]}" disable >/dev/null 2>&1; kill %1 %2
    "##;
    let text = in_root(script).replace("/opt/ours/libnss_bypass.so", "OURS");
    println!("{text}");
    for part in [
        "before: 1 disabled\n",
        "Added OURS to /etc/ld.so.preload: some trials passed\n",
        "enabled: 0 enabled\n",
        "1 without the library, started before it was enabled: sleep N\n",
        "in this version: sleep N\n",
        "['changed', 'environment', 'file', 'processes', 'removable', 'rules', 'troubles', 'verdict', 'versions_differ'] \
         ['named', 'path', 'present'] ['earlier', 'elsewhere', 'unseen', 'with', 'without'] ['LD_PRELOAD', 'named']\n",
        "enabled False 1 ['build', 'c_ares', 'deleted', 'differs', 'executable', 'name', 'path', 'pid', 'same_network', 'secure'] True\n",
        "['sleep']\n",
        "replaced: 0 enabled\nthe same version, OURS, whose file was deleted or replaced\n",
        "other: 1 problem found\nanother version, OURS, whose file was deleted or replaced\n",
        "gone: 1 problem found\nis named in /etc/ld.so.preload, but does not exist\n",
        "comments: 1 problem found\nld.so reads \"#\" as a library\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Between writing the new file and the end of its tests. A signal is handled after the tests. After SIGKILL, a new run
/// completes the work.
#[test]
fn a_signal_during_the_last_tests_leaves_a_tested_file() {
    let script = r#"
    # A program with unchanged output that is slow, or hangs, once the file exists.
    slow() {
        printf '#!/bin/sh\n[ ! -e /etc/ld.so.preload ] || sleep %s\necho 127.0.0.1 localhost\n' "$1" >"$R/tmp/getent"
    }
    slow 0.4; chmod 755 "$R/tmp/getent"; mount --bind "$R/tmp/getent" "$R/usr/bin/getent"
    interrupted() {
        # The shell may have inherited ignored signals, and in the background it ignores SIGINT.
        env --default-signal=INT,TERM,HUP "${N[@]}" enable --root "$R" --library "$L" >"$R/tmp/said" 2>&1 &
        local pid=$! status=0
        until [[ -e $F ]]; do sleep 0.02; done
        kill -"$1" "$pid"; wait "$pid" 2>/dev/null || status=$?
        echo "$1: status=$status $(file) $(beside)"
    }
    for signal in INT TERM HUP; do
        interrupted $signal; disable >/dev/null
    done
    slow 60; interrupted TERM
    slow 0.4; interrupted KILL
    enable | head -n 1 | sed "s,$L,OURS,g; s,$R,,; s/[0-9]* trials/the trials/"; echo "again: $(file) $(beside)"
    enable | sed "s,$L,OURS,g; s,$R,,"; disable >/dev/null
    interrupted KILL; slow 60; echo "again, faulty: $(try enable | cut -c -8) $(file) $(beside)"
    slow 0.4; interrupted KILL; disable >/dev/null; echo "taken out: $(file) $(beside)"
    "#;
    let text = in_root(script);
    let expected = "\
INT: status=130 <OURS|> ld.so.preload ld.so.preload.absent-before-nss-bypass
TERM: status=143 <OURS|> ld.so.preload ld.so.preload.absent-before-nss-bypass
HUP: status=129 <OURS|> ld.so.preload ld.so.preload.absent-before-nss-bypass
TERM: status=143 none ld.so.preload*
KILL: status=137 <OURS|> ld.so.preload ld.so.preload.absent-before-nss-bypass ld.so.preload.untried-nss-bypass
Added OURS to /etc/ld.so.preload: the trials passed
again: <OURS|> ld.so.preload ld.so.preload.absent-before-nss-bypass
OURS is already in /etc/ld.so.preload
KILL: status=137 <OURS|> ld.so.preload ld.so.preload.absent-before-nss-bypass ld.so.preload.untried-nss-bypass
again, faulty: status=1 none ld.so.preload*
KILL: status=137 <OURS|> ld.so.preload ld.so.preload.absent-before-nss-bypass ld.so.preload.untried-nss-bypass
taken out: none ld.so.preload*
";
    assert_eq!(text, expected);
}

#[test]
fn without_a_rule_in_force_enable_requires_force() {
    let script = r#"
    rules=$R/etc/nss-bypass.conf
    whole() { local status=0; enable "$@" >"$R/tmp/said" 2>&1 || status=$?; echo "status=$status $(tr '\n' ' ' <"$R/tmp/said" | tr -s ' ' | sed "s,$R,,g")"; }
    rm "$rules"; echo "none: $(whole) $(file)"
    : >"$rules"; echo "empty: $(whole) $(file)"
    printf '# bypass x\n' >"$rules"; echo "comment: $(whole) $(file)"
    echo 'bypas rancher-metadata' >"$rules"; echo "faulty: $(whole) $(file)"
    "${N[@]}" enable --root "$R" --library "$L" --force >/dev/null 2>&1; echo "forced: $? $(file)"
    echo "enabled: $(whole | cut -c -8)"
    disable >/dev/null
    printf 'bypas x\nbypass rancher-metadata\n' >"$rules"; echo "one of two: $(whole) $(file)"
    "#;
    let text = in_root(script);
    for (name, parts) in [
        ("none", &["status=1 ", "/etc/nss-bypass.conf does not exist, so there are no rules", "--force", " none"][..]),
        ("empty", &["status=1 ", "/etc/nss-bypass.conf contains no rules", " none"]),
        ("comment", &["status=1 ", "/etc/nss-bypass.conf contains no rules", " none"]),
        ("faulty", &["status=1 ", "nss-bypass.conf:1:1: unknown keyword \"bypas\"", " none"]),
        ("forced", &["0 <OURS|>"]),
        ("enabled", &["status=1"]),
        (
            "one of two",
            &["status=0 ", "nss-bypass.conf:1:1: unknown keyword", "the line is ignored by all programs", "<OURS|>"],
        ),
    ] {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap_or_default();
        assert!(parts.iter().all(|part| line.contains(part)), "{name}, {parts:?}:\n{text}");
    }
}

/// Runs each kind of suggested fix, after which the library is accepted. Directories of others are not changed.
#[test]
fn suggested_fixes_make_the_library_acceptable() {
    let script = r#"
    own=/opt/nss-bypass.d/libnss_bypass.so
    again() { # NAME LIBRARY
        local first; first=$(try enable "$2")
        cp "$R/tmp/errors" "$R/tmp/advice"
        fixed
        echo "$1: ${first%% *} $(try enable "$2" | cut -c -9) $(file | sed "s,$own,OWN,; s,$R,,")"
        disable >/dev/null; rm -rf "$R/usr-lib"
    }
    mkdir -m 755 "$R/opt/nss-bypass.d"; install -m 600 "$LIBRARY" "$R$own"; again secret "$own"
    chmod 666 "$R$own"; again writable "$own"
    chown 33 "$R$own"; again owned "$own"
    chmod 700 "$R/opt/nss-bypass.d"; again closed "$own"
    chmod 1777 "$R/opt/nss-bypass.d"; again open "$own"
    # The modes of other directories are kept, and the library is copied to a suitable directory.
    mkdir "$R/opt/usr-local"; mount -t tmpfs -o mode=755 tmpfs "$R/opt/usr-local"
    for place in tmp opt/closed opt/theirs opt/usr-local; do
        mkdir -p "$R/$place"; install -m 644 "$LIBRARY" "$R/$place/libnss_bypass.so"
    done
    chmod 1777 "$R/tmp"; chmod 700 "$R/opt/closed"; chown 33 "$R/opt/theirs"
    # /usr is that of the machine, and read-only, so that only /lib remains.
    umount "$R/lib" && mkdir "$R/lib/x86_64-linux-gnu" && mount --bind /lib/x86_64-linux-gnu "$R/lib/x86_64-linux-gnu"
    before=$(stat -c '%n %a %u' "$R/tmp" "$R/opt/closed" "$R/opt/theirs" "$R/opt/usr-local" "$R/opt" "$R/usr")
    for place in tmp opt/closed opt/theirs opt/usr-local; do
        try enable "/$place/libnss_bypass.so" | cut -c -8
        (umask 077; fixed)
        echo "$place: $(file | sed "s,$R,,") $(grep -cE 'chmod|chown' "$R/tmp/fix") $(chroot --userspec=65534:65534 "$R" /bin/cat /proc/self/maps | grep -c libnss_bypass.so | sed 's/[1-9].*/loaded/')"
        disable >/dev/null; rm -rf "$R/lib/nss-bypass"
    done
    [[ $before == "$(stat -c '%n %a %u' "$R/tmp" "$R/opt/closed" "$R/opt/theirs" "$R/opt/usr-local" "$R/opt" "$R/usr")" ]] && echo untouched
    "#;
    let text = in_root(script);
    println!("{text}");
    for line in [
        "secret: status=1 status=0  <OWN|>",
        "writable: status=1 status=0  <OWN|>",
        "owned: status=1 status=0  <OWN|>",
        "closed: status=1 status=0  <OWN|>",
        "open: status=1 status=0  <OWN|>",
        "tmp: </lib/nss-bypass/libnss_bypass.so|> 0 loaded",
        "opt/closed: </lib/nss-bypass/libnss_bypass.so|> 0 loaded",
        "opt/theirs: </lib/nss-bypass/libnss_bypass.so|> 0 loaded",
        "opt/usr-local: </lib/nss-bypass/libnss_bypass.so|> 0 loaded",
        "untouched",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

/// If only root can read the files, the library and the rules do not work for other users.
#[test]
fn files_that_only_root_can_read_are_reported_with_a_fix() {
    let script = r#"
    rules=$R/etc/nss-bypass.conf
    chmod 640 "$rules"
    try enable; file; fixed; stat -c %a "$rules"
    chmod 640 "$rules" "$F"
    "${N[@]}" status --root "$R" --library "$L" >"$R/tmp/errors"; echo "status: $? $(grep -c 'is not readable by all users' "$R/tmp/errors")"
    fixed; stat -c %a "$rules" "$F" | tr '\n' ' '
    "${N[@]}" status --root "$R" --library "$L" >"$R/tmp/errors"; grep -c 'is not readable by all users' "$R/tmp/errors"
    chmod 640 "$rules" "$F"
    mount --bind "$R/etc/nss-bypass.conf" /etc/nss-bypass.conf 2>/dev/null || { chroot "$R" /opt/nss-bypass check >"$R/tmp/errors"; }
    echo "check: $? $(grep -c 'warning: .*is not readable by all users' "$R/tmp/errors")"
    fixed2() { sed -n 's/^      //p' "$R/tmp/errors" >"$R/tmp/fix"; chroot "$R" /bin/sh -e /tmp/fix; }
    fixed2; stat -c %a "$rules" "$F" | tr '\n' ' '
    chroot "$R" /opt/nss-bypass check --strict >/dev/null; echo "check: $?"
    "#;
    let text = in_root(script);
    let expected = "status=0 nss-bypass enable: /etc/nss-bypass.conf is not readable by all users\n<OURS|>\n644\n\
                    status: 1 2\n644 644 0\ncheck: 0 2\n644 644 check: 0\n";
    assert_eq!(text, expected);
}

/// glibc waits 5 seconds for nscd, for each family, before it continues. The library avoids this.
#[test]
fn an_nscd_that_hangs_does_not_prevent_enabling() {
    let script = r#"
    mkdir -p "$R/var/run/nscd"; cd "$R/var/run/nscd"
    python3 -c 'import os, socket, time
server = socket.socket(socket.AF_UNIX); server.bind("socket"); os.chmod("socket", 0o666); server.listen(64); open("ready", "w"); time.sleep(300)' &
    until [[ -e ready ]]; do sleep 0.05; done
    begin=$SECONDS; chroot "$R" /usr/bin/getent hosts localhost >/dev/null; (( SECONDS - begin >= 9 )) && echo hangs
    try enable; file
    kill %1
    "#;
    assert_eq!(in_root(script), "hangs\nstatus=0 \n<OURS|>\n");
}

#[test]
fn the_json_output_reports_what_was_changed() {
    let script = r#"
    json() { "${N[@]}" "$@" --root "$R" --json 2>&1 | python3 -c 'import json, sys
done = json.load(sys.stdin)
print(done["changed"], done["word"], done["trials"] is not None, len(done["warnings"]), done["trouble"] and sorted(done["trouble"]))'; }
    json enable --library "$L"; json enable --library "$L"
    json disable; json disable
    chmod 640 "$R/etc/nss-bypass.conf"; json enable --library "$L"; json disable
    chmod 666 "$R$L"; json enable --library "$L"; chmod 644 "$R$L"
    json enable --dry-run --library "$L"
    "#;
    let text = in_root(script).replace("/opt/ours/libnss_bypass.so", "OURS");
    let expected = "True OURS True 0 None\nFalse None False 0 None\nTrue None False 0 None\nFalse None False 0 None\n\
                    True OURS True 1 None\nTrue None False 0 None\n\
                    False None False 0 ['advice', 'commands', 'what', 'why']\nFalse None True 0 None\n";
    assert_eq!(text, expected);
}

/// Regardless of the path and name of its file, and even if the file has been deleted.
#[test]
fn the_library_is_recognised_by_its_build() {
    let script = r##"
    N=(chroot "$R" /opt/nss-bypass)
    # The command with and without the library in its directory.
    state() { "${@:2}" chroot "$R" /opt/nss-bypass status >"$R/tmp/status" 2>&1; echo "$1: $? $(sed -n 's/^Verdict: *//p' "$R/tmp/status") / $(sed -n 's/^Removable: *//p' "$R/tmp/status" | sed -E 's/[0-9]+$/N/')"; }
    cp "$R$L" "$R/other-name.so"; cp "$R$L" "$R/opt/libnss_bypass.so"
    state none
    state variable env LD_PRELOAD=/other-name.so
    chroot "$R" /usr/bin/env LD_PRELOAD=/other-name.so /bin/sleep 100 & sleep 0.3; pid=$!
    state by-variable; grep -oE '^Processes: *[0-9]+ have the library' "$R/tmp/status" | tr -s ' '
    rm "$R/other-name.so"; state deleted; grep -oE 'the same version, .*' "$R/tmp/status"
    kill -KILL $pid; wait $pid 2>/dev/null
    # In a private mount namespace, where another file has this name.
    unshare --mount --propagation private bash -c 'mount -t tmpfs tmpfs "$R/tmp" && cp "$R/opt/libnss_bypass.so" "$R/tmp/x.so" && LD_PRELOAD=$R/tmp/x.so exec sleep 100' & sleep 0.5; pid=$!
    "$R/opt/nss-bypass" status --json | python3 -c 'import json, sys
for each in json.load(sys.stdin)["processes"]["with"]:
    if each["name"] == "sleep": print("elsewhere:", each["path"].rsplit("/", 1)[1], each["deleted"], each["differs"])'
    kill -KILL $pid; wait $pid 2>/dev/null
    # Without the privilege to examine other processes.
    setpriv --reuid 65534 --clear-groups sleep 100 & sleep 0.3; pid=$!
    setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace chroot "$R" /opt/nss-bypass status | sed -n 's/^Processes:   [1-9][0-9]* could/could/p'
    kill -KILL $pid; wait $pid 2>/dev/null
    printf '/other/libnss_bypass.so\n/opt/$LIB/nothing.so\n' >"$F"; state named; rm "$F"
    # The empty library is not taken for it.
    mkdir -p "$R/opt/lib32"; : >"$R/opt/lib32/libnss_bypass.so"; echo /opt/lib32/libnss_bypass.so >"$F"; state empty 2>/dev/null; grep -c 'is the empty library' "$R/tmp/status"
    "${N[@]}" disable >/dev/null 2>&1; echo "disabled: $(file)"; rm -f "$F"
    # A name without a directory, which the dynamic linker finds in its cache.
    cp "$R$L" "$R/opt/libbare.so"; echo /opt >"$R/etc/ld.so.conf"; chroot "$R" /sbin/ldconfig 2>/dev/null
    echo libbare.so >"$F"; state bare; "${N[@]}" disable >/dev/null; echo "disabled: $(file)"
    "##;
    let text = in_root(script);
    println!("{text}");
    for part in [
        "none: 1 disabled / yes, /opt/libnss_bypass.so can be removed: no process has loaded it\n",
        "variable: 0 enabled by LD_PRELOAD, in programs that are started from here / no, LD_PRELOAD names it here: unset",
        "by-variable: 1 disabled / ",
        "Processes: 1 have the library\n",
        "deleted: 1 disabled / ",
        "the same version, /other-name.so, whose file was deleted or replaced\n",
        "elsewhere: x.so False False\n",
        "could not be examined: they belong to another user namespace, or CAP_SYS_PTRACE is missing\n",
        "named: 1 problem found / no, /etc/ld.so.preload names it: run \"nss-bypass disable\" first\n",
        "empty: 1 problem found / no, ",
        "1\ndisabled: <>\n",
        "bare: 0 enabled / no, /etc/ld.so.preload names it",
        "first\ndisabled: <>\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// The script of the tarball, if /usr/local is on another file system than the root directory.
#[test]
fn the_tarball_is_only_installed_where_enable_accepts_it_unless_a_prefix_is_given() {
    let script = r#"
    from=$R/opt/tarball
    mkdir -p "$from/tree/bin" "$from/tree/lib/x86_64-linux-gnu" "$from/tree/share/doc/nss-bypass"
    sed 's/@TRIPLET@/x86_64-linux-gnu/g; s/@TRIPLET32@/i386-linux-gnu/g; s/@MACHINE@/x86_64/g' "$SCRIPT" >"$from/install.sh"
    cp "$N" "$from/tree/bin/"; install -m 644 "$LIBRARY" "$from/tree/lib/x86_64-linux-gnu/"
    mkdir -p "$from/tree/lib/i386-linux-gnu" "$from/tree/lib32"; mount -t tmpfs -o mode=755 tmpfs "$R/usr/local"
    install_it() { chroot "$R" /bin/sh /opt/tarball/install.sh "$@" >"$R/tmp/said" 2>&1; echo "$? $(find "$R/usr/local" "$R/opt/good" -type f 2>/dev/null | wc -l)"; }
    echo "default: $(install_it)"; grep -E 'would refuse|not on the root file system|nothing was installed' "$R/tmp/said"
    echo "chosen: $(install_it --prefix /usr/local)"; grep -oE 'would refuse|not on the root file system|/usr/local/bin/nss-bypass (run|enable).*' "$R/tmp/said"
    echo "fit: $(install_it --prefix /opt/good)"; grep -oE 'would refuse|/opt/good/bin/nss-bypass (run|enable).*' "$R/tmp/said"
    ls -A "$from"
    "#;
    let text = in_root(script);
    let expected = "default: 1 0\n\
                    \"nss-bypass enable\" would refuse the library in /usr/local:\n\
                    /usr/local/lib/x86_64-linux-gnu/libnss_bypass.so is not on the root file system\n\
                    install.sh: nothing was installed: use another --prefix, such as /usr, or --prefix /usr/local for LD_PRELOAD only\n\
                    chosen: 0 3\nwould refuse\nnot on the root file system\n/usr/local/bin/nss-bypass run -m NAME -- COMMAND\n\
                    fit: 0 6\n/opt/good/bin/nss-bypass enable\ninstall.sh\ntree\n";
    assert_eq!(text, expected);
}

/// The same code decides whether a library is suitable, so that the three verbs report the same for an installation.
#[test]
fn doctor_status_and_enable_report_the_same_problems() {
    let script = r#"
    # verb NAME ...: prints the exit status, and whether the problem is reported.
    verb() {
        local status=0
        chroot "$R" /opt/nss-bypass "$@" >"$R/tmp/said" 2>&1 || status=$?
        echo -n " $1 $status $(sed 's/[│├└─]//g' "$R/tmp/said" | tr -s '\n ' ' ' | grep -cF "$wrong")"
    }
    # judged WHAT: prints what doctor and status report, and then enable, as if the library were not enabled.
    judged() {
        local wrong=$1
        echo -n "$1:"; verb doctor; verb status
        mv "$F" "$R/tmp/file"; verb enable --library "$L"; rm -f "$F"; mv "$R/tmp/file" "$F"
        echo
    }
    echo "$L" >"$F"; judged 'is not readable by all users'
    chmod 600 "$R$L"; judged "$L is not readable by all users"
    chmod 666 "$R$L"; judged "$L is writable by all users"; chmod 644 "$R$L"
    chown 33 "$R$L"; judged "$L is owned by user 33, not by root"; chown 0 "$R$L"
    chmod 1777 "$R/opt/ours"; judged "/opt/ours, a directory of $L, is writable by all users"; chmod 755 "$R/opt/ours"
    mv "$R$L" "$R/tmp/away"; judged "$L"; mv "$R/tmp/away" "$R$L"
    wrong='/etc/ld.so.preload is not readable by all users'
    chmod 600 "$F"; echo -n "file:"; verb doctor; verb status; verb enable --library "$L"; echo; chmod 644 "$F"
    # Another build, in a process that was started before.
    rm "$F"
    python3 -S -c '
import re, sys
library = open(sys.argv[1], "rb").read()
at = library.index(b"\3\0\0\0GNU\0") + 8
open(sys.argv[2], "wb").write(library[:at] + bytes(8) + library[at + 8:])' "$R$L" "$R/opt/other.so"
    chroot "$R" /usr/bin/env LD_PRELOAD=/opt/other.so /bin/sleep 300 & sleep 0.5
    echo "$L" >"$F"; wrong="1 process has another version of the library"
    echo -n "build:"; verb doctor; verb status; echo; kill %1
    "#;
    let text = in_root(script).replace("/opt/ours/libnss_bypass.so", "OURS");
    let expected = "is not readable by all users: doctor 0 0 status 0 0 enable 0 0\n\
                    OURS is not readable by all users: doctor 1 1 status 1 1 enable 1 1\n\
                    OURS is writable by all users: doctor 1 1 status 1 1 enable 1 1\n\
                    OURS is owned by user 33, not by root: doctor 1 1 status 1 1 enable 1 1\n\
                    /opt/ours, a directory of OURS, is writable by all users: doctor 1 1 status 1 1 enable 1 1\n\
                    OURS: doctor 1 1 status 1 1 enable 1 1\n\
                    file: doctor 1 1 status 1 1 enable 0 1\n\
                    build: doctor 1 1 status 1 1\n";
    assert_eq!(text, expected);
}
