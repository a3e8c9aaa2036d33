#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of tools/soak.py: four programs are watched, growth and failure are told, and a plot is drawn."""

import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

TOOL = pathlib.Path(__file__).resolve().parent / "soak.py"
NAMES = ["uring, 1 thread", "uring, 2 threads", "epoll, 1 thread", "epoll, 2 threads"]

# What stands in for the program. It is told to end after some seconds, as the real one is.
QUIET = "import time\ntime.sleep(1.5)\nprint('well')\n"
GROWS = """import time
kept = []
for _ in range(30):
    kept.append(bytearray(1 << 20))
    time.sleep(0.05)
"""
FAILS = "print('5 wrong')\nraise SystemExit(1)\n"


class TestSoak(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "release" / "bin").mkdir(parents=True)

    def soak(self, program, *options):
        stand_in = self.folder / "release" / "bin" / "soak"
        stand_in.write_text(f"#!{sys.executable}\n{program}")
        stand_in.chmod(0o755)
        return subprocess.run([sys.executable, str(TOOL), "--build", str(self.folder / "release"), *options],
                              capture_output=True, text=True, check=False)

    def test_four_programs_are_watched_and_drawn(self):
        plot = self.folder / "plot.svg"
        done = self.soak(QUIET, "--plot", str(plot), "0.05")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with (self.folder / "log" / "soak.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(dict.fromkeys(row["program"] for row in rows)), NAMES)
        self.assertTrue(all(int(row["memory_kib"]) > 0 and int(row["mappings"]) > 0 for row in rows))
        drawn = xml.etree.ElementTree.parse(plot)
        lines = drawn.findall(".//{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(len(lines), 16)

    def test_growth_is_told_and_fails(self):
        done = self.soak(GROWS, "0.05")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, r"soak: epoll, 2 threads: memory_kib grew from \d")

    def test_a_program_that_fails_is_told_with_what_it_said(self):
        done = self.soak(FAILS, "0.05")
        self.assertEqual(done.returncode, 1)
        self.assertIn("5 wrong", done.stdout)
        self.assertIn("soak: uring, 1 thread: exit code 1", done.stderr)

    def test_minutes_that_are_none_are_refused(self):
        for wrong in ("0", "-1", "soon", "nan"):
            done = self.soak(QUIET, wrong)
            self.assertEqual(done.returncode, 2, wrong)
            self.assertIn("MINUTES", done.stderr)


if __name__ == "__main__":
    unittest.main()
