# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For the tests of several hosts: a rack of three in one cluster, with the guestbook on it, and a witness who sees from outside
# which VM runs on which host and when. The tests share it, and lib/teardown ends it; one that sets $own_rack, and perhaps $hosts,
# before it reads this has a rack of its own, which ends with it.
export TROUPE_RACK=${TROUPE_RACK:-check}-${own_rack:-hosts}
. tests/rack/lib/service.sh

desk=h1 # where commands are given; a test moves it before it cuts that host's power
hosts=${hosts:-h1 h2 h3}
n_hosts=$(wc -w <<<"$hosts")
ctl() { on "$desk" troupectl "$@"; }
host_state() { fact ".hosts[] | select(.name == \"$1\") | .state"; }
members_up() { [ "$(ctl hosts --json | jq '[.[] | select(.state == "up")] | length')" = "$1" ]; }
leader() { ctl hosts --json | jq -r '.[] | select(.leader) | .name'; }
vip_owner() {
        local host
        for host in $hosts; do
                [ "$(host_state "$host")" != running ] || ! on "$host" ip -o -4 address show to "$1" | grep -q . || echo "$host"
        done
}
other_than() { local host; for host in $hosts; do [[ " $* " == *" $host "* ]] || { echo "$host"; return; }; done; }

# Some host that runs instances and does not lead; nothing when there is none.
follower() {
        local host leads
        leads=$(leader)
        for host in $hosts; do
                [ "$host" = "$leads" ] || [ -z "$(instances_on "$host")" ] || { echo "$host"; return; }
        done
}

# The instances of production that are on a host, `web_IN_0` one a line.
instances_on() { production ".instances[] | select(.host == \"$1\") | .name"; }
hosts_of() { production ".instances[] | select(.role == \"$1\") | .host" | sort; }

# What should run and what does, on the hosts that are on: `h1 troupe-d...-web_IN_0-1`, one line each.
wanted() {
        ctl status --json | jq -r '(if type == "array" then .[] else . end) | .deployments[] | .id as $d | .instances[] |
                select(.host != "") | "\(.host) troupe-\($d)-\(.name)-\(.incarnation)"' | sort
}
real() {
        local host
        for host in $hosts; do
                [ "$(host_state "$host")" = running ] || continue
                on "$host" virsh -q list --name | sed "/^$/d; s/^/$host /"
        done | sort
}
# Overlays, intents and taps that belong to no VM that is wanted.
left_over() {
        local host wanted
        wanted=$(wanted)
        for host in $hosts; do
                [ "$(host_state "$host")" = running ] || continue
                on "$host" sh -c 'cd /var/lib/troupe && ls ephemeral instances' |
                        grep -oE '^troupe-d[0-9a-f]+-.*_IN_[0-9]+-[0-9]+' | sort -u | sed "s/^/$host /"
        done | sort | comm -23 - <(echo "$wanted")
}
all_is_well() { as_desired "$1" && [ "$(wanted)" = "$(real)" ] && [ -z "$(left_over)" ]; }

need_hosts() {
        need_guest_os
        local host
        trap at_end EXIT
        if ! "$rack" status >/dev/null 2>&1; then
                # shellcheck disable=SC2086 # words
                "$rack" up --hosts "$n_hosts" ${rack_options:-}
        fi
        for host in $hosts; do
                [ "$(host_state "$host")" = running ] || "$rack" start "$host"
                "$rack" heal "$host"
        done
        within 60 "all hosts are up" members_up "$n_hosts"
        if [ -z "$(vip)" ]; then
                ctl pack "/mnt/$build/examples/guestbook" -o /var/tmp/guestbook.cspkg
                ctl deploy guestbook /var/tmp/guestbook.cspkg \
                        "/mnt/$build/examples/guestbook/ServiceConfiguration.Cloud.cscfg" --wait
        fi
        within 240 "all is as desired" all_is_well 3
        url=http://$(vip)
        within 30 "the VIP answers" get "$url/"
        witness_start
}

# What a test that failed leaves beside its log: the journal of each host that is on.
keep_journals() {
        local host name=${0#tests/}
        for host in $hosts; do
                [ "$(host_state "$host")" = off ] ||
                        on "$host" journalctl -b -o short-precise --no-pager >"$build/log/$name.$host.journal" || :
        done
}
at_end() {
        local status=$?
        [ $status = 0 ] || [ $status = 77 ] || keep_journals
        kill ${witness_pid:-} 2>/dev/null || :
        [ -z "${witness_file:-}" ] || rm -f "$witness_file" "$witness_file.twice"
        [ -z "${own_rack:-}" ] || "$rack" down >/dev/null
}

# The witness writes a line for each VM that starts or stops; at the end no instance may have run twice.
witness_start() {
        witness_file=$(mktemp)
        PYTHONPATH=tools python3 -m rackbox.witness "$witness_file" >"$witness_file.twice" &
        witness_pid=$!
        within 10 "the witness sees the VMs" test -s "$witness_file"
}
never_twice() {
        local got=0
        kill -TERM "$witness_pid"
        wait "$witness_pid" || got=$?
        cat "$witness_file.twice"
        [ $got = 0 ] || fail "an instance ran twice"
        echo "ok: no instance ever ran twice ($(grep -c '"start"' "$witness_file") VMs seen)"
}
# replaced_by INSTANCE SINCE_MS: when the first VM of an instance was started after that; nothing if none was
replaced_at() {
        jq -rs --arg i "/$1" --argjson since "$2" \
                '[.[] | select(.event == "start" and (.instance | endswith($i)) and .at_ms > $since) | .at_ms] | first // empty' \
                "$witness_file"
}
all_replaced() { local i; for i in $victims; do [ -n "$(replaced_at "$i" "$cut_ms")" ] || return 1; done; }

# power_cut HOST: ... and says how long it took until VMs in the place of those that were on it were started elsewhere
power_cut() {
        local host=$1 i last=0 at
        victims=$(instances_on "$host")
        [ "$desk" != "$host" ] || desk=$(other_than "$host")
        cut_ms=$(now_ms)
        "$rack" kill "$host" >/dev/null
        within 60 "what ran on $host (${victims//$'\n'/ }) is started elsewhere" all_replaced
        for i in $victims; do
                at=$(replaced_at "$i" "$cut_ms")
                [ $((at - cut_ms)) -le $last ] || last=$((at - cut_ms))
        done
        took_ms=$last
        printf 'power cut of %s: replaced after %d ms\n' "$host" "$took_ms"
}
power_on() {
        "$rack" start "$1" >/dev/null
        within 60 "all hosts are up again" members_up "$n_hosts"
}

# stops_on HOST SINCE_MS: how many VMs of a host have ended since then
stops_on() {
        jq -rs --arg h "$1" --argjson since "$2" '[.[] | select(.event == "stop" and .host == $h and .at_ms > $since)] | length' \
                "$witness_file"
}
