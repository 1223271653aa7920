# SPDX-License-Identifier: GPL-3.0-or-later
"""The rack's addresses, which never change: its public side is 198.18.0.0/15, set aside for tests of networks
(RFC 2544), all of it one Ethernet segment."""

PREFIX = 15
CLIENT = "198.18.1.1"
EXT = "198.18.2.1"
VALKEY_PORT = 6379
VIP_POOL = "198.18.100.0/24"
UPLINK = "uplink"
HOSTS_MAX = 32


def host_name(number):
    return f"h{number}"


def host_number(name):
    """The number of a host's name; ValueError for what is not one."""
    if not name.startswith("h") or not name[1:].isdigit() or not 1 <= int(name[1:]) <= HOSTS_MAX:
        raise ValueError(name)
    return int(name[1:])


def host_address(number):
    return f"198.18.0.{number}"


def mac(number):
    """A locally administered address; hosts have their number, client and ext theirs from 240 up."""
    return f"52:54:00:72:00:{number:02x}"
