#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""proc: each line with its prefix, on its own stream, and the command's exit code."""

import os
import signal
import subprocess
import time

import harness
from account_test import ACCOUNT
from harness import about, lighter, setting

WAYS = ("uring", "epoll")


class ProcTest(harness.ProgramTest):
    def environment(self):
        return {**os.environ, "PIRN_BACKEND": self.way}

    def proc(self, *words, code=0, **more):
        """What it has said on both streams, without the account."""
        done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *words, env=self.environment(), **more)
        self.assertEqual(done.returncode, code, done)
        self.assertTrue(done.stderr.endswith(ACCOUNT + b"\n"), done)
        return done.stdout, done.stderr[:-len(ACCOUNT) - 1]

    @about(ways=WAYS)
    def test_lines_get_the_prefix_on_their_own_streams(self):
        said = self.proc("sh", "-c", "echo one; echo two >&2; echo; printf three")
        self.assertEqual(said, (b"sh: one\nsh: \nsh: three\n", b"sh: two\n"))
        self.assertEqual(self.proc("--prefix", "x", "/bin/echo", "a b")[0], b"x: a b\n")

    @about(ways=WAYS)
    def test_long_lines_and_many_lines_come_whole(self):
        size = lighter(3_000_000)
        self.assertEqual(self.proc("sh", "-c", f"head -c {size} /dev/zero | tr '\\0' x; echo")[0],
                         b"sh: " + b"x" * size + b"\n")
        lines = lighter(100_000)
        self.assertEqual(self.proc("seq", str(lines))[0],
                         b"".join(b"seq: %d\n" % i for i in range(1, lines + 1)))

    @about(ways=WAYS)
    def test_the_exit_code_is_the_commands(self):
        self.proc("sh", "-c", "exit 7", code=7)
        self.proc("sh", "-c", "kill -9 $$", code=137)
        for words, code, said in ((("/nowhere/nothing",), 127, b"No such file"),
                                  (("/tmp",), 126, b"Permission denied")):
            done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *words, env=self.environment())
            self.assertEqual(done.returncode, code, done)
            self.assertIn(said, done.stderr)

    @about(ways=WAYS)
    def test_input_is_the_commands(self):
        self.assertEqual(self.proc("cat", sends=b"through\n")[0], b"cat: through\n")

    @about(ways=WAYS)
    def test_lines_come_when_they_are_said(self):
        process = self.start(setting("PIRN_TEST_PROGRAM"), "sh", "-c", "echo now; exec sleep 100",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment())
        self.assertEqual(process.stdout.readline(), b"sh: now\n")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertLess(time.monotonic() - begun, 4, "it left by itself")

    @about(ways=WAYS)
    def test_the_whole_group_gets_the_signal(self):
        process = self.start(setting("PIRN_TEST_PROGRAM"), "sh", "-c", "sleep 100 & echo $!; wait",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment())
        child = int(process.stdout.readline().split()[1])
        process.send_signal(signal.SIGTERM)  # a shell lets its background commands ignore SIGINT
        process.communicate(timeout=20)
        # A child without its parent is somebody else's to reap: it is gone, or a zombie for a moment.
        def is_gone():
            try:
                with open(f"/proc/{child}/stat", encoding="ascii") as stat:
                    return stat.read().split()[2] == "Z"
            except FileNotFoundError:
                return True
        harness.wait_until(is_gone, what="the end of the child's child")

    def test_without_a_command_it_says_how_it_is_used(self):
        for words in ((), ("--prefix", "x"), ("--what",)):
            done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *words)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(b"usage: ", done.stderr)


if __name__ == "__main__":
    raise SystemExit(harness.main())
