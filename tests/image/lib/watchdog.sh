# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# For tests of the hardware watchdog. The machine says on its console what it is about to freeze, and is heard within some ms; QEMU,
# started with "${monitor[@]}", says when the device resets it.
monitor=(-qmp "unix:$work/monitor,server=on,wait=off")
resets=$work/resets
: >"$resets"

watch_resets() { # when each reset was, in ms since 1970
        python3 -u - "$work/monitor" >"$resets" <<'P' &
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX)
while True:
    try:
        s.connect(sys.argv[1])
        break
    except OSError:
        time.sleep(0.1)
s.sendall(b'{"execute": "qmp_capabilities"}\n')
for line in s.makefile():
    m = json.loads(line)
    if m.get("event") == "WATCHDOG":
        print(m["timestamp"]["seconds"] * 1000 + m["timestamp"]["microseconds"] // 1000)
P
        watcher=$!
        trap 'kill $watcher 2>/dev/null || :; finish' EXIT
}
reset_count_is() { [ "$(wc -l <"$resets")" = "$1" ]; }
property() { on busctl get-property org.troupe.Watchdog1 /org/troupe/Watchdog1 org.troupe.Watchdog1 "$1" | cut -d' ' -f2-; }
state_is() { [ "$(property State 2>/dev/null)" = "\"$1\"" ]; }
said_freezing() { grep -aoE 'freezing at [0-9]+ sent [0-9]+' "$console" | tail -n 1 | grep .; }

# freeze [hostd]: stops troupe-watchdog's process, and hostd's before it. Sets $frozen, ms since 1970, and, in ms since the machine's
# start, $up (the same moment) and $sent (the last renewal).
freeze() {
        local words
        : >"$console"
        on "systemd-run --quiet --collect --expand-environment=no bash -c '
                hostd=\$(systemctl show --value -p MainPID troupe-hostd) watchdog=\$(systemctl show --value -p MainPID troupe-watchdog)
                [ \"$*\" != hostd ] || kill -STOP \$hostd
                sent=\$(busctl get-property org.troupe.Watchdog1 /org/troupe/Watchdog1 org.troupe.Watchdog1 Sent)
                read -r up _ </proc/uptime
                echo \"freezing at \${up/./}0 sent \$((\${sent#t } / 1000000))\" >/dev/ttyS0
                kill -STOP \$watchdog'" >/dev/null 2>&1 &
        until said_freezing >/dev/null; do alive || fail "the machine ended before anything was frozen"; sleep 0.01; done
        frozen=$(now_ms)
        read -ra words < <(said_freezing)
        up=${words[2]} sent=${words[4]}
}
