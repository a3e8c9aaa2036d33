#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tcp_echo talks to strangers: nc, socat, and a client in C. Every byte comes back, in each way that
the server can run. Crowds are in tcp_echo_load_test.py, its end in tcp_echo_stop_test.py."""

import os
import socket
import subprocess
import tempfile

import harness
from clients import connect, receive_all, run_client
from harness import about
from server import EVERY_WAY, start_server

MEBIBYTE = 1 << 20


class TcpEchoTest(harness.ProgramTest):
    def comes_back_through(self, *command):
        """A program that sends its input, half-closes, and prints what it receives."""
        for size in (1, MEBIBYTE):
            sent = os.urandom(size)
            done = self.run_tool(*command, sends=sent)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            # Not assertEqual: a mebibyte is no message.
            self.assertTrue(done.stdout == sent, f"{size} bytes sent, {len(done.stdout)} came back, "
                            f"the same up to byte {common(sent, done.stdout)}")

    @about(ways=EVERY_WAY)
    def test_nc_gets_back_what_it_sends(self):
        nc = self.need("nc", "netcat-openbsd")
        if b"OpenBSD" not in self.run_tool(nc, "-h").stderr:
            self.skipTest("this nc is not that of OpenBSD (Debian's package netcat-openbsd)")
        server = start_server(self)
        self.comes_back_through(nc, "-N", "127.0.0.1", str(server.port))
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY)
    def test_socat_gets_back_what_it_sends(self):
        socat = self.need("socat", "socat")
        server = start_server(self)
        self.comes_back_through(socat, "-t", "20", "-", f"TCP4:127.0.0.1:{server.port}")
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY)
    def test_a_blocking_client_gets_back_what_it_sends(self):
        server = start_server(self)
        for size in (1, 16384, 16385, MEBIBYTE): # 16384 is the server's buffer
            run_client(self, server, "echo", size)
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY)
    def test_a_half_closed_client_still_gets_every_byte_and_then_the_end(self):
        server = start_server(self)
        for size in (1, 16384, 16385, MEBIBYTE):
            run_client(self, server, "half-close", size)
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY)
    def test_a_client_that_says_nothing_gets_nothing(self):
        server = start_server(self)
        client = connect(self, server)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"")
        client.close()
        connect(self, server).close()
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY)
    def test_clients_that_reset_the_connection_disturb_nobody(self):
        server = start_server(self)
        bystander = connect(self, server)
        bystander.sendall(b"before")
        self.assertEqual(bystander.recv(100), b"before")
        run_client(self, server, "reset", harness.lighter(200))
        bystander.sendall(b"after")
        self.assertEqual(bystander.recv(100), b"after")
        bystander.close()
        run_client(self, server, "echo", MEBIBYTE)
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY)
    def test_different_clients_at_once_do_not_meet(self):
        nc, socat = self.need("nc", "netcat-openbsd"), self.need("socat", "socat")
        server = start_server(self)
        commands = [[nc, "-N", "127.0.0.1", str(server.port)],
                    [socat, "-t", "20", "-", f"TCP4:127.0.0.1:{server.port}"]] * 3
        files = [random_file(self, MEBIBYTE) for _ in commands]
        clients = [self.start(*command, stdin=file, stdout=subprocess.PIPE)
                   for command, file in zip(commands, files)]
        run_client(self, server, "half-close", MEBIBYTE)
        for client, file in zip(clients, files):
            received, _ = client.communicate(timeout=60 * harness.PATIENCE)
            file.seek(0)
            self.assertTrue(received == file.read(), f"{client.args} got something else back")
        server.stop_after_everybody_left()


def random_file(test, size):
    """An open file of random bytes, gone with the test."""
    file = tempfile.TemporaryFile()
    test.addCleanup(file.close)
    file.write(os.urandom(size))
    file.seek(0)
    return file


def common(one, other):
    """How many bytes two byte strings have in common from the beginning."""
    return len(os.path.commonprefix([one, other]))


if __name__ == "__main__":
    raise SystemExit(harness.main())
