#!/usr/bin/env python3
"""R13: every decoder that sees foreign bytes, under libFuzzer with AddressSanitizer and UBSan.

    tests/fuzz/run.py FOLDER [--runs N] [--seconds N] [--seed N] [--jobs N] [TARGET...]

FOLDER has the programs NAME_fuzz (a build of type Fuzz). Each begins with corpus/NAME in this folder, knows the words of dictionary/NAME.dict, and runs N times (ORDO_FUZZ_RUNS,
default 500,000; those with a state or a batch to bend a part of it, see SHARE). A crash, a leak, an input that takes more than 5 s or 1 GiB fails,
and its input is kept: the line that repeats it is printed. --keep adds what was found to the corpus, made small.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SHARE = {"apply": 50, "image": 100, "record": 5, "polled": 50, "file": 100, "config": 10}  # a run costs that much more than reading a frame
LENGTH = {"polled": 2000, "config": 2000, "apply": 2000, "image": 400, "record": 3000}
SKIPPED = 77
KEPT_MAX = 40  # files of a corpus in the repository


def names(folder):
    found = sorted(name[:-5] for name in os.listdir(folder) if name.endswith("_fuzz"))
    if not found:
        sys.exit(f"fuzz: no target in {folder}: configure with -DCMAKE_BUILD_TYPE=Fuzz -DCMAKE_C_COMPILER=clang")
    return found


def run(folder, name, runs, seed, work):
    """(name, runs, coverage, what failed or None)"""
    mine = os.path.join(work, name)
    os.makedirs(mine)
    seeds = os.path.join(HERE, "corpus", name)
    wanted = max(1, runs // SHARE.get(name, 1))
    artifact = os.path.join(folder, f"{name}-")
    command = [os.path.join(folder, f"{name}_fuzz"), f"-runs={wanted}", f"-seed={seed}", "-timeout=5", "-rss_limit_mb=1024",
               f"-max_len={LENGTH.get(name, 4096)}", "-len_control=20", f"-artifact_prefix={artifact}", "-print_final_stats=1",
               "-verbosity=1", mine]
    words = os.path.join(HERE, "dictionary", f"{name}.dict")
    if os.path.isfile(words):
        command.append(f"-dict={words}")
    if os.path.isdir(seeds):
        command.append(seeds)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    coverage = re.findall(r"cov: (\d+)", done.stdout)
    count = int(executed.group(1)) if executed else 0
    failure = None
    skipped = re.search(rf"^SKIP {name}: .*", done.stdout, re.M)
    if skipped and done.returncode == 0:
        print(skipped.group(0), flush=True)
        return name, 0, 0, None
    if done.returncode != 0 or count < wanted:
        kept = re.search(r"Test unit written to (\S+)", done.stdout)
        repeat = f"repeat with: {command[0]} {kept.group(1)}" if kept else "no input was kept"
        failure = f"{done.stdout[-3000:]}\n{repeat}"
    return name, count, int(coverage[-1]) if coverage else 0, failure


def keep(folder, name, work):
    """Takes over what the run found, as few and as small inputs as have the same coverage."""
    small = os.path.join(work, f"{name}.small")
    os.makedirs(small)
    seeds = os.path.join(HERE, "corpus", name)
    os.makedirs(seeds, exist_ok=True)
    subprocess.run([os.path.join(folder, f"{name}_fuzz"), "-merge=1", small, os.path.join(work, name), seeds], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = sorted(os.listdir(small), key=lambda f: os.path.getsize(os.path.join(small, f)), reverse=True)[:KEPT_MAX]
    shutil.rmtree(seeds)
    os.makedirs(seeds)
    for file in files:
        shutil.copy(os.path.join(small, file), os.path.join(seeds, file[:12]))


def main():
    parser = argparse.ArgumentParser(description="Feed the decoders.")
    parser.add_argument("folder")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--runs", type=int, default=int(os.environ.get("ORDO_FUZZ_RUNS", "500000")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ORDO_SEED", time.time())) % 1000000 + 1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_intermixed_args()
    begin = time.monotonic()
    known = names(options.folder)
    targets = options.targets or known
    for name in targets:
        if name not in known:
            sys.exit(f"fuzz: no target \"{name}\"; the targets are: {' '.join(known)}")
    print(f"seed={options.seed} (replay: {sys.argv[0]} {options.folder} --runs {options.runs} --seed {options.seed})", flush=True)
    total = 0
    bad = 0
    skipped = []
    with tempfile.TemporaryDirectory(prefix="ordo-fuzz-") as work:
        with ThreadPoolExecutor(options.jobs) as pool:
            jobs = [pool.submit(run, options.folder, name, options.runs, options.seed, work) for name in targets]
            for job in jobs:
                name, count, coverage, failure = job.result()
                total += count
                bad += failure is not None
                skipped += [name] if count == 0 and failure is None else []
                print(f"{name:<10} {count:>10} runs, {coverage} edges{'' if failure is None else ': FAILED'}", flush=True)
                if failure is not None:
                    print(failure, flush=True)
        if options.keep and not bad:
            for name in targets:
                keep(options.folder, name, work)
    if skipped and bad == 0:
        print(f"RELIABILITY R13 SKIP {' '.join(skipped)} cannot run here; the others: cases={total} fails=0 seed={options.seed}")
        return SKIPPED
    print(f"RELIABILITY R13 {'ok' if bad == 0 else 'FAILED'} cases={total} fails={bad} targets={len(targets)} "
          f"runs={options.runs} seed={options.seed} wall={time.monotonic() - begin:.0f}s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
