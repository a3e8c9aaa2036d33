#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of fuzz.py, with programs that print what a target of libFuzzer prints."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

FUZZ = pathlib.Path(__file__).with_name("fuzz.py")

# A target that executes, and finds nothing.
GOOD = """echo '#2000	NEW    cov: 12 ft: 34 corp: 5/60b'
echo 'stat::number_of_executed_units: 4000'
"""

# One that finds something, and keeps the input where it is told to.
BAD = """for word; do case $word in -artifact_prefix=*) prefix=${word#*=};; esac; done
echo 'fuzz: a byte is lost'
echo '== 1 == ERROR: libFuzzer: deadly signal'
: >"${prefix}crash-1"
exit 77
"""


class TestFuzz(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        (self.build / "bin").mkdir()
        self.corpus = self.build / "kept"

    def add(self, name, script):
        program = self.build / "bin" / f"fuzz_{name}"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)

    def fuzz(self, *words):
        done = subprocess.run([sys.executable, str(FUZZ), "--build", str(self.build), "--corpus", str(self.corpus), *words],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_targets_are_run_and_their_numbers_said(self):
        self.add("one", GOOD)
        self.add("one_planted", BAD)
        self.add("two", GOOD)
        code, said = self.fuzz("--seed", "5", "8")
        self.assertEqual(code, 0, said)
        self.assertIn("2 targets, 4.0 s each, seed 5", said)
        self.assertRegex(said, r"one: 4,000 executions, .* a second, 12 edges, 34 features: no finding")

    def test_the_seed_is_handed_on(self):
        self.add("one", 'echo "$@"\n')
        self.fuzz("--seed", "5", "one", "1")
        self.assertIn("-seed=5", (self.build / "findings" / "fuzz_one.log").read_text())

    def test_a_finding_is_said_with_its_input_and_how_it_is_repeated(self):
        self.add("one", GOOD)
        self.add("two", BAD)
        code, said = self.fuzz("2")
        self.assertEqual(code, 1)
        self.assertIn("FOUND: fuzz: a byte is lost", said)
        self.assertIn(f"repeat: {self.build}/bin/fuzz_two {self.build}/findings/two-crash-1", said)
        self.assertIn("one: 4,000 executions", said)

    def test_planted_fails_when_a_fault_is_not_found(self):
        self.add("one", GOOD)
        self.add("one_planted", BAD)
        code, said = self.fuzz("planted", "1")
        self.assertEqual(code, 0, said)
        self.assertIn("one: found after", said)
        self.assertEqual(list((self.build / "findings").glob("*crash*")), [])
        self.add("two", GOOD)
        self.add("two_planted", GOOD)
        code, said = self.fuzz("planted", "1")
        self.assertEqual(code, 1)
        self.assertIn("two: NOT FOUND", said)

    def test_planted_is_not_content_with_what_no_model_says(self):
        self.add("one", GOOD)
        self.add("one_planted", "echo 'ERROR: libFuzzer: timeout'; exit 70\n")
        self.assertEqual(self.fuzz("planted", "1")[0], 1)

    def test_corpus_only_replays_what_is_kept_and_wants_something(self):
        self.add("one", 'test $# = 3 && test "$(cat "$2" "$3")" = ab\n')
        code, said = self.fuzz("--corpus-only")
        self.assertEqual(code, 1)
        self.assertIn("no inputs", said)
        (self.corpus / "one").mkdir(parents=True)
        (self.corpus / "one" / "00").write_text("a")
        (self.corpus / "one" / "01").write_text("b")
        code, said = self.fuzz("--corpus-only")
        self.assertEqual(code, 0, said)
        self.assertIn("one: 2 inputs: good", said)

    def test_an_unknown_target_is_named_with_those_that_are_there(self):
        self.add("one", GOOD)
        code, said = self.fuzz("three")
        self.assertNotEqual(code, 0)
        self.assertIn("no target 'three'; there are: one", said)


if __name__ == "__main__":
    unittest.main()
