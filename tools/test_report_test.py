#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of test_report.py, on small results in the shapes that ctest writes."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

REPORT = pathlib.Path(__file__).with_name("test_report.py")

SUITE = """[==========] Running 3 tests from 1 test suite.
[ RUN      ] stream.reads
[       OK ] stream.reads (2 ms)
"""


def case(name, output, status="run", more=""):
    return f'<testcase name="{name}" time="0.5" status="{status}">{more}<system-out>{output}</system-out></testcase>'


class TestReport(unittest.TestCase):
    def report(self, *cases):
        """What is printed, and the lines of the tests."""
        with tempfile.TemporaryDirectory() as folder:
            results, lines = pathlib.Path(folder, "results.xml"), pathlib.Path(folder, "lines.txt")
            results.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
            done = subprocess.run([sys.executable, str(REPORT), str(results), "--lines", str(lines)],
                                  capture_output=True, text=True, check=True)
            return done.stdout, [line.split(" ms  ") for line in lines.read_text().splitlines()]

    def outcomes(self, *cases):
        return {name: words.split()[0] for words, name in self.report(*cases)[1]}

    def test_each_test_of_a_suite_has_a_line(self):
        output = SUITE + "[ RUN      ] stream.writes\n[  SKIPPED ] stream.writes (0 ms)\n" \
            "[ RUN      ] stream.closes\n[  FAILED  ] stream.closes, where GetParam() = 4 (7 ms)\n"
        self.assertEqual(self.outcomes(case("net.stream@epoll", output, "fail")),
                         {"net.stream.reads@epoll": "passed", "net.stream.writes@epoll": "skipped",
                          "net.stream.closes@epoll": "failed"})

    def test_only_the_failing_test_is_printed(self):
        output = SUITE + "[ RUN      ] stream.writes\nwrong byte\n[  FAILED  ] stream.writes (0 ms)\n"
        printed, _ = self.report(case("net.stream", output, "fail"))
        self.assertIn("FAILED: net.stream.writes\n", printed)
        self.assertIn("wrong byte", printed)
        self.assertNotIn("stream.reads", printed)
        self.assertIn("1 passed, 1 failed", printed)

    def test_a_test_that_ended_its_process_has_failed_and_the_rest_was_not_run(self):
        printed, lines = self.report(case("net.stream", SUITE + "[ RUN      ] stream.writes\nsegmentation", "fail"))
        self.assertEqual([words.split()[0] for words, _ in lines], ["not", "passed", "failed"])
        self.assertIn("1 passed, 1 failed, 1 not run", printed)
        self.assertIn("segmentation", printed)

    def test_a_process_that_fails_after_its_tests_is_a_failure(self):
        output = SUITE.replace("3 tests", "1 test") + "LeakSanitizer: detected memory leaks\n"
        printed, _ = self.report(case("net.stream", output, "fail"))
        self.assertIn("FAILED: net.stream (its process)", printed)
        self.assertIn("LeakSanitizer", printed)

    def test_another_entry_is_one_test(self):
        self.assertEqual(self.outcomes(case("tools.tidy", "fine"), case("programs.chat", "bad", "fail"),
                                       case("programs.redis", "", "notrun", "<skipped/>")),
                         {"tools.tidy": "passed", "programs.chat": "failed", "programs.redis": "skipped"})

    def test_a_program_that_was_not_built_is_a_failure(self):
        self.assertEqual(self.outcomes(case("net_NOT_BUILT", "", "notrun", "<skipped/>")), {"net_NOT_BUILT": "failed"})


if __name__ == "__main__":
    unittest.main()
