#!/usr/bin/env python3
"""R2: every named failpoint in the sources: the node is killed exactly there, in the middle of a sale, starts again on what
it left, and nothing acknowledged may be missing.

    tests/crash/failpoints.py ORDO_FAILPOINTS [--rounds N] [--only NAME] [--seed N]

The names are read from the sources, so one that is added is tested. A point of recovery is met at the next start (behind a
torn tail that is put there), one of the first segment in a folder of its own. Points that can return an error are also made
to: the node must end with 74, or go on. Segments are as small as a node takes, so that it rotates. At the end every
acknowledged command is asked again and the journal audited. A name that is never passed is a failure.
ORDO_FAILPOINT_ROUNDS sets the rounds (default 1).
"""

import argparse
import glob
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402

SOURCES = ("engine", "journal", "net", "tools")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
POINT = re.compile(r'ORDO_FAILPOINT(_ERROR)?\(\s*"([a-z0-9_.]+)"')
SMALL = ("--set", "journal.segment_size=1Mi", "--set", "journal.batch_size_max=262144")
ENTRY = struct.Struct("<56sQ")
SECONDS_MAX = 30
ONCE = ("recover.", "journal.first", "journal.before_mark")  # passed once a life: nothing to hold back
ORDERS_A_SALE = 4000
RATE = 3000
ROUNDS_OF_A_FOLDER = 10  # a journal that grows makes each start longer
KILLED = -9
EX_IOERR = 74

# What makes a node pass a point of this part, beside starting and selling: verbs, repeated until it is dead.
TRIGGERS = {
    "snapshot": [("snapshot", "make", "data")],
    "cut": [("snapshot", "make", "data")],
    "archive": [("snapshot", "make", "data")],  # closed segments move after the second
}


def points():
    """name -> may it return an error, in the order of the sources."""
    found = {}
    for folder in SOURCES:
        for path, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(n for n in names if n.endswith(".c")):
                with open(os.path.join(path, name), encoding="utf-8") as stream:
                    for error, point in POINT.findall(stream.read()):
                        rig.check(point not in found, f"the failpoint {point} stands in the sources twice")
                        found[point] = error != ""
    return found


class Sales:
    """Sales on the folder `data`, one after the other; each survives the node's deaths."""

    def __init__(self, place, seed):
        self.place = place
        self.seed = seed
        self.begun = []
        self.process = None

    def options(self, seed):
        return ["sale", "--data", "data", "--orders", str(ORDERS_A_SALE), "--rate", str(RATE), "--seed", str(seed)]

    def keep_going(self):
        if self.process is not None and self.process.poll() is None:
            return
        self.check_end()
        seed = self.seed + len(self.begun)
        log = f"acks.{len(self.begun)}"
        self.begun.append((seed, log))
        with open(self.place.path(f"sale.{seed}.log"), "wb") as out:
            self.process = subprocess.Popen([self.place.ordo, *self.options(seed), "--ack-log", log],
                                            cwd=self.place.folder, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def check_end(self):
        if self.process is None or self.process.returncode == 0:
            return
        with open(self.place.path(f"sale.{self.begun[-1][0]}.log"), encoding="utf-8", errors="replace") as stream:
            raise rig.Failed(f"a sale ended with {self.process.returncode}: {stream.read()[-800:]}")

    def acked(self):
        """Bytes of the logs of acknowledged commands."""
        logs = (self.place.path(log) for _, log in self.begun)
        return sum(os.path.getsize(log) for log in logs if os.path.exists(log))

    def finish(self):
        if self.process is not None:
            self.process.wait(300)
            self.check_end()

    def verify(self):
        acks = 0
        for seed, log in self.begun:
            with open(self.place.path(log), "rb") as stream:
                acks += sum(1 for _ in stream)
            done = self.place.run(*self.options(seed), "--verify", log, timeout=600)
            rig.check(done.returncode == 0, f"sale --verify of seed {seed}: {done.stdout[-800:]}{done.stderr[-800:]}")
        return acks


def still_torn(noise):
    """A start that was killed before it repaired the tail has left the noise of before."""
    if noise is None or not os.path.exists(noise[0]):
        return False
    with open(noise[0], "rb") as stream:
        stream.seek(noise[1])
        return stream.read(len(noise[2])) == noise[2]


def tear(folder):
    """Noise where the next batch would go, as one write that did not end leaves it. Once: a second one behind it could reach the
    next segment, and that one was begun says that all of this one had been flushed. What was written, and where."""
    blank = None
    segments = sorted(n for n in os.listdir(folder) if re.fullmatch(r"journal-\d{8,}\.ordo", n))
    for name in reversed(segments):
        path = os.path.join(folder, name)
        with open(path, "rb") as stream:
            data = stream.read()
        end = len(data.rstrip(b"\0"))
        if end == 0:
            blank = path
            continue
        at = (end + 4095) // 4096 * 4096
        if at == len(data):
            path, at = blank, 0
        noise = os.urandom(512)
        with open(path, "r+b") as stream:
            stream.seek(at)
            stream.write(noise)
        return path, at, noise
    return None


class Run:
    def __init__(self, place, seed):
        self.place = place
        self.random = random.Random(seed)
        self.sales = Sales(place, seed)
        self.hits = {}
        self.cases = 0
        self.aborts = 0
        self.fresh = 0
        self.noise = None
        place.node("data", flags=SMALL).start()  # the folder is made before the first point
        place.nodes[-1].kill()

    @staticmethod
    def counts(path):
        if not os.path.exists(path):
            return {}
        with open(path, "rb") as stream:
            return {n.rstrip(b"\0").decode(): hits for n, hits in ENTRY.iter_unpack(stream.read()) if n[0] != 0}

    def count(self, path):
        for name, hits in self.counts(path).items():
            self.hits[name] = self.hits.get(name, 0) + hits
        os.unlink(path)

    def folder_of(self, point):
        if not point.startswith("journal.first"):
            return "data"
        self.fresh += 1
        return f"fresh.{self.fresh}"

    def provoke(self, node, point, until_passed):
        """Load and verbs until the node is dead, or the point was passed when that is enough."""
        part = point.split(".")[0]
        end = time.monotonic() + SECONDS_MAX
        while node.process.poll() is None and time.monotonic() < end:
            if until_passed and self.counts(node.environment["ORDO_FAILPOINT_HITS"]).get(point, 0) > 1:
                return
            if node.name == "data" and node.is_ready():
                self.sales.keep_going()
                for verb in TRIGGERS.get(part, []):
                    self.place.run(*verb)
            time.sleep(0.01)

    def one(self, point, action, wanted):
        folder = self.folder_of(point)
        if point == "recover.apply":
            self.sell_behind_snapshots()
        if point.startswith("recover.") and folder == "data":
            if not still_torn(self.noise):
                self.noise = tear(self.place.path("data"))
        begin = time.monotonic()
        hits = self.place.path("hits")
        order = {"ORDO_FAILPOINT": f"{point}:{action}", "ORDO_FAILPOINT_HITS": hits}
        node = rig.Node(self.place, folder, flags=SMALL, environment=order)
        self.place.nodes.append(node)
        node.spawn()
        self.provoke(node, point, action.startswith("delay"))
        code = node.process.poll()
        if code is None:
            node.kill()
        self.count(hits)
        print(f"{time.monotonic() - begin:6.2f} s  {point}:{action}: {code}", flush=True)
        self.cases += 1
        self.aborts += 1 if code == KILLED else 0
        rig.check(code in wanted, f"{point}:{action}: the node ended with {code}, wanted {wanted}; passed "
                                  f"{self.hits.get(point, 0)} times: {node.log()[-500:]}")
        if folder != "data":
            again = self.place.node(folder, flags=SMALL)
            again.start()
            again.kill()

    def sell_behind_snapshots(self):
        """Records that a start has to decide again: the last snapshot may be of all there are."""
        node = self.place.node("data", flags=SMALL)
        node.start()
        before = self.sales.acked()
        end = time.monotonic() + SECONDS_MAX
        while self.sales.acked() == before and time.monotonic() < end:
            self.sales.keep_going()
            time.sleep(0.01)
        node.kill()
        rig.check(self.sales.acked() > before, "nothing was acknowledged behind the snapshots")

    def fill_archive(self):
        node = self.place.node("data", flags=SMALL)
        node.start()
        end = time.monotonic() + SECONDS_MAX
        while not glob.glob(self.place.path("data/archive/*.zst")) and time.monotonic() < end:
            self.sales.keep_going()
            self.place.run("snapshot", "make", "data")
        for _ in range(2):  # both hold, so that a trim may go as far as the archive does
            self.place.ask("snapshot", "make", "data")
        node.kill()
        rig.check(glob.glob(self.place.path("data/archive/*.zst")), "no segment moved to the archive")

    def trim(self, point):
        """A trim is a process of its own, killed at the point, on a copy: what it deletes is gone for good."""
        self.fill_archive()
        self.fresh += 1
        copy = f"trim.{self.fresh}"
        shutil.copytree(self.place.path("data"), self.place.path(copy), ignore=shutil.ignore_patterns("*.ipc"))
        hits = self.place.path("hits")
        order = dict(os.environ, ORDO_FAILPOINT=f"{point}:abort", ORDO_FAILPOINT_HITS=hits)
        done = self.place.run("journal", "trim", copy, "--upto", "1000000000", "--yes", env=order)
        rig.check(done.returncode == KILLED,
                  f"{point}: trim ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
        self.count(hits)
        self.cases += 1
        self.aborts += 1
        done = self.place.run("journal", "trim", copy, "--upto", "1000000000", "--yes")
        rig.check(done.returncode == 0, f"trim after {point}: exit {done.returncode}: {done.stderr[-500:]}")
        node = self.place.node(copy, flags=SMALL)
        node.start()
        node.kill()
        shutil.rmtree(self.place.path(copy))

    def round(self, names, number):
        for point, can_fail in names.items():
            if point.startswith("trim."):
                self.trim(point)
                continue
            # the n-th pass is drawn where a point is passed often
            often = point.startswith("journal.") and not point.startswith(("journal.first", "journal.before_mark"))
            nth = f":{self.random.randint(1, 200)}" if often else ""
            self.one(point, f"abort{nth}", (KILLED,))
            if can_fail:
                self.one(point, f"error{nth}", (EX_IOERR, None))
            if number % 10 == 1 and not point.startswith(ONCE):
                self.one(point, f"delay={self.random.randint(1, 40)}", (None,))


def run(place, names, rounds, seed):
    runner = Run(place, seed)
    for number in range(rounds):
        runner.round(names, number)
    node = place.node("data", flags=SMALL)
    node.start()
    runner.sales.keep_going()
    runner.sales.finish()
    acks = runner.sales.verify()
    code = node.stop()
    rig.check(code == 0, f"the node ended with {code} when asked to: {node.log()[-600:]}")
    audit = place.run("audit", "data", timeout=600)
    rig.check(audit.returncode == 0, f"ordo audit: exit {audit.returncode}: {audit.stdout[-1500:]}{audit.stderr[-600:]}")
    rig.check(acks > 0, "no command was acknowledged: nothing was tested")
    return runner, acks


class Sums:
    def __init__(self):
        self.hits = {}
        self.cases = self.aborts = self.acks = self.sales = 0

    def add(self, runner, acks):
        for name, hits in runner.hits.items():
            self.hits[name] = self.hits.get(name, 0) + hits
        self.cases += runner.cases
        self.aborts += runner.aborts
        self.sales += len(runner.sales.begun)
        self.acks += acks


def main():
    parser = argparse.ArgumentParser(description="Kill the node at every named failpoint and look for what is missing.")
    parser.add_argument("ordo")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ORDO_FAILPOINT_ROUNDS", "1")))
    parser.add_argument("--only", help="this point, or all that begin so")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())))
    options = parser.parse_args()
    begin = time.monotonic()
    print(f"seed={options.seed} (replay: {sys.argv[0]} {options.ordo} --rounds {options.rounds} --seed {options.seed})",
          flush=True)
    sums = Sums()
    failure = None
    commit = ""
    try:
        names = {n: e for n, e in points().items() if options.only is None or n.startswith(options.only)}
        for first in range(0, options.rounds, ROUNDS_OF_A_FOLDER):
            place = rig.Workplace(options.ordo, "failpoints")
            commit = place.ask("version")["commit"]
            rounds = min(ROUNDS_OF_A_FOLDER, options.rounds - first)
            try:
                sums.add(*run(place, names, rounds, options.seed + first))
            except rig.Failed:
                place.close(keep=True)
                raise
            place.close(keep=False)
        never = [name for name in names if sums.hits.get(name, 0) == 0]
        rig.check(not never, f"never passed: {' '.join(never)}")
    except rig.Failed as error:
        failure = error
    tail = f"seed={options.seed} commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R2 FAILED {tail}")
        return 1
    for name in names:
        print(f"failpoint {name} hits={sums.hits[name]}")
    print(f"RELIABILITY R2 ok cases={sums.cases} fails=0 points={len(names)} killed={sums.aborts} acks={sums.acks} "
          f"sales={sums.sales} {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
