#!/usr/bin/env python3
"""The table of targets must not lie: its arithmetic, what it says of data that is absent, and that nothing is left behind.

No rival is needed, and nothing is measured: pairs are made by hand, and a few lines of shell stand for the program.
"""

import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TARGETS = os.path.join(ROOT, "bench", "targets")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "bench", "compare"))

import stats  # noqa: E402
import table  # noqa: E402
import targets  # noqa: E402
from own import Report  # noqa: E402
from place import Failed, Place, one_line  # noqa: E402

DEADLINE_SECONDS = 30


class FakePair:
    def __init__(self, own=None, again=None, rival=None):
        self.own, self.again, self.rival = own or {}, again or {}, rival or {}


class FakeGroup:
    def __init__(self, pairs, absent=None, spreads=None):
        self.pairs, self.absent, self.spreads, self.beside, self.notes = pairs, absent or {}, spreads or {}, [], []


class Arithmetic(unittest.TestCase):
    def test_one_lucky_look_does_not_choose_a_shape(self):
        seen = iter([10, 99, 10, 9, 10, 9])
        self.assertEqual(stats.best_of_turns(("good", "lucky"), lambda shape: next(seen)), ("good", {"good": 10, "lucky": 9}))

    def test_median_of_odd_and_even_counts(self):
        self.assertEqual(stats.median([3, 1, 2]), 2)
        self.assertEqual(stats.median([4, 1, 3, 2]), 2.5)

    def test_a_ratio_is_of_a_pair_and_a_missing_side_counts_not(self):
        self.assertEqual(stats.ratios([10, None, 30, 5], [5, 5, None, 0]), [2])

    def test_median_of_ratios_is_not_the_ratio_of_medians(self):
        ours, theirs = [1, 10, 100], [1, 100, 10]
        self.assertEqual(stats.median(stats.ratios(ours, theirs)), 1)
        self.assertEqual(stats.median(ours) / stats.median(theirs), 1)
        self.assertEqual(stats.median(stats.ratios([1, 10, 100], [2, 5, 200])), 0.5)

    def test_bounds_of_nine_are_the_second_and_the_eighth(self):
        self.assertEqual(stats.median_bounds([9, 8, 7, 6, 5, 4, 3, 2, 1]), (2, 8))
        self.assertEqual(stats.median_bounds([1, 2, 3, 4, 5, 6]), (1, 6))
        self.assertEqual(stats.median_bounds([1, 2, 3]), (1, 3))
        self.assertEqual(stats.median_bounds([5]), (5, 5))
        self.assertEqual(stats.median_bounds(list(range(1, 16))), (4, 12))

    def test_noise_is_the_same_upwards_and_downwards(self):
        self.assertIsNone(stats.noise([]))
        self.assertEqual(stats.noise([1.0]), 1.0)
        self.assertAlmostEqual(stats.noise([0.5, 1.0, 1.25]), 2.0)
        self.assertAlmostEqual(stats.noise([0.1] + [0.9] * 7 + [10]), 1 / 0.9)  # one stall on each side is not all of it

    def test_verdicts(self):
        cases = [
            (6, ">=", 5, 1.1, stats.MET), (4, ">=", 5, 1.1, stats.MISSED), (5.2, ">=", 5, 1.1, stats.WITHIN_NOISE),
            (4.8, ">=", 5, 1.1, stats.WITHIN_NOISE), (1.0, "<=", 1.2, 1.05, stats.MET),
            (1.5, "<=", 1.2, 1.05, stats.MISSED), (1.21, "<=", 1.2, 1.05, stats.WITHIN_NOISE),
            (None, ">=", 5, 1.1, stats.NOT_RUN), (4, ">=", 5, None, stats.MISSED), (5, ">=", 5, None, stats.MET),
            (389.3, "<=", 400, 1.0, stats.MET), (400, "<=", 400, 1.0, stats.MET), (401, "<=", 400, 1.0, stats.MISSED),
        ]
        for value, direction, target, factor, wanted in cases:
            self.assertEqual(stats.verdict(value, direction, target, factor), wanted, (value, direction, target, factor))

    def test_a_row_is_as_good_as_its_worst_figure_and_one_of_either(self):
        met, missed, noise, absent = stats.MET, stats.MISSED, stats.WITHIN_NOISE, stats.NOT_RUN
        self.assertEqual(stats.of_row([met, met]), met)
        self.assertEqual(stats.of_row([met, noise]), noise)
        self.assertEqual(stats.of_row([met, absent]), absent)
        self.assertEqual(stats.of_row([met, absent, missed]), missed)
        self.assertEqual(stats.of_row([missed, met], either=True), met)
        self.assertEqual(stats.of_row([missed, absent], either=True), missed)
        self.assertEqual(stats.of_row([absent, absent], either=True), absent)
        self.assertEqual(stats.of_row([]), absent)


class Lines(unittest.TestCase):
    ROW = targets.Row("r", "a row", "g", [targets.over("us", "them", "ours over theirs", ">=", 2),
                                         targets.plain("us", "ours", ">=", 100, "/s")])

    def lines(self, group):
        return table.make_lines([(1, self.ROW)], {"g": group})

    def test_pairs_make_a_line(self):
        pairs = [FakePair({"us": 300 + at}, {"us": 300 + at}, {"them": 100}) for at in range(9)]
        line, plain = self.lines(FakeGroup(pairs))
        self.assertAlmostEqual(line.value, 3.04)
        self.assertEqual((len(line.values), line.factor, line.verdict), (9, 1.0, stats.MET))
        self.assertEqual(plain.verdict, stats.MET)

    def test_a_pair_without_the_rival_does_not_count(self):
        pairs = [FakePair({"us": 300}, {"us": 300}, {"them": 100}), FakePair({"us": 900}, {"us": 900}, {})]
        line, plain = self.lines(FakeGroup(pairs, {"them": "the rival died"}))
        self.assertEqual((line.value, len(line.values)), (3, 1))
        self.assertEqual(len(plain.values), 2)
        group = FakeGroup(pairs, {"them": "the rival died", "more": table.NOT_ASKED})
        self.assertEqual(table.failures([line, plain], [group]), ["failed: the rival died"])

    def test_absent_data_is_not_run_and_says_why(self):
        group = FakeGroup([FakePair({"us": 300})], {"them": "redis-server is missing: tools/setup --compare"})
        line, plain = self.lines(group)
        self.assertEqual((line.verdict, line.why), (stats.NOT_RUN, group.absent["them"]))
        self.assertEqual(plain.verdict, stats.MET)
        self.assertEqual(table.row_verdicts([(1, self.ROW)], [line, plain]), {1: stats.NOT_RUN})
        text = table.text_table([line, plain], {1: stats.NOT_RUN})
        self.assertIn("not run: redis-server is missing: tools/setup --compare", text)

    def test_a_group_that_failed_is_not_run(self):
        for line in self.lines("no folder"):
            self.assertEqual((line.verdict, line.why, line.value), (stats.NOT_RUN, "no folder", None))

    def test_a_rival_of_nought_is_no_ratio(self):
        line, _ = self.lines(FakeGroup([FakePair({"us": 300}, {}, {"them": 0})]))
        self.assertEqual(line.verdict, stats.NOT_RUN)

    def test_what_our_own_pairs_differ_by_is_noise(self):
        pairs = [FakePair({"us": 210}, {"us": 210 * (1.2 if at % 2 else 0.9)}, {"them": 100}) for at in range(9)]
        line, plain = self.lines(FakeGroup(pairs))
        self.assertEqual((line.verdict, plain.verdict), (stats.WITHIN_NOISE, stats.MET))

    def test_without_an_a_a_pair_the_values_themselves_say_what_is_noise(self):
        near = [FakePair({"us": value}, {}, {"them": 100}) for value in (150, 190, 210, 230, 260)]
        self.assertEqual(self.lines(FakeGroup(near))[0].verdict, stats.WITHIN_NOISE)
        far = [FakePair({"us": value}, {}, {"them": 100}) for value in (250, 290, 310)]
        self.assertEqual(self.lines(FakeGroup(far))[0].verdict, stats.MET)

    def test_a_median_of_its_own_keeps_its_own_spread(self):
        group = FakeGroup([FakePair({"us": 120})], {}, {"us": [90, 140, 9]})
        _, plain = self.lines(group)
        self.assertEqual((plain.value, plain.bounds, plain.pairs, plain.verdict), (120, (90, 140), 9, stats.WITHIN_NOISE))
        group.spreads["us"] = [110, 140, 9]
        self.assertEqual(self.lines(group)[1].verdict, stats.MET)

    def test_csv_and_markdown_have_every_line(self):
        lines = self.lines(FakeGroup([FakePair({"us": 300}, {"us": 300}, {"them": 100})]))
        verdicts = table.row_verdicts([(1, self.ROW)], lines)
        group = FakeGroup([FakePair({"us": 300}, {"us": 310}, {"them": 100})])
        with tempfile.TemporaryDirectory() as folder:
            table.write_csv(folder, lines, verdicts, [("x", "us", [1, 2])], {"g": group, "h": "failed"}, ["machine"])
            with open(os.path.join(folder, "targets.csv"), encoding="utf-8") as stream:
                rows = list(csv.reader(line for line in stream if not line.startswith("#")))
            with open(os.path.join(folder, "pairs.csv"), encoding="utf-8") as stream:
                pairs = list(csv.reader(line for line in stream if not line.startswith("#")))
        self.assertEqual(len(rows), 3)
        self.assertIn(["g", "0", "again", "us", "310"], pairs)
        text = table.markdown(lines, verdicts, [("x | y", "us", [1, 2])], ["note"])
        self.assertEqual(sum("ours" in line for line in text.splitlines()), 2)
        self.assertIn("x \\| y", text)

    def test_every_target_has_a_verdict_also_without_any_data(self):
        numbered = list(enumerate(targets.ROWS, 1))
        lines = table.make_lines(numbered, {row.group: FakeGroup([FakePair()]) for row in targets.ROWS})
        self.assertEqual({line.verdict for line in lines}, {stats.NOT_RUN})
        self.assertTrue(all(line.why for line in lines))
        self.assertEqual(len(table.row_verdicts(numbered, lines)), len(targets.ROWS))


class Reports(unittest.TestCase):
    LINE = '{"rows":[{"name":"a","unit":"x","median":2,"limit":{"name":"b","median":null}}]}'

    def test_a_row_that_is_not_there_is_none(self):
        report = Report("ordo bench x", self.LINE)
        self.assertEqual(report.value("a", "median"), 2)
        self.assertIsNone(report.value("a", "limit", "median"))
        self.assertIsNone(report.value("a", "latency_us", "p50"))
        self.assertIsNone(report.value("b", "median"))

    def test_what_is_no_report_is_a_failure(self):
        for line in ("", "{}", "not json", '{"rows":[{}]}'):
            with self.assertRaises(Failed):
                Report("ordo bench x", line)

    def test_the_line_of_an_error_is_the_one_that_says_it(self):
        self.assertEqual(one_line("x: bad option\nTry `x --help' for more.\n"), "x: bad option")
        self.assertEqual(one_line("a\nsome error here\nlast\n"), "some error here ... last")


class Program(unittest.TestCase):
    """bench/targets itself, with a few lines of shell in the program's place."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.work = os.path.join(self.folder.name, "work")
        os.mkdir(self.work)

    def program(self, text):
        path = os.path.join(self.folder.name, "ordo")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def call(self, *words):
        return subprocess.run([TARGETS, "--dir", self.work, *words], capture_output=True, text=True, check=False,
                              timeout=DEADLINE_SECONDS)

    def test_a_row_that_does_not_exist_is_named(self):
        done = self.call("--only", "rign")
        self.assertEqual(done.returncode, 64)
        self.assertIn('no row "rign"', done.stderr)

    def test_without_the_program_nothing_is_run(self):
        done = self.call("--only", "idle,bytes", "--ordo", os.path.join(self.folder.name, "none"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 not run", done.stdout)
        self.assertEqual(os.listdir(self.work), [])

    def test_a_benchmark_that_fails_is_told(self):
        done = self.call("--only", "apply", "--quick", "--ordo", self.program("echo 'ordo: no memory' >&2; exit 1\n"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("not run: ordo bench apply: exit 1: ordo: no memory", done.stdout)

    def test_an_interrupted_run_leaves_no_process_and_no_file(self):
        sign = os.path.join(self.folder.name, "pid")
        text = f'echo serving\necho $$ >"{sign}.new"\nmv "{sign}.new" "{sign}"\nexec tail -f /dev/null\n'
        run = subprocess.Popen([TARGETS, "--dir", self.work, "--only", "idle", "--ordo", self.program(text)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not os.path.exists(sign):
            self.assertLess(time.monotonic(), deadline, "the node was not started")
            time.sleep(0.01)
        with open(sign, encoding="ascii") as stream:
            node = int(stream.read())
        run.send_signal(signal.SIGINT)
        _, complaint = run.communicate(timeout=DEADLINE_SECONDS)
        self.assertEqual(run.returncode, 130)
        self.assertIn("stopped", complaint)
        self.assertEqual(os.listdir(self.work), [])
        with self.assertRaises(ProcessLookupError):
            os.kill(node, 0)

    def test_a_place_ends_what_it_has_started(self):
        with Place(self.work) as place:
            process = place.spawn(["tail", "-f", "/dev/null"])
            with self.assertRaises(Failed):
                place.run(["sh", "-c", "echo broken >&2; exit 3"])
            self.assertIsNone(process.poll())
        self.assertIsNotNone(process.poll())
        self.assertEqual(os.listdir(self.work), [])


if __name__ == "__main__":
    unittest.main()
