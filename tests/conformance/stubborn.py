"""The Python client against a node that does what a real one does seldom: busy, silent, gone, another one, a lying stream.
The node is a thread on sockets of ipc with a script; nothing is waited for by sleeping."""

import os
import socket
import threading
import time
from dataclasses import astuple

import msgpack

import ordo_wire as wire
from ordo_client import Client, Damaged, OtherNode, Subscription, UpdatesGone, command
from rig import check

NODE = bytes(range(16))
SECONDS_MAX = 10
RETRY_MS = 60
HANG_UP = object()


def reply(request_id, results, code=0, text="", retry_ms=0, node=NODE):
    return msgpack.packb([wire.VERSION, request_id, [node, 9, 9, code, text, retry_ms], results])


class Stubborn(threading.Thread):
    """Answers with `script(number, request)` -> list of frames, HANG_UP, or nothing; `requests` are what came, and when."""

    def __init__(self, path, script, protocol=wire.REP, first_frames=()):
        super().__init__(daemon=True)
        self.script, self.protocol, self.first_frames = script, protocol, first_frames
        self.requests = []
        self.times = []
        if os.path.exists(path):
            os.unlink(path)
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(path)
        self.door.listen()
        self.url = "ipc://" + path
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.door.accept()
            except OSError:
                return
            with peer:
                self._serve(peer)

    def _serve(self, peer):
        peer.sendall(wire.greeting(self.protocol))
        stream = peer.makefile("rb")
        stream.read(8)
        for frame in self.first_frames:
            peer.sendall(wire.wrap(frame, True))
        while True:
            start = stream.read(9)
            if len(start) < 9:
                return
            message = stream.read(int.from_bytes(start[1:], "big"))
            self.requests.append(msgpack.unpackb(message[4:]))
            self.times.append(time.monotonic())
            answers = self.script(len(self.requests), self.requests[-1])
            if answers is HANG_UP:
                return
            for answer in answers:
                peer.sendall(wire.wrap(message[:4] + answer, True))

    def close(self):
        self.door.close()


OK_ROW = [0, 7, 1, 1, 0]


def busy_as_a_whole():
    def script(number, request):
        if number == 1:
            return [reply(request[1], [], wire.BUSY, "overloaded", RETRY_MS)]
        return [reply(request[1], [OK_ROW] * len(request[3]))]
    node = Stubborn("busy.ipc", script)
    results = Client(node.url, seconds=SECONDS_MAX).call(command("cancel", order_id="A"), command("cancel", order_id="B"))
    check([result.code for result in results] == [0, 0], f"{results}")
    check(node.requests[0][3] == node.requests[1][3], "asked again with other bytes")
    check(node.times[1] - node.times[0] >= RETRY_MS / 1000, "asked again too early")


def busy_alone():
    def script(number, request):
        rows = [OK_ROW, [wire.BUSY, 0, "no room"], [400, 8, 0, 0, 0]] if number == 1 else [OK_ROW]
        return [reply(request[1], rows)]
    node = Stubborn("busy1.ipc", script)
    asked = [command("cancel", order_id=name) for name in "ABC"]
    results = Client(node.url, seconds=SECONDS_MAX).call(*asked)
    check([result.code for result in results] == [0, 0, 400], f"{results}")
    check(node.requests[1][3] == [asked[1].row()], "more than the busy one was asked again")


def lost_reply():
    """The first two connections end with the request taken, and without an answer."""
    node = Stubborn("lost.ipc", lambda number, request: HANG_UP if number < 3 else [reply(request[1], [OK_ROW])])
    client = Client(node.url, seconds=SECONDS_MAX)
    check(client.call(command("cancel", order_id="A")).code == 0, "no answer")
    check(node.requests[0][3] == node.requests[1][3] == node.requests[2][3], "asked again with other bytes")
    check(client.resent == 2, f"resent {client.resent}")


def stopping():
    def script(number, request):
        return [reply(request[1], [], wire.SHUTTING_DOWN, "", 1) if number == 1 else reply(request[1], [OK_ROW])]
    node = Stubborn("stop.ipc", script)
    check(Client(node.url, seconds=SECONDS_MAX).call(command("cancel", order_id="A")).code == 0, "no answer")


class Backwards(Stubborn):
    """Answers five requests from the last to the first."""

    def _serve(self, peer):
        peer.sendall(wire.greeting(wire.REP))
        stream = peer.makefile("rb")
        stream.read(8)
        taken = []
        while len(taken) < 5:
            taken.append(stream.read(int.from_bytes(stream.read(9)[1:], "big")))
        for message in reversed(taken):
            request = msgpack.unpackb(message[4:])
            row = [0, request[3][0][2], 1, 1, 0]  # its shop as the sequence, to know it by
            peer.sendall(wire.wrap(message[:4] + reply(request[1], [row]), True))
        stream.read(1)


def any_order():
    node = Backwards("order.ipc", None)
    asked = [[command("cancel", shop, order_id="A")] for shop in range(1, 6)]
    results = Client(node.url, seconds=SECONDS_MAX).call_many(asked)
    check([rows[0].seq for rows in results] == [1, 2, 3, 4, 5], f"{results}")


def never():
    node = Stubborn("never.ipc", lambda number, request: [])
    result = Client(node.url, seconds=0.2).call(command("cancel", order_id="A"))
    check(result.code == wire.UNKNOWN, f"{result}")


def another_node():
    node = Stubborn("other.ipc", lambda number, request: [reply(request[1], [OK_ROW], node=bytes([number]) * 16)])
    client = Client(node.url, seconds=SECONDS_MAX)
    client.call(command("cancel", order_id="A"))
    raised(OtherNode, lambda: client.call(command("cancel", order_id="B")))


# ---- the stream: updates of a made-up journal, of which the live frames tell a part ----

def journal(count):
    """Updates 1 to count, and the hash before each and after the last."""
    hashes, updates = [bytes(16)], []
    for number in range(1, count + 1):
        updates.append(wire.Update(number, number + 3, 1000 + number, 7, f"A-{number % 3}", number, 1, 2, 5, 0, 0))
        hashes.append(wire.roll_hash(hashes[-1], updates[-1]))
    return updates, hashes


def row_of(update):
    return list(astuple(update))


def live(first, last, updates, hashes, node=NODE):
    rows = [row_of(update)[1:] for update in updates[first - 1:last]]
    return b"u" + msgpack.packb([wire.VERSION, node, first, hashes[last], rows])


def beat(position, hashes):
    return b"h" + msgpack.packb([wire.VERSION, NODE, position, hashes[position], 99, 99])


COUNT = 20


class Story:
    """A journal of COUNT updates and live frames of it. `fetch` gives those up to known[0] at first, up to known[1] then."""

    def __init__(self, name, frames, known=(0, COUNT), trimmed=0):
        self.updates, self.hashes = journal(COUNT)
        self.known = list(known)
        self.trimmed = trimmed
        self.node = Stubborn(f"{name}.ipc", self.fetch)
        self.pub = Stubborn(f"{name}p.ipc", lambda number, request: [], wire.PUB, frames(self.updates, self.hashes))
        self.stream = Subscription(Client(self.node.url, seconds=SECONDS_MAX), self.pub.url)

    def fetch(self, number, request):
        start = max(request[3][0][3], self.trimmed + 1)
        end = self.known.pop(0) if len(self.known) > 1 else self.known[0]
        rows = [row_of(update) for update in self.updates[start - 1:end]]
        last = max(end, start - 1)
        return [reply(request[1], [[0, 9, [start, last, self.hashes[last], last, rows]]])]

    def hear(self):
        found = []
        deadline = time.monotonic() + SECONDS_MAX
        while self.stream.position < COUNT and time.monotonic() < deadline:
            found += self.stream.take(0.5)
        return found


def gaps_and_repetitions():
    """5 to 8 are lost, 9 to 12 come twice and overlap, the end is lost and a heartbeat tells of it."""
    story = Story("gap", lambda u, h: [live(1, 4, u, h), live(9, 12, u, h), live(9, 12, u, h), live(11, 14, u, h),
                                       b"z\x01", beat(COUNT, h)], known=(0, 8, COUNT))
    check(story.hear() == story.updates, "not every update once")
    check(story.stream.hash == story.hashes[COUNT], "another hash")
    check(story.stream.refilled == 10, f"{story.stream.refilled} refilled, 5 to 8 and 15 to 20 were lost")


def live_alone():
    story = Story("live", lambda u, h: [live(1, 7, u, h), live(8, COUNT, u, h), beat(COUNT, h)])
    check(story.hear() == story.updates and story.stream.refilled == 0, "live frames alone are enough")


def lies():
    def frames(updates, hashes):
        bent = list(updates)
        bent[2] = wire.Update(3, 6, 1003, 7, "A-0", 3, 1, 9, 5, 0, 0)
        return [live(1, 4, bent, hashes)]
    raised(Damaged, Story("lie", frames).hear)


def heartbeat_lies():
    raised(Damaged, Story("beat", lambda u, h: [live(1, 4, u, h), beat(4, [bytes([1]) * 16] * 5)]).hear)


def trimmed():
    raised(UpdatesGone, Story("trim", lambda u, h: [beat(COUNT, h)], known=(COUNT,), trimmed=5).hear)
    raised(UpdatesGone, Story("trimall", lambda u, h: [beat(COUNT, h)], known=(COUNT,), trimmed=COUNT).hear)


def stream_of_another():
    raised(OtherNode, Story("strange", lambda u, h: [live(1, 4, u, h, bytes([1]) * 16)]).hear)


def raised(kind, call):
    try:
        call()
    except kind:
        return
    check(False, f"no {kind.__name__}")


CASES = [
    ("busy as a whole: asked again, not before its time, the same bytes", busy_as_a_whole),
    ("one command busy: it alone is asked again", busy_alone),
    ("a reply is lost: asked again on another connection", lost_reply),
    ("a stopping server is asked again", stopping),
    ("replies in any order", any_order),
    ("no answer is UNKNOWN", never),
    ("another journal behind the address", another_node),
    ("gaps are refilled, repetitions left out", gaps_and_repetitions),
    ("nothing is asked for when nothing is lost", live_alone),
    ("a bent update is found by the hash", lies),
    ("a heartbeat of another hash is found", heartbeat_lies),
    ("updates that are gone are told", trimmed),
    ("the stream of another journal is told", stream_of_another),
]
