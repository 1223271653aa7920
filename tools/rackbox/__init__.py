# SPDX-License-Identifier: GPL-3.0-or-later
"""The rack in a box: Troupe hosts as systemd-nspawn containers on one machine.

A rack is four kinds of process, each in a network namespace of its own, wired by veth to the switch:

    switch   holds the bridge that is the rack's switch
    client   where the users of the applications are: commands are run in it
    ext      an external service (a real Valkey) that applications in the rack may use
    h1, h2   the hosts: the real host tree with systemd as PID 1

Nothing else is kept: namespaces, links and mounts live as long as these processes do and go with them, so a rack
that was ended, in whatever way, leaves nothing behind but its state file and its hosts' disks (state.py).
"""
