#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""json: whatever the pieces in which a document arrives, it comes out as Python's own module would
write it; and what that module refuses is refused, with the place."""

import itertools
import json
import random
import resource
import subprocess

import harness
from account_test import ACCOUNT
from harness import about, lighter, setting

# A document, or a piece of nonsense, with what the complaint must say. Columns count characters.
WRONG = [
    ("", "line 1, column 1: a value was expected, but the input ends"),
    (" \n\t ", "line 2, column 3: a value was expected, but the input ends"),
    ("[1,\n 2 3]", "line 2, column 4: a comma or ] was expected"),
    ("[1, 2", "line 1, column 6: a comma or ] was expected, but the input ends"),
    ("[1,]", "line 1, column 4: a value was expected"),
    ("[,1]", "line 1, column 2: a value was expected"),
    ("[1}", "line 1, column 3: a comma or ]"),
    ("{", "line 1, column 2: a name in quotes was expected, but the input ends"),
    ('{"a":1,}', "line 1, column 8: a name in quotes"),
    ('{"a" 1}', 'line 1, column 6: ":" was expected'),
    ("{a:1}", "line 1, column 2: a name in quotes"),
    ("1 2", "line 1, column 3: nothing may follow"),
    ("01", "line 1, column 2: nothing may follow"),
    ("-", "line 1, column 2: a digit was expected, but the input ends"),
    ("1.", "line 1, column 3: a digit"),
    (".5", "line 1, column 1: a value"),
    ("1e+", "line 1, column 4: a digit"),
    ("+1", "line 1, column 1: a value"),
    ("tru", 'line 1, column 4: "true" was expected, but the input ends'),
    ("nulL", 'line 1, column 4: "null" was expected'),
    ("NaN", "line 1, column 1: a value"),
    ('"abc', "line 1, column 5: a quote was expected, but the input ends"),
    ('"a\nb"', "line 1, column 3: a control character"),
    ('"\\x"', "line 1, column 3: there is no such escape"),
    ('"\\', "line 1, column 3: there is no such escape, but the input ends"),
    ('"\\u12g4"', "line 1, column 6: four hexadecimal digits"),
    ('"\\ud83d"', "line 1, column 8: "),
    ('"\\ud83dx"', "line 1, column 8: "),
    ('"\\ud83d\\n"', "line 1, column 9: half a pair is missing"),
    ('"\\ud83d\\u0041"', "half a pair is missing"),
    ('"\\ud83d\\ud83d"', "half a pair is missing"),
    ('"\\ude00"', "the second half of a pair comes first"),
    ('"äöü" 1', "line 1, column 7: nothing may follow"),
    ("\ufeff1", "line 1, column 1: a value"),
]
NO_UTF8 = [b"\x80", b"\xff", b"\xc0\xaf", b"\xc3", b"\xc3\xc3", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xe2\x82",
           b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xf0\x9f\x98"]
DEPTH = 1000


def invented(random_, depth=0):
    """A random document that has a bit of everything."""
    kind = random_.randrange(8 if depth < 5 else 6)
    if kind == 0:
        return random_.choice([True, False, None])
    if kind == 1:
        return random_.randrange(-10**12, 10**12)
    if kind == 2:
        return random_.uniform(-1, 1) * 10.0**random_.randrange(-20, 20)
    if kind < 6:
        return "".join(chr(random_.choice([random_.randrange(0x80), random_.randrange(0xD800),
                                           random_.randrange(0xE000, 0x110000)]))
                       for _ in range(random_.randrange(6)))
    if kind == 6:
        return [invented(random_, depth + 1) for _ in range(random_.randrange(5))]
    return {str(i) + "\\\"\u00e9": invented(random_, depth + 1) for i in range(random_.randrange(5))}


def accepted(data):
    """Whether Python takes it; halves of pairs it lets through, and we do not."""
    def refuse(word):
        raise ValueError(word)
    try:
        value = json.loads(data.decode(), parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


def some(chunks, turn=itertools.count()):
    """All of them, or one at each call where to start a program takes long: the next one at the next call."""
    return (chunks[next(turn) % len(chunks)],) if harness.LIGHT else chunks


@harness.one_thread
class JsonTest(harness.ProgramTest):
    def run_json(self, data, chunk):
        return self.run_tool(setting("PIRN_TEST_PROGRAM"), "--chunk", str(chunk), sends=data)

    def printed(self, data, chunk):
        """The document as it came out."""
        done = self.run_json(data, chunk)
        self.assertEqual((done.returncode, done.stderr), (0, b""), (data, chunk))
        document, account, nothing = done.stdout.rsplit(b"\n", 2)
        self.assertEqual((account, nothing), (ACCOUNT, b""))
        return document.decode()

    def refused(self, data, chunk):
        """The complaint; the account is empty all the same."""
        done = self.run_json(data, chunk)
        self.assertEqual(done.returncode, 1, (data, chunk))
        self.assertTrue(done.stdout.endswith(ACCOUNT + b"\n"), done.stdout)
        self.assertRegex(done.stderr, rb"^json: line \d+, column \d+: .+\n$")
        return done.stderr.decode()

    def test_documents_come_out_as_python_would_write_them(self):
        for text in ['{"a":[1,2,{"b":"\\ud83d\\ude00 \\u00e9"}],"c":{},"d":[ ],"":-1.5e+3}', "0", "-0.10E-007",
                     '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\\u007f\\uD834\\udd1e"', " [ [ ] , { } ] \n", "null",
                     '"\U0001f600\u20ac\u00e9"', '{"a":{"a":{"a":[[[true,false]]]}}}']:
            value = json.loads(text, parse_float=str, parse_int=int)
            expected = json.dumps(value, indent=2, ensure_ascii=False)
            for chunk in some((1, 2, 3, 5, 4096)):
                with self.subTest(text=text, chunk=chunk):
                    got = self.printed(text.encode(), chunk)
                    if text == "-0.10E-007":
                        expected = text  # numbers stay as they are
                    self.assertEqual(got.replace("-1.5e+3", '"-1.5e+3"'), expected)

    def test_malformed_documents_are_refused_with_line_and_column(self):
        for text, says in WRONG[::2] if harness.LIGHT else WRONG:
            for chunk in some((1, 3, 4096)):
                with self.subTest(text=text, chunk=chunk):
                    self.assertIn(says, self.refused(text.encode(), chunk))

    def test_what_is_no_utf8_is_refused(self):
        for data in NO_UTF8:
            for chunk in some((1, 4096)):
                with self.subTest(data=data, chunk=chunk):
                    self.assertIn("not UTF-8", self.refused(b'"ab' + data + b'"', chunk))

    @about(seconds=120)
    def test_random_documents_and_random_damage_are_judged_as_python_does(self):
        random_ = random.Random(1)
        for _ in range(lighter(300, 30)):
            value = invented(random_)
            spaced = {"separators": (" ,\r\n", "\t: ")} if random_.random() < 0.5 else {}
            data = json.dumps(value, ensure_ascii=random_.random() < 0.5, **spaced).encode()
            chunk = random_.choice([1, 2, 7, 64, 4096])
            self.assertEqual(json.loads(self.printed(data, chunk)), value)
            if not data:
                continue
            damaged = bytearray(data)
            at = random_.randrange(len(data))
            damaged[at:at + random_.randrange(2)] = random_.choice(
                [b"", b'"', b"\\", b",", b"]", b"}", b"0", b"\xc3", b"\xa9", b"\n", b"u"])
            damaged = bytes(damaged)
            if accepted(damaged):
                self.assertEqual(json.loads(self.printed(damaged, chunk)), json.loads(damaged.decode()))
            else:
                self.refused(damaged, chunk)

    def test_depth_has_a_limit_and_up_to_it_there_is_room(self):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            inner = b"[]"
            deep = opening * (DEPTH - 1) + inner + closing * (DEPTH - 1)
            for chunk in some((1, 4096)):
                self.assertEqual(len(self.printed(deep, chunk).splitlines()), 2 * DEPTH - 1)
                for more in (b"[]", b"", opening * 100_000):
                    self.assertIn("nested too deeply, 1000 at most",
                                  self.refused(opening * DEPTH + more + b"[", chunk))

    def test_large_documents_take_no_more_memory_than_small_ones(self):
        if harness.LIGHT:
            self.skipTest("the sanitizers want terabytes of address space")
        data = b"[" + b'{"key": "value"},' * 400_000 + b"1]"
        done = self.run_tool(setting("PIRN_TEST_PROGRAM"), sends=data, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (24 << 20, 24 << 20)))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertGreater(len(done.stdout), len(data))

    def test_pieces_that_come_one_at_a_time_are_answered_one_at_a_time(self):
        process = self.start(setting("PIRN_TEST_PROGRAM"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for piece in (b'["begin', b'ning \\u00', b"e9", b'", 1', b"2]"):
            process.stdin.write(piece)
            process.stdin.flush()
        output, _ = process.communicate(timeout=10 * harness.PATIENCE)
        self.assertEqual(output.decode(), '[\n  "beginning é",\n  12\n]\n' + ACCOUNT.decode() + "\n")

    def test_what_cannot_be_read_is_a_sentence(self):
        with open("/proc/self/mem", "rb") as unreadable:
            done = subprocess.run([setting("PIRN_TEST_PROGRAM")], stdin=unreadable, capture_output=True,
                                  check=False, timeout=10 * harness.PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"^json: standard input: .*error\n$")

    def test_what_it_does_not_understand_is_followed_by_the_usage(self):
        for options, named in [(["--bogus"], "--bogus"), (["--chunk"], "--chunk"), (["--chunk", "0"], "0"),
                               (["--chunk", "-1"], "-1"), (["file"], "file"),
                               (["--chunk", "1048577"], "1048577")]:
            with self.subTest(options=options):
                done = self.run_tool(setting("PIRN_TEST_PROGRAM"), *options)
                self.assertEqual((done.returncode, done.stdout), (2, b""), done)
                complaint, usage = done.stderr.decode().splitlines()
                self.assertIn(named, complaint)
                self.assertRegex(usage, r"^usage: \S*json \[--chunk BYTES\]$")


if __name__ == "__main__":
    raise SystemExit(harness.main())
