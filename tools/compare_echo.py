#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs echo servers in turns under the same load, and prints what a request costs each, with ratios to the floors.

    tools/compare_echo.py --bin build/release/bin [--connections 1,64,1000] [--rounds 3] [--seconds 1.0]
    tools/compare_echo.py --bin build/release/bin --idle 18000

The second form opens connections that each have one message echoed and then stay idle, and prints how many resident
bytes a server has more for each than before the first; the kernel's own memory is not in it.

The server has one processor, the load the other. What ranks a server is its own processor time for a request: the
rate says as much about the load, which is busier than most servers. A ratio is taken within its round, to the server
written by hand on the same interface of the kernel.
"""

import argparse
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import time

# A title, the command, its environment, and whose floor it is measured against.
SERVERS = [
    ("floor: epoll by hand", ["rival_echo_epoll"], {}, "rival_echo_epoll"),
    ("pirn loop, epoll", ["rival_echo_loop"], {"PIRN_BACKEND": "epoll"}, "rival_echo_epoll"),
    ("pirn tcp_echo, epoll", ["tcp_echo"], {"PIRN_BACKEND": "epoll"}, "rival_echo_epoll"),
    ("libuv", ["rival_echo_uv"], {}, "rival_echo_epoll"),
    ("Boost.Asio", ["rival_echo_asio"], {}, "rival_echo_epoll"),
    ("Go", ["rival_echo_go"], {"GOMAXPROCS": "1"}, "rival_echo_epoll"),
    ("floor: io_uring by hand", ["rival_echo_uring"], {}, "rival_echo_uring"),
    ("pirn loop, io_uring", ["rival_echo_loop"], {"PIRN_BACKEND": "uring"}, "rival_echo_uring"),
    ("pirn tcp_echo, io_uring", ["tcp_echo"], {"PIRN_BACKEND": "uring"}, "rival_echo_uring"),
]


def cpu_nanoseconds(pid):
    """Processor time that all threads of a process have used."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as stat:
            total += int(stat.read().split()[0])
    return total


def measure(folder, command, environment, connections, seconds, cpus):
    """One server under load: the numbers of the load, and cpu_us for each request."""
    pin = lambda cpu: (lambda: os.sched_setaffinity(0, {cpu}))
    server = subprocess.Popen([str(folder / command[0]), *command[1:]], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, **environment}, preexec_fn=pin(cpus[0]))
    try:
        line = server.stdout.readline()
        if not line.startswith("listening on "):
            return None
        port = line.rsplit(":", 1)[1].strip()
        load = subprocess.Popen([str(folder / "echo_load"), port, str(connections), str(seconds)],
                                stdout=subprocess.PIPE, text=True, preexec_fn=pin(cpus[1]))
        if load.stdout.readline() != "warm\n":
            sys.exit(f"compare_echo: the load failed on {command[0]}")
        before = cpu_nanoseconds(server.pid)
        # Its numbers come when the counting has ended; reading them waits.
        first = load.stdout.readline()
        used = cpu_nanoseconds(server.pid) - before
        said = dict(line.split() for line in [first, *load.communicate()[0].splitlines()])
    finally:
        server.kill()
        server.wait()
    numbers = {key: float(value) for key, value in said.items()}
    numbers["cpu_us"] = used / 1000 / numbers["requests"]
    return numbers


def resident(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("Rss:"))


def measure_idle(folder, command, environment, connections):
    """Resident bytes that a server has for each connection that waits; None when it refuses to start."""
    server = subprocess.Popen([str(folder / command[0]), *command[1:]], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, **environment})
    clients = []
    try:
        line = server.stdout.readline()
        if not line.startswith("listening on "):
            return None
        address = ("127.0.0.1", int(line.rsplit(":", 1)[1]))
        before = None
        for number in range(connections + 100):
            if number == 100:  # what is only needed once is there by now
                before = resident(server.pid)
            client = socket.create_connection(address)
            clients.append(client)
            client.sendall(bytes(64))
            if len(client.recv(64, socket.MSG_WAITALL)) != 64:
                sys.exit(f"compare_echo: {command[0]} did not answer connection {number}")
        time.sleep(0.5)  # a collector of garbage may have its time
        return (resident(server.pid) - before) / connections
    finally:
        for client in clients:
            client.close()
        server.kill()
        server.wait()


def compare_idle(folder, connections):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < connections + 200:
        sys.exit(f"compare_echo: {connections} connections need as many descriptors, and {most} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (connections + 200, most))  # the servers inherit it
    print(f"{connections:,} idle connections, resident bytes each")
    for name, command, environment, _ in SERVERS:
        if (folder / command[0]).is_file():
            each = measure_idle(folder, command, environment, connections)
            print(f"  {name:26}" + ("refused" if each is None else f"{each:9.0f}"), flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="where the programs are")
    parser.add_argument("--connections", default="1,64,1000",
                        type=lambda text: [int(one) for one in text.split(",")])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of load for each server and round")
    parser.add_argument("--idle", type=int, metavar="N", help="measure N idle connections, and no load")
    arguments = parser.parse_args()
    if arguments.idle is not None:
        return compare_idle(arguments.bin, arguments.idle)
    cpus = sorted(os.sched_getaffinity(0))
    cpus = (cpus[0], cpus[-1])
    present = [one for one in SERVERS if (arguments.bin / one[1][0]).is_file()]
    for connections in arguments.connections:
        rounds = []
        for number in range(arguments.rounds):
            print(f"\rround {number + 1} of {arguments.rounds}", end="", file=sys.stderr, flush=True)
            rounds.append([measure(arguments.bin, command, environment, connections, arguments.seconds, cpus)
                           for _, command, environment, _ in present])
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
        print(f"{connections:,} connection{'s' if connections > 1 else ''}, 64 bytes")
        print(f"  {'':26}{'cpu µs':>9}{'ratio':>8}{'(from':>8}{'to)':>8}{'rate':>10}{'p50 µs':>9}{'p99 µs':>9}")
        for place, (name, command, _, floor) in enumerate(present):
            results = [one[place] for one in rounds if one[place]]
            if not results:
                print(f"  {name:26} refused")
                continue
            median = {key: statistics.median(one[key] for one in results) for key in results[0]}
            floor_at = next((i for i, one in enumerate(present) if one[1] == [floor]), None)
            ratios = [one[place]["cpu_us"] / one[floor_at]["cpu_us"] for one in rounds
                      if floor_at is not None and one[place] and one[floor_at]]
            ratio = f"{statistics.median(ratios):8.2f}{min(ratios):8.2f}{max(ratios):8.2f}" if ratios else " " * 24
            print(f"  {name:26}{median['cpu_us']:9.2f}{ratio}{median['rate']:10.0f}"
                  f"{median['p50_us']:9.1f}{median['p99_us']:9.1f}")
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
