#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tcp_echo's command line: what it does not understand it refuses, in a sentence, before it does
anything; what the world refuses is a sentence too."""

import os
import select
import socket

import harness
from clients import connect, run_client
from harness import about, setting, wait_until
from server import Server, check_backend, start_server, why_no_uring

# Words of the command line, and what the complaint must name.
MISUNDERSTOOD = [
    (["--bogus"], "--bogus"),
    (["-p", "80"], "-p"),
    (["8080"], "8080"),
    ([""], "unknown option"),
    (["", "--bogus"], "unknown option"),
    (["--port=80"], "--port=80"),
    (["--port"], "--port"),
    (["--backend"], "--backend"),
    (["--threads"], "--threads"),
    (["--max-connections"], "--max-connections"),
    (["--port", ""], "number"),
    (["--port", "http"], "http"),
    (["--port", "80x"], "80x"),
    (["--port", " 80"], " 80"),
    (["--port", "+80"], "+80"),
    (["--port", "0x50"], "0x50"),
    (["--port", "-1"], "-1"),
    (["--port", "65536"], "65536"),
    (["--port", "99999999999999999999999"], "99999999999999999999999"),
    (["--port", "--threads", "2"], "number"),
    (["--threads", "0"], "0"),
    (["--threads", "257"], "257"),
    (["--threads", "two"], "two"),
    (["--max-connections", "0"], "0"),
    (["--max-connections", "-4"], "-4"),
    (["--max-connections", "1e3"], "1e3"),
    (["--backend", "kqueue"], "kqueue"),
    (["--backend", "URING"], "URING"),
    (["--backend", ""], "uring or epoll"),
    (["--port", "0", "--threads", "1", "--bogus"], "--bogus"),
]


class TcpEchoOptionsTest(harness.ProgramTest):
    def refused(self, code, *options, through=(), **environment):
        """Runs the server where it must not start; what it says on stderr."""
        done = self.run_tool(*through, setting("PIRN_TEST_TCP_ECHO"), *options, seconds=10,
                             env={**os.environ, **environment})
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stdout, b"")
        return done.stderr.decode()

    @harness.one_thread
    def test_what_it_does_not_understand_is_named_and_followed_by_the_usage(self):
        for options, named in MISUNDERSTOOD:
            with self.subTest(options=options):
                complaint, usage = self.refused(2, *options).splitlines()
                self.assertIn(named, complaint)
                self.assertRegex(usage, r"^usage: \S*tcp_echo \[--port N\]")

    @about(ways=("1", "2"))
    def test_a_port_in_use_is_a_sentence(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            said = self.refused(1, "--port", port, "--threads", self.way)
        self.assertRegex(said, rf"^tcp_echo: .*127\.0\.0\.1:{port}.*in use\n$")

    @harness.one_thread
    def test_the_environment_may_not_ask_for_a_backend_that_does_not_exist(self):
        for wrong in ("nonsense", "URING", "uring,epoll", " uring"):
            with self.subTest(wrong):
                said = self.refused(1, PIRN_BACKEND=wrong)
                self.assertRegex(said, r"^tcp_echo: .*PIRN_BACKEND.*uring.*epoll.*\n$")

    @about(ways=("epoll", "uring", "epoll-2", "uring-2"))
    def test_too_few_descriptors_to_begin_with_is_a_sentence(self):
        prlimit = self.need("prlimit", "util-linux")
        backend, _, threads = self.way.partition("-")
        for most in range(4, 32):
            with self.subTest(descriptors=most):
                server = Server([prlimit, f"--nofile={most}", setting("PIRN_TEST_TCP_ECHO"),
                                 "--threads", threads or "1"], {**os.environ, "PIRN_BACKEND": backend})
                self.addCleanup(harness.end, server.process)
                line = server.process.stdout.readline()
                if line.startswith(b"listening on "):
                    server.stop()
                    return
                output, said = server.process.communicate(timeout=10 * harness.PATIENCE)
                self.assertEqual((server.process.returncode, line + output), (1, b""), said)
                self.assertRegex(said, rb"^tcp_echo: .+: Too many open files\n$")
        self.fail("it does not start with any number of descriptors")

    def test_the_backend_can_be_chosen(self):
        server = start_server(self, "--backend", "epoll")
        check_backend(server, "epoll")
        server.stop()
        if reason := why_no_uring():
            self.skipTest(reason)
        for choice in ("uring", "auto"):
            server = start_server(self, "--backend", choice)
            check_backend(server, "uring")
            server.stop()

    @about(ways=("epoll", "uring"))
    def test_the_environment_decides_before_the_command_line(self):
        server = start_server(self, "--backend", "epoll" if self.way == "uring" else "uring")
        server.stop()  # start_server has looked which backend it runs on

    def test_there_are_never_more_threads_than_connections(self):
        server = start_server(self, "--threads", "2", "--max-connections", "1")
        clients = [connect(self, server) for _ in range(2)]
        for client in clients:
            client.sendall(b"?")
        wait_until(lambda: select.select(clients, [], [], 0)[0], what="an answer")
        self.assertEqual(server.connections(), 1)
        for client in clients:  # in this order they were accepted: there is one queue
            self.assertEqual(client.recv(100), b"?")
            client.close()
        server.stop_after_everybody_left()

    def test_the_port_can_be_chosen(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = start_server(self, port=port)
        self.assertEqual(server.port, port)
        run_client(self, server, "echo", 1)
        server.stop_after_everybody_left()


if __name__ == "__main__":
    raise SystemExit(harness.main())
