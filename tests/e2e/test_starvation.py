"""What keeps going whatever else happens: control routes and scrapes beside slow queries and rules on one core, health beside
idle connections, healthy targets beside names whose DNS servers do not answer.
"""
import contextlib
import http.server
import os
import shutil
import socket
import struct
import threading
import time
import unittest

from harness import NARTHEX, EndToEnd, Server, eventually, fetch

SLOW = "max_over_time(quantile_over_time(0.5, vector(1)[1h:1s])[3h:1s])"  # seconds on any core

CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 5s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: self
    static_configs: [{targets: [SELF]}]
"""
RULES = "groups:\n" + "".join(
    f"- name: slow{i}\n  interval: 5s\n  rules: [{{record: slow:{i}, expr: '{SLOW}'}}]\n" for i in range(2))


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"a 1\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class DeadNames(threading.Thread):
    """A DNS server that knows good.test and says nothing of names with "dead" in them."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))

    def run(self):
        while True:
            query, client = self.socket.recvfrom(2000)
            name, at = [], 12
            while query[at]:
                name.append(query[at + 1:at + 1 + query[at]].decode())
                at += query[at] + 1
            kind = struct.unpack(">H", query[at + 1:at + 3])[0]
            if "dead" in name:
                continue
            good = name == ["good", "test"]
            answer = b""
            if good and kind == 1:
                answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
            flags = 0x8180 if good else 0x8183
            header = struct.pack(">HHHHH", flags, 1, 1 if answer else 0, 0, 0)
            self.socket.sendto(query[:2] + header + query[12:at + 5] + answer, client)


class Starvation(EndToEnd):
    def test_one_core_serves_control_routes_and_scrapes_first(self):
        folder = self.subfolder("core")
        with open(os.path.join(folder, "rules.yml"), "w", encoding="utf-8") as out:
            out.write(RULES)
        server = self.keep(Server(NARTHEX, folder, CONFIG))
        core = sorted(os.sched_getaffinity(0))[0]
        for task in os.listdir(f"/proc/{server.process.pid}/task"):
            os.sched_setaffinity(int(task), {core})
        server.wait_ready()

        def ask():
            with contextlib.suppress(OSError, AssertionError):
                fetch(f"{server.url}/api/v1/query", data={"query": SLOW, "timeout": "25s"}, timeout=60)
        askers = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
        for asker in askers:
            asker.start()
        started = time.monotonic()
        slowest = {}
        while time.monotonic() - started < 15:
            for path in ("/-/healthy", "/-/ready", "/metrics", "/api/v1/status/runtimeinfo", "/api/v1/targets"):
                before = time.monotonic()
                self.assertEqual(fetch(server.url + path, timeout=20)[0], 200, path)
                slowest[path] = max(slowest.get(path, 0), time.monotonic() - before)
            time.sleep(0.2)
        busy = sum(asker.is_alive() for asker in askers)
        scrapes = fetch(server.url + "/metrics")[2].decode()
        count = next(float(line.rsplit(" ", 1)[1]) for line in scrapes.splitlines()
                     if line.startswith("prometheus_target_interval_length_seconds_count"))
        print(f"slowest: {slowest}; {busy} queries still ran; {count} scrapes in 15 s")
        for path, seconds in slowest.items():
            self.assertLess(seconds, 5, path)
        self.assertGreaterEqual(count, 12)

    def test_idle_connections_leave_room(self):
        server = self.narthex("global: {}\n")
        idle = []
        try:
            for _ in range(700):
                idle.append(socket.create_connection(("127.0.0.1", server.port)))
            for path in ("/-/healthy", "/-/ready", "/metrics", "/api/v1/query?query=1"):
                self.assertEqual(fetch(server.url + path, timeout=5)[0], 200, path)
        finally:
            for connection in idle:
                connection.close()

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs a mount namespace of its own")
    def test_dead_names_hold_up_no_other_target(self):
        DeadNames("127.0.0.54").start()
        page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=page.serve_forever, daemon=True).start()
        port = page.server_address[1]
        targets = ", ".join(f"{name}.dead.test:{port}" for name in "abcdef") + f", good.test:{port}"
        folder = self.subfolder("names")
        with open(os.path.join(folder, "resolv.conf"), "w", encoding="utf-8") as out:
            out.write("nameserver 127.0.0.54\n")
        config = ("global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n"
                  f"- {{job_name: j, static_configs: [{{targets: [{targets}]}}]}}\n")
        wrapper = os.path.join(folder, "narthex.sh")
        with open(wrapper, "w", encoding="utf-8") as out:
            out.write(f'#!/bin/sh\nexec unshare -m sh -c \'mount --bind "{folder}/resolv.conf" /etc/resolv.conf && '
                      f'exec {NARTHEX} "$@"\' narthex "$@"\n')
        os.chmod(wrapper, 0o755)
        server = self.keep(Server(wrapper, folder, config)).wait_ready()
        eventually(lambda: server.query("a"), 10, "a sample of the target with a good name")
        eventually(lambda: sorted(r["value"][1] for r in server.query("up")) == ["0"] * 6 + ["1"], 10, "the others are down")
        page.shutdown()


if __name__ == "__main__":
    unittest.main()
