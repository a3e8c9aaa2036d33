#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tree: expressions are walked in order and compared leaf by leaf; what is no expression is refused."""

import harness
from account_test import ACCOUNT
from harness import setting


def leaning(letters, left):
    """An expression with these leaves that is as deep as there are letters, to the one side or the other."""
    text = letters[-1] if not left else letters[0]
    for letter in letters[1:] if left else letters[-2::-1]:
        text = f"({text}+{letter})" if left else f"({letter}+{text})"
    return text


@harness.one_thread
class TreeTest(harness.ProgramTest):
    def shown(self, one, other):
        """What is said about two expressions: both in order, and the comparison."""
        done = self.run_tool(setting("PIRN_TEST_PROGRAM"), "--one", one, "--other", other)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        first, second, verdict, account, nothing = done.stdout.split(b"\n")
        self.assertEqual((account, nothing), (ACCOUNT, b""))
        return first.decode(), second.decode(), verdict.decode()

    def test_trees_of_any_shape_are_walked_in_order(self):
        self.assertEqual(self.shown("((a+b)*(c-d))", "(a+(b*(c-d)))"),
                         ("In order: a + b * c - d", "In order: a + b * c - d",
                          "Same leaves: yes, all 4"))
        self.assertEqual(self.shown("x", "(x/y)")[:2], ("In order: x", "In order: x / y"))

    def test_the_first_difference_ends_the_comparison(self):
        for one, other, says in [
                ("a", "a", "yes, all 1"),
                ("a", "b", "no, after 0 comes a here and b there"),
                ("((a+b)+c)", "(a*(b*c))", "yes, all 3"),
                ("((a+b)+c)", "((a+x)+y)", "no, after 1 comes b here and x there"),
                ("(a+b)", "((a+b)+c)", "no, after 2 comes - here and c there"),
                ("((a+b)+c)", "(a+b)", "no, after 2 comes c here and - there")]:
            with self.subTest(one=one, other=other):
                self.assertEqual(self.shown(one, other)[2], "Same leaves: " + says)

    def test_trees_as_deep_as_is_allowed_can_be_walked(self):
        letters = "abcdefghij" * 50
        self.assertEqual(self.shown(leaning(letters, True), leaning(letters, False))[2],
                         "Same leaves: yes, all 500")

    def test_what_is_no_expression_is_a_sentence(self):
        for wrong, named in [("", "a letter"), ("(", "a letter"), ("(a", "an operator"), ("(a+", "a letter"),
                             ("(a+b", ") was expected"), ("(a+b))", "nothing may follow"), ("ab", "nothing may"),
                             ("(a)", "an operator"), ("(a b)", "an operator"), ("(\xff+b)", "a letter"),
                             (leaning("a" * 502, True), "too deeply"), ("(" * 100000, "too deeply")]:
            with self.subTest(wrong=wrong[:20]):
                done = self.run_tool(setting("PIRN_TEST_PROGRAM"), "--other", wrong)
                self.assertEqual((done.returncode, done.stdout), (1, b""), done)
                self.assertRegex(done.stderr.decode(errors="replace"), rf"^tree: .*{named.replace(')', '.')}.*\n$")

    def test_what_it_does_not_understand_is_followed_by_the_usage(self):
        for options in (["--bogus"], ["--one"], ["a"]):
            with self.subTest(options=options):
                done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *options)
                self.assertEqual((done.returncode, done.stdout), (2, b""), done)
                self.assertRegex(done.stderr, rb"^.*\nusage: \S*tree \[--one EXPRESSION\]")


if __name__ == "__main__":
    raise SystemExit(harness.main())
