#!/usr/bin/env python3
"""R9: the k-th allocation of a node's start fails, for every k; and none is made where commands pass.

    tests/alloc/node_alloc.py ORDO SHIM CLIENT

alloc_fault.c is preloaded. For each k the node must serve, or end with one line that says what was short and an exit code of
its own: no signal, no word of damage. Then it must start on the folder that it left. Scenarios: a new folder, one with a journal,
one with a snapshot. CLIENT does the same inside of libordo: opening, asking and following a node.
ORDO_R9_SCENARIOS=all: all three for every k; by default the two latter for each seventh.
"""

import argparse
import mmap
import os
import re
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402

FLAGS = ("--set", "journal.segment_size=1Mi", "--set", "journal.batch_size_max=256Ki", "--set", "snapshot.pool_size=1Mi",
         "--set", "genesis.orders_max=2000", "--set", "genesis.cards_max=4000",
         "--set", "ring.command_size=1Mi", "--set", "ring.outcome_size=1Mi",
         "--set", "net.connections_max=16", "--set", "net.requests_max=64")
CODES = (1, 69, 74, 78)  # a lack of memory is no damage (3) and no wrong usage (64)
PAGE_SIZE = 4096
SEEN_AT, SEEN_SIZE, SEEN_MAX = 48, 40, 64
TEXT_AT = SEEN_AT + SEEN_SIZE * SEEN_MAX
HOT = ("ordo-engine", "ordo-ingress", "ordo-apply", "ordo-journal", "ordo-reply", "ordo-publish", "ordo-jwrite", "ordo-feed")
K_MAX = 5000


class Page:
    """The words that the shim reads and writes: see alloc_page.h."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as stream:
            stream.truncate(PAGE_SIZE)
        with open(path, "r+b") as stream:
            self.map = mmap.mmap(stream.fileno(), PAGE_SIZE)

    def clear(self):
        self.map[:] = bytes(PAGE_SIZE)

    def get(self, index):
        return struct.unpack_from("<Q", self.map, 8 * index)[0]

    def set(self, index, value):
        struct.pack_into("<Q", self.map, 8 * index, value)

    def seen(self):
        for number in range(min(self.get(4), SEEN_MAX)):
            thread, size, module, offset = struct.unpack_from("<16sQQQ", self.map, SEEN_AT + number * SEEN_SIZE)
            name = self.map[TEXT_AT + module:TEXT_AT + module + 64].split(b"\0")[0].decode()
            yield thread.split(b"\0")[0].decode(), f"{size} bytes by {name}+0x{offset:x}"


class Starts:
    def __init__(self, place, shim):
        self.place = place
        self.page = Page(place.path("page"))
        self.environment = dict(os.environ, LD_PRELOAD=shim, ORDO_ALLOC_PAGE=self.page.path)
        self.cases = 0
        self.served = 0

    def start(self, shimmed):
        node = self.place.node("data", flags=FLAGS)
        if shimmed:
            node.environment = self.environment
        node.spawn()
        deadline = time.monotonic() + rig.READY_SECONDS_MAX
        while not node.is_ready() and node.process.poll() is None:
            rig.check(time.monotonic() < deadline, f"k={self.page.get(0)}: the start hangs: {node.log()[-600:]}")
            time.sleep(0.001)
        return node

    def one(self, k):
        """False: the start has fewer allocations than k."""
        self.page.clear()
        self.page.set(0, k)
        node = self.start(True)
        if node.process.poll() is None:
            code = node.stop()
            rig.check(code == 0, f"k={k}: a node that served ended with {code}: {node.log()[-600:]}")
            self.served += self.page.get(2)
        elif self.page.get(2) > 0:
            self.check_end(k, node)
        else:
            rig.check(False, f"k={k}: ended with {node.process.returncode}: {node.log()[-600:]}")
        if self.page.get(2) == 0:
            return False
        self.cases += 1
        self.check_next(k)
        return True

    def check_end(self, k, node):
        code = node.process.returncode
        what = ", ".join(f"{thread}: {text}" for thread, text in self.page.seen())
        lines = [line for line in node.log().splitlines() if not line.startswith("<")]
        rig.check(code in CODES, f"k={k} ({what}): exit {code}: {node.log()[-600:]}")
        rig.check(len(lines) == 1 and lines[0].startswith("ordo: ") and re.search("memory|thread", lines[0]),
                  f"k={k} ({what}): exit {code} without one line that says what is short: {lines}")

    def check_next(self, k):
        node = self.start(False)
        rig.check(node.process.poll() is None, f"k={k}: the next start ended with {node.process.returncode}: {node.log()[-600:]}")
        rig.check("damage" not in node.log() and "torn" not in node.log(), f"k={k}: left behind: {node.log()[-600:]}")
        node.kill()

    def every(self, prepare, step):
        k = 1
        while k < K_MAX:
            prepare()
            if not self.one(k):
                return
            self.place.nodes.clear()
            k += step
        raise rig.Failed(f"more than {K_MAX} allocations at a start")

    def fresh(self):
        shutil.rmtree(self.place.path("data"), ignore_errors=True)
        if os.path.exists(self.place.path("data.key")):
            os.unlink(self.place.path("data.key"))

    def kept(self):
        """The folder as it was prepared, for each start anew."""
        shutil.rmtree(self.place.path("data"), ignore_errors=True)
        shutil.copytree(self.place.path("kept"), self.place.path("data"),
                        ignore=lambda folder, names: [n for n in names if n.endswith(".ipc")])

    def keep(self, snapshot):
        self.fresh()
        node = self.start(False)
        done = self.place.run("sale", "--data", "data", "--orders", "300", "--seed", "9")
        rig.check(done.returncode == 0, f"the sale: {done.stdout[-400:]}{done.stderr[-400:]}")
        if snapshot:
            self.place.ask("snapshot", "make", "data")
        node.kill()
        shutil.rmtree(self.place.path("kept"), ignore_errors=True)
        shutil.copytree(self.place.path("data"), self.place.path("kept"),
                        ignore=lambda folder, names: [n for n in names if n.endswith(".ipc")])


def threads_of(node):
    names = set()
    for task in os.listdir(f"/proc/{node.process.pid}/task"):
        with open(f"/proc/{node.process.pid}/task/{task}/comm", encoding="ascii") as stream:
            names.add(stream.read().strip())
    return names


def hot_path(starts):
    """A sale on a node that has started: which threads allocate."""
    starts.fresh()
    starts.page.clear()
    node = starts.start(True)
    rig.check(node.process.poll() is None, f"the node ended: {node.log()[-400:]}")
    rig.check(threads_of(node) & set(HOT), f"no thread of the hot path has its name: {sorted(threads_of(node))}")
    sale = ["sale", "--data", "data", "--orders", "200", "--late", "0", "--seed"]
    rig.check(starts.place.run(*sale, "1").returncode == 0, "the first sale failed")
    starts.page.set(3, 1)
    done = starts.place.run(*sale, "2", "--product-first", "200")
    starts.page.set(3, 0)
    rig.check(done.returncode == 0, f"the second sale: {done.stdout[-400:]}{done.stderr[-400:]}")
    hot = [f"{thread}: {text}" for thread, text in starts.page.seen() if thread in HOT]
    rig.check(not hot, f"allocated while commands pass: {hot[:5]}")
    beside = starts.page.get(4)
    rig.check(beside <= SEEN_MAX, f"{beside} allocations, of which only the first {SEEN_MAX} were looked at")
    starts.place.ask("snapshot", "make", "data")  # the shim sees: a snapshot allocates on a thread of its own
    starts.page.set(3, 1)
    starts.place.ask("snapshot", "make", "data")
    rig.check(starts.page.get(4) > beside, "no allocation of a snapshot was seen: the shim is blind")
    rig.check(node.stop() == 0, f"the node did not end well: {node.log()[-400:]}")
    return beside


def client(place, starts, program):
    starts.fresh()
    node = starts.start(False)
    done = place.run("sale", "--data", "data", "--orders", "50", "--seed", "3")
    rig.check(done.returncode == 0, f"the sale: {done.stdout[-400:]}")
    starts.page.clear()
    done = subprocess.run([program, "ipc://data/ordo.ipc", "ipc://data/updates.ipc", "data.key"], cwd=place.folder, capture_output=True,
                          text=True, timeout=300, check=False, env=starts.environment)
    rig.check(done.returncode == 0, f"libordo: exit {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
    node.stop()
    return int(done.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description="Let allocations fail.")
    parser.add_argument("ordo")
    parser.add_argument("shim")
    parser.add_argument("client")
    options = parser.parse_args()
    whole = os.environ.get("ORDO_R9_SCENARIOS", "") == "all"
    begin = time.monotonic()
    place = rig.Workplace(options.ordo, "alloc")
    commit = place.ask("version")["commit"]
    starts = Starts(place, os.path.abspath(options.shim))
    failure = None
    counts = {}
    try:
        counts["beside"] = hot_path(starts)
        starts.every(starts.fresh, 1)
        counts["fresh"] = starts.cases
        for name in ("journal", "snapshot"):
            starts.keep(name == "snapshot")
            before = starts.cases
            starts.every(starts.kept, 1 if whole else 7)
            counts[name] = starts.cases - before
        counts["libordo"] = client(place, starts, os.path.abspath(options.client))
    except (rig.Failed, subprocess.TimeoutExpired) as error:
        failure = error
    place.close(keep=failure is not None)
    cases = starts.cases + counts.get("libordo", 0)
    tail = f"seed=0 commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R9 FAILED cases={cases} {tail}")
        return 1
    print(f"RELIABILITY R9 ok cases={cases} fails=0 fresh={counts['fresh']} journal={counts['journal']} "
          f"snapshot={counts['snapshot']} libordo={counts['libordo']} did_without={starts.served} hot_path=0 "
          f"other_threads={counts['beside']} {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
