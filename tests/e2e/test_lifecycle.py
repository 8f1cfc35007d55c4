"""Starting, reloading and stopping: a bad file changes nothing, a stop loses nothing."""
import os
import resource
import signal
import subprocess
import time
import unittest

from harness import NARTHEX, EndToEnd, eventually, fetch, free_port, sanitizer

CONFIG = """
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
- job_name: self
  static_configs: [{targets: ['SELF']}]
"""


class Lifecycle(EndToEnd):
    def run_narthex(self, config, *arguments):
        path = os.path.join(self.folder, "bad.yml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(config)
        return subprocess.run([NARTHEX, f"--config.file={path}", f"--storage.tsdb.path={self.folder}/data",
                               *arguments], capture_output=True, text=True, timeout=20)

    def test_a_bad_configuration_names_its_place_and_creates_nothing(self):
        done = self.run_narthex("global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: a\n  metric_path: /x\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bad.yml:5", done.stderr)
        self.assertIn("metric_path", done.stderr)
        self.assertFalse(os.path.exists(f"{self.folder}/data"))

    def test_a_bad_value_exits_2_what_is_no_flag_and_a_taken_port_1(self):
        self.assertEqual(self.run_narthex("", "--query.timeout=fast").returncode, 2)
        self.assertEqual(self.run_narthex("", "--nope").returncode, 1)
        server = self.narthex(CONFIG)
        done = self.run_narthex("", f"--web.listen-address=127.0.0.1:{server.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(server.port), done.stderr)

    def test_version_and_help(self):
        for flag, text in (("--version", "narthex, version"), ("--help", "--storage.tsdb.path")):
            done = subprocess.run([NARTHEX, flag], capture_output=True, text=True, timeout=10)
            self.assertEqual(done.returncode, 0)
            self.assertIn(text, done.stdout)

    def test_reloads_and_refuses_a_bad_file_whole(self):
        server = self.narthex(CONFIG, extra=("--web.enable-lifecycle",))
        eventually(lambda: server.query("up"), 10, "a scrape")

        with open(server.config, "a", encoding="utf-8") as out:
            out.write("- job_name: again\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n" % server.port)
        self.assertEqual(fetch(server.url + "/-/reload", data=b"", method="POST")[0], 200)
        eventually(lambda: len(server.query("up")) == 2, 15, "the second job")

        before = server.api("status/config")["data"]["yaml"]
        with open(server.config, "a", encoding="utf-8") as out:
            out.write("- job_name: broken\n  nonsense: 1\n")
        status, _, body = fetch(server.url + "/-/reload", data=b"", method="POST")
        self.assertEqual(status, 500)
        self.assertIn(b"nonsense", body)
        server.signal(signal.SIGHUP)
        eventually(lambda: server.log().count("error reloading config") >= 2, 5, "the second refusal in the log")
        self.assertEqual(server.api("status/config")["data"]["yaml"], before)
        self.assertFalse(server.api("status/runtimeinfo")["data"]["reloadConfigSuccess"])
        self.assertEqual(len(server.query("up")), 2)

    def test_a_reload_by_signal_without_memory_costs_that_reload(self):
        if sanitizer():
            self.skipTest(f"{sanitizer()} ends the process when memory is refused")
        server = self.narthex(CONFIG)
        pid = server.process.pid
        with open(server.config, "a", encoding="utf-8") as out:
            out.write(("# " + "x" * 200 + "\n") * 60_000)  # larger than what the process may still have
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            mapped = int(statm.read().split()[0]) * resource.getpagesize()
        _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (mapped + 4_000_000, hard))
        server.signal(signal.SIGHUP)
        eventually(lambda: "error reloading config" in server.log(), 10, "the failed reload")
        self.assertIn("out of memory", server.log())

        resource.prlimit(pid, resource.RLIMIT_AS, (hard, hard))
        server.signal(signal.SIGHUP)
        eventually(lambda: "completed loading of configuration file" in server.log(), 10, "the next reload")
        self.assertTrue(server.api("status/runtimeinfo")["data"]["reloadConfigSuccess"])

    def test_lifecycle_is_off_by_default(self):
        server = self.narthex(CONFIG)
        self.assertEqual(fetch(server.url + "/-/reload", data=b"", method="POST")[0], 403)
        self.assertEqual(fetch(server.url + "/-/quit", data=b"", method="POST")[0], 403)
        self.assertEqual(fetch(server.url + "/-/healthy")[0], 200)

    def test_stops_within_seconds_and_loses_nothing(self):
        server = self.narthex(CONFIG)
        time.sleep(3)
        at = time.time()
        shown = server.query('{job="self"}[1m]', at)
        took, status = server.stop()
        self.assertEqual(status, 0, server.log())
        self.assertLess(took, 5)
        again = self.narthex(None, port=server.port)
        after = {str(r["metric"]): r["values"] for r in again.query('{job="self"}[1m]', at)}
        for series in shown:
            self.assertLessEqual({tuple(v) for v in series["values"]}, {tuple(v) for v in after[str(series["metric"])]})

    def test_quits_over_http(self):
        server = self.narthex(CONFIG, extra=("--web.enable-lifecycle",))
        self.assertEqual(fetch(server.url + "/-/quit", data=b"", method="POST")[0], 200)
        self.assertEqual(server.process.wait(10), 0)

    def test_file_sd_is_read_again_on_change(self):
        folder = self.subfolder("narthex")
        targets = os.path.join(folder, "t.yml")
        port = free_port()

        def write(names):
            with open(targets + ".tmp", "w", encoding="utf-8") as out:
                out.write("".join(f"- targets: ['127.0.0.1:{port}']\n  labels: {{n: '{n}'}}\n" for n in names))
            os.rename(targets + ".tmp", targets)
        write(["one"])
        server = self.narthex("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n- job_name: f\n"
                              "  file_sd_configs: [{files: ['t.yml'], refresh_interval: 10m}]\n", port=port,
                              extra=("--scrape.discovery-reload-interval=1s",))
        eventually(lambda: {r["metric"]["n"] for r in server.query("up == 1")} == {"one"}, 15, "the first target")
        write(["one", "two"])
        eventually(lambda: {r["metric"]["n"] for r in server.query("up == 1")} == {"one", "two"}, 20, "the second")
        write(["two"])
        eventually(lambda: {r["metric"]["n"] for r in server.query("up")} == {"two"}, 20, "the first is gone")


if __name__ == "__main__":
    unittest.main(verbosity=2)
