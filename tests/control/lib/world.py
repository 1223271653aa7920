# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane without guests: a real etcd, a private message bus, real troupe-hostds and a real troupe-netd, in a
directory and a network namespace of their own. libvirt is its own test driver, so VMs are there and nothing runs in them.

What is asked of hostd goes over the bus with busctl; descriptors are passed as busctl cannot, with a small client of our
own: tests/control/lib/busfd.py."""
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
NAME, ROOT = "org.troupe.Host1", "/org/troupe/Host1"
MANAGER = NAME + ".Manager"

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/>
<allow receive_sender="*"/><allow user="*"/></policy></busconfig>
"""


def fail(text):
    """Said when Python ends: after the logs, where it is looked for."""
    raise SystemExit(f"FAILED: {text}")


def until(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            fail(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def listens(path):
    """A socket is a file before it is listened on."""
    with socket.socket(socket.AF_UNIX) as s:
        return os.path.exists(path) and s.connect_ex(path) == 0


def adopt_orphans():
    """What a daemon that is killed leaves behind becomes this process's child, which can wait for its end."""
    pr_set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def end_group(group):
    """Ends what is left of a process group, if anything is."""
    with contextlib.suppress(ChildProcessError):
        while True:
            if os.waitpid(-group, os.WNOHANG) == (0, 0):  # there are some, and none that has ended
                os.killpg(group, signal.SIGKILL)
                os.waitpid(-group, 0)


def own_network():
    """What netd makes is made in a namespace that ends with the test."""
    os.unshare(os.CLONE_NEWNET)
    for command in ("ip link set lo up", "ip link add uplink type veth peer name outside", "ip addr add 198.18.0.1/15 dev uplink",
                    "ip link set uplink up", "ip link set outside up"):
        subprocess.run(command.split(), check=True)


class World:
    def __init__(self, quota=0, lease=3):
        own_network()
        self.dir = tempfile.mkdtemp(prefix="troupe-control-")
        self.processes, self.groups = {}, []
        adopt_orphans()
        self.bus = f"{self.dir}/bus"
        self.port, self.peer = 2379, 2380
        self.quota, self.lease = quota, lease
        self.env = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.bus}", ETCDCTL_API="3")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for name in list(self.processes):
            self.kill(name)
        for group in self.groups:
            end_group(group)
        if kind:
            for name in sorted(os.listdir(self.dir)):
                if name.endswith(".log"):
                    with open(f"{self.dir}/{name}", encoding="utf-8", errors="replace") as f:
                        print(f"---- {name}\n" + "".join(f.readlines()[-40:]), flush=True)
        shutil.rmtree(self.dir)

    def spawn(self, name, *command, bus=None):
        env = dict(self.env, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={bus or self.bus}")
        with open(f"{self.dir}/{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                    env=env, start_new_session=True)
        self.groups.append(self.processes[name].pid)

    def kill(self, name, how=signal.SIGKILL):
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.send_signal(how)
        process.wait(30)

    def signal(self, name, how):
        self.processes[name].send_signal(how)

    def start_bus(self, name="dbus", path=None):
        path = path or self.bus
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with open(f"{path}.conf", "w", encoding="utf-8") as f:
            f.write(BUS_CONFIG.format(path=path))
        self.spawn(name, "dbus-daemon", f"--config-file={path}.conf", "--nofork", "--nopidfile")
        until("the bus", lambda: listens(path))

    def start_etcd(self):
        url, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.peer}"
        self.spawn("etcd", "etcd", "--name=m", f"--data-dir={self.dir}/etcd", f"--listen-client-urls={url}",
                   f"--advertise-client-urls={url}", f"--listen-peer-urls={peer}",
                   f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=m={peer}", "--unsafe-no-fsync",
                   f"--quota-backend-bytes={self.quota}", "--log-level=error")

    def etcdctl(self, *arguments, check=True):
        return subprocess.run(["etcdctl", f"--endpoints=http://127.0.0.1:{self.port}", "--command-timeout=10s",
                               "--dial-timeout=10s", *arguments], env=self.env, check=check, capture_output=True,
                              text=True).stdout

    def keys(self, prefix="/troupe/1/"):
        """Key to decoded value."""
        answer = json.loads(self.etcdctl("get", "--prefix", prefix, "-w", "json"))
        import base64
        return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv.get("value", "")).decode()
                for kv in answer.get("kvs", [])}

    def start_hostd(self, host="h1", *more, bus=None, address="127.0.0.1"):
        state, run, guests = (f"{self.dir}/{host}{s}" for s in ("", ".run", ".os"))
        for d in (state, run, guests):
            os.makedirs(d, exist_ok=True)
        with open(f"{self.dir}/{host}.conf", "w", encoding="utf-8") as f:
            f.write(f"etcd=http://127.0.0.1:{self.port}\nvip-pool=198.18.100.0/24\nlease={self.lease}\n"
                    f"fault-domain=fd-{host}\nmemory=16384\nvcpus=16\ndisk=200000\naddress={address}\nwatchdog=off\n")
        self.spawn(host, f"{BUILD}/troupe-hostd", f"--host={host}", f"--state-dir={state}", f"--runtime-dir={run}",
                   f"--os-dir={guests}", "--libvirt-uri=test:///default", f"--config={self.dir}/{host}.conf", *more, bus=bus)

    def make_guest_os(self, host="h1", version="1"):
        """A guest operating system by its manifest: nothing here boots it."""
        path = f"{self.dir}/{host}.os/debian-13/{version}"
        os.makedirs(path, exist_ok=True)
        files = []
        import hashlib
        for name in ("vmlinuz", "initrd", "cmdline", "root.raw"):
            data = f"{name} {version}\n".encode()
            with open(f"{path}/{name}", "wb") as f:
                f.write(data)
            files.append({"name": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        with open(f"{path}/manifest.json", "w", encoding="utf-8") as f:
            json.dump({"family": "debian-13", "version": version, "root_format": "raw", "files": files}, f)

    def make_pki(self, hosts):
        """A CA, and for each host (name to address) the files by which it is known to the others."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True)
        ca = f"{self.dir}/ca"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=test CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", f"{ca}.key", "-out", f"{ca}.crt")
        for host, address in hosts.items():
            pki = f"{self.dir}/{host}/pki"
            os.makedirs(pki, exist_ok=True)
            shutil.copy(f"{ca}.crt", f"{pki}/ca.crt")
            openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                    "-keyout", f"{pki}/host.key", "-out", f"{pki}/host.csr")
            with open(f"{pki}/extensions", "w", encoding="utf-8") as f:
                f.write(f"subjectAltName=DNS:{host},IP:{address}\nextendedKeyUsage=serverAuth,clientAuth\n")
            openssl("x509", "-req", "-in", f"{pki}/host.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial",
                    "-days", "2", "-extfile", f"{pki}/extensions", "-out", f"{pki}/host.crt")

    def start_netd(self):
        self.spawn("netd", f"{BUILD}/troupe-netd", f"--state={self.dir}/netd", "--uplink=uplink")

    def up(self):
        self.start_bus()
        self.start_etcd()
        os.makedirs(f"{self.dir}/netd", exist_ok=True)
        self.start_netd()
        self.start_hostd()
        self.make_guest_os()
        self.ready()

    def ready(self, leader="h1"):
        """Leads, and knows of its own host and its guest operating system: fit for a deployment."""
        until("hostd to lead", lambda: self.get(ROOT, MANAGER, "Leader") == leader and
              self.get(ROOT, MANAGER, "State") == "running", 60)
        until("the host to be registered", lambda: self.all_of("Host").get(f"{ROOT}/host/{leader}"), 60)
        until("the guest OS to be registered", lambda: self.get(ROOT, MANAGER, "GuestOs"))

    def busctl(self, *arguments):
        done = subprocess.run(["busctl", f"--address=unix:path={self.bus}", "--json=short", "--timeout=20", *arguments],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr.strip()

    def call(self, path, interface, method, *arguments):
        """The reply's data; (None, error text) is raised as CallError."""
        status, out, error = self.busctl("call", NAME, path, interface, method, *map(str, arguments))
        if status != 0:
            raise CallError(error)
        return json.loads(out)["data"] if out.strip() else []

    def get(self, path, interface, name):
        status, out, _ = self.busctl("get-property", NAME, path, interface, name)
        return json.loads(out)["data"] if status == 0 else None

    def objects(self):
        status, out, error = self.busctl("call", NAME, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        if status != 0:
            raise CallError(error)
        return {path: {i: {p: v["data"] for p, v in properties.items()} for i, properties in interfaces.items()}
                for path, interfaces in json.loads(out)["data"][0].items()}

    def all_of(self, kind):
        return {path: i[f"{NAME}.{kind}"] for path, i in self.objects().items() if f"{NAME}.{kind}" in i}

    def with_files(self, method, signature, *arguments):
        """A call that passes files: `h` arguments are paths. Returns (reply, error name, message)."""
        from busfd import call_with_files
        return call_with_files(self.bus, NAME, ROOT, MANAGER, method, signature, arguments)


class CallError(Exception):
    pass


sys.path.insert(0, os.path.dirname(__file__))
