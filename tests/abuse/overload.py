#!/usr/bin/env python3
"""R22: ten times what a node sustains, for a while, with payment facts at half of what it sustains.

    tests/abuse/overload.py ORDO [--seconds N] [--seed N]

The node is made slow by `--throttle` and may use 256 MiB beyond its tables: by a control group of memory where one can be
made, and as a bound on what it grows by. Creates come in frames of
16; a frame that was refused as BUSY comes again after its retry_ms, with the same ids. Promised: every frame has an answer;
no fact is refused; creates are, and nothing of a refused frame is decided; all is normal again within 2 s after the load;
the node lives; after kill -9 and a start everything that was acknowledged is there, and nothing else.
ORDO_R22_SECONDS sets the seconds.
"""

import argparse
import collections
import os
import random
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check, pack  # noqa: E402

RATE = 2000  # commands a second of a node with --throttle
TIMES = 10
CREATES_A_FRAME = 16
FACTS_A_FRAME = 16
CREATE_CONNECTIONS = 6
FACT_CONNECTIONS = 2
IN_FLIGHT_MAX = 512  # frames of one connection
MIB = 1 << 20
BEYOND_TABLES = 256 * MIB
NORMAL_SECONDS = 2.0
NORMAL_LATENCY = 0.25
BUSY = 1
PRICE, CURRENCY, PRODUCT = 1990, 156, 7
CREATE, FACT, PRODUCT_PUT, GET, HEAD = 4, 6, 2, 128, 132
PAID_AT = 12  # index of `paid` in the body of an order
SMALL = ("genesis.orders_max=2m", "genesis.cards_max=1k", "genesis.secret_bytes_max=1Mi", "genesis.payments_max=2m",
         "genesis.ids_max=4m", "genesis.buyers_max=2m", "genesis.extras_max=1k", "genesis.id_horizon_s=2592000")


class ControlGroup:
    """A control group of memory, version 2 or 1; `why` says why there is none."""

    def __init__(self, name):
        self.folders = {}
        self.why = None
        two = "/sys/fs/cgroup/cgroup.controllers"
        try:
            if os.path.exists(two):
                with open("/sys/fs/cgroup/cgroup.subtree_control", "w", encoding="ascii") as stream:
                    stream.write("+memory")
                os.mkdir(f"/sys/fs/cgroup/{name}")
                self.folders = {"both": f"/sys/fs/cgroup/{name}"}
            else:
                os.mkdir(f"/sys/fs/cgroup/memory/{name}")
                self.folders = {"memory": f"/sys/fs/cgroup/memory/{name}"}
        except OSError as error:
            self.why = f"{error}"
            self.close()

    def take(self, pid):
        for folder in self.folders.values():
            with open(os.path.join(folder, "cgroup.procs"), "w", encoding="ascii") as stream:
                stream.write(str(pid))

    def limit_memory(self, size):
        for kind, folder in self.folders.items():
            name = "memory.max" if kind == "both" else "memory.limit_in_bytes"
            with open(os.path.join(folder, name), "w", encoding="ascii") as stream:
                stream.write(str(size))

    def kills(self):
        name = "memory.events" if "both" in self.folders else "memory.oom_control"
        with open(os.path.join(self.folders.get("both", self.folders.get("memory")), name), encoding="ascii") as stream:
            return sum(int(line.split()[1]) for line in stream if line.startswith("oom_kill "))

    def close(self):
        for folder in self.folders.values():
            try:
                os.rmdir(folder)
            except OSError:
                pass
        self.folders = {}


class Connection:
    """A REQ connection with many requests in flight; sends and receives what it can, never waits."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.sendall(b"\0SP\0\0\x30\0\0")
        greeting = b""
        while len(greeting) < 8:
            greeting += self.socket.recv(8 - len(greeting))
        self.socket.setblocking(False)
        self.out = bytearray()
        self.got = bytearray()
        self.next_id = 0x80000000
        self.pending = {}

    def send(self, frame, what):
        self.next_id = self.next_id + 1 & 0xffffffff | 0x80000000
        self.pending[self.next_id] = (what, time.monotonic())
        self.out += b"\1" + struct.pack(">QI", len(frame) + 4, self.next_id) + frame
        self.push()

    def push(self):
        try:
            while self.out:
                del self.out[:self.socket.send(self.out)]
        except BlockingIOError:
            pass

    def replies(self):
        """(what, when it was sent, the reply) of each that has come."""
        try:
            while True:
                part = self.socket.recv(1 << 18)
                check(part, "the node closed a connection")
                self.got += part
        except BlockingIOError:
            pass
        at = 0
        while len(self.got) - at >= 9:
            size = struct.unpack_from(">Q", self.got, at + 1)[0]
            if len(self.got) - at - 9 < size:
                break
            request = struct.unpack_from(">I", self.got, at + 9)[0]
            what, sent = self.pending.pop(request)
            yield what, sent, rig.unpack(bytes(self.got[at + 13:at + 9 + size]))
            at += 9 + size
        del self.got[:at]


class Load:
    """What is sent, what was answered, what must be there in the end."""

    def __init__(self, path, seed):
        self.random = random.Random(seed)
        self.path = path
        self.creators = [Connection(path) for _ in range(CREATE_CONNECTIONS)]
        self.payers = [Connection(path) for _ in range(FACT_CONNECTIONS)]
        self.orders = 0
        self.trades = 0
        self.unpaid = collections.deque()
        self.created = {}  # acknowledged: order -> paid?
        self.again = []  # (when, frame, orders) that were BUSY
        self.counts = collections.Counter()
        self.fact_ms = []
        self.hints = []

    def request(self, commands):
        return b"\x94\x01\x07\xc0" + (bytes([0x90 | len(commands)]) if len(commands) < 16
                                      else b"\xdc" + struct.pack(">H", len(commands))) + b"".join(commands)

    def new_creates(self, count):
        orders = []
        commands = []
        for _ in range(count):
            self.orders += 1
            order = f"R22-{self.orders}"
            orders.append(order)
            commands.append(b"\x99" + pack(CREATE) + pack(self.random.randbytes(16)) + b"\0" + pack(order) +
                            pack(self.random.randbytes(16)) + pack(PRODUCT) + b"\x01" + pack(PRICE) + pack(CURRENCY))
        return self.request(commands), orders

    def new_facts(self, count):
        orders = []
        commands = []
        for _ in range(count):
            self.trades += 1
            order = self.unpaid.popleft() if self.unpaid else f"NONE-{self.trades}"
            orders.append(order)
            commands.append(pack([FACT, None, 0, 1, 1, "m1", order, f"T-{self.trades}", PRICE, CURRENCY, 0, 0, 1]))
        return self.request(commands), orders

    def send_creates(self, number):
        connection = self.creators[number % CREATE_CONNECTIONS]
        if len(connection.pending) >= IN_FLIGHT_MAX:  # no client sends without end to one that does not answer
            self.counts["held_back"] += 1
            return
        now = time.monotonic()
        if self.again and self.again[0][0] <= now:
            _, frame, orders = self.again.pop(0)
            self.counts["sent_again"] += 1
        else:
            frame, orders = self.new_creates(CREATES_A_FRAME)
        connection.send(frame, ("create", frame, orders))
        self.counts["offered"] += len(orders)
        self.counts["frames"] += 1

    def send_facts(self, number):
        frame, orders = self.new_facts(FACTS_A_FRAME)
        self.payers[number % FACT_CONNECTIONS].send(frame, ("fact", frame, orders))
        self.counts["frames"] += 1

    def take(self, what, sent, reply):
        kind, frame, orders = what
        code, retry_ms = reply[2][3], reply[2][5]
        now = time.monotonic()
        self.counts["answers"] += 1
        if kind == "fact":
            self.fact_ms.append((now - sent) * 1000)
        if code == BUSY:
            check(kind == "create", f"a payment fact was refused: {reply[2]}")
            check(20 <= retry_ms <= 5000, f"retry_ms is {retry_ms}")
            self.counts["busy"] += 1
            self.hints.append(retry_ms)
            self.again.append((now + retry_ms / 1000, frame, orders))
            return
        check(code == 0, f"{kind}: {reply[2]}")
        check(len(reply[3]) == len(orders), "results are missing")
        for order, result in zip(orders, reply[3]):
            check(result[0] == 0, f"{kind} {order}: {result}")
            self.counts[kind] += 1
            if kind == "create":
                self.created[order] = False
                self.unpaid.append(order)
            elif order in self.created:
                self.created[order] = True

    def pump(self, seconds):
        """Sends and receives what there is; waits at most so long for something."""
        every = self.creators + self.payers
        writers = [c.socket for c in every if c.out]
        readable, writable, _ = select.select([c.socket for c in every], writers, [], seconds)
        for connection in every:
            if connection.socket in writable:
                connection.push()
            if connection.socket in readable:
                for what, sent, reply in connection.replies():
                    self.take(what, sent, reply)

    def run(self, seconds, creates_rate, facts_rate):
        """An open loop: what is due is sent, whatever is answered."""
        begin = time.monotonic()
        creates = facts = 0
        while (passed := time.monotonic() - begin) < seconds:
            due_creates = int(passed * creates_rate / CREATES_A_FRAME)
            due_facts = int(passed * facts_rate / FACTS_A_FRAME)
            for _ in range(min(due_creates - creates, 64)):
                self.send_creates(creates)
                creates += 1
            for _ in range(min(due_facts - facts, 64)):
                self.send_facts(facts)
                facts += 1
            self.pump(0.0005)

    def settle(self, seconds):
        """Until everything is answered."""
        deadline = time.monotonic() + seconds
        while any(c.pending for c in self.creators + self.payers):
            check(time.monotonic() < deadline, f"{sum(len(c.pending) for c in self.creators + self.payers)} requests have "
                                               f"no answer {seconds} s after the load")
            self.pump(0.01)

    def seconds_to_normal(self):
        """One create each 20 ms for 3 s: when the last one came that was refused or slow."""
        probe = Connection(self.path)
        begin = time.monotonic()
        bad = 0.0
        while (passed := time.monotonic() - begin) < 3:
            frame, orders = self.new_creates(1)
            sent = time.monotonic()
            probe.send(frame, ("create", frame, orders))
            while probe.pending:
                check(time.monotonic() < sent + 10, "a create has no answer 10 s after the load")
                select.select([probe.socket], [], [], 0.01)
                for what, when, reply in probe.replies():
                    if reply[2][3] != 0 or time.monotonic() - when > NORMAL_LATENCY:
                        bad = passed
                    self.take(what, when, reply)
            self.pump(0)
            time.sleep(0.02)
        self.settle(10)
        return bad


def ask(wire, commands):
    wire.send(b"\x94\x01\x07\xc0" + b"\xdc" + struct.pack(">H", len(commands)) + b"".join(commands))
    reply = rig.unpack(wire.receive())
    check(reply[2][3] == 0, f"{reply[2]}")
    return reply[3]


def memory_of(node, name):
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as stream:
        return next(int(line.split()[1]) * 1024 for line in stream if line.startswith(name))


def compare(place, node, load):
    """After a crash: everything acknowledged, nothing else."""
    wire = rig.Wire(place.path("data/ordo.ipc"))
    names = list(load.created)
    lost = 0
    for at in range(0, len(names), 200):
        part = names[at:at + 200]
        for order, result in zip(part, ask(wire, [pack([GET, None, 0, name]) for name in part])):
            there = result[0] == 0 and result[2][PAID_AT] == (PRICE if load.created[order] else 0)
            lost += not there
    orders = ask(wire, [pack([HEAD, None, 0])])[0][2][4]
    wire.close()
    check(lost == 0, f"{lost} of {len(names)} acknowledged orders are missing or not as acknowledged")
    check(orders == len(names), f"{orders} orders are there, {len(names)} were acknowledged: a refused one was decided")
    check(node.stop() == 0, "the node did not end cleanly")


def sustained(load):
    """What the node does when a little more comes than it can do."""
    load.run(2, 1.5 * RATE, 0)
    begin = load.counts["create"]
    load.run(2, 1.5 * RATE, 0)
    return (load.counts["create"] - begin) / 2


def overload(place, options, group):
    flags = [word for setting in SMALL for word in ("--set", setting)]
    node = place.node("data", flags=[*flags, "--throttle", str(RATE)])
    node.spawn()
    if group.folders:
        group.take(node.process.pid)
    node.wait_ready()
    at_rest = memory_of(node, "VmRSS")
    tables = int(node.log().split("memory bytes=")[1].split()[0])
    if group.folders:
        group.limit_memory(tables + BEYOND_TABLES)
    wire = rig.Wire(place.path("data/ordo.ipc"))
    product = [PRODUCT_PUT, b"P" * 16, 0, PRODUCT, PRICE, CURRENCY, 3, 86400, 100000000]
    check(ask(wire, [pack(product)])[0][0] == 0, "the product was refused")
    wire.close()

    load = Load(place.path("data/ordo.ipc"), options.seed)
    rate = sustained(load)
    load.settle(10)
    load.again.clear()
    load.counts.clear()
    load.fact_ms.clear()
    load.run(options.seconds, TIMES * rate - rate / 2, rate / 2)
    in_load = dict(load.counts)
    begin = time.monotonic()
    normal = load.seconds_to_normal()
    load.settle(10)
    check(time.monotonic() - begin < 15, "the load did not settle")
    check(node.process.poll() is None, "the node died")
    kills = group.kills() if group.folders else 0
    resident = memory_of(node, "VmHWM") - at_rest
    check(kills == 0, f"{kills} kills for memory")
    check(in_load.get("busy", 0) > 0, "nothing was refused: that was no overload")
    check(in_load["offered"] > 0.9 * options.seconds * (TIMES - 0.5) * rate, f"only {in_load['offered']} creates were sent")
    check(normal <= NORMAL_SECONDS, f"normal only {normal:.2f} s after the load")
    check(in_load.get("fact", 0) > 0.8 * options.seconds * rate / 2, f"{in_load.get('fact', 0)} facts only")
    # few orders: hardly a page of the tables is in use, so this is the stricter bound
    check(resident < BEYOND_TABLES, f"{resident / MIB:.0f} MiB more than at rest")
    node.kill()
    if group.folders:
        group.close()
    node.flags = flags
    node.start()
    compare(place, node, load)
    facts = sorted(load.fact_ms)
    return {
        "cases": load.counts["answers"], "sustained": f"{rate:.0f}/s", "offered": f"{in_load['offered'] / options.seconds + rate / 2:.0f}/s",
        "created": in_load["create"], "facts": in_load["fact"], "busy": in_load["busy"],
        "busy_facts": 0, "retry_ms_p50": sorted(load.hints)[len(load.hints) // 2],
        "fact_ms_p50": f"{facts[len(facts) // 2]:.1f}", "fact_ms_p99": f"{facts[len(facts) * 99 // 100]:.1f}",
        "normal_s": f"{normal:.2f}", "grown_mib": resident // MIB, "oom_kills": kills, "lost": 0,
        "limit": "cgroup" if options.group else "resident",
    }


def main():
    parser = argparse.ArgumentParser(description="overload")
    parser.add_argument("ordo")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("ORDO_R22_SECONDS", "10")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())))
    options = parser.parse_args()
    print(f"seed={options.seed} (replay: {sys.argv[0]} {options.ordo} --seconds {options.seconds} --seed {options.seed})",
          flush=True)
    begin = time.monotonic()
    place = rig.Workplace(options.ordo, "overload")
    commit = place.ask("version")["commit"]
    group = ControlGroup(f"ordo-overload-{os.getpid()}")
    options.group = group.why is None
    failure = None
    try:
        figures = overload(place, options, group)
    except (rig.Failed, OSError) as error:
        failure = error
    place.close(keep=failure is not None)
    group.close()
    tail = f"seconds={options.seconds} seed={options.seed} commit={commit} wall={time.monotonic() - begin:.0f}s"
    if failure is not None:
        print(f"{failure}\nRELIABILITY R22 FAILED {tail}")
        return 1
    print(f"RELIABILITY R22 ok fails=0 {' '.join(f'{key}={value}' for key, value in figures.items())} {tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
