#!/usr/bin/env python3
"""R8: a flush that really fails. The data folder lies on ext4, on a loop device, on a sparse image on a small tmpfs that runs
full in mid-sale. In every second round the blocks under the segment in use are taken away first, so that not the preparation
of the next segment but a commit meets the full disk.

    tests/durability/flush_failure.py ORDO [--rounds N] [--seed N]

The kernel's loop device (6.18 at least) reports a write as done of which the file took only a part: where a request began before
the full disk's first hole and ended in it, acknowledged bytes were gone without any error. So a request here is one page, which is
taken whole or not at all.

The node must end with 74, acknowledge nothing any more, and have everything acknowledged when the disk is larger again.
Needs root and a loop device. ORDO_R8_ROUNDS sets the rounds (default 5).
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import Skipped, sh  # noqa: E402

SKIPPED = 77
EX_IOERR = 74
MIB = 1 << 20
ROOM = 3 * MIB  # on the tmpfs beside what the file system itself takes
IMAGE = 256 * MIB
SECONDS_MAX = 60
FLUSHES = ("dsync", "fdatasync")  # two rounds each, in turn
SMALL = ("--set", "journal.segment_size=1Mi", "--set", "journal.batch_size_max=262144")


class Disk:
    """The small disk. Everything is given back by close()."""

    def __init__(self, place):
        self.small = place.path("small")
        self.image = os.path.join(self.small, "image")
        self.data = place.path("data")
        self.device = None
        os.makedirs(self.small, exist_ok=True)
        os.makedirs(self.data, exist_ok=True)
        if sh("mount", "-t", "tmpfs", "-o", f"size={IMAGE}", "none", self.small, must=False).returncode != 0:
            raise Skipped("no right to mount")
        with open(self.image, "wb") as stream:
            stream.truncate(IMAGE)
        sh("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-J", "size=4",
           self.image)
        found = sh("losetup", "--find", "--show", "--sector-size", "4096", self.image, must=False)
        if found.returncode != 0:
            raise Skipped("no loop device")
        self.device = found.stdout.strip()
        self.limit_requests(4)
        self.mount()

    def limit_requests(self, kib):
        queue = f"/sys/block/{os.path.basename(self.device)}/queue/max_sectors_kb"
        try:
            with open(queue, "w", encoding="ascii") as stream:
                stream.write(f"{kib}\n")
        except OSError as error:
            raise Skipped(f"{queue}: {error.strerror}") from error

    def mount(self):
        sh("mount", self.device, self.data)

    def unmount(self):
        """A dead node's io_uring keeps its file until the kernel has taken it down."""
        deadline = time.monotonic() + SECONDS_MAX
        while sh("umount", self.data, must=False).returncode != 0:
            rig.check(time.monotonic() < deadline, f"{self.data} stays busy")
            time.sleep(0.02)

    def used(self):
        return os.stat(self.image).st_blocks * 512

    def limit(self, size):
        sh("mount", "-o", f"remount,size={size}", self.small)

    def fill(self):
        """What is used now is the size; the node may use more between the look and the limit, which is then refused."""
        deadline = time.monotonic() + SECONDS_MAX
        while sh("mount", "-o", f"remount,size={self.used() // 4096 * 4096}", self.small, must=False).returncode != 0:
            rig.check(time.monotonic() < deadline, f"{self.small} cannot be limited")

    def take_away_unused(self):
        """The blocks under the zeros of the segments: writing there needs new ones, and there are none."""
        for name in sorted(os.listdir(self.data)):
            if not re.fullmatch(r"journal-\d{8,}\.ordo", name):
                continue
            path = os.path.join(self.data, name)
            with open(path, "rb") as stream:
                end = len(stream.read().rstrip(b"\0"))
            begin = (end + 262144 + 4095) // 4096  # the kernel still has writes of the stopped node
            for first, last, physical in self.extents(path):
                start = max(first, begin)
                if start <= last:
                    sh("fallocate", "--punch-hole", "--offset", str((physical + start - first) * 4096), "--length",
                       str((last - start + 1) * 4096), self.image)

    @staticmethod
    def extents(path):
        line = re.compile(r"^\s*\d+:\s*(\d+)\.\.\s*(\d+):\s*(\d+)\.\.", re.M)
        shown = sh("filefrag", "-b4096", "-v", path).stdout
        return [(int(a), int(b), int(c)) for a, b, c in line.findall(shown)]

    def close(self):
        sh("umount", "--lazy", self.data, must=False)
        if self.device is not None:
            sh("losetup", "--detach", self.device, must=False)
        sh("umount", "--lazy", self.small, must=False)


def acks_in(path):
    with open(path, "rb") as stream:
        return sum(1 for _ in stream)


def one(place, seed, take_away, flush):
    """One round; the number of acknowledged commands and what the node said."""
    disk = Disk(place)
    try:
        node = place.node("data", flags=(*SMALL, "--set", f"journal.flush={flush}"))
        node.start()
        options = ["sale", "--data", "data", "--orders", "5000", "--rate", "6000", "--seed", str(seed)]
        log = place.path("acks")
        with open(place.path("sale.log"), "wb") as out:
            sale = place.spawn(*options, "--ack-log", log, stdout=out, stderr=out)
        deadline = time.monotonic() + SECONDS_MAX
        while not os.path.exists(log) or acks_in(log) < 500:
            rig.check(sale.poll() is None and time.monotonic() < deadline, "the sale does not begin")
            time.sleep(0.01)
        if take_away:
            os.kill(node.process.pid, signal.SIGSTOP)  # or it writes into what is about to be taken away
            disk.take_away_unused()
            disk.fill()
            os.kill(node.process.pid, signal.SIGCONT)
        else:
            disk.limit(disk.used() + ROOM)
        rig.check(node.process.wait(SECONDS_MAX) == EX_IOERR,
                  f"the node ended with {node.process.returncode}, wanted {EX_IOERR}: {node.log()[-600:]}")
        failed = acks_in(log)
        said = re.search(r"journal_failed .*", node.log())
        rig.check(said, f"the node does not say what failed: {node.log()[-600:]}")
        disk.unmount()
        disk.limit(IMAGE)
        sh("e2fsck", "-p", disk.device, must=False)
        disk.mount()
        after = acks_in(log) - failed
        rig.check(after <= 1, f"{after} commands were acknowledged after the node had ended")
        node.start()
        sale.wait(120)
        with open(place.path("sale.log"), encoding="utf-8", errors="replace") as stream:
            rig.check(sale.returncode == 0, f"the sale ended with {sale.returncode}: {stream.read()[-600:]}")
        done = place.run(*options, "--verify", log, timeout=300)
        rig.check(done.returncode == 0, f"sale --verify: {done.stdout[-600:]}{done.stderr[-400:]}")
        node.stop()
        audit = place.run("audit", "data", timeout=300)
        rig.check(audit.returncode == 0, f"ordo audit: {audit.stdout[-600:]}{audit.stderr[-400:]}")
        return acks_in(log), said.group(0)
    finally:
        for node in place.nodes:
            node.kill()
        disk.close()


def main():
    parser = argparse.ArgumentParser(description="Let the disk run full under a node that sells.")
    parser.add_argument("ordo")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ORDO_R8_ROUNDS", "5")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())))
    options = parser.parse_args()
    begin = time.monotonic()
    print(f"seed={options.seed} (replay: {sys.argv[0]} {options.ordo} --rounds {options.rounds} --seed {options.seed})",
          flush=True)
    acks = 0
    commit = ""
    for number in range(options.rounds):
        place = rig.Workplace(options.ordo, "flush_failure")
        commit = place.ask("version")["commit"]
        tail = f"seed={options.seed} commit={commit} wall={time.monotonic() - begin:.0f}s"
        try:
            if os.geteuid() != 0:
                raise Skipped("not root")
            count, said = one(place, options.seed + number, number % 2 == 1, FLUSHES[number // 2 % 2])
        except (Skipped, FileNotFoundError) as reason:
            place.close(keep=False)
            print(f"RELIABILITY R8 SKIP {reason}")
            return SKIPPED
        except (rig.Failed, subprocess.TimeoutExpired) as failure:
            place.close(keep=True)
            print(f"round {number + 1}: {failure}\nRELIABILITY R8 FAILED cases={number + 1} {tail}")
            return 1
        place.close(keep=False)
        acks += count
        print(f"round {number + 1}: exit {EX_IOERR}, {count} acknowledged, all there: {said[:240]}", flush=True)
    print(f"RELIABILITY R8 ok cases={options.rounds} fails=0 acks={acks} acks_after_error=0 seed={options.seed} "
          f"commit={commit} wall={time.monotonic() - begin:.0f}s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
