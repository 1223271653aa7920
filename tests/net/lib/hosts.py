# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts on one switch, each with a netd of its own; a client on the same switch, which routes nothing.

What is declared follows from a few dictionaries here as hostd would have it follow from records: .tell() declares it to
all hosts or some, in one Update or Replace each."""
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from lab import NO_PROBE, STATE, TCP, Ending, Guest, Machine, Namespace, Network, run, until  # noqa: E402

SUBNET = "198.18.0"


class Host(Machine):
    def __init__(self, rack, number):
        super().__init__(rack, f"h{number}")
        self.rack, self.number, self.id = rack, number, f"h{number}"
        self.address, self.alive, self.told = f"{SUBNET}.{10 + number}", True, None
        rack.plug(self.host, "up0", self.address)
        self.host.ip("route", "add", "default", "via", f"{SUBNET}.1")

    def next_index(self):
        self.rack.n_guests += 1
        return self.rack.n_guests + 1

    def guest(self, network, number, group="web"):
        guest = Guest(self, network, number, group)
        guest.on = self
        self.rack.guests.append(guest)
        return guest


class Rack(Ending):
    def __init__(self, n_hosts=2):
        super().__init__()
        self.n_guests, self.guests, self.hosts = 0, [], []
        self.networks, self.vips, self.endpoints, self.reaches, self.acls = {}, {}, {}, {}, {}
        self.switch = Namespace(self, "sw")
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")
        self.client = Namespace(self, "client")
        self.plug(self.client, "eth0", f"{SUBNET}.1")
        for number in range(1, n_hosts + 1):
            self.add_host(number)

    def add_host(self, number):
        host = Host(self, number)
        self.hosts.append(host)
        self.machines.append(host)
        return host

    def plug(self, namespace, name, address):
        port = f"p-{namespace.name.rsplit('-', 1)[1]}"
        run("ip", "link", "add", name, "netns", namespace.name, "type", "veth", "peer", "name", port, "netns", self.switch.name)
        self.switch.ip("link", "set", port, "master", "br0", "up")
        namespace.ip("link", "set", name, "up")
        namespace.ip("address", "add", f"{address}/16", "dev", name)

    def cable(self, host, plugged):
        self.switch.ip("link", "set", f"p-{host.id}", "up" if plugged else "down")

    def start(self):
        for host in self.hosts:
            host.start()

    # ---- what there is to be

    def network(self, number):
        network = Network(number)
        self.networks[network.id] = network
        return network

    def vip(self, address, owner):
        self.vips[address] = owner
        return address

    def endpoint(self, key, vip, port, guests, target=8080, protocol=TCP, source=False, probe=NO_PROBE, ready=None):
        """ready: the guests in rotation; all by default."""
        self.endpoints[key] = {"vip": vip, "port": port, "guests": list(guests), "target": target, "protocol": protocol,
                               "source": source, "probe": probe, "ready": list(guests if ready is None else ready)}

    def state_of(self, host):
        here = [g for g in self.guests if g.on is host]
        endpoints, shares = [], []
        for key, e in self.endpoints.items():
            endpoints.append((key, e["vip"], e["protocol"], e["port"], int(e["source"]), False, 0, e["probe"],
                              self.acls.get(key, []),
                              [(g.id, e["target"], g in e["ready"]) for g in e["guests"] if g.on is host]))
            weights = {h.id: 0 for h in self.hosts}
            for g in e["ready"]:
                weights[g.on.id] += g.on.alive
            shares.append((key, list(weights.items())))
        return [[n.declared for n in self.networks.values()], [g.declared for g in here],
                [(address, "", owner is host, 0) for address, owner in self.vips.items()], endpoints,
                list(self.reaches.values()),
                [(h.id, h.address, h is host, h.alive) for h in self.hosts], shares,
                [(g.id, g.network.id, g.group, g.mac, g.address, g.on.id) for g in self.guests if g.on is not host]]

    def tell(self, *hosts):
        for host in hosts or self.hosts:
            host.call("Replace", STATE, *self.state_of(host))


class Held:
    """A connection that is held open and asked from time to time."""

    def __init__(self, namespace, address, port, source=None):
        self.socket = namespace.connect(address, port, source)
        self.name = self.ask()

    def ask(self, timeout=3):
        self.socket.settimeout(timeout)
        self.socket.sendall(b"?\n")
        data = b""
        while not data.endswith(b"\n"):
            more = self.socket.recv(4096)
            if not more:
                raise ConnectionError("closed")
            data += more
        return data.decode().split()[0]

    def lives(self, timeout=3):
        try:
            return self.ask(timeout) == self.name
        except OSError:
            return False

    def close(self):
        self.socket.close()


def hold(namespace, address, port, n):
    return [Held(namespace, address, port) for _ in range(n)]


def broken(held, timeout=3):
    """How many of the held connections do not answer any more, asked all at once."""
    results = []
    threads = [threading.Thread(target=lambda h=h: results.append(h.lives(timeout))) for h in held]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results.count(False)


class Sniffer:
    """Frames that pass an interface of a namespace, as (raw frame, packet type)."""

    def __init__(self, namespace, interface):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.socket.bind((interface, 3))
        self.socket.setblocking(False)

    def frames(self):
        frames = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, address = self.socket.recvfrom(65535)
                frames.append((data, address[2]))
        return frames
