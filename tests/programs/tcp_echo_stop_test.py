#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How tcp_echo ends: on SIGTERM it answers what has arrived, lets go of every client, and exits with 0
and an empty account, whatever its clients are doing."""

import os
import random
import signal
import socket
import threading
import time

import harness
from clients import (connect, expect_success, on_its_way, receive_all,
                     receive_until_it_ends_or_breaks, send_until_nobody_takes_more, start_client)
from harness import about, lighter, wait_until
from server import BACKENDS, EVERY_WAY, THREADED, start_server

# Its patience with clients that do not take their answers is 5 s; who behaves is let go before that.
AT_ONCE_S = 4
AFTER_ITS_PATIENCE_S = 8 * harness.PATIENCE


class TcpEchoStopTest(harness.ProgramTest):
    @about(ways=EVERY_WAY)
    def test_it_ends_before_the_first_client(self):
        start_server(self).stop(AT_ONCE_S)

    @about(ways=EVERY_WAY)
    def test_idle_clients_see_the_end_of_the_stream(self):
        server = start_server(self)
        idle = start_client(self, server, "idle", 50)
        server.wait_for_connections(50)
        server.stop(AT_ONCE_S)
        expect_success(self, idle)

    @about(ways=BACKENDS)
    def test_an_interrupt_from_the_keyboard_ends_it_too(self):
        server = start_server(self)
        idle = start_client(self, server, "idle", 5)
        server.wait_for_connections(5)
        server.kill(signal.SIGINT)
        server.wait(AT_ONCE_S)
        expect_success(self, idle)

    @about(ways=EVERY_WAY)
    def test_what_had_arrived_is_answered(self):
        server = start_server(self)
        # Together within the windows that a connection begins with, so that it can arrive unread.
        sent = {connect(self, server): os.urandom(1 + i * 1500) for i in range(20)}
        for client, what in sent.items():
            client.sendall(what)
        server.wait_for_connections(len(sent))
        wait_until(lambda: not any(map(on_its_way, sent)), what="the arrival of everything")
        server.kill(signal.SIGTERM)
        for client, what in sent.items():
            self.assertTrue(receive_all(client) == what, "something else came back")
        server.wait(AT_ONCE_S)

    @about(ways=EVERY_WAY)
    def test_what_had_arrived_is_answered_although_more_was_on_its_way(self):
        server = start_server(self)
        client = connect(self, server)
        sent = send_until_nobody_takes_more(client)
        arrived = len(sent) - on_its_way(client)
        server.kill(signal.SIGTERM)
        received = receive_until_it_ends_or_breaks(client)
        self.assertTrue(sent.startswith(received), "something else came back")
        self.assertGreaterEqual(len(received), arrived, f"bytes came back, of {len(sent)} sent")
        server.wait(AT_ONCE_S)

    @about(ways=EVERY_WAY)
    def test_a_transfer_that_is_under_way_is_completed(self):
        server = start_server(self)
        client = connect(self, server)
        sent = os.urandom(lighter(32) << 20)

        def upload():
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        uploading = threading.Thread(target=upload)
        uploading.start()
        first = client.recv(1)
        server.kill(signal.SIGTERM)
        received = first + receive_all(client)
        uploading.join()
        self.assertTrue(received == sent, f"{len(received)} bytes came back, of {len(sent)}")
        server.wait(AT_ONCE_S)

    @about(ways=EVERY_WAY)
    def test_clients_that_were_never_accepted_are_let_go(self):
        server = start_server(self, "--max-connections", "4")
        clients = [connect(self, server) for _ in range(20)]
        clients[0].sendall(b"?")
        server.wait_for_connections(4)
        server.stop(AT_ONCE_S)
        for client in clients:
            self.assertIn(receive_until_it_ends_or_breaks(client), (b"", b"?"))

    @about(ways=BACKENDS + THREADED, seconds=90)
    def test_it_ends_well_at_any_moment_of_a_busy_time(self):
        for _ in range(lighter(10, 5)):
            server = start_server(self)
            clients = [start_client(self, server, mode, count) for mode, count in
                       (("churn", 100_000), ("many", 50), ("reset", 100_000), ("echo", 1 << 25))]
            time.sleep(random.uniform(0, 0.05))  # not to wait for something: the moment is the test
            server.stop()
            for client in clients:
                client.wait(60)  # they complain, and rightly so

    @about(ways=BACKENDS)
    def test_a_second_signal_changes_nothing(self):
        server = start_server(self)
        client = connect(self, server)
        sent = send_until_nobody_takes_more(client)
        server.kill(signal.SIGTERM)
        server.kill(signal.SIGTERM)
        server.kill(signal.SIGINT)
        self.assertTrue(sent.startswith(receive_until_it_ends_or_breaks(client)))
        server.wait(AT_ONCE_S)

    @about(ways=BACKENDS, label="slow")
    def test_a_client_that_never_reads_its_answers_cannot_hold_it(self):
        server = start_server(self)
        send_until_nobody_takes_more(connect(self, server))
        server.stop(AFTER_ITS_PATIENCE_S)

    @about(ways=BACKENDS, label="slow")
    def test_a_client_that_never_stops_sending_cannot_hold_it(self):
        server = start_server(self)
        endless = start_client(self, server, "echo", 1 << 30)
        server.wait_for_connections(1)
        server.stop(AFTER_ITS_PATIENCE_S)
        endless.wait(60)


    # A thread that cannot be made, and a wait for signals that cannot begin: no server hangs, or hears no SIGTERM.
    @about(ways=("refused",), seconds=60)
    def test_what_the_kernel_refuses_at_the_beginning_ends_it_with_a_sentence(self):
        echo = harness.setting("PIRN_TEST_TCP_ECHO")
        for injections, words in (
                (("clone3:error=EAGAIN:when=2", "clone:error=EAGAIN"), ("--threads", "3")),
                (("clone3:error=EAGAIN", "clone:error=EAGAIN"), ("--threads", "2")),
                (("epoll_ctl:error=ENOSPC:when=2",), ("--backend", "epoll")),
                (("epoll_ctl:error=ENOSPC:when=3",), ("--backend", "epoll"))):
            done = self.run_tool(*self.strace(*injections), echo, *words, seconds=10)
            if done.returncode == 1 and b"strace:" in done.stderr:
                self.skipTest(f"strace cannot trace here: {done.stderr.decode()}")
            self.assertEqual(done.returncode, 1, (injections, done))
            self.assertRegex(done.stderr, rb"tcp_echo: .*(temporarily unavailable|No space left)")


if __name__ == "__main__":
    raise SystemExit(harness.main())
