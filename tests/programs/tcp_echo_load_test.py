#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tcp_echo in a crowd: many clients at once, many in a row, more than it may or can take. Nothing is
lost, nothing is left behind, and waiting costs nothing."""

import itertools
import select
import time

import harness
from clients import connect, expect_success, run_client, start_client
from harness import about, lighter, wait_until
from server import BACKENDS, EVERY_WAY, THREADED, need_backlog, need_descriptors, start_server

# Stacks and allocators keep more when more are served at the same moment than ever before, which is not at each time; a
# leak makes the server larger at each, and a descriptor's table entry or a stack in thousands of connections is much.
GROWTH_KIB = 192

# Enough for two threads to begin with (each takes 8 MiB for its stack, and malloc's arena), not for many
# coroutines.
ADDRESS_SPACE = 128 << 20


class TcpEchoLoadTest(harness.ProgramTest):
    @about(ways=EVERY_WAY, seconds=90)
    def test_a_thousand_clients_at_once_are_all_served(self):
        count = lighter(1000)
        need_descriptors(self, count + 64)
        need_backlog(self, count)
        server = start_server(self)
        run_client(self, server, "many", count)
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY, seconds=120)
    def test_ten_thousand_connects_in_a_row_are_all_served(self):
        server = start_server(self)
        run_client(self, server, "churn", lighter(10_000))
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED, seconds=60, label="figures")
    def test_memory_does_not_grow_with_the_number_of_clients_served(self):
        need_descriptors(self, 300)
        server = start_server(self)

        def serve_some():
            run_client(self, server, "many", 200)
            run_client(self, server, "churn", 2000)
            server.wait_for_connections(0)
            return server.resident_kib()

        serve_some()
        sizes = [serve_some() for _ in range(5)]
        growths = [after - before for before, after in itertools.pairwise(sizes)]
        self.assertLess(min(growths), GROWTH_KIB, f"KiB more with each 2200 more clients: {sizes}")
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED, label="figures")
    def test_idle_clients_cost_no_processor_time(self):
        server = start_server(self)
        clients = [connect(self, server) for _ in range(100)]
        server.wait_for_connections(100)
        self.assertLess(cpu_share(server, seconds=1), 0.03)
        for client in clients:
            client.close()
        server.stop_after_everybody_left()

    @about(ways=EVERY_WAY)
    def test_no_more_than_max_connections_are_open_and_the_others_get_their_turn(self):
        server = start_server(self, "--max-connections", "4")
        waiting = [connect(self, server) for _ in range(20)]
        for client in waiting:
            client.sendall(b"?")
        served = 0
        while waiting:
            # Every thread has its own share of the four, and the kernel deals the clients out.
            self.assertLessEqual(server.connections(), 4)
            for client in select.select(waiting, [], [], 0.1)[0]:
                self.assertEqual(client.recv(100), b"?")
                client.close()
                waiting.remove(client)
                served += 1
        self.assertEqual(served, 20)
        run_client(self, server, "many", 20)
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED, seconds=60)
    def test_out_of_descriptors_it_serves_whom_it_has_and_later_the_others(self):
        prlimit = self.need("prlimit", "util-linux")
        need_backlog(self, 700)
        server = start_server(self, through=(prlimit, "--nofile=64"))
        holding = [connect(self, server) for _ in range(100)]
        wait_until(lambda: len(server.descriptors()) == 64, what="the use of every descriptor")
        crowd = start_client(self, server, "many", lighter(500, 5))

        if not harness.LIGHT:
            self.assertLess(cpu_share(server, seconds=1), 0.1, "of the time, only to wait")
        for client in holding[:5]:  # first come, first served, unless two threads share the port
            client.sendall(b"still there?")
        answered = wait_until(lambda: select.select(holding[:5], [], [], 0)[0], what="an answer")
        self.assertEqual(answered[0].recv(100), b"still there?")

        for client in holding:
            client.close()
        expect_success(self, crowd)
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED, label="figures")  # a sanitizer takes terabytes of addresses
    def test_out_of_memory_it_turns_some_away_and_serves_the_next(self):
        prlimit = self.need("prlimit", "util-linux")
        need_descriptors(self, 764)
        server = start_server(self, through=(prlimit, f"--as={ADDRESS_SPACE}"))
        # They say nothing, so that nobody's stack is free before the last one has come.
        crowd = [connect(self, server) for _ in range(700)]
        turned_away = select.poll()
        for client in crowd:
            turned_away.register(client, select.POLLIN)
        self.assertTrue(turned_away.poll(60_000), "700 stacks fitted, so that this tests nothing")
        for client in crowd:
            client.close()
        server.wait_for_connections(0)
        run_client(self, server, "many", 10)
        server.stop_after_everybody_left()

    @about(seconds=60)
    def test_an_accept_that_fails_is_tried_again(self):
        for error in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EPROTO"):
            with self.subTest(error):
                server = start_server(self, way="epoll", inject=f"accept4:error={error}:when=1+2")
                run_client(self, server, "churn", 20)
                server.stop_after_everybody_left()


def cpu_share(server, seconds):
    """Which part of the time the server spends on a processor, over so many seconds. The sleep is
    what is measured, not a wait for something to happen."""
    before, begin = server.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / (time.monotonic() - begin)


if __name__ == "__main__":
    raise SystemExit(harness.main())
