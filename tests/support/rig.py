"""What the crash and end-to-end scripts share: a node in a folder of its own, the verbs, the wire, a list of cases.

Nothing here waits a fixed time for something to happen: a node is waited for by its log, with a deadline, and a process by
its end.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
VERB_SECONDS_MAX = 60


class Failed(Exception):
    """A check of a script did not hold."""


class Skipped(Exception):
    """The environment does not allow it."""


def check(condition, text):
    if not condition:
        raise Failed(text)


def sh(*command, must=True):
    """A command of the system to its end; with `must` it has to end well."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if must:
        check(done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}")
    return done


def need(*command):
    """A command that not every environment allows; returns what it prints."""
    done = sh(*command, must=False)
    if done.returncode != 0:
        raise Skipped(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def filesystem_of(folder):
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False)
    return kind.stdout.strip()


class Workplace:
    """A folder that is removed at the end, kept when a check has failed. Below the build tree, which is on a disk: on tmpfs
    a flush does nothing. However the script ends, interrupted or by an error of its own, nothing that it started through
    here goes on."""

    def __init__(self, ordo, name):
        self.ordo = os.path.abspath(ordo)
        base = os.path.join(os.path.dirname(self.ordo), "work")
        os.makedirs(base, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=name + ".", dir=base)
        self.nodes = []
        self.processes = []
        atexit.register(self.end_processes)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that every `finally` runs

    def path(self, name):
        return os.path.join(self.folder, name)

    def spawn(self, *arguments, **more):
        """A verb that goes on beside the script, at the longest until the script ends."""
        process = subprocess.Popen([self.ordo, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, **more)
        self.processes.append(process)
        return process

    def end_processes(self):
        for node in self.nodes:
            node.kill()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def run(self, *arguments, timeout=VERB_SECONDS_MAX, **more):
        """One verb to its end; returns the finished process with its output as text."""
        return subprocess.run([self.ordo, *arguments], capture_output=True, text=True, timeout=timeout, check=False,
                              cwd=self.folder, stdin=subprocess.DEVNULL, **more)

    def ask(self, *arguments, code=0, **more):
        """A verb with --json that must end with the code; returns the object it prints."""
        done = self.run(*arguments, "--json", **more)
        check(done.returncode == code, f"ordo {' '.join(arguments)}: exit {done.returncode}, wanted {code}: "
                                       f"{done.stderr.strip()} {done.stdout.strip()[:300]}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def node(self, name="data", **more):
        node = Node(self, name, **more)
        self.nodes.append(node)
        return node

    def close(self, keep):
        self.end_processes()
        if keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


class Node:
    """`ordo serve` on one data folder. Starts again as often as you like; every life's log is kept."""

    def __init__(self, place, name, flags=(), environment=None):
        self.place = place
        self.name = name
        self.flags = list(flags)
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.lives = 0

    @property
    def log_path(self):
        return self.place.path(f"{self.name}.log.{self.lives}")

    @property
    def url(self):
        return f"ipc://{self.name}/ordo.ipc"

    def spawn(self):
        self.lives += 1
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [self.place.ordo, "serve", "--data", self.name, *self.flags], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, cwd=self.place.folder, env=self.environment)

    def log(self):
        with open(self.log_path, "r", encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def is_ready(self):
        return "serving" in self.log()

    def wait_ready(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self.is_ready():
            check(self.process.poll() is None, f"the node ended with {self.process.returncode}: {self.log()[-600:]}")
            check(time.monotonic() < deadline, f"the node was not ready in time: {self.log()[-600:]}")
            time.sleep(0.002)

    def start(self):
        self.spawn()
        self.wait_ready()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self):
        """Asks it to end; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_end()

    def wait_end(self):
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"the node did not end in time: {self.log()[-600:]}") from late

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as stream:
            return next(int(line.split()[1]) for line in stream if line.startswith("VmRSS"))


class Wire:
    """A REQ client over a Unix socket without any library: SP's greeting, then frames with their size in front."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.socket.sendall(b"\0SP\0\0\x30\0\0")
        check(self.take(8) == b"\0SP\0\0\x31\0\0", "the listener does not speak REP")

    def take(self, size):
        got = b""
        while len(got) < size:
            part = self.socket.recv(size - len(got))
            if not part:
                raise ConnectionError("closed by the node")
            got += part
        return got

    def announce(self, size):
        self.socket.sendall(b"\1" + struct.pack(">Q", size))

    def send(self, body, request=0x80000001):
        frame = struct.pack(">I", request) + body
        self.announce(len(frame))
        self.socket.sendall(frame)

    def receive(self):
        kind, size = struct.unpack(">BQ", self.take(9))
        check(kind == 1 and size < 1 << 24, f"a frame of kind {kind} and {size} bytes came back")
        return self.take(size)[4:]

    def close(self):
        self.socket.close()


def unpack(data):
    """The one msgpack value at the start of data: the types that Ordo's replies have, no package needed."""
    value, rest = _unpack(memoryview(data))
    check(len(rest) == 0, f"{len(rest)} bytes behind the value")
    return value


_SIZED = {0xc4: (1, bytes), 0xc5: (2, bytes), 0xc6: (4, bytes), 0xd9: (1, str), 0xda: (2, str), 0xdb: (4, str),
          0xdc: (2, list), 0xdd: (4, list)}
_NUMBERS = {0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}


def _unpack_sized(kind, size, rest):
    if kind is list:
        items = []
        for _ in range(size):
            item, rest = _unpack(rest)
            items.append(item)
        return items, rest
    raw = bytes(rest[:size])
    return (raw.decode() if kind is str else raw), rest[size:]


def _unpack(data):
    first, rest = data[0], data[1:]
    if first < 0x80 or first >= 0xe0:
        return (first if first < 0x80 else first - 256), rest
    if 0x90 <= first < 0xa0:
        return _unpack_sized(list, first - 0x90, rest)
    if 0xa0 <= first < 0xc0:
        return _unpack_sized(str, first - 0xa0, rest)
    if first in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[first], rest
    if first in _NUMBERS:
        width = struct.calcsize(_NUMBERS[first])
        return struct.unpack(_NUMBERS[first], rest[:width])[0], rest[width:]
    check(first in _SIZED, f"0x{first:02x} is not expected in a reply")
    width, kind = _SIZED[first]
    return _unpack_sized(kind, int.from_bytes(rest[:width], "big"), rest[width:])


def pack(value):
    """A value as msgpack: None, int, bytes, str, list; the types that Ordo's requests have."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        return _pack_int(value)
    if isinstance(value, list):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else b"\xdc" + struct.pack(">H", len(value))
        return head + b"".join(map(pack, value))
    raw = value.encode() if isinstance(value, str) else value
    if isinstance(value, str):
        if len(raw) < 32:
            return bytes([0xa0 | len(raw)]) + raw
        return (b"\xd9" + bytes([len(raw)]) if len(raw) < 256 else b"\xda" + struct.pack(">H", len(raw))) + raw
    return (b"\xc4" + bytes([len(raw)]) if len(raw) < 256 else b"\xc5" + struct.pack(">H", len(raw))) + raw


def _pack_int(value):
    if 0 <= value < 0x80:
        return bytes([value])
    for first, form in ((0xcc, ">B"), (0xcd, ">H"), (0xce, ">I"), (0xcf, ">Q")):
        if 0 <= value < 1 << 8 * struct.calcsize(form):
            return bytes([first]) + struct.pack(form, value)
    return b"\xd3" + struct.pack(">q", value)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def run_cases(name, cases):
    """Runs (title, function) pairs, prints one line each; the exit code. A function may return a text: skipped, and why."""
    failed = 0
    for title, case in cases:
        begin = time.monotonic()
        try:
            skipped = case()
            said = "ok" if skipped is None else f"SKIP {skipped}"
        except (Failed, AssertionError, ConnectionError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
            failed += 1
            said = f"FAILED {type(error).__name__}: {error}"
        print(f"{name}: {title}: {said} ({time.monotonic() - begin:.2f} s)", flush=True)
    print(f"{name}: {len(cases)} cases, {failed} failed", flush=True)
    return 1 if failed else 0


def ordo_from_arguments():
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        print(f"usage: {sys.argv[0]} ORDO [SEED]", file=sys.stderr)
        sys.exit(64)
    return sys.argv[1]
