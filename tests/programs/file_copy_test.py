#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""file_copy: every byte arrives, or nothing has changed; what is refused is a sentence."""

import os
import pathlib
import signal
import tempfile

import harness
from account_test import ACCOUNT
from harness import about, lighter, setting

WAYS = ("uring", "epoll")


class FileCopyTest(harness.ProgramTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pirn-file-copy-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def copy(self, *words, code=0):
        done = self.run_tool(setting("PIRN_TEST_PROGRAM"), "--backend", self.way, *map(str, words))
        self.assertEqual(done.returncode, code, done)
        if code == 0:
            self.assertTrue(done.stdout.endswith(ACCOUNT + b"\n"), done)
        return done

    @about(ways=WAYS)
    def test_every_byte_arrives(self):
        for size in (0, 1, 4096, lighter(100_000_000)):
            with self.subTest(size=size):
                source, target = self.root / "source", self.root / "target"
                source.write_bytes(os.urandom(size))
                source.chmod(0o640)
                target.unlink(missing_ok=True)
                done = self.copy(source, target)
                self.assertIn(f"{size} bytes in ".encode(), done.stdout)
                self.assertEqual(source.read_bytes(), target.read_bytes())
                self.assertEqual(target.stat().st_mode & 0o777, 0o640)

    @about(ways=WAYS)
    def test_holes_stay_holes(self):
        source, target = self.root / "source", self.root / "target"
        with open(source, "wb") as file:
            file.write(b"x" * 4096)
            file.seek(100_000_000)
            file.write(b"y")
            file.truncate(300_000_000)
        done = self.copy(source, target)
        self.assertIn(b"300000000 bytes in ", done.stdout)
        self.assertEqual(target.stat().st_size, 300_000_000)
        self.assertLess(target.stat().st_blocks * 512, 200_000)
        with open(target, "rb") as file:
            self.assertEqual(file.read(4097), b"x" * 4096 + b"\0")
            file.seek(99_999_999)
            self.assertEqual(file.read(3), b"\0y\0")

    @about(ways=WAYS)
    def test_a_folder_as_target_takes_the_name(self):
        (self.root / "source").write_bytes(b"text")
        (self.root / "folder").mkdir()
        self.copy(self.root / "source", self.root / "folder")
        self.assertEqual((self.root / "folder" / "source").read_bytes(), b"text")

    @about(ways=WAYS)
    def test_a_file_that_only_looks_empty_is_copied(self):
        self.copy("/proc/version", self.root / "target")
        self.assertEqual((self.root / "target").read_bytes(),
                         pathlib.Path("/proc/version").read_bytes())

    @about(ways=WAYS)
    def test_what_is_refused_is_a_sentence_and_leaves_nothing(self):
        source = self.root / "source"
        source.write_bytes(b"text")
        for words, said in (((self.root / "no", self.root / "t"), "No such file or directory"),
                            ((self.root, self.root / "t"), "is a folder"),
                            ((source, self.root / "no" / "t"), "No such file or directory"),
                            ((source, source), "are the same file")):
            with self.subTest(words=words):
                done = self.copy(*words, code=1)
                self.assertRegex(done.stderr.decode(), f"^file_copy: .*{said}\n$")
                self.assertEqual(os.listdir(self.root), ["source"])
        self.assertEqual(source.read_bytes(), b"text")

    @about(ways=WAYS)
    def test_an_interrupted_copy_leaves_the_old_file(self):
        target = self.root / "target"
        target.write_bytes(b"old")
        os.mkfifo(self.root / "slow")  # of which there is no end
        process = self.start(setting("PIRN_TEST_PROGRAM"), "--backend", self.way,
                             str(self.root / "slow"), str(target),
                             stdout=harness.subprocess.PIPE, stderr=harness.subprocess.PIPE)
        with open(self.root / "slow", "wb", buffering=0) as feeds:
            feeds.write(b"new")
            harness.wait_until(lambda: len(os.listdir(self.root)) == 3, what="the copy")
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=20 * harness.PATIENCE)
        self.assertEqual((process.returncode, errors), (130, b""), output)
        self.assertTrue(output.endswith(ACCOUNT + b"\n"), output)
        self.assertEqual(target.read_bytes(), b"old")
        self.assertEqual(sorted(os.listdir(self.root)), ["slow", "target"])

    def test_words_that_are_missing_or_too_many_are_a_usage_line(self):
        for words in ((), ("one",), ("one", "two", "three"), ("--what", "one", "two")):
            done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"usage: ", done.stderr)


if __name__ == "__main__":
    raise SystemExit(harness.main())
