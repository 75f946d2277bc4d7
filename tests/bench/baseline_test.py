#!/usr/bin/env python3
"""bench/baseline.py: it fails on a count that is off, and on nothing else; what it records is what was said.

Counts are made up: the check that really counts is ctest bench.instructions.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))
import baseline  # noqa: E402

COMPILER = "GNU 12.2.0"


def counts(apply=3000.0, compiler=COMPILER):
    return [{"row": "apply, a command", "instructions": f"{apply:.1f}", "function": "ordo_load_apply", "compiler": compiler,
             "commit": "c0ffee", "date": "2026-11-23", "command": "ordo bench apply --count 40960"},
            {"row": "codec, a command encoded", "instructions": "600.0", "function": "ordo_codec_encode_requests",
             "compiler": compiler, "commit": "c0ffee", "date": "2026-11-23", "command": "ordo bench codec --count 8192"}]


def result(bench="e2e", median=100.0, build="Release", command="e2e", quick=0):
    return {"bench": bench, "commit": "c0ffee", "machine": {
        "cpu": "a cpu", "cores": 2, "kernel": "6.1", "file_system": "ext4", "disk": "/dev/vda", "load": 0.5,
        "compiler": COMPILER, "build": build}, "config": {"command": command, "quick": quick}, "rows": [
            {"name": "1 x 1", "unit": "commands/s", "median": median, "least": 90, "most": 110, "repeats": 5,
             "limit": {"name": "echo", "median": 200}, "ratio": {"median": 0.5, "least": 0.4, "most": 0.6},
             "latency_us": {"p50": 1, "p90": 2, "p99": 3, "p99_9": 4, "max": 5, "count": 6}}]}


class InFolder(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def call(self, *words, take=None):
        """(exit code, stdout, stderr)"""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = baseline.main([*words, "--folder", self.folder], take or baseline.measure)
        return code, out.getvalue(), err.getvalue()


class Instructions(InFolder):
    def check_against(self, now):
        code, _, _ = self.call("instructions", "ordo", take=lambda ordo: counts())
        self.assertEqual(code, 0)
        return self.call("check", "ordo", "--no-ratios", take=lambda ordo: now)

    def test_the_same_count_passes(self):
        self.assertEqual(self.check_against(counts())[0], 0)

    def test_two_percent_more_pass(self):
        self.assertEqual(self.check_against(counts(3060))[0], 0)

    def test_four_percent_more_fail_and_name_the_row(self):
        code, out, _ = self.check_against(counts(3120))
        self.assertEqual(code, 1)
        self.assertRegex(out, r"apply, a command .*\+4\.0 %  WORSE")
        self.assertEqual(out.count("WORSE"), 1)

    def test_fewer_pass_and_are_to_be_recorded(self):
        code, out, _ = self.check_against(counts(2000))
        self.assertEqual(code, 0)
        self.assertIn("record it", out)

    def test_a_row_that_is_not_counted_any_more_fails(self):
        self.assertEqual(self.check_against(counts()[1:])[0], 1)

    def test_another_compiler_is_skipped(self):
        code, out, _ = self.check_against(counts(9000, "Clang 14.0.6"))
        self.assertEqual(code, baseline.SKIPPED)
        self.assertIn("not comparable", out)

    def test_no_baseline_fails(self):
        self.assertEqual(self.call("check", "ordo", "--no-ratios", take=lambda ordo: counts())[0], 1)

    def test_the_recorded_file_has_every_row_that_is_counted(self):
        rows = baseline.read_csv(os.path.join(baseline.FOLDER, "instructions.csv"))
        self.assertEqual([row["row"] for row in rows], [name for name, _, _, _ in baseline.COUNTED])


class Record(InFolder):
    def test_a_citation_names_file_and_row(self):
        self.call("record", self.write("a.json", result()))
        code, out, _ = self.call("cite", "e2e")
        self.assertEqual(code, 0)
        self.assertIn("| 1 x 1 | 100 commands/s (90-110) | 0.5 (0.4-0.6) of echo | `e2e.csv:1 x 1` |", out)

    def test_what_was_never_recorded_cannot_be_cited(self):
        code, _, err = self.call("cite", "read")
        self.assertEqual(code, 1)
        self.assertIn("read.csv", err)

    def write(self, name, *results):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write("".join(json.dumps(one) + "\n" for one in results))
        return path

    def test_a_row_has_figures_and_where_they_come_from(self):
        self.assertEqual(self.call("record", self.write("a.json", result()))[0], 0)
        row, = baseline.read_csv(os.path.join(self.folder, "e2e.csv"))
        self.assertEqual((row["row"], row["median"], row["ratio"], row["ratio_least"], row["p99_9_us"]),
                         ("1 x 1", "100", "0.5", "0.4", "4"))
        self.assertEqual((row["commit"], row["command"]), ("c0ffee", "ordo bench e2e"))
        self.assertIn("a cpu, 2 cores", row["machine"])

    def test_the_same_command_replaces_and_another_adds(self):
        self.call("record", self.write("a.json", result(), result(median=7, command="e2e --url tcp://x")))
        self.call("record", self.write("b.json", result(median=200)))
        rows = baseline.read_csv(os.path.join(self.folder, "e2e.csv"))
        self.assertEqual(sorted((row["command"], row["median"]) for row in rows),
                         [("ordo bench e2e", "200"), ("ordo bench e2e --url tcp://x", "7")])

    def test_debug_and_quick_figures_are_refused(self):
        for wrong in (result(build="Debug"), result(quick=1)):
            code, _, err = self.call("record", self.write("a.json", wrong))
            self.assertEqual(code, 1)
            self.assertIn("a.json", err)
            self.assertFalse(os.path.exists(os.path.join(self.folder, "e2e.csv")))


class Ratios(unittest.TestCase):
    def test_they_are_told_and_held_against_the_recorded_spread(self):
        recorded = baseline.rows_of(result(), "2026-11-23")
        now = result()["rows"]
        self.assertIn("within the recorded spread", baseline.compare_ratios(recorded, now)[0])
        now[0]["ratio"]["median"] = 0.7
        self.assertIn("outside of it", baseline.compare_ratios(recorded, now)[0])
        now[0]["name"] = "another"
        self.assertEqual(baseline.compare_ratios(recorded, now), [])


if __name__ == "__main__":
    unittest.main()
