# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rack remembers between two commands: which processes are its own, and nothing that the kernel can tell.

A process is its number and its start time, so that a number that was given to another process, or a machine that was
booted since, is never taken for the rack's own."""
import contextlib
import fcntl
import json
import os
import shutil

NAME = os.environ.get("TROUPE_RACK", "rack")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("TROUPE_CACHE") or os.path.join(TOP, ".cache")
RUN = f"/run/troupe-rack/{NAME}"
DISKS = os.path.join(CACHE, "rack", NAME)


class RackError(Exception):
    """Something the user can understand and act on; the text says what and how."""


def start_time(pid):
    """When process @pid was started, in clock ticks since boot; None when there is no such live process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def process(pid):
    return {"pid": pid, "start": start_time(pid)}


def alive(proc):
    return proc is not None and proc["start"] is not None and start_time(proc["pid"]) == proc["start"]


def load():
    """The rack's state, or None when there is none."""
    try:
        with open(f"{RUN}/state.json", encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return None


def save(state):
    os.makedirs(RUN, exist_ok=True)
    with open(f"{RUN}/state.json.new", "w", encoding="utf-8") as f:
        json.dump(state, f, indent=1)
    os.rename(f"{RUN}/state.json.new", f"{RUN}/state.json")


def forget():
    """Removes the state and the hosts' disks."""
    shutil.rmtree(RUN, ignore_errors=True)
    shutil.rmtree(DISKS, ignore_errors=True)
    for parent in (os.path.dirname(RUN), os.path.dirname(DISKS)):
        with contextlib.suppress(OSError):
            os.rmdir(parent)


@contextlib.contextmanager
def locked():
    """One command at a time changes the rack."""
    os.makedirs(RUN, exist_ok=True)
    with open(f"{RUN}.lock", "w", encoding="ascii") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RackError("another rack command is at work: wait for it to end") from None
        try:
            yield
        finally:
            if load() is None:
                shutil.rmtree(RUN, ignore_errors=True)
                with contextlib.suppress(OSError):
                    os.unlink(f"{RUN}.lock")
                    os.rmdir(os.path.dirname(RUN))
