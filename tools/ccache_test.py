#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second clone in another folder finds what the first one compiled, in the compiler's cache.

    ccache_test.py SOURCE [TARGET...]    SOURCE: the tree. TARGET: what is built in both, all of it by default

Builds the release preset in two copies of the tree with a cache of their own, and asks for over 90 % hits in the second.
Exit code 77 where ccache is not installed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
HITS_LEAST = 0.9
LEFT_OUT = shutil.ignore_patterns("build", ".git", "__pycache__")


def run(folder, environment, *command):
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\nended with {done.returncode}")
    return done.stdout


def counts(environment):
    """Hits and misses so far."""
    lines = run("/", environment, "ccache", "--print-stats")
    values = {name: int(value) for name, value in re.findall(r"^(\w+)\t(\d+)$", lines, re.MULTILINE)}
    return values["direct_cache_hit"] + values["preprocessed_cache_hit"], values["cache_miss"]


def main(source, *targets):
    if not shutil.which("ccache"):
        print("SKIPPED: ccache is not installed")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        # Not what our caller's build has set.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CCACHE_")}
        environment["CCACHE_DIR"] = f"{folder}/cache"
        found = []
        for clone in ("first", "the/second"):
            copy = pathlib.Path(folder, clone)
            shutil.copytree(source, copy, ignore=LEFT_OUT)
            run(copy, environment, "cmake", "--preset", "release")
            run(copy, environment, "cmake", "--build", "--preset", "release", *(["--target", *targets] if targets else []))
            found.append(counts(environment))
    (first_hits, first_misses), (hits, misses) = found
    hits, misses = hits - first_hits, misses - first_misses
    print(f"the first clone compiled {first_misses} files, the second found {hits} and compiled {misses}")
    return 0 if first_misses > 0 and hits > HITS_LEAST * (hits + misses) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
