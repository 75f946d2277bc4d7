#!/usr/bin/env python3
"""The benchmarks that help to tune, in their quick form: that they run to their end, write what they say, and that a node
takes what `tune` has written. No figure is judged: this machine is busy.

    tests/e2e/tune.py ORDO
"""

import csv
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

BENCH_SECONDS_MAX = 240
PICTURES = ("latency-load.svg", "throughput-batch.svg", "cpu-strategy.svg")
WRITTEN = {"threads.strategy", "threads.layout", "journal.batch_size_max", "journal.flush"}


class Tune:
    def __init__(self, place):
        self.place = place

    def bench(self, *arguments, code=0, **more):
        """Its JSON line, and what stands on stderr."""
        done = self.place.run("bench", *arguments, timeout=BENCH_SECONDS_MAX, **more)
        check(done.returncode == code, f"ordo bench {' '.join(arguments)}: exit {done.returncode}: {done.stderr[-600:]}")
        return json.loads(done.stdout) if done.stdout.strip() else None, done.stderr

    def rows(self, name):
        with open(self.place.path(name), newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    def sweep(self):
        line, said = self.bench("sweep", "--quick", "-r", "1", "--batch", "1Mi", "--rate", "4k", "--seed", "3", "--out", "out")
        rows = self.rows("out/sweep.csv")
        cores = len(os.sched_getaffinity(0))
        check(len(rows) == 4 and "seed 3" in said, f"{rows} {said}")
        for row in rows:
            spins = row["strategy"] == "spin" and row["layout"] == "dedicated" and cores < 5
            check(row["state"] == ("refused" if spins else "measured"), f"{row}")
            check(not spins or "spinning threads" in row["reason"], f"{row}")
            check(spins or 0 < float(row["p50_us"]) <= float(row["max_us"]), f"{row}")
        measured = sum(row["state"] == "measured" for row in rows)
        check(len(line["rows"]) == measured and line["bench"] == "sweep", f"{line}")
        check(("refused:" in said) == (measured < 4), said)
        if shutil.which("gnuplot") is not None:
            for picture in PICTURES:
                check(os.path.getsize(self.place.path("out/" + picture)) > 1000, picture)

    def sweep_without_gnuplot(self):
        bare = self.place.path("bare")
        os.mkdir(bare)
        _, said = self.bench("sweep", "--quick", "-r", "1", "-w", "park", "-l", "shared", "-b", "1Mi", "-R", "4k", "-o", "none",
                             env={**os.environ, "PATH": bare})
        check("gnuplot-nox" in said and "plots.gp" in said, said)
        check(len(self.rows("none/sweep.csv")) == 1, "the CSV is kept")
        check(not os.path.exists(self.place.path("none/latency-load.svg")), "a picture out of nothing")

    def sweep_of_nonsense(self):
        done = self.place.run("bench", "sweep", "--rate", "fast")
        check(done.returncode == 64 and "--rate" in done.stderr, done.stderr)
        line, said = self.bench("sweep", "--quick", "-r", "1", "-w", "park", "-l", "shared", "-b", "1", "-R", "4k", "-f", "dsync",
                                "--no-plots", "-o", "odd")
        row = self.rows("odd/sweep.csv")[0]
        check(row["state"] == "refused" and "journal.batch_size_max" in row["reason"] and not line["rows"], f"{row} {said}")

    def tune(self):
        with open(self.place.path("ordo.ini"), "w", encoding="utf-8") as out:
            out.write("; my node\n[net]\nheartbeat_ms = 250\n")
        line, said = self.bench("tune", "--quick", "--write", "ordo.ini")
        check(WRITTEN <= set(line["config"]) and len(line["notes"]) == 2, f"{line}")
        check("+strategy = " in said and "+flush = " in said, said)
        with open(self.place.path("ordo.ini"), encoding="utf-8") as stream:
            text = stream.read()
        check(text.startswith("; my node\n[net]\nheartbeat_ms = 250\n"), text)
        node = self.place.node("tuned", flags=["--config", "ordo.ini"])
        node.start()
        self.place.ask("sku", "put", "1", "--price", "1.00", "--connect", "ipc://tuned/ordo.ipc")
        check(node.stop() == 0, node.log()[-300:])
        shown = self.place.run("serve", "--config", "ordo.ini", "--print-config").stdout
        check("heartbeat_ms = 250" in shown, shown)
        check(f"strategy = {line['config']['threads.strategy']}" in shown, shown)
        check(f"layout = {line['config']['threads.layout']}" in shown, shown)

    def tune_leaves_a_file_that_is_none(self):
        with open(self.place.path("bad.ini"), "w", encoding="utf-8") as out:
            out.write("[threads]\ncolour = red\n")
        _, said = self.bench("tune", "--quick", "--write", "bad.ini", code=78)
        check("threads.colour" in said and "visits" not in said, f"before anything is measured: {said}")

    def flash(self):
        line, said = self.bench("flash", "--quick", "--seed", "7", "-r", "1", "--stock", "50", "--out", "sale")
        check("seed 7" in said and line["config"]["seed"] == 7, said)
        names = [row["name"] for row in line["rows"]]
        check("saturated, 1 product" in names and "burst, payment facts, 64 products" in names, f"{names}")
        check(sum("the books are right" in note for note in line["notes"]) == 2, f"{line['notes']}")
        check(line["rows"][0]["limit"]["name"] == "64 products", f"{line['rows'][0]}")
        orders = {}
        for products in (1, 64):
            rows = self.rows(f"sale/flash-{products}.csv")
            offered = sum(int(row["creates_offered"]) for row in rows)
            check(offered == sum(int(row["creates_answered"]) for row in rows), "each create has its answer")
            facts = sum(int(row["facts_offered"]) for row in rows)
            check(0 < facts == sum(int(row["facts_answered"]) for row in rows), "each fact has its answer")
            orders[products] = offered
        check(orders[1] == orders[64] > 100, f"the same seed, the same sale: {orders}")

    def cases(self):
        return [(case.__name__.replace("_", " "), case) for case in (
            self.sweep, self.sweep_without_gnuplot, self.sweep_of_nonsense, self.tune,
            self.tune_leaves_a_file_that_is_none, self.flash)]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "tune")
    code = 1
    try:
        code = rig.run_cases("tune", Tune(place).cases())
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
