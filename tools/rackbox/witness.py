# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees which role VMs run on which host of the rack, and when: from the machine that all of it runs on, so that neither
Troupe nor a clock of its hosts has a say in it. An instance that runs twice, on whatever hosts and in whatever
incarnations, is seen as two QEMU processes at one time.

    python3 -m rackbox.witness FILE     writes a line of JSON to FILE for each VM that starts or stops, until SIGTERM;
                                        ends with 1, and says which, if any instance ran twice at any time"""
import contextlib
import json
import os
import re
import signal
import sys
import threading
import time

from rackbox import state

PAUSE_S = 0.05
DOMAIN = re.compile(r"guest=(troupe-(d[0-9a-f]+)-(.+_IN_\d+)-(\d+)),")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def host_of(pid):
    """The rack's host that a process belongs to; None for another rack's, or none."""
    found = re.search(rf"/troupe-{re.escape(state.NAME)}/([^/\s]+)", read(f"/proc/{pid}/cgroup"))
    return found.group(1) if found else None


def vm_of(pid):
    """What a process is the VM of, or None."""
    domain = DOMAIN.search(read(f"/proc/{pid}/cmdline"))
    host = domain and host_of(pid)
    if not host:
        return None
    return {"host": host, "domain": domain.group(1), "instance": f"{domain.group(2)}/{domain.group(3)}",
            "incarnation": int(domain.group(4)), "pid": pid}


class Witness(threading.Thread):
    """`seen` has each VM with the `from` and `to` (None while it runs) of its life, seconds of time.time()."""

    def __init__(self, file=None):
        super().__init__(daemon=True)
        self.file, self.seen, self.twice = file, [], []
        self.known, self.running = {}, {}
        self.going = True
        self.look()
        self.start()

    def run(self):
        while self.going:
            self.look()
            time.sleep(PAUSE_S)

    def look(self):
        now = time.time()
        pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for pid in [p for p in self.known if p not in pids]:
            del self.known[pid]
        for pid in [p for p in self.running if state.start_time(p) != self.running[p]["start"]]:
            self.stopped(self.running.pop(pid), now)
        for pid in pids:
            # a process that is about to become a QEMU is looked at again once it has another name
            name = read(f"/proc/{pid}/comm")
            if self.known.get(pid) == name:
                continue
            if name.startswith("qemu-system") and not read(f"/proc/{pid}/cmdline"):
                continue  # it has its new name a moment before its arguments
            self.known[pid] = name
            if name.startswith("qemu-system") and pid not in self.running and (vm := vm_of(pid)):
                self.started(vm, now)

    def started(self, vm, now):
        start = state.start_time(vm["pid"])
        if start is None:
            return  # it has ended since
        vm.update({"start": start, "from": now, "to": None})
        for other in self.running.values():
            if other["instance"] == vm["instance"]:
                self.twice.append((other, vm))
                self.say("twice", other, now)
        self.running[vm["pid"]] = vm
        self.seen.append(vm)
        self.say("start", vm, now)

    def stopped(self, vm, now):
        vm["to"] = now
        self.say("stop", vm, now)

    def say(self, event, vm, now):
        if self.file:
            about = {key: vm[key] for key in ("host", "domain", "instance", "incarnation")}
            self.file.write(json.dumps({"event": event, "at_ms": round(now * 1000), **about}) + "\n")
            self.file.flush()

    def starts_since(self, when, hosts=None):
        """VMs that were started after @when, on one of @hosts."""
        return [vm for vm in list(self.seen) if vm["from"] > when and (hosts is None or vm["host"] in hosts)]

    def stop(self):
        self.going = False
        self.join()


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        witness = Witness(file)
        with contextlib.suppress(KeyboardInterrupt):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            signal.pause()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        witness.stop()
    for one, other in witness.twice:
        print(f"ran twice: {one['domain']} on {one['host']} and {other['domain']} on {other['host']}")
    return 1 if witness.twice else 0


if __name__ == "__main__":
    sys.exit(main())
