#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists the public functions whose comment ends with `Suspends.`, one line each: header, then class and function.

With --covered-by FILES, fails if one is not named in those files, or a named one does not exist. The law that is tested
there: whatever suspends inside a scope ends with that scope.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NO_FUNCTIONS = {"for", "if", "requires", "decltype", "noexcept", "nodiscard", "sizeof", "alignas"}
CLASS = re.compile(r"\s*(?:template.*)?(class|struct) (?:PIRN_EXPORT )?(?:\[\[.*?\]\] )?(\w+)[^;(]*\{")
CALLED = re.compile(r"(?<![\w:])(~?[a-z]\w*)\s*\(")


def indent(line):
    return len(line) - len(line.lstrip())


def name_declared(lines):
    """The function that a declaration declares; its first lines are given."""
    text = re.sub(r'\[\[nodiscard.*?\]\]', "", " ".join(lines))
    text = re.sub(r"requires\s*\(.*?\)\s+(?=auto|void|std|T |bool|int)", "", text)
    for found in CALLED.finditer(text):
        if found.group(1) not in NO_FUNCTIONS:
            return found.group(1)
    return None


def suspending(header):
    """The keys of the public functions of a header that suspend."""
    lines = header.read_text(encoding="utf-8").splitlines()
    spaces, classes, keys = [], [], []
    opened = 0  # the line of the last namespace; one that only declares a class ends without a comment
    for i, line in enumerate(lines):
        if found := re.match(r"\s*namespace ([\w:]+) \{", line):
            spaces.append(found.group(1))
            opened = i
        elif spaces and (line.startswith("} // namespace") or (line == "}" and i - opened < 4)):
            spaces.pop()
        elif (found := CLASS.match(line)) and not line.rstrip().endswith("};"):
            classes.append([indent(line), found.group(2), "private" if found.group(1) == "class" else "public"])
        elif (found := re.match(r"\s*(public|private|protected):", line)) and classes:
            classes[-1][2] = found.group(1)
        elif classes and line.lstrip().startswith("}") and indent(line) == classes[-1][0]:
            classes.pop()
        if not re.match(r"\s*//.*\bSuspends\.\s*$", line) or any("detail" in space for space in spaces):
            continue
        if any(access != "public" for _, _, access in classes):
            continue
        rest = [text for text in lines[i + 1:i + 12] if not text.lstrip().startswith("//")]
        if name := name_declared(rest):
            where = header.relative_to(ROOT / "include" / "pirn").as_posix()
            keys.append(f"{where} {'::'.join([entry[1] for entry in classes] + [name])}")
    return keys


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--covered-by", nargs="+", type=pathlib.Path)
    given = options.parse_args()
    keys = sorted({key for header in sorted((ROOT / "include" / "pirn").rglob("*.hpp")) for key in suspending(header)})
    if not given.covered_by:
        print("\n".join(keys))
        return 0
    named = set()
    for path in given.covered_by:
        named |= set(re.findall(r'"([a-z_]+/[a-z_]+\.hpp [\w:~]+)"', path.read_text(encoding="utf-8")))
    for key in sorted(set(keys) - named):
        print(f"{key} suspends, and no row of the table of scopes tests that it ends with its scope; add one")
    for key in sorted(named - set(keys)):
        print(f"{key} stands in the table of scopes, and there is no such function")
    return 1 if named != set(keys) else 0


if __name__ == "__main__":
    sys.exit(main())
