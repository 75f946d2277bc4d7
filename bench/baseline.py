#!/usr/bin/env python3
"""Baselines of the benchmarks: keep figures with where they come from, and find what got worse without looking at seconds.

    bench/baseline.py record FILE.json...         JSON lines of `ordo bench` into bench/baseline/BENCH.csv, a row a figure
    bench/baseline.py cite BENCH...               the rows of bench/baseline/BENCH.csv as a table for a README; each cites
                                                  its row, and tests/tidy looks whether it is there
    bench/baseline.py instructions ORDO           count again and write bench/baseline/instructions.csv
    bench/baseline.py check ORDO [--no-ratios]    instructions against the baseline (more than 3 % above: exit 1), ratios
                                                  of a quick run against the recorded ones (told, never a failure)

Instructions are counted by callgrind over fixed work (`--count`), in functions of their own, so they are the same on a busy
machine and on an idle one; they depend on compiler and flags, so another compiler than the recorded one is a skip (exit 77),
as is a machine without valgrind. The C library is told to use its plainest string functions, so that the processor does not
matter either. Ratios are medians of pairs of one run; the recorded least and most are the tolerance.
"""

import argparse
import csv
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "baseline")
TOLERANCE = 0.03
SKIPPED = 77
COUNT_SECONDS_MAX = 300
QUICK_SECONDS_MAX = 120
RATIO_BENCHES = ("ring", "apply", "codec")
PLAIN_LIBC = "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-ERMS,-FSRM,-SSSE3,-SSE4_2"
COLUMNS = ["row", "unit", "median", "least", "most", "limit", "ratio", "ratio_least", "ratio_most", "p50_us", "p99_us",
           "p99_9_us", "machine", "commit", "date", "command"]
INSTRUCTION_COLUMNS = ["row", "instructions", "function", "compiler", "commit", "date", "command"]

# What is counted: row of instructions.csv, function, `ordo bench` words, row of its JSON that has the number of items.
COUNTED = [
    ("apply, a command", "ordo_load_apply", "apply --orders 10000 --count 40960", "counted"),
    ("codec, a command encoded", "ordo_codec_encode_requests", "codec --count 8192", "request encode"),
    ("codec, a command decoded", "ordo_codec_decode_requests", "codec --count 8192", "request decode"),
    ("codec, a result encoded", "ordo_codec_encode_replies", "codec --count 8192", "reply encode"),
    ("codec, an update encoded", "ordo_codec_encode_updates", "codec --count 8192", "update encode"),
]


class Failed(Exception):
    """One line for the person who called."""


class Skipped(Exception):
    """Cannot be checked here."""


# ---- files ----

def read_csv(path):
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def write_csv(path, columns, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def short(value):
    return "" if value is None else f"{value:.6g}"


def machine_text(machine):
    return "{cpu}, {cores} cores, {kernel}, {file_system} on {disk}, load {load:.1f}, {compiler} {build}".format(**machine)


def rows_of(result, date):
    """The CSV rows of one JSON object of a benchmark."""
    rows = []
    for row in result["rows"]:
        ratio = row.get("ratio", {})
        latency = row.get("latency_us", {})
        rows.append({
            "row": row["name"], "unit": row["unit"], "median": short(row["median"]), "least": short(row["least"]),
            "most": short(row["most"]), "limit": row.get("limit", {}).get("name", ""), "ratio": short(ratio.get("median")),
            "ratio_least": short(ratio.get("least")), "ratio_most": short(ratio.get("most")),
            "p50_us": short(latency.get("p50")), "p99_us": short(latency.get("p99")),
            "p99_9_us": short(latency.get("p99_9")), "machine": machine_text(result["machine"]),
            "commit": result["commit"], "date": date, "command": f"ordo bench {result['config']['command']}"})
    return rows


def results_in(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("{"):
                yield json.loads(line)


# ---- record ----

def record(paths, folder=FOLDER, date=None):
    """Each benchmark's file; rows of the same command are replaced, those of others stay. Returns the files written."""
    date = date or datetime.date.today().isoformat()
    written = {}
    for path in paths:
        for result in results_in(path):
            if result["machine"]["build"] != "Release":
                raise Failed(f"{path}: a {result['machine']['build']} build; figures are of Release builds")
            if result["config"].get("quick"):
                raise Failed(f"{path}: a quick run says nothing")
            target = os.path.join(folder, f"{result['bench']}.csv")
            fresh = rows_of(result, date)
            kept = written[target] if target in written else read_csv(target) if os.path.exists(target) else []
            written[target] = [row for row in kept if row["command"] != fresh[0]["command"]] + fresh
    for target, rows in written.items():
        write_csv(target, COLUMNS, rows)
    return sorted(written)


# ---- cite ----

def cite(bench, folder=FOLDER):
    """Lines of a Markdown table. Raises OSError where nothing was recorded."""
    lines = ["| what | figure | of its limit | row |", "|---|---|---|---|"]
    for row in read_csv(os.path.join(folder, f"{bench}.csv")):
        figure = f"{row['median']} {row['unit']} ({row['least']}-{row['most']})"
        ratio = f"{row['ratio']} ({row['ratio_least']}-{row['ratio_most']}) of {row['limit']}" if row["ratio"] else ""
        lines.append(f"| {row['row']} | {figure} | {ratio} | `{bench}.csv:{row['row']}` |")
    return lines


# ---- instructions ----

def count(ordo, function, words, items_row):
    """(instructions an item, the benchmark's JSON object)."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", f"--toggle-collect={function}", ordo,
             "bench", *words.split(), "--json"],
            capture_output=True, text=True, timeout=COUNT_SECONDS_MAX, check=False,
            env={**os.environ, "GLIBC_TUNABLES": PLAIN_LIBC})
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise Failed(f"ordo bench {words} under callgrind: exit {done.returncode}: {done.stderr[-300:]}")
    result = json.loads(done.stdout)
    items = next(row["median"] for row in result["rows"] if row["name"] == items_row)
    if int(found.group(1)) == 0:
        raise Failed(f"{function} was never entered: callgrind counts by its name")
    return int(found.group(1)) / items, result


def measure(ordo):
    """Rows of instructions.csv, as they are now."""
    if shutil.which("valgrind") is None:
        raise Skipped("no valgrind here: tools/setup installs it")
    rows = []
    for name, function, words, items_row in COUNTED:
        instructions, result = count(ordo, function, words, items_row)
        machine = result["machine"]
        if machine["build"] != "Release":
            raise Skipped(f"a {machine['build']} build: instructions are counted in Release builds")
        rows.append({"row": name, "instructions": f"{instructions:.1f}", "function": function,
                     "compiler": machine["compiler"], "commit": result["commit"],
                     "date": datetime.date.today().isoformat(), "command": f"ordo bench {words}"})
    return rows


def compare_instructions(recorded, measured, tolerance=TOLERANCE):
    """(lines to print, names of rows that are worse). Fewer instructions are good, and to be recorded."""
    lines, worse = [], []
    now = {row["row"]: row for row in measured}
    for row in recorded:
        if row["row"] not in now:
            worse.append(row["row"])
            lines.append(f"{row['row']}: is not counted any more")
            continue
        before, after = float(row["instructions"]), float(now[row["row"]]["instructions"])
        change = after / before - 1
        verdict = "ok"
        if change > tolerance:
            verdict = "WORSE"
            worse.append(row["row"])
        elif change < -tolerance:
            verdict = "better: record it (bench/baseline.py instructions ORDO)"
        lines.append(f"{row['row']:<28} {after:9.1f} instructions, recorded {before:9.1f}: {100 * change:+.1f} %  {verdict}")
    return lines, worse


def check_instructions(ordo, path, take=measure):
    recorded = read_csv(path)
    measured = take(ordo)
    compilers = {row["compiler"] for row in recorded}
    if compilers != {measured[0]["compiler"]}:
        raise Skipped(f"recorded with {', '.join(sorted(compilers))}, this is {measured[0]['compiler']}: not comparable")
    lines, worse = compare_instructions(recorded, measured)
    print("\n".join(lines))
    return not worse


# ---- ratios ----

def compare_ratios(recorded, rows):
    """Lines: each ratio of now beside the recorded one and its spread."""
    lines = []
    before = {row["row"]: row for row in recorded if row["ratio"]}
    for row in rows:
        known = before.get(row["name"])
        if known is None or "ratio" not in row:
            continue
        least, most, now = float(known["ratio_least"]), float(known["ratio_most"]), row["ratio"]["median"]
        verdict = "within the recorded spread" if least <= now <= most else "outside of it"
        lines.append(f"{row['name']:<28} {now:9.3f} of {row['limit']['name']}, recorded {known['ratio']} "
                     f"({known['ratio_least']} - {known['ratio_most']}): {verdict}")
    return lines


def check_ratios(ordo, folder):
    """Quick runs of what needs no disk; told only, for a quick run on a busy machine proves nothing."""
    for bench in RATIO_BENCHES:
        path = os.path.join(folder, f"{bench}.csv")
        if not os.path.exists(path):
            continue
        recorded = read_csv(path)
        more = ["--orders", "1000000"] if bench == "apply" else []
        done = subprocess.run([ordo, "bench", bench, "--quick", "--repeats", "5", "--json", *more], capture_output=True,
                              text=True, timeout=QUICK_SECONDS_MAX, check=False)
        if done.returncode != 0:
            print(f"{bench}: {done.stderr.strip()}")
            continue
        for line in compare_ratios(recorded, json.loads(done.stdout)["rows"]):
            print(f"{bench}: {line}")


# ---- the command ----

def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("record", help="keep the figures of JSON lines")
    verb.add_argument("files", nargs="+")
    verb = verbs.add_parser("cite", help="a table for a README")
    verb.add_argument("benches", nargs="+")
    verb = verbs.add_parser("instructions", help="count instructions and keep them")
    verb.add_argument("ordo")
    verb = verbs.add_parser("check", help="compare with what was kept")
    verb.add_argument("ordo")
    verb.add_argument("--no-ratios", action="store_true", help="instructions only")
    for verb in verbs.choices.values():
        verb.add_argument("--folder", default=FOLDER, help="where the baselines are (default bench/baseline)")
    return parser.parse_args(arguments)


def run(options, take=measure):
    path = os.path.join(options.folder, "instructions.csv")
    if options.verb == "record":
        print("\n".join(record(options.files, options.folder)))
        return 0
    if options.verb == "cite":
        print("\n\n".join("\n".join(cite(bench, options.folder)) for bench in options.benches))
        return 0
    if options.verb == "instructions":
        write_csv(path, INSTRUCTION_COLUMNS, take(options.ordo))
        print(path)
        return 0
    good = check_instructions(options.ordo, path, take)
    if not options.no_ratios:
        check_ratios(options.ordo, options.folder)
    return 0 if good else 1


def main(arguments, take=measure):
    try:
        return run(parse(arguments), take)
    except Skipped as skipped:
        print(f"baseline: SKIP: {skipped}")
        return SKIPPED
    except (Failed, OSError, subprocess.TimeoutExpired, KeyError, ValueError) as failed:
        print(f"baseline: {failed}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
