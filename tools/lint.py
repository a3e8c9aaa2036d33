#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs clang-tidy over the library, skipping what has not changed since it was last found clean.

    tools/lint.py --build build/lint [--jobs N] [FILE...]

Nearly all of clang-tidy's time goes into what a file includes, so it is given several files of a room as one: those
that the build, configured with PIRN_UNITY=all, compiles as one, and follows paths through them less far than it would
by itself. Named files it is given alone, and follows as far as it likes. What it says is told by the files' own names
and lines. A bundle is skipped when its text, that of everything of ours that it includes, the compile command and
.clang-tidy are what they were when it passed. The compiler itself names what is included, so nothing is guessed.
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import memory

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src"
LINTER = "clang-tidy-19"
LESS_FAR = ["-Xclang", "-analyzer-config", "-Xclang", "max-nodes=20000"]  # a tenth of the default: half the time


@dataclasses.dataclass
class Bundle:
    """Files that are looked at as one."""
    files: list
    words: list  # the compiler and its options, without files
    folder: str
    options: list = dataclasses.field(default_factory=list)  # for clang-tidy alone
    path: pathlib.Path = None  # the text of all of them
    starts: list = None  # the line of it at which each of the files begins

    def write(self, folder):
        if len(self.files) == 1:
            self.path, self.starts = self.files[0], [1]
            return
        texts = [file.read_text() for file in self.files]
        name = "_".join(self.files[0].relative_to(SOURCES).with_suffix("").parts)
        self.path, self.starts = folder / f"{name}_and_others.cpp", []
        line = 1
        for text in texts:
            self.starts.append(line)
            line += text.count("\n")
        folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(texts))

    def translate(self, text):
        """The text with places in the bundle as places in its files."""
        def place(match):
            line = int(match[1])
            at = max(i for i, start in enumerate(self.starts) if start <= line)
            return f"{self.files[at]}:{line - self.starts[at] + 1}:"
        return re.sub(rf"{re.escape(str(self.path))}:(\d+):", place, text)

    def fingerprint(self, version):
        """A hash of all that clang-tidy of this version would look at; None when it does not preprocess."""
        done = subprocess.run([*self.words, "-MM", "-MF", "-", str(self.path)], cwd=self.folder,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        rule = done.stdout.replace("\\\n", " ").split(":", 1)[1]
        command = shlex.join([version, *self.words, *self.options])
        digest = hashlib.sha256(command.replace(str(ROOT), "").encode())
        digest.update((ROOT / ".clang-tidy").read_bytes())
        for path in sorted(set(rule.split())):
            digest.update(pathlib.Path(self.folder, path).read_bytes())
        return digest.hexdigest()


def library_bundles(build):
    """The files under src/ in the bundles in which they are compiled."""
    bundles = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        files = [path]
        if path.parent.name == "bundles":
            files = [ROOT / name for name in re.findall(r'^#include "(.*)"', path.read_text(), re.MULTILINE)]
        files = [file for file in files if file.is_relative_to(SOURCES)]
        if not files:
            continue
        words = shlex.split(entry["command"])
        for option in ("-o", "-c"):
            if option in words:
                at = words.index(option)
                del words[at:at + 2]
        bundles.append(Bundle(files, words, entry["directory"], LESS_FAR))
    return bundles


def lint(bundle, clean, version):
    """Returns (fingerprint, findings); the findings are empty for clean files."""
    key = bundle.fingerprint(version)
    if key is not None and key in clean:
        return key, ""
    done = subprocess.run([LINTER, "--quiet", str(bundle.path), "--", *bundle.words[1:], *bundle.options], cwd=bundle.folder,
                          capture_output=True, text=True, check=False)
    names = " ".join(str(file.relative_to(ROOT)) for file in bundle.files)
    print(f"{'clean' if done.returncode == 0 else 'FINDINGS'}: {names}", flush=True)
    return key, bundle.translate(done.stdout + done.stderr) if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "lint")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="only these")
    arguments = parser.parse_args()

    clean = memory.Memory("lint")
    version = subprocess.run([LINTER, "--version"], capture_output=True, text=True, check=True).stdout

    bundles = library_bundles(arguments.build)
    if arguments.files:
        named = [file.resolve() for file in arguments.files]
        alone = {file: Bundle([file], bundle.words, bundle.folder) for bundle in bundles for file in bundle.files}
        if unknown := [str(file) for file in named if file not in alone]:
            parser.error(f"not compiled, so not to be linted: {' '.join(unknown)}")
        bundles = [alone[file] for file in named]
    for bundle in bundles:
        bundle.write(arguments.build.resolve() / "bundles")

    bundles.sort(key=lambda bundle: -len(bundle.files))  # the longest first keeps all jobs busy to the end
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda bundle: lint(bundle, clean, version), bundles))

    clean.add(key for key, findings in results if key and not findings)
    found = [findings for _, findings in results if findings]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
