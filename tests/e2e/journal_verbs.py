#!/usr/bin/env python3
"""The verbs on journal files, on live, stopped, crashed and damaged folders.

One node with small segments gets some megabytes of cards; then every verb looks at its folder while it serves, after a
kill -9, and after bytes were changed by hand. Copies are restored and served.
"""

import glob
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

SMALL = {"ORDO_JOURNAL_SEGMENT_SIZE": "1Mi", "ORDO_JOURNAL_BATCH_SIZE_MAX": "256Ki",
         "ORDO_SNAPSHOT_ARCHIVE": "off"}  # the verb is what moves here; crash/failpoints.py has the server do it


class Verbs:
    def __init__(self, place):
        self.place = place
        self.node = place.node("data", environment=SMALL)

    def load(self, name, count):
        with open(self.place.path(name), "w", encoding="ascii") as out:
            for i in range(count):
                out.write(f"{name}-{i:06d}-" + "k" * 600 + "\n")
        done = self.place.run("card", "add", "1", "--file", name, "--data", "data")
        check(done.returncode == 0, f"card add: {done.stderr}")

    def segments(self, folder="data"):
        return sorted(glob.glob(self.place.path(f"{folder}/journal-*.ordo")))

    def begun(self, folder="data"):
        return [path for path in self.segments(folder) if any(open(path, "rb").read(4096))]

    def flip(self, path, offset):
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0] ^ 0x20
            file.seek(offset)
            file.write(bytes([byte]))

    # ---- while it serves ----

    def live_folder(self):
        self.node.start()
        self.place.ask("sku", "put", "1", "--price", "1.00", "--data", "data")
        self.load("zero", 1)
        self.place.ask("order", "create", "J-1", "--product", "1", "--data", "data")
        self.load("one", 4000)
        listed = self.place.run("journal", "ls", "data", "--json")
        check(listed.returncode == 0, listed.stderr)
        rows = [json.loads(line) for line in listed.stdout.splitlines()]
        begun = [row for row in rows if row["status"] == "begun"]
        check(len(begun) >= 3, f"only {len(begun)} segments were begun: {rows}")
        check([row["number"] for row in rows] == list(range(1, len(rows) + 1)), f"numbers: {rows}")
        check(rows[-1]["status"] == "blank" and rows[-1]["place"] == "live", f"nothing made ready: {rows[-1]}")
        stat = self.place.ask("journal", "stat", "data")
        proof = self.place.ask("journal", "verify", "data")
        check(stat["records"] == proof["records"] == proof["last_seq"] > 16, f"{stat} {proof}")
        check(stat["damages"] == 0 and stat["batches"] == proof["batches"], f"{stat} {proof}")
        dump = self.place.run("journal", "dump", "data", "--json").stdout.splitlines()
        check(len(dump) == proof["records"], f"{len(dump)} lines of {proof['records']} records")
        tail = self.place.ask("journal", "repair-tail", "data")
        check(not tail["torn"] and tail["seq_last"] == proof["last_seq"], f"{tail}")
        self.place.ask("journal", "verify", "data", "--root", proof["root"])
        self.place.ask("journal", "verify", "data", "--root", "00" * 32, code=3)

    def pipe_that_closes(self):
        done = subprocess.run(f"'{self.place.ordo}' journal dump data | head -n 1; exit ${{PIPESTATUS[0]}}", shell=True,
                              executable="/bin/bash", cwd=self.place.folder, capture_output=True, text=True, check=False)
        check(done.returncode == 0 and done.stderr == "", f"exit {done.returncode}: {done.stderr}")

    def what_needs_a_stopped_folder(self):
        done = self.place.run("journal", "repair-tail", "data", "--discard-after", "1", "--yes")
        check(done.returncode != 0, "a served journal was cut")
        check(self.place.run("sku", "show", "1", "--data", "data").returncode == 0, "the node is gone")

    def archive_and_trim_without_snapshots(self):
        done = self.place.run("journal", "archive", "data")
        check(done.returncode == 1 and "two complete snapshots" in done.stderr, f"{done.returncode} {done.stderr}")
        check(not os.path.exists(self.place.path("data/archive")), "an archive was made")
        check(self.place.run("journal", "trim", "data").returncode == 64, "trim without a limit")
        trim = self.place.ask("journal", "trim", "data", "--older", "1d", "--yes")
        check(trim["segments"] == 0, f"{trim}")

    def backup_beside_the_server(self):
        copied = self.place.ask("backup", "data", "copy")
        check(copied["left_seqs"] == 0, f"{copied}")
        self.place.ask("journal", "verify", "data", "--root", copied["root"])
        self.load("two", 600)
        again = self.place.run("backup", "data", "copy")
        check(again.returncode == 1 and "copy" in again.stderr, f"{again.returncode} {again.stderr}")
        proof = self.place.ask("journal", "verify", "copy")
        check(proof["last_seq"] == copied["last_seq"] and proof["root"] == copied["root"], f"{proof} {copied}")
        restored = self.place.ask("restore", "copy", "second")
        check(restored["root"] == copied["root"], f"{restored}")
        second = self.place.node("second", environment=SMALL)
        second.start()
        self.place.ask("sku", "show", "1", "--data", "second")
        check(second.stop() == 0, "the restored node did not end well")
        until = str(copied["last_seq"])
        digests = {self.place.ask("replay", folder, "--until", until, "--digest")["digest"]
                   for folder in ("data", "copy", "second")}
        check(len(digests) == 1 and len(digests.pop()) == 32, f"digests: {digests}")

    def archive_and_trim_with_snapshots(self):
        self.place.ask("subscriber", "put", "late", "--acked", "0", "--data", "data")
        self.place.ask("subscriber", "put", "gone", "--acked", "0", "--data", "data")
        self.sell(1)
        self.place.ask("snapshot", "make", "data")
        self.load("three", 1200)
        self.sell(2)
        self.place.ask("snapshot", "make", "data")
        whole = self.place.ask("journal", "verify", "data")
        moved = self.place.ask("journal", "archive", "data")
        check(moved["segments"] >= 2 and moved["bytes_after"] < moved["bytes_before"], f"{moved}")
        check(self.place.ask("journal", "archive", "data")["segments"] == 0, "moved twice")
        proof = self.place.ask("journal", "verify", "data", "--root", whole["root"])
        check(proof["archived"] == moved["segments"] and proof["records"] == whole["records"], f"{proof} {whole}")
        self.place.ask("audit", "data")
        digest = self.place.ask("replay", "data", "--digest")["digest"]
        self.place.ask("backup", "data", "with.archive", "--snapshots")
        self.node.kill()
        self.node.start()
        again = self.place.ask("replay", "data", "--until", str(whole["last_seq"]), "--digest")
        check(again["digest"] == digest, "another state after a restart")
        self.load("four", 4000)
        self.trim(moved)

    def sell(self, seed):
        done = self.place.run("sale", "--data", "data", "--orders", "400", "--seed", str(seed))
        check(done.returncode == 0, f"sale: {done.stdout[-400:]}{done.stderr[-400:]}")

    def opening_balances(self, trimmed_seq):
        """What is proven of a trimmed journal begins at a snapshot, and says so."""
        whole = self.place.ask("replay", "with.archive", "--digest")
        audit = self.place.ask("audit", "short", "--json")
        check(audit["clean"] and audit["opened_seq"] >= trimmed_seq > 0, f"{audit['opened_seq']} {trimmed_seq}")
        check(audit["opened_seq"] + audit["records"] == audit["seq"] == whole["seq"], f"{audit['seq']} {whole}")
        money = [law for law in audit["laws"] if law["name"].startswith("I7 money")]
        check(money and any("applied 0" not in law["text"] for law in money), f"no money went over the opening: {money}")
        told = self.place.run("audit", "short")
        check(told.returncode == 0 and f"opening: seq 1 to {trimmed_seq} was trimmed" in told.stdout, told.stdout[:300])
        again = self.place.ask("replay", "short", "--digest")
        check(again["digest"] == whole["digest"] and again["opened_seq"] == audit["opened_seq"], f"{again} {whole}")
        until = self.place.ask("replay", "short", "--until", str(audit["opened_seq"] + 5), "--digest")
        check(until["records"] == 5, f"{until}")
        same = self.place.ask("replay", "with.archive", "--until", str(audit["opened_seq"] + 5), "--digest")
        check(same["digest"] == until["digest"], f"{same} {until}")
        early = self.place.run("replay", "short", "--until", str(trimmed_seq), "--digest")
        check(early.returncode != 0 and "too far" in early.stderr and str(trimmed_seq) in early.stderr, early.stderr)

    def no_snapshot_fits(self, trimmed_seq):
        self.place.run("restore", "with.archive", "bare")
        self.place.ask("journal", "trim", "bare", "--upto", "1000000", "--cursor-share", "0", "--yes")
        for which in ("a", "b"):
            self.place.run("snapshot", "invalidate", "bare", which)
        for verb in ("audit", "replay"):
            told = self.place.run(verb, "bare")
            check(told.returncode != 0 and f"trimmed up to sequence {trimmed_seq}" in told.stderr
                  and "invalid" in told.stderr, f"{verb}: {told.returncode} {told.stderr}")

    def trim(self, moved):
        """On a copy: the journal itself keeps everything."""
        self.place.ask("restore", "with.archive", "short")
        held = self.place.ask("journal", "trim", "short", "--upto", "1000000", "--yes")
        check(not held["done"] and held["segments"] == 0 and held["cursor_held"] == moved["segments"], f"{held} {moved}")
        said = self.place.run("journal", "trim", "short", "--upto", "1000000", "--cursor-keep", "0s")
        check("subscriber late of shop 0 would LOSE updates 1 to" in said.stdout, said.stdout + said.stderr)
        lossy = ("journal", "trim", "short", "--upto", "1000000", "--cursor-share", "0")
        shown = self.place.ask(*lossy)
        check(not shown["done"] and shown["segments"] == moved["segments"], f"{shown} {moved}")
        check([x["subscriber"] for x in shown["lost"]] == ["late", "gone"], f"{shown}")
        self.place.ask("journal", "verify", "short")
        done = self.place.ask(*lossy, "--yes")
        check(done["done"] and done["chain"] == shown["chain"], f"{done} {shown}")
        proof = self.place.ask("journal", "verify", "short")
        check(proof["trimmed_seq"] == done["last_seq"] == proof["first_seq"] - 1, f"{proof} {done}")
        self.opening_balances(done["last_seq"])
        self.no_snapshot_fits(done["last_seq"])
        refused = self.place.run("backup", "short", "short.copy")
        check(refused.returncode != 0 and "--snapshots" in refused.stderr, refused.stderr)
        self.place.ask("backup", "short", "short.copy", "--snapshots")
        short = self.place.node("short", environment=SMALL)
        short.start()
        self.place.ask("sku", "show", "1", "--data", "short")
        check(short.stop() == 0, "a trimmed journal does not serve")

    # ---- after it was killed ----

    def crashed_folder(self):
        self.node.kill()
        proof = self.place.ask("journal", "verify", "data")
        copied = self.place.ask("backup", "data", "crashed")
        check(copied["root"] == proof["root"], f"{copied} {proof}")

    def torn_tail(self):
        self.place.run("restore", "crashed", "torn")
        last = self.begun("torn")[-1]
        end = len(open(last, "rb").read().rstrip(b"\0"))
        with open(last, "r+b") as file:
            file.seek((end + 511) // 512 * 512)
            file.write(b"half of a batch")
        whole = self.place.ask("journal", "verify", "crashed")
        done = self.place.run("journal", "verify", "torn")
        check(done.returncode == 3 and "torn tail" in done.stderr, f"{done.returncode} {done.stderr}")
        for verb in ("ls", "stat", "dump"):
            done = self.place.run("journal", verb, "torn")
            check(done.returncode == 0, f"{verb}: exit {done.returncode} {done.stderr}")
        before = {path: open(path, "rb").read() for path in self.segments("torn")}
        shown = self.place.ask("journal", "repair-tail", "torn")
        check(shown["torn"] and not shown["done"] and shown["torn_bytes"] == 15, f"{shown}")
        check(before == {path: open(path, "rb").read() for path in self.segments("torn")}, "showing has changed files")
        cut = self.place.ask("journal", "repair-tail", "torn", "--yes")
        check(cut["done"] and cut["torn_bytes"] == 15 and os.path.exists(self.place.path(cut["copy"])), f"{cut}")
        after = self.place.ask("journal", "verify", "torn")
        check(after["last_seq"] == whole["last_seq"], f"{after} {whole}")

    def damaged_folder(self):
        self.place.run("restore", "crashed", "hurt")
        rows = self.begun("hurt")
        self.flip(rows[1], 100 * 1024)
        name = os.path.basename(rows[1])
        for verb in ("verify", "repair-tail"):
            done = self.place.run("journal", verb, "hurt")
            check(done.returncode == 3 and name in done.stderr and "sequence" in done.stderr, f"{verb}: {done.stderr}")
        whole = self.place.run("journal", "dump", "crashed", "--json").stdout.splitlines()
        done = self.place.run("journal", "dump", "hurt", "--json")
        check(done.returncode == 3 and f"segment {int(name[8:16])}," in done.stderr, f"dump: {done.returncode} {done.stderr}")
        left = done.stdout.splitlines()
        check(0 < len(left) < len(whole) and left[-1] == whole[-1], f"{len(left)} of {len(whole)} records")
        stat = self.place.ask("journal", "stat", "hurt", code=3)
        check(stat["damages"] >= 1, f"{stat}")
        done = self.place.run("backup", "hurt", "never")
        check(done.returncode == 3 and not os.path.exists(self.place.path("never")), f"backup: {done.stderr}")

        # Only a person throws acknowledged commands away, at the end of a batch before the damage.
        done = self.place.run("journal", "repair-tail", "hurt", "--yes")
        check(done.returncode == 3, f"repair-tail --yes without a sequence: exit {done.returncode}")
        seqs = [json.loads(line)["seq"] for line in whole]
        done = self.place.run("journal", "repair-tail", "hurt", "--discard-after", str(seqs[-1]))
        check(done.returncode == 64 and "--discard-after" in done.stderr, f"{done.returncode} {done.stderr}")
        cut = int(done.stderr.split("--discard-after")[1].split()[0])
        shown = self.place.ask("journal", "repair-tail", "hurt", "--discard-after", str(cut))
        check(not shown["done"] and shown["lost_first_seq"] == cut + 1 and shown["lost_last_seq"] == seqs[-1], f"{shown}")
        gone = self.place.ask("journal", "repair-tail", "hurt", "--discard-after", str(cut), "--yes")
        check(gone["done"] and gone["lost"] == shown["lost"] and gone["readable"] == shown["readable"], f"{gone}")
        proof = self.place.ask("journal", "verify", "hurt")
        check(proof["last_seq"] == cut, f"{proof}")
        saved = self.place.run("journal", "dump", gone["copy"], "--from", str(cut + 1), "--json").stdout.splitlines()
        check(len(saved) == gone["readable"], f"{len(saved)} of {gone['readable']} in the copy")
        node = self.place.node("hurt", environment=SMALL)
        node.start()
        check(node.stop() == 0, "the cut journal does not serve")

    def keyed_chain(self):
        with open(self.place.path("chain.key"), "w", encoding="ascii") as out:
            out.write("0123456789abcdef" * 4 + "\n")
        os.chmod(self.place.path("chain.key"), 0o400)
        flags = ["--set", "journal.key_file=" + self.place.path("chain.key")]
        keyed = self.place.node("keyed", flags=flags)
        keyed.start()
        self.place.ask("sku", "put", "1", "--price", "1.00", "--data", "keyed")
        check(keyed.stop() == 0, keyed.log()[-300:])
        done = self.place.run("journal", "verify", "keyed")
        check(done.returncode == 78 and "key" in done.stderr, f"{done.returncode} {done.stderr}")
        proof = self.place.ask("journal", "verify", "keyed", "--key", "chain.key")
        check(proof["keyed"] == proof["segments"] == 1, f"{proof}")
        bare = self.place.node("keyed")
        bare.spawn()
        check(bare.wait_end() == 78 and "journal.key_file" in bare.log(), bare.log()[-300:])
        self.place.ask("backup", "keyed", "keyed.copy", "--key", "chain.key")

    def cases(self):
        return [(case.__name__.replace("_", " "), case) for case in (
            self.live_folder, self.pipe_that_closes, self.what_needs_a_stopped_folder,
            self.archive_and_trim_without_snapshots, self.backup_beside_the_server,
            self.archive_and_trim_with_snapshots, self.crashed_folder, self.torn_tail,
            self.damaged_folder, self.keyed_chain)]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "journal_verbs")
    code = 1
    try:
        code = rig.run_cases("journal_verbs", Verbs(place).cases())
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
