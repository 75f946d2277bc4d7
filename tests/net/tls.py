#!/usr/bin/env python3
"""libordo over tls+tcp: requests and stream through certificates of a role, and who has none is refused with a reason.

    tests/net/tls.py ORDO CERTIFICATES
"""

import json
import os
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from rig import Workplace, check, run_cases  # noqa: E402


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Script:
    def __init__(self, place, certificates):
        self.place = place
        subprocess.run([certificates, place.path("certs")], check=True, timeout=60)
        ports = [free_port() for _ in range(3)]
        self.orders, self.cursors, self.stream = (f"tls+tcp://127.0.0.1:{port}" for port in ports)
        with open(place.path("ordo.ini"), "w", encoding="ascii") as ini:
            ini.write("[net]\n"
                      f"listen = ipc://data/ordo.ipc\nlisten = client={self.orders}\nlisten = subscriber={self.cursors}\n"
                      f"publish = {self.stream}\ntls_certificate = certs/server.pem\ntls_key = certs/server.key\n"
                      "tls_ca = client=certs/client-ca.pem\ntls_ca = subscriber=certs/subscriber-ca.pem\n")
        self.node = place.node("data", flags=["--config", "ordo.ini"])
        self.node.start()
        place.ask("sku", "put", "1", "--price", "9.90", "--mode", "unlimited")

    def run(self, role, *arguments, server="localhost"):
        environment = {**os.environ, "ORDO_TLS_CA": "certs/server-ca.pem", "ORDO_TLS_CERT": f"certs/{role}.pem",
                       "ORDO_TLS_KEY": f"certs/{role}.key", "ORDO_TLS_SERVER": server}
        return self.place.run(*arguments, "--json", env=environment)

    def create(self, role, number, url=None, **more):
        return self.run(role, "order", "create", number, "--product", "1", "--quantity", "1", "--connect", url or self.orders,
                        "--timeout", "3s", **more)

    def sells(self):
        done = self.create("client", "T-1")
        check(done.returncode == 0 and json.loads(done.stdout)["ok"], f"create: {done.stderr} {done.stdout}")

    def follows(self):
        done = self.run("subscriber", "subscribe", "--name", "mail", "--ack", "--connect", self.cursors, "--publish",
                        self.stream, "--count", "1")
        check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        lines = [json.loads(line)["update_seq"] for line in done.stdout.splitlines()]
        check(lines == [1], f"followed: {lines}")

    def refuses(self):
        done = self.create("stranger", "T-2")
        check(done.returncode == 69, f"a stranger: exit {done.returncode} {done.stdout}")
        done = self.create("client", "T-2", server="elsewhere.example")
        check(done.returncode == 69 and "certificates" in done.stderr, f"another server: {done.returncode} {done.stderr}")
        done = self.create("subscriber", "T-2", url=self.cursors)
        check("unauthorised" in done.stdout + done.stderr, f"another role: {done.returncode} {done.stdout}")
        done = self.place.run("sku", "show", "1", "--connect", self.orders)
        check(done.returncode == 64 and "certificate" in done.stderr, f"without files: {done.returncode} {done.stderr}")
        self.sells_again()

    def sells_again(self):
        check(self.create("client", "T-3").returncode == 0, "the node serves on")


def main():
    if len(sys.argv) < 3:
        print(f"usage: {sys.argv[0]} ORDO CERTIFICATES", file=sys.stderr)
        return 64
    if shutil.which("openssl") is None:
        print("tls: SKIP there is no openssl to make certificates with")
        return 77
    place = Workplace(sys.argv[1], "tls")
    code = 1
    try:
        script = Script(place, os.path.abspath(sys.argv[2]))
        code = run_cases("tls", [
            ("requests go through with the certificate of a client", script.sells),
            ("a subscriber follows with his", script.follows),
            ("others are refused with a reason", script.refuses),
        ])
    finally:
        place.close(code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
