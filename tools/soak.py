#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs soak for a long time on each backend with one and two threads, and watches from outside what it takes.

    tools/soak.py --build build/release [--plot FILE.svg] [--seed N] [MINUTES]

All four run at the same time. Ten times a minute their resident memory, page tables, mappings, descriptors and threads are
read from /proc; the samples go to soak.csv in the folder log beside the build, and a plot of them to the file asked for.
Exit code 1 if a program failed, if a byte was wrong, or if the medians of the last quarter exceed those of the second.
"""

import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import time

MINUTES = 30
SAMPLES_A_MINUTE = 10
SAMPLES_LEAST = 60  # where the run is short
PROGRESS_S = 60
KINDS = [(backend, threads) for backend in ("uring", "epoll") for threads in (1, 2)]
COLUMNS = ["memory_kib", "page_tables_kib", "mappings", "descriptors", "threads"]
# What the last quarter may have more than the second: a part of it, and some.
ALLOWED = {"memory_kib": (0.10, 2048), "page_tables_kib": (0.10, 128), "mappings": (0.10, 8),
           "descriptors": (0.25, 16), "threads": (0.0, 2)}


def sample(pid):
    """What the process has now, in the order of COLUMNS; None if it has ended."""
    folder = pathlib.Path("/proc") / str(pid)
    try:
        words = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        with (folder / "maps").open() as maps:
            mappings = sum(1 for _ in maps)
        return [int(words["RssAnon"].split()[0]), int(words["VmPTE"].split()[0]), mappings,
                len(os.listdir(folder / "fd")), int(words["Threads"])]
    except (OSError, KeyError):
        return None


class Soak:
    """One program, and its samples."""

    def __init__(self, arguments, backend, threads):
        self.name = f"{backend}, {threads} thread{'s' if threads > 1 else ''}"
        self.samples = []  # (minutes, values)
        self.command = [str(arguments.build / "bin" / "soak"), "--seconds", str(round(arguments.minutes * 60)),
                        "--seed", str(arguments.seed), "--backend", backend, "--threads", str(threads)]
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def look(self, minutes):
        values = sample(self.process.pid) if self.process.poll() is None else None
        if values is not None:
            self.samples.append((minutes, values))

    def end(self):
        """What is wrong with the run, a line each."""
        try:
            said, _ = self.process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
        print(f"{self.name}\n" + "".join(f"    {line}\n" for line in said.splitlines()), end="")
        wrong = [f"{self.name}: exit code {self.process.returncode}"] if self.process.returncode != 0 else []
        return wrong + self.grown()

    def grown(self):
        count = len(self.samples)
        if count < 8:
            return []
        wrong = []
        for at, column in enumerate(COLUMNS):
            second, last = (statistics.median(values[at] for _, values in self.samples[begin:end])
                            for begin, end in ((count // 4, count // 2), (count * 3 // 4, count)))
            part, some = ALLOWED[column]
            print(f"    {column}: median {second:g} in the second quarter, {last:g} in the last")
            if last > second * (1 + part) + some:
                wrong.append(f"{self.name}: {column} grew from {second:g} to {last:g}")
        return wrong


# ---- The plot

WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 120, 70, 50, 40
COLOURS = ["#1f77b4", "#d1605e", "#2a9d5c", "#b07aa1"]
PANELS = [("memory_kib", "resident memory, MiB", 1024), ("page_tables_kib", "page tables, KiB", 1),
          ("mappings", "mappings", 1), ("descriptors", "descriptors", 1)]


def polyline(points, colour):
    return (f'<polyline fill="none" stroke="{colour}" stroke-width="1.3" points="'
            + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')


def plot(soaks, path):
    longest = max((minutes for soak in soaks for minutes, _ in soak.samples), default=0) or 1
    total = TOP + len(PANELS) * (HEIGHT + GAP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {total}" '
           'font-family="sans-serif" font-size="12" fill="#777777">']
    for at, soak in enumerate(soaks):
        x = LEFT + at * 180
        out.append(f'<rect x="{x}" y="10" width="14" height="4" fill="{COLOURS[at]}"/>'
                   f'<text x="{x + 20}" y="17">{soak.name}</text>')
    for row, (column, title, unit) in enumerate(PANELS):
        value_at = COLUMNS.index(column)
        bottom = TOP + row * (HEIGHT + GAP) + HEIGHT
        most = max((values[value_at] for soak in soaks for _, values in soak.samples), default=1) / unit or 1
        out.append(f'<rect x="{LEFT}" y="{bottom - HEIGHT}" width="{WIDTH}" height="{HEIGHT}" fill="none" '
                   'stroke="#999999"/>'
                   f'<text x="{LEFT}" y="{bottom - HEIGHT - 6}">{title}</text>'
                   f'<text x="{LEFT - 6}" y="{bottom - HEIGHT + 10}" text-anchor="end">{most:.4g}</text>'
                   f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>')
        for at, soak in enumerate(soaks):
            out.append(polyline(((LEFT + minutes / longest * WIDTH, bottom - values[value_at] / unit / most * HEIGHT)
                                 for minutes, values in soak.samples), COLOURS[at]))
    out.append(f'<text x="{LEFT + WIDTH}" y="{total - GAP + 16}" text-anchor="end">{longest:.0f} minutes</text></svg>')
    path.write_text("\n".join(out) + "\n")


def write_samples(soaks, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["program", "minutes", *COLUMNS])
        for soak in soaks:
            rows.writerows([soak.name, f"{minutes:.2f}", *values] for minutes, values in soak.samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--plot", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("minutes", nargs="?", type=float, default=MINUTES, metavar="MINUTES")
    arguments = parser.parse_args()
    if not 0.05 <= arguments.minutes <= 100_000:
        parser.error("MINUTES is a number from 0.05 to 100000")
    began = time.monotonic()
    soaks = [Soak(arguments, *kind) for kind in KINDS]
    try:
        said = began
        while any(soak.process.poll() is None for soak in soaks):
            now = time.monotonic()
            if now - began > arguments.minutes * 60 + 120:
                break
            for soak in soaks:
                soak.look((now - began) / 60)
            if now - said >= PROGRESS_S:
                said = now
                print(f"    {(now - began) / 60:.0f} of {arguments.minutes:g} minutes", flush=True)
            time.sleep(60 * min(1 / SAMPLES_A_MINUTE, arguments.minutes / SAMPLES_LEAST))
        wrong = [line for soak in soaks for line in soak.end()]
    finally:
        for soak in soaks:
            soak.process.kill()
    log = arguments.build.parent / "log" / "soak.csv"
    write_samples(soaks, log)
    print(f"samples: {log}")
    if arguments.plot:
        plot(soaks, arguments.plot)
        print(f"plot: {arguments.plot}")
    for line in wrong:
        print(f"soak: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
