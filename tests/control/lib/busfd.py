# SPDX-License-Identifier: GPL-3.0-or-later
"""A D-Bus client of one call with descriptors in and out, in the standard library alone.

Source: D-Bus Specification 0.43, "Message Protocol", "Authentication Protocol"."""
import array
import os
import socket
import struct


def align(data, n):
    return data + b"\0" * (-len(data) % n)


def text(data, value):
    raw = value.encode()
    return align(data, 4) + struct.pack("<I", len(raw)) + raw + b"\0"


def signature_text(data, value):
    return data + bytes([len(value)]) + value.encode() + b"\0"


def field(data, code, kind, value):
    data = align(data, 8) + bytes([code])
    data = signature_text(data, kind)
    if kind in "so":
        return text(data, value)
    if kind == "g":
        return signature_text(data, value)
    return align(data, 4) + struct.pack("<I", value)


class Bus:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.serial = 0
        self.fds = []
        uid = str(os.getuid()).encode().hex().encode()
        self.socket.sendall(b"\0AUTH EXTERNAL " + uid + b"\r\n")
        assert self.line().startswith(b"OK")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        assert self.line().startswith(b"AGREE")
        self.socket.sendall(b"BEGIN\r\n")
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "", [])

    def line(self):
        data = b""
        while not data.endswith(b"\n"):
            data += self.socket.recv(1)
        return data

    def call(self, name, path, interface, method, signature, arguments):
        body, fds = b"", []
        for kind, value in zip(signature, arguments):
            if kind == "s":
                body = text(body, value)
            elif kind == "t":
                body = align(body, 8) + struct.pack("<Q", value)
            elif kind == "q":
                body = align(body, 2) + struct.pack("<H", value)
            elif kind == "h":
                body = align(body, 4) + struct.pack("<I", len(fds))
                fds.append(value)
            else:  # u, b
                body = align(body, 4) + struct.pack("<I", value)
        self.serial += 1
        fields = b""
        for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", method), (6, "s", name)):
            fields = field(fields, code, kind, value)
        if signature:
            fields = field(fields, 8, "g", signature)
        if fds:
            fields = field(fields, 9, "u", len(fds))
        head = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, len(body), self.serial, len(fields)) + fields
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        message = align(head, 8) + body
        sent = self.socket.sendmsg([message], ancillary)
        self.socket.sendall(message[sent:])
        return self.wait(self.serial)

    def read(self, n):
        data = b""
        while len(data) < n:
            part, ancillary, _, _ = self.socket.recvmsg(n - len(data), socket.CMSG_SPACE(16 * 4))
            for level, kind, raw in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    self.fds += list(array.array("i", raw[:len(raw) // 4 * 4]))
            if not part:
                raise EOFError("the bus closed the connection")
            data += part
        return data

    def message(self):
        head = self.read(16)
        _, kind, _, _, body_length, _, fields_length = struct.unpack("<BBBBIII", head)
        fields = self.read(fields_length + (-(16 + fields_length) % 8))[:fields_length]
        body = self.read(body_length)
        reply, error, at = None, "", 0
        while at < len(fields):
            at += -at % 8
            code, length = fields[at], fields[at + 1]
            sig = fields[at + 2:at + 2 + length].decode()
            at += 3 + length
            if sig in "so":
                at += -at % 4
                n = struct.unpack_from("<I", fields, at)[0]
                value = fields[at + 4:at + 4 + n].decode()
                at += 5 + n
            elif sig == "g":
                n = fields[at]
                value = fields[at + 1:at + 1 + n].decode()
                at += 2 + n
            else:
                at += -at % 4
                value = struct.unpack_from("<I", fields, at)[0]
                at += 4
            if code == 5:
                reply = value
            elif code == 4:
                error = value
        return kind, reply, error, body

    def wait(self, serial):
        while True:
            kind, reply, error, body = self.message()
            if kind in (2, 3) and reply == serial:
                value = ""
                if kind == 3 or len(body) > 4:
                    n = struct.unpack_from("<I", body)[0]
                    value = body[4:4 + n].decode(errors="replace")
                return value, error


def call_with_files(bus_path, name, path, interface, method, signature, arguments):
    bus = Bus(bus_path)
    opened = [os.open(a, os.O_RDONLY) if k == "h" and isinstance(a, str) else a for k, a in zip(signature, arguments)]
    try:
        value, error = bus.call(name, path, interface, method, signature, opened)
    finally:
        for kind, given, fd in zip(signature, arguments, opened):
            if kind == "h" and isinstance(given, str):
                os.close(fd)
    return value, error, bus.fds
