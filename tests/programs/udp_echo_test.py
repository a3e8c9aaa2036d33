#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""udp_echo: every datagram that finds room comes back to who sent it, whatever its size."""

import os
import signal
import socket

import harness
from harness import about, lighter
from server import BACKENDS, THREADED, start_server

PATIENCE_S = 10 * harness.PATIENCE


def client_of(test, server):
    """A connected socket with much room, so that nothing is dropped that was not too much for the server."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    test.addCleanup(client.close)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    client.settimeout(PATIENCE_S)
    client.connect(("127.0.0.1", server.port))
    return client


class UdpEchoTest(harness.ProgramTest):
    @about(ways=BACKENDS + THREADED)
    def test_datagrams_of_all_sizes_come_back_whole(self):
        server = start_server(self, program="UDP_ECHO")
        client = client_of(self, server)
        for size in (0, 1, 1472, 1473, 9000, 65507):
            sent = os.urandom(size)
            client.send(sent)
            self.assertTrue(client.recv(70_000) == sent, f"{size} bytes came back as something else")
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_many_at_once_from_many_clients_do_not_meet(self):
        server = start_server(self, program="UDP_ECHO")
        clients = [client_of(self, server) for _ in range(20)]
        for turn in range(lighter(50)):
            for number, client in enumerate(clients):
                for piece in range(5):
                    client.send(f"{turn} {number} {piece}".encode())
            for number, client in enumerate(clients):
                for piece in range(5):
                    self.assertEqual(client.recv(100), f"{turn} {number} {piece}".encode())
        server.stop_after_everybody_left()

    @about(ways=BACKENDS)
    def test_who_cannot_be_answered_any_more_disturbs_nobody(self):
        server = start_server(self, program="UDP_ECHO")
        for _ in range(20):
            gone = client_of(self, server)
            gone.send(b"?")
            gone.close()
        client = client_of(self, server)
        client.send(b"!")
        self.assertEqual(client.recv(100), b"!")
        server.stop_after_everybody_left()

    @about(ways=BACKENDS)
    def test_socat_gets_back_what_it_sends(self):
        socat = self.need("socat", "socat")
        server = start_server(self, program="UDP_ECHO")
        done = self.run_tool(socat, "-t", "1", "-", f"UDP4:127.0.0.1:{server.port}", sends=b"hello")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"hello", b""))
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_it_ends_at_once_in_the_middle_of_a_flood(self):
        server = start_server(self, program="UDP_ECHO")
        client = client_of(self, server)
        client.setblocking(False)
        for _ in range(lighter(2000)):
            try:
                client.send(b"x" * 1000)
            except BlockingIOError:
                break
        server.kill(signal.SIGTERM)
        server.wait(4)


if __name__ == "__main__":
    raise SystemExit(harness.main())
