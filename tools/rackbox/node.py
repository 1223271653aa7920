# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes in namespaces of their own, and the cables between them."""
import contextlib
import os
import signal
import subprocess
import time

from rackbox import plan
from rackbox.state import RackError, alive, process

STOP_TIMEOUT_S = 30


def run(*command, check=True):
    """Runs a tool quietly; what it complained about is the error."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise RackError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done


def inside(proc, *command, check=True):
    """Runs a tool of this machine in the network namespace of a process."""
    return run("nsenter", f"--net=/proc/{proc['pid']}/ns/net", "--", *command, check=check)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(child) for child in f.read().split()]
    except OSError:
        return []


def wait_for(what, seconds, test):
    """Polls @test until it returns something true, and returns that; RackError after @seconds."""
    end = time.monotonic() + seconds
    while True:
        result = test()
        if result:
            return result
        if time.monotonic() > end:
            raise RackError(f"{what}: nothing after {seconds} s")
        time.sleep(0.05)


def spawn(command, log):
    """Starts @command as PID 1 of namespaces of its own (processes, network, mounts). It stays when we end."""
    with open(log, "ab") as out:
        outer = subprocess.Popen(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                                  "--", *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 start_new_session=True)

    def started():
        if outer.poll() is not None:
            raise RackError(f"{command[0]} ended at once: see {log}")
        mine = os.stat("/proc/self/ns/net").st_ino
        return [pid for pid in children(outer.pid) if os.stat(f"/proc/{pid}/ns/net").st_ino != mine]

    pid = wait_for(command[0], 10, started)[0]
    inside({"pid": pid}, "ip", "link", "set", "lo", "up")
    return process(pid)


def kill(proc):
    """Ends a process, and with it all of its namespaces, and returns when it is gone."""
    if not alive(proc):
        return
    os.kill(proc["pid"], signal.SIGKILL)
    wait_for(f"process {proc['pid']} to end", STOP_TIMEOUT_S, lambda: not alive(proc))


def kill_visitors(proc):
    """Ends the processes of this machine that were run in a node's network namespace (`tools/rack client`)."""
    if not alive(proc):
        return
    namespace = os.stat(f"/proc/{proc['pid']}/ns/net").st_ino
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        with contextlib.suppress(OSError):
            if pid != proc["pid"] and os.stat(f"/proc/{pid}/ns/net").st_ino == namespace:
                os.kill(pid, signal.SIGKILL)


def make_switch(switch):
    inside(switch, "ip", "link", "add", "switch", "type", "bridge", "stp_state", "0", "forward_delay", "0")
    inside(switch, "ip", "link", "set", "switch", "up")


def plug(switch, name, pid, number):
    """A cable from the switch's port @name to a new network card `uplink` of process @pid."""
    inside(switch, "ip", "link", "del", name, check=False)
    inside(switch, "ip", "link", "add", name, "type", "veth", "peer", "name", plan.UPLINK,
           "address", plan.mac(number), "netns", str(pid))
    inside(switch, "ip", "link", "set", name, "master", "switch", "up")


def set_address(proc, address):
    inside(proc, "ip", "address", "add", f"{address}/{plan.PREFIX}", "dev", plan.UPLINK)
    inside(proc, "ip", "link", "set", plan.UPLINK, "up")


def port_is_up(switch, name):
    return ",UP" in inside(switch, "ip", "-o", "link", "show", name, check=False).stdout.replace("<UP", ",UP")


def set_port(switch, name, up):
    inside(switch, "ip", "link", "set", name, "up" if up else "down")
