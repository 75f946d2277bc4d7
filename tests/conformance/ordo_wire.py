"""Protocol 1 of Ordo as bytes: the frames of net/README.md, both directions, and the framing of a plain stream socket.

Written from that page alone, with Debian's python3-msgpack and python3-xxhash. Nothing here opens a socket; a request
is a list of Command, a reply becomes a Reply of Result. `ordo_client.py` is the client on top.
"""

import re
import struct
from dataclasses import dataclass, field

import msgpack
import xxhash

VERSION = 1
OK, BUSY, MALFORMED, UNAUTHORISED, UNKNOWN, SHUTTING_DOWN = range(6)
STATES = ("NONE PENDING PAYING PAY_FAILED PAID BACKORDER ISSUING COMPLETED EXPIRED CANCELLED REFUNDING "
          "REFUNDED").split()
DISPOSITIONS = ("NONE APPLIED DUPLICATE LATE_APPLIED LATE_BACKORDER LATE_REFUND_DUE EXTRA_REFUND_DUE SHORT "
                "OVER_APPLIED CONFLICT ORPHAN REFUND_ECHO STALE BOUND_MANUAL").split()

# The table of kinds, as the page has it: number, name, fields with their types.
_U64 = "U 18446744073709551615"
_U32 = "U 4294967295"
_TABLE = f"""
1 settings: pairs P 64 / operator_name T 32
2 product-put: product {_U32}, price N, currency U 9999, stock_mode U 4, hold_ttl_s U 604800, counted {_U32}, \
purchase_cap {_U32}, sale_from_us {_U64}, sale_until_us {_U64}, options {_U32}, held_share U 10000 / operator_name T 32
3 card-import: product {_U32}, cards L 256 x 1024 / operator_name T 32
4 create: order_id T 32, buyer K, product {_U32}, quantity {_U32}, amount N, currency U 9999, hold_ttl_s U 604800, \
coupon T 32, second_key B 16, card {_U64}, wait_s U 604800 / trace T 64
5 attempt: order_id T 32, channel U 255, merchant T 32, amount N, currency U 9999 / trace T 64
6 fact: fact U 5, channel U 255, merchant T 32, order_id T 32, trade_no T 64, amount N, currency U 9999, \
refund_total N, gateway_time_us {_U64}, verified_by U 3 / received_us {_U64}, notify_id T 64, trace T 64
7 cancel: order_id T 32 / operator_name T 32, reason B 64, trace T 64
8 delivery-ack: order_id T 32 / trace T 64
9 tick: now_us {_U64}
10 resume: now_us {_U64}, downtime_us {_U64}
11 continue:
12 extend: order_id T 32, hold_ttl_s U 604800 / trace T 64
13 release: order_id T 32 / trace T 64
14 issue: order_id T 32, partial U 1, operator_name T 32, reason B 64 / trace T 64
15 mark-paid: order_id T 32, channel U 255, amount N, currency U 9999, operator_name T 32, reason B 64 / trace T 64
16 accept: order_id T 32, operator_name T 32, reason B 64 / trace T 64
17 refund: order_id T 32, amount N, done U 1, operator_name T 32, reason B 64 / trace T 64
18 freeze: order_id T 32, operator_name T 32, reason B 64 / trace T 64
19 unfreeze: order_id T 32, operator_name T 32, reason B 64 / trace T 64
20 note: order_id T 32, reviewed U 1, operator_name T 32, reason B 64 / trace T 64
21 replace: order_id T 32, card {_U64}, operator_name T 32, reason B 64 / trace T 64
22 recall: card {_U64}, operator_name T 32, reason B 64 / trace T 64
23 card-void: product {_U32}, first {_U64}, last {_U64}, operator_name T 32, reason B 64 / trace T 64
25 coupon-put: coupon T 32, product {_U32}, discount N, discount_share U 10000, uses_max {_U32}, \
valid_from_us {_U64}, valid_until_us {_U64} / operator_name T 32
26 channel-put: channel U 255, short_tolerance N, over_tolerance N, attempt_spread N, options {_U32} / operator_name T 32
27 chain: members L 8 x 512 / trace T 64
28 subscriber-put: subscriber T 32, acked {_U64}, reset U 1 / operator_name T 32
29 subscriber-ack: subscriber T 32, acked {_U64}
30 park: subscriber T 32, order_shop {_U32}, order_id T 32, first_update {_U64} / reason B 64
31 unpark: subscriber T 32, order_shop {_U32}, order_id T 32 / operator_name T 32
32 subscriber-drop: subscriber T 32, operator_name T 32, reason B 64
128 get: order_id T 32
129 cards: order_id T 32
130 list: state U 255, after {_U64}, limit U 256, until_us {_U64}
131 stock: product {_U32}
132 head:
133 find: trade_no T 64, channel U 255, merchant T 32
134 coupon: coupon T 32
135 settings-get:
136 subscriber: subscriber T 32
137 subscribers: after {_U64}, limit U 256
138 parks: subscriber T 32, after {_U64}, limit U 256
139 wait: timeout_ms U 60000, until_seq {_U64}, orders L 1024 x 32, states U 4095, since {_U64}, all U 1
192 fetch: from {_U64}, limit U 65536, by_shop U 1, orders L 256 x 32
193 history: seq {_U64}, order_id T 32, limit U 256
194 stats:
"""

# What bodies of queries hold, in their order. A longer row than listed is of a newer server: the rest is skipped.
ORDER = ("order_id buyer product quantity amount currency state flags version created_us changed_us deadline_us paid "
         "refund_due refunded last_seq cards review").split()
STOCK = ("product price currency stock_mode imported available held bound revealed voided backorders waiting").split()
COUPON = ("coupon product discount discount_share uses_max used returned overdrawn valid_from_us "
          "valid_until_us").split()
HEAD = "seq update_seq time_us stream_hash orders".split()
SUBSCRIBER = "subscriber acked acked_us created_us parks".split()
PARK = "order_shop order_id first_update parked_us reason".split()
WAITED = "order_id state version seq".split()
STEP = "seq time_us kind code disposition changes".split()
CHANGE = "version from to flags".split()


class WireError(Exception):
    """The peer sent what is not of this protocol."""


@dataclass(frozen=True)
class Field:
    name: str
    type: str  # U N T B K L P
    max: int = 0  # of U the greatest value, of T and B bytes, of L and P elements
    each: int = 0  # of L: bytes of an element

    @property
    def empty(self):
        return {"U": 0, "N": 0, "T": "", "B": b"", "K": bytes(16), "L": [], "P": []}[self.type]


@dataclass(frozen=True)
class Kind:
    number: int
    name: str
    fields: tuple

    @property
    def has_id(self):
        """Commands have one; queries and services do not, nor payment facts and cumulative acks."""
        return self.number < 128 and self.name not in ("fact", "subscriber-ack")

    @property
    def is_service(self):
        return self.number >= 192


def _read_field(text):
    parts = text.replace(" x ", " ").split()
    return Field(parts[0], parts[1], *map(int, parts[2:]))


def _read_kind(line):
    number, name, fields = re.fullmatch(r"(\d+) ([a-z-]+):(.*)", line).groups()
    return Kind(int(number), name, tuple(_read_field(part) for part in re.split("[,/]", fields) if part.strip()))


KINDS = {kind.name: kind for kind in map(_read_kind, _TABLE.strip().split("\n"))}
KIND_BY_NUMBER = {kind.number: kind for kind in KINDS.values()}


@dataclass
class Command:
    """One command or query: `Command("create", {"order_id": "A-1", ...}, shop=7, id=os.urandom(16))`."""
    kind: str
    fields: dict = field(default_factory=dict)
    shop: int = 0
    id: bytes = None

    def row(self):
        """As msgpack takes it: fields in their order, those that are empty at the end left out."""
        kind = KINDS[self.kind]
        strange = set(self.fields) - {one.name for one in kind.fields}
        if strange:
            raise ValueError(f"{self.kind} has no field {', '.join(sorted(strange))}")
        values = [self.fields.get(one.name, one.empty) for one in kind.fields]
        while values and values[-1] == kind.fields[len(values) - 1].empty:
            values.pop()
        return [kind.number, self.id, self.shop, *values]

    def member(self):
        """As a member of a chain: the form of the journal, which leaves nothing out."""
        kind = KINDS[self.kind]
        values = (self.fields.get(one.name, one.empty) for one in kind.fields)
        return bytes([kind.number]) + b"".join(map(_journal_form, kind.fields, values))


def _leb128(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def _journal_form(one, value):
    if one.type == "U":
        return _leb128(value)
    if one.type == "N":
        return _leb128((value << 1 ^ value >> 63) & (1 << 64) - 1)
    if one.type == "K":
        return value
    raw = value.encode() if one.type == "T" else value
    return _leb128(len(raw)) + raw


def encode_request(request_id, commands):
    return msgpack.packb([VERSION, request_id, None, [one.row() for one in commands]], use_bin_type=True)


@dataclass
class Result:
    """What became of one command. `code` OK or a refusal; of a query `body`; of a command that the server did not take
    (MALFORMED, BUSY, ...) `text`, which says why. A code of UNKNOWN is the client's own: no answer was seen."""
    code: int
    seq: int = 0
    state: int = 0
    version: int = 0
    disposition: int = 0
    body: list = None
    text: str = ""
    row: list = field(default=None, repr=False)  # as it came


@dataclass
class Reply:
    request_id: int
    node: bytes
    durable_seq: int
    time_us: int
    code: int
    text: str
    retry_ms: int
    results: list


def _unpack(frame):
    try:
        return msgpack.unpackb(frame, raw=False, unicode_errors="replace", strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise WireError(f"not one msgpack value: {error}") from error


def _need(condition, what):
    if not condition:
        raise WireError(what)


def _is_row(value, count, version):
    return isinstance(value, list) and len(value) >= count and (not version or value[0] == VERSION)


def _decode_result(row):
    _need(_is_row(row, 3, False), "a result has at least three elements")
    third = row[2]
    if isinstance(third, str):
        return Result(row[0], row[1], text=third, row=row)
    if third is None or isinstance(third, list):
        return Result(row[0], row[1], body=third, row=row)
    _need(len(row) >= 5, "the result of a command has at least five elements")
    return Result(row[0], row[1], third, row[3], row[4], row=row)


def decode_reply(frame):
    value = _unpack(frame)
    _need(_is_row(value, 4, True), "a reply is [1, request_id, head, results]")
    head = value[2]
    _need(_is_row(head, 6, False), "the head of a reply has at least six elements")
    return Reply(value[1], *head[:6], [_decode_result(row) for row in value[3]])


@dataclass
class Update:
    """One change of one order's state."""
    update_seq: int
    seq: int
    time_us: int
    shop: int
    order_id: str
    version: int
    from_state: int
    to_state: int
    cause: int
    disposition: int
    flags: int

    def canonical(self):
        order_id = self.order_id.encode()
        return struct.pack("<QQQIIBBBBIB", self.update_seq, self.seq, self.time_us, self.shop, self.version,
                           self.from_state, self.to_state, self.cause, self.disposition, self.flags,
                           len(order_id)) + order_id


def roll_hash(before, update):
    """h(n) of h(n-1) and update n; h(0) is 16 zeros."""
    value = xxhash.xxh3_128_intdigest(before + update.canonical(), seed=0)
    return value.to_bytes(16, "little")


@dataclass
class Updates:
    """A range of the stream: a frame of it or an answer to `fetch`. `first` to `last` was looked through."""
    node: bytes
    first: int
    last: int
    hash: bytes
    updates: list
    head: int = 0


@dataclass
class Heartbeat:
    node: bytes
    update_seq: int
    hash: bytes
    durable_seq: int
    time_us: int


def decode_stream(frame):
    """Updates, Heartbeat, or None for a topic of a newer server."""
    topic = frame[:1]
    if topic not in (b"u", b"h"):
        return None
    value = _unpack(frame[1:])
    if topic == b"h":
        _need(_is_row(value, 6, True), "a heartbeat is [1, node, update_seq, hash, durable_seq, time_us]")
        return Heartbeat(*value[1:6])
    _need(_is_row(value, 5, True), "updates are [1, node, first, hash, [update, ...]]")
    _, node, first, after, rows = value[:5]
    updates = [Update(first + index, *row[:10]) for index, row in enumerate(rows)]
    return Updates(node, first, first + len(rows) - 1, after, updates)


def decode_fetch(node, body):
    first, last, after, head, rows = body[:5]
    return Updates(node, first, last, after, [Update(*row[:11]) for row in rows], head)


def named(names, row):
    """A row of a body as a dict."""
    return dict(zip(names, row))


# ---- the framing of a plain socket ----

REQ, REP, PUB, SUB = 0x30, 0x31, 0x20, 0x21
MESSAGE_BYTES_MAX = 8 << 20


def greeting(protocol):
    return struct.pack(">4sHH", b"\0SP\0", protocol, 0)


def wrap(message, is_ipc):
    """A message as it goes over the socket: its length before it, on ipc a byte 01 before that."""
    return (b"\1" if is_ipc else b"") + struct.pack(">Q", len(message)) + message


def unwrap(buffer, is_ipc):
    """The first message of a bytearray, taken out of it; None when it is not all there."""
    start = 9 if is_ipc else 8
    if len(buffer) < start:
        return None
    _need(not is_ipc or buffer[0] == 1, "a message on ipc begins with the byte 01")
    size = int.from_bytes(buffer[start - 8:start], "big")
    _need(size <= MESSAGE_BYTES_MAX, f"a message of {size} bytes")
    if len(buffer) < start + size:
        return None
    message = bytes(buffer[start:start + size])
    del buffer[:start + size]
    return message
