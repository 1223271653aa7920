# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What ./disks and ./install share: which disks there are and what they hold.
set -euo pipefail

definitions=/usr/lib/troupe

say() { echo "troupe: $*" >&2; }
fail() { say "$*"; exit 1; }
parameter() { local w; for w in $(</proc/cmdline); do [ "${w%%=*}" != "$1" ] || printf '%s' "${w#*=}"; done; }

# credential NAME: what the machine was told, by SMBIOS or command line, or by a file on the EFI partition, which is encrypted, be it with no
# key, and counts only when it can be decrypted.
credential() {
        cat "/run/credentials/@system/$1" 2>/dev/null ||
                systemd-creds --quiet decrypt --name="$1" "/run/credentials/@encrypted/$1" - 2>/dev/null
}

# Who may sign what this machine starts: stays the same through updates.
state_pcrs=7

# bind_state DEFINITIONS: ... have the state be bound to this machine's TPM2, where that is wanted
bind_state() {
        [ "$(parameter troupe.state)" = tpm2 ] || [ "$(credential troupe.state)" = tpm2 ] || return 0
        [ -e /sys/class/tpmrm/tpmrm0 ] || fail "troupe.state=tpm2: this machine has no TPM2"
        echo Encrypt=tpm2 >>"$1/40-state.conf"
}

# The devices that the verified root is made of, /dev/X: its data and its hashes.
root_device() { root_part 4; }
hash_device() { root_part 5; }
root_part() {
        local words
        read -ra words < <(dmsetup table root)
        readlink -f "/dev/block/${words[$1]}"
}

disk_of() { local parent; parent=$(lsblk -ndpo PKNAME "$1"); echo "${parent:-$1}"; }

# partition DISK LABEL: the partition of that label on that disk, if there is one
partition() {
        local name label
        lsblk -nrpo NAME,PARTLABEL "$1" | while read -r name label; do [ "$label" != "$2" ] || echo "$name"; done
}

# Neither a partition table nor a file system, nor anything else that is known (2: nothing was found; 8: more than one thing was), and
# zeros between the place of a partition table and the first partition's. A table that a power cut left half written is nothing.
is_empty() {
        local status=0
        blkid -p "$1" >/dev/null 2>&1 || status=$?
        [ "$status" = 2 ] && cmp -s -i 17408 -n $((1048576 - 17408)) "$1" /dev/zero
}

# Disks that something could be written to.
disks() {
        local name type ro
        lsblk -dnrpo NAME,TYPE,RO | while read -r name type ro; do
                case $name in /dev/loop* | /dev/ram* | /dev/zram* | /dev/dm-* | /dev/fd*) continue ;; esac
                [ "$type" = disk ] && [ "$ro" = 0 ] && echo "$name" || :
        done
}
