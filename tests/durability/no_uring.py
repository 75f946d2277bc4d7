#!/usr/bin/env python3
"""R31: without io_uring: R1 (the crash loop), R3, R5 and R7 again, each where it is denied (EPERM), missing (ENOSYS), and where
no memory may be locked. The same seed must give the same digests, and the node's log must name the backend.

    tests/durability/no_uring.py ORDO FOLDER_OF_THE_PROGRAMS [--seed N] [--cases N] [--rounds N]
"""

import argparse
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import rig  # noqa: E402
from rig import Skipped  # noqa: E402

WAYS = {"EPERM": "pwritev2", "ENOSYS": "pwritev2", "MEMLOCK": "io_uring"}
SKIPPED = 77
ROUNDS_QUICK = 4  # of the crash loop, under each denial


class Runs:
    def __init__(self, options):
        self.options = options
        self.cases = 0
        self.deny = os.path.join(options.programs, "deny_uring")

    def line(self, way, goal, *command):
        """Runs a program to its RELIABILITY line; returns that as a dictionary."""
        before = [self.deny, way] if way else []
        done = subprocess.run([*before, *command], capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode == SKIPPED:
            raise Skipped(done.stdout.strip() or done.stderr.strip())
        found = re.search(rf"^RELIABILITY {goal} ok (.*)$", done.stdout, re.M)
        rig.check(done.returncode == 0 and found, f"{way}: {' '.join(command)}: exit {done.returncode}: "
                                                  f"{done.stdout[-800:]}{done.stderr[-400:]}")
        facts = dict(pair.split("=", 1) for pair in found.group(1).split() if "=" in pair)
        self.cases += int(facts["cases"])
        return facts

    def program(self, way, goal, name, cases):
        return self.line(way, goal, os.path.join(self.options.programs, name), "--seed", str(self.options.seed), "--cases",
                         str(cases))

    def backend_in_log(self, way):
        """What a node says that it writes with."""
        place = rig.Workplace(self.options.ordo, "no_uring")
        wrapper = place.path("denied")
        with open(wrapper, "w", encoding="ascii") as stream:
            stream.write(f'#!/bin/sh\nexec "{self.deny}" {way} "{place.ordo}" "$@"\n')
        os.chmod(wrapper, 0o700)
        place.ordo = wrapper
        node = place.node()
        node.start()
        node.stop()
        log = node.log()
        place.close(keep=False)
        found = re.search(r'disk="(\w+)', log)
        rig.check(found, f"{way}: the log does not name the backend: {log[-400:]}")
        return found.group(1)


def run(runs):
    options = runs.options
    wanted = {"R3": runs.program("", "R3", "powerloss", options.cases), "R5": runs.program("", "R5", "bitflips", options.cases)}
    for way, backend in WAYS.items():
        got = {"R3": runs.program(way, "R3", "powerloss", options.cases),
               "R5": runs.program(way, "R5", "bitflips", options.cases)}
        for goal, facts in wanted.items():
            rig.check(got[goal]["digest"] == facts["digest"],
                      f"{way}: digest of {goal} is {got[goal]['digest']}, with io_uring {facts['digest']}")
        runs.program(way, "R7", "faults", 1)
        runs.line(way, "R1", sys.executable, os.path.join(HERE, "..", "crash", "kill_loop"), options.ordo, "--rounds",
                  str(options.rounds), "--seed", str(options.seed))
        said = runs.backend_in_log(way)
        rig.check(said == backend, f"{way}: the log names {said}, wanted {backend}")
    return wanted


def main():
    parser = argparse.ArgumentParser(description="Run the journal's rigs where io_uring is denied.")
    parser.add_argument("ordo")
    parser.add_argument("programs")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())))
    parser.add_argument("--cases", type=int, default=int(os.environ.get("ORDO_CASES_R31", "15000")))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ORDO_R31_ROUNDS", ROUNDS_QUICK)))
    options = parser.parse_args()
    options.ordo = os.path.abspath(options.ordo)
    options.programs = os.path.abspath(options.programs)
    begin = time.monotonic()
    print(f"seed={options.seed} (replay: {sys.argv[0]} {options.ordo} {options.programs} --cases {options.cases} --rounds "
          f"{options.rounds} --seed {options.seed})", flush=True)
    runs = Runs(options)
    commit = subprocess.run([options.ordo, "version"], capture_output=True, text=True, check=False).stdout.split()
    tail = f"seed={options.seed} commit={commit[2] if len(commit) > 2 else 'unknown'} wall="
    try:
        wanted = run(runs)
    except Skipped as reason:
        print(f"RELIABILITY R31 SKIP {reason}")
        return SKIPPED
    except rig.Failed as failure:
        print(f"{failure}\nRELIABILITY R31 FAILED cases={runs.cases} {tail}{time.monotonic() - begin:.0f}s")
        return 1
    print(f"RELIABILITY R31 ok cases={runs.cases} fails=0 ways={len(WAYS)} digest_R3={wanted['R3']['digest']} "
          f"digest_R5={wanted['R5']['digest']} {tail}{time.monotonic() - begin:.0f}s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
