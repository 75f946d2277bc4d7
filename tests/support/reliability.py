#!/usr/bin/env python3
"""The table of reliability: every goal R1 to R33, its figures and the last result of each tier.

    tests/support/reliability.py LOG          (tools/test --reliability)

LOG has the RELIABILITY lines of every suite that tools/test ran, each with date, tier (ci, milestone, or some: a part or a
goal alone, at the quick figure) and commit before it. A goal with several parts has the worst verdict of their last lines; a
test that ended without a word (nothing_said) has failed until its goal is told of again.
Exit 1 when the last result of any goal is a failure.
"""

import re
import sys

# goal -> (what it is, CI figure, milestone figure)
GOALS = {
    "R1": ("kill -9 in mid-sale", "50 rounds", "1,000"),
    "R2": ("named failpoints", "each once", "each 500 times"),
    "R3": ("power loss, all states", "100,000 states", "5,000,000"),
    "R4": ("cut images of real file systems", "50 images", "2,000"),
    "R5": ("bit flips", "524,288", "2,621,440"),
    "R6": ("misplaced, stale, foreign", "2,000", "50,000"),
    "R7": ("the k-th call fails", "all k", "50,000"),
    "R8": ("a flush that really fails", "5 rounds", "100"),
    "R9": ("the k-th allocation fails", "all k", "all k, 3 scenarios"),
    "R10": ("deterministic simulation", "200 seeds x 50,000", "1,000,000,000 steps"),
    "R11": ("a second implementation", "2,000,000", "100,000,000"),
    "R12": ("conservation under load", "50,000 buys", "1,000,000"),
    "R13": ("fuzz", "500,000 runs a target", "50,000,000 each"),
    "R14": ("sanitizers, memcheck", "0 reports", "0 reports"),
    "R15": ("planted bugs", "65, all but the network's", "85"),
    "R16": ("ring barriers", "model, 50,000,000 TSan", "5,000,000,000 native"),
    "R17": ("slow subscriber", "200,000", "5,000,000"),
    "R18": ("partitions (a client's part)", "10 heals", "300"),
    "R19": ("fencing", None, "needs replicas"),
    "R20": ("divergence detection", None, "needs replicas"),
    "R21": ("clock", "in the seeds of R10", "in the seeds of R10"),
    "R22": ("overload", "10 s", "60 s"),
    "R23": ("soak", None, "120 minutes"),
    "R24": ("poison", "all kinds", "all kinds"),
    "R25": ("duplicates", "100,000", "5,000,000"),
    "R26": ("orders of events, crashes between", "exhaustive", "exhaustive"),
    "R27": ("old files", "all", "all"),
    "R28": ("webhook forgery", None, "needs the gateway"),
    "R29": ("secret leak", "1,000 keys", "1,000 keys"),
    "R30": ("connection abuse", "7 rounds", "600 rounds"),
    "R31": ("without io_uring", "3 ways", "3 ways, more cases"),
    "R32": ("recovery time", "1 M records", "10 M in 15 s"),
    "R33": ("old bugs stay found", "all", "all"),
}
SILENT = "(nothing said)"  # as a part
NOT_DUE = {"R19", "R20", "R28"}
LINE = re.compile(r"^(\S+) (\S+) (\S+) RELIABILITY (R\d+) (\S+)(.*)$")
WORST = ["failed", "skipped", "ok"]


def verdict_of(word):
    return {"ok": "ok", "SKIP": "skipped"}.get(word, "failed")


def read(path):
    """(goal, tier) -> part -> the last line's match; ci also has what was run alone at its figure."""
    results = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = stream.readlines()
    except FileNotFoundError:
        return results
    for line in lines:
        found = LINE.match(line.strip())
        if found is None:
            continue
        part = re.search(r"\bpart=(\S+)", found.group(6))
        tier = "milestone" if found.group(2) == "milestone" else "ci"
        parts = results.setdefault((found.group(4), tier), {})
        parts.pop(SILENT, None)
        parts[SILENT if "nothing_said=yes" in found.group(6) else part.group(1) if part else ""] = found
    return results


def last(results, goal, tier):
    """(verdict, what to show)"""
    parts = results.get((goal, tier))
    if not parts:
        return "not run", "not run"
    worst = min(parts.values(), key=lambda found: WORST.index(verdict_of(found.group(5))))
    verdict = verdict_of(worst.group(5))
    if verdict == "skipped":
        return verdict, f"skipped: {worst.group(6).strip()[:60]}"
    cases = sum(int(number) for found in parts.values() for number in re.findall(r"\bcases=(\d+)", found.group(6)))
    text = f"{verdict} cases={cases} {worst.group(1)[:16]} {worst.group(3)}"
    if verdict == "failed":
        seed = re.search(r"\bseed=\S+", worst.group(6))
        text += f" {seed.group(0)}" if seed else ""
    return verdict, text


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 64
    results = read(sys.argv[1])
    rows = [("goal", "what", "CI", "milestone", "last CI", "last milestone", "verdict")]
    counts = {}
    for goal, (what, quick, long) in GOALS.items():
        ci, ci_text = last(results, goal, "ci")
        later, later_text = last(results, goal, "milestone")
        if goal in NOT_DUE:
            verdict, ci_text, later_text = "not due: " + long, "-", "-"
        elif "failed" in (ci, later):
            verdict = "failed"
        elif "skipped" in (ci, later):
            verdict = "skipped: not reached"
        elif ci == "ok" or (quick is None and later == "ok"):
            verdict = "ok" if later == "ok" else "ok (milestone not run)"
        else:
            verdict = "ok (CI not run)" if later == "ok" else "not run"
        word = re.match(r"not due|not run|\w+", verdict).group(0)
        counts[word] = counts.get(word, 0) + 1
        rows.append((goal, what, quick or "-", long, ci_text, later_text, verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)) + "  " + row[-1])
    print(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
    return 1 if counts.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
