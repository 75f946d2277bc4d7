"""The LMAX Disruptor as a rival: one Java process a wait strategy, warmed up, asked for one flow after the other."""

import glob
import os
import selectors
import shutil
import subprocess

from place import Failed, one_line

JAR = "/usr/share/java/disruptor.jar"
STRATEGIES = ("BusySpin", "Yielding", "Blocking", "LiteBlocking", "Sleeping", "PhasedBackoff")
FLOWS = (("one", 1), ("one", 64), ("chain", 1), ("chain", 64), ("compact", 1), ("ping", 1))
ANSWER_SECONDS_MAX = 60
HERE = os.path.dirname(os.path.abspath(__file__))
JAVA = ("java", "-Xms256m", "-Xmx256m", "-XX:+UseParallelGC", "-XX:+AlwaysPreTouch")


def missing():
    if not os.path.exists(JAR):
        return "libdisruptor-java"
    return next((f"{name} (default-jdk-headless)" for name in ("javac", "java") if shutil.which(name) is None), None)


def version():
    text = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    numbered = glob.glob(JAR.replace(".jar", "-[0-9]*.jar"))
    number = os.path.basename(numbered[0])[len("disruptor-"):-len(".jar")] if numbered else "of unknown version"
    return f"Disruptor {number} on Java " + text.split('"')[1]


class Disruptor:
    """All wait strategies, side by side; each asleep until it is asked."""

    def __init__(self, place):
        classes = place.path("classes")
        os.mkdir(classes)
        place.run(["javac", "-cp", JAR, "-d", classes, os.path.join(HERE, "disruptor", "RingSide.java")])
        self.sides = {}
        for name in STRATEGIES:
            self.sides[name] = place.spawn(
                [*JAVA, "-cp", f"{JAR}:{classes}", "RingSide", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, bufsize=1)

    def warm_up(self, seconds):
        """Each flow three times: the second time the compiled code is entered from its beginning."""
        for name in STRATEGIES:
            for _ in range(3):
                for flow, batch in FLOWS:
                    self.measure(name, flow, batch, seconds / 3)

    def measure(self, name, flow, batch, seconds):
        """Events a second, or nanoseconds for "ping"."""
        side = self.sides[name]
        try:
            side.stdin.write(f"{flow} {batch} {seconds}\n")
            side.stdin.flush()
        except BrokenPipeError as error:
            raise Failed(f"Disruptor, {name}: {one_line(side.stderr.read())}") from error
        with selectors.DefaultSelector() as selector:
            selector.register(side.stdout, selectors.EVENT_READ)
            if not selector.select(seconds + ANSWER_SECONDS_MAX):
                raise Failed(f"Disruptor, {name}, {flow}: no answer after {ANSWER_SECONDS_MAX} s")
        line = side.stdout.readline()
        if not line:
            raise Failed(f"Disruptor, {name}, {flow}: {one_line(side.stderr.read())}")
        return float(line)
