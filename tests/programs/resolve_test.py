#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""resolve: what this machine knows, and what a name server of our own answers, or does not answer."""

import os
import pathlib
import re
import sys

import harness
from harness import about, setting

ACCOUNT = "LIVE coroutines=0 operations=0 descriptors=0 timers=0"


class ResolveTest(harness.ProgramTest):
    def resolve(self, *words, through=()):
        """Its exit code, its lines but for the account, and what it complains of."""
        done = self.run_tool(*through, setting("PIRN_TEST_RESOLVE"), *words,
                             env={**os.environ, "PIRN_BACKEND": self.way})
        *lines, account = done.stdout.decode().splitlines()
        self.assertEqual(account, ACCOUNT, done)
        return done.returncode, lines, done.stderr.decode()

    def with_name_server(self, *words):
        """The same in a network of its own, where name_server.py answers."""
        unshare = self.need("unshare", "util-linux")
        if self.run_tool(unshare, "--net", "--mount", "true").returncode != 0:
            self.skipTest("this user may not make a network of its own")
        helper = pathlib.Path(__file__).with_name("name_server.py")
        return self.resolve(*words, through=(unshare, "--net", "--mount", sys.executable, str(helper)))

    @about(ways=("uring", "epoll"))
    def test_numeric_hosts_and_this_machine(self):
        code, lines, said = self.resolve("127.0.0.1", "::1")
        self.assertEqual((code, lines, said), (0, ["127.0.0.1 127.0.0.1", "::1 ::1"], ""))
        code, lines, said = self.resolve("localhost", "--family", "v4")
        self.assertEqual((code, lines, said), (0, ["localhost 127.0.0.1"], ""))

    @about(ways=("uring", "epoll"))
    def test_the_answers_of_a_name_server(self):
        code, lines, said = self.with_name_server("one.test", "both.test")
        self.assertEqual((code, said), (0, ""))
        self.assertEqual(lines[0], "one.test 192.0.2.1")
        self.assertEqual(sorted(lines[1:]), ["both.test 192.0.2.2", "both.test 2001:db8::2"])
        code, lines, said = self.with_name_server("both.test", "--family", "v6")
        self.assertEqual((code, lines, said), (0, ["both.test 2001:db8::2"], ""))

    @about(ways=("uring", "epoll"))
    def test_hosts_that_are_not_there_are_sentences(self):
        code, lines, said = self.with_name_server("none.test", "one.test", "broken.test")
        self.assertEqual((code, lines), (1, ["one.test 192.0.2.1"]))
        self.assertRegex(said, r"^resolve: none\.test: No such host or service\nresolve: broken\.test: .+\n$")

    @about(ways=("uring", "epoll"))
    def test_many_at_once_are_asked_at_the_same_time(self):
        hosts = [f"together{i}.test" for i in range(6)]  # the server answers once it has been asked for all of them
        code, lines, said = self.with_name_server(*hosts)
        self.assertEqual((code, said), (0, ""))
        self.assertEqual(lines, [f"{host} 192.0.2.3" for host in hosts])

    def test_what_it_does_not_understand_is_refused(self):
        done = self.run_tool(setting("PIRN_TEST_RESOLVE"), "--bogus")
        self.assertEqual(done.returncode, 2)
        self.assertTrue(re.search(rb"usage: \S*resolve ", done.stderr), done.stderr)


if __name__ == "__main__":
    raise SystemExit(harness.main())
