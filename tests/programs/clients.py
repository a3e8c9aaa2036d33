# SPDX-License-Identifier: MIT
"""The clients of the servers under test: the one in C, and sockets of our own for what needs a hand on
them. Other people's clients, nc and socat, need no help."""

import fcntl
import os
import select
import socket
import struct
import subprocess
import termios

from harness import PATIENCE, end, setting

CLIENT_SKIPS = 77  # how blocking_client ends where it lacks something

PATIENCE_S = 20 * PATIENCE


def start_client(test, server, mode, number):
    """Starts blocking_client.c, whose head names the modes; for expect_success, or to be left alone."""
    client = subprocess.Popen([setting("PIRN_TEST_CLIENT"), str(server.port), mode, str(number)],
                              stdout=subprocess.PIPE)
    client.expected = f"ok: {mode} {number}\n"
    test.addCleanup(end, client)
    return client


def expect_success(test, client, seconds=100):
    """The client has got everything that it sent, or whatever else it had come for."""
    said = client.communicate(timeout=seconds * PATIENCE)[0].decode()
    if client.returncode == CLIENT_SKIPS:
        test.skipTest(said.strip())
    test.assertEqual((client.returncode, said), (0, client.expected))


def run_client(test, server, mode, number):
    expect_success(test, start_client(test, server, mode, number))


def connect(test, server):
    """A socket of our own, closed with the test."""
    client = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
    test.addCleanup(client.close)
    return client


def receive_all(client):
    """Everything up to the end of the stream; a reset is an error."""
    pieces = []
    while piece := client.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def receive_until_it_ends_or_breaks(client):
    """Everything up to the end of the stream, or to a reset."""
    pieces = []
    try:
        while piece := client.recv(1 << 16):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def send_until_nobody_takes_more(client):
    """Fills every buffer in both directions, until the server waits for somebody to read."""
    pieces = []
    while select.select([], [client], [], 0.5)[1]:
        piece = os.urandom(1 << 16)
        pieces.append(piece[:client.send(piece, socket.MSG_DONTWAIT)])
    return b"".join(pieces)


def on_its_way(client):
    """How many bytes a socket has taken that have not arrived in the server's kernel."""
    return struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, b"\0" * 4))[0]
