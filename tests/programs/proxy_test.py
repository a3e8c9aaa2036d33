#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""proxy, with tcp_echo behind it: a client cannot tell the two apart, ends and resets included."""

import os
import socket

import harness
from clients import connect, receive_all, run_client
from harness import about, lighter
from server import BACKENDS, THREADED, start_server

MEBIBYTE = 1 << 20


class ProxyTest(harness.ProgramTest):
    def both(self, *options):
        """A proxy, and the server that it stands before."""
        behind = start_server(self)
        return start_server(self, "--to-port", str(behind.port), *options, program="PROXY"), behind

    def end(self, proxy, behind):
        proxy.stop_after_everybody_left()
        behind.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_every_byte_passes_both_ways(self):
        proxy, behind = self.both()
        for size in (1, 16385, 4 * MEBIBYTE):
            run_client(self, proxy, "echo", size)
        run_client(self, proxy, "many", lighter(100))
        self.end(proxy, behind)

    @about(ways=BACKENDS + THREADED)
    def test_half_an_end_is_passed_on_as_half_an_end(self):
        proxy, behind = self.both()
        for size in (1, 16385, MEBIBYTE):
            run_client(self, proxy, "half-close", size)
        self.end(proxy, behind)

    @about(ways=BACKENDS)
    def test_a_name_is_resolved(self):
        proxy, behind = self.both("--to", "localhost")
        run_client(self, proxy, "echo", 1000)
        self.end(proxy, behind)

    @about(ways=BACKENDS)
    def test_resets_leave_nothing_on_either_side(self):
        proxy, behind = self.both()
        run_client(self, proxy, "reset", lighter(200))
        run_client(self, proxy, "echo", 1000)
        self.end(proxy, behind)

    @about(ways=BACKENDS)
    def test_nobody_behind_it_is_a_reset_and_a_sentence(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        proxy = start_server(self, "--to-port", str(port), program="PROXY")
        with self.assertRaises(ConnectionResetError):  # which may come before connect has returned
            client = connect(self, proxy)
            client.sendall(b"?")
            client.recv(1)
            client.recv(1)
        proxy.kill(15)
        output, said = proxy.output()
        self.assertEqual(proxy.process.returncode, 0)
        self.assertEqual(said, b"proxy: 127.0.0.1: Connection refused\n")
        self.assertTrue(output.startswith(b"LIVE coroutines=0 operations=0 descriptors=0"), output)

    @about(ways=BACKENDS + THREADED)
    def test_a_transfer_under_way_is_completed_when_it_is_told_to_end(self):
        proxy, behind = self.both()
        client = connect(self, proxy)
        sent = os.urandom(MEBIBYTE)
        client.sendall(sent[:1000])
        received = client.recv(1)
        proxy.kill(15)
        client.sendall(sent[1000:])
        client.shutdown(socket.SHUT_WR)
        received += receive_all(client)
        self.assertTrue(received == sent, f"{len(received)} bytes came back, of {len(sent)}")
        proxy.wait(4)
        client.close()
        behind.stop_after_everybody_left()


if __name__ == "__main__":
    raise SystemExit(harness.main())
