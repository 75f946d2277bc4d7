#!/usr/bin/env python3
"""R12: 300 connections buy what there is a fifth of; afterwards no unit and no cent is missing or there twice.

    tests/abuse/conservation.py ORDO CONSERVATION_LOAD [--cases N] [--seed N]

Five processes with 60 connections each make N buys of one product with N / 5 real cards (50,000 and 10,000); the node is
killed with -9 every few seconds, the first time right after the beginning, and once more when all is over. What a buy does
stands in conservation_load.c. The clients add up what they were told; the node is asked, and its journal audited. Promised:
nothing ends UNKNOWN; every order is as its buyer was told, each with one card, none twice; units sold = cards given out <=
stock; money told = applied + refund due + refunded + review; every sum of the clients is the node's.
ORDO_CASES_R12 sets the buys. The seed fixes what each buy does and when the node is killed, not who comes first.
"""

import argparse
import collections
import os
import random
import re
import selectors
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

WORKERS = 5
CONNECTIONS = 60
BUYS_A_CARD = 5
CASES = 50000
STEP_SECONDS_MAX = 3600
AUDIT_SECONDS_MAX = 1800
FIRST_KILL = (0.2, 0.5)  # seconds of load before a kill
NEXT_KILL = (0.5, 4.0)
ACCOUNTS = ("applied", "refund_due", "refunded", "review")


class Worker:
    """A process of conservation_load."""

    def __init__(self, place, program, number, buys, seed):
        self.cards = place.path(f"cards.{number}")
        self.log = place.path(f"load.{number}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program, "ipc://data/ordo.ipc", str(number), str(CONNECTIONS), str(buys), str(seed), self.cards],
                cwd=place.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.said = None

    def go(self):
        self.said = None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def take_line(self, word):
        """The line that ends a step; each step has one, so a line is there whole when something is there."""
        words = self.process.stdout.readline().decode().split()
        if not words or words[0] != word:
            raise rig.Failed(f"a load process ended with {self.process.wait(10)}: {self.complaints()}")
        self.said = {key: int(value) for key, value in (pair.split("=") for pair in words[1:])}

    def complaints(self):
        with open(self.log, encoding="utf-8", errors="replace") as stream:
            return stream.read()[:1500]


class Crowd:
    """All workers; a step ends when each has said so."""

    def __init__(self, place, program, buys, seed):
        self.workers = [Worker(place, program, number, buys // WORKERS + (number < buys % WORKERS), seed)
                        for number in range(WORKERS)]
        self.selector = selectors.DefaultSelector()
        self.listen()

    def listen(self):
        for worker in self.workers:
            self.selector.register(worker.process.stdout, selectors.EVENT_READ, worker)

    def go(self):
        for worker in self.workers:
            worker.go()
        self.listen()

    def wait(self, word, seconds):
        """True when all have said the word within this time."""
        until = time.monotonic() + seconds
        while any(worker.said is None for worker in self.workers):
            rest = until - time.monotonic()
            if rest <= 0:
                return False
            for key, _ in self.selector.select(rest):
                key.data.take_line(word)
                self.selector.unregister(key.fileobj)
        return True

    def finish(self, word):
        check(self.wait(word, STEP_SECONDS_MAX), f"no \"{word}\" in {STEP_SECONDS_MAX} s")
        return self.sums()

    def sums(self):
        sums = collections.Counter()
        for worker in self.workers:
            sums.update(worker.said)
        return sums

    def complaints(self):
        return "".join(worker.complaints() for worker in self.workers)[:3000]

    def close(self):
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()
            worker.process.stdin.close()
            worker.process.stdout.close()


class Ledger:
    """The table: what the clients say, what the node says; each row's difference must be 0."""

    def __init__(self):
        self.rows = []

    def row(self, law, what, clients, node):
        self.rows.append((law, what, clients, node))

    def differences(self):
        return [row for row in self.rows if row[2] != row[3]]

    def show(self):
        print(f"{'law':<4} {'what':<52} {'clients':>14} {'node':>14} {'difference':>10}")
        for law, what, clients, node in self.rows:
            print(f"{law:<4} {what:<52} {clients:>14} {node:>14} {node - clients:>10}")
        sys.stdout.flush()


def genesis(buys, stock):
    tables = {"orders_max": buys, "cards_max": stock, "payments_max": 2 * buys, "ids_max": 8 * buys, "buyers_max": buys}
    flags = [f"--set=genesis.{name}={size + size // 8 + 1000}" for name, size in tables.items()]
    return [*flags, f"--set=genesis.secret_bytes_max={(stock + 1000) * 256}", "--set=genesis.extras_max=1k"]


def load_cards(place, stock, seed):
    place.ask("sku", "put", "1", "--price", "9.90")
    place.ask("settings", "resume_grace_s=1")  # a kill must not keep unpaid holds for minutes
    with open(place.path("cards.txt"), "w", encoding="ascii") as stream:
        stream.writelines(f"KEY-{seed}-{number}\n" for number in range(stock))
    added = place.ask("card", "add", "1", "--file", "cards.txt", timeout=600)
    check(added["cards"] == stock, f"{added} of {stock} cards were loaded")


class Killer:
    def __init__(self, node, seed):
        self.node = node
        self.random = random.Random(seed)
        self.kills = 0

    def kill(self):
        check(self.node.process.poll() is None, f"the node ended by itself: {self.node.log()[-600:]}")
        self.node.kill()
        self.kills += 1
        self.node.start()

    def through(self, crowd):
        """Until the buys have ended."""
        rest = FIRST_KILL
        until = time.monotonic() + STEP_SECONDS_MAX
        while not crowd.wait("loaded", self.random.uniform(*rest)):
            check(time.monotonic() < until, f"the buys did not end in {STEP_SECONDS_MAX} s")
            self.kill()
            rest = NEXT_KILL


def cards_given(crowd):
    given = []
    for worker in crowd.workers:
        with open(worker.cards, encoding="ascii") as stream:
            given.extend(map(int, stream))
    return given


def law(audit, name, behind=""):
    """The first number of a law's text, or the one behind some words; 0 of a law that was not printed: it is about nothing."""
    texts = [row["text"] for row in audit["laws"] if row["name"] == name]
    return int(re.search(behind + r" ?(\d+)", texts[0])[1]) if texts else 0


def money(audit):
    text = next(row["text"] for row in audit["laws"] if row["name"] == "I7 money channel 1 currency 156")
    return {name: int(value) for name, value in re.findall(r"([a-z_]+) (-?\d+)", text)}


def settle(stock, told, ended, given, units, audit):
    """Every sum of the clients beside the node's."""
    ledger = Ledger()
    told_money = money(audit)
    ledger.row("I1", "units loaded = free + held + bound + revealed + void", stock,
               sum(units[name] for name in ("available", "held", "bound", "revealed", "void")))
    ledger.row("I1", "units sold = cards given out", len(given), units["revealed"] + units["void"])
    ledger.row("I1", "units held or bound at the end", 0, units["held"] + units["bound"])
    ledger.row("I4", "different cards given out", len(set(given)), law(audit, "I3 no card twice"))
    ledger.row("I4", "cards given out twice", len(given) - len(set(given)), 0)
    ledger.row("I4", "completed orders, each with exactly its one card", ended["orders_COMPLETED"],
               law(audit, "I4 I6 every paid order is served", "with exactly their units"))
    ledger.row("I7", "money told by the gateway = received", told["told"], told_money["received"])
    for name in ACCOUNTS:
        ledger.row("I7", name.replace("_", " "), told[name], told_money[name])
    ledger.row("I7", "applied + refund due + refunded + review", told["told"], sum(told_money[name] for name in ACCOUNTS))
    for name in sorted(key for key in told if key.startswith("facts_")):
        if told[name] or law(audit, f"I5 facts {name[6:]}"):
            ledger.row("I5", f"facts {name[6:]}", told[name], law(audit, f"I5 facts {name[6:]}"))
    for name in sorted(key for key in ended if key.startswith("orders_") and key != "orders_NONE"):
        if ended[name] or law(audit, f"orders {name[7:]}"):
            ledger.row("", f"orders {name[7:]}", ended[name], law(audit, f"orders {name[7:]}"))
    ledger.row("", "orders", told["buys"] - told["refused"], law(audit, "orders"))
    return ledger


def conserve(place, program, options):
    buys, stock = options.cases, options.cases // BUYS_A_CARD
    node = place.node("data", flags=genesis(buys, stock))
    node.start()
    load_cards(place, stock, options.seed)
    crowd = Crowd(place, program, buys, options.seed)
    killer = Killer(node, options.seed)
    try:
        check(crowd.finish("connected")["connections"] == WORKERS * CONNECTIONS, "not every connection was made")
        begin = time.monotonic()
        crowd.go()
        killer.through(crowd)
        seconds = time.monotonic() - begin
        told = crowd.sums()
        killer.kill()
        crowd.go()
        ended = crowd.finish("verified")
        given = cards_given(crowd)
        complaints = crowd.complaints()
    finally:
        crowd.close()
    units = place.ask("sku", "show", "1")
    check(node.stop() == 0, "the node did not end cleanly")
    audit = place.ask("audit", "data", timeout=AUDIT_SECONDS_MAX)
    ledger = settle(stock, told, ended, given, units, audit)
    ledger.show()
    check(ended["fails"] == 0, f"{ended['fails']} orders are not as they were told: {complaints}")
    check(told["unknown"] == 0, f"{told['unknown']} commands ended UNKNOWN")
    check(not ledger.differences(), f"a difference: {ledger.differences()}")
    check(audit["clean"], "the audit is not clean")
    check(len(given) <= stock and told["refused"] > 0, f"{len(given)} cards of {stock}, {told['refused']} refused")
    for name in ACCOUNTS:
        check(told[name] > 0, f"no money was {name}: that was no test of it")
    return {"sold": len(given), "refused": told["refused"], "late_applied": told["facts_LATE_APPLIED"],
            "late_refund_due": told["facts_LATE_REFUND_DUE"], "duplicates": told["facts_DUPLICATE"], "unknown": 0, "difference": 0,
            "connections": WORKERS * CONNECTIONS, "kills": killer.kills, "resends": told["resends"],
            "commands": told["commands"], "load_s": f"{seconds:.1f}"}


def main():
    parser = argparse.ArgumentParser(description="conservation under load")
    parser.add_argument("ordo")
    parser.add_argument("load")
    parser.add_argument("--cases", type=int, default=int(os.environ.get("ORDO_CASES_R12", CASES)))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())))
    options = parser.parse_args()
    print(f"seed={options.seed} (replay: {sys.argv[0]} {options.ordo} {options.load} --cases {options.cases} "
          f"--seed {options.seed})", flush=True)
    begin = time.monotonic()
    place = rig.Workplace(options.ordo, "conservation")
    commit = place.ask("version")["commit"]
    failure = None
    try:
        figures = conserve(place, os.path.abspath(options.load), options)
    except (rig.Failed, OSError, subprocess.TimeoutExpired) as error:
        failure = error
    place.close(keep=failure is not None)
    tail = f"seed={options.seed} commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R12 FAILED cases={options.cases} {tail}")
        return 1
    print(f"RELIABILITY R12 ok cases={options.cases} fails=0 {tail} {' '.join(f'{key}={value}' for key, value in figures.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
