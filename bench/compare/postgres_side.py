"""PostgreSQL 15 as a rival: a function a step, each its own transaction with synchronous_commit on, driven by pgbench
with prepared statements over a Unix socket. The number of clients that is best, the run finds out.
"""

import glob
import math
import os
import pwd
import re
import shutil
import signal
import subprocess

from place import Failed, one_line, wait_until
from stats import best_of_turns

PRODUCTS = 64
CARDS = 64 * 2000
SHAPES = ((8, 0), (16, 0), (32, 0), (64, 0), (32, 100), (64, 100))  # clients, commit_delay in us
NUMBERS_A_RUN = 10_000_000_000
RUN_SECONDS_MAX = 120
HERE = os.path.dirname(os.path.abspath(__file__))
USER = "postgres"
SETTINGS = """
listen_addresses = ''
shared_buffers = 512MB
wal_buffers = 16MB
wal_level = minimal
max_wal_senders = 0
min_wal_size = 1GB
max_wal_size = 8GB
checkpoint_timeout = 1h
max_connections = 100
autovacuum = off
synchronous_commit = on
fsync = on
"""


def programs():
    """The folder of version 15's own programs: Debian keeps them off the path."""
    found = glob.glob("/usr/lib/postgresql/15/bin/initdb")
    return os.path.dirname(found[0]) if found else None


def missing():
    if programs() is None:
        return "postgresql-15"
    return None if shutil.which("psql") else "postgresql-client-15"


def version():
    text = subprocess.run([os.path.join(programs(), "postgres"), "--version"], capture_output=True, text=True,
                          check=True).stdout
    return "PostgreSQL " + text.split()[2]


class Postgres:
    """A cluster of its own, as the user postgres when we are root, which it refuses."""

    def __init__(self, place):
        self.place = place
        self.folder = place.path("postgres")
        self.next = 0
        self.identity = {}
        self.socket = os.path.join(place.sockets, "postgres")
        os.mkdir(self.folder)
        os.mkdir(self.socket)
        if os.geteuid() == 0:
            try:
                owner = pwd.getpwnam(USER)
            except KeyError as error:
                raise Failed("PostgreSQL does not run as root and there is no user postgres") from error
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            os.chown(self.socket, owner.pw_uid, owner.pw_gid)
            self.identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data = os.path.join(self.folder, "data")
        self._run("initdb", "-D", data, "-A", "trust", "-U", "bench", "--no-locale", "-E", "UTF8")
        with open(os.path.join(data, "postgresql.conf"), "a", encoding="utf-8") as stream:
            stream.write(SETTINGS + f"unix_socket_directories = '{self.socket}'\n")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = place.spawn([os.path.join(programs(), "postgres"), "-D", data], signal.SIGINT,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **self.identity)
        wait_until(self._answers, 60, "PostgreSQL")
        with open(os.path.join(HERE, "postgres", "schema.sql"), encoding="utf-8") as stream:
            self._psql("-v", f"products={PRODUCTS}", "-v", f"cards={CARDS}", "-v", "ON_ERROR_STOP=1", "-f", "-",
                       given=stream.read())
        self._psql("-c", "checkpoint")
        self.script = os.path.join(self.folder, "lifecycle.sql")
        shutil.copyfile(os.path.join(HERE, "postgres", "lifecycle.sql"), self.script)
        os.chmod(self.script, 0o644)

    def _run(self, name, *words, given=None, more=None):
        return self.place.run([os.path.join(programs(), name), *words], RUN_SECONDS_MAX, given, cwd=self.folder,
                              **self.identity, **(more or {}))

    def _psql(self, *words, given=None):
        return self._run("psql", "-h", self.socket, "-U", "bench", "-d", "postgres", "-qAtX", *words, given=given)

    def _answers(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as stream:
                raise Failed(f"postgres ended with {self.process.returncode}: {one_line(stream.read())}")
        ready = os.path.join(programs(), "pg_isready")
        return subprocess.run([ready, "-q", "-h", self.socket, "-U", "bench"], check=False).returncode == 0

    def lifecycles(self, clients, delay_us, seconds, cards=0):
        """A run of pgbench: lifecycles a second and their mean latency; pgbench knows whole seconds only."""
        options = f"-c commit_delay={delay_us} -c commit_siblings=5"
        out = self._run(
            "pgbench", "-h", self.socket, "-U", "bench", "-n", "-M", "prepared", "-c", str(clients), "-j",
            str(min(2, clients)), "-T", str(max(1, math.ceil(seconds))), "-D", "n=0", "-D", f"first={self.next}", "-D",
            f"products={PRODUCTS}", "-D", f"cards={cards}", "-f", self.script, "postgres",
            more={"env": {**os.environ, "PGOPTIONS": options}})
        self.next += NUMBERS_A_RUN
        rate = re.search(r"^tps = ([\d.]+)", out, re.M)
        done = re.search(r"actually processed: (\d+)", out)
        failed = re.search(r"number of failed transactions: (\d+)", out)
        latency = re.search(r"latency average = ([\d.]+) ms", out)
        if not (rate and done and latency) or (failed and failed.group(1) != "0"):
            raise Failed(f"pgbench: {one_line(out)}")
        return {"lifecycles_per_s": float(rate.group(1)), "lifecycles": int(done.group(1)),
                "mean_us": float(latency.group(1)) * 1e3}

    def best_shape(self, seconds):
        return best_of_turns(SHAPES, lambda shape: self.lifecycles(*shape, seconds)["lifecycles_per_s"])

    def bytes_a_lifecycle(self):
        """Of the write-ahead log, with a card given out for each."""
        place = self._psql("-c", "select pg_current_wal_insert_lsn()").strip()
        done = self.lifecycles(8, 0, 1, cards=1)
        return float(self._psql("-c", f"select pg_current_wal_insert_lsn() - '{place}'")) / done["lifecycles"]
