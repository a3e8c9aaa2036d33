#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of cmake/pirn_discover.cmake: which entries of ctest it makes of a GoogleTest program's tests."""

import json
import pathlib
import subprocess
import tempfile
import unittest

DISCOVER = pathlib.Path(__file__).resolve().parent.parent / "cmake" / "pirn_discover.cmake"

LISTING = """Running main() from gtest_main.cc
tcp.
  reads
  writes
over/streams.
  closes/tcp  # GetParam() = [tcp; 4]
  closes/unix  # GetParam() = [unix; 4]
"""


class TestDiscover(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def entries(self, alone="", settings="", listing=LISTING, built=True, slow=""):
        """name -> (filter, environment); self.labels: name -> labels"""
        program = self.folder / "net_test"
        if built:
            program.write_text(f"#!/bin/sh\ncat <<'END'\n{listing}END\n")
            program.chmod(0o755)
        (self.folder / "CTestTestfile.cmake").write_text(
            f"set(program [[{program}]])\nset(prefix net)\nset(alone [[{alone}]])\nset(settings [[{settings}]])\n"
            f"set(properties [[TIMEOUT 9 LABELS \"net\"]])\nset(slow [[{slow}]])\n"
            f"set(slow_properties [[TIMEOUT 99 LABELS \"net;slow\"]])\nset(listing [[{self.folder}/listed.cmake]])\n"
            f"set(registered [[{self.folder}/CTestTestfile.cmake]])\ninclude([[{DISCOVER}]])\n")
        done = subprocess.run(["ctest", "--test-dir", str(self.folder), "--show-only=json-v1"],
                              capture_output=True, text=True, check=True)
        found = {}
        self.labels = {}
        for test in json.loads(done.stdout)["tests"]:
            facts = {fact["name"]: fact["value"] for fact in test["properties"]}
            self.labels[test["name"]] = facts.get("LABELS")
            words = test.get("command", ["", ""])
            found[test["name"]] = (words[-1].removeprefix("--gtest_filter="), facts.get("ENVIRONMENT", []))
        return found

    def test_a_suite_is_one_entry(self):
        self.assertEqual(self.entries(), {"net.tcp": ("tcp.*", []), "net.over/streams": ("over/streams.*", [])})
        self.assertEqual(self.labels, {"net.tcp": ["net"], "net.over/streams": ["net"]})

    def test_suites_that_are_named_slow_have_that_label(self):
        self.entries("over/streams.closes/tcp", slow="over/streams")
        self.assertEqual(self.labels, {"net.tcp": ["net"], "net.over/streams": ["net", "slow"],
                                       "net.over/streams.closes/tcp": ["net", "slow"]})

    def test_a_test_that_runs_alone_has_an_entry_and_its_suite_leaves_it_out(self):
        self.assertEqual(self.entries("tcp.wri*;over/streams.closes/tcp"), {
            "net.tcp": ("tcp.*-tcp.writes", []), "net.tcp.writes": ("tcp.writes", []),
            "net.over/streams": ("over/streams.*-over/streams.closes/tcp", []),
            "net.over/streams.closes/tcp": ("over/streams.closes/tcp", [])})

    def test_a_suite_of_which_every_test_runs_alone_has_no_entry(self):
        self.assertEqual(set(self.entries("tcp.*")), {"net.tcp.reads", "net.tcp.writes", "net.over/streams"})

    def test_each_setting_has_its_entries(self):
        found = self.entries(settings="PIRN_BACKEND=uring;PIRN_BACKEND=epoll")
        self.assertEqual(len(found), 4)
        self.assertEqual(found["net.tcp@epoll"], ("tcp.*", ["PIRN_BACKEND=epoll"]))

    def test_a_program_that_was_built_again_is_asked_again(self):
        self.entries()
        self.assertEqual(set(self.entries(listing="udp.\n  sends\n")), {"net.udp"})

    def test_a_program_that_was_not_built_is_an_entry_that_cannot_pass(self):
        self.assertEqual(set(self.entries(built=False)), {"net_NOT_BUILT"})


if __name__ == "__main__":
    unittest.main()
