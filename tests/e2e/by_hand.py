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

SECRETS = [f"SECRET-{i:04d}-{'Zq7' * 5}" for i in range(40)]
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
        self.node = place.node("data", flags=["--set", "ring.sample=1"])
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
        check(len(verbs) == 24, f"{len(verbs)} verbs: {verbs}")
        for verb in verbs:
            self.says(["Usage: ordo " + verb], "help", verb)

    def goods(self):
        self.ask("sku", "put", "1", "--price", "9.90")
        with open(self.place.path("keys.txt"), "w", encoding="ascii") as out:
            out.write("\n".join(SECRETS) + "\n")
        self.says([], "card", "add", "1", "--file", "keys.txt")
        stock = self.ask("sku", "show", "1")
        check(stock["imported"] == 40 and stock["available"] == 40, f"stock: {stock}")
        self.ask("card", "add", "1", "--file", "keys.txt")
        stock = self.ask("sku", "show", "1")
        check(stock["imported"] == 40, f"the same file again has loaded more cards: {stock}")

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

    # ---- the rest of the domain ----

    def by(self, action, number, *more, code=0):
        return self.ask("order", action, number, "--operator", "li", "--reason", "by hand", *more, code=code)

    def paid(self, number, *more):
        self.order(number, *more)
        return self.ask("order", "pay", number, "--trade-no", f"T-{number}")

    def an_operator_has_a_name_and_a_reason(self):
        self.order("O-0")
        nameless = {**os.environ, "USER": "", "ORDO_OPERATOR": ""}
        for action in ("issue", "mark-paid", "accept", "refund", "freeze", "unfreeze", "note", "replace"):
            silent = self.place.run("order", action, "O-0", "--operator", "li")
            check(silent.returncode == 64 and "--reason" in silent.stderr, f"{action}: {silent}")
            unnamed = self.place.run("order", action, "O-0", "--reason", "why", env=nameless)
            check(unnamed.returncode == 64 and "--operator" in unnamed.stderr, f"{action}: {unnamed}")
        named = self.place.run("order", "note", "O-0", "--reason", "why", env={**nameless, "ORDO_OPERATOR": "wang"})
        check(named.returncode == 0, f"$ORDO_OPERATOR: {named}")
        slip = self.place.run("order", "frezee", "O-0")
        check(slip.returncode == 64 and '"freeze"' in slip.stderr, f"a slip: {slip}")

    def hold_extend_release(self):
        view = self.ask("order", "get", "O-0")
        check(view["waits_for"] == "a payment", f"what it waits for: {view}")
        self.ask("order", "extend", "O-0", "--ttl", "1h")
        check(self.ask("order", "get", "O-0")["deadline_us"] > view["deadline_us"], "the hold is not longer")
        self.says(["waits for  a payment, until "], "order", "get", "O-0")
        self.ask("order", "extend", "O-0", "--ttl", "7d")  # as far as a hold may go, which is a day
        refused = self.ask("order", "extend", "O-0", "--ttl", "7d", code=1)
        check(refused["result"] == "hold_limit", f"beyond the limit: {refused}")
        check(self.ask("order", "release", "O-0")["state"] == "CANCELLED", "not released")
        check(self.ask("order", "release", "O-never")["state"] == "CANCELLED", "not released in advance")
        late = self.ask("order", "create", "O-never", "--product", "1", code=1)
        check(late["result"] == "order_is_cancelled", f"created after its release: {late}")

    def mark_paid_accept_refund(self):
        self.order("O-1")
        check(self.by("mark-paid", "O-1")["state"] == "ISSUING", "not issued by mark-paid")
        real = self.ask("order", "pay", "O-1", "--trade-no", "T-O-1")
        check(real["disposition"] == "BOUND_MANUAL", f"the real payment: {real}")
        self.order("O-2")
        less = self.ask("order", "pay", "O-2", "--trade-no", "T-O-2", "--amount", "9.80")
        check(less["disposition"] == "SHORT", f"too little: {less}")
        view = self.ask("order", "get", "O-2")
        check(view["review"] == 980 and view["flags"] == ["REVIEW"], f"in review: {view}")
        self.says(["in review  9.80", "a person must look"], "order", "get", "O-2")
        check(self.by("accept", "O-2")["state"] == "ISSUING", "not accepted")
        part = self.by("refund", "O-2", "--amount", "1.80")
        check(part["state"] == "ISSUING", f"a part is due back: {part}")
        check(self.ask("order", "get", "O-2")["refund_due"] == 180, "not due")
        check(self.by("refund", "O-2", "--amount", "1.80", "--done")["state"] == "ISSUING", "a part is back")
        check(self.by("refund", "O-2")["state"] == "REFUNDING", "all is due back")
        check(self.by("refund", "O-2", "--done")["state"] == "REFUNDED", "all is back")
        view = self.ask("order", "get", "O-2")
        check(view["refunded"] == 980 and view["refund_due"] == 0 and view["paid"] == 0, f"refunded: {view}")
        none = self.by("refund", "O-2", code=1)
        check(none["result"] == "nothing_to_refund", f"once more: {none}")

    def freeze_note_issue(self):
        self.ask("sku", "put", "2", "--price", "5", "--mode", "counted", "--count", "10", "--manual")
        self.ask("order", "create", "O-3", "--product", "2")
        self.by("freeze", "O-3")
        check(self.ask("order", "pay", "O-3", "--trade-no", "T-O-3")["state"] == "PAID", "frozen and issued")
        view = self.ask("order", "get", "O-3")
        check(view["flags"] == ["FROZEN"] and "unfreeze" in view["waits_for"], f"frozen: {view}")
        check(self.by("issue", "O-3", code=1)["result"] == "order_is_frozen", "issued while frozen")
        check(self.by("unfreeze", "O-3")["state"] == "PAID", "not unfrozen")
        check(self.by("issue", "O-3")["state"] == "ISSUING", "not issued")
        self.by("note", "O-3", "--reviewed")

    def replace_recall_void(self):
        self.paid("O-4")
        bad = self.ask("order", "get", "O-4")["cards"][0]
        check(self.by("replace", "O-4", "--card", str(bad))["state"] == "ISSUING", "not replaced")
        second = self.ask("order", "get", "O-4")["cards"][0]
        check(second != bad, "the same card again")
        other = self.by("replace", "O-4", "--card", str(bad), code=1)
        check(other["result"] == "card_not_of_order", f"the replaced card once more: {other}")
        self.ask("card", "recall", str(second), "--operator", "li", "--reason", "leaked")
        check(self.ask("order", "get", "O-4")["cards"][0] not in (bad, second), "a recalled card stays")
        before = self.ask("sku", "show", "1")
        free = max(card for name in ("H-1", "O-4") for card in self.ask("order", "get", name)["cards"]) + 1
        done = self.ask("card", "void", "1", "--first", str(free), "--operator", "li", "--reason", "misprint")
        check(done["void"] == 1, f"void: {done}")
        after = self.ask("sku", "show", "1")
        check(after["void"] == before["void"] + 1 and after["available"] == before["available"] - 1, f"{after}")
        silent = self.place.run("card", "void", "1", "--first", "1", "--operator", "li")
        check(silent.returncode == 64 and "--reason" in silent.stderr, f"void without a reason: {silent}")

    def coupons(self):
        self.ask("coupon", "put", "SPRING", "--discount", "1.00", "--percent", "10", "--uses", "1")
        self.ask("sku", "put", "3", "--price", "10.00", "--mode", "unlimited")
        self.ask("order", "create", "K-1", "--product", "3", "--coupon", "SPRING")
        check(self.ask("order", "get", "K-1")["amount"] == 800, "10 % and 1.00 off 10.00 are not 8.00")
        spent = self.ask("order", "create", "K-2", "--product", "3", "--coupon", "SPRING", code=1)
        check(spent["result"] == "coupon_spent", f"a second use: {spent}")
        self.ask("order", "cancel", "K-1")
        shown = self.ask("coupon", "show", "SPRING")
        check(shown["used"] == 1 and shown["returned"] == 1 and shown["overdrawn"] == 0, f"show: {shown}")
        self.says(["0 of 1", "1 returned"], "coupon", "show", "SPRING")
        check(self.ask("coupon", "show", "NONE", code=1)["result"] == "coupon_unknown", "an unknown coupon")

    def chains(self):
        chain = self.ask("order", "chain", "N-1=1", "N-2=3x2", "--buyer", "me")
        check([member["result"] for member in chain["members"]] == ["ok", "ok"], f"chain: {chain}")
        check(self.ask("order", "get", "N-2")["quantity"] == 2, "a member is not what was asked for")
        failed = self.ask("order", "chain", "N-3=1", "N-4=1x64", "--buyer", "me", code=1)
        check(failed["result"] == "chain_invalid", f"65 units: {failed}")
        failed = self.ask("order", "chain", "N-5=1", "N-1=1", "N-6=1", "--buyer", "me", code=1)
        results = [member["result"] for member in failed["members"]]
        check(results == ["linked_failed", "exists", "linked_failed"], f"a chain with a known order: {failed}")
        check(self.ask("order", "get", "N-5", code=1)["result"] == "order_unknown", "half a chain")
        shapeless = self.place.run("order", "chain", "N-7")
        check(shapeless.returncode == 64 and "ORDER=PRODUCT" in shapeless.stderr, f"no member: {shapeless}")

    def find_by_the_gateways_number(self):
        check(self.ask("order", "find", "T-1")["order"] == "H-1", "T-1 is of another order")
        check(self.ask("order", "find", "T-5a", "--channel", "wechat", code=1)["ok"] is False, "a failure is a payment")
        check(self.ask("order", "find", "T-1", "--channel", "wechat", code=1)["ok"] is False, "of another channel")
        check(self.ask("order", "find", "T-none", code=1)["result"] == "order_unknown", "an unknown number")

    def channels_and_settings(self):
        self.ask("channel", "put", "stripe", "--short", "0.05", "--confirm-by-query")
        self.ask("order", "create", "P-1", "--product", "3")
        paid = self.ask("order", "pay", "P-1", "--trade-no", "T-P-1", "--channel", "stripe", "--amount", "9.96")
        check(paid["disposition"] == "APPLIED", f"short by 0.04 of 0.05: {paid}")
        names = [setting["name"] for setting in self.ask("settings")["settings"]]
        check("buyer_quota" in names and "orders_max" in names, f"settings: {names}")
        self.ask("settings", "buyer_quota=2")
        self.ask("order", "create", "P-2", "--product", "3", "--quantity", "2", "--buyer", "he")
        full = self.ask("order", "create", "P-3", "--product", "3", "--buyer", "he", code=1)
        check(full["result"] == "hold_quota", f"a third unit: {full}")
        self.ask("settings", "buyer_quota=0", "second_key_quota=1")
        self.ask("order", "create", "P-4", "--product", "3", "--second-key", "10.0.0.1")
        full = self.ask("order", "create", "P-5", "--product", "3", "--second-key", "10.0.0.1", code=1)
        check(full["result"] == "second_key_quota", f"the same address: {full}")
        self.ask("settings", "second_key_quota=0")
        fixed = self.ask("settings", "orders_max=5000", code=1)
        check(fixed["result"] == "setting_fixed", f"a capacity: {fixed}")
        wrong = self.place.run("settings", "no_such=1")
        check(wrong.returncode == 64, f"an unknown setting: {wrong}")

    def waiting_and_backorders(self):
        put = ("sku", "put", "4", "--price", "1", "--mode", "counted", "--hold-at-pay")
        self.ask(*put, "--count", "1")
        for number in ("W-1", "W-2"):
            self.ask("order", "create", number, "--product", "4")
        self.ask("order", "pay", "W-1", "--trade-no", "T-W-1")
        queued = self.ask("order", "pay", "W-2", "--trade-no", "T-W-2")
        check(queued["state"] == "BACKORDER", f"paid for nothing: {queued}")
        check(self.ask("order", "get", "W-2")["waits_for"] == "stock", "not for stock")
        shown = self.ask("sku", "show", "4")
        check(shown["backorders"] == 1 and shown["available"] == 0, f"show: {shown}")
        self.ask(*put, "--count", "1")
        check(self.ask("order", "get", "W-2")["state"] == "ISSUING", "the back-order is not served")
        self.ask("sku", "put", "5", "--price", "1", "--mode", "counted")
        self.ask("order", "create", "W-3", "--product", "5", "--wait", "1h")
        view = self.ask("order", "get", "W-3")
        check(view["flags"] == ["WAITING"] and view["state"] == "NONE", f"waiting: {view}")
        self.says(["WAITING", "waits for  a free unit to hold, until "], "order", "get", "W-3")
        refused = self.ask("order", "attempt", "W-3", "--amount", "1.00", code=1)
        check(refused["result"] == "order_waits", f"an attempt while it waits: {refused}")
        self.ask("sku", "put", "5", "--price", "1", "--mode", "counted", "--count", "1")
        check(self.ask("order", "get", "W-3")["state"] == "PENDING", "not admitted")

    def product_options(self):
        self.ask("sku", "put", "6", "--price", "1", "--mode", "counted", "--count", "10", "--held-share", "20")
        self.ask("order", "create", "Q-1", "--product", "6", "--quantity", "2")
        share = self.ask("order", "create", "Q-2", "--product", "6", code=1)
        check(share["result"] == "held_share", f"more than 20 % held: {share}")
        self.ask("sku", "put", "6", "--price", "1", "--mode", "counted", "--closed")
        closed = self.ask("order", "create", "Q-3", "--product", "6", code=1)
        check(closed["result"] == "product_closed", f"closed: {closed}")

    def wait_until_it_is_so(self):
        waiting = subprocess.Popen([self.place.ordo, "wait", "Y-1", "Y-2", "--state", "ISSUING", "--timeout", "60s",
                                    "--json"], cwd=self.place.folder, text=True, stdout=subprocess.PIPE)
        self.order("Y-2")
        self.ask("order", "pay", "Y-2", "--trade-no", "T-Y2")
        told = json.loads(waiting.communicate(timeout=LINE_SECONDS_MAX)[0])
        check(waiting.returncode == 0 and told["ok"], f"wait: {told}")
        check([order["order"] for order in told["orders"]] == ["Y-2"], f"wait names: {told}")
        check(told["orders"][0]["state"] == "ISSUING", f"wait: {told}")
        self.says(["Y-2: ISSUING"], "wait", "Y-2", "--state", "ISSUING", "--state", "COMPLETED")
        over = self.ask("wait", "Y-2", "--state", "REFUNDED", "--timeout", "100ms", code=1)
        check(not over["ok"] and over["orders"] == [], f"a wait in vain: {over}")
        over = self.ask("wait", "Y-2", "Y-1", "--all", "--state", "ISSUING", "--timeout", "100ms", code=1)
        check(len(over["orders"]) == 1, f"all of two: {over}")
        seq = told["orders"][0]["seq"]
        check(self.ask("wait", "--until-seq", str(seq))["seq"] >= seq, "a sequence that is durable")
        waiting = subprocess.Popen([self.place.ordo, "wait", "Y-2", "--timeout", "60s"], cwd=self.place.folder,
                                   stdout=subprocess.PIPE)
        while waiting.poll() is None:  # it begins at the newest sequence, whenever that is
            self.ask("order", "ack", "Y-2")
        check(b"COMPLETED" in waiting.communicate()[0], "a wait for whatever is done")
        check(self.place.run("wait", "--state", "PAID").returncode == 64, "a wait for nothing")

    def stuck_for_so_long(self):
        self.order("Y-3")
        deadline = time.monotonic() + LINE_SECONDS_MAX
        while not self.ask("stuck", "--state", "PENDING", "--for", "300ms")["orders"]:
            check(time.monotonic() < deadline, "nothing is stuck")
        found = [order["order"] for order in self.ask("stuck", "--state", "待支付", "--for", "1ms")["orders"]]
        check("Y-3" in found, f"stuck: {found}")
        check(self.ask("stuck", "--state", "PENDING", "--for", "1d")["count"] == 0, "stuck for a day")
        check(self.ask("stuck", "--state", "PENDING", "--for", "1ms", "--limit", "1")["count"] == 1, "--limit")
        self.says(["Y-3", "PENDING"], "stuck", "--state", "PENDING", "--for", "1ms")
        self.ask("order", "cancel", "Y-3")

    def subscribers(self):
        made = self.ask("subscriber", "put", "erp")
        check(made["version"] == 1, f"a new subscriber: {made}")
        check(self.ask("subscriber", "put", "erp", "--acked", "3")["version"] == 0, "the same again")
        check(self.ask("subscriber", "show", "erp")["acked"] == 0, "a second put moves no cursor")
        self.ask("subscriber", "put", "erp", "--acked", "3", "--reset")
        self.ask("subscriber", "put", "new", "--acked", "head")
        listed = {row["subscriber"]: row["acked"] for row in self.ask("subscriber", "ls")["subscribers"]}
        check(listed["erp"] == 3 and listed["new"] > 3, f"ls: {listed}")
        ahead = self.ask("subscriber", "put", "new", "--acked", "1000000", "--reset", code=1)
        check(ahead["result"] == "subscriber_ahead", f"ahead: {ahead}")
        self.ask("subscriber", "park", "erp", "H-1", "--first", "2", "--reason", "no such goods")
        parks = self.ask("subscriber", "parks", "erp")["parks"]
        check(len(parks) == 1 and parks[0]["order"] == "H-1" and parks[0]["first_update"] == 2, f"parks: {parks}")
        check(parks[0]["reason"] == "no such goods", f"parks: {parks}")
        self.says(["H-1", "no such goods"], "subscriber", "parks", "erp")
        self.says(["erp", "1 parked"], "subscriber", "ls")
        self.says(["erp"], "subscriber", "show", "erp")
        self.ask("subscriber", "unpark", "erp", "H-1")
        gone = self.ask("subscriber", "unpark", "erp", "H-1", code=1)
        check(gone["result"] == "park_unknown", f"unparked twice: {gone}")
        nameless = self.place.run("subscriber", "drop", "new")
        check(nameless.returncode == 64, f"drop by nobody, for nothing: {nameless.stderr}")
        self.ask("subscriber", "drop", "new", "--operator", "ann", "--reason", "moved")
        check(self.ask("subscriber", "show", "new", code=1)["result"] == "subscriber_unknown", "dropped")

    def top_shows_what_the_node_does(self):
        self.ask("subscriber", "put", "top-reader", "--acked", "0")
        done = self.place.run("top", "--once", "--json")
        check(done.returncode == 0 and done.stdout.count("\n") == 1, f"{done.returncode} {done.stdout} {done.stderr}")
        numbers = (shown := json.loads(done.stdout))["numbers"]
        check(numbers["ring.claimed"] >= numbers["ring.durable"] > 0 and numbers["update.head"] > 0, f"{numbers}")
        check(shown["latency_us"]["durable"]["p50"] > 0 and shown["latency_us"]["total"]["share"] == 1, f"{shown}")
        lag = {row["subscriber"]: row["behind"] for row in shown["subscribers"]}
        check(lag["top-reader"] == numbers["update.head"], f"{shown['subscribers']}")
        text = self.says(["commands", "journal", "durable", "sync latency", "top-reader"],
                         "top", "--count", "2", "--interval", "20ms")
        check("\033" not in text and text.count("stage") == 2, repr(text[:200]))

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
                  self.cancel_frees_the_stock, self.expiry, self.an_operator_has_a_name_and_a_reason,
                  self.hold_extend_release, self.mark_paid_accept_refund, self.freeze_note_issue,
                  self.replace_recall_void, self.coupons, self.chains, self.find_by_the_gateways_number,
                  self.channels_and_settings, self.waiting_and_backorders, self.product_options, self.wait_until_it_is_so, self.stuck_for_so_long, self.subscribers,
                  self.top_shows_what_the_node_does,
                  self.stream_has_each_change_once,
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
