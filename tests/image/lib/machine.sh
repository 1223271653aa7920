# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For the tests of the host image: QEMU machines with UEFI and a disk of their own, started by image/run as a person would. There is
# one, or `use` says which one it is about. What it says is in $console, its root shell is `on`. All is in $work and ends with the test.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ "$(tools/tree path)" != / ] && [ -z "${TROUPE_IN_TREE:-}" ]; then
        exec tools/tree enter env BUILD="${BUILD:-build}" ${TROUPE_IMAGE_COMPRESSION:+TROUPE_IMAGE_COMPRESSION="$TROUPE_IMAGE_COMPRESSION"} "$0" "$@"
fi
cache=${TROUPE_CACHE:-$PWD/.cache}
work=$(mktemp -d "${TMPDIR:-/tmp}/troupe-image.XXXXXX")
console=$work/console disk_file=$work/disk.qcow2
# A machine that is emulated on busy cores takes minutes to start; how long it took is said, and is not what these tests are about.
start=900
name=host machine=
declare -A machines # processes of those machines that it is not about just now, by name
address=127.0.0.1
network=()
mac=52:54:00:74:72:01
# a machine that stops answers no more, and says nothing about it
ssh_options=(-i "$work/key" -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4
        -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR
        -o UserKnownHostsFile="$work/known")

fail() {
        printf 'FAILED: %s\n' "$*"
        [ ! -e "$console" ] || { echo "--- the console's end:"; tail -c 3000 "$console" | tr -d '\033'; }
        ! alive || { echo "--- its journal's end:"; timeout 60 ssh -F none -p "$port" "${ssh_options[@]}" root@"$address" journalctl -b --no-pager -n 60 -o short-monotonic </dev/null || :; }
        exit 1
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }
alive() { [ -n "$machine" ] && kill -0 "$machine" 2>/dev/null; }

finish() {
        local p
        machines[$name]=$machine
        for p in "${machines[@]}"; do [ -z "$p" ] || kill "$p" 2>/dev/null || :; done
        wait 2>/dev/null || :
        rm -rf "$work"
}
trap finish EXIT

expect() { local what=$1; shift; "$@" || fail "expected: $what"; printf 'ok: %s\n' "$what"; }
refuse() { local what=$1; shift; ! "$@" || fail "expected: $what"; printf 'ok: %s\n' "$what"; }

# within SECONDS WHAT COMMAND...: COMMAND succeeds before SECONDS are over
within() {
        local seconds=$1 what=$2 since; shift 2
        since=$(now_ms)
        until "$@" >/dev/null 2>&1; do
                [ $(($(now_ms) - since)) -lt $((seconds * 1000)) ] || fail "expected within $seconds s: $what"
                sleep 0.5
        done
        printf 'ok: %s (%d.%d s)\n' "$what" $((($(now_ms) - since) / 1000)) $((($(now_ms) - since) % 1000 / 100))
}

# image VERSION: the image of that version, built if need be
image() { VERSION=$1 image/host/disk; }

# in_network [N]: what follows runs in a network namespace of its own with a machine's cable, t0, 10.9.0.1/24, in it; or with N
# machines' cables and a switch, 10.9.0.1/24. To be called first, after what needs the outside was made: it starts the test anew.
in_network() {
        local i switch=t0
        if [ -z "${TROUPE_IN_NETWORK:-}" ]; then
                rm -rf "$work"
                exec unshare --net env TROUPE_IN_NETWORK=1 "$0"
        fi
        ip link set lo up
        for i in $(seq 0 $((${1:-1} - 1))); do
                ip tuntap add "t$i" mode tap
                ip link set "t$i" up
        done
        if [ -n "${1:-}" ]; then
                switch=lan
                ip link add lan type bridge
                for i in $(seq 0 $(($1 - 1))); do ip link set "t$i" master lan; done
                ip link set lan up
        fi
        ip address add 10.9.0.1/24 dev "$switch"
        port=22
        cable 0
}
cable() { address=10.9.0.$(($1 + 2)) mac=52:54:00:74:72:0$(($1 + 1)) network=(--net "tap,ifname=t$1,script=no,downscript=no"); }

# use NAME N: from here on it is about the machine NAME at cable N, whose address is 10.9.0.N+2
use() {
        machines[$name]=$machine
        name=$1 machine=${machines[$1]:-}
        mkdir -p "$work/$name"
        console=$work/$name/console disk_file=$work/$name/disk.qcow2
        cable "$2"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# boot IMAGE [OPTION OF image/run...]: the machine is on; its disk is $disk_file, made of IMAGE the first time
boot() {
        local image=$1; shift
        [ -n "${port:-}" ] || port=$(free_port)
        [ -e "$work/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$work/key"
        # a new disk is a new machine, with another key
        [ -e "$disk_file" ] || rm -f "$work/known"
        : >"$console"
        # what the machine has flushed outlives a power cut, and nothing else has to
        TROUPE_MAC=$mac image/run --image "$image" --disk "$disk_file" --cache writeback --serial "$console" --ssh "$port" --http 0 \
                --key "$work/key.pub" "${network[@]}" "$@" &
        machine=$!
}

on() { ssh -F none -p "$port" "${ssh_options[@]}" root@"$address" "$@" </dev/null; }
said() { grep -aqF "$1" "$console"; }
gone() { ! alive; }

power_off() { on systemctl poweroff || :; within 120 "it switches itself off" gone; machine=; }
power_cut() { kill -9 "$machine"; wait "$machine" 2>/dev/null || :; machine=; }

# The version that runs, and that the boot loader keeps.
version_is() { [ "$(on '. /usr/lib/os-release; echo $IMAGE_VERSION' 2>/dev/null)" = "$1" ]; }
healthy() { on systemctl --quiet is-active boot-complete.target; }

# serve_updates [ADDRESS]: an HTTP server that the machine reaches as $url; serve IMAGE puts an image's update files there
serve_updates() {
        local port at=${1:-127.0.0.1}
        web=$work/web
        mkdir "$web"
        port=$(free_port)
        python3 -m http.server --bind "$at" --directory "$web" "$port" >"$work/web.log" 2>&1 &
        server=$!
        trap 'kill $server || :; finish' EXIT
        url=http://${1:-10.0.2.2}:$port
}
serve() { rm -f "$web"/*; ln -s "$1"/{SHA256SUMS,SHA256SUMS.gpg,troupe_*} "$web/"; }
update() { on "/usr/lib/troupe/update $url"; }
kernels() { on 'ls /boot/EFI/Linux' | tr '\n' ' '; }
