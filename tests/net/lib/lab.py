# SPDX-License-Identifier: GPL-3.0-or-later
"""One host with netd on it, clients outside and guests inside, each in its own network namespace.

A guest is a namespace whose veth is called like a tap: netd takes an interface that is there as it is. Sockets
stay in the namespace they were made in, so servers and clients are threads and sockets of the test itself."""
import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
import dbus  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
STATE = "a(ssusu)a(ssssssu)a(ssbu)a(ssyqybu(yqsuu)a(bs)a(sqb))a(ssyqqas)a(ssbb)a(sa(su))a(ssssss)"
NO_PROBE = (0, 0, "", 0, 0)
TCP, UDP = 6, 17
NETD_USER = 65534  # netd runs as its unit has it: not root, two capabilities (the bus wants a user that has a name)
CAPABILITIES = "-all,+net_admin,+net_raw"
AS_NETD = ["setpriv", f"--reuid={NETD_USER}", f"--regid={NETD_USER}", "--clear-groups", f"--bounding-set={CAPABILITIES}",
           f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}", "--no-new-privs"]
BUS_CONFIG = """<busconfig><listen>unix:path={0}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
<limit name="max_message_size">67108864</limit><limit name="max_incoming_bytes">134217728</limit>
<limit name="max_outgoing_bytes">134217728</limit></busconfig>"""


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def check(condition, text):
    if not condition:
        raise AssertionError(text)
    print(f"ok: {text}", flush=True)


def until(condition, seconds=5, text="condition"):
    """Waits for something that must come true; gives how long it took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds} s: {text}")
        time.sleep(0.005)
    return time.monotonic() - start


def receive_line(s):
    data = b""
    while not data.endswith(b"\n"):
        more = s.recv(4096)
        if not more:
            raise ConnectionError("closed")
        data += more
    return data.decode().split()


class Namespace:
    def __init__(self, lab, name):
        self.lab, self.name = lab, f"{lab.prefix}-{name}"
        run("ip", "netns", "add", self.name)
        lab.namespaces.append(self)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments, check=True):
        return run("ip", "-n", self.name, *arguments, check=check)

    def command(self, *command):
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command, check=True):
        return run(*self.command(*command), check=check)

    @contextlib.contextmanager
    def entered(self):
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            os.setns(there.fileno(), os.CLONE_NEWNET)
            try:
                yield
            finally:
                os.setns(home.fileno(), os.CLONE_NEWNET)

    def socket(self, kind=socket.SOCK_STREAM, family=socket.AF_INET, protocol=0):
        with self.entered():
            s = socket.socket(family, kind, protocol)
        s.settimeout(3)
        return s

    def connect(self, address, port, source=None, timeout=3):
        s = self.socket()
        s.settimeout(timeout)
        try:
            if source:
                s.bind((source, 0))
            s.connect((address, port))
        except OSError:
            s.close()
            raise
        return s

    def ask(self, address, port, source=None, timeout=3):
        """One connection, one question: [who answered, client address as the server saw it]."""
        with self.connect(address, port, source, timeout) as s:
            s.sendall(b"?\n")
            return receive_line(s)

    def ask_udp(self, address, port, s=None, source_port=0):
        own = s is None
        if own:
            s = self.socket(socket.SOCK_DGRAM)
            s.bind(("", source_port))
        try:
            s.sendto(b"?\n", (address, port))
            return s.recv(4096).decode().split()
        finally:
            if own:
                s.close()

    def outcome(self, address, port, timeout=0.7):
        """What a connection attempt meets: "open", "refused" or "silence"."""
        try:
            self.connect(address, port, timeout=timeout).close()
            return "open"
        except ConnectionRefusedError:
            return "refused"
        except (TimeoutError, OSError):
            return "silence"


class Server:
    """Answers on TCP and UDP with its name and the client's address; over HTTP with .status."""

    def __init__(self, namespace, name, port, udp=False):
        self.name, self.status, self.asked, self.stopped = name, 200, 0, False
        self.socket = namespace.socket(socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.settimeout(None)
        self.socket.bind(("0.0.0.0", port))
        if not udp:
            self.socket.listen(4096)
        threading.Thread(target=self.serve_udp if udp else self.serve_tcp, daemon=True).start()

    def serve_udp(self):
        while True:
            try:
                _, client = self.socket.recvfrom(4096)
                self.socket.sendto(f"{self.name} {client[0]}\n".encode(), client)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                s, client = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_one, args=(s, client), daemon=True).start()

    def serve_one(self, s, client):
        with contextlib.suppress(OSError), s:
            while (data := s.recv(4096)):
                self.asked += 1
                if data.startswith(b"GET"):
                    s.sendall(f"HTTP/1.1 {self.status} X\r\nConnection: close\r\n\r\n{self.name}\n".encode())
                    return
                s.sendall(f"{self.name} {client[0]}\n".encode())

    def stop(self):
        self.stopped = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Guest(Namespace):
    """An instance: .declared is what Net1 is told of it."""

    def __init__(self, lab, network, number, group="web"):
        self.id = f"{network.id}/{group}_IN_{number}"
        super().__init__(lab, f"{network.id}{group}{number}")
        self.network, self.group = network, group
        index = lab.next_index()
        self.tap, self.address = f"tv{index:08x}", f"{network.subnet}.{index}"
        self.mac = f"02:00:00:00:00:{index:02x}"
        lab.guests.append(self)
        run("ip", "link", "add", self.tap, "netns", lab.host.name, "type", "veth",
            "peer", "name", "eth0", "netns", self.name)
        self.ip("link", "set", "eth0", "address", self.mac, "up")
        self.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        self.ip("route", "add", "default", "via", f"{network.subnet}.1")
        self.declared = (self.id, network.id, group, self.tap, self.mac, self.address, 0xffffffff)


class Network:
    def __init__(self, number):
        self.id, self.number, self.subnet = f"d{number:08x}", number, f"10.64.{number}"
        self.bridge = f"tb{number:06x}"
        self.declared = (self.id, self.bridge, number, f"{self.subnet}.1/24", 1450)


class Machine:
    """A host with netd and a bus on it. .host is its namespace; the dictionaries are what netd is to be told."""

    def __init__(self, lab, name="host"):
        self.prefix, self.namespaces, self.processes = lab.prefix, lab.namespaces, lab.processes
        self.guests, self.netd = [], None
        self.directory = tempfile.mkdtemp(prefix="troupe-net-")
        self.host = Namespace(self, name)
        self.networks, self.vips, self.endpoints, self.reaches, self.peers = {}, {}, {}, {}, {}
        self.shares, self.remotes = {}, {}
        self.start_bus()

    def next_index(self):
        return len(self.guests) + 2

    def start_bus(self):
        config = f"{self.directory}/bus.conf"
        with open(config, "w") as f:
            f.write(BUS_CONFIG.format(self.directory))
        self.bus_process = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"],
                                            stderr=subprocess.DEVNULL)
        self.processes.append(self.bus_process)
        until(self.listens, 10, "the bus is there")
        self.bus.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s",
                      "type='signal',interface='org.troupe.Net1'")

    def listens(self):
        """The bus's socket is a file before it is listened on."""
        try:
            self.bus = dbus.Bus(f"{self.directory}/bus")
            return True
        except OSError:
            return False

    def start(self):
        """Starts netd and waits until it serves."""
        self.log = open(f"{self.directory}/netd.log", "a")
        os.chown(self.directory, NETD_USER, NETD_USER)
        self.netd = subprocess.Popen(self.host.command(*AS_NETD, f"{BUILD}/troupe-netd", f"--state={self.directory}",
                                                       f"--bus=unix:path={self.directory}/bus"), stderr=self.log)
        self.processes.append(self.netd)
        until(self.serves, 10, "netd serves")

    def serves(self):
        if self.netd.poll() is not None:
            raise AssertionError("netd ended: " + open(f"{self.directory}/netd.log").read())
        return self.bus.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                             "s", "org.troupe.Net1")[0]

    def kill(self):
        self.netd.kill()
        self.netd.wait()
        until(lambda: not self.bus.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                        "NameHasOwner", "s", "org.troupe.Net1")[0], 5, "the bus noticed")

    def call(self, method, signature="", *values, **options):
        return self.bus.call("org.troupe.Net1", "/org/troupe/Net1", "org.troupe.Net1", method, signature, *values,
                             **options)

    def network(self, number):
        network = Network(number)
        self.networks[network.id] = network.declared
        return network

    def guest(self, network, number, group="web"):
        return Guest(self, network, number, group)

    def vip(self, address, owned=True, rate=0):
        self.vips[address] = (address, "", owned, rate)
        return address

    def endpoint(self, key, vip, port, backends, protocol=TCP, source=False, ignore=False, probe=NO_PROBE, acl=(),
                 idle=0):
        """backends: guests, or (guest, port, ready)."""
        listed = [(b.id, port, True) if isinstance(b, Guest) else (b[0].id, b[1], b[2]) for b in backends]
        self.endpoints[key] = (key, vip, protocol, port, int(source), ignore, idle, probe, list(acl), listed)
        return self.endpoints[key]

    def state(self):
        return [list(self.networks.values()), [g.declared for g in self.guests], list(self.vips.values()),
                list(self.endpoints.values()), list(self.reaches.values()), list(self.peers.values()),
                list(self.shares.values()), list(self.remotes.values())]

    def replace(self):
        self.call("Replace", STATE, *self.state())

    def update(self, endpoints=(), gone=(), instances=(), vips=(), networks=(), reaches=(), peers=(), shares=(),
               remotes=()):
        self.call("Update", "a(ss)" + STATE, list(gone), list(networks), list(instances), list(vips), list(endpoints),
                  list(reaches), list(peers), list(shares), list(remotes))

    def rotation(self):
        return {(e, i): (inside, why) for e, i, inside, why in self.call("GetRotation")[0]}

    def ruleset(self):
        return self.host.run("nft", "-s", "list", "ruleset")

    def failed(self):
        return sys.exc_info()[0] or self.netd and self.netd.poll() not in (None, -9)


class Ending:
    """What was made of namespaces, processes and directories is gone when the test ends, however it does."""

    def __init__(self):
        self.prefix = f"tn{os.getpid()}"
        self.namespaces, self.processes, self.machines = [], [], []
        atexit.register(self.end)

    def end(self):
        for machine in self.machines:
            if machine.failed():
                print(open(f"{machine.directory}/netd.log").read(), file=sys.stderr)
        atexit.unregister(self.end)
        for process in self.processes:
            if process.poll() is None:
                if os.getpgid(process.pid) == process.pid:  # started as a session of its own: with its children
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
                process.wait()
        for namespace in self.namespaces:
            run("ip", "netns", "delete", namespace.name, check=False)
        for machine in self.machines:
            shutil.rmtree(machine.directory, ignore_errors=True)


class Lab(Ending, Machine):
    """One host, and a client on the other end of its uplink."""

    def __init__(self):
        Ending.__init__(self)
        self.machines.append(self)
        Machine.__init__(self, self)
        self.client = Namespace(self, "client")
        run("ip", "link", "add", "up0", "netns", self.host.name, "type", "veth",
            "peer", "name", "eth0", "netns", self.client.name)
        self.host.ip("link", "set", "up0", "up")
        self.host.ip("address", "add", "198.18.0.2/16", "dev", "up0")
        self.client.ip("link", "set", "eth0", "up")
        self.client.ip("address", "add", "198.18.0.1/16", "dev", "eth0")
        self.host.ip("route", "add", "default", "via", "198.18.0.1")


class Load(threading.Thread):
    """Keeps asking through a VIP on new connections and counts; .stop() gives (answers by name, failures)."""

    def __init__(self, namespace, address, port, pause=0.001):
        super().__init__(daemon=True)
        self.namespace, self.address, self.port, self.pause = namespace, address, port, pause
        self.answers, self.failures, self.going = {}, [], True
        self.start()

    def run(self):
        while self.going:
            try:
                name = self.namespace.ask(self.address, self.port)[0]
                self.answers[name] = self.answers.get(name, 0) + 1
            except OSError as error:
                self.failures.append(repr(error))
            time.sleep(self.pause)

    def total(self):
        return sum(self.answers.values())

    def stop(self):
        self.going = False
        self.join()
        return self.answers, self.failures


def frame_socket(namespace, interface="eth0"):
    s = namespace.socket(socket.SOCK_RAW, socket.AF_PACKET)
    s.bind((interface, 3))
    return s


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def udp_frame(to_mac, from_mac, source, target, port, payload=b"spoof", source_port=5555):
    udp = struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), random.randrange(65536), 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return mac_bytes(to_mac) + mac_bytes(from_mac) + b"\x08\0" + head + udp


def syn_packet(source, source_port, target, port):
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack(">BBH", 0, 6, 20)
    tcp = struct.pack(">HHIIBBHHH", source_port, port, random.randrange(1 << 32), 0, 0x50, 2, 64240, 0, 0)
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + tcp


def arp_frame(from_mac, sender_mac, sender, target):
    return (b"\xff" * 6 + mac_bytes(from_mac) + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) +
            mac_bytes(sender_mac) + socket.inet_aton(sender) + b"\0" * 6 + socket.inet_aton(target))
