#!/usr/bin/env python3
"""list.py has to see what it is there for: a case without a test, a test without its complaint, an old table."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "list.py")
ALL = "\n".join(f"/* AC-{n:02} (source): complaint {n}. */\nTest(ac_{n:02}, promise)\n{{\n}}\n"
                for n in range(1, 37) if n != 33)
TABLE = "# Tests\n\n<!-- cases: made by tests/cases/list.py --write -->\n<!-- end of cases -->\n"

# what becomes of the good file, what the complaint names
BAD = [
    (lambda text: text.replace("AC-04 (source)", "(source)").replace("Test(ac_04,", "Test(other,"), "AC-04: no test"),
    (lambda text: text + "Test(ac_05, another_promise)\n{\n}\n", "another_promise"),
    (lambda text: text.replace("Test(ac_06,", "Test(ac_07,"), "stands under AC-06"),
    (lambda text: text + "/* AC-99 (source): none. */\nTest(other, promise)\n", "AC-99 is no case"),
]


def run(root, *options):
    done = subprocess.run([sys.executable, LIST, "--root", root, *options], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def put(root, name, text):
    with open(os.path.join(root, "tests", name), "w", encoding="utf-8") as stream:
        stream.write(text)


def main():
    failures = []
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "tests"))
        put(root, "README.md", TABLE)
        put(root, "all_test.c", ALL)
        if run(root, "--check")[0] != 1:
            failures.append("an empty table passed")
        if run(root, "--write")[0] != 0 or run(root, "--check")[0] != 0:
            failures.append(f"its own table did not pass: {run(root, '--check')[1]}")
        for change, word in BAD:
            put(root, "all_test.c", change(ALL))
            code, text = run(root)
            if code != 1 or word not in text:
                failures.append(f"not seen: {word}: {text[-300:]}")
    for line in failures:
        print(f"list_test.py: {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
