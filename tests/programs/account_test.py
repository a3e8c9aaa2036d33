#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every example program that needs no peer promises: it does its work, complains of nothing, exits
with 0, and its last line is the account of what it left behind, which is nothing."""

import harness
from harness import about, setting

ACCOUNT = b"LIVE coroutines=0 operations=0 descriptors=0 timers=0"


class AccountTest(harness.ProgramTest):
    @about(seconds=180)
    def test_it_ends_well_and_with_an_empty_account(self):
        done = self.run_tool(setting("PIRN_TEST_PROGRAM"), seconds=170)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout.decode())
        *work, account, nothing = done.stdout.split(b"\n")
        self.assertEqual((account, nothing), (ACCOUNT, b""))
        self.assertTrue(any(line.strip() for line in work), "it has said nothing about its work")


if __name__ == "__main__":
    raise SystemExit(harness.main())
