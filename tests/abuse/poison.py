#!/usr/bin/env python3
"""R24: poison. Every field of every kind of command, missing, of a wrong type, at and beyond its limits, nested 9 and 33
deep, announced larger than the frame; every part of a frame the same; keys twice; bytes behind the frame.

    tests/abuse/poison.py ORDO

The kinds and fields are read from net/README.md, so one that is added is tested. Promised: each frame has an answer, whole
or beside its command, with a code that says that nothing was decided; the journal does not grow by a single record; the
connection and the node serve on. Each case goes by ipc or by tcp in turn.
"""

import os
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check, pack  # noqa: E402

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "net", "README.md")
ROW = re.compile(r"^\| (\d+) \| ([a-z-]+) \| ?(.*) ?\|$", re.MULTILINE)
FIELD = re.compile(r"([a-z_]+) (U \d+|N|T \d+|B \d+|K|L \d+ x \d+|P \d+)")
MALFORMED, UNAUTHORISED, ID_MISSING = 2, 3, 100
INTERNAL = (9, 10, 11)
NO_ID = (6, 29)  # facts, and acks of subscribers, have no id of the client's
ID = b"\xc4\x10" + bytes(range(1, 17))
NIL, TRUE, FLOAT32, FLOAT64 = b"\xc0", b"\xc3", b"\xca\x3f\x80\0\0", b"\xcb\x3f\xf0\0\0\0\0\0\0"
MAP, EXT = b"\x81\x01\x02", b"\xd4\x01\x00"
HUGE = (b"\xdd\x10\0\0\0", b"\xdb\x7f\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\xdf\x10\0\0\0", b"\xc1")
CASES_A_LOOK = 500


def deep(levels):
    return b"\x91" * levels + b"\x01"


def array(count, body):
    return (bytes([0x90 | count]) if count < 16 else b"\xdc" + struct.pack(">H", count)) + body


def kinds():
    """[(number, name, [(field, type)])] of the specification."""
    with open(README, encoding="utf-8") as stream:
        text = stream.read()
    found = []
    for number, name, cell in ROW.findall(text.split("| kind | name | fields |")[1].split("\n\n")[0]):
        found.append((int(number), name, FIELD.findall(cell)))
    check(len(found) >= 34 and sum(len(f) for _, _, f in found) > 150, "net/README.md: the table of kinds was not found")
    return found


def good(kind):
    """A value of the type that is within its limits."""
    letter, *numbers = kind.replace(" x", "").split()
    if letter == "U":
        return pack(min(1, int(numbers[0])))
    return {"N": pack(1), "T": pack("a"), "B": pack(b""), "K": ID, "L": pack([b"x"]), "P": pack([[20, 900]])}[letter]


def bad(kind):
    """(what, bytes) of values that are not of the type, or beyond it."""
    letter, *numbers = kind.replace(" x", "").split()
    limit = int(numbers[0]) if numbers else 0
    cases = [("nil", NIL), ("true", TRUE), ("float32", FLOAT32), ("float64", FLOAT64), ("map", MAP), ("ext", EXT),
             ("depth 9", deep(9)), ("depth 33", deep(33))]
    cases += [(f"huge {at}", size) for at, size in enumerate(HUGE)]
    if letter in "UN":
        cases += [("text", pack("1")), ("bin", pack(b"1")), ("array", pack([1]))]
    if letter == "U":
        cases += [("negative", b"\xff"), ("negative 64", pack(-1 << 40))]
        cases += [("above", pack(limit + 1)), ("far above", pack((1 << 64) - 1))] if limit < (1 << 64) - 1 else []
    elif letter == "N":
        cases += [("above", pack(10**15 + 1)), ("below", pack(-10**15 - 1)), ("far above", pack((1 << 64) - 1))]
    elif letter in "TB":
        cases += [("int", b"\x01"), ("array", pack([1])), ("overlong", pack(("a" if letter == "T" else b"a") * (limit + 1))),
                  ("far overlong", pack(b"a" * 60000))]
        cases += [(f"text {t!r}", pack(t)) for t in ("a b", "é", "a\0", "订单", "a/b")] if letter == "T" and limit > 4 else []
    elif letter == "K":
        cases += [("int", b"\x01"), ("15 bytes", pack(b"k" * 15)), ("17 bytes", pack(b"k" * 17)), ("array", pack([1]))]
    elif letter == "L":
        size = int(numbers[1])
        cases += [("int", b"\x01"), ("text", pack("a")), ("too many", pack([b"x"] * (limit + 1))), ("of ints", pack([1])),
                  ("of nil", pack([None])), ("overlong element", pack([b"x" * (size + 1)])), ("of lists", pack([[b"x"]]))]
    else:
        cases += [("int", b"\x01"), ("text", pack("a")), ("too many", pack([[20, 900]] * (limit + 1))), ("of ints", pack([1])),
                  ("of one", pack([[1]])), ("of three", pack([[1, 2, 3]])), ("of texts", pack([["20", "900"]])),
                  ("negative key", b"\x91\x92\xff\x01")]
    return cases


def frame(command, version=b"\x01", request=b"\x07", options=NIL, count=1):
    return b"\x94" + version + request + options + array(count, command)


def cases_of(kind):
    """(what, frame) for one kind."""
    number, name, fields = kind
    head = pack(number)
    identity = NIL if number >= 128 or number in NO_ID else ID
    values = [good(form) for _, form in fields]
    whole = array(3 + len(fields), head + identity + b"\0" + b"".join(values))
    yield f"{name}: a field too many", frame(array(4 + len(fields), head + identity + b"\0" + b"".join(values) + b"\x01"))
    yield f"{name}: no fields, no shop", frame(array(2, head + identity))
    yield f"{name}: kind alone", frame(array(1, head))
    yield f"{name}: bytes behind", frame(whole) + b"\0"
    yield f"{name}: a key twice", frame(whole, options=b"\x82\x01\x01\x01\x02")
    yield f"{name}: options", frame(whole, options=b"\x81\xa1a\x01")
    for what, value in (("15 bytes", pack(b"i" * 15)), ("17 bytes", pack(b"i" * 17)), ("int", b"\x01"), ("array", pack([1])),
                        ("deep", deep(33)), ("float", FLOAT64)):
        yield f"{name}: id {what}", frame(array(3 + len(fields), head + value + b"\0" + b"".join(values)))
    for what, value in ((("nil", NIL), ("zero", pack(bytes(16)))) if identity == ID else (("given", ID),)):
        yield f"{name}: id {what}", frame(array(3 + len(fields), head + value + b"\0" + b"".join(values)))
    for what, value in (("2^32", pack(1 << 32)), ("negative", b"\xff"), ("text", pack("1")), ("float", FLOAT32), ("nil", NIL),
                        ("deep", deep(33))):
        yield f"{name}: shop {what}", frame(array(3 + len(fields), head + identity + value + b"".join(values)))
    for at, (field, form) in enumerate(fields):
        before = head + identity + b"\0" + b"".join(values[:at])
        yield f"{name}.{field}: missing", frame(array(3 + len(fields), before + b"".join(values[at + 1:])))
        yield f"{name}.{field}: cut", frame(array(3 + len(fields), before))
        for what, value in bad(form):
            yield f"{name}.{field}: {what}", frame(array(3 + len(fields), before + value + b"".join(values[at + 1:])))


def cases_of_frames():
    head = array(3, pack(132) + NIL + b"\0")
    for number in (0, 24, *range(40, 128, 7), 150, 200, 255, 256, 1 << 32):
        yield f"kind {number}", frame(array(3, pack(number) + ID + b"\0"))
    for number in INTERNAL:
        yield f"internal kind {number}", frame(array(3, pack(number) + ID + b"\0"))
    for what, value in (("text", pack("create")), ("nil", NIL), ("float", FLOAT64), ("negative", b"\xff"), ("deep", deep(33))):
        yield f"kind {what}", frame(array(3, value + ID + b"\0"))
        yield f"version {what}", frame(head, version=value)
        yield f"request id {what}", frame(head, request=value)
        yield f"commands {what}", b"\x94\x01\x07\xc0" + value
        yield f"command {what}", frame(value)
        yield f"frame {what}", value
    for size in HUGE:
        for at in range(4):
            parts = [b"\x01", b"\x07", NIL, array(1, head)]
            parts[at] = size
            yield f"huge part {at}", b"\x94" + b"".join(parts)
    yield "version 2", frame(head, version=b"\x02")
    yield "1025 commands", b"\x94\x01\x07\xc0\xdc" + struct.pack(">H", 1025) + head * 1025
    yield "three elements", b"\x93\x01\x07\xc0"
    yield "five elements", b"\x95\x01\x07\xc0" + array(1, head) + NIL
    yield "no command's array", frame(b"\x90")
    yield "nothing", b""
    create = array(9, pack(4) + ID + b"\0" + pack("CUT-1") + ID + pack(1) + pack(1) + pack(100) + pack(156))
    for size in range(len(frame(create))):
        yield f"cut at {size}", frame(create)[:size]


class TcpWire(rig.Wire):
    """The same over tcp: no byte in front of the length."""

    def __init__(self, port):  # pylint: disable=super-init-not-called
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(b"\0SP\0\0\x30\0\0")
        check(self.take(8) == b"\0SP\0\0\x31\0\0", "the listener does not speak REP")

    def announce(self, size):
        self.socket.sendall(struct.pack(">Q", size))

    def receive(self):
        return self.take(struct.unpack(">Q", self.take(8))[0])[4:]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def head_seq(wire):
    wire.send(frame(array(3, pack(132) + NIL + b"\0")))
    reply = rig.unpack(wire.receive())
    check(reply[2][3] == 0 and reply[3][0][0] == 0, f"the node does not answer head: {reply}")
    return reply[3][0][2][0]


def poison(place):
    port = free_port()
    node = place.node("data", flags=["--listen", "ipc://data/ordo.ipc", "--listen", f"tcp://127.0.0.1:{port}",
                                     "--set", "genesis.orders_max=1k"])
    node.start()
    wires = [rig.Wire(place.path("data/ordo.ipc")), TcpWire(port)]
    begin = head_seq(wires[0])
    table = kinds()
    cases = list(cases_of_frames())
    for kind in table:
        cases += cases_of(kind)
    codes = {}
    for number, (what, body) in enumerate(cases):
        wire = wires[number % 2]
        wire.send(body)
        reply = rig.unpack(wire.receive())
        code = reply[2][3]
        if code == 0:
            check(len(reply[3]) == 1 and isinstance(reply[3][0][2], str) and reply[3][0][1] == 0, f"{what}: decided: {reply[3]}")
            code = reply[3][0][0]
        check(code in (MALFORMED, UNAUTHORISED, ID_MISSING), f"{what}: code {code}: {reply}")
        codes[code] = codes.get(code, 0) + 1
        if number % CASES_A_LOOK == 0:
            check(head_seq(wire) == begin, f"the journal grew before {what}")
    grown = head_seq(wires[1]) - begin
    check(grown == 0, f"the journal grew by {grown}")
    wires[0].send(frame(array(6, pack(2) + ID + b"\0" + pack(1) + pack(100) + pack(156))))
    check(rig.unpack(wires[0].receive())[3][0][0] == 0, "a good command was refused afterwards")
    check(head_seq(wires[1]) == begin + 1, "a good command was not journaled")
    check(node.stop() == 0, "the node did not end cleanly")
    return {"cases": len(cases), "kinds": len(table), "fields": sum(len(f) for _, _, f in table), "journal_growth": grown,
            "malformed": codes.get(MALFORMED, 0), "unauthorised": codes.get(UNAUTHORISED, 0),
            "id_missing": codes.get(ID_MISSING, 0)}


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "poison")
    begin = time.monotonic()
    commit = place.ask("version")["commit"]
    failure = None
    try:
        figures = poison(place)
    except (rig.Failed, OSError) as error:
        failure = error
    place.close(keep=failure is not None)
    tail = f"commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R24 FAILED {tail}")
        return 1
    print(f"RELIABILITY R24 ok fails=0 {' '.join(f'{key}={value}' for key, value in figures.items())} seed=0 {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
