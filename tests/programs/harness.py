# SPDX-License-Identifier: MIT
"""How the tests of the programs run: those of a file that run in the same way share a process, a test that lacks a tool is
skipped and says why, and nothing hangs.

A file of tests ends with harness.main(). Then it understands

    x_test.py --suite NAME --way WAY --label LABEL   runs its tests of that way and label, and prints the lines that
                                                     GoogleTest would print of a suite NAME
    x_test.py --list                                 a line for each test: name, ways, seconds, label

and `harness.py x_test.py y_test.py` lists the suites of several files for CMake, a line for each: file, way, label, seconds,
number of tests. PIRN_TEST_ONLY=PATTERN, with * for anything, leaves out what has another name.

A *way* is a manner in which the same test runs once more: another backend, another number of threads.
What the ways mean stands in server.py. Paths of programs come from the environment, see setting().
"""

import argparse
import collections
import fnmatch
import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

PASSED, FAILED, SKIPPED = "       OK ", "  FAILED  ", "  SKIPPED "
LIGHT = os.environ.get("PIRN_TEST_LIGHT") == "1"  # sanitizers: the same work with smaller numbers
PATIENCE = float(os.environ.get("PIRN_TEST_PATIENCE", "1"))  # all limits of time are so many times as long
SANITIZE = os.environ.get("PIRN_TEST_SANITIZE", "")  # which, with commas between


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
    deadline = time.monotonic() + seconds * PATIENCE
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
                              timeout=seconds * PATIENCE, check=False, **more)

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


def one_thread(test):
    """Says of a test, or of all tests of a class, that its programs have one thread or end before they start another:
    ThreadSanitizer finds nothing there, and to start a program takes it half a second under load."""
    test.one_thread = True
    return test


def tests_of(module):
    """All tests of a module: name for ctest -> (class, method)."""
    return {method.removeprefix("test_"): (case, method)
            for case in vars(module).values()
            if isinstance(case, type) and issubclass(case, unittest.TestCase)
            for method in vars(case) if method.startswith("test_")}


def is_run(case, method, way):
    """Whether a test runs in one of its ways here. strace and the sanitizers get into each other's way, figures mean
    nothing under them. ThreadSanitizer is spared what runs on two threads too, on one; AddressSanitizer what runs on one
    thread too, on two."""
    ways, _, label = facts_about(case, method)
    if SANITIZE and (way.startswith("refused") or label == "figures"):
        return False
    if SANITIZE == "thread":
        alone = hasattr(case, "one_thread") or hasattr(getattr(case, method), "one_thread")
        return not alone and not any(other.startswith(f"{way}-") for other in ways)
    return not (SANITIZE and way.endswith("-2") and way.removesuffix("-2") in ways)


def list_suites(files):
    for file in files:
        suites = collections.Counter()
        seconds = collections.Counter()
        for test in tests_of(importlib.import_module(file.removesuffix(".py"))).values():
            ways, limit, label = facts_about(*test)
            for way in ways:
                if is_run(*test, way):
                    suites[way, label] += 1
                    seconds[way, label] += limit
        for (way, label), count in suites.items():
            print(file, way, label, seconds[way, label], count)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--suite")
    parser.add_argument("--way", default="-")
    parser.add_argument("--label", default="-")
    chosen = parser.parse_args()

    tests = tests_of(sys.modules["__main__"])
    if chosen.list or not chosen.suite:
        for name, test in tests.items():
            ways, seconds, label = facts_about(*test)
            print(name, ",".join(ways), seconds, label)
        return 0
    only = os.environ.get("PIRN_TEST_ONLY", "*")
    suite = {}
    for name, (case, method) in tests.items():
        ways, seconds, label = facts_about(case, method)
        if (chosen.way in ways and label == chosen.label and is_run(case, method, chosen.way)
                and fnmatch.fnmatchcase(name, only)):
            case.way = chosen.way
            suite[name] = (case(method), seconds)
    return run_suite(chosen.suite, suite)


def run_suite(name, suite):
    """Runs the tests one after the other, and says of each how it went as GoogleTest does."""
    print(f"[==========] Running {len(suite)} tests from 1 test suite.")
    good = True
    for test_name, (test, seconds) in suite.items():
        print(f"[ RUN      ] {name}.{test_name}", flush=True)
        began = time.monotonic()
        outcome = run(test, seconds)
        print(f"[{outcome}] {name}.{test_name} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)
        good = good and outcome != FAILED
    return 0 if good else 1


def run(test, seconds):
    """Runs one test within its time. It is interrupted from within, before ctest would do it from
    outside, so that what it has started is ended."""
    def give_up(number, _):
        raise AssertionError("the test took too long" if number == signal.SIGALRM else "ended from outside")

    environment, limits = dict(os.environ), resource.getrlimit(resource.RLIMIT_NOFILE)
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, give_up)
    signal.alarm(round(seconds * PATIENCE))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(unittest.TestSuite([test]))
    signal.alarm(0)
    # The next test begins as this one did.
    os.environ.clear()
    os.environ.update(environment)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    if not result.wasSuccessful():
        return FAILED
    for _, reason in result.skipped:
        print(f"SKIPPED: {reason}")
        return SKIPPED
    return PASSED


if __name__ == "__main__":
    list_suites(sys.argv[1:])
