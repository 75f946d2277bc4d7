#!/usr/bin/env python3
"""Bad input: each gives one clear line and the right exit code, nothing is lost, and a node that was serving still serves.

    tests/e2e/bad_input.py ORDO
"""

import glob
import os
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rig  # noqa: E402
from rig import check  # noqa: E402

MALFORMED = 2
MIB = 1 << 20


class Script:
    def __init__(self, place):
        self.place = place
        self.node = place.node("data")
        self.node.start()
        place.ask("sku", "put", "1", "--price", "1.00")

    # ---- helpers ----

    def still_serves(self):
        self.place.ask("sku", "show", "1")

    def refused(self, code, words, *arguments):
        """One verb that must fail with the code and one line that has the words."""
        done = self.place.run(*arguments)
        said = done.stderr.strip()
        check(done.returncode == code, f"exit {done.returncode}, wanted {code}: {said}")
        lines = [line for line in said.split("\n") if line and not line.startswith("Try `ordo")]
        check(len(lines) == 1, f"not one line but {len(lines)}: {said}")
        for word in words:
            check(word in lines[0], f'"{word}" is not in: {lines[0]}')

    def serve_refused(self, code, words, node):
        """A node that must not come up; the last line of its log says why."""
        node.spawn()
        check(node.wait_end() == code, f"exit {node.process.returncode}, wanted {code}: {node.log()[-400:]}")
        last = node.log().strip().split("\n")[-1]
        for word in words:
            check(word in last, f'"{word}" is not in: {last}')

    # ---- commands ----

    def unknown_product(self):
        self.refused(1, ["product"], "order", "create", "U-1", "--product", "999", "--buyer", "b")

    def unknown_order(self):
        self.refused(1, ["order"], "order", "get", "NO-SUCH")
        self.refused(1, ["order"], "order", "cancel", "NO-SUCH")

    def bad_order_number(self):
        for bad in ("", "a b", "x" * 33, "订单", "a/b"):
            self.refused(64, [], "order", "get", bad)

    def bad_numbers(self):
        for bad in ("1e2", "-1", " 5", "10.001", ""):
            self.refused(64, ["price"], "sku", "put", "2", "--price", bad)
        self.refused(64, [], "sku", "put", "0", "--price", "1.00")

    def unknown_verb_and_option(self):
        self.refused(64, ["ordr", "order"], "ordr")
        self.refused(64, ["--prize"], "sku", "put", "2", "--prize", "1.00")

    def empty_card_file(self):
        with open(self.place.path("empty.txt"), "wb"):
            pass
        self.refused(1, ["empty.txt"], "card", "add", "1", "--file", "empty.txt")
        self.refused(74, ["missing.txt"], "card", "add", "1", "--file", "missing.txt")

    def node_not_there(self):
        self.refused(69, ["nowhere"], "order", "get", "A", "--connect", "ipc://nowhere/ordo.ipc", "--timeout", "1s")

    # ---- frames ----

    def malformed_frames(self):
        wire = rig.Wire(self.place.path("data/ordo.ipc"))
        frames = {
            "no msgpack": b"\xc1",
            "nothing": b"",
            "no array": b"\x01",
            "another version": b"\x94\x7f\x01\x80\x90",
            "cut in the middle": b"\x94\x01\x01",
            "bytes behind it": b"\x94\x01\x01\x80\x90\x00",
            "deeper than any command": b"\x91" * 200 + b"\x00",
        }
        for title, body in frames.items():
            wire.send(body)
            head = rig.unpack(wire.receive())[2]
            check(head[3] == MALFORMED and head[4], f"{title}: code {head[3]}, text {head[4]!r}")
        wire.close()

    def gigabyte_in_five_bytes(self):
        before = self.node.resident_kib()
        wire = rig.Wire(self.place.path("data/ordo.ipc"))
        gigabyte = struct.pack(">I", 1 << 30)
        for kind in (b"\xdd", b"\xdf", b"\xc6", b"\xdb"):  # array, map, bin, str
            for body in (kind + gigabyte, b"\x94\x01\x01\x80" + kind + gigabyte):
                wire.send(body)
                head = rig.unpack(wire.receive())[2]
                check(head[3] == MALFORMED, f"0x{kind.hex()}: code {head[3]}")
        wire.close()
        self.frame_of_a_gigabyte()
        grown = self.node.resident_kib() - before
        check(grown < 64 * 1024, f"the node has grown by {grown} KiB")

    def frame_of_a_gigabyte(self):
        wire = rig.Wire(self.place.path("data/ordo.ipc"))
        wire.announce(1 << 30)
        try:
            wire.socket.sendall(b"\0" * 64)
            closed = wire.socket.recv(1) == b""
        except (ConnectionError, BrokenPipeError):
            closed = True
        except socket.timeout:
            closed = False
        check(closed, "the connection stays open after a frame of 1 GiB was announced")
        wire.close()

    # ---- start ----

    def folder_in_use(self):
        self.serve_refused(69, ["data", "use"], self.place.node("data"))

    def port_in_use(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            self.serve_refused(69, [url], self.place.node("other", flags=["--listen", url]))

    def bad_configuration(self):
        with open(self.place.path("bad.ini"), "w", encoding="ascii") as out:
            out.write("[net]\n\nlissen = ipc://x\n")
        self.serve_refused(78, ["bad.ini:3", "net.listen"], self.place.node("other", flags=["--config", "bad.ini"]))

    def no_such_journal(self):
        os.makedirs(self.place.path("nothing"), exist_ok=True)
        for verb in (["audit"], ["journal", "verify"], ["journal", "dump"]):
            self.refused(1, ["nothing"], *verb, "nothing")

    # ---- disk ----

    def another_version(self):
        node = self.place.node("later")
        node.start()
        self.place.ask("sku", "put", "1", "--price", "1.00", "--data", "later")
        node.stop()
        segment = sorted(name for name in glob.glob(self.place.path("later/**"), recursive=True)
                         if os.path.isfile(name) and open(name, "rb").read(8) == b"ORDOSEG1")[0]
        with open(segment, "r+b") as file:
            head = bytearray(file.read(4096))
            size = struct.unpack_from("<I", head, 12)[0]
            struct.pack_into("<H", head, 8, struct.unpack_from("<H", head, 8)[0] + 1)
            struct.pack_into("<I", head, size - 4, rig.crc32c(head[:size - 4]))
            file.seek(0)
            file.write(head[:size])
        self.serve_refused(78, ["format"], node)
        self.refused(78, ["format"], "journal", "verify", "later")

    def no_space(self):
        folder = self.place.path("small")
        os.makedirs(folder)
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "ordo-test", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            return "no right to mount a small file system"
        try:
            self.run_full(folder)
        finally:
            for node in self.place.nodes:
                if node.name == "small/data":
                    node.kill()
            subprocess.run(["umount", "--lazy", folder], check=False)  # a dead node's io_uring keeps it for a moment
        return None

    def run_full(self, folder):
        node = self.place.node("small/data", environment={"ORDO_JOURNAL_SEGMENT_SIZE": "1Mi", "ORDO_JOURNAL_BATCH_SIZE_MAX": "256Ki"})
        node.start()
        self.place.ask("sku", "put", "1", "--price", "1.00", "--data", "small/data")
        with open(self.place.path("many.txt"), "w", encoding="ascii") as out:
            for i in range(12000):
                out.write(f"{i:06d}-" + "k" * 800 + "\n")
        done = self.place.run("card", "add", "1", "--file", "many.txt", "--data", "small/data", "--timeout", "20s")
        check(done.returncode != 0, "10 MB of cards fit into 8 MB")
        check(node.wait_end() == 74, f"exit {node.process.returncode}, wanted 74: {node.log()[-400:]}")
        last = node.log().strip().split("\n")[-1]
        check("space" in last, f"the last line does not tell: {last}")
        self.start_without_a_page(node, folder)
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        node.start()
        self.place.ask("sku", "show", "1", "--data", "small/data")
        check(node.stop() == 0, f"exit {node.process.returncode} after a restart")
        self.place.ask("audit", "small/data")

    def start_without_a_page(self, node, folder):
        fill = os.path.join(folder, "fill")
        subprocess.run(["dd", "if=/dev/zero", f"of={fill}", "bs=4k"], capture_output=True, check=False)
        node.spawn()
        check(node.wait_end() == 74, f"exit {node.process.returncode}, wanted 74")  # no place for its log
        os.unlink(fill)

    def cases(self):
        serving = [self.unknown_product, self.unknown_order, self.bad_order_number, self.bad_numbers,
                   self.unknown_verb_and_option, self.empty_card_file, self.node_not_there, self.malformed_frames,
                   self.gigabyte_in_five_bytes, self.folder_in_use, self.port_in_use, self.bad_configuration,
                   self.no_such_journal, self.another_version, self.no_space]

        def guarded(case):
            def run():
                skipped = case()
                self.still_serves()
                return skipped
            return run
        return [(case.__name__.replace("_", " "), guarded(case)) for case in serving]


def main():
    place = rig.Workplace(rig.ordo_from_arguments(), "bad_input")
    code = 1
    try:
        script = Script(place)
        code = rig.run_cases("bad_input", script.cases())
        if script.node.stop() != 0:
            print(f"bad_input: the node ended with {script.node.process.returncode}")
            code = 1
    finally:
        place.close(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
