#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs pirn-bench and the rivals in turns and prints what each needs, with ratios to the bare floor.

    tools/compare.py --bin build/release/bin [--room coro|loop|sched] [--rounds 5] [--cpu N]
    tools/compare.py --bin build/release/bin --ncoros 1024,1048576

In turns, because a machine is faster in one minute than in the next: each round runs every program once,
and a ratio is taken within its round. Pinned to one processor, by default the last one that we may use.
The programs print lines "key value" in nanoseconds; what is absent was left out by CMake, which said why.

With --ncoros it is many coroutines at a time, resumed in turn: the first contestant is then the language's own.
A count for which the machine has no memory free is left out.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

# What is compared in a room: a title, and the key of each contestant's line. The floor comes first.
CORO = [
    ("a switch, flat", [
        ("floor: bare exchange", "rival_bare", "ns"),
        ("C++20 coroutine", "rival_stackless", "ns"),
        ("pirn", "pirn-bench", "ns"),
        ("pirn, measured as the rivals", "rival_pirn", "ns"),
        ("Boost.Context fcontext", "rival_boost_context", "fcontext_ns"),
        ("Boost.Context fiber", "rival_boost_context", "ns"),
        ("Boost.Coroutine2", "rival_boost_coroutine2", "ns"),
        ("swapcontext", "rival_ucontext", "ns"),
    ]),
    ("a switch, three calls deep", [
        ("floor: bare exchange", "rival_bare", "deep_ns"),
        ("pirn", "rival_pirn", "deep_ns"),
        ("Boost.Context fcontext", "rival_boost_context", "fcontext_deep_ns"),
        ("Boost.Context fiber", "rival_boost_context", "deep_ns"),
        ("Boost.Coroutine2", "rival_boost_coroutine2", "deep_ns"),
        ("swapcontext", "rival_ucontext", "deep_ns"),
    ]),
    ("create, run and destroy on a reused stack", [
        ("floor: bare exchange", "rival_bare", "create_ns"),
        ("C++20 coroutine, pooled", "rival_stackless", "create_ns"),
        ("pirn", "rival_pirn", "create_ns"),
        ("Boost.Context fcontext", "rival_boost_context", "fcontext_create_ns"),
        ("Boost.Context fiber", "rival_boost_context", "create_ns"),
        ("Boost.Coroutine2", "rival_boost_coroutine2", "create_ns"),
        ("ucontext", "rival_ucontext", "create_ns"),
    ]),
]


def loops(key):
    return [("pirn", "rival_pirn_loop", key), ("libuv", "rival_uv_loop", key), ("Boost.Asio", "rival_asio_loop", key)]


def reads(key):
    return [("floor: pread", "rival_io_by_hand", "read_1_ns"), ("io_uring by hand", "rival_io_by_hand", "uring_" + key),
            ("pirn, io_uring", "rival_io_pirn", "uring_" + key), ("pirn, epoll and threads", "rival_io_pirn", "epoll_" + key),
            ("libuv", "rival_io_uv", key)]


LOOP = [
    ("arm and cancel a timer among a million", loops("timer_ns")),
    ("arm a timer and have it fire, a million in 50 ms", loops("fire_ns")),
    ("wake a loop from another thread", loops("wake_ns")),
    ("wake a loop from eight threads", loops("wake_8_ns")),
    ("read 4 KiB of a file in memory, one at a time", reads("read_1_ns")),
    ("read 4 KiB of a file in memory, 32 at a time", reads("read_32_ns")),
    ("a datagram of 64 bytes there and back, one to one", [
        ("floor: epoll by hand", "rival_io_by_hand", "epoll_udp_ns"),
        ("pirn, epoll", "rival_io_pirn", "epoll_udp_ns"),
        ("libuv", "rival_io_uv", "udp_ns"),
        ("Boost.Asio", "rival_io_asio", "udp_ns"),
    ]),
    ("the same by io_uring", [
        ("floor: io_uring by hand", "rival_io_by_hand", "uring_udp_ns"),
        ("pirn, io_uring", "rival_io_pirn", "uring_udp_ns"),
    ]),
]


def schedulers(key):
    return [("pirn", "rival_pirn_sched", key), ("Boost.Fiber", "rival_boost_fiber", key), ("Go", "rival_go", key)]


SCHED = [
    ("a turn of one of two tasks that yield", schedulers("yield_ns")),
    ("a task spawned, run and joined", schedulers("spawn_join_ns")),
    ("a value from task to task, without a buffer", schedulers("channel_ns")),
    ("a mutex from task to task", schedulers("mutex_ns")),
    ("a value by a select of 2", schedulers("select_2_ns")),
    ("a value by a select of 10", schedulers("select_10_ns")),
    ("fib(25), a task, on one thread", schedulers("fib_1_ns")),
    ("a tree of 111,111 tasks, each, on one thread", schedulers("sky_1_ns")),
    ("fib(25), a task, on two threads", schedulers("fib_2_ns")),
    ("a tree of 111,111 tasks, each, on two threads", schedulers("sky_2_ns")),
    ("a value from thread to thread, without a buffer", schedulers("cross_ns")),
    ("a task that sleeps while a million do, processor time", schedulers("sleep_ns")),
]
ROOMS = {"coro": CORO, "loop": LOOP, "sched": SCHED}
ARGUMENTS = {"pirn-bench": ["--context_switch", "--plain"]}

# Many at a time: a title, the command, and what its keys begin with; and the keys.
MANY = [
    ("C++20 coroutine", ["rival_stackless"], ""),
    ("pirn", ["pirn-bench", "--plain"], ""),
    ("pirn, guarded", ["pirn-bench", "--plain", "--guarded"], ""),
    ("Boost.Context fcontext", ["rival_boost_context"], "fcontext_"),
    ("Boost.Context fiber", ["rival_boost_context"], ""),
    ("Boost.Coroutine2", ["rival_boost_coroutine2"], ""),
]
MANY_KEYS = ["switch_ns", "batch_ns", "create_ns", "rss_bytes", "mappings"]
BYTES_EACH = 4096 + 256  # a page, and whatever the caller and the kernel's tables take


def numbers(text):
    """The lines "key value" of a program's output, as a dictionary."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2:
            try:
                found[words[0]] = float(words[1])
            except ValueError:
                pass
    return found


def run(folder, command, cpu):
    """The numbers that a program prints."""
    def pin():
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    done = subprocess.run([str(folder / command[0]), *command[1:]], capture_output=True, text=True,
                          check=False, preexec_fn=pin)
    if done.returncode != 0:
        sys.exit(f"\ncompare: {' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return numbers(done.stdout)


def run_rounds(folder, programs, rounds, cpu):
    """All rounds; each is a dictionary of program -> numbers."""
    results = []
    for number in range(rounds):
        print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
        results.append({})
        for program in programs:
            results[-1][program] = run(folder, [program, *ARGUMENTS.get(program, [])], cpu)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
    return results


def rows(contestants, results):
    """One row per contestant that ran: name, its times, and its ratios to the first that ran too."""
    floor = contestants[0]
    for name, program, key in contestants:
        times, ratios = [], []
        for one in results:
            if key not in one.get(program, {}):
                continue
            times.append(one[program][key])
            base = one.get(floor[1], {}).get(floor[2])
            if base:
                ratios.append(times[-1] / base)
        if times:
            yield name, times, ratios


def table(title, contestants, results):
    """The table as lines of text."""
    lines = [f"{title} (ns)", f"  {'':32}{'min':>9}{'median':>9}{'max':>9}{'ratio':>9}"]
    for name, times, ratios in rows(contestants, results):
        ratio = f"{statistics.median(ratios):9.2f}" if ratios else f"{'-':>9}"
        lines.append(f"  {name:32}{min(times):9.2f}{statistics.median(times):9.2f}"
                     f"{max(times):9.2f}{ratio}")
    return lines


def available_bytes():
    with open("/proc/meminfo", encoding="ascii") as info:
        return next(int(line.split()[1]) * 1024 for line in info if line.startswith("MemAvailable:"))


def compare_many(folder, counts, rounds, cpu):
    """A table for each count: medians, and the ratio of the switch to the first contestant's in its round."""
    present = [one for one in MANY if (folder / one[1][0]).is_file()]
    for count in counts:
        print(f"{count:,} at a time, in turn")
        if count * BYTES_EACH > available_bytes():
            print(f"  left out: it takes {count * BYTES_EACH / 1e9:.1f} GB, and "
                  f"{available_bytes() / 1e9:.1f} GB are available\n")
            continue
        results = []
        for number in range(rounds):
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
            # One command may serve several contestants, by different keys.
            said = {tuple(command): None for _, command, _ in present}
            for command in said:
                said[command] = run(folder, [*command, "--ncoros", str(count)], cpu)
            results.append(said)
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
        print(f"  {'':26}" + "".join(f"{key:>11}" for key in MANY_KEYS) + f"{'ratio':>9}")
        first = present[0]
        for name, command, prefix in present:
            def medians(key, command=command, prefix=prefix):
                values = [one[tuple(command)].get(prefix + key) for one in results]
                return None if None in values else statistics.median(values)
            cells = "".join(f"{'' if value is None else f'{value:.0f}' if 'ns' not in key else f'{value:.2f}':>11}"
                            for key in MANY_KEYS for value in [medians(key)])
            ratio = statistics.median(one[tuple(command)][prefix + "switch_ns"] /
                                      one[tuple(first[1])][first[2] + "switch_ns"] for one in results)
            print(f"  {name:26}{cells}{ratio:9.2f}")
        print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="where the programs are")
    parser.add_argument("--room", choices=ROOMS, default="coro")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)),
                        help="the processor to use; -1 for any")
    parser.add_argument("--ncoros", type=lambda text: [int(one) for one in text.split(",")],
                        help="counts, separated by commas: compare so many coroutines in turn instead")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")

    tables = ROOMS[arguments.room]
    wanted = dict.fromkeys(program for _, contestants in tables for _, program, _ in contestants)
    present = [program for program in wanted if (arguments.bin / program).is_file()]
    if not present:
        sys.exit(f"compare: no programs in {arguments.bin}; build the target pirn_benchmarks")
    cpu = None if arguments.cpu < 0 or arguments.room != "coro" else arguments.cpu  # threads need two
    if arguments.ncoros:
        compare_many(arguments.bin, arguments.ncoros, arguments.rounds, cpu)
        return 0
    results = run_rounds(arguments.bin, present, arguments.rounds, cpu)
    for title, contestants in tables:
        print("\n".join(table(title, contestants, results)), end="\n\n")
    if missing := [program for program in wanted if program not in present]:
        print("left out, being absent:", ", ".join(missing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
