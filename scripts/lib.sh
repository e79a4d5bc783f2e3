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

# quietly COMMAND...: what it says is shown only if it fails, which ends the script.
quietly() {
    local said
    said=$("$@" 2>&1 </dev/null) || {
        printf '%s\n' "$said" >&2
        fail "failed: $*"
    }
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
