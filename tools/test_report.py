#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports a run of ctest test by test, and prints what the failing tests said.

    tools/test_report.py RESULTS.xml [--lines FILE]     RESULTS.xml: from ctest --output-junit

An entry of ctest is a suite of GoogleTest, whose tests share one process, or a single test of another kind. FILE gets
one line for each test: its result, its milliseconds, and its name as ctest would have it. On standard output stand the
outputs of the tests that failed, then the counts. A test that ended its process, or was running when the time was up,
has failed; those of its suite that had not begun are counted as not run.
"""

import argparse
import dataclasses
import pathlib
import re
import sys
import xml.etree.ElementTree

RUN = re.compile(r"^\[ RUN      \] (\S+)$")
ENDED = re.compile(r"^\[(       OK |  FAILED  |  SKIPPED )\] (\S+?)(?:, where .*)? \((\d+) ms\)$")
PLANNED = re.compile(r"^\[==========\] Running (\d+) tests? from")
RESULTS = {"       OK ": "passed", "  FAILED  ": "failed", "  SKIPPED ": "skipped"}
OUTPUT_MAX = 400  # lines of one failing test, the last ones


@dataclasses.dataclass
class Result:
    """How one test ended."""
    name: str
    outcome: str  # passed, failed, skipped, or not run
    milliseconds: int = 0
    output: list = dataclasses.field(default_factory=list)

    def line(self):
        """What stands of it in the file of lines: of a skipped test the reason too."""
        reason = "".join(f": {line.removeprefix('SKIPPED: ')}" for line in self.output[-1:] if self.outcome == "skipped")
        return f"{self.outcome:8} {self.milliseconds:7} ms  {self.name}{reason}\n"


def names_of(entry):
    """The room before and the setting behind the names that GoogleTest gives: net.suite@epoll -> net., @epoll"""
    room = entry.split(".", 1)[0] + "."
    _, at, setting = entry.rpartition("@")
    return room, at + setting if at else ""


def suite_results(entry, lines, passed):
    """The results of the tests of a GoogleTest program, from what it printed."""
    room, setting = names_of(entry)
    results, running, output, planned = [], None, [], 0
    for line in lines:
        if match := PLANNED.match(line):
            planned = int(match[1])
        elif match := RUN.match(line):
            running, output = match[1], []
            continue
        elif running and (match := ENDED.match(line)) and match[2] == running:
            results.append(Result(room + running + setting, RESULTS[match[1]], int(match[3]), output))
            running, output = None, []
            continue
        output.append(line)
    if running:
        results.append(Result(room + running + setting, "failed", 0, output))
    results += [Result(f"{entry} (one of its tests)", "not run")] * max(0, planned - len(results))
    if not passed and not any(result.outcome == "failed" for result in results):
        # The tests passed and the process did not, as when a sanitizer finds a leak at its end.
        results.append(Result(f"{entry} (its process)", "failed", 0, lines))
    return results


def entry_results(case):
    """The results of one entry of ctest."""
    entry, status = case.get("name"), case.get("status")
    lines = (case.findtext("system-out") or "").splitlines()
    failed = status == "fail" or case.find("failure") is not None
    if any(PLANNED.match(line) for line in lines):
        return suite_results(entry, lines, not failed)
    outcome = "failed" if failed else "passed" if status == "run" else "skipped"
    if outcome == "skipped" and case.find("skipped") is not None and "NOT_BUILT" in entry:
        outcome = "failed"
    return [Result(entry, outcome, round(float(case.get("time") or 0) * 1000), lines)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--lines", type=pathlib.Path, help="file that gets a line for each test")
    arguments = parser.parse_args()

    cases = xml.etree.ElementTree.parse(arguments.results).getroot().iter("testcase")
    by_entry = [entry_results(case) for case in cases]
    results = sorted((result for some in by_entry for result in some), key=lambda result: result.name)
    if arguments.lines:
        arguments.lines.write_text("".join(result.line() for result in results))

    for result in results:
        if result.outcome == "failed":
            print(f"---- FAILED: {result.name}")
            if len(result.output) > OUTPUT_MAX:
                print(f"({len(result.output) - OUTPUT_MAX} lines left out)")
            print("\n".join(result.output[-OUTPUT_MAX:]))
    counts = {outcome: sum(result.outcome == outcome for result in results)
              for outcome in ("passed", "failed", "skipped", "not run")}
    print(f"  {', '.join(f'{count:,} {outcome}' for outcome, count in counts.items() if count or outcome == 'failed')}"
          f", in {len(by_entry):,} processes"
          + (f"; one line for each test: {arguments.lines}" if arguments.lines else ""))


if __name__ == "__main__":
    sys.exit(main())
