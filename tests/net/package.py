#!/usr/bin/env python3
"""libordo as somebody else uses it: installed into an empty prefix, found by pkg-config and by CMake, with headers that stand
alone in C and C++, no name exported but those of its version script, and examples that run against a node.

    tests/net/package.py ORDO BUILD net/client
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rig import Workplace, check, run_cases  # noqa: E402

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


class Package:
    def __init__(self, place, build, source):
        self.place = place
        self.build = os.path.abspath(build)
        self.source = os.path.abspath(source)
        self.prefix = place.path("prefix")
        self.cc = os.environ.get("CC", "cc")
        self.environment = dict(os.environ)
        self.programs = {}

    def command(self, *words, **more):
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=self.place.folder,
                              env=self.environment, timeout=300, **more)
        check(done.returncode == 0, f"{' '.join(words[:4])}: exit {done.returncode}: {(done.stderr + done.stdout)[-800:]}")
        return done.stdout

    def library(self, name):
        found = [os.path.join(folder, file) for folder, _, files in os.walk(self.prefix) for file in files if file == name]
        check(len(found) == 1, f"{name}: {len(found)} are installed")
        return found[0]

    # ---- cases ----

    def installs(self):
        self.command("cmake", "--install", self.build, "--component", "libordo", "--prefix", self.prefix)
        folder = os.path.dirname(self.library("libordo.pc"))
        self.environment["PKG_CONFIG_PATH"] = folder
        for name in ("libordo.so", "libordo.so.0", "libordo.a", "ordoConfig.cmake", "ordo.h", "follow.h"):
            self.library(name)

    def exports(self):
        with open(os.path.join(self.source, "package", "libordo.map"), encoding="ascii") as stream:
            wanted = set(re.findall(r"^ +(ordo_\w+);", stream.read(), re.M))
        lines = self.command("nm", "-D", "--defined-only", self.library("libordo.so.0")).splitlines()
        names = {line.split()[-1] for line in lines if " A " not in line}
        check(names == {name + "@@ORDO_0" for name in wanted}, f"exported: {sorted(names)}")
        lines = self.command("nm", "-g", "--defined-only", self.library("libordo.a")).splitlines()
        names = {line.split()[-1] for line in lines if " T " in line or " D " in line or " B " in line}
        check(names == wanted, f"names of the static library: {sorted(names)}")

    def declared(self):
        """Each name of the version script is in a header, and each of the headers is in the script."""
        text = ""
        for name in ("words.h", "command.h", "ordo.h", "follow.h"):
            with open(self.library(name), encoding="utf-8") as stream:
                text += re.sub(r"/\*.*?\*/", "", stream.read(), flags=re.S)
        declared = set(re.findall(r"ORDO_API [^;(]*?\b(ordo_\w+)\(", text))
        with open(os.path.join(self.source, "package", "libordo.map"), encoding="ascii") as stream:
            wanted = set(re.findall(r"^ +(ordo_\w+);", stream.read(), re.M))
        check(declared == wanted, f"only in one of both: {sorted(declared ^ wanted)}")

    def headers(self):
        include = os.path.dirname(os.path.dirname(self.library("ordo.h")))
        for name in ("words.h", "command.h", "ordo.h", "follow.h"):
            source = f"#include <ordo/{name}>\n"
            self.command(self.cc, "-std=c99", *STRICT, "-I", include, "-fsyntax-only", "-x", "c", "-", input=source)
            if shutil.which("c++") is not None:
                self.command("c++", "-std=c++11", *STRICT, "-I", include, "-fsyntax-only", "-x", "c++", "-", input=source)

    def by_pkg_config(self):
        flags = self.command("pkg-config", "--cflags", "--libs", "libordo").split()
        folder = os.path.dirname(self.library("libordo.so"))
        for name in ("order", "subscribe"):
            program = self.place.path(name)
            source = os.path.join(self.source, "examples", name + ".c")
            self.command(self.cc, "-std=gnu11", *STRICT, source, *flags, f"-Wl,-rpath,{folder}", "-o", program)
            self.programs[name] = program
        static = self.command("pkg-config", "--static", "--libs", "libordo").replace("-lordo", self.library("libordo.a"))
        self.command(self.cc, "-std=gnu11", os.path.join(self.source, "examples", "order.c"), *flags[:1], *static.split(),
                     "-o", self.place.path("order_static"))

    def by_cmake(self):
        build = self.place.path("build")
        self.command("cmake", "-S", os.path.join(self.source, "examples"), "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.command("cmake", "--build", build)
        self.programs["subscribe"] = os.path.join(build, "example_subscribe")

    def sells(self):
        node = self.place.node("data")
        node.start()
        with open(self.place.path("cards"), "w", encoding="ascii") as stream:
            stream.write("KEY-1\nKEY-2\n")
        self.place.ask("sku", "put", "1", "--price", "9.90")
        self.place.ask("card", "add", "1", "--file", "cards")
        sale = ["ipc://data/ordo.ipc", "data.key", "1", "990"]
        for program in (self.programs["order"], self.place.path("order_static")):
            said = self.command(program, *sale, "EX-1")
            check("KEY-1" in said and "ISSUING" in said, f"the example sold: {said}")
        said = self.command(self.programs["subscribe"], "ipc://data/ordo.ipc", "ipc://data/updates.ipc", "mail", "3")
        check([line.split()[0] for line in said.splitlines()] == ["1", "2", "3"], f"first start: {said}")
        node.stop()
        node.start()
        self.command(self.programs["order"], *sale, "EX-2")
        said = self.command(self.programs["subscribe"], "ipc://data/ordo.ipc", "ipc://data/updates.ipc", "mail", "5")
        check([line.split()[0] for line in said.splitlines()] == ["4", "5", "6", "7", "8"], f"after a restart: {said}")


def main():
    if len(sys.argv) < 4:
        print(f"usage: {sys.argv[0]} ORDO BUILD net/client", file=sys.stderr)
        return 64
    place = Workplace(sys.argv[1], "package")
    package = Package(place, sys.argv[2], sys.argv[3])
    code = 1
    try:
        code = run_cases("package", [
            ("it installs into a prefix", package.installs),
            ("it exports the public names and no other", package.exports),
            ("what it exports is what the headers declare", package.declared),
            ("each header stands alone in C99 and C++11", package.headers),
            ("the examples build by pkg-config, also static", package.by_pkg_config),
            ("the examples build by find_package", package.by_cmake),
            ("the examples sell a card and follow it over a restart", package.sells),
        ])
    finally:
        place.close(code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
