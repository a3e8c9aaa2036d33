#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names the rooms whose tests a change concerns, as labels of ctest.

    tools/rooms.py ROOM...             checks the names, and prints them
    tools/rooms.py --changed COMMIT    the rooms that differ from the commit, and those above them

A change of a room's code concerns the room, every room that may include it, directly or not (MAY_INCLUDE of tidy.py
knows which), and the programs and packages made of them. A change of its tests concerns the room alone. What all
builds have in common (cmake/, dev, tests/support) concerns every room. Files that git does not know yet count too.
"""

import argparse
import pathlib
import re
import subprocess
import sys

import tidy

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Beside the rooms: what else has tests.
OTHERS = ("examples", "programs", "package", "tools")
ALL = re.compile(r"^(cmake/|dev$|\.ci/|CMake|tests/CMakeLists|tests/support/|tools/dev/)")


def rooms():
    """The rooms that there are, lowest floor first."""
    return [room for room in tidy.MAY_INCLUDE if (ROOT / "src" / room / "CMakeLists.txt").exists()]


def above(changed):
    """The rooms that may include a room, directly or by way of others, and the room itself."""
    found = {changed}
    while more := {room for room, below in tidy.MAY_INCLUDE.items() if below & found} - found:
        found |= more
    return found


def concerned(path):
    """The labels that a change of this file concerns."""
    everything = {*rooms(), *OTHERS}
    parts = path.split("/")
    if ALL.match(path):
        return everything
    if match := re.match(r"(?:include/pirn|src)/(\w+)/", path):
        return (above(match[1]) & set(rooms())) | set(OTHERS)
    if path.startswith("include/"):
        return set(OTHERS)
    if parts[0] == "tests":
        # The kernel's faults are played to the programs of these two.
        return {parts[1]} | ({"programs"} if parts[1] in ("loop", "net") else set())
    if parts[0] == "examples":
        return {"examples", "programs", "tools"}
    if path.startswith("tools/gdb/"):
        return {"programs"}
    return {"tools"}  # documents, benchmarks and scripts


def changed_files(commit):
    """The paths that differ between the commit and the working tree."""
    def git(*words):
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"rooms.py: git {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.splitlines()
    return git("diff", "--name-only", "--no-renames", commit, "--") + git("ls-files", "--others", "--exclude-standard")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changed", metavar="COMMIT")
    parser.add_argument("rooms", nargs="*")
    arguments = parser.parse_args()

    names = [*rooms(), *OTHERS]
    if unknown := [name for name in arguments.rooms if name not in names]:
        print(f"dev: there is no room '{unknown[0]}'; there are: {' '.join(names)}", file=sys.stderr)
        return 2
    found = set(arguments.rooms)
    if arguments.changed:
        found |= {label for path in changed_files(arguments.changed) for label in concerned(path)}
    print(" ".join(name for name in names if name in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
