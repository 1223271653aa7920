# SPDX-License-Identifier: GPL-3.0-or-later
"""A D-Bus client of one page, for tests: it marshals whatever it is told to, hostile messages included."""
import os
import socket
import struct
import time


class Error(Exception):
    """An error reply: .name and .text."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


ALIGN = dict(y=1, b=4, n=2, q=2, i=4, u=4, x=8, t=8, d=8, s=4, o=4, g=1, a=4, v=1)
FIXED = dict(y="B", n="h", q="H", i="i", u="I", x="q", t="Q", d="d", b="I")


def first_type(signature):
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + first_type(signature[1:])
    if signature[0] in "({":
        depth = 0
        for i, c in enumerate(signature):
            depth += (c in "({") - (c in ")}")
            if depth == 0:
                return signature[:i + 1]
    return signature[0]


def types(signature):
    while signature:
        one = first_type(signature)
        yield one
        signature = signature[len(one):]


def align_of(one):
    return 8 if one[0] in "({" else ALIGN[one[0]]


def put(out, one, value):
    out.extend(b"\0" * (-len(out) % align_of(one)))
    if one[0] in FIXED:
        out.extend(struct.pack("<" + FIXED[one[0]], value))
    elif one[0] in "so":
        data = value if isinstance(value, bytes) else value.encode()
        out.extend(struct.pack("<I", len(data)) + data + b"\0")
    elif one[0] == "g":
        out.extend(bytes([len(value)]) + value.encode() + b"\0")
    elif one[0] == "a":
        out.extend(b"\0\0\0\0")
        at = len(out) - 4
        out.extend(b"\0" * (-len(out) % align_of(one[1:])))
        start = len(out)
        for item in value:
            put(out, one[1:], item)
        struct.pack_into("<I", out, at, len(out) - start)
    elif one[0] == "v":
        put(out, "g", value[0])
        put(out, value[0], value[1])
    else:
        for part, item in zip(types(one[1:-1]), value, strict=True):
            put(out, part, item)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, one):
        self.at += -self.at % align_of(one)
        if one[0] in FIXED:
            form = "<" + FIXED[one[0]]
            value = struct.unpack_from(form, self.data, self.at)[0]
            self.at += struct.calcsize(form)
            return bool(value) if one[0] == "b" else value
        if one[0] in "sog":
            n = self.get("y") if one[0] == "g" else self.get("u")
            value = bytes(self.data[self.at:self.at + n]).decode()
            self.at += n + 1
            return value
        if one[0] == "a":
            n = self.get("u")
            self.at += -self.at % align_of(one[1:])
            end, items = self.at + n, []
            while self.at < end:
                items.append(self.get(one[1:]))
            return items
        if one[0] == "v":
            return self.get(self.get("g"))
        return tuple(self.get(part) for part in types(one[1:-1]))


class Bus:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        self.line()
        self.socket.sendall(b"BEGIN\r\n")
        self.serial, self.buffer, self.signals = 0, b"", []
        self.name = self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")[0]

    def line(self):
        data = b""
        while not data.endswith(b"\r\n"):
            data += self.socket.recv(1)
        assert data.startswith(b"OK"), data

    def message(self, kind, fields, signature, body):
        self.serial += 1
        if signature:
            fields = fields + [(8, ("g", signature))]
        out = bytearray(struct.pack("<BBBBII", ord("l"), kind, 0, 1, len(body), self.serial))
        put(out, "a(yv)", fields)
        out.extend(b"\0" * (-len(out) % 8))
        return bytes(out) + bytes(body)

    def send_call(self, name, path, interface, member, signature="", *values, body=None):
        if body is None:
            body = bytearray()
            for one, value in zip(types(signature), values, strict=True):
                put(body, one, value)
        fields = [(1, ("o", path)), (2, ("s", interface)), (3, ("s", member)), (6, ("s", name))]
        self.socket.sendall(self.message(1, fields, signature, body))
        return self.serial

    def read(self, timeout):
        """Next message as (kind, fields, values), or None."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 16:
                body, _, fields = struct.unpack_from("<III", self.buffer, 4)
                whole = 16 + fields + (-fields % 8) + body
                if len(self.buffer) >= whole:
                    break
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data = self.socket.recv(1 << 20)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("the bus hung up")
            self.buffer += data
        reader = Reader(self.buffer[:whole])
        reader.at = 12
        fields = dict(reader.get("a(yv)"))
        reader.at += -reader.at % 8
        content = Reader(self.buffer[reader.at:whole])
        values = [content.get(one) for one in types(fields.get(8, ""))]
        kind, self.buffer = self.buffer[1], self.buffer[whole:]
        return kind, fields, values

    def wait(self, serial, timeout=30):
        end = time.monotonic() + timeout
        while (message := self.read(end - time.monotonic())):
            kind, fields, values = message
            if kind == 4:
                self.signals.append((fields[3], values))
            elif fields.get(5) == serial:
                if kind == 3:
                    raise Error(fields[4], values[0] if values else "")
                return values
        raise TimeoutError("no answer on the bus")

    def call(self, *arguments, body=None, timeout=30):
        return self.wait(self.send_call(*arguments, body=body), timeout)

    def signal(self, member, timeout):
        """Waits for a signal and gives its values, or None."""
        end = time.monotonic() + timeout
        while True:
            for i, (name, values) in enumerate(self.signals):
                if name == member:
                    del self.signals[i]
                    return values
            message = self.read(max(end - time.monotonic(), 0.001))
            if message is None:
                return None
            if message[0] == 4:
                self.signals.append((message[1][3], message[2]))
