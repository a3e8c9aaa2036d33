#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every program says when it is asked: --help prints how it is called and what it does, on stdout. And
numbers on a command line may be typed as people do."""

import os
import pathlib

import harness
from harness import setting


def bench():
    """The path of pirn-bench, or None where the benchmarks are not built."""
    path = os.environ.get("PIRN_TEST_BENCH") or None
    return path if path and os.path.exists(path) else None


def rivals():
    """The programs that pirn-bench is compared with, as far as they have been built."""
    path = bench()
    return sorted(map(str, pathlib.Path(path).parent.glob("rival_*"))) if path else []


@harness.one_thread
class HelpTest(harness.ProgramTest):
    def check_help(self, program, *words):
        with self.subTest(program=program):
            done = self.run_tool(program, *words, "--help", seconds=20)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            usage, summary = done.stdout.decode().split("\n\n", 1)
            self.assertTrue(usage.startswith("usage: "), usage)
            self.assertIn(os.path.basename(program), usage)
            self.assertTrue(summary.strip(), "it does not say what it does")

    def test_every_example_says_how_it_is_called(self):
        programs = setting("PIRN_TEST_EXAMPLES").split(":")
        self.assertGreater(len(programs), 20)
        for program in programs:
            self.check_help(program)
        for program in programs[:4] if harness.LIGHT else programs:
            with self.subTest(program=program):
                done = self.run_tool(program, "--no-such-option", seconds=20)
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertIn(b"usage: ", done.stderr)

    def test_every_benchmark_says_how_it_is_called(self):
        if bench() is None:
            self.skipTest("the benchmarks are not built")
        for program in [bench(), *rivals()]:
            self.check_help(program)

    def test_options_that_stand_before_help_change_nothing(self):
        for program in setting("PIRN_TEST_EXAMPLES").split(":"):
            if os.path.basename(program) in ("tcp_echo", "udp_echo", "chat", "http_hello"):
                self.check_help(program, "--port", "1")

    def test_numbers_may_be_typed_as_people_do(self):
        spawn_many = next(path for path in setting("PIRN_TEST_EXAMPLES").split(":") if path.endswith("/spawn_many"))
        for text, stack, good in (("1_00", "16k", True), ("100", "16_384", True), ("0.1k", "16k", False),
                                  ("1__0", "16k", False), ("_10", "16k", False), ("10_", "16k", False),
                                  ("k", "16k", False), ("10K", "16k", False), ("-1", "16k", False), ("", "16k", False),
                                  ("99999999999999999999", "16k", False), ("18446744073709551615G", "16k", False)):
            with self.subTest(text=text):
                done = self.run_tool(spawn_many, "--count", text, "--stack", stack, seconds=30)
                self.assertEqual(done.returncode, 0 if good else 2, done.stderr)
                if good:
                    self.assertIn(b"100 ", done.stdout)

    def test_numbers_out_of_range_are_refused(self):
        programs = {os.path.basename(path): path for path in setting("PIRN_TEST_EXAMPLES").split(":")}
        for name, option, others in (("spawn_many", "--count", ()), ("spawn_many", "--stack", ()), ("soak", "--seconds", ()),
                                     ("soak", "--seed", ()), ("soak", "--clients", ()), ("tail_f", "--lines", ("file",)),
                                     ("json", "--chunk", ()), ("tcp_echo", "--port", ()), ("tcp_echo", "--threads", ()),
                                     ("tcp_echo", "--max-connections", ()), ("proxy", "--to-port", ()),
                                     ("udp_echo", "--port", ())):
            for text in ("-1",) if harness.LIGHT else ("18446744073709551615", "18446744073709551616", "-1"):
                with self.subTest(name=name, option=option, text=text):
                    done = self.run_tool(programs[name], option, text, *others, seconds=30)
                    self.assertEqual(done.returncode, 2, done)
                    self.assertRegex(done.stderr.decode(), f"^{option} {text}: not a number between [0-9]+ and [0-9]+\n")

    def test_pirn_bench_takes_the_number_of_zigcoros_readme(self):
        if bench() is None:
            self.skipTest("the benchmarks are not built")
        for text in ("1000", "1_000", "1k"):
            done = self.run_tool(bench(), "--ncoros", text)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b"ncoros: 1000\n", done.stdout)
        for text in ("1_", "1e3", "0", "1_000_", "18446744073709551615"):
            done = self.run_tool(bench(), "--ncoros", text)
            self.assertEqual((done.returncode, done.stdout), (2, b""), text)
            self.assertIn(text.encode(), done.stderr)


if __name__ == "__main__":
    raise SystemExit(harness.main())
