#!/bin/sh
# Installs nss-bypass from this directory, or uninstalls it.
#
#   ./install.sh [--prefix DIRECTORY]                (default: /usr/local)
#   ./install.sh --uninstall [--prefix DIRECTORY]    first removes the library from /etc/ld.so.preload
#
# The library is installed in PREFIX/lib64 if this system has its 64-bit libraries in /usr/lib64, like distributions
# that use RPM, and in PREFIX/lib/@TRIPLET@ otherwise.
#
# The library is not active after installation; it is enabled with "nss-bypass enable". If that command would refuse the
# library below /usr/local, for example because it is not on the root file system, nothing is installed; with --prefix,
# a message is printed and the files are installed. Existing files are replaced atomically, so that a new version, once
# it has passed the tests, can be installed over one that is enabled. The installed files are listed in
# share/doc/nss-bypass/installed.
set -eu

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

usage() {
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
}

here=$(cd "$(dirname "$0")" && pwd -P)
prefix=/usr/local action=install chosen=
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -gt 1 ] || usage; prefix=$2 chosen=yes; shift ;;
        --prefix=*) prefix=${1#--prefix=} chosen=yes ;;
        --uninstall) action=uninstall ;;
        *) usage ;;
    esac
    shift
done
case $prefix in
    /*) ;;
    *) fail "$prefix does not begin with /: the library needs an absolute path, since programs start in any directory" ;;
esac
case $prefix in
    *[[:space:]:\#\$]*) fail "$prefix: ld.so cannot take a path with a blank, \":\", \"#\" or \"\$\"" ;;
esac
while [ "$prefix" != "${prefix%/}" ]; do prefix=${prefix%/}; done
list=$prefix/share/doc/nss-bypass/installed

# Whether libraries are installed in lib64. The choice of an earlier version is kept. On Debian, /usr/lib64 contains
# only the dynamic linker. If /usr/lib64 is a link to /usr/lib, libraries are in lib.
has_lib64() {
    if [ -e "$list" ]; then
        grep -q '^f lib64/libnss_bypass\.so$' "$list"
        return
    fi
    for directory in /usr/lib64 /lib64; do
        # shellcheck disable=SC3013  # all common shells support -ef
        if [ -e "$directory/libc.so.6" ] && ! [ "$directory" -ef "${directory%64}" ]; then return 0; fi
    done
    return 1
}
lib=lib/@TRIPLET@ empty=lib/@TRIPLET32@
if has_lib64; then lib=lib64 empty=lib; fi
library=$prefix/$lib/libnss_bypass.so

# Map paths in this directory, which is laid out as on Debian, to paths below the prefix, and the other way round.
placed() {
    if [ "$lib" = lib64 ]; then sed -e "s,lib/@TRIPLET@,$lib," -e "s,lib/@TRIPLET32@,$empty," -e '/ lib32/d'; else cat; fi
}
source_of() {
    case $1 in
        "$lib"/*) echo "lib/@TRIPLET@/${1##*/}" ;;
        "$empty"/*) echo "lib/@TRIPLET32@/${1##*/}" ;;
        *) echo "$1" ;;
    esac
}

# Lists all directories and files to be installed as "d PATH" and "f PATH", directories first; the prefix itself is ".".
content() {
    (cd "$here/tree" && find . -type d | sed 's,^\./,,; s,^,d ,' | placed | LC_ALL=C sort -u)
    (cd "$here/tree" && find . ! -type d | sed -n 's,^\./,f ,p' | placed | LC_ALL=C sort)
}

# Whether /etc/ld.so.preload lists the library, by its path or by its name without a directory.
is_enabled() {
    [ -e "$library" ] && [ -e /etc/ld.so.preload ] || return 1
    set -f
    # shellcheck disable=SC2013,SC2016,SC3013  # words, the dynamic linker's $LIB, and -ef
    for word in $(sed -E 's/#.*//; s,\$(LIB|\{LIB\}),'"$lib"',g; y/:/ /' /etc/ld.so.preload); do
        if [ "$word" = libnss_bypass.so ] || [ "$word" -ef "$library" ]; then return 0; fi
    done
    return 1
}

# on_disk PATH...: writes the files to disk. Old versions of sync do not accept paths; they write all data.
on_disk() {
    sync "$@" 2>/dev/null || sync
}

# Removes everything created so far, if the script fails before the files are renamed.
give_up() {
    grep '^f ' "$here/.content" | while read -r _ path; do rm -f "$prefix/$path.nss-bypass-new"; done
    for directory in $(printf '%s\n' "$made" | sed -n 's/^d //p' | LC_ALL=C sort -r); do rmdir "$prefix/${directory#.}" 2>/dev/null || :; done
    rm -f "$here/.content" "$here/.reason"
}

can_write() {
    directory=$prefix
    while [ ! -e "$directory" ]; do directory=$(dirname "${directory:-/}"); done
    [ -w "${directory:-/}" ] || fail "${directory:-/} cannot be written to: run this as root, or use another --prefix"
}

install_files() {
    [ "$(uname -s) $(uname -m)" = 'Linux @MACHINE@' ] || fail "this is for Linux on @MACHINE@, not for $(uname -s) on $(uname -m)"
    "$here/tree/bin/nss-bypass" --version >/dev/null 2>&1 ||
        fail 'the command does not run here: it needs glibc @GLIBC@ or later (musl is not supported), and a directory mounted without noexec'
    if [ "$prefix" = /usr ] && [ -e /var/lib/dpkg/info/nss-bypass.list ]; then
        fail 'the Debian package is installed there: use the package, remove it first, or use another --prefix'
    fi
    if [ "$prefix" = /usr ] && command -v rpm >/dev/null && rpm -q nss-bypass >/dev/null 2>&1; then
        fail 'the RPM package is installed there: use the package, remove it first, or use another --prefix'
    fi
    if [ "$lib" = lib64 ] && [ -e "$prefix/lib/libnss_bypass.so" ] && ! grep -qs '^f lib/libnss_bypass\.so$' "$list"; then
        fail "$prefix/lib/libnss_bypass.so was not installed by this script, and would be replaced by an empty library for 32-bit programs: disable and remove it first, or use another --prefix"
    fi
    can_write
    umask 022
    content >"$here/.content" 2>/dev/null || fail "$here cannot be written to"
    # Directories that are created here are removed on uninstallation, even after an upgrade to a later version.
    made=''
    trap give_up EXIT
    trap 'exit 1' HUP INT TERM
    while read -r kind path; do
        target=$prefix/$path
        if [ "$kind" = d ]; then
            [ -d "$target" ] || made="$made
d $path"
            mkdir -p "$target"
        elif [ -d "$target" ]; then
            fail "$target is a directory"
        else
            cp -P "$here/tree/$(source_of "$path")" "$target.nss-bypass-new"
        fi
    done <"$here/.content"
    tried=yes fit=yes
    "$here/tree/bin/nss-bypass" enable --dry-run --library "$library.nss-bypass-new" >/dev/null 2>"$here/.reason" || tried=''
    sed -i 's/\.nss-bypass-new//g' "$here/.reason"
    if [ ! "$tried" ] && is_enabled; then
        cat "$here/.reason" >&2
        fail "nothing was changed: the new library failed its tests, and is enabled for all programs by /etc/ld.so.preload"
    fi
    # The reason is the directory: any library would be refused there.
    if grep -qE 'is not on the root file system|, a directory of ' "$here/.reason"; then
        fit=''
        echo "\"nss-bypass enable\" would refuse the library in $prefix:" >&2
        sed 's/^nss-bypass enable: //; /^  fix:/,$d' "$here/.reason" >&2
        [ "$chosen" ] || fail "nothing was installed: use another --prefix, such as /usr, or --prefix $prefix for LD_PRELOAD only"
    fi
    # So that after a crash either the old or the new file is there, and not an empty one.
    new=$library.nss-bypass-new
    if [ -e "$prefix/$empty/libnss_bypass.so.nss-bypass-new" ]; then new="$new $prefix/$empty/libnss_bypass.so.nss-bypass-new"; fi
    # shellcheck disable=SC2086  # a prefix has no blanks
    on_disk $new
    trap - EXIT
    trap '' HUP INT TERM
    grep '^f ' "$here/.content" | while read -r _ path; do mv -f "$prefix/$path.nss-bypass-new" "$prefix/$path"; done
    for directory in "$lib" "$empty" lib32; do if [ -d "$prefix/$directory" ]; then on_disk "$prefix/$directory"; fi; done
    {
        if [ -e "$list" ]; then cat "$list"; fi
        printf '%s\n' "$made"
        grep '^f ' "$here/.content"
        echo 'f share/doc/nss-bypass/installed'
    } | sed '/^$/d' | LC_ALL=C sort -u >"$list.nss-bypass-new"
    mv -f "$list.nss-bypass-new" "$list"
    rm -f "$here/.content" "$here/.reason"
    echo "nss-bypass was installed in $prefix. It is not active yet: see nss-bypass(1) and nss-bypass.conf(5), then run"
    if [ "$fit" ]; then echo "  $prefix/bin/nss-bypass enable"; else echo "  $prefix/bin/nss-bypass run -m NAME -- COMMAND"; fi
}

uninstall_files() {
    [ -e "$list" ] || fail "nss-bypass was not installed in $prefix by this script: there is no $list"
    can_write
    if [ -e /etc/ld.so.preload ]; then
        command=$prefix/bin/nss-bypass
        [ -x "$command" ] || command=$here/tree/bin/nss-bypass
        "$command" disable --library "$library" ||
            fail "nothing was removed: remove libnss_bypass.so from /etc/ld.so.preload manually, then try again"
    fi
    grep '^f ' "$list" | while read -r _ path; do [ "$prefix/$path" = "$list" ] || rm -f "$prefix/$path"; done
    directories=$(sed -n 's/^d //p' "$list" | LC_ALL=C sort -r)
    rm -f "$list"
    for directory in $directories; do rmdir "$prefix/${directory#.}" 2>/dev/null || :; done
    echo "nss-bypass was removed from $prefix."
    if [ -e /etc/nss-bypass.conf ]; then echo 'The rules in /etc/nss-bypass.conf were kept.'; fi
}

case $action in
    install) install_files ;;
    uninstall) uninstall_files ;;
esac
