#!/usr/bin/env python3
"""The program as a person types it: orders by hand, what each verb prints as text and as JSON, the stream, the files.

    tests/e2e/by_hand.py ORDO
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

SECRETS = [f"SECRET-{i:04d}-{'Zq7' * 5}" for i in range(20)]
LINE_SECONDS_MAX = 20
CANARY_MAX = 200


class Stream:
    """`ordo subscribe --json` and its lines, read by a thread of its own."""

    def __init__(self, place):
        self.process = subprocess.Popen([place.ordo, "subscribe", "--json"], cwd=place.folder, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def next(self, seconds=LINE_SECONDS_MAX):
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            check(self.process.poll() is None, f"subscribe ended with {self.process.returncode}")
            return None

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class Script:
    def __init__(self, place):
        self.place = place
        self.node = place.node("data")
        self.node.start()

    def ask(self, *arguments, code=0):
        return self.place.ask(*arguments, code=code)

    def says(self, words, *arguments):
        done = self.place.run(*arguments)
        check(done.returncode == 0, f"exit {done.returncode}: {done.stderr.strip()}")
        for word in words:
            check(word in done.stdout, f'"{word}" is not in: {done.stdout.strip()}')
        return done.stdout

    def order(self, number, *more):
        return self.ask("order", "create", number, "--product", "1", *more)

    # ---- cases ----

    def versions(self):
        build = self.ask("version")
        check({"version", "commit", "build", "compiler", "io_uring"} <= set(build), f"version --json: {build}")
        self.says([build["commit"]], "--version")
        self.says(["io_uring"], "version", "--verbose")

    def help_of_every_verb(self):
        text = self.says(["serve", "audit"], "--help")
        verbs = [line.split()[0] for line in text.split("\n") if line.startswith("  ")]
        check(len(verbs) == 14, f"{len(verbs)} verbs: {verbs}")
        for verb in verbs:
            self.says(["Usage: ordo " + verb], "help", verb)

    def goods(self):
        self.ask("sku", "put", "1", "--price", "9.90")
        with open(self.place.path("keys.txt"), "w", encoding="ascii") as out:
            out.write("\n".join(SECRETS) + "\n")
        self.says([], "card", "add", "1", "--file", "keys.txt")
        stock = self.ask("sku", "show", "1")
        check(stock["imported"] == 20 and stock["available"] == 20, f"stock: {stock}")
        self.ask("card", "add", "1", "--file", "keys.txt")
        stock = self.ask("sku", "show", "1")
        check(stock["imported"] == 20, f"the same file again has loaded more cards: {stock}")

    def create_pay_get(self):
        check(self.order("H-1")["state"] == "PENDING", "a new order is not PENDING")
        check(self.ask("order", "get", "H-1")["state"] == "PENDING", "get does not agree")
        paid = self.ask("order", "pay", "H-1", "--trade-no", "T-1")
        check(paid["disposition"] == "APPLIED" and paid["state"] == "ISSUING", f"pay: {paid}")
        cards = self.ask("order", "cards", "H-1")["cards"]
        check([card["secret"] for card in cards] == SECRETS[:1], f"not the first secret: {cards}")
        self.ask("order", "ack", "H-1")
        view = self.ask("order", "get", "H-1")
        check(view["state"] == "COMPLETED" and view["paid"] == 990, f"get: {view}")

    def the_same_as_text(self):
        self.says(["H-2", "PENDING"], "order", "create", "H-2", "--product", "1", "--quantity", "2")
        self.says(["H-2"], "order", "pay", "H-2", "--trade-no", "T-2")
        self.says(["H-2", "ISSUING"], "order", "get", "H-2")
        self.says(SECRETS[1:3], "order", "cards", "H-2")
        self.says(["H-1", "H-2"], "order", "list")

    def asking_again_gives_the_same(self):
        number = "00112233445566778899aabbccddeeff"
        first = self.order("H-3", "--id", number)
        again = self.order("H-3", "--id", number)
        check(first == again, f"{first} is not {again}")
        other = self.ask("order", "create", "H-4", "--product", "1", "--id", number, code=1)
        check(other["result"].startswith("exists_with_different"), f"another content: {other}")

    def a_callback_again(self):
        again = self.ask("order", "pay", "H-1", "--trade-no", "T-1")
        check(again["disposition"] in ("APPLIED", "DUPLICATE"), f"the same callback: {again}")
        extra = self.ask("order", "pay", "H-1", "--trade-no", "T-1-other")
        check(extra["disposition"] == "EXTRA_REFUND_DUE", f"a second payment: {extra}")
        cards = self.ask("order", "get", "H-1")["cards"]
        check(len(cards) == 1, f"a second payment has brought cards: {cards}")

    def failing_first(self):
        self.order("H-5")
        self.ask("order", "attempt", "H-5", "--channel", "wechat")
        failed = self.ask("order", "pay", "H-5", "--fact", "fail", "--trade-no", "T-5a", "--channel", "wechat")
        check(failed["state"] == "PAY_FAILED", f"after a failed attempt: {failed}")
        paid = self.ask("order", "pay", "H-5", "--trade-no", "T-5b")
        check(paid["state"] == "ISSUING", f"after the payment: {paid}")

    def cancel_frees_the_stock(self):
        before = self.ask("sku", "show", "1")["available"]
        self.order("H-6", "--quantity", "3")
        check(self.ask("sku", "show", "1")["available"] == before - 3, "a hold does not count")
        check(self.ask("order", "cancel", "H-6")["state"] == "CANCELLED", "not cancelled")
        check(self.ask("sku", "show", "1")["available"] == before, "the stock is not back")
        refused = self.ask("order", "cancel", "H-1", code=1)
        check(refused["result"] == "order_is_completed", f"cancel of a completed order: {refused}")

    def expiry(self):
        self.order("H-7", "--ttl", "1s")
        deadline = time.monotonic() + 30
        while self.ask("order", "get", "H-7")["state"] != "EXPIRED":
            check(time.monotonic() < deadline, "an unpaid order did not expire")
            time.sleep(0.1)
        late = self.ask("order", "pay", "H-7", "--trade-no", "T-7")
        check(late["disposition"] == "LATE_APPLIED", f"a late payment with stock left: {late}")

    def stream_has_each_change_once(self):
        stream = Stream(self.place)
        joined = None
        for i in range(CANARY_MAX):
            self.order(f"C-{i}", "--quantity", "1")
            self.ask("order", "cancel", f"C-{i}")
            joined = stream.next(0.2)
            if joined is not None:
                break
        check(joined is not None, "the stream stays empty")
        self.order("S-1")
        self.ask("order", "pay", "S-1", "--trade-no", "T-S1")
        self.ask("order", "ack", "S-1")
        seen = [joined]
        while seen[-1]["to"] != "COMPLETED":
            seen.append(stream.next())
            check(seen[-1] is not None, "the stream stops before COMPLETED")
        stream.close()
        numbers = [update["update_seq"] for update in seen]
        check(numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"not contiguous: {numbers}")
        mine = [update for update in seen if update["order"] == "S-1"]
        path = ["NONE"] + [update["to"] for update in mine]
        check(path == ["NONE", "PENDING", "PAID", "ISSUING", "COMPLETED"], f"transitions: {path}")
        check([update["from"] for update in mine] == path[:-1], f"they do not link up: {mine}")
        check([update["version"] for update in mine] == [1, 2, 3, 4], f"versions: {mine}")

    def restart_keeps_everything(self):
        before = [self.ask("order", "get", f"H-{i}") for i in (1, 2, 3, 5, 6, 7)]
        check(self.node.stop() == 0, f"stop: exit {self.node.process.returncode}")
        self.node.start()
        after = [self.ask("order", "get", f"H-{i}") for i in (1, 2, 3, 5, 6, 7)]
        for old, new in zip(before, after):
            old.pop("deadline_us")
            new.pop("deadline_us")  # resume may give an unpaid hold more time
            check(old == new, f"{old} became {new}")
        check(self.ask("order", "cards", "H-2")["cards"][0]["secret"] == SECRETS[1], "cards after a restart")

    def files_tell_the_same(self):
        verdict = self.ask("journal", "verify", "data")
        check(verdict["clean"] and verdict["records"] > 20, f"verify: {verdict}")
        dump = self.place.run("journal", "dump", "data", "--json")
        records = [json.loads(line) for line in dump.stdout.split("\n") if line]
        check([record["seq"] for record in records] == list(range(1, len(records) + 1)), "dump: sequences")
        check(records[0]["kind"] == "settings", "the journal does not begin with its genesis")
        some = self.place.run("journal", "dump", "data", "--from", "2", "--to", "4").stdout.strip().split("\n")
        check(len(some) == 3 and some[0].startswith("seq=2 "), f"dump --from 2 --to 4: {some}")
        audit = self.ask("audit", "data")
        check(audit["clean"] and all(law["holds"] for law in audit["laws"]), f"audit: {audit}")
        self.says(["audit: clean"], "audit", "data")
        early = self.ask("audit", "data", "--until", "5")
        check(early["clean"] and early["seq"] == 5, f"audit --until 5: {early}")

    def no_secret_in_any_file(self):
        self.place.run("journal", "dump", "data")
        for folder, _, names in os.walk(self.place.folder):
            for name in names:
                if name == "keys.txt":
                    continue
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as stream:
                        content = stream.read()
                    check(not any(secret.encode() in content for secret in SECRETS), f"a clear secret is in {name}")
        mode = os.stat(self.place.path("data.key")).st_mode & 0o777
        check(mode == 0o400, f"the key file has mode {mode:o}")

    def states(self):
        self.says(["PENDING", "待支付", "COMPLETED"], "states")
        self.says(["digraph", "PENDING", "->"], "states", "--dot")
        check(self.ask("states"), "states --json is empty")

    def cases(self):
        listed = [self.versions, self.help_of_every_verb, self.goods, self.create_pay_get, self.the_same_as_text,
                  self.asking_again_gives_the_same, self.a_callback_again, self.failing_first,
                  self.cancel_frees_the_stock, self.expiry, self.stream_has_each_change_once,
                  self.restart_keeps_everything, self.files_tell_the_same, self.no_secret_in_any_file, self.states]
        return [(case.__name__.replace("_", " "), case) for case in listed]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "by_hand")
    code = 1
    try:
        script = Script(place)
        code = rig.run_cases("by_hand", script.cases())
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
