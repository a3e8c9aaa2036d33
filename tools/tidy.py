#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the rules of the house that no compiler checks. Each message says what to do about it.

    tools/tidy.py             every rule but the next, in about a second
    tools/tidy.py --headers   each public header compiles alone, and twice in a row

It reads text, not C++: a rule that would need a parser is left to clang-tidy. The rules are the
functions called rule_*; what they enforce stands in the tables right below, with the reasons.
"""

import argparse
import concurrent.futures
import hashlib
import itertools
import os
import pathlib
import re
import subprocess
import sys

import memory

# Which room may include which, besides itself (docs/architecture.md draws the floors).
# The coroutine wing (arch, stack, coro, sched) and the kernel wing (os, loop) meet only in runtime.
MAY_INCLUDE = {
    "base": "",
    "arch": "base",
    "os": "base",
    "stack": "base arch os",
    "coro": "base arch stack",
    "sched": "base os stack coro",
    "loop": "base os",
    "runtime": "base os stack coro sched loop",
    "scope": "base sched runtime",
    "sync": "base sched runtime scope",
    "io": "base os loop runtime scope sync",
    "net": "base os loop runtime scope sync io",
    "tls": "base runtime scope sync io net",
    "http": "base runtime scope sync io net tls",
    "ws": "base runtime scope sync io net http",
    "actor": "base runtime scope sync io net",
}
MAY_INCLUDE = {room: set(below.split()) for room, below in MAY_INCLUDE.items()}
# The top floor may look at everything below, and nobody looks up at it.
TOP_FLOOR = {"c", "bridge", "debug", "testing"}
MAY_INCLUDE |= {room: set(MAY_INCLUDE) for room in TOP_FLOOR}

# Macros that ask which platform this is, and the only places that may ask. Everywhere else the
# build picks a file instead, so that a reader sees one platform at a time.
PLATFORM_MACRO = re.compile(
    r"\b(__linux__|__linux|_WIN32|_WIN64|__APPLE__|__MACH__|__ANDROID__|__\w+BSD__|__unix__"
    r"|__CYGWIN__|__x86_64__|__i386__|__aarch64__|__arm__|__riscv\w*|__powerpc\w*|__s390x?__"
    r"|__wasm\w*|_M_X64|_M_IX86|_M_ARM64|__EMSCRIPTEN__|PIRN_OS_\w+|PIRN_CPU_\w+)\b")
PLATFORM_ALLOWED = re.compile(
    r"^(include/pirn|src|tests|bench)/(arch|os)/"
    r"|^include/pirn/base/config\.hpp$|^src/loop/select\.cpp$|^src/base/valgrind\.cpp$")

# The clock that people and daemons set. Deadlines are points of the monotonic one (docs/hazards.md, hazard 40).
WALL_CLOCK = re.compile(
    r"\b(system_clock|utc_clock|high_resolution_clock|CLOCK_REALTIME\w*|CLOCK_TAI|gettimeofday|timespec_get)\b"
    r"|\btime\((nullptr|NULL|0)\)")

# The rooms that wait on a loop tell the time as the loop does: its test_clock, or else the monotonic clock. What reads a
# clock of the machine there does not see that a test has moved the time (docs/loop.md, "A clock for tests").
TIME_OF_THE_LOOP = {"runtime", "scope", "sync", "io", "net", "tls", "http", "ws", "actor"} | TOP_FLOOR
MACHINE_CLOCK = re.compile(
    r"\b(steady_clock|file_clock|tai_clock|gps_clock|clock_gettime|CLOCK_\w+|timerfd_\w+|nanosleep|clock_nanosleep"
    r"|usleep|this_thread::sleep_\w+)\b|\bclock::now\b|\btime\(\s*&")

# Public headers that need no test file of their own, each with the reason. Neither do those whose
# head says NOT_API: parts of a noun, installed only because templates and inlining need them.
NOT_API = "This is not API."
NO_TEST_NEEDED = {
    "arch/x86_64_sysv": "arch/context_test.cpp runs the one contract against the chosen switch",
    "arch/ucontext": "the same",
    "base/config": "only macros; every build of every test exercises them",
    "base/export": "only macros; the package test links the shared library",
    "base/version": "only numbers; CMake reads them and the package test compares them",
}

UMBRELLA = "include/pirn/pirn.hpp"
LINES_MAX = 400
CPP = {".cpp", ".hpp", ".c", ".h"}
SCRIPTS = {".py", ".sh", ".cmake"}
SCRIPT_NAMES = {"CMakeLists.txt", "dev", "run"}
FOLDERS = ("include", "src", "tests", "bench", "examples", "fuzz", "cmake", "tools", ".ci")
TOP_FILES = ("CMakeLists.txt", "dev")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef)\b")


class File:
    """One file of the tree: its path from the root, its lines, and the room that it lives in."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        self.suffix = path.suffix
        parts = self.path.split("/")
        inner = []
        if parts[0] in ("include", "src"):
            inner = parts[2:] if parts[0] == "include" else parts[1:]
        self.room = inner[0] if len(inner) > 1 else None
        self.public = parts[0] == "include"

    def includes(self):
        """Yields (line number, kind of quote, what is named)."""
        for number, line in enumerate(self.lines, 1):
            if match := INCLUDE.match(line):
                yield number, match[1], match[2]


class Tree:
    """The files that the rules look at, and where their includes lead."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.files = {}
        for path in self.paths():
            self.files[path.relative_to(self.root).as_posix()] = File(self.root, path)

    def paths(self):
        for name in TOP_FILES:
            if (self.root / name).is_file():
                yield self.root / name
        for folder in FOLDERS:
            for where, subfolders, names in os.walk(self.root / folder):
                subfolders[:] = sorted(s for s in subfolders if s not in ("build", "__pycache__"))
                for name in sorted(names):
                    path = pathlib.Path(where, name)
                    if path.suffix in CPP | SCRIPTS or name in SCRIPT_NAMES:
                        yield path

    def cpp(self, *folders):
        return [f for f in self.files.values()
                if f.suffix in CPP and (not folders or f.path.split("/")[0] in folders)]

    def public_headers(self):
        return [f for f in self.cpp("include") if f.suffix == ".hpp"]

    def resolve(self, file, quote, name):
        """The path inside the tree that an include names, or None when it is somebody else's."""
        if quote == "<":
            return f"include/{name}" if name.startswith("pirn/") else None
        beside = os.path.normpath(os.path.join(os.path.dirname(file.path), name))
        for candidate in (beside, f"src/{name}", f"tests/{name}", f"include/{name}"):
            if candidate in self.files:
                return candidate
        return None


def rule_include_table(tree):
    """Includes only go down, and only where the table allows."""
    for file in tree.cpp("include", "src"):
        for number, quote, name in file.includes():
            target = tree.files.get(tree.resolve(file, quote, name) or "")
            if target is None:
                if quote == '"' or name.startswith("pirn/"):
                    yield file, number, (
                        f"{name} is not in the tree; mend the path, or use <> for a system header")
                continue
            if target.path == UMBRELLA:
                yield file, number, "the umbrella is for users; include by name what is needed"
            if file.public and not target.public:
                yield file, number, (
                    f"{target.path} is private and not installed; "
                    f"move what is needed into include/pirn/{file.room}/")
            elif target.public and quote == '"':
                yield file, number, (
                    f"public headers are included as <{target.path.removeprefix('include/')}>; "
                    f"quotes would search the user's folders first")
            if file.room is None or target.room in (None, file.room):
                continue
            allowed = MAY_INCLUDE.get(file.room)
            if allowed is None:
                yield file, number, (
                    f"room {file.room} is not in MAY_INCLUDE of tools/tidy.py; "
                    f"add it there and to docs/architecture.md")
            elif target.room not in allowed:
                yield file, number, (
                    f"{file.room} may not include {target.room}, "
                    f"only {', '.join(sorted(allowed)) or 'nothing'}; move the code to a room that "
                    f"may, or let the room above hand it down as a function pointer")


def rule_no_cycles(tree):
    """Headers do not include each other in a circle."""
    done, path = set(), []

    def visit(file):
        if file.path in path:
            circle = path[path.index(file.path):] + [file.path]
            yield file, 1, (
                f"include cycle {' -> '.join(circle)}; "
                f"forward declare, or split off what both need")
            return
        if file.path in done:
            return
        path.append(file.path)
        for _, quote, name in file.includes():
            if target := tree.files.get(tree.resolve(file, quote, name) or ""):
                yield from visit(target)
        path.pop()
        done.add(file.path)

    for file in tree.cpp():
        yield from visit(file)


def rule_platform(tree):
    """Only a few files may ask which platform this is."""
    for file in tree.cpp():
        if PLATFORM_ALLOWED.search(file.path):
            continue
        for number, line in enumerate(file.lines, 1):
            if CONDITION.match(line) and (macro := PLATFORM_MACRO.search(line)):
                yield file, number, (
                    f"{macro[0]} is asked outside base/config.hpp, arch/, os/ and loop/select.cpp; "
                    f"put the difference into a file of its own and let CMake pick it")


def rule_wall_clock(tree):
    """The library reads the monotonic clock and no other."""
    for file in tree.cpp("include", "src"):
        for number, line in enumerate(file.lines, 1):
            if clock := WALL_CLOCK.search(line.split("//")[0]):
                yield file, number, (f"{clock[0]} may be set while we wait; use pirn::clock, "
                                     f"or pirn::now() where tests have a clock of their own")


def rule_time_of_the_loop(tree):
    """Above the loop there is one clock: that of the loop."""
    for file in tree.cpp("include", "src"):
        if file.room not in TIME_OF_THE_LOOP:
            continue
        for number, line in enumerate(file.lines, 1):
            code = line.split("//")[0]
            if (clock := MACHINE_CLOCK.search(code)) and not WALL_CLOCK.search(code):
                yield file, number, (f"{clock[0]} is a clock of the machine, and a loop may go by a test_clock; "
                                     f"ask pirn::now() or pirn::after(), and wait with pirn::sleep_until")


def rule_tests(tree):
    """Each public noun has a test."""
    for file in tree.public_headers():
        noun = file.path.removeprefix("include/pirn/").removesuffix(".hpp")
        test = f"tests/{noun}_test.cpp"
        head = itertools.takewhile(lambda line: line.startswith("//"), file.lines)
        if not file.room or noun in NO_TEST_NEEDED or any(NOT_API in line for line in head):
            continue
        if test not in tree.files:
            yield file, 1, (
                f"{noun} has no test; write {test}, or give a reason in NO_TEST_NEEDED of "
                f"tools/tidy.py, or say in the head why it is installed although '{NOT_API}'")


def rule_listed(tree):
    """Each file of a room is named in its CMakeLists.txt; a source that is not is never built."""
    for file in tree.cpp("include", "src", "tests", "bench"):
        if file.public and file.room:
            folder, name = f"src/{file.room}", file.path.removeprefix(f"include/pirn/{file.room}/")
        elif file.suffix in (".cpp", ".c"):
            folder = os.path.dirname(file.path)
            while f"{folder}/CMakeLists.txt" not in tree.files and "/" in folder:
                folder = os.path.dirname(folder)
            name = os.path.relpath(file.path, folder)
        else:
            continue  # private headers are found by who includes them
        lists = tree.files.get(f"{folder}/CMakeLists.txt")
        words = set() if lists is None else set(re.findall(r"[\w./+-]+", "\n".join(lists.lines)))
        if name not in words:
            yield file, 1, f"{name} is not named in {folder}/CMakeLists.txt; list it there"


def rule_head(tree):
    """The first line is the licence, and then the file says what it is."""
    for file in tree.files.values():
        mark = "//" if file.suffix in CPP else "#"
        lines = [line for line in file.lines if line.strip()]
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        if not lines or lines[0] != f"{mark} SPDX-License-Identifier: MIT":
            yield file, 1, f'the first line must be "{mark} SPDX-License-Identifier: MIT"'
            continue
        opening = ("//", "/*") if file.suffix in CPP else ("#", '"""')
        if len(lines) < 2 or not lines[1].startswith(opening):
            yield file, 2, "say below the licence line what this file is, and what it is not"


def rule_shape(tree):
    """Length, guards, and who includes whom by kind of file."""
    for file in tree.files.values():
        if len(file.lines) > LINES_MAX:
            yield file, len(file.lines), (
                f"{len(file.lines)} lines, at most {LINES_MAX}; split it by responsibility")
    for file in tree.cpp():
        if file.suffix == ".hpp":
            if "#pragma once" not in file.lines:
                yield file, 1, "a header needs #pragma once"
            for number, _, name in file.includes():
                if name.endswith((".cpp", ".ipp")):
                    yield file, number, (
                        f"a header includes {name}; "
                        f"put templates at the bottom of the header, the rest into a .cpp")
        if file.public:
            for number, line in enumerate(file.lines, 1):
                if re.match(r"\s*using\s+namespace\b", line):
                    yield file, number, (
                        "using namespace in a public header lands in every user's file; "
                        "write the names out")


def rule_duplicate_includes(tree):
    """clang-tidy knows this rule too, but is given several files as one."""
    for file in tree.files.values():
        first = {}
        for number, quote, name in file.includes():
            if (quote, name) in first:
                yield file, number, f"{name} is included in line {first[quote, name]} already; take this one out"
            first.setdefault((quote, name), number)


RULES = [rule_include_table, rule_duplicate_includes, rule_no_cycles, rule_platform, rule_wall_clock,
         rule_time_of_the_loop, rule_tests, rule_listed, rule_head, rule_shape]


def findings(tree):
    """All findings of all rules, as sorted lines."""
    return sorted(f"{file.path}:{number}: {text}"
                  for rule in RULES for file, number, text in rule(tree))


def closure(tree, file, seen=None):
    """The file and everything in the tree that it includes, directly or not."""
    seen = {} if seen is None else seen
    if file.path not in seen:
        seen[file.path] = file
        for _, quote, name in file.includes():
            if target := tree.files.get(tree.resolve(file, quote, name) or ""):
                closure(tree, target, seen)
    return seen


def check_headers(tree, compiler):
    """Compiles each public header alone, and all together; remembers by content what was good."""
    good = memory.Memory("headers")
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=True).stdout

    def check(files):
        parts = sorted({path: part for file in files for path, part in closure(tree, file).items()}.items())
        text = "\n".join([version, *compiler, *(line for _, part in parts for line in part.lines)])
        key = hashlib.sha256(text.encode()).hexdigest()
        if key in good:
            return key, None
        # Twice, so that a missing guard shows too.
        source = "".join(f"#include <{file.path.removeprefix('include/')}>\n" for file in files) * 2
        command = [*compiler, "-std=c++20", "-fsyntax-only", f"-I{tree.root / 'include'}",
                   "-x", "c++", "-"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        return key, done.stderr if done.returncode else None

    headers = tree.public_headers()
    # A name that two headers give to two things shows only where both are included. Of arch a user sees one ABI.
    together = [file for file in headers if not file.path.startswith("include/pirn/arch/")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, [together, *([file] for file in headers)]))
    good.add(key for key, error in results if error is None)
    alone = [f"{file.path}:1: does not compile alone; include what it uses:\n{error}"
             for file, (_, error) in zip(headers, results[1:]) if error is not None]
    if results[0][1] is not None and not alone:
        return [f"include/pirn:1: its headers do not compile together; give each thing its own name:\n{results[0][1]}"]
    return alone


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--headers", action="store_true", help="compile each public header alone")
    parser.add_argument("--compiler", default="c++", help="compiler and flags for --headers")
    arguments = parser.parse_args()

    tree = Tree(arguments.root)
    if arguments.headers:
        found = check_headers(tree, arguments.compiler.split())
    else:
        found = findings(tree)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
