#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A name server on 127.0.0.1, in a network and with files of its own (unshare --net --mount), and a command that
asks it. It knows one.test, both.test and together0.test to together5.test, which it answers once it has been asked for
all of them; broken.test it cannot answer.

    unshare --net --mount python3 name_server.py COMMAND..."""

import fcntl
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
A, AAAA = 1, 28
TOGETHER, PATIENCE_S = 6, 15
KNOWN = {("one.test", A): "192.0.2.1", ("both.test", A): "192.0.2.2", ("both.test", AAAA): "2001:db8::2"}


def loopback_up():
    """A new network's loopback is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def put_in_place(path, text):
    """Another file in its place, for this command alone."""
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(text)
    subprocess.run(["mount", "--bind", file.name, path], check=True)
    pathlib.Path(file.name).unlink()


def name_and_kind(question):
    labels, at = [], 0
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels).lower(), struct.unpack("!H", question[at + 1:at + 3])[0], at + 5


class Meeting:
    """Where the answers of a group wait until each of its names has been asked for."""

    def __init__(self):
        self.asked = set()
        self.changed = threading.Condition()

    def wait_for_all(self, name):
        with self.changed:
            self.asked.add(name)
            self.changed.notify_all()
            return self.changed.wait_for(lambda: len(self.asked) >= TOGETHER, PATIENCE_S)


meeting = Meeting()


def answer(server, message, client):
    name, kind, size = name_and_kind(message[12:])
    question = message[12:12 + size]
    together = name.startswith("together")
    if together and not meeting.wait_for_all(name):
        return
    found = KNOWN.get((name, kind)) or ("192.0.2.3" if together and kind == A else None)
    exists = found or together or any(name == known for known, _ in KNOWN)
    code = 2 if name.startswith("broken") else 0 if exists else 3  # SERVFAIL, NOERROR, NXDOMAIN
    record = b""
    if found:
        data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, found)
        record = struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
    head = message[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 1 if found else 0, 0, 0)
    server.sendto(head + question + record, client)


def serve(server):
    while True:
        message, client = server.recvfrom(512)
        threading.Thread(target=answer, args=(server, message, client), daemon=True).start()


def main():
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    loopback_up()
    put_in_place("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n")
    put_in_place("/etc/nsswitch.conf", "hosts: files dns\n")
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    return subprocess.run(sys.argv[1:], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
