# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For tests that cut the power at random moments: TROUPE_CUTS of them (10), from TROUPE_SEED (which is said).
cuts=${TROUPE_CUTS:-10}
seed=${TROUPE_SEED:-$(($(date +%s) % 100000))}
printf 'TROUPE_SEED=%s TROUPE_CUTS=%s\n' "$seed" "$cuts"

# points MILLISECONDS: moments before that, one a line
points() { awk -v seed="$seed" -v n="$cuts" -v ms="$1" 'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%d\n", rand() * ms }'; }

# cut_at MILLISECONDS: from now; the machine is off then, and what it had not flushed is lost
cut_at() {
        sleep "$(awk -v ms="$1" 'BEGIN { printf "%.3f", ms / 1000 }')"
        alive || fail "the machine was not running any more when its power was to be cut"
        power_cut
        rm -f "$work/known" # its key may have been made, and lost
        printf 'cut after %d.%d s; last said: %s\n' $(($1 / 1000)) $(($1 % 1000 / 100)) "$(tr -dc '[:print:]\n' <"$console" | grep . | tail -n 1 | cut -c1-100)"
}

# is_whole VERSION: the running host has all its partitions, its state on its disk, and nothing that failed
is_whole() {
        expect "it has all its partitions" test "$(on lsblk -nro PARTLABEL /dev/vda | grep -cE '^(troupe-esp|troupe-state|troupe-ephemeral|troupe_.+|_empty)$')" = 7
        expect "version $1 among them" test "$(on lsblk -nro PARTLABEL /dev/vda | grep -cE "^troupe_$1(_verity)?\$")" = 2
        expect "its state is on its disk" on 'findmnt -nro SOURCE /var | grep -q ^/dev/vda'
        expect "no unit failed" test -z "$(on systemctl --failed --no-legend)"
}
