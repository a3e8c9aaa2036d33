#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""proc: each line with its prefix, on its own stream, and the command's exit code. Under strace a kernel refuses the
calls that a child needs: proc works in another way, or says why it cannot, and leaves no child."""

import os
import signal
import subprocess
import time

import harness
from account_test import ACCOUNT
from harness import about, lighter, setting
from server import why_no_uring

WAYS = ("uring", "epoll")
REFUSED_WAYS = ("refused_uring", "refused_epoll")

# Refusals that proc works around. Calls that are refused together are separated by a comma.
WORKED_AROUND = ("clone:ENOSYS", "clone:EPERM", "clone:EMFILE", "clone3:ENOSYS", "pidfd_open:ENOSYS",
                 "pidfd_open:EPERM", "vfork:ENOSYS", "fork:ENOSYS", "waitid:ENOSYS", "waitid:EPERM",
                 "waitid:EINVAL", "wait4:ENOSYS", "setpgid:EPERM", "close_range:ENOSYS", "close_range:EPERM",
                 "kill:EPERM", "pidfd_send_signal:ENOSYS", "clone:EPERM,pidfd_open:EPERM,waitid:ENOSYS")

# Refusals that proc reports, and the words in which it does.
REPORTED = {
    "clone:EAGAIN": b"start sh: Resource temporarily unavailable",
    "clone:ENOMEM": b"start sh: Cannot allocate memory",
    "clone3:EPERM": b"start sh: Resource temporarily unavailable",  # no thread for the pool
    "clone3:EAGAIN": b"start sh: Resource temporarily unavailable",
    "clone:ENOSYS,clone3:ENOSYS": b"start sh: Resource temporarily unavailable",
    "clone:EPERM,socketpair:EMFILE": b"start sh: Too many open files",
    "execve:EPERM": b"start sh: Operation not permitted",
    "execve:ENOSYS": b"start sh: Function not implemented",
    "execve:ENOMEM": b"start sh: Cannot allocate memory",
    "execve:E2BIG": b"start sh: Argument list too long",
    "execve:EPERM,waitid:EPERM": b"start sh: Operation not permitted",
    "clone:EPERM,execve:EPERM,waitid:ENOSYS": b"start sh: Operation not permitted",
    "dup3:EPERM": b"start sh: standard streams: Operation not permitted",
    "dup3:EMFILE": b"start sh: standard streams: Too many open files",
    "dup3:ENOSYS": b"start sh: standard streams: Function not implemented",
    "pipe2:EMFILE": b"start sh: standard streams: Too many open files",
    "pipe2:ENFILE": b"start sh: standard streams: Too many open files in system",
    "pipe2:EPERM": b"start sh: standard streams: Operation not permitted",
    "pipe2:ENOSYS": b"start sh: standard streams: Function not implemented",
    "fcntl:EMFILE": b"standard_output: Too many open files",
    "waitid:EPERM,wait4:EPERM": b"wait: Operation not permitted",
    "waitid:ENOSYS,pidfd_send_signal:ENOSYS": b"wait: Function not implemented",
}

# Refusals of a signal, and the exit code: the child's when proc works around them.
SIGNALLED = {
    "pidfd_send_signal:ENOSYS": 143,
    "pidfd_send_signal:EPERM": 143,
    "pidfd_send_signal:EINVAL": 143,  # before Linux 6.9: no signals to groups by pidfd
    "kill:EPERM": 143,
    "pidfd_send_signal:EPERM,kill:EPERM": 126,
    "pidfd_send_signal:ENOSYS,kill:ENOSYS": 126,
}


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
        process.communicate(timeout=20 * harness.PATIENCE)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertLess(time.monotonic() - begun, 4, "it left by itself")

    @about(ways=WAYS)
    def test_the_whole_group_gets_the_signal(self):
        process = self.start(setting("PIRN_TEST_PROGRAM"), "sh", "-c", "sleep 100 & echo $!; wait",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment())
        child = int(process.stdout.readline().split()[1])
        process.send_signal(signal.SIGTERM)  # a shell lets its background commands ignore SIGINT
        process.communicate(timeout=20 * harness.PATIENCE)
        # A child without its parent is somebody else's to reap: it is gone, or a zombie for a moment.
        def is_gone():
            try:
                with open(f"/proc/{child}/stat", encoding="ascii") as stat:
                    return stat.read().split()[2] == "Z"
            except FileNotFoundError:
                return True
        harness.wait_until(is_gone, what="the end of the child's child")

    def refused(self, refusals, *words):
        """The command of a proc whose kernel refuses these calls, and its environment. strace ends when the last
        process that it traces has ended: a child that stays behind is a test that takes too long."""
        backend = self.way.removeprefix("refused_")
        if backend == "uring" and (reason := why_no_uring()):
            self.skipTest(reason)
        strace = self.strace(*("?{}:error={}".format(*one.split(":")) for one in refusals.split(",")))
        return [*strace, setting("PIRN_TEST_PROGRAM"), *words], {**os.environ, "PIRN_BACKEND": backend}

    def said_without(self, refusals):
        """How proc ends when the kernel refuses these calls, and what it has said."""
        command, environment = self.refused(refusals, "sh", "-c", "echo out; echo err >&2; exit 7")
        done = self.run_tool(*command, env=environment, seconds=20)
        if done.returncode == 1 and b"strace:" in done.stderr:
            self.skipTest(f"strace cannot trace here: {done.stderr.decode()}")
        return done

    @about(ways=REFUSED_WAYS, seconds=120)
    def test_refused_calls_are_worked_around(self):
        for refusals in WORKED_AROUND:
            with self.subTest(refusals=refusals):
                done = self.said_without(refusals)
                self.assertEqual((done.returncode, done.stdout), (7, b"sh: out\n"), done)
                self.assertEqual(done.stderr, b"sh: err\n" + ACCOUNT + b"\n")

    @about(ways=REFUSED_WAYS, seconds=120)
    def test_refused_calls_are_reported(self):
        for refusals, words in REPORTED.items():
            with self.subTest(refusals=refusals):
                done = self.said_without(refusals)
                self.assertEqual(done.returncode, 126, done)
                self.assertTrue(done.stderr.endswith(b"proc: " + words + b"\n"), done)

    # The child ends by itself where nothing can reach it.
    @about(ways=REFUSED_WAYS, seconds=120)
    def test_refused_signals_are_sent_otherwise_or_reported(self):
        for refusals, code in SIGNALLED.items():
            with self.subTest(refusals=refusals):
                command, environment = self.refused(refusals, "sh", "-c", "echo $PPID; exec sleep 2")
                process = self.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
                first = process.stdout.readline()
                if not first:
                    self.skipTest(f"strace cannot trace here: {process.stderr.read().decode()}")
                os.kill(int(first.split()[1]), signal.SIGTERM)
                said = process.communicate(timeout=20 * harness.PATIENCE)[1]
                self.assertEqual(process.returncode, code, said)
                self.assertEqual(b"proc: signal: " in said, code == 126, said)

    def test_without_a_command_it_says_how_it_is_used(self):
        for words in ((), ("--prefix", "x"), ("--what",)):
            done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *words)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(b"usage: ", done.stderr)


if __name__ == "__main__":
    raise SystemExit(harness.main())
