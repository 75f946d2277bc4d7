"""Where a comparison runs: a folder of its own on the disk under test, and processes that end with it.

Every process gets a session of its own and is ended by its id, also when the comparison is interrupted.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

END_SECONDS_MAX = 20
BENCH_SOCKETS = re.compile(rb"/tmp/ordo-bench\.[A-Za-z0-9]{6}")  # where a benchmark's own node has its sockets


class Failed(Exception):
    """Something could not be measured; the text is one line and names what to do where that is known."""


class Interrupts:
    """Ctrl-C and its kin: KeyboardInterrupt, but not between the start of a process and its entry in a list, nor while
    things are put away; the second one and those that follow are not heard."""

    held = 0
    seen = 0

    @classmethod
    def listen(cls):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, cls.on_signal)

    @classmethod
    def on_signal(cls, *_):
        cls.seen += 1
        if cls.seen == 1 and cls.held == 0:
            raise KeyboardInterrupt

    def __enter__(self):
        Interrupts.held += 1
        self.before = Interrupts.seen

    def __exit__(self, kind, *_):
        Interrupts.held -= 1
        if kind is None and self.before == 0 and Interrupts.seen > 0 and Interrupts.held == 0:
            raise KeyboardInterrupt


def one_line(text, limit=240):
    """The last line that says something; before it the first that says what an error is."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Try `")] or ["no output"]
    error = next((line for line in lines if "error" in line.lower()), lines[-1])
    return (error if error == lines[-1] else f"{error} ... {lines[-1]}")[:limit]


def group_members(group):
    """Process ids of a process group, with their command lines."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(name)) == group:
                with open(f"/proc/{name}/cmdline", "rb") as stream:
                    found.append((int(name), stream.read()))
        except (OSError, ProcessLookupError):
            continue
    return found


def end(process, number=signal.SIGTERM):
    """Ends a process, then whatever of its group is still there, and removes the sockets of a benchmark's node."""
    members = group_members(process.pid)
    folders = {os.fsdecode(match) for _, line in members for match in BENCH_SOCKETS.findall(line)}
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pid, _ in group_members(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


class Place:
    """The folder, and the processes that live as long as it."""

    def __init__(self, folder):
        self.parent = os.path.abspath(folder)
        self.folder = self.sockets = None
        self.living = []

    def __enter__(self):
        try:
            with Interrupts():
                self.folder = tempfile.mkdtemp(prefix="ordo-compare.", dir=self.parent)
                self.sockets = tempfile.mkdtemp(prefix="ordo-compare.")  # a socket's path must be short
                os.chmod(self.folder, 0o711)  # PostgreSQL refuses to run as root: its own user passes through
                os.chmod(self.sockets, 0o711)
        except OSError as error:
            self.__exit__()
            raise Failed(f"no folder can be made in {self.parent}: {error.strerror}; give another with --dir") from error
        except KeyboardInterrupt:
            self.__exit__()
            raise
        return self

    def __exit__(self, *what):
        with Interrupts():
            for process, number in reversed(self.living):
                end(process, number)
            self.living = []
            for folder in filter(None, (self.folder, self.sockets)):
                shutil.rmtree(folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def spawn(self, arguments, end_signal=signal.SIGTERM, **more):
        """A process that lives until release() or the end of the place."""
        with Interrupts():
            try:
                process = subprocess.Popen(arguments, start_new_session=True, **more)
            except OSError as error:
                raise Failed(f"{arguments[0]} does not start: {error.strerror}") from error
            self.living.append((process, end_signal))
        return process

    def release(self, process):
        with Interrupts():
            number = next(n for p, n in self.living if p is process)
            self.living = [(p, n) for p, n in self.living if p is not process]
            end(process, number)

    def run(self, arguments, seconds_max=120, given=None, **more):
        """One program to its end: its output. Fails with its last line when it does."""
        process = self.spawn(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, **more)
        name = " ".join([os.path.basename(arguments[0]), *arguments[1:3]])
        try:
            out, complaint = process.communicate(given, timeout=seconds_max)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{name}: no end after {seconds_max:.0f} s") from error
        finally:
            self.release(process)
        if process.returncode != 0:
            raise Failed(f"{name}: exit {process.returncode}: {one_line(complaint or out)}")
        return out


def wait_until(ready, seconds_max, what):
    """Polls what has no way to tell; for the starts of servers only, never within a measurement."""
    deadline = time.monotonic() + seconds_max
    while not ready():
        if time.monotonic() > deadline:
            raise Failed(f"{what} is not ready after {seconds_max} s")
        time.sleep(0.02)


def settle():
    """What one side has left in the page cache is not the other's to write."""
    os.sync()


def cpu_seconds(pid):
    """User and system time of a process, over all of its threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        fields = stream.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
