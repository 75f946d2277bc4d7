#!/usr/bin/env python3
"""R24, second part: a journaled record whose decision ends the process. The program with failpoints dies while it decides
record N again; after two deaths at one sequence a start holds: it names the sequence, changes nothing and skips nothing.

    tests/crash/poison_record.py ORDO_FAILPOINTS [SEED]
"""

import glob
import hashlib
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

RECORDS = 30
HELD = 3
KILLED = -9


def journal_of(place):
    """What the journal holds, without the zeros of segments made ahead."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob(place.path("data/journal-*.ordo"))):
        with open(path, "rb") as stream:
            digest.update(os.path.basename(path).encode() + stream.read().rstrip(b"\0"))
    return digest.hexdigest()


def records_in(place):
    return place.ask("replay", "data")["seq"]


def dies_at(place, node, seq):
    """A start that dies while it decides this record again."""
    node.environment["ORDO_FAILPOINT"] = f"recover.apply:abort:{seq}"
    node.spawn()
    check(node.wait_end() == KILLED, f"the node did not die at seq {seq}: {node.process.returncode} {node.log()[-300:]}")
    del node.environment["ORDO_FAILPOINT"]


def holds_at(place, node, seq):
    before = journal_of(place)
    plan = place.run("recovery-plan", "data")
    check(plan.returncode == HELD and f"held at seq {seq}:" in plan.stderr, f"the plan does not say it: {plan}")
    node.spawn()
    check(node.wait_end() == HELD, f"exit {node.process.returncode}, wanted {HELD}: {node.log()[-400:]}")
    last = node.log().strip().split("\n")[-1]
    check(f"held at seq {seq}:" in last and "replay.mark" in last, f"the text does not say where: {last}")
    check(journal_of(place) == before, "a node that holds has written to the journal")


def starts(node):
    node.start()
    check(node.stop() == 0, "the node did not end cleanly")
    check(not os.path.exists(node.place.path("data/replay.mark")), "the mark is there after a good start")


def run(place, seed):
    node = place.node("data", environment={"ORDO_FAILPOINT": ""})
    del node.environment["ORDO_FAILPOINT"]
    node.start()
    for product in range(1, RECORDS + 1):
        place.ask("sku", "put", str(product), "--price", "1.00")
    check(node.stop() == 0, "the node did not end cleanly")
    count = records_in(place)
    check(count >= RECORDS, f"{count} records only")
    picks = random.Random(seed).sample(range(2, RECORDS), 3)
    cases = 0
    for seq in (1, *picks):  # one death is no reason, nor are two at different records
        dies_at(place, node, seq)
        check("died while" not in node.log(), "a death was counted before it came")
        starts(node)
        cases += 1
    dies_at(place, node, picks[0])
    dies_at(place, node, picks[1])
    starts(node)
    cases += 1
    for seq in picks:  # two at one
        before = records_in(place)
        dies_at(place, node, seq)
        dies_at(place, node, seq)
        check(f"seq={seq} deaths=1" in node.log(), f"the first death was not told: {node.log()[-300:]}")
        holds_at(place, node, seq)
        holds_at(place, node, seq)  # it does not wear off
        check(records_in(place) == before, "records were lost")
        os.unlink(place.path("data/replay.mark"))
        starts(node)
        check(records_in(place) == before + 1, "a record was skipped or made")  # resume
        cases += 1
    return cases


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "poison_record")
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(os.environ.get("ORDO_SEED", time.time()))
    begin = time.monotonic()
    print(f"seed={seed} (replay: {sys.argv[0]} {sys.argv[1]} {seed})", flush=True)
    commit = place.ask("version")["commit"]
    failure = None
    try:
        cases = run(place, seed)
    except rig.Failed as error:
        failure = error
    place.close(keep=failure is not None)
    tail = f"seed={seed} commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R24 FAILED part=record {tail}")
        return 1
    print(f"RELIABILITY R24 ok part=record cases={cases} fails=0 skipped=0 {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
