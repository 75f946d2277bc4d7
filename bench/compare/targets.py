"""The targets of the harness issue as data: a row is one line of its table, a check one figure asked for in it.

A check's value is a function of one pair: (ours, theirs) -> number, or None when a figure is absent. Both sides are
dicts of figures by the names that groups.py gives them.
"""

from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Check:
    """One figure and what was asked of it."""
    title: str
    direction: str  # ">=" or "<="
    target: float
    value: Callable
    unit: str = "x"
    needs: tuple = ()  # figures, to name the one that is absent


@dataclass
class Row:
    """One line of the issue's table."""
    key: str
    title: str
    group: str
    checks: list = field(default_factory=list)
    either: bool = False  # one check is enough


def over(ours, theirs, title, direction, target):
    """Our figure over a rival's."""
    def value(own, rival):
        a, b = own.get(ours), rival.get(theirs)
        return None if a is None or not b else a / b
    return Check(title, direction, target, value, "x", (ours, theirs))


def within(ours, limit, title, direction, target):
    """Our figure over another of the same run of ours."""
    def value(own, _):
        a, b = own.get(ours), own.get(limit)
        return None if a is None or not b else a / b
    return Check(title, direction, target, value, "x", (ours, limit))


def plain(ours, title, direction, target, unit):
    return Check(title, direction, target, lambda own, _: own.get(ours), unit, (ours,))


def within_more(ours, limit, more, title):
    """Our figure over another of the same run and a fixed amount: at most 1."""
    def value(own, _):
        a, b = own.get(ours), own.get(limit)
        return None if a is None or b is None else a / (b + more)
    return Check(title, "<=", 1, value, "x", (ours, limit))


def client_checks(door):
    """The client of batches over one kind of socket."""
    return [
        plain(f"{door} 256 transitions", f"{door}: transitions/s", ">=", 2e6, "/s"),
        over(f"{door} 256 lifecycles", "redis always best", f"{door}: lifecycles/s over Redis always, best pipelining",
             ">=", 20),
        over(f"{door} 256 lifecycles", "postgres best", f"{door}: lifecycles/s over PostgreSQL, best client count",
             ">=", 250),
    ]


ROWS = [
    Row("ring", "ring, 1 producer 1 consumer, against the best Java Disruptor wait strategy", "ring", [
        over("one 1", "one 1", "batch 1", ">=", 5),
        over("one 64", "one 64", "batch 64", ">=", 2)]),
    Row("chain", "ring, producer + 3 chained stages, batch 1, against the best Java Disruptor wait strategy", "ring", [
        over("chain 1", "chain 1", "a thread a stage, as there", ">=", 2),
        over("chain 1 compact", "compact 1", "three stages on one thread, there as well", ">=", 2)], either=True),
    Row("ping-pong", "ring, ping-pong p50, against the bare cache-line round trip", "ring", [
        within("ping", "ping bare", "p50", "<=", 1.2)]),
    Row("apply", "apply, one core, mixed lifecycles, 1 million live orders", "apply", [
        plain("apply 1m", "transitions/s", ">=", 8e6, "/s"),
        within("apply 1m", "apply 1m bare", "of the bare prefetched loop", ">=", 0.3)], either=True),
    Row("apply-20m", "apply at 20 million live orders, of the figure at 1 million", "apply-20m", [
        plain("apply 20m ratio", "transitions/s", ">=", 0.6, "x")]),
    Row("engine", "in process, apply + journal, durable", "engine", [
        plain("engine", "transitions/s", ">=", 5e6, "/s"),
        within("engine", "engine floor", "of min(apply alone, bound)", ">=", 0.6),
        within("engine p50", "engine bound p50", "p50 at 1 million/s, over the bound's", "<=", 1.3),
        within("engine p99", "engine bound p99", "p99 at 1 million/s, over the bound's", "<=", 1.5)]),
    Row("batch", "client over ipc and tcp, 256 commands a request, durable", "door",
        client_checks("ipc") + client_checks("tcp")),
    Row("single", "one command a request, 64 outstanding, durable", "door", [
        within("nng 64 commands", "nng echo", "an unmodified nng client over the bare nng echo", ">=", 1),
        over("nng 64", "redis always 50", "an unmodified nng client over Redis always 50 x 1", ">=", 2),
        over("ipc 64", "redis always 50", "libordo over Redis always 50 x 1", ">=", 5)]),
    Row("one", "one client, one command at a time, durable", "door", [
        over("ipc 1 p50", "redis always 1 p50", "libordo p50 over Redis always 1 x 1 (parked)", "<=", 0.9),
        within_more("spin 1 p50", "spin flush", 60, "libordo p50 over the bare flush + 60 us (spinning)")]),
    Row("hot", "one hot product against 64", "hot", [
        within("hot 1", "hot 64", "transitions/s", ">=", 0.95)]),
    Row("bytes", "journal bytes for a lifecycle, all but the card import counted", "journal", [
        plain("journal bytes", "with batch headers and padding", "<=", 400, "bytes")]),
    Row("tail", "p99.9 at 1 million/s, durable, in process, over the bound's in the same run", "engine", [
        within("engine p99.9", "engine bound p99.9", "p99.9", "<=", 2)]),
    Row("read", "status read through the ring, batch 64, against Redis HGETALL pipelined by 64", "read", [
        over("read 64", "redis hgetall", "reads/s", ">=", 3)]),
    Row("idle", "CPU at idle, default settings", "idle", [
        plain("idle", "of a core", "<=", 1, "%")]),
]


def select(text):
    """Rows by number or key, as --only names them; raises ValueError with the line to print."""
    chosen = []
    for word in filter(None, text.split(",")):
        number = int(word) if word.isdigit() else 0
        found = [row for at, row in enumerate(ROWS, 1) if at == number or row.key == word]
        if not found:
            names = ", ".join(f"{at} {row.key}" for at, row in enumerate(ROWS, 1))
            raise ValueError(f'there is no row "{word}"; the rows are: {names}')
        chosen += [row for row in found if row not in chosen]
    return sorted(chosen, key=ROWS.index)
