#!/usr/bin/env python3
"""Every benchmark runs, quickly, and says what it found in the one schema; what it says is not looked at.

    tests/bench/quick.py ORDO
"""

import glob
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "..", "bench", "compare")]
import groups  # noqa: E402
import groups_own  # noqa: E402
import rig  # noqa: E402
from place import wait_until  # noqa: E402
from rig import check  # noqa: E402

VERB_SECONDS_MAX = 180



def looked_up(figures):
    """Rows in which bench/targets finds figures."""
    return sorted({rows[0] for rows, *_ in figures.values()})


# words behind `ordo bench`, rows that targets and baselines look for
RUNS = [
    ("ring --quick", looked_up(groups.Ring.FIGURES)),
    ("apply --quick --orders 10000,20000", ["10k orders transitions", "20k orders against 10k orders"]),
    ("codec --quick", ["request encode", "request decode", "reply encode", "update encode"]),
    ("journal --quick --rate 5000", ["saturated", "one command p50", "lifecycle", "offered p99.9",
                                      *looked_up(groups_own.Journal.figures)]),
    ("journal --probe --quick", ["journal: pwritev2, RWF_DSYNC 4 KiB"]),
    ("engine --quick", looked_up(groups_own.Engine.figures)),
    ("flash --quick --bursts 0", looked_up(groups_own.Hot.figures)),
    ("budget --quick", []),
    ("e2e --quick", ["1 x 1", "1 x 1 p50", "64 x 1", *groups.Door.GROUPS, "nng client 64 x 1", "bare flush p50"]),
    ("e2e --quick --rate 500", ["offered", "offered p50"]),
    ("read --quick", ["1 x 1", "64 x 1", *looked_up(groups_own.Read.FIGURES)]),
    ("read --quick --rate 500", ["offered", "offered p50"]),
    ("stream --quick", ["refill"]),
    ("snapshot --quick", ["whole beside p99.9", "incremental beside p99.9"]),
]
SPREAD = ("median", "least", "most")
LATENCY = ("p50", "p90", "p99", "p99_9", "max")


def check_numbers(what, values, names):
    for name in names:
        check(isinstance(values.get(name), (int, float)), f"{what}: no number {name} in {values}")


def check_row(row):
    name = row["name"]
    check_numbers(name, row, SPREAD)
    check(row["least"] <= row["median"] <= row["most"], f"{name}: median outside of its spread: {row}")
    check(row["unit"] and row["repeats"] >= 1, f"{name}: no unit or no repeats: {row}")
    if "ratio" in row:
        check_numbers(name, row["ratio"], SPREAD)
        check_numbers(name, row["limit"], ("median",))
        check(row["limit"]["name"], f"{name}: a limit without a name")
    if "latency_us" in row:
        latency = row["latency_us"]
        check_numbers(name, latency, LATENCY + ("count",))
        ordered = [latency[part] for part in LATENCY]
        check(ordered == sorted(ordered) and latency["count"] >= 1, f"{name}: percentiles out of order: {latency}")


def check_schema(result, bench):
    for name in ("commit", "machine", "config", "rows"):
        check(name in result, f"no {name}")
    check(bench in (result["bench"], result["bench"].split("-")[0]), f"it calls itself {result['bench']}")
    for name in ("cpu", "cores", "kernel", "disk", "file_system", "load", "compiler", "build"):
        check(result["machine"].get(name) not in (None, ""), f"the machine has no {name}")
    check(result["config"]["command"].startswith(bench), f"the command is {result['config']['command']}")
    names = [row["name"] for row in result["rows"]]
    check(len(names) == len(set(names)) > 0, f"names are not unique: {names}")
    for row in result["rows"]:
        check_row(row)


class Script:
    def __init__(self, place):
        self.place = place

    def run(self, words, wanted):
        done = self.place.run("bench", *words.split(), timeout=VERB_SECONDS_MAX)
        check(done.returncode == 0, f"exit {done.returncode}: {done.stderr.strip()[-500:]}")
        check(done.stdout.count("\n") == 1, f"not one line: {done.stdout[:300]}")
        result = json.loads(done.stdout)
        check_schema(result, words.split()[0])
        names = {row["name"] for row in result["rows"]}
        check(set(wanted) <= names, f"no row {sorted(set(wanted) - names)} in {sorted(names)}")
        for name in wanted:
            check(name in done.stderr, f"{name} is not in the table: {done.stderr}")
        left = [name for name in os.listdir(self.place.folder) if name.startswith("ordo-bench")]
        check(not left, f"left behind: {left}")

    def killed(self):
        """Who is killed cannot clean up; a node, its folder and its sockets are gone all the same."""
        folder = os.path.join(self.place.folder, "killed")
        os.mkdir(folder)
        process = subprocess.Popen([self.place.ordo, "bench", "e2e", "--seconds", "30", "--dir", folder],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: glob.glob(folder + "/*/data"), 30, "the benchmark's node")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        wait_until(lambda: not os.listdir(folder), 30, "an empty folder")

    def cases(self):
        runs = [(words, lambda words=words, wanted=wanted: self.run(words, wanted)) for words, wanted in RUNS]
        return [*runs, ("e2e, killed", self.killed)]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "bench_quick")
    code = 1
    try:
        code = rig.run_cases("bench_quick", Script(place).cases())
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
