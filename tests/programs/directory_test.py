#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""directory: every entry is shown once, below its folder; what cannot be read costs only itself."""

import os
import pathlib
import shutil
import tempfile

import harness
from account_test import ACCOUNT
from harness import setting

NOBODY = 65534


class DirectoryTest(harness.ProgramTest):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="pirn-directory-"))
        # Not TemporaryDirectory: some of these trees are deeper than its cleanup can recurse.
        self.addCleanup(harness.subprocess.run, ["rm", "-rf", str(self.root)], check=True)

    def walked(self, *arguments, code=0, through=(), **more):
        """The paths in the order in which they were shown, the last line but one, and the complaints."""
        done = self.run_tool(*through, setting("PIRN_TEST_PROGRAM"), *arguments, **more)
        self.assertEqual(done.returncode, code, done)
        *entries, summary, account, nothing = done.stdout.decode().split("\n")
        self.assertEqual((account.encode(), nothing), (ACCOUNT, ""))
        paths, above = [], []
        for entry in entries:
            name = entry.lstrip(" ")
            depth, odd = divmod(len(entry) - len(name), 2)
            self.assertEqual(odd, 0, entry)
            self.assertLessEqual(depth, len(above), "an entry comes before its folder")
            del above[depth:]
            paths.append("/".join([*above, name]).replace("//", "/"))
            above.append(name.rstrip("/"))
        return paths, summary, done.stderr.decode()

    def make(self, *paths):
        """Folders where a path ends with a slash, else files."""
        for path in paths:
            whole = self.root / path
            (whole if path.endswith("/") else whole.parent).mkdir(parents=True, exist_ok=True)
            if not path.endswith("/"):
                whole.touch()

    def make_chain(self, levels, name="d"):
        """Folders in each other, deeper than a path may be long."""
        at = os.open(self.root, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir(name, dir_fd=at)
            below = os.open(name, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(at)

    def test_every_entry_is_shown_once_below_its_folder(self):
        self.make("a/b/c/deep", "a/b/beside", "a/last", "empty/", "file", ".hidden")
        (self.root / "a" / "up").symlink_to("..")
        (self.root / "dangling").symlink_to("nowhere")
        paths, summary, said = self.walked(str(self.root))
        expected = ["a/", "a/b/", "a/b/c/", "a/b/c/deep", "a/b/beside", "a/last", "a/up", "empty/",
                    "file", ".hidden", "dangling"]
        self.assertEqual((sorted(paths), said), (sorted(expected), ""))
        self.assertEqual(summary, "11 entries, 4 of them folders")

    def test_it_begins_where_it_stands_unless_told(self):
        self.make("only")
        self.assertEqual(self.walked(cwd=self.root)[0], ["only"])

    def test_it_can_be_left_early(self):
        self.make(*(f"{folder}/{file}" for folder in "abc" for file in "xyz"))
        for most in (0, 1, 2, 5, 12):
            with self.subTest(most=most):
                self.assertEqual(len(self.walked(str(self.root), "--most", str(most))[0]), most)
        self.assertEqual(len(self.walked("--most", "13", str(self.root))[0]), 12)

    def test_a_folder_that_may_not_be_read_is_named_and_skipped(self):
        if os.geteuid() != 0:
            as_nobody = {}
        else:  # root may read everything
            as_nobody = {"user": NOBODY}
            os.chmod(self.root, 0o755)
            copy = shutil.copy(setting("PIRN_TEST_PROGRAM"), self.root.with_suffix(".program"))
            self.addCleanup(os.unlink, copy)
            os.environ["PIRN_TEST_PROGRAM"] = str(copy)
        self.make("closed/secret", "open/public")
        (self.root / "closed").chmod(0)
        self.addCleanup((self.root / "closed").chmod, 0o700)
        paths, _, said = self.walked(str(self.root), code=1, **as_nobody)
        self.assertEqual(sorted(paths), ["closed/", "open/", "open/public"])
        self.assertEqual(said, f"directory: {self.root}/closed: Permission denied\n")

    def test_folders_beyond_the_limit_of_descriptors_are_skipped(self):
        prlimit = self.need("prlimit", "util-linux")
        self.make_chain(40)
        self.make("beside")
        paths, _, said = self.walked(str(self.root), code=1, through=(prlimit, "--nofile=16"))
        self.assertIn("beside", paths)
        self.assertRegex(said, r"^directory: \S*/d/d: Too many open files\n$")

    def test_folders_as_deep_as_a_path_can_be_long_are_walked(self):
        prlimit = self.need("prlimit", "util-linux")
        self.make_chain(540, "d" * 7)
        done = self.run_tool(prlimit, "--nofile=4096", setting("PIRN_TEST_PROGRAM"), str(self.root))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, rb"^directory: \S*/d{7}/d{7}: File name too long\n$")
        self.assertGreater(done.stdout.count(b"d/\n"), 500)
        self.assertTrue(done.stdout.endswith(ACCOUNT + b"\n"))

    def test_what_is_no_folder_is_a_sentence(self):
        self.make("file")
        for wrong, why in [(f"{self.root}/file", "Not a directory"), (f"{self.root}/none", "No such file"),
                           ("", "No such file")]:
            with self.subTest(wrong):
                paths, _, said = self.walked(wrong, code=1)
                self.assertEqual(paths, [])
                self.assertRegex(said, rf"^directory: {wrong}: {why}.*\n$")

    def test_what_it_does_not_understand_is_followed_by_the_usage(self):
        for options, named in [(["--bogus"], "--bogus"), (["--most"], "--most"), (["--most", "few"], "few"),
                               (["--most", "-1"], "-1"), ([".", "two"], "two"), (["-x"], "-x")]:
            with self.subTest(options=options):
                done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *options)
                self.assertEqual((done.returncode, done.stdout), (2, b""), done)
                complaint, usage = done.stderr.decode().splitlines()
                self.assertIn(named, complaint)
                self.assertRegex(usage, r"^usage: \S*directory \[--most N\] \[PATH\]$")


if __name__ == "__main__":
    raise SystemExit(harness.main())
