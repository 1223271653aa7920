# SPDX-License-Identifier: GPL-3.0-or-later
"""A host: the real host tree in a systemd-nspawn container.

The container's first process is all there is to a running host: end it and the kernel ends every process of the host
at once, role VMs included. With its cable unplugged before, that is the rack's power cut."""
import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import uuid

from rackbox import node, plan, state
from rackbox.state import RackError

BOOT_TIMEOUT_S = 90
JOIN_TIMEOUT_S = 60
CGROUPS = "/sys/fs/cgroup"
# What a host's daemons need beyond what a container has by default. Not among them: what reaches past the host into
# this machine (its clock, its modules, its raw disks).
CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF,CAP_PERFMON,CAP_IPC_LOCK"
DEVICES = ("/dev/net/tun", "/dev/kvm", "/dev/vhost-net", "/dev/fuse")
GUESTS = os.environ.get("TROUPE_GUEST_OS") or os.path.join(state.CACHE, "guest", "os")
OWN_DEVICES = "/run/devices"


def disk(name):
    return os.path.join(state.DISKS, name)


def log_path(name):
    return os.path.join(state.RUN, f"{name}.console")


def cgroup(name):
    """The host's own control group in the machine's v2 hierarchy, beside v1 or alone."""
    unified = os.path.join(CGROUPS, "unified")
    return os.path.join(unified if os.path.isdir(unified) else CGROUPS, f"troupe-{state.NAME}", name)


def make_cgroup(name):
    path = cgroup(name)
    os.makedirs(path, exist_ok=True)
    root = os.path.dirname(os.path.dirname(path))
    with open(os.path.join(root, "cgroup.controllers"), encoding="ascii") as f:
        wanted = [c for c in f.read().split() if c in ("cpu", "memory", "pids", "io")]
    for group in (root, os.path.dirname(path)):
        for controller in wanted:
            with contextlib.suppress(OSError), open(os.path.join(group, "cgroup.subtree_control"), "w",
                                                    encoding="ascii") as f:
                f.write(f"+{controller}")


def remove_cgroups(name=""):
    """Those of a host, or of the whole rack. nspawn mirrors them into a v1 machine's hierarchy of systemd."""
    path = cgroup(name).rstrip("/")
    mirror = path.replace(f"{CGROUPS}/unified/", f"{CGROUPS}/systemd/")
    for folder, _, _ in (*os.walk(path, topdown=False), *os.walk(mirror, topdown=False)):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def network_file(number):
    return (f"[Match]\nName={plan.UPLINK}\n[Network]\nAddress={plan.host_address(number)}/{plan.PREFIX}\n"
            "KeepConfiguration=static\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n")


def credentials(name, number, more):
    """What an operator would give a real server on its ESP or its kernel command line."""
    given = {
        **more,
        "network.network.10-uplink": network_file(number),
        "troupe.uplink": plan.UPLINK,
        "troupe.address": plan.host_address(number),
        "troupe.vip-pool": plan.VIP_POOL,
        "troupe.fault-domain": f"fd{number}",
        "system.hostname": name,
    }
    return [f"--set-credential={key}:{value.encode('unicode_escape').decode()}" for key, value in given.items()]


def binds(name):
    bound = [f"--bind={disk(name)}/var:/var", f"--bind={disk(name)}/ephemeral:/var/lib/troupe/ephemeral",
             f"--bind-ro={state.TOP}:/mnt", f"--bind-ro={GUESTS}:/usr/share/troupe/os"]
    if os.path.exists(f"{disk(name)}/os-release"):
        bound.append(f"--bind-ro={disk(name)}/os-release:/usr/lib/os-release")
    bound += [f"--bind={OWN_DEVICES}{device}:{device}" for device in DEVICES if os.path.exists(device)]
    return bound


def nspawn_command(name, number, root, more):
    machine_id = uuid.uuid5(uuid.NAMESPACE_OID, f"troupe-rack/{state.NAME}/{name}").hex
    return ["systemd-nspawn", "--quiet", f"--directory={root}", "--read-only", "--boot",
            f"--machine={state.NAME}-{name}", f"--hostname={name}", f"--uuid={machine_id}",
            "--register=no", "--keep-unit", "--network-namespace-path=/proc/self/ns/net", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--console=pipe", "--kill-signal=SIGKILL",
            f"--capability={CAPABILITIES}", *binds(name), *credentials(name, number, more)]


def make_devices():
    """Nodes of the host's own for devices of this machine: the host sets their owner and mode as it boots."""
    for device in DEVICES:
        if os.path.exists(device):
            own = OWN_DEVICES + device
            os.makedirs(os.path.dirname(own), exist_ok=True)
            os.mknod(own, stat.S_IFCHR | 0o666, os.stat(device).st_rdev)


def boot(name, tree, wired, more):
    """Runs in a child of ours and becomes the container. @wired is a pipe that ends when the cable is in."""
    number = plan.host_number(name)
    os.setsid()
    out = os.open(log_path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    with open(os.path.join(cgroup(name), "cgroup.procs"), "w", encoding="ascii") as f:
        f.write("0")
    os.unshare(os.CLONE_NEWNS | os.CLONE_NEWNET)
    os.read(wired, 1)
    # nspawn's bookkeeping and the host's root are seen by this process alone and go with it
    for mount in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", "mode=755", "rack", "/run"]):
        subprocess.run(["mount", *mount], check=True)
    os.makedirs("/run/systemd")
    make_devices()
    os.mkdir("/run/host-root")
    subprocess.run(["mount", "-t", "overlay", "-o", f"ro,lowerdir={tree}", name, "/run/host-root"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ.update(SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1", SYSTEMD_NSPAWN_API_VFS_WRITABLE="network")
    command = nspawn_command(name, number, "/run/host-root", more)
    os.execvp(command[0], command)


def fork_boot(name, tree, switch, more):
    """Starts the container's supervisor, and plugs its cable in as soon as it has a network namespace."""
    wait_end, wired_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(wired_end)
            boot(name, tree, wait_end, more)
        except Exception as error:  # the child must never return into the caller's code
            print(f"{name}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    os.close(wait_end)
    supervisor = state.process(pid)
    try:
        mine = os.stat("/proc/self/ns/net").st_ino
        node.wait_for(f"{name}'s network namespace", 10,
                      lambda: os.stat(f"/proc/{pid}/ns/net").st_ino != mine)
        node.plug(switch, name, pid, plan.host_number(name))
    finally:
        os.close(wired_end)
    return supervisor


def reap():
    """Takes the exit statuses of children that ended, so that they do not look alive."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def first_process(supervisor):
    """The container's PID 1, once nspawn has started it."""
    reap()
    if not state.alive(supervisor):
        raise RackError("the container ended while it was starting")
    for pid in node.children(supervisor["pid"]):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                line = next(text for text in f if text.startswith("NSpid:"))
            with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
                comm = f.read().strip()
        except (OSError, StopIteration):
            continue
        if len(line.split()) > 2 and line.split()[-1] == "1" and comm == "systemd":
            return state.process(pid)
    return None


def power_on(host, name, tree, switch, more):
    """Boots a host, and fills in @host as soon as there is something to end. Returns when PID 1 runs."""
    os.makedirs(f"{disk(name)}/var", exist_ok=True)
    shutil.rmtree(f"{disk(name)}/ephemeral", ignore_errors=True)
    os.makedirs(f"{disk(name)}/ephemeral")
    os.makedirs(GUESTS, exist_ok=True)
    make_cgroup(name)
    host.update(tree=tree, supervisor=fork_boot(name, tree, switch, more), init=None)
    host["init"] = node.wait_for(f"{name} to start systemd", 30, lambda: first_process(host["supervisor"]))


def forget(name):
    """What is on the disk of a host that is off goes."""
    shutil.rmtree(disk(name), ignore_errors=True)


def power_cut(host, name, switch):
    """Ends everything on a host at one instant. Its disk stays.

    The cable first: the kernel closes the connections of processes that end, and when the namespace goes, its packet filter
    goes before its network card, so that what still comes for a VIP is answered with a reset. A server without power says nothing."""
    if state.alive(host.get("init")) and state.alive(switch):
        node.inside(switch, "ip", "link", "set", name, "down", check=False)  # no port: it says nothing already
    for proc in (host.get("init"), host.get("supervisor")):
        if state.alive(proc):
            with contextlib.suppress(ProcessLookupError):
                os.kill(proc["pid"], signal.SIGKILL)
    for proc in (host.get("init"), host.get("supervisor")):
        node.wait_for(f"{name} to lose power", node.STOP_TIMEOUT_S, lambda p=proc: reap() or not state.alive(p))
    remove_cgroups(name)
    host.update(init=None, supervisor=None)


# etcdctl speaks to the host's own member as the host itself does.
ETCDCTL = [f"ETCDCTL_{key}={value}" for key, value in {
    "ENDPOINTS": "https://127.0.0.1:2379", "CACERT": "/var/lib/troupe/pki/ca.crt",
    "CERT": "/var/lib/troupe/pki/host.crt", "KEY": "/var/lib/troupe/pki/host.key"}.items()]


def enter_command(host, command, env=()):
    """The command line that runs @command on a host."""
    return ["nsenter", f"--target={host['init']['pid']}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
            "--root", "--wd", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin", "HOME=/root", "LANG=C.UTF-8",
            *ETCDCTL, *env,
            *command]


def system_state(host):
    """systemd's own word: starting, running, degraded ...; `off` for a host without power."""
    if not state.alive(host.get("init")):
        return "off"
    return node.run(*enter_command(host, ["systemctl", "is-system-running"]), check=False).stdout.strip() or "starting"


def wait_booted(host, name):
    """Returns systemd's state once it has started all it starts."""
    def settled():
        now = system_state(host)
        if now == "off":
            raise RackError(f"{name} went off while it was booting: its console is in {log_path(name)}")
        return now if now in ("running", "degraded", "maintenance") else None
    return node.wait_for(f"{name} to boot", BOOT_TIMEOUT_S, settled)


def failed_units(host):
    if not state.alive(host.get("init")):
        return []
    listed = node.run(*enter_command(host, ["systemctl", "list-units", "--failed", "--plain", "--no-legend"]),
                      check=False).stdout
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def member_state(host, name):
    """What Troupe itself says of the host: up, down ...; "" while it has not joined its cluster."""
    listed = node.run(*enter_command(host, ["troupectl", "hosts", "--json"]), check=False)
    try:
        return next((row["state"] for row in json.loads(listed.stdout) if row["name"] == name), "")
    except ValueError:
        return ""


def join_token(host):
    """A token with which one more host joins the cluster of this one."""
    return node.run(*enter_command(host, ["troupectl", "cluster", "token"])).stdout.strip()


def wait_joined(host, name):
    """Returns once Troupe would place instances on the host: it has found out what its role VMs run on."""
    node.wait_for(f"{name} to join its cluster", JOIN_TIMEOUT_S, lambda: member_state(host, name) == "up")
