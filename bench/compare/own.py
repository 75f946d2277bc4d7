"""Our side: `ordo bench NAME --json`, whose rows are found by name (bench/report.h), and an idle node."""

import json
import os
import shutil
import signal
import subprocess
import time

from place import Failed, cpu_seconds, one_line, wait_until

RUN_SECONDS_MAX = 600
READY_SECONDS_MAX = 60


class Report:
    """One JSON line of a benchmark."""

    def __init__(self, command, line):
        self.command = command
        try:
            self.whole = json.loads(line)
            self.rows = {row["name"]: row for row in self.whole["rows"]}
        except (ValueError, KeyError, TypeError) as error:
            raise Failed(f"{command}: its output is not a report: {one_line(line)}") from error

    def value(self, name, *path):
        """A number of a row: value("64 x 1", "median"), value("1 x 1", "latency_us", "p50"). None when it is not there."""
        at = self.rows.get(name, {})
        for key in path:
            at = at.get(key) if isinstance(at, dict) else None
        return at if isinstance(at, (int, float)) and not isinstance(at, bool) else None


class Ordo:
    """The program under test."""

    def __init__(self, place, program):
        self.place = place
        self.program = os.path.abspath(program)
        self.lives = 0
        if not os.access(self.program, os.X_OK):
            raise Failed(f"{program} is missing: cmake -B build/release -DCMAKE_BUILD_TYPE=Release && "
                         "cmake --build build/release, or name it with --ordo")

    def bench(self, name, *words):
        """One benchmark, once."""
        command = " ".join(["ordo bench", name, *words[:4]])
        out = self.place.run([self.program, "bench", name, "--json", *words], RUN_SECONDS_MAX, cwd=self.place.folder)
        lines = out.strip().splitlines()
        if not lines:
            raise Failed(f"{command}: it printed nothing")
        return Report(command, lines[-1])

    def version(self):
        return self.place.run([self.program, "--version"], 20).strip().splitlines()[0]

    def idle_node(self):
        """A node with the settings it has by default, on a fresh folder."""
        self.lives += 1
        data = self.place.path(f"idle-{self.lives}")
        log_path = data + ".log"
        sockets = os.path.join(self.place.sockets, f"idle-{self.lives}")
        os.mkdir(sockets, 0o700)
        with open(log_path, "wb") as log:
            process = self.place.spawn(
                [self.program, "serve", "--data", data, "--listen", f"ipc://{sockets}/a", "--publish",
                 f"ipc://{sockets}/b"], signal.SIGTERM, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.place.folder)

        def ready():
            with open(log_path, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
            if process.poll() is not None:
                raise Failed(f"ordo serve ended with {process.returncode}: {one_line(text)}")
            return "serving" in text

        wait_until(ready, READY_SECONDS_MAX, "ordo serve")
        return process

    def idle_share(self, process, seconds):
        """Percent of a core that a node takes, measured over so many seconds."""
        before, begin = cpu_seconds(process.pid), time.monotonic()
        time.sleep(seconds)  # the measurement itself: there is nothing to wait for
        return 100 * (cpu_seconds(process.pid) - before) / (time.monotonic() - begin)

    def forget(self, process):
        self.place.release(process)
        shutil.rmtree(self.place.path(f"idle-{self.lives}"), ignore_errors=True)
