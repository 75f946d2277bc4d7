#!/usr/bin/env python3
"""`ordo sale` with its cases: each comes about as planned, all of them beside each other too; a node that decides otherwise
is found out.

    tests/e2e/sale_cases.py ORDO
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402


class Script:
    def __init__(self, place):
        self.place = place
        self.node = place.node("data")
        self.node.start()

    def sale(self, *options, code=0, orders=60):
        return self.place.ask("sale", "--orders", str(orders), *options, code=code, timeout=120)

    def catalogue(self):
        return self.place.ask("sale", "--cases")["cases"]

    def options_of_cases(self):
        """The options in the group of cases: the names of all scripts."""
        lines = self.place.run("sale", "--help").stdout.split("\n")
        start = next(i for i, line in enumerate(lines) if "--accepted=%" in line)
        return [line.split("=")[0].strip()[2:] for line in lines[start:] if line.startswith("      --") and "=%" in line]

    def without_options_there_is_no_case(self):
        done = self.sale(orders=500)
        check(done["ok"] and done["cases"] == {}, f"cases: {done['cases']}")

    def all_cases_beside_each_other(self):
        names = self.options_of_cases()
        check(len(names) > 30, f"cases: {names}")
        done = self.sale(*[f"--{name}=2" for name in names], orders=3000)
        check(set(done["cases"]) == set(names), f"missing: {set(names) - set(done['cases'])}")
        missing = {"APPLIED", "DUPLICATE", "LATE_APPLIED", "LATE_BACKORDER", "LATE_REFUND_DUE", "EXTRA_REFUND_DUE", "SHORT",
                   "OVER_APPLIED", "CONFLICT", "ORPHAN", "REFUND_ECHO", "STALE", "BOUND_MANUAL"} - set(done["dispositions"])
        check(not missing, f"dispositions that did not come about: {missing}")

    def every_preset_runs(self):
        shown = [case for case in self.catalogue() if case["options"]]
        check(len(shown) > 25, f"{len(shown)} cases of the catalogue are shown by a load")
        for case in shown:
            done = self.sale("--late=0", "--case", case["case"])
            check(done["ok"] and done["finished"] == 60, f"{case['case']}: {done}")

    def no_preset_for_what_no_load_shows(self):
        for name in ("AC-12", "AC-99"):
            done = self.place.run("sale", "--case", name)
            check(done.returncode == 64 and name in done.stderr, f"{name}: {done}")

    def a_sale_of_a_seed_has_the_same_plan(self):
        first, again = (self.sale("--seed", "7", "--extra=20", "--short=20")["cases"] for _ in range(2))
        check(first == again and set(first) == {"extra", "short"}, f"{first} is not {again}")

    def another_decision_is_found_out(self):
        self.place.ask("settings", "late_window_s=0")
        done = self.sale("--coupon-late=30", code=3)
        check(done["wrong"] > 0 and done["cases"]["coupon-late"]["wrong"] > 0, f"nothing was wrong: {done}")
        self.place.ask("settings", "late_window_s=172800")
        self.sale("--coupon-late=30", "--seed", "3")

    def cases(self):
        listed = [self.without_options_there_is_no_case, self.all_cases_beside_each_other, self.every_preset_runs,
                  self.no_preset_for_what_no_load_shows, self.a_sale_of_a_seed_has_the_same_plan,
                  self.another_decision_is_found_out]
        return [(case.__name__.replace("_", " "), case) for case in listed]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "sale_cases")
    code = 1
    try:
        script = Script(place)
        code = rig.run_cases("sale_cases", script.cases())
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
