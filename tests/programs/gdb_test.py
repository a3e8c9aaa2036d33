# SPDX-License-Identifier: MIT
"""hazard: 8. What gdb shows of a program with coroutines (waiting.cpp): of a running process and of a core file, with
the library's commands and with plain `backtrace`."""

import os
import re
import resource
import subprocess
import tempfile

import harness
from harness import about

ON_SOURCES = ["on mapped", "on pooled", "on fixed", "on slab", "on small", "on the default"]
LOST = ["corrupt stack", "previous frame", "Backtrace stopped", "Python Exception", "Traceback"]


class GdbTest(harness.ProgramTest):
    def gdb(self, *commands, target):
        """What gdb says to the commands, of a process (its number) or of a core file (its path)."""
        arguments = [self.need("gdb", "gdb"), "--batch", "--nx", "-iex", "set debuginfod enabled off"]
        if isinstance(target, int):
            arguments += ["-p", str(target)]
        arguments += ["-ex", f"source {harness.setting('PIRN_TEST_GDB_SCRIPT')}"]
        for command in commands:
            arguments += ["-ex", command]
        if isinstance(target, str):
            arguments += [harness.setting("PIRN_TEST_PROGRAM"), target]
        said = self.run_tool(*arguments)
        text, errors = said.stdout.decode(), said.stderr.decode()
        if re.search(r"ptrace: |Operation not permitted|No Python|scripting in the .Python.", errors):
            self.skipTest(f"gdb may not look into a process here, or has no Python: {errors.strip()}")
        for words in LOST:
            self.assertNotIn(words, text + errors)
        return text + errors

    def waiting(self):
        """The process, when it waits."""
        process = self.start(harness.setting("PIRN_TEST_PROGRAM"), stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process.pid

    def core(self):
        """The core file of a process that has aborted where the other one waits."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
        process = self.run_tool(
            harness.setting("PIRN_TEST_PROGRAM"), "abort", cwd=folder.name,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (limit, limit)))
        self.assertEqual(process.returncode, -6)
        found = [name for name in os.listdir(folder.name) if name.startswith("core")]
        if not found:
            with open("/proc/sys/kernel/core_pattern", encoding="ascii") as pattern:
                self.skipTest(f"core files go elsewhere here: {pattern.read().strip()}")
        return os.path.join(folder.name, found[0])

    def need_assembly(self):
        if harness.setting("PIRN_TEST_CONTEXT") != "x86_64_sysv":
            self.skipTest("the script walks stacks of the switch for x86-64 only")

    def target(self):
        self.need("gdb", "gdb")
        return self.core() if self.way == "core" else self.waiting()

    @about(ways=("process", "core"), seconds=60)
    def test_lists_every_coroutine_of_every_source(self):
        self.need_assembly()
        text = self.gdb("pirn coroutines", target=self.target())
        rows = [re.split(r"  +", line) for line in text.splitlines() if re.match(r"\d+ +", line)]
        seen = {row[1]: row for row in rows}
        for name in ON_SOURCES:
            _, _, status, created, size, place = seen[name]
            self.assertEqual(status, "suspended")
            self.assertRegex(created, r"^waiting\.cpp:\d+$")
            self.assertGreaterEqual(int(size), 4096)
            self.assertRegex(place, r"ties_a_knot.* waiting\.cpp:\d+$")
        self.assertEqual(seen["not started"][2], "start")
        self.assertEqual(seen["running"][2], "active")
        self.assertEqual(seen["from within"][2], "suspended")
        self.assertEqual(seen["inner"][2], "active")
        self.assertEqual(seen["a task"][2], "suspended")
        self.assertIn("-", seen)  # the task without a name
        self.assertEqual(len(rows), len(ON_SOURCES) + 6, text)

    @about(ways=("process", "core"), seconds=60)
    def test_shows_the_stack_of_each_to_its_end(self):
        self.need_assembly()
        text = self.gdb("pirn backtrace all", target=self.target())
        parts = dict(re.findall(r'^\d+: "([^"]+)", .*:\n((?:[#(-].*\n)*)', text, re.MULTILINE))
        for name in ON_SOURCES:
            self.assertRegex(parts[name], r"(?s)#0 .*ties_a_knot.*winds.*winds.*winds.*"
                                          r"winds.*pirn::detail::entry.*pirn_x86_64_begin")
            self.assertEqual(parts[name].count("::winds ("), 4, parts[name])
            self.assertRegex(parts[name].splitlines()[-1], r"^#\d+ .*pirn_x86_64_begin")
            numbers = [int(number) for number in re.findall(r"^#(\d+)", parts[name], re.MULTILINE)]
            self.assertEqual(numbers, list(range(len(numbers))))
        self.assertRegex(parts["from within"], r"(?s)ties_a_knot.*winds.*winds.*pirn_x86_64_begin.*"
                                               r'--- resumed by "from within" ---.*is_resumed_within.*'
                                               r"pirn_x86_64_begin")
        self.assertRegex(parts["running"], r"(?s)runs on thread 1.*stays_here.*pirn_x86_64_begin")
        self.assertRegex(parts["inner"], r'(?s)"from within" was suspended from within it.*ties_a_knot')
        self.assertIn("has not started", parts["not started"])

    @about(seconds=60)
    def test_finds_one_by_number_by_name_and_by_expression(self):
        self.need_assembly()
        pid = self.waiting()
        one = self.gdb('pirn backtrace "on slab"', target=pid)
        self.assertEqual(one.count("ties_a_knot"), 1)
        number = re.search(r"^(\d+): ", one, re.MULTILINE)[1]
        again = self.gdb(f"pirn backtrace {number}", target=pid)
        self.assertIn('"on slab"', again)
        # The caller's memory is in no table; but its owner has a name.
        text = self.gdb("up-silently", "pirn backtrace *of_the_caller", target=pid)
        self.assertRegex(text, r"(?s)on the caller's.*ties_a_knot.*pirn_x86_64_begin")
        self.assertNotIn("on the caller's", self.gdb("pirn coroutines", target=pid))
        self.assertIn("no coroutine", self.gdb("pirn backtrace nobody", target=pid))
        self.assertIn("no coroutine 99", self.gdb("pirn backtrace 99", target=pid))

    @about(seconds=60)
    def test_shows_the_memory_of_the_stacks(self):
        text = self.gdb("pirn stacks", target=self.waiting())
        rows = [line.split() for line in text.splitlines() if line.startswith("0x")]
        slab = next(row for row in rows if row[4] == "1000000")
        self.assertEqual(slab[2:4], ["16384", "4096"])
        self.assertEqual(slab[5:], ["3", "2"])  # one more was lent and came back
        self.assertTrue(any(row[2:5] == ["16384", "0", "4"] for row in rows), text)

    @about(seconds=60)
    def test_leaves_registers_and_frames_as_they_were(self):
        self.need_assembly()
        text = self.gdb("info registers", "echo ==\\n", "pirn backtrace all", "pirn coroutines", "echo ==\\n",
                        "info registers", "backtrace", target=self.waiting())
        before, _, after = text.split("==\n")
        registers = re.findall(r"^r\w+ .*$", before, re.MULTILINE)
        self.assertGreater(len(registers), 10)
        for line in registers:
            self.assertIn(line, after)
        self.assertIn("stays_here", after)
        self.assertNotIn("ties_a_knot", after)

    @about(ways=("process", "core"), seconds=60)
    def test_ends_a_plain_backtrace_at_the_first_function(self):
        text = self.gdb("backtrace", target=self.target())
        frames = [line for line in text.splitlines() if line.startswith("#")]
        self.assertTrue(any("stays_here" in line for line in frames), text)
        if harness.setting("PIRN_TEST_CONTEXT") == "x86_64_sysv":
            self.assertIn("pirn_x86_64_begin", frames[-1])
        self.assertNotIn("resumes_the_runner (", text)  # it does not go on to the resumer

    @about(seconds=30)
    def test_says_what_is_missing(self):
        gdb = self.need("gdb", "gdb")
        script = harness.setting("PIRN_TEST_GDB_SCRIPT")
        said = self.run_tool(gdb, "--batch", "--nx", "-ex", f"source {script}", "-ex", "pirn coroutines", "/bin/true")
        self.assertIn(b"there is no pirn in this program", said.stdout + said.stderr)


if __name__ == "__main__":
    raise SystemExit(harness.main())
