#!/usr/bin/env python3
"""Planted bugs: each must be found by the tests that are named for it, and without one all tests pass.

    tests/canary/run.py BUILD [--write] [NAME...]

BUILD is a tree configured with -DORDO_CANARIES=ON in which the target ordo_canaries is built; ORDO_CANARY_ALL=1 runs
also what the milestone alone runs (target ordo_canaries_all, and with ORDO_CANARY_TSAN=FOLDER the races of a tree of
type Tsan). One run for each (bug, test) of list.py: it has to fail, within LIMIT_S; a test that hangs has found nothing.
The oracle has to differ under each bug of the domain, but for those that it cannot see. The hooks in the sources and the
list have to be the same names. --write puts the table into tests/canary/README.md. Ends with a RELIABILITY line.
"""

import os
import re
import subprocess
import sys
import threading
import time

from list import DOMAIN, ORACLE_BLIND, PARTS, TSAN

LIMIT_S = 60         # a bug has to be found in this time
LATER_LIMIT_S = 120  # one that the milestone alone plants
CLEAN_LIMIT_S = 300  # of a run without a bug: seconds, on a machine that has other work more
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
README = os.path.join(ROOT, "tests", "canary", "README.md")
BEGIN = "<!-- canaries: made by tests/canary/run.py BUILD --write -->"
END = "<!-- end of canaries -->"

ORACLE = "oracle_test --seed 1 --commands 2000000"
SCRIPTS = ("snapshot_loop",)  # of tests/crash, which take the whole program
HOOK = re.compile(r"\bORDO_CANARY\((\w+)\)")
SUMMARY = re.compile(r"Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")


def hooks():
    names = set()
    for part in ("engine", "journal", "net", "tools"):
        for folder, _, files in os.walk(os.path.join(ROOT, part)):
            for name in files:
                if name.endswith((".c", ".h")) and name != "canary.h":
                    with open(os.path.join(folder, name), encoding="utf-8") as stream:
                        names |= set(HOOK.findall(stream.read()))
    return names


def programs(build):
    """name -> path of every program of a tree"""
    found = {}
    for folder, _, files in os.walk(build):
        for name in files:
            path = os.path.join(folder, name)
            if "." not in name and os.access(path, os.X_OK):
                found[name] = path
    return found


def command_of(where, test):
    """The command of a test of the list, or None when its program is not built."""
    program, *arguments = test.split()
    if program in SCRIPTS and "ordo" in where:
        return [os.path.join(ROOT, "tests", "crash", program), where["ordo"]] + arguments
    if program not in where:
        return None
    if arguments and "/" in arguments[0]:
        arguments = ["--filter", arguments[0]]
    return [where[program]] + arguments


def run(command, canary, limit_s):
    """(whether it failed; None when it said nothing of use, what was printed)"""
    environment = dict(os.environ, ORDO_CANARY=canary, TSAN_OPTIONS="halt_on_error=1")
    done = None
    for _ in range(2):  # Criterion's runner hangs once in a long while; who hangs twice has found nothing
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit_s, check=False)
            break
        except subprocess.TimeoutExpired:
            continue
    if done is None:
        return None, f"no end after {limit_s} s, twice"
    text = done.stdout + done.stderr
    if "--filter" in command:
        found = SUMMARY.search(text)
        if found is None or int(found.group(1)) == 0:
            return None, "no test of this name ran: " + text[-300:]
        return int(found.group(2)) < int(found.group(1)), text
    if done.returncode == 77:
        return None, "it was skipped: " + text[-300:]
    return done.returncode != 0, text


def ask_oracle(command, name):
    """(whether it saw a difference or an assertion stopped it, what it said)"""
    with subprocess.Popen(command, env=dict(os.environ, ORDO_CANARY=name), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as running:
        watch = threading.Timer(CLEAN_LIMIT_S, running.kill)
        watch.start()
        try:
            for line in running.stdout:
                if "MISMATCH" in line or "assertion failed" in line:
                    running.kill()  # it would go on to look for the shortest history
                    return True, line.strip()
        finally:
            watch.cancel()
    return False, "no difference"


class Rig:
    def __init__(self, where):
        self.where = where
        self.wrong = []
        self.runs = 0
        self.rows = []  # (bug, test, seconds)
        self.used = {}  # commands without the bug's name: they have to pass without one

    def check(self, name, test, limit_s=LIMIT_S):
        command = command_of(self.where, test)
        if command is None:
            self.wrong.append(f"{name}: {test.split()[0]} is not built")
            return False
        begin = time.monotonic()
        if test == ORACLE:
            failed, text = ask_oracle(command, name)
            blind = name in ORACLE_BLIND
            if failed and blind:
                self.wrong.append(f"{name}: the oracle sees it after all: {text}")
            if blind:
                return not failed
        else:
            failed, text = run(command, name, limit_s)
            self.used[test] = command
        wall = time.monotonic() - begin
        self.runs += 1
        if failed is None:
            self.wrong.append(f"{name}: {test} did not end well: {text}")
        elif not failed:
            self.wrong.append(f"{name}: {test} did not find it")
        self.rows.append((name, test, wall))
        return failed is True

    def check_bug(self, name, tests):
        in_ci = name in DOMAIN or (name in PARTS and PARTS[name][0])
        found = [self.check(name, test, LIMIT_S if in_ci else LATER_LIMIT_S) for test in tests]
        spent = sum(row[2] for row in self.rows if row[0] == name)
        print(f"{'caught' if all(found) else 'MISSED'}  {name}  by {', '.join(tests)}  {spent:.1f} s", flush=True)

    def check_clean(self):
        """Every test that was used passes when there is no bug."""
        for test, command in sorted(self.used.items()):
            failed, text = run(command, "", CLEAN_LIMIT_S)
            if failed is not False:
                self.wrong.append(f"without a bug: {test} failed: {text[-2000:]}")

    def check_cases(self):
        """All cases without a bug; their interleavings, as deep as they go, are R26."""
        failed, text = run([self.where["canary_cases"], "--filter", "*/*"], "", CLEAN_LIMIT_S)
        for line in sorted(line for line in text.splitlines() if line.startswith(("interleave: ", "RELIABILITY R26 "))):
            print(line)
        if failed is not False:
            self.wrong.append(f"without a bug: canary_cases failed: {text[-2000:]}")


def names_wrong():
    listed = set(DOMAIN) | set(PARTS) | set(TSAN)
    planted = hooks()
    wrong = [f"{name}: is in the sources and not in the list" for name in sorted(planted - listed)]
    return wrong + [f"{name}: is in the list and not in the sources" for name in sorted(listed - planted)]


def chosen(everything, only):
    """name -> tests of this run"""
    bugs = {name: [f"canary_cases {pattern}" for pattern in patterns] + [ORACLE] for name, patterns in DOMAIN.items()}
    bugs.update({name: tests for name, (in_ci, tests) in PARTS.items() if everything or in_ci or name in only})
    return {name: tests for name, tests in bugs.items() if not only or name in only}


def write_table(rows):
    seconds = {}
    for name, test, wall in rows:
        seconds.setdefault(name, []).append(f"`{test}` {wall:.1f}")
    lines = [BEGIN, "| bug | tests that find it, with the seconds that each took | in CI |", "|---|---|---|"]
    for name in sorted(seconds):
        in_ci = name in DOMAIN or (name in PARTS and PARTS[name][0])
        lines.append(f"| {name} | {'; '.join(seconds[name])} | {'yes' if in_ci else 'no'} |")
    lines.append(END)
    with open(README, encoding="utf-8") as stream:
        text = stream.read()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    with open(README, "w", encoding="utf-8") as stream:
        stream.write(text[:begin] + "\n".join(lines) + text[end:])


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    if not arguments:
        print(__doc__.strip(), file=sys.stderr)
        return 64
    build, only = arguments[0], arguments[1:]
    begin = time.monotonic()
    everything = os.environ.get("ORDO_CANARY_ALL", "") not in ("", "0")
    rig = Rig(programs(build))
    rig.wrong += names_wrong()
    bugs = chosen(everything, only)
    rig.wrong += [f"{name}: is not in the list" for name in only if name not in bugs and name not in TSAN]
    for name in sorted(bugs):
        rig.check_bug(name, bugs[name])
    tsan = os.environ.get("ORDO_CANARY_TSAN", "")
    if tsan:
        races = Rig(programs(tsan))
        for name in sorted(name for name in TSAN if not only or name in only):
            races.check_bug(name, TSAN[name])
        races.check_clean()
        rig.wrong += races.wrong
        rig.runs += races.runs
        rig.rows += races.rows
    rig.check_clean()
    rig.check_cases()
    for line in rig.wrong:
        print(f"run.py: {line}", file=sys.stderr)
    count = len({row[0] for row in rig.rows})
    slowest = max(rig.rows, key=lambda row: row[2], default=("none", "", 0.0))
    if "--write" in sys.argv and not rig.wrong and not only:
        write_table(rig.rows)
    print(f"RELIABILITY R15 {'FAILED' if rig.wrong else 'ok'} cases={rig.runs} fails={len(rig.wrong)} bugs={count} "
          f"of={len(DOMAIN) + len(PARTS) + len(TSAN)} slowest={slowest[0]}:{slowest[2]:.1f}s "
          f"wall={time.monotonic() - begin:.0f}s")
    return 1 if rig.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
