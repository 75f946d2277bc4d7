"""Redis 7 as a rival: one script a step, an append-only file, a socket of its own.

Two servers, one with appendfsync always (durable like ours), one with everysec (may lose a second). What its best
pipelining is, the run finds out.
"""

import json
import os
import shutil
import subprocess

from place import Failed, one_line, wait_until
from stats import best_of_turns

SCRIPTS = ("create", "attempt", "pay", "ack")
PRODUCTS = 64
CARDS = 64 * 500
SHAPES = ((50, 16), (50, 64), (50, 256), (50, 1024), (16, 1024))  # connections x pipeline: one of them is the best
READ_SHAPES = ((1, 64), (4, 64), (16, 64))
READ_ORDERS = 100000
NUMBERS_A_RUN = 10_000_000
RUN_SECONDS_MAX = 60
HERE = os.path.dirname(os.path.abspath(__file__))


def missing():
    """What has to be installed, or None."""
    return next((name for name in ("redis-server", "redis-cli") if shutil.which(name) is None), None)


def version():
    text = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    return "Redis " + text.split("v=")[1].split()[0]


class Redis:
    """One server with one policy."""

    def __init__(self, place, load, policy):
        self.place = place
        self.load = load
        self.folder = place.path("redis-" + policy)
        self.socket = os.path.join(place.sockets, "redis-" + policy)
        self.next = 0
        os.mkdir(self.folder)
        if not os.access(load, os.X_OK):
            raise Failed(f"{load} is missing: cmake --build build/release --target redis_load")
        self.process = place.spawn(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", "",
             "--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0",
             "--daemonize", "no", "--loglevel", "warning", "--logfile", os.path.join(self.folder, "log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, 20, "redis-server")
        self.scripts = ",".join(self._load_script(name) for name in SCRIPTS)
        self._stock()

    def _cli(self, *words, given=None):
        return self.place.run(["redis-cli", "-s", self.socket, *words], 60, given)

    def _answers(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as stream:
                raise Failed(f"redis-server ended with {self.process.returncode}: {one_line(stream.read())}")
        return os.path.exists(self.socket) and self._cli("ping").strip() == "PONG"

    def _load_script(self, name):
        with open(os.path.join(HERE, "redis", name + ".lua"), encoding="utf-8") as stream:
            digits = self._cli("-x", "script", "load", given=stream.read()).strip()
        if len(digits) != 40:
            raise Failed(f"Redis does not take {name}.lua: {digits}")
        return digits

    def _stock(self):
        lines = [f"SET stock:{product:02} 1000000000" for product in range(PRODUCTS)]
        for product in range(PRODUCTS):
            cards = " ".join(f"C{product:02}-{number:012}" for number in range(CARDS // PRODUCTS))
            lines.append(f"RPUSH cards:{product:02} {cards}")
        self._cli("--pipe", given="\n".join(lines) + "\n")

    def _run(self, *words):
        out = self.place.run([self.load, "--socket", self.socket, "--scripts", self.scripts,
                              "--products", str(PRODUCTS), "--first", str(self.next), *words], RUN_SECONDS_MAX)
        self.next += NUMBERS_A_RUN
        return json.loads(out)

    def lifecycles(self, connections, pipeline, seconds):
        return self._run("--connections", str(connections), "--pipeline", str(pipeline), "--seconds", str(seconds))

    def best_shape(self, seconds):
        """Connections x pipeline with the most lifecycles a second, and what each gave."""
        return best_of_turns(SHAPES, lambda shape: self.lifecycles(*shape, seconds)["lifecycles_per_s"])

    def fill(self):
        """Orders for reads(); their first number."""
        first = self.next
        self._run("--mode", "fill", "--orders", str(READ_ORDERS), "--connections", "8", "--pipeline", "64")
        return first

    def reads(self, first, connections, pipeline, seconds):
        """HGETALL, answers a second."""
        out = self._run("--mode", "read", "--orders", str(READ_ORDERS), "--first", str(first), "--connections",
                        str(connections), "--pipeline", str(pipeline), "--seconds", str(seconds))
        return out["commands_per_s"]

    def _log_bytes(self):
        folder = os.path.join(self.folder, "appendonlydir")
        return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))

    def bytes_a_lifecycle(self):
        """Of the append-only file, with a card given out for each."""
        before = self._log_bytes()
        done = self._run("--cards", "--connections", "4", "--pipeline", "16", "--seconds", "0.1")
        return (self._log_bytes() - before) / done["lifecycles"]
