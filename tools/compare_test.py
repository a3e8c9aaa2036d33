#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of compare.py: programs that print made-up times."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import compare

CONTESTANTS = [("floor", "bare", "ns"), ("ours", "pirn", "ns"), ("theirs", "rival", "their_ns")]


class CompareTest(unittest.TestCase):
    def test_only_lines_of_a_key_and_a_number_count(self):
        self.assertEqual(compare.numbers("ns 1.5\nsome prose 2\nkey value\n\nratio 2\n"),
                         {"ns": 1.5, "ratio": 2.0})

    def test_a_ratio_is_taken_within_its_round(self):
        # The second round was twice as slow for everybody: the ratio does not notice.
        rounds = [{"bare": {"ns": 1.0}, "pirn": {"ns": 1.5}}, {"bare": {"ns": 2.0}, "pirn": {"ns": 3.0}}]
        self.assertEqual(list(compare.rows(CONTESTANTS, rounds)),
                         [("floor", [1.0, 2.0], [1.0, 1.0]), ("ours", [1.5, 3.0], [1.5, 1.5])])

    def test_without_a_floor_there_are_times_and_no_ratios(self):
        rounds = [{"pirn": {"ns": 1.5}, "rival": {"their_ns": 6.0}}]
        self.assertEqual(list(compare.rows(CONTESTANTS, rounds)),
                         [("ours", [1.5], []), ("theirs", [6.0], [])])
        self.assertTrue(compare.table("t", CONTESTANTS, rounds)[2].endswith("-"))

    def test_a_table_has_least_median_greatest_and_ratio(self):
        rounds = [{"bare": {"ns": 1.0}, "pirn": {"ns": time}} for time in (3.0, 1.0, 2.0)]
        line = compare.table("t", CONTESTANTS, rounds)[-1]
        self.assertEqual(line.split(), ["ours", "1.00", "2.00", "3.00", "2.00"])


class WholeProgramTest(unittest.TestCase):
    def setUp(self):
        self.bin = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.bin)

    def program(self, name, text):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run_it(self, *arguments):
        script = pathlib.Path(compare.__file__)
        return subprocess.run([sys.executable, script, "--bin", self.bin, "--cpu", "-1", *arguments],
                              capture_output=True, text=True, check=False)

    def test_it_runs_what_is_there_and_names_what_is_not(self):
        self.program("pirn-bench", 'test "$1 $2" = "--context_switch --plain" && echo ns 1.25')
        self.program("rival_bare", "echo ns 1\necho deep_ns 2")
        done = self.run_it("--rounds", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"pirn +1\.25 +1\.25 +1\.25 +1\.25")
        self.assertIn("left out, being absent: rival_stackless", done.stdout)

    def test_it_says_what_is_missing_or_fails(self):
        self.assertIn("pirn_benchmarks", self.run_it().stderr)
        self.program("pirn-bench", "echo no >&2; exit 3")
        done = self.run_it("--rounds", "1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ended with 3", done.stderr)


if __name__ == "__main__":
    unittest.main()
