# shellcheck shell=bash
# Functions for the scripts, which source this file: usage messages, errors, temporary directories, and checks. It is
# compatible with `set -u`.

# usage LINE[,LINE]: prints these lines of the header of the script, which is in the same directory, and exits.
usage() {
    sed -n "$1s/^# *//p" "$(dirname "${BASH_SOURCE[0]}")/${0##*/}" >&2
    exit 2
}

# fail MESSAGE: prints an error message, and exits with the status fail_status.
fail_status=1
fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "$fail_status"
}

# step WHAT: what is done now, for whoever waits.
step() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
}

# quietly COMMAND...: runs a command. If it fails, prints its output and exits.
quietly() {
    local said
    said=$("$@" 2>&1 </dev/null) || {
        printf '%s\n' "$said" >&2
        fail "failed: $*"
    }
}

# needs TOOL:PACKAGE...: the packages of those that are missing are installed.
needs() {
    local tool missing=()
    for tool in "$@"; do command -v "${tool%:*}" >/dev/null || missing+=("${tool#*:}"); done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || fail "packages are missing; run: apt-get install ${missing[*]}"
    step "installing ${missing[*]}"
    quietly apt-get -o APT::Sandbox::User=root update
    quietly apt-get install -y --no-install-recommends "${missing[@]}"
}

# set_in_workspace KEY: prints the value of KEY in [workspace.package] of Cargo.toml.
set_in_workspace() {
    sed -nE '/^\[workspace.package\]/,/^\[/s/^'"$1"' = \[?"([^"]*)".*/\1/p' Cargo.toml
}

# make_work [TEMPLATE]: creates a temporary directory, `work`, which is removed when the script ends.
make_work() {
    work=$(mktemp -d "$@") || fail 'cannot create a temporary directory'
    trap 'rm -rf "$work"' EXIT
}

# check WHAT COMMAND...: runs a check and prints a line for it, with the output of the command only if it fails. The
# numbers of checks are in `passed` and `failed`.
passed=0 failed=0
check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1 </dev/null); then
        printf 'ok      %s\n' "$what"
        passed=$((passed + 1))
    else
        printf 'FAILED  %s: %s\n' "$what" "$*"
        [[ -z $said ]] || sed 's/^/        /' <<<"$said"
        failed=$((failed + 1))
    fi
}

# conclude: prints the numbers of checks as the last line. Succeeds if none failed and at least one passed.
conclude() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0))
}
