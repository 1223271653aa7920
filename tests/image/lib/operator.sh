# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For tests that deploy to a server in QEMU as its operator does: from another machine, with troupectl -H. The server was told its name,
# its address, its public addresses and its operator's key by SMBIOS. It is emulated, and its role VMs are emulated in it: nothing here is
# fast, and nothing is bounded but by what Troupe itself bounds.

troupectl() { "${BUILD:-build}/troupectl" "$@"; }
far() { SYSTEMD_SSH="$work/ssh" troupectl -H "root@$address" "$@"; }
is_up() { [ "$(far hosts --json | jq -r '.[0].name + " " + .[0].state')" = "h1 up" ]; }

# What the operator has in ~/.ssh/config. To a server that is gone nothing waits for ever.
write_ssh() {
        printf '#!/bin/sh\nexec /usr/bin/ssh -F none -i %s -o IdentitiesOnly=yes -o BatchMode=yes -o ServerAliveInterval=60 -o ServerAliveCountMax=5 -o UserKnownHostsFile=%s "$@"\n' \
                "$work/key" "$work/known" >"$work/ssh"
        chmod +x "$work/ssh"
}

# boot_to_ready IMAGE: h1, ready for its operator
boot_to_ready() {
        boot "$1" --credential troupe.vip-pool=10.9.0.128/28 --credential troupe.address=10.9.0.2 --credential system.hostname=h1 \
                --credential "network.network.50-uplink=$(printf '[Match]\nType=ether\n[Network]\nAddress=10.9.0.2/24\nGateway=10.9.0.1\nKeepConfiguration=static\n')"
        within "$start" "the host is reached over ssh" on true
        within "$start" "it is healthy" healthy
        expect "a network file that matches all there is leaves role VMs' ports alone" on 'ip tuntap add tvtest mode tap && ip link set tvtest up &&
                udevadm settle && networkctl --no-legend list tvtest | grep -q unmanaged && ip link delete tvtest'
        expect "it has the name it was told" test "$(on uname -n)" = h1
        write_ssh
        within "$start" "troupectl -H shows that it is up" is_up
        far hosts
        within 60 "its console says so, and what to do next" said "ready (1 of 1 hosts up, leader h1)"
}

# deploy NAME PACKAGE CONFIGURATION INSTANCES: until all of them are Ready. Sets $vip
deploy() {
        local since
        since=$(now_ms)
        expect "$1 is deployed, until all its instances are Ready" far deploy "$1" "$2" "$3" --wait
        printf 'deployed after %d s\n' $((($(now_ms) - since) / 1000))
        far status "$1"
        expect "all instances are Ready" test "$(far status "$1" --json | jq '[.. | objects | select(.status? == "ReadyRole")] | length')" = "$4"
        expect "each in a domain of its own" test "$(on virsh --quiet list --name | grep -c ^troupe-)" = "$4"
        vip=$(far status "$1" --json | jq -r '[.. | objects | .vip? // empty][0]')
}
page() { curl -sSf --max-time 30 -o "$work/page" "http://$vip/$1"; }

# delete NAME: and nothing of it runs any more
delete() {
        far delete "$1" --yes --wait
        expect "deleted, nothing is left running" test -z "$(on virsh --quiet list --name)"
}
