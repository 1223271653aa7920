# SPDX-License-Identifier: GPL-3.0-or-later
"""A role VM in QEMU and the host's end of its agent channel, for tests: what hostd does, in Python, with libvirt
left out. The machine is the one docs/guest.md describes."""
import base64
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time

GIB = 1 << 30


def image():
    """The newest guest image, made if it is not there."""
    done = subprocess.run(["image/guest/build"], check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


class Vm:
    def __init__(self, payload=None, local_mb=0, forward=(), memory_mb=256, kvm=False):
        self.dir = tempfile.mkdtemp(prefix="troupe-guest-")
        self.image = image()
        self.messages, self.logs, self.exits, self.heartbeats = [], [], [], []
        self.buffer = b""
        self.agent = None
        self.console = os.path.join(self.dir, "console")
        self._disks(payload, local_mb)
        self._start(forward, memory_mb, kvm, payload, local_mb)

    def _disks(self, payload, local_mb):
        self.root = os.path.join(self.dir, "root.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", f"{self.image}/root.raw", self.root,
                        "4G"], check=True)
        if payload:
            self.payload = os.path.join(self.dir, "payload.erofs")
            subprocess.run(["mkfs.erofs", "--quiet", "-zlz4", self.payload, payload], check=True)
        if local_mb:
            self.local = os.path.join(self.dir, "local.raw")
            with open(self.local, "wb") as f:
                f.truncate(local_mb << 20)

    def _disk(self, path, kind, serial, read_only=False):
        flags = ",readonly=on" if read_only else ""
        return ["-drive", f"if=none,id={serial},file={path},format={kind},cache=unsafe{flags}",
                "-device", f"virtio-blk-pci,drive={serial},serial={serial},disable-legacy=on"]

    def _start(self, forward, memory_mb, kvm, payload, local_mb):
        self.socket_path = os.path.join(self.dir, "agent")
        with open(f"{self.image}/cmdline", encoding="ascii") as f:
            cmdline = f.read().strip()
        net = "user,id=n0,restrict=on" + "".join(f",hostfwd=tcp:127.0.0.1:{h}-:{g}" for h, g in forward)
        args = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine",
                f"q35,accel={'kvm' if kvm else 'tcg'},hpet=off,vmport=off,usb=off", "-cpu", "max", "-m", str(memory_mb),
                "-kernel", f"{self.image}/{'vmlinuz' if kvm else 'vmlinux'}", "-initrd", f"{self.image}/initrd", "-append", cmdline,
                *self._disk(self.root, "qcow2", "root"),
                "-device", "virtio-serial-pci,id=vs,max_ports=3,disable-legacy=on",
                "-chardev", f"socket,id=agent,path={self.socket_path},server=on,wait=off",
                "-device", "virtserialport,bus=vs.0,chardev=agent,name=org.troupe.agent.0",
                "-chardev", f"file,id=console,path={self.console}",
                "-device", "virtconsole,bus=vs.0,chardev=console",
                "-netdev", net, "-device", "virtio-net-pci,netdev=n0,mac=52:54:00:00:00:01,romfile=,disable-legacy=on",
                "-object", "rng-random,id=r0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r0,disable-legacy=on"]
        if payload:
            args += self._disk(self.payload, "raw", "payload", True)
        if local_mb:
            args += self._disk(self.local, "raw", "local")
        args += os.environ.get("TROUPE_GUEST_QEMU", "").split()
        self.started = time.monotonic()
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL)

    # ---- the channel

    def connect(self, timeout=10):
        deadline = time.monotonic() + timeout
        while True:
            self.agent = socket.socket(socket.AF_UNIX)
            try:
                self.agent.connect(self.socket_path)
                break
            except OSError:
                self.agent.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
        self.agent.setblocking(False)
        self.buffer = b""
        self.send({"type": "hello", "protocol": 1, "agent_version": "test", "incarnation": 0, "serial": 0})

    def disconnect(self):
        self.agent.close()
        self.agent = None

    def send_bytes(self, data):
        self.agent.setblocking(True)
        self.agent.sendall(data)
        self.agent.setblocking(False)

    def send(self, message):
        self.send_bytes(b"\x1e" + json.dumps(message).encode() + b"\n")

    def _sort(self, message):
        kind = message.get("type")
        if kind == "log":
            self.logs.append(message)
        elif kind == "exit":
            self.exits.append(message)
        elif kind == "heartbeat":
            message["at"] = time.monotonic()
            self.heartbeats.append(message)
        self.messages.append(message)

    def pump(self, timeout):
        """Reads what comes within the time, at least once."""
        ready, _, _ = select.select([self.agent], [], [], timeout)
        if not ready:
            return False
        data = self.agent.recv(65536)
        if not data:
            raise EOFError("the VM has closed its channel")
        self.buffer += data
        *records, self.buffer = self.buffer.split(b"\n")
        for record in records:
            begin = record.rfind(b"\x1e")
            try:
                self._sort(json.loads(record[begin + 1:]))
            except ValueError:
                pass  # we came in the middle
        return True

    def wait(self, what, test, timeout=60):
        """Reads until test() gives something, and gives that."""
        deadline = time.monotonic() + timeout
        while True:
            found = test()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {timeout} s: {what}\n{self.state()}")
            self.pump(min(left, 0.5))

    def wait_message(self, kind, timeout=60, since=0, **fields):
        """Reads until a message of the kind with such members has come."""
        def test():
            return next((m for m in self.messages[since:]
                         if m.get("type") == kind and all(m.get(k) == v for k, v in fields.items())), None)
        return self.wait(f"{kind} {fields}", test, timeout)

    def wait_status(self, *names, timeout=60):
        return self.wait(f"status {' or '.join(names)}",
                         lambda: next((h for h in self.heartbeats[-1:] if h["status"] in names), None), timeout)

    def log_text(self, source=None):
        return "\n".join(m["text"] for m in self.logs if source is None or m["source"] == source)

    def state(self):
        with open(self.console, encoding="utf-8", errors="replace") as f:
            console = f.read()[-3000:]
        last = [json.dumps(m)[:300] for m in self.messages[-15:]]
        return "last messages:\n  " + "\n  ".join(last) + "\nconsole:\n" + console

    # ---- a shell

    def type(self, line, timeout=60, session=1):
        """Opens a shell session and types a line into it."""
        at = len(self.messages)
        self.send({"type": "shell-open", "session": session, "rows": 24, "columns": 200, "term": "dumb"})
        self.wait_message("shell-opened", timeout, at, session=session)
        self.send({"type": "shell-data", "session": session, "data": base64.b64encode(line.encode()).decode()})

    def shell(self, script, timeout=60, session=1):
        """Runs a script in a shell session; gives what it printed."""
        at = len(self.messages)
        mark = f"end{time.monotonic_ns()}"
        # the terminal echoes what is typed: the marks are typed in two pieces and printed in one
        begin = f"begin{mark[3:]}"
        self.type(f"stty -echo; PS1= PS2=; echo {begin[:3]}''{begin[3:]}; ( {script}\n) 2>&1; "
                  f"echo {mark[:3]}''{mark[3:]} $?; exit\n", timeout, session)
        given = 0

        def output():
            return b"".join(base64.b64decode(m["data"]) for m in self.messages[at:]
                            if m["type"] == "shell-data" and m["session"] == session)

        def closed():
            nonlocal given
            n = len(output())
            if n > given:
                self.send({"type": "shell-credit", "session": session, "credit": n - given})
                given = n
            return any(m["type"] == "shell-closed" and m["session"] == session for m in self.messages[at:])
        self.wait("the shell's end", closed, timeout)
        text = output().decode(errors="replace").replace("\r", "")
        return text.partition(begin + "\n")[2].partition(mark)[0]

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.agent:
            self.agent.close()
        shutil.rmtree(self.dir)
