"""Requests and signals at any time of the server's life: while it loads, replays its log, serves and stops."""
import json
import os
import signal
import socket
import threading
import time
import unittest

from harness import NARTHEX, EndToEnd, Server, eventually, fetch
from slow_wal import write_slow_wal

CONFIG = """
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
- job_name: self
  static_configs: [{targets: ['SELF']}]
"""
REPLAY_PAGES = int(os.environ.get("NARTHEX_REPLAY_PAGES", "3000"))  # some seconds; fewer for a sanitizer's binary

GATED = ["/-/ready", "/federate", "/api/v1/query?query=up", "/api/v1/query_range?query=up&start=0&end=1&step=1",
         "/api/v1/labels", "/api/v1/label/job/values", "/api/v1/series?match[]=up", "/api/v1/targets",
         "/api/v1/targets/metadata", "/api/v1/metadata", "/api/v1/scrape_pools", "/api/v1/alertmanagers", "/api/v1/rules",
         "/api/v1/alerts", "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo",
         "/api/v1/status/buildinfo", "/api/v1/status/tsdb", "/api/v1/format_query?query=up", "/api/v1/parse_query?query=up"]
OPEN = ["/-/healthy", "/metrics", "/version", "/", "/query", "/assets/page.js", "/api/v1/status/walreplay",
        "/api/v1/notifications"]


class Phases(EndToEnd):
    def replaying(self, extra=("--web.enable-lifecycle",), pages=REPLAY_PAGES):
        """A server whose log is being replayed, and which answers already."""
        folder = self.subfolder("narthex")
        write_slow_wal(os.path.join(folder, "data"), pages)
        server = self.keep(Server(NARTHEX, folder, CONFIG, extra=extra))
        eventually(lambda: fetch(server.url + "/-/healthy")[0] == 200, 20, "an answer")
        return server

    def assert_starting(self, server):
        self.assertEqual(fetch(server.url + "/-/ready")[0], 503, "the replay is over: it must take longer for this test")

    def write_config(self, server, job):
        text = CONFIG.replace("SELF", f"127.0.0.1:{server.port}").replace("job_name: self", f"job_name: {job}")
        self.replace_config(server, text)

    @staticmethod
    def replace_config(server, text):
        """At once, as a signal may have it read at any moment: an empty file would be a good one."""
        with open(server.config + ".tmp", "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(server.config + ".tmp", server.config)

    def test_every_request_is_safe_while_the_log_is_replayed(self):
        server = self.replaying()
        for path in GATED:
            for method, data in (("GET", None), ("POST", b""), ("OPTIONS", None), ("HEAD", None)):
                status, headers, _ = fetch(server.url + path, data=data, method=method)
                if method == "GET":
                    self.assertEqual((path, status, headers.get("X-Prometheus-Stopping")), (path, 503, "false"))
                else:
                    self.assertIn(status, (200, 204, 405, 503), (method, path))
        for path in OPEN:
            self.assertEqual((path, fetch(server.url + path)[0]), (path, 200))
        replay = json.loads(fetch(server.url + "/api/v1/status/walreplay")[2])["data"]
        self.assertEqual(replay, {"min": 0, "max": 1, "current": 0})
        self.assert_starting(server)
        server.wait_ready(120)
        self.assertEqual(server.api("status/walreplay")["data"], {"min": 0, "max": 1, "current": 1})
        for path in GATED + OPEN:
            self.assertNotEqual((path, fetch(server.url + path)[0]), (path, 503))

    def test_comes_up_with_the_newest_good_configuration(self):
        server = self.replaying()
        self.write_config(server, "newer")
        self.assertEqual(fetch(server.url + "/-/reload", data=b"", method="POST")[0], 200)
        self.write_config(server, "newest")
        for _ in range(3):
            server.signal(signal.SIGHUP)
        eventually(lambda: server.log().count("completed loading") >= 2, 5, "the reload by signal")
        self.replace_config(server, "nonsense: 1\n")
        status, _, body = fetch(server.url + "/-/reload", data=b"", method="POST")
        self.assertEqual(status, 500)
        self.assertIn(b"nonsense", body)
        self.assert_starting(server)
        server.wait_ready(120)
        self.assertIn("job_name: newest", server.api("status/config")["data"]["yaml"])
        self.assertFalse(server.api("status/runtimeinfo")["data"]["reloadConfigSuccess"])
        self.assertEqual(server.api("scrape_pools")["data"]["scrapePools"], ["newest"])

    def test_a_file_changed_while_the_log_is_replayed_counts(self):
        server = self.replaying()
        self.write_config(server, "changed")
        self.assert_starting(server)
        server.wait_ready(120)
        self.assertEqual(server.api("scrape_pools")["data"]["scrapePools"], ["changed"])
        self.assertTrue(server.api("status/runtimeinfo")["data"]["reloadConfigSuccess"])

    def test_stops_at_once_while_the_log_is_replayed(self):
        for way in ("signal", "quit"):
            server = self.replaying()
            started = time.monotonic()
            if way == "signal":
                server.signal(signal.SIGTERM)
            else:
                self.assertEqual(fetch(server.url + "/-/quit", data=b"", method="POST")[0], 200)
            self.assertEqual(server.process.wait(30), 0, server.log())
            self.assertLess(time.monotonic() - started, 2)
            self.assertNotIn("ready to receive", server.log())
            self.assertFalse(os.path.exists(server.data + "/lock"))
            self._clean_folder(server)

    def _clean_folder(self, server):
        os.remove(server.data + "/wal/00000000")
        os.rmdir(server.data + "/wal")

    def test_a_signal_that_comes_early_does_no_harm(self):
        for delay_ms in (0, 1, 2, 5, 10, 20, 50):
            folder = self.subfolder(f"early-{delay_ms}")
            server = self.keep(Server(NARTHEX, folder, CONFIG))
            # While the system's loader still resolves symbols no code of the program has run.
            while not self.has_begun(server) and server.process.poll() is None:
                pass
            self.assertIsNone(server.process.poll(), server.log())
            time.sleep(delay_ms / 1000)
            server.signal(signal.SIGHUP)
            server.wait_ready(60)
            self.assertEqual(server.stop()[1], 0)

    @staticmethod
    def has_begun(server):
        """Whether the program blocks SIGHUP, which it does first of all. A thread that waits for signals does not show
        them as blocked; by then it is not alone any more."""
        with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as text:
            fields = dict(line.split(":", 1) for line in text)
        return int(fields["SigBlk"], 16) >> (signal.SIGHUP - 1) & 1 == 1 or int(fields["Threads"]) > 1

    def test_reloads_and_queries_during_a_stop_do_no_harm(self):
        server = self.narthex(CONFIG, extra=("--web.enable-lifecycle",))
        stop = threading.Event()

        def hammer(path, data):
            while not stop.is_set():
                try:
                    fetch(server.url + path, data=data, timeout=2)
                except OSError:
                    pass
        threads = [threading.Thread(target=hammer, args=job) for job in (
            ("/-/reload", b""), ("/api/v1/query?query=up", None), ("/metrics", None), ("/api/v1/status/tsdb", None))]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.5)
            server.signal(signal.SIGHUP)
            took, status = server.stop()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(status, 0, server.log())
        self.assertLess(took, 15)

    def test_samples_are_safe_before_notifications_drain(self):
        hung = socket.socket()
        self.addCleanup(hung.close)
        hung.bind(("127.0.0.1", 0))
        hung.listen(16)
        folder = self.subfolder("narthex")
        with open(os.path.join(folder, "rules.yml"), "w", encoding="utf-8") as out:
            out.write("groups:\n- name: g\n  interval: 200ms\n  rules:\n  - alert: Always\n    expr: vector(1)\n")
        server = self.narthex(CONFIG + "rule_files: [rules.yml]\nalerting:\n  alertmanagers:\n"
                              f"  - static_configs: [{{targets: ['127.0.0.1:{hung.getsockname()[1]}']}}]\n"
                              "    timeout: 2m\n", extra=("--rules.alert.resend-delay=100ms",))
        eventually(lambda: server.api("alerts")["data"]["alerts"], 15, "an alert")
        time.sleep(1)
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        eventually(lambda: not os.path.exists(server.data + "/lock"), 10, "the store closed")
        self.assertIsNone(server.process.poll(), "the drain came first")
        self.assertEqual(server.process.wait(30), 0)
        self.assertLess(time.monotonic() - started, 28)


if __name__ == "__main__":
    unittest.main(verbosity=2)
