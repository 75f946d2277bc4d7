#!/usr/bin/env python3
"""R14: memcheck over the whole program, and over unit tests: no byte that nobody has set is used, hashed, written or sent, none is
touched outside of its block, no block is lost.

    tests/valgrind/memcheck.py ORDO CONTROL UNIT_FOLDER

A node with the backend and the door whose buffers valgrind sees (pwritev2, nng: it does not look into an io_uring) sells with
many cases, snapshots, is stopped, starts from the snapshot and from a torn journal; the clients, a follower and the verbs that
read journals run under it as well. Then unit programs: those of UNITS, or all (ORDO_R14_UNITS=all). CONTROL must be reported.
"""

import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402

SKIPPED = 77
BAD = 99
SLOW_SECONDS = 240
SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "third_party.supp")
UNITS = ("codec_test",)
# boxfort's arena and the death of a test are not memcheck's; these run for many minutes under it
UNITS_LEFT_OUT = ("extreme_test", "storm_test", "interleave_test", "snapshot_damage_test")
FLAGS = ("--set", "genesis.orders_max=2000", "--set", "genesis.cards_max=20000", "--set", "journal.segment_size=1Mi",
         "--set", "journal.batch_size_max=256Ki", "--set", "ring.command_size=1Mi", "--set", "ring.outcome_size=1Mi",
         "--set", "snapshot.pool_size=1Mi", "--set", "net.connections_max=16", "--set", "net.requests_max=64",
         "--set", "journal.backend=pwrite", "--set", "net.polled=off")
CASES = ("--short", "3", "--over", "3", "--extra", "3", "--orphan", "3", "--conflict", "3", "--chargeback", "3", "--coupon", "5",
         "--mark-paid", "3", "--chained", "5", "--late", "0")


class Memcheck:
    def __init__(self, place):
        self.place = place
        self.runs = 0

    def wrap(self, *command, children=False):
        self.runs += 1
        log = self.place.path(f"memcheck.{self.runs}.%p")
        options = ["--trace-children=yes"] if children else ["--leak-check=full", "--errors-for-leak-kinds=definite"]
        return ["valgrind", "--quiet", f"--log-file={log}", f"--error-exitcode={BAD}", f"--suppressions={SUPPRESSIONS}",
                "--show-leak-kinds=definite", *options, *command]

    def reports(self):
        """What was reported since the start, without the lines that only say where a log begins."""
        found = []
        for name in sorted(os.listdir(self.place.folder)):
            if name.startswith("memcheck."):
                with open(self.place.path(name), encoding="utf-8", errors="replace") as stream:
                    text = stream.read()
                if re.search(r"==\d+== \S", text):
                    found.append(text)
        return found

    def expect_none(self, what):
        found = self.reports()
        rig.check(not found, f"{what}: {found[0][:3000] if found else ''}")

    def forget(self):
        for name in os.listdir(self.place.folder):
            if name.startswith("memcheck."):
                os.unlink(self.place.path(name))

    def verb(self, *arguments, code=0):
        done = subprocess.run(self.wrap(self.place.ordo, *arguments), capture_output=True, text=True, check=False,
                              timeout=SLOW_SECONDS, cwd=self.place.folder, stdin=subprocess.DEVNULL)
        self.expect_none(f"ordo {' '.join(arguments)}")
        rig.check(done.returncode == code, f"ordo {' '.join(arguments)}: exit {done.returncode}: {done.stderr[-500:]}"
                                           f"{done.stdout[-500:]}")
        return done.stdout


class Served:
    """A node under memcheck."""

    def __init__(self, memcheck, number):
        self.memcheck = memcheck
        self.log = memcheck.place.path(f"node.{number}")
        with open(self.log, "wb") as out:
            command = memcheck.wrap(memcheck.place.ordo, "serve", "--data", "data", *FLAGS)
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                            cwd=memcheck.place.folder)
        deadline = time.monotonic() + SLOW_SECONDS
        while "serving" not in self.said():
            rig.check(self.process.poll() is None, f"the node ended: {self.said()[-600:]}")
            rig.check(time.monotonic() < deadline, "the node does not serve in time")
            time.sleep(0.02)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(SLOW_SECONDS)
        self.memcheck.expect_none("the node")
        rig.check(code == 0, f"the node ended with {code}: {self.said()[-600:]}")


def check_control(memcheck, control):
    done = subprocess.run(memcheck.wrap(control), check=False, timeout=SLOW_SECONDS)
    text = "".join(memcheck.reports())
    rig.check(done.returncode == BAD and "uninitialised" in text and "definitely lost" in text,
              f"the control was not reported: exit {done.returncode}: {text[:500]}")
    memcheck.forget()


def live(memcheck, served):
    place = memcheck.place
    node = Served(memcheck, 1)
    served.append(node)
    sold = memcheck.verb("sale", "--data", "data", "--orders", "150", "--rate", "400", "--seed", "5", *CASES)
    rig.check("wrong          0" in sold, sold[-600:])
    memcheck.verb("subscribe", "--data", "data", "--name", "reader", "--ack", "--count", "100")
    place.ask("snapshot", "make", "data")
    rig.check(place.run("sale", "--data", "data", "--orders", "60", "--seed", "6", "--late", "0").returncode == 0, "the second sale")
    node.stop()
    tear(place)
    node = Served(memcheck, 2)
    served.append(node)
    rig.check("starting from a snapshot" in node.said() and "a torn tail was cut" in node.said(), node.said()[-600:])
    memcheck.verb("stuck", "--data", "data", "--state", "COMPLETED", "--for", "1s")
    node.stop()


def tear(place):
    """Bytes behind the last batch, as a power loss leaves them."""
    segments = sorted(name for name in os.listdir(place.path("data")) if re.fullmatch(r"journal-\d+\.ordo", name))
    for name in segments:
        with open(place.path(f"data/{name}"), "r+b") as stream:
            end = len(stream.read().rstrip(b"\0"))
            if end > 4096:
                stream.seek((end + 4095) // 4096 * 4096)
                stream.write(b"torn" * 100)


def read_journals(memcheck):
    memcheck.verb("audit", "data")
    memcheck.verb("journal", "verify", "data")
    memcheck.verb("journal", "dump", "data", "--json")
    memcheck.verb("snapshot", "verify", "data")
    memcheck.verb("backup", "data", "copy")


def units(memcheck, folder):
    whole = os.environ.get("ORDO_R14_UNITS", "") == "all"
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            if name.endswith("_test") and os.access(file, os.X_OK) and (whole or name in UNITS):
                found[name] = file
    rig.check(found, f"no unit programs below {folder}: build them first")
    tested = 0
    for name, file in sorted(found.items()):
        if name in UNITS_LEFT_OUT:
            continue
        done = subprocess.run(memcheck.wrap(file, "--timeout", "600", children=True), capture_output=True, text=True,
                              timeout=3600, check=False)
        memcheck.expect_none(name)
        said = re.search(r"Tested: .*?(\d+)\D+Passing", done.stdout + done.stderr)
        rig.check(done.returncode == 0 and said, f"{name}: exit {done.returncode}: {(done.stdout + done.stderr)[-800:]}")
        tested += int(re.sub(r"\x1b\[[0-9;]*m", "", said.group(1)))
        print(f"{name}: no report", flush=True)
    return tested


def main():
    if len(sys.argv) != 4:
        print(f"usage: {sys.argv[0]} ORDO CONTROL UNIT_FOLDER", file=sys.stderr)
        return 64
    if shutil.which("valgrind") is None:
        print("RELIABILITY R14 SKIP valgrind is not installed")
        return SKIPPED
    begin = time.monotonic()
    place = rig.Workplace(sys.argv[1], "memcheck")
    commit = place.ask("version")["commit"]
    memcheck = Memcheck(place)
    served = []
    tested = 0
    failure = None
    try:
        check_control(memcheck, os.path.abspath(sys.argv[2]))
        live(memcheck, served)
        read_journals(memcheck)
        tested = units(memcheck, os.path.abspath(sys.argv[3]))
    except (rig.Failed, subprocess.TimeoutExpired) as error:
        failure = error
    finally:
        for node in served:
            if node.process.poll() is None:
                node.process.kill()
                node.process.wait()
    place.close(keep=failure is not None)
    tail = f"seed=5 commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R14 FAILED cases={memcheck.runs} tool=memcheck {tail}")
        return 1
    print(f"RELIABILITY R14 ok cases={memcheck.runs} fails=0 tool=memcheck unit_tests={tested} reports=0 {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
