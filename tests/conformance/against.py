"""The vectors against a node: every frame over a real connection, on one kind of address."""

import os
import socket
import time

import msgpack

import ordo_wire as wire
import vectors
from codec import REFUSALS_MIN, all_requests
from ordo_client import Link
from rig import Failed, check

ANSWER_SECONDS_MAX = 20
REFUSED = (wire.MALFORMED, wire.UNAUTHORISED, 100)
ROLES = ("client", "deliverer", "subscriber", "replica", "operator")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Talk:
    """One connection on which frames are sent as they are."""

    def __init__(self, url):
        self.link = Link(url, wire.REQ)
        self.next = 0
        self.here = []

    def post(self, frame):
        self.next += 1
        self.link.send((self.next | 1 << 31).to_bytes(4, "big") + frame)
        return self.next | 1 << 31

    def receive(self):
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while not self.here:
            check(time.monotonic() < deadline, "no answer in time")
            self.here += self.link.messages(1.0)
        message = self.here.pop(0)
        return int.from_bytes(message[:4], "big"), message[4:]

    def ask(self, frame):
        """The reply to one frame; it must be in its shortest form."""
        sent = self.post(frame)
        number, answer = self.receive()
        check(number == sent, f"the answer to {number:x} came for {sent:x}")
        check(msgpack.packb(msgpack.unpackb(answer)) == answer, f"not the shortest form: {answer.hex()}")
        return wire.decode_reply(answer)


class Against:
    """The cases for one door and transport, on a node of their own. `scheme` is ipc or tcp."""

    def __init__(self, place, scheme, door, flags):
        self.scheme = scheme
        name = f"{door}-{scheme}"
        urls = {}
        for what in ("listen", "publish"):
            urls[what] = f"ipc://{name}/{what[0]}.ipc" if scheme == "ipc" else f"tcp://127.0.0.1:{free_port()}"
        self.listen, self.publish = urls["listen"], urls["publish"]
        self.roles = {role: f"ipc://{name}/{role}.ipc" for role in ROLES}
        self.node = place.node(name, flags=[
            "--listen", self.listen, "--publish", self.publish, *flags,
            *(part for role, url in self.roles.items() for part in ("--listen", f"{role}={url}"))])

    def start(self):
        self.node.start()

    # ---- cases ----

    def reads_requests(self):
        """Every request is read; those that only the server makes are refused for that."""
        talk, patient = Talk(self.listen), Talk(self.listen)
        for one in all_requests():
            if one.get("rests"):
                patient.post(vectors.frame(one["frame"]))  # it is answered when its time is over, in a minute
                patient.link.messages(0)
                continue
            reply = talk.ask(vectors.frame(one["frame"]))
            check(reply.code == 0, f"{one['name']}: {reply.code} {reply.text}")
            check(reply.request_id == vectors.value(one["request_id"]), f"{one['name']}: id {reply.request_id}")
            for command, result in zip(vectors.commands(one["commands"]), reply.results, strict=True):
                if wire.KINDS[command.kind].number in (9, 10, 11):
                    check(result.code == wire.UNAUTHORISED, f"{one['name']}: {result}")
                else:
                    check(result.code not in REFUSED, f"{one['name']}: {result}")

    def refuses(self):
        talk = Talk(self.listen)
        refusals = vectors.load("refusals")["refusals"]
        check(len(refusals) >= REFUSALS_MIN, "vectors are missing")
        for one in refusals:
            reply = talk.ask(vectors.frame(one["frame"]))
            where = f"{one['name']}: {reply}"
            check(reply.request_id == one.get("request_id", reply.request_id), where)
            check(reply.code == one.get("head", 0), where)
            check((reply.code == 0) == (not reply.text), where)
            wanted = one.get("codes", [])
            check(len(reply.results) == len(wanted), where)
            for code, result in zip(wanted, reply.results):
                check(result.code not in REFUSED if code is None else result.code == code, where)
                check((code is None) == (not result.text), where)

    def keeps_roles(self):
        """Each kind on each role's listener."""
        frames = {one["commands"][0]["kind"]: one for one in vectors.load("requests")["requests"]
                  if len(one["commands"]) == 1 and one["name"] == one["commands"][0].get("kind")}
        tried = 0
        for one in vectors.load("refusals")["roles"]:
            talk = Talk(self.roles.get(one["role"], self.listen))
            for name, kind in wire.KINDS.items():
                result = talk.ask(vectors.frame(frames[name]["frame"])).results[0]
                allowed = kind.number in one["kinds"]
                check((result.code != wire.UNAUTHORISED) == allowed, f"{one['role']} sends {name}: {result}")
                tried += 1
        check(tried == len(wire.KINDS) * (len(ROLES) + 1), f"{tried} pairs of role and kind")

    def speaks_framing(self):
        for one in vectors.load("framing")["connections"]:
            self._connection(one)

    def _connection(self, one):
        url = self.listen if one["listener"] == "listen" else self.publish
        is_ipc = self.scheme == "ipc"
        with socket.socket(socket.AF_UNIX if is_ipc else socket.AF_INET) as peer:
            peer.settimeout(ANSWER_SECONDS_MAX)
            if is_ipc:
                peer.connect(url[len("ipc://"):])
            else:
                peer.connect(("127.0.0.1", int(url.rsplit(":", 1)[1])))
            for part in one["send"]:
                peer.sendall(_framed(part, is_ipc))
            stream = peer.makefile("rb")
            if "greeting" in one:
                said = stream.read(8)
                check(said.hex() == one["greeting"], f"{one['name']}: greeted by {said.hex()}")
            found = [_message(stream, is_ipc) for _ in one["messages"]]
            for message, start in zip(sorted(found), one["messages"]):
                check(message.hex().startswith(start), f"{one['name']}: {message.hex()}, wanted {start}...")
            if one["closed"]:
                try:
                    left = stream.read()
                except ConnectionResetError:
                    left = b""
                check(left in (b"", wire.greeting(wire.REP)), f"{one['name']}: {left.hex()} and no end")

    def holds_sessions(self):
        talk = Talk(self.listen)
        steps = 0
        for session in vectors.load("sessions")["sessions"]:
            kept, rows = {}, {}
            for step in session["steps"]:
                try:
                    self._step(talk, session["shop"], step, kept, rows)
                except (vectors.Mismatch, Failed) as error:
                    check(False, f"session \"{session['name']}\", step \"{step['say']}\": {error}")
                steps += 1
        check(steps >= 90, f"only {steps} steps")

    def _step(self, talk, shop, step, kept, rows):
        sent = talk.post(wire.encode_request(shop, vectors.commands(step["send"], kept, shop)))
        during = None
        if "meanwhile" in step:
            during = talk.post(wire.encode_request(shop, vectors.commands(step["meanwhile"], kept, shop)))
        answers = dict(talk.receive() for _ in range(1 if during is None else 2))
        if during is not None:
            _compare(step["meanwhile_expect"], answers[during], kept)
        results = _compare(step["expect"], answers[sent], kept)
        packed = msgpack.packb(results)
        if "keep_bytes" in step:
            rows[step["keep_bytes"]] = packed
        if rows.get(step.get("same_bytes"), packed) != packed:
            raise vectors.Mismatch(f"{packed.hex()}, before {rows[step['same_bytes']].hex()}")

    def cases(self):
        return [
            ("starts", self.start),
            ("sessions: requests and their results, in order", self.holds_sessions),
            ("every request is read", self.reads_requests),
            ("every refusal has its code and place", self.refuses),
            ("every role has its kinds and no other", self.keeps_roles),
            ("framing byte for byte", self.speaks_framing),
        ]


def _compare(wanted, answer, kept):
    reply = wire.decode_reply(answer)
    if reply.code != 0 or len(reply.results) != len(wanted):
        raise vectors.Mismatch(f"{reply}")
    for index, (row, result) in enumerate(zip(wanted, reply.results)):
        vectors.match(row, result.row, kept, f"result {index}")
    return [result.row for result in reply.results]


def _framed(part, is_ipc):
    if isinstance(part, str):
        return bytes.fromhex(part)
    if "announce" in part:
        return (b"\1" if is_ipc else b"") + bytes.fromhex(part["announce"])
    return wire.wrap(bytes.fromhex(part["message"]), is_ipc)


def _message(stream, is_ipc):
    start = stream.read(9 if is_ipc else 8)
    check(len(start) >= 8 and (not is_ipc or start[0] == 1), f"not a message: {start.hex()}")
    return stream.read(int.from_bytes(start[-8:], "big"))
