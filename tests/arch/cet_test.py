#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hazard: 18. Control-flow enforcement (CET), judged by the objects, since few machines can run it. The library is
built as a distribution that enforces builds it, with -fcf-protection=full, and a small program against it.

    cet_test.py SOURCE BUILD COMPILER       SOURCE: the tree. BUILD: a folder for the build; kept, so that the next
                                            run is short. COMPILER: for C++
"""

import pathlib
import re
import subprocess
import sys

SKIPPED = 77
PROGRAM = """
#include <pirn/coro/coroutine.hpp>
int main() {
    pirn::coroutine<int> counts{[](auto& self) { self.yield(1); self.yield(2); }};
    int sum = 0;
    while (counts.resume()) { sum += counts.value(); }
    return sum == 3 ? 0 : 1;
}
"""


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{text}\nended with {done.returncode}")
    return text


def expect(condition, sentence):
    if not condition:
        sys.exit(f"cet_test: {sentence}")


def properties(path):
    """The CET properties that an object or a program carries."""
    found = set()
    for features in re.findall(r"x86 feature: (.*)", run("readelf", "-n", "--wide", path)):
        found |= set(features.replace(" ", "").split(","))
    return found


def instructions(path, function=None):
    text = run("objdump", "-d", "--no-show-raw-insn", *([f"--disassemble={function}"] if function else []), path)
    return [line.split("\t", 1)[1].strip() for line in text.splitlines() if re.match(r"\s+[0-9a-f]+:\t", line)]


def indirect_jumps_of_switches(path):
    """A switch goes through a register right after it has changed the stack and the frame pointer."""
    found = []
    code = instructions(path)
    for before, at in zip(code, code[1:]):
        if re.match(r"mov +(%r8|0x10\(%\w+\)),%rbp", before) and re.search(r"jmp +\*", at):
            found.append(at)
    return found


def check(source, build, compiler):
    run("cmake", "--fresh", "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}",
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-fcf-protection=full -O1", "-DPIRN_BUILD_TESTS=OFF",
        "-DPIRN_BUILD_EXAMPLES=OFF", "-DPIRN_BUILD_BENCHMARKS=OFF", "-DPIRN_WITH_URING=off", "-DPIRN_INSTALL=OFF", "-DPIRN_UNITY=all")
    run("cmake", "--build", build, "--parallel", "2", "--target", "pirn_static", "pirn_shared")
    build = pathlib.Path(build).resolve()
    archive, shared = build / "libpirn.a", build / "libpirn.so"

    # What the archive is made of; one by one, since readelf says nothing at all about one without notes.
    names = set(run("ar", "t", archive).split())
    objects = sorted(one for one in build.glob("src/**/*.o") if one.name in names)
    expect(len(objects) > 10, "the archive has few objects")
    for one in objects:
        carried = properties(one)
        expect("IBT" in carried, f"{one.name} does not carry IBT: branches of what it is linked into are not tracked")
        expect("SHSTK" not in carried, f"{one.name} carries SHSTK, which the switch does not support")

    main = build / "main.cpp"
    main.write_text(PROGRAM, encoding="ascii")
    for kind, library in (("static", [archive]), ("shared", [shared, f"-Wl,-rpath,{shared.parent}"])):
        program = build / f"program_{kind}"
        run(compiler, "-std=c++20", "-O2", "-fcf-protection=full", f"-I{source}/include", main, *library, "-pthread",
            "-o", program)
        run(program)
        jumps = indirect_jumps_of_switches(program)
        expect(len(jumps) >= 2, f"the switch is not recognised in {program.name}")
        for jump in jumps:
            expect(jump.startswith("notrack jmp"), f"a jump of the switch is tracked: {jump}")
    # The linker keeps the property if all objects have it, those of the C library's start included.
    expect("SHSTK" not in properties(shared), "libpirn.so carries SHSTK")

    begin = instructions(shared, "pirn_x86_64_begin")
    expect(begin[0] == "endbr64", f"pirn_x86_64_begin begins with {begin[0]}")
    expect(any(one.startswith("notrack jmp") for one in begin), "pirn_x86_64_begin jumps where jumps are tracked")
    room = [one for one in objects if "pirn_coro" in str(one)]
    expect(any(line.startswith("rdssp") for one in room for line in instructions(one)), "nobody looks for a shadow stack")
    print(f"{len(objects)} objects, {len(jumps)} jumps of the switch in the program")


if __name__ == "__main__":
    check(*sys.argv[1:])
