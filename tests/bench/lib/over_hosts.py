# SPDX-License-Identifier: GPL-3.0-or-later
"""The network over hosts: a VIP on one host whose instance is on another against nftlb, HAProxy and no balancer; what a
change of a table of hosts breaks against Maglev alone; how long a VIP's move takes against keepalived."""
import os
import re
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../net/lib"))
from hosts import Rack, broken, hold  # noqa: E402
from lab import Server, until  # noqa: E402
import packets  # noqa: E402

ROUNDS, SECONDS = 6, 1
NGINX = """daemon off; worker_processes 2; user root; error_log stderr crit; pid {d}/{n}.pid; worker_rlimit_nofile 10000;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {d}/{n}b; proxy_temp_path {d}/{n}p;
fastcgi_temp_path {d}/{n}f; uwsgi_temp_path {d}/{n}u; scgi_temp_path {d}/{n}s;
server {{ {listen} location / {{ return 200 "hello\\n"; }} }} }}"""
HAPROXY = """global
 maxconn 4000
defaults
 maxconn 4000
 mode tcp
 timeout connect 5s
 timeout client 30s
 timeout server 30s
listen v
 bind {vip}:80
 server one {backend}:8082
"""
VIP = "198.18.1.1"
# each has a port of its own: a client's old connection to one way would be in the way of a new one by another
OTHER = "198.18.1.9"  # HAProxy's: the closed connections that it leaves behind are sockets, and forwarding avoids those
PORTS = {"netd": 8080, "nftlb": 8081, "haproxy": 8082, "direct": 8083}


def busy():
    fields = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def wrk(client, url, close):
    """(requests/s, CPU seconds per request of the whole machine, p99 seconds, failed)"""
    headers = ["-H", "Connection: close"] if close else []
    start = busy()
    out = client.run("wrk", "-t1", "-c32", f"-d{SECONDS}s", "--latency", *headers, url)
    used = busy() - start
    requests = int(re.search(r"(\d+) requests in", out)[1])
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    failed = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout|Non-2xx or 3xx responses:?) (\d+)", out))
    return requests / SECONDS, used / requests, float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit], failed


class TwoHosts:
    """The client's packets come to h1, the only instance is on h2: the longest way that there is."""

    def __init__(self):
        self.rack = rack = Rack(2)
        self.h1, self.h2 = rack.hosts
        network = rack.network(1)
        self.guest = self.h2.guest(network, 0)
        self.guest.ip("link", "set", "eth0", "mtu", "1450")
        path = f"{self.h2.directory}/nginx.conf"
        with open(path, "w") as f:
            f.write(NGINX.format(d=self.h2.directory, n="n", listen="".join(f"listen {p} backlog=4096; " for p in PORTS.values())))
        os.chmod(self.h2.directory, 0o755)
        rack.processes.append(subprocess.Popen(self.guest.command("nginx", "-c", path), stderr=subprocess.DEVNULL,
                                               start_new_session=True))
        rack.endpoint("http", rack.vip(VIP, self.h1), 80, [self.guest])
        rack.start()
        rack.tell()
        for host in rack.hosts:
            host.host.run("sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_timeout_time_wait=1")
        until(lambda: rack.client.outcome(VIP, 80) == "open", 10, "nginx answers")
        # the others' way: h1 knows where the instance is
        self.h1.host.ip("route", "replace", f"{self.guest.address}/32", "via", self.h2.address)
        rack.client.ip("route", "add", f"{self.guest.address}/32", "via", self.h2.address)
        self.h1.host.ip("address", "add", f"{OTHER}/32", "dev", "up0")
        self.netd_runs(False)

    def netd_runs(self, wanted):
        for host in self.rack.hosts:
            if wanted:
                host.start()
            elif host.netd.poll() is None:
                host.kill()
                host.host.run("nft", "flush", "ruleset")

    def netd(self, close):
        self.netd_runs(True)
        result = wrk(self.rack.client, f"http://{VIP}/", close)
        self.netd_runs(False)
        return result

    def direct(self, close):
        return wrk(self.rack.client, f"http://{self.guest.address}:{PORTS['direct']}/", close)

    def nftlb(self, close):
        """Its DNAT needs the way back through itself: mode snat."""
        path = f"{self.h1.directory}/nftlb.json"
        with open(path, "w") as f:
            f.write('{"farms": [{"name": "v", "family": "ipv4", "virtual-addr": "%s", "virtual-ports": "80", "mode": "snat", '
                    '"protocol": "tcp", "scheduler": "hash", "sched-param": "srcip srcport", "state": "up", "backends": '
                    '[{"name": "b", "ip-addr": "%s", "port": "8081", "weight": "1", "state": "up"}]}]}' % (VIP, self.guest.address))
        self.h1.host.run("nftlb", "-e", "-c", path)
        result = wrk(self.rack.client, f"http://{VIP}/", close)
        self.h1.host.run("nft", "flush", "ruleset")
        return result

    def haproxy(self, close):
        path = f"{self.h1.directory}/haproxy.cfg"
        with open(path, "w") as f:
            f.write(HAPROXY.format(vip=OTHER, backend=self.guest.address))
        process = subprocess.Popen(self.h1.host.command("haproxy", "-db", "-f", path), stderr=sys.stderr)
        until(lambda: self.rack.client.outcome(OTHER, 80) == "open", 5, "haproxy listens")
        result = wrk(self.rack.client, f"http://{OTHER}/", close)
        process.terminate()
        process.wait()
        return result


def bench_path(row):
    two = TwoHosts()
    for close, what in ((False, "kept connections"), (True, "a connection each")):
        failed = 0
        for name, least in (("nftlb", 0.95), ("haproxy", 2), ("direct", None)):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(two.netd(close))
                theirs.append(getattr(two, name)(close))
                print(what, name, ours[-1], theirs[-1], file=sys.stderr)
                failed += ours[-1][3]
            mine, other = ([statistics.median(r[i] for r in runs) for i in range(3)] for runs in (ours, theirs))
            rate, cost, p99 = (statistics.median(a[i] / b[i] for a, b in zip(ours, theirs)) for i in range(3))
            budget = {"nftlb": ">= 1 x (0.95 is noise)", "haproxy": ">= 2 x"}.get(name, "-")
            row(f"VIP over two hosts, {what}: requests/s", f"{mine[0]:.0f}/s", f"{name}: {other[0]:.0f}/s", f"{rate:.2f}", budget,
                None if least is None else rate >= least)
            row(f"VIP over two hosts, {what}: CPU per request, client and server included", f"{mine[1] * 1e6:.0f} us",
                f"{name}: {other[1] * 1e6:.0f} us", f"{cost:.2f}")
            row(f"VIP over two hosts, {what}: p99", f"{mine[2] * 1e3:.1f} ms", f"{name}: {other[2] * 1e3:.1f} ms", f"{p99:.2f}")
        row(f"VIP over two hosts, {what}: failed", str(failed), budget="0", met=failed == 0)
    two.rack.end()


def bench_packets(row):
    """A packet from the client by the VIP's host to the guest's, as hosts on one segment do it and as others have to."""
    rack = Rack(2)
    h1, h2 = rack.hosts
    guest = h2.guest(rack.network(1), 0)
    Server(guest, guest.id, 8080)
    rack.endpoint("http", rack.vip(VIP, h1), 80, [guest])
    rack.start()
    rack.tell()
    until(lambda: "49:" in h1.host.ip("rule"), 10, "h2 is reached directly")
    directly = packets.both_ways(rack.client, h1.host, guest, VIP, 80)[0]
    h1.host.ip("rule", "delete", "priority", "49")
    overlay = packets.both_ways(rack.client, h1.host, guest, VIP, 80)[0]
    row("VIP over two hosts, CPU of a packet to the guest, links included", f"{directly * 1e6:.2f} us",
        f"by the overlay: {overlay * 1e6:.2f} us", f"{directly / overlay:.2f}")
    rack.end()


def bench_table_change(row, n=600):
    """One of N hosts' instances leaves and comes back. Connections to all the others' are the question; those of the one
    that left drain."""
    rack = Rack(4)
    network = rack.network(1)
    web = [h.guest(network, i) for i, h in enumerate(rack.hosts)]
    for g in web:
        Server(g, g.id, 8080)
    rack.endpoint("http", rack.vip(VIP, rack.hosts[0]), 80, web)
    rack.start()
    rack.tell()
    counts = {}
    for memory in (True, False):
        held = hold(rack.client, VIP, 80, n)
        others = [c for c in held if c.name != web[3].id]
        lost = 0
        for ready in (web[:3], web):
            rack.endpoints["http"]["ready"] = ready
            rack.tell()
            if not memory:
                for h in rack.hosts:
                    h.host.run("nft", "flush", "map", "inet", "troupe", "again")
            lost = max(lost, broken(others, 1))
            if not memory:  # netd finds its tables as it left them
                for h in rack.hosts:
                    h.kill()
                    h.start()
        counts[memory] = (lost, len(others))
        for c in held:
            c.close()
    (lost, total), (maglev, maglev_total) = counts[True], counts[False]
    row("connections to other hosts' instances broken when one of 4 hosts' leaves and returns", f"{lost} of {total}",
        f"Maglev's tables alone: {maglev} of {maglev_total}", budget="0", met=lost == 0)
    rack.end()


class Gap(threading.Thread):
    """Asks all the time, each time on a new connection, and finds the longest time without an answer."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.going, self.longest, self.last = client, True, 0, time.monotonic()
        self.start()

    def run(self):
        while self.going:
            if self.client.outcome(VIP, 80, timeout=0.02) == "open":
                now = time.monotonic()
                self.longest, self.last = max(self.longest, now - self.last), now

    def stop(self):
        self.going = False
        self.join()
        return self.longest


KEEPALIVED = """global_defs {{
  vrrp_garp_master_delay 1
  enable_script_security
}}
vrrp_instance v {{
  state BACKUP
  interface up0
  virtual_router_id 7
  priority {priority}
  advert_int 1
  virtual_ipaddress {{ {vip}/32 dev up0 }}
}}
"""


def bench_takeover(row):
    rack = Rack(2)
    h1, h2 = rack.hosts
    network = rack.network(1)
    web = [h.guest(network, i) for i, h in enumerate(rack.hosts)]
    for g in web:
        Server(g, g.id, 8080)
    rack.endpoint("http", rack.vip(VIP, h1), 80, web)
    rack.start()
    rack.tell()
    gaps = []
    for i in range(10):
        gap = Gap(rack.client)
        time.sleep(0.3)
        old, new = (h1, h2) if i % 2 == 0 else (h2, h1)
        rack.vips[VIP] = new
        rack.tell(old, new)
        time.sleep(0.5)
        gaps.append(gap.stop())
    rack.cable(h1, False)  # and what netd's part of a lost owner is
    h1.alive, rack.vips[VIP] = False, h2
    lost = []
    for _ in range(5):
        rack.vips[VIP] = h1
        rack.tell(h2)
        rack.client.ip("neighbour", "flush", "dev", "eth0")
        rack.vips[VIP] = h2
        start = time.monotonic()
        rack.tell(h2)
        until(lambda: rack.client.outcome(VIP, 80, timeout=0.02) == "open", 5, "it answers")
        lost.append(time.monotonic() - start)
    for host in rack.hosts:
        host.kill()
        host.host.run("nft", "flush", "ruleset")
        host.host.ip("address", "delete", f"{VIP}/32", "dev", "up0", check=False)
        Server(host.host, host.id, 80)
    rack.cable(h1, True)
    running = {}

    def keepalived(host, priority):
        path = f"{host.directory}/keepalived"
        with open(path + ".conf", "w") as f:
            f.write(KEEPALIVED.format(priority=priority, vip=VIP))
        running[host] = subprocess.Popen(host.host.command("keepalived", "-n", "-l", "-P", "-f", path + ".conf", "-p", path + ".pid",
                                                           "-r", path + ".vpid"), stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, start_new_session=True)
        rack.processes.append(running[host])

    keepalived(h1, 200)
    until(lambda: VIP in h1.host.ip("address"), 20, "keepalived is master")
    keepalived(h2, 100)
    time.sleep(3)
    theirs = []
    for i in range(4):
        gap = Gap(rack.client)
        time.sleep(0.3)
        if i % 2 == 0:
            running[h1].terminate()
            running[h1].wait()
            until(lambda: VIP in h2.host.ip("address"), 20, "the other takes over")
        else:
            keepalived(h1, 200)
            until(lambda: VIP in h1.host.ip("address"), 20, "it comes back")
        time.sleep(1)
        theirs.append(gap.stop())
    running[h1].terminate() if running[h1].poll() is None else None
    running[h1].wait()
    keepalived(h1, 200)
    until(lambda: VIP in h1.host.ip("address") and VIP not in h2.host.ip("address"), 20, "it is master again")
    time.sleep(3)
    gap = Gap(rack.client)
    time.sleep(0.3)
    rack.cable(h1, False)
    until(lambda: VIP in h2.host.ip("address"), 20, "the other takes over")
    time.sleep(0.5)
    cut = gap.stop()
    row("a VIP's move: longest time without an answer", f"{statistics.median(gaps) * 1e3:.0f} ms (worst {max(gaps) * 1e3:.0f})",
        f"keepalived: {statistics.median(theirs) * 1e3:.0f} ms (worst {max(theirs) * 1e3:.0f})",
        f"{statistics.median(gaps) / statistics.median(theirs):.2f}")
    row("an owner is lost: from netd being told to the first answer", f"{statistics.median(lost) * 1e3:.0f} ms",
        f"keepalived, finding out included (adverts of 1 s): {cut * 1e3:.0f} ms")
    rack.end()


def run_all(row):
    bench_table_change(row)
    bench_takeover(row)
    bench_packets(row)
    bench_path(row)
