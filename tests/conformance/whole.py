"""The Python client as a whole: a sale whose node is killed in between; and the page's example with nngcat."""

import os
import re
import select
import subprocess
import threading
import time
from collections import Counter

import ordo_wire as wire
from codec import page
from ordo_client import Client, Cursor, Subscription, command
from rig import check

SHOP, PRODUCT, PRICE, CURRENCY = 7, 300, 1990, 156
ORDERS = 2000
BATCH = 8
OUTSTANDING = 2000
STEPS = 5  # updates of an order in this sale: create, paid, issuing, completed, and the attempt
STOCK = ORDERS + 1000
WAIT_SECONDS_MAX = 60


def order_commands(number):
    """Everything that is asked of one order, in its order, each with its id for ever."""
    order_id = f"S-{number}"
    price = {"amount": PRICE, "currency": CURRENCY}
    return [
        command("create", SHOP, order_id=order_id, buyer=number.to_bytes(16, "big"), product=PRODUCT, quantity=1, **price),
        command("attempt", SHOP, order_id=order_id, channel=1, merchant="m1", **price),
        command("fact", SHOP, fact=1, channel=1, merchant="m1", order_id=order_id, trade_no=f"T-{number}",
                verified_by=1, **price),
        command("delivery-ack", SHOP, order_id=order_id),
    ]


class Killing(Client):
    """Kills the node when so many replies have come, while the next requests are outstanding, and starts it again."""

    def __init__(self, url, node, kill_at=()):
        super().__init__(url, window=32, seconds=WAIT_SECONDS_MAX)
        self.victim = node
        self.kill_at = list(kill_at)
        self.lost = []  # requests that were outstanding at each kill
        self.replies = 0

    def _take(self, message, waiting, sent):
        super()._take(message, waiting, sent)
        self.replies += 1
        if self.kill_at and self.replies >= self.kill_at[0] and sent:
            self.kill_at.pop(0)
            self.lost.append(len(sent))
            self.victim.kill()
            self.victim.start()


class Sale(threading.Thread):
    """Sells in a thread and with a client of its own; the others watch."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.orders = [order_commands(number) for number in range(ORDERS)]
        self.results = []
        self.error = None

    def run(self):
        try:
            requests = [sum(self.orders[start:start + BATCH], []) for start in range(0, ORDERS, BATCH)]
            self.results = self.client.call_many(requests)
        except Exception as error:  # noqa: BLE001: shown by the case
            self.error = error


class Whole:
    def __init__(self, place, door, flags):
        self.name = f"{door}-sale"
        self.place = place
        self.listen = f"ipc://{self.name}/ordo.ipc"
        self.publish = f"ipc://{self.name}/updates.ipc"
        self.node = place.node(self.name, flags=["--listen", self.listen, "--publish", self.publish, *flags])
        self.client = Client(self.listen, seconds=WAIT_SECONDS_MAX)
        self.stream = Subscription(self.client, self.publish)
        self.seen = []
        self.sale = None

    def start(self):
        self.node.start()
        made = self.client.call(command("product-put", SHOP, product=PRODUCT, price=PRICE, currency=CURRENCY, stock_mode=3,
                                        counted=STOCK, hold_ttl_s=900))
        check(made.code == wire.OK, f"product-put: {made}")

    def sells_through_kills(self):
        """Killed with -9 at a quarter, half and three quarters of the sale, while requests are outstanding."""
        replies = ORDERS // BATCH
        client = Killing(self.listen, self.node, [replies * part // 4 for part in (1, 2, 3)])
        self.sale = Sale(client)
        self.sale.start()
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while self.sale.is_alive() and time.monotonic() < deadline:
            self.seen += self.stream.take(0.2)
        self.sale.join(WAIT_SECONDS_MAX)
        check(self.sale.error is None, f"the sale ended with {self.sale.error!r}")
        check(len(client.lost) == 3 and min(client.lost) > 0, f"requests outstanding at the kills: {client.lost}")
        check(client.resent >= sum(client.lost), f"{client.resent} asked again, {client.lost} lost")

    def sold_once(self):
        """Every command has its answer, and a unit went to each order, once."""
        results = [result for batch in self.sale.results for result in batch]
        check(len(results) == 4 * ORDERS, f"{len(results)} results")
        codes = Counter(result.code for result in results)
        check(set(codes) == {wire.OK}, f"codes {codes}")
        stock = wire.named(wire.STOCK, self.client.ask(command("stock", SHOP, product=PRODUCT)))
        check(stock["available"] == STOCK - ORDERS, f"{stock}")
        check(len({result.seq for result in results}) == len(results), "two commands have one sequence")

    def asked_again_is_the_same(self):
        """Everything once more under the same ids: the same results, and no update more."""
        before = self.client.ask(command("head"))
        again = Sale(Client(self.listen, seconds=WAIT_SECONDS_MAX))
        again.orders = self.sale.orders
        again.run()
        check(again.error is None, f"{again.error!r}")
        same = [result.row for batch in again.results for result in batch]
        check(same == [result.row for batch in self.sale.results for result in batch], "another result than before")
        after = self.client.ask(command("head"))
        check(before[1] == after[1], f"update {before[1]} before, {after[1]} after")

    def many_outstanding(self):
        """As many replies as requests, on one connection with all of them under way."""
        many = Client(self.listen, window=OUTSTANDING, seconds=WAIT_SECONDS_MAX)
        results = many.call_many([[command("get", SHOP, order_id=f"S-{number}")] for number in range(OUTSTANDING)])
        wrong = [rows[0] for number, rows in enumerate(results) if not rows[0].body or rows[0].body[0] != f"S-{number}"]
        check(not wrong, f"{len(wrong)} of {OUTSTANDING} have another answer: {wrong[:3]}")
        check(many.resent == 0, f"{many.resent} were asked again")

    def stream_is_whole(self):
        """Each order's versions, from 1 to the end, and the numbers of the stream without a gap."""
        head = wire.named(wire.HEAD, self.client.ask(command("head")))
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while self.stream.position < head["update_seq"] and time.monotonic() < deadline:
            self.seen += self.stream.take(0.2)
        check([update.update_seq for update in self.seen] == list(range(1, head["update_seq"] + 1)), "not every number once")
        versions = {}
        for update in self.seen:
            versions.setdefault(update.order_id, []).append(update.version)
        check(len(versions) == ORDERS, f"{len(versions)} orders")
        for order_id, found in versions.items():
            check(found == list(range(1, STEPS + 1)), f"order {order_id}: versions {found}")
        check(self.stream.hash == head["stream_hash"], f"hash {self.stream.hash.hex()}, head {head['stream_hash'].hex()}")

    def latecomer_hears_the_same(self):
        """Who joins in the middle, behind a named cursor, gets the rest; who joins late gets all, with the same hash."""
        late = Subscription(self.client, self.publish)
        while late.position < self.stream.position:
            check(late.take(WAIT_SECONDS_MAX), "nothing comes")
        check(late.hash == self.stream.hash, "another hash")
        cursor = Cursor(self.client, "warehouse", SHOP)
        check(cursor.acked == 0, f"a new cursor is at {cursor.acked}")
        cursor.ack(self.stream.position // 2, at_once=True)
        again = Cursor(self.client, "warehouse", SHOP)
        check(again.acked == self.stream.position // 2, f"the cursor is at {again.acked}")
        rest = Subscription(self.client, self.publish, after=again.acked)
        found = []
        while rest.position < self.stream.position:
            found += rest.take(WAIT_SECONDS_MAX)
        check(found == self.seen[again.acked:], "the rest is another one")
        check(rest.hash == self.stream.hash, "another hash")

    def history_tells(self):
        steps = list(self.client.history("S-1", SHOP))
        kinds = [wire.KIND_BY_NUMBER[step["kind"]].name for step in steps]
        check(kinds == ["delivery-ack", "fact", "attempt", "create"], f"{kinds}")
        check(self.client.stats(), "no stats")

    def nngcat_by_the_page(self):
        """The lines of the page, word for word but for the paths."""
        said = re.search(r"By hand, with Debian's nng-utils:.*?```\n(.*?)```", page(), re.S)
        check(said is not None, "the page has no example for nngcat")
        lines = said.group(1).replace("ipc:///path/of/requests", self.listen)
        lines = lines.replace("ipc:///path/of/stream", self.publish).strip().split("\n")
        check(len(lines) == 3, f"{lines}")
        asked = subprocess.run(["sh", "-c", "\n".join(lines[:2])], capture_output=True, timeout=WAIT_SECONDS_MAX, check=True,
                               cwd=self.place.folder)
        reply = wire.decode_reply(bytes_of(asked.stdout))
        head = wire.named(wire.HEAD, reply.results[0].body)
        check(head["update_seq"] == self.stream.position, f"nngcat heard {head}")
        with subprocess.Popen(["sh", "-c", "exec stdbuf -oL " + lines[2]], stdout=subprocess.PIPE, cwd=self.place.folder) as cat:
            try:
                self._makes_updates_until(cat.stdout)
            finally:
                cat.kill()

    def _makes_updates_until(self, output):
        """A subscriber hears what comes after it has joined: updates are made until one is heard."""
        os.set_blocking(output.fileno(), False)
        heard = b""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        for number in range(ORDERS, STOCK):
            made = self.client.call(order_commands(number)[0])
            check(made.code == wire.OK, f"{made}")
            select.select([output], [], [], 0.1)
            heard += output.read() or b""
            if b"\n" in heard or time.monotonic() > deadline:
                break
        frame = wire.decode_stream(bytes_of(heard.split(b"\n")[0]))
        check(isinstance(frame, wire.Updates) and frame.updates[0].order_id.startswith("S-"), f"nngcat heard {frame}")

    def cases(self):
        return [
            ("starts", self.start),
            ("a sale through three kills", self.sells_through_kills),
            ("everything answered, nothing sold twice", self.sold_once),
            ("asked again, the same results", self.asked_again_is_the_same),
            ("2,000 outstanding on one connection", self.many_outstanding),
            ("the stream has every change once, and its hash", self.stream_is_whole),
            ("a latecomer and a cursor", self.latecomer_hears_the_same),
            ("history", self.history_tells),
            ("nngcat by the page", self.nngcat_by_the_page),
        ]


def bytes_of(hexed):
    """What nngcat --hex prints: \\x94\\x01..."""
    return bytes.fromhex(hexed.decode().strip().strip('"').replace("\\x", ""))
