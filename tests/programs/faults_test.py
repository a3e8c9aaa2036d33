#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A kernel that fails: strace answers for it, and whatever it says, the end is clean: what was asked for, or an
error that says why; never a crash, never a hang.

What is transparent (a signal in the middle of a call, io_uring refused) is tried on the suites of the rooms loop and
net; what is an error on a program that takes each error as an answer (faults.cpp), so that the rest goes on."""

import os
import re
import tempfile

import harness
from harness import about, setting
from server import BACKENDS, why_no_uring

# How the program may end: all done, or refused in words.
CLEAN = (0, 3)

# Calls that may be interrupted, and must not be seen to have been.
INTERRUPTED = ("recvfrom", "recvmsg", "sendto", "sendmsg", "accept4", "epoll_wait", "epoll_pwait2", "io_uring_enter",
               "poll")

# What accept(2) reports of a connection that was waiting, or of the network that it came through.
LOST_CONNECTIONS = ("ENETDOWN", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH",
                    "EPERM", "ECONNABORTED")


class FaultsTest(harness.ProgramTest):
    def traced(self, injections, command, seconds=60):
        """Runs a command under strace with these answers of the kernel; on the backend of the test's way."""
        strace = self.strace(*injections)
        if self.way == "uring" and (reason := why_no_uring()):
            self.skipTest(reason)
        environment = {**os.environ, "PIRN_BACKEND": self.way if self.way in ("uring", "epoll") else ""}
        done = self.run_tool(*strace, *command, seconds=seconds, env=environment)
        if done.returncode == 1 and b"strace:" in done.stderr:
            self.skipTest(f"strace cannot trace here: {done.stderr.decode()}")
        return done

    def program(self, *injections):
        """Runs the program that takes errors as answers; how it ended, and how many it served and was refused."""
        done = self.traced(injections, [setting("PIRN_TEST_PROGRAM")])
        said = f"{injections}: {done.returncode}: {(done.stdout + done.stderr).decode()}"
        self.assertIn(done.returncode, CLEAN, said)
        numbers = re.fullmatch(rb"begins\nserved (\d+) of 32, (\d+) refused\n", done.stdout)
        if done.returncode == 0:
            self.assertIsNotNone(numbers, said)
            return 0, int(numbers[1]), int(numbers[2])
        self.assertRegex(done.stdout, rb"^begins\ncannot begin: .+", said)
        return done.returncode, 0, 0

    @about(ways=BACKENDS, seconds=60)
    def test_nothing_is_refused_by_a_kernel_that_does_not_fail(self):
        self.assertEqual(self.program(), (0, 32, 0))

    @about(ways=BACKENDS, seconds=120)
    def test_calls_that_are_interrupted_are_made_again(self):
        for call in INTERRUPTED:
            with self.subTest(call=call):
                self.assertEqual(self.program(f"{call}:error=EINTR:when=1+2"), (0, 32, 0))
        everything = [f"{call}:error=EINTR:when=2+3" for call in INTERRUPTED]
        self.assertEqual(self.program(*everything), (0, 32, 0))

    # io_uring accepts inside the kernel, where strace does not come.
    @about(ways=("epoll",), seconds=60)
    def test_accept_without_descriptors_is_tried_again_until_there_are_some(self):
        for error in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"):
            code, served, refused = self.program(f"accept4:error={error}:when=2..9")
            self.assertEqual((code, served), (0, 32), error)
            self.assertGreaterEqual(refused, 7, error)

    # What accept(2) says to try again after: of the connection that was lost, and of its network.
    @about(ways=("epoll",), seconds=200)
    def test_accept_outlives_every_connection_that_is_lost(self):
        for error in LOST_CONNECTIONS:
            self.suite_passes(setting("PIRN_TEST_NET"), "tcp.*:serving.answers*",
                              f"accept4:error={error}:when=1+3")

    @about(ways=("automatic",), seconds=60)
    def test_epoll_serves_where_io_uring_is_refused(self):
        for error in ("EPERM", "ENOSYS", "ENOMEM", "EMFILE", "EINVAL"):
            self.assertEqual(self.program(f"io_uring_setup:error={error}"), (0, 32, 0), error)
        self.assertEqual(self.program("io_uring_register:error=EPERM"), (0, 32, 0))

    # The set-up is allowed, and the first call that uses it is not.
    @about(ways=("automatic", "uring"), seconds=120)
    def test_epoll_serves_where_the_ring_cannot_be_entered(self):
        for error in ("EPERM", "ENOSYS", "EACCES", "EINVAL", "EAGAIN", "EBUSY", "EINTR"):
            self.assertEqual(self.program(f"io_uring_enter:error={error}"), (0, 32, 0), error)

    # From some call on, whatever it is in the middle of: the loop says so once, and everything is destroyed.
    @about(ways=BACKENDS, seconds=200)
    def test_a_kernel_that_refuses_to_go_on_ends_the_program_in_words(self):
        calls = ("io_uring_enter",) if self.way == "uring" else ("epoll_wait", "epoll_pwait2")
        for error in ("EPERM", "ENOSYS"):
            for place in (2, 3, 5, 8, 13, 40, 100):
                injections = [f"{call}:error={error}:when={place}+" for call in calls]
                self.assertIn(self.program(*injections)[0], CLEAN, injections)

    def mappings(self):
        """How many a run makes before it begins, which are the dynamic linker's, and how many after it."""
        with tempfile.NamedTemporaryFile() as trace:
            self.run_tool(self.need("strace", "strace"), "-f", "-o", trace.name, "-e", "trace=mmap,write",
                          setting("PIRN_TEST_PROGRAM"), env={**os.environ, "PIRN_BACKEND": self.way})
            before, begins, after = trace.read().decode().partition('"begins')
        self.assertTrue(begins)
        return before.count("mmap("), after.count("mmap(")

    # Each mapping in its turn alone, with every second after it, and with all after it.
    @about(ways=BACKENDS, seconds=120)
    def test_without_memory_the_program_ends_in_words_or_goes_on(self):
        before, after = self.mappings()
        self.assertGreater(after, 3)
        codes = set()
        for place in range(before + 1, before + min(after, 24) + 1):
            for again in ("", "+2", "+"):
                codes.add(self.program(f"mmap:error=ENOMEM:when={place}{again}")[0])
        self.assertEqual(codes, {0, 3}, "it got through, and it was refused")

    @about(ways=BACKENDS, seconds=120)
    def test_without_descriptors_for_the_loop_the_program_says_so(self):
        for call in ("eventfd2", "epoll_create1" if self.way == "epoll" else "eventfd2"):
            self.assertEqual(self.program(f"{call}:error=EMFILE")[0], 3, call)

    @about(ways=("epoll",), seconds=60)
    def test_a_descriptor_that_cannot_be_watched_is_an_error_of_its_operation(self):
        code, served, refused = self.program("epoll_ctl:error=ENOSPC:when=2+2")
        self.assertEqual(code, 0)
        self.assertGreater(refused, 0)
        self.assertLess(served, 32)

    @about(ways=BACKENDS, seconds=60)
    def test_work_without_threads_is_refused_and_the_rest_goes_on(self):
        code, served, refused = self.program("clone3:error=EAGAIN", "clone:error=EAGAIN")
        self.assertEqual((code, served), (0, 32))
        self.assertGreaterEqual(refused, 32)

    def suite_passes(self, program, chosen, *injections):
        done = self.traced(injections, [program, f"--gtest_filter={chosen}", "--gtest_brief=1"], seconds=150)
        self.assertEqual(done.returncode, 0, f"{injections}: {(done.stdout + done.stderr).decode()}")
        self.assertIn(b"[  PASSED  ]", done.stdout)

    # The backends of its suites are its own affair.
    @about(ways=("suites",), seconds=200)
    def test_the_suites_of_the_loop_notice_no_interruption(self):
        chosen = "operations/*:socket/*:multishot/*accept_reports*:poll/*waits*:pipe/*wait*:file/*written_read*"
        for call in ("recvfrom", "recvmsg", "accept4", "io_uring_enter"):
            self.suite_passes(setting("PIRN_TEST_LOOP"), chosen, f"{call}:error=EINTR:when=1+3")

    @about(ways=("suites",), seconds=200)
    def test_the_suites_of_the_loop_pass_where_io_uring_is_refused(self):
        self.suite_passes(setting("PIRN_TEST_LOOP"), "operations/*:operation/*:loop/*:cancel/*ends*:work/*",
                          "io_uring_setup:error=EPERM")

    @about(ways=BACKENDS, seconds=200)
    def test_the_suite_of_net_notices_no_interruption(self):
        self.suite_passes(setting("PIRN_TEST_NET"), "tcp.*:closing.*",
                          *(f"{call}:error=EINTR:when=1+3" for call in ("recvfrom", "sendto", "accept4", "io_uring_enter")))

    @about(ways=("automatic",), seconds=200)
    def test_the_suite_of_net_passes_where_io_uring_is_refused(self):
        self.suite_passes(setting("PIRN_TEST_NET"), "tcp.*:closing.*:cancelling.ends*", "io_uring_setup:error=EPERM")


if __name__ == "__main__":
    raise SystemExit(harness.main())
