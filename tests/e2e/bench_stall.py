#!/usr/bin/env python3
"""A benchmark that offers a rate must show a stall: the node is stopped for 100 ms and p99.9 and the percentile file say so.

    tests/e2e/bench_stall.py ORDO

The check is a function of what the benchmark printed and wrote, and is itself checked: results of a benchmark that takes
latencies from the time of sending (one slow request, the others left out or fast) must fail it. A loaded machine makes
latencies longer, never shorter, so there is no timed pass or fail here.
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

RATE = 1000
SECONDS = 2.0
STALL_MS = 100


def read_hgrm(path):
    """Percentile file -> [(value, share, count)]."""
    rows = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words and words[0][0].isdigit():
                rows.append((float(words[0]), float(words[1]), int(words[2])))
    return rows


def value_at(rows, share):
    return next(value for value, up_to, _ in rows if up_to >= share)


def why_not(result, rows):
    """What in a result hides the stall; None when it is shown."""
    row = next(row for row in result["rows"] if row["name"] == "offered")
    latency = row["latency_us"]
    stall_us = STALL_MS * 1000
    if latency["count"] < 0.999 * RATE * SECONDS:
        return f"{latency['count']} latencies of {RATE * SECONDS:.0f} requests: some were left out"
    if latency["p99_9"] < 0.9 * stall_us:
        return f"p99.9 is {latency['p99_9']} us: the stall of {stall_us} us is hidden"
    if latency["p99"] < 0.5 * stall_us:
        return f"p99 is {latency['p99']} us: a twentieth of the requests was due in the stall"
    if not rows or rows[-1][2] != latency["count"] or rows[-1][1] != 1:
        return "the percentile file does not have all latencies"
    if abs(value_at(rows, 0.999) - latency["p99_9"]) > 0.01 * latency["p99_9"]:
        return "the percentile file has another p99.9"
    return None


def fake(latencies_us):
    """Result and percentile rows of made-up latencies."""
    ordered = sorted(latencies_us)
    count = len(ordered)

    def at(share):
        return ordered[min(count - 1, max(0, int(share * count + 0.999999) - 1))]

    rows = [(value, (i + 1) / count, i + 1) for i, value in enumerate(ordered)]
    latency = {"p50": at(0.5), "p99": at(0.99), "p99_9": at(0.999), "max": ordered[-1], "count": count}
    return {"rows": [{"name": "offered", "latency_us": latency}]}, rows


def check_the_check():
    """Results that must fail, and one that must not."""
    whole = int(RATE * SECONDS)
    stalled = int(RATE * STALL_MS / 1000)
    honest = [200.0] * (whole - stalled) + [1000.0 * ms * STALL_MS / stalled for ms in range(1, stalled + 1)]
    from_sending = [200.0] * (whole - 1) + [STALL_MS * 1000.0]
    left_out = [200.0] * (whole - stalled) + [STALL_MS * 1000.0]
    check(why_not(*fake(honest)) is None, f"the check refuses an honest result: {why_not(*fake(honest))}")
    check(why_not(*fake(from_sending)) is not None, "the check passes latencies that were taken from the time of sending")
    check(why_not(*fake(left_out)) is not None, "the check passes a result that leaves requests out")
    result, rows = fake(honest)
    check(why_not(result, rows[:-1]) is not None, "the check passes a percentile file without the slowest")


class Script:
    def __init__(self, place):
        self.place = place

    def shows_in_the_result_and_in_the_percentile_file(self):
        result = self.place.ask(
            "bench", "e2e", "--rate", str(RATE), "--seconds", str(SECONDS), "--repeats", "1", "--warm-up", "0.1",
            "--stall-ms", str(STALL_MS), "--hgrm", "plots")
        hidden = why_not(result, read_hgrm(self.place.path("plots/e2e-offered.hgrm")))
        check(hidden is None, f"{hidden}: {json.dumps(result['rows'][0])}")

    def cases(self):
        return [("a result that hides the stall fails the check", check_the_check),
                ("a stall of 100 ms shows in the result and in the percentile file",
                 self.shows_in_the_result_and_in_the_percentile_file)]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "bench_stall")
    code = 1
    try:
        code = rig.run_cases("bench_stall", Script(place).cases())
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
