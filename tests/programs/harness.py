# SPDX-License-Identifier: MIT
"""How the tests of the programs run: one test case per ctest entry, a test that lacks a tool is skipped
and says why, and nothing hangs.

A file of tests ends with harness.main(). Then it understands

    x_test.py --list                one line per entry: name, way, seconds, labels
    x_test.py --run NAME --way WAY  runs one of them: exit code 0, 1, or 77 for skipped

and `harness.py x_test.py y_test.py` lists those of several files for CMake, each line with its file before it.

A *way* is a manner in which the same test runs once more: another backend, another number of threads.
What the ways mean stands in server.py. Paths of programs come from the environment, see setting().
"""

import argparse
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

SKIPPED = 77
LIGHT = os.environ.get("PIRN_TEST_LIGHT") == "1"  # sanitizers: the same work with smaller numbers


def setting(name):
    """A setting that CMake hands down, for example the path of a program."""
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set; run this test with ctest, which sets it")
    return value


def lighter(number, divisor=10):
    """As many as asked for, or fewer where everything takes ten times as long."""
    return max(1, number // divisor) if LIGHT else number


def about(*, ways=("-",), seconds=30, label="-"):
    """Says about a test in which ways it runs, how long it may take, and who leaves it out: `slow`
    tests run in the release build only, `figures` mean nothing under a sanitizer."""
    def mark(function):
        function.about = (ways, seconds, label)
        return function
    return mark


def facts_about(case, method):
    """What was said about a test, or the defaults."""
    return getattr(getattr(case, method), "about", (("-",), 30, "-"))


def wait_until(condition, seconds=10, what="what was waited for"):
    """Asks again and again until the answer is true; fails the test when it never is."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.002)
    return answer


class ProgramTest(unittest.TestCase):
    """What the tests of all programs share. `way` is the one in which the test runs now."""

    way = "-"

    def need(self, tool, package):
        """The path of a tool; without it the test is skipped."""
        path = shutil.which(tool)
        if path is None:
            self.skipTest(f"{tool} is not installed (Debian's package {package})")
        return path

    def strace(self, *injections):
        """The beginning of a command line: strace, which makes the kernel answer as injections such as
        "accept4:error=EPROTO:when=2" say, and stops the program at no other call. A call with ? before it need not
        exist on this machine."""
        calls = sorted({one.split(":")[0] for one in injections})
        return [self.need("strace", "strace"), "-f", "--seccomp-bpf", "-o", os.devnull,
                "-e", "trace=" + (",".join(calls) or "none"),
                *(word for one in injections for word in ("-e", f"inject={one}"))]

    def run_tool(self, *command, sends=b"", seconds=60, **more):
        """Runs a program to its end; what it prints comes back as bytes."""
        return subprocess.run(command, input=sends, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=seconds, check=False, **more)

    def start(self, *command, **more):
        """Starts a program that is ended with the test, whatever happens."""
        process = subprocess.Popen(command, **more)
        self.addCleanup(end, process)
        return process


def end(process):
    """Ends a process that we started, if it has not ended by itself."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def tests_of(module):
    """All tests of a module: name for ctest -> (class, method)."""
    return {method.removeprefix("test_"): (case, method)
            for case in vars(module).values()
            if isinstance(case, type) and issubclass(case, unittest.TestCase)
            for method in vars(case) if method.startswith("test_")}


def entries(tests):
    """A line for each test and way."""
    for name, test in tests.items():
        ways, seconds, label = facts_about(*test)
        yield from (f"{name} {way} {seconds} {label}" for way in ways)


def list_files(names):
    for name in names:
        module = importlib.import_module(name.removesuffix(".py"))
        for line in entries(tests_of(module)):
            print(name, line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--run")
    parser.add_argument("--way", default="-")
    chosen = parser.parse_args()

    tests = tests_of(sys.modules["__main__"])
    if chosen.list:
        print(*entries(tests), sep="\n")
        return 0
    if chosen.run not in tests:
        parser.error(f"there is no test {chosen.run!r}; --list names them")
    case, method = tests[chosen.run]
    case.way = chosen.way
    return run(case(method), facts_about(case, method)[1])


def run(test, seconds):
    """Runs one test within its time. It is interrupted from within, before ctest would do it from
    outside, so that what it has started is ended."""
    def give_up(*_):
        raise AssertionError("the test took too long")

    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, give_up)
    signal.alarm(seconds)
    result = unittest.TextTestRunner(verbosity=0).run(unittest.TestSuite([test]))
    if not result.wasSuccessful():
        return 1
    for _, reason in result.skipped:
        print(f"SKIPPED: {reason}")
        return SKIPPED
    return 0


if __name__ == "__main__":
    list_files(sys.argv[1:])
