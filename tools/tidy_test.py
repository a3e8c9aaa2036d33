#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of tidy.py: small trees in a temporary folder show each rule passing and firing."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import tidy

HEAD = "// SPDX-License-Identifier: MIT\n// A file of the test.\n"
HEADER = HEAD + "#pragma once\n"
LIST = "# SPDX-License-Identifier: MIT\n# The files of a room.\n"


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def public(self, noun, body=""):
        """A public header with all that it needs, so that only the body can be at fault."""
        room, name = noun.split("/")
        self.write(f"include/pirn/{noun}.hpp", HEADER + body)
        self.write(f"tests/{noun}_test.cpp", HEAD)
        for folder, line in ((f"src/{room}", f"{name}.hpp"), (f"tests/{room}", f"{name}_test.cpp")):
            self.list(folder, line)

    def private(self, path, body=""):
        """A source or private header that its room's list knows."""
        self.write(f"src/{path}", (HEADER if path.endswith(".hpp") else HEAD) + body)
        room, name = path.split("/", 1)
        self.list(f"src/{room}", name)

    def list(self, folder, line):
        path = self.root / folder / "CMakeLists.txt"
        before = path.read_text() if path.exists() else LIST
        self.write(f"{folder}/CMakeLists.txt", before + line + "\n")

    def assert_clean(self):
        self.assertEqual(tidy.findings(tidy.Tree(self.root)), [])

    def assert_finding(self, place, *words):
        """Exactly one finding, at the place, saying the words."""
        found = tidy.findings(tidy.Tree(self.root))
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(place + ": "), found[0])
        for word in words:
            self.assertIn(word, found[0])

    # The include table.

    def test_a_room_may_include_the_rooms_below_it(self):
        self.public("base/bytes")
        self.public("os/memory", "#include <pirn/base/bytes.hpp>\n#include <vector>\n")
        self.private("loop/epoll.cpp", "#include <pirn/os/memory.hpp>\n")
        self.assert_clean()

    def test_a_room_may_not_include_a_room_above_it(self):
        self.public("coro/coroutine")
        self.public("base/bytes", "#include <pirn/coro/coroutine.hpp>\n")
        self.assert_finding("include/pirn/base/bytes.hpp:4", "base may not include coro", "nothing")

    def test_the_two_wings_do_not_see_each_other(self):
        self.private("loop/backend.hpp")
        self.private("sched/worker.cpp", '#include "loop/backend.hpp"\n')
        self.assert_finding("src/sched/worker.cpp:3", "sched may not include loop")

    def test_runtime_sees_both_wings(self):
        self.public("sched/task")
        self.public("loop/loop")
        both = "#include <pirn/sched/task.hpp>\n#include <pirn/loop/loop.hpp>\n"
        self.private("runtime/idler.cpp", both)
        self.assert_clean()

    def test_nobody_includes_the_top_floor(self):
        self.public("debug/trace")
        self.private("net/tcp.cpp", "#include <pirn/debug/trace.hpp>\n")
        self.assert_finding("src/net/tcp.cpp:3", "net may not include debug")

    def test_a_relative_include_is_followed(self):
        self.private("loop/backend.hpp")
        self.private("sched/worker.cpp", '#include "../loop/backend.hpp"\n')
        self.assert_finding("src/sched/worker.cpp:3", "sched may not include loop")

    def test_a_room_that_the_table_does_not_know_is_refused(self):
        self.public("base/bytes")
        self.private("attic/box.cpp", "#include <pirn/base/bytes.hpp>\n")
        self.assert_finding("src/attic/box.cpp:3", "attic", "MAY_INCLUDE")

    def test_a_missing_header_is_named(self):
        self.private("os/clock.cpp", "#include <pirn/base/gone.hpp>\n")
        self.assert_finding("src/os/clock.cpp:3", "gone.hpp is not in the tree")

    def test_a_public_header_may_not_include_a_private_one(self):
        self.private("coro/frame.hpp")
        self.public("coro/coroutine", '#include "coro/frame.hpp"\n')
        self.assert_finding("include/pirn/coro/coroutine.hpp:4", "private", "include/pirn/coro/")

    def test_a_public_header_is_included_with_angle_brackets(self):
        self.public("coro/yielder")
        self.public("coro/coroutine", '#include "yielder.hpp"\n')
        self.assert_finding("include/pirn/coro/coroutine.hpp:4", "<pirn/coro/yielder.hpp>")

    def test_the_umbrella_includes_anything_but_nobody_includes_it(self):
        self.public("net/tcp")
        self.write("include/pirn/pirn.hpp", HEADER + "#include <pirn/net/tcp.hpp>\n")
        self.assert_clean()
        self.private("os/clock.cpp", "#include <pirn/pirn.hpp>\n")
        self.assert_finding("src/os/clock.cpp:3", "umbrella")

    def test_an_include_cycle_is_drawn(self):
        self.private("os/a.hpp", '#include "os/b.hpp"\n')
        self.private("os/b.hpp", '#include "os/a.hpp"\n')
        self.assert_finding("src/os/a.hpp:1", "src/os/a.hpp -> src/os/b.hpp -> src/os/a.hpp")

    # Platforms.

    def test_platform_questions_are_allowed_in_four_places(self):
        question = "#if defined(__linux__) && PIRN_CPU_X86_64\n#endif\n"
        self.public("base/config", question)
        self.public("arch/context", question)
        self.private("os/posix/memory.cpp", question)
        self.private("loop/select.cpp", question)
        self.assert_clean()

    def test_platform_questions_elsewhere_are_refused(self):
        for macro in ("__linux__", "_WIN32", "__APPLE__", "__x86_64__", "PIRN_OS_LINUX"):
            self.private("loop/epoll.cpp", f"#  ifdef {macro}\n#  endif\n")
            self.assert_finding("src/loop/epoll.cpp:3", macro, "file of its own")

    def test_other_conditions_and_plain_mentions_are_no_platform_questions(self):
        self.private("loop/epoll.cpp", "#if PIRN_HAVE_URING\n#endif\n// on __linux__ it is so\n")
        self.assert_clean()

    def test_a_clock_that_may_be_set_is_refused(self):
        for clock in ("std::chrono::system_clock::now()", "::clock_gettime(CLOCK_REALTIME, &at)",
                      "::gettimeofday(&at, nullptr)", "std::time(nullptr)"):
            self.private("loop/timers.cpp", f"auto now = {clock};\n")
            self.assert_finding("src/loop/timers.cpp:3", "may be set", "pirn::clock")

    def test_above_the_loop_no_clock_of_the_machine_is_read(self):
        for room in ("runtime", "scope", "sync", "io", "net"):
            for clock in ("clock::now()", "pirn::clock::now()", "std::chrono::steady_clock::now()",
                          "::clock_gettime(CLOCK_MONOTONIC, &at)", "std::time(&at)", "system_clock::now()"):
                with self.subTest(room=room, clock=clock):
                    self.private(f"{room}/waits.cpp", f"auto now = {clock};\n")
                    self.assert_finding(f"src/{room}/waits.cpp:3", "pirn::now()")
            self.private(f"{room}/waits.cpp")

    def test_above_the_loop_no_header_reads_a_clock_of_the_machine(self):
        self.public("net/serve", "inline auto begin() { return pirn::clock::now(); }\n")
        self.assert_finding("include/pirn/net/serve.hpp:4", "clock::now", "test_clock")

    def test_the_time_of_the_loop_may_be_asked_anywhere(self):
        for room in ("loop", "net"):
            self.private(f"{room}/waits.cpp", "// not by steady_clock\nauto until = pirn::now() + 1s; // time(&at)\n")
        self.private("loop/timers.cpp", "auto now = clock::now();\n")
        self.assert_clean()

    def test_a_mention_of_such_a_clock_is_none(self):
        self.private("loop/timers.cpp", "// not by CLOCK_REALTIME\nauto now = clock::now();\n")
        self.assert_clean()

    # Companions.

    def test_a_public_noun_without_a_test_is_refused(self):
        self.public("coro/coroutine")
        (self.root / "tests/coro/coroutine_test.cpp").unlink()
        self.assert_finding("include/pirn/coro/coroutine.hpp:1", "tests/coro/coroutine_test.cpp")

    def test_exempt_nouns_need_no_test(self):
        for noun in tidy.NO_TEST_NEEDED:
            self.public(noun)
            (self.root / f"tests/{noun}_test.cpp").unlink()
        self.assert_clean()

    def test_parts_that_are_no_api_need_no_test(self):
        self.public("coro/frame")
        (self.root / "tests/coro/frame_test.cpp").unlink()
        head = HEAD + "//\n// This is not API. It is installed because it is a template.\n"
        self.write("include/pirn/coro/frame.hpp", head + "#pragma once\n")
        self.assert_clean()
        self.write("include/pirn/coro/frame.hpp", HEADER + "// This is not API.\n")
        self.assert_finding("include/pirn/coro/frame.hpp:1", "has no test")

    def test_a_source_that_no_list_names_is_refused(self):
        self.private("loop/epoll.cpp")
        self.write("src/loop/uring/ring.cpp", HEAD)
        remedy = "uring/ring.cpp is not named in src/loop/CMakeLists.txt"
        self.assert_finding("src/loop/uring/ring.cpp:1", remedy)
        self.list("src/loop", "uring/ring.cpp")
        self.assert_clean()

    def test_a_name_inside_a_longer_name_does_not_count(self):
        self.private("loop/my_epoll.cpp")
        self.write("src/loop/epoll.cpp", HEAD)
        self.assert_finding("src/loop/epoll.cpp:1", "not named")

    # Heads and shape.

    def test_the_licence_line_comes_first(self):
        self.private("os/clock.cpp")
        self.write("src/os/clock.cpp", "// A clock.\n" + HEAD)
        self.assert_finding("src/os/clock.cpp:1", "SPDX")

    def test_the_head_says_what_the_file_is(self):
        self.private("os/clock.cpp")
        self.write("src/os/clock.cpp", "// SPDX-License-Identifier: MIT\n\nint clock();\n")
        self.assert_finding("src/os/clock.cpp:2", "what this file is")

    def test_a_script_may_open_with_its_interpreter(self):
        licence = "# SPDX-License-Identifier: MIT\n"
        self.write("tools/a.py", f'#!/usr/bin/env python3\n{licence}"""It is."""\n')
        self.write("dev", f"#!/usr/bin/env bash\n{licence}# The script.\n")
        self.assert_clean()
        self.write("tools/b.sh", "#!/bin/sh\necho\n")
        self.assert_finding("tools/b.sh:1", "SPDX")

    def test_a_file_has_at_most_400_lines(self):
        self.private("os/clock.cpp", "\n" * (tidy.LINES_MAX - 2))
        self.assert_clean()
        self.private("os/clock.cpp", "\n" * (tidy.LINES_MAX - 1))
        self.assert_finding("src/os/clock.cpp:401", "401 lines", "split")

    def test_a_header_needs_a_guard(self):
        self.private("os/a.hpp")
        self.write("src/os/a.hpp", HEAD)
        self.assert_finding("src/os/a.hpp:1", "#pragma once")

    def test_a_header_does_not_include_a_body(self):
        self.write("src/os/a.ipp", "")
        self.private("os/b.cpp")
        self.private("os/a.hpp", '#include "os/b.cpp"\n')
        self.assert_finding("src/os/a.hpp:4", "b.cpp", "bottom of the header")

    def test_nothing_is_included_twice_by_the_same_file(self):
        self.private("net/tcp.cpp", "#include <cerrno>\n#include <cstdio>\n#include <cerrno>\n")
        self.assert_finding("src/net/tcp.cpp:5", "cerrno", "line 3")

    def test_a_public_header_opens_no_namespace_for_its_user(self):
        self.public("base/time", "using namespace std::chrono_literals;\n")
        self.assert_finding("include/pirn/base/time.hpp:4", "using namespace")

    # The headers one by one, with a real compiler.

    def headers(self):
        with unittest.mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.root / "build")):
            return tidy.check_headers(tidy.Tree(self.root), ["c++"])

    def test_a_header_compiles_alone(self):
        self.public("base/bytes", "#include <cstddef>\ninline std::size_t none() { return 0; }\n")
        self.assertEqual(self.headers(), [])

    def test_a_header_that_leans_on_its_includer_is_refused_again_and_again(self):
        self.public("base/bytes", "inline std::size_t none() { return 0; }\n")
        for _ in range(2):
            found = self.headers()
            self.assertEqual(len(found), 1)
            self.assertIn("include/pirn/base/bytes.hpp:1: does not compile alone", found[0])

    def test_a_good_header_is_looked_at_again_when_what_it_includes_changes(self):
        self.public("base/bytes", "struct bytes {};\n")
        user = "#include <pirn/base/bytes.hpp>\ninline bytes none() { return {}; }\n"
        self.public("os/memory", user)
        self.assertEqual(self.headers(), [])
        self.public("base/bytes")
        self.assertEqual(len(self.headers()), 1)

    def test_two_headers_that_mean_two_things_by_one_name_are_refused(self):
        self.public("base/bytes", "struct options {};\n")
        self.public("os/memory", "struct options { int size; };\n")
        found = self.headers()
        self.assertEqual(len(found), 1)
        self.assertIn("do not compile together", found[0])

    # The program.

    def test_the_exit_status_tells(self):
        command = [sys.executable, tidy.__file__, "--root", str(self.root)]
        self.private("net/tcp.cpp")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.private("net/tcp.cpp", "#ifdef _WIN32\n#endif\n")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("src/net/tcp.cpp:3: _WIN32", done.stdout)


if __name__ == "__main__":
    unittest.main()
