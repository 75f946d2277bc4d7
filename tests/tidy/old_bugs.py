#!/usr/bin/env python3
"""R33: every bug that was fixed keeps what found it. Checks the table of old bugs in tests/README.md against the tree.

    tests/tidy/old_bugs.py

A row names the bug, and what keeps it found: `FILE` and the words that must be in that file - a test's promise, or a
seed. A file or words that are gone fail. Ends with a RELIABILITY line.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEGIN = "<!-- old bugs -->"
END = "<!-- end of old bugs -->"
ROW = re.compile(r"^\| (.+?) \| `([^`]+)` \| `([^`]+)` \|$")


def rows(text):
    """(bug, file, words) of every row, and the lines that are none"""
    part = text[text.index(BEGIN) + len(BEGIN):text.index(END)]
    lines = [line for line in part.strip().splitlines()[2:] if line.strip()]
    found = [ROW.match(line) for line in lines]
    return [match.groups() for match in found if match], [line for line, match in zip(lines, found) if not match]


def complaints(table, root):
    wrong = []
    for bug, name, words in table:
        path = os.path.join(root, "tests", name)
        if not os.path.isfile(path):
            wrong.append(f"{bug}: tests/{name} is gone")
            continue
        with open(path, encoding="utf-8", errors="replace") as stream:
            if words not in stream.read():
                wrong.append(f"{bug}: tests/{name} does not have \"{words}\" any more")
    return wrong


def main():
    with open(os.path.join(ROOT, "tests", "README.md"), encoding="utf-8") as stream:
        table, strange = rows(stream.read())
    wrong = [f"no row of the table: {line}" for line in strange] + complaints(table, ROOT)
    if not table:
        wrong.append("the table of old bugs is empty")
    for line in wrong:
        print(f"old_bugs.py: {line}", file=sys.stderr)
    print(f"RELIABILITY R33 {'FAILED' if wrong else 'ok'} cases={len(table)} fails={len(wrong)} seed=0")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
