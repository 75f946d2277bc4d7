#!/usr/bin/env python3
"""R23: a node under mixed load for long: memory and descriptors stay, every digest is that of an offline replay.

    tests/soak/soak.py ORDO [--minutes N] [--seed N]

Sales of every sort (duplicates, late, out of order, never paid, expiries, queries at their end), a subscriber with a
durable name, small segments, many snapshots, the archive, and kill -9. A round lasts a minute (less in a short run). After
each, beside the running node: what a start would come to (newest snapshot and tail) has the digest of the whole journal
replayed. A folder that has ORDERS_A_FOLDER orders is stopped and audited, and the load goes on in a new one, so that
state and replay stay as large as one sale day's. The last quarter of the time is one life without new state: every
acknowledged command of a sale asked again and again, so what memory grows then is a leak; its slope counts from 20 minutes on.
ORDO_R23_MINUTES sets the minutes (2).
"""

import argparse
import os
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402

FLAGS = ["--set", "journal.segment_size=4Mi", "--set", "snapshot.every_records=40000", "--set", "snapshot.pool_size=8Mi"]
ORDERS_A_SALE = 20000
ORDERS_A_FOLDER = 400000
RATE = 20000
MIX = ["--duplicates", "25", "--late", "4", "--never-paid", "8", "--out-of-order", "4", "--fail-first", "5"]
MIB = 1024.0
SLOPE_MAX = 1.0      # MiB an hour
SLOPE_FROM_S = 1200  # a shorter time says nothing of an hour
FDS_SPREAD_MAX = 24  # connections of sales come and go
UPDATE = re.compile(r'"update_seq": ?(\d+)')


class Subscriber(threading.Thread):
    """Reads every update of a folder through `ordo subscribe`, and looks that none is missing or comes twice."""

    def __init__(self, place, name):
        super().__init__(daemon=True)
        self.last = 0
        self.wrong = None
        self.process = place.spawn("subscribe", "--data", name, "--name", "soak", "--ack", "--from", "start", "--json",
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.start()

    def run(self):
        for line in self.process.stdout:
            found = UPDATE.search(line)
            if found is None:
                continue
            seq = int(found.group(1))
            if seq != self.last + 1 and self.wrong is None:
                self.wrong = f"update {seq} came behind {self.last}"
            self.last = seq

    def finish(self, head):
        deadline = time.monotonic() + 60
        while self.last < head and time.monotonic() < deadline and self.wrong is None:
            time.sleep(0.05)
        self.process.terminate()
        self.process.wait(10)
        rig.check(self.wrong is None, f"the subscriber: {self.wrong}")
        rig.check(self.last == head, f"the subscriber has {self.last} updates of {head}")


class Folder:
    """One data folder with its node, from empty to audited."""

    def __init__(self, place, number, seed):
        self.place = place
        self.name = f"data{number}"
        self.node = place.node(self.name, flags=FLAGS)
        self.seed = seed + 1000 * number
        self.orders = 0
        self.sales = 0
        self.sale = None
        self.lives_at_begin = 0
        self.fds = []  # of the present life
        self.node.start()
        self.subscriber = Subscriber(place, self.name)

    def keep_selling(self):
        if self.sale is not None and self.sale.poll() is None:
            return
        if self.sale is not None:
            self.check_sale()
        self.sales += 1
        self.lives_at_begin = self.node.lives
        with open(self.place.path(f"sale.{self.name}"), "wb") as out:
            self.sale = self.place.spawn(
                "sale", "--data", self.name, "--orders", str(ORDERS_A_SALE), "--rate", str(RATE), "--seed",
                str(self.seed + self.sales), "--product-first", str(1000 + 10 * self.sales), *MIX, stdout=out, stderr=out)
        self.orders += ORDERS_A_SALE

    def said(self):
        with open(self.place.path(f"sale.{self.name}"), encoding="utf-8", errors="replace") as stream:
            return stream.read()[-1500:]

    def sample(self):
        self.fds.append(len(os.listdir(f"/proc/{self.node.process.pid}/fd")))

    def kill(self):
        self.node.kill()
        self.fds = []
        self.node.start()

    def same_digest(self):
        """Beside the running node, which goes on: both up to one sequence."""
        plan = self.place.ask("recovery-plan", self.name, "--digest", timeout=900)
        replay = self.place.ask("replay", self.name, "--digest", "--until", str(plan["seq"]), timeout=900)
        rig.check(plan["digest"] == replay["digest"], f"a start comes to another state than a replay: {plan} {replay}")
        return plan

    def check_sale(self):
        """Good, or it had not reached the node yet when that was killed: a sale's first connection has to be made."""
        code = self.sale.wait(300)
        met_a_kill = code == 69 and self.node.lives != self.lives_at_begin
        rig.check(code == 0 or met_a_kill, f"a sale ended with {code}: {self.said()}")

    def end_sale(self):
        if self.sale is not None:
            self.check_sale()
        self.sale = None

    def ask_again(self, seconds):
        """A life in which nothing new is decided: (seconds, MiB) after each time that everything was asked again."""
        self.end_sale()
        sale = ["sale", "--data", self.name, "--orders", str(ORDERS_A_SALE), "--rate", str(RATE), "--seed",
                str(self.seed + 900), "--product-first", "900001"]
        done = self.place.run(*sale, "--ack-log", "acks", timeout=600)
        rig.check(done.returncode == 0, f"a sale ended with {done.returncode}: {done.stdout[-600:]}{done.stderr[-600:]}")
        until = time.monotonic() + seconds
        samples = []
        while time.monotonic() < until or len(samples) < 2:
            done = self.place.run(*sale, "--verify", "acks", timeout=600)
            rig.check(done.returncode == 0, f"sale --verify: exit {done.returncode}: {done.stdout[-600:]}{done.stderr[-600:]}")
            samples.append((time.monotonic(), self.node.resident_kib() / MIB))
        return samples[1:] if len(samples) > 2 else samples  # the first time warms up

    def finish(self):
        self.end_sale()
        plan = self.same_digest()
        self.subscriber.finish(self.place.ask("audit", self.name, timeout=900)["update_seq"])
        code = self.node.stop()
        rig.check(code == 0, f"the node ended with {code} when asked to: {self.node.log()[-600:]}")
        return plan["seq"]

    def count(self, pattern):
        total = 0
        for life in range(1, self.node.lives + 1):
            with open(self.place.path(f"{self.name}.log.{life}"), encoding="utf-8", errors="replace") as stream:
                total += sum(1 for line in stream if pattern in line)
        return total

    def rotations(self):
        files = os.listdir(self.place.path(self.name))
        archive = self.place.path(os.path.join(self.name, "archive"))
        files += os.listdir(archive) if os.path.isdir(archive) else []
        return len({name.split(".")[0] for name in files if name.startswith("journal-")}) - 2


def slope(samples):
    """MiB an hour through the samples of a life; None when that is too short to tell."""
    if len(samples) < 4 or samples[-1][0] - samples[0][0] < SLOPE_FROM_S:
        return None
    mean_t = sum(t for t, _ in samples) / len(samples)
    mean_v = sum(v for _, v in samples) / len(samples)
    below = sum((t - mean_t) ** 2 for t, _ in samples)
    return 3600 * sum((t - mean_t) * (v - mean_v) for t, v in samples) / below


class Sums:
    def __init__(self):
        self.commands = self.digests = self.kills = self.rotations = self.snapshots = self.folders = 0
        self.steady = []  # samples of the life without new state
        self.fds_spread = 0

    def life(self, folder):
        if folder.fds:
            self.fds_spread = max(self.fds_spread, max(folder.fds) - min(folder.fds))

    def close(self, folder):
        self.life(folder)
        self.commands += folder.finish()
        self.rotations += folder.rotations()
        self.snapshots += folder.count("snapshot made")
        self.folders += 1


def soak(place, minutes, seed):
    drawn = random.Random(seed)
    sums = Sums()
    end = time.monotonic() + 45 * minutes
    round_s = min(60.0, 60.0 * minutes / 6)
    folder = Folder(place, 0, seed)
    while time.monotonic() < end:
        until = time.monotonic() + round_s
        kill_at = time.monotonic() + drawn.uniform(0, round_s) if drawn.random() < 0.4 else None
        while time.monotonic() < until:
            folder.keep_selling()
            if kill_at is not None and time.monotonic() > kill_at:
                sums.life(folder)
                folder.kill()
                sums.kills += 1
                kill_at = None
            folder.sample()
            time.sleep(round_s / 20)
        folder.same_digest()
        sums.digests += 1
        rig.check(folder.subscriber.wrong is None, f"the subscriber: {folder.subscriber.wrong}")
        if folder.orders >= ORDERS_A_FOLDER:
            sums.close(folder)
            folder = Folder(place, sums.folders, seed)
    sums.steady = folder.ask_again(15 * minutes)
    sums.close(folder)
    found = slope(sums.steady)
    rig.check(sums.commands > 0 and sums.rotations > 0 and sums.snapshots > 0, f"nothing was tested: {vars(sums)}")
    rig.check(found is None or found <= SLOPE_MAX, f"memory grows by {found} MiB an hour while nothing new is decided")
    rig.check(sums.fds_spread <= FDS_SPREAD_MAX, f"descriptors of a life vary by {sums.fds_spread}")
    return sums


def main():
    parser = argparse.ArgumentParser(description="A node under mixed load for long.")
    parser.add_argument("ordo")
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("ORDO_R23_MINUTES", "2")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())))
    options = parser.parse_args()
    begin = time.monotonic()
    print(f"seed={options.seed} (replay: {sys.argv[0]} {options.ordo} --minutes {options.minutes} --seed {options.seed})",
          flush=True)
    place = rig.Workplace(options.ordo, "soak")
    version = place.ask("version")
    failure = None
    try:
        sums = soak(place, options.minutes, options.seed)
    except (rig.Failed, subprocess.TimeoutExpired) as error:
        failure = error
    place.close(keep=failure is not None)
    tail = f"seed={options.seed} commit={version['commit']} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R23 FAILED minutes={options.minutes:g} {tail}")
        return 1
    found = slope(sums.steady)
    grown = sums.steady[-1][1] - sums.steady[0][1]
    tail = f"rss_grown_mib={grown:.2f} rss_slope_mib_h={'too_short' if found is None else f'{found:.2f}'} {tail}"
    print(f"RELIABILITY R23 ok cases={sums.digests} fails=0 minutes={options.minutes:g} commands={sums.commands} "
          f"digests={sums.digests} folders={sums.folders} rotations={sums.rotations} snapshots={sums.snapshots} "
          f"kills={sums.kills} fds_spread={sums.fds_spread} {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
