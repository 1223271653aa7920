# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For the tests in which the leader loses its power in the middle of an operation, and the next one has to bring it to its end.
. tests/rack/lib/hosts.sh
n_running() { ctl status --json | jq ".operations | length"; }
none_runs() { [ "$(n_running)" = 0 ]; }

# Steps, after $began_ms
accepted() { true; }
n_started() { [ "$(jq -rs --argjson since "$began_ms" '[.[] | select(.event == "start" and .at_ms > $since)] | length' "$witness_file")" -ge "$1" ]; }
n_stopped() { [ "$(jq -rs --argjson since "$began_ms" '[.[] | select(.event == "stop" and .at_ms > $since)] | length' "$witness_file")" -ge "$1" ]; }

# the_leader_dies WHAT STEP...: waits for the step, and cuts the leader's power; the operation is under way then, and nobody can
# have gone on with it before the lease of the dead one is over
the_leader_dies() {
        local what=$1; shift
        within 120 "$what: $*" "$@"
        "$rack" kill "$leads" >/dev/null
        died_ms=$(now_ms)
        expect "it is under way" test "$(n_running)" = 1
        expect "$leads led" test "$(leader)" = "$leads"
}
# it_ends N WHAT: ... and N instances of production are as desired, without that leader
it_ends() {
        within 300 "it ends without $leads" none_runs
        within 240 "all is as desired" all_is_well "$1"
        within 30 "the VIP answers" get "$url/"
        printf '%s: as desired %d ms after the leader died\n' "$2" $(($(now_ms) - died_ms))
}
# leader_back N: the one that died is switched on again
leader_back() {
        power_on "$leads"
        within 240 "all is as desired" all_is_well "$1"
}
# begin WHAT COMMAND...
begin() {
        echo "== $1"; shift
        leads=$(leader)
        desk=$(other_than "$leads")
        began_ms=$(now_ms)
        expect "it is accepted" "$@"
}
