"""A small machine under everything at once: fifty clients with heavy queries over 5,000 series, twenty hostile connections,
ten hostile targets, in a memory cgroup of 2 GiB. The server lives, misses no scrape and no rule, and says that it is healthy
within 100 ms.

NARTHEX_STRESS_SECONDS: how long (10, the minute of ./dev soak).
"""
import http.client
import http.server
import itertools
import multiprocessing
import os
import random
import socket
import socketserver
import threading
import time
import unittest
import urllib.parse

from harness import NARTHEX, EndToEnd, Server, eventually, fetch, free_port

SECONDS = int(os.environ.get("NARTHEX_STRESS_SECONDS", "10"))
CLIENTS, CONNECTIONS, TARGETS, SERIES, INTERVAL = 50, 20, 10, 5000, 2
MEMORY = 2 << 30
QUERIES = [
    "m", "rate(m[1h])", "sum by (a) (rate(m[1h]))", "m * on (a, b) m", "sort_desc(m)", "topk(100, m)",
    "label_replace(m, 'c', '$1$1$1$1', 'b', '(.*)')", "quantile by (a) (0.9, m)", "count_values('v', m)",
    "max_over_time(m[1h])", "m or m offset 1m", "stddev(m) by (b)", "avg_over_time(sum(m)[1h:1s])",
    "label_join(m, 'c', '-', 'a', 'b', 'a', 'b')", "sum(m) without (b)", "{__name__=~'.*m.*'} > 0",
    "quantile_over_time(0.5, m[1h])", "histogram_quantile(0.9, m)",
]


class Page(http.server.BaseHTTPRequestHandler):
    """5,000 series whose values move."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        now = time.time()
        body = "".join(f'm{{a="{i % 50}",b="b{i}"}} {now + i}\n' for i in range(SERIES)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Hostile(socketserver.StreamRequestHandler):
    """Answers as no target should, each connection in its own way, for as long as anybody listens."""

    def handle(self):
        kind = next(self.server.kinds)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        first, rest = {
            0: (head, b"X-A: " + b"a" * 8000 + b"\r\n"),
            1: (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"e" * 8000),
            2: (head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"T: " + b"t" * 8000 + b"\r\n"),
            3: (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1f40\r\n" + b"m 1\n" * 2000 + b"\r\n"),
            4: (b"", b"H" * 8000),
            5: (head + b"\r\n", b"a{b=\"" + b"x" * 8000),
        }[kind % 6]
        try:
            self.wfile.write(first)
            for _ in range(1_000_000):
                self.wfile.write(rest)
        except OSError:
            pass


class Threads(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def serve_page(port):
    Threads(("127.0.0.1", port), Page).serve_forever()


def serve_hostile(port):
    os.nice(10)
    server = Threads(("127.0.0.1", port), Hostile)
    server.kinds = itertools.count()
    server.serve_forever()


def ask(port, seed, deadline, counts):
    """One client: heavy queries one after the other, bodies thrown away."""
    os.nice(15)
    choose = random.Random(seed)
    while time.time() < deadline:
        now = time.time()
        query = choose.choice(QUERIES)
        steps = choose.choice([1, 60, 600, 3600, 11000])
        form = {"query": query, "start": now - 10, "end": now - 10 + steps - 1, "step": 1}
        if "[" not in query:
            form["lookback_delta"] = "4h"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", "/api/v1/query_range", urllib.parse.urlencode(form),
                               {"Content-Type": "application/x-www-form-urlencoded"})
            response = connection.getresponse()
            while response.read(1 << 20):
                if time.time() > deadline or choose.random() < 0.01:
                    break  # a client that leaves in the middle
            with counts.get_lock():
                counts[min(response.status // 100, 5)] += 1
        except (OSError, http.client.HTTPException):
            with counts.get_lock():
                counts[0] += 1
        finally:
            connection.close()


def annoy(port, seed, deadline):
    """One hostile connection after the other, each sending without end or not at all."""
    os.nice(15)
    choose = random.Random(seed)
    endless = [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X-A: " + b"a" * 4000 + b"\r\n"),
        (b"POST /api/v1/query HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"e" * 4000),
        (b"POST /api/v1/query HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"T: " + b"t" * 4000 + b"\r\n"),
        (b"GET /", b"a" * 4000),
        (b"POST /api/v1/query HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", b"query=" + b"(" * 4000),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b""),
    ]
    while time.time() < deadline:
        first, rest = choose.choice(endless)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                s.sendall(first)
                stop = time.time() + choose.random() * 5
                while time.time() < min(stop, deadline):
                    if rest:
                        s.sendall(rest)
                    else:
                        time.sleep(0.1)
        except OSError:
            time.sleep(0.05)


class MemoryGroup:
    """A memory cgroup of version 2 or 1; `why` says why there is none."""

    def __init__(self, limit):
        self.path, self.why = None, "no controller"
        for root, sign, file in (("/sys/fs/cgroup", "cgroup.controllers", "memory.max"),
                                 ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.limit_in_bytes")):
            if not os.path.exists(os.path.join(root, sign)):
                continue
            path = os.path.join(root, f"narthex-stress-{os.getpid()}")
            try:
                os.mkdir(path)
                with open(os.path.join(path, file), "w", encoding="ascii") as out:
                    out.write(str(limit))
                self.path = path
                return
            except OSError as error:
                self.why = str(error)
                if os.path.isdir(path):
                    os.rmdir(path)

    def remove(self):
        if self.path:
            eventually(lambda: os.rmdir(self.path) or True, 10, "the memory cgroup is empty")


class Stress(EndToEnd):
    def start(self, target, *arguments):
        process = multiprocessing.Process(target=target, args=arguments, daemon=True)
        process.start()
        self.addCleanup(lambda: (process.kill(), process.join()))
        return process

    def server(self, config):
        """Narthex in a cgroup of 2 GiB, or with the limits it would take there."""
        group = MemoryGroup(MEMORY)
        if group.path is None:
            print(f"no memory cgroup can be made here ({group.why}): limits by flags")
            share = int(MEMORY * 0.8) >> 20
            return self.narthex(config, extra=(f"--narthex.query.memory={share // 4}MiB",
                                               f"--narthex.query.memory-total={share * 2 // 5}MiB",
                                               f"--narthex.rules.memory-total={share // 5}MiB"))
        # The shell enters the group and becomes the server.
        script = os.path.join(self.folder, "enter.sh")
        with open(script, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\necho $$ > {group.path}/cgroup.procs && exec {NARTHEX} \"$@\"\n")
        os.chmod(script, 0o755)
        server = self.keep(Server(script, self.subfolder("narthex"), config))
        self.addCleanup(lambda: (server.kill(), group.remove()))
        server.wait_ready()
        with open(f"/proc/{server.process.pid}/cgroup", encoding="ascii") as groups:
            self.assertIn(os.path.basename(group.path), groups.read())
        return server

    def test_lives_and_keeps_its_pace(self):
        page, hostile = free_port(), free_port()
        self.start(serve_page, page)
        self.start(serve_hostile, hostile)
        rules = os.path.join(self.folder, "rules.yml")
        with open(rules, "w", encoding="utf-8") as out:
            out.write("groups:\n- name: g\n  rules:\n  - {record: r, expr: sum(m)}\n  - {alert: A, expr: r > 0}\n")
        targets = "".join(
            f"- job_name: h{i}\n  metrics_path: /{i}\n  static_configs: [{{targets: ['127.0.0.1:{hostile}']}}]\n"
            for i in range(TARGETS))
        server = self.server(
            f"global: {{scrape_interval: {INTERVAL}s, scrape_timeout: {INTERVAL}s, evaluation_interval: {INTERVAL}s}}\n"
            f"rule_files: ['{rules}']\nscrape_configs:\n"
            f"- job_name: page\n  static_configs: [{{targets: ['127.0.0.1:{page}']}}]\n{targets}")
        eventually(lambda: server.query("r"), 30, "the first results of the rules")

        deadline = time.time() + SECONDS
        counts = multiprocessing.Array("i", 6)
        started = time.time()
        clients = [self.start(ask, server.port, i, deadline, counts) for i in range(CLIENTS)]
        clients += [self.start(annoy, server.port, i, deadline) for i in range(CONNECTIONS)]
        waits = []
        while time.time() < deadline:
            begun = time.monotonic()
            self.assertEqual(fetch(server.url + "/-/healthy", timeout=10)[0], 200)
            waits.append(time.monotonic() - begun)
            time.sleep(0.02)
        for client in clients:
            client.kill()
        seconds = int(time.time() - started)

        self.assertIsNone(server.process.poll(), server.log()[-2000:])
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
            peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
        p99 = sorted(waits)[int(len(waits) * 0.99)]
        scrapes = float(server.query(f"count_over_time(up{{job='page'}}[{seconds}s]) == sum_over_time(up{{job='page'}}[{seconds}s])")[0]["value"][1])
        missed = {name: sum(float(s["value"][1]) for s in self.metric(server, name)) for name in
                  ("prometheus_rule_group_iterations_missed_total", "prometheus_rule_evaluation_failures_total")}
        print(f"{seconds} s: answers {list(counts)[2:]} cut {counts[0]}; healthy p50 {sorted(waits)[len(waits) // 2] * 1000:.1f} ms "
              f"p99 {p99 * 1000:.1f} ms max {max(waits) * 1000:.1f} ms; peak {peak >> 20} MiB; "
              f"scrapes {scrapes:.0f} of {seconds / INTERVAL:.0f}; {missed}")
        self.assertGreater(counts[2], 0, "some queries are answered")
        self.assertLess(peak, MEMORY)
        self.assertGreaterEqual(scrapes, seconds // INTERVAL - 1)
        self.assertEqual(set(missed.values()), {0.0})
        self.assertLess(p99, 0.1)

    def metric(self, server, name):
        """From the server's own page: it does not scrape itself here."""
        text = fetch(server.url + "/metrics")[2].decode()
        return [{"value": (0, line.rsplit(" ", 1)[1])} for line in text.splitlines() if line.startswith(name)]


if __name__ == "__main__":
    unittest.main()
