#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the documents: a link must lead somewhere, a test that is named beside a link to its file must be
in it, and a whole program must compile and link.

    tools/docs.py                        the links and the names alone
    tools/docs.py --build build/release  the ```cpp blocks with a main() too, against that library

Blocks without a main() are excerpts and are left alone. A block that is wrong on purpose, or needs
what is not there yet, says so in its fence: ```cpp ignore. Links to other sites are not followed.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)")
FENCE = re.compile(r"^\s*(```+|~~~+)\s*(.*)$")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")


def documents(root):
    """The Markdown files that are ours: all but what the build made."""
    for path in sorted(root.rglob("*.md")):
        if path.relative_to(root).parts[0] not in ("build", ".git"):
            yield path


def split(text):
    """Yields ("prose", line number, line) and ("block", line number of its fence, (info, text))."""
    fence, info, start, body = None, "", 0, []
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if fence is None and match:
            fence, info, start, body = match[1], match[2], number, []
        elif fence is not None and match and match[1].startswith(fence) and not match[2]:
            yield "block", start, (info, "\n".join(body) + "\n")
            fence = None
        elif fence is not None:
            body.append(line)
        else:
            yield "prose", number, line
    if fence is not None:
        yield "block", start, (info, "\n".join(body) + "\n")


def anchors(path):
    """The names that headings get: lower case, spaces to dashes, other punctuation dropped."""
    found = set()
    for kind, _, line in split(path.read_text(encoding="utf-8")):
        if kind == "prose" and (match := HEADING.match(line)):
            words = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
            name, count = words, 0
            while name in found:
                count += 1
                name = f"{words}-{count}"
            found.add(name)
    return found


def broken_links(root, path):
    """Yields a finding for each local link that leads nowhere."""
    for kind, number, line in split(path.read_text(encoding="utf-8")):
        if kind != "prose":
            continue
        for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            link = match[1] or match[2]
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            where = f"{path.relative_to(root)}:{number}"
            if not target.exists():
                yield f"{where}: {link} does not exist; mend the link or write the file"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{where}: {link} names no heading of {name or path.name}"


def missing_tests(root, path):
    """Yields a finding for each test, `suite.a_sentence`, that is in none of the files linked on its line."""
    for kind, number, line in split(path.read_text(encoding="utf-8")):
        if kind != "prose":
            continue
        links = [path.parent / match[1] for match in LINK.finditer(line)
                 if match[1] and match[1].endswith(("_test.cpp", "_test.py"))]
        if not links:
            continue
        code = "\n".join(link.read_text(encoding="utf-8") for link in links if link.exists())
        for suite, name in re.findall(r"`(\w+)\.(\w+_\w+)`", line):
            if not re.search(rf"^(?:TYPED_)?TEST(_[FP])?\({suite},\s*{name}\)|^ *def test_{name}\(", code, re.M):
                yield (f"{path.relative_to(root)}:{number}: the files linked here have no test "
                       f"{suite}.{name}; say which one took its place")


def programs(root, path):
    """Yields (place, source) for each block that is a whole program."""
    for kind, number, content in split(path.read_text(encoding="utf-8")):
        if kind == "block" and content[0] == "cpp" and re.search(r"\bint\s+main\s*\(", content[1]):
            yield f"{path.relative_to(root)}:{number}", content[1]


def link_flags(build):
    """What a static link against the library of that build needs, as its pkg-config file says."""
    text = (build / "package" / "pirn.pc").read_text()
    fields = dict(re.findall(r"^([\w.]+):[ \t]*(.*)$", text, re.M))
    flags = [word for word in fields["Cflags"].split() if word.startswith("-D")]
    flags += [str(build / "libpirn.a"), "-pthread"]
    if needed := fields["Requires.private"]:
        done = subprocess.run(["pkg-config", "--libs", needed],
                              capture_output=True, text=True, check=True)
        flags += shlex.split(done.stdout)
    return flags


def does_not_compile(root, build, compiler, flags, place, source):
    """The finding about one program, or None."""
    # Beside the build, from where the way to the headers is the same in every clone.
    with tempfile.TemporaryDirectory(dir=build) as folder:
        file = pathlib.Path(folder, "block.cpp")
        file.write_text(source)
        # Two steps, so that a compiler cache can spare the first.
        cache = [found] if (found := shutil.which("ccache")) else []
        compile_it = [*cache, *compiler, "-std=c++20", "-Wall", "-Wextra", f"-I{root / 'include'}",
                      *(flag for flag in flags if flag.startswith("-D")), "-c", file.name]
        link_it = [*compiler, "block.o", *flags, "-o", "block"]
        for command in (compile_it, link_it):
            done = subprocess.run(command, cwd=folder, env=os.environ | {"CCACHE_BASEDIR": str(root)},
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                break
    if done.returncode == 0:
        return None
    return f"{place}: this program does not compile or link:\n{done.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=ROOT)
    parser.add_argument("--build", type=pathlib.Path, help="build folder with libpirn.a")
    parser.add_argument("--compiler", default="c++")
    arguments = parser.parse_args()
    root = arguments.root.resolve()

    paths = list(documents(root))
    found = [finding for path in paths for check in (broken_links, missing_tests)
             for finding in check(root, path)]
    if arguments.build:
        build = arguments.build.resolve()
        flags = link_flags(build)
        compiler = shlex.split(arguments.compiler)
        blocks = [block for path in paths for block in programs(root, path)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda b: does_not_compile(root, build, compiler, flags, *b), blocks)
            found += [finding for finding in results if finding]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
