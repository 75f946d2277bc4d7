#!/usr/bin/python3
"""Conformance: the vectors of this folder and a client that was written from net/README.md alone, against `ordo serve`.

    tests/conformance/run.py ORDO [nng,polled]     the doors to test; without it those that the program has
    tests/conformance/run.py --codec               the codec of the client alone, without a node

Debian's python3, python3-msgpack, python3-xxhash and nng-utils.
"""

import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.join(FOLDER, "..", "support")]
import against  # noqa: E402
import codec  # noqa: E402
import rig  # noqa: E402
import stubborn  # noqa: E402
import whole  # noqa: E402

SMALL = ["orders_max=20000", "payments_max=20000", "ids_max=60000", "buyers_max=20000", "cards_max=20000",
         "extras_max=10000", "secret_bytes_max=4194304"]


def doors_of(ordo, asked):
    """Flags of `serve` for each door. A program without the choice has one door."""
    said = subprocess.run([ordo, "serve", "--print-config"], capture_output=True, text=True, check=True).stdout
    if "polled" not in said:
        return {"nng": []}
    both = {"nng": ["--set", "net.polled=off"], "polled": ["--set", "net.polled=on"]}
    return {door: both[door] for door in (asked.split(",") if asked else both)}


def main():
    if sys.argv[1:] == ["--codec"]:
        return rig.run_cases("conformance.codec", codec.CASES)
    ordo = os.path.abspath(rig.ordo_from_arguments())
    place = rig.Workplace(ordo, "conformance")
    os.chdir(place.folder)  # addresses of ipc are short: relative to here
    small = [part for setting in SMALL for part in ("--set", f"genesis.{setting}")]
    failed = 1
    try:
        failed = run(place, doors_of(ordo, sys.argv[2] if len(sys.argv) > 2 else ""), small)
    finally:
        place.close(keep=failed)
    return failed


def run(place, doors, small):
    failed = rig.run_cases("conformance.codec", codec.CASES)
    failed |= rig.run_cases("conformance.stubborn", stubborn.CASES)
    for door, flags in doors.items():
        for scheme in ("ipc", "tcp"):
            node = against.Against(place, scheme, door, small + flags)
            failed |= rig.run_cases(f"conformance.{door}.{scheme}", node.cases())
            node.node.kill()
        sale = whole.Whole(place, door, small + flags)
        failed |= rig.run_cases(f"conformance.{door}.client", sale.cases())
        sale.node.kill()
    return failed


if __name__ == "__main__":
    sys.exit(main())
