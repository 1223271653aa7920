# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For the tests that need role VMs: the guestbook, deployed on h1 as service "guestbook".
. tests/rack/lib/rack.sh
build=${BUILD:-build}

ctl() { on h1 troupectl "$@"; }
deployments() { ctl status guestbook --json 2>/dev/null || echo '{"deployments":[]}'; }
production() { deployments | jq -r ".deployments[] | select(.slot == \"production\") | $1"; }
vip() { production .vip; }
n_ready() { production "[.instances[] | select(.status == \"ReadyRole\" and (.in_rotation or .role != \"web\"))] | length"; }
as_desired() { [ "$(n_ready)" = "$1" ] && [ "$(production '.instances | length')" = "$1" ]; }
get() { client curl -sSf --max-time 10 -o /dev/null "$1"; }

need_guest_os() {
        env -u MAKEFLAGS -u MAKELEVEL make -s guest-image || fail "the guest OS image cannot be built"
}

# The guestbook with two web instances and one worker in production, all Ready.
need_guestbook() {
        need_guest_os
        need_rack
        if [ -z "$(vip)" ]; then
                ctl pack "/mnt/$build/examples/guestbook" -o /var/tmp/guestbook.cspkg
                ctl deploy guestbook /var/tmp/guestbook.cspkg \
                        "/mnt/$build/examples/guestbook/ServiceConfiguration.Cloud.cscfg" --wait
        fi
        within 180 "three instances are as desired" as_desired 3
        url=http://$(vip)
        within 30 "the VIP answers" get "$url/"
}

# load_start URL [OPTIONS...]: requests from the client in the background, until load_end, which puts what came of
# them into $result. Only one at a time.
load_start() {
        local url=$1; shift
        load_file=$(mktemp)
        "$rack" client -- "$build/troupe-load" --rate=5 --timeout=10000 --verbose "$@" "$url" \
                >"$load_file" 2>"$load_file.notes" &
        load_pid=$!
        within 20 "requests are sent" test -s "$load_file.notes"
}
load_end() {
        sleep 1
        kill -INT "$load_pid"
        wait "$load_pid" || true
        result=$(cat "$load_file")
        cat "$load_file.notes"
        rm -f "$load_file" "$load_file.notes"
        [ "$(jq .sent <<<"$result")" -ge 3 ] || fail "the load generator did not work: $result"
        printf 'load: %s\n' "$result"
}
# load_saw INSTANCE: it has answered at least once since load_start. What comes and goes under load is waited for with this:
# with few requests a second, an instance that is in rotation for a moment only may get none.
load_saw() { grep -q "first answer of $1\$" "$load_file.notes"; }
load_failed() { jq .failed <<<"$result"; }

# in_guest ROLE/NUMBER SCRIPT: what the script writes, through the instance's shell. That is on a terminal and echoes what is
# typed: the lines that count carry a mark that is only computed there.
in_guest() {
        printf '(\n%s\n) 2>&1 | sed s/^/OUT$((40+2)):/\nexit\n' "$2" |
                timeout 60 tools/rack exec "${desk:-h1}" -- troupectl shell "guestbook/$1" | tr -d '\r' | sed -n 's/^.*OUT42://p'
}
