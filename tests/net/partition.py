#!/usr/bin/env python3
"""R18 for the client: a writer and a follower behind a network that is cut in every way, and healed.

    tests/net/partition.py ORDO STREAM_LOAD

A node in one network namespace; in another one a client that sells (with four followers of its own) and a follower that is
watched; beside the node a client that sells on meanwhile, so that there is something to catch up with. ORDO_CASES_R18 (10)
heals: both ways, one way, the other way, flapping, 30 % loss, reset, link down. After each heal the watched follower must have
all that the node had at the heal within 5 s, and at the end nothing may be missing, twice, or refused. Needs root.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rig import Failed, Workplace, check, run_cases  # noqa: E402

CATCH_UP_SECONDS_MAX = 5.0
CUT_SECONDS = 3
RATE = 2000  # events a second, of each of the two that sell
NODE_ADDRESS = "10.213.18.1"
FAR_ADDRESS = "10.213.18.2"


def run(*words, may_fail=False):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    check(may_fail or done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}")
    return done


class Networks:
    """Two namespaces and the pair of links between them."""

    def __init__(self):
        self.near = f"ordo-near-{os.getpid()}"
        self.far = f"ordo-far-{os.getpid()}"
        self.links = {self.near: f"on{os.getpid()}", self.far: f"of{os.getpid()}"}
        try:
            for name in (self.near, self.far):
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", self.near, "link", "add", self.links[self.near], "type", "veth", "peer", "name",
                self.links[self.far], "netns", self.far)
            for name, address in ((self.near, NODE_ADDRESS), (self.far, FAR_ADDRESS)):
                run("ip", "-n", name, "address", "add", address + "/24", "dev", self.links[name])
                run("ip", "-n", name, "link", "set", self.links[name], "up")
            self.loses = run("tc", "-n", self.near, "qdisc", "replace", "dev", self.links[self.near], "root", "netem", "loss",
                             "1%", may_fail=True).returncode == 0
            self.cards = {name: self.card(name) for name in (self.near, self.far)}
            self.heal()
        except (Failed, OSError):
            self.close()
            raise

    def close(self):
        for name in (self.near, self.far):
            run("ip", "netns", "del", name, may_fail=True)

    def card(self, name):
        """The hardware address of the other side, asked for by a ping or, without one, read where it is."""
        other = self.far if name == self.near else self.near
        return run("ip", "netns", "exec", other, "cat", f"/sys/class/net/{self.links[other]}/address").stdout.strip()

    def deafen(self, name, deaf=True):
        """What this side sends goes to a card that nobody has: it vanishes without a word."""
        address = FAR_ADDRESS if name == self.near else NODE_ADDRESS
        run("ip", "-n", name, "neigh", "replace", address, "lladdr", "02:00:00:00:00:01" if deaf else self.cards[name],
            "dev", self.links[name], "nud", "permanent")

    def link(self, state):
        run("ip", "-n", self.far, "link", "set", self.links[self.far], state)

    def heal(self):
        self.link("up")
        for name in (self.near, self.far):
            run("tc", "-n", name, "qdisc", "del", "dev", self.links[name], "root", may_fail=True)
            self.deafen(name, False)

    # ---- cuts: each returns when the network is as bad as it gets, or has been ----

    def both_ways(self):
        self.deafen(self.near)
        self.deafen(self.far)
        time.sleep(CUT_SECONDS)

    def one_way(self):
        self.deafen(self.far)
        time.sleep(CUT_SECONDS)

    def other_way(self):
        self.deafen(self.near)
        time.sleep(CUT_SECONDS)

    def flapping(self):
        for _ in range(5):
            self.link("down")
            time.sleep(0.3)
            self.link("up")
            time.sleep(0.3)

    def lossy(self):
        """30 % of the packets by netem; where the kernel has none, all of them in 30 of 100 ms."""
        end = time.monotonic() + CUT_SECONDS
        for name in (self.near, self.far):
            if self.loses:
                run("tc", "-n", name, "qdisc", "replace", "dev", self.links[name], "root", "netem", "loss", "30%")
        while time.monotonic() < end:
            if not self.loses:
                self.deafen(self.far)
                time.sleep(0.03)
                self.deafen(self.far, False)
            time.sleep(0.07)

    def reset(self):
        done = run("ip", "netns", "exec", self.near, "ss", "-K", "dst", FAR_ADDRESS, may_fail=True)
        if done.returncode != 0:
            print("partition: no reset: ss -K is not possible here", flush=True)

    def down(self):
        self.link("down")
        time.sleep(CUT_SECONDS)

    def cuts(self):
        return [self.both_ways, self.one_way, self.other_way, self.flapping, self.lossy, self.reset, self.down]


class Watch:
    """`stream_load watch` and where it is."""

    def __init__(self, command, folder):
        self.at = 0
        self.faults = ""
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            at, missing, twice = (int(word.split("=")[1]) for word in line.split())
            self.at = at
            if missing or twice:
                self.faults = line.strip()

    def wait_for(self, number, seconds):
        end = time.monotonic() + seconds
        while self.at < number:
            check(self.process.poll() is None, "the watched follower has ended")
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True


def stop(process, seconds):
    process.send_signal(signal.SIGTERM)
    told, said = process.communicate(timeout=seconds)
    wrong = [line for line in told.splitlines() if "follower" in line and "missing=0 twice=0" not in line]
    return process.returncode, " ".join([said.strip(), *wrong]).strip()


class Partitions:
    def __init__(self, place, program):
        self.place = place
        self.program = os.path.abspath(program)
        self.networks = Networks()
        self.cases = int(os.environ.get("ORDO_CASES_R18", "10"))
        self.seed = int(os.environ.get("ORDO_SEED", time.time()))

    def inside(self, name, *words):
        return ["ip", "netns", "exec", name, *words]

    def start(self):
        orders = max(200000, self.cases * 30 * RATE)
        flags = [f"--listen=tcp://{NODE_ADDRESS}:7700", f"--publish=tcp://{NODE_ADDRESS}:7701", "--listen=ipc://data/ordo.ipc",
                 "--publish=ipc://data/updates.ipc", f"--set=genesis.orders_max={orders}",
                 f"--set=genesis.payments_max={orders}"]
        node = self.place.node("data", flags=flags)
        ordo, node.place.ordo = node.place.ordo, self.place.path("ordo_near")
        with open(node.place.ordo, "w", encoding="ascii") as script:
            script.write(f'#!/bin/sh\nexec ip netns exec {self.networks.near} "{ordo}" "$@"\n')
        os.chmod(node.place.ordo, 0o755)
        node.start()
        self.place.ask("sku", "put", "1", "--price", "9.90", "--mode", "unlimited")
        near = ["ipc://data/ordo.ipc", "ipc://data/updates.ipc"]
        far = [f"tcp://{NODE_ADDRESS}:7700", f"tcp://{NODE_ADDRESS}:7701"]
        folder = self.place.folder
        pipes = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.here = Watch([self.program, *near, "watch", "here"], folder)
        self.there = Watch(self.inside(self.networks.far, self.program, *far, "watch", "there"), folder)
        self.seller = subprocess.Popen([self.program, *near, "steady", str(RATE), "N"], **pipes)
        self.far_seller = subprocess.Popen(
            self.inside(self.networks.far, self.program, *far, "steady", str(RATE), "F"), **pipes)
        check(self.here.wait_for(RATE // 2, 20) and self.there.wait_for(RATE // 2, 20), "the sale does not begin")

    def heals(self):
        begin = time.monotonic()
        chance = random.Random(self.seed)
        print(f"partition: ORDO_SEED={self.seed} ORDO_CASES_R18={self.cases}", flush=True)
        self.start()
        longest = 0.0
        cuts = self.networks.cuts()
        order = cuts + [chance.choice(cuts) for _ in range(self.cases - len(cuts))]
        for cut in order[:self.cases]:
            cut()
            self.networks.heal()
            healed = time.monotonic()
            wanted = self.here.at
            good = self.there.wait_for(wanted, CATCH_UP_SECONDS_MAX)
            took = time.monotonic() - healed
            longest = max(longest, took)
            check(good, f"{cut.__name__}: {wanted - self.there.at} updates are missing {took:.1f} s after the heal")
        for name, process in (("near", self.seller), ("far", self.far_seller)):
            code, said = stop(process, 150)
            check(code == 0 and said == "", f"the seller {name}: exit {code}: {said}")
        for watch in (self.here, self.there):
            check(watch.faults == "", watch.faults)
        check(self.there.wait_for(self.here.at, 10), "the end is not reached")
        print(f"RELIABILITY R18 ok cases={self.cases} fails=0 (client) catch_up_max={longest:.2f}s missing=0 twice=0 "
              f"updates={self.here.at} seed={self.seed} wall={time.monotonic() - begin:.0f}s", flush=True)

    def close(self):
        for process in (getattr(self, name, None) for name in ("seller", "far_seller")):
            if process is not None and process.poll() is None:
                process.kill()
        for watch in (getattr(self, name, None) for name in ("here", "there")):
            if watch is not None:
                watch.process.kill()
        self.networks.close()


def main():
    if len(sys.argv) < 3:
        print(f"usage: {sys.argv[0]} ORDO STREAM_LOAD", file=sys.stderr)
        return 64
    if os.geteuid() != 0:
        print("partition: SKIP network namespaces need root")
        return 77
    place = Workplace(sys.argv[1], "partition")
    try:
        partitions = Partitions(place, sys.argv[2])
    except (Failed, OSError) as error:
        place.close(False)
        print(f"partition: SKIP no network namespaces here: {error}")
        return 77
    code = 1
    try:
        code = run_cases("partition", [("every heal is followed by everything, once", partitions.heals)])
    finally:
        partitions.close()
        place.close(code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
