# SPDX-License-Identifier: MIT
"""A server under test: started, watched from outside through /proc, asked to stop, and held to its word.

The *ways* to run it, each of which must look the same to its clients:

    uring, epoll           by PIRN_BACKEND
    refused-EPERM, -ENOSYS PIRN_BACKEND=uring where the kernel refuses io_uring, as containers do
    uring-2, epoll-2       with --threads 2
"""

import ctypes
import errno
import os
import re
import resource
import select
import signal
import subprocess
import threading
import time

from harness import PATIENCE, end, setting, wait_until

BACKENDS = ("uring", "epoll")
REFUSED = ("refused-EPERM", "refused-ENOSYS")
THREADED = ("uring-2", "epoll-2")
EVERY_WAY = BACKENDS + REFUSED + THREADED

READY = re.compile(rb"listening on 127\.0\.0\.1:([0-9]+)\n")
ACCOUNT = b"LIVE coroutines=0 operations=0 descriptors=0 timers=0\n"
PATIENCE_S = 10 * PATIENCE  # a clean exit takes milliseconds; this bounds it on a busy machine

# ThreadSanitizer keeps a signal back for the fiber in which it arrived, and loses it with a coroutine that ends
# (docs/debugging.md). Only there is a signal sent again.
LOSES_SIGNALS = "thread" in os.environ.get("PIRN_TEST_SANITIZE", "")

SYS_IO_URING_SETUP = 425  # the same number on every architecture


class Server:
    """A running server. Make it with start_server, which ends it with the test."""

    def __init__(self, command, environment, **more):
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        self.pid = self.process.pid  # under strace its child's, see start_server
        self.port = None
        self.at_first = []  # its descriptors before the first client
        self.repeats = None  # the thread that sends a signal again

    def wait_for_ready(self):
        """Reads the line that says where it listens."""
        line = b""
        deadline = time.monotonic() + PATIENCE_S
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left < 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"the server is not ready after {PATIENCE_S} s")
            piece = os.read(self.process.stdout.fileno(), 1)
            if not piece:
                raise AssertionError(f"the server ended: {self.process.communicate()}")
            line += piece
        ready = READY.fullmatch(line)
        assert ready, f"the first line is {line!r}"
        self.port = int(ready[1])

    def kill(self, number):
        os.kill(self.pid, number)
        if LOSES_SIGNALS and self.repeats is None:
            self.repeats = threading.Thread(target=self.kill_again, args=(number,), daemon=True)
            self.repeats.start()

    def kill_again(self, number):
        """Sends the signal each second until the server has ended, while the test goes on."""
        while True:
            time.sleep(1)
            if self.process.poll() is not None:
                return
            os.kill(self.pid, number)

    def output(self, seconds=PATIENCE_S):
        """Waits for its end. What it has printed, and its complaints."""
        try:
            return self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server has not ended after {seconds} s") from None

    def wait(self, seconds=PATIENCE_S):
        """Waits for its end and holds it to its word: exit code 0, the empty account, no complaint."""
        output, errors = self.output(seconds)
        code = self.process.returncode
        assert code == 0, f"exit code {code}, output {output!r}, errors {errors!r}"
        assert output == ACCOUNT, f"the last words are {output!r}"
        assert not errors, f"it complained: {errors!r}"

    def stop(self, seconds=PATIENCE_S):
        """What whoever runs a server does to end it."""
        self.kill(signal.SIGTERM)
        self.wait(seconds)

    def stop_after_everybody_left(self):
        """The end of most tests: its descriptors are those that it began with, and it stops."""
        wait_until(lambda: sorted(self.descriptors()) == self.at_first,
                   what=f"{self.at_first}, the descriptors of the beginning,")
        self.stop()

    # What can be seen from outside.

    def descriptors(self):
        """What its open descriptors are, as a list of names such as 'socket:[4711]'."""
        names = []
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                names.append(os.readlink(f"/proc/{self.pid}/fd/{number}"))
            except FileNotFoundError:
                pass  # closed in between
        return names

    def note_descriptors(self):
        """Before the first client: none of those that it has now is a connection."""
        self.at_first = sorted(self.descriptors())

    def connections(self):
        """How many it has accepted and not closed."""
        return len(self.descriptors()) - len(self.at_first)

    def wait_for_connections(self, count, seconds=PATIENCE_S):
        try:
            wait_until(lambda: self.connections() == count, seconds, f"{count} open connections")
        except AssertionError as failed:
            raise AssertionError(f"{failed}; at first it had {self.at_first}, now {sorted(self.descriptors())}") from None

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"^VmRSS:\s+(\d+) kB", status.read(), re.MULTILINE)[1])

    def cpu_seconds(self):
        """What it has used of processor time, as user and in the kernel, all threads together."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_server(test, *options, way=None, port=0, through=(), inject=None, program="TCP_ECHO"):
    """Starts a server in the test's way, `through` a command such as prlimit, with errors that strace is
    to inject, and waits until it is ready. It is gone when the test has ended, in any case."""
    way = test.way if way is None else way
    backend, _, detail = way.strip("-").partition("-")
    environment = dict(os.environ)
    environment.pop("PIRN_BACKEND", None)
    if backend:
        environment["PIRN_BACKEND"] = "epoll" if backend == "epoll" else "uring"
    if backend == "uring" and (reason := why_no_uring()):
        test.skipTest(reason)
    threads = ("--threads", detail) if backend in BACKENDS and detail else ()
    command = [*through, setting(f"PIRN_TEST_{program}"), "--port", str(port), *threads, *options]

    if backend == "refused":
        inject = f"io_uring_setup:error={detail}"
    if inject:
        server = start_traced(test, command, environment, inject)
    else:
        server = Server(command, environment)
        test.addCleanup(end, server.process)
    server.wait_for_ready()
    server.note_descriptors()
    check_backend(server, "uring" if backend == "uring" else "epoll" if backend else None)
    check_threads(server, int(detail) if threads else 1)
    return server


def start_traced(test, command, environment, inject):
    """Under strace, which tells nobody the process id of what it starts: a shell tells us its own, and
    then becomes the program. Signals go to the program, so that strace sees it through to the end."""
    if os.environ.get("PIRN_TEST_SANITIZE"):
        test.skipTest("strace and the sanitizers get into each other's way: both trace")
    strace = test.strace(inject)
    told, tell = os.pipe()
    try:
        server = Server([*strace, "sh", "-c", f'echo $$ >&{tell}; exec "$@"', "sh", *command],
                        environment, pass_fds=[tell])
    finally:
        os.close(tell)
    test.addCleanup(end, server.process)
    with os.fdopen(told, "rb") as line:
        pid = line.readline() if select.select([line], [], [], PATIENCE_S)[0] else b""
    if not pid:
        test.skipTest(f"strace cannot trace here: {server.process.communicate()[1].decode()}")
    server.pid = int(pid)
    test.addCleanup(kill_if_there, server)
    return server


def kill_if_there(server):
    """Ends the program under strace; it is still ours as long as strace has not ended."""
    if server.process.poll() is None:
        server.kill(signal.SIGKILL)


def check_backend(server, expected):
    """A test of a backend that runs on another one would be worth nothing: look at what it has open."""
    names = server.descriptors()
    found = "uring" if "anon_inode:[io_uring]" in names else "epoll"
    assert expected in (None, found), f"the server runs on {found}, not on {expected}: {names}"


def check_threads(server, least):
    """Not exactly so many: the kernel adds workers of io_uring, and sanitizers add their own."""
    found = len(os.listdir(f"/proc/{server.pid}/task"))
    assert found >= least, f"the server runs on {found} threads, not on {least}"


def why_no_uring():
    """Why io_uring cannot be had here, or None. Asking with bad arguments is enough to be refused."""
    if setting("PIRN_TEST_HAVE_URING") != "1":
        return "pirn was built without io_uring"
    release = os.uname().release
    if tuple(map(int, re.findall(r"[0-9]+", release)[:2])) < (5, 13):
        return f"pirn uses io_uring from Linux 5.13 on, and this is {release}"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(SYS_IO_URING_SETUP, 0, None)
    if ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
        return "this kernel, or this container, refuses io_uring"
    return None


def need_descriptors(test, count):
    """Raises this process's limit, which the server inherits, or skips the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        test.skipTest(f"RLIMIT_NOFILE is {hard}, and this needs {count}")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def need_backlog(test, count):
    """Skips the test where the kernel does not let so many connections wait for an accept."""
    with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
        if (most := int(file.read())) < count:
            test.skipTest(f"net.core.somaxconn is {most}, and this needs {count}")
