#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the fuzz targets, and says what they did and found.

    tools/fuzz.py --build build/fuzz [--seed N] [TARGET...] [SECONDS]
    tools/fuzz.py --build build/fuzz planted [TARGET...] [SECONDS]
    tools/fuzz.py --build build/fuzz --corpus-only [TARGET...]
    tools/fuzz.py --build build/fuzz --keep [TARGET...]

The seconds are for all targets together. What a target has learned stays in the build folder, beside the small corpora
of fuzz/corpus, and the next run begins with both. `planted` runs each target as it is compiled with a fault, from an
empty corpus, for a minute each at most, and fails if one does not find its own. --corpus-only runs the kept inputs once;
--keep replaces them by the fewest that reach what all known ones reach.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "fuzz"
SECONDS = 60
INPUT_MAX = 256  # bytes: an input is a list of choices, and few of them reach everything
INPUT_SECONDS_MAX = 20  # after which an input hangs
KEPT_MAX = 30  # files for each target
PROGRESS_S = 10
STATUS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)", re.MULTILINE)
EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
# The sentences of the model, and what the sanitizers and the fuzzer say; the first kind that is there is the reason.
REASONS = [re.compile(pattern, re.MULTILINE) for pattern in (
    r"^fuzz: .*", r"^.*(?:runtime error|pirn): .*", r"^.*ERROR: (?:Address|Leak).*", r"^.*ERROR: .*")]


class Run:
    """One run of one target: started, watched and read."""

    def __init__(self, arguments, name, planted, seconds, corpora):
        self.name = name
        program = f"fuzz_{name}_planted" if planted else f"fuzz_{name}"
        self.program = arguments.build / "bin" / program
        self.findings = arguments.build / "findings"
        self.findings.mkdir(parents=True, exist_ok=True)
        self.log = self.findings / f"{program}.log"
        self.prefix = self.findings / f"{name}-{'planted-' if planted else ''}"
        # An old finding must not be taken for one of this run.
        self.known = set(self.findings.iterdir())
        self.command = [
            str(self.program), f"-seed={arguments.seed}", f"-max_total_time={seconds:.0f}", f"-max_len={INPUT_MAX}",
            f"-timeout={INPUT_SECONDS_MAX}", "-print_final_stats=1", f"-artifact_prefix={self.prefix}",
            *map(str, corpora)]
        self.seconds = 0.0
        self.code = None

    def run(self, progress):
        began = time.monotonic()
        said = began
        with self.log.open("w") as log:
            process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=environment())
            try:
                while self.code is None:
                    try:
                        self.code = process.wait(timeout=0.2)
                    except subprocess.TimeoutExpired:
                        if progress and time.monotonic() - said >= PROGRESS_S:
                            said = time.monotonic()
                            print(f"    {self.name}: {said - began:.0f} s, {self.numbers(said - began)}", flush=True)
            finally:
                process.kill()
        self.seconds = time.monotonic() - began
        return self

    def text(self):
        return self.log.read_text(errors="replace")

    def executions(self):
        text = self.text()
        found = EXECUTED.findall(text) or [line[0] for line in STATUS.findall(text)]
        return int(found[-1]) if found else 0

    def numbers(self, seconds):
        """Executions and coverage, for people."""
        executions = self.executions()
        lines = STATUS.findall(self.text())
        edges, features = lines[-1][1:] if lines else ("0", "0")
        return (f"{executions:,} executions, {executions / max(seconds, 0.001):,.0f} a second, "
                f"{int(edges):,} edges, {int(features):,} features")

    def reason(self):
        text = self.text()
        found = next((lines for lines in (reason.findall(text) for reason in REASONS) if lines), None)
        return found[-1].strip() if found else f"it ended with {self.code}"

    def inputs(self):
        return sorted(path for path in self.findings.glob(f"{self.prefix.name}*") if path not in self.known)


def environment():
    """Ours, without what would choose a backend, and with a symbolizer that clang's reports find."""
    own = {key: value for key, value in os.environ.items() if key != "PIRN_BACKEND"}
    symbolizer = shutil.which("llvm-symbolizer-19")
    if symbolizer:
        own.setdefault("ASAN_SYMBOLIZER_PATH", symbolizer)
    return own


def targets_of(build, wanted):
    """The names of the targets that are built; ends the program if one is wanted that is not there."""
    there = sorted(path.name.removeprefix("fuzz_") for path in (build / "bin").glob("fuzz_*")
                   if not path.name.endswith("_planted"))
    missing = [name for name in wanted if name not in there]
    if missing or not there:
        what = f"there is no target '{missing[0]}'" if missing else "no target is built"
        sys.exit(f"fuzz.py: {what}; there are: {' '.join(there) or 'none'}")
    return wanted or there


def kept_corpus(arguments, name):
    folder = arguments.corpus / name
    return [folder] if folder.is_dir() else []


def fuzz(arguments):
    """Runs each target for its part of the time."""
    each = arguments.seconds / len(arguments.targets)
    failed = []
    print(f"  {len(arguments.targets)} targets, {each:.1f} s each, seed {arguments.seed}", flush=True)
    for name in arguments.targets:
        learned = arguments.build / "corpus" / name
        learned.mkdir(parents=True, exist_ok=True)
        run = Run(arguments, name, False, max(each, 1), [learned, *kept_corpus(arguments, name)]).run(True)
        verdict = "no finding" if run.code == 0 else "FOUND: " + run.reason()
        print(f"  {name}: {run.numbers(run.seconds)}: {verdict}", flush=True)
        if run.code != 0:
            failed.append(run)
    for run in failed:
        for path in run.inputs() or [None]:
            print(f"fuzz.py: {run.name} failed: {run.reason()}\n"
                  f"  input:  {path or 'none was kept; see the log'}\n"
                  f"  repeat: {run.program} {path or ''}\n"
                  f"  log:    {run.log}", file=sys.stderr)
    return 1 if failed else 0


def fuzz_planted(arguments):
    """Each target finds its own fault, and says so by its model."""
    failed = 0
    for name in arguments.targets:
        with tempfile.TemporaryDirectory() as empty:
            run = Run(arguments, name, True, arguments.seconds, [empty]).run(True)
        found = run.code != 0 and re.search("^fuzz: ", run.text(), re.MULTILINE)
        failed += not found
        print(f"  {name}: " + (f"found after {run.seconds:.1f} s and {run.executions():,} executions: {run.reason()}"
                               if found else f"NOT FOUND in {run.seconds:.0f} s: {run.numbers(run.seconds)}"), flush=True)
        for path in run.inputs():
            path.unlink()  # it is no finding
    return 1 if failed else 0


def replay(arguments):
    """Runs the kept inputs once."""
    failed = 0
    for name in arguments.targets:
        files = sorted(path for folder in kept_corpus(arguments, name) for path in folder.iterdir())
        done = subprocess.run([str(arguments.build / "bin" / f"fuzz_{name}"), f"-timeout={INPUT_SECONDS_MAX}",
                               *map(str, files)], env=environment(), capture_output=True, check=False) if files else None
        good = done is not None and done.returncode == 0
        failed += not good
        print(f"  {name}: {len(files)} inputs: {'good' if good else 'FAILED'}", flush=True)
        if done is not None and not good:
            sys.stderr.buffer.write(done.stderr)
        elif not good:
            print(f"fuzz.py: {arguments.corpus / name} has no inputs; type: ./dev fuzz --keep {name}", file=sys.stderr)
    return 1 if failed else 0


def keep(arguments):
    """Replaces the kept inputs by the fewest that reach the same."""
    for name in arguments.targets:
        learned = arguments.build / "corpus" / name
        learned.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as merged:
            subprocess.run([str(arguments.build / "bin" / f"fuzz_{name}"), "-set_cover_merge=1", f"-max_len={INPUT_MAX}",
                            merged, str(learned), *map(str, kept_corpus(arguments, name))],
                           env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            # A long input reaches more than a short one.
            chosen = sorted(pathlib.Path(merged).iterdir(), key=lambda path: (-path.stat().st_size, path.name))
            folder = arguments.corpus / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for number, path in enumerate(chosen[:KEPT_MAX]):
                shutil.copyfile(path, folder / f"{number:02}")
        print(f"  {name}: {min(len(chosen), KEPT_MAX)} of {len(chosen)} inputs kept", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, default=SOURCES / "corpus")
    parser.add_argument("--seed", type=int, default=None, help="for every choice of the fuzzer; drawn when not given")
    parser.add_argument("--corpus-only", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("words", nargs="*", metavar="planted | TARGET | SECONDS")
    arguments = parser.parse_args()
    numbers = [word for word in arguments.words if word.isdecimal()]
    names = [word for word in arguments.words if not word.isdecimal()]
    if len(numbers) > 1 or "0" in numbers:
        sys.exit("fuzz.py: the seconds are one number from 1")
    arguments.seconds = int(numbers[0]) if numbers else SECONDS
    if arguments.seed is None:
        arguments.seed = random.randrange(1, 2**31)
    planted = "planted" in names
    arguments.targets = targets_of(arguments.build, [name for name in names if name != "planted"])
    if arguments.corpus_only:
        return replay(arguments)
    if arguments.keep:
        return keep(arguments)
    return fuzz_planted(arguments) if planted else fuzz(arguments)


if __name__ == "__main__":
    sys.exit(main())
