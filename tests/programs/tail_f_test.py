#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tail_f: the last lines, and each byte that is appended, whatever happens to the file."""

import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time

import harness
from account_test import ACCOUNT
from harness import about, setting

WAYS = ("uring", "epoll")


class TailTest(harness.ProgramTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pirn-tail-f-")
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "log"

    def tail(self, *words):
        return self.start(setting("PIRN_TEST_PROGRAM"), "--backend", self.way, *words,
                          str(self.file), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def expect(self, process, text):
        """Exactly this comes next."""
        got = b""
        deadline = time.monotonic() + 10
        while len(got) < len(text):
            ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                break
            got += os.read(process.stdout.fileno(), len(text) - len(got))
        self.assertEqual(got, text)

    def wait_until_at(self, process, place):
        """Until it has read so far, and waits."""
        def is_there():
            for number in os.listdir(f"/proc/{process.pid}/fd"):
                try:
                    if os.readlink(f"/proc/{process.pid}/fd/{number}") == str(self.file):
                        info = pathlib.Path(f"/proc/{process.pid}/fdinfo/{number}").read_text("ascii")
                        return int(info.split()[1]) == place
                except FileNotFoundError:
                    pass
            return False
        harness.wait_until(is_there, what="that the file was read")

    def append(self, text):
        with open(self.file, "ab") as log:
            log.write(text)

    def stop(self, process, said=b""):
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20 * harness.PATIENCE)
        self.assertEqual((process.returncode, output), (0, b""), errors)
        self.assertEqual(errors, said + ACCOUNT + b"\n")

    @about(ways=WAYS)
    def test_the_last_lines_and_what_is_appended_are_shown(self):
        self.file.write_bytes(b"".join(b"line %d\n" % i for i in range(100_000)))
        process = self.tail("--lines", "3")
        self.expect(process, b"line 99997\nline 99998\nline 99999\n")
        for text in (b"one\n", b"two, not at its end", b" and its end\n", b"x" * 300_000):
            self.append(text)
            self.expect(process, text)
        self.stop(process)

    @about(ways=WAYS)
    def test_as_many_lines_as_there_are_and_none(self):
        for lines, text, expected in (("0", b"a\nb\n", b""), ("1", b"a\nb", b"b"),
                                      ("5", b"a\nb\n", b"a\nb\n"), ("1", b"\n\n", b"\n"),
                                      ("10", b"", b"")):
            with self.subTest(lines=lines, text=text):
                self.file.write_bytes(text)
                process = self.tail("--lines", lines)
                self.expect(process, expected)
                self.wait_until_at(process, len(text))
                self.append(b"!")
                self.expect(process, b"!")
                self.stop(process)

    @about(ways=WAYS)
    def test_a_file_that_is_rotated_is_followed(self):
        self.file.write_bytes(b"old\n")
        process = self.tail()
        self.expect(process, b"old\n")
        self.append(b"last\n")
        self.file.rename(self.file.with_suffix(".1"))
        self.append(b"new\n")
        self.expect(process, b"last\nnew\n")
        other = self.file.with_suffix(".tmp")
        other.write_bytes(b"newer\n")
        other.rename(self.file)
        self.expect(process, b"newer\n")
        self.append(b"more\n")
        self.expect(process, b"more\n")
        self.stop(process)

    @about(ways=WAYS)
    def test_a_file_that_is_cut_short_is_begun_again(self):
        self.file.write_bytes(b"much to read\n")
        process = self.tail()
        self.expect(process, b"much to read\n")
        self.file.write_bytes(b"less\n")
        self.expect(process, b"less\n")
        self.stop(process, f"tail_f: {self.file} was cut short\n".encode())

    @about(ways=WAYS)
    def test_a_file_that_does_not_exist_yet_is_waited_for(self):
        process = self.tail()
        time.sleep(0.1)
        self.append(b"here\n")
        self.expect(process, b"here\n")
        self.stop(process)

    def test_what_is_refused_is_a_sentence(self):
        program = setting("PIRN_TEST_PROGRAM")
        done = self.run_tool(program, str(self.file.parent / "no" / "folder"))
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, rb"^tail_f: .*No such file or directory\n$")
        self.assertEqual(self.run_tool(program).returncode, 2)


if __name__ == "__main__":
    raise SystemExit(harness.main())
