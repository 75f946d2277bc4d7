#!/usr/bin/env python3
"""R16, the model of the ring (ring.pml): every state of it by spin, and each mutant of it must fail.

    tests/race/ring_model.py [--work FOLDER]

Without spin or a compiler: exit 77, skipped. Ends with a RELIABILITY line.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ring.pml")
WIDE = ["-DLAST=6"]
NARROW = ["-DNARROW", "-DBUFFER", "-DLAST=9"]
SHORT = ["-DLAST=5"]
SMALL = ["-DNARROW", "-DBUFFER", "-DCAP=2", "-DLAST=4"]

MODELS = {"graph": WIDE, "handover": NARROW}
MUTANTS = {  # name -> (size, what must be said)
    "NO_GATE": (SHORT, "assertion violated"),
    "WRAP": (SHORT, "assertion violated"),
    "GATE_FORGETS": (SHORT, "assertion violated"),
    "NOT_DURABLE": (SHORT, "assertion violated"),
    "ACK_EARLY": (SHORT, "assertion violated"),
    "NO_LOOK": (SMALL, "invalid end state"),
    "NO_WAKE": (SMALL, "invalid end state"),
    "LOAD": (SMALL, "invalid end state"),
}
LIMIT_S = 600


def exhaust(flags, folder):
    """(errors, states, what was printed)"""
    subprocess.run(["spin", *flags, "-a", MODEL], cwd=folder, check=True, capture_output=True, timeout=LIMIT_S)
    subprocess.run(["cc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=2000", "-o", "pan", "pan.c"], cwd=folder,
                   check=True, timeout=LIMIT_S)
    done = subprocess.run(["./pan", "-m1000000"], cwd=folder, check=True, capture_output=True, text=True, timeout=LIMIT_S)
    text = done.stdout
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    if errors is None or states is None:
        raise RuntimeError(f"spin said nothing of use with {flags}: {text[-500:]}")
    if "max search depth too small" in text or "out of memory" in text or "Search not completed" in text and errors[1] == "0":
        raise RuntimeError(f"not exhausted with {flags}: {text[-500:]}")
    return int(errors[1]), int(states[1]), text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", default=None)
    options = parser.parse_args()
    for tool in ("spin", "cc"):
        if shutil.which(tool) is None:
            print(f"RELIABILITY R16 SKIP part=model there is no {tool}")
            return 77
    begin = time.monotonic()
    wrong = []
    states = {}
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        for name, flags in MODELS.items():
            errors, states[name], text = exhaust(flags, folder)
            print(f"{name}: {states[name]} states, {errors} errors", flush=True)
            if errors:
                wrong.append(f"{name}: {text[:500]}")
        for name, (flags, said) in MUTANTS.items():
            errors, count, text = exhaust(flags + [f"-DBUG_{name}"], folder)
            print(f"mutant {name}: {'found' if errors else 'NOT FOUND'} after {count} states", flush=True)
            if not errors or said not in text:
                wrong.append(f"the mutant {name} did not end with \"{said}\"")
    for line in wrong:
        print(f"ring_model.py: {line}", file=sys.stderr)
    figures = " ".join(f"states_{name}={count}" for name, count in states.items())
    print(f"RELIABILITY R16 {'FAILED' if wrong else 'ok'} part=model cases={len(MODELS) + len(MUTANTS)} fails={len(wrong)} "
          f"{figures} mutants={len(MUTANTS)} slots=4 wall={time.monotonic() - begin:.0f}s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
