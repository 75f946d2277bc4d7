#!/usr/bin/env python3
"""R4: ext4 and xfs under a power loss. A node sells on a real file system, whose disk is a loop device on block_recorder; from
the record images are made as a power loss could have left them (disk_log.py), each is mounted, which runs the file system's own
recovery, the node starts on it, and every command that was acknowledged before the cut must give the same bytes again.

    tests/powerloss/real_fs.py ORDO RECORDER [--images N] [--seed N]

The control: an image whose disk has forgotten the flushes of the second half of the run; the same checks must find the loss.
Needs root, FUSE, a loop device, ext4 and xfs. ORDO_R4_IMAGES sets the images (default 50), a new recording after each 200.
A failed image is kept beside its acknowledgements.
"""

import argparse
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import rig  # noqa: E402
from rig import Skipped, need, sh  # noqa: E402
from disk_log import KINDS, Acks, Cut, Log  # noqa: E402

SKIPPED = 77
MIB = 1 << 20
SECONDS_MAX = 60
IMAGES_A_RECORDING = 200
ORDERS = 2500
FLAGS = ("--set", "journal.segment_size=1Mi", "--set", "journal.batch_size_max=256Ki", "--set", "snapshot.pool_size=1Mi",
         "--set", "snapshot.every_records=2000", "--set", "genesis.orders_max=20000")
KINDS_OF_DISK = {
    "ext4": (96 * MIB, ["mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", "-E",
                        "lazy_itable_init=0,lazy_journal_init=0,nodiscard"], [], "recovery complete"),
    "xfs": (320 * MIB, ["mkfs.xfs", "-q", "-f", "-K"], ["-o", "nouuid"], "Ending recovery"),
}


def wait_for(condition, text):
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        rig.check(time.monotonic() < deadline, text)
        time.sleep(0.002)


class KernelLog:
    """What the kernel says from now on; without the right to read it nothing is counted."""

    def __init__(self):
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError:
            self.fd = None

    def read(self):
        lines = []
        while self.fd is not None:
            try:
                lines.append(os.read(self.fd, 8192).decode(errors="replace"))
            except BlockingIOError:
                break
            except OSError:
                continue  # lines were overwritten before they were read
        return "".join(lines)


class Mounted:
    """A file with a file system in it, mounted through a loop device."""

    def __init__(self, fs, file, target):
        self.target = target
        os.makedirs(target, exist_ok=True)
        self.device = need("losetup", "--find", "--show", file)
        try:
            self.open(fs)
        except BaseException:
            sh("losetup", "--detach", self.device, must=False)
            raise

    def open(self, fs):
        rig.check(sh("mount", "-t", fs, *KINDS_OF_DISK[fs][2], self.device, self.target, must=False).returncode == 0,
                  f"{fs} does not mount")

    def close(self):
        """A dead node's io_uring keeps its file until the kernel has taken it down."""
        try:
            wait_for(lambda: sh("umount", self.target, must=False).returncode == 0, f"{self.target} stays busy")
        except BaseException:
            sh("umount", "--lazy", self.target, must=False)
            sh("losetup", "--detach", self.device, must=False)
            raise
        sh("losetup", "--detach", self.device)
        wait_for(lambda: not os.path.exists(f"/sys/block/{os.path.basename(self.device)}/loop"), f"{self.device} stays busy")


class Recording:
    """One run of a node on a recorded disk: the log, the disk it began with, the acknowledgements."""

    def __init__(self, place, recorder, fs, seed):
        self.place = place
        self.fs = fs
        self.seed = seed
        self.acks = Acks()
        self.options = ["sale", "--data", f"{fs}/data", "--orders", str(ORDERS), "--seed", str(seed), "--never-paid", "2"]
        self.ack_log = place.path(f"acks.{fs}")
        ram = place.path("ram")
        self.base, image, self.log_path = (os.path.join(ram, f"{fs}.{name}") for name in ("base", "image", "log"))
        fuse = place.path(f"{fs}.fuse")
        os.makedirs(fuse, exist_ok=True)
        self.make_disk(image)
        process = subprocess.Popen([recorder, image, self.log_path, place.path("position"), fuse], stderr=subprocess.DEVNULL)
        try:
            self.wait_for_disk(process, fuse)
            self.run_on(os.path.join(fuse, "disk"))
        finally:
            sh("umount", fuse, must=False)
            process.terminate()
            process.wait()
        os.unlink(image)
        rig.check(os.path.getsize(self.ack_log) > 0, "no command was acknowledged: nothing was tested")

    def make_disk(self, image):
        size, mkfs, _, _ = KINDS_OF_DISK[self.fs]
        with open(image, "wb") as stream:
            stream.truncate(size)
        need(*mkfs, image)
        sh("fallocate", "--dig-holes", image, must=False)
        sh("cp", "--sparse=always", image, self.base)

    @staticmethod
    def wait_for_disk(process, fuse):
        disk = os.path.join(fuse, "disk")
        deadline = time.monotonic() + SECONDS_MAX
        while not os.path.exists(disk):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Skipped("FUSE does not mount")
            time.sleep(0.002)

    def run_on(self, disk):
        with open(self.place.path("position"), "rb") as stream:
            self.position = mmap.mmap(stream.fileno(), 8, access=mmap.ACCESS_READ)
        mounted = Mounted(self.fs, disk, self.place.path(self.fs))
        node = self.place.node(f"{self.fs}/data", flags=FLAGS)
        try:
            self.sell(node)
        finally:
            node.kill()
            self.count = self.entries()
            mounted.close()

    def entries(self):
        return struct.unpack("<Q", self.position[:8])[0]

    def sell(self, node):
        """One sale to its end, with snapshots asked for meanwhile; the node is left to be killed."""
        open(self.ack_log, "wb").close()
        node.start()
        done = threading.Event()
        sampler = threading.Thread(target=self.sample, args=(done,))
        sampler.start()
        try:
            with open(self.place.path(f"{self.fs}.sale.log"), "wb+") as out:
                sale = self.place.spawn(*self.options, "--ack-log", self.ack_log, stdout=out, stderr=out)
                while sale.poll() is None:
                    node.process.send_signal(signal.SIGUSR1)
                    time.sleep(0.1)
                out.seek(0)
                rig.check(sale.returncode == 0, f"the sale ended with {sale.returncode}: {out.read()[-800:]}")
        finally:
            done.set()
            sampler.join()
        self.acks.add(os.path.getsize(self.ack_log), self.entries())

    def sample(self, done):
        """First the file, then the position: what is in the file rests on the entries before."""
        while not done.is_set():
            size = os.path.getsize(self.ack_log)
            self.acks.add(size, self.entries())
            time.sleep(0.001)


class Images:
    """The images of a recording, looked at one after the other."""

    def __init__(self, recording, counts):
        self.recording = recording
        self.place = recording.place
        self.fs = recording.fs
        self.counts = counts
        self.log = Log(recording.log_path, recording.count)
        rig.check(len(self.log.flushes) > 20, f"{len(self.log.flushes)} flushes came through: the rig cannot see")
        self.image = os.path.join(self.place.path("ram"), f"{self.fs}.cut")
        self.kernel = KernelLog()
        self.moving = os.path.join(self.place.path("ram"), f"{self.fs}.moving")
        sh("cp", "--sparse=always", recording.base, self.moving)
        self.moving_fd = os.open(self.moving, os.O_RDWR)
        self.moving_at = 0  # entries that it has

    def close(self):
        os.close(self.moving_fd)
        self.log.close()

    def make(self, cut):
        rig.check(cut.settled >= self.moving_at, "cuts are looked at in their order")
        self.log.write_range(self.moving_fd, self.moving_at, cut.settled)
        self.moving_at = cut.settled
        sh("cp", "--sparse=always", self.moving, self.image)
        fd = os.open(self.image, os.O_RDWR)
        cut.apply_pending(fd)
        os.close(fd)

    def look(self, acks_size):
        """Mounts, recovers, asks for everything acknowledged; raises Failed."""
        self.kernel.read()
        mounted = Mounted(self.fs, self.image, self.place.path(self.fs))
        try:
            self.counts["replays"] += 1 if KINDS_OF_DISK[self.fs][3] in self.kernel.read() else 0
            self.look_at_node(acks_size)
        finally:
            for node in self.place.nodes:
                node.kill()
            self.place.nodes.clear()
            mounted.close()

    def look_at_node(self, acks_size):
        with open(self.recording.ack_log, "rb") as stream:
            prefix = stream.read(acks_size)
        prefix = prefix[:prefix.rfind(b"\n") + 1]
        promised = self.place.path("promised")
        with open(promised, "wb") as stream:
            stream.write(prefix)
        node = self.place.node(f"{self.fs}/data", flags=FLAGS)
        rig.check(prefix == b"" or os.path.isdir(self.place.path(f"{self.fs}/data")), "the data folder is gone")
        node.start()
        log = node.log()
        self.counts["torn_tails"] += "a torn tail was cut" in log
        self.counts["from_snapshot"] += "starting from a snapshot" in log
        if prefix:
            done = self.place.run(*self.recording.options, "--verify", promised, timeout=300)
            rig.check(done.returncode == 0, f"sale --verify: {done.stdout[-600:]}{done.stderr[-600:]}")
            self.counts["acks"] += prefix.count(b"\n")
        rig.check(node.stop() == 0, f"the node did not end well: {node.log()[-600:]}")
        audit = self.place.run("audit", f"{self.fs}/data", timeout=300)
        rig.check(audit.returncode == 0, f"ordo audit: {audit.stdout[-800:]}{audit.stderr[-600:]}")

    def one(self, cut):
        self.make(cut)
        self.counts[self.fs] += 1
        self.counts[cut.kind] += 1
        try:
            self.look(self.recording.acks.size_at(cut.position))
        except rig.Failed as failure:
            kept = self.place.path(f"{self.fs}.failed")
            sh("cp", "--sparse=always", self.image, kept, must=False)
            raise rig.Failed(f"{self.fs}, {cut.kind} at entry {cut.position} of {self.recording.count}, settled {cut.settled}, "
                             f"recording seed {self.recording.seed}: {failure}; the image is {kept}") from failure

    def control(self):
        """The disk has what was settled in the middle of the run and has forgotten the rest."""
        middle = self.recording.acks.positions[len(self.recording.acks.positions) // 2]
        sh("cp", "--sparse=always", self.recording.base, self.image)
        fd = os.open(self.image, os.O_RDWR)
        self.log.write_range(fd, 0, self.log.settled(middle))
        os.close(fd)
        try:
            self.look(self.recording.acks.sizes[-1])
        except rig.Failed:
            self.counts["controls"] += 1
            return
        raise rig.Failed(f"{self.fs}: a disk that forgot its flushes was found in order: the rig cannot see")


def run(options, place, counts, rand):
    left = options.images
    number = 0
    while left > 0:
        for fs in KINDS_OF_DISK:
            images = min(left, IMAGES_A_RECORDING, (options.images + 1) // 2)
            if images == 0:
                break
            recording = Recording(place, options.recorder, fs, options.seed + number)
            looked = Images(recording, counts)
            counts["flushes"] += len(looked.log.flushes)
            counts["writes"] += len(looked.log.entries) - len(looked.log.flushes)
            cuts = [Cut(looked.log, KINDS[i % len(KINDS)], rand) for i in range(images)]
            try:
                for cut in sorted(cuts, key=lambda c: c.settled):
                    looked.one(cut)
                if number < len(KINDS_OF_DISK):
                    looked.control()
            finally:
                looked.close()
            for name in (recording.log_path, recording.base, looked.moving, looked.image):
                os.unlink(name)
            left -= images
            number += 1


def prepare(place, recorder):
    if os.geteuid() != 0:
        raise Skipped("not root")
    if not os.access(recorder, os.X_OK):
        raise Skipped("block_recorder was not built: FUSE's headers (libfuse3-dev) are missing")
    if not os.path.exists("/dev/fuse") or not os.path.exists("/dev/loop-control"):
        raise Skipped("no FUSE or no loop devices")
    for program in ("mkfs.ext4", "mkfs.xfs", "losetup"):
        if shutil.which(program) is None:
            raise Skipped(f"{program} is not installed")
    os.makedirs(place.path("ram"))
    need("mount", "-t", "tmpfs", "-o", "size=4g", "none", place.path("ram"))


def main():
    parser = argparse.ArgumentParser(description="Cut images of ext4 and xfs under a node.")
    parser.add_argument("ordo")
    parser.add_argument("recorder", nargs="?", default="")
    parser.add_argument("--images", type=int, default=int(os.environ.get("ORDO_R4_IMAGES", "50")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())))
    options = parser.parse_args()
    options.recorder = os.path.abspath(options.recorder) if options.recorder else ""
    begin = time.monotonic()
    print(f"seed={options.seed} (again: {sys.argv[0]} {options.ordo} {options.recorder} --images {options.images} "
          f"--seed {options.seed})", flush=True)
    place = rig.Workplace(options.ordo, "real_fs")
    counts = dict.fromkeys((*KINDS_OF_DISK, *KINDS, "replays", "torn_tails", "from_snapshot", "acks", "flushes", "writes", "controls"), 0)
    failure = None
    try:
        commit = place.ask("version")["commit"]
        prepare(place, options.recorder)
        run(options, place, counts, random.Random(options.seed))
    except Skipped as reason:
        print(f"RELIABILITY R4 SKIP {reason}")
        return SKIPPED
    except (rig.Failed, subprocess.TimeoutExpired) as error:
        failure = error
    finally:
        for node in place.nodes:
            node.kill()
        sh("umount", "--lazy", place.path("ram"), must=False)
        place.close(keep=failure is not None)
    images = counts["ext4"] + counts["xfs"]
    tail = f"seed={options.seed} commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R4 FAILED cases={images} {tail}")
        return 1
    print(f"RELIABILITY R4 ok cases={images} fails=0 " + " ".join(f"{k}={v}" for k, v in counts.items()) + f" {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
