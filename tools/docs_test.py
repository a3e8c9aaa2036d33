#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tests of docs.py: small documents in a temporary folder."""

import pathlib
import shutil
import tempfile
import unittest

import docs


class DocsTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def broken(self, text):
        return list(docs.broken_links(self.root, self.write("docs/page.md", text)))

    def test_links_that_lead_somewhere(self):
        self.write("README.md", "# Pirn, in short\n## Why?\n## Why?\n")
        self.assertEqual(self.broken(
            "# Here\n[a](../README.md) [b](../README.md#pirn-in-short) [c](#here) ![d](page.md)\n"
            "[e](https://example.org/none) [f](../README.md#why-1) [g](<page.md>)\n"
            "[h](page.md \"t\")\n[i]: ../README.md\n"), [])

    def test_links_that_lead_nowhere(self):
        self.assertIn("docs/page.md:2: gone.md does not exist", self.broken("\n[a](gone.md)\n")[0])
        self.assertIn("names no heading", self.broken("# Here\n[a](#there)\n")[0])
        self.assertEqual(len(self.broken("[i]: gone.md\n")), 1)

    def test_code_is_not_prose(self):
        code = "`[a](gone.md)`\n```text\n[a](gone.md)\n# no heading\n```\n"
        self.assertEqual(self.broken(code), [])

    def test_tests_must_be_in_the_files_beside_which_they_are_named(self):
        self.write("tests/a_test.cpp", "TEST_P(one,\n       is_there) {}\nTEST(two, is_too) {}\n")
        page = self.write("docs/page.md", "`one.is_there`, `two.is_too`, in [a](../tests/a_test.cpp)\n"
                                          "`one.is_gone` in [a](../tests/a_test.cpp), `a.hpp` [b](gone.cpp)\n"
                                          "`one.is_gone` without a link\n")
        first, *more = docs.missing_tests(self.root, page)
        self.assertIn("docs/page.md:2: the files linked here have no test one.is_gone", first)
        self.assertEqual(more, [])

    def test_only_whole_programs_are_compiled(self):
        page = self.write("README.md", "```cpp\nint x;\n```\n"
                                       "```cpp\nint main() {}\n```\n"
                                       "```cpp ignore\nint main() {}\n```\n"
                                       "```c\nint main() {}\n```\n")
        self.assertEqual(list(docs.programs(self.root, page)), [("README.md:4", "int main() {}\n")])

    def test_a_program_that_does_not_compile_is_found(self):
        good = docs.does_not_compile(self.root, self.root, ["c++"], [], "p:1", "int main() {}\n")
        bad = docs.does_not_compile(self.root, self.root, ["c++"], [], "p:2", "int main() { missing(); }\n")
        self.assertIsNone(good)
        self.assertIn("p:2: this program does not compile", bad)

    def test_documents_of_the_build_are_not_ours(self):
        self.write("README.md", "")
        self.write("build/x/README.md", "")
        self.assertEqual(list(docs.documents(self.root)), [self.root / "README.md"])


if __name__ == "__main__":
    unittest.main()
