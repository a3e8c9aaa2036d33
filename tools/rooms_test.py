#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of rooms.py: which tests a change concerns."""

import pathlib
import subprocess
import sys
import unittest

import rooms

SCRIPT = pathlib.Path(rooms.__file__)


class TestRooms(unittest.TestCase):
    def run_script(self, *words):
        return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)

    def test_code_concerns_the_rooms_above_also_where_they_include_it_through_others(self):
        concerned = rooms.concerned("src/coro/coroutine.cpp")
        self.assertLessEqual({"coro", "sched", "runtime", "net", "programs", "package"}, concerned)
        self.assertFalse({"base", "os", "loop"} & concerned)
        self.assertEqual(rooms.concerned("include/pirn/coro/coroutine.hpp"), concerned)

    def test_the_highest_room_concerns_no_other(self):
        self.assertEqual(rooms.concerned("src/net/tcp.cpp") & set(rooms.rooms()), {"net"})

    def test_tests_concern_their_room_alone(self):
        self.assertEqual(rooms.concerned("tests/sync/mutex_test.cpp"), {"sync"})

    def test_what_builds_have_in_common_concerns_everything(self):
        for path in ("cmake/pirn_room.cmake", "dev", "tests/support/child.hpp", "CMakePresets.json"):
            self.assertEqual(rooms.concerned(path), {*rooms.rooms(), *rooms.OTHERS}, path)

    def test_documents_concern_no_room(self):
        self.assertEqual(rooms.concerned("docs/start.md"), {"tools"})

    def test_an_unknown_room_is_refused_with_the_names_that_there_are(self):
        done = self.run_script("sink")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "no room 'sink'; there are: base .* net .*programs")

    def test_an_unknown_commit_is_an_error(self):
        self.assertNotEqual(self.run_script("--changed", "no-such-commit").returncode, 0)


if __name__ == "__main__":
    unittest.main()
