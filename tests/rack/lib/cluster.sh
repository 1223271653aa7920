# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For the tests of clusters: a rack of their own beside the shared one, ended when the test ends.
export TROUPE_RACK=${TROUPE_RACK:-check}-cluster
. tests/rack/lib/rack.sh
trap '"$rack" down >/dev/null' EXIT

ctl() { local host=$1; shift; on "$host" troupectl "$@"; }
leader() { ctl "$1" cluster status --json | jq -r .leader; }
other_leads() { local now; now=$(leader "$1") && [ -n "$now" ] && [ "$now" != "$2" ]; }
voters() { ctl "$1" cluster status --json | jq -r '[.members[] | select(.votes) | .host] | sort | join(" ")'; }
vote() { [ "$(voters "$1")" = "$2" ]; }
states() { ctl "$1" hosts --json | jq -r '[.[] | .name + "=" + .state] | join(" ")'; }
all_are() { [ "$(states "$1")" = "$2" ]; }
revision() { on "$1" etcdctl get /troupe/1/cluster -w json | jq -r '.kvs[0].mod_revision'; }
# host FROM LEADER: some host that does not lead
another() { for h in h1 h2 h3; do [ "$h" = "$1" ] || { echo "$h"; return; }; done; }
