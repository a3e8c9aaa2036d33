#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs every test again and again under load, and lists what failed even once.

    tools/flaky.py --build build/release [-n 200] [--minutes M] [ROOM...]

The load: a process on each core computes all the time, the tests run beside it with lower priority, two for each core,
in an order drawn anew for each round (GoogleTest's suites too), and now and then one of them is stopped for a moment
and continued. A round runs every entry of ctest once. After M minutes no further entry begins, and what was done is
said. The outputs of failures are kept in the build folder.
"""

import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

NICE = 5
STOPPED_S = (0.02, 0.3)  # for how long a test is stopped
STOP_EVERY_S = 0.5
PATIENCE = 4  # times the time that ctest would give


class Entry:
    """One entry of ctest: how it is started, and how it went so far."""

    def __init__(self, test):
        facts = {fact["name"]: fact["value"] for fact in test["properties"]}
        self.name = test["name"]
        self.command = test["command"]
        self.labels = facts.get("LABELS", [])
        self.folder = facts.get("WORKING_DIRECTORY")
        self.environment = dict(line.split("=", 1) for line in facts.get("ENVIRONMENT", []))
        self.environment["PIRN_TEST_PATIENCE"] = str(PATIENCE)
        self.timeout = float(facts.get("TIMEOUT", 60)) * PATIENCE
        self.skipped = facts.get("SKIP_RETURN_CODE")
        # An entry that is judged by what it prints, as planted bugs are, is left to ctest.
        self.plain = not {"PASS_REGULAR_EXPRESSION", "FAIL_REGULAR_EXPRESSION", "FIXTURES_SETUP",
                          "FIXTURES_REQUIRED"} & set(facts)
        self.runs = 0
        self.failures = []


class Disturber(threading.Thread):
    """Stops one of the running tests for a moment, and continues it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.running = set()
        self.lock = threading.Lock()
        self.stops = 0

    def run(self):
        while True:
            time.sleep(STOP_EVERY_S)
            with self.lock:
                group = random.choice(sorted(self.running)) if self.running else None
                # The lock keeps its number from being another's.
                if group and self.send(group, signal.SIGSTOP):
                    self.stops += 1
                    time.sleep(random.uniform(*STOPPED_S))
                    self.send(group, signal.SIGCONT)

    @staticmethod
    def send(group, number):
        try:
            os.killpg(group, number)
            return True
        except ProcessLookupError:
            return False


def compute():
    """Keeps a core busy until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(100_000))


def run_once(entry, number, disturber):
    """Runs the entry once; returns what it printed if it failed, else None."""
    command = ["nice", "-n", str(NICE), *entry.command]
    if any(word.startswith("--gtest_filter") for word in command):
        command += ["--gtest_shuffle", f"--gtest_random_seed={number % 99999 + 1}", "--gtest_brief=1"]
    process = subprocess.Popen(
        command, cwd=entry.folder, env=os.environ | entry.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0)
    with disturber.lock:
        disturber.running.add(process.pid)
    late = False
    try:
        output, _ = process.communicate(timeout=entry.timeout)
    except subprocess.TimeoutExpired:
        late = True
        disturber.send(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    finally:
        with disturber.lock:
            disturber.running.discard(process.pid)
    if process.returncode == 0 or (entry.skipped and process.returncode == int(entry.skipped)):
        return None
    why = f"it took longer than {entry.timeout:.0f} s" if late else f"it ended with {process.returncode}"
    return f"{' '.join(command)}\n{why}\n{output.decode(errors='replace')}"


def entries_of(build, rooms):
    """The entries of ctest that have one of the labels, without the slow ones."""
    done = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"],
                          capture_output=True, text=True, check=True)
    entries = [Entry(test) for test in json.loads(done.stdout)["tests"] if "command" in test]
    entries = [entry for entry in entries if entry.plain and not {"slow", "package", "tools"} & set(entry.labels)]
    return [entry for entry in entries if not rooms or set(rooms) & set(entry.labels)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("-n", type=int, default=200, help="how often each test runs")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no further one begins")
    parser.add_argument("rooms", nargs="*")
    arguments = parser.parse_args()

    entries = entries_of(arguments.build, arguments.rooms)
    if not entries:
        sys.exit(f"flaky.py: {arguments.build} has no such tests; build them first")
    folder = arguments.build / "flaky"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()

    cores = os.cpu_count()
    load = [multiprocessing.Process(target=compute, daemon=True) for _ in range(cores)]
    for process in load:
        process.start()
    disturber = Disturber()
    disturber.start()
    began = time.monotonic()
    deadline = began + arguments.minutes * 60

    def work(entry, number):
        if time.monotonic() > deadline:
            return
        failure = run_once(entry, number, disturber)
        entry.runs += 1
        if failure:
            name = re.sub(r"[^\w.@-]", "_", entry.name)
            path = folder / f"{name}-{number}.txt"
            path.write_text(failure)
            entry.failures.append(path)
            print(f"  FAILED in round {number}: {entry.name} ({path})", flush=True)

    with concurrent.futures.ThreadPoolExecutor(2 * cores) as pool:
        for number in range(1, arguments.n + 1):
            if time.monotonic() > deadline:
                break
            list(pool.map(work, random.sample(entries, len(entries)), [number] * len(entries)))
            print(f"  round {number} of {arguments.n}, {time.monotonic() - began:.0f} s", flush=True)
    for process in load:
        process.kill()
    return report(entries, disturber, time.monotonic() - began)


def report(entries, disturber, seconds):
    """Says what was done and what failed."""
    runs = collections.Counter(entry.runs for entry in entries)
    print(f"{sum(entry.runs for entry in entries):,} runs of {len(entries):,} entries in {seconds:.0f} s, "
          f"each between {min(runs)} and {max(runs)} times; {disturber.stops:,} stopped for a moment")
    failed = sorted((entry for entry in entries if entry.failures), key=lambda entry: -len(entry.failures))
    for entry in failed:
        print(f"FLAKY: {entry.name} failed {len(entry.failures)} of {entry.runs} times; see {entry.failures[-1]}")
    if not failed:
        print("nothing failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
