# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives a rack and the services on it from a program: for the demo and the benches."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

from rackbox import state

BUILD = os.environ.get("BUILD", "build")
TOP = state.TOP
RACK = os.path.join(TOP, "tools/rack")
SERVICE = "guestbook"
READY = "ReadyRole"


class Failed(Exception):
    """The story cannot go on; the text says why."""


def run(*command, give="", check=True, timeout=900):
    done = subprocess.run(command, input=give, capture_output=True, text=True, timeout=timeout, cwd=TOP, errors="replace")
    if check and done.returncode:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout


desk = "h1"  # the host where commands are given; a story moves it before it cuts that host's power


def on_host(*command, host=None, **how):
    return run(RACK, "exec", host or desk, "--", *command, **how)


def on_client(*command, **how):
    return run(RACK, "client", "--", *command, **how)


def troupectl(*words, **how):
    print(f"  $ troupectl {' '.join(words)}", flush=True)
    return on_host("troupectl", *words, **how)


def hosts():
    """What `troupectl hosts` says, by name."""
    return {host["name"]: host for host in json.loads(on_host("troupectl", "hosts", "--json"))}


def vip_owner(vip):
    """The host that has a VIP's address; None while none has."""
    for name in (h["name"] for h in json.loads(run(RACK, "status", "--json"))["hosts"] if h["state"] == "running"):
        if on_host("ip", "-o", "-4", "address", "show", "to", vip, host=name).strip():
            return name
    return None


def deployment(slot="production"):
    """What `troupectl status --json` says of one slot; None when it is empty."""
    shown = json.loads(on_host("troupectl", "status", SERVICE, "--json"))
    return next((found for found in shown["deployments"] if found["slot"] == slot), None)


def instances(slot="production"):
    found = deployment(slot)
    return found["instances"] if found else []


def ready(slot="production", role=None):
    return [i for i in instances(slot) if i["status"] == READY and role in (None, i["role"])]


def is_serving(name, slot="production"):
    """Whether an instance is Ready and in rotation."""
    return any(i["status"] == READY and i["in_rotation"] for i in instances(slot) if i["name"] == name)


def wait_for(what, seconds, test):
    """Polls until @test returns something true; returns that and how long it took."""
    start = time.monotonic()
    while True:
        result = test()
        if result:
            return result, time.monotonic() - start
        if time.monotonic() - start > seconds:
            raise Failed(f"not within {seconds} s: {what}\n{on_host('troupectl', 'status', SERVICE, check=False)}")
        time.sleep(0.2)


def in_guest(instance, script):
    """Runs a shell script inside an instance, through its agent, and returns what it wrote. The shell is on a terminal
    that echoes what is typed, so the lines that count carry a mark that is only computed there."""
    role, number = instance["role"], str(instance["number"])
    text = f"(\n{script}\n) 2>&1 | sed s/^/OUT$((40+2)):/; echo END$((40+2))\nexit\n"
    said = on_host("troupectl", "shell", f"{SERVICE}/{role}/{number}", host=instance["host"], give=text, timeout=120,
                   check=False)
    if "END42" not in said:
        raise Failed(f"the shell in {instance['name']} said only: {said.strip()[-400:]!r}")
    return "\n".join(re.findall(r"OUT42:([^\r\n]*)", said))


# When the guestbook's process in an instance was killed, and when the next one was started, by the guest's own clock:
# looking for it takes a slow guest longer than starting it.
KILL_PROCESS = r"""
pid_of() { for p in /proc/[0-9]*; do read -r c <$p/comm && [ "$c" = guestbook-web ] && echo ${p#/proc/}; done 2>/dev/null; }
old=$(pid_of); read -r up _ </proc/uptime; kill -9 $old
while sleep 0.2; new=$(pid_of); [ -z "$new" ] || [ "$new" = "$old" ]; do :; done
echo killed $up started $(sed "s/.*) //" /proc/$new/stat | cut -d" " -f20)
"""


def kill_process(instance):
    """Kills the guestbook's process in an instance; how many milliseconds later the next one was started."""
    killed, started = re.search(r"killed ([0-9.]+) started (\d+)", in_guest(instance, KILL_PROCESS)).groups()
    return max(0, int(started) * 10 - round(float(killed) * 1000))


class Load:
    """Requests at a steady rate from the client, whatever becomes of them; `result` says what did."""

    def __init__(self, url, rate, header="X-Instance"):
        self.command = [RACK, "client", "--", os.path.join(TOP, BUILD, "troupe-load"), f"--rate={rate}",
                        f"--header={header}", "--timeout=10000", url]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, cwd=TOP)
        time.sleep(1)
        self.began = time.time() - 1
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            time.sleep(1)
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=60)
        with contextlib.suppress(ValueError):
            self.result = json.loads(out)

    def __str__(self):
        r = self.result
        shares = ", ".join(f"{name} {count}" for name, count in sorted(r["instances"].items()))
        kinds = ", ".join(f"{count} {name}" for name, count in r["failures"].items())
        return (f"{r['sent']} requests in {r['seconds']:.0f} s, {r['failed']} failed{f' ({kinds})' if kinds else ''}, "
                f"p50 {r['p50_ms']:.0f} ms, p99 {r['p99_ms']:.0f} ms: {shares}")
