"""Targets as they come in the field: each answers in its own way, all at once, and none of them disturbs another.

The targets are one small server, because no exporter misbehaves on demand; Narthex is the release binary.
"""
import base64
import gzip
import http.server
import os
import socket
import struct
import threading
import time
import unittest

from harness import EndToEnd, eventually

TEXT = "text/plain; version=0.0.4"
PAGE = b"# TYPE m gauge\nm 7\n"
LARGE = b"".join(b'large{line="%d"} %d\n' % (i, i) for i in range(20_000))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, body, status=200, content_type=TEXT, length=None, **headers):
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with self.server.lock:
            self.server.seen.setdefault(self.path, []).append((self.client_address[1], dict(self.headers)))
        getattr(self, "answer_" + self.path.strip("/"))()

    def answer_plain(self):
        self.send(PAGE)

    def answer_gzip(self):
        self.send(gzip.compress(LARGE), Content_Encoding="gzip")

    def answer_bad_gzip(self):
        self.send(b"not gzip at all", Content_Encoding="gzip")

    def answer_cut_gzip(self):
        self.send(gzip.compress(LARGE)[:-200], Content_Encoding="gzip")

    def answer_chunked(self):
        self.send_response(200)
        self.send_header("Content-Type", TEXT)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(LARGE), 1000):
            part = LARGE[at:at + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def answer_until_close(self):
        self.send_response(200)
        self.send_header("Content-Type", TEXT)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(PAGE)
        self.close_connection = True

    def answer_one_per_connection(self):
        """Says nothing of closing, and closes: the kept connection is dead at the next scrape."""
        self.send(PAGE)
        self.close_connection = True

    def answer_short(self):
        self.send(PAGE, length=len(PAGE) + 10)
        self.close_connection = True

    def answer_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.send(PAGE, length=len(PAGE) + 1_000_000)
        os.close(self.connection.detach())
        self.close_connection = True

    def answer_broken(self):
        self.send(b"oops", status=500)

    def answer_html(self):
        self.send(b"<html>", content_type="text/html")

    def answer_untyped(self):
        self.send(PAGE, content_type=None)

    def answer_slow(self):
        time.sleep(2)
        self.close_connection = True

    def answer_limited(self):
        self.send(LARGE)

    def answer_moved(self):
        self.send(b"", status=302, Location="/plain")

    def answer_loop(self):
        self.send(b"", status=302, Location="/loop")

    def answer_other_host(self):
        self.send(b"", status=307, Location=f"http://localhost:{self.server.server_address[1]}/stranger")

    def answer_stranger(self):
        self.send(PAGE)

    def answer_bad_line(self):
        self.send(b"good 1\nbad line here\n")

    def answer_large_head(self):
        self.send(PAGE, X_Large="x" * 100_000)

    def answer_huge_head(self):
        self.send(PAGE, X_Large="x" * 11_000_000)


class Farm(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.seen = {}

    def handle_error(self, request, client_address):
        pass  # peers that hang up are what this is about


UP = {"plain": 1, "gzip": 20_000, "chunked": 20_000, "until_close": 1, "one_per_connection": 1, "moved": 1, "other_host": 1,
      "large_head": 1}
DOWN = {
    "bad_gzip": "gzip: invalid header",
    "cut_gzip": "unexpected EOF",
    "short": "unexpected EOF",
    "reset": "connection reset by peer",
    "broken": "server returned HTTP status 500 Internal Server Error",
    "html": 'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target',
    "untyped": "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
    "slow": "context deadline exceeded",
    "limited": "body size limit exceeded",
    "loop": "stopped after 10 redirects",
    "bad_line": "at line 2, byte 11",
    "huge_head": "server response headers exceeded",
    "nobody": "connect: connection refused",
}


class TargetsTest(EndToEnd):
    def config(self, port):
        lines = ["global: {scrape_interval: 1s, scrape_timeout: 900ms}", "scrape_configs:"]
        for name in [*UP, *DOWN]:
            address = "127.0.0.1:1" if name == "nobody" else f"127.0.0.1:{port}"
            lines += [f"- job_name: {name}", f"  metrics_path: /{name}",
                      f"  static_configs: [{{targets: ['{address}']}}]",
                      "  basic_auth: {username: user, password: pass}"]
            if name == "limited":
                lines.append("  body_size_limit: 100KB")
        return "\n".join(lines) + "\n"

    def test_each_target_is_told_apart(self):
        farm = Farm()
        self.addCleanup(farm.server_close)
        self.addCleanup(farm.shutdown)
        threading.Thread(target=farm.serve_forever, daemon=True).start()
        server = self.narthex(self.config(farm.server_address[1]))

        def targets():
            found = {t["scrapePool"]: t for t in server.api("targets")["data"]["activeTargets"]}
            return found if all(t["health"] != "unknown" for t in found.values()) else None
        eventually(targets, 20, "every target scraped")
        time.sleep(3)  # kept connections are used again, also the dead ones
        found = targets()

        for name in UP:
            self.assertEqual((found[name]["health"], found[name]["lastError"]), ("up", ""), name)
        for name, text in DOWN.items():
            self.assertEqual(found[name]["health"], "down", name)
            self.assertIn(text, found[name]["lastError"], name)
        self.assertEqual(found["short"]["lastError"], "unexpected EOF")  # behind the head: no URL in front, as upstream
        samples = {r["metric"]["job"]: float(r["value"][1]) for r in server.query("scrape_samples_scraped")}
        for name, count in UP.items():
            self.assertEqual(samples[name], count, name)
        self.assertEqual(server.query("good"), [])  # all or nothing
        ups = {r["metric"]["job"]: r["value"][1] for r in server.query("min_over_time(up[3s])")}
        self.assertEqual(ups, {**{n: "1" for n in UP}, **{n: "0" for n in DOWN}})
        with farm.lock:
            seen = {path: list(calls) for path, calls in farm.seen.items()}
        self.assertEqual(len({port for port, _ in seen["/gzip"]}), 1, "a connection is kept")
        self.assertGreater(len({port for port, _ in seen["/one_per_connection"]}), 2)
        want = "Basic " + base64.b64encode(b"user:pass").decode()
        self.assertEqual({h.get("Authorization") for _, h in seen["/plain"]}, {want})
        self.assertEqual({h.get("Authorization") for _, h in seen["/stranger"]}, {None}, "credentials stay behind")


if __name__ == "__main__":
    unittest.main()
