# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's processor spends on a packet of a connection that is known, from the client through a VIP to the guest and back:
the same packet is sent many times over, what the sender's thread used is counted, and so little else of the machine is in it.

With no queue between the namespaces a packet is worked on in the thread that sends it, up to where it is dropped: before the
receiver's own TCP."""
import os
import re
import socket
import struct
import time

from lab import checksum, frame_socket, mac_bytes

PACKETS, TURNS = 20000, 5
MARK = 0x54524f55  # the sequence number that all of them have, and nothing else


def packet(source, source_port, target, port, from_mac, to_mac):
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack(">BBH", 0, 6, 20)
    tcp = struct.pack(">HHIIBBHHH", source_port, port, MARK, 1, 0x50, 0x10, 64240, 0, 0)
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, socket.inet_aton(source), socket.inet_aton(target))
    return mac_bytes(to_mac) + mac_bytes(from_mac) + b"\x08\0" + head[:10] + struct.pack(">H", checksum(head)) + head[12:] + tcp


def mac(namespace, device):
    return re.search(r"link/ether (\S+)", namespace.ip("link", "show", device))[1]


class Sink:
    """Where they end, in a namespace; .count() of them."""

    def __init__(self, namespace):
        self.namespace = namespace
        namespace.run("nft", "add table netdev sink; add chain netdev sink c { type filter hook ingress device eth0 priority 0; }; "
                      f"add rule netdev sink c tcp sequence {MARK} counter drop")

    def count(self):
        return int(re.search(r"packets (\d+)", self.namespace.run("nft", "list", "chain", "netdev", "sink", "c"))[1])

    def remove(self):
        self.namespace.run("nft", "delete", "table", "netdev", "sink")


def seconds_of(sender, data, sink):
    """Of one packet, the fastest turn: what disturbs only adds."""
    before, times = sink.count(), []
    for _ in range(TURNS):
        start = time.thread_time()
        for _ in range(PACKETS):
            sender.send(data)
        times.append((time.thread_time() - start) / PACKETS)
    arrived = sink.count() - before
    if arrived != PACKETS * TURNS:
        raise AssertionError(f"only {arrived} of {PACKETS * TURNS} packets arrived")
    return min(times)


def both_ways(client, host, guest, vip, port, back=None):
    """(seconds a packet to the guest, seconds a packet back) of a connection through whatever balances now. The client's packets
    come to `host`; back: (the guest's bridge there, its port); None: the guest is on another host, and its way is not measured."""
    cores = os.sched_getaffinity(0)
    sinks = Sink(guest), Sink(client)
    with client.connect(vip, port) as held:
        held.sendall(b"GET / HTTP/1.1\r\nHost: v\r\n\r\n")
        held.recv(4096)
        address, client_port = held.getsockname()
        there = packet(address, client_port, vip, port, mac(client, "eth0"), mac(host, "up0"))
        os.sched_setaffinity(0, {max(cores)})
        try:
            with frame_socket(client) as sender:
                to_guest = seconds_of(sender, there, sinks[0])
            if back is None:
                return to_guest, None
            reply = packet(guest.address, back[1], address, client_port, guest.mac, mac(host, back[0]))
            with frame_socket(guest) as sender:
                return to_guest, seconds_of(sender, reply, sinks[1])
        finally:
            os.sched_setaffinity(0, cores)
            for sink in sinks:
                sink.remove()
