#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""postgres_query and redis_command: foreign libraries wait for a real server, each connection for itself. The servers
are the distribution's, started here on a socket in a folder of their own."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import harness
from account_test import ACCOUNT
from harness import about

WAYS = ("uring", "epoll")


class ReadyTest(harness.ProgramTest):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="pirn-ready-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def need_program(self, name):
        path = os.environ.get(f"PIRN_TEST_{name}")
        if not path:
            self.skipTest(f"{name.lower()} was not built: its library is not installed")
        return path

    def answers(self, program, *words, code=0):
        """The lines that it has said, in order, and how long it took."""
        begun = time.monotonic()
        done = self.run_tool(program, "--backend", self.way, *words)
        self.assertEqual(done.returncode, code, done)
        if code != 0:
            return done.stderr.decode(), 0
        *lines, account = done.stdout.splitlines()
        self.assertEqual(account, ACCOUNT)
        return sorted(lines), time.monotonic() - begun

    def postgres(self):
        """Starts a server of our own; what a client is to be told of it."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        if not found:
            self.skipTest("there is no PostgreSQL server (Debian's package postgresql)")
        programs, data = pathlib.Path(found[-1]).parent, self.root / "data"
        user = {}
        if os.geteuid() == 0:  # which PostgreSQL refuses to be
            nobody = pwd.getpwnam("nobody")
            os.chown(self.root, nobody.pw_uid, nobody.pw_gid)
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        made = self.run_tool(programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-N",
                             "--locale=C", cwd=self.root, **user)
        self.assertEqual(made.returncode, 0, made)
        server = self.start(str(programs / "postgres"), "-D", str(data), "-k", str(self.root), "-h", "",
                            "-F", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            cwd=self.root, **user)
        self.addCleanup(server.wait, 20)
        self.addCleanup(server.send_signal, signal.SIGINT)
        ready = [programs / "pg_isready", "-q", "-h", self.root, "-U", "tester"]
        harness.wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 30, "the start")
        return f"host={self.root} user=tester dbname=postgres"

    @about(ways=WAYS, seconds=90)
    def test_queries_to_postgresql_wait_each_for_itself(self):
        program = self.need_program("POSTGRES_QUERY")
        where = ("--connect", self.postgres())
        lines, took = self.answers(program, *where, "--connections", "8", "select pg_sleep(1), 'x'")
        self.assertEqual(lines, [b"%d:  x" % i for i in range(8)])
        self.assertGreaterEqual(took, 1)
        self.assertLess(took, 5, "one after the other it would be 8")
        lines, _ = self.answers(program, *where, "select i, repeat('y', 100) from generate_series(1, 20000) i")
        self.assertEqual(len(lines), 20_000)
        lines, _ = self.answers(program, *where, f"select length('{'z' * 100_000}')")
        self.assertEqual(lines, [b"0: 100000"])
        said, _ = self.answers(program, *where, "select nothing from nowhere", code=1)
        self.assertIn('relation "nowhere" does not exist', said)

    @about(ways=WAYS)
    def test_a_server_that_is_not_there_is_a_sentence(self):
        program = self.need_program("POSTGRES_QUERY")
        said, _ = self.answers(program, "--connect", f"host={self.root}", "select 1", code=1)
        self.assertIn("No such file or directory", said)

    @staticmethod
    def takes_connections(where):
        """A socket has its name before it listens."""
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(str(where)) == 0

    @about(ways=WAYS)
    def test_commands_to_redis_wait_each_for_itself(self):
        program = self.need_program("REDIS_COMMAND")
        # Debian's server is a link to this checker, which goes by the name that it is called by; the package with the
        # link also starts a server that nobody here wants.
        server = shutil.which("redis-server") or self.need("redis-check-rdb", "redis-tools")
        path = self.root / "socket"
        self.start("redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir",
                   str(self.root), executable=server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(lambda: self.takes_connections(path), what="the start")
        where = ("--socket", str(path))
        self.assertEqual(self.answers(program, *where, "PING")[0], [b"0: PONG"])
        lines, took = self.answers(program, *where, "--connections", "8", "BLPOP list 1")
        self.assertEqual(lines, [b"%d: (nothing)" % i for i in range(8)])
        self.assertGreaterEqual(took, 1)
        self.assertLess(took, 5, "one after the other it would be 8")
        said, _ = self.answers(program, *where, "NONSENSE", code=1)
        self.assertIn("unknown command", said)
        said, _ = self.answers(program, "--socket", str(self.root / "nowhere"), "PING", code=1)
        self.assertIn("No such file or directory", said)


if __name__ == "__main__":
    raise SystemExit(harness.main())
