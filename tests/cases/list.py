#!/usr/bin/env python3
"""The acceptance cases AC-01 ... AC-36 beside the tests that hold them.

    tests/cases/list.py            prints the table; exits 1 when a case has neither a test nor a reason
    tests/cases/list.py --check    the same quietly, and the table in tests/README.md must be this one
    tests/cases/list.py --write    writes the table into tests/README.md

A test says which complaint it answers in the comment right above it:

    /* AC-04 (dujiao-next#108): the unit was sold to another, and the shop sold it twice or kept the money. */
    Test(ac_04, late_payment_after_the_last_unit_went_to_another_waits_or_is_due_back)

In tests/cases the suite is named by the case; tests elsewhere may keep their own. What no test of the engine, the
journal or the wire can decide stands in ELSEWHERE with what it needs; a case may have both.
"""

import argparse
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEGIN = "<!-- cases: made by tests/cases/list.py --write -->"
END = "<!-- end of cases -->"
CASES = [f"AC-{number:02}" for number in range(1, 37)]

# case -> (complaint when no test has it, what it needs)
ELSEWHERE = {
    "AC-26": (None, "the callback of another merchant account or channel is refused where signatures are checked: "
                    "needs the gateway"),
    "AC-27": (None, "the forms of a signature (JSON true, an array): needs the gateway"),
    "AC-32": (None, "a signing key that was rotated while the buyer paid: needs the gateway"),
    "AC-33": ("the downstream shop answered HTTP 200 with the body \"fail\", and the delivery counted as done "
              "(BEpusdt#195)", "what an answer means is read where it is received: needs the gateway"),
}

TEST = re.compile(r"/\* (AC-\d\d) \(([^)]*)\): ((?:(?!\*/).)*?)\s*\*/\nTest\(\s*(\w+),\s*(\w+)", re.S)
NAMED = re.compile(r"^Test\(\s*(ac_\d\d),\s*(\w+)", re.M)


class Test:
    def __init__(self, path, match):
        case, source, complaint, suite, promise = match.groups()
        self.path, self.case, self.suite, self.promise = path, case, suite, promise
        self.source = self._squeeze(source)
        self.complaint = self._squeeze(complaint).rstrip(".")
        self.program = os.path.splitext(os.path.basename(path))[0]

    @staticmethod
    def _squeeze(text):
        return re.sub(r"\s*\n \*\s*", " ", text).strip()


def test_files(root):
    for folder, folders, names in os.walk(os.path.join(root, "tests")):
        folders.sort()
        for name in sorted(names):
            if name.endswith("_test.c"):
                yield os.path.join(folder, name)


def read_tests(root):
    """All tests with a case above them, and what is wrong with those that should have one."""
    tests, wrong = [], []
    for path in test_files(root):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        found = [Test(os.path.relpath(path, root), match) for match in TEST.finditer(text)]
        tests += found
        told = {(test.suite, test.promise) for test in found}
        for suite, promise in NAMED.findall(text):
            if (suite, promise) not in told:
                wrong.append(f"{path}: Test({suite}, {promise}): no \"/* AC-.. (source): complaint. */\" right above it")
        for test in found:
            if re.fullmatch(r"ac_\d\d", test.suite) and test.suite != test.case.lower().replace("-", "_"):
                wrong.append(f"{path}: Test({test.suite}, {test.promise}) stands under {test.case}")
            if test.case not in CASES:
                wrong.append(f"{path}: {test.case} is no case")
    return tests, wrong


def rows(tests):
    """(case, complaint, [what holds it]); the last is empty for a case that nothing holds."""
    for case in CASES:
        mine = [test for test in tests if test.case == case]
        told, needs = ELSEWHERE.get(case, (None, None))
        complaint = f"{mine[0].complaint} ({mine[0].source})" if mine else told or "?"
        held = [f"`{test.program}` {test.promise.replace('_', ' ')}" for test in mine]
        yield case, complaint, held + ([needs] if needs else [])


def markdown(tests):
    lines = [BEGIN, "| case | complaint (source) | held by |", "|---|---|---|"]
    lines += [f"| {case} | {complaint} | {'; '.join(held)} |" for case, complaint, held in rows(tests)]
    return "\n".join(lines + [END])


def readme_with(readme, table):
    with open(readme, encoding="utf-8") as stream:
        text = stream.read()
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        sys.exit(f"list.py: {readme} has no place for the table: a line {BEGIN} and a line {END}")
    return text, text[:begin] + table + text[end + len(END):]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="the table in tests/README.md must be this one")
    parser.add_argument("--write", action="store_true", help="write the table into tests/README.md")
    parser.add_argument("--root", default=ROOT, help="the tree to look at")
    options = parser.parse_args()
    readme = os.path.join(options.root, "tests", "README.md")
    tests, wrong = read_tests(options.root)
    wrong += [f"{case}: no test, and no entry in ELSEWHERE" for case, _, held in rows(tests) if not held]
    if options.write or options.check:
        before, after = readme_with(readme, markdown(tests))
        if options.write:
            with open(readme, "w", encoding="utf-8") as stream:
                stream.write(after)
        elif before != after:
            wrong.append("tests/README.md: the table of cases is not of these tests: tests/cases/list.py --write")
    else:
        for case, complaint, held in rows(tests):
            print(f"{case}  {complaint}")
            for line in held:
                print(f"       {line.replace('`', '')}")
    for line in wrong:
        print(f"list.py: {line}", file=sys.stderr)
    held_by_tests = len({test.case for test in tests})
    print(f"{len(CASES)} cases: {held_by_tests} with {len(tests)} tests, {len(ELSEWHERE)} need more than the engine, "
          f"{len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
