#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of flaky.py, on a small project whose tests pass, fail now and then, hang, or are left out."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

FLAKY = pathlib.Path(__file__).with_name("flaky.py")


class TestFlaky(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        self.tests = ""

    def add(self, name, script, properties="LABELS net"):
        self.tests += f'add_test({name} "/bin/sh" "-c" [==[{script}]==])\n' \
                      f"set_tests_properties({name} PROPERTIES {properties})\n"

    def flaky(self, *words):
        (self.build / "CTestTestfile.cmake").write_text(self.tests)
        done = subprocess.run([sys.executable, str(FLAKY), "--build", str(self.build), *words],
                              capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_a_test_that_fails_once_is_listed_with_what_it_said(self):
        self.add("net.good", "exit 0")
        self.add("net.bad", f"echo x >> {self.build}/runs; test $(wc -l < {self.build}/runs) != 3 || {{ echo third; exit 1; }}")
        code, said = self.flaky("-n", "5")
        self.assertEqual(code, 1)
        self.assertIn("10 runs of 2 entries", said)
        self.assertIn("FLAKY: net.bad failed 1 of 5 times", said)
        self.assertNotIn("net.good failed", said)
        self.assertIn("third", (self.build / "flaky" / "net.bad-3.txt").read_text())

    def test_a_test_that_hangs_is_ended_and_listed(self):
        self.add("net.hangs", "sleep 60", "TIMEOUT 0.5 LABELS net")
        code, said = self.flaky("-n", "1")
        self.assertEqual(code, 1)
        self.assertIn("net.hangs", said)
        self.assertIn("took longer", (self.build / "flaky" / "net.hangs-1.txt").read_text())

    def test_a_room_is_chosen_and_slow_tests_are_left_out(self):
        self.add("net.one", "exit 0")
        self.add("io.one", "exit 1", "LABELS io")
        self.add("net.two", "exit 1", 'LABELS "net;slow"')
        code, said = self.flaky("-n", "2", "net")
        self.assertEqual(code, 0)
        self.assertIn("2 runs of 1 entries", said)

    def test_a_skipped_test_has_not_failed(self):
        self.add("net.skipped", "exit 77", "LABELS net SKIP_RETURN_CODE 77")
        self.assertEqual(self.flaky("-n", "2")[0], 0)

    def test_tests_are_stopped_for_a_moment_and_go_on(self):
        self.add("net.long", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; done")
        code, said = self.flaky("-n", "1")
        self.assertEqual(code, 0)
        self.assertRegex(said, r"[1-9]\d* stopped for a moment")

    def test_no_tests_at_all_are_an_error(self):
        code, said = self.flaky()
        self.assertNotEqual(code, 0)
        self.assertIn("no such tests", said)


if __name__ == "__main__":
    unittest.main()
