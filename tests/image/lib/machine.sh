# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For the tests of the host image: one QEMU machine at a time, with UEFI and a disk of its own, started by image/run as a person
# would. What it says is in $console, its root shell is `on`. All of it is in $work and ends with the test.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ "$(tools/tree path)" != / ] && [ -z "${TROUPE_IN_TREE:-}" ]; then
        exec tools/tree enter env BUILD="${BUILD:-build}" ${TROUPE_IMAGE_COMPRESSION:+TROUPE_IMAGE_COMPRESSION="$TROUPE_IMAGE_COMPRESSION"} "$0" "$@"
fi
cache=${TROUPE_CACHE:-$PWD/.cache}
work=$(mktemp -d "${TMPDIR:-/tmp}/troupe-image.XXXXXX")
console=$work/console
# A machine that is emulated on busy cores takes minutes to start; how long it took is said, and is not what these tests are about.
start=900
machine=
address=127.0.0.1
network=()

fail() { printf 'FAILED: %s\n' "$*"; [ ! -e "$console" ] || { echo "--- the console's end:"; tail -c 3000 "$console" | tr -d '\033'; }; exit 1; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
alive() { [ -n "$machine" ] && kill -0 "$machine" 2>/dev/null; }

finish() {
        [ -z "$machine" ] || kill "$machine" 2>/dev/null || :
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

# in_network COMMAND...: what follows runs in a network namespace of its own with a machine's cable, t0, 10.9.0.1/24, in it. To be
# called first, after what needs the outside was made: it starts the test anew.
in_network() {
        if [ -z "${TROUPE_IN_NETWORK:-}" ]; then
                rm -rf "$work"
                exec unshare --net env TROUPE_IN_NETWORK=1 "$0"
        fi
        ip link set lo up
        ip tuntap add t0 mode tap
        ip address add 10.9.0.1/24 dev t0
        ip link set t0 up
        address=10.9.0.2 port=22
        network=(--net tap,ifname=t0,script=no,downscript=no)
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# boot IMAGE [OPTION OF image/run...]: the machine is on; its disk is $work/disk.qcow2, made of IMAGE the first time
boot() {
        local image=$1; shift
        [ -n "${port:-}" ] || port=$(free_port)
        [ -e "$work/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$work/key"
        : >"$console"
        image/run --image "$image" --disk "$work/disk.qcow2" --serial "$console" --ssh "$port" --key "$work/key.pub" "${network[@]}" "$@" &
        machine=$!
}

on() {
        ssh -F none -i "$work/key" -p "$port" -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR \
                -o UserKnownHostsFile="$work/known" root@"$address" "$@" </dev/null
}
said() { grep -aqF "$1" "$console"; }
gone() { ! alive; }

power_off() { on systemctl poweroff || :; within 120 "it switches itself off" gone; machine=; }
power_cut() { kill -9 "$machine"; wait "$machine" 2>/dev/null || :; machine=; }

# The version that runs, and that the boot loader keeps.
version_is() { [ "$(on '. /usr/lib/os-release; echo $IMAGE_VERSION' 2>/dev/null)" = "$1" ]; }
healthy() { on systemctl --quiet is-active boot-complete.target; }

# serve_updates: an HTTP server that the machine reaches as $url; serve IMAGE puts an image's update files there
serve_updates() {
        local port
        web=$work/web
        mkdir "$web"
        port=$(free_port)
        python3 -m http.server --bind 127.0.0.1 --directory "$web" "$port" >"$work/web.log" 2>&1 &
        server=$!
        trap 'kill $server; finish' EXIT
        url=http://10.0.2.2:$port
}
serve() { rm -f "$web"/*; ln -s "$1"/{SHA256SUMS,SHA256SUMS.gpg,troupe_*} "$web/"; }
update() { on "/usr/lib/troupe/update $url"; }
kernels() { on 'ls /boot/EFI/Linux' | tr '\n' ' '; }
