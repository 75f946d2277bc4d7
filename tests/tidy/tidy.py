#!/usr/bin/env python3
"""Style as a test: what a compiler does not say about this project's sources.

    tests/tidy/tidy.py [--root DIR] [--build BUILD]

Prints one line a complaint, PATH:LINE: RULE: what is wrong and what to do, and exits 1 when there is one. With
--build (a configured build tree) it also checks that every source belongs to a target and that every header compiles
alone. A comment "tidy: allow RULE (reason)" on the line or the line above excuses one place; for function-size and
file rules it may stand anywhere in the function or file. tidy_test.py feeds each rule a bad sample.
"""

import argparse
import csv
import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

FILE_LINES_MAX = 499
LINE_COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
BLOB_BYTES_MAX = 65536
TOP_LEVEL = {"CMakeLists.txt", "engine", "journal", "net", "bench", "tests", "tools", "README.md"}

# Which files may include a package's headers: one wrapper each, never a header of ours.
PACKAGES = {
    "liburing.h": ["engine/base/uring.c"],
    "zstd.h": ["journal/zip.c"],
    "lmdb.h": ["journal/*lmdb*.c"],
    "msgpack.h": ["net/*msgpack*.c", "tests/unit/net/*.c"],
    "nng/": ["net/nng_*.c", "bench/nng_*.c", "bench/door_bench.c", "net/client/*.c", "tests/unit/net/*.c", "tests/e2e/*.c"],
    "fuse.h": ["tests/powerloss/block_recorder.c"],
    "ini.h": ["tools/ordo/config.c"],
    "jansson.h": ["tools/ordo/*.c", "bench/*.c", "tests/unit/bench/*.c", "tests/unit/net/vectors_*.c"],
    "isa-l": ["engine/base/crc32c.c"],
    "xxhash.h": ["engine/base/hash.c"],
    "sodium.h": ["net/client/seal.c"],
    "openssl/": ["journal/chain.c"],
    "criterion/": ["tests/unit/*", "tests/cases/*"],
}

# First path component of an include of ours, by the folder that includes it. The linker knows the same layers; this
# names the rule that was broken.
LAYERS = [
    ("engine/base/", {"base"}),
    ("engine/ring/", {"base", "ring"}),
    ("engine/order/", {"base", "order"}),
    ("engine/pipeline/", {"base", "ring", "order", "pipeline"}),
    ("journal/", {"base", "ring", "journal"}),
    ("net/", {"base", "ring", "order", "pipeline", "journal", "net"}),
]
# The domain is a pure function: no clock, threads, atomics, files.
ORDER_HEADERS_BANNED = {
    "stdatomic.h", "pthread.h", "threads.h", "time.h", "sys/time.h", "unistd.h", "fcntl.h", "stdio.h", "math.h",
    "sched.h", "base/clock.h", "base/thread.h", "base/log.h",
}

# (call, what to use instead, only below these folders ("" = everywhere), excepted files)
BANNED = [
    ("sprintf", "snprintf", "", []),
    ("vsprintf", "vsnprintf", "", []),
    ("strcpy", "memcpy with a checked size", "", ["tests/*"]),
    ("strcat", "snprintf", "", ["tests/*"]),
    ("strncpy", "memcpy with a checked size", "", []),
    ("strncat", "snprintf", "", []),
    ("gets", "fgets", "", []),
    ("atoi", "ordo_cli_number", "", []),
    ("atol", "ordo_cli_number", "", []),
    ("atoll", "ordo_cli_number", "", []),
    ("atof", "integers in minor units", "", []),
    ("strtok", "strtok_r", "", []),
    ("alloca", "a bounded buffer", "", []),
    ("rand", "a seeded generator whose seed is printed", "", []),
    ("srand", "a seeded generator whose seed is printed", "", []),
    ("random", "a seeded generator whose seed is printed", "", []),
    ("drand48", "a seeded generator whose seed is printed", "", []),
    ("localtime", "gmtime_r", "", []),
    ("gmtime", "gmtime_r", "", []),
    ("strerror", "strerror is not thread-safe here: ordo_err_text, or log errno", "engine/", []),
    ("system", "posix_spawn", "", ["tests/*"]),
    ("assert", "ORDO_ASSERT", "", []),
    ("sleep", "a deadline on a sequence or a fake clock", "tests/", []),
    ("usleep", "a deadline on a sequence or a fake clock", "tests/", []),
    ("malloc", "the arena (base/arena.h)", "engine/", ["engine/base/arena.c"]),
    ("calloc", "the arena (base/arena.h)", "engine/", ["engine/base/arena.c"]),
    ("realloc", "the arena (base/arena.h)", "engine/", ["engine/base/arena.c"]),
    ("strdup", "the arena (base/arena.h)", "engine/", ["engine/base/arena.c"]),
    ("free", "the arena (base/arena.h)", "engine/", ["engine/base/arena.c"]),
]

SCRIPT_LIKE = (".py", ".sh", ".cmake", ".md", ".txt", ".c", ".h", ".ini", ".yml", ".json")
MACHINE_PATHS = re.compile(r"(?<![\w.-])/(?:work|root|home|tmp/bash)[/_]")
REGISTRIES = re.compile(
    r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|yarnpkg|crates\.io|rubygems|artifactory|nexus|jfrog|goproxy)[\w.-]*")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
SELF = ("tests/tidy/tidy.py", "tests/tidy/tidy_test.py")


class Tree:
    """The files under one root and the complaints about them."""

    def __init__(self, root):
        self.root = root
        self.complaints = []
        self.files = self._list()
        self.text = {}
        for path in self.files:
            with open(os.path.join(root, path), "rb") as stream:
                raw = stream.read()
            self.text[path] = raw.decode("utf-8", "replace")
            if len(raw) > BLOB_BYTES_MAX:
                self.complain(path, 1, "blob-size", f"{len(raw)} bytes: generate it or make it smaller")

    def _list(self):
        git = subprocess.run(
            ["git", "-C", self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=True)
        names = [name for name in git.stdout.decode().split("\0") if name]
        return sorted(n for n in set(names) if os.path.isfile(os.path.join(self.root, n)))

    def complain(self, path, line, rule, text):
        lines = self.text.get(path, "").split("\n")
        near = "\n".join(lines[max(0, line - 2):line])
        if f"tidy: allow {rule} (" not in near:
            self.complaints.append(f"{path}:{line}: {rule}: {text}")

    def named(self, *endings):
        return [path for path in self.files if path.endswith(endings)]


def code_only(text):
    """The text with comments, strings and character constants blanked, line by line the same length."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def check_lines(tree):
    for path in tree.named(".c", ".h", ".py", ".sh"):
        text = tree.text[path]
        lines = text.split("\n")
        if len(lines) - 1 > FILE_LINES_MAX and "tidy: allow file-size (" not in text:
            tree.complain(path, 1, "file-size", f"{len(lines) - 1} lines: split it below {FILE_LINES_MAX + 1}")
        if text and not text.endswith("\n"):
            tree.complain(path, len(lines), "final-newline", "end the file with a newline")
        for number, line in enumerate(lines, 1):
            if path.endswith((".c", ".h")) and len(line) > LINE_COLUMNS_MAX:
                tree.complain(path, number, "line-length", f"{len(line)} columns: at most {LINE_COLUMNS_MAX}")
            if "\t" in line:
                tree.complain(path, number, "tab", "use blanks")
            if line.rstrip() != line:
                tree.complain(path, number, "trailing-blank", "remove it")


def check_functions(tree):
    """A body is what stands between a '{' and a '}' in column 0: clang-format puts them there."""
    for path in tree.named(".c", ".h"):
        lines = tree.text[path].split("\n")
        begin = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                begin = number
            elif line == "}" and begin is not None:
                size = number - begin - 1
                excuse = "\n".join(lines[max(0, begin - 8):number])
                if size > FUNCTION_LINES_MAX and "tidy: allow function-size (" not in excuse:
                    tree.complain(path, begin, "function-size",
                                  f"{size} lines: split it below {FUNCTION_LINES_MAX + 1}, or say why not")
                begin = None


def included(text):
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def check_package(tree, path, number, name):
    for package, wrappers in PACKAGES.items():
        if not (name == package or name.startswith(package)):
            continue
        allowed = any(fnmatch.fnmatch(path, wrapper) for wrapper in wrappers)
        if not allowed or (path.endswith(".h") and not path.startswith("tests/")):
            tree.complain(path, number, "package-header", f"<{name}> belongs into {' or '.join(wrappers)}")


def check_includes(tree):
    for path in tree.named(".c", ".h"):
        layer = next((allowed for folder, allowed in LAYERS if path.startswith(folder)), None)
        for number, system, name in included(tree.text[path]):
            if ".." in name.split("/"):
                tree.complain(path, number, "parent-include", f'"{name}": include by layer, e.g. "ring/ring.h"')
            if path.startswith("engine/order/") and name in ORDER_HEADERS_BANNED:
                tree.complain(path, number, "pure-domain", f"{name}: engine/order has no clock, thread, file")
            if system:
                check_package(tree, path, number, name)
            elif layer is not None and "/" in name and name.split("/")[0] not in layer:
                tree.complain(path, number, "layer", f'"{name}" is above this layer, which sees {sorted(layer)}')


def check_calls(tree):
    for path in tree.named(".c", ".h"):
        code = code_only(tree.text[path]).split("\n")
        rules = [(call, instead) for call, instead, folder, excepted in BANNED
                 if path.startswith(folder) and not any(fnmatch.fnmatch(path, e) for e in excepted)]
        if not path.startswith("tests/"):
            rules.append((r"time\s*\(\s*NULL", "the clock port (base/clock.h)"))
        for number, line in enumerate(code, 1):
            for call, instead in rules:
                call_pattern = call if "(" in call else call + r"\s*\("
                if re.search(r"(?<![\w.>])" + call_pattern, line):
                    tree.complain(path, number, "banned-call", f"{call.split(chr(92))[0]}: use {instead}")


def check_guards(tree):
    for path in tree.named(".h"):
        match = re.search(r"^#ifndef (\w+)\n#define (\w+)\n", tree.text[path], re.M)
        stem = re.sub(r"\W", "_", os.path.basename(path)).upper()
        good = match and match.group(1) == match.group(2)
        if not good or not re.fullmatch(r"ORDO_(\w+_)?" + stem, match.group(1)):
            tree.complain(path, 1, "include-guard", f"#ifndef and #define ORDO_..._{stem} below the top comment")


def check_readmes(tree):
    for path in tree.named("README.md"):
        text = re.sub(r"^```.*?^```", "", tree.text[path], flags=re.S | re.M)
        titles = re.findall(r"^# ", text, re.M)
        if len(titles) != 1:
            tree.complain(path, 1, "one-title", f"{len(titles)} titles ('# '): exactly one")


def cited_names(text):
    """What may be cited of a file in bench/baseline: its rows; of bench/targets' files figures, too."""
    names = set()
    for row in csv.DictReader(line for line in text.split("\n") if not line.startswith("#")):
        row, key, figure = row.get("row"), row.get("key"), row.get("figure")
        names |= {row, figure, key and f"{key}, {figure}"}
    return names


def check_citations(tree):
    """A figure cites the row it comes from as `FILE.csv:ROW`."""
    for path in tree.named("README.md"):
        for number, line in enumerate(tree.text[path].split("\n"), 1):
            for name, row in re.findall(r"`([\w-]+\.csv):([^`]+)`", line):
                baseline = tree.text.get(f"bench/baseline/{name}")
                if baseline is None or row not in cited_names(baseline):
                    tree.complain(path, number, "citation", f'bench/baseline/{name} has no row "{row}": record it or cite another')


def check_places(tree):
    for top in sorted({path.split("/")[0] for path in tree.files}):
        if top not in TOP_LEVEL and not top.startswith("."):
            tree.complain(top, 1, "top-level", f"only {' '.join(sorted(TOP_LEVEL))} and dotfiles")
    for path in tree.files:
        if path in SELF or not (path.endswith(SCRIPT_LIKE) or "." not in os.path.basename(path)):
            continue
        for number, line in enumerate(tree.text[path].split("\n"), 1):
            if MACHINE_PATHS.search(line):
                tree.complain(path, number, "machine-path", "a path of one machine: make it relative")
            if REGISTRIES.search(line):
                tree.complain(path, number, "registry-host", "a package registry: leave it to the machine's settings")
            if UNFINISHED.search(line):
                tree.complain(path, number, "unfinished", "finish it or open an issue")


def check_scripts(tree):
    for path in tree.files:
        runs = os.access(os.path.join(tree.root, path), os.X_OK)
        if tree.text[path].startswith("#!") and not runs:
            tree.complain(path, 1, "script-mode", "has a #! line: chmod +x")
        if runs and not tree.text[path].startswith("#!"):
            tree.complain(path, 1, "script-mode", "is executable and has no #! line")


def check_bounds(tree):
    """A bound that nothing looks at bounds nothing."""
    sources = {path: tree.text[path] for path in tree.named(".c", ".h")}
    everything = "\n".join(code_only(text) for text in sources.values())
    for path, text in sources.items():
        for match in re.finditer(r"^#define (ORDO_\w+_MAX)\b", text, re.M):
            if len(re.findall(r"\b" + match.group(1) + r"\b", everything)) < 2:
                line = text.count("\n", 0, match.start()) + 1
                tree.complain(path, line, "unused-bound", f"{match.group(1)} is never looked at")


def compile_commands(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as stream:
        return json.load(stream)


def check_targets(tree, build):
    known = {os.path.realpath(os.path.join(c["directory"], c["file"])) for c in compile_commands(build)}
    for path in tree.named(".c"):
        if os.path.realpath(os.path.join(tree.root, path)) not in known:
            tree.complain(path, 1, "no-target", "no CMakeLists.txt builds it: dead file?")


def header_command(tree, commands, path):
    """The flags of all sources in the nearest folder together: a header may serve several targets there."""
    folder = os.path.dirname(os.path.realpath(os.path.join(tree.root, path)))

    def nearness(command):
        return len(os.path.commonpath([folder, os.path.dirname(os.path.realpath(command["file"]))]))

    nearest = max(map(nearness, commands))
    near = [shlex.split(c["command"]) for c in commands if nearness(c) == nearest]
    flags = []
    for words in near:
        for index, word in enumerate(words):
            pair = words[index:index + 2] if word in ("-isystem", "-include") else [word]
            if (len(pair) == 2 or word.startswith(("-I", "-D", "-std", "-W"))) and pair[-1] not in flags:
                flags += pair
    flags += ["-I" + folder, "-Wno-unused-function", "-Wno-unused-const-variable", "-fsyntax-only"]
    return [near[0][0]] + flags + ["-x", "c", "-"]


def check_headers(tree, build):
    commands = compile_commands(build)

    def compile_one(path):
        source = f'#include "{os.path.basename(path)}"\nextern int tidy_keeps_the_unit_from_being_empty;\n'
        run = subprocess.run(header_command(tree, commands, path), input=source, text=True, capture_output=True,
                             check=False)
        return path, run

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, run in pool.map(compile_one, tree.named(".h")):
            if run.returncode != 0:
                first = next((line for line in run.stderr.split("\n") if "error:" in line), run.stderr[:200])
                tree.complain(path, 1, "header-alone", f"does not compile by itself: {first}")


RULES = [check_lines, check_functions, check_includes, check_calls, check_guards, check_readmes, check_citations, check_places,
         check_scripts, check_bounds]
BUILD_RULES = [check_targets, check_headers]


def check(root, build):
    tree = Tree(root)
    for rule in RULES:
        rule(tree)
    for rule in BUILD_RULES if build else []:
        rule(tree, build)
    return tree


def main():
    parser = argparse.ArgumentParser(description="Check the project's style.")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    parser.add_argument("--build", help="a configured build tree")
    options = parser.parse_args()
    tree = check(options.root, options.build)
    for complaint in tree.complaints:
        print(complaint)
    sources = len(tree.named(".c", ".h"))
    print(f"tidy: {len(tree.files)} files, {sources} of C, {len(tree.complaints)} complaints")
    return 1 if tree.complaints or sources == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
