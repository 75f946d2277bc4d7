#!/usr/bin/env python3
"""Four durable followers beside a node under load: one of them is slow (R17), one of them stands still for ten seconds.

    tests/net/stream.py ORDO STREAM_LOAD

ORDO_R17_EVENTS (200,000; 5,000,000 for a release) events with a follower that takes 1 ms an event, after as many with none:
nothing missing and nothing twice at any callback; the node's memory grows by at most 16 MiB more than without it; the p99 of
the writes is at most 10 % longer. Other work on the machine disturbs the last figure, so a run that fails by it alone is
repeated, at most twice. ORDO_PAUSE_SECONDS (10): the same counts when a follower stands still at full load.
"""

import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rig import Failed, Workplace, check, run_cases  # noqa: E402

GROWTH_KIB_MAX = 16 * 1024
P99_SHARE_MAX = 1.10
RATE = 20000  # events a second
TRIES_MAX = 3
RUN_SECONDS_MAX = 600


class Load:
    """A run of stream_load on a new node: its lines, and the node's memory at each step and its most since then."""

    def __init__(self, ordo, program, arguments, genesis):
        self.place = Workplace(ordo, "stream")
        self.program = os.path.abspath(program)
        self.steps = {}
        self.followers = []
        self.memory = {}
        self.most = {}
        keep = True
        try:
            self.node = self.place.node("data", flags=genesis)
            self.node.start()
            self.place.ask("sku", "put", "1", "--price", "9.90", "--mode", "unlimited")
            self._run(arguments)
            keep = False
        finally:
            self.place.close(keep)

    def _watch(self):
        while self.step != "end":
            now = self.node.resident_kib()
            self.most[self.step] = max(self.most.get(self.step, 0), now)
            time.sleep(0.05)

    def _run(self, arguments):
        self.step = "start"
        command = [self.program, "ipc://data/ordo.ipc", "ipc://data/updates.ipc", *map(str, arguments)]
        with subprocess.Popen(command, cwd=self.place.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as load:
            timer = threading.Timer(RUN_SECONDS_MAX, load.kill)
            timer.start()
            threading.Thread(target=self._watch, daemon=True).start()
            for line in load.stdout:
                self._take(line.split())
            said = load.stderr.read()
            code = load.wait()
            timer.cancel()
            self.step = "end"
        check(code == 0, f"exit {code}: {said.strip()} {self.followers}")

    def _take(self, words):
        if words[0] == "step":
            self.step = words[1]
            self.memory[self.step] = self.node.resident_kib()
            return
        pairs = dict(word.split("=") for word in words)
        if "follower" in pairs:
            self.followers.append(pairs)
        else:
            self.steps[self.step] = pairs

    def number(self, step, key):
        return float(self.steps[step][key])

    def check_counts(self):
        check(len(self.followers) == 4, f"{len(self.followers)} followers told their end")
        for follower in self.followers:
            check(follower["missing"] == "0" and follower["twice"] == "0", f"{follower}")
        for step, pairs in self.steps.items():
            check(pairs.get("refused", "0") == "0", f"commands of step {step} were refused: {pairs}")


class Slow:
    def __init__(self, ordo, program):
        self.ordo = ordo
        self.program = program
        self.events = int(os.environ.get("ORDO_R17_EVENTS", "200000"))

    def once(self):
        orders = str(self.events)  # a quarter each of two steps, and to spare
        genesis = [f"--set=genesis.{table}={orders}" for table in ("orders_max", "payments_max")]
        load = Load(self.ordo, self.program, ["slow", self.events, RATE], genesis)
        load.check_counts()
        quick = load.memory["slow"] - load.memory["quick"]
        slow = max(load.most.get("slow", 0), load.most.get("drain", 0), load.memory["end"]) - load.memory["slow"]
        share = load.number("slow", "p99_us") / load.number("quick", "p99_us")
        return load, slow - quick, share

    def run(self):
        begin = time.monotonic()
        for tries in range(1, TRIES_MAX + 1):
            load, growth, share = self.once()
            check(growth <= GROWTH_KIB_MAX, f"the node grew by {growth} KiB more than without a slow follower")
            if share <= P99_SHARE_MAX:
                break
        good = share <= P99_SHARE_MAX
        print(f"RELIABILITY R17 {'ok' if good else 'FAILED'} cases={self.events} fails={0 if good else 1} missing=0 twice=0 "
              f"behind={load.steps['drain']['behind']} refilled={load.followers[3]['refilled']} grown_kib={growth} "
              f"p99_us={load.steps['slow']['p99_us']} p99_quick_us={load.steps['quick']['p99_us']} tries={tries} "
              f"wall={time.monotonic() - begin:.0f}s", flush=True)
        check(good, f"the p99 of writes is {share:.2f} of that without a slow follower")


def paused(ordo, program):
    seconds = int(os.environ.get("ORDO_PAUSE_SECONDS", "10"))
    orders = 350000 * (seconds + 2)  # three commands each: room for a million a second
    genesis = [f"--set=genesis.{table}={orders}" for table in ("orders_max", "payments_max")]
    genesis.append(f"--set=genesis.ids_max={4 * orders}")  # each of an order's three commands is remembered
    load = Load(ordo, program, ["pause", seconds], genesis)
    load.check_counts()
    drain = load.steps["drain"]
    rate = float(drain["behind"]) / max(float(drain["seconds"]), 0.001)
    print(f"stream: paused {seconds} s at {load.number('pause', 'rate'):.0f} commands/s, {drain['final']} updates: missing=0 "
          f"twice=0; the last {drain['behind']} refilled in {drain['seconds']} s, {rate:.0f} a second", flush=True)


def main():
    if len(sys.argv) < 3:
        print(f"usage: {sys.argv[0]} ORDO STREAM_LOAD", file=sys.stderr)
        return 64
    ordo, program = sys.argv[1:3]
    cases = [
        ("a slow follower costs others nothing and loses nothing", Slow(ordo, program).run),
        ("a follower that stood still has everything once", lambda: paused(ordo, program)),
    ]
    return run_cases("stream", cases)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        print(failed, file=sys.stderr)
        sys.exit(1)
