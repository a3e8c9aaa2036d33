#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""soak: a mixed load with faults, for seconds; it looks at every byte itself."""

import os
import re

import harness
from harness import about, setting
from server import BACKENDS, why_no_uring

ACCOUNT = "LIVE coroutines=0 operations=0 descriptors=0 timers=0"
LINE = re.compile(r"(.{18}) +(\d+) whole +(\d+) broken +(\d+) cancelled +(\d+) bytes (\d+) wrong")
KINDS = ["tcp", "tcp through chaos", "unix", "udp"]


class SoakTest(harness.ProgramTest):
    def soak(self, seconds, *options):
        if self.way == "uring" and (reason := why_no_uring()):
            self.skipTest(reason)
        done = self.run_tool(setting("PIRN_TEST_SOAK"), "--seconds", str(seconds), *options, seconds=seconds + 40,
                             env={**os.environ, "PIRN_BACKEND": self.way})
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout.decode())
        *lines, chaos, account = done.stdout.decode().splitlines()
        self.assertEqual(account, ACCOUNT)
        self.assertRegex(chaos, r"^chaos: [1-9]\d* pieces, \d+ cuts, \d+ resets$")
        found = [LINE.fullmatch(line).groups() for line in lines]
        self.assertEqual([kind.strip() for kind, *_ in found], KINDS)
        for _, whole, _, cancelled, _, wrong in found:
            self.assertGreater(int(whole), 0)
            self.assertGreater(int(cancelled), 0)
            self.assertEqual(int(wrong), 0)

    @about(ways=BACKENDS, seconds=60)
    def test_two_seconds_leave_no_byte_wrong_and_nothing_alive(self):
        self.soak(2)

    @about(ways=BACKENDS, seconds=120, label="slow")
    def test_half_a_minute_of_many_clients_leaves_no_byte_wrong_and_nothing_alive(self):
        self.soak(30, "--clients", "50", "--seed", "7")


if __name__ == "__main__":
    raise SystemExit(harness.main())
