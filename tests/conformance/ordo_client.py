"""A client of Ordo in Python, small enough to read and to copy: requests that are repeated under the same id until they
have an answer, and a subscription that cannot skip an update.

    from ordo_client import Client, Cursor, Subscription, command

    shop = Client("ipc:///var/lib/ordo/data/ordo.ipc")
    made = shop.call(command("create", shop=7, order_id="A-1001", buyer=buyer, product=300, quantity=1, amount=1990,
                             currency=156))
    if made.code == OK: ...

    cursor = Cursor(shop, "warehouse", shop=7)
    stream = Subscription(shop, "ipc:///var/lib/ordo/data/updates.ipc", after=cursor.acked)
    while True:
        for update in stream.take(1.0):
            work_off(update)
        cursor.ack(stream.position)

What a caller must know. A command keeps its id for its whole life: to ask again after a crash of his own, the caller has
stored the id (`Command.id`) before the first call, and makes the same Command of it. A result of UNKNOWN means that no
answer came in time: neither done nor failed; ask again. Commands of one request are decided in their order, those of
different requests in any order. One thread: neither class may be shared between threads.
"""

import os
import random
import select
import socket
import time
from collections import deque
from urllib.parse import urlsplit

import ordo_wire as wire
from ordo_wire import BUSY, KINDS, OK, SHUTTING_DOWN, UNKNOWN, Command, Result, WireError

CONNECT_SECONDS_MAX = 5.0
SILENCE_SECONDS_MAX = 10.0  # a connection on which requests wait and nothing comes so long is given up
HEARTBEAT_SECONDS_MAX = 2.0
RETRY_SECONDS_MIN = 0.02
ACK_SECONDS_MIN = 0.1
ACK_UPDATES_MAX = 65536
SUBSCRIBER_UNKNOWN = 900
UPDATES_AHEAD = 905


class OtherNode(Exception):
    """Behind the address is another journal: ids, sequences and cursors of the old one say nothing there."""


class UpdatesGone(Exception):
    """The journal does not have these updates any more: rebuild from `list`, then subscribe behind its sequence."""


class Damaged(Exception):
    """The rolling hash of the stream does not fit what was received."""


class Refused(Exception):
    """A query was refused; `result` says why."""

    def __init__(self, result):
        super().__init__(f"code {result.code} {result.text}")
        self.result = result


def new_id():
    while True:
        value = os.urandom(16)
        if any(value):
            return value


def command(kind, shop=0, id=None, **fields):
    """A Command with a fresh id, if its kind has one."""
    if id is None and KINDS[kind].has_id:
        id = new_id()
    return Command(kind, fields, shop, id)


class Link:
    """One connection: bytes out, whole messages in. Any failure is an OSError or WireError, and the end of it."""

    def __init__(self, url, protocol):
        parts = urlsplit(url)
        self.is_ipc = parts.scheme == "ipc"
        self.out = bytearray()
        self.buffer = bytearray()
        family = socket.AF_UNIX if self.is_ipc else socket.AF_INET
        address = url[len("ipc://"):] if self.is_ipc else (parts.hostname, parts.port)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._meet(address, protocol)
        except BaseException:
            self.socket.close()
            raise

    def _meet(self, address, protocol):
        """Both sides say 8 bytes at once. We stay for the server's: see the page about ipc."""
        self.socket.settimeout(CONNECT_SECONDS_MAX)
        self.socket.connect(address)
        if not self.is_ipc:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(wire.greeting(protocol))
        said = bytearray()
        while len(said) < 8:
            piece = self.socket.recv(8 - len(said))
            if not piece:
                raise ConnectionError("the server closed the connection before its greeting")
            said += piece
        peer = {wire.REQ: wire.REP, wire.SUB: wire.PUB}[protocol]
        if said != wire.greeting(peer):
            raise WireError(f"greeted by {said.hex()}: not the right kind of socket")
        self.socket.setblocking(False)

    def send(self, message):
        self.out += wire.wrap(message, self.is_ipc)

    def messages(self, seconds):
        """Sends what there is to send and returns the messages that are there, after at most so long a wait. Both in
        one place: a side that only sends is not read from any more by a server whose replies it leaves."""
        found = self._cut()
        want_write = [self.socket] if self.out else []
        readable, writable, _ = select.select([self.socket], want_write, [], 0 if found else max(0, seconds))
        if writable:
            del self.out[:self.socket.send(self.out[:1 << 18])]
        if readable:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise ConnectionError("the server closed the connection")
            self.buffer += piece
        return found + self._cut()

    def _cut(self):
        found = []
        while (message := wire.unwrap(self.buffer, self.is_ipc)) is not None:
            found.append(message)
        return found

    def close(self):
        self.socket.close()


class _Call:
    """One request on its way: its commands, the results so far, when it may be sent (again)."""

    def __init__(self, commands):
        self.commands = commands
        self.results = [None] * len(commands)
        self.not_before = 0.0
        self.places = []  # which commands were in the last sending

    def open_places(self):
        return [place for place, result in enumerate(self.results) if result is None]

    def wait_seconds(self):
        return max((one.fields.get("timeout_ms", 0) / 1000 for one in self.commands if one.kind == "wait"), default=0)


class Client:
    """Requests. `window` of them are outstanding at once; `seconds` is how long one call goes on trying."""

    def __init__(self, url, window=64, seconds=60.0):
        self.url = url
        self.window = window
        self.seconds = seconds
        self.node = None
        self.resent = 0  # requests that were sent more than once
        self._link = None
        self._next = random.getrandbits(30)

    def close(self):
        if self._link is not None:
            self._link.close()
            self._link = None

    def call(self, *commands):
        """One request; the result, or the list of results of several commands."""
        results = self.call_many([commands])[0]
        return results[0] if len(commands) == 1 else results

    def ask(self, query):
        """The body of one query or service; Refused if it has none."""
        result = self.call(query)
        if result.code != OK:
            raise Refused(result)
        return result.body

    def call_many(self, requests, seconds=None):
        """Many requests at once; a list of results for each. BUSY, a stopping server and a lost connection are not
        answers: what they hit is sent again under its id until the time is over, and is UNKNOWN then."""
        calls = [_Call(list(commands)) for commands in requests]
        waiting = deque(calls)
        sent = {}  # id of the message -> call
        deadline = time.monotonic() + (seconds or self.seconds)
        while (waiting or sent) and time.monotonic() < deadline:
            try:
                self._turn(waiting, sent)
            except (OSError, WireError):
                self.close()
                self.resent += len(sent)
                waiting.extendleft(reversed(sent.values()))
                sent.clear()
                time.sleep(RETRY_SECONDS_MIN)
        if sent:
            self.close()  # late answers must not meet later requests
        for call in calls:
            call.results = [result or Result(UNKNOWN) for result in call.results]
        return [call.results for call in calls]

    def _turn(self, waiting, sent):
        if self._link is None:
            self._link = Link(self.url, wire.REQ)
            self._heard = time.monotonic()
        now = time.monotonic()
        for _ in range(len(waiting)):
            call = waiting.popleft()
            if len(sent) >= self.window or call.not_before > now:
                waiting.append(call)
            else:
                self._send(call, sent)
        messages = self._link.messages(RETRY_SECONDS_MIN if waiting else 1.0)
        for message in messages:
            self._take(message, waiting, sent)
        if messages or not sent:
            self._heard = time.monotonic()
        patience = SILENCE_SECONDS_MAX + max((call.wait_seconds() for call in sent.values()), default=0)
        if time.monotonic() - self._heard > patience:
            raise ConnectionError("the server is silent")

    def _send(self, call, sent):
        self._next = (self._next + 1) % (1 << 31)
        call.places = call.open_places()
        frame = wire.encode_request(self._next, [call.commands[place] for place in call.places])
        self._link.send((self._next | 1 << 31).to_bytes(4, "big") + frame)
        sent[self._next | 1 << 31] = call

    def _take(self, message, waiting, sent):
        call = sent.pop(int.from_bytes(message[:4], "big"), None)
        if call is None:
            return  # the answer to a message that was given up
        reply = wire.decode_reply(message[4:])
        if self.node not in (None, reply.node):
            raise OtherNode(f"{self.url}: journal {reply.node.hex()} in place of {self.node.hex()}")
        self.node = reply.node
        results = reply.results
        if reply.code != OK:
            results = [Result(reply.code, text=reply.text)] * len(call.places)
        if len(results) != len(call.places):
            raise WireError(f"{len(results)} results for {len(call.places)} commands")
        for place, result in zip(call.places, results):
            if result.code not in (BUSY, UNKNOWN, SHUTTING_DOWN):
                call.results[place] = result
        if call.open_places():
            pause = max(reply.retry_ms / 1000, RETRY_SECONDS_MIN)
            call.not_before = time.monotonic() + pause * random.uniform(1, 1.5)
            self.resent += 1
            waiting.append(call)

    # ---- services ----

    def fetch(self, first, limit=0, shop=0, by_shop=False, orders=()):
        """The updates from a number on: wire.Updates."""
        body = self.ask(command("fetch", shop, **{"from": first}, limit=limit, by_shop=int(by_shop),
                                orders=[order.encode() for order in orders]))
        return wire.decode_fetch(self.node, body)

    def history(self, order_id, shop=0):
        """Every command about an order, newest first, as dicts."""
        order = wire.named(wire.ORDER, self.ask(command("get", shop, order_id=order_id)))
        seq = order["last_seq"]
        while seq:
            seq, steps = self.ask(command("history", shop, seq=seq, order_id=order_id))[:2]
            for step in steps:
                yield wire.named(wire.STEP, step)

    def stats(self):
        return dict(row[:2] for row in self.ask(command("stats")))


class Subscription:
    """The status stream from behind `after`, each update once, in order, or an exception. `hash_after` is the hash at
    that place, if the caller kept it; without it the first range's hash is believed and every later one checked."""

    def __init__(self, client, url, after=0, hash_after=None):
        self.client = client
        self.url = url
        self.position = after
        self.hash = bytes(16) if after == 0 else hash_after
        self.refilled = 0  # updates that came by fetch
        self._link = None
        self._heard = 0.0
        self._ready = []

    def close(self):
        if self._link is not None:
            self._link.close()
            self._link = None

    def take(self, seconds):
        """The next updates, none when there were none in this time."""
        deadline = time.monotonic() + seconds
        while not self._ready and time.monotonic() < deadline:
            try:
                self._turn(min(deadline - time.monotonic(), HEARTBEAT_SECONDS_MAX))
            except OSError:
                self.close()
                time.sleep(RETRY_SECONDS_MIN)
        ready, self._ready = self._ready, []
        return ready

    def _turn(self, seconds):
        if self._link is None:
            self._link = Link(self.url, wire.SUB)
            self._heard = time.monotonic()
            self._refill()
        for message in self._link.messages(seconds):
            self._heard = time.monotonic()
            self._on_frame(wire.decode_stream(message))
        if time.monotonic() - self._heard > HEARTBEAT_SECONDS_MAX:
            raise ConnectionError("no heartbeat")

    def _on_frame(self, frame):
        if frame is None:
            return
        if self.client.node not in (None, frame.node):
            raise OtherNode(f"{self.url}: the stream of journal {frame.node.hex()}")
        newest = frame.update_seq if isinstance(frame, wire.Heartbeat) else frame.first - 1
        if newest > self.position:
            self._refill()
        if isinstance(frame, wire.Updates):
            self._accept(frame)
        elif newest == self.position:
            self._check_hash(frame.hash)

    def _refill(self):
        """From the journal until its end of this moment; the live frames go on from there."""
        while True:
            try:
                page = self.client.fetch(self.position + 1)
            except Refused as refused:
                if refused.result.code == UPDATES_AHEAD:
                    raise OtherNode(f"the stream has not come to {self.position}") from refused
                raise ConnectionError(str(refused)) from refused
            if page.first > self.position + 1:
                raise UpdatesGone(f"updates {self.position + 1} to {page.first - 1}")
            if page.last < page.first:
                return
            self.refilled += page.last - self.position
            self._accept(page)
            if self.position >= page.head:
                return

    def _accept(self, frame):
        """Updates that are new go on; the numbers are checked before anything else."""
        if frame.last <= self.position:
            return
        new = [update for update in frame.updates if update.update_seq > self.position]
        if [update.update_seq for update in new] != list(range(self.position + 1, frame.last + 1)):
            raise Damaged(f"updates {frame.first} to {frame.last} are not all there")
        if self.hash is not None:
            for update in new:
                self.hash = wire.roll_hash(self.hash, update)
        self.position = frame.last
        self._check_hash(frame.hash)
        self._ready += new

    def _check_hash(self, said):
        if self.hash is None:
            self.hash = said
        if self.hash != said:
            raise Damaged(f"the stream's hash after update {self.position} is {said.hex()}, ours {self.hash.hex()}")


class Cursor:
    """A place in the stream that the server keeps under a name."""

    def __init__(self, client, name, shop=0):
        self.client = client
        self.name = name
        self.shop = shop
        self._acked_at = 0.0
        found = client.call(command("subscriber", shop, subscriber=name))
        if found.code == SUBSCRIBER_UNKNOWN:
            made = client.call(command("subscriber-put", shop, subscriber=name))
            if made.code != OK:
                raise Refused(made)
            found = client.call(command("subscriber", shop, subscriber=name))
        if found.code != OK:
            raise Refused(found)
        self.acked = found.body[1]

    def ack(self, position, at_once=False):
        """Everything up to the position was worked off. Sent when it is due, or at once (before an end)."""
        now = time.monotonic()
        is_due = at_once or now - self._acked_at >= ACK_SECONDS_MIN or position - self.acked >= ACK_UPDATES_MAX
        if position <= self.acked or not is_due:
            return
        result = self.client.call(command("subscriber-ack", self.shop, subscriber=self.name, acked=position))
        if result.code != OK:
            raise Refused(result)
        self.acked = position
        self._acked_at = now
