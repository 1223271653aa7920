# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For the tests of the rack: they share one rack, called "check", that the first of them boots and lib/teardown ends.
set -euo pipefail
export TROUPE_RACK=${TROUPE_RACK:-check}
rack=tools/rack

fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
skip() { printf '%s\n' "$*"; exit 77; }
on() { local host=$1; shift; "$rack" exec "$host" -- "$@"; }
client() { "$rack" client -- "$@"; }
fact() { "$rack" status --json | jq -r "$1"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# A process that ended but was not yet waited for by its parent does not live.
lives() { [[ $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) == [RSDT] ]]; }

# expect WHAT COMMAND...: COMMAND succeeds
expect() {
        local what=$1; shift
        "$@" || fail "expected: $what"
        printf 'ok: %s\n' "$what"
}

# refuse WHAT COMMAND...: COMMAND fails
refuse() {
        local what=$1; shift
        ! "$@" || fail "expected: $what"
        printf 'ok: %s\n' "$what"
}

# within SECONDS WHAT COMMAND...: COMMAND succeeds before SECONDS are over; says after how long it did
within() {
        local seconds=$1 what=$2 start; shift 2
        start=$(now_ms)
        until "$@" >/dev/null 2>&1; do
                [ $(($(now_ms) - start)) -lt $((seconds * 1000)) ] || fail "expected within $seconds s: $what"
                sleep 0.1
        done
        printf 'ok: %s (%d ms)\n' "$what" $(($(now_ms) - start))
}

h1_runs() { [ "$(fact '.hosts[0].state')" = running ]; }
h1_serves() { on h1 troupectl hosts --json | jq -e 'any(.[]; .name == "h1" and .state == "up")'; }

# The shared rack, with h1 on, its cable in, and hostd there: the test before may have killed it, and the more often that has
# happened, the longer systemd waits before it starts it again.
need_rack() {
        case $("$rack" status --json | jq -r '.hosts[0].state // "none"') in
        running) ;;
        none) "$rack" up ;;
        off) "$rack" start h1 ;;
        *) within 60 "h1 running" h1_runs ;;
        esac
        "$rack" heal h1
        within 30 "h1 is a member of its cluster" h1_serves
}
