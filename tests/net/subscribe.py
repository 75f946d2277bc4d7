#!/usr/bin/env python3
"""`ordo subscribe` as a person or a script uses it: names, acknowledgements, beginnings, filters, exit codes.

    tests/net/subscribe.py ORDO
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rig import Workplace, check, ordo_from_arguments, run_cases  # noqa: E402


class Script:
    def __init__(self, place):
        self.place = place
        self.node = place.node("data")
        self.node.start()
        place.ask("sku", "put", "1", "--price", "9.90", "--mode", "unlimited")
        for number in range(5):
            place.ask("order", "create", f"S-{number}", "--product", "1", "--quantity", "1")

    def lines(self, *arguments, code=0):
        done = self.place.run("subscribe", "--json", *arguments)
        check(done.returncode == code, f"subscribe {' '.join(arguments)}: exit {done.returncode}, wanted {code}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def numbers(self, *arguments):
        return [line["update_seq"] for line in self.lines(*arguments)]

    def begins(self):
        check(self.numbers("--from", "start", "--count", "5") == [1, 2, 3, 4, 5], "from the start")
        check(self.numbers("--from", "4", "--count", "2") == [4, 5], "from a number")
        check(self.numbers("--from", "now", "--for", "300ms") == [], "from now")
        check(self.numbers("--for", "300ms") == [], "without a name it is now")

    def goes_on(self):
        check(self.numbers("--name", "a", "--ack", "--count", "2") == [1, 2], "a new name begins at the first")
        check(self.numbers("--name", "a", "--ack", "--count", "1") == [3], "behind its cursor")
        check(self.numbers("--name", "a", "--count", "2") == [4, 5], "without --ack it looks only")
        check(self.numbers("--name", "a", "--count", "2") == [4, 5], "and the cursor stays")
        check(self.numbers("--name", "b", "--ack", "--from", "5", "--count", "1") == [5], "a new name, from there on")
        self.node.stop()
        self.node.start()
        self.place.ask("order", "create", "S-5", "--product", "1", "--quantity", "1")
        check(self.numbers("--name", "b", "--ack", "--count", "1") == [6], "cursors outlive the node")

    def filters(self):
        check(self.numbers("--from", "start", "--order", "S-2", "--for", "500ms") == [3], "one order")
        check(self.numbers("--from", "start", "--only-shop", "--shop", "9", "--for", "500ms") == [], "another shop")

    def refuses(self):
        for bad in (["--ack"], ["--from", "yesterday"], ["--from", "0"], ["--replay", "S-1"], ["--name", "n" * 33]):
            self.lines(*bad, code=64)
        self.lines("--connect", "ipc://nowhere.ipc", code=69)
        self.lines("--publish", "ipc://data/ordo.ipc", "--from", "start", code=69)
        done = self.place.run("subscribe", "--name", "a", "--replay", "S-1")
        check(done.returncode == 1 and "not parked" in done.stderr, f"replay of an order that is not parked: {done.stderr}")
        lost = self.lines("--from", "1000", code=1)
        check(lost and lost[0]["gap"] == "rewound", f"a number that the stream has not come to: {lost}")


def main():
    place = Workplace(ordo_from_arguments(), "subscribe")
    code = 1
    try:
        script = Script(place)
        code = run_cases("subscribe", [
            ("it begins where it is told to", script.begins),
            ("it goes on behind its cursor, over a restart too", script.goes_on),
            ("it filters by order and shop", script.filters),
            ("it refuses with one line and the right exit code", script.refuses),
        ])
    finally:
        place.close(code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
