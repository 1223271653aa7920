# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of tools/rack."""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import time

from rackbox import host as hosts
from rackbox import node, plan, state
from rackbox.state import RackError

HELP = """\
Boots Troupe hosts as containers on this machine, wired to a switch of their own, with a client outside and an
external Valkey. Needs root; installs what else it needs. Several racks can stand side by side: each has the name
in $TROUPE_RACK ("rack" when unset). docs/rack.md tells more."""


def say(text):
    print(text, flush=True)


class Step:
    """One line of progress: what is being done, then how it ended and how long it took."""

    def __init__(self, text):
        self.text = text

    def __enter__(self):
        self.start = time.monotonic()
        self.result = "ok"
        if sys.stdout.isatty():
            print(f"  {self.text} ...", end="", flush=True)
        return self

    def __exit__(self, kind, error, trace):
        took = time.monotonic() - self.start
        lead = "\r" if sys.stdout.isatty() else ""
        say(f"{lead}  {self.text:<40} {'failed' if kind else self.result} ({took:.1f} s)")


def host_tree():
    """The host tree as it is now, made if need be: overlayfs' list of its layers."""
    done = subprocess.run([os.path.join(state.TOP, "image/host/build")], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RackError("the host tree could not be built")
    return done.stdout.split()[-1]


def the_rack():
    rack = state.load()
    if rack is None or not state.alive(rack["nodes"].get("switch")):
        raise RackError("no rack is up: tools/rack up")
    return rack


def the_host(rack, name, on=None):
    """The host called @name, checked to be on or off where the command needs that."""
    host = rack["hosts"].get(name)
    if host is None:
        raise RackError(f"there is no host {name}: this rack has {', '.join(rack['hosts'])}")
    is_on = state.alive(host.get("init"))
    if on is True and not is_on:
        raise RackError(f"{name} is off: tools/rack start {name}")
    if on is False and is_on:
        raise RackError(f"{name} is on already")
    return host


def start_nodes(rack):
    """The switch, the client and the external service, each wired and addressed."""
    log = os.path.join(state.RUN, "nodes.log")
    nodes = rack["nodes"]
    commands = {
        "switch": ["sleep", "infinity"],
        "client": ["sleep", "infinity"],
        "ext": ["valkey-server", "--bind", "0.0.0.0", "--port", str(plan.VALKEY_PORT), "--protected-mode", "no",
                "--save", "", "--appendonly", "no", "--dir", "/tmp"],
    }
    for name, command in commands.items():
        nodes[name] = node.spawn(command, log)
        state.save(rack)
    node.make_switch(nodes["switch"])
    for name, address, number in (("client", plan.CLIENT, 240), ("ext", plan.EXT, 241)):
        node.plug(nodes["switch"], name, nodes[name]["pid"], number)
        node.set_address(nodes[name], address)


def boot_hosts(rack, names, more=None):
    """Boots hosts together, with @more credentials by name; what a host is given at its first boot it is given at
    every one."""
    for name in names:
        host = rack["hosts"].setdefault(name, {"credentials": (more or {}).get(name, {})})
        try:
            hosts.power_on(host, name, rack["tree"], rack["nodes"]["switch"], host.get("credentials", {}))
        finally:
            state.save(rack)
    for name in names:
        with Step(f"{name} booting") as step:
            step.result = hosts.wait_booted(rack["hosts"][name], name)
    for name in names:
        host = rack["hosts"][name]
        with Step(f"{name} joining its cluster"):
            hosts.wait_joined(host, name)
        for unit in hosts.failed_units(host):
            say(f"      {unit} failed: tools/rack exec {name} -- systemctl status {unit}")


def tear_down(rack):
    for proc in rack["nodes"].values():
        node.kill_visitors(proc)
    for name, host in rack["hosts"].items():
        hosts.power_cut(host, name, rack["nodes"].get("switch"))
    for proc in rack["nodes"].values():
        node.kill(proc)
    hosts.remove_cgroups()
    state.forget()


def settings(texts):
    """hostd's settings as the credentials that they are given as."""
    for text in texts:
        if "=" not in text:
            raise RackError(f"{text}: write NAME=VALUE, as in hostd.conf")
    return {f"troupe.{name}": value for name, value in (text.split("=", 1) for text in texts)}


def up(args):
    if not 1 <= args.hosts <= plan.HOSTS_MAX:
        raise RackError(f"a rack has 1 to {plan.HOSTS_MAX} hosts")
    with state.locked():
        old = state.load()
        if old is not None:
            if state.alive(old["nodes"].get("switch")):
                raise RackError(f"a rack is up already, with {', '.join(old['hosts'])}: tools/rack status shows it, "
                                "tools/rack down ends it")
            tear_down(old)
        rack = {"nodes": {}, "hosts": {}, "tree": None}
        with Step("host tree"):
            rack["tree"] = host_tree()
        try:
            with Step("switch, client and Valkey"):
                start_nodes(rack)
            names = [plan.host_name(number) for number in range(1, args.hosts + 1)]
            given = settings(args.setting)
            boot_hosts(rack, names[:1], {names[0]: given})
            first = rack["hosts"][names[0]]
            boot_hosts(rack, names[1:], {name: given if args.apart else {**given, "troupe.join-token": hosts.join_token(first)}
                                         for name in names[1:]})
        except BaseException:
            if not args.keep:
                tear_down(rack)
            raise
    say("The rack is up. Try:\n  tools/rack status\n  tools/rack exec h1 -- systemctl status\n"
        f"  tools/rack client -- ping -c 3 {plan.host_address(1)}\nand end it with: tools/rack down")


def down(args):
    with state.locked():
        rack = state.load()
        if rack is None:
            state.forget()
            say("no rack was up")
            return
        with Step("rack going down"):
            tear_down(rack)


def host_status(rack, name, host):
    is_on = state.alive(host.get("init"))
    return {
        "name": name,
        "state": hosts.system_state(host),
        "address": plan.host_address(plan.host_number(name)),
        "fault_domain": f"fd{plan.host_number(name)}",
        "plugged_in": is_on and node.port_is_up(rack["nodes"]["switch"], name),
        "failed_units": hosts.failed_units(host),
        "pid": host["init"]["pid"] if is_on else None,
        "disk": hosts.disk(name),
    }


def facts(rack):
    return {
        "name": state.NAME,
        "hosts": [host_status(rack, name, host) for name, host in rack["hosts"].items()],
        "client": {"address": plan.CLIENT},
        "ext": {"address": plan.EXT, "valkey_port": plan.VALKEY_PORT},
        "vip_pool": plan.VIP_POOL,
        "uplink": plan.UPLINK,
    }


def status(args):
    rack = state.load()
    if rack is None or not state.alive(rack["nodes"].get("switch")):
        say(json.dumps({"name": state.NAME, "hosts": []}) if args.json else "no rack is up")
        return 3
    shown = facts(rack)
    if args.json:
        say(json.dumps(shown, indent=2))
        return 0
    say(f"{'HOST':<6} {'STATE':<12} {'ADDRESS':<14} {'FAULT DOMAIN':<13} {'CABLE':<6} FAILED UNITS")
    for row in shown["hosts"]:
        say(f"{row['name']:<6} {row['state']:<12} {row['address']:<14} {row['fault_domain']:<13} "
            f"{'in' if row['plugged_in'] else 'out':<6} {' '.join(row['failed_units']) or '-'}")
    say(f"\nclient {plan.CLIENT}; Valkey {plan.EXT}:{plan.VALKEY_PORT}; VIPs {plan.VIP_POOL}")
    return 0


def become(command):
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise RackError(f"{command[0]}: {error.strerror}") from None


def need_command(args):
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise RackError("which command? Put it after --")
    return command


def run_on_host(args):
    host = the_host(the_rack(), args.host, on=True)
    become(hosts.enter_command(host, need_command(args), [f"TERM={os.environ.get('TERM', 'dumb')}"]))


def run_on_client(args):
    client = the_rack()["nodes"]["client"]
    become(["nsenter", f"--net=/proc/{client['pid']}/ns/net", "--", *need_command(args)])


def copy(args):
    raise RackError("which files? tools/rack copy HOST FILE...")  # tools/rack itself copies


def kill(args):
    with state.locked():
        rack = the_rack()
        hosts.power_cut(the_host(rack, args.host, on=True), args.host, rack["nodes"]["switch"])
        state.save(rack)


def make_new(rack, names):
    """Other servers take the places of these: nothing on their disks, and a token to join those that are on."""
    members = [host for host in rack["hosts"].values() if state.alive(host.get("init"))]
    for name in names:
        hosts.forget(name)
        rack["hosts"][name]["credentials"] = {"troupe.join-token": hosts.join_token(members[0])} if members else {}


def start(args):
    with state.locked():
        rack = the_rack()
        for name in args.hosts:
            the_host(rack, name, on=False)
        rack["tree"] = host_tree()
        if args.new:
            make_new(rack, args.hosts)
        boot_hosts(rack, args.hosts)


def cable(args):
    with state.locked():
        rack = the_rack()
        the_host(rack, args.host, on=True)
        node.set_port(rack["nodes"]["switch"], args.host, args.verb == "heal")


def freeze(args):
    host = the_host(the_rack(), args.host, on=True)
    done = node.run(*hosts.enter_command(host, ["systemctl", args.verb, args.unit]), check=False)
    if done.returncode:
        raise RackError(f"{args.host}: {done.stderr.strip()}")


def parser():
    top = argparse.ArgumentParser(prog="tools/rack", description=HELP,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name, function, text, *arguments):
        sub = verbs.add_parser(name, help=text, description=text)
        for argument in arguments:
            sub.add_argument(argument)
        sub.set_defaults(function=function)
        return sub

    sub = verb("up", up, "boot a rack")
    sub.add_argument("--hosts", type=int, default=1, metavar="N", help="how many hosts (default 1)")
    sub.add_argument("--apart", action="store_true", help="do not join them into one cluster")
    sub.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE",
                     help="of hostd.conf, for all hosts; several times for several")
    sub.add_argument("--keep", action="store_true", help="when it fails half way, leave it for a look")
    verb("down", down, "stop everything the rack started, leave nothing behind")
    sub = verb("status", status, "what is there; exit 3 when no rack is up")
    sub.add_argument("--json", action="store_true", help="for programs")
    verb("exec", run_on_host, "run a command on a host", "host").add_argument("command", nargs=argparse.REMAINDER)
    verb("client", run_on_client, "run a command outside, where the applications' users are").add_argument(
        "command", nargs=argparse.REMAINDER)
    verb("copy", copy, "copy files and directories to a host's /var/tmp", "host").add_argument(
        "file", nargs="*")
    verb("kill", kill, "power cut: everything on the host dies at once, its disk stays as it was", "host")
    sub = verb("start", start, "power on again, with Troupe as it is built now")
    sub.add_argument(
        "hosts", nargs="+", metavar="host", help="several are powered on at once")
    sub.add_argument("--new", action="store_true",
                     help="others in their places: with empty disks, and a token of a host that is on")
    verb("cut", cable, "unplug the host's network cable", "host")
    verb("heal", cable, "plug it in again", "host")
    verb("freeze", freeze, "freeze all processes of a unit", "host", "unit")
    verb("thaw", freeze, "let them go on", "host", "unit")
    return top


def main(argv):
    args = parser().parse_args(argv)
    if os.geteuid() != 0:
        print("tools/rack: needs root: run it with sudo", file=sys.stderr)
        return 1
    try:
        return args.function(args) or 0
    except (RackError, OSError) as error:
        print(f"tools/rack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print("tools/rack: interrupted", file=sys.stderr)
        return 130
