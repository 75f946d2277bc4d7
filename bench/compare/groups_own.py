"""The groups that are held against limits of their own run, and the reads."""

import postgres_side
import redis_side
from groups import Door, Group, Pair, Ring
from place import settle


class OwnOnly(Group):
    """One benchmark of ours, twice a pair."""

    bench = ""
    figures = {}
    words = ()
    needs_disk = True

    def pair(self):
        return self.twice(self.figures, self._run)

    def _run(self, into):
        settle()
        words = [*self.common(), *self.words]
        if self.needs_disk:
            words += ["--dir", self.place.folder]
        self.take(into, self.ordo.bench(self.bench, *words), self.figures)


class Apply(OwnOnly):
    key = "apply"
    weight = 120
    bench = "apply"
    needs_disk = False
    figures = {
        "apply 1m": (("1m orders transitions",), "median"),
        "apply 1m bare": (("1m orders transitions",), "limit", "median"),
    }

    def common(self, seconds=None):
        return super().common(seconds) + ["--orders", "10000" if self.options.quick else "1000000"]

    def pair(self):
        if self.options.quick:
            self.figures = {"apply 1m": (("10k orders transitions",), "median"),
                            "apply 1m bare": (("10k orders transitions",), "limit", "median")}
            self.notes = ["--quick: apply with 10,000 live orders, not a million"]
        return super().pair()

    def finish(self):
        self.note_beside("own", [("apply 1m", "apply, 1 million live orders", "transitions/s"),
                                 ("apply 1m bare", "bare lookup and update", "rows/s")])


class Apply20m(Group):
    """Both sizes in one process, in turn within it: filling 13 GB takes a minute, so its own repeats are the pairs."""

    key = "apply-20m"
    weight = 110
    RUNS_MAX = 1

    def pair(self):
        small, large = (10000, 200000) if self.options.quick else (1000000, 20000000)
        names = ("10k", "200k") if self.options.quick else ("1m", "20m")
        row = f"{names[1]} orders against {names[0]} orders"
        figures = {"apply 20m ratio": ((row,), "ratio", "median"),
                   "apply 20m": ((f"{names[1]} orders transitions",), "median")}
        pair = Pair()

        def measure():
            report = self.ordo.bench("apply", "--repeats", str(self.options.pairs), "--seconds", "0.2", "--orders",
                                     f"{small},{large}")
            self.take(pair.own, report, figures)
            ends = [report.value(row, *path) for path in (("ratio", "least"), ("ratio", "most"), ("repeats",))]
            if None not in ends:
                self.spreads["apply 20m ratio"] = ends

        self.attempt(figures, measure)
        return pair

    def finish(self):
        if self.options.quick:
            self.notes.append("--quick: 10,000 and 200,000 live orders, not 1 and 20 million")
        self.note_beside("own", [("apply 20m", "apply, 20 million live orders", "transitions/s")])


class Engine(OwnOnly):
    key = "engine"
    weight = 150
    bench = "engine"
    words = ("--singles", "1")
    figures = {
        "engine": (("apply and journal, durable",), "median"),
        "engine floor": (("apply and journal, durable",), "limit", "median"),
        "engine apply alone": (("the same beside apply",), "limit", "median"),
        "engine bound": (("the same beside the disk",), "limit", "median"),
        "engine p50": (("offered rate, p50",), "median"),
        "engine p99": (("offered rate, p99",), "median"),
        "engine p99.9": (("offered rate, p99.9",), "median"),
        "engine bound p50": (("offered rate, p50",), "limit", "median"),
        "engine bound p99": (("offered rate, p99",), "limit", "median"),
        "engine bound p99.9": (("offered rate, p99.9",), "limit", "median"),
    }

    def finish(self):
        units = [(name, name.replace("engine", "in process"), "us" if " p" in name else "transitions/s")
                 for name in self.figures if name != "engine floor"]
        self.note_beside("own", units)


class Journal(OwnOnly):
    """Bytes of a lifecycle, and beside them what the rivals write for one with a card."""

    key = "journal"
    weight = 20
    bench = "journal"
    figures = {"journal bytes": (("lifecycle with headers",), "median")}
    RUNS_MAX = 3  # it counts, and comes to the same each time but for the padding

    def prepare(self):
        def of_redis():
            return redis_side.Redis(self.place, self.options.redis_load, "everysec").bytes_a_lifecycle()

        def of_postgres():
            return postgres_side.Postgres(self.place).bytes_a_lifecycle()

        for name, side, measure in (("Redis", redis_side, of_redis), ("PostgreSQL", postgres_side, of_postgres)):
            lacking = side.missing()
            if lacking:
                self.notes.append(f"{name}, bytes a lifecycle: not run: {lacking} is missing: tools/setup --compare")
                continue
            size = self.attempt([name], measure)
            if size is None:
                self.notes.append(f"{name}, bytes a lifecycle: not run: {self.absent[name]}")
            else:
                self.beside.append((f"{name}, log", "bytes a lifecycle", [size]))

    def finish(self):
        self.note_beside("own", [("journal bytes", "journal", "bytes a lifecycle")])


class Hot(OwnOnly):
    """The whole node, saturated: all orders of one product, and spread over 64, in turn within each run."""

    key = "hot"
    weight = 90
    bench = "flash"
    words = ("--bursts", "0")
    figures = {"hot 1": (("saturated, 1 product",), "median"), "hot 64": (("saturated, 1 product",), "limit", "median")}

    def finish(self):
        self.note_beside("own", [("hot 1", "saturated, one product", "commands/s"),
                                 ("hot 64", "saturated, 64 products", "commands/s")])


class Read(Group):
    """Status reads: ours through the ring, theirs by HGETALL, 64 at a time."""

    key = "read"
    weight = 60
    FIGURES = {"read 1 x 64": (("1 x 64",), "median"), "read 64 x 64": (("64 x 64",), "median")}

    def prepare(self):
        self.redis = None
        lacking = redis_side.missing()
        if lacking:
            self.lack(["redis hgetall"], f"{lacking} is missing: tools/setup --compare")
            return
        self.notes.append(redis_side.version())
        self.redis = self.attempt(
            ["redis hgetall"], lambda: redis_side.Redis(self.place, self.options.redis_load, "everysec"))
        if self.redis:
            self.first = self.redis.fill()

    def pair(self):
        words = [*self.common(), "--dir", self.place.folder]
        return self.twice(self.FIGURES, lambda into: self.take(into, self.ordo.bench("read", *words), self.FIGURES))

    def rivals(self, into):
        if not self.redis:
            return
        for shape in redis_side.READ_SHAPES:
            rate = self.attempt(
                ["redis hgetall"], lambda s=shape: self.redis.reads(self.first, *s, self.options.seconds))
            if rate is not None:
                into[f"redis hgetall {shape[0]} x {shape[1]}"] = rate

    def finish(self):
        candidates = [f"redis hgetall {connections} x {pipeline}" for connections, pipeline in redis_side.READ_SHAPES]
        self.best_of(["rival"], candidates, "redis hgetall")
        best = self.best_of(["own", "again"], self.FIGURES, "read 64")
        if best is None:
            self.lack(["read 64"], self.absent.get("read 1 x 64", "nothing was measured"))
        self.note_beside("own", [(name, name.replace("read", "status reads,"), "reads/s") for name in self.FIGURES])
        self.note_beside("rival", [(name, name.replace("redis hgetall", "Redis HGETALL,"), "reads/s")
                                   for name in candidates])


class Idle(Group):
    """One node that nobody asks for anything; every pair is a window of its life."""

    key = "idle"
    weight = 100
    SECONDS = 10

    def prepare(self):
        self.node = self.attempt(["idle"], self.ordo.idle_node)
        if self.node:
            self.ordo.idle_share(self.node, 1)  # its start is over, too

    def pair(self):
        pair = Pair()
        if self.node:
            seconds = 2 if self.options.quick else self.SECONDS
            pair.own["idle"] = self.ordo.idle_share(self.node, seconds)
        return pair


GROUPS = {group.key: group for group in (Ring, Apply, Apply20m, Engine, Door, Hot, Journal, Read, Idle)}
