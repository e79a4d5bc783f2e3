# shellcheck shell=bash
# What the scripts have in common, for those that source this: how they say what they are for, how they fail, what they
# clean up, and how they count checks. It is written for `set -u`.

# usage LINE[,LINE]: how the script, which lies beside this file, is used, in the words of these lines of its header.
usage() {
    sed -n "$1s/^# *//p" "$(dirname "${BASH_SOURCE[0]}")/${0##*/}" >&2
    exit 2
}

# fail MESSAGE: says so, and ends with the script's own status for this, which is 1 unless it sets another.
fail_status=1
fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "$fail_status"
}

# step WHAT: what is done now, for whoever waits.
step() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
}

# quietly COMMAND...: what it says is shown only if it fails, which ends the script.
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
    ((EUID == 0)) || fail "this is needed: apt-get install ${missing[*]}"
    step "installing ${missing[*]}"
    quietly apt-get -o APT::Sandbox::User=root update
    quietly apt-get install -y --no-install-recommends "${missing[@]}"
}

# set_in_workspace KEY: what Cargo.toml, here, says of the whole workspace.
set_in_workspace() {
    sed -nE '/^\[workspace.package\]/,/^\[/s/^'"$1"' = \[?"([^"]*)".*/\1/p' Cargo.toml
}

# make_work [TEMPLATE]: `work` is a directory of this run's own, which is removed when the script ends.
make_work() {
    work=$(mktemp -d "$@") || fail 'no directory to work in'
    trap 'rm -rf "$work"' EXIT
}

# check WHAT COMMAND...: a line, and what the command says only if it fails. `passed` and `failed` count them.
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

# conclude: the last line, of what was counted. Its status is the script's: nothing failed, and there was something.
conclude() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0))
}
