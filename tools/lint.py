#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs clang-tidy over the library, skipping what has not changed since it was last found clean.

    tools/lint.py --build build/clang [--jobs N] [FILE...]

clang-tidy takes seconds a file. A file is skipped when its own text, that of everything of ours
that it includes, the compile command and .clang-tidy are what they were when it passed. The
compiler itself names what is included, so nothing is guessed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINTER = "clang-tidy-19"


def library_commands(build):
    """The compile commands of the files under src/, by file."""
    commands = json.loads((build / "compile_commands.json").read_text())
    return {entry["file"]: entry for entry in commands
            if pathlib.Path(entry["file"]).is_relative_to(ROOT / "src")}


def fingerprint(entry):
    """A hash of all that clang-tidy would look at; None when the file does not preprocess."""
    words = [w for w in shlex.split(entry["command"]) if not w.endswith("ccache")]
    if "-o" in words:
        at = words.index("-o")
        del words[at:at + 2]
    done = subprocess.run([*words, "-MM", "-MF", "-"], cwd=entry["directory"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    rule = done.stdout.replace("\\\n", " ").split(":", 1)[1]
    digest = hashlib.sha256(entry["command"].encode())
    digest.update((ROOT / ".clang-tidy").read_bytes())
    for path in sorted(set(rule.split())):
        digest.update(pathlib.Path(entry["directory"], path).read_bytes())
    return digest.hexdigest()


def lint(build, entry, clean):
    """Returns (fingerprint, findings); the findings are empty for a clean file."""
    key = fingerprint(entry)
    if key is not None and key in clean:
        return key, ""
    done = subprocess.run([LINTER, "--quiet", "-p", str(build), entry["file"]],
                          capture_output=True, text=True, check=False)
    print(f"{entry['file']}: {'clean' if done.returncode == 0 else 'FINDINGS'}", flush=True)
    return key, (done.stdout + done.stderr) if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "clang")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="only these")
    arguments = parser.parse_args()

    memory = arguments.build / "lint.json"
    try:
        clean = set(json.loads(memory.read_text()))
    except (OSError, ValueError):
        clean = set()

    commands = library_commands(arguments.build)
    wanted = [str(f.resolve()) for f in arguments.files] or sorted(commands)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda f: lint(arguments.build, commands[f], clean), wanted))

    now_clean = {key for key, findings in results if key and not findings}
    memory.write_text(json.dumps(sorted(now_clean | clean if arguments.files else now_clean)))
    found = [findings for _, findings in results if findings]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
