#!/usr/bin/env python3
"""R15, coverage: which branches of journal, recovery and the domain unit tests, cases, durability and oracle take.

    tests/support/coverage.py [--write] [--no-run]          (tools/test --coverage)

Builds build/coverage (gcc, -O0, gcov), runs the tests of TESTS at quick figures, and adds up what gcov says of every source of
FOLDERS. Branches of assertions are left out (their other side ends the process, by design), and so are those that gcov adds
for calls that could throw. --write puts totals into tests/README.md; --no-run only adds up what an earlier run left. It is
a report: it ends with 0 whatever the figure is.
"""

import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "coverage")
README = os.path.join(ROOT, "tests", "README.md")
BEGIN = "<!-- coverage: made by tools/test coverage -->"
END = "<!-- end of coverage -->"

FOLDERS = {"journal": "ordo_journal", "engine/order": "ordo_order", "engine/ring": "ordo_ring", "engine/pipeline": "ordo_pipeline"}
TESTS = r"^(unit\..*|durability\.(powerloss|bitflips|misplaced|old_files|faults)|oracle\.differential)"
NOT = r"nng|tls|polled|door|address|listener|server|overload|client|follower|bench"  # of the wire alone
FIGURES = {"ORDO_CASES_R3": "20000", "ORDO_CASES_R5": "20000", "ORDO_ORACLE_COMMANDS": "200000"}
ASSERTION = re.compile(r"\bORDO_D?ASSERT\(|\bORDO_CANARY\(|\bORDO_FAILPOINT")


def run(command, **more):
    print("+ " + " ".join(command), flush=True)
    return subprocess.run(command, cwd=ROOT, check=False, **more).returncode


def build_and_test():
    jobs = str(os.cpu_count() or 2)
    if run(["cmake", "-B", BUILD, "-DCMAKE_BUILD_TYPE=Coverage", "-DCMAKE_C_COMPILER=gcc"], stdout=subprocess.DEVNULL):
        return False
    if run(["cmake", "--build", BUILD, f"-j{jobs}"], stdout=subprocess.DEVNULL):
        return False
    for folder, _, files in os.walk(BUILD):
        for name in files:
            if name.endswith(".gcda"):
                os.remove(os.path.join(folder, name))
    code = run(["ctest", "--test-dir", BUILD, "-R", TESTS, "-E", NOT, f"-j{jobs}", "--output-on-failure", "--no-tests=error",
                "--timeout", "900"], env=dict(os.environ, **FIGURES), stdout=subprocess.DEVNULL)
    if code != 0:
        print("coverage.py: some tests failed in the coverage build; what they took counts all the same", file=sys.stderr)
    return True


def lines_of_assertions(path):
    """Numbers of the lines that an assertion spans."""
    numbers = set()
    depth = 0
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if depth == 0 and not ASSERTION.search(line):
                continue
            text = line if depth else line[ASSERTION.search(line).start():]
            depth = max(0, depth + text.count("(") - text.count(")"))
            numbers.add(number)
    return numbers


def gcov(folder, library):
    """path of a source -> (branches taken, branches, lines with one that was not)"""
    objects = os.path.join(BUILD, folder, "CMakeFiles", library + ".dir")
    found = {}
    if not os.path.isdir(objects):
        return found
    for name in sorted(os.listdir(objects)):
        if not name.endswith(".gcno"):
            continue
        done = subprocess.run(["gcov", "--json-format", "--stdout", "-b", os.path.join(objects, name)], capture_output=True,
                              text=True, cwd=BUILD, check=False)
        if done.returncode != 0 or not done.stdout.strip():
            continue
        for unit in json.loads(done.stdout.splitlines()[0])["files"]:
            path = os.path.relpath(os.path.join(ROOT, unit["file"]), ROOT) if not os.path.isabs(unit["file"]) \
                else os.path.relpath(unit["file"], ROOT)
            if not path.startswith(folder + "/") or not path.endswith(".c"):
                continue
            skip = lines_of_assertions(os.path.join(ROOT, path))
            taken = total = 0
            missed = []
            for line in unit["lines"]:
                branches = [b for b in line["branches"] if not b["throw"]]
                if line["line_number"] in skip or not branches:
                    continue
                total += len(branches)
                took = sum(1 for b in branches if b["count"] > 0)
                taken += took
                if took < len(branches):
                    missed.append(line["line_number"])
            old = found.get(path, (0, 0, []))
            if taken >= old[0]:
                found[path] = (taken, total, missed)
    return found


def percent(taken, total):
    return 100.0 * taken / total if total else 100.0


def main():
    if "--no-run" not in sys.argv and not build_and_test():
        print("coverage.py: the build failed", file=sys.stderr)
        return 1
    rows = []
    sum_taken = sum_total = 0
    for folder, library in FOLDERS.items():
        found = gcov(folder, library)
        taken = sum(row[0] for row in found.values())
        total = sum(row[1] for row in found.values())
        for path, (own, of, missed) in sorted(found.items(), key=lambda item: percent(*item[1][:2])):
            print(f"{percent(own, of):6.1f} %  {own:5d} of {of:5d}  {path}"
                  + (f"  not all of lines {','.join(map(str, missed[:30]))}" if missed else ""))
        print(f"{percent(taken, total):6.1f} %  {taken:5d} of {total:5d}  {folder}, {len(found)} files\n")
        rows.append((folder, len(found), taken, total))
        sum_taken += taken
        sum_total += total
    print(f"{percent(sum_taken, sum_total):6.1f} %  {sum_taken} of {sum_total} branches")
    if "--write" in sys.argv:
        lines = [BEGIN, "| folder | files | branches taken | |", "|---|---|---|---|"]
        lines += [f"| `{folder}` | {files} | {taken} of {total} | {percent(taken, total):.1f} % |"
                  for folder, files, taken, total in rows]
        lines += [f"| all | | {sum_taken} of {sum_total} | {percent(sum_taken, sum_total):.1f} % |", END]
        with open(README, encoding="utf-8") as stream:
            text = stream.read()
        with open(README, "w", encoding="utf-8") as stream:
            stream.write(text[:text.index(BEGIN)] + "\n".join(lines) + text[text.index(END) + len(END):])
    return 0


if __name__ == "__main__":
    sys.exit(main())
