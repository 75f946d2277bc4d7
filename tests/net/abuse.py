#!/usr/bin/env python3
"""R30, connection abuse: 1,000 silent connections, claims of 1 GiB, headers that come byte by byte, half-closed requests.
The node's memory grows by 64 MB at most, and a well-behaved client hardly notices: its p99 is at most twice that of the
quiet time. Quiet and abused windows take turns; the median of each counts. In the end the silent ones are closed by their
time limit.

    tests/net/abuse.py ORDO [--rounds N]
"""

import argparse
import os
import resource
import select
import socket
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

SILENT = 1000
SLOW = 8
GROWTH_MIB_MAX = 64
RATIO_MAX = 2.0
WINDOW_SECONDS = 1.5
LIMIT_SECONDS = 10
GREETING = b"\0SP\0\0\x30\0\0"
HEAD_QUERY = bytes.fromhex("940101c09193cc84c000")


def connect(path, greet=True):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(30)
    sock.connect(path)
    if greet:
        sock.sendall(GREETING)
        read(sock, 8)
    return sock


def read(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def message(body):
    return b"\1" + struct.pack(">Q", len(body)) + body


REQUEST = message(b"\x80\0\0\1" + HEAD_QUERY)


def ask(sock):
    sock.sendall(REQUEST)
    size = struct.unpack(">Q", read(sock, 9)[1:])[0]
    return read(sock, size)


class Abuser:
    """A process of its own: what it costs is taken from the same machine, so it goes about it slowly."""

    def __init__(self, path):
        self.path = path
        self.silent = []
        self.slow = []
        self.claims = 0
        self.halves = 0

    def begin(self):
        self.silent = [connect(self.path, greet=False) for _ in range(SILENT)]
        self.slow = [connect(self.path) for _ in range(SLOW)]

    def claim(self):
        sock = connect(self.path)
        sock.sendall(b"\1" + struct.pack(">Q", 1 << 30) + b"\x80")
        check(not sock.recv(1), "a claim of 1 GiB was not closed")
        sock.close()
        self.claims += 1

    def half_close(self):
        sock = connect(self.path)
        sock.sendall(REQUEST)
        sock.shutdown(socket.SHUT_WR)
        size = struct.unpack(">Q", read(sock, 9)[1:])[0]
        read(sock, size)
        check(not sock.recv(1), "a half-closed connection did not end")
        sock.close()
        self.halves += 1

    def dribble(self, step):
        for i, sock in enumerate(self.slow):
            try:
                sock.sendall(message(b"\x80" + bytes(200))[step % 200:step % 200 + 1])
            except OSError:
                self.slow[i] = connect(self.path)  # it was closed: that is what its limit is for

    def step(self, number):
        self.claim()
        self.half_close()
        if number % 4 == 0:
            self.dribble(number // 4)

    def end(self):
        for sock in self.silent + self.slow:
            sock.close()
        self.silent = []
        self.slow = []

    def wait_closed(self):
        """The door closes the silent ones by itself; how long that took."""
        begin = time.monotonic()
        for sock in self.silent:
            data = sock.recv(8)
            while data:
                data = sock.recv(8)
        return time.monotonic() - begin


def abuse(path, orders, answers):
    """The abuser's process: B begins, E ends, S waits for the silent ones to be closed, Q quits."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    abuser = Abuser(path)
    number = 0
    running = False
    while True:
        ready = select.select([orders], [], [], 0.05 if running else None)[0]
        if ready:
            order = os.read(orders, 1)
            if order == b"B":
                abuser.begin()
                running = True
            elif order == b"E":
                abuser.end()
                running = False
            elif order == b"S":
                running = False
                abuser.wait_closed()
            else:
                os.write(answers, f"{abuser.claims} {abuser.halves}\n".encode())
                return
            os.write(answers, b".")
        if running:
            number += 1
            abuser.step(number)


class Peer:
    def __init__(self, path):
        self.orders, orders = os.pipe()[::-1]
        answers, write_answers = os.pipe()
        self.answers = answers
        self.process = os.fork()
        if self.process == 0:
            code = 1
            try:
                abuse(path, orders, write_answers)
                code = 0
            except BaseException as failure:  # pylint: disable=broad-except
                print(f"abuser: {failure!r}", file=sys.stderr)
            os._exit(code)
        os.close(write_answers)

    def tell(self, order):
        os.write(self.orders, order)
        answer = os.read(self.answers, 100)
        check(answer, "the abuser has died")
        return answer


def window(sock):
    """p99 in microseconds of a client that asks, waits for the answer and pauses."""
    took = []
    end = time.monotonic() + WINDOW_SECONDS
    while time.monotonic() < end:
        begin = time.perf_counter()
        ask(sock)
        took.append((time.perf_counter() - begin) * 1e6)
        time.sleep(0.001)
    return statistics.quantiles(took, n=100)[98], len(took)


def run(place, rounds):
    node = place.node("data")
    node.start()
    check("door=polled" in node.log(), "the node has no polled door")
    path = place.path("data/ordo.ipc")
    peer = Peer(path)
    honest = connect(path)
    window(honest)
    before = node.resident_kib()
    most = before
    quiet, abused, asked = [], [], 0
    for _ in range(rounds):
        p99, count = window(honest)
        quiet.append(p99)
        peer.tell(b"B")
        p99, more = window(honest)
        abused.append(p99)
        asked += count + more
        most = max(most, node.resident_kib())
        peer.tell(b"E")
    peer.tell(b"B")
    begin = time.monotonic()
    peer.tell(b"S")
    took = time.monotonic() - begin
    check(took < LIMIT_SECONDS + 5, f"the silent connections were closed after {took:.1f} s")
    ask(honest)
    claims, halves = map(int, peer.tell(b"Q").split())
    check(os.waitpid(peer.process, 0)[1] == 0, "the abuser has failed")
    check(node.stop() == 0, "the node did not end well")
    growth = (most - before) / 1024
    ratio = statistics.median(abused) / statistics.median(quiet)
    figures = (f"silent={SILENT} claims={claims} half_closes={halves} asked={asked} growth_mib={growth:.1f} "
               f"p99_us={statistics.median(quiet):.0f}/{statistics.median(abused):.0f} closed_after_s={took:.1f}")
    check(growth <= GROWTH_MIB_MAX, f"the node grew by {growth:.1f} MiB: {figures}")
    check(ratio <= RATIO_MAX, f"the honest client's p99 is {ratio:.1f} times that of the quiet time: {figures}")
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ordo")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ORDO_R30_ROUNDS", "7")))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    begin = time.monotonic()
    place = rig.Workplace(options.ordo, "abuse")
    keep = True
    try:
        figures = run(place, options.rounds)
        keep = False
    except (rig.Failed, OSError, EOFError) as failure:
        print(f"{failure}\nRELIABILITY R30 FAILED cases={options.rounds}")
        return 1
    finally:
        place.close(keep)
    print(f"RELIABILITY R30 ok cases={options.rounds} fails=0 {figures} wall={time.monotonic() - begin:.0f}s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
