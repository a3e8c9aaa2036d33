#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""documented.py STAGE WORK: does what docs/start.md says, in the folder WORK, with the pirn that is installed in STAGE:
compiles its first program by the documented command and starts it, and does the same with its server, which has to end
well at SIGTERM."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import docs  # noqa: E402 (it lies in tools/)


def commands(text):
    """The lines of the document that are typed, from the compiler on."""
    typed = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    first = next(number for number, line in enumerate(typed) if line.startswith("g++ "))
    return typed[first], typed[first + 1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port, seconds=20):
    """A connection to a server that may have to begin yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=seconds)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def main():
    stage, work = map(pathlib.Path, sys.argv[1:])
    shutil.rmtree(work, ignore_errors=True)
    (work / "home").mkdir(parents=True)
    (work / "home" / "pirn").symlink_to(stage)
    settings = {key: value for key, value in os.environ.items() if key not in ("LD_LIBRARY_PATH", "PKG_CONFIG_PATH")}
    settings["HOME"] = str(work / "home")

    document = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    compile_it, start_it = commands(document)
    compile_it = re.sub(r"^g\+\+", settings.get("CXX", "g++"), compile_it)
    blocks = [source for _, source in docs.programs(ROOT, ROOT / "docs" / "start.md")]

    (work / "first.cpp").write_text(blocks[0])
    subprocess.run(["sh", "-c", compile_it], cwd=work, env=settings, check=True)
    said = subprocess.run(["sh", "-c", start_it], cwd=work, env=settings, check=True, capture_output=True, text=True)
    assert said.stdout.split() == ["1", "2", "3", "42"], said
    libraries = subprocess.run(["ldd", work / "first"], env=settings, check=True, capture_output=True, text=True).stdout
    assert "libpirn.so" in libraries, libraries

    port = free_port()
    server = next(source for source in blocks if "tcp_listen" in source)
    (work / "first.cpp").write_text(server.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    subprocess.run(["sh", "-c", compile_it], cwd=work, env=settings, check=True)
    for ends in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen([work / "first"], stderr=subprocess.PIPE) as process:
            with connect(port) as client:
                client.sendall(b"hello")
                assert client.recv(5) == b"hello"
            process.send_signal(ends)
            errors = process.communicate(timeout=30)[1].decode()
            assert (process.returncode, errors) == (0, ""), (process.returncode, errors)


if __name__ == "__main__":
    main()
