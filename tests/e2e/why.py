#!/usr/bin/env python3
"""The files of a node, read by who answers for them: the life of an order in words (`why`), and what the audit proves of
every prefix (`audit`), also of a journal whose outcomes somebody has bent.

    tests/e2e/why.py ORDO
"""

import hashlib
import json
import os
import shutil
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

HEADER = 152
CRC_AT = 148


def crc32c(data, begin=0):
    crc = begin ^ 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def leb128(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


class Bent:
    """A journal whose checksums all hold, with one byte of one outcome changed: journal/README.md from both ends."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as stream:
            self.data = bytearray(stream.read())
        self.block = struct.unpack_from("<I", self.data, 136)[0]

    def batches(self):
        at = self.block
        while self.data[at:at + 4] == b"OBAT":
            yield at
            at += struct.unpack_from("<I", self.data, at + 8)[0]

    def records(self, batch):
        """(offset of the crc, end, offset of the outcome) of each record."""
        count = struct.unpack_from("<I", self.data, batch + 16)[0]
        at = batch + HEADER
        for _ in range(count):
            begin = at
            _, at = leb128(self.data, at + 5)
            command, at = leb128(self.data, at)
            outcome, at = leb128(self.data, at)
            yield begin, at + command + outcome, at + command
            at += command + outcome

    def bend(self, seq, change):
        """change(outcome) returns another outcome of the same size."""
        for batch in self.batches():
            first = struct.unpack_from("<Q", self.data, batch + 64)[0]
            for i, (_, end, outcome) in enumerate(self.records(batch)):
                if first + i == seq:
                    bent = change(bytes(self.data[outcome:end]))
                    check(len(bent) == end - outcome, "bent to another size")
                    self.data[outcome:end] = bent
        self._seal()

    def _seal(self):
        chain = None
        for batch in self.batches():
            size = struct.unpack_from("<I", self.data, batch + 8)[0]
            crc = crc32c(bytes(self.data[batch + 48:batch + 72]))  # salt, number, first_seq
            for begin, end, _ in self.records(batch):
                crc = crc32c(bytes(self.data[begin + 4:end]), crc)
                struct.pack_into("<I", self.data, begin, crc)
            if chain is not None:
                self.data[batch + 112:batch + 144] = chain
            struct.pack_into("<I", self.data, batch + CRC_AT, crc32c(bytes(self.data[batch:batch + CRC_AT])))
            chain = hashlib.sha256(self.data[batch:batch + size]).digest()
        with open(self.path, "wb") as stream:
            stream.write(self.data)


class Script:
    def __init__(self, place):
        self.place = place
        self.node = place.node("data")
        self.node.start()

    def ask(self, *arguments, code=0):
        return self.place.ask(*arguments, code=code)

    def why(self, *arguments, code=0, language="C"):
        done = self.place.run("why", *arguments, env={**os.environ, "LC_ALL": language})
        check(done.returncode == code, f"why {arguments}: exit {done.returncode}: {done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def says(self, words, text):
        for word in words:
            check(word in text, f'"{word}" is not in: {text}')

    def operate(self, verb, order, *more):
        return self.ask("order", verb, order, "--operator", "anna", "--reason", "asked by phone", *more)

    # ---- cases ----

    def lives(self):
        self.ask("sku", "put", "1", "--price", "9.90")
        with open(self.place.path("keys.txt"), "w", encoding="ascii") as out:
            out.write("\n".join(f"KEY-{i:04d}" for i in range(6)) + "\n")
        self.place.run("card", "add", "1", "--file", "keys.txt")
        self.ask("order", "create", "A", "--product", "1", "--quantity", "6")
        self.ask("order", "create", "W", "--product", "1", "--quantity", "2", "--wait", "600s")
        self.ask("order", "cancel", "A")
        self.operate("mark-paid", "W")
        self.ask("order", "pay", "W", "--trade-no", "T-W")
        self.ask("order", "pay", "W", "--trade-no", "T-W2")
        card = self.ask("order", "get", "W")["cards"][0]
        self.operate("replace", "W", "--card", str(card))
        self.ask("card", "recall", str(card + 1), "--operator", "bob", "--reason", "a bad batch")
        self.ask("order", "create", "B", "--product", "1")
        self.ask("order", "pay", "B", "--trade-no", "T-W", "--amount", "9.90")
        self.ask("order", "cancel", "W", code=1)
        self.operate("freeze", "B")
        self.ask("order", "pay", "B", "--trade-no", "T-B")
        self.ask("order", "create", "N", "--product", "1", "--quantity", "50", code=1)
        self.ask("order", "pay", "O", "--trade-no", "T-O", "--amount", "1.00")
        self.place.run("order", "chain", "C1=1", "C2=1x60")

    def one_that_waited_and_was_paid_by_hand(self):
        text = self.why("W")
        self.says(["+ WAITING", "served by the engine after: the order was to be cancelled",
                   "NONE -> PENDING", "operator anna, because: asked by phone", "PENDING -> PAID: an operator says",
                   "BOUND_MANUAL", "EXTRA_REFUND_DUE", "ISSUING -> ISSUING: a card is taken back",
                   "operator bob, because: a bad batch", "refused order_is_issuing",
                   "it names order B, but its payment is one of this order", "+19.80 CNY received (alipay)",
                   "W is ISSUING (version 5)"], text)
        seqs = [int(line.rsplit(" ", 1)[1]) for line in text.split("\n") if "  seq " in line]
        check(seqs == sorted(seqs) and len(seqs) == 9, f"records: {seqs}")

    def the_same_in_chinese(self):
        for text in (self.why("W", "--lang", "zh"), self.why("W", language="zh_CN.UTF-8")):
            self.says(["待支付 -> 支付成功", "操作员 anna,原因:asked by phone", "正在排队等待库存", "拒绝 order_is_issuing",
                       "等待送达回执"], text)
        check("PENDING ->" not in self.why("W", "--lang", "zh"), "a state is not translated")
        self.says(["NONE -> PENDING"], self.why("W", "--lang", "en", language="zh_CN.UTF-8"))

    def the_same_as_json(self):
        life = json.loads(self.why("W", "--json"))
        order = self.ask("order", "get", "W")
        check(life["state"] == order["state"] == "ISSUING" and life["version"] == order["version"], f"{life}")
        check(sorted(life["cards"]) == sorted(order["cards"]), f"{life['cards']} is not {order['cards']}")
        kinds = [record["kind"] for record in life["records"]]
        check(kinds == ["create", "cancel", "mark-paid", "fact", "fact", "replace", "recall", "fact", "cancel"], f"{kinds}")
        check(life["records"][7]["disposition"] == "CONFLICT" and life["records"][7]["names_order"] == "B", f"{life}")

    def others(self):
        self.says(["CONFLICT", "+ FROZEN", "PENDING -> PAID: paid exactly", "B is PAID", "until an operator unfreezes it",
                   "a person is to look"], self.why("B"))
        self.says(["refused out_of_stock", "N was never created"], self.why("N"))
        self.says(["refused linked_failed", "C1 was never created"], self.why("C1"))
        self.says(["refused out_of_stock"], self.why("C2"))
        self.says(["ORPHAN", "O is NONE", "lies in review"], self.why("O"))
        check(self.why("--trade", "T-W2") == self.why("W"), "--trade does not find the order")
        self.says(["no order nobody in shop 0"], self.why("nobody", code=1))
        self.says(["no payment T-none"], self.why("--trade", "T-none", code=1))
        self.ask("sku", "put", "1", "--price", "1", "--shop", "7", "--mode", "unlimited")
        self.ask("order", "create", "S", "--product", "1", "--shop", "7")
        self.says(["shop 7 has one: --shop 7"], self.why("S", code=1))
        self.says(["S is PENDING"], self.why("S", "--shop", "7"))

    def after_a_crash(self):
        before = self.why("W")
        self.node.kill()
        check(self.why("W", "--data", "data") == before, "the crashed folder tells another life")
        self.says(["nowhere"], self.why("W", "--data", "nowhere", code=1))

    def every_prefix_passes(self):
        verdict = self.ask("journal", "verify", "data")
        for seq in range(1, verdict["last_seq"] + 1):
            audit = self.ask("audit", "data", "--until", str(seq))
            check(audit["clean"] and audit["seq"] == seq, f"until {seq}: {audit}")
        audit = self.ask("audit", "data", "--every", "3")
        check(audit["walks"] == verdict["last_seq"] // 3, f"walks: {audit['walks']}")
        check({law["way"] for law in audit["laws"]} == {"records", "state", "both"}, "the ways of the laws")
        names = " ".join(law["name"] for law in audit["laws"])
        self.says([f"I{i} " for i in range(1, 10)], names + " ")

    def dump_prints_the_new_kinds(self):
        text = self.place.run("journal", "dump", "data").stdout
        self.says(["kind=mark-paid", "operator_name=anna", 'reason="asked by phone"', "kind=recall", "kind=chain",
                   "account=manual", "wait_s=600",
                   "members=[(order_id=C1 "], text)

    def a_bent_outcome_names_its_law(self):
        life = json.loads(self.why("W", "--json"))
        paid = next(r["seq"] for r in life["records"] if r.get("disposition") == "EXTRA_REFUND_DUE")
        bound = next(r["seq"] for r in life["records"] if r["kind"] == "mark-paid")
        cases = [(paid, lambda o: o[:-1] + bytes([o[-1] ^ 1]), "I7"),  # the last posting's amount
                 (bound, lambda o: o.replace(bytes([2, 1, 2]), bytes([2, 1, 1])), "I3")]  # cards: count, 1, 2
        for seq, change, law in cases:
            shutil.rmtree(self.place.path("bent"), ignore_errors=True)
            shutil.copytree(self.place.path("data"), self.place.path("bent"), ignore=shutil.ignore_patterns("*.ipc"))
            Bent(self.place.path("bent/journal-00000001.ordo")).bend(seq, change)
            check(self.ask("journal", "verify", "bent")["clean"], "the bent journal does not hold")
            done = self.place.run("audit", "bent")
            check(done.returncode == 3, f"exit {done.returncode}: {done.stderr}")
            check(f"seq {seq}: {law}: " in done.stderr, f"not {law} of {seq}: {done.stderr}")

    def cases(self):
        listed = [self.lives, self.one_that_waited_and_was_paid_by_hand, self.the_same_in_chinese, self.the_same_as_json,
                  self.others, self.after_a_crash, self.every_prefix_passes, self.dump_prints_the_new_kinds,
                  self.a_bent_outcome_names_its_law]
        return [(case.__name__.replace("_", " "), case) for case in listed]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "why")
    code = 1
    try:
        script = Script(place)
        code = rig.run_cases("why", script.cases())
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
