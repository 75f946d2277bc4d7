#!/usr/bin/env python3
"""A check that cannot fail is no check: every rule of tidy.py gets a sample that breaks it, and one that does not."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

GUARDED = "/* a.h - sample. */\n#ifndef ORDO_SAMPLE_A_H\n#define ORDO_SAMPLE_A_H\n#endif\n"
LONG_FUNCTION = "int f(void)\n{\n" + "    g();\n" * 71 + "}\n"

# (rule, path, text): each must bring exactly this complaint
BAD = [
    ("file-size", "engine/base/a.c", "int a;\n" * 500),
    ("line-length", "engine/base/a.c", "int " + "a" * 97 + ";\n"),
    ("tab", "engine/base/a.c", "\tint a;\n"),
    ("trailing-blank", "engine/base/a.c", "int a; \n"),
    ("final-newline", "engine/base/a.c", "int a;"),
    ("function-size", "engine/base/a.c", LONG_FUNCTION),
    ("parent-include", "tools/ordo/a.c", '#include "../base/err.h"\n'),
    ("layer", "engine/base/a.c", '#include "ring/ring.h"\n'),
    ("layer", "engine/order/a.c", '#include "ring/ring.h"\n'),
    ("layer", "journal/a.c", '#include "order/state.h"\n'),
    ("pure-domain", "engine/order/a.c", "#include <time.h>\n"),
    ("package-header", "net/a.c", "#include <msgpack.h>\n"),
    ("package-header", "journal/a.c", "#include <nng/nng.h>\n"),
    ("package-header", "net/nng_a.h", GUARDED.replace("A_H\n#endif", "A_H\n#include <nng/nng.h>\n#endif").replace(
        "A_H", "NNG_A_H")),
    ("banned-call", "engine/base/a.c", "void f(void)\n{\n    sprintf(b, c);\n}\n"),
    ("banned-call", "tools/ordo/a.c", "int x = atoi (text);\n"),
    ("banned-call", "tools/ordo/a.c", "long x = time(NULL);\n"),
    ("banned-call", "tools/ordo/a.c", "int x = rand();\n"),
    ("banned-call", "engine/ring/a.c", "void *p = malloc(3);\n"),
    ("banned-call", "tests/unit/base/a.c", "void f(void)\n{\n    usleep(1);\n}\n"),
    ("include-guard", "engine/base/a.h", "#pragma once\n"),
    ("include-guard", "engine/base/b.h", GUARDED),
    ("one-title", "engine/README.md", "no title\n"),
    ("one-title", "engine/README.md", "# One\n\n# Two\n"),
    ("citation", "README.md", "# One\n\n7 us `none.csv:1 x 1`\n"),
    ("top-level", "notes/a.md", "x\n"),
    ("machine-path", "tools/a.md", "see /" + "work/x\n"),
    ("registry-host", "tools/a.md", "from https://pypi" + ".org/simple\n"),
    ("unfinished", "engine/base/a.c", "/* TO" + "DO: later */\n"),
    ("script-mode", "tools/a", "#!/bin/sh\n"),
    ("unused-bound", "engine/base/a.h", GUARDED.replace("#endif", "#define ORDO_SAMPLE_MAX 5\n#endif")),
    ("blob-size", "tests/a.bin", "x" * 70000),
]

# Looks like a mistake and is none.
GOOD = [
    ("engine/base/a.h", GUARDED),
    ("engine/base/b.c", '/* sprintf( in a comment */\nconst char *s = "atoi(";\nint operand(void);\nint x = operand();\n'),
    ("engine/base/c.c", "int long_one(void) /* tidy: allow function-size (a flat list) */\n{\n" + "    g();\n" * 71 + "}\n"),
    ("engine/base/d.c", "#define ORDO_D_MAX 5\nint d[ORDO_D_MAX];\n"),
    ("net/e.c", '#include "order/schema.h"\n#include "e.h"\n'),
    ("net/nng_f.c", "#include <nng/nng.h>\n"),
    ("engine/base/arena.c", "void *p = malloc(3);\n"),
    ("engine/base/g.c", "/* tidy: allow banned-call (a sample) */\nint x = rand();\n"),
    ("README.md", "# One\n\n```sh\n# a comment\n```\n"),
    ("bench/baseline/a.csv", '# a machine\nrow,median\n"1 x 1, p50",7\n'),
    ("bench/baseline/b.csv", "row,key,figure\n1,ring,batch 1\n"),
    ("bench/README.md", "# One\n\n7 us `a.csv:1 x 1, p50`, 9 x `b.csv:ring, batch 1`, see `a.csv`\n"),
    ("tests/h.sh", "name=$(mktemp -d x.XXXXXX)\n"),
]


def make_tree(folder, files):
    subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
    for path, text in files:
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as stream:
            stream.write(text)


def rules_broken(files, commands=None):
    with tempfile.TemporaryDirectory() as folder:
        make_tree(folder, files)
        build = None
        if commands is not None:
            build = os.path.join(folder, ".build")
            os.makedirs(build)
            entries = [{"directory": folder, "file": os.path.join(folder, path), "command": f"cc -c {path}"}
                       for path in commands]
            with open(os.path.join(build, "compile_commands.json"), "w", encoding="utf-8") as stream:
                json.dump(entries, stream)
        return [line.split(": ")[1] for line in tidy.check(folder, build).complaints]


def check_builds():
    header = GUARDED.replace("#endif", "struct a { unknown_type b; };\n#endif")
    source = ("engine/base/a.c", "int a;\n")
    cases = [
        (["no-target"], [source, ("engine/base/b.c", "int b;\n")], ["engine/base/a.c"]),
        (["header-alone"], [source, ("engine/base/a.h", header)], ["engine/base/a.c"]),
        ([], [source, ("engine/base/a.h", GUARDED)], ["engine/base/a.c"]),
    ]
    return [(wanted, rules_broken(files, commands)) for wanted, files, commands in cases]


def main():
    results = [([rule], rules_broken([(path, text)])) for rule, path, text in BAD]
    results += check_builds()
    results.append(([], rules_broken(GOOD)))
    failures = [(wanted, got) for wanted, got in results if wanted != got]
    for wanted, got in failures:
        print(f"wanted {wanted}, got {got}")
    print(f"tidy_test: {len(results)} samples, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
