"""Prometheus and Narthex take turns on one data directory; each answers for what the other wrote."""
import os
import time
import unittest

from harness import NARTHEX, EndToEnd, Server, eventually

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['{node}']}}]
"""
SELECTOR = '{__name__=~"node_.*|up|scrape_.*"}[1h]'


class Swap(EndToEnd):
    def samples(self, server, at):
        return {(tuple(sorted(r["metric"].items())), v[0], v[1])
                for r in server.query(SELECTOR, at) for v in r["values"]}

    def turn(self, binary, kill):
        """Runs a server on the shared directory for a while; returns what it showed and when."""
        server = self.keep(Server(binary, self.subfolder("shared"), self.config)).wait_ready(60)
        eventually(lambda: server.query("node_load1"), 15, f"{binary} scrapes")
        before = self.seen and self.samples(server, self.at)
        if self.seen:
            self.assertEqual(self.seen - before, set(), f"{binary} does not show what was there before")
        time.sleep(2)
        self.at = time.time()
        self.seen = self.samples(server, self.at)
        if kill:
            server.kill()
        else:
            server.stop()

    def test_takes_turns(self):
        node = self.exporter("prometheus-node-exporter", "--collector.disable-defaults", "--collector.cpu",
                             "--collector.loadavg", "--collector.meminfo")
        self.config = CONFIG.format(node=node)
        self.seen, self.at = set(), 0.0
        theirs = [self.installed("prometheus")]
        if os.environ.get("NARTHEX_REFERENCE_PROMETHEUS"):
            theirs.append(os.environ["NARTHEX_REFERENCE_PROMETHEUS"])
        else:
            print("NARTHEX_REFERENCE_PROMETHEUS is not set: only Debian's Prometheus takes part")
        for prometheus in theirs:
            for kill in (False, True):
                self.turn(prometheus, kill)
                self.turn(NARTHEX, kill)
        self.turn(theirs[-1], False)
        print(f"{len(self.seen)} samples after {4 * len(theirs) + 1} turns")


if __name__ == "__main__":
    unittest.main(verbosity=2)
