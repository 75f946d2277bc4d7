"""What is measured together: ours, the rivals, ours again, pair after pair (A B A). A group fills pairs of figures;
targets.py says what is asked of them.

A group that lacks something (a package, a row of a report) measures what it can; why a figure is absent is kept, so that
the table can say it instead of guessing.
"""

import disruptor_side
import postgres_side
import redis_side
from own import Ordo
from place import Failed, settle
from stats import median
from table import NOT_ASKED

TRANSITIONS, STEPS = 5, 4  # of a lifecycle; the payment is two transitions in one command


class Pair:
    """What one round measured: figures of ours, of ours again, of the rivals."""

    def __init__(self):
        self.own, self.again, self.rival = {}, {}, {}


class Group:
    """One set of figures. run() yields pairs until it is told to end."""

    key = ""
    weight = 60  # seconds that nine pairs take on a quiet machine, at the defaults

    def __init__(self, place, options, wanted):
        self.place = place
        self.options = options
        self.wanted = wanted  # names of the figures that the chosen rows need
        self.ordo = Ordo(place, options.ordo)
        self.pairs = []
        self.stopped = False  # by Ctrl-C: no group after it
        self.absent = {}  # figure -> why
        self.spreads = {}  # figure that is a median of its own -> (least, most, of how many)
        self.notes = []
        self.beside = []  # (name, unit, values): what else was measured

    def prepare(self):
        """Starts rivals, finds their best shapes."""

    def pair(self):
        """Measures one pair."""
        raise NotImplementedError

    def finish(self):
        """Chooses among candidates when all pairs are there."""

    def wants(self, *names):
        return any(name in self.wanted for name in names)

    def lack(self, names, why):
        """Why these figures are absent; the first reason stands."""
        for name in names:
            self.absent.setdefault(name, str(why))

    def attempt(self, names, work):
        """Runs work(); its failure is the reason why the figures are absent in this pair."""
        try:
            return work()
        except Failed as why:
            self.lack(names, why)
            self.options.progress(f"    {why}")
            return None

    def common(self, seconds=None):
        """Options of a benchmark of ours that is one half of a pair."""
        words = ["--repeats", "1", "--seconds", f"{seconds or self.options.seconds:g}"]
        return words + (["--quick"] if self.options.quick else [])

    def take(self, into, report, figures):
        """Copies rows of a report; figures: name -> (rows that may have it, path to the number)."""
        for name, (rows, *path) in figures.items():
            found = [value for row in rows if (value := report.value(row, *path)) is not None]
            if found:
                into[name] = found[0]
            else:
                self.lack([name], f'{report.command} has no row "{rows[0]}"')

    def twice(self, names, work):
        """work(into) fills a dict; once for each half of the A/A pair, around what the rivals do."""
        pair = Pair()
        self.attempt(names, lambda: work(pair.own))
        self.rivals(pair.rival)
        self.attempt(names, lambda: work(pair.again))
        return pair

    def rivals(self, into):
        """The B of the pair."""

    def best_of(self, sides, figures, into, best=max):
        """The candidate with the best median over all pairs, of the first of the sides; each pair gets its value under the
        name into. None when there is none. The choice is made once, not pair by pair, which would choose luck."""
        medians = {}
        for figure in figures:
            values = [getattr(pair, sides[0])[figure] for pair in self.pairs if figure in getattr(pair, sides[0])]
            if values:
                medians[figure] = median(values)
        if not medians:
            return None
        chosen = best(medians, key=medians.get)
        for pair in self.pairs:
            for side in (getattr(pair, name) for name in sides):
                if chosen in side:
                    side[into] = side[chosen]
        return chosen

    def note_beside(self, side, figures):
        """Adds figures of ours or of the rivals: (name, what to call it, unit)."""
        for name, label, unit in figures:
            values = [getattr(pair, side)[name] for pair in self.pairs if name in getattr(pair, side)]
            if values:
                self.beside.append((("ours: " if side == "own" else "") + label, unit, values))


class Ring(Group):
    key = "ring"
    weight = 210
    FIGURES = {
        "one 1": (("1p1c batch 1",), "median"),
        "one 64": (("1p1c batch 64",), "median"),
        "chain 1": (("1p3c chained batch 1",), "median"),
        "chain 64": (("1p3c chained batch 64",), "median"),
        "chain 1 compact": (("1p3c chained compact batch 1",), "median"),
        "ping": (("ping-pong p50",), "median"),
        "ping bare": (("ping-pong p50",), "limit", "median"),
    }
    LABELS = {
        "one 1": "ring, one, batch 1", "one 64": "ring, one, batch 64", "chain 1": "ring, chain, batch 1",
        "chain 64": "ring, chain, batch 64", "chain 1 compact": "ring, chain on one thread, batch 1",
        "ping": "ring, round trip p50", "ping bare": "bare round trip p50",
    }
    SECONDS = 0.25

    def prepare(self):
        self.sides = None
        flows = [f"{flow} {batch}" for flow, batch in disruptor_side.FLOWS if flow != "ping"]
        if not self.wants("one 1", "one 64", "chain 1", "compact 1"):
            return
        lacking = disruptor_side.missing()
        if lacking:
            self.lack(flows, f"{lacking} is missing: tools/setup --compare")
            return
        self.notes.append(disruptor_side.version())
        self.sides = self.attempt(flows, lambda: disruptor_side.Disruptor(self.place))
        if self.sides:
            self.options.progress("    warming up Java")
            self.sides.warm_up(0.2 if self.options.quick else 1.0)

    def pair(self):
        words = self.common(min(self.SECONDS, self.options.seconds))
        return self.twice(self.FIGURES, lambda into: self.take(into, self.ordo.bench("ring", *words), self.FIGURES))

    def rivals(self, into):
        if not self.sides:
            return
        seconds = min(self.SECONDS, self.options.seconds)
        for flow, batch in disruptor_side.FLOWS:
            for name in disruptor_side.STRATEGIES:
                figure = f"{flow} {batch} {name}"
                value = self.attempt([f"{flow} {batch}"], lambda f=flow, b=batch, n=name: self.sides.measure(n, f, b, seconds))
                if value is not None:
                    into[figure] = value

    def finish(self):
        for flow, batch in disruptor_side.FLOWS:
            candidates = [f"{flow} {batch} {name}" for name in disruptor_side.STRATEGIES]
            unit = "ns" if flow == "ping" else "events/s"
            self.note_beside("rival", [(figure, f"Disruptor, {figure}", unit) for figure in candidates])
            best = self.best_of(["rival"], candidates, f"{flow} {batch}", min if flow == "ping" else max)
            if best:
                self.notes.append(f"Disruptor: best is {best}")
        self.note_beside("own", [(name, self.LABELS[name], "ns" if name.startswith("ping") else "slots/s")
                                 for name in self.FIGURES])


class Door(Group):
    """The whole node, against Redis and PostgreSQL on the same disk."""

    key = "door"
    weight = 520
    GROUPS = ("4 x 256", "16 x 256", "64 x 256")
    OVER_IPC = ("ipc 1 p50", "ipc 64", "nng 64", "nng 64 commands", "nng echo")
    REDIS = ("redis always best", "redis always 50", "redis always 1 p50")

    def prepare(self):
        self.redis, self.shape, self.postgres = {}, None, None
        if self.wants(*self.REDIS):
            self._prepare_redis()
        if self.wants("postgres best"):
            self._prepare_postgres()
        self.port = 20000 + (hash(self.place.folder) & 0x1FFF)

    def _prepare_redis(self):
        lacking = redis_side.missing()
        if lacking:
            self.lack(self.REDIS, f"{lacking} is missing: tools/setup --compare")
            return
        self.notes.append(redis_side.version())
        for policy in ("always", "everysec"):
            side = self.attempt(self.REDIS, lambda p=policy: redis_side.Redis(self.place, self.options.redis_load, p))
            if side is None:
                return
            self.redis[policy] = side
        found = self.attempt(self.REDIS, lambda: self.redis["always"].best_shape(self.options.seconds))
        if found is None:
            self.redis = {}
            return
        self.shape, tried = found
        listed = ", ".join(f"{c} x {p}: {rate:.0f}" for (c, p), rate in tried.items())
        self.notes.append(f"Redis always, lifecycles/s by connections x pipelining: {listed}")

    def _prepare_postgres(self):
        lacking = postgres_side.missing()
        if lacking:
            self.lack(["postgres best"], f"{lacking} is missing: tools/setup --compare")
            return
        self.notes.append(postgres_side.version())
        self.postgres = self.attempt(["postgres best"], lambda: postgres_side.Postgres(self.place))
        found = self.postgres and self.attempt(["postgres best"], lambda: self.postgres.best_shape(1))
        if not found:
            self.postgres = None
            return
        self.clients, tried = found
        listed = ", ".join(f"{c}{f' delay {d}' if d else ''}: {rate:.0f}" for (c, d), rate in tried.items())
        self.notes.append(f"PostgreSQL, lifecycles/s by clients: {listed}")

    def pair(self):
        return self.twice([], self._ours)

    def _ours(self, into):
        settle()
        if self.wants("ipc 256 transitions", "ipc 64", "nng 64", "ipc 1 p50"):
            ipc = [*self.OVER_IPC, *(f"ipc {shape}" for shape in self.GROUPS)]
            self.attempt(ipc, lambda: self._door(into, "ipc", []))
        if self.wants("tcp 256 transitions"):
            tcp = [f"tcp {shape}" for shape in self.GROUPS]
            self.port = 20000 + (self.port - 20000 + 1) % 0x1FFF
            self.attempt(tcp, lambda: self._door(into, "tcp", ["--url", f"tcp://127.0.0.1:{self.port}"]))
        if self.wants("spin 1 p50"):
            self.attempt(["spin 1 p50", "spin flush"], lambda: self._spin(into))

    def _door(self, into, door, words):
        # As a shop sets it up for a sale: pages are not cleared under load.
        words = ["--no-budget", "--set", "memory.take=at_start", *words]
        report = self.ordo.bench("e2e", *self.common(), "--dir", self.place.folder, *words)
        for shape in self.GROUPS:
            rate = self._commands(report, shape, f"{door} {shape}")
            if rate is not None:
                into[f"{door} {shape}"] = rate * TRANSITIONS / STEPS
        if door == "tcp":
            return
        for figure, row in (("ipc 64", "64 x 1"), ("nng 64", "nng client 64 x 1")):
            rate = self._commands(report, row, figure)
            if rate is not None:
                into[figure] = rate / STEPS
                into[figure + " commands"] = rate
        self.take(into, report, {"ipc 1 p50": (("1 x 1 p50",), "median"),
                                 "nng echo": (("nng client 64 x 1",), "limit", "median")})

    def _commands(self, report, row, figure):
        """Commands a second of a row, which may tell transitions instead: a lifecycle is 4 commands, 5 transitions."""
        rate = report.value(row, "median")
        unit = report.rows.get(row, {}).get("unit")
        if rate is None or unit not in ("commands/s", "transitions/s"):
            self.lack([figure], f'{report.command} has no row "{row}" in commands/s or transitions/s')
            return None
        return rate if unit == "commands/s" else rate * STEPS / TRANSITIONS

    def _spin(self, into):
        words = [*self.common(max(0.05, self.options.seconds / 4)), "--dir", self.place.folder]
        report = self.ordo.bench("e2e", *words, "--no-budget", "--set", "threads.strategy=spin")
        self.take(into, report, {"spin 1 p50": (("1 x 1 p50",), "median"),
                                 "spin flush": (("1 x 1 p50",), "limit", "median")})

    def rivals(self, into):
        for policy, side in self.redis.items():
            settle()
            self.attempt(self.REDIS, lambda p=policy, s=side: self._redis(into, p, s))
        if self.postgres:
            settle()
            run = self.attempt(["postgres best"], lambda: self.postgres.lifecycles(*self.clients, self.options.seconds))
            if run:
                into["postgres best"] = run["lifecycles_per_s"]
                into["postgres best mean"] = run["mean_us"]

    def _redis(self, into, policy, side):
        seconds = self.options.seconds
        for name, shape in (("best", self.shape), ("50", (50, 1)), ("1", (1, 1))):
            run = side.lifecycles(*shape, seconds)
            into[f"redis {policy} {name}"] = run["lifecycles_per_s"]
            into[f"redis {policy} {name} p50"] = run["p50_us"]
            into[f"redis {policy} {name} p99"] = run["p99_us"]

    def finish(self):
        for door in ("ipc", "tcp"):
            self._choose(door)
        own = [(f"{door} {shape}", f"{door}, {shape}", "transitions/s") for door in ("ipc", "tcp") for shape in self.GROUPS]
        own += [(f"{door} 256 lifecycles", f"{door}, best of x 256", "lifecycles/s") for door in ("ipc", "tcp")]
        own += [("ipc 64", "ipc, 64 x 1", "lifecycles/s"), ("nng 64", "nng client, 64 x 1", "lifecycles/s"),
                ("nng echo", "bare nng echo, 64 outstanding", "round trips/s"), ("ipc 1 p50", "ipc, 1 x 1, p50", "us"),
                ("spin 1 p50", "ipc, 1 x 1, spinning, p50", "us"), ("spin flush", "bare flush beside it", "us")]
        self.note_beside("own", own)
        shape = "{} x {}".format(*self.shape) if self.shape else "best"
        labels = {"best": f"{shape}, its best", "50": "50 x 1", "1": "1 x 1"}
        rates = [(f"redis {policy} {name}{part}", f"Redis {policy}, {label}{part and ',' + part}", unit)
                 for policy in ("always", "everysec") for name, label in labels.items()
                 for part, unit in (("", "lifecycles/s"), (" p50", "us"), (" p99", "us"))]
        clients = self.clients[0] if self.postgres else "best"
        rates += [("postgres best", f"PostgreSQL, {clients} clients, its best", "lifecycles/s"),
                  ("postgres best mean", f"PostgreSQL, {clients} clients, mean", "us")]
        self.note_beside("rival", rates)

    def _choose(self, door):
        """As many requests outstanding as are best for us, over all pairs: the rivals choose theirs, too."""
        names = [f"{door} 256 transitions", f"{door} 256 lifecycles"]
        candidates = [f"{door} {shape}" for shape in self.GROUPS]
        best = self.best_of(["own", "again"], candidates, names[0])
        if best is None:
            self.lack(names, self.absent.get(candidates[0], NOT_ASKED))
            return
        self.notes.append(f"ours: best is {best} (requests outstanding x commands)")
        for side in (side for pair in self.pairs for side in (pair.own, pair.again) if names[0] in side):
            side[names[1]] = side[names[0]] / TRANSITIONS
