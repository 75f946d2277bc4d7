#!/usr/bin/env python3
"""Planted bugs: each must be found by the tests that are named for it, and without one all tests pass.

    tests/canary/run.py CASES ORACLE [NAME...]

CASES is canary_cases: the domain built with ORDO_CANARIES and the tests of tests/cases beside it. One run of it for
each (bug, test): it has to fail, within LIMIT_S; a test that hangs has found nothing. ORACLE is canary_oracle: random
histories from one seed against the second implementation have to differ, too, but for the bugs in ORACLE_BLIND. The
hooks in engine/ and the list below have to be the same names. Ends with a RELIABILITY line.
"""

import os
import re
import subprocess
import sys
import time

LIMIT_S = 20       # a bug has to be found in this time
CLEAN_LIMIT_S = 300  # of the run without a bug: 15 s, on a machine that has other work more
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# name of the bug -> tests that must each find it (suite/promise, * for any)
CANARIES = {
    "amount_unchecked": ["ac_24/too_little_*"],
    "backorders_lifo": ["ac_14/a_restock_serves_*"],
    "callback_is_always_new": ["ac_01/*", "ac_30/*"],
    "cap_not_counting_held": ["ac_15/the_purchase_cap_*"],
    "chain_half_applied": ["ac_17/a_chain_*"],
    "content_of_id_unchecked": ["identity/another_content_*"],
    "coupon_returned_twice": ["ac_18/cancelling_*"],
    "cursor_goes_back": ["subscriber/cursor_goes_forward_*"],
    "delivery_tried_once": ["ac_34/*"],
    "expiry_by_another_clock": ["ac_16/a_tick_ends_*"],
    "extra_payment_swallowed": ["ac_11/*", "interleave/*money_reclaims*"],
    "frozen_order_issued": ["ac_23/a_frozen_*"],
    "issue_on_second_callback": ["ac_01/*", "ac_02/*"],
    "known_card_loaded_again": ["ac_22/*"],
    "late_buyer_paid_twice": ["ac_05/a_late_payment_of_a_buyer_*"],
    "late_card_of_another": ["ac_04/a_late_order_that_named_*"],
    "late_payment_oversells": ["ac_04/late_payment_after_*"],
    "late_window_ignored": ["ac_05/a_payment_after_*"],
    "manual_counted_twice": ["ac_23/marked_as_paid_*", "interleave/of_every_verb_with_an_engine_*"],
    "orphan_forgotten": ["ac_09/*"],
    "outcomes_not_in_digest": ["digest/*"],
    "overdraft_uncounted": ["ac_17/a_coupon_for_three_*"],
    "parks_without_limit": ["park/is_bounded_*"],
    "payment_of_another_order_counts": ["ac_26/*"],
    "read_card_back_to_pool": ["ac_29/a_success_with_*", "interleave/*money_reclaims*"],
    "refund_beyond_received": ["ac_29/a_success_with_*"],
    "refund_due_twice": ["ac_18/a_refund_gives_*"],
    "refund_in_success_unseen": ["ac_29/a_success_with_*"],
    "restock_forgets_the_rest": ["ac_14/a_restock_for_many_*"],
    "resume_without_grace": ["ac_16/after_an_outage_*"],
    "second_key_never_let_go": ["ac_15/many_names_*"],
    "time_decides_not_state": ["ac_06/*"],
    "unconfirmed_payment_counts": ["ac_28/*"],
    "wait_overtaken_by_create": ["ac_15/who_comes_now_*"],
}

ORACLE_SEED = 1
ORACLE_COMMANDS = 2000000
# bug -> why no difference from the oracle can show it
ORACLE_BLIND = {
    "outcomes_not_in_digest": "the oracle has no digest",
}

HOOK = re.compile(r"\bORDO_CANARY\((\w+)\)")
SUMMARY = re.compile(r"Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")


def hooks():
    names = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "engine")):
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(folder, name), encoding="utf-8") as stream:
                    names |= set(HOOK.findall(stream.read()))
    return names


def run(program, canary, pattern, limit_s):
    """(tests run, tests failed, what was printed); failed is None when it did not end in time."""
    environment = dict(os.environ, ORDO_CANARY=canary)
    command = [program] + (["--filter", pattern] if pattern else [])
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit_s,
                              check=False)
    except subprocess.TimeoutExpired:
        return 0, None, "no end"
    text = done.stdout + done.stderr
    found = SUMMARY.search(text)
    if found is None:
        return 0, None, text
    tested, passing, failing, _ = map(int, found.groups())
    return tested, failing if passing < tested else 0, text


def check_canary(program, name):
    """The complaints about one planted bug."""
    wrong = []
    for pattern in CANARIES[name]:
        begin = time.monotonic()
        tested, failed, text = run(program, name, pattern, 2 * LIMIT_S)
        wall = time.monotonic() - begin
        if tested == 0 and failed is not None:
            wrong.append(f"{name}: no test is called {pattern}")
        elif failed is None:
            wrong.append(f"{name}: {pattern} did not end well: {text[-300:]}")
        elif failed == 0:
            wrong.append(f"{name}: {pattern} did not find it")
        elif wall > LIMIT_S:
            wrong.append(f"{name}: {pattern} took {wall:.0f} s, at most {LIMIT_S}")
    return wrong


def ask_oracle(program, name):
    """(whether it saw a difference or an assertion stopped it, where)"""
    command = [program, "--seed", str(ORACLE_SEED), "--commands", str(ORACLE_COMMANDS)]
    with subprocess.Popen(command, env=dict(os.environ, ORDO_CANARY=name), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as running:
        for line in running.stdout:
            if "MISMATCH" in line or "assertion failed" in line:
                running.kill()  # it would go on to look for the shortest history
                return True, line.strip()
    return False, "no difference"


def check_oracle(program, name):
    """The complaints about one bug that the oracle has to see."""
    begin = time.monotonic()
    found, where = ask_oracle(program, name)
    wall = time.monotonic() - begin
    if found and name in ORACLE_BLIND:
        return [f"{name}: the oracle sees it after all: {where}"]
    if not found and name not in ORACLE_BLIND:
        return [f"{name}: the oracle did not see it in {ORACLE_COMMANDS} commands"]
    return [f"{name}: the oracle took {wall:.0f} s, at most {LIMIT_S}"] if found and wall > LIMIT_S else []


def main():
    if len(sys.argv) < 3:
        print(__doc__.strip(), file=sys.stderr)
        return 64
    program, oracle, names = sys.argv[1], sys.argv[2], sys.argv[3:] or sorted(CANARIES)
    begin = time.monotonic()
    planted = hooks()
    wrong = [f"{name}: is in engine/ and not in the list" for name in sorted(planted - set(CANARIES))]
    wrong += [f"{name}: is in the list and not in engine/" for name in sorted(set(CANARIES) - planted)]
    wrong += [f"{name}: is not in the list" for name in names if name not in CANARIES]
    runs = 0
    for name in [name for name in names if name in CANARIES]:
        found = check_canary(program, name) + check_oracle(oracle, name)
        runs += len(CANARIES[name]) + 1
        wrong += found
        print(f"{'MISSED' if found else 'caught'}  {name}  by {', '.join(CANARIES[name])}"
              f"{'' if name in ORACLE_BLIND else ', oracle'}", flush=True)
    tested, failed, text = run(program, "", None, CLEAN_LIMIT_S)
    for line in sorted(line for line in text.splitlines() if line.startswith("interleave: ")):
        print(line)
    if failed != 0:
        wrong.append(f"without a bug: {failed} of {tested} tests failed: {text[-2000:]}")
    for line in wrong:
        print(f"run.py: {line}", file=sys.stderr)
    print(f"RELIABILITY R15 {'fail' if wrong else 'ok'} cases={runs} fails={len(wrong)} bugs={len(names)} "
          f"clean_tests={tested} wall={time.monotonic() - begin:.0f}s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
